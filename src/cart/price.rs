//! Money as shops print it, to exact decimals. Never through a binary float.
//!
//! `1.234` is one and a bit in one shop and more than a thousand in the next. Which of the two a page means is decided
//! over **all** amounts of a cart together ([`Detected::over`]) or by the configuration, and where nothing decides it
//! the amount is refused: a price that is wrong by a factor of 1000 is worse than none.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::currency::{self, Printed};

/// The sign between whole units and their fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalSign {
    /// `1,234.56`
    Point,
    /// `1.234,56`
    Comma,
}

/// How amounts are printed. Once the decimal sign is known the grouping cannot be misread: a point, a comma, an
/// apostrophe or any kind of space that is not the decimal sign must stand before exactly three digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NumberFormat {
    /// Told from the amounts themselves.
    #[default]
    Detect,
    /// Configured, or told from the whole cart.
    Known(DecimalSign),
}

/// An amount with what was printed beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Zero or above; its scale is the number of decimals that were printed.
    pub value: Decimal,
    /// The currency, where one is printed.
    pub currency: Option<Printed>,
}

/// Why a text is not one amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// No digit in the text.
    #[error("no amount in {0:?}")]
    NoNumber(String),
    /// More than one amount: a `pattern` must say which.
    #[error("more than one amount in {0:?}; a pattern must pick one")]
    Several(String),
    /// A rate in percent.
    #[error("{0:?} is a rate, not an amount")]
    Rate(String),
    /// Below zero, by a minus sign or in parentheses.
    #[error("negative amount {0:?}")]
    Negative(String),
    /// One separator before three digits, and nothing tells whether it is a decimal sign.
    #[error("{0:?} may be a fraction or thousands; set numbers = \"1.234,56\" or \"1,234.56\"")]
    Ambiguous(String),
    /// Some amounts need a decimal point, others a decimal comma.
    #[error("{point:?} has a decimal point, {comma:?} a decimal comma")]
    Contradictory {
        /// An amount that can only be read with a decimal point.
        point: String,
        /// An amount that can only be read with a decimal comma.
        comma: String,
    },
    /// Digits and separators in an order that the format has no place for.
    #[error("{0:?} is not a number in this format")]
    Malformed(String),
    /// More digits than any price has (28).
    #[error("{0:?} has too many digits")]
    TooLarge(String),
    /// Several currencies beside one amount.
    #[error("more than one currency in {0:?}")]
    Currencies(String),
}

/// What all amounts of one cart together say about the decimal sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detected {
    /// At least one amount can be read in one way only, and none contradicts it.
    Known(DecimalSign),
    /// No amount has a separator that matters.
    Nothing,
    /// Separators stand only where both readings are possible; an example.
    Ambiguous(String),
    /// Two amounts that cannot come from one format.
    Contradictory {
        /// An amount that can only be read with a decimal point.
        point: String,
        /// An amount that can only be read with a decimal comma.
        comma: String,
    },
}

impl Detected {
    /// Looks at every amount of a cart. Texts without a readable number are no evidence.
    pub fn over<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut point, mut comma, mut open) = (None, None, None);
        for text in texts {
            let slot = match number_in(text).and_then(|number| number.evidence()) {
                Ok(Evidence::Sign(DecimalSign::Point)) => &mut point,
                Ok(Evidence::Sign(DecimalSign::Comma)) => &mut comma,
                Ok(Evidence::Either) => &mut open,
                Ok(Evidence::None) | Err(_) => continue,
            };
            slot.get_or_insert_with(|| text.trim().to_owned());
        }
        match (point, comma, open) {
            (Some(point), Some(comma), _) => Detected::Contradictory { point, comma },
            (Some(_), None, _) => Detected::Known(DecimalSign::Point),
            (None, Some(_), _) => Detected::Known(DecimalSign::Comma),
            (None, None, Some(example)) => Detected::Ambiguous(example),
            (None, None, None) => Detected::Nothing,
        }
    }

    /// The format to read the cart's amounts with. Where nothing was settled each amount stands for itself, so that
    /// `99` is read and `1.234` refused.
    ///
    /// # Errors
    /// [`PriceError::Contradictory`]: no amount of such a cart can be trusted.
    pub fn format(&self) -> Result<NumberFormat, PriceError> {
        match self {
            Detected::Known(sign) => Ok(NumberFormat::Known(*sign)),
            Detected::Nothing | Detected::Ambiguous(_) => Ok(NumberFormat::Detect),
            Detected::Contradictory { point, comma } => {
                Err(PriceError::Contradictory { point: point.clone(), comma: comma.clone() })
            }
        }
    }
}

