//! Numbers as OCI has them: a dot, no thousands separator, exactly three decimals, at most eleven digits before the dot.

use rust_decimal::{Decimal, RoundingStrategy};

/// What stands between whole numbers and decimals in QUANTITY and PRICE. OCI says a dot; a few receivers want a comma, and
/// others break on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum DecimalMark {
    #[default]
    Dot,
    Comma,
}

impl DecimalMark {
    /// A number that was written with a dot.
    pub fn written(self, number: String) -> String {
        match self {
            DecimalMark::Dot => number,
            DecimalMark::Comma => number.replace('.', ","),
        }
    }
}

/// A price brought to three decimals, with the number of units that it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// PRICE: net, for `price_unit` units.
    pub price: String,
    /// PRICEUNIT.
    pub price_unit: u32,
    /// The price had to be rounded half-up: it has more decimals than the largest permitted PRICEUNIT keeps.
    pub rounded: bool,
}

/// Why a number cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// More than eleven digits before the dot.
    TooLarge,
    /// Below zero.
    Negative,
    /// Not zero, but zero with three decimals.
    Vanished,
}

/// `number` with three decimals, rounded half-up, and whether it had more.
///
/// # Errors
/// See [`NumberError`].
pub fn three_decimals(number: Decimal) -> Result<(String, bool), NumberError> {
    if number.is_sign_negative() && !number.is_zero() {
        return Err(NumberError::Negative);
    }
    let number = number.normalize();
    let rounded = number.round_dp_with_strategy(3, RoundingStrategy::MidpointAwayFromZero);
    if rounded >= Decimal::from(100_000_000_000_u64) {
        return Err(NumberError::TooLarge);
    }
    if rounded.is_zero() && !number.is_zero() {
        return Err(NumberError::Vanished);
    }
    Ok((format!("{:.3}", rounded.abs()), rounded != number))
}

/// The price of one unit as PRICE and PRICEUNIT: with the smallest of `price_units` that keeps every decimal, else
/// rounded with the largest that fits. `price_units` ascend; an empty list is 1.
///
/// # Errors
/// See [`NumberError`].
pub fn scaled_price(unit_price: Decimal, price_units: &[u32]) -> Result<Price, NumberError> {
    let price_units = if price_units.is_empty() { &[1] } else { price_units };
    let mut best = None;
    let mut first_error = None;
    for &price_unit in price_units {
        let scaled = unit_price.normalize().checked_mul(Decimal::from(price_unit)).ok_or(NumberError::TooLarge);
        match scaled.and_then(three_decimals) {
            Ok((price, false)) => return Ok(Price { price, price_unit, rounded: false }),
            Ok((price, true)) => best = Some(Price { price, price_unit, rounded: true }),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    best.ok_or(first_error.unwrap_or(NumberError::TooLarge))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNITS: [u32; 5] = [1, 10, 100, 1000, 10000];

    fn scaled(price: &str, units: &[u32]) -> Result<(String, u32, bool), NumberError> {
        let found = scaled_price(Decimal::from_scientific(price).or_else(|_| price.parse()).unwrap(), units)?;
        Ok((found.price, found.price_unit, found.rounded))
    }

    #[test]
    fn prices_are_scaled_until_exact() {
        for (price, expected, unit) in [
            ("0", "0.000", 1),
            ("1234.5", "1234.500", 1),
            ("19.900000", "19.900", 1),
            ("0.0375", "0.375", 10),
            ("0.12345", "12.345", 100),
            ("0.1234567", "1234.567", 10000),
            ("1e-7", "0.001", 10000),
            ("99999999999.999", "99999999999.999", 1),
        ] {
            assert_eq!(scaled(price, &UNITS), Ok((expected.to_owned(), unit, false)), "{price}");
        }
        assert_eq!(scaled("0.12345", &[1, 1000]), Ok(("123.450".to_owned(), 1000, false)));
    }

    #[test]
    fn prices_that_never_are_exact_are_rounded_half_up() {
        assert_eq!(scaled("0.12345", &[1]), Ok(("0.123".to_owned(), 1, true)));
        assert_eq!(scaled("0.0005", &[]), Ok(("0.001".to_owned(), 1, true)));
        assert_eq!(scaled("2.0015", &[1]), Ok(("2.002".to_owned(), 1, true)));
        assert_eq!(scaled("0.333333333333", &UNITS), Ok(("3333.333".to_owned(), 10000, true)));
        // 1000 and 10000 of them would not fit.
        assert_eq!(scaled("123456789.12345678", &UNITS), Ok(("12345678912.346".to_owned(), 100, true)));
    }

    #[test]
    fn numbers_that_cannot_be_sent() {
        assert_eq!(scaled("100000000000", &UNITS), Err(NumberError::TooLarge));
        assert_eq!(scaled("99999999999.9995", &UNITS), Err(NumberError::TooLarge));
        assert_eq!(scaled("79228162514264337593543950335", &UNITS), Err(NumberError::TooLarge));
        assert_eq!(scaled("-1", &UNITS), Err(NumberError::Negative));
        assert_eq!(scaled("1e-9", &UNITS), Err(NumberError::Vanished));
        assert_eq!(three_decimals("0.0004".parse().unwrap()), Err(NumberError::Vanished));
    }

    proptest! {
        #[test]
        fn any_number_is_written_or_refused(
            low in any::<u32>(), mid in any::<u32>(), high in any::<u32>(), negative: bool, scale in 0u32..=28, unit in 1u32..=99999,
        ) {
            let number = Decimal::from_parts(low, mid, high, negative, scale);
            let written = three_decimals(number).into_iter().map(|(written, _)| written);
            for written in written.chain(scaled_price(number, &[1, unit]).into_iter().map(|price| price.price)) {
                let (whole, decimals) = written.split_once('.').unwrap();
                prop_assert!((1..=11).contains(&whole.len()) && decimals.len() == 3, "{}", written);
            }
        }
    }

    #[test]
    fn quantities() {
        assert_eq!(three_decimals("12".parse().unwrap()), Ok(("12.000".to_owned(), false)));
        assert_eq!(three_decimals("2.50000".parse().unwrap()), Ok(("2.500".to_owned(), false)));
        assert_eq!(three_decimals("0.0625".parse().unwrap()), Ok(("0.063".to_owned(), true)));
    }
}
