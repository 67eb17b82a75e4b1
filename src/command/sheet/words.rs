//! The words of a hand-over sheet, one TOML file a language, as with the texts of our pages.

use std::collections::HashMap;

use serde::Deserialize;

use crate::pages::Language;

/// The words of `language`: Norwegian for Bokmål, English for every other.
pub(super) fn of(language: Language) -> Words {
    let text = match language {
        Language::Bokmal => include_str!("texts/nb.toml"),
        _ => include_str!("texts/en.toml"),
    };
    toml::from_str(text).expect("a test parses the words of every language")
}

/// All words of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) title: String,
    pub(super) intro: String,
    pub(super) yes: String,
    pub(super) no: String,
    pub(super) contact: ContactWords,
    pub(super) address: AddressWords,
    pub(super) parameter: ParameterWords,
    pub(super) form: FormWords,
    pub(super) function: FunctionWords,
    pub(super) field: FieldWords,
    pub(super) meaning: HashMap<String, String>,
    pub(super) unit: UnitWords,
    pub(super) charset: CharsetWords,
    pub(super) hook: HookWords,
    pub(super) window: WindowWords,
    pub(super) session: SessionWords,
    pub(super) code: CodeWords,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContactWords {
    pub(super) heading: String,
    pub(super) text: String,
    pub(super) none: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressWords {
    pub(super) heading: String,
    pub(super) head: [String; 2],
    pub(super) address: String,
    pub(super) further: String,
    pub(super) method: String,
    pub(super) methods: String,
    pub(super) encoding: String,
    pub(super) encodings: String,
    pub(super) browser: String,
    pub(super) browsers: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParameterWords {
    pub(super) heading: String,
    pub(super) head: [String; 4],
    pub(super) also: String,
    pub(super) hook: String,
    pub(super) username: String,
    pub(super) username_passthrough: String,
    pub(super) username_passthrough_sample: String,
    pub(super) password: String,
    pub(super) password_passthrough: String,
    pub(super) echo: String,
    pub(super) target: String,
    pub(super) charset: String,
    pub(super) language: String,
    pub(super) cancel: String,
    pub(super) function: String,
    pub(super) used: String,
    pub(super) account: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FormWords {
    pub(super) heading: String,
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FunctionWords {
    pub(super) heading: String,
    pub(super) head: [String; 3],
    pub(super) refused: String,
    /// By the function's name.
    pub(super) name: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldWords {
    pub(super) heading: String,
    pub(super) text: String,
    pub(super) head: [String; 6],
    pub(super) unlimited: String,
    pub(super) number: String,
    pub(super) cut: String,
    pub(super) stops: String,
    pub(super) constant: String,
    pub(super) parameter: String,
    pub(super) cart: String,
    pub(super) needed: String,
    pub(super) longtext: String,
    pub(super) no_longtext: String,
    pub(super) decimal: String,
    pub(super) header: String,
    pub(super) inputs: String,
    pub(super) assortment: String,
    pub(super) assortment_block: String,
    pub(super) assortment_warn: String,
    pub(super) no_classes: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitWords {
    pub(super) heading: String,
    pub(super) head: [String; 2],
    pub(super) text: String,
    pub(super) default: String,
    pub(super) no_default: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CharsetWords {
    pub(super) heading: String,
    pub(super) text: String,
    pub(super) less: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HookWords {
    pub(super) heading: String,
    pub(super) text: String,
    pub(super) none: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowWords {
    pub(super) heading: String,
    pub(super) window: String,
    pub(super) iframe: String,
    pub(super) iframe_hooks: String,
    pub(super) cookies: String,
    pub(super) target: String,
    pub(super) target_call: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionWords {
    pub(super) heading: String,
    pub(super) head: [String; 2],
    pub(super) idle: String,
    pub(super) longest: String,
    pub(super) pool: String,
    pub(super) pools: String,
    pub(super) shared: String,
    pub(super) cancel: String,
    pub(super) cancel_post: String,
    pub(super) cancel_link: String,
    pub(super) cancel_none: String,
    pub(super) again: String,
    pub(super) again_yes: String,
    pub(super) again_no: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeWords {
    pub(super) heading: String,
    pub(super) text: String,
    pub(super) head: [String; 4],
    pub(super) finding: String,
    pub(super) finding_head: [String; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders(value: &toml::Value, at: &str, found: &mut Vec<(String, Vec<String>)>) {
        match value {
            toml::Value::Table(table) => {
                table.iter().for_each(|(key, value)| placeholders(value, &format!("{at}.{key}"), found));
            }
            toml::Value::Array(values) => found.push((at.to_owned(), vec![values.len().to_string()])),
            other => {
                let text = other.as_str().unwrap_or_default();
                let mut names: Vec<_> =
                    text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default().to_owned()).collect();
                names.sort();
                found.push((at.to_owned(), names));
            }
        }
    }

    #[test]
    fn both_languages_have_the_same_keys_and_placeholders() {
        let all = [include_str!("texts/en.toml"), include_str!("texts/nb.toml")].map(|text| {
            let mut found = Vec::new();
            placeholders(&toml::from_str(text).unwrap(), "", &mut found);
            found
        });
        assert_eq!(all[0], all[1]);
        assert_eq!(of(Language::Bokmal).yes, "ja");
        assert_eq!(of(Language::English).yes, "yes");
    }
}