/// Reads the one amount in `text`, with labels, units and a currency around it. A number before `%` and the 1 in
/// "pr 1 stk" are no amounts (nor is such a rate alone, [`PriceError::Rate`]); any other second number makes the text [`PriceError::Several`], because "125,00 pr 100
/// stk" is not a price of 125,00. The same amount printed twice is one.
///
/// A line feed never groups digits: it stands for a line break or the border of a block on the page.
pub fn parse_amount(text: &str, format: NumberFormat) -> Result<Amount, PriceError> {
    let number = number_in(text)?;
    let sign = match (format, number.evidence()?) {
        (NumberFormat::Known(sign), _) | (NumberFormat::Detect, Evidence::Sign(sign)) => sign,
        // Without a separator both signs read the same number.
        (NumberFormat::Detect, Evidence::None) => DecimalSign::Point,
        (NumberFormat::Detect, Evidence::Either) => return Err(PriceError::Ambiguous(shown(text))),
    };
    let value = number.value(sign)?;
    let currency = currency::printed_in(text).map_err(|_| PriceError::Currencies(shown(text)))?;
    Ok(Amount { value, currency })
}

impl FromStr for NumberFormat {
    type Err = UnknownFormat;

    /// `auto`, or an example that shows the decimal sign: `1.234,56`, `1 234,56`, `1234.56`.
    fn from_str(example: &str) -> Result<Self, UnknownFormat> {
        if example.eq_ignore_ascii_case("auto") {
            return Ok(NumberFormat::Detect);
        }
        let sign = match number_in(example).and_then(|number| number.evidence().map(|evidence| (number, evidence))) {
            Ok((number, Evidence::Sign(sign))) if number.value(sign).is_ok() => sign,
            _ => return Err(UnknownFormat(example.to_owned())),
        };
        Ok(NumberFormat::Known(sign))
    }
}

/// A text that shows no number format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat(pub String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} shows no decimal sign; write \"auto\" or an example such as \"1.234,56\" or \"1,234.56\"",
            self.0
        )
    }
}

impl std::error::Error for UnknownFormat {}

impl DecimalSign {
    const fn of(mark: char) -> Option<Self> {
        match mark {
            '.' => Some(DecimalSign::Point),
            ',' => Some(DecimalSign::Comma),
            _ => None,
        }
    }

    const fn other(self) -> Self {
        match self {
            DecimalSign::Point => DecimalSign::Comma,
            DecimalSign::Comma => DecimalSign::Point,
        }
    }
}

/// What one number says about the decimal sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    None,
    Sign(DecimalSign),
    Either,
}

/// Digits with their separators, and where they stand in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Number<'a> {
    text: &'a str,
    start: usize,
    end: usize,
    /// Digits between the separators; one more than `marks`.
    digits: Vec<&'a str>,
    marks: Vec<char>,
    /// The sign before a dash that stands for no fraction: `99,-`.
    dash: Option<char>,
}

