//! Amounts on a page: where one stands, and how much it is.

use std::sync::LazyLock;

use regex::Regex;
use rust_decimal::Decimal;

use super::markup::{Element, above, inside, own_text, parent, text_of};
use super::words::WORDS;
use crate::cart::currency::printed_in;
use crate::cart::price::{Detected, NumberFormat, parse_amount};

/// A number with what may stand around an amount.
static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^([^\d]{0,20}?)([-−]?\d[\d.,'’ \u{a0}\u{202f}]*)([^\d]{0,12})$").expect("a constant")
});

/// An amount in a line.
#[derive(Clone, Copy)]
pub(super) struct Amount<'p> {
    /// The largest element that holds nothing else.
    pub(super) element: Element<'p>,
    /// The smallest: the one whose own text it is.
    pub(super) inner: Element<'p>,
    pub(super) value: Decimal,
}

/// How the page's amounts are printed, told from all of them.
pub(super) fn format_of<'p>(elements: impl Iterator<Item = Element<'p>>) -> NumberFormat {
    let texts: Vec<String> = elements.map(own_text).filter(|text| is_amount(text)).collect();
    Detected::over(texts.iter().map(String::as_str)).format().unwrap_or_default()
}

/// The amounts inside a line in the order of the page, without those that are struck through.
pub(super) fn amounts_in<'p>(line: Element<'p>, format: NumberFormat) -> Vec<Amount<'p>> {
    let found: Vec<_> = inside(line).filter(|element| is_amount(&own_text(*element))).collect();
    let current = found.iter().filter(|element| !is_struck(**element, line));
    let read = current.filter_map(|element| {
        let value = parse_amount(&own_text(*element), format).ok()?.value;
        Some(Amount { element: widest(*element, line, &found), inner: *element, value })
    });
    read.collect()
}

/// Whether a text is one amount: a number with a fraction or a currency, and little around it.
pub(super) fn is_amount(text: &str) -> bool {
    let Some(parts) = SHAPE.captures(text.trim()) else { return false };
    let (before, number, after) = (&parts[1], parts[2].trim(), &parts[3]);
    let has_currency = matches!(printed_in(text), Ok(Some(_)));
    let fraction = number.rsplit(['.', ',']).next().map_or(0, str::len);
    // `1.299,-` and `99:-`
    let has_dash = (number.ends_with(',') && after.starts_with(['-', '–'])) || after.starts_with(":-");
    let has_fraction = number.contains(['.', ',']) && (fraction == 2 || fraction == 4) || has_dash;
    let says_more = |part: &str| part.chars().any(char::is_alphabetic) && !matches!(printed_in(part), Ok(Some(_)));
    // `Price: 12.00` is one, `Model 12.00` is not.
    let labelled = before.trim_end().ends_with(':');
    (has_currency || has_fraction) && !says_more(after) && (labelled || !says_more(before)) && !after.contains('%')
}

fn is_struck(element: Element<'_>, line: Element<'_>) -> bool {
    std::iter::once(element).chain(above(element)).take_while(|one| *one != line).any(|one| {
        matches!(one.value().name(), "del" | "s" | "strike")
            || one.value().classes().any(|class| WORDS.old_price.is_match(class))
    })
}

/// The largest element around an amount whose text has no further digit: `td.price`, and not the third `span` in it.
fn widest<'p>(element: Element<'p>, line: Element<'p>, all: &[Element<'p>]) -> Element<'p> {
    let digits = |one: Element<'_>| text_of(one).chars().filter(char::is_ascii_digit).count();
    let own = digits(element);
    let mut widest = element;
    while let Some(outer) = parent(widest).filter(|outer| *outer != line) {
        let others = all.iter().any(|one| *one != element && super::markup::contains(outer, *one));
        let typed = inside(outer).any(|one| matches!(one.value().name(), "input" | "select" | "button"));
        if others || typed || digits(outer) != own || outer.value().name() == "tr" {
            break;
        }
        widest = outer;
    }
    widest
}

/// A count: a whole or decimal number and nothing else.
pub(super) fn count_in(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit() || b".,".contains(&byte)) {
        return None;
    }
    let value: Decimal = plain.replace(',', ".").parse().ok()?;
    (value > Decimal::ZERO && value < Decimal::from(10_000_000)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_from_other_numbers() {
        for text in
            ["1 234,56 kr", "kr 25,00", "NOK10.00", "0,04", "1.299,-", "99:-", "Pris: 1 234,56 kr", "€ 5", "1,234.56€"]
        {
            assert!(is_amount(text), "{text}");
        }
        for text in [
            "12000",
            "4711",
            "(12.40kg)",
            "Kabel 3 × 1,5 mm²",
            "På lager (412)",
            "25 %",
            "2 × 10,00",
            "Model 12.00",
            "",
        ] {
            assert!(!is_amount(text), "{text}");
        }
    }

    #[test]
    fn counts_are_numbers_alone() {
        assert_eq!(count_in(" 12 000 "), Some(Decimal::from(12000)));
        assert_eq!(count_in("2,5"), Some(Decimal::new(25, 1)));
        for text in ["", "0", "x1", "1 stk", "."] {
            assert_eq!(count_in(text), None, "{text}");
        }
    }
}
