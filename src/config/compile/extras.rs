//! Values of a line by a name of one's own: what buyers' fields read must be given by the cart's rules, by product pages or by a table.

use super::Notes;
use crate::config::document::nearest;
use crate::config::file::File;
use crate::config::plan::{Buyers, Shop};

/// A field that reads what nobody gives stays empty for ever, so a misspelt name is told with the one that was meant.
pub(super) fn extras(file: &File, shop: &Shop, buyers: &Buyers, notes: &mut Notes<'_>) {
    let given: Vec<(&str, Option<&str>)> = (file.shop.cart.extra.keys().map(|name| (name.as_str(), None)))
        .chain(file.shop.details.iter().flat_map(|details| details.take.iter().map(|name| (name.as_str(), None))))
        .chain(shop.cart.tables().iter().flat_map(|table| table.gives().map(|name| (name, Some(table.name())))))
        .collect();
    for (n, source) in file.buyer.iter().enumerate() {
        let Some(buyer) = source.name.as_deref().and_then(|name| buyers.named(name)) else { continue };
        for extra in buyer.mapping.extras() {
            if given.iter().any(|(name, _)| *name == extra) {
                continue;
            }
            let meant = nearest(extra, given.iter().map(|(name, _)| *name));
            let meant = meant.and_then(|near| given.iter().find(|(name, _)| *name == near)).map(|(near, table)| {
                let place = table.map(|table| format!(", a column of {table}")).unwrap_or_default();
                format!("; did you mean `{near}`{place}?")
            });
            let message = format!(
                "reads `{extra}`, which is no value of a line and not in [shop.cart.extra], in [shop.details] or in a table{}",
                meant.unwrap_or_default()
            );
            let told = source
                .bundles
                .as_ref()
                .is_some_and(|bundles| [bundles.line.as_str(), &bundles.parent].contains(&extra));
            notes.fault(format!("buyer[{n}].{}", if told { "bundles" } else { "fields" }), message);
        }
    }
}
