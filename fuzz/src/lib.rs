//! What the fuzzer calls, one function a target: bytes in, a panic where a promise is broken.
//!
//! `tests/fuzz_cases.rs` calls the same functions with all that lies in `fixtures/fuzz`: an input that once broke a
//! promise is kept there. The bytes are what a stranger sends, unframed, so that a page or a query is a seed as it is;
//! where an input has to be cut, it is cut by numbers that follow from its own bytes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, LINK, LOCATION, REFRESH, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method};
use http_body::{Body, Frame};
use lol_html::Settings;
use punchout_proxy::cart::price::{DecimalSign, Detected, NumberFormat, parse_amount};
use punchout_proxy::cart::read_html::read;
use punchout_proxy::cart::rules::Rules;
use punchout_proxy::cart::unit::Units;
use punchout_proxy::config;
use punchout_proxy::location::{Location, Target};
use punchout_proxy::policy::{Denial, Policy, Verdict};
use punchout_proxy::protocol::oci::number::{scaled_price, three_decimals};
use punchout_proxy::protocol::oci::{Entry, EntryNames, Hook, HookRule};
use punchout_proxy::rewrite::body::{DEFAULT_MEMORY, OnFailure, RewritingBody};
use punchout_proxy::rewrite::charset;
use punchout_proxy::rewrite::coding::{self, Coding, Expansion};
use punchout_proxy::rewrite::controls::{Controls, Leave, Seen, Way};
use punchout_proxy::rewrite::csp::Opening;
use punchout_proxy::rewrite::embed;
use punchout_proxy::rewrite::own_name::{Name, OwnName};
use punchout_proxy::rewrite::page::Page;
use punchout_proxy::session::cookie;
use punchout_proxy::session::id::SessionId;
use punchout_proxy::session::seal::Seal;
use punchout_proxy::shop::Jar;
use rust_decimal::Decimal;
use url::Url;

/// A catalog call, as query, as form and as multipart form: it is read or refused, and no secret is printed.
pub fn entry(data: &[u8]) {
    let names = EntryNames::default();
    let (query, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(line) => (&data[..line], &data[line + 1..]),
        None => (data, [].as_slice()),
    };
    let _ = Entry::looks_like(query, &names);
    let boundary = "multipart/form-data; boundary=b";
    for content_type in ["application/x-www-form-urlencoded", "text/plain; charset=iso-8859-1", boundary] {
        let body = (!body.is_empty()).then_some((content_type, body));
        let Ok(entry) = Entry::parse(Some(query), body, &names) else { continue };
        let shown = format!("{entry:?}");
        for secret in [&entry.password, &entry.token].into_iter().flatten() {
            // A short one is found in any text.
            assert!(
                secret.expose().len() < 12 || !shown.contains(secret.expose()) || repeated(&entry, secret.expose())
            );
        }
        if let Some(hook) = &entry.hook {
            let _ = Hook::parse(hook);
        }
        assert!(entry.quantity.is_none_or(|quantity| quantity > Decimal::ZERO));
    }
}

/// The caller may send its password as its name too; then it is no secret.
fn repeated(entry: &Entry, secret: &str) -> bool {
    let printed = [entry.username.as_deref(), entry.hook.as_deref(), Some(entry.function.as_str())];
    let target = entry.target.as_ref().map(ToString::to_string);
    printed.into_iter().flatten().chain(target.as_deref()).any(|text| text.contains(secret))
        || entry.parameters.iter().any(|(name, _)| name.contains(secret))
}

