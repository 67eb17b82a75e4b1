//! `[[shop.table]]`: what the shop's pages do not say.

use std::sync::Arc;

use super::Notes;
use crate::cart::table::{Table, TableSettings};
use crate::config::file::{ShopFile, TableFile};

/// Values of a line that have a name of their own.
const OWN: [&str; 4] = ["sku", "name", "unit", "link"];

/// Reads every table. The files are read here, so that a reload sees them as they are then.
pub(super) fn tables(shop: &ShopFile, notes: &mut Notes<'_>) -> Vec<Arc<Table>> {
    let mut tables: Vec<Arc<Table>> = Vec::new();
    for (n, file) in shop.table.iter().enumerate() {
        let key = format!("shop.table[{n}]");
        let by = file.by.clone().unwrap_or_else(|| "sku".to_owned());
        let given_before = tables.iter().any(|table| table.gives().any(|value| value == by));
        let given_before = given_before || shop.details.iter().any(|details| details.take.contains(&by));
        if !OWN.contains(&by.as_str()) && !shop.cart.extra.contains_key(&by) && !given_before {
            notes.fault(format!("{key}.by"), format!("`{by}` is no value of a line and not in [shop.cart.extra]"));
            continue;
        }
        tables.extend(table(file, by, &key, notes).map(Arc::new));
    }
    tables
}

fn table(file: &TableFile, by: String, key: &str, notes: &mut Notes<'_>) -> Option<Table> {
    let Some(path) = &file.file else {
        notes.fault(format!("{key}.file"), "is missing: the CSV file");
        return None;
    };
    let separator = match u8::try_from(file.separator.unwrap_or(',')) {
        Ok(separator) if matches!(separator, b',' | b';' | b'\t' | b'|') => separator,
        _ => {
            notes.fault(format!("{key}.separator"), "is none of \",\", \";\", \"|\" and a tab (\"\\t\")");
            return None;
        }
    };
    let path = notes.folder.join(path);
    let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()));
    let bytes = notes.take(&format!("{key}.file"), bytes)?;
    let settings = TableSettings {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        by,
        key: file.key.clone(),
        separator,
        columns: file.columns.iter().map(|(value, column)| (value.clone(), column.clone())).collect(),
        over: file.over.unwrap_or(false),
        missing: file.missing,
    };
    let table = Table::read(&bytes, &settings).map_err(|error| format!("{}: {error}", path.display()));
    notes.take(&format!("{key}.file"), table)
}
