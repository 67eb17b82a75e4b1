//! Where the values of a cart stand on the shop's page: [`RulesSource`] as written, [`Rules`] compiled once.
//!
//! A cart that is not in the page's markup is JSON: its values stand at paths of RFC 9535, and everything behind that is
//! the same.
//!
//! Selectors are what a streaming rewriter can match: an element by its name, id, classes and attributes, its position
//! among its siblings, and its ancestors. What comes later on the page cannot be asked for.

use std::fmt;
use std::sync::Arc;

use lol_html::Selector;
use regex::Regex;
use rust_decimal::Decimal;
use serde_json_path::JsonPath;

use super::articles::Lookup;
use super::price::NumberFormat;
use super::table::Table;
use crate::finding::Severity;

mod compile;
mod matched;
mod selector;
mod source;

pub use source::{CartSource, Chain, ChargeSource, Digits, LongValue, Prices, RulesSource, ScriptSource, Value, What};

/// A cart longer than this stops the hand-over unless configured otherwise.
pub const DEFAULT_MAX_LINES: usize = 1000;

/// Compiled reading rules. Share them in an `Arc`: they are immutable, `Send` and `Sync`.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Where the lines are.
    pub(super) lines: Lines,
    /// Where in a line its values stand.
    pub(super) fields: Fields,
    /// What the cart costs beside its lines, and what all of it comes to.
    pub(super) money: Money,
    pub(super) max_lines: usize,
    /// ISO 4217, for what the page does not print.
    pub(super) currency_default: Option<String>,
    pub(super) numbers: NumberFormat,
    /// What the pages do not say, in the order in which they are looked at.
    pub(super) tables: Vec<Arc<Table>>,
    /// What is looked for on product pages.
    pub(super) lookup: Option<Lookup>,
    warnings: Vec<RuleError>,
}

/// Where the lines of a cart are.
#[derive(Clone, Debug)]
pub(super) enum Lines {
    /// Elements of the cart page.
    Html(Arc<Rows>),
    /// JSON that the cart page holds.
    Script(Arc<ScriptPlace>, Arc<Nodes>),
    /// JSON at an address of its own.
    Endpoint(Endpoint, Arc<Nodes>),
}

/// Where the cart page holds JSON.
#[derive(Clone, Debug)]
pub(super) struct ScriptPlace {
    pub(super) select: Selector,
    /// The variable that a script assigns it to; without one the element holds nothing else.
    pub(super) variable: Option<String>,
    /// The attribute that holds it.
    pub(super) attribute: Option<String>,
}

/// Where the shop answers with the cart as JSON.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Path and query.
    pub address: String,
    /// Where an answer names the address of the next.
    pub(super) next: Option<JsonPath>,
    /// Most answers that are put together.
    pub most: usize,
}

/// JSON nodes of one kind, each with values inside: the lines of a cart.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    /// The node of one line, in the document.
    pub(super) line: JsonPath,
    /// The array that holds the lines: where it is there and empty, the cart is.
    pub(super) array: Option<JsonPath>,
    pub(super) reads: Vec<NodeRead>,
    /// How the document says that the cart is empty.
    pub(super) empty: Vec<(JsonPath, Option<Regex>)>,
    pub(super) max_lines: usize,
}

/// One path to read for a line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NodeRead {
    pub(super) path: NodePath,
    /// An amount or quantity: its number is one, and not the name of an article.
    pub(super) is_amount: bool,
    pub(super) minor_units: Option<Minor>,
    /// As written.
    pub(super) written: String,
}

/// A path of RFC 9535 that begins at the document (`$`) or at the line (`@`).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum NodePath {
    InDocument(JsonPath),
    InLine(JsonPath),
}

/// How many of an amount's last digits are decimals.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Minor {
    Digits(u32),
    At(NodePath),
}

/// What is known of a cart's money beside the prices of its lines.
#[derive(Clone, Debug)]
pub(super) struct Money {
    pub(super) prices: Prices,
    /// The one rate of all lines, in percent.
    pub(super) tax: Option<Decimal>,
    /// What the shop prints for a rate, in small letters, to percent.
    pub(super) taxes: Vec<(String, Decimal)>,
    pub(super) charges: Vec<Charge>,
    /// The printed total: the first of these that is there.
    pub(super) sums: Vec<Beside>,
    pub(super) tolerance: Option<Decimal>,
    pub(super) sum_mismatch: Severity,
    /// Whether a line's total is after its discount, where its numbers are not to tell.
    pub(super) discount_in_total: Option<bool>,
}

