//! `[shop.product]` and `[shop.search]`: pages that functions of OCI are answered from.

use std::sync::Arc;

use regex::Regex;

use super::Notes;
use super::shop::told;
use crate::cart::rules::{CartSource, Chain, Prices, Rules, RulesSource, Value};
use crate::cart::table::Table;
use crate::config::file::{CartFile, OfferFile};
use crate::config::plan::{Offers, Paging};
use crate::shop::Template;

/// Hits of a search that are answered: with twelve fields each they fit in a form that every receiver reads.
const MOST: usize = 50;

/// Pages of hits that are read.
const PAGES: usize = 5;

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
    misplaced(part, file, notes);
    let number = number(file, notes);
    let Some(page) = file.page.as_deref() else {
        let example = if part == "product" { "/product/{product}" } else { "/search?q={search}" };
        notes.fault(format!("shop.{part}.page"), format!("is missing: the address, such as \"{example}\""));
        return None;
    };
    let address = self::address(part, "page", page, number.as_ref(), notes);
    let json = file.json.as_deref().and_then(|json| self::address(part, "json", json, number.as_ref(), notes));
    if json.is_some() && file.source != Some(CartSource::Json) {
        notes.fault(format!("shop.{part}.json"), "is of source = \"json\" alone");
    }
    let paging = paging(file, json.as_ref().or(address.as_ref()), notes);
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
    Some(Some(Arc::new(Offers {
        address: address?,
        json,
        number,
        rules: rules?,
        most,
        details: file.details.unwrap_or(false),
        paging: paging?,
        pages: file.pages.unwrap_or(PAGES),
    })))
}

/// Keys that are of the other one.
fn misplaced(part: &str, file: &OfferFile, notes: &mut Notes<'_>) {
    let (of_search, of_product) = (
        [
            ("most", file.most.is_some()),
            ("details", file.details.is_some()),
            ("next", file.next.is_some()),
            ("pages", file.pages.is_some()),
            ("page_hits", file.page_hits.is_some()),
        ],
        [("number", file.number.is_some()), ("variants", file.variants.is_some())],
    );
    let (keys, owner) = if part == "product" { (&of_search[..], "search") } else { (&of_product[..], "product") };
    for (key, _) in keys.iter().filter(|(_, given)| *given) {
        notes.fault(format!("shop.{part}.{key}"), format!("is of [shop.{owner}] alone"));
    }
}

fn number(file: &OfferFile, notes: &mut Notes<'_>) -> Option<Regex> {
    let written = file.number.as_deref()?;
    notes
        .take("shop.product.number", Regex::new(written).map_err(|error| format!("`{written}` is no pattern: {error}")))
}

/// How hits go on on a second page.
fn paging(file: &OfferFile, address: Option<&Template>, notes: &mut Notes<'_>) -> Option<Paging> {
    let counted = address.is_some_and(|address| address.words().any(|word| word == "page"));
    if file.page_hits.is_some() && !counted {
        // It may be a preset's, whose address another has taken the place of.
        notes.warn("shop.search.page_hits", "is of a `page` with {page} in it, the number of a page of hits");
    }
    if file.pages == Some(0) {
        notes.fault("shop.search.pages", "is 0: nothing could be answered");
    }
    let Some(next) = &file.next else {
        return Some(if counted { Paging::Counted(file.page_hits) } else { Paging::One });
    };
    if counted {
        notes.fault("shop.search.next", "stands beside {page} in `page`: the one or the other leads to the next page");
        return None;
    }
    match file.source.unwrap_or_default() {
        // The rules look at the path.
        CartSource::Json => Some(Paging::Json),
        CartSource::Script => {
            notes.fault(
                "shop.search.next",
                "is for pages and JSON; with source = \"script\" let `page` have {page} in it",
            );
            None
        }
        CartSource::Html => {
            let (selector, attribute) = next.rsplit_once('@').unwrap_or((next, "href"));
            let selector = selector.parse().map_err(|error| format!("`{selector}` is no selector: {error}"));
            let selector = notes.take("shop.search.next", selector)?;
            Some(Paging::Link(selector, attribute.to_owned()))
        }
    }
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
        currency: match (offers.currency, constant(&cart.currency, is_currency)) {
            // What several currencies print, the constant decides.
            (Some(Chain::One(own)), Some(Chain::One(usual))) => Some(Chain::Many(vec![own, usual])),
            (own, usual) => own.or(usual),
        },
        tax: offers.tax.or_else(|| constant(&cart.tax, is_rate)),
        prices: offers.prices.or(cart.prices),
        numbers: offers.numbers.or_else(|| cart.numbers.clone()),
        ..offers
    }
}

fn address(part: &str, key: &str, page: &str, number: Option<&Regex>, notes: &mut Notes<'_>) -> Option<Template> {
    let key = format!("shop.{part}.{key}");
    if !page.starts_with('/') || page.starts_with("//") || page.contains(['#', '\\', ' ']) {
        notes.fault(key, format!("`{page}` is not an address in the shop: begin with one `/`"));
        return None;
    }
    let groups = number.iter().flat_map(|number| number.capture_names()).flatten();
    let words: Vec<&str> = [part].into_iter().chain(groups).chain((part == "search").then_some("page")).collect();
    let template = notes.take(&key, Template::parse(page, &words))?;
    if template.words().all(|word| word == "page") {
        notes.fault(key, format!("`{page}` has no {{{part}}} in it: every call would get the same page"));
        return None;
    }
    Some(template)
}
