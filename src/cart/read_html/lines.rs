//! From the texts of a page that has ended to a cart of typed values.

use rust_decimal::Decimal;

use crate::cart::currency::{self, Printed};
use crate::cart::price::{Amount, Detected, NumberFormat, PriceError, parse_amount};
use crate::cart::rules::{Part, Place, Rules, Spaces};
use crate::cart::settle::{Settled, unit_price};
use crate::cart::{Cart, Line};
use crate::finding::{Finding, Severity, code};

use super::page::{MAX_VALUE_BYTES, RawLine, Seen, fold, keep_spaces};

/// A value that was found, with the format its place asks for.
#[derive(Clone, Debug)]
struct Found {
    text: String,
    numbers: Option<NumberFormat>,
    cut: bool,
    is_default: bool,
}

/// One line as texts, each from the first place of its chain that held something.
struct Texts {
    name: Option<Found>,
    sku: Option<Found>,
    quantity: Option<Found>,
    price: Option<Found>,
    total: Option<Found>,
    currency: Option<Found>,
    unit: Option<Found>,
    link: Option<Found>,
    extra: Vec<(String, Found)>,
}

/// The cart that `seen` holds.
pub(super) fn cart(rules: &Rules, seen: Seen) -> Cart {
    let mut findings = Vec::new();
    let matched = seen.lines.len() + seen.passed_over;
    let lines: Vec<_> =
        seen.lines.iter().map(|line| Texts::of(rules, line)).filter(|texts| !texts.is_header()).collect();

    if seen.too_long {
        let limit = format!("more than {} lines, or more text than a cart has", rules.max_lines);
        findings.push(Finding::on_cart(code::CART_TOO_LONG, Severity::Error, limit));
    }
    if let Some(tag) = seen.unclosed {
        let detail = format!(
            "the page leaves out end tags before <{tag}>, and a rule counts or nests such elements; use classes or attributes"
        );
        findings.push(Finding::on_cart(code::CART_UNCLOSED, Severity::Error, detail));
    }
    if lines.is_empty() && !seen.empty {
        let detail = match matched {
            0 => "no element matches the line selector".to_owned(),
            n => format!("{n} elements match the line selector, none holds a name, quantity or price"),
        };
        findings.push(Finding::on_cart(code::CART_NO_LINES, Severity::Error, detail));
    }

    let format = format_of(rules, &lines).unwrap_or_else(|error| {
        findings.push(Finding::on_cart(code::PRICE_UNREADABLE, Severity::Error, error.to_string()));
        NumberFormat::Detect
    });
    let empty = lines.is_empty() && seen.empty;
    let lines = (lines.into_iter().enumerate())
        .filter_map(|(at, texts)| Typing { rules, format, number: at + 1, findings: &mut findings }.line(texts))
        .collect();
    Cart { lines, empty, findings }
}

/// The configured format, else what all prices and totals say that have no format of their own.
fn format_of(rules: &Rules, lines: &[Texts]) -> Result<NumberFormat, PriceError> {
    if rules.numbers != NumberFormat::Detect {
        return Ok(rules.numbers);
    }
    let amounts = lines.iter().flat_map(|line| [&line.price, &line.total]).flatten();
    Detected::over(amounts.filter(|found| found.numbers.is_none()).map(|found| found.text.as_str())).format()
}

impl Texts {
    fn of(rules: &Rules, line: &RawLine) -> Self {
        let find = |chain: &[Place]| chain.iter().find_map(|place| found_at(line, place));
        Texts {
            name: find(&rules.name),
            sku: find(&rules.sku),
            quantity: find(&rules.quantity),
            price: find(&rules.price),
            total: find(&rules.total),
            currency: find(&rules.currency),
            unit: find(&rules.unit),
            link: find(&rules.link),
            extra: rules.extra.iter().filter_map(|(key, chain)| Some((key.clone(), find(chain)?))).collect(),
        }
    }

    /// Nothing of a line was there: defaults do not make a line of a header.
    fn is_header(&self) -> bool {
        [&self.name, &self.quantity, &self.price, &self.total].into_iter().flatten().all(|found| found.is_default)
    }
}

