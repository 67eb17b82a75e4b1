//! From the texts of a cart to a cart of typed values, whatever the texts were read from.

use rust_decimal::Decimal;

use crate::cart::articles::Articles;
use crate::cart::currency::{self, Printed};
use crate::cart::discount::Discount;
use crate::cart::gathered::Gathered;
use crate::cart::money::{self, Priced};
use crate::cart::price::{Amount, DecimalSign, Detected, NumberFormat, PriceError, parse_amount};
use crate::cart::quantity::{self, Quantity};
use crate::cart::raw::MAX_VALUE_BYTES;
use crate::cart::rules::{Prices, Rules};
use crate::cart::settle::{Settled, explains, total_before, unit_price};
use crate::cart::texts::{Found, Texts};
use crate::cart::{Cart, Line, tax};
use crate::finding::{Finding, Severity, code};

/// The cart that was gathered, completed by what its product pages say.
pub(super) fn cart(gathered: Gathered, articles: &Articles) -> Cart {
    let Gathered { rules, seen, matched, lines, late } = gathered;
    let rules = &*rules;
    let mut findings = seen.findings;

    let beside: Vec<Vec<Texts>> = (rules.money.beside().zip(&seen.beside))
        .map(|(beside, seen)| seen.lines.iter().map(|row| Texts::of(&beside.fields, row)).collect())
        .collect();

    if seen.too_long {
        let limit = format!("more than {} lines, or more text than a cart has", rules.max_lines);
        findings.push(Finding::on_cart(code::CART_TOO_LONG, Severity::Error, limit));
    }
    if let Some(tag) = seen.unclosed.or_else(|| seen.beside.into_iter().find_map(|beside| beside.unclosed)) {
        let detail = format!(
            "the page leaves out end tags before <{tag}>, and a rule counts or nests such elements; use classes or attributes"
        );
        findings.push(Finding::on_cart(code::CART_UNCLOSED, Severity::Error, detail));
    }
    if let Some(why) = seen.broken_off {
        findings.push(Finding::on_cart(code::CART_BROKEN_OFF, Severity::Error, why));
    }
    if lines.is_empty() && !seen.empty {
        let detail = match matched {
            0 => "nothing matches the rule for lines".to_owned(),
            n => format!("{n} elements match the rule for lines, none holds a name, quantity or price"),
        };
        findings.push(Finding::on_cart(code::CART_NO_LINES, Severity::Error, detail));
    }

    let format = format_of(rules, lines.iter().chain(beside.iter().flatten())).unwrap_or_else(|error| {
        findings.push(Finding::on_cart(code::PRICE_UNREADABLE, Severity::Error, error.to_string()));
        NumberFormat::Detect
    });
    let quantities = quantity::sign_of(&lines);
    let empty = lines.is_empty() && seen.empty;
    let mut lines: Vec<Priced> = (lines.into_iter().enumerate())
        .filter_map(|(at, texts)| {
            Typing { rules, format, quantities, number: at + 1, findings: &mut findings }.line(texts)
        })
        .collect();
    if let Some(lookup) = &rules.lookup {
        articles.complete(lookup, lines.iter_mut().map(|priced| &mut priced.line), &mut findings);
    }
    for table in &rules.tables {
        table.complete(lines.iter_mut().map(|priced| &mut priced.line), &mut findings);
    }
    let lines = money::finish(rules, format, lines, &beside, &mut findings);
    findings.extend(late);
    Cart { lines, empty, findings }
}

/// The configured format, else what all prices and totals say that have no format of their own.
fn format_of<'t>(rules: &Rules, lines: impl Iterator<Item = &'t Texts>) -> Result<NumberFormat, PriceError> {
    if rules.numbers != NumberFormat::Detect {
        return Ok(rules.numbers);
    }
    let amounts = lines.flat_map(|line| [&line.price, &line.total, &line.discount]).flatten();
    Detected::over(amounts.filter(|found| found.numbers.is_none()).map(|found| found.text.as_str())).format()
}

/// The amounts that a line prints.
struct Amounts {
    price: Option<Decimal>,
    total: Option<Decimal>,
    discount: Discount,
}

/// Turns one line's texts into values.
struct Typing<'a> {
    rules: &'a Rules,
    format: NumberFormat,
    /// What the quantities of all lines say about their decimal sign.
    quantities: Option<DecimalSign>,
    /// From 1.
    number: usize,
    findings: &'a mut Vec<Finding>,
}

