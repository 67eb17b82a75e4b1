//! Any cart, by fields and form to what a browser sends, read again by a receiver, is the cart again, save for losses that
//! a finding tells; and no finding tells of a loss that is none. For every profile, in both charsets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use punchout_proxy::cart::unit::Units;
use punchout_proxy::cart::{Cart, Line};
use punchout_proxy::config::compile::{Habits, habits_of};
use punchout_proxy::config::profiles::PROFILES;
use punchout_proxy::finding::{Finding, Severity, code};
use punchout_proxy::protocol::oci::form::{HandOver, HookQuery, form_html};
use punchout_proxy::protocol::oci::mapping::{Surroundings, UnitFound, map};
use punchout_proxy::protocol::oci::{Charset, FieldName, Hook, Parameters, Target, parse_back};
use rust_decimal::Decimal;

/// What a receiver has on one line.
type Received = BTreeMap<String, String>;

/// The body as a receiver reads it that knows its charset.
fn received(body: &[u8], charset: Charset) -> BTreeMap<usize, Received> {
    let decode = |raw: &str| {
        let bytes: Vec<u8> = percent_encoding::percent_decode_str(&raw.replace('+', " ")).collect();
        let (text, _, broken) = charset.encoding().decode(&bytes);
        assert!(!broken, "{raw}");
        text.into_owned()
    };
    let mut lines: BTreeMap<usize, Received> = BTreeMap::new();
    for pair in std::str::from_utf8(body).unwrap().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap();
        let (name, value) = (decode(name), decode(value));
        let name = name.strip_prefix("NEW_ITEM-").unwrap();
        let (field, number) = match name.strip_prefix("LONGTEXT_") {
            Some(rest) => ("LONGTEXT", rest.trim_end_matches(":132[]")),
            None => name.strip_suffix(']').unwrap().split_once('[').unwrap(),
        };
        let earlier = lines.entry(number.parse().unwrap()).or_default().insert(field.to_owned(), value);
        assert_eq!(earlier, None, "{name} twice");
    }
    lines
}

/// What OCI's fields do not keep by design, and nobody misses: white space as it was, and what cannot be seen.
fn seen(text: &str) -> String {
    let hidden = ['\u{ad}', '\u{200b}', '\u{2060}', '\u{feff}'];
    text.chars().filter(|one| !one.is_whitespace() && !one.is_control() && !hidden.contains(one)).collect()
}

struct Arrival<'a> {
    habits: &'a Habits,
    line: &'a Line,
    received: &'a Received,
    findings: Vec<&'a Finding>,
}

impl Arrival<'_> {
    fn field(&self, name: &str) -> &str {
        self.received.get(name).map(String::as_str).unwrap_or_default()
    }

    fn number(&self, name: &str) -> Decimal {
        self.field(name).parse().unwrap()
    }

    /// Whether a finding of that code tells of that field.
    fn told(&self, code: &str, field: &str) -> bool {
        self.findings.iter().any(|one| one.code == code && (field.is_empty() || one.detail.starts_with(field)))
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let (line, name) = (self.line, seen(&self.line.name));
        let described = seen(self.field("DESCRIPTION"));
        let lost = described != name;
        let cut = self.told(code::FIELD_CUT, "DESCRIPTION");
        let replaced = self.told(code::CHARSET_REPLACED, "DESCRIPTION");
        prop_assert_eq!(lost, cut || replaced, "{:?} became {:?}: {:?}", &line.name, described, &self.findings);
        if cut && !replaced {
            prop_assert!(name.starts_with(&described));
            // Whether it is no more than information that it was cut.
            let whole = self.findings.iter().any(|one| one.code == code::FIELD_CUT && one.severity == Severity::Info);
            prop_assert_eq!(whole, seen(self.field("LONGTEXT")) == name, "{:?}", &self.findings);
        }
        // Item numbers arrive as they are or not at all.
        for field in ["VENDORMAT", "EXT_PRODUCT_ID"] {
            let sku: String = line.sku.as_deref().unwrap_or_default().chars().filter(|one| !one.is_control()).collect();
            prop_assert_eq!(self.field(field), sku.trim(), "{}", field);
        }
        prop_assert_eq!(self.field("CURRENCY"), &line.currency);

        let quantity = self.number("QUANTITY");
        prop_assert_eq!(
            quantity != line.quantity,
            self.told(code::QUANTITY_ROUNDED, ""),
            "{} {}",
            quantity,
            line.quantity
        );
        prop_assert!((quantity - line.quantity).abs() <= Decimal::new(5, 4));

        let (price, price_unit) = (self.number("PRICE"), self.number("PRICEUNIT"));
        let exact = line.price * price_unit;
        prop_assert_eq!(
            price != exact,
            self.told(code::PRICE_ROUNDED, ""),
            "{} for {}: {}",
            price,
            price_unit,
            line.price
        );
        prop_assert!((price - exact).abs() <= Decimal::new(5, 4));
        prop_assert_eq!(price_unit > Decimal::ONE && price == exact, self.told(code::PRICE_SCALED, ""));
        prop_assert_eq!(price.is_zero(), self.told(code::PRICE_ZERO, ""));

        let word = line.unit.as_deref().unwrap_or_default();
        let table = Units::shipped();
        let by_table = table.find(word).0;
        prop_assert_eq!(self.field("UNIT"), by_table.unwrap_or("PCE"));
        prop_assert_eq!(by_table.is_none(), self.told(code::UNIT_DEFAULTED, ""));

        for (field, value) in self.received {
            let fit = self.habits.mapping.limits().fit(&FieldName::parse(field).unwrap());
            prop_assert!(value.chars().count() <= fit.length.unwrap_or(usize::MAX), "{}: {:?}", field, value);
        }
        Ok(())
    }
}

