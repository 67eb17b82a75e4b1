//! The odd carts and calls that real systems are known to send, a row each: what must come of them.
//!
//! Rows about calls and mappings ask the library; rows about a person's clicks go through the proxy, between the demo's
//! shop and its procurement system.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use arc_swap::ArcSwap;
use punchout_proxy::cart::{Cart, Line};
use punchout_proxy::config;
use punchout_proxy::demo::browser::{Browser, Form, Page, submit_buttons};
use punchout_proxy::demo::{Demo, catalogue, proxy_toml};
use punchout_proxy::finding::{Severity, code};
use punchout_proxy::protocol::oci::entry::Function;
use punchout_proxy::protocol::oci::form::{HandOver, HookQuery, control_fields, form_html, form_with_button};
use punchout_proxy::protocol::oci::mapping::{Mapped, Mapping, Surroundings, UnitFound, map};
use punchout_proxy::protocol::oci::{
    Charset, Entry, EntryNames, Hook, HookRefusal, HookRule, Parameters, Target, parse_back,
};
use punchout_proxy::server::{self, Running};
use url::Url;

/// What is odd, and what must come of it.
type Row = (&'static str, fn());

const ROWS: &[Row] = &[
    ("HOOK_URL encoded", || {
        hook_is("HOOK_URL=https%3A%2F%2Fa.example%2Fx%3Fb%3D1%26c%3D2", "https://a.example/x?b=1&c=2")
    }),
    ("HOOK_URL as a raw tail", || {
        hook_is("HOOK_URL=https://a.example/x?uniqueid=1&y=2", "https://a.example/x?uniqueid=1&y=2")
    }),
    ("HOOK_URL encoded twice", || {
        hook_is("HOOK_URL=https%253A%252F%252Fa.example%252Fx%253Fb%253D1", "https://a.example/x?b=1")
    }),
    ("HOOK_URL with an upper-case scheme", || allowed("HTTPS://A.example/x", "https://a.example", true)),
    ("HOOK_URL with a port", || {
        allowed("https://a.example:8443/x", "https://a.example:8443", true);
        allowed("https://a.example:8443/x", "https://a.example", false);
    }),
    ("HOOK_URL with an IPv6 host", || allowed("https://[2001:db8::1]:8000/x", "https://[2001:db8::1]:8000", true)),
    ("HOOK_URL with userinfo", || refused("https://a.example@evil.example/x", HookRefusal::Userinfo)),
    ("HOOK_URL javascript:", || refused("javascript:alert(1)", HookRefusal::Scheme)),
    ("names in mixed case", || {
        let entry = entry("hook_Url=https%3A%2F%2Fa.example&UserName=u&passWORD=p&~okcode=ADDI", None);
        assert_eq!((entry.hook.as_deref(), entry.username.as_deref()), (Some("https://a.example"), Some("u")));
        assert_eq!(entry.echo, [("~okcode".to_owned(), "ADDI".to_owned())], "echoed as it was spelled");
    }),
    ("~TARGET with returntarget", || {
        let entry = entry("HOOK_URL=https%3A%2F%2Fa.example&USERNAME=u&PASSWORD=p&~TARGET=old&returntarget=new", None);
        assert_eq!(entry.target.map(|target| target.to_string()).as_deref(), Some("new"));
    }),
    ("parameters split over query and body", || {
        let entry =
            entry("USERNAME=query&LANGUAGE=N", Some("USERNAME=body&PASSWORD=p&HOOK_URL=https%3A%2F%2Fa.example"));
        assert_eq!((entry.username.as_deref(), entry.hook.as_deref()), (Some("body"), Some("https://a.example")));
    }),
    ("a Latin-1 user name", || {
        let entry = entry("USERNAME=%E5se&PASSWORD=p&HOOK_URL=https%3A%2F%2Fa.example", None);
        assert_eq!(entry.username.as_deref(), Some("åse"));
    }),
    ("0 lines", || {
        let mapped = lines_of(0);
        assert_eq!((mapped.inputs().len(), mapped.may_leave()), (0, true));
    }),
    ("1 line", || arrives_whole(1)),
    ("40 lines", || arrives_whole(40)),
    ("83 lines", || arrives_whole(83)),
    ("200 lines", || assert_eq!(codes(&lines_of(200)), [(code::TOO_MANY_INPUTS, Severity::Error)])),
    ("the price 0.12345", || price("0.12345", Some(("12.345", "100")))),
    ("the price 1e-7", || price("0.0000001", Some(("0.001", "10000")))),
    ("the price 99999999999.999", || price("99999999999.999", Some(("99999999999.999", "1")))),
    ("a price of twelve digits", || price("100000000000", None)),
    ("PRICEUNIT 1000", || {
        let mapped = mapped("price_units = [1, 1000]", Charset::Utf8, vec![line("A", "0.0375")]);
        assert_eq!((value(&mapped, "PRICE"), value(&mapped, "PRICEUNIT")), ("37.500", "1000"));
    }),
    ("a description of 41 characters with one of four bytes at 40", || {
        let name = format!("{}🔩x", "a".repeat(39));
        let mapped = mapped("", Charset::Utf8, vec![line(&name, "1")]);
        assert_eq!(value(&mapped, "DESCRIPTION"), format!("{}🔩", "a".repeat(39)));
        assert_eq!(value(&mapped, "LONGTEXT"), name, "the whole of it goes out as long text");
    }),
    ("\" < & '", || described("\"x\" < & 'y' &amp; &quot;", Charset::Utf8, "\"x\" < & 'y' &amp; &quot;", &[])),
    ("a newline", || described("a\r\n\tb", Charset::Utf8, "a b", &[])),
    ("NUL", || described("a\0b", Charset::Utf8, "ab", &[])),
    ("an emoji", || {
        described("🔩 8 mm", Charset::Utf8, "🔩 8 mm", &[]);
        described("🔩 8 mm", Charset::Latin1, "? 8 mm", &[(code::CHARSET_REPLACED, Severity::Warning)]);
    }),
    ("€ to ISO-8859-1", || {
        described("5 €", Charset::Latin1, "5 EUR", &[(code::CHARSET_REPLACED, Severity::Warning)])
    }),
    ("cancel", || {
        let hand_over = hand_over(&lines_of(1), "https://a.example/return?token=1");
        let form = parse_back::forms(&form_with_button(&hand_over.cancelled(), "po", "Back")).unwrap().remove(0);
        assert!(form.inputs.iter().all(|(name, _)| !name.starts_with("NEW_ITEM")), "{form:?}");
        assert_eq!(
            (form.attribute("action"), form.input("~OkCode")),
            ("https://a.example/return?token=1", Some("ADDI"))
        );
    }),
    ("SAPEVENT", || {
        allowed("sapevent:post", "SAPEVENT:POST", true);
        allowed("SAPEVENT:POST", "https://a.example", false);
        let form = parse_back::forms(&form_html(&hand_over(&lines_of(1), "SAPEVENT:POST"), "po")).unwrap().remove(0);
        assert_eq!(form.attribute("action"), "SAPEVENT:POST", "as the GUI looks for it");
    }),
    ("VALIDATE without HOOK_URL", || {
        let entry = entry("FUNCTION=VALIDATE&PRODUCTID=17&QUANTITY=2&USERNAME=u&PASSWORD=p", None);
        assert_eq!((entry.function, entry.hook, entry.product.as_deref()), (Function::Validate, None, Some("17")));
        let nowhere = HandOver { hook: None, ..hand_over(&lines_of(1), "https://a.example") };
        assert!(form_html(&nowhere, "po").contains(" action=\"\" "));
    }),
    ("VALIDATE of a missing product", validate_missing),
    ("VALIDATE of a product where it is not configured", validate_not_configured),
    ("an empty cart at the proxy", empty_cart),
    ("a double click", double_click),
    ("a shop account shared by two buyers at once", shared_account),
];

#[test]
fn every_edge_case() {
    for (name, check) in ROWS {
        let outcome = std::panic::catch_unwind(check);
        assert!(outcome.is_ok(), "the row `{name}` failed, see above");
    }
}

fn entry(query: &str, body: Option<&str>) -> Entry {
    let body = body.map(|body| ("application/x-www-form-urlencoded", body.as_bytes()));
    Entry::parse(Some(query.as_bytes()), body, &EntryNames::default()).unwrap()
}

fn hook_is(parameter: &str, hook: &str) {
    assert_eq!(entry(&format!("USERNAME=u&PASSWORD=p&{parameter}"), None).hook.as_deref(), Some(hook));
}

fn allowed(hook: &str, rule: &str, expected: bool) {
    let rules = [HookRule::parse(rule).unwrap()];
    assert_eq!(Hook::parse(hook).unwrap().allowed_by(&rules).is_ok(), expected, "{hook} by {rule}");
}

fn refused(hook: &str, refusal: HookRefusal) {
    assert_eq!(Hook::parse(hook).err(), Some(refusal));
}

fn line(name: &str, price: &str) -> Line {
    Line {
        name: name.to_owned(),
        sku: Some("031710    005  100".to_owned()),
        quantity: 2.into(),
        price: price.parse().unwrap(),
        currency: "NOK".to_owned(),
        ..Line::default()
    }
}

fn mapped(settings: &str, charset: Charset, lines: Vec<Line>) -> Mapped {
    let mapping = Mapping::compile(&toml::from_str(settings).unwrap()).unwrap();
    let units = |_: Option<&str>| UnitFound::Code("PCE".to_owned());
    let surroundings = Surroundings { parameters: &Parameters::default(), units: &units, charset, control_fields: 3 };
    map(&mapping, &Cart { lines, ..Cart::default() }, &surroundings)
}

fn lines_of(count: usize) -> Mapped {
    mapped("", Charset::Utf8, (0..count).map(|n| line(&format!("Skrue {n}"), "1.25")).collect())
}

fn value<'m>(mapped: &'m Mapped, field: &str) -> &'m str {
    let found = mapped.lines[0].iter().find(|(name, _)| name.as_str() == field);
    found.map(|(_, value)| value.as_str()).unwrap_or_default()
}

