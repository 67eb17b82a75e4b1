//! What became of a value on its way from the shop's page to the buyer's field, when it is not simply the same.
//!
//! OCI has no status channel: the buyer never answers "your line 3 was dropped". So everything that is cut, rounded,
//! mapped by default, dropped or refused is known *before* the cart leaves, as a [`Finding`] with a code that never
//! changes its meaning.

mod severity_table;

use std::fmt;

pub use severity_table::{KNOWN, Known, Severities};

/// How much a finding matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a line in the log; the cart says what the shop says.
    Info,
    /// Something was lost or guessed; the cart leaves.
    Warning,
    /// The cart does not leave: the buyer would get a wrong one.
    Error,
}

impl Severity {
    /// As it is written in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One thing that happened to one value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// The stable code, `PO-...`. See [`code`].
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The line in the cart, from 1; `None` where it is about the whole cart.
    pub line: Option<usize>,
    /// What was expected, what was there, what was done: with the numbers.
    pub detail: String,
}

impl Finding {
    /// A finding about one line, counted from 1.
    pub fn on_line(code: &'static str, severity: Severity, line: usize, detail: impl Into<String>) -> Self {
        Finding { code, severity, line: Some(line), detail: detail.into() }
    }

    /// A finding about the whole cart.
    pub fn on_cart(code: &'static str, severity: Severity, detail: impl Into<String>) -> Self {
        Finding { code, severity, line: None, detail: detail.into() }
    }

    /// Whether any of `findings` stops the hand-over.
    pub fn any_error(findings: &[Finding]) -> bool {
        findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// An error to every buyer.
    pub fn is_firm(&self) -> bool {
        self.severity == Severity::Error && KNOWN.iter().any(|known| known.code == self.code && known.firm)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} line {line}: {}", self.code, self.detail),
            None => write!(f, "{}: {}", self.code, self.detail),
        }
    }
}

