//! The assortment that shop and buyer agreed on, and the guard at its gate.
//!
//! Public buyers are bound to what they called for tenders on: what else is in the shop may be seen, but not returned.

use std::collections::HashSet;

use serde::Deserialize;

use super::fields::FieldName;
use super::filled::Filled;
use crate::finding::Severity;

/// What becomes of a line outside the assortment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The cart does not leave.
    #[default]
    Block,
    /// The cart leaves, and the log says so.
    Warn,
}

/// What was agreed on: a line is in it by its item number or by its class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assortment {
    /// The shop's item numbers, as it prints them.
    pub skus: HashSet<String>,
    /// Classes; with `*` at the end, all that begin so.
    pub classes: Vec<String>,
    /// What becomes of other lines.
    pub mode: Mode,
}

/// Fields that may hold a line's class.
const CLASS_FIELDS: [&str; 3] = ["MATGROUP", "EXT_CATEGORY_ID", "EXT_CATEGORY"];

impl Assortment {
    /// How grave a line outside is.
    pub fn severity(&self) -> Severity {
        match self.mode {
            Mode::Block => Severity::Error,
            Mode::Warn => Severity::Warning,
        }
    }

    /// Whether a line with that item number and those fields is in the assortment.
    pub(super) fn holds(&self, sku: Option<&str>, fields: &Filled) -> bool {
        let by_class = |(name, value): (&FieldName, &str)| {
            CLASS_FIELDS.contains(&name.as_str()) && self.classes.iter().any(|class| matches(class, value))
        };
        sku.is_some_and(|sku| self.skus.contains(sku.trim())) || fields.iter().any(by_class)
    }
}

fn matches(class: &str, value: &str) -> bool {
    match class.strip_suffix('*') {
        Some(beginning) => value.starts_with(beginning) && !value.is_empty(),
        None => class == value,
    }
}

/// The item numbers of a list: one a line, empty lines and those that begin with `#` left out.
pub fn skus(list: &str) -> impl Iterator<Item = &str> {
    list.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_in_by_its_number_or_by_its_class() {
        let assortment = Assortment {
            skus: skus("\u{feff}# agreed 2026\n\n  A 1 \r\nB-2\n").map(str::to_owned).collect(),
            classes: vec!["3116*".into(), "44121600".into()],
            mode: Mode::Block,
        };
        let fields = |name: &str, value: &str| {
            let mut filled = Filled::default();
            filled.set(&FieldName::parse(name).unwrap(), value.to_owned());
            filled
        };
        for (sku, name, value, inside) in [
            (Some("A 1"), "UNIT", "PCE", true),
            (Some("a 1"), "UNIT", "PCE", false),
            (None, "EXT_CATEGORY", "31161500", true),
            (Some("X"), "MATGROUP", "44121600", true),
            (Some("X"), "MATGROUP", "44121601", false),
            (Some("X"), "VENDORMAT", "31161500", false),
            (None, "MATGROUP", "", false),
        ] {
            assert_eq!(assortment.holds(sku, &fields(name, value)), inside, "{sku:?} {name}={value}");
        }
    }
}