fn codes(mapped: &Mapped) -> Vec<(&'static str, Severity)> {
    mapped.findings.iter().map(|finding| (finding.code, finding.severity)).collect()
}

fn hand_over(mapped: &Mapped, hook: &str) -> HandOver {
    let target = Target::default();
    HandOver {
        hook: Some(Hook::parse(hook).unwrap()),
        hook_query: HookQuery::Keep,
        control: control_fields(&[], true, &target),
        inputs: mapped.inputs(),
        charset: Charset::Utf8,
        target,
    }
}

fn arrives_whole(count: usize) {
    let mapped = lines_of(count);
    assert_eq!(codes(&mapped), []);
    let form = parse_back::forms(&form_html(&hand_over(&mapped, "https://a.example"), "po")).unwrap().remove(0);
    for number in 1..=count {
        let name = format!("Skrue {}", number - 1);
        assert_eq!(form.input(&format!("NEW_ITEM-DESCRIPTION[{number}]")), Some(name.as_str()));
    }
    assert_eq!(form.input(&format!("NEW_ITEM-DESCRIPTION[{}]", count + 1)), None);
}

fn price(price: &str, sent: Option<(&str, &str)>) {
    let mapped = mapped("", Charset::Utf8, vec![line("A", price)]);
    match sent {
        Some(sent) => assert_eq!((value(&mapped, "PRICE"), value(&mapped, "PRICEUNIT")), sent),
        None => assert!(codes(&mapped).contains(&(code::NUMBER_TOO_LARGE, Severity::Error)) && !mapped.may_leave()),
    }
}

