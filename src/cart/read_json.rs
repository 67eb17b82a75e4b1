//! A cart that is JSON: at an address of its own ([`Endpoint`]), or inside the cart page.
//!
//! What a path finds becomes a text, and from there on a cart is a cart: the same typing, the same findings.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde_json::{Number, Value};

use super::Cart;
use super::articles::Articles;
use super::gathered::Gathered;
use super::raw::{Capture, MAX_CAPTURES, RawLine, Seen};
use super::rules::{At, Endpoint, Lines, Minor, Money, NodePath, NodeRead, Nodes, Rules};

/// A number that went through a binary float is exact to so many significant digits; some shops print two more, which are
/// noise (`1234.5600000000001`).
const FLOAT_DIGITS: u32 = 15;

/// The cart that an endpoint's answers hold together, in their order.
pub fn read(rules: &Arc<Rules>, answers: &[Value]) -> Cart {
    gather(rules, answers).cart(&Articles::default())
}

/// The same, before it is understood.
pub fn gather(rules: &Arc<Rules>, answers: &[Value]) -> Gathered {
    let seen = match &rules.lines {
        Lines::Script(_, nodes) | Lines::Endpoint(_, nodes) => seen(nodes, &rules.money, answers),
        Lines::Html(_) => Seen::default(),
    };
    Gathered::new(rules, seen)
}

/// Where an answer says that the next one is.
pub fn next<'v>(endpoint: &Endpoint, answer: &'v Value) -> Option<&'v str> {
    let found = endpoint.next.as_ref()?.query(answer).first()?;
    found.as_str().filter(|address| !address.trim().is_empty())
}

/// The lines of all documents, as texts. What stands beside them is taken from the last document: each repeats it.
pub(super) fn seen(nodes: &Nodes, money: &Money, documents: &[Value]) -> Seen {
    let last = documents.last().map(std::slice::from_ref).unwrap_or_default();
    let beside = money.beside().map(|beside| match &beside.at {
        At::Json(nodes) => rows(nodes, last),
        At::Markup(_) => Seen::default(),
    });
    Seen { beside: beside.collect(), ..rows(nodes, documents) }
}

fn rows(nodes: &Nodes, documents: &[Value]) -> Seen {
    let mut seen = Seen::default();
    for document in documents {
        for line in nodes.line.query(document).iter() {
            if seen.lines.len() >= nodes.max_lines {
                seen.too_long = true;
                break;
            }
            let line = raw_line(nodes, document, line);
            if line.captures.iter().any(Capture::says_something) {
                seen.lines.push(line);
            } else {
                seen.passed_over += 1;
            }
        }
    }
    seen.empty = documents.iter().any(|document| says_empty(nodes, document));
    seen
}

/// Whether the line path finds anything in `document`.
pub(super) fn lines_in<'v>(nodes: &Nodes, document: &'v Value) -> Vec<&'v Value> {
    nodes.line.query(document).all()
}

fn raw_line(nodes: &Nodes, document: &Value, line: &Value) -> RawLine {
    let mut captures = Vec::new();
    for (index, read) in nodes.reads.iter().enumerate() {
        let found = at(&read.path, document, line);
        captures.extend(found.into_iter().take(MAX_CAPTURES).filter_map(|node| {
            let (text, is_number) = text_of(read, node, document, line)?;
            Some(Capture::of_node(index, text, is_number))
        }));
    }
    RawLine { captures, skip: false }
}

fn at<'v>(path: &NodePath, document: &'v Value, line: &'v Value) -> Vec<&'v Value> {
    match path {
        NodePath::InDocument(path) => path.query(document).all(),
        NodePath::InLine(path) => path.query(line).all(),
    }
}

