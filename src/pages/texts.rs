//! The words of our pages, one TOML file a language.
//!
//! All texts are plain text: they are escaped with the values in them where they enter a page.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::Language;
use crate::problem::Kind;

/// All words of one language.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// Short words around every page.
    pub label: Labels,
    /// The page that takes the cart to the procurement system.
    pub hand_over: HandOver,
    /// The page that leads into the shop.
    pub onward: Onward,
    /// How a punchout ended well.
    pub session: Session,
    /// The bar on the shop's pages during a punchout.
    pub return_bar: ReturnBar,
    /// All accounts are leased; placeholder `{seconds}`.
    pub pool_busy: Message,
    /// Why a cart stayed.
    pub cart_refused: CartRefused,
    problem: HashMap<String, Message>,
    finding: HashMap<String, String>,
}

/// What happened, and what the person can do.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Message {
    pub title: String,
    pub advice: String,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Labels {
    pub quote: String,
    pub code: String,
    pub reference: String,
    pub contact: String,
    pub back_to_cart: String,
    pub to_shop: String,
    pub try_again: String,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct HandOver {
    pub title: String,
    pub automatic: String,
    pub by_hand: String,
    pub without_script: String,
    /// The label of the form's own button.
    pub button: String,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Onward {
    pub title: String,
    pub advice: String,
    pub button: String,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Session {
    pub returned: Message,
    pub left: Message,
    /// The page that sends the cart was shown, and whether it was sent is not known.
    pub shown: Message,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ReturnBar {
    /// Placeholder `{buyer_system}`.
    pub back: String,
    pub leave: String,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct CartRefused {
    pub nothing_sent: String,
    /// Placeholder `{line}`.
    pub line: String,
    /// Placeholders `{line}` and `{name}`.
    pub line_named: String,
    pub whole: String,
    /// For a finding that has no words of its own.
    pub other: String,
}

impl Texts {
    /// What is said about a kind of problem.
    pub fn problem(&self, kind: Kind) -> &Message {
        self.problem.get(kind.code()).expect("a test holds every language to a text for every kind")
    }

    /// What is said to the buyer about a finding, by its code.
    pub fn finding(&self, code: &str) -> &str {
        self.finding.get(code).unwrap_or(&self.cart_refused.other)
    }
}

/// The words of `language`. Parsed once in the life of the process.
pub fn of(language: Language) -> &'static Texts {
    static TEXTS: LazyLock<[Texts; Language::ALL.len()]> = LazyLock::new(|| {
        Language::ALL
            .map(|language| toml::from_str(source(language)).expect("a test parses the texts of every language"))
    });
    let index = Language::ALL.iter().position(|&listed| listed == language).expect("ALL lists every language");
    &TEXTS[index]
}

/// `template` with each `{name}` replaced by its value. Values are not looked through again, so one that holds braces
/// stays as it is; so does a placeholder without a value.
pub fn fill<'a>(template: &'a str, values: &[(&str, &str)]) -> Cow<'a, str> {
    let Some((before, rest)) = template.split_once('{') else { return template.into() };
    let mut filled = String::from(before);
    for piece in rest.split('{') {
        let known = piece.split_once('}').and_then(|(name, after)| {
            let &(_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, after))
        });
        match known {
            Some((value, after)) => filled.extend([value, after]),
            None => filled.extend(["{", piece]),
        }
    }
    filled.into()
}

fn source(language: Language) -> &'static str {
    match language {
        Language::Bokmal => include_str!("texts/nb.toml"),
        Language::Nynorsk => include_str!("texts/nn.toml"),
        Language::English => include_str!("texts/en.toml"),
        Language::Swedish => include_str!("texts/sv.toml"),
        Language::Danish => include_str!("texts/da.toml"),
        Language::German => include_str!("texts/de.toml"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Every text by its dotted key.
    fn flat(prefix: &str, table: &toml::Table) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        for (key, value) in table {
            let path = format!("{prefix}.{key}");
            match value {
                toml::Value::Table(inner) => texts.extend(flat(&path, inner)),
                toml::Value::String(text) => drop(texts.insert(path, text.clone())),
                other => panic!("{path} is no text: {other}"),
            }
        }
        texts
    }

    fn placeholders(text: &str) -> BTreeSet<&str> {
        let pattern = regex::Regex::new(r"\{[^}]*\}?").unwrap();
        pattern.find_iter(text).map(|found| found.as_str()).collect()
    }

    #[test]
    fn all_languages_have_the_same_keys_and_placeholders() {
        let texts = |language| flat("", &source(language).parse().unwrap());
        let english = texts(Language::English);
        for language in Language::ALL {
            let other = texts(language);
            assert!(english.keys().eq(other.keys()), "{language:?} has other keys");
            for (key, text) in &other {
                assert!(!text.trim().is_empty() && text.trim() == text, "{language:?} {key}");
                assert_eq!(placeholders(text), placeholders(&english[key]), "{language:?} {key}");
            }
        }
    }

    #[test]
    fn every_language_can_be_read_and_has_a_text_for_every_kind_and_no_other() {
        for language in Language::ALL {
            let texts = of(language);
            assert_eq!(texts.problem.len(), Kind::ALL.len(), "{language:?}");
            for kind in Kind::ALL {
                assert!(texts.problem.contains_key(kind.code()), "{language:?} {kind:?}");
            }
        }
    }

    /// Reads the constants from the source, because a module of constants cannot be listed at run time.
    #[test]
    fn every_finding_code_has_words_for_the_buyer() {
        let constants = regex::Regex::new(r#"pub const \w+: &str = "(PO-[A-Z0-9-]+)";"#).unwrap();
        let codes: BTreeSet<_> =
            constants.captures_iter(include_str!("../finding.rs")).map(|found| found[1].to_owned()).collect();
        assert!(codes.len() > 15, "the pattern no longer finds the codes");
        for language in Language::ALL {
            let known: BTreeSet<_> = of(language).finding.keys().cloned().collect();
            assert_eq!(known, codes, "src/pages/texts/{}.toml, [finding]", language.code());
        }
    }

    #[test]
    fn placeholders_are_filled_once() {
        let values = [("line", "3"), ("name", "{line} {x")];
        assert_eq!(fill("Line {line}: {name}", &values), "Line 3: {line} {x");
        assert_eq!(fill("plain", &values), "plain");
        assert_eq!(fill("{line", &values), "{line");
        assert_eq!(fill("a {other} {line} }", &values), "a {other} 3 }");
    }
}
