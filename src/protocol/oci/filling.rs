//! One line of a cart on its way into NEW_ITEM fields.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::fields::{FieldKind, FieldName, LongTextStyle};
use super::filled::Filled;
use super::mapping::{Mapping, Surroundings, UnitFound};
use super::number::{NumberError, scaled_price, three_decimals};
use super::source::{Reading, Source};
use super::text;
use crate::cart::Line;
use crate::finding::{Finding, Severity, code};

/// The fields of one line, number `number` from 1.
pub(super) fn fill(
    mapping: &Mapping,
    surroundings: &Surroundings<'_>,
    line: &Line,
    number: usize,
    findings: &mut Vec<Finding>,
) -> Filled {
    let mut filling = Filling { mapping, surroundings, line, number, values: Filled::default(), findings };
    filling.fill();
    filling.values
}

/// One of the standard's own names.
pub(super) fn standard(name: &'static str) -> FieldName {
    FieldName::parse(name).expect("the standard's names are field names")
}

struct Filling<'a> {
    mapping: &'a Mapping,
    surroundings: &'a Surroundings<'a>,
    line: &'a Line,
    number: usize,
    values: Filled,
    findings: &'a mut Vec<Finding>,
}

impl Filling<'_> {
    fn fill(&mut self) {
        let mut whole_description = None;
        let mapping = self.mapping;
        for (name, source) in &mapping.fields {
            let raw = source.as_ref().map(|source| self.value(name, source));
            match (name.as_str(), raw) {
                ("PRICE", raw) => self.price(name, raw),
                ("QUANTITY", raw) => self.quantity(name, raw.unwrap_or_default()),
                ("UNIT", None) => self.unit(name),
                // PRICE sets it along, and reads its source.
                ("PRICEUNIT", _) => {}
                ("LONGTEXT", raw) => {
                    let text = raw.or_else(|| whole_description.take()).unwrap_or_default();
                    self.set(name, text);
                }
                ("DESCRIPTION", raw) => {
                    let raw = raw.unwrap_or_default();
                    if self.set(name, raw.clone()) {
                        whole_description = Some(raw);
                    }
                }
                (_, raw) => {
                    self.set(name, raw.unwrap_or_default());
                }
            }
        }
        self.require();
        self.guard();
    }

    fn value(&mut self, name: &FieldName, source: &Source) -> String {
        let reading = Reading::new(self.line, self.number, self.surroundings.parameters);
        let value = source.value(&reading);
        let named = |mut finding: Finding| {
            finding.detail = format!("{name}: {}", finding.detail);
            finding
        };
        self.findings.extend(reading.findings.into_inner().into_iter().map(named));
        value
    }

    fn found(&mut self, code: &'static str, severity: Severity, detail: String) {
        self.findings.push(Finding::on_line(code, severity, self.number, detail));
    }

    /// Cleans, transliterates, checks and cuts one value. Whether it was cut.
    fn set(&mut self, name: &FieldName, raw: String) -> bool {
        let fit = self.mapping.limits.fit(name);
        if name.as_str() == "LONGTEXT" && self.mapping.longtext == LongTextStyle::Omit {
            return false;
        }
        let value = self.transliterated(name, text::cleaned(raw, fit.kind), fit.kind);
        if fit.kind == FieldKind::Whole && !value.bytes().all(|byte| byte.is_ascii_digit()) {
            let detail = format!("{name}: {value:?} is not a whole number; not sent");
            self.found(code::FIELD_INVALID, Severity::Warning, detail);
            self.values.set(name, String::new());
            return false;
        }
        let (length, limit) = (value.chars().count(), fit.length.unwrap_or(usize::MAX));
        if length <= limit {
            self.values.set(name, value);
            return false;
        }
        if !fit.cut {
            let detail = format!("{name}: {value:?} has {length} characters, the buyer takes {limit}");
            self.found(code::FIELD_TOO_LONG, Severity::Error, detail);
            self.values.set(name, value);
            return false;
        }
        let kept = text::cut(&value, limit).to_owned();
        let whole_elsewhere = name.as_str() == "DESCRIPTION" && self.long_text_follows();
        let severity = if whole_elsewhere { Severity::Info } else { Severity::Warning };
        let left = kept.chars().count();
        self.found(code::FIELD_CUT, severity, format!("{name}: cut from {length} to {left} characters, limit {limit}"));
        self.values.set(name, kept);
        true
    }

    fn transliterated(&mut self, name: &FieldName, value: String, kind: FieldKind) -> String {
        let charset = self.surroundings.charset;
        let (fitted, replaced) = charset.fit(&value);
        if !replaced.is_empty() {
            // A letter changed in a code makes it another code.
            let for_people = matches!(kind, FieldKind::Text | FieldKind::LongText);
            let severity = if for_people { Severity::Warning } else { Severity::Error };
            let letters: String = replaced.iter().take(20).collect();
            self.found(code::CHARSET_REPLACED, severity, format!("{name}: {} lacks {letters:?}", charset.label()));
        }
        match fitted {
            Cow::Owned(fitted) => fitted,
            Cow::Borrowed(_) => value,
        }
    }

    /// Whether a description that was cut goes out whole as the long text.
    fn long_text_follows(&self) -> bool {
        self.mapping.longtext != LongTextStyle::Omit
            && matches!(self.mapping.fields.get(&standard("LONGTEXT")), Some(None))
    }

    fn unit(&mut self, name: &FieldName) {
        let shop = self.line.unit.as_deref().map(str::trim).filter(|unit| !unit.is_empty());
        match (self.surroundings.units)(shop) {
            UnitFound::Code(unit) => {
                self.set(name, unit);
            }
            UnitFound::Defaulted(unit) => {
                // A shop that names no units has one for all: nothing was guessed.
                let severity = if shop.is_some() { Severity::Warning } else { Severity::Info };
                let word = shop.unwrap_or("nothing");
                self.found(code::UNIT_DEFAULTED, severity, format!("the shop says {word:?}; {unit:?} is sent"));
                self.set(name, unit);
            }
            UnitFound::Unknown => {
                let word = shop.unwrap_or("nothing");
                let detail = format!("the shop says {word:?}, which the unit table lacks, and there is no default");
                self.found(code::UNIT_UNKNOWN, Severity::Error, detail);
                self.values.set(name, String::new());
            }
        }
    }

    fn quantity(&mut self, name: &FieldName, raw: String) {
        let value = match raw.trim().parse::<Decimal>() {
            Ok(quantity) if quantity > Decimal::ZERO => match three_decimals(quantity) {
                Ok((value, rounded)) => {
                    if rounded {
                        let detail = format!("{quantity} rounded to {value}");
                        self.found(code::QUANTITY_ROUNDED, Severity::Warning, detail);
                    }
                    self.mapping.decimal.written(value)
                }
                Err(error) => self.number_error(name, quantity, error),
            },
            Ok(quantity) => self.number_error(name, quantity, NumberError::Negative),
            Err(_) => self.not_a_number(name, &raw),
        };
        self.values.set(name, value);
    }

    /// PRICE and PRICEUNIT, which only mean something together.
    fn price(&mut self, name: &FieldName, raw: Option<String>) {
        let price = match raw {
            None => self.line.price,
            Some(raw) if raw.trim().is_empty() => {
                self.values.set(name, String::new());
                return;
            }
            Some(raw) => match raw.trim().parse() {
                Ok(price) => price,
                Err(_) => {
                    let value = self.not_a_number(name, &raw);
                    self.values.set(name, value);
                    return;
                }
            },
        };
        let Some(price_units) = self.price_units() else { return };
        match scaled_price(price, &price_units) {
            Ok(scaled) => {
                let detail = || format!("{price} sent as {} for {}", scaled.price, scaled.price_unit);
                if scaled.rounded {
                    self.found(code::PRICE_ROUNDED, Severity::Warning, detail());
                } else if scaled.price_unit > 1 {
                    self.found(code::PRICE_SCALED, Severity::Info, detail());
                }
                if price.is_zero() {
                    let detail = "the price is zero: free of charge, or without a price in the shop".to_owned();
                    self.found(code::PRICE_ZERO, Severity::Warning, detail);
                }
                self.values.set(name, self.mapping.decimal.written(scaled.price));
                self.values.set(&standard("PRICEUNIT"), scaled.price_unit.to_string());
            }
            Err(error) => {
                let value = self.number_error(name, price, error);
                self.values.set(name, value);
            }
        }
    }

    /// The PRICEUNITs to choose from: the buyer's, or the one that its own source for PRICEUNIT gives.
    fn price_units(&mut self) -> Option<Vec<u32>> {
        let name = standard("PRICEUNIT");
        let raw = match self.mapping.fields.get(&name) {
            Some(Some(source)) => self.value(&name, source),
            _ => String::new(),
        };
        let raw = raw.trim();
        if raw.is_empty() {
            return Some(self.mapping.price_units.clone());
        }
        match raw.parse::<u32>() {
            Ok(price_unit) if (1..=99_999).contains(&price_unit) => Some(vec![price_unit]),
            _ => {
                self.not_a_number(&name, raw);
                None
            }
        }
    }

    fn not_a_number(&mut self, name: &FieldName, raw: &str) -> String {
        self.found(code::FIELD_INVALID, Severity::Error, format!("{name}: {raw:?} is not a number with a dot"));
        String::new()
    }

    fn number_error(&mut self, name: &FieldName, number: Decimal, error: NumberError) -> String {
        let (code, what) = match error {
            NumberError::TooLarge => (code::NUMBER_TOO_LARGE, "has more than eleven digits before the dot"),
            NumberError::Negative => (code::FIELD_INVALID, "is not above zero"),
            NumberError::Vanished => (code::FIELD_INVALID, "is zero when rounded to three decimals"),
        };
        self.found(code, Severity::Error, format!("{name}: {number} {what}"));
        String::new()
    }

    /// What was not agreed on with the buyer is not returned, or not silently.
    fn guard(&mut self) {
        let Some(assortment) = &self.mapping.assortment else { return };
        if !assortment.holds(self.line.sku.as_deref(), &self.values) {
            let sku = self.line.sku.as_deref().unwrap_or("without item number");
            let detail = format!("{sku} is not in the assortment that was agreed on");
            self.found(code::NOT_IN_ASSORTMENT, assortment.severity(), detail);
        }
    }

    fn require(&mut self) {
        let has = |name: &str| self.values.iter().any(|(field, value)| field.as_str() == name && !value.is_empty());
        let mut missing: BTreeSet<String> = BTreeSet::new();
        if !has("DESCRIPTION") && !has("MATNR") {
            missing.insert("DESCRIPTION or MATNR".to_owned());
        }
        if !has("UNIT") && !has("MATNR") {
            missing.insert("UNIT".to_owned());
        }
        if !has("QUANTITY") {
            missing.insert("QUANTITY".to_owned());
        }
        let required = self.mapping.required.iter();
        let is_empty = |name: &&FieldName| self.values.get(name).is_none_or(str::is_empty);
        missing.extend(required.filter(is_empty).map(FieldName::to_string));
        for name in missing {
            self.found(code::FIELD_MISSING, Severity::Error, format!("{name} is empty"));
        }
    }
}
