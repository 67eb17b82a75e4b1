//! A returned form, read the way a strict buyer system reads it, and everything that is wrong with it.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

/// NEW_ITEM fields and their longest value in characters, OCI 4.0 (SAP's table, relayed by many).
const FIELD_LENGTHS: &[(&str, usize)] = &[
    ("DESCRIPTION", 40),
    ("MATNR", 40),
    ("QUANTITY", 15),
    ("UNIT", 3),
    ("PRICE", 15),
    ("CURRENCY", 5),
    ("PRICEUNIT", 5),
    ("LEADTIME", 5),
    ("VENDOR", 10),
    ("VENDORMAT", 40),
    ("MANUFACTCODE", 10),
    ("MANUFACTMAT", 40),
    ("MATGROUP", 10),
    ("SERVICE", 1),
    ("CONTRACT", 10),
    ("CONTRACT_ITEM", 5),
    ("EXT_QUOTE_ID", 35),
    ("EXT_QUOTE_ITEM", 10),
    ("EXT_PRODUCT_ID", 40),
    ("ATTACHMENT", 255),
    ("ATTACHMENT_TITLE", 255),
    ("ATTACHMENT_PURPOSE", 1),
    ("EXT_SCHEMA_TYPE", 10),
    ("EXT_CATEGORY_ID", 60),
    ("EXT_CATEGORY", 40),
    ("SLD_SYS_NAME", 60),
    ("CUST_FIELD1", 10),
    ("CUST_FIELD2", 10),
    ("CUST_FIELD3", 10),
    ("CUST_FIELD4", 20),
    ("CUST_FIELD5", 50),
];

/// The unit codes this buyer maintains; SAP drops a line with any other in silence.
const MAINTAINED_UNITS: &[&str] = &["PCE", "PK", "BX", "MTR", "KGM", "PR", "SET"];

/// PHP, ASP.NET and Node's `qs` cut a form there in silence.
const MOST_INPUTS: usize = 1_000;

/// What a returned form means to the buyer.
#[derive(Clone, Debug, Default)]
pub struct Requisition {
    /// The lines by index, gaps left out.
    pub lines: Vec<ReceivedLine>,
    /// PRICE * QUANTITY / PRICEUNIT over all lines that can be calculated, by currency, rounded to two decimals a line.
    pub totals: BTreeMap<String, Decimal>,
    /// Everything a buyer system would trip over, in the order of the lines.
    pub problems: Vec<String>,
}

/// One returned line. Texts are as they came, empty where the field is missing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReceivedLine {
    /// The `n` of `NEW_ITEM-...[n]`.
    pub index: usize,
    /// The fields without `NEW_ITEM-` and `[n]`, in the order of the form.
    pub fields: Vec<(String, String)>,
    /// PRICE * QUANTITY / PRICEUNIT, two decimals; `None` where a number cannot be read.
    pub total: Option<Decimal>,
}

impl ReceivedLine {
    /// The value of a field, named without `NEW_ITEM-` and `[n]`; empty where it is missing.
    pub fn value(&self, field: &str) -> &str {
        self.fields.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value)
    }
}

impl Requisition {
    /// Reads the pairs of a returned form.
    pub fn read(pairs: &[(String, String)]) -> Self {
        let mut read = Self::default();
        let mut by_index: BTreeMap<usize, ReceivedLine> = BTreeMap::new();
        for (name, value) in pairs {
            let Some(rest) = name.strip_prefix("NEW_ITEM-") else { continue };
            let Some((field, index)) = split_name(rest) else {
                read.problems.push(format!("{name} has no index: the value belongs to no line"));
                continue;
            };
            let line = by_index.entry(index).or_insert_with(|| ReceivedLine { index, ..Default::default() });
            if line.fields.iter().any(|(known, _)| known == field) {
                read.problems.push(format!("{name} comes twice"));
            }
            line.fields.push((field.to_owned(), value.clone()));
        }
        if pairs.len() > MOST_INPUTS {
            read.problems.push(format!("{} inputs: many receivers stop reading at {MOST_INPUTS}", pairs.len()));
        }
        read.lines = by_index.into_values().collect();
        read.check_indices();
        read.check_lines();
        read
    }

    fn check_indices(&mut self) {
        for (at, line) in self.lines.iter().enumerate() {
            if line.index != at + 1 {
                self.problems.push(format!(
                    "Gap in the indices: line {} expected, line {} found. Some systems stop reading here",
                    at + 1,
                    line.index
                ));
                break;
            }
        }
        let names = |line: &ReceivedLine| {
            let mut names: Vec<String> = line.fields.iter().map(|(name, _)| name.clone()).collect();
            names.sort();
            names
        };
        if let Some((first, others)) = self.lines.split_first() {
            for other in others.iter().filter(|other| names(other) != names(first)) {
                let text = format!("Line {} has other fields than line {}", other.index, first.index);
                self.problems.push(text);
            }
        }
    }