impl Typing<'_> {
    fn line(mut self, texts: Texts) -> Option<Priced> {
        self.report_cuts(&texts);
        let name = texts.name.as_ref().map(|found| found.text.clone()).unwrap_or_default();
        if name.is_empty() {
            self.error(code::LINE_VALUE_MISSING, "no name");
        }
        let name = texts.options.iter().fold(name, |name, option| format!("{name}, {}", option.text));
        let quantity = self.quantity(texts.quantity.as_ref(), &name);
        let price = self.amount("price", texts.price.as_ref());
        let total = self.amount("total", texts.total.as_ref());
        let discount = self.discount(texts.discount.as_ref());
        if texts.price.is_none() && texts.total.is_none() {
            self.error(code::PRICE_MISSING, &format!("{name:?} has neither a price nor a total"));
        }
        // What cannot be read has been reported; what would follow from it says nothing new.
        if price.is_some() != texts.price.is_some() || total.is_some() != texts.total.is_some() {
            return None;
        }
        let printed =
            Amounts { price: price.map(|price| price.value), total: total.map(|total| total.value), discount };
        let quantity = self.settled_quantity(quantity?, &printed)?;
        self.compare_twins(&texts, quantity, [price, total]);
        let (unit_price, total_before, off) = self.settled(&printed, quantity)?;
        let beside = [price, total].map(|amount| amount.and_then(|amount| amount.currency));
        let currency = self.currency(texts.currency.as_ref(), beside);
        let rate = self.rate(texts.tax.as_ref());
        let text = |found: Option<Found>| found.map(|found| found.text);
        let mut line = Line {
            name,
            sku: text(texts.sku),
            quantity,
            price: unit_price,
            total: total_before,
            currency: currency?,
            unit: text(texts.unit),
            link: text(texts.link),
            extra: texts.extra.into_iter().map(|(key, found)| (key, found.text)).collect(),
        };
        if let Some(rate) = rate
            && !line.extra.iter().any(|(key, _)| key == "tax")
        {
            line.extra.push(("tax".to_owned(), rate.to_string()));
        }
        self.take_off(off, &mut line);
        Some(Priced { line, rate, number: self.number })
    }

    /// The line's own rate, else that of all lines. What cannot be read is reported; what is missing only where it is
    /// needed.
    fn rate(&mut self, found: Option<&Found>) -> Option<Decimal> {
        let money = &self.rules.money;
        let Some(found) = found else { return money.tax };
        let word = found.text.trim().to_lowercase();
        let rate = money.taxes.iter().find(|(known, _)| *known == word).map(|(_, rate)| *rate);
        let rate = rate.or_else(|| tax::rate(&found.text));
        if rate.is_none() {
            let severity = if money.prices == Prices::Gross { Severity::Error } else { Severity::Warning };
            let detail = format!("{:?} is no tax rate; give it one in shop.cart.taxes", found.text);
            self.findings.push(Finding::on_line(code::TAX_UNKNOWN, severity, self.number, detail));
        }
        rate
    }

    fn discount(&mut self, found: Option<&Found>) -> Discount {
        let read = found.map_or(Ok(Discount::None), |found| Discount::of(found, self.format));
        read.unwrap_or_else(|error| {
            self.error(code::PRICE_UNREADABLE, &format!("discount: {error}"));
            Discount::None
        })
    }

    fn take_off(&mut self, off: Decimal, line: &mut Line) {
        if off.is_zero() {
            return;
        }
        let before = line.price;
        match money::take_off(line, off) {
            Some(()) => {
                let detail = format!("{off} off: the price is {}, not {before}", line.price);
                self.findings.push(Finding::on_line(code::DISCOUNT_FOLDED, Severity::Info, self.number, detail));
            }
            None => self.error(code::DISCOUNT_TOO_LARGE, &format!("{off} off")),
        }
    }

    fn error(&mut self, code: &'static str, detail: &str) {
        self.findings.push(Finding::on_line(code, Severity::Error, self.number, detail));
    }

    /// A cut number is a wrong number; a cut name is still that name.
    fn report_cuts(&mut self, texts: &Texts) {
        let mut values = vec![
            ("name", texts.name.as_ref(), Severity::Warning),
            ("sku", texts.sku.as_ref(), Severity::Error),
            ("quantity", texts.quantity.as_ref(), Severity::Error),
            ("price", texts.price.as_ref(), Severity::Error),
            ("total", texts.total.as_ref(), Severity::Error),
            ("currency", texts.currency.as_ref(), Severity::Error),
            ("unit", texts.unit.as_ref(), Severity::Error),
        ];
        values.extend(texts.options.iter().map(|found| ("options", Some(found), Severity::Warning)));
        values.extend(texts.extra.iter().map(|(key, found)| (key.as_str(), Some(found), Severity::Warning)));
        for (field, found, severity) in values {
            if found.is_some_and(|found| found.cut) {
                let detail = format!("{field} is longer than {MAX_VALUE_BYTES} bytes");
                self.findings.push(Finding::on_line(code::VALUE_CUT, severity, self.number, detail));
            }
        }
    }

    fn quantity(&mut self, found: Option<&Found>, name: &str) -> Option<Quantity> {
        let Some(found) = found else {
            self.error(code::LINE_VALUE_MISSING, &format!("{name:?} has no quantity"));
            return None;
        };
        Quantity::of(found).map_err(|error| self.error(code::QUANTITY_UNREADABLE, &error.to_string())).ok()
    }

    /// Above zero.
    fn settled_quantity(&mut self, quantity: Quantity, printed: &Amounts) -> Option<Decimal> {
        let fits = |quantity| {
            let off = printed.discount.off(printed.price, quantity, printed.total)?;
            explains(printed.price, quantity, printed.total, off)
        };
        match quantity.settle(fits, self.quantities) {
            Ok(quantity) if quantity > Decimal::ZERO => Some(quantity),
            Ok(quantity) => {
                self.error(code::QUANTITY_UNREADABLE, &format!("the quantity is {quantity}"));
                None
            }
            Err(open) => {
                self.error(code::QUANTITY_UNREADABLE, &open);
                None
            }
        }
    }

    /// The same line, printed again: it must say the same.
    fn compare_twins(&mut self, texts: &Texts, quantity: Decimal, amounts: [Option<Amount>; 2]) {
        for twin in &texts.twins {
            let quietly = &mut Typing { findings: &mut Vec::new(), ..*self };
            let prices = [&twin.price, &twin.total].map(|found| quietly.amount("", found.as_ref()));
            let again = twin.quantity.as_ref().and_then(|found| Quantity::of(found).ok());
            let mut numbers = vec![("quantity", Some(quantity), again.map(|again| again.nearest(quantity)))];
            for (field, at) in [("price", 0), ("total", 1)] {
                numbers.push((field, amounts[at].map(|amount| amount.value), prices[at].map(|amount| amount.value)));
            }
            for (field, first, second) in numbers {
                if let (Some(first), Some(second)) = (first, second)
                    && first != second
                {
                    self.error(code::LINE_CONFLICT, &format!("printed twice, with the {field} {first} and {second}"));
                }
            }
        }
        if !texts.twins.is_empty() {
            let detail = format!("printed {} times; taken once", texts.twins.len() + 1);
            self.findings.push(Finding::on_line(code::LINE_TWICE, Severity::Info, self.number, detail));
        }
    }

    fn amount(&mut self, field: &str, found: Option<&Found>) -> Option<Amount> {
        let found = found?;
        match parse_amount(&found.text, found.numbers.unwrap_or(self.format)) {
            Ok(amount) => Some(amount),
            Err(error) => {
                self.error(code::PRICE_UNREADABLE, &format!("{field}: {error}"));
                None
            }
        }
    }

    /// The place for the currency, else what is printed beside the amount, each with the configured currency to settle
    /// a sign that several share; else the configured one.
    fn currency(&mut self, found: Option<&Found>, beside: [Option<Printed>; 2]) -> Option<String> {
        let configured = self.rules.currency_default.as_deref();
        let printed = match found {
            Some(found) => match currency::code_of(&found.text) {
                Some(printed) => Some(printed),
                None => {
                    self.error(code::CURRENCY_UNKNOWN, &format!("{:?} is no currency", found.text));
                    return None;
                }
            },
            None => match beside {
                [Some(price), Some(total)] if price != total => {
                    self.error(code::CURRENCY_UNKNOWN, &format!("the price is in {price:?}, the total in {total:?}"));
                    return None;
                }
                [price, total] => price.or(total),
            },
        };
        let code = match printed {
            Some(printed) => printed.resolve(configured),
            None => configured,
        };
        if code.is_none() {
            let detail = match (printed, configured) {
                (None, _) => "no currency is printed; set currency = \"...\"".to_owned(),
                (Some(sign), None) => {
                    format!("{sign:?} is printed, which several currencies share; set currency = \"...\"")
                }
                (Some(sign), Some(code)) => format!("{sign:?} is printed and {code} configured"),
            };
            self.error(code::CURRENCY_UNKNOWN, &detail);
        }
        code.map(str::to_owned)
    }

    /// The unit price before any discount, what all units cost before it, and what is taken off that.
    fn settled(&mut self, printed: &Amounts, quantity: Decimal) -> Option<(Decimal, Option<Decimal>, Decimal)> {
        let &Amounts { price, total, discount } = printed;
        let shown = |amount: Option<Decimal>| amount.map_or("none".to_owned(), |amount| amount.to_string());
        let numbers = format!("price {}, quantity {quantity}, total {}", shown(price), shown(total));
        if price.is_none() && total.is_none() {
            return None;
        }
        let off = discount.off(price, quantity, total);
        let before = off.and_then(|off| total_before(price, quantity, total, off));
        let settled = off.and_then(|off| Some((unit_price(price, quantity, before)?, off)));
        let (code, severity, told, detail) = match settled {
            Some((Settled::AsPrinted(unit_price), off)) => return Some((unit_price, before, off)),
            Some((Settled::Derived(unit_price), off)) => {
                let detail = format!("{numbers}: the price is {unit_price}");
                (code::PRICE_DERIVED, Severity::Info, Some((unit_price, off)), detail)
            }
            Some((Settled::Mismatch(unit_price), off)) => {
                let product = shown(unit_price.checked_mul(quantity));
                let off_told = if off.is_zero() { String::new() } else { format!(", discount {off}") };
                let detail = format!("{numbers}{off_told}: price times quantity is {product}");
                (code::TOTAL_MISMATCH, Severity::Error, Some((unit_price, off)), detail)
            }
            None => (code::PRICE_UNREADABLE, Severity::Error, None, format!("{numbers}: too large to calculate with")),
        };
        self.findings.push(Finding::on_line(code, severity, self.number, detail));
        told.map(|(unit_price, off)| (unit_price, before, off))
    }
}