/// HOOK_URL against an allow-list: what is allowed goes to a listed origin, whoever reads it. The first line is the URL,
/// a second one is tried as a rule.
pub fn hook(data: &[u8]) {
    static RULES: LazyLock<Vec<HookRule>> = LazyLock::new(|| {
        let rules = ["https://*.acme.example", "https://srm.other.example:8443/sap/bc/", "http://intranet.local:8000"];
        rules.iter().map(|rule| HookRule::parse(rule).expect(rule)).collect()
    });
    let text = String::from_utf8_lossy(data);
    let (text, rule) = text.split_once('\n').unwrap_or((&text, ""));
    let _ = HookRule::parse(rule);
    let Ok(hook) = Hook::parse(text) else { return };
    assert_eq!(hook.text(), text);
    if let Some(source) = hook.form_action_source() {
        assert!(!source.contains([';', ',', ' ', '\'', '"', '\r', '\n']), "{source:?} ends a directive");
    }
    if hook.allowed_by(&RULES).is_err() {
        return;
    }
    // As a browser reads it.
    let url = Url::parse(text).expect("allowed, so it is a URL");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{text:?}");
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    let listed = match (url.scheme(), host, port) {
        ("https", "srm.other.example", 8443) => url.path().split('/').take(3).eq(["", "sap", "bc"]),
        ("http", "intranet.local", 8000) => true,
        ("https", host, 443) => host.ends_with(".acme.example") && !host.starts_with('.'),
        _ => false,
    };
    assert!(listed, "{text:?} is allowed");
    // As a parser reads it that knows no standard: the host stands between `//` and the next slash.
    let plain = text.split("://").nth(1).unwrap_or_default().split(['/', '?', '#']).next().unwrap_or_default();
    assert!(!plain.contains(['@', '\\', '%']) || !plain.is_ascii(), "{text:?}: {plain:?}");
    if plain.is_ascii() {
        let plain = plain.to_ascii_lowercase();
        let host = plain.split(':').next().unwrap_or_default();
        assert!(host.ends_with(".acme.example") || host == "srm.other.example" || host == "intranet.local", "{text:?}");
    }
}

/// Prices, one a line: whatever is read has the digits that were printed, in their order.
pub fn price(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines: Vec<&str> = text.lines().collect();
    let told = Detected::over(lines.iter().copied()).format();
    let formats =
        [NumberFormat::Known(DecimalSign::Point), NumberFormat::Known(DecimalSign::Comma), NumberFormat::Detect];
    for line in &lines {
        let _ = line.parse::<NumberFormat>();
        let _ = Units::shipped().find(line);
        for format in formats.into_iter().chain(told.clone().ok()) {
            let Ok(amount) = parse_amount(line, format) else { continue };
            assert!(!amount.value.is_sign_negative() || amount.value.is_zero(), "{line:?}");
            let digits = amount.value.mantissa().to_string();
            let printed: String = line.chars().filter(char::is_ascii_digit).collect();
            assert!(digits == "0" || printed.contains(&digits), "{line:?} became {}", amount.value);
            let _ = three_decimals(amount.value);
            if let Ok(price) = scaled_price(amount.value, &[1, 10, 100, 1000, 10_000]) {
                let back: Decimal = price.price.parse().expect("a number with a dot");
                let back = back / Decimal::from(price.price_unit);
                assert!(price.rounded || back == amount.value, "{line:?}: {price:?}");
            }
        }
    }
}

/// A cart page: the same cart, however the page is cut.
pub fn cart(data: &[u8]) {
    static RULES: LazyLock<Vec<Arc<Rules>>> = LazyLock::new(|| {
        let shops = [
            include_str!("../../fixtures/pages/old-shop/rules.toml"),
            include_str!("../../fixtures/pages/nested-spans/rules.toml"),
        ];
        let compile = |text| Rules::compile(toml::from_str(text).expect("rules")).expect("rules");
        let shipped =
            "[shop]\norigin = \"http://127.0.0.1:1\"\npreset = \"django-oscar\"\n[shop.cart]\ncurrency = \"NOK\"";
        let shipped = config::read(&format!("listen = \"127.0.0.1:0\"\n{shipped}"), Path::new("."));
        let shipped = shipped.plan.expect("a shop by its preset").shop.cart;
        shops.iter().map(|text| Arc::new(compile(text))).chain([shipped]).collect()
    });
    for rules in RULES.iter() {
        for encoding in [encoding_rs::UTF_8, encoding_rs::WINDOWS_1252] {
            let whole = read(rules, [data], encoding);
            let cut = read(rules, Cuts::of(data), encoding);
            assert_eq!(whole, cut, "cut in pieces of {:?}", Cuts::of(data).map(<[u8]>::len).collect::<Vec<_>>());
            for line in &whole.lines {
                assert!(line.quantity > Decimal::ZERO && !line.price.is_sign_negative(), "{line:?}");
            }
        }
    }
}

