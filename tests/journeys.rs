//! Whole journeys of a buyer through shops of every shipped preset, on sockets: the catalog call, the shop's page after
//! signing in and without what somebody left in the cart, a line put into it, checkout refused, the cart back at the hook
//! with the right fields, and the cart empty again. And what a procurement system asks for besides shopping: a product that
//! there is and one that there is not, a search with hits and one without.
//!
//! `fixtures/journeys/<name>.toml` is a journey; with `preset`, its shop answers as `fixtures/presets/<preset>.toml` says.
//! Adding a journey is adding a file.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
#[allow(dead_code, reason = "each test file uses its part")]
mod preset_case;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use common::punchout::{PASSWORD, encoded, own};
use common::{Answer, Head, Keep, Proxy, Shop, Wire, eventually, ok};
use encoding_rs::Encoding;
use percent_encoding::percent_decode_str;
use preset_case::{Case, Scripted, cart_of, empties, fixtures, toml_in};
use punchout_proxy::config::{self, presets::PRESETS};
use punchout_proxy::protocol::oci::parse_back::{ParsedForm, forms};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Journey {
    /// Whose shop it is.
    preset: Option<String>,
    /// The shop, where it is of no preset.
    case: Option<Case>,
    /// What stands in `[shop]` beside origin and preset.
    shop: String,
    /// Folder in `fixtures/pages` with the cart when it is empty.
    empty: String,
    /// Folder with the cart when it is full, where it is not the preset's.
    full: Option<String>,
    /// The request that fills the cart.
    adds: String,
    /// How the cart goes back: from the `page` itself, or `fresh`.
    way: Way,
    /// The shop's own script draws the control, so the page as it comes has none.
    #[serde(default)]
    drawn: bool,
    /// The shop's charset.
    #[serde(default = "utf_8")]
    charset: String,
    /// What more the catalog call says.
    #[serde(default)]
    call: BTreeMap<String, String>,
    /// Forms that sessions may not send, where only a field tells them from others: request and body.
    #[serde(default)]
    denied_forms: Vec<(String, String)>,
    /// Answers before the preset's.
    #[serde(default)]
    answer: Vec<Scripted>,
    /// What must arrive, a table a line: the names are those after `NEW_ITEM-`.
    line: Vec<BTreeMap<String, String>>,
    /// What a procurement system asks for besides shopping.
    functions: Option<Functions>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Functions {
    /// PRODUCTID of an article that there is; as carts of this shop have it in EXT_PRODUCT_ID.
    known: String,
    /// PRODUCTID of one that there is not.
    unknown: String,
    /// PRODUCTIDs for which there is no answer: the shop has not said that there is no such article.
    doubtful: Vec<String>,
    /// SEARCHSTRING with hits, and without.
    finds: String,
    nothing: String,
    /// Where DETAIL of the known one and SOURCING begin.
    detail: String,
    sourcing: String,
    /// The known one.
    product: BTreeMap<String, String>,
    hit: Vec<BTreeMap<String, String>>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Way {
    Page,
    Fresh,
}

fn utf_8() -> String {
    "utf-8".to_owned()
}

/// A journey with its shop.
struct Told {
    name: String,
    journey: Journey,
    case: Case,
}

/// What is in the one cart of the one account.
#[derive(Default)]
struct Basket {
    full: bool,
    /// Which of the requests that empty it have come.
    emptied: Vec<bool>,
}

#[test]
fn every_preset_has_a_journey() {
    let journeys = journeys();
    for (preset, _) in PRESETS {
        assert!(journeys.iter().any(|told| told.journey.preset.as_deref() == Some(preset)), "{preset} has none");
    }
}

#[test]
fn every_buyer_comes_shops_and_takes_the_cart_along() {
    journeys().into_iter().for_each(travel);
}

#[test]
fn every_shop_answers_what_a_procurement_system_asks() {
    let told = journeys();
    for (preset, _) in PRESETS {
        let has = |told: &&Told| told.journey.preset.as_deref() == Some(preset) && told.journey.functions.is_some();
        assert!(told.iter().any(|told| has(&told)), "{preset}: nothing is asked");
    }
    told.into_iter().filter(|told| told.journey.functions.is_some()).for_each(ask);
}

fn ask(told: Told) {
    let told = Arc::new(told);
    let name = &told.name;
    let shop = shop_of(&told, &Arc::new(Mutex::new(Basket::default())));
    let (hook, _) = hook();
    // DETAIL and SOURCING each begin a session.
    let proxy = proxy_before(&shop, &hook, &told.journey, 2);
    let back = format!("http://{}/back?session=1", hook.address);
    let asked = told.journey.functions.as_ref().unwrap();
    let call = |function: &str, of: &str, value: &str| {
        let mut buyer = Buyer { proxy: &proxy, cookies: BTreeMap::new() };
        let parameters =
            [("USERNAME", "acme"), ("PASSWORD", PASSWORD), ("HOOK_URL", &back), ("FUNCTION", function), (of, value)];
        buyer.calls(&parameters.map(|(name, value)| (name, value.to_owned())))
    };
    let answered = |function: &str, of: &str, value: &str| {
        let answer = call(function, of, value);
        let page = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.head.status(), 200, "{name}: {function} {value}: {page}");
        let form = forms(&page).unwrap().into_iter().find(|form| form.attribute("id") == "punchout-answer");
        let form = form.unwrap_or_else(|| panic!("{name}: {function} {value}: no form: {page}"));
        match form.body() {
            body if body.is_empty() => BTreeMap::new(),
            body => fields(&body, &form),
        }
    };
    let none = BTreeMap::new();
    assert_eq!(
        answered("VALIDATE", "PRODUCTID", &asked.known),
        numbered(std::slice::from_ref(&asked.product)),
        "{name}"
    );
    assert_eq!(answered("VALIDATE", "PRODUCTID", &asked.unknown), none, "{name}: {} is not there", asked.unknown);
    for product in &asked.doubtful {
        let answer = call("VALIDATE", "PRODUCTID", product);
        assert_eq!(answer.head.status(), 503, "{name}: {product}: {}", String::from_utf8_lossy(&answer.body));
    }
    assert_eq!(answered("BACKGROUND_SEARCH", "SEARCHSTRING", &asked.finds), numbered(&asked.hit), "{name}");
    assert_eq!(answered("BACKGROUND_SEARCH", "SEARCHSTRING", &asked.nothing), none, "{name}: {}", asked.nothing);
    for (function, of, value, begins) in [
        ("DETAIL", "PRODUCTID", &asked.known, &asked.detail),
        ("SOURCING", "SEARCHSTRING", &asked.finds, &asked.sourcing),
    ] {
        let page = String::from_utf8_lossy(&call(function, of, value).body).into_owned();
        // A shop with a Strict cookie is gone to by a page of ours.
        let there = shop.last().target() == begins || page.contains(&begins.replace('&', "&amp;"));
        assert!(there, "{name}: {function} does not begin on {begins}: {} {page}", shop.last().target());
    }
}

fn travel(told: Told) {
    let told = Arc::new(told);
    let (name, journey, case) = (&told.name, &told.journey, &told.case);
    // Somebody left things in the cart.
    let basket = Arc::new(Mutex::new(Basket { full: true, emptied: vec![false; case.emptying.len()] }));
    let shop = shop_of(&told, &basket);
    let (hook, received) = hook();
    let proxy = proxy_before(&shop, &hook, journey, 1);
    let mut buyer = Buyer { proxy: &proxy, cookies: BTreeMap::new() };
    let page = buyer.enter(&format!("http://{}/back?session=1", hook.address), journey);
    assert_eq!(page.head.status(), 200, "{name}: {}", String::from_utf8_lossy(&page.body));
    assert!(!basket.lock().unwrap().full, "{name}: the session begins with what was left in the cart");
    shop.seen.lock().unwrap().clear();

    let cart_address = proxy.plans.load().shop.cart_address.clone();
    refused(&told, &shop, &mut buyer, &cart_address);
    for request in case.allowed.iter().chain([&journey.adds]) {
        let seen = shop.seen();
        let (address, form) = with_form(request);
        buyer.send(address, form);
        assert_eq!(shop.seen(), seen + 1, "{name}: {request} does not reach the shop");
    }
    let cart = buyer.send(&format!("GET {cart_address}"), "");
    signed_in(&told, &shop.last());
    let form = match journey.way {
        Way::Page => {
            let (page, form) = (journey.read(&cart), return_form(name, &journey.read(&cart)));
            assert!(page.contains("form=\"punchout-return-"), "{name}: no control leads to the form: {page}");
            form
        }
        Way::Fresh => {
            let leads = journey.read(&cart).contains("/_punchout/return");
            assert!(leads || journey.drawn, "{name}: no control leads to our return page");
            let page = buyer.send(&format!("GET {}", buyer.own("return")), "");
            return_form(name, &String::from_utf8_lossy(&page.body))
        }
    };
    assert_eq!(form.attribute("action"), format!("http://{}/back?session=1", hook.address), "{name}");
    post(&hook, &form);
    assert_eq!(fields(received.lock().unwrap().as_slice(), &form), numbered(&journey.line), "{name}");

    buyer.send(&format!("POST {}", buyer.own("sent")), "");
    eventually(&format!("{name}: the cart is not emptied"), || !basket.lock().unwrap().full);
    // Whoever empties the cart may still look whether it is.
    let late = format!("{cart_address}{}after=the-end", if cart_address.contains('?') { '&' } else { '?' });
    assert_ne!(buyer.send(&format!("GET {late}"), "").head.status(), 200, "{name}: the session goes on");
    let seen = shop.seen.lock().unwrap();
    let asked = seen.iter().any(|head| head.target().contains("after=the-end"));
    assert!(!asked, "{name}: the shop is asked after the session's end");
}

/// Method and address, and the form where the third word is one.
fn with_form(request: &str) -> (&str, &str) {
    match request.match_indices(' ').nth(1) {
        Some((at, _)) => (&request[..at], &request[at + 1..]),
        None => (request, ""),
    }
}

/// What places orders never reaches the shop, by whatever way it is told.
fn refused(told: &Told, shop: &Shop, buyer: &mut Buyer<'_>, cart: &str) {
    let by_address = told.case.denied.iter().map(|request| with_form(request));
    let by_form = told.journey.denied_forms.iter().map(|(request, body)| (request.as_str(), body.as_str()));
    for (request, body) in by_address.chain(by_form) {
        let answer = buyer.send(request, body);
        let told = format!("{}: {request} {body}", told.name);
        assert_eq!((answer.head.status(), shop.seen()), (303, 0), "{told}");
        assert!(answer.head.get("location").is_some_and(|to| to.ends_with(cart)), "{told}");
    }
}

/// The cart page was asked for with what signing in set last.
fn signed_in(told: &Told, asked: &Head) {
    let set = told.case.answer.iter().filter(|answer| !answer.holds.is_empty()).flat_map(|answer| &answer.cookies);
    let set: BTreeMap<&str, &str> = set.filter_map(|line| line.split(';').next()?.split_once('=')).collect();
    let sent = asked.get("cookie").unwrap_or_default();
    for (cookie, value) in set {
        let pair = format!("{cookie}={value}");
        assert!(sent.split("; ").any(|one| one == pair), "{}: no {pair} in `{sent}`", told.name);
    }
}

fn return_form(name: &str, page: &str) -> ParsedForm {
    let found = forms(page).unwrap().into_iter().find(|form| form.attribute("id").starts_with("punchout-return"));
    found.unwrap_or_else(|| panic!("{name}: no form that takes the cart along: {page}"))
}

impl Journey {
    fn encoding(&self) -> &'static Encoding {
        Encoding::for_label(self.charset.as_bytes()).unwrap()
    }

    fn read(&self, answer: &Answer) -> String {
        self.encoding().decode(&answer.body).0.into_owned()
    }
}

