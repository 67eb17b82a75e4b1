//! Which unit price is meant, when a line prints a rounded one beside its total.
//!
//! `0.0375` prints as `0,04` while 12000 pieces cost `450,00`: sending 0.04 would make the order 480,00.

use rust_decimal::{Decimal, RoundingStrategy};

/// What a line's printed numbers add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The printed unit price gives the printed total, or no total is printed.
    AsPrinted(Decimal),
    /// The unit price that gives the printed total; the printed one is a rounding of it, or there is none.
    Derived(Decimal),
    /// The printed price stands: rounding does not explain the printed total.
    Mismatch(Decimal),
}

/// Derived prices that are exact with this many decimals stay exact: OCI's three, and four more by PRICEUNIT 10000.
const EXACT_DECIMALS: u32 = 7;

/// Settles the unit price of a line from what is printed; the scale of each amount is the number of printed decimals.
/// `quantity` is above zero. `None` when neither price nor total is there, or the numbers leave 28 digits.
///
/// A derived price is `total / quantity` where that is exact within seven decimals. Else it has as few decimals as give
/// the printed total again (10,00 for 3 gives 3.333): whoever maps the line scales by PRICEUNIT to keep them.
pub fn unit_price(price: Option<Decimal>, quantity: Decimal, total: Option<Decimal>) -> Option<Settled> {
    let (price, total) = match (price, total) {
        (None, None) => return None,
        (Some(price), None) => return Some(Settled::AsPrinted(price)),
        (None, Some(total)) => return derive(total, quantity, total.scale()).map(Settled::Derived),
        (Some(price), Some(total)) => (price, total),
    };
    if gives(price, quantity, total)? {
        return Some(Settled::AsPrinted(price));
    }
    let exact = total.checked_div(quantity)?;
    // A total rounded to whole kroner hides as much as a price rounded to whole øre.
    let slack = half_step(price.scale()).checked_add(half_step(total.scale()).checked_div(quantity)?)?;
    if !within(exact, price, slack) {
        return Some(Settled::Mismatch(price));
    }
    derive(total, quantity, price.scale()).map(Settled::Derived)
}

/// What the line cost before a discount of `off`: its printed total, or more where the shop has taken it off that already.
/// A printed price that gives the total exactly says more than one that gives it by its rounding.
pub fn total_before(
    price: Option<Decimal>,
    quantity: Decimal,
    total: Option<Decimal>,
    off: Decimal,
) -> Option<Decimal> {
    let printed = total?;
    let Some(with_off) = printed.checked_add(off).filter(|_| price.is_some() && !off.is_zero()) else { return total };
    let settled = |total| unit_price(price, quantity, Some(total));
    match (settled(printed), settled(with_off)) {
        (Some(Settled::AsPrinted(_)), _) => total,
        (_, Some(Settled::AsPrinted(_))) => Some(with_off),
        (Some(Settled::Derived(_)), _) => total,
        (_, Some(Settled::Derived(_))) => Some(with_off),
        _ => total,
    }
}

/// Whether `price` for `quantity` is the printed total, before or after a discount of `off`. `None` where not both are
/// printed.
pub fn explains(price: Option<Decimal>, quantity: Decimal, total: Option<Decimal>, off: Decimal) -> Option<bool> {
    let (price, total) = (price?, total?);
    let before = total_before(Some(price), quantity, Some(total), off);
    let settled = unit_price(Some(price), quantity, before);
    Some(quantity > Decimal::ZERO && matches!(settled, Some(Settled::AsPrinted(_) | Settled::Derived(_))))
}

/// Whether `price` for `quantity` prints as `total`.
fn gives(price: Decimal, quantity: Decimal, total: Decimal) -> Option<bool> {
    Some(within(price.checked_mul(quantity)?, total, half_step(total.scale())))
}

/// Half a unit of the last of so many decimals.
pub(super) fn half_step(decimals: u32) -> Decimal {
    Decimal::new(5, decimals.saturating_add(1).min(Decimal::MAX_SCALE))
}

/// Whether two amounts are no further apart than `tolerance`.
pub(super) fn within(one: Decimal, other: Decimal, tolerance: Decimal) -> bool {
    one.checked_sub(other).is_some_and(|apart| apart.abs() <= tolerance)
}

