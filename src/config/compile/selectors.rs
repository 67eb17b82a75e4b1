//! Selectors that compile and may still match nothing: what a browser's tools copy is not always in the page's source.

use super::Notes;
use crate::selector;

/// Tables that hold selectors, at any depth.
const HOLDERS: [&str; 3] = ["shop.", "canary.form", "record.hide["];

/// Keys in them that hold something else which may look like one.
const OTHERS: [&str; 3] = ["pattern", "each", "match"];

/// Looks at those of the file itself; those of presets are known to be right.
pub(super) fn selectors(notes: &mut Notes<'_>) {
    for (key, written) in notes.document.all_texts() {
        let last = key.rsplit('.').next().unwrap_or_default();
        let may_be_one = HOLDERS.iter().any(|holder| key.starts_with(holder)) && !OTHERS.contains(&last);
        if let Some(doubt) = selector::doubt(written).filter(|_| may_be_one) {
            notes.warn(key, format!("`{written}`: {doubt}"));
        }
    }
}
