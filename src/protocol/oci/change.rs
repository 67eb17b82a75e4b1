//! What is done to a value between its source and its field.

use regex::Regex;
use serde::Deserialize;

use super::text;

/// The changes to one value, done in the order in which they stand here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeSource {
    /// A regular expression: its first group, or all that it matched. A value without a match is none.
    pub pattern: Option<String>,
    /// Each match of the first is replaced by the second, where `$1` is a group.
    pub replace: Option<(String, String)>,
    /// Characters that are taken off at both ends.
    pub strip: Option<String>,
    /// Upper or lower case.
    pub case: Option<Case>,
    /// At most so many characters, ended after a word where one ends near.
    pub cut: Option<usize>,
    /// Filled up on the left to `pad`'s length with its first character: `"0000000000"` makes ten digits.
    pub pad: Option<String>,
}

/// Which case a value is brought into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Case {
    Upper,
    Lower,
}

/// One compiled change.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Pattern(Regex),
    Replace(Regex, String),
    Strip(Vec<char>),
    Case(Case),
    Cut(usize),
    Pad { with: char, length: usize },
}

impl ChangeSource {
    /// The changes in their order; an error says what is wrong with one.
    pub(crate) fn compile(&self) -> Result<Vec<Change>, String> {
        let regex = |key: &str, pattern: &str| Regex::new(pattern).map_err(|error| format!("{key}: {error}"));
        let mut changes = Vec::new();
        if let Some(pattern) = &self.pattern {
            changes.push(Change::Pattern(regex("pattern", pattern)?));
        }
        if let Some((pattern, with)) = &self.replace {
            changes.push(Change::Replace(regex("replace", pattern)?, with.clone()));
        }
        changes.extend(self.strip.as_ref().map(|strip| Change::Strip(strip.chars().collect())));
        changes.extend(self.case.map(Change::Case));
        match self.cut {
            Some(0) => return Err("cut: 0 characters would be left".to_owned()),
            cut => changes.extend(cut.map(Change::Cut)),
        }
        if let Some(pad) = &self.pad {
            let with = pad.chars().next().ok_or("pad: is empty; \"0000000000\" fills up with zeros to ten")?;
            changes.push(Change::Pad { with, length: pad.chars().count() });
        }
        Ok(changes)
    }
}

impl Change {
    /// The value afterwards. An empty value stays empty: nothing is padded to something.
    pub(crate) fn of(&self, value: &str) -> String {
        match self {
            Change::Pattern(pattern) => {
                let groups = pattern.captures(value);
                let found = groups.as_ref().and_then(|groups| groups.get(1).or_else(|| groups.get(0)));
                found.map(|found| found.as_str().to_owned()).unwrap_or_default()
            }
            Change::Replace(pattern, with) => pattern.replace_all(value, with).into_owned(),
            Change::Strip(letters) => value.trim_matches(|letter| letters.contains(&letter)).to_owned(),
            Change::Case(Case::Upper) => value.to_uppercase(),
            Change::Case(Case::Lower) => value.to_lowercase(),
            Change::Cut(length) => text::cut(value, *length).to_owned(),
            Change::Pad { with, length } => {
                let missing = if value.is_empty() { 0 } else { length.saturating_sub(value.chars().count()) };
                std::iter::repeat_n(*with, missing).chain(value.chars()).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(toml: &str, value: &str) -> String {
        let changes = toml::from_str::<ChangeSource>(toml).expect(toml).compile().expect(toml);
        changes.iter().fold(value.to_owned(), |value, change| change.of(&value))
    }

    #[test]
    fn every_change() {
        for (toml, value, expected) in [
            ("", " A 1 ", " A 1 "),
            ("pattern = '^(\\d+)-'", "4711-rød", "4711"),
            ("pattern = '\\d+'", "nr 4711", "4711"),
            ("pattern = '\\d+'", "none", ""),
            ("replace = ['[ .]', '']", "31.16 15.00", "31161500"),
            ("replace = ['^(..)(.*)$', '$2-$1']", "NO123", "123-NO"),
            ("strip = '-# '", " #A-1- ", "A-1"),
            ("case = 'upper'", "straße å", "STRASSE Å"),
            ("case = 'lower'", "ABC", "abc"),
            ("cut = 9", "Skrue M8 rustfri", "Skrue M8"),
            ("cut = 5", "Skrue", "Skrue"),
            ("pad = '0000000000'", "100234", "0000100234"),
            ("pad = '000'", "100234", "100234"),
            ("pad = '000'", "", ""),
            ("pad = '000000'\ncut = 3\ncase = 'upper'\nstrip = '-'\npattern = ':(.*)'", "x:-abcd-", "000ABC"),
        ] {
            assert_eq!(changed(toml, value), expected, "{toml}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (toml, part) in [
            ("pattern = '('", "pattern: "),
            ("replace = ['[', '']", "replace: "),
            ("cut = 0", "cut: "),
            ("pad = ''", "pad: "),
        ] {
            let error = toml::from_str::<ChangeSource>(toml).expect(toml).compile().expect_err(toml);
            assert!(error.starts_with(part), "{toml}: {error}");
        }
    }
}
