//! Reading rules as they are written in a configuration.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::finding::Severity;

/// The rules of one shop's cart page. Every key is optional here, so that a preset can be overridden key by key
/// ([`RulesSource::over`]); what is missing in the end is found when the rules are compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesSource {
    /// Where the cart is to be found; in the page's markup by default.
    pub source: Option<CartSource>,
    /// Where the page holds JSON, for [`CartSource::Script`].
    pub script: Option<ScriptSource>,
    /// The address that answers with JSON, for [`CartSource::Json`].
    pub json: Option<String>,
    /// Path to the address of the next answer, where the lines come in pages.
    pub next: Option<String>,
    /// Most answers that are put together; default 20.
    pub pages: Option<usize>,
    /// The element of one line; comma lists are allowed. Of JSON the path to the lines: `$.items[*]`.
    pub line: Option<String>,
    /// What tells a line from every other, for pages that print lines twice (a wide and a narrow layout).
    pub key: Option<Chain>,
    /// What the article is called. Required.
    pub name: Option<Chain>,
    /// Size, colour and the like: every one that is found is added to the name.
    pub options: Option<Chain>,
    /// The shop's item number; inner spaces are kept.
    pub sku: Option<Chain>,
    /// How many. Required.
    pub quantity: Option<Chain>,
    /// Price of one. `price` or `total` is required, both are better.
    pub price: Option<Chain>,
    /// Price of the line.
    pub total: Option<Chain>,
    /// A place on the page, or an ISO 4217 code for what the page does not say.
    pub currency: Option<Chain>,
    /// The shop's word for the unit.
    pub unit: Option<Chain>,
    /// Address of the product page; without an attribute, `href` is meant.
    pub link: Option<Chain>,
    /// Inside a line (`&.x`: the line itself): this is a header or a total and no line.
    #[serde(deserialize_with = "one_or_many")]
    pub skip: Vec<String>,
    /// Anywhere on the page: the cart is empty.
    pub empty: Option<Chain>,
    /// `auto` (default), or an example: `1.234,56`, `1,234.56`, `1 234,56`.
    pub numbers: Option<String>,
    /// Most lines of a cart; default 1000.
    pub max_lines: Option<usize>,
    /// What the shop prints: net prices (default), or gross ones.
    pub prices: Option<Prices>,
    /// The tax rate of a line in percent: `"25"`, or where it stands. Required where prices are gross.
    pub tax: Option<Chain>,
    /// What the shop prints for a tax rate, to percent: `reduced = "15"`.
    pub taxes: BTreeMap<String, String>,
    /// What is to be taken off the line's total, where it is printed apart.
    pub discount: Option<Chain>,
    /// Whether the total is after it; by default price times quantity tells.
    pub discount_in_total: Option<bool>,
    /// What the cart costs beside its lines.
    pub charges: Vec<ChargeSource>,
    /// The cart's printed total, anywhere on the page; what is returned must come to it.
    pub sum: Option<Chain>,
    /// How much both may differ; by default half of the last printed decimal for each line.
    pub tolerance: Option<String>,
    /// What it is when they differ by more; an error by default.
    pub sum_mismatch: Option<Severity>,
    /// Further values by name, in this order.
    #[serde(deserialize_with = "in_order")]
    pub extra: Vec<(String, Chain)>,
}

impl RulesSource {
    /// These rules, with `base` (a preset) for every key that they do not have.
    pub fn over(self, base: RulesSource) -> RulesSource {
        let mut extra = self.extra;
        for (key, chain) in base.extra {
            if !extra.iter().any(|(known, _)| *known == key) {
                extra.push((key, chain));
            }
        }
        RulesSource {
            source: self.source.or(base.source),
            script: self.script.or(base.script),
            json: self.json.or(base.json),
            next: self.next.or(base.next),
            pages: self.pages.or(base.pages),
            line: self.line.or(base.line),
            key: self.key.or(base.key),
            name: self.name.or(base.name),
            options: self.options.or(base.options),
            sku: self.sku.or(base.sku),
            quantity: self.quantity.or(base.quantity),
            price: self.price.or(base.price),
            total: self.total.or(base.total),
            currency: self.currency.or(base.currency),
            unit: self.unit.or(base.unit),
            link: self.link.or(base.link),
            skip: if self.skip.is_empty() { base.skip } else { self.skip },
            empty: self.empty.or(base.empty),
            numbers: self.numbers.or(base.numbers),
            max_lines: self.max_lines.or(base.max_lines),
            prices: self.prices.or(base.prices),
            tax: self.tax.or(base.tax),
            taxes: if self.taxes.is_empty() { base.taxes } else { self.taxes },
            discount: self.discount.or(base.discount),
            discount_in_total: self.discount_in_total.or(base.discount_in_total),
            charges: if self.charges.is_empty() { base.charges } else { self.charges },
            sum: self.sum.or(base.sum),
            tolerance: self.tolerance.or(base.tolerance),
            sum_mismatch: self.sum_mismatch.or(base.sum_mismatch),
            extra,
        }
    }
}

/// Where a cart is to be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CartSource {
    /// In the markup of the cart page.
    #[default]
    Html,
    /// In JSON that the cart page holds, in a script or an attribute.
    Script,
    /// In JSON at an address of its own.
    Json,
}

