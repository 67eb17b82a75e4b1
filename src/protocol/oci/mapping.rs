//! A cart to NEW_ITEM fields, for one buyer.
//!
//! The buyer never answers "your line 3 was dropped" (see [`crate::finding`]): whatever does not go through as the shop
//! says it is a finding, and one of severity error keeps the cart here.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::assortment::Assortment;
use super::bundle::Bundles;
use super::charset::Charset;
use super::fields::{FieldKind, FieldName, Limits, LongTextStyle};
use super::filled::Filled;
use super::filling::{self, standard};
use super::number::DecimalMark;
use super::parameters::Parameters;
use super::source::{FieldSource, Reading, Source};
use super::text;
use crate::cart::class::Classes;
use crate::cart::unit::How;
use crate::cart::{Cart, Line};
use crate::finding::{Finding, Severity, code};

/// The most inputs that a form has by default. PHP, ASP.NET and Node's `qs` silently drop what is over 1,000.
pub const MAX_INPUTS: usize = 990;

/// What the configuration says about a buyer's fields. Every key has a default that suits most.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MappingSettings {
    /// Sources by field name, over the defaults; an empty text leaves a field out.
    pub fields: BTreeMap<String, FieldSource>,
    /// Inputs without an index, under the very names that stand here.
    pub header: BTreeMap<String, FieldSource>,
    /// The buyer's own lengths.
    pub limits: Limits,
    /// Fields without which a line must not leave, beside those that OCI itself requires: QUANTITY, DESCRIPTION or
    /// MATNR, and UNIT where MATNR is empty.
    pub required: Vec<String>,
    /// How the long text's input is named.
    pub longtext: LongTextStyle,
    /// The values that PRICEUNIT may take, ascending.
    pub price_units: Vec<u32>,
    /// The most inputs, control fields among them.
    pub max_inputs: usize,
    /// What stands before the decimals of QUANTITY and PRICE.
    pub decimal: DecimalMark,
    /// The shop's category to the buyer's class.
    pub classes: BTreeMap<String, String>,
    /// What tells that lines belong to others.
    pub bundles: Option<Bundles>,
    /// What was agreed on; without it everything may be returned.
    #[serde(skip)]
    pub assortment: Option<Assortment>,
}

impl Default for MappingSettings {
    fn default() -> Self {
        MappingSettings {
            fields: BTreeMap::new(),
            header: BTreeMap::new(),
            limits: Limits::default(),
            required: ["PRICE", "CURRENCY", "VENDORMAT"].map(str::to_owned).to_vec(),
            longtext: LongTextStyle::default(),
            price_units: vec![1, 10, 100, 1000, 10000],
            max_inputs: MAX_INPUTS,
            decimal: DecimalMark::default(),
            classes: BTreeMap::new(),
            bundles: None,
            assortment: None,
        }
    }
}

/// A buyer's mapping, compiled.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Every field that may be sent. `None` are those that the cart itself gives in a form of its own: UNIT, PRICE,
    /// PRICEUNIT, LONGTEXT.
    pub(super) fields: BTreeMap<FieldName, Option<Source>>,
    header: Vec<(String, Source)>,
    pub(super) limits: Limits,
    pub(super) required: BTreeSet<FieldName>,
    pub(super) longtext: LongTextStyle,
    pub(super) price_units: Vec<u32>,
    pub(super) max_inputs: usize,
    pub(super) decimal: DecimalMark,
    pub(super) bundles: Option<Bundles>,
    pub(super) assortment: Option<Assortment>,
}

/// A setting that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct MappingError {
    /// Which key, as `fields.VENDOR`.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What the buyer calls a shop's unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitFound {
    /// The table has it.
    Code(String),
    /// The table lacks it, or the shop names none, and this stands in.
    Defaulted(String),
    /// The table lacks it and nothing stands in.
    Unknown,
}

impl From<(Option<&str>, How)> for UnitFound {
    fn from(found: (Option<&str>, How)) -> Self {
        match found {
            (Some(code), How::Table | How::AlreadyCode) => UnitFound::Code(code.to_owned()),
            (Some(code), _) => UnitFound::Defaulted(code.to_owned()),
            (None, _) => UnitFound::Unknown,
        }
    }
}