/// The fields of lines under their whole names.
fn numbered(lines: &[BTreeMap<String, String>]) -> BTreeMap<String, String> {
    let fields = lines.iter().zip(1..).flat_map(|(line, n)| {
        line.iter().map(move |(field, value)| match field.as_str() {
            "LONGTEXT" => (format!("NEW_ITEM-LONGTEXT_{n}:132[]"), value.clone()),
            field => (format!("NEW_ITEM-{field}[{n}]"), value.clone()),
        })
    });
    fields.collect()
}

fn journeys() -> Vec<Told> {
    let files = std::fs::read_dir(fixtures().join("journeys")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let told = files.iter().map(|file| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let mut journey: Journey = toml_in(file);
        let case = journey.preset.as_deref().map(Case::of).or(journey.case.take());
        let case = case.unwrap_or_else(|| panic!("{name}: neither `preset` nor `case`"));
        Told { name, journey, case }
    });
    told.collect()
}

/// The shop: scripted answers, and the cart under every other address.
fn shop_of(told: &Arc<Told>, basket: &Arc<Mutex<Basket>>) -> Shop {
    let (told, basket) = (told.clone(), basket.clone());
    let full = cart_of(told.journey.full.as_ref().unwrap_or(&told.case.cart));
    let empty = cart_of(&told.journey.empty);
    Shop::start(move |wire, head| {
        let (body, _) = wire.body(head, false)?;
        let line = format!("{} {}", head.method(), head.target());
        let sent = format!("{} nonce={}", String::from_utf8_lossy(&body), head.get("nonce").unwrap_or_default());
        let is_full = {
            let mut basket = basket.lock().unwrap();
            basket.asked(&told, &line, &sent);
            basket.full
        };
        let cart = if is_full { &full } else { &empty };
        let mut answers = told.journey.answer.iter().chain(&told.case.answer);
        let answer = answers.find(|answer| answer.fits(&line, &body));
        wire.send(answered(answer, cart, &told.journey.charset))?;
        Ok(true)
    })
}

