//! A returned cart as a receiver got it, and everything in it that a buyer's system would trip over.
//!
//! For carts that any shop returned, not only ours: captured at the buyer, or taken from the network view of a browser.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::fields::{FieldKind, FieldName, LongTextStyle};
use super::mapping::Mapping;
use super::number::DecimalMark;
use super::parameters::{decode, pairs};
use crate::cart::currency::is_iso;
use crate::cart::unit::Units;
use crate::finding::{Finding, Severity, code};

/// What a returned body holds, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Linted {
    /// Inputs that are on no line.
    pub header: Vec<(String, String)>,
    /// Lines by their number.
    pub lines: BTreeMap<usize, BTreeMap<String, String>>,
    /// Before any buyer's severities.
    pub findings: Vec<Finding>,
}

/// Reads an urlencoded body and holds it to a buyer's limits and units. The charset is told by the bytes: UTF-8 where
/// they are that, else Windows-1252.
pub fn lint(mapping: &Mapping, units: &Units, body: &[u8]) -> Linted {
    let mut linted = Linted::default();
    let mut lines: BTreeMap<usize, BTreeMap<FieldName, String>> = BTreeMap::new();
    let mut inputs = 0;
    for (name, value) in pairs(body).map(|(name, value)| (decode(name), decode(value))) {
        inputs += 1;
        let Some((field, number, style)) = on_line(&name) else {
            linted.header.push((name, value));
            continue;
        };
        if field.as_str() == "LONGTEXT" && style != mapping.longtext {
            let detail = format!("{name}: the buyer's system does not read LONGTEXT under this name");
            linted.findings.push(Finding::on_line(code::FIELD_INVALID, Severity::Warning, number, detail));
        }
        if lines.entry(number).or_default().insert(field, value).is_some() {
            linted.findings.push(Finding::on_line(code::FIELD_TWICE, Severity::Error, number, format!("{name} twice")));
        }
    }
    let mut check = Check { mapping, units, findings: &mut linted.findings };
    check.cart(&lines, inputs);
    for (number, fields) in &lines {
        check.line(*number, fields);
    }
    let named = |fields: BTreeMap<FieldName, String>| {
        fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    };
    linted.lines = lines.into_iter().map(|(number, fields)| (number, named(fields))).collect();
    linted
}

/// `NEW_ITEM-UNIT[3]`, and the long text in any of its spellings.
fn on_line(name: &str) -> Option<(FieldName, usize, LongTextStyle)> {
    let rest = name.strip_prefix("NEW_ITEM-")?;
    if let Some(rest) = rest.strip_prefix("LONGTEXT_") {
        let (number, style) = match rest.strip_suffix(":132[]") {
            Some(number) => (number, LongTextStyle::Spec),
            None => (rest, LongTextStyle::Plain),
        };
        return Some((FieldName::parse("LONGTEXT")?, number.parse().ok()?, style));
    }
    let (field, number) = rest.strip_suffix(']')?.rsplit_once('[')?;
    Some((FieldName::parse(field)?, number.parse().ok()?, LongTextStyle::Indexed))
}

struct Check<'a> {
    mapping: &'a Mapping,
    units: &'a Units,
    findings: &'a mut Vec<Finding>,
}

