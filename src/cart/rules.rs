//! Where the values of a cart stand on the shop's page: [`RulesSource`] as written, [`Rules`] compiled once.
//!
//! Selectors are what a streaming rewriter can match: an element by its name, id, classes and attributes, its position
//! among its siblings, and its ancestors. What comes later on the page cannot be asked for.

use std::fmt;

use lol_html::Selector;
use lol_html::errors::SelectorError;
use regex::Regex;

use super::currency;
use super::price::NumberFormat;

mod selector;
mod source;

pub use source::{Chain, LongValue, RulesSource, Value};

/// A cart longer than this stops the hand-over unless configured otherwise.
pub const DEFAULT_MAX_LINES: usize = 1000;

/// Compiled reading rules. Share them in an `Arc`: they are immutable, `Send` and `Sync`.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The element of one line.
    pub(super) line: Selector,
    /// Every element inside a line: what closes what when end tags are missing.
    pub(super) inside: Selector,
    /// What values are read from; the first is the line element itself. One entry for each distinct selector.
    pub(super) reads: Vec<Read>,
    /// Elements whose presence says that a "line" is a header or a total.
    pub(super) skip: Option<Selector>,
    /// How the page says that the cart is empty.
    pub(super) empty: Vec<EmptyMark>,
    pub(super) name: Vec<Place>,
    pub(super) sku: Vec<Place>,
    pub(super) quantity: Vec<Place>,
    pub(super) price: Vec<Place>,
    pub(super) total: Vec<Place>,
    pub(super) currency: Vec<Place>,
    pub(super) unit: Vec<Place>,
    pub(super) link: Vec<Place>,
    pub(super) extra: Vec<(String, Vec<Place>)>,
    /// ISO 4217, for what the page does not print.
    pub(super) currency_default: Option<String>,
    pub(super) numbers: NumberFormat,
    pub(super) max_lines: usize,
    /// Names of elements that selectors count or want as children: unreliable where end tags are missing.
    pub(super) positional: Vec<String>,
    warnings: Vec<RuleError>,
}

/// One element to read inside a line, and what is needed of it.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) selector: Selector,
    /// As written, without the line.
    pub(super) written: String,
    pub(super) text: bool,
    /// Attribute names in small letters.
    pub(super) attributes: Vec<String>,
}

/// One link of a fallback chain.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Index into [`Rules::reads`] and what of it; `None` for a constant.
    pub(super) from: Option<(usize, Part)>,
    pub(super) pattern: Option<Regex>,
    pub(super) default: Option<String>,
    pub(super) numbers: Option<NumberFormat>,
    pub(super) spaces: Spaces,
}

/// What happens to the spaces of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spaces {
    /// Runs are one space.
    Fold,
    /// Item numbers.
    Keep,
    /// Amounts: line feeds stay, because they never group digits.
    Lines,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text,
    /// Index into [`Read::attributes`].
    Attribute(usize),
}

/// An element that says that the cart is empty: by being there, or by what it says.
#[derive(Clone, Debug)]
pub(super) struct EmptyMark {
    pub(super) selector: Selector,
    pub(super) attribute: Option<String>,
    pub(super) pattern: Option<Regex>,
}

/// What is wrong with one rule, or doubtful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The key: `line`, `price`, `extra.manufacturer`, ...
    pub field: String,
    /// The selector, pattern or value as written.
    pub written: String,
    /// What is wrong with it.
    pub reason: String,
    /// What to write instead, where that is known.
    pub hint: Option<&'static str>,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}: {}", self.field, self.written, self.reason)?;
        match self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RuleError {}

impl Rules {
    /// Compiles every selector and pattern once.
    ///
    /// # Errors
    /// Every error in the rules, not the first alone.
    pub fn compile(source: RulesSource) -> Result<Rules, Vec<RuleError>> {
        let mut compiler = Compiler::new(source.line.as_deref().unwrap_or_default());
        let line = compiler.line_selector();
        let inside = compiler.combined("line", "*");
        compiler.read_of("line", "");

        let required = |chain: Option<Chain>, field: &str, compiler: &mut Compiler| {
            if chain.is_none() {
                compiler.fail(field, "", "is missing: without it no line can be told from another element", None);
            }
            compiler.chain(field, chain, Kind::of(field))
        };
        let name = required(source.name, "name", &mut compiler);
        let quantity = required(source.quantity, "quantity", &mut compiler);
        if source.price.is_none() && source.total.is_none() {
            compiler.fail("price", "", "is missing, and total is too: one of them is needed", None);
        }
        let price = compiler.chain("price", source.price, Kind::Amount);
        let total = compiler.chain("total", source.total, Kind::Amount);
        let (currency, currency_default) = compiler.currency(source.currency);
        let sku = compiler.chain("sku", source.sku, Kind::of("sku"));
        let unit = compiler.chain("unit", source.unit, Kind::of("unit"));
        let link = compiler.chain("link", source.link, Kind::of("link"));
        let extra = (source.extra.into_iter())
            .map(|(key, chain)| {
                let places = compiler.chain(&format!("extra.{key}"), Some(chain), Kind::Words);
                (key, places)
            })
            .collect();
        let skip = compiler.skip(source.skip);
        let empty = compiler.empty(source.empty);
        let numbers = compiler.numbers("numbers", source.numbers).unwrap_or_default();
        let max_lines = source.max_lines.unwrap_or(DEFAULT_MAX_LINES);
        if max_lines == 0 {
            compiler.fail("max_lines", "0", "would refuse every cart", None);
        }

        match (line, inside) {
            (Some(line), Some(inside)) if compiler.errors.is_empty() => Ok(Rules {
                line,
                inside,
                reads: compiler.reads,
                skip,
                empty,
                name,
                sku,
                quantity,
                price,
                total,
                currency,
                unit,
                link,
                extra,
                currency_default,
                numbers,
                max_lines,
                positional: compiler.positional,
                warnings: compiler.warnings,
            }),
            _ => Err(compiler.errors),
        }
    }