/// An answer on the wire; the cart where the shop has no other.
fn answered(answer: Option<&Scripted>, cart: &[u8], charset: &str) -> Vec<u8> {
    let is_cart = answer.is_none_or(|answer| answer.cart);
    let page = answer.and_then(|answer| answer.page.as_deref()).map(cart_of);
    let body = match (&page, is_cart) {
        (Some(page), _) => page,
        (None, true) => cart,
        (None, false) => answer.map_or(&b""[..], |answer| answer.body.as_bytes()),
    };
    let kind = if body.starts_with(b"{") { "application/json" } else { "text/html" };
    let moved = answer.and_then(|answer| answer.redirect.as_ref());
    let status = moved.map_or(answer.and_then(|answer| answer.status).unwrap_or(200), |_| 302);
    let mut head = format!("HTTP/1.1 {status} So\r\nContent-Type: {kind}; charset={charset}\r\n");
    let length = body.len();
    head += &format!("Content-Length: {length}\r\n");
    head.extend(moved.map(|to| format!("Location: {to}\r\n")));
    head.extend(answer.iter().flat_map(|answer| &answer.cookies).map(|line| format!("Set-Cookie: {line}\r\n")));
    head.extend(answer.and_then(|answer| answer.nonce.as_ref()).map(|nonce| format!("Nonce: {nonce}\r\n")));
    [head.as_bytes(), b"\r\n", body].concat()
}

