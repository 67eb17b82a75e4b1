//! What is in the basket, as typed values, whatever it was read from.
//!
//! * [`line`]: the values.
//! * [`price`]: money as shops print it, to [`rust_decimal::Decimal`].
//! * [`unit`]: the shop's word for a unit, to the code the buyer maintains.
//! * [`rules`]: where the values stand on a page: compiled selectors.
//! * [`read_html`]: a page in pieces, to lines.

pub mod line;
pub mod price;
pub mod read_html;
pub mod rules;
pub mod unit;

pub use line::{Cart, Line};