impl Check<'_> {
    fn cart(&mut self, lines: &BTreeMap<usize, BTreeMap<FieldName, String>>, inputs: usize) {
        let mut on_cart = |code, severity, detail: String| self.findings.push(Finding::on_cart(code, severity, detail));
        if inputs > self.mapping.max_inputs {
            let detail = format!("{inputs} inputs; the buyer's system is known to read {}", self.mapping.max_inputs);
            on_cart(code::TOO_MANY_INPUTS, Severity::Error, detail);
        }
        if lines.is_empty() {
            on_cart(
                code::CART_EMPTY,
                Severity::Error,
                "no NEW_ITEM field: the buyer's system takes it as no lines".into(),
            );
        }
        for (expected, &number) in (1..).zip(lines.keys()) {
            if number != expected {
                on_cart(code::LINE_GAP, Severity::Error, format!("line {expected} is missing, line {number} follows"));
                break;
            }
        }
        let all: BTreeSet<&FieldName> = lines.values().flat_map(BTreeMap::keys).collect();
        for (&number, fields) in lines {
            let missing: Vec<_> =
                all.iter().filter(|name| !fields.contains_key(**name)).map(|name| name.to_string()).collect();
            if !missing.is_empty() {
                let detail = format!("other lines have {}", missing.join(", "));
                self.findings.push(Finding::on_line(code::FIELDS_UNEVEN, Severity::Warning, number, detail));
            }
        }
    }

    fn line(&mut self, number: usize, fields: &BTreeMap<FieldName, String>) {
        let mut found = |code, severity, detail: String| {
            self.findings.push(Finding::on_line(code, severity, number, detail));
        };
        let has = |name: &str| fields.iter().any(|(field, value)| field.as_str() == name && !value.is_empty());
        let mut missing: BTreeSet<&str> = BTreeSet::new();
        if !has("MATNR") {
            missing.extend(["DESCRIPTION", "UNIT"].into_iter().filter(|name| !has(name)));
        }
        missing.extend(["QUANTITY"].into_iter().filter(|name| !has(name)));
        missing.extend(self.mapping.required.iter().map(FieldName::as_str).filter(|name| !has(name)));
        for name in missing {
            found(code::FIELD_MISSING, Severity::Error, format!("{name} is empty"));
        }
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            if name.standard().is_none() && !self.mapping.fields.contains_key(name) {
                found(code::FIELD_UNKNOWN, Severity::Info, format!("{name} is not in the standard"));
            }
            let fit = self.mapping.limits.fit(name);
            let (length, limit) = (value.chars().count(), fit.length.unwrap_or(usize::MAX));
            if length > limit {
                let detail = format!("{name}: {value:?} has {length} characters, the buyer takes {limit}");
                found(code::FIELD_TOO_LONG, Severity::Error, detail);
            }
            if is_reference(value) {
                let detail = format!("{name}: {value:?}: a browser wrote what the form's charset lacks as a reference");
                found(code::CHARSET_REPLACED, Severity::Warning, detail);
            }
            match (name.as_str(), fit.kind) {
                ("UNIT", _) if !self.units.has_code(value) => {
                    found(code::UNIT_UNKNOWN, Severity::Error, format!("the table of units lacks the code {value:?}"));
                }
                ("CURRENCY", _) if !is_iso(value) => {
                    found(code::FIELD_INVALID, Severity::Error, format!("CURRENCY: {value:?} is no ISO 4217 code"));
                }
                ("PRICEUNIT", _) if value.parse::<u32>().is_ok_and(|number| number == 0) => {
                    found(code::FIELD_INVALID, Severity::Error, "PRICEUNIT: 0: PRICE is for no unit at all".to_owned());
                }
                (_, FieldKind::Whole) if !value.bytes().all(|byte| byte.is_ascii_digit()) => {
                    found(code::FIELD_INVALID, Severity::Error, format!("{name}: {value:?} is not a whole number"));
                }
                (_, FieldKind::Number) => {
                    if let Some((code, severity, what)) = number_fault(name, value, self.mapping.decimal) {
                        found(code, severity, format!("{name}: {value:?} {what}"));
                    }
                }
                _ => {}
            }
        }
    }
}

