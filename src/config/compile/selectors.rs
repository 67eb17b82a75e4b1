//! Selectors that compile and may still match nothing: what a browser's tools copy is not always in the page's source.

use super::Notes;
use crate::selector;

/// Tables that hold selectors, at any depth.
const HOLDERS: [&str; 3] = ["shop.", "canary.form", "record.hide["];

/// Keys in them that hold something else which may look like one.
const OTHERS: [&str; 3] = ["pattern", "each", "match"];

/// Values of lines and offers: what stands there alone is a selector.
const VALUES: [&str; 10] =
    ["select", "line", "name", "sku", "quantity", "price", "total", "unit", "currency", "manufacturer"];

/// Looks at those of the file itself; those of presets are known to be right.
pub(super) fn selectors(notes: &mut Notes<'_>) {
    for (key, written) in notes.document.all_texts() {
        let last = key.rsplit('.').next().unwrap_or_default();
        let may_be_one = HOLDERS.iter().any(|holder| key.starts_with(holder)) && !OTHERS.contains(&last);
        if let Some(doubt) = selector::doubt(written).filter(|_| may_be_one) {
            notes.warn(key, format!("`{written}`: {doubt}"));
        } else if is_value(&key) && selector::is_no_element(written) && !is_currency(&key, written) {
            let hint =
                "a class is written .name, an id #name, a constant { default = \"...\" }, a currency as its ISO code";
            notes.warn(key, format!("`{written}`: HTML has no element of that name ({hint})"));
        }
    }
}

fn is_value(key: &str) -> bool {
    let tables = ["shop.cart.", "shop.product.", "shop.search."];
    let Some(rest) = tables.iter().find_map(|table| key.strip_prefix(table)) else { return false };
    let last = rest.rsplit('.').next().unwrap_or_default();
    VALUES.contains(&last.split('[').next().unwrap_or_default())
}

/// Three capitals are a constant: whether they are a currency's is looked at elsewhere.
fn is_currency(key: &str, written: &str) -> bool {
    key.contains(".currency") && written.len() == 3 && written.bytes().all(|byte| byte.is_ascii_uppercase())
}