/// A cost beside the lines.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    /// Its label is the name, its amount the price.
    pub(super) beside: Beside,
    pub(super) matches: Option<Regex>,
    pub(super) what: What,
    pub(super) name: Option<String>,
    pub(super) sku: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) tax: Option<Decimal>,
    pub(super) in_sum: bool,
}

/// Something that stands beside the lines, with values inside.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    pub(super) at: At,
    pub(super) fields: Fields,
}

/// Elements or nodes.
#[derive(Clone, Debug)]
pub(super) enum At {
    Markup(Arc<Rows>),
    Json(Arc<Nodes>),
}

impl Money {
    /// Everything to look for beside the lines: the charges, then the sums.
    pub(super) fn beside(&self) -> impl Iterator<Item = &Beside> {
        self.charges.iter().map(|charge| &charge.beside).chain(&self.sums)
    }
}

/// Elements of one kind, each with values inside: the lines of a cart.
#[derive(Clone, Debug)]
pub(super) struct Rows {
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
    /// Names of elements that selectors count or want as children: unreliable where end tags are missing.
    pub(super) positional: Vec<String>,
    pub(super) max_lines: usize,
}

/// Where the values of a line stand: for each a chain of places, of which the first that holds something wins.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    /// What tells a line from every other: two with the same key are one line, printed twice.
    pub(super) key: Vec<Place>,
    pub(super) name: Vec<Place>,
    /// Size, colour ...: no fallback chain, every one of them is added to the name.
    pub(super) options: Vec<Place>,
    pub(super) sku: Vec<Place>,
    pub(super) quantity: Vec<Place>,
    pub(super) price: Vec<Place>,
    pub(super) total: Vec<Place>,
    pub(super) discount: Vec<Place>,
    pub(super) tax: Vec<Place>,
    pub(super) currency: Vec<Place>,
    pub(super) unit: Vec<Place>,
    pub(super) link: Vec<Place>,
    pub(super) extra: Vec<(String, Vec<Place>)>,
}

/// One element to read inside a line, and what is needed of it.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) selector: Selector,
    /// As written, without the line.
    pub(super) written: String,
    pub(super) text: bool,
    /// Its text is an amount or a quantity.
    pub(super) is_amount: bool,
    /// Attribute names in small letters.
    pub(super) attributes: Vec<String>,
}

/// One link of a fallback chain.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) from: From,
    pub(super) pattern: Option<Regex>,
    pub(super) default: Option<String>,
    pub(super) numbers: Option<NumberFormat>,
    pub(super) spaces: Spaces,
}

/// Where the text of a [`Place`] comes from.
#[derive(Clone, Debug)]
pub(super) enum From {
    /// Nowhere: the default is meant.
    Constant,
    /// Index into [`Rows::reads`] or [`Nodes::reads`] and what of it: of the first element that says something.
    First(usize, Part),
    /// As `First`, of every such element, with a text between them.
    Every(usize, Part, String),
    /// Several places, with a text between those that hold something.
    Join(Vec<Place>, String),
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
        compile::rules(source)
    }

    /// These rules, with tables for what the pages do not say.
    pub fn with_tables(self, tables: Vec<Arc<Table>>) -> Rules {
        Rules { tables, ..self }
    }

    /// Whether a value of that name is read by the configuration's own wish.
    pub fn reads_extra(&self, name: &str) -> bool {
        self.fields.extra.iter().any(|(known, _)| known == name)
    }

    /// These rules, with what is looked for on product pages.
    pub fn with_lookup(self, lookup: Lookup) -> Rules {
        Rules { lookup: Some(lookup), ..self }
    }

    /// Where is looked up what the pages do not say.
    pub fn tables(&self) -> &[Arc<Table>] {
        &self.tables
    }

    /// What is allowed and yet looks like a mistake.
    pub fn warnings(&self) -> &[RuleError] {
        &self.warnings
    }

    /// The selectors or paths that values are read from, relative to the line and as written, for reports on what matched.
    pub fn selectors(&self) -> impl Iterator<Item = &str> {
        let (html, json): (&[Read], &[NodeRead]) = match &self.lines {
            Lines::Html(rows) => (&rows.reads[1..], &[]),
            Lines::Script(_, nodes) | Lines::Endpoint(_, nodes) => (&[], &nodes.reads),
        };
        html.iter().map(|read| read.written.as_str()).chain(json.iter().map(|read| read.written.as_str()))
    }

    /// Where the cart is to be fetched from, if that is not the cart page.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match &self.lines {
            Lines::Endpoint(endpoint, _) => Some(endpoint),
            Lines::Html(_) | Lines::Script(..) => None,
        }
    }
}

#[cfg(test)]
mod tests;