fn described(name: &str, charset: Charset, expected: &str, findings: &[(&str, Severity)]) {
    let mapped = mapped("", charset, vec![line(name, "1")]);
    assert_eq!((value(&mapped, "DESCRIPTION"), &codes(&mapped)[..]), (expected, findings));
    let hand_over = HandOver { charset, ..hand_over(&mapped, "https://a.example") };
    let form = parse_back::forms(&form_html(&hand_over, "po")).unwrap().remove(0);
    assert_eq!(form.input("NEW_ITEM-DESCRIPTION[1]"), Some(expected));
}

/// The demo's shop and procurement system with the proxy between them.
struct Round {
    demo: Demo,
    proxy: Url,
    running: Running,
}

impl Round {
    fn start() -> Self {
        Round::start_with(|file| file)
    }

    /// The same with another `proxy.toml`.
    fn start_with(change: impl FnOnce(String) -> String) -> Self {
        let demo = Demo::start_with(Default::default(), Default::default()).unwrap();
        let text = change(proxy_toml(demo.shop_addr, demo.procurement_addr));
        let outcome = config::read(&text, std::path::Path::new("."));
        let running = server::run(&Arc::new(ArcSwap::from_pointee(outcome.plan.unwrap()))).unwrap();
        let proxy = format!("http://{}/", running.addresses()[0]);
        demo.connect(proxy.trim_end_matches('/'));
        Round { demo, proxy: Url::parse(&proxy).unwrap(), running }
    }

    /// Runs a browser's steps, then stops everything.
    fn with(self, steps: impl AsyncFnOnce(&Self)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(steps(&self));
        self.running.stop();
        self.running.join();
        self.demo.stop();
    }

    fn at(&self, path: &str) -> Url {
        self.proxy.join(path).unwrap()
    }