fn number_fault(name: &FieldName, value: &str, decimal: DecimalMark) -> Option<(&'static str, Severity, &'static str)> {
    let (mark, other) = match decimal {
        DecimalMark::Dot => ('.', ','),
        DecimalMark::Comma => (',', '.'),
    };
    let (whole, decimals) = value.split_once(mark).unwrap_or((value, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if value.contains(other) {
        let what = match decimal {
            DecimalMark::Dot => "has a comma; the buyer reads a dot before the decimals and nothing between thousands",
            DecimalMark::Comma => {
                "has a dot; the buyer reads a comma before the decimals and nothing between thousands"
            }
        };
        return Some((code::FIELD_INVALID, Severity::Error, what));
    }
    if whole.is_empty() || !digits(whole) || !digits(decimals) {
        return Some((code::FIELD_INVALID, Severity::Error, "is not a number"));
    }
    if whole.trim_start_matches('0').len() > 11 {
        return Some((code::NUMBER_TOO_LARGE, Severity::Error, "has more than eleven digits before the decimals"));
    }
    if decimals.len() > 3 {
        return Some((code::FIELD_INVALID, Severity::Error, "has more than three decimals"));
    }
    let zero = format!("{whole}.{decimals}0").parse::<Decimal>().is_ok_and(|number| number.is_zero());
    match (zero, name.as_str()) {
        (true, "QUANTITY") => Some((code::FIELD_INVALID, Severity::Error, "is not above zero")),
        (true, "PRICE") => Some((code::PRICE_ZERO, Severity::Warning, "is zero")),
        _ => None,
    }
}

/// Whether it holds `&#8364;`.
fn is_reference(value: &str) -> bool {
    value.split("&#").skip(1).any(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && rest[digits..].starts_with(';')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linted(settings: &str, body: &str) -> Vec<String> {
        let mapping = Mapping::compile(&toml::from_str(settings).expect(settings)).unwrap();
        let findings = lint(&mapping, &Units::shipped(), body.as_bytes()).findings;
        findings.iter().map(|one| format!("{} {:?} {:?}", one.code, one.severity, one.line.unwrap_or(0))).collect()
    }

    const GOOD: &str = "~OkCode=ADDI&NEW_ITEM-DESCRIPTION[1]=Skrue+%F8&NEW_ITEM-QUANTITY%5B1%5D=2.000&NEW_ITEM-UNIT[1]=PCE\
                        &NEW_ITEM-PRICE[1]=1.250&NEW_ITEM-CURRENCY[1]=NOK&NEW_ITEM-PRICEUNIT[1]=1&NEW_ITEM-VENDORMAT[1]=A+1";

    #[test]
    fn a_good_cart_has_no_findings() {
        assert_eq!(linted("", GOOD), [""; 0]);
        let linted = lint(&Mapping::compile(&Default::default()).unwrap(), &Units::shipped(), GOOD.as_bytes());
        assert_eq!(linted.header, [("~OkCode".to_owned(), "ADDI".to_owned())]);
        assert_eq!((&*linted.lines[&1]["DESCRIPTION"], &*linted.lines[&1]["VENDORMAT"]), ("Skrue ø", "A 1"));
    }

    #[test]
    fn every_fault_is_told() {
        let with = |from: &str, to: &str| {
            assert!(GOOD.contains(from), "{from}");
            GOOD.replace(from, to)
        };
        let long = "NEW_ITEM-LONGTEXT_1:132[]=x";
        for (settings, body, expected) in [
            ("", String::new(), "PO-CART-EMPTY Error 0"),
            ("", GOOD.replace("[1]", "[2]").replace("%5B1%5D", "[2]"), "PO-LINE-GAP Error 0"),
            ("", with("=1.250", "=1,250"), "PO-FIELD-INVALID Error 1"),
            ("", with("=1.250", "=1.2505"), "PO-FIELD-INVALID Error 1"),
            ("", with("=1.250", "=NaN"), "PO-FIELD-INVALID Error 1"),
            ("", with("=1.250", "=.5"), "PO-FIELD-INVALID Error 1"),
            ("", with("=1.250", "=0.000"), "PO-PRICE-ZERO Warning 1"),
            ("", with("=1.250", "=100000000000.0"), "PO-NUMBER-TOO-LARGE Error 1"),
            ("", with("=2.000", "=0"), "PO-FIELD-INVALID Error 1"),
            ("", with("PRICEUNIT[1]=1", "PRICEUNIT[1]=0"), "PO-FIELD-INVALID Error 1"),
            ("", with("PRICEUNIT[1]=1", "PRICEUNIT[1]=1.0"), "PO-FIELD-INVALID Error 1"),
            ("", with("=NOK", "=kr"), "PO-FIELD-INVALID Error 1"),
            ("", with("=PCE", "=STK"), "PO-UNIT-UNKNOWN Error 1"),
            ("", with("=A+1", "="), "PO-FIELD-MISSING Error 1"),
            ("", with("Skrue+%F8", "5+%26%238364%3B"), "PO-CHARSET-REPLACED Warning 1"),
            ("limits.VENDORMAT = 2", GOOD.to_owned(), "PO-FIELD-TOO-LONG Error 1"),
            ("required = [\"MATGROUP\"]", GOOD.to_owned(), "PO-FIELD-MISSING Error 1"),
            ("max_inputs = 7", GOOD.to_owned(), "PO-TOO-MANY-INPUTS Error 0"),
            ("longtext = \"omit\"", format!("{GOOD}&{long}"), "PO-FIELD-INVALID Warning 1"),
            ("", format!("{GOOD}&NEW_ITEM-UNIT[1]=PCE"), "PO-FIELD-TWICE Error 1"),
            ("", format!("{GOOD}&NEW_ITEM-GTIN[1]=7"), "PO-FIELD-UNKNOWN Info 1"),
        ] {
            assert_eq!(linted(settings, &body), [expected], "{settings} {body}");
        }
        assert_eq!(linted("", &format!("{GOOD}&{long}")), [""; 0]);
        assert_eq!(linted("decimal = \"comma\"", &GOOD.replace('.', ",")), [""; 0]);
        let second = GOOD.replace("[1]", "[2]").replace("%5B1%5D", "[2]").replace("NEW_ITEM-PRICEUNIT[2]=1&", "");
        assert_eq!(linted("", &format!("{GOOD}&{second}")), ["PO-FIELDS-UNEVEN Warning 2"]);
    }
}
