//! The configuration in force, as one file: preset, profiles and defaults written out. For `check --print`.

use std::path::Path;

use toml::{Table, Value};

use super::document::{Base, Document, is_secret};
use super::{bases, read};
use crate::upstream::Webhook;

pub(super) const DEFAULTS: &str = include_str!("defaults.toml");
pub(super) const BUYER_DEFAULTS: &str = include_str!("buyer_defaults.toml");

/// What stands in place of a secret.
const MASKED: &str = "***";

/// A file that makes the same plan as `text` without naming a preset or a profile; `None` where `text` has faults. Secrets
/// in clear are masked. `folder` is where relative file names start from, and they still do.
pub fn effective(text: &str, folder: &Path) -> Option<String> {
    read(text, folder).plan?;
    let document = Document::parse(text, &mut Vec::new());
    let mut all = bases(&document, &mut Vec::new());
    all.push(Base { item: None, text: DEFAULTS, depth: 2 });
    let buyers = 0..document.texts_in("buyer", "name").len();
    all.extend(buyers.map(|number| Base { item: Some(("buyer", number)), text: BUYER_DEFAULTS, depth: 1 }));
    let mut merged = document.merged(&all)?;
    if let Some(Value::Table(shop)) = merged.get_mut("shop") {
        shop.remove("preset");
    }
    for buyer in merged.get_mut("buyer").and_then(Value::as_array_mut).into_iter().flatten() {
        buyer.as_table_mut().map(|buyer| buyer.remove("profile"));
    }
    mask(&mut merged);
    toml::to_string(&merged).ok()
}

/// Passwords in clear, and those in addresses.
fn mask(table: &mut Table) {
    for (key, value) in table.iter_mut() {
        // What a form of the shop calls its fields is no secret of ours.
        if key == "fields" {
            continue;
        }
        match value {
            Value::String(text) if key == "webhook" => *text = Webhook::masked(text),
            Value::String(text) if is_secret(key) => MASKED.clone_into(text),
            Value::String(text) => mask_address(text),
            Value::Table(inner) => mask(inner),
            Value::Array(items) => items.iter_mut().filter_map(Value::as_table_mut).for_each(mask),
            _ => {}
        }
    }
}

/// `redis://user:secret@host/` as `redis://user:***@host/`.
fn mask_address(text: &mut String) {
    let Ok(mut url) = url::Url::parse(text) else { return };
    if url.password().is_some() && url.set_password(Some(MASKED)).is_ok() {
        *text = url.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked() {
        let mut table: Table =
            toml::from_str("store = 'redis://u:secret@h/0'\ndrift.webhook = 'https://secret:secret@h/secret?k=secret#secret'\n[[buyer]]\npassword = 'secret'\npassword_file = 'f'\n")
                .unwrap();
        mask(&mut table);
        let text = toml::to_string(&table).unwrap();
        assert!(!text.contains("secret"), "{text}");
        for shown in ["redis://u:***@h/0", "webhook = \"https://h/***\"", "password_file = \"f\""] {
            assert!(text.contains(shown), "{text}");
        }
    }
}
