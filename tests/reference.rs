//! `docs/configuration.md` is made from `config::file`, key by key, with what `proxy.toml` shows for each. `BLESS=1` writes it
//! anew after a change of either.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A struct or an enum of `config::file` that the file's author meets.
#[derive(Debug)]
struct Item {
    name: String,
    told: String,
    is_enum: bool,
    /// Fields with their types, or variants.
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    name: String,
    kind: String,
    told: String,
}

/// The items of a source as rustfmt writes it: one line a field, its doc comment above.
fn items(source: &str) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let (mut told, mut kebab, mut open) = (String::new(), false, false);
    for line in source.lines() {
        let text = line.trim();
        if let Some(more) = text.strip_prefix("/// ") {
            if !told.is_empty() {
                told.push(' ');
            }
            told.push_str(more);
            continue;
        }
        let head = line.strip_prefix("pub struct ").map(|rest| (rest, false));
        let head = head.or_else(|| line.strip_prefix("pub enum ").map(|rest| (rest, true)));
        if let Some((name, is_enum)) = head.and_then(|(rest, is_enum)| Some((rest.strip_suffix(" {")?, is_enum))) {
            items.push(Item { name: name.into(), told: std::mem::take(&mut told), is_enum, parts: Vec::new() });
            open = true;
        } else if line == "}" {
            (open, kebab) = (false, false);
        } else if open && let Some(item) = items.last_mut() {
            let field = text.strip_prefix("pub ").and_then(|field| field.strip_suffix(',')?.split_once(": "));
            if let (false, Some((name, kind))) = (item.is_enum, field) {
                let name = name.trim_start_matches("r#").into();
                item.parts.push(Part { name, kind: kind.into(), told: std::mem::take(&mut told) });
            } else if item.is_enum && !text.starts_with('#') {
                let name = text.trim_end_matches(',').to_owned();
                let name = if kebab { dashed(&name) } else { name.to_lowercase() };
                item.parts.push(Part { name, kind: String::new(), told: std::mem::take(&mut told) });
            }
        } else if text.contains("kebab-case") {
            kebab = true;
        }
        if !text.starts_with("#[") {
            told.clear();
        }
    }
    items
}

/// `PerUser` as `per-user`.
fn dashed(name: &str) -> String {
    let mut dashed = String::new();
    for one in name.chars() {
        if one.is_uppercase() && !dashed.is_empty() {
            dashed.push('-');
        }
        dashed.extend(one.to_lowercase());
    }
    dashed
}

/// A type of Rust's in the words of the one who writes the file.
fn in_words(kind: &str, items: &[Item]) -> String {
    if let Some(inner) = kind.strip_prefix("Option<").and_then(|rest| rest.strip_suffix('>')) {
        return in_words(inner, items);
    }
    if let Some(inner) = kind.strip_prefix("Vec<").and_then(|rest| rest.strip_suffix('>')) {
        let inner = match inner {
            "String" => "texts",
            "u32" => "numbers",
            _ => "tables",
        };
        return format!("a list of {inner}");
    }
    let words = match kind {
        "bool" => "`true` or `false`",
        "String" => "a text",
        "PathBuf" => "a file's name",
        "usize" | "u64" | "u32" => "a number",
        "f64" => "a number from 0 to 1",
        "Time" => "a time",
        "Size" => "a size",
        "OneOrMany" => "a text or a list",
        "Chain" => "where a value stands",
        "Severity" => "`info`, `warning`, `error`",
        "AccountsFile" => "a list, or a table with a `strategy`",
        "Limits" => "a table: field = length",
        _ if kind.contains("FieldSource") => "a table: field = where its value comes from",
        _ if kind.contains("Chain>") => "a table: name = where a value stands",
        _ if kind.contains("Severity>") => "a table: code = severity",
        _ if kind.starts_with("BTreeMap") => "a table",
        _ => "",
    };
    let found = items.iter().find(|item| item.name == kind);
    match found {
        _ if !words.is_empty() => words.into(),
        Some(item) if item.is_enum => {
            item.parts.iter().map(|part| format!("`{}`", part.name)).collect::<Vec<_>>().join(", ")
        }
        _ => "as shown".into(),
    }
}