/// Every code a [`Finding`] can carry. A code is never renamed and never given a second meaning: ops search for it.
pub mod code {
    /// The cart rule matched no line, and the page does not say that the cart is empty.
    pub const CART_NO_LINES: &str = "PO-CART-NO-LINES";
    /// The shop says that the cart is empty.
    pub const CART_EMPTY: &str = "PO-CART-EMPTY";
    /// The session's HOOK_URL was taken off the buyer's allow-list after the session began.
    pub const HOOK_NO_LONGER_ALLOWED: &str = "PO-HOOK-NO-LONGER-ALLOWED";
    /// The catalog call had no HOOK_URL (a DETAIL may lack it): there is nowhere to send a cart.
    pub const NO_HOOK: &str = "PO-NO-HOOK";
    /// The page leaves out end tags where a rule depends on the position of elements: lines could be missing.
    pub const CART_UNCLOSED: &str = "PO-CART-UNCLOSED";
    /// The page ends inside the list of lines: some may be missing.
    pub const CART_BROKEN_OFF: &str = "PO-CART-BROKEN-OFF";
    /// The shop answered its cart page with a status that says that it is none.
    pub const CART_STATUS: &str = "PO-CART-STATUS";
    /// The shop has signed the buyer out since the session began: what it shows are a visitor's prices.
    pub const SIGNED_OUT: &str = "PO-SIGNED-OUT";
    /// A text on the page was longer than any value is read, and was cut.
    pub const VALUE_CUT: &str = "PO-VALUE-CUT";
    /// The cart holds more lines than the configured limit.
    pub const CART_TOO_LONG: &str = "PO-CART-TOO-LONG";
    /// A line lacks a value that its rule requires (name or quantity).
    pub const LINE_VALUE_MISSING: &str = "PO-LINE-VALUE-MISSING";
    /// Several pieces of the page hold a cart, and not the same one.
    pub const CART_AMBIGUOUS: &str = "PO-CART-AMBIGUOUS";
    /// The page prints a line several times (a wide and a narrow layout); it was taken once.
    pub const LINE_TWICE: &str = "PO-LINE-TWICE";
    /// A line is printed several times, with different quantities or prices.
    pub const LINE_CONFLICT: &str = "PO-LINE-CONFLICT";
    /// A price or total was there but could not be read as an amount.
    pub const PRICE_UNREADABLE: &str = "PO-PRICE-UNREADABLE";
    /// A line has neither a unit price nor a line total.
    pub const PRICE_MISSING: &str = "PO-PRICE-MISSING";
    /// The quantity could not be read, or is not above zero.
    pub const QUANTITY_UNREADABLE: &str = "PO-QUANTITY-UNREADABLE";
    /// Neither the page nor the configuration says which currency the price is in.
    pub const CURRENCY_UNKNOWN: &str = "PO-CURRENCY-UNKNOWN";
    /// The unit price was derived from the line total, because the printed one is rounded or missing.
    pub const PRICE_DERIVED: &str = "PO-PRICE-DERIVED";
    /// Printed unit price times quantity is not the printed line total, beyond what rounding explains.
    pub const TOTAL_MISMATCH: &str = "PO-TOTAL-MISMATCH";
    /// A tax rate is missing or cannot be read, and prices are gross.
    pub const TAX_UNKNOWN: &str = "PO-TAX-UNKNOWN";
    /// The net price was worked out from the gross price and the tax rate.
    pub const PRICE_NET: &str = "PO-PRICE-NET";
    /// A discount that the shop shows apart was taken off the price.
    pub const DISCOUNT_FOLDED: &str = "PO-DISCOUNT-FOLDED";
    /// A discount is larger than what it is taken off.
    pub const DISCOUNT_TOO_LARGE: &str = "PO-DISCOUNT-TOO-LARGE";
    /// A cost beside the lines (freight, a fee) became a line of its own.
    pub const CHARGE_LINE: &str = "PO-CHARGE-LINE";
    /// A cost beside the lines was left out, as configured.
    pub const CHARGE_IGNORED: &str = "PO-CHARGE-IGNORED";
    /// A cost beside the lines that must not be there, as configured.
    pub const CHARGE_REFUSED: &str = "PO-CHARGE-REFUSED";
    /// What is returned does not come to the cart's printed total.
    pub const SUM_MISMATCH: &str = "PO-SUM-MISMATCH";
    /// The cart's printed total was not found on the page.
    pub const SUM_MISSING: &str = "PO-SUM-MISSING";
    /// The price has more than three decimals at every permitted PRICEUNIT and was rounded half-up.
    pub const PRICE_ROUNDED: &str = "PO-PRICE-ROUNDED";
    /// The price was scaled by PRICEUNIT to keep every decimal.
    pub const PRICE_SCALED: &str = "PO-PRICE-SCALED";
    /// The price is zero. Some systems refuse such a line; most take it as free of charge.
    pub const PRICE_ZERO: &str = "PO-PRICE-ZERO";
    /// A number does not fit in 11 digits before and 3 after the point.
    pub const NUMBER_TOO_LARGE: &str = "PO-NUMBER-TOO-LARGE";
    /// The quantity has more than three decimals and was rounded.
    pub const QUANTITY_ROUNDED: &str = "PO-QUANTITY-ROUNDED";
    /// The shop's unit is not in the table; the default was taken.
    pub const UNIT_DEFAULTED: &str = "PO-UNIT-DEFAULTED";
    /// The shop's unit is not in the table and there is no default.
    pub const UNIT_UNKNOWN: &str = "PO-UNIT-UNKNOWN";
    /// The shop's category is not in the table of classes; the default was taken, or nothing.
    pub const CLASS_UNKNOWN: &str = "PO-CLASS-UNKNOWN";
    /// The line is not in a table that is to hold all of them.
    pub const NOT_IN_TABLE: &str = "PO-NOT-IN-TABLE";
    /// What a line lacks could not be looked for, because its product page could not be read.
    pub const PRODUCT_PAGE_UNREAD: &str = "PO-PRODUCT-PAGE-UNREAD";
    /// What a line lacks is not on its product page either.
    pub const NOT_ON_PRODUCT_PAGE: &str = "PO-NOT-ON-PRODUCT-PAGE";
    /// The line is not in the assortment that was agreed with the buyer.
    pub const NOT_IN_ASSORTMENT: &str = "PO-NOT-IN-ASSORTMENT";
    /// A search has more hits than were read or can be sent; the answer holds the first of them.
    pub const SEARCH_CUT: &str = "PO-SEARCH-CUT";
    /// A line is part of another, which cannot be told.
    pub const BUNDLE_BROKEN: &str = "PO-BUNDLE-BROKEN";
    /// A text was longer than its field and was cut.
    pub const FIELD_CUT: &str = "PO-FIELD-CUT";
    /// A value that must not be cut (an item number, a code) is longer than its field.
    pub const FIELD_TOO_LONG: &str = "PO-FIELD-TOO-LONG";
    /// A required field is empty.
    pub const FIELD_MISSING: &str = "PO-FIELD-MISSING";
    /// A value has not the form that its field needs: a number, a number above zero, a whole number.
    pub const FIELD_INVALID: &str = "PO-FIELD-INVALID";
    /// Characters that the buyer's charset lacks were transliterated or replaced.
    pub const CHARSET_REPLACED: &str = "PO-CHARSET-REPLACED";
    /// The form would have more inputs than receivers are known to read.
    pub const TOO_MANY_INPUTS: &str = "PO-TOO-MANY-INPUTS";
    /// A returned cart skips a line's number: receivers stop reading there, or move lines.
    pub const LINE_GAP: &str = "PO-LINE-GAP";
    /// The lines of a returned cart have not all the same fields: some receivers move values to another line.
    pub const FIELDS_UNEVEN: &str = "PO-FIELDS-UNEVEN";
    /// A field stands twice on a line of a returned cart: receivers keep the first, the last or both.
    pub const FIELD_TWICE: &str = "PO-FIELD-TWICE";
    /// A returned cart has a field that is not in the standard.
    pub const FIELD_UNKNOWN: &str = "PO-FIELD-UNKNOWN";
    /// The page could not be read to its end (a limit, a cut connection, an unknown charset).
    pub const PAGE_UNREADABLE: &str = "PO-PAGE-UNREADABLE";
}
