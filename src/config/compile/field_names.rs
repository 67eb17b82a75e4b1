//! The NEW_ITEM fields that buyers name. A receiver drops what it does not know without a word, and a field that is
//! required and that nothing fills keeps every cart: both are told before the first one.

use super::Notes;
use crate::config::document::nearest;
use crate::config::file::{BuyerFile, File};
use crate::config::plan::Buyers;
use crate::finding::{KNOWN, Known, Severity, code};
use crate::protocol::oci::FieldName;
use crate::protocol::oci::fields::FIELDS;

pub(super) fn field_names(file: &File, buyers: &Buyers, notes: &mut Notes<'_>) {
    for (n, source) in file.buyer.iter().enumerate() {
        let key = format!("buyer[{n}]");
        own(source, &key, notes);
        for (section, name) in named(source) {
            check(source, &name, &format!("{key}.{section}"), notes);
        }
        let Some(buyer) = source.name.as_deref().and_then(|name| buyers.named(name)) else { continue };
        let stays = |known: &&Known| known.code == code::FIELD_MISSING;
        if KNOWN.iter().find(stays).is_some_and(|known| buyer.severities.of(known) != Severity::Error) {
            continue;
        }
        for (place, name) in source.required.iter().enumerate() {
            if FieldName::parse(name).is_some_and(|field| !buyer.mapping.fills(&field)) {
                let message = format!(
                    "`{name}` is required, and nothing fills it, so that every cart would stay: say in [buyer.fields] what it is"
                );
                notes.fault(format!("{key}.required[{place}]"), message);
            }
        }
    }
}

/// The names of a buyer's own fields, each with its key.
fn named(buyer: &BuyerFile) -> Vec<(String, String)> {
    let fields = buyer.fields.keys().map(|name| (format!("fields.{name}"), name.clone()));
    let lengths = buyer.lengths.0.keys().map(|name| (format!("lengths.{name}"), name.clone()));
    let required = buyer.required.iter().enumerate().map(|(n, name)| (format!("required[{n}]"), name.clone()));
    fields.chain(lengths).chain(required).collect()
}

fn own(buyer: &BuyerFile, key: &str, notes: &mut Notes<'_>) {
    for (n, name) in buyer.own_fields.iter().enumerate() {
        if FieldName::parse(name).is_none() {
            notes.fault(format!("{key}.own_fields[{n}]"), format!("`{name}` is not a field name"));
        }
    }
}

fn check(buyer: &BuyerFile, name: &str, key: &str, notes: &mut Notes<'_>) {
    // What is no name at all is a fault elsewhere.
    let Some(field) = FieldName::parse(name) else { return };
    let is_agreed = || buyer.own_fields.iter().any(|own| FieldName::parse(own).as_ref() == Some(&field));
    if field.is_known() || is_agreed() {
        return;
    }
    let upper = field.as_str().to_ascii_uppercase();
    let meant = nearest(&upper, FIELDS.iter().map(|known| known.name));
    let meant = meant.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let message = format!(
        "`{field}` is no NEW_ITEM field of OCI, and procurement systems drop what they do not know{meant} (own_fields = \
         [\"{field}\"] says that it was agreed on)"
    );
    notes.warn(key, message);
}
