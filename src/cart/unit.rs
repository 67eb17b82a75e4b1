//! The shop's word for a unit, to the code the buyer maintains.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// How a unit's code was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The table has the shop's word.
    Table,
    /// The shop prints a UN/ECE or SAP ISO code itself.
    AlreadyCode,
    /// Neither: the configured default was taken.
    Default,
    /// Neither, and there is no default.
    Unknown,
}

/// A table from shop words to codes. Words are compared without case, surrounding spaces and a final point.
#[derive(Clone, Debug)]
pub struct Units {
    table: HashMap<String, String>,
    codes: HashSet<String>,
    default: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Shipped {
    words: HashMap<String, Vec<String>>,
    codes: Codes,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Codes {
    known: HashSet<String>,
}

impl Default for Units {
    /// [`Units::shipped`] without a default unit.
    fn default() -> Self {
        Units::shipped()
    }
}

impl Units {
    /// The table in `units.toml`: Norwegian, Swedish, Danish, German and English words; a piece is `PCE`.
    pub fn shipped() -> Self {
        let shipped: Shipped =
            toml::from_str(include_str!("units.toml")).expect("the shipped table is part of the program and tested");
        let codes = shipped.codes.known.into_iter().chain(shipped.words.keys().cloned()).collect();
        let table = shipped
            .words
            .into_iter()
            .flat_map(|(code, words)| words.into_iter().map(move |word| (folded(&word), code.clone())))
            .collect();
        Units { table, codes, default: None }
    }

    /// The same with words of the configuration, which win over the shipped ones. Their codes count as codes too.
    pub fn with_words<W: AsRef<str>, C: Into<String>>(mut self, words: impl IntoIterator<Item = (W, C)>) -> Self {
        for (word, code) in words {
            let code = code.into();
            self.codes.insert(code.clone());
            self.table.insert(folded(word.as_ref()), code);
        }
        self
    }

    /// The same with a code for words that nothing knows.
    pub fn with_default(mut self, code: Option<String>) -> Self {
        self.default = code;
        self
    }

    /// The words of each code, both in order; a code that shops may print themselves has none.
    pub fn rows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut rows: BTreeMap<&str, BTreeSet<&str>> =
            self.codes.iter().map(|code| (&**code, BTreeSet::new())).collect();
        for (word, code) in &self.table {
            rows.entry(code).or_default().insert(word);
        }
        rows
    }

    /// The code for words that nothing knows.
    pub fn default_code(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// Whether a code may be sent: it is one of the table, one that shops print themselves, or the default.
    pub fn has_code(&self, code: &str) -> bool {
        self.codes.contains(code) || self.default.as_deref() == Some(code)
    }

    /// The code for the shop's `word`, and how it was found. An empty word is no word: the default or unknown.
    pub fn find(&self, word: &str) -> (Option<&str>, How) {
        let key = folded(word);
        if let Some(code) = self.table.get(&key) {
            return (Some(code), How::Table);
        }
        if let Some(code) = self.codes.get(&key.to_uppercase()) {
            return (Some(code), How::AlreadyCode);
        }
        match &self.default {
            Some(code) => (Some(code), How::Default),
            None => (None, How::Unknown),
        }
    }
}

fn folded(word: &str) -> String {
    word.trim_matches(|c: char| c.is_whitespace() || c == '.').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_five_languages() {
        let units = Units::shipped();
        for (word, code) in [
            ("stk", "PCE"),
            ("Stk.", "PCE"),
            (" ST\u{a0}", "PCE"),
            ("Stück", "PCE"),
            ("STÜCK", "PCE"),
            ("each", "PCE"),
            ("pk", "PK"),
            ("eske", "BX"),
            ("par", "PR"),
            ("m", "MTR"),
            ("kg", "KGM"),
            ("L", "LTR"),
            ("rull", "RO"),
            ("sett", "SET"),
            ("pose", "BG"),
            ("kartong", "CT"),
            ("styck", "PCE"),
            ("piece", "PCE"),
            ("box", "BX"),
        ] {
            assert_eq!(units.find(word), (Some(code), How::Table), "{word}");
        }
    }

    #[test]
    fn codes_defaults_and_strangers() {
        let units = Units::shipped();
        assert_eq!(units.find("C62"), (Some("C62"), How::AlreadyCode));
        assert_eq!(units.find("kgm"), (Some("KGM"), How::AlreadyCode));
        assert_eq!(units.find("glass"), (None, How::Unknown));
        let units = units.with_words([("Glass", "GLS"), ("stk", "EA")]).with_default(Some("EA".into()));
        assert_eq!(units.find("glass"), (Some("GLS"), How::Table));
        assert_eq!(units.find("STK."), (Some("EA"), How::Table), "the configuration wins");
        assert_eq!(units.find("spann"), (Some("EA"), How::Default));
        assert_eq!(units.find(""), (Some("EA"), How::Default));
    }

    #[test]
    fn the_table_can_be_shown() {
        let units = Units::shipped().with_words([("stk", "ST"), ("glass", "GLS")]).with_default(Some("ST".into()));
        let rows = units.rows();
        assert!(rows["ST"].contains("stk") && !rows["PCE"].contains("stk"), "the configuration wins");
        assert!(rows["C62"].is_empty());
        assert_eq!(units.default_code(), Some("ST"));
        assert!(units.has_code("GLS") && units.has_code("C62") && !units.has_code("STK"));
    }

    #[test]
    fn the_shipped_table_holds_each_word_once_as_it_is_compared() {
        let shipped: Shipped = toml::from_str(include_str!("units.toml")).unwrap();
        let words: Vec<_> = shipped.words.values().flatten().collect();
        assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len());
        assert!(words.iter().all(|word| **word == folded(word)));
        assert!(shipped.words.keys().all(|code| (2..=3).contains(&code.len())));
    }
}
