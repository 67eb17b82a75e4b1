//! From rules as written to rules as matched, with every error on the way.

use std::sync::Arc;

use lol_html::Selector;
use regex::Regex;

use crate::cart::currency;
use crate::cart::price::{NumberFormat, UnknownFormat};
use crate::finding::Severity;

use super::source::{CartSource, Chain, Digits, LongValue, RulesSource, Value};
use super::{
    DEFAULT_MAX_LINES, EmptyMark, Fields, From, Lines, NodeRead, Part, Place, Read, Rows, RuleError, Rules, Spaces,
    selector,
};
use json::JsonKeys;

mod json;
mod money;

pub(super) fn rules(source: RulesSource) -> Result<Rules, Vec<RuleError>> {
    let keys = JsonKeys {
        source: source.source.unwrap_or_default(),
        script: source.script,
        json: source.json,
        next: source.next,
        pages: source.pages,
    };
    let is_json = keys.source != CartSource::Html;
    let mut compiler = Compiler::new(source.line.as_deref().unwrap_or_default(), is_json);
    for (field, chain) in [("name", &source.name), ("quantity", &source.quantity)] {
        if chain.is_none() {
            compiler.fail(field, "", "is missing: without it no line can be told from another element", None);
        }
    }
    if source.price.is_none() && source.total.is_none() {
        compiler.fail("price", "", "is missing, and total is too: one of them is needed", None);
    }
    if source.discount.is_some() && source.price.is_none() && source.discount_in_total.is_none() {
        compiler.warnings.push(RuleError {
            field: "discount".to_owned(),
            written: String::new(),
            reason:
                "without `price` nothing tells whether the total is before or after it, and lines with one are refused"
                    .to_owned(),
            hint: Some("say it: discount_in_total = true, or false"),
        });
    }
    let (currency_default, one_tax);
    let fields = Fields {
        key: compiler.chain("key", source.key),
        name: compiler.chain("name", source.name),
        options: compiler.options(source.options),
        quantity: compiler.chain("quantity", source.quantity),
        price: compiler.chain("price", source.price),
        total: compiler.chain("total", source.total),
        discount: compiler.chain("discount", source.discount),
        tax: {
            let places;
            (places, one_tax) = compiler.tax(source.tax);
            places
        },
        currency: {
            let places;
            (places, currency_default) = compiler.currency(source.currency);
            places
        },
        sku: compiler.chain("sku", source.sku),
        unit: compiler.chain("unit", source.unit),
        link: compiler.chain("link", source.link),
        extra: (source.extra.into_iter())
            .map(|(key, chain)| {
                let places = compiler.chain(&format!("extra.{key}"), Some(chain));
                (key, places)
            })
            .collect(),
    };
    compiler.check_source(&keys);
    let marks = (!is_json).then(|| (compiler.skip(source.skip.clone()), compiler.empty(source.empty.clone())));
    let numbers = compiler.numbers("numbers", source.numbers).unwrap_or_default();
    let max_lines = source.max_lines.unwrap_or(DEFAULT_MAX_LINES);
    if max_lines == 0 {
        compiler.fail("max_lines", "0", "would refuse every cart", None);
    }
    let keys_of_money = money::MoneyKeys {
        prices: source.prices.unwrap_or_default(),
        taxes: source.taxes,
        charges: source.charges,
        sum: source.sum,
        tolerance: source.tolerance,
        sum_mismatch: source.sum_mismatch.unwrap_or(Severity::Error),
        discount_in_total: source.discount_in_total,
    };
    let money = compiler.money(keys_of_money, one_tax, !fields.tax.is_empty());
    let warnings = std::mem::take(&mut compiler.warnings);
    let lines = match marks {
        Some((skip, empty)) => Lines::Html(Arc::new(compiler.rows(skip, empty, max_lines)?)),
        None => compiler.json_lines(keys, &source.skip, source.empty, max_lines)?,
    };
    Ok(Rules { lines, fields, money, max_lines, currency_default, numbers, tables: Vec::new(), lookup: None, warnings })
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
        // A charge's amount is `charges[0].amount`; what is `extra` is words, whatever its name.
        match field.strip_prefix("charges").map_or(field, |rest| rest.rsplit('.').next().unwrap_or(rest)) {
            "sku" | "key" => Kind::Number,
            "quantity" | "price" | "total" | "discount" | "amount" | "sum" => Kind::Amount,
            "link" => Kind::Link,
            _ => Kind::Words,
        }
    }
}

struct Compiler {
    line: String,
    /// [`Compiler::line`], compiled.
    lines: Option<Selector>,
    /// Places are paths in JSON, not selectors.
    is_json: bool,
    reads: Vec<Read>,
    nodes: Vec<NodeRead>,
    positional: Vec<String>,
    errors: Vec<RuleError>,
    warnings: Vec<RuleError>,
}

impl Compiler {
    fn new(line: &str, is_json: bool) -> Self {
        let mut compiler = Compiler {
            line: line.to_owned(),
            lines: None,
            is_json,
            reads: vec![],
            nodes: vec![],
            positional: vec![],
            errors: vec![],
            warnings: vec![],
        };
        if !is_json {
            compiler.lines = compiler.line_selector();
            // The first read is the line itself.
            compiler.read_of("line", "");
        }
        compiler
    }