impl Number<'_> {
    fn evidence(&self) -> Result<Evidence, PriceError> {
        let malformed = || PriceError::Malformed(self.text.to_owned());
        let signs: Vec<_> = self.marks.iter().filter_map(|mark| DecimalSign::of(*mark)).collect();
        if let Some(sign) = self.dash.and_then(DecimalSign::of) {
            return if signs.contains(&sign) { Err(malformed()) } else { Ok(Evidence::Sign(sign)) };
        }
        let Some(&last) = signs.last() else { return Ok(Evidence::None) };
        if self.marks.len() > 1 {
            let repeated = signs.iter().filter(|sign| **sign == last).count() > 1;
            let sign = if repeated { last.other() } else { last };
            // Whatever the reading, it must hold: 1,23.4 is no number at all.
            return self.value(sign).map(|_| Evidence::Sign(sign));
        }
        let (whole, fraction) = (self.digits[0], self.digits[1]);
        let thousands_possible = fraction.len() == 3 && whole.len() <= 3 && !whole.starts_with('0');
        Ok(if thousands_possible { Evidence::Either } else { Evidence::Sign(last) })
    }

    fn value(&self, sign: DecimalSign) -> Result<Decimal, PriceError> {
        let malformed = || PriceError::Malformed(self.text.to_owned());
        let is_decimal = |mark: &char| DecimalSign::of(*mark) == Some(sign);
        let has_fraction = self.marks.last().is_some_and(is_decimal);
        let groups = &self.marks[..self.marks.len() - usize::from(has_fraction)];
        let whole = &self.digits[..=groups.len()];
        let grouped_well = groups.iter().all(|mark| *mark == groups[0] && !is_decimal(mark))
            && (groups.is_empty()
                || ((1..=3).contains(&whole[0].len()) && whole[1..].iter().all(|group| group.len() == 3)));
        if !grouped_well || (has_fraction && self.dash.is_some()) {
            return Err(malformed());
        }
        let mut plain = whole.concat();
        if has_fraction {
            plain.push('.');
            plain.push_str(self.digits[self.digits.len() - 1]);
        }
        Decimal::from_str_exact(&plain).map_err(|_| PriceError::TooLarge(self.text.to_owned()))
    }
}

fn shown(text: &str) -> String {
    text.trim().chars().take(80).collect()
}

/// The one number in `text` that is an amount.
fn number_in(text: &str) -> Result<Number<'_>, PriceError> {
    let mut amounts = numbers(text);
    if amounts.len() > 1 {
        amounts.retain(|number| !is_aside(text, number));
    }
    let Some(first) = amounts.first().cloned() else {
        return Err(PriceError::NoNumber(shown(text)));
    };
    if is_rate(text, &first) {
        return Err(PriceError::Rate(shown(text)));
    }
    for amount in &amounts {
        if amount.text != first.text {
            return Err(PriceError::Several(shown(text)));
        }
        check_before(text, amount)?;
        check_beside(text, amount)?;
        check_sign(text, amount)?;
    }
    Ok(first)
}

/// A number that says something about the amount: the rate in "inkl. 25 % mva", the one in "pr 1 stk".
fn is_aside(text: &str, number: &Number<'_>) -> bool {
    if is_rate(text, number) {
        return true;
    }
    let before = text[..number.start].trim_end();
    let word = before.rsplit(|c: char| !c.is_alphabetic() && c != '.').next().unwrap_or_default();
    number.text == "1"
        && (before.ends_with('/')
            || ["pr", "pr.", "per", "pro", "je", "à"].iter().any(|known| word.to_lowercase() == *known))
}

fn is_rate(text: &str, number: &Number<'_>) -> bool {
    text[number.end..].trim_start().starts_with('%')
}

/// Guards against reading `.50` as fifty. The point of an abbreviation ("kr.50") is none.
fn check_before(text: &str, number: &Number<'_>) -> Result<(), PriceError> {
    let mut before = text[..number.start].chars().rev();
    match before.next() {
        Some(',' | '\'' | '’') => Err(PriceError::Malformed(shown(text))),
        Some('.') if !before.next().is_some_and(char::is_alphabetic) => Err(PriceError::Malformed(shown(text))),
        _ => Ok(()),
    }
}

/// Guards against reading `1½` as one, and the digits that stand glued to a number in another script or raised (`10²`).
fn check_beside(text: &str, number: &Number<'_>) -> Result<(), PriceError> {
    let (before, after) = (&text[..number.start], &text[number.end..]);
    let glued = before.chars().next_back().into_iter().chain(after.chars().next());
    let spaced = before.trim_end().chars().next_back().into_iter().chain(after.trim_start().chars().next());
    let is_part = |c: char| matches!(c, '\u{BC}'..='\u{BE}' | '\u{2150}'..='\u{215F}' | '\u{2189}');
    match glued.into_iter().any(char::is_numeric) || spaced.into_iter().any(is_part) {
        true => Err(PriceError::Malformed(shown(text))),
        false => Ok(()),
    }
}

