//! The language a page is written in.

use super::accept::preferences;

/// The languages that our pages speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// Norwegian Bokmål; also what a plain `no` gets.
    Bokmal,
    /// Norwegian Nynorsk.
    Nynorsk,
    /// English, for everybody whose wish we cannot read or meet.
    #[default]
    English,
    /// Swedish.
    Swedish,
    /// Danish.
    Danish,
    /// German.
    German,
}

impl Language {
    /// All languages, for tests and documentation.
    pub const ALL: [Language; 6] =
        [Language::Bokmal, Language::Nynorsk, Language::English, Language::Swedish, Language::Danish, Language::German];

    /// The code for the `lang` attribute (BCP 47).
    pub const fn code(self) -> &'static str {
        match self {
            Language::Bokmal => "nb",
            Language::Nynorsk => "nn",
            Language::English => "en",
            Language::Swedish => "sv",
            Language::Danish => "da",
            Language::German => "de",
        }
    }

    /// The language somebody wishes for. `sap_language` is the entry's `sap-language`, `LANGUAGE` or `locale`: an SAP
    /// letter or an ISO code with or without a region. It goes before `accept_language`, the browser's header, because
    /// it is the language the person works in. English where neither names a language of ours.
    pub fn from_wish(sap_language: Option<&str>, accept_language: Option<&str>) -> Language {
        let sap_language = sap_language.map(str::trim).filter(|wish| !wish.is_empty());
        let from_browser = || {
            preferences(accept_language.unwrap_or_default()).into_iter().find_map(|(tag, _)| Language::from_iso(tag))
        };
        sap_language
            .and_then(|wish| Language::from_sap_letter(wish).or_else(|| Language::from_iso(wish)))
            .or_else(from_browser)
            .or_else(|| sap_language.and_then(Language::from_doubtful_letter))
            .unwrap_or_default()
    }

    /// SAP's one-letter keys (its table T002), which are case-sensitive: `e` is no language.
    fn from_sap_letter(letter: &str) -> Option<Language> {
        Some(match letter {
            "O" => Language::Bokmal,
            "E" => Language::English,
            "V" => Language::Swedish,
            "K" => Language::Danish,
            "D" => Language::German,
            _ => return None,
        })
    }

    /// Letters that suppliers' manuals use for a Scandinavian language, but that SAP gives to another (N to Dutch, S to
    /// Spanish). They count only where the browser has no wish that we can meet.
    fn from_doubtful_letter(letter: &str) -> Option<Language> {
        Some(match letter {
            "N" => Language::Bokmal,
            "S" => Language::Swedish,
            _ => return None,
        })
    }

    /// `nb`, `nb-NO`, `nb_NO`, `NO`: by the first part of the tag alone.
    fn from_iso(tag: &str) -> Option<Language> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        Some(match primary.to_ascii_lowercase().as_str() {
            "nb" | "no" => Language::Bokmal,
            "nn" => Language::Nynorsk,
            "en" => Language::English,
            "sv" => Language::Swedish,
            "da" => Language::Danish,
            "de" => Language::German,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_goes_before_the_browser_and_english_is_for_all_others() {
        use Language::*;
        let cases = [
            (None, None, English),
            (Some("O"), Some("de"), Bokmal),
            (Some("NO"), None, Bokmal),
            (Some("no"), None, Bokmal),
            (Some("nn_NO"), Some("nb"), Nynorsk),
            (Some("D"), Some("nb"), German),
            (Some("d"), Some("nb"), Bokmal),
            (Some("K"), None, Danish),
            (Some("V"), None, Swedish),
            (Some("EN"), Some("nb"), English),
            (Some("N"), None, Bokmal),
            (Some("N"), Some("nl"), Bokmal),
            (Some("N"), Some("nl,de;q=0.5"), German),
            (Some("FR"), Some("fr-FR,sv;q=0.4"), Swedish),
            (Some(" "), Some("da"), Danish),
            (Some("\"><script>"), None, English),
            (None, Some("nb-NO,nb;q=0.9,no;q=0.8,nn;q=0.7,en-US;q=0.6,en;q=0.5"), Bokmal),
            (None, Some("fr, en;q=0.2, da;q=0.7"), Danish),
            (None, Some("de;q=0, sv-FI;q=0.1"), Swedish),
            (None, Some("*"), English),
        ];
        for (sap_language, accept_language, expected) in cases {
            assert_eq!(
                Language::from_wish(sap_language, accept_language),
                expected,
                "{sap_language:?} {accept_language:?}"
            );
        }
    }
}
