//! Pages at which something ends: a problem, a cart that must not leave, a session that is over.
//!
//! They carry a code and the correlation id, and never a problem's or finding's detail: that may name hosts, selectors
//! or accounts, and belongs to the log, where the id finds it.

use std::time::Duration;

use http::header::{self, HeaderValue};
use serde::Serialize;

use super::html::{Html, document, safe_link};
use super::texts::{self, Message, Texts, fill};
use super::{Link, Page, Reader, policy};
use crate::finding::{Finding, Severity};
use crate::problem::{Kind, Problem, Side};

/// How a punchout session came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By time, or nobody knows it any more.
    Expired,
    /// The cart went back to the procurement system.
    Returned,
    /// The buyer went back without a cart.
    Left,
    /// A later punchout took its place.
    Replaced,
    /// The browser kept no cookie, and the buyer's sessions need one.
    NoCookies,
}

impl Ended {
    /// As metrics and the log have it.
    pub fn word(self) -> &'static str {
        match self {
            Ended::Expired => "expired",
            Ended::Returned => "returned",
            Ended::Left => "cancelled",
            Ended::Replaced => "replaced",
            Ended::NoCookies => "no-cookies",
        }
    }

    /// Reads what [`Ended::word`] wrote.
    pub fn parse(word: &str) -> Option<Ended> {
        [Ended::Expired, Ended::Returned, Ended::Left, Ended::Replaced, Ended::NoCookies]
            .into_iter()
            .find(|ended| ended.word() == word)
    }
}

/// What a program is told instead of a page.
#[derive(Serialize)]
struct Told<'a> {
    code: &'static str,
    message: &'a str,
    correlation_id: &'a str,
    side: Side,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<ToldFinding<'a>>,
}

#[derive(Serialize)]
struct ToldFinding<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    message: &'a str,
}

/// The page for a request that cannot be served, with the status of its kind, and Retry-After where it has one.
pub fn problem(problem: &Problem, reader: &Reader<'_>, links: &[Link<'_>]) -> Page {
    let message = texts::of(reader.language).problem(problem.kind);
    let mut page = notice(problem.kind, message, Html::new(), Vec::new(), reader, links);
    if let Some(delay) = problem.retry_after {
        // Whole seconds, rounded up: somebody who comes too early is turned away again.
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        page.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.kind == Kind::MethodNotAllowed {
        // RFC 9110, 15.5.6 asks for it. What the shop allows beyond that is the shop's to say.
        let served = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        page.headers.insert(header::ALLOW, served);
    }
    page
}

/// The page for a cart that was read but must not leave: which lines, and why. `names` are the article names in the
/// order of the cart, as far as they are known. Only findings that stop the cart are shown.
pub fn cart_refused(findings: &[Finding], names: &[&str], reader: &Reader<'_>, links: &[Link<'_>]) -> Page {
    let texts = texts::of(reader.language);
    let mut errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    errors.sort_by_key(|finding| finding.line);

    let mut reasons = Html::new();
    reasons.paragraph(&texts.cart_refused.nothing_sent);
    if !errors.is_empty() {
        reasons.markup("<ul>\n");
        for finding in &errors {
            reasons.markup("<li><strong>").text(&place(finding, names, texts)).markup("</strong>");
            reasons.text(texts.finding(finding.code)).markup(" <code>").text(finding.code).markup("</code></li>\n");
        }
        reasons.markup("</ul>\n");
    }
    let told = errors
        .iter()
        .map(|finding| ToldFinding { code: finding.code, line: finding.line, message: texts.finding(finding.code) })
        .collect();
    notice(Kind::CartRefused, texts.problem(Kind::CartRefused), reasons, told, reader, links)
}

/// The page for whoever comes after the end of a session, or at it.
pub fn session_over(ended: Ended, reader: &Reader<'_>, links: &[Link<'_>]) -> Page {
    let texts = texts::of(reader.language);
    let message = match ended {
        Ended::Expired | Ended::Replaced | Ended::NoCookies => texts.problem(Kind::SessionOver),
        Ended::Returned => &texts.session.returned,
        Ended::Left => &texts.session.left,
    };
    notice(Kind::SessionOver, message, Html::new(), Vec::new(), reader, links)
}