    /// What is allowed and yet looks like a mistake.
    pub fn warnings(&self) -> &[RuleError] {
        &self.warnings
    }

    /// The selectors that values are read from, relative to the line and as written, for reports on what matched.
    pub fn selectors(&self) -> impl Iterator<Item = &str> {
        self.reads.iter().skip(1).map(|read| read.written.as_str())
    }
}

/// What a field holds: decides about spaces and about the attribute that is meant when none is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Runs of spaces are one.
    Words,
    /// Item numbers: trimmed only.
    Number,
    /// Amounts and quantities.
    Amount,
    /// `href` of the element.
    Link,
}

impl Kind {
    fn of(field: &str) -> Self {
        match field {
            "sku" => Kind::Number,
            "quantity" | "price" | "total" => Kind::Amount,
            "link" => Kind::Link,
            _ => Kind::Words,
        }
    }
}

struct Compiler {
    line: String,
    reads: Vec<Read>,
    positional: Vec<String>,
    errors: Vec<RuleError>,
    warnings: Vec<RuleError>,
}

impl Compiler {
    fn new(line: &str) -> Self {
        Compiler { line: line.to_owned(), reads: vec![], positional: vec![], errors: vec![], warnings: vec![] }
    }

    fn fail(&mut self, field: &str, written: &str, reason: impl Into<String>, hint: Option<&'static str>) {
        let (field, written, reason) = (field.to_owned(), written.to_owned(), reason.into());
        self.errors.push(RuleError { field, written, reason, hint });
    }

    fn line_selector(&mut self) -> Option<Selector> {
        if self.line.trim().is_empty() {
            self.fail("line", "", "is missing: the selector of one line of the cart", None);
            return None;
        }
        let line = self.line.clone();
        self.parsed("line", &line, &line)
    }

    /// `written` relative to each alternative of the line.
    fn combined(&mut self, field: &str, written: &str) -> Option<Selector> {
        if self.line.trim().is_empty() {
            return None;
        }
        let combined = selector::relative(&self.line, written);
        self.parsed(field, written, &combined)
    }

    fn parsed(&mut self, field: &str, written: &str, full: &str) -> Option<Selector> {
        match full.parse::<Selector>() {
            Ok(parsed) => {
                if selector::has_copied_tbody(written) {
                    self.warnings.push(RuleError {
                        field: field.to_owned(),
                        written: written.to_owned(),
                        reason: "browsers add tbody to what they show; this matches only where the source has it"
                            .into(),
                        hint: Some("leave tbody out, with a space in place of the two >"),
                    });
                }
                if field != "empty" {
                    self.positional.extend(selector::positional_names(written));
                }
                Some(parsed)
            }
            Err(error) => {
                // A broken line selector breaks every combination; it has been reported once.
                if full == self.line || self.line.parse::<Selector>().is_ok() {
                    self.fail(field, written, reason_of(error), hint_for(error, written));
                }
                None
            }
        }
    }

    /// The index of the read for `written`; the line itself is the empty text.
    fn read_of(&mut self, field: &str, written: &str) -> Option<usize> {
        let written = written.trim();
        if let Some(known) = self.reads.iter().position(|read| read.written == written) {
            return Some(known);
        }
        let line = self.line.clone();
        let selector = if written.is_empty() { line.parse().ok()? } else { self.combined(field, written)? };
        self.reads.push(Read { selector, written: written.to_owned(), text: false, attributes: vec![] });
        Some(self.reads.len() - 1)
    }

    fn chain(&mut self, field: &str, chain: Option<Chain>, kind: Kind) -> Vec<Place> {
        let values = chain.map(Chain::into_values).unwrap_or_default();
        values.into_iter().filter_map(|value| self.place(field, value, kind)).collect()
    }