/// A page of a session: the same however it is cut, and the shop's very bytes where nothing is selected.
pub fn page(data: &[u8]) {
    // A page in UTF-16 cannot be rewritten and is told so at its end.
    if data.starts_with(b"\xFF\xFE") || data.starts_with(b"\xFE\xFF") {
        return;
    }
    for content_type in ["text/html; charset=utf-8", "text/html"] {
        let untouched = rewrite(Cuts::of(data), content_type, &["x-never[y='1']"], Opening::default(), "");
        assert!(untouched == data || other_charset(data), "a page without controls was changed");
        let controls = ["a[href*='checkout'], form", "button, input"];
        let opening = || Opening { form_action: vec!["https://hook.example".to_owned()], ..Opening::default() };
        let whole = rewrite([data], content_type, &controls, opening(), "<i>end</i>");
        let cut = rewrite(Cuts::of(data), content_type, &controls, opening(), "<i>end</i>");
        assert!(
            whole == cut,
            "{:?}\n--- cut ---\n{:?}",
            String::from_utf8_lossy(&whole),
            String::from_utf8_lossy(&cut)
        );
    }
}

/// The page says of itself that ASCII is not ASCII in it.
fn other_charset(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data).to_ascii_lowercase();
    text.contains("charset")
}

fn rewrite<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    content_type: &'static str,
    controls: &[&str],
    opening: Opening,
    end: &'static str,
) -> Vec<u8> {
    let page = Page {
        controls: &Controls::compile(controls).expect("selectors"),
        leave: Leave {
            way: Way::Submit,
            url: "/_punchout/return".to_owned(),
            form: "punchout-return".to_owned(),
            target: None,
            label: None,
        },
        hide: &[],
        opening,
        readers: Vec::new(),
        end_of_body: (!end.is_empty()).then(|| Box::new(|| end.to_owned()) as _),
        at_document_end: false,
        seen: Rc::new(Seen::default()),
    };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
    let tail = OnFailure::PassThrough(Box::new(|_| String::new()));
    let settings = page.settings();
    read_all(RewritingBody::new(Pieces::of(pieces), settings, charset::declared(&headers), DEFAULT_MEMORY, tail))
        .expect("these pieces never break off")
}

/// A page and fields of a shop that visitors know by another name: the same however the page is cut, its very bytes where
/// the shop's name is not in it, and a field by field mapped head.
pub fn links(data: &[u8]) {
    static OWN: LazyLock<Arc<OwnName>> = LazyLock::new(|| {
        let name = |text| Name::parse(text, true).expect(text);
        let names = vec![name("https://shop.example"), name("www.shop.example"), name("shop.example:8080")];
        Arc::new(OwnName::new(names, name("https://punchout.example")).expect("two names"))
    });
    // A page in UTF-16 cannot be rewritten and is told so at its end.
    if !data.starts_with(b"\xFF\xFE") && !data.starts_with(b"\xFE\xFF") && !other_charset(data) {
        let mapped = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let tail = OnFailure::PassThrough(Box::new(|_| String::new()));
            let (pieces, settings) = (Pieces::of(pieces), OWN.in_page(Settings::new()));
            let page = RewritingBody::new(pieces, settings, charset::declared(&HeaderMap::new()), DEFAULT_MEMORY, tail);
            read_all(page).expect("these pieces never break off")
        };
        let whole = mapped(&mut [data].into_iter());
        assert!(whole == mapped(&mut Cuts::of(data)), "{:?}", String::from_utf8_lossy(&whole));
        // Spelled with references or percent signs it is the shop's name too.
        let text = String::from_utf8_lossy(data).to_ascii_lowercase();
        let names_nobody = !text.contains("example") && !text.contains(['&', '%']) && text.is_ascii();
        assert!(whole == data || !names_nobody, "a page without the shop's name was changed");
    }
    let lines: Vec<HeaderValue> =
        data.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let mut headers = HeaderMap::new();
    for (name, line) in
        [SET_COOKIE, LOCATION, REFRESH, LINK].iter().flat_map(|name| lines.iter().map(move |line| (name, line)))
    {
        headers.append(name, line.clone());
    }
    OWN.answer(&mut headers);
    for name in [SET_COOKIE, LOCATION, REFRESH, LINK] {
        assert_eq!(headers.get_all(&name).iter().count(), lines.len(), "{name}");
    }
    for (line, kept) in lines.iter().zip(headers.get_all(SET_COOKIE)) {
        assert_eq!(pair(line), pair(kept), "a cookie's name or value changed");
    }
}