impl Basket {
    fn asked(&mut self, told: &Told, line: &str, sent: &str) {
        if line == told.journey.adds {
            *self = Basket { full: true, emptied: vec![false; told.case.emptying.len()] };
        }
        for (expected, done) in told.case.emptying.iter().zip(&mut self.emptied) {
            *done |= empties(expected, line, sent);
        }
        self.full &= !self.emptied.iter().all(|done| *done);
    }
}

/// A procurement system, and the body that it last got.
fn hook() -> (Shop, Arc<Mutex<Vec<u8>>>) {
    let received: Arc<Mutex<Vec<u8>>> = Arc::default();
    let keeps = received.clone();
    let hook = Shop::start(move |wire, head| -> Keep {
        *keeps.lock().unwrap() = wire.body(head, false)?.0;
        wire.send(ok("thank you"))?;
        Ok(true)
    });
    (hook, received)
}

/// Posts a form as a browser does.
fn post(hook: &Shop, form: &ParsedForm) {
    let body = form.body();
    let mut wire = Wire::connect(hook.address);
    let head = "POST /back?session=1 HTTP/1.1\r\nHost: hook.example\r\nContent-Type: application/x-www-form-urlencoded";
    wire.send(format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len())).unwrap();
    wire.send(body).unwrap();
    assert_eq!(wire.answer("POST").unwrap().head.status(), 200);
}