/// What a node says, and whether it is a plain number. Arrays and objects say nothing.
fn text_of(read: &NodeRead, node: &Value, document: &Value, line: &Value) -> Option<(String, bool)> {
    if let Some(minor) = &read.minor_units {
        let digits = match minor {
            Minor::Digits(digits) => *digits,
            // Without it an amount would be a hundred times what it is.
            Minor::At(path) => digits(at(path, document, line).first()?)?,
        };
        return Some((money(decimal(node)?, digits)?, true));
    }
    match node {
        Value::String(text) => Some((htmlize::unescape(text).into_owned(), false)),
        Value::Number(number) if !read.is_amount => Some((number.to_string(), false)),
        Value::Number(number) => match number_of(number) {
            Some(number) => Some((plain(number), true)),
            // What no price has: the number as it stands is refused further on.
            None => Some((number.to_string(), false)),
        },
        Value::Bool(truth) => Some((truth.to_string(), false)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn digits(node: &Value) -> Option<u32> {
    let digits = decimal(node)?.normalize();
    u32::try_from(digits.mantissa()).ok().filter(|value| digits.scale() == 0 && *value <= 9)
}

/// A number, or a text that is one.
fn decimal(node: &Value) -> Option<Decimal> {
    match node {
        Value::Number(number) => number_of(number),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn number_of(number: &Number) -> Option<Decimal> {
    let text = number.to_string();
    let value = text.parse().or_else(|_| Decimal::from_scientific(&text)).ok()?;
    if number.is_f64() { value.round_sf(FLOAT_DIGITS) } else { Some(value) }
}

/// An amount in the smallest unit, in whole ones.
fn money(amount: Decimal, digits: u32) -> Option<String> {
    amount.checked_div(Decimal::from(10_u64.pow(digits))).map(plain)
}

/// JSON leaves out what is 0 at the end; money has two decimals at least, and rounding is judged by the last one.
fn plain(number: Decimal) -> String {
    let mut number = number.normalize();
    if number.scale() < 2 {
        number.rescale(2);
    }
    number.to_string()
}

fn says_empty(nodes: &Nodes, document: &Value) -> bool {
    let nothing = |value: &Value| match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        _ => false,
    };
    let array_is_empty = nodes.array.as_ref().is_some_and(|array| array.query(document).iter().any(|v| nothing(v)));
    array_is_empty
        || nodes.empty.iter().any(|(path, pattern)| {
            path.query(document).iter().any(|node| match (pattern, *node) {
                (Some(pattern), Value::String(text)) => pattern.is_match(text),
                (Some(pattern), other) => pattern.is_match(&other.to_string()),
                (None, other) => !matches!(other, Value::Null | Value::Bool(false)),
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cart::rules::Rules;
    use proptest::prelude::*;
    use serde_json::json;

    fn rules(more: &str) -> Arc<Rules> {
        let base = "source = 'json'\njson = '/cart'\nline = '$.items[*]'\nname = '@.name'\nquantity = '@.quantity'\ncurrency = ['$.currency', 'NOK']\n";
        Arc::new(Rules::compile(toml::from_str(&format!("{base}{more}")).unwrap()).unwrap())
    }

    fn codes(cart: &Cart) -> Vec<&'static str> {
        cart.findings.iter().map(|finding| finding.code).collect()
    }

    fn price(more: &str, item: Value) -> Result<String, Vec<&'static str>> {
        let mut item = item;
        item["name"] = json!("A");
        item["quantity"] = json!(1);
        let cart = read(&rules(more), &[json!({ "items": [item], "digits": 3 })]);
        match cart.lines.first() {
            Some(line) if cart.findings.is_empty() => Ok(line.price.to_string()),
            _ => Err(codes(&cart)),
        }
    }

    #[test]
    fn numbers_texts_and_minor_units() {
        let by = |place: &str, item: Value| price(&format!("price = {place}"), item);
        for (place, item, expected) in [
            ("'@.p'", json!({"p": 12.5}), "12.50"),
            ("'@.p'", json!({"p": 1234}), "1234.00"),
            ("'@.p'", json!({"p": 0.0375}), "0.0375"),
            ("'@.p'", json!({"p": 1234.5600000000001}), "1234.56"),
            ("'@.p'", json!({"p": 1e3}), "1000.00"),
            ("'@.p'", json!({"p": "kr 1.234,56"}), "1234.56"),
            ("'@.p'", json!({"p": "&#107;&#114;&nbsp;1.234,56"}), "1234.56"),
            ("{ select = '@.p', minor_units = 2 }", json!({"p": "123456"}), "1234.56"),
            ("{ select = '@.p', minor_units = 0 }", json!({"p": 99}), "99.00"),
            ("{ select = '@.p', minor_units = '@.m' }", json!({"p": "37500", "m": 6}), "0.0375"),
            ("{ select = '@.p', minor_units = '$.digits' }", json!({"p": 1500}), "1.50"),
            ("['@.none', { select = '@.p[1].v' }]", json!({"p": [1, {"v": 2}]}), "2.00"),
        ] {
            assert_eq!(by(place, item), Ok(expected.to_owned()), "{place}");
        }
    }

    #[test]
    fn what_cannot_be_scaled_is_no_price() {
        let place = "price = { select = '@.p', minor_units = '@.m' }";
        for item in
            [json!({"p": 100}), json!({"p": 100, "m": "two"}), json!({"p": 100, "m": 99}), json!({"p": "x", "m": 2})]
        {
            assert_eq!(price(place, item.clone()), Err(vec!["PO-PRICE-MISSING"]), "{item}");
        }
        assert_eq!(price("price = '@.p'", json!({"p": -1})), Err(vec!["PO-PRICE-UNREADABLE"]));
        assert_eq!(price("price = '@.p'", json!({"p": 1e300})), Err(vec!["PO-PRICE-UNREADABLE"]));
        assert_eq!(price("price = '@.p'", json!({"p": "1.234"})), Err(vec!["PO-PRICE-UNREADABLE"]), "thousands or not");
    }

    #[test]
    fn empty_and_not_found_are_two_things() {
        let rules = rules("price = '@.p'\nempty = { select = '$.count', pattern = '^0$' }");
        for document in [json!({"items": []}), json!({"items": null, "count": 0}), json!({"count": "0"})] {
            let cart = read(&rules, &[document]);
            assert!(cart.empty && cart.findings.is_empty());
        }
        for document in [json!({"error": "no session"}), json!({"items": null}), json!([]), json!({"items": [{}]})] {
            let cart = read(&rules, std::slice::from_ref(&document));
            assert_eq!((cart.empty, codes(&cart)), (false, vec!["PO-CART-NO-LINES"]), "{document}");
        }
    }

    #[test]
    fn answers_follow_each_other_up_to_the_limit() {
        let rules = rules("price = '@.p'\nnext = '$.links.next'\nmax_lines = 3");
        let page = |names: &[&str], next: Value| {
            let items: Vec<_> = names.iter().map(|name| json!({"name": name, "quantity": 1, "p": 5})).collect();
            json!({"items": items, "links": {"next": next}})
        };
        let first = page(&["A", "B"], json!("/cart?page=2"));
        let endpoint = rules.endpoint().unwrap();
        assert_eq!(next(endpoint, &first), Some("/cart?page=2"));
        for end in [json!(null), json!(""), json!(2)] {
            assert_eq!(next(endpoint, &page(&[], end)), None);
        }
        let cart = read(&rules, &[first.clone(), page(&["C"], json!(null))]);
        assert_eq!((cart.lines.len(), codes(&cart)), (3, vec![]));
        assert_eq!(codes(&read(&rules, &[first.clone(), first])), ["PO-CART-TOO-LONG"]);
    }

    proptest! {
        #[test]
        fn any_json_is_read_without_a_panic_and_amounts_are_exact(amount in 0i64..1_000_000_000_000, digits in 0u32..7, noise in "[\\PC]{0,40}") {
            let rules = rules("price = { select = '@.p', minor_units = '@.m' }");
            let item = json!({"name": format!("A{noise}"), "quantity": 1, "p": amount.to_string(), "m": digits});
            let cart = read(&rules, &[json!({"items": [item]})]);
            prop_assert_eq!(cart.lines[0].price, Decimal::new(amount, digits));
            if let Ok(value) = serde_json::from_str::<Value>(&noise) {
                read(&rules, &[value]);
            }
        }
    }
}