/// An error must have its reason in the cart or in the buyer's demands.
fn justified(error: &Finding, line: &Line, charset: Charset, profile: &str) -> bool {
    let sku: String = line.sku.as_deref().unwrap_or_default().chars().filter(|one| !one.is_control()).collect();
    // As it is written in the charset: a euro sign becomes three letters.
    let length = charset.fit(sku.trim()).0.chars().count();
    let known = Units::shipped().find(line.unit.as_deref().unwrap_or_default()).0.is_some();
    match error.code {
        code::FIELD_MISSING => {
            sku.trim().is_empty()
                || seen(&line.name).is_empty()
                || line.quantity < Decimal::new(5, 4)
                || line.price.scale() > 3
                || profile == "visma-proceedo" && error.detail.contains("EXT_CATEGORY")
        }
        code::FIELD_TOO_LONG => length > if profile == "onventis" { 22 } else { 40 },
        code::CHARSET_REPLACED => charset == Charset::Latin1 && !charset.fit(&sku).1.is_empty(),
        // Zero when rounded to three decimals, at the largest PRICEUNIT where it is the price.
        code::FIELD_INVALID => line.quantity < Decimal::new(5, 4) || line.price < Decimal::new(5, 8),
        code::PRICE_ZERO => line.price.is_zero() && profile == "dolibarr",
        code::UNIT_DEFAULTED => !known && line.unit.is_some() && profile.starts_with("sap-"),
        _ => false,
    }
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    // Without `>`, so that nothing is a tag by chance: tags are the tests' of `text`.
    let name = "[ -=?-~æøåÆØÅé€–\u{a0}\u{ad}Ł🔩π\n\t\u{0}\u{7}]{0,60}";
    let sku = "[ -~æøå€]{0,44}";
    let unit = prop_oneof![Just(None), Just(Some("stk")), Just(Some("Eske.")), Just(Some("kgm")), Just(Some("fjong"))];
    let line = (name, sku, 1i64..100_000_000, 0u32..6, 0i64..1_000_000_000, 0u32..10, unit);
    let line = line.prop_map(|(name, sku, quantity, scale, price, price_scale, unit)| Line {
        name,
        sku: Some(sku),
        quantity: Decimal::new(quantity, scale),
        price: Decimal::new(price, price_scale),
        currency: "NOK".into(),
        unit: unit.map(str::to_owned),
        ..Line::default()
    });
    prop::collection::vec(line, 0..5)
}

#[test]
fn a_cart_arrives_save_for_what_is_told() {
    let config = ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() };
    let left = Cell::new(0);
    let outcome =
        TestRunner::new(config).run(&(lines(), 0..PROFILES.len(), any::<bool>()), |(lines, profile, latin1)| {
            let charset = if latin1 { Charset::Latin1 } else { Charset::Utf8 };
            left.set(left.get() + returned(lines, PROFILES[profile].0, charset)?);
            Ok(())
        });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    // Carts that never leave would prove nothing.
    assert!(left.get() > 500, "only {} lines left", left.get());
}

/// How many lines left, all of them held to what arrived.
fn returned(lines: Vec<Line>, profile: &str, charset: Charset) -> Result<usize, TestCaseError> {
    let habits = habits_of(profile).unwrap();
    let table = Units::shipped().with_default(Some("PCE".to_owned()));
    let units = |word: Option<&str>| UnitFound::from(table.find(word.unwrap_or_default()));
    let surroundings = Surroundings { parameters: &Parameters::default(), units: &units, charset, control_fields: 0 };
    let cart = Cart { lines, ..Cart::default() };
    let mapped = map(&habits.mapping, &cart, &surroundings);
    let mut judged = mapped.findings.clone();
    habits.severities.apply(&mut judged);

    for error in judged.iter().filter(|one| one.severity == Severity::Error) {
        let line = &cart.lines[error.line.unwrap() - 1];
        prop_assert!(justified(error, line, charset, profile), "{} {:?}: {}", profile, line, error);
    }
    if Finding::any_error(&judged) {
        return Ok(0);
    }
    let hand_over = HandOver {
        hook: Some(Hook::parse("https://srm.example/return?token=1").unwrap()),
        hook_query: HookQuery::Keep,
        control: Vec::new(),
        inputs: mapped.inputs(),
        charset,
        target: Target::default(),
    };
    let body = parse_back::forms(&form_html(&hand_over, "po")).unwrap().remove(0).body();
    let received = received(&body, charset);
    prop_assert_eq!(received.keys().copied().collect::<Vec<_>>(), (1..=cart.lines.len()).collect::<Vec<_>>());
    for (number, line) in (1..).zip(&cart.lines) {
        let findings = mapped.findings.iter().filter(|one| one.line == Some(number)).collect();
        Arrival { habits: &habits, line, received: &received[&number], findings }.check()?;
    }
    Ok(cart.lines.len())
}