    async fn enter(&self, browser: &mut Browser, more: &[(&str, &str)]) -> Page {
        let start = browser.get(Url::parse(&self.demo.procurement_url()).unwrap()).await.unwrap();
        let form = start.forms().into_iter().find(|form| form.class.contains("punchout")).unwrap();
        browser.submit(&start, &form, more).await.unwrap()
    }

    async fn buy(&self, browser: &mut Browser, quantity: &str) {
        let page = browser.get(self.at(&format!("/vare/{}", catalogue::BLOWLAMP))).await.unwrap();
        let form = page.forms().into_iter().find(|form| form.id == "leggtil").unwrap();
        browser.submit(&page, &form, &[("antall", quantity)]).await.unwrap();
    }

    /// The cart page, and the form that its checkout button submits.
    async fn cart(&self, browser: &mut Browser) -> (Page, Form) {
        let cart = browser.get(self.at("/handlekurv")).await.unwrap();
        let buttons = submit_buttons(&cart.body);
        let form =
            cart.forms().into_iter().find(|form| buttons.contains(&form.id)).unwrap_or_else(|| panic!("{}", cart.body));
        (cart, form)
    }
}

/// That the shop itself says it is gone, and nothing else, makes an answer without items: `tests/functions.rs` has the rest.
fn validate_missing() {
    const PRODUCT: &str =
        "[shop.product]\npage = \"/vare/{product}\"\nline = \"main\"\nname = \"h1\"\nprice = \".pris\"\n";
    Round::start_with(|file| file.replacen("[shop.deny]", &format!("{PRODUCT}\n[shop.deny]"), 1)).with(async |round| {
        let mut browser = Browser::default();
        let call = [("FUNCTION", "VALIDATE"), ("PRODUCTID", "no-such"), ("QUANTITY", "1")];
        let page = round.enter(&mut browser, &call).await;
        assert_eq!(page.status, 200, "{page}");
        assert!(!page.body.contains("NEW_ITEM"), "{}", page.body);
    });
}

fn validate_not_configured() {
    Round::start().with(async |round| {
        let mut browser = Browser::default();
        let page =
            round.enter(&mut browser, &[("FUNCTION", "VALIDATE"), ("PRODUCTID", "no-such"), ("QUANTITY", "1")]).await;
        // An empty 200 would mean "discontinued", and the buyer would strike the article out.
        assert_eq!(page.status, 501, "{page}");
        assert!(page.body.contains("PO-FUNCTION-UNSUPPORTED") && !page.body.contains("NEW_ITEM"), "{}", page.body);
    });
}

fn empty_cart() {
    Round::start().with(async |round| {
        let mut browser = Browser::default();
        round.enter(&mut browser, &[]).await;
        let cart = browser.get(round.at("/handlekurv")).await.unwrap();
        assert!(!cart.body.contains("NEW_ITEM"), "{}", cart.body);
        assert!(round.demo.procurement.returns().is_empty());
    });
}

fn double_click() {
    Round::start().with(async |round| {
        let mut browser = Browser::default();
        round.enter(&mut browser, &[]).await;
        round.buy(&mut browser, "2").await;
        let (cart, form) = round.cart(&mut browser).await;
        for _ in 0..2 {
            browser.submit(&cart, &form, &[]).await.unwrap();
        }
        let returns = round.demo.procurement.returns();
        let lines: Vec<_> = returns.iter().map(|one| (&one.fields, &one.query)).collect();
        assert_eq!(lines.len(), 2);
        // The same cart to the same place, nothing doubled in it: the hook's own session tells the buyer's system.
        assert_eq!(lines[0], lines[1]);
        assert_eq!((returns[0].requisition.lines.len(), returns[0].requisition.problems.len()), (1, 0));
        assert!(round.demo.shop.orders().is_empty());
    });
}

fn shared_account() {
    Round::start().with(async |round| {
        let (mut first, mut second) = (Browser::default(), Browser::default());
        round.enter(&mut first, &[]).await;
        round.buy(&mut first, "2").await;
        let entered = round.enter(&mut second, &[]).await;
        let (_, mine) = round.cart(&mut first).await;
        if entered.status == 200 {
            let (_, theirs) = round.cart(&mut second).await;
            // Whatever the two find in the account's cart, each returns it to its own call.
            assert_ne!(mine.action, theirs.action);
        } else {
            // Told that the account is in use, with a code.
            assert!(entered.body.contains("PO-"), "{}", entered.body);
        }
        let again = round.cart(&mut first).await.1;
        assert_eq!(again.action, mine.action, "the second call took the first one's session over");
    });
}
