//! The alphabet of the buyer's system, and what becomes of the letters it lacks.
//!
//! A browser sends what a form's charset lacks as `&#8364;`, and the buyer stores those seven characters. So they are
//! replaced before the form is written, and reported.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// The charset that a form is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Charset {
    /// Everything can be sent.
    #[default]
    Utf8,
    /// U+0000 to U+00FF. A browser takes the name for Windows-1252 and would send `€` as byte 80; a receiver that
    /// takes it by the letter reads a control character there. So only what both read alike passes.
    Latin1,
    /// Any other that a browser can send, Windows-1252 among them.
    Other(&'static Encoding),
}

impl From<Charset> for String {
    fn from(charset: Charset) -> String {
        charset.label().to_owned()
    }
}

impl TryFrom<String> for Charset {
    type Error = String;

    fn try_from(label: String) -> Result<Charset, String> {
        Charset::parse(&label).ok_or(label)
    }
}

impl Charset {
    /// The charset of a label as in `http_content_charset`, in any case; `None` for an unknown one.
    pub fn parse(label: &str) -> Option<Charset> {
        // The WHATWG table calls Latin-1 windows-1252; the difference matters here.
        const LATIN1: [&str; 9] =
            ["iso-8859-1", "iso8859-1", "iso88591", "iso_8859-1", "latin1", "latin-1", "l1", "us-ascii", "ascii"];
        let label = label.trim();
        if LATIN1.iter().any(|name| name.eq_ignore_ascii_case(label)) {
            return Some(Charset::Latin1);
        }
        let encoding = Encoding::for_label(label.as_bytes())?.output_encoding();
        Some(if encoding == UTF_8 { Charset::Utf8 } else { Charset::Other(encoding) })
    }

    /// The charset of one hand-over: what the entry asked for, else the buyer's own, else UTF-8.
    pub fn choose(entry: Option<Charset>, buyer: Option<Charset>) -> Charset {
        entry.or(buyer).unwrap_or_default()
    }

    /// The label for `accept-charset`.
    pub fn label(self) -> &'static str {
        match self {
            Charset::Utf8 => "UTF-8",
            Charset::Latin1 => "ISO-8859-1",
            Charset::Other(encoding) => encoding.name(),
        }
    }

    fn has(self, letter: char) -> bool {
        match self {
            Charset::Utf8 => true,
            _ if letter.is_ascii() => true,
            Charset::Latin1 => ('\u{a0}'..='\u{ff}').contains(&letter),
            Charset::Other(encoding) => !encoding.encode(letter.encode_utf8(&mut [0; 4])).2,
        }
    }

    /// `text` with nothing in it that this charset lacks: typography becomes its plain form, accents fall, the rest is
    /// `?`. Also the letters that were replaced, in order, for the finding.
    pub fn fit(self, text: &str) -> (Cow<'_, str>, Vec<char>) {
        if self == Charset::Utf8 || text.is_ascii() {
            return (Cow::Borrowed(text), Vec::new());
        }
        let (mut fitted, mut replaced) = (String::with_capacity(text.len()), Vec::new());
        for letter in text.chars() {
            if self.has(letter) {
                fitted.push(letter);
                continue;
            }
            replaced.push(letter);
            match plain_form(letter) {
                Some(plain) if plain.chars().all(|letter| self.has(letter)) => fitted.push_str(plain),
                _ => fitted.push('?'),
            }
        }
        if replaced.is_empty() { (Cow::Borrowed(text), replaced) } else { (Cow::Owned(fitted), replaced) }
    }

    /// `bytes` as text: UTF-8 where it is that, else Windows-1252, for no buyer announces the charset of its entry.
    pub fn guess(bytes: &[u8]) -> String {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
        }
    }

    /// The encoding a receiver of this charset decodes with.
    pub fn encoding(self) -> &'static Encoding {
        match self {
            Charset::Utf8 => UTF_8,
            Charset::Latin1 => WINDOWS_1252,
            Charset::Other(encoding) => encoding,
        }
    }
}

