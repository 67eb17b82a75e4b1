//! `[shop.product]` and `[shop.search]`: pages that functions of OCI are answered from.

use std::sync::Arc;

use super::Notes;
use super::shop::told;
use crate::cart::rules::{Chain, Prices, Rules, RulesSource, Value};
use crate::cart::table::Table;
use crate::config::file::{CartFile, OfferFile};
use crate::config::plan::Offers;
use crate::shop::Template;

/// Hits of a search that are answered: with twelve fields each they fit in a form that every receiver reads.
const MOST: usize = 50;

/// `part` is `product` or `search`, which is also the word that its address holds. `Some(None)`: functions about it are not
/// offered.
pub(super) fn offers(
    part: &str,
    file: Option<&OfferFile>,
    cart: &CartFile,
    tables: &[Arc<Table>],
    notes: &mut Notes<'_>,
) -> Option<Option<Arc<Offers>>> {
    let Some(file) = file else { return Some(None) };
    let source = as_in_cart(RulesSource::from(file), cart);
    if file.prices.is_none() && source.prices == Some(Prices::Gross) && source.tax.is_none() {
        // Nobody may have asked for it: it may come from a preset.
        let message = "is missing, and the prices of [shop.cart] are gross: functions about it are not offered";
        notes.warn(format!("shop.{part}.tax"), message);
        return Some(None);
    }
    let address = address(part, file, notes);
    if part == "product" {
        for (key, given) in [("most", file.most.is_some()), ("details", file.details.is_some())] {
            if given {
                notes.fault(format!("shop.product.{key}"), "is of [shop.search] alone");
            }
        }
    }
    let most = file.most.unwrap_or(if part == "product" { 1 } else { MOST });
    if most == 0 {
        notes.fault(format!("shop.{part}.most"), "is 0: nothing could be answered");
    }
    if part == "search" && file.empty.is_none() {
        let message =
            "is missing: a search without a hit cannot be told from a page that has changed, and is answered as one";
        notes.warn("shop.search.empty", message);
    }
    let rules = match Rules::compile(source) {
        Ok(rules) => {
            for warning in rules.warnings() {
                notes.warn(format!("shop.{part}.{}", warning.field), told(warning));
            }
            Some(Arc::new(rules.with_tables(tables.to_vec())))
        }
        Err(errors) => {
            for error in &errors {
                // The price of so many is a total to whoever reads it.
                let field = if error.field == "total" { "price" } else { &error.field };
                notes.fault(format!("shop.{part}.{field}"), told(error));
            }
            None
        }
    };
    Some(Some(Arc::new(Offers { address: address?, rules: rules?, most, details: file.details.unwrap_or(false) })))
}

/// What holds for all of the shop's pages is said once, in `[shop.cart]`: how numbers are printed, net or gross, and the
/// currency and tax rate where they are no places on the cart page.
fn as_in_cart(offers: RulesSource, cart: &CartFile) -> RulesSource {
    let constant = |chain: &Option<Chain>, is_one: fn(&str) -> bool| {
        let Some(Chain::One(Value::Short(text))) = chain else { return None };
        is_one(text).then(|| chain.clone()).flatten()
    };
    let is_currency = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_rate = |text: &str| text.parse::<f64>().is_ok();
    RulesSource {
        currency: offers.currency.or_else(|| constant(&cart.currency, is_currency)),
        tax: offers.tax.or_else(|| constant(&cart.tax, is_rate)),
        prices: offers.prices.or(cart.prices),
        numbers: offers.numbers.or_else(|| cart.numbers.clone()),
        ..offers
    }
}

fn address(part: &str, file: &OfferFile, notes: &mut Notes<'_>) -> Option<Template> {
    let key = format!("shop.{part}.page");
    let Some(page) = file.page.as_deref() else {
        let example = if part == "product" { "/product/{product}" } else { "/search?q={search}" };
        notes.fault(key, format!("is missing: the address, such as \"{example}\""));
        return None;
    };
    if !page.starts_with('/') || page.starts_with("//") || page.contains(['#', '\\', ' ']) {
        notes.fault(key, format!("`{page}` is not an address in the shop: begin with one `/`"));
        return None;
    }
    let template = notes.take(&key, Template::parse(page, &[part]))?;
    if template.words().next().is_none() {
        notes.fault(key, format!("`{page}` has no {{{part}}} in it: every call would get the same page"));
        return None;
    }
    Some(template)
}
