//! Keys of `proxy.toml` with a word of why.

use std::fmt::Write;

/// Keys of one table, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(Vec<Key>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    name: String,
    /// As TOML.
    value: String,
    why: String,
}

impl Keys {
    /// Adds a key; `value` is TOML.
    pub fn add(&mut self, name: &str, value: String, why: &str) {
        self.0.retain(|key| key.name != name);
        self.0.push(Key { name: name.to_owned(), value, why: why.to_owned() });
    }

    /// Adds all of another table's.
    pub fn extend(&mut self, others: &Keys) {
        for key in &others.0 {
            self.add(&key.name, key.value.clone(), &key.why);
        }
    }

    /// The value of a key, as TOML.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|key| key.name == name).map(|key| key.value.as_str())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys as TOML, with why behind a `#` each.
    pub fn toml(&self) -> String {
        let mut text = String::new();
        for Key { name, value, why } in &self.0 {
            let line = format!("{name} = {value}");
            // Writing to a String cannot fail.
            let _ = match why.as_str() {
                "" => writeln!(text, "{line}"),
                why if line.contains('\n') => writeln!(text, "# {why}\n{line}"),
                why => writeln!(text, "{line:<39} # {why}"),
            };
        }
        text
    }
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A list of texts as TOML writes it.
pub(super) fn list(texts: &[String]) -> String {
    match texts {
        [] => "[]".to_owned(),
        [one] => format!("[{}]", quoted(one)),
        many => {
            let lines: String = many.iter().map(|text| format!("  {},\n", quoted(text))).collect();
            format!("[\n{lines}]")
        }
    }
}