    fn check_lines(&mut self) {
        for line in &mut self.lines {
            check_texts(line, &mut self.problems);
            let mut number = |field, required| read_number(line, field, required, &mut self.problems);
            let (quantity, price) = (number("QUANTITY", true), number("PRICE", true));
            let price_unit = number("PRICEUNIT", false).unwrap_or(Decimal::ONE);
            if price_unit < Decimal::ONE || !price_unit.is_integer() {
                self.problems
                    .push(format!("Line {}: PRICEUNIT {price_unit} is not a whole number above 0", line.index));
                continue;
            }
            // Multiply first: 1 / 3 has no exact Decimal.
            let total = quantity.zip(price).and_then(|(quantity, price)| price.checked_mul(quantity));
            line.total = total
                .map(|total| (total / price_unit).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero));
            if let Some(total) = line.total {
                let sum = self.totals.entry(line.value("CURRENCY").to_owned()).or_default();
                *sum = sum.saturating_add(total);
            }
        }
        if self.totals.len() > 1 {
            self.problems.push("More than one currency in one cart".into());
        }
    }
}

/// `DESCRIPTION[3]` to field and index; `LONGTEXT_3:132[]` is the one field that counts before its colon.
fn split_name(rest: &str) -> Option<(&str, usize)> {
    let (field, index) = if let Some(index) = rest.strip_prefix("LONGTEXT_") {
        ("LONGTEXT", index.strip_suffix(":132[]")?)
    } else {
        let (field, index) = rest.split_once('[')?;
        (field, index.strip_suffix(']')?)
    };
    let plain = !index.starts_with(['0', '+']);
    index.parse().ok().filter(|_| plain).map(|index| (field, index))
}

fn check_texts(line: &ReceivedLine, problems: &mut Vec<String>) {
    let index = line.index;
    for (field, value) in &line.fields {
        let longest = FIELD_LENGTHS.iter().find(|(name, _)| name == field).map(|(_, longest)| *longest);
        let length = value.chars().count();
        if let Some(longest) = longest.filter(|longest| length > *longest) {
            problems.push(format!("Line {index}: {field} has {length} characters, {longest} fit"));
        }
        if field != "LONGTEXT" && value.chars().any(char::is_control) {
            problems.push(format!("Line {index}: {field} holds a control character"));
        }
    }
    let missing = |field: &str| line.value(field).trim().is_empty();
    if missing("DESCRIPTION") && missing("MATNR") {
        problems.push(format!("Line {index}: neither DESCRIPTION nor MATNR"));
    }
    if missing("VENDORMAT") {
        problems.push(format!("Line {index}: VENDORMAT is missing, nobody could order this"));
    }
    if missing("MATNR") {
        match line.value("UNIT") {
            "" => problems.push(format!("Line {index}: UNIT is missing and there is no MATNR")),
            unit if !MAINTAINED_UNITS.contains(&unit) => {
                problems.push(format!("Line {index}: UNIT {unit} is not maintained here; SAP would drop the line"));
            }
            _ => {}
        }
    }
    let currency = line.value("CURRENCY");
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        problems.push(format!("Line {index}: CURRENCY {currency:?} is not an ISO 4217 code"));
    }
}

/// A number in OCI's notation: at most eleven digits, then at most three decimals behind a point.
fn read_number(line: &ReceivedLine, field: &str, required: bool, problems: &mut Vec<String>) -> Option<Decimal> {
    let text = line.value(field);
    if text.is_empty() {
        if required {
            problems.push(format!("Line {}: {field} is missing", line.index));
        }
        return None;
    }
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits =
        |part: &str, most: usize| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole, 11) || !digits(decimals, 3) {
        problems.push(format!("Line {}: {field} {text:?} is not a number of 11 digits and 3 decimals", line.index));
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_their_index_in_two_ways() {
        assert_eq!(split_name("PRICE[12]"), Some(("PRICE", 12)));
        assert_eq!(split_name("LONGTEXT_2:132[]"), Some(("LONGTEXT", 2)));
        for wrong in
            ["PRICE", "PRICE[]", "PRICE[0]", "PRICE[01]", "PRICE[x]", "LONGTEXT[1]:132", "LONGTEXT_1", "PRICE[1"]
        {
            assert_eq!(split_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_are_ocis_and_nothing_else() {
        for (text, fine) in [
            ("1.000", true),
            ("12", true),
            ("1,5", false),
            ("1e3", false),
            ("1.2345", false),
            (".5", false),
            ("-1", false),
        ] {
            let line = ReceivedLine { index: 1, fields: vec![("PRICE".into(), text.into())], total: None };
            assert_eq!(read_number(&line, "PRICE", true, &mut Vec::new()).is_some(), fine, "{text}");
        }
    }
}
