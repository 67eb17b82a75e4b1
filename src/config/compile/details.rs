//! `[shop.details]`: what lines lack, from their product pages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

use super::{Notes, time};
use crate::cart::articles::{Article, Lookup};
use crate::cart::rules::CartSource;
use crate::config::file::{DetailsFile, ShopFile};
use crate::config::plan::{Details, Offers, ProductAddress};

/// An hour: what an article is called by its maker changes seldom.
const KEEP: u64 = 3600;

/// Product pages of one cart: a cart of more lines is rare, and each costs the shop a page.
const MOST: usize = 100;

/// As many connections as a browser opens, less what the cart page needs itself.
const AT_A_TIME: usize = 4;

/// In seconds. So long a person waits for a page without giving up.
const TIME: u64 = 5;

/// More at a time is a flood to a shop.
const HIGHEST_AT_A_TIME: usize = 16;

/// A page that lacks a value is remembered no longer: a cart is looked at several times within it.
const BRIEFLY: Duration = Duration::from_secs(60);

/// Bytes of all that is remembered.
const ROOM: u64 = 16 << 20;

/// What is looked for, and how; nothing where nothing is configured, or not rightly.
pub(super) fn details(
    shop: &ShopFile,
    product: &Option<Option<Arc<Offers>>>,
    notes: &mut Notes<'_>,
) -> Option<(Lookup, Details)> {
    let file = shop.details.as_ref()?;
    let by_sku = shop.product.as_ref().is_some_and(|product| product.source == Some(CartSource::Json));
    values(file, shop, notes);
    let (has_link, has_sku) = (shop.cart.link.is_some(), shop.cart.sku.is_some());
    if !has_sku && (by_sku || !has_link) {
        let needs = if by_sku { "`sku`" } else { "`link` or `sku`" };
        let message = format!("needs {needs} in [shop.cart]: without it no line says which product page is its own");
        notes.fault("shop.details", message);
    }
    for (key, given, least, highest) in
        [("pages", file.pages, 1, 1000), ("at_a_time", file.at_a_time, 1, HIGHEST_AT_A_TIME)]
    {
        if given.is_some_and(|given| !(least..=highest).contains(&given)) {
            notes.fault(format!("shop.details.{key}"), format!("is not from {least} to {highest}"));
        }
    }
    let longest = Duration::from_secs(60);
    let patience = time(file.time, TIME);
    if patience.is_zero() || patience > longest {
        notes.fault("shop.details.time", "is not from \"1ms\" to \"1m\": buyers wait for the cart page's end so long");
    }
    if shop.product.is_none() {
        notes.fault("shop.details", "needs [shop.product]: where the values stand on a product's own page");
    } else if matches!(product, Some(None)) {
        notes.fault("shop.details", "needs [shop.product], which cannot be used as it is: see the warning about it");
    }
    let product = product.as_ref()?.as_ref()?;
    let keep = time(file.keep, KEEP);
    let details = Details {
        product: product.clone(),
        most: file.pages.unwrap_or(MOST),
        at_a_time: file.at_a_time.unwrap_or(AT_A_TIME),
        time: patience,
        remembered: (!keep.is_zero()).then(|| remembered(Keeping { values: file.take.clone(), keep })),
    };
    Some((Lookup { values: file.take.clone(), by_sku }, details))
}

fn values(file: &DetailsFile, shop: &ShopFile, notes: &mut Notes<'_>) {
    if file.take.is_empty() {
        notes.fault("shop.details.take", "is missing: which values, such as [\"unit\", \"manufacturer\"]");
    }
    for name in &file.take {
        let rule = match name.as_str() {
            "name" | "quantity" | "price" | "total" | "currency" | "tax" | "discount" | "link" | "options" => {
                let message =
                    format!("`{name}` is said by the cart alone: here go `sku`, `unit` and names of extra values");
                notes.fault("shop.details.take", message);
                continue;
            }
            "sku" => shop.product.as_ref().is_some_and(|product| product.sku.is_some()),
            "unit" => shop.product.as_ref().is_some_and(|product| product.unit.is_some()),
            name => shop.product.as_ref().is_some_and(|product| product.extra.contains_key(name)),
        };
        if !rule && shop.product.is_some() {
            let place = if matches!(name.as_str(), "sku" | "unit") { "[shop.product]" } else { "[shop.product.extra]" };
            notes
                .fault("shop.details.take", format!("`{name}` is not in {place}: where it stands on a product's page"));
        }
    }
}

/// How long a page is remembered.
struct Keeping {
    values: Vec<String>,
    keep: Duration,
}

impl Expiry<ProductAddress, Arc<Article>> for Keeping {
    fn expire_after_create(&self, _: &ProductAddress, article: &Arc<Article>, _: Instant) -> Option<Duration> {
        // What lacks a value may have been half made: a slow stock service, a banner in its place.
        let is_whole = self.values.iter().all(|name| article.value(name).is_some());
        Some(if is_whole { self.keep } else { self.keep.min(BRIEFLY) })
    }
}

fn remembered(keeping: Keeping) -> Cache<ProductAddress, Arc<Article>> {
    let weigh = |at: &ProductAddress, article: &Arc<Article>| {
        let values: usize = article.0.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
        u32::try_from(at.host.len() + at.address.len() + values + 200).unwrap_or(u32::MAX)
    };
    Cache::builder().max_capacity(ROOM).weigher(weigh).expire_after(keeping).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_lacks_a_value_is_remembered_briefly() {
        let at = ProductAddress { host: "shop.example".into(), language: None, address: "/p/A".into() };
        let article = |names: &[&str]| {
            let values = names.iter().map(|name| ((*name).to_owned(), "x".to_owned()));
            Arc::new(Article(values.collect()))
        };
        let kept = |names: &[&str], keep: u64| {
            let values = vec!["unit".to_owned(), "maker".to_owned()];
            let keeping = Keeping { values, keep: Duration::from_secs(keep) };
            keeping.expire_after_create(&at, &article(names), Instant::now()).unwrap().as_secs()
        };
        assert_eq!(kept(&["sku", "maker", "unit"], 3600), 3600);
        assert_eq!((kept(&["unit"], 3600), kept(&[], 3600), kept(&["unit"], 5)), (60, 60, 5));
    }
}
