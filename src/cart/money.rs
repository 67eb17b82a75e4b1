//! From printed amounts to what is returned: discounts folded in, freight and fees, net from gross, and whether all of it
//! comes to the total that the shop prints.

use rust_decimal::{Decimal, RoundingStrategy};

use super::Line;
use super::price::{Amount, NumberFormat, PriceError, parse_amount};
use super::rules::{Charge, Money, Prices, Rules, What};
use super::settle::{Settled, half_step, unit_price, within};
use super::tax;
use super::texts::{Found, Texts};
use crate::finding::{Finding, Severity, code};

/// Decimals of money where nothing printed tells.
const CENTS: u32 = 2;

/// A line with the prices that the shop prints.
pub(super) struct Priced {
    pub(super) line: Line,
    /// Its tax rate in percent, where it is known.
    pub(super) rate: Option<Decimal>,
    /// Which line of the page it is, from 1.
    pub(super) number: usize,
}

/// The lines as they are returned. `beside` holds the texts of what stands beside the lines, in the order of the rules.
pub(super) fn finish(
    rules: &Rules,
    format: NumberFormat,
    lines: Vec<Priced>,
    beside: &[Vec<Texts>],
    findings: &mut Vec<Finding>,
) -> Vec<Line> {
    let mut settling = Settling { rules, money: &rules.money, format, lines, kept_apart: Decimal::ZERO, findings };
    let (charges, sums) = beside.split_at(rules.money.charges.len().min(beside.len()));
    let counted = settling.lines.len();
    if counted > 0 {
        for (charge, rows) in rules.money.charges.iter().zip(charges) {
            for row in rows {
                settling.charge(charge, row, counted);
            }
        }
        settling.tax_off();
        settling.compare(sums);
    }
    // A line without a right value is none, for whoever takes lines one by one.
    let broken: Vec<usize> =
        settling.findings.iter().filter(|finding| finding.is_firm()).filter_map(|finding| finding.line).collect();
    settling.lines.retain(|priced| !broken.contains(&priced.number));
    settling.lines.into_iter().map(|priced| priced.line).collect()
}

/// Takes `off` from a line: its total falls, and the price with it. `None` when that leaves less than nothing.
pub(super) fn take_off(line: &mut Line, off: Decimal) -> Option<()> {
    let total = total_of(line)?.checked_sub(off).filter(|total| !total.is_sign_negative())?;
    let price = match unit_price(None, line.quantity, Some(total))? {
        Settled::AsPrinted(price) | Settled::Derived(price) | Settled::Mismatch(price) => price,
    };
    (line.price, line.total) = (price, Some(total));
    Some(())
}

/// An amount that may be printed with a minus sign, before it or behind it, or in parentheses; and whether it is.
pub(super) fn signed(found: &Found, format: NumberFormat) -> Result<(Amount, bool), PriceError> {
    let format = found.numbers.unwrap_or(format);
    match parse_amount(&found.text, format) {
        Err(PriceError::Negative(_)) => {
            let digit = |c: char| c.is_ascii_digit();
            let (first, last) = (found.text.find(digit), found.text.rfind(digit));
            let inner = |at: usize| first.is_some_and(|first| at > first) && last.is_some_and(|last| at < last);
            let unsigned =
                found.text.char_indices().filter(|(at, c)| inner(*at) || !"-\u{2212}\u{2013}()".contains(*c));
            parse_amount(&unsigned.map(|(_, c)| c).collect::<String>(), format).map(|amount| (amount, true))
        }
        other => other.map(|amount| (amount, false)),
    }
}

fn sum(amounts: &[Decimal]) -> Option<Decimal> {
    amounts.iter().try_fold(Decimal::ZERO, |sum, amount| sum.checked_add(*amount))
}

/// What each of `totals`, which come to `whole`, bears of a discount. By the sum so far, so that the roundings of the
/// shares never add up.
fn shares(discount: Decimal, totals: &[Decimal], whole: Decimal, decimals: u32) -> Option<Vec<Decimal>> {
    let (mut passed, mut given) = (Decimal::ZERO, Decimal::ZERO);
    (totals.iter())
        .map(|total| {
            passed = passed.checked_add(*total)?;
            let until_here = round(discount.checked_mul(passed)?.checked_div(whole)?, decimals);
            let share = until_here.checked_sub(given)?;
            given = until_here;
            Some(share)
        })
        .collect()
}

/// What the shop prints for the line, or would.
fn total_of(line: &Line) -> Option<Decimal> {
    let counted = || Some(round(line.price.checked_mul(line.quantity)?, CENTS));
    line.total.or_else(counted)
}