    fn place(&mut self, field: &str, value: Value, kind: Kind) -> Option<Place> {
        let long = self.long(field, value)?;
        let constant = long.select.is_none() && long.attribute.is_none() && long.pattern.is_none();
        if constant && long.default.is_none() {
            self.fail(field, "", "says neither where to read nor what to take", None);
            return None;
        }
        let attribute = long.attribute.or_else(|| (kind == Kind::Link && !constant).then(|| "href".to_owned()));
        let from = if constant {
            None
        } else {
            let read = self.read_of(field, long.select.as_deref().unwrap_or_default())?;
            Some((read, self.part(field, read, attribute)?))
        };
        Some(Place {
            from,
            pattern: self.pattern(field, long.pattern),
            default: long.default,
            numbers: self.numbers(field, long.numbers),
            spaces: match kind {
                Kind::Amount => Spaces::Lines,
                Kind::Words if !long.keep_spaces => Spaces::Fold,
                Kind::Words | Kind::Number | Kind::Link => Spaces::Keep,
            },
        })
    }

    fn long(&mut self, field: &str, value: Value) -> Option<LongValue> {
        match value {
            Value::Long(long) => Some(long),
            Value::Short(short) => match selector::split_short(&short) {
                Ok((select, attribute)) => Some(LongValue { select, attribute, ..LongValue::default() }),
                Err(reason) => {
                    self.fail(field, &short, reason, None);
                    None
                }
            },
        }
    }

    fn part(&mut self, field: &str, read: usize, attribute: Option<String>) -> Option<Part> {
        let Some(attribute) = attribute else {
            self.reads[read].text = true;
            return Some(Part::Text);
        };
        if !selector::is_attribute_name(&attribute) {
            self.fail(field, &attribute, "is no attribute name", None);
            return None;
        }
        let attribute = attribute.to_ascii_lowercase();
        let known = &mut self.reads[read].attributes;
        let at = known.iter().position(|name| *name == attribute).unwrap_or_else(|| {
            known.push(attribute);
            known.len() - 1
        });
        Some(Part::Attribute(at))
    }

    fn pattern(&mut self, field: &str, pattern: Option<String>) -> Option<Regex> {
        let written = pattern?;
        Regex::new(&written).map_err(|error| self.fail(field, &written, error.to_string(), None)).ok()
    }

    fn numbers(&mut self, field: &str, numbers: Option<String>) -> Option<NumberFormat> {
        let written = numbers?;
        written
            .parse()
            .map_err(|error: super::price::UnknownFormat| self.fail(field, &written, error.to_string(), None))
            .ok()
    }

    /// `currency = "NOK"` is a constant, anything else a place; a default in the chain is a constant too.
    fn currency(&mut self, chain: Option<Chain>) -> (Vec<Place>, Option<String>) {
        let mut constant = None;
        let mut places = Vec::new();
        for value in chain.map(Chain::into_values).unwrap_or_default() {
            let value = match value {
                Value::Short(short) if short.len() == 3 && short.bytes().all(|b| b.is_ascii_uppercase()) => {
                    Value::Long(LongValue { default: Some(short), ..LongValue::default() })
                }
                other => other,
            };
            let Some(mut place) = self.place("currency", value, Kind::Words) else { continue };
            if let Some(code) = place.default.take() {
                if !currency::is_iso(&code) {
                    self.fail("currency", &code, "is no ISO 4217 code", None);
                }
                constant.get_or_insert(code);
            }
            places.extend(place.from.is_some().then_some(place));
        }
        (places, constant)
    }

    fn skip(&mut self, skip: Vec<String>) -> Option<Selector> {
        let mut parts = Vec::new();
        for written in skip {
            if self.combined("skip", &written).is_some() {
                parts.push(selector::relative(&self.line, &written));
            }
        }
        if parts.is_empty() { None } else { parts.join(", ").parse().ok() }
    }

    /// `empty` is looked for on the whole page, not inside a line.
    fn empty(&mut self, chain: Option<Chain>) -> Vec<EmptyMark> {
        let mut marks = Vec::new();
        for value in chain.map(Chain::into_values).unwrap_or_default() {
            let Some(long) = self.long("empty", value) else { continue };
            let Some(select) = long.select else {
                self.fail("empty", "", "has no selector", None);
                continue;
            };
            let Some(selector) = self.parsed("empty", &select, &select) else { continue };
            let pattern = self.pattern("empty", long.pattern);
            marks.push(EmptyMark {
                selector,
                attribute: long.attribute.map(|name| name.to_ascii_lowercase()),
                pattern,
            });
        }
        marks
    }
}

fn reason_of(error: SelectorError) -> String {
    let said = error.to_string();
    said.trim_end_matches('.').to_owned()
}

fn hint_for(error: SelectorError, written: &str) -> Option<&'static str> {
    match error {
        SelectorError::UnsupportedCombinator(_) => Some(
            "the page is read as it streams past: siblings cannot be asked for; use a class, an attribute, \
             :nth-child(n) or a pattern",
        ),
        _ if written.contains(":has(") => {
            Some("the page is read as it streams past: what an element holds is not known when it begins; use skip")
        }
        _ if written.contains(":last-") || written.contains(":only-") || written.contains("nth-last-") => {
            Some("the page is read as it streams past: what comes later is not known; count from the front")
        }
        _ if written.contains(":contains(") => Some("use a pattern on the text"),
        SelectorError::UnsupportedPseudoClassOrElement | SelectorError::UnsupportedSyntax => {
            Some("there are :first-child, :nth-child(n), :first-of-type, :nth-of-type(n) and :not(..)")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