/// A cookie's name and value, as they stand in a Set-Cookie line.
fn pair(line: &HeaderValue) -> &[u8] {
    line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default()
}

/// What edits a Set-Cookie line leaves the rest of it alone: sealed it opens again, in a frame it keeps its pair.
fn edited(id: SessionId, line: &HeaderValue) {
    assert_eq!(pair(&embed::in_frame(line)), pair(line));
    let seal = Seal::of(id, &[]);
    let closed = seal.close_line(line);
    let rest = |line: &HeaderValue| line.as_bytes()[pair(line).len()..].to_vec();
    assert_eq!(rest(&closed), rest(line), "attributes changed");
    let is_marked = line.as_bytes().windows(4).any(|piece| piece == b"po1.");
    if is_marked || !closed.as_bytes().windows(4).any(|piece| piece == b"po1.") {
        return;
    }
    let sent = HeaderValue::from_bytes(pair(&closed)).expect("a part of a value");
    let mut headers = HeaderMap::from_iter([(COOKIE, sent)]);
    seal.open(&mut headers);
    let trimmed = |line: &[u8]| {
        let mut halves = line.splitn(2, |byte| *byte == b'=');
        [halves.next().unwrap_or_default().trim_ascii(), halves.next().unwrap_or_default().trim_ascii()].join(&b'=')
    };
    let opened = headers.get(COOKIE).map(HeaderValue::as_bytes).unwrap_or_default();
    assert_eq!(trimmed(opened), trimmed(pair(line)), "sealed, and another when opened");
}

/// A Cookie line, and the same bytes as Set-Cookie: ours goes, the others stay; what the shop sets is kept as written.
pub fn cookies(data: &[u8]) {
    let lines: Vec<HeaderValue> =
        data.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let mut headers = HeaderMap::new();
    for line in &lines {
        headers.append(COOKIE, line.clone());
        headers.append(SET_COOKIE, line.clone());
    }
    // Ours among them, as a browser sends it.
    let id = SessionId::random();
    let ours =
        format!("{}=", if cookie::give(id, true).as_bytes().starts_with(b"__Host-") { "__Host-punchout" } else { "" });
    let value = HeaderValue::try_from(format!("a=b; {ours}{}", id.to_cookie())).expect("visible ASCII");
    headers.append(COOKIE, value);
    assert!(cookie::is_in(&headers));
    let before: Vec<Vec<u8>> = others(&headers);
    for secure in [true, false] {
        let _ = cookie::read(&headers, secure);
    }
    for line in &lines {
        edited(id, line);
        for gone in cookie::expire_all(line) {
            assert!(!gone.as_bytes().contains(&b'\n') && !gone.as_bytes().contains(&b'\r'));
        }
    }
    cookie::take_out(&mut headers);
    assert!(!cookie::is_in(&headers), "our cookie would reach the shop");
    assert_eq!(others(&headers), before, "the shop's own cookies changed");

    let mut jar = Jar::from_browser(&headers);
    jar.take_in(&headers, "/a/b", SystemTime::UNIX_EPOCH);
    let _ = (jar.cookie("/a/b"), jar.cookie("/"));
    for line in jar.set_cookies() {
        let kept = lines.iter().any(|given| line.as_bytes().starts_with(given.as_bytes()));
        assert!(kept, "{line:?} was never written by the shop");
    }
}

/// The pairs that are not ours, in order.
fn others(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let pairs = pairs.map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty());
    pairs
        .filter(|pair| !pair.starts_with(b"punchout=") && !pair.starts_with(b"__Host-punchout="))
        .map(<[u8]>::to_vec)
        .collect()
}

/// Bytes under the name of each coding: decoded or refused, never much more out than in; and encoded, they come back.
pub fn coding(data: &[u8]) {
    let limit = Expansion { burst: 64 * 1024, ratio: 20 };
    for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd] {
        let mut body = coding::decode(Pieces::of(Cuts::of(data)), coding, limit);
        let mut out = 0;
        // A decoder may make much of the last byte, but a frame is what it makes at a time.
        while let Poll::Ready(Some(Ok(frame))) = poll(&mut body) {
            out += frame.into_data().map_or(0, |data| data.len());
            assert!(out <= limit.burst as usize + 20 * (data.len() + 1) + 16 * 1024, "{coding:?}: {out} bytes");
        }
        if coding == Coding::Deflate {
            continue;
        }
        let coded = read_all(coding::encode(Pieces::of(Cuts::of(data)), coding)).expect("these pieces never break off");
        let generous = Expansion { burst: u64::MAX, ratio: 1 };
        let back = read_all(coding::decode(Pieces::of(Cuts::of(&coded)), coding, generous));
        assert_eq!(back.ok().as_deref(), Some(data), "{coding:?}");
    }
}