/// Where a page holds JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScriptSource {
    /// The element: `script`, `script[type="application/ld+json"]`, `#cart`.
    pub select: Option<String>,
    /// The variable that it is assigned to: `prestashop`, `window.shop.cart`.
    pub variable: Option<String>,
    /// The attribute that holds it: `data-cart`.
    pub attribute: Option<String>,
}

/// What the shop prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Prices {
    /// Without tax, as OCI wants them.
    #[default]
    Net,
    /// With tax.
    Gross,
}

/// What becomes of a cost beside the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A line of its own.
    Line,
    /// Taken off the lines, each by its share.
    Discount,
    /// The cart does not leave.
    Refuse,
    /// Left out.
    Ignore,
}

/// A cost beside the lines: freight, a fee, a discount on the whole cart, a tax row.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChargeSource {
    /// Its element, anywhere on the page; of JSON the path to it.
    pub select: Option<String>,
    /// What it is called, in the element.
    pub label: Option<Chain>,
    /// How much, in the element. A minus sign does not matter.
    pub amount: Option<Chain>,
    /// A regular expression: only elements with such a label are meant.
    pub r#match: Option<String>,
    /// What becomes of it. Required.
    pub what: Option<What>,
    /// The line's name, instead of the label.
    pub name: Option<String>,
    /// The line's item number.
    pub sku: Option<String>,
    /// The line's unit.
    pub unit: Option<String>,
    /// The tax rate in percent, where prices are gross; that of `tax` by default, if that is one for all lines.
    pub tax: Option<String>,
    /// The printed total includes it, although it is ignored.
    pub in_sum: bool,
}

/// Places to look at, in order: the first that holds something wins.
#[derive(Clone, Debug, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(untagged)]
pub enum Chain {
    /// A single place.
    One(Value),
    /// A fallback chain.
    Many(Vec<Value>),
}

/// One place to read a value from.
#[derive(Clone, Debug, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(untagged)]
pub enum Value {
    /// `"td.price"`, `"input.qty@value"`, `"@data-sku"`.
    Short(String),
    /// `{ select = "...", attribute = "...", pattern = "...", default = "..." }`.
    Long(LongValue),
}

/// The long form of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LongValue {
    /// Relative to the line; without it the line element itself. In JSON a path: from the line (`@.sku`) or the document
    /// (`$.currency`).
    pub select: Option<String>,
    /// The attribute; without it the text (of an `input`: its value).
    pub attribute: Option<String>,
    /// A regular expression: its first group is the value, else the whole match. No match is no value.
    pub pattern: Option<String>,
    /// The value where nothing was found.
    pub default: Option<String>,
    /// The number format of this value alone, where it is not printed like the others (a `data-price`).
    pub numbers: Option<String>,
    /// The amount is a whole number of the smallest unit (øre, cent): how many of its digits are decimals. JSON alone.
    pub minor_units: Option<Digits>,
    /// Keep runs of spaces. Item numbers always do.
    pub keep_spaces: bool,
    /// Every element that matches, not only the first that says something.
    pub every: bool,
    /// Several places whose texts are joined; those without one are left out. Instead of `select`.
    pub join: Vec<Value>,
    /// What stands between joined texts; a space, or `, ` between those of `every`.
    pub with: Option<String>,
}

/// A number of digits, or the path to it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "a number of digits, or a path to it")]
pub enum Digits {
    /// As many.
    Number(u32),
    /// As many as it says there.
    Path(String),
}

impl Chain {
    pub(super) fn into_values(self) -> Vec<Value> {
        match self {
            Chain::One(value) => vec![value],
            Chain::Many(values) => values,
        }
    }
}

impl From<&str> for Chain {
    fn from(short: &str) -> Self {
        Chain::One(Value::Short(short.to_owned()))
    }
}

// An untagged enum would answer a misspelt key with "did not match any variant"; these visitors let the long form's own
// error through.

impl<'de> serde::Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a selector such as \"td.price\" or \"input.qty@value\", or a table with select, attribute, pattern, default")
    }

    fn visit_str<E>(self, short: &str) -> Result<Value, E> {
        Ok(Value::Short(short.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        serde::Deserialize::deserialize(MapAccessDeserializer::new(map)).map(Value::Long)
    }
}

impl<'de> serde::Deserialize<'de> for Chain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChainVisitor)
    }
}

struct ChainVisitor;

impl<'de> Visitor<'de> for ChainVisitor {
    type Value = Chain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a selector, a table with select, or an array of them")
    }

    fn visit_str<E: serde::de::Error>(self, short: &str) -> Result<Chain, E> {
        ValueVisitor.visit_str(short).map(Chain::One)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Chain, A::Error> {
        ValueVisitor.visit_map(map).map(Chain::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Chain, A::Error> {
        serde::Deserialize::deserialize(SeqAccessDeserializer::new(seq)).map(Chain::Many)
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct OneOrMany;
    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a selector or an array of selectors")
        }

        fn visit_str<E>(self, one: &str) -> Result<Vec<String>, E> {
            Ok(vec![one.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Vec<String>, A::Error> {
            serde::Deserialize::deserialize(SeqAccessDeserializer::new(seq))
        }
    }
    deserializer.deserialize_any(OneOrMany)
}

fn in_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Chain)>, D::Error> {
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Vec<(String, Chain)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table from names to values")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_map(InOrder)
}
