//! Tax rates, and what a price is without its tax.

use rust_decimal::{Decimal, RoundingStrategy};

use super::settle::{half_step, within};

/// Net prices that are exact with this many decimals stay exact: OCI's three, and four more by PRICEUNIT 10000.
const EXACT_DECIMALS: u32 = 7;

/// A rate in percent: `25`, `25 %`, `12,5%`; from 0 to 100.
pub fn rate(text: &str) -> Option<Decimal> {
    let text = text.trim().trim_end_matches('%').trim().replace(',', ".");
    let is_plain =
        text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let rate: Decimal = text.parse().ok().filter(|_| is_plain)?;
    (rate <= Decimal::ONE_HUNDRED).then(|| rate.normalize())
}

/// What one unit costs without tax, where `quantity` units cost `gross` with it: exact where seven decimals can say it, else
/// with as few decimals as give `gross` again, which is printed with `decimals`. `None` when the numbers leave 28 digits.
pub fn net(gross: Decimal, rate: Decimal, quantity: Decimal, decimals: u32) -> Option<Decimal> {
    let units = factor(rate)?.checked_mul(quantity)?;
    let quotient = gross.checked_div(units)?;
    let exact = quotient.normalize();
    if exact.scale() <= EXACT_DECIMALS && exact.checked_mul(units)? == gross {
        return Some(exact);
    }
    let half_step = half_step(decimals);
    (2..=Decimal::MAX_SCALE)
        .map(|decimals| quotient.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero))
        .find(|net| net.checked_mul(units).is_some_and(|again| within(again, gross, half_step)))
}

/// What a net amount is multiplied with: 1.25 for 25 percent.
pub fn factor(rate: Decimal) -> Option<Decimal> {
    rate.checked_div(Decimal::ONE_HUNDRED)?.checked_add(Decimal::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn rates_are_percent() {
        for (text, expected) in [
            ("25", Some("25")),
            (" 25,00 % ", Some("25")),
            ("12.5%", Some("12.5")),
            ("0", Some("0")),
            ("100", Some("100")),
            ("101", None),
            ("-25", None),
            ("reduced", None),
            ("", None),
            ("td", None),
            (".5", None),
            ("1e1", None),
        ] {
            assert_eq!(rate(text), expected.map(number), "{text}");
        }
    }

    #[test]
    fn net_prices() {
        for (gross, tax, quantity, expected) in [
            ("100.00", "25", "3", "80"),
            ("99.90", "25", "1", "79.92"),
            ("1234.56", "25", "10", "987.648"),
            ("99.90", "15", "3", "86.87"),
            ("99.90", "15", "1000", "86.869565"),
            ("10.00", "0", "1", "10"),
        ] {
            let quantity = number(quantity);
            let net = net(number(gross) * quantity, number(tax), quantity, 2);
            assert_eq!(net, Some(number(expected)), "{gross} at {tax}");
        }
    }

    proptest! {
        #[test]
        fn a_net_price_gives_the_gross_amount_again(cents in 0i64..100_000_000, tenths in 0i64..1000, quantity in 1i64..100_000) {
            let (gross, rate, quantity) = (Decimal::new(cents, 2), Decimal::new(tenths, 1), Decimal::from(quantity));
            let net = net(gross * quantity, rate, quantity, 2).unwrap();
            let again = net * factor(rate).unwrap() * quantity;
            prop_assert!((again - gross * quantity).abs() <= Decimal::new(5, 3), "{} {}", net, again);
        }
    }
}
