//! A record as a fixture: `rules.toml`, the page, and `cart.lines.toml`, what must be read from it from now on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;
use toml::{Table, Value};

use crate::cart::Cart;
use crate::cart::rules::RulesSource;
use crate::config::plan::Plan;
use crate::config::presets::PRESETS;
use crate::observe::record::folder::Kept;

/// `cart.lines.toml`.
#[derive(Serialize)]
struct Expected<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    charset: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    empty: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    line: Vec<ExpectedLine<'c>>,
}

#[derive(Serialize)]
struct ExpectedLine<'c> {
    name: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<&'c str>,
    quantity: String,
    price: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<String>,
    currency: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'c str>,
    /// In the order in which they are read.
    #[serde(skip_serializing_if = "Table::is_empty")]
    extra: Table,
}

/// Writes it into a folder that is not there yet, or is empty.
pub(super) fn write(folder: &Path, config: &Path, plan: &Plan, kept: &Kept, cart: &Cart) -> Result<(), String> {
    if fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()) {
        return Err(format!("{} is not empty: nothing is written over", folder.display()));
    }
    let rules = rules(config)?;
    let expected = toml::to_string_pretty(&expected(plan, kept, cart)).map_err(|error| error.to_string())?;
    let page = if kept.json { "cart.json" } else { "cart.html" };
    let put = |name: &str, bytes: &[u8]| {
        let file = folder.join(name);
        fs::write(&file, bytes).map_err(|error| format!("{}: {error}", file.display()))
    };
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    put("rules.toml", rules.as_bytes())?;
    put(page, &kept.page)?;
    put("cart.lines.toml", expected.as_bytes())
}

fn expected<'c>(plan: &Plan, kept: &Kept, cart: &'c Cart) -> Expected<'c> {
    let code = |finding: &crate::finding::Finding| match finding.line {
        Some(line) => format!("{} {line}", finding.code),
        None => finding.code.to_owned(),
    };
    let line = cart.lines.iter().map(|line| ExpectedLine {
        name: &line.name,
        sku: line.sku.as_deref(),
        quantity: line.quantity.to_string(),
        price: line.price.to_string(),
        total: line.total.map(|total| total.to_string()),
        currency: &line.currency,
        unit: line.unit.as_deref(),
        link: line.link.as_deref(),
        extra: line.extra.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect(),
    });
    Expected {
        charset: super::label(kept),
        empty: cart.empty,
        findings: cart.findings.iter().map(code).collect(),
        warnings: plan.shop.cart.warnings().iter().map(|warning| warning.field.clone()).collect(),
        line: line.collect(),
    }
}

/// The keys of `[shop.cart]` that tell how it is read, over those of the preset.
fn rules(config: &Path) -> Result<String, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", config.display());
    let text = fs::read_to_string(config).map_err(|error| told(&error))?;
    let file: Table = toml::from_str(&text).map_err(|error| told(&error))?;
    let shop = file.get("shop").and_then(Value::as_table).cloned().unwrap_or_default();
    let of_preset = |name: &str| {
        let (_, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
        Some(reading(toml::from_str::<Table>(text).ok()?.get("shop")?.as_table()?))
    };
    let mut rules = reading(&shop);
    if let Some(name) = shop.get("preset").and_then(Value::as_str) {
        let preset = of_preset(name).unwrap_or_default();
        // In a file a table of one's own stands for the preset's; in a fixture both are put together.
        if rules.values().any(Value::is_table) {
            rules = preset.into_iter().filter(|(key, _)| !rules.contains_key(key)).chain(rules.clone()).collect();
        } else {
            rules.insert("preset".to_owned(), Value::String(name.to_owned()));
        }
    }
    // In the order in which a configuration reads them.
    if let Some(Value::Table(extra)) = rules.get_mut("extra") {
        let sorted: BTreeMap<String, Value> = std::mem::take(extra).into_iter().collect();
        extra.extend(sorted);
    }
    toml::to_string_pretty(&rules).map_err(|error| error.to_string())
}

/// Those keys of `[shop.cart]` that say how a cart is read: the others are about its page, its controls, its emptying.
fn reading(shop: &Table) -> Table {
    let cart = shop.get("cart").and_then(Value::as_table).cloned().unwrap_or_default();
    let reads = |(key, value): &(String, Value)| {
        Table::from_iter([(key.clone(), value.clone())]).try_into::<RulesSource>().is_ok()
    };
    cart.into_iter().filter(reads).collect()
}