/// What a person with an old keyboard would have typed.
fn plain_form(letter: char) -> Option<&'static str> {
    Some(match letter {
        '‘' | '’' | '‚' | '‛' | '′' | 'ʼ' => "'",
        '“' | '”' | '„' | '‟' | '″' => "\"",
        '‹' => "<",
        '›' => ">",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => "-",
        '•' | '∙' | '⋅' => "·",
        '…' => "...",
        '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        '€' => "EUR",
        '£' => "GBP",
        '™' => "(TM)",
        '®' => "(R)",
        '©' => "(C)",
        '№' => "No.",
        '≤' => "<=",
        '≥' => ">=",
        '≈' => "~",
        '≠' => "!=",
        '×' | '✕' => "x",
        '⌀' | '∅' | 'Φ' => "Ø",
        'Ω' | '\u{2126}' => "Ohm",
        'μ' => "µ",
        '℃' => "°C",
        '℉' => "°F",
        '→' => "->",
        '←' => "<-",
        '⁄' => "/",
        '‰' => "o/oo",
        '⅓' => "1/3",
        '⅔' => "2/3",
        '⅛' => "1/8",
        '⅜' => "3/8",
        '⅝' => "5/8",
        '⅞' => "7/8",
        '\u{fb01}' => "fi",
        '\u{fb02}' => "fl",
        'Œ' => "OE",
        'œ' => "oe",
        'Ā' | 'Ă' | 'Ą' => "A",
        'ā' | 'ă' | 'ą' => "a",
        'Ć' | 'Ĉ' | 'Ċ' | 'Č' => "C",
        'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'Ď' | 'Đ' => "D",
        'ď' | 'đ' => "d",
        'Ē' | 'Ĕ' | 'Ė' | 'Ę' | 'Ě' => "E",
        'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'Ĝ' | 'Ğ' | 'Ġ' | 'Ģ' => "G",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'Ī' | 'Į' | 'İ' => "I",
        'ī' | 'į' | 'ı' => "i",
        'Ķ' => "K",
        'ķ' => "k",
        'Ĺ' | 'Ļ' | 'Ľ' | 'Ł' => "L",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'Ń' | 'Ņ' | 'Ň' | 'Ŋ' => "N",
        'ń' | 'ņ' | 'ň' | 'ŋ' => "n",
        'Ō' | 'Ŏ' | 'Ő' => "O",
        'ō' | 'ŏ' | 'ő' => "o",
        'Ŕ' | 'Ř' => "R",
        'ŕ' | 'ř' => "r",
        'Ś' | 'Ş' | 'Š' | 'Ș' => "S",
        'ś' | 'ş' | 'š' | 'ș' => "s",
        'Ţ' | 'Ť' | 'Ŧ' | 'Ț' => "T",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'Ū' | 'Ŭ' | 'Ů' | 'Ű' | 'Ų' => "U",
        'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'Ÿ' => "Y",
        'Ź' | 'Ż' | 'Ž' => "Z",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use encoding_rs::ISO_8859_15;

    use super::*;

    #[test]
    fn labels() {
        for (label, charset) in [
            ("utf-8", Some(Charset::Utf8)),
            (" UTF8 ", Some(Charset::Utf8)),
            ("UTF-16", Some(Charset::Utf8)),
            ("iso-8859-1", Some(Charset::Latin1)),
            ("ISO8859-1", Some(Charset::Latin1)),
            ("windows-1252", Some(Charset::Other(WINDOWS_1252))),
            ("iso-8859-15", Some(Charset::Other(ISO_8859_15))),
            ("4110", None),
            ("", None),
        ] {
            assert_eq!(Charset::parse(label), charset, "{label}");
        }
    }

    #[test]
    fn what_latin1_lacks_is_written_plain() {
        let (text, replaced) = Charset::Latin1.fit("Skrue “rustfri” – Ø6 × 40…€ 🔩 Łódź");
        assert_eq!(text, "Skrue \"rustfri\" - Ø6 × 40...EUR ? Lódz");
        assert_eq!(replaced, ['“', '”', '–', '…', '€', '🔩', 'Ł', 'ź']);
    }

    #[test]
    fn windows_1252_keeps_the_euro_and_utf8_everything() {
        assert_eq!(Charset::parse("windows-1252").unwrap().fit("5 € – 🔩").0, "5 € – ?");
        assert_eq!(Charset::Utf8.fit("5 € – 🔩"), (Cow::Borrowed("5 € – 🔩"), vec![]));
    }

    #[test]
    fn entries_are_utf8_or_windows_1252() {
        assert_eq!(Charset::guess("Åse".as_bytes()), "Åse");
        assert_eq!(Charset::guess(b"\xC5se \x80"), "Åse €");
    }

    #[test]
    fn whatever_fits_survives_a_round_trip() {
        for charset in [Charset::Latin1, Charset::Other(WINDOWS_1252), Charset::Other(ISO_8859_15)] {
            let all: String = ('\u{20}'..='\u{2fff}').collect();
            let (fitted, _) = charset.fit(&all);
            let (bytes, encoding, unmappable) = charset.encoding().encode(&fitted);
            assert!(!unmappable, "{charset:?}");
            assert_eq!(encoding.decode_without_bom_handling(&bytes).0, fitted, "{charset:?}");
        }
    }
}