/// What arrived, in the charset in which the form was sent. A name that came twice is no field.
fn fields(body: &[u8], form: &ParsedForm) -> BTreeMap<String, String> {
    let charset = Encoding::for_label(form.attribute("accept-charset").as_bytes()).unwrap();
    let text = |encoded: &str| {
        let bytes: Vec<u8> = percent_decode_str(&encoded.replace('+', " ")).collect();
        charset.decode_without_bom_handling(&bytes).0.into_owned()
    };
    let mut fields = BTreeMap::new();
    for pair in std::str::from_utf8(body).unwrap().split('&') {
        let (name, value) = pair.split_once('=').unwrap();
        let twice = fields.insert(text(name), text(value));
        assert_eq!(twice, None, "{name} came twice");
    }
    fields
}

fn proxy_before(shop: &Shop, hook: &Shop, journey: &Journey, accounts: usize) -> Proxy {
    let accounts = [
        "{ username = \"kari@acme.example\", password = \"right\" }",
        "{ username = \"ola@acme.example\", password = \"right\" }",
    ][..accounts]
        .join(", ");
    let preset = journey.preset.as_ref().map(|preset| format!("preset = \"{preset}\"\n")).unwrap_or_default();
    let hash = config::credentials::hash(PASSWORD);
    let (shop, hook, rules) = (shop.address, hook.address, &journey.shop);
    let text = format!(
        r#"
listen = "127.0.0.1:0"
workers = 1
[shop]
origin = "http://{shop}"
{preset}{rules}
[entry]
paths = ["/oci"]
[[buyer]]
name = "acme"
password_hash = "{hash}"
hooks = ["http://{hook}"]
accounts = [{accounts}]
default_unit = "PCE"
"#
    );
    Proxy::configured(&text)
}

/// A browser with its cookies.
struct Buyer<'p> {
    proxy: &'p Proxy,
    cookies: BTreeMap<String, String>,
}

impl Buyer<'_> {
    /// The first page after the catalog call.
    fn enter(&mut self, hook: &str, journey: &Journey) -> Answer {
        let usual = [("USERNAME", "acme"), ("PASSWORD", PASSWORD), ("HOOK_URL", hook)];
        let more = journey.call.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let call: Vec<_> = usual.into_iter().chain(more).map(|(name, value)| (name, value.to_owned())).collect();
        self.calls(&call)
    }

    /// A catalog call, and where it leads.
    fn calls(&mut self, call: &[(&str, String)]) -> Answer {
        let call = call.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let mut answer = self.send("POST /oci", &call.collect::<Vec<_>>().join("&"));
        // A chain of redirects is no journey.
        for _ in 0..4 {
            let Some(to) = answer.head.get("location").map(str::to_owned) else { break };
            answer = self.send(&format!("GET {}", to.trim_start_matches("http://shop.example")), "");
        }
        answer
    }

    /// The address of a page of ours.
    fn own(&self, page: &str) -> String {
        own(page, &format!("punchout={}", self.cookies["punchout"]))
    }

    /// Method and address, and a form's body.
    fn send(&mut self, request: &str, body: &str) -> Answer {
        let (method, target) = request.split_once(' ').unwrap();
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let form = match body {
            "" => "Content-Length: 0\r\n".to_owned(),
            body => {
                let length = body.len();
                format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n")
            }
        };
        let cookies = if cookies.is_empty() { String::new() } else { format!("Cookie: {}\r\n", cookies.join("; ")) };
        let mut wire = self.proxy.connect();
        wire.send(format!("{method} {target} HTTP/1.1\r\nHost: shop.example\r\n{cookies}{form}\r\n{body}")).unwrap();
        let answer = wire.answer(method).unwrap_or_else(|error| panic!("{request}: {error}"));
        for line in answer.head.all("set-cookie") {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }
}