/// What a mapping needs beside the cart.
pub struct Surroundings<'a> {
    /// The parameters of the entry.
    pub parameters: &'a Parameters,
    /// The buyer's code for the shop's word for a unit, or for no word at all.
    pub units: &'a dyn Fn(Option<&str>) -> UnitFound,
    /// What the form is sent in.
    pub charset: Charset,
    /// How many inputs the form will have beside, for the limit on them: [`super::form::HandOver::control_count`].
    pub control_fields: usize,
}

/// A cart as NEW_ITEM fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// Inputs without an index.
    pub header: Vec<(String, String)>,
    /// One list a line, the same fields in the same order on each: receivers that compact sparse arrays would else move
    /// a value to another line.
    pub lines: Vec<Vec<(FieldName, String)>>,
    /// How the long text's input is named.
    pub longtext: LongTextStyle,
    /// What happened to the values. One of severity error: the cart must not leave.
    pub findings: Vec<Finding>,
}

impl Mapped {
    /// The inputs of the form: header, then line after line, from index 1 without gaps.
    pub fn inputs(&self) -> Vec<(String, String)> {
        self.clone().into_inputs()
    }

    /// The same, without a copy of every value.
    pub fn into_inputs(self) -> Vec<(String, String)> {
        let (mut inputs, longtext) = (self.header, self.longtext);
        inputs.reserve(self.lines.iter().map(Vec::len).sum());
        for (index, line) in self.lines.into_iter().enumerate() {
            let named = |(name, value): (FieldName, String)| Some((name.input(index + 1, longtext)?, value));
            inputs.extend(line.into_iter().filter_map(named));
        }
        inputs
    }

    /// Whether the cart may leave.
    pub fn may_leave(&self) -> bool {
        !Finding::any_error(&self.findings)
    }
}

impl Mapping {
    /// Compiles a buyer's settings.
    ///
    /// # Errors
    /// The first key that is wrong.
    pub fn compile(settings: &MappingSettings) -> Result<Mapping, MappingError> {
        let error = |key: String, reason: &str| MappingError { key, reason: reason.to_owned() };
        let name = |section: &str, name: &String| {
            FieldName::parse(name).ok_or_else(|| error(format!("{section}.{name}"), "not a field name"))
        };
        let classes = Classes::default().with(&settings.classes);
        let mut fields = default_fields();
        for (key, source) in &settings.fields {
            let source = Source::compile(source, &classes).map_err(|reason| error(format!("fields.{key}"), &reason))?;
            fields.insert(name("fields", key)?, Some(source));
        }
        let mut header = Vec::new();
        for (key, source) in &settings.header {
            if key.is_empty() || key.chars().any(char::is_control) {
                return Err(error(format!("header.{key}"), "not a name for an input"));
            }
            header.push((
                key.clone(),
                Source::compile(source, &classes).map_err(|reason| error(format!("header.{key}"), &reason))?,
            ));
        }
        for key in settings.limits.0.keys() {
            name("limits", key)?;
        }
        if settings.price_units.is_empty() || settings.price_units.contains(&0) || !settings.price_units.is_sorted() {
            return Err(error("price_units".to_owned(), "whole numbers from 1, ascending, at least one"));
        }
        Ok(Mapping {
            fields,
            header,
            limits: settings.limits.clone(),
            required: settings.required.iter().map(|key| name("required", key)).collect::<Result<_, _>>()?,
            longtext: settings.longtext,
            price_units: settings.price_units.clone(),
            max_inputs: settings.max_inputs,
            decimal: settings.decimal,
            bundles: settings.bundles.clone(),
            assortment: settings.assortment.clone(),
        })
    }

    /// Where a field's value comes from, in words of the configuration, for a report.
    pub fn origin_of(&self, field: &FieldName) -> String {
        match (self.fields.get(field), field.as_str()) {
            (Some(Some(source)), _) => source.describe(),
            (Some(None), "UNIT") => "unit, by the table of units".to_owned(),
            (Some(None), "LONGTEXT") => "what DESCRIPTION is too short for".to_owned(),
            (Some(None) | None, "PRICE" | "PRICEUNIT") => "price".to_owned(),
            _ => String::new(),
        }
    }

    /// Inputs without an index.
    pub(super) fn header(&self) -> &[(String, Source)] {
        &self.header
    }

    /// The buyer's lengths.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether anything gives a value for `field`: its source, the cart itself, or bundles.
    pub fn fills(&self, field: &FieldName) -> bool {
        match self.fields.get(field) {
            Some(Some(Source::Constant(text))) => !text.is_empty(),
            Some(None) => field.as_str() != "LONGTEXT" || self.longtext != LongTextStyle::Omit,
            Some(Some(_)) => true,
            None => self.bundles.is_some() && ["ITEM_TYPE", "PARENT_ID"].contains(&field.as_str()),
        }
    }