fn derive(total: Decimal, quantity: Decimal, from_decimals: u32) -> Option<Decimal> {
    let quotient = total.checked_div(quantity)?;
    let exact = quotient.normalize();
    if exact.scale() <= EXACT_DECIMALS && exact.checked_mul(quantity)? == total {
        return Some(exact);
    }
    (from_decimals..=Decimal::MAX_SCALE)
        .map(|decimals| quotient.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero))
        .find(|price| gives(*price, quantity, total) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn settled(price: &str, quantity: &str, total: &str) -> String {
        let read = |text: &str| text.parse::<Decimal>().ok();
        match unit_price(read(price), read(quantity).unwrap(), read(total)) {
            Some(Settled::AsPrinted(price)) => format!("printed {price}"),
            Some(Settled::Derived(price)) => format!("derived {price}"),
            Some(Settled::Mismatch(price)) => format!("mismatch {price}"),
            None => "none".into(),
        }
    }

    #[test]
    fn the_price_that_gives_the_total() {
        for (price, quantity, total, expected) in [
            ("0.04", "12000", "450.00", "derived 0.0375"),
            ("9.50", "3", "28.50", "printed 9.50"),
            ("3.33", "3", "9.99", "printed 3.33"),
            ("3.33", "3", "10.00", "derived 3.333"),
            ("0.04", "12000", "450.01", "derived 0.037501"),
            ("33.33", "3", "100", "printed 33.33"),
            ("9.50", "3", "", "printed 9.50"),
            ("", "3", "10.00", "derived 3.333"),
            ("", "16", "100.00", "derived 6.25"),
            ("12", "2.5", "31.25", "derived 12.5"),
            ("10.00", "3", "27.00", "mismatch 10.00"),
            ("0.04", "12000", "600.00", "mismatch 0.04"),
            ("0.00", "5", "0.00", "printed 0.00"),
            ("", "3", "", "none"),
        ] {
            assert_eq!(settled(price, quantity, total), expected, "{price} x {quantity} = {total}");
        }
    }

    fn any_decimal() -> impl Strategy<Value = Decimal> {
        (any::<u32>(), any::<u32>(), any::<u32>(), 0u32..=Decimal::MAX_SCALE)
            .prop_map(|(low, mid, high, scale)| Decimal::from_parts(low, mid, high, false, scale))
    }

    #[test]
    fn a_discount_is_in_the_total_or_still_to_be_taken_off() {
        let number = |text: &str| text.parse::<Decimal>().unwrap();
        for (price, quantity, total, off, before) in [
            ("10.00", "3", "30.00", "3.00", "30.00"),
            ("10.00", "3", "27.00", "3.00", "30.00"),
            ("10.00", "3", "27.00", "0", "27.00"),
            ("10.00", "3", "25.00", "3.00", "25.00"),
            // By the rounding of 0.04 both would do.
            ("0.04", "12000", "450.00", "30.00", "480.00"),
            ("0.04", "12000", "450.00", "10.00", "450.00"),
        ] {
            let found = total_before(Some(number(price)), number(quantity), Some(number(total)), number(off));
            assert_eq!(found, Some(number(before)), "{price} x {quantity} = {total}, {off} off");
        }
        assert_eq!(total_before(None, number("3"), Some(number("27.00")), number("3.00")), Some(number("27.00")));
        let fits = |quantity: &str, off: &str| {
            explains(Some(number("10.00")), number(quantity), Some(number("27.00")), number(off))
        };
        assert_eq!(
            [fits("3", "3"), fits("3", "0"), fits("3000", "3"), fits("0", "0")].map(Option::unwrap),
            [true, false, false, false]
        );
        assert_eq!(explains(None, number("3"), Some(number("27")), Decimal::ZERO), None);
    }

    proptest! {
        #[test]
        fn any_numbers_are_settled_or_told_to_be_too_large(
            price in any_decimal(), quantity in any_decimal(), total in any_decimal(), rate in 0u32..=100
        ) {
            prop_assume!(!quantity.is_zero());
            for (price, total) in [(Some(price), Some(total)), (None, Some(total)), (Some(price), None)] {
                unit_price(price, quantity, total);
                explains(price, quantity, total, total.unwrap_or(quantity));
            }
            crate::cart::tax::net(total, Decimal::from(rate), quantity, price.scale());
        }

        #[test]
        fn what_is_not_a_mismatch_gives_the_total_again(price in 0i64..1_000_000, quantity in 1i64..100_000, off in -60i64..60) {
            let (price, quantity) = (Decimal::new(price, 2), Decimal::from(quantity));
            let total = (price * quantity + Decimal::new(off, 2)).max(Decimal::new(0, 2));
            match unit_price(Some(price), quantity, Some(total)) {
                Some(Settled::AsPrinted(price) | Settled::Derived(price)) => {
                    prop_assert_eq!(gives(price, quantity, total), Some(true));
                }
                Some(Settled::Mismatch(kept)) => prop_assert_eq!(kept, price),
                None => prop_assert!(false, "these numbers fit"),
            }
        }

        #[test]
        fn a_fine_price_is_found_again_behind_its_rounding(fine in 1i64..100_000_000, quantity in 1i64..100_000) {
            let fine = Decimal::new(fine, 4);
            let quantity = Decimal::from(quantity);
            let total = (fine * quantity).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
            let printed = fine.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
            let found = unit_price(Some(printed), quantity, Some(total));
            prop_assert!(!matches!(found, None | Some(Settled::Mismatch(_))), "{:?}", found);
        }
    }
}