    /// What the places that were compiled refer to.
    fn rows(mut self, skip: Option<Selector>, empty: Vec<EmptyMark>, max_lines: usize) -> Result<Rows, Vec<RuleError>> {
        match (self.combined("line", INSIDE), self.lines.take()) {
            (Some(inside), Some(line)) if self.errors.is_empty() => {
                let (reads, positional) = (self.reads, self.positional);
                Ok(Rows { line, inside, reads, skip, empty, positional, max_lines })
            }
            _ => Err(self.errors),
        }
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
        // A broken line selector breaks every combination; it has been reported once.
        self.lines.as_ref()?;
        let combined = selector::relative(&self.line, written);
        self.parsed(field, written, &combined)
    }

    fn parsed(&mut self, field: &str, written: &str, full: &str) -> Option<Selector> {
        match crate::selector::compile_as(written, full) {
            Ok(parsed) => {
                if field != "empty" {
                    self.positional.extend(selector::positional_names(written));
                }
                Some(parsed)
            }
            Err(bad) => {
                self.fail(field, written, bad.reason, bad.hint);
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
        self.reads.push(Read {
            selector,
            written: written.to_owned(),
            text: false,
            is_amount: false,
            attributes: vec![],
        });
        Some(self.reads.len() - 1)
    }

    fn chain(&mut self, field: &str, chain: Option<Chain>) -> Vec<Place> {
        let kind = Kind::of(field);
        let values = chain.map(Chain::into_values).unwrap_or_default();
        values.into_iter().filter_map(|value| self.place(field, value, kind)).collect()
    }

    /// Every element of every place counts.
    fn options(&mut self, chain: Option<Chain>) -> Vec<Place> {
        let mut places = self.chain("options", chain);
        for place in &mut places {
            if let From::First(read, part) = place.from {
                place.from = From::Every(read, part, ", ".to_owned());
            }
        }
        places
    }

    fn place(&mut self, field: &str, value: Value, kind: Kind) -> Option<Place> {
        let long = self.long(field, value)?;
        let constant =
            long.select.is_none() && long.attribute.is_none() && long.pattern.is_none() && long.join.is_empty();
        if constant && long.default.is_none() {
            self.fail(field, "", "says neither where to read nor what to take", None);
            return None;
        }
        if !long.join.is_empty() && (long.select.is_some() || long.attribute.is_some() || long.every) {
            self.fail(field, "join", "stands beside select, attribute or every: each joined place has its own", None);
            return None;
        }
        let from = if constant {
            From::Constant
        } else if long.join.is_empty() {
            let select = long.select.as_deref().unwrap_or_default();
            let (read, part) = if self.is_json {
                self.refuse_attribute(field, long.attribute.as_deref())?;
                (self.node(field, select, kind == Kind::Amount, long.minor_units)?, Part::Text)
            } else {
                self.refuse_minor_units(field, long.minor_units.as_ref())?;
                let attribute = long.attribute.or_else(|| (kind == Kind::Link).then(|| "href".to_owned()));
                let read = self.read_of(field, select)?;
                self.reads[read].is_amount |= kind == Kind::Amount;
                (read, self.part(field, read, attribute)?)
            };
            if long.every {
                From::Every(read, part, long.with.unwrap_or_else(|| ", ".to_owned()))
            } else {
                From::First(read, part)
            }
        } else {
            let places = long.join.into_iter().filter_map(|value| self.place(field, value, kind)).collect();
            From::Join(places, long.with.unwrap_or_else(|| " ".to_owned()))
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
            Value::Short(path) if self.is_json => Some(LongValue { select: Some(path), ..LongValue::default() }),
            Value::Short(short) => match selector::split_short(&short) {
                Ok((select, attribute)) => Some(LongValue { select, attribute, ..LongValue::default() }),
                Err(reason) => {
                    self.fail(field, &short, reason, None);
                    None
                }
            },
        }
    }

    fn refuse_attribute(&mut self, field: &str, attribute: Option<&str>) -> Option<()> {
        attribute.map_or(Some(()), |name| {
            self.fail(field, name, "is an attribute, and JSON has none", Some("put it into the path: \"@.sku\""));
            None
        })
    }

    fn refuse_minor_units(&mut self, field: &str, minor_units: Option<&Digits>) -> Option<()> {
        minor_units.map_or(Some(()), |_| {
            self.fail(field, "minor_units", "is for JSON; pages print their decimals", None);
            None
        })
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
        written.parse().map_err(|error: UnknownFormat| self.fail(field, &written, error.to_string(), None)).ok()
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
            places.extend((!matches!(place.from, From::Constant)).then_some(place));
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

/// Every element but the common ones that neither end another nor part words (`implied_ends`): half of a page's tags are
/// passed over by name.
const INSIDE: &str = ":not(a):not(span):not(img):not(input):not(b):not(i):not(strong):not(em):not(small):not(label)";
