//! The discount that is printed on a line: an amount, or a rate in percent.

use rust_decimal::Decimal;

use super::money::{round, signed};
use super::price::{NumberFormat, PriceError};
use super::tax;
use super::texts::Found;

/// Decimals of money where nothing printed tells.
const CENTS: u32 = 2;

/// What a line prints as its discount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Discount {
    /// None, or words alone.
    #[default]
    None,
    /// So much off all units.
    Amount(Decimal),
    /// So many percent off.
    Rate(Decimal),
}

impl Discount {
    /// # Errors
    /// A number that is no amount.
    pub(super) fn of(found: &Found, format: NumberFormat) -> Result<Self, PriceError> {
        match signed(found, format) {
            Ok((off, _)) if off.value.is_zero() => Ok(Discount::None),
            Ok((off, _)) => Ok(Discount::Amount(off.value)),
            Err(PriceError::NoNumber(_)) => Ok(Discount::None),
            Err(PriceError::Rate(text)) => {
                let digits = found.text.find(|c: char| c.is_ascii_digit()).map_or("", |at| &found.text[at..]);
                let rate = tax::rate(digits.split('%').next().unwrap_or_default());
                rate.map(Discount::Rate).ok_or(PriceError::Malformed(text))
            }
            Err(error) => Err(error),
        }
    }

    /// What is taken off `quantity` units. `None` when the numbers leave 28 digits.
    pub(super) fn off(self, price: Option<Decimal>, quantity: Decimal, total: Option<Decimal>) -> Option<Decimal> {
        let rate = match self {
            Discount::None => return Some(Decimal::ZERO),
            Discount::Amount(amount) => return Some(amount),
            Discount::Rate(rate) => rate,
        };
        let whole = price.map_or(total, |price| price.checked_mul(quantity))?;
        let off = whole.checked_mul(rate)?.checked_div(Decimal::ONE_HUNDRED)?;
        Some(round(off, total.map_or(CENTS, |total| total.scale())))
    }
}