fn found_at(line: &RawLine, place: &Place) -> Option<Found> {
    let default = || {
        place.default.as_ref().map(|text| Found {
            text: text.clone(),
            numbers: place.numbers,
            cut: false,
            is_default: true,
        })
    };
    let Some((read, part)) = place.from else { return default() };
    line.captures
        .iter()
        .filter(|capture| capture.read == read)
        .find_map(|capture| {
            let (raw, cut) = match part {
                Part::Text => (capture.text.as_str(), capture.text.was_cut()),
                Part::Attribute(index) => (capture.attributes[index].as_deref()?, false),
            };
            let text = picked(place, &spaced(place, raw))?;
            Some(Found { text, numbers: place.numbers, cut, is_default: false })
        })
        .or_else(default)
}

fn spaced(place: &Place, raw: &str) -> String {
    match place.spaces {
        Spaces::Fold => fold(raw),
        Spaces::Keep => keep_spaces(raw),
        Spaces::Lines => raw.trim().to_owned(),
    }
}

/// The part of `text` that the pattern asks for, unless it is empty.
fn picked(place: &Place, text: &str) -> Option<String> {
    let text = match &place.pattern {
        None => text,
        Some(pattern) => {
            let captures = pattern.captures(text)?;
            captures.get(1).or(captures.get(0))?.as_str().trim()
        }
    };
    (!text.is_empty()).then(|| text.to_owned())
}

/// Turns one line's texts into values.
struct Typing<'a> {
    rules: &'a Rules,
    format: NumberFormat,
    /// From 1.
    number: usize,
    findings: &'a mut Vec<Finding>,
}