/// What all units cost as the shop has it: the total, unless the unit price contradicts it.
fn printed_total(line: &Line, decimals: u32) -> Option<Decimal> {
    let counted = line.price.checked_mul(line.quantity)?;
    Some(line.total.filter(|total| within(counted, *total, half_step(decimals))).unwrap_or(counted))
}

pub(super) fn round(amount: Decimal, decimals: u32) -> Decimal {
    amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

struct Settling<'a> {
    rules: &'a Rules,
    money: &'a Money,
    format: NumberFormat,
    lines: Vec<Priced>,
    /// What the printed total holds and no line does.
    kept_apart: Decimal,
    findings: &'a mut Vec<Finding>,
}

impl Settling<'_> {
    fn note(&mut self, code: &'static str, severity: Severity, detail: String) {
        self.findings.push(Finding::on_cart(code, severity, detail));
    }

    fn too_large(&mut self, shown: String) {
        self.note(code::PRICE_UNREADABLE, Severity::Error, format!("{shown}: too large to calculate with"));
    }

    /// One row beside the lines, of which the first `counted` were read.
    fn charge(&mut self, charge: &Charge, row: &Texts, counted: usize) {
        let label = row.name.as_ref().map(|found| found.text.as_str()).unwrap_or_default();
        if charge.matches.as_ref().is_some_and(|pattern| !pattern.is_match(label)) {
            return;
        }
        let called = charge.name.as_deref().unwrap_or(label);
        let printed = row.price.as_ref().map(|found| signed(found, self.format));
        let (amount, is_negative) = match printed {
            Some(Ok((amount, _))) if amount.value.is_zero() => return,
            Some(Ok(amount)) => amount,
            // "Free", or "calculated later": whoever refuses a charge refuses a doubt.
            None | Some(Err(PriceError::NoNumber(_))) if charge.what == What::Refuse => {
                return self.note(code::CHARGE_REFUSED, Severity::Error, format!("{called:?} without an amount"));
            }
            // A tax row may say its rate alone.
            Some(Err(PriceError::Rate(_))) if charge.what == What::Ignore => {
                return self.note(code::CHARGE_IGNORED, Severity::Info, format!("{called:?} has no amount"));
            }
            None | Some(Err(PriceError::NoNumber(_))) => {
                return self.note(code::CHARGE_IGNORED, Severity::Info, format!("{called:?} has no amount"));
            }
            Some(Err(error)) => {
                return self.note(code::PRICE_UNREADABLE, Severity::Error, format!("{called:?}: {error}"));
            }
        };
        let shown = format!("{called:?}, {}{}", if is_negative { "-" } else { "" }, amount.value);
        if !self.is_in_the_carts_currency(amount) {
            return self.note(code::CURRENCY_UNKNOWN, Severity::Error, format!("{shown}: not the lines' currency"));
        }
        match charge.what {
            What::Refuse => self.note(code::CHARGE_REFUSED, Severity::Error, shown),
            What::Ignore => {
                if charge.in_sum {
                    let sum = if is_negative {
                        self.kept_apart.checked_sub(amount.value)
                    } else {
                        self.kept_apart.checked_add(amount.value)
                    };
                    let Some(sum) = sum else { return self.too_large(shown) };
                    self.kept_apart = sum;
                }
                self.note(code::CHARGE_IGNORED, Severity::Warning, shown);
            }
            What::Discount => self.spread(amount.value, counted, shown),
            What::Line if is_negative => {
                self.note(
                    code::PRICE_UNREADABLE,
                    Severity::Error,
                    format!("{shown}: no line can cost less than nothing"),
                );
            }
            What::Line => self.add_line(charge, called.to_owned(), amount.value),
        }
    }

    fn is_in_the_carts_currency(&self, amount: Amount) -> bool {
        let Some(printed) = amount.currency else { return true };
        let configured = self.rules.currency_default.as_deref();
        self.lines.iter().all(|priced| {
            let of_line = priced.line.currency.as_str();
            printed.resolve(configured.or(Some(of_line))) == Some(of_line)
        })
    }

    fn add_line(&mut self, charge: &Charge, name: String, amount: Decimal) {
        let line = Line {
            name,
            sku: charge.sku.clone(),
            quantity: Decimal::ONE,
            price: amount,
            total: Some(amount),
            currency: self.lines[0].line.currency.clone(),
            unit: charge.unit.clone(),
            ..Line::default()
        };
        let detail = format!("{:?}, {amount}, stands beside the lines", line.name);
        let number = self.lines.last().map_or(1, |last| last.number + 1);
        self.lines.push(Priced { line, rate: charge.tax.or(self.money.tax), number });
        self.findings.push(Finding::on_line(code::CHARGE_LINE, Severity::Info, number, detail));
    }

    /// Takes a discount on the whole cart off the first `counted` lines, each by its share, to the last cent.
    fn spread(&mut self, discount: Decimal, counted: usize, shown: String) {
        let totals: Option<Vec<Decimal>> = self.lines[..counted].iter().map(|priced| total_of(&priced.line)).collect();
        let Some((totals, whole)) = totals.and_then(|totals| sum(&totals).map(|whole| (totals, whole))) else {
            return self.too_large(shown);
        };
        if discount > whole || whole.is_zero() {
            return self.note(code::DISCOUNT_TOO_LARGE, Severity::Error, format!("{shown}, off lines of {whole}"));
        }
        let decimals = totals.iter().map(Decimal::scale).max().unwrap_or(CENTS).max(discount.scale()).min(4);
        let Some(shares) = shares(discount, &totals, whole, decimals) else { return self.too_large(shown) };
        for ((priced, total), share) in self.lines.iter_mut().zip(totals).zip(shares) {
            if take_off(&mut priced.line, share).is_none() {
                let detail = format!("{shown}: {share} is more than a line of {total}");
                self.findings.push(Finding::on_cart(code::DISCOUNT_TOO_LARGE, Severity::Error, detail));
                return;
            }
        }
        self.note(code::DISCOUNT_FOLDED, Severity::Info, format!("{shown}, taken off {counted} lines of {whole}"));
    }

    fn tax_off(&mut self) {
        if self.money.prices == Prices::Net {
            return;
        }
        for Priced { line, rate, number } in &mut self.lines {
            let on_line = |code, severity, detail| Finding::on_line(code, severity, *number, detail);
            let Some(rate) = *rate else {
                self.findings.push(on_line(code::TAX_UNKNOWN, Severity::Error, "no tax rate".to_owned()));
                continue;
            };
            let decimals = line.total.map_or(CENTS.min(line.price.scale()), |total| total.scale());
            let net = printed_total(line, decimals).and_then(|total| tax::net(total, rate, line.quantity, decimals));
            let total = line.total.map(|total| Some(round(total.checked_div(tax::factor(rate)?)?, decimals)));
            let (Some(net), None | Some(Some(_))) = (net, total) else {
                let detail = format!("{} without {rate} %: too large to calculate with", line.price);
                self.findings.push(on_line(code::PRICE_UNREADABLE, Severity::Error, detail));
                continue;
            };
            if !rate.is_zero() {
                let detail = format!("{} with {rate} % tax is {net} without", line.price);
                self.findings.push(on_line(code::PRICE_NET, Severity::Info, detail));
            }
            line.price = net;
            line.total = total.flatten();
        }
    }

    /// Whether what is returned comes to what the shop prints, where it prints it.
    fn compare(&mut self, sums: &[Vec<Texts>]) {
        // A line that is missing has been told already. What a buyer may make less of leaves its line here.
        if self.money.sums.is_empty() || self.findings.iter().any(Finding::is_firm) {
            return;
        }
        let severity = self.money.sum_mismatch;
        let Some(found) = sums.iter().flatten().find_map(|row| row.price.as_ref()) else {
            return self.note(code::SUM_MISSING, severity, "no rule of shop.cart.sum found the total".to_owned());
        };
        let printed = match signed(found, self.format) {
            Ok((amount, false)) => amount.value,
            Ok((_, true)) => return self.note(code::PRICE_UNREADABLE, severity, format!("sum: {:?}", found.text)),
            Err(error) => return self.note(code::PRICE_UNREADABLE, severity, format!("sum: {error}")),
        };
        let rounding = half_step(printed.scale()).checked_mul(Decimal::from(self.lines.len()));
        let (Some(returned), Some(expected), Some(tolerance)) =
            (self.returned(), printed.checked_sub(self.kept_apart), self.money.tolerance.or(rounding))
        else {
            return self.note(code::SUM_MISMATCH, severity, "the sum is too large to calculate with".to_owned());
        };
        if !within(returned, expected, tolerance) {
            let apart = if self.kept_apart.is_zero() { String::new() } else { format!(" less {}", self.kept_apart) };
            let detail =
                format!("the shop prints {printed}{apart}, the lines come to {returned} (tolerance {tolerance})");
            self.note(code::SUM_MISMATCH, severity, detail);
        }
    }

    /// What the returned lines come to, in the shop's terms: with tax where it prints that.
    fn returned(&self) -> Option<Decimal> {
        self.lines.iter().try_fold(Decimal::ZERO, |sum, Priced { line, rate, .. }| {
            let factor = match (self.money.prices, rate) {
                (Prices::Gross, Some(rate)) => tax::factor(*rate)?,
                _ => Decimal::ONE,
            };
            let amount = line.price.checked_mul(line.quantity)?.checked_mul(factor)?;
            sum.checked_add(amount)
        })
    }
}

#[cfg(test)]
mod tests;
