//! The currency a shop prints beside an amount.

/// A currency as it stands on a page. Two signs are shared by several currencies and need the configuration to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printed {
    /// An ISO 4217 code, or a sign that means one currency alone (`€`, `£`, `US$`).
    Code(&'static str),
    /// `kr`: Norwegian, Swedish, Danish or Icelandic.
    Kroner,
    /// `$` alone.
    Dollar,
}

impl Printed {
    /// Every currency that a shop may print this way.
    fn candidates(self) -> &'static [&'static str] {
        match self {
            Printed::Code(_) => &[],
            Printed::Kroner => &["NOK", "SEK", "DKK", "ISK"],
            Printed::Dollar => &["USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN"],
        }
    }

    /// The ISO 4217 code, with `configured` to settle a shared sign. `None` when nothing settles it, or when
    /// `configured` is none of the currencies that are printed this way: a shop that prints `kr` does not charge EUR.
    pub fn resolve(self, configured: Option<&str>) -> Option<&str> {
        match self {
            Printed::Code(code) => Some(code),
            shared => configured.filter(|code| shared.candidates().contains(code)),
        }
    }
}

/// Why the currency in a text cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Several;

/// The one currency printed in `text`, if any. `NOK 100 kr` is one currency; `100 EUR (1 200 NOK)` is [`Several`].
pub fn printed_in(text: &str) -> Result<Option<Printed>, Several> {
    let mut found: Option<Printed> = None;
    for mention in words(text).filter_map(recognise) {
        found = match (found, mention) {
            (None, new) => Some(new),
            (Some(old), new) if old == new => Some(old),
            (Some(shared), Printed::Code(code)) | (Some(Printed::Code(code)), shared)
                if shared.candidates().contains(&code) =>
            {
                Some(Printed::Code(ISO.iter().find(|iso| **iso == code).copied().unwrap_or(code)))
            }
            _ => return Err(Several),
        };
    }
    Ok(found)
}

/// The ISO 4217 code for a text that names a currency and nothing else.
pub fn code_of(text: &str) -> Option<Printed> {
    let mut words = words(text);
    let printed = recognise(words.next()?)?;
    words.next().is_none().then_some(printed)
}

/// Whether `code` is a current ISO 4217 code, upper case.
pub fn is_iso(code: &str) -> bool {
    ISO.binary_search(&code).is_ok()
}

/// The currency word at the end of `text`, as the length of `text` before it.
pub(super) fn strip_at_end(text: &str) -> &str {
    let trimmed = text.trim_end();
    let body = trimmed.strip_suffix('.').unwrap_or(trimmed);
    match words(body).last() {
        Some(word) if body.ends_with(word) && recognise(word).is_some() => &body[..body.len() - word.len()],
        _ => text,
    }
}

/// `text` without the currency word it begins with.
pub(super) fn strip_at_start(text: &str) -> &str {
    let text = text.trim_start();
    match words(text).next() {
        Some(word) if text.starts_with(word) && recognise(word).is_some() => {
            text[word.len()..].trim_start_matches('.').trim_start()
        }
        _ => text,
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic() && !"€$£".contains(c)).flat_map(split_signs).filter(|word| !word.is_empty())
}

/// `€NOK` is two words, `US$` one.
fn split_signs(word: &str) -> Vec<&str> {
    if dollar_of(word).is_some() {
        return vec![word];
    }
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, sign) in word.char_indices().filter(|(_, c)| "€$£".contains(*c)) {
        parts.push(&word[from..at]);
        from = at + sign.len_utf8();
        parts.push(&word[at..from]);
    }
    parts.push(&word[from..]);
    parts
}

fn dollar_of(word: &str) -> Option<&'static str> {
    Some(match word {
        "US$" => "USD",
        "CA$" | "C$" => "CAD",
        "A$" | "AU$" => "AUD",
        "NZ$" => "NZD",
        "HK$" => "HKD",
        "S$" => "SGD",
        _ => return None,
    })
}

fn recognise(word: &str) -> Option<Printed> {
    match word {
        "€" => return Some(Printed::Code("EUR")),
        "£" => return Some(Printed::Code("GBP")),
        "$" => return Some(Printed::Dollar),
        _ => {}
    }
    if let Some(code) = dollar_of(word) {
        return Some(Printed::Code(code));
    }
    if word.eq_ignore_ascii_case("kr") {
        return Some(Printed::Kroner);
    }
    if let Ok(at) = ISO.binary_search(&word) {
        return Some(Printed::Code(ISO[at]));
    }
    // In small letters only what is no word of a shop's language: "all", "top", "try" and "pen" are codes too.
    let upper = word.to_ascii_uppercase();
    ["NOK", "SEK", "DKK", "ISK", "EUR", "USD", "GBP", "CHF"].into_iter().find(|code| *code == upper).map(Printed::Code)
}

/// ISO 4217, list one (2026), without funds codes and metals; sorted.
const ISO: [&str; 155] = [
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD", "BIF", "BMD", "BND",
    "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP", "CRC", "CUP", "CVE",
    "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD",
    "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY",
    "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "LYD", "MAD",
    "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO",
    "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF",
    "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB",
    "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED", "VES", "VND",
    "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF", "YER", "ZAR", "ZMW", "ZWG",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_so_that_it_can_be_searched() {
        assert!(ISO.is_sorted());
    }

    #[test]
    fn one_currency_however_often_it_is_printed() {
        for (text, expected) in [
            ("NOK1,234.56", Some(Printed::Code("NOK"))),
            ("1 234,56 kr", Some(Printed::Kroner)),
            ("kr. 99,-", Some(Printed::Kroner)),
            ("NOK 100 kr", Some(Printed::Code("NOK"))),
            ("100 kr NOK", Some(Printed::Code("NOK"))),
            ("US$5", Some(Printed::Code("USD"))),
            ("$5", Some(Printed::Dollar)),
            ("1,234.56€", Some(Printed::Code("EUR"))),
            ("99 nok", Some(Printed::Code("NOK"))),
            ("5 for all", None),
            ("125,00 inkl. MVA pr STK", None),
        ] {
            assert_eq!(printed_in(text), Ok(expected), "{text}");
        }
        assert_eq!(printed_in("100 EUR (1 200 NOK)"), Err(Several));
        assert_eq!(printed_in("100 EUR 1 200 kr"), Err(Several));
    }

    #[test]
    fn a_shared_sign_is_settled_by_the_configuration_alone() {
        assert_eq!(Printed::Kroner.resolve(Some("SEK")), Some("SEK"));
        assert_eq!(Printed::Kroner.resolve(None), None);
        assert_eq!(Printed::Kroner.resolve(Some("EUR")), None);
        assert_eq!(Printed::Code("EUR").resolve(Some("NOK")), Some("EUR"));
    }
}
