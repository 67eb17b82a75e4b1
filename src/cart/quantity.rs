//! How many of an article a line says.
//!
//! A quantity is often written for machines where prices are written for people: `1.000` is one in a cart that prints
//! `1.234,50`, or a thousand. So the format of the prices says nothing about it. What its own digits leave open, the
//! printed total of the line settles, else the other quantities of the cart; and what nothing settles is refused.

use rust_decimal::Decimal;

use super::price::{DecimalSign, Detected, NumberFormat, PriceError, parse_amount};
use super::texts::{Found, Texts};

/// What a printed quantity may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    /// It can be read in one way only, or its place says how.
    Certain(Decimal),
    /// One separator before three digits.
    Either {
        /// As printed.
        text: String,
        /// Read with a decimal point.
        point: Decimal,
        /// Read with a decimal comma.
        comma: Decimal,
    },
}

impl Quantity {
    /// # Errors
    /// No number in any reading.
    pub(super) fn of(found: &Found) -> Result<Self, PriceError> {
        let by = |format| parse_amount(&found.text, format).map(|amount| amount.value.normalize());
        match by(found.numbers.unwrap_or(NumberFormat::Detect)) {
            Err(PriceError::Ambiguous(text)) => Ok(Quantity::Either {
                text,
                point: by(NumberFormat::Known(DecimalSign::Point))?,
                comma: by(NumberFormat::Known(DecimalSign::Comma))?,
            }),
            read => read.map(Quantity::Certain),
        }
    }

    /// `quantity`, if it can be read as that, else what it says.
    pub(super) fn nearest(&self, quantity: Decimal) -> Decimal {
        match self {
            Quantity::Certain(value) => *value,
            Quantity::Either { point, comma, .. } => {
                if *comma == quantity {
                    *comma
                } else {
                    *point
                }
            }
        }
    }

    /// The one reading of which `fits` says that it gives the line's printed total; it says `None` where the line prints
    /// too little to tell. Where it does not tell the two apart, what the cart's `other` quantities say.
    ///
    /// # Errors
    /// What is open, for whoever configures the shop.
    pub(super) fn settle(
        self,
        fits: impl Fn(Decimal) -> Option<bool>,
        other: Option<DecimalSign>,
    ) -> Result<Decimal, String> {
        let (text, point, comma) = match self {
            Quantity::Certain(value) => return Ok(value),
            Quantity::Either { text, point, comma } => (text, point, comma),
        };
        let why = match (fits(point), fits(comma)) {
            (Some(true), Some(false)) => return Ok(point),
            (Some(false), Some(true)) => return Ok(comma),
            (Some(false), Some(false)) => "neither gives the line's printed total",
            (fitting, _) => match (other, fitting) {
                (Some(DecimalSign::Point), _) => return Ok(point),
                (Some(DecimalSign::Comma), _) => return Ok(comma),
                (None, Some(_)) => "both give the line's printed total",
                (None, None) => "no price and total of the line tell",
            },
        };
        Err(format!(
            "{text:?} may be {point} or {comma}, and {why}; say which: \
             quantity = {{ select = \"...\", numbers = \"1.234,56\" }} or \"1,234.56\""
        ))
    }
}

/// The decimal sign of those quantities that can be read in one way only.
pub(super) fn sign_of<'t>(lines: impl IntoIterator<Item = &'t Texts>) -> Option<DecimalSign> {
    let printed = lines.into_iter().filter_map(|line| line.quantity.as_ref()).filter(|found| found.numbers.is_none());
    match Detected::over(printed.map(|found| found.text.as_str())) {
        Detected::Known(sign) => Some(sign),
        Detected::Nothing | Detected::Ambiguous(_) | Detected::Contradictory { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Quantity {
        let found = Found { text: text.to_owned(), numbers: None, cut: false, is_default: false };
        Quantity::of(&found).unwrap()
    }

    fn number(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn most_quantities_can_be_read_in_one_way_only() {
        for (text, expected) in [
            ("3", "3"),
            ("1.0000", "1"),
            ("2,5 m", "2.5"),
            ("12 000", "12000"),
            ("0.125", "0.125"),
            ("1.000.000", "1000000"),
        ] {
            assert_eq!(read(text), Quantity::Certain(number(expected)), "{text}");
        }
        for (again, first, nearest) in
            [("1.000", "1", "1"), ("1.000", "1000", "1000"), ("1.000", "10", "1"), ("1", "1000", "1")]
        {
            assert_eq!(read(again).nearest(number(first)), number(nearest), "{again} beside {first}");
        }
    }

    #[test]
    fn the_total_settles_then_the_other_quantities_then_nobody() {
        let only = |right: &'static str| move |quantity: Decimal| Some(quantity == number(right));
        for sign in [None, Some(DecimalSign::Point), Some(DecimalSign::Comma)] {
            assert_eq!(read("1.000").settle(only("1"), sign), Ok(number("1")));
            assert_eq!(read("1.000").settle(only("1000"), sign), Ok(number("1000")));
            assert_eq!(read("1,500").settle(only("1.5"), sign), Ok(number("1.5")));
            assert!(read("1.000").settle(only("10"), sign).unwrap_err().contains("neither"));
        }
        for says in [None, Some(true)] {
            assert_eq!(read("1.000").settle(|_| says, Some(DecimalSign::Point)), Ok(number("1")));
            assert_eq!(read("1.000").settle(|_| says, Some(DecimalSign::Comma)), Ok(number("1000")));
            assert!(read("1.000").settle(|_| says, None).unwrap_err().contains("numbers = "));
        }
    }
}