/// What `proxy.toml` shows, commented or not, by table and key. Of keys that it shows more than once, the first.
fn shown(file: &str) -> BTreeMap<(String, String), String> {
    let mut shown = BTreeMap::new();
    let mut table = String::new();
    for line in file.lines() {
        let text = line.strip_prefix('#').unwrap_or(line).trim_start();
        if let Some((name, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            table = name.trim_start_matches('[').to_owned();
        }
        let Some((key, value)) = text.split_once(" = ") else { continue };
        let is_key = |one: char| one.is_ascii_lowercase() || one == '_' || one.is_ascii_digit();
        if !key.is_empty() && key.chars().all(is_key) {
            let value = value.split(" #").next().unwrap_or(value).trim();
            shown.entry((table.clone(), key.to_owned())).or_insert_with(|| value.to_owned());
        }
    }
    shown
}

/// The table that a struct is read from, as its doc comment names it; nothing for the top.
fn table(told: &str) -> String {
    let name = told.split('`').nth(1).unwrap_or_default();
    name.trim_matches(['[', ']']).to_owned()
}

const IN_AN_EDITOR: &str = r#"
## In an editor

Editors complete the keys, show what they mean with their defaults, and underline what `check` would refuse for its shape, by the JSON
schema (draft 2020-12) that is made from the same types:

```sh
punchout-proxy schema > proxy.schema.json
```

and a first line in proxy.toml that names it, by a path from the file, a whole path or an address:

```toml
#:schema ./proxy.schema.json
```

The Debian package has it in `/usr/share/punchout-proxy/proxy.schema.json`; where that is installed, `init` writes the line itself
(`init --schema` names another place). The line is read by [Taplo](https://taplo.tamasfe.dev) and what is built on it: Even Better TOML in VS
Code, and `taplo lsp` for other editors; `taplo check proxy.toml` says the same in a terminal. A file's shape is not all: whether its
selectors, addresses and secrets are good, and whether anything is missing, only `punchout-proxy check` tells.
"#;

fn page(source: &str, file: &str) -> String {
    let items = items(source);
    let shown = shown(file);
    let mut page = String::from(
        "# Every key of proxy.toml\n\n\
         Made from the types that read the file (`src/config/file.rs`) and from [proxy.toml](../proxy.toml); a test holds it to both. In the\n\
         third column is what that file shows: the default where the line is commented there, else an example. How values and\n\
         addresses are written is in the [README](../README.md#proxytoml), where a cart's values stand in [reading.md](reading.md).\n",
    );
    page.push_str(IN_AN_EDITOR);
    for item in items.iter().filter(|item| !item.is_enum && !item.parts.is_empty()) {
        let heading = match item.told.as_str() {
            "The whole file." => "At the top",
            told => told.trim_end_matches('.'),
        };
        write!(page, "\n## {heading}\n\n| key | value | in proxy.toml | |\n|---|---|---|---|\n").unwrap();
        for part in &item.parts {
            let is_table = items.iter().any(|item| !item.is_enum && part.kind == item.name);
            let kind = if is_table { "a table, see below".to_owned() } else { in_words(&part.kind, &items) };
            let example = shown.get(&(table(&item.told), part.name.clone())).filter(|_| !is_table);
            let example = example.map(|value| format!("`{}`", value.replace('|', "\\|"))).unwrap_or_default();
            writeln!(page, "| `{}` | {kind} | {example} | {} |", part.name, part.told.replace('|', "\\|")).unwrap();
        }
    }
    for item in items.iter().filter(|item| item.is_enum && item.parts.iter().any(|part| !part.told.is_empty())) {
        write!(page, "\n## {}\n\n| | |\n|---|---|\n", item.told.trim_end_matches('.')).unwrap();
        for part in &item.parts {
            writeln!(page, "| `{}` | {} |", part.name, part.told).unwrap();
        }
    }
    page
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap_or_default()
}

#[test]
fn the_reference_is_what_the_types_say() {
    let page = page(&read("src/config/file.rs"), &read("proxy.toml"));
    if std::env::var_os("BLESS").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md"), &page).unwrap();
    }
    assert!(
        page == read("docs/configuration.md"),
        "docs/configuration.md is old: BLESS=1 cargo test --test reference, and look at it"
    );
}

#[test]
fn every_key_is_told_of_and_stands_in_proxy_toml() {
    let file = read("proxy.toml");
    let words: BTreeSet<&str> = file.split(|one: char| !one.is_ascii_alphanumeric() && one != '_').collect();
    let (mut silent, mut missing, mut count) = (Vec::new(), Vec::new(), 0);
    for item in items(&read("src/config/file.rs")).iter().filter(|item| !item.is_enum) {
        for part in &item.parts {
            count += 1;
            if part.told.is_empty() {
                silent.push(format!("{}.{}", item.name, part.name));
            }
            if !words.contains(part.name.as_str()) {
                missing.push(format!("{}.{}", item.name, part.name));
            }
        }
    }
    assert!(count > 120, "only {count} keys found: is the source written another way now?");
    assert_eq!(silent, [""; 0]);
    assert_eq!(missing, [""; 0], "not in proxy.toml");
}