/// Finds a minus before the number or its currency, an accountant's minus after it, and parentheses around it.
fn check_sign(text: &str, number: &Number<'_>) -> Result<(), PriceError> {
    let negative = || Err(PriceError::Negative(shown(text)));
    let (before, after) = (&text[..number.start], &text[number.end..]);
    for prefix in [before, currency::strip_at_end(before)] {
        let spaced = prefix.trim_end();
        if let Some(label) = spaced.strip_suffix(is_minus) {
            let alone = label.trim().is_empty();
            let glued = spaced.len() == prefix.len() && !label.ends_with(char::is_alphanumeric);
            if alone || glued {
                return negative();
            }
        }
        if spaced.ends_with('(') && currency::strip_at_start(after).trim_start().starts_with(')') {
            return negative();
        }
    }
    if let Some(rest) = after.strip_prefix(is_minus)
        && !rest.starts_with(char::is_alphanumeric)
    {
        return negative();
    }
    Ok(())
}

/// Hyphen, figure and en and em dash, and the real minus sign.
fn is_minus(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2014}' | '\u{2212}' | '\u{FE63}' | '\u{FF0D}')
}

/// A space that may group digits. Line feeds and tabs come from the layout of the source, never from a number.
fn is_group_space(c: char) -> bool {
    c == ' ' || is_bound_space(c)
}

/// A space that nobody writes between two numbers, for it keeps them on one line.
pub(super) fn is_bound_space(c: char) -> bool {
    matches!(c, '\u{A0}' | '\u{2007}' | '\u{2008}' | '\u{2009}' | '\u{202F}' | '\u{2006}')
}

fn numbers(text: &str) -> Vec<Number<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(|c: char| c.is_ascii_digit()) {
        let number = number_at(text, from + at);
        from = number.end;
        found.push(number);
    }
    found
}

fn number_at(text: &str, start: usize) -> Number<'_> {
    let (mut digits, mut marks) = (Vec::new(), Vec::new());
    let mut end = start;
    loop {
        let run = digit_run(&text[end..]);
        digits.push(run);
        end += run.len();
        let mut rest = text[end..].chars();
        let Some(mark) = rest.next() else { break };
        let next = digit_run(rest.as_str());
        let joins = match mark {
            '.' | ',' | '\'' | '’' => !next.is_empty(),
            // "2 100,00" is one number, "1,50 100" and "1234 567" are two.
            space if is_group_space(space) => {
                next.len() == 3 && run.len() <= 3 && marks.iter().all(|mark| *mark == ' ')
            }
            _ => false,
        };
        if !joins {
            break;
        }
        marks.push(match mark {
            '’' => '\'',
            space if is_group_space(space) => ' ',
            other => other,
        });
        end += mark.len_utf8();
    }
    let (dash, end) = dash_after(text, end);
    Number { text: &text[start..end], start, end, digits, marks, dash }
}

/// Whether the digits at the end of `left` are a part of the group of three that `right` completes, before a fraction:
/// `1 2` and `34,56`, which are a number together and none apart.
pub(super) fn completes_group(left: &str, right: &str) -> bool {
    let before = left.trim_end_matches(|c: char| c.is_ascii_digit());
    let mut grouped = before.chars().rev();
    let rest = digit_run(right);
    let mut behind = right[rest.len()..].chars();
    grouped.next().is_some_and(is_bound_space)
        && grouped.next().is_some_and(|c| c.is_ascii_digit())
        && left.len() - before.len() + rest.len() == 3
        && matches!(behind.next(), Some('.' | ','))
        && behind.next().is_some_and(|c| c.is_ascii_digit())
}

fn digit_run(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())]
}

/// `1234,-`, `99.–` and the Swedish `99:-`.
fn dash_after(text: &str, end: usize) -> (Option<char>, usize) {
    let rest = &text[end..];
    match rest.strip_prefix([',', '.', ':']).map(|after| (after, after.trim_start_matches(is_minus))) {
        Some((after, past)) if past.len() < after.len() => (rest.chars().next(), text.len() - past.len()),
        _ => (None, end),
    }
}

#[cfg(test)]
mod tests;