    /// The extra values of a line that this mapping reads, so that a check can tell a misspelled one.
    pub fn extras(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for source in self.fields.values().flatten().chain(self.header.iter().map(|(_, source)| source)) {
            source.extras(&mut names);
        }
        names.extend(self.bundles.iter().flat_map(|bundles| [bundles.line.as_str(), &bundles.parent]));
        names
    }
}

/// Brings `cart` into `mapping`'s fields. The cart's own findings are not repeated.
pub fn map(mapping: &Mapping, cart: &Cart, surroundings: &Surroundings<'_>) -> Mapped {
    let mut findings = Vec::new();
    let mut lines = Vec::with_capacity(cart.lines.len());
    for (index, line) in cart.lines.iter().enumerate() {
        lines.push(filling::fill(mapping, surroundings, line, index + 1, &mut findings));
    }
    if let Some(bundles) = &mapping.bundles {
        bundles.tell(&cart.lines, &mut lines, &mut findings);
    }
    let header = header_inputs(mapping, cart, surroundings, &mut findings);
    let mapped = Mapped { header, lines: dense(lines), longtext: mapping.longtext, findings };
    within_inputs(mapping, surroundings, mapped)
}

/// What is sent for a buyer that says nothing about fields.
fn default_fields() -> BTreeMap<FieldName, Option<Source>> {
    use super::source::LineValue::{Currency, Name, Product, Quantity, Sku};
    BTreeMap::from([
        (standard("DESCRIPTION"), Some(Source::Line(Name))),
        (standard("QUANTITY"), Some(Source::Line(Quantity))),
        (standard("UNIT"), None),
        (standard("PRICE"), None),
        (standard("CURRENCY"), Some(Source::Line(Currency))),
        (standard("PRICEUNIT"), None),
        (standard("LONGTEXT"), None),
        // IFS sends it in the entry and wants it back on every line.
        (standard("VENDOR"), Some(Source::Parameter("NEW_ITEM-VENDOR".to_owned()))),
        (standard("VENDORMAT"), Some(Source::Line(Sku))),
        (standard("EXT_PRODUCT_ID"), Some(Source::Line(Product))),
    ])
}

fn header_inputs(
    mapping: &Mapping,
    cart: &Cart,
    surroundings: &Surroundings<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<(String, String)> {
    let nothing = Line::default();
    let line = cart.lines.first().unwrap_or(&nothing);
    let inputs = mapping.header.iter().map(|(name, source)| {
        let reading = Reading::new(line, 1, surroundings.parameters);
        let value = text::clean(&source.value(&reading), FieldKind::Code);
        let (value, replaced) = surroundings.charset.fit(&value);
        if !replaced.is_empty() {
            let detail = format!("{name}: {} lacks some of its letters", surroundings.charset.label());
            findings.push(Finding::on_cart(code::CHARSET_REPLACED, Severity::Warning, detail));
        }
        (name.clone(), value.into_owned())
    });
    inputs.collect()
}

/// The same fields on every line: those that any line has a value for.
fn dense(lines: Vec<Filled>) -> Vec<Vec<(FieldName, String)>> {
    let mut used: Vec<FieldName> = Vec::new();
    for (name, _) in lines.iter().flat_map(Filled::iter).filter(|(_, value)| !value.is_empty()) {
        if let Err(at) = used.binary_search(name) {
            used.insert(at, name.clone());
        }
    }
    lines.into_iter().map(|line| line.into_all(&used)).collect()
}

fn within_inputs(mapping: &Mapping, surroundings: &Surroundings<'_>, mut mapped: Mapped) -> Mapped {
    let items: usize = mapped.lines.iter().map(Vec::len).sum();
    let inputs = items + mapped.header.len() + surroundings.control_fields;
    if inputs > mapping.max_inputs {
        let detail = format!(
            "{} lines make {inputs} inputs; the buyer's system is known to read {} and to drop the rest silently",
            mapped.lines.len(),
            mapping.max_inputs
        );
        mapped.findings.push(Finding::on_cart(code::TOO_MANY_INPUTS, Severity::Error, detail));
    }
    mapped
}

#[cfg(test)]
mod tests;