/// The page for whoever sends a cart a second time. Only of a browser that said so is it `known` that the first was sent.
pub fn sent_already(known: bool, reader: &Reader<'_>, links: &[Link<'_>]) -> Page {
    let session = &texts::of(reader.language).session;
    let message = if known { &session.returned } else { &session.shown };
    notice(Kind::SessionOver, message, Html::new(), Vec::new(), reader, links)
}

/// The page on which somebody waits for an account: it asks for `address` again after `wait`, by itself.
pub fn pool_busy(wait: Duration, address: &str, reader: &Reader<'_>) -> Page {
    let texts = texts::of(reader.language);
    let seconds = wait.as_secs().to_string();
    let advice = fill(&texts.pool_busy.advice, &[("seconds", &seconds)]).into_owned();
    let message = Message { title: texts.pool_busy.title.clone(), advice };
    let mut head = Html::new();
    // No script: it works in every browser.
    head.markup("<meta http-equiv=\"refresh\"").attribute("content", &format!("{seconds};url={address}")).markup(">\n");
    let links = [Link::Again(address)];
    let mut page = notice_with(head, Kind::PoolBusy, &message, Html::new(), Vec::new(), reader, &links);
    page.headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    page
}

fn notice(
    kind: Kind,
    message: &Message,
    reasons: Html,
    findings: Vec<ToldFinding<'_>>,
    reader: &Reader<'_>,
    links: &[Link<'_>],
) -> Page {
    notice_with(Html::new(), kind, message, reasons, findings, reader, links)
}

fn notice_with(
    head: Html,
    kind: Kind,
    message: &Message,
    reasons: Html,
    findings: Vec<ToldFinding<'_>>,
    reader: &Reader<'_>,
    links: &[Link<'_>],
) -> Page {
    if reader.wants_json {
        let told = Told {
            code: kind.code(),
            message: &message.title,
            correlation_id: reader.reference,
            side: kind.side(),
            findings,
        };
        let body = serde_json::to_string(&told).expect("strings and numbers always serialize");
        return Page::json(kind.status(), body);
    }
    let texts = texts::of(reader.language);
    let mut main = reasons;
    main.paragraph(&message.advice);
    write_links(&mut main, links, texts);
    write_reference(&mut main, kind, reader, texts);
    let body = document(reader.language, reader.nonce, &message.title, head, main);
    Page::html(kind.status(), body, policy(reader.nonce, false))
}

fn place(finding: &Finding, names: &[&str], texts: &Texts) -> String {
    let words = &texts.cart_refused;
    let Some(line) = finding.line else { return words.whole.clone() };
    let number = line.to_string();
    match line.checked_sub(1).and_then(|index| names.get(index)).filter(|name| !name.is_empty()) {
        Some(name) => fill(&words.line_named, &[("line", &number), ("name", name)]).into_owned(),
        None => fill(&words.line, &[("line", &number)]).into_owned(),
    }
}

fn write_links(main: &mut Html, links: &[Link<'_>], texts: &Texts) {
    let labelled = links.iter().filter_map(|link| {
        let (address, label) = match *link {
            Link::Cart(address) => (address, &texts.label.back_to_cart),
            Link::Shop(address) => (address, &texts.label.to_shop),
            Link::Again(address) => (address, &texts.label.try_again),
        };
        safe_link(address).map(|address| (address, label))
    });
    let mut open = false;
    for (address, label) in labelled {
        if !open {
            main.markup("<p class=\"actions\">");
            open = true;
        }
        main.markup("<a").attribute("href", address).markup(">").text(label).markup("</a>");
    }
    if open {
        main.markup("</p>\n");
    }
}

fn write_reference(main: &mut Html, kind: Kind, reader: &Reader<'_>, texts: &Texts) {
    let label = &texts.label;
    main.markup("<footer>\n").paragraph(&label.quote).markup("<dl>\n");
    main.markup("<dt>").text(&label.code).markup("</dt><dd><code>").text(kind.code()).markup("</code></dd>\n");
    main.markup("<dt>").text(&label.reference).markup("</dt><dd><code>");
    main.text(reader.reference).markup("</code></dd>\n");
    if let Some(contact) = reader.contact {
        main.markup("<dt>").text(&label.contact).markup("</dt><dd>");
        write_contact(main, contact);
        main.markup("</dd>\n");
    }
    main.markup("</dl>\n</footer>\n");
}

/// A link where the contact is an address that can be followed, else the words as they are.
fn write_contact(main: &mut Html, contact: &str) {
    let plain_address = contact.split_once('@').is_some_and(|(local, host)| {
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
        };
        plain(local) && plain(host)
    });
    if plain_address {
        main.markup("<a").attribute("href", &format!("mailto:{contact}")).markup(">").text(contact).markup("</a>");
    } else if let Some(address) = safe_link(contact) {
        main.markup("<a").attribute("href", address).markup(">").text(contact).markup("</a>");
    } else {
        main.text(contact);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Language, Nonce};
    use super::*;
    use crate::finding::code;
    use http::StatusCode;
    use std::time::Duration;

    const HOSTILE: &str = "\"><script>alert(1)</script>'&\r\nSet-Cookie: a=b";

    fn read(wants_json: bool, check: impl Fn(&Reader<'_>)) {
        for language in Language::ALL {
            let nonce = Nonce::from_bytes([7; 16]);
            let contact = Some("innkjop@kommune.example");
            check(&Reader { language, reference: "01JD-77", contact, wants_json, nonce: &nonce });
        }
    }

    #[test]
    fn every_kind_has_a_page_with_status_code_and_reference_but_no_detail() {
        read(false, |reader| {
            for kind in Kind::ALL {
                let page = problem(&Problem::new(kind, "10.0.0.7 said no"), reader, &[Link::Shop("/")]);
                assert_eq!(page.status, kind.status());
                assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
                let expected = [
                    kind.code(),
                    "01JD-77",
                    "mailto:innkjop@kommune.example",
                    "href=\"/\"",
                    &format!("lang=\"{}\"", reader.language.code()),
                ];
                for expected in expected {
                    assert!(page.body.contains(expected), "{kind:?} {expected}");
                }
                assert!(!page.body.contains("10.0.0.7"));
                assert!(!page.body.contains("<script"));
            }
        });
    }

    #[test]
    fn programs_get_json() {
        read(true, |reader| {
            let page = problem(&Problem::new(Kind::ShopTimeout, "10.0.0.7 said no"), reader, &[]);
            assert_eq!(page.status, StatusCode::GATEWAY_TIMEOUT);
            assert_eq!(page.headers["content-type"], "application/json");
            let told: serde_json::Value = serde_json::from_str(&page.body).unwrap();
            assert_eq!(told["code"], "PO-SHOP-TIMEOUT");
            assert_eq!(told["side"], "shop");
            assert_eq!(told["correlation_id"], "01JD-77");
            assert!(told["message"].as_str().is_some_and(|message| !message.is_empty()));
            assert_eq!(told.as_object().unwrap().len(), 4);
        });
    }

    #[test]
    fn retry_after_is_in_whole_seconds_and_never_early() {
        read(false, |reader| {
            let busy = |delay| Problem::new(Kind::ShopBusy, "").retry_after(delay);
            for (delay, seconds) in [(0, "0"), (1, "1"), (1000, "1"), (1001, "2"), (30_000, "30")] {
                let page = problem(&busy(Duration::from_millis(delay)), reader, &[]);
                assert_eq!(page.headers["retry-after"], seconds);
            }
            assert!(!problem(&Problem::new(Kind::ShopBusy, ""), reader, &[]).headers.contains_key("retry-after"));
        });
    }

    #[test]
    fn a_refused_cart_names_its_lines_in_order_and_only_what_stops_it() {
        let findings = [
            Finding::on_line(code::PRICE_MISSING, Severity::Error, 3, "td.price"),
            Finding::on_line(code::FIELD_CUT, Severity::Warning, 1, "41 of 40"),
            Finding::on_line(code::UNIT_UNKNOWN, Severity::Error, 2, "dusin"),
            Finding::on_cart("PO-OF-TOMORROW", Severity::Error, "new"),
        ];
        let names = ["Blyant", "Binders <æøå> & \"co\""];
        let link = [Link::Cart("/basket/")];
        read(false, |reader| {
            let page = cart_refused(&findings, &names, reader, &link);
            let texts = texts::of(reader.language);
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
            let at = |text: &str| page.body.find(text).unwrap_or_else(|| panic!("{text} is not in {}", page.body));
            assert!(at(&texts.cart_refused.whole) < at("2: Binders &lt;æøå&gt; &amp; \"co\""));
            assert!(at("PO-UNIT-UNKNOWN") < at("PO-PRICE-MISSING"));
            at(&texts.cart_refused.other);
            at("href=\"/basket/\"");
            for absent in ["PO-FIELD-CUT", "Blyant", "td.price", "dusin"] {
                assert!(!page.body.contains(absent), "{absent}");
            }
        });
        read(true, |reader| {
            let told: serde_json::Value =
                serde_json::from_str(&cart_refused(&findings, &names, reader, &link).body).unwrap();
            assert_eq!(told["findings"][1]["code"], "PO-UNIT-UNKNOWN");
            assert_eq!(told["findings"][1]["line"], 2);
            assert_eq!(told["findings"].as_array().unwrap().len(), 3);
        });
    }

    #[test]
    fn the_end_of_a_session_says_which_end() {
        read(false, |reader| {
            let texts = texts::of(reader.language);
            let ends = [
                (Ended::Expired, &texts.problem(Kind::SessionOver).title),
                (Ended::Returned, &texts.session.returned.title),
                (Ended::Left, &texts.session.left.title),
            ];
            let shown = sent_already(false, reader, &[]);
            assert!(
                shown.body.contains(&texts.session.shown.title) && !shown.body.contains(&texts.session.returned.title)
            );
            assert!(sent_already(true, reader, &[]).body.contains(&texts.session.returned.title));
            for (ended, title) in ends {
                let page = session_over(ended, reader, &[]);
                assert_eq!(page.status, StatusCode::GONE);
                assert!(page.body.contains(&format!("<h1>{title}</h1>")), "{ended:?}");
            }
        });
    }

    #[test]
    fn hostile_values_stay_values() {
        let nonce = Nonce::from_bytes([7; 16]);
        let findings = [Finding::on_line(code::PRICE_MISSING, Severity::Error, 1, HOSTILE)];
        let links = [Link::Cart(HOSTILE), Link::Shop("javascript:alert(1)"), Link::Again("/?q=\"><script>")];
        for wants_json in [false, true] {
            let language = Language::English;
            let reader = Reader { language, reference: HOSTILE, contact: Some(HOSTILE), wants_json, nonce: &nonce };
            let pages = [
                problem(&Problem::new(Kind::Internal, HOSTILE), &reader, &links),
                cart_refused(&findings, &[HOSTILE], &reader, &links),
                session_over(Ended::Left, &reader, &links),
            ];
            for page in pages {
                if wants_json {
                    let told: serde_json::Value = serde_json::from_str(&page.body).unwrap();
                    assert_eq!(told["correlation_id"], HOSTILE);
                } else {
                    assert!(!page.body.contains("<script"), "{}", page.body);
                    assert!(!page.body.contains("javascript:"));
                    assert!(page.body.contains("href=\"/?q=&quot;&gt;&lt;script&gt;\""));
                }
                for (name, value) in &page.headers {
                    let value = value.to_str().unwrap();
                    assert!(!value.contains("alert") && !value.contains("Set-Cookie"), "{name}: {value}");
                }
            }
        }
    }
}