/// A denied address, spelled as the bytes say: it stays denied. And any address at all is judged.
pub fn policy(data: &[u8]) {
    const DENIED: [&str; 3] = ["/checkout/preview", "/a/checkout", "/index.php?route=checkout/confirm"];
    static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy {
        denials: ["/checkout/**", "/**/checkout/**", "?route=checkout/**"]
            .map(|text| Denial { method: None, location: Location::parse(text).expect(text), field: None })
            .into(),
    });
    let judge = |address: &str| {
        let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
        POLICY.judge(&Method::GET, &Target::new(path, query))
    };
    let _ = judge(&String::from_utf8_lossy(data));
    for address in DENIED {
        let spelled = spell(address, data);
        assert!(matches!(judge(&spelled), Verdict::Deny(_)), "{spelled} gets past");
    }
}

/// The address in another spelling that some shop takes for the same: one byte of `choices` says what is done to one
/// of its characters.
fn spell(address: &str, choices: &[u8]) -> String {
    let mut spelled = String::new();
    let mut in_query = false;
    for (n, one) in address.chars().enumerate() {
        let choice = choices.get(n).copied().unwrap_or(0);
        in_query |= one == '?';
        match (one, choice % 8) {
            ('?' | '=', _) => spelled.push(one),
            (_, 1) => spelled.push_str(&format!("%{:02x}", one as u32)),
            (_, 2) => spelled.push_str(&format!("%{:02X}", one as u32)),
            (one, 3) if !in_query => spelled.push_str(&format!("%25{:02x}", one as u32)),
            (one, 4) => spelled.push(one.to_ascii_uppercase()),
            ('/', 5) if !in_query => spelled.push_str("//"),
            ('/', 6) if !in_query => spelled.push_str("/x/../"),
            ('/', 7) if !in_query => {
                spelled.push_str(["/./", "/%2e/", "/x/%2e%2E/", ";a=b/", "/x/.%2e/"][usize::from(choice) / 8 % 5])
            }
            (one, _) => spelled.push(one),
        }
    }
    if !spelled.starts_with('/') {
        // The first slash stands for itself: without it there is no request.
        spelled.insert(0, '/');
    }
    spelled
}

/// `proxy.toml`: a plan or faults, and never both missing.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // A file that is named is opened, and a name that is to be listened on is looked up: not what is tested here.
    if text.contains("_file") || text.contains("listen") || text.contains("_env") || text.contains('\\') {
        return;
    }
    let outcome = config::read(&text, Path::new("/nowhere"));
    assert!(outcome.plan.is_some() == outcome.faults.is_empty(), "{:?}", outcome.faults);
    for fault in outcome.faults.iter().chain(&outcome.warnings) {
        let _ = fault.to_string();
    }
}

fn poll<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
    Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
}

fn read_all<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Result<Vec<u8>, B::Error> {
    let mut output = Vec::new();
    while let Poll::Ready(Some(frame)) = poll(&mut body) {
        output.extend_from_slice(&frame?.into_data().unwrap_or_default());
    }
    Ok(output)
}

/// A text in pieces of 1 to 64 bytes, cut where its own bytes say: the same input is always cut the same way.
#[derive(Clone)]
struct Cuts<'a> {
    rest: &'a [u8],
    state: u64,
}

impl<'a> Cuts<'a> {
    fn of(data: &'a [u8]) -> Self {
        // FNV-1a
        let state = data
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        Cuts { rest: data, state: state | 1 }
    }
}

impl<'a> Iterator for Cuts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let longest = if self.state & 0x300 == 0 { 64 } else { 5 };
        let size = (self.state as usize >> 16) % longest + 1;
        let (piece, rest) = self.rest.split_at(size.min(self.rest.len()));
        self.rest = rest;
        Some(piece)
    }
}

/// A body in these frames.
struct Pieces(VecDeque<Bytes>);

impl Pieces {
    fn of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Pieces(pieces.into_iter().map(Bytes::copy_from_slice).collect())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}