impl Typing<'_> {
    fn line(mut self, texts: Texts) -> Option<Line> {
        self.report_cuts(&texts);
        let name = texts.name.as_ref().map(|found| found.text.clone()).unwrap_or_default();
        if name.is_empty() {
            self.error(code::LINE_VALUE_MISSING, "no name");
        }
        let quantity = self.quantity(texts.quantity.as_ref(), &name);
        let price = self.amount("price", texts.price.as_ref());
        let total = self.amount("total", texts.total.as_ref());
        if texts.price.is_none() && texts.total.is_none() {
            self.error(code::PRICE_MISSING, &format!("{name:?} has neither a price nor a total"));
        }
        // What cannot be read has been reported; what would follow from it says nothing new.
        if price.is_some() != texts.price.is_some() || total.is_some() != texts.total.is_some() {
            return None;
        }
        let quantity = quantity?;
        let unit_price = self.settled(price, quantity, total)?;
        let beside = [price, total].map(|amount| amount.and_then(|amount| amount.currency));
        let currency = self.currency(texts.currency.as_ref(), beside);
        let text = |found: Option<Found>| found.map(|found| found.text);
        Some(Line {
            name,
            sku: text(texts.sku),
            quantity,
            price: unit_price,
            total: total.map(|amount| amount.value),
            currency: currency?,
            unit: text(texts.unit),
            link: text(texts.link),
            extra: texts.extra.into_iter().map(|(key, found)| (key, found.text)).collect(),
        })
    }

    fn error(&mut self, code: &'static str, detail: &str) {
        self.findings.push(Finding::on_line(code, Severity::Error, self.number, detail));
    }

    /// A cut number is a wrong number; a cut name is still that name.
    fn report_cuts(&mut self, texts: &Texts) {
        let mut values = vec![
            ("name", &texts.name, Severity::Warning),
            ("sku", &texts.sku, Severity::Error),
            ("quantity", &texts.quantity, Severity::Error),
            ("price", &texts.price, Severity::Error),
            ("total", &texts.total, Severity::Error),
            ("currency", &texts.currency, Severity::Error),
            ("unit", &texts.unit, Severity::Error),
        ];
        let extra: Vec<_> = texts.extra.iter().map(|(key, found)| (key.as_str(), Some(found.clone()))).collect();
        values.extend(extra.iter().map(|(key, found)| (*key, found, Severity::Warning)));
        for (field, found, severity) in values {
            if found.as_ref().is_some_and(|found| found.cut) {
                let detail = format!("{field} is longer than {MAX_VALUE_BYTES} bytes");
                self.findings.push(Finding::on_line(code::VALUE_CUT, severity, self.number, detail));
            }
        }
    }

    /// A quantity is often written for machines where prices are written for people, so its own form goes first; only
    /// where that can be read in two ways the cart's format decides.
    fn quantity(&mut self, found: Option<&Found>, name: &str) -> Option<Decimal> {
        let Some(found) = found else {
            self.error(code::LINE_VALUE_MISSING, &format!("{name:?} has no quantity"));
            return None;
        };
        let own = found.numbers.unwrap_or(NumberFormat::Detect);
        let read = match parse_amount(&found.text, own) {
            Err(PriceError::Ambiguous(_)) => parse_amount(&found.text, self.format),
            other => other,
        };
        match read {
            Ok(amount) if amount.value > Decimal::ZERO => Some(amount.value.normalize()),
            Ok(amount) => {
                self.error(code::QUANTITY_UNREADABLE, &format!("the quantity is {}", amount.value));
                None
            }
            Err(error) => {
                self.error(code::QUANTITY_UNREADABLE, &error.to_string());
                None
            }
        }
    }

    fn amount(&mut self, field: &str, found: Option<&Found>) -> Option<Amount> {
        let found = found?;
        match parse_amount(&found.text, found.numbers.unwrap_or(self.format)) {
            Ok(amount) => Some(amount),
            Err(error) => {
                self.error(code::PRICE_UNREADABLE, &format!("{field}: {error}"));
                None
            }
        }
    }

    /// The place for the currency, else what is printed beside the amount, each with the configured currency to settle
    /// a sign that several share; else the configured one.
    fn currency(&mut self, found: Option<&Found>, beside: [Option<Printed>; 2]) -> Option<String> {
        let configured = self.rules.currency_default.as_deref();
        let printed = match found {
            Some(found) => match currency::code_of(&found.text) {
                Some(printed) => Some(printed),
                None => {
                    self.error(code::CURRENCY_UNKNOWN, &format!("{:?} is no currency", found.text));
                    return None;
                }
            },
            None => match beside {
                [Some(price), Some(total)] if price != total => {
                    self.error(code::CURRENCY_UNKNOWN, &format!("the price is in {price:?}, the total in {total:?}"));
                    return None;
                }
                [price, total] => price.or(total),
            },
        };
        let code = match printed {
            Some(printed) => printed.resolve(configured),
            None => configured,
        };
        if code.is_none() {
            let detail = match (printed, configured) {
                (None, _) => "no currency is printed; set currency = \"...\"".to_owned(),
                (Some(sign), None) => {
                    format!("{sign:?} is printed, which several currencies share; set currency = \"...\"")
                }
                (Some(sign), Some(code)) => format!("{sign:?} is printed and {code} configured"),
            };
            self.error(code::CURRENCY_UNKNOWN, &detail);
        }
        code.map(str::to_owned)
    }

    fn settled(&mut self, price: Option<Amount>, quantity: Decimal, total: Option<Amount>) -> Option<Decimal> {
        let (price, total) = (price.map(|amount| amount.value), total.map(|amount| amount.value));
        let shown = |amount: Option<Decimal>| amount.map_or("none".to_owned(), |amount| amount.to_string());
        let numbers = format!("price {}, quantity {quantity}, total {}", shown(price), shown(total));
        let (code, severity, unit_price, detail) = match unit_price(price, quantity, total) {
            Some(Settled::AsPrinted(unit_price)) => return Some(unit_price),
            Some(Settled::Derived(unit_price)) => {
                (code::PRICE_DERIVED, Severity::Info, Some(unit_price), format!("{numbers}: the price is {unit_price}"))
            }
            Some(Settled::Mismatch(unit_price)) => (code::TOTAL_MISMATCH, Severity::Warning, Some(unit_price), numbers),
            None if price.is_none() && total.is_none() => return None,
            None => (code::PRICE_UNREADABLE, Severity::Error, None, format!("{numbers}: too large to calculate with")),
        };
        self.findings.push(Finding::on_line(code, severity, self.number, detail));
        unit_price
    }
}
