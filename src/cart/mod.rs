//! What is in the basket, as typed values, whatever it was read from.
//!
//! * [`mod@line`]: the values.
//! * [`price`], [`currency`]: money as shops print it, to [`rust_decimal::Decimal`] and ISO 4217.
//! * [`settle`]: which unit price is meant when the printed one is rounded. `quantity`: how many, where that can be read in two ways.
//! * [`mod@unit`]: the shop's word for a unit, to the code the buyer maintains.
//! * [`class`]: the shop's category, to the class the buyer keeps.
//! * [`articles`]: what the cart page does not say of an article, from its own page; [`gathered`]: the cart meanwhile.
//! * [`table`]: what the shop's pages do not say, by item number or category.
//! * [`rules`]: where the values stand on a page: compiled selectors.
//! * [`read_html`]: a page in pieces, to lines. `implied_ends` closes what the shop left open.

// Whatever a shop prints is calculated with: what leaves 28 digits is a finding, never a panic.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod articles;
pub mod class;
pub mod currency;
mod discount;
pub mod gathered;
mod implied_ends;
pub mod line;
mod money;
pub mod price;
mod quantity;
mod raw;
pub mod read_html;
pub mod read_json;
pub mod rules;
pub mod settle;
pub mod table;
pub mod tax;
mod texts;
mod typed;
pub mod unit;

pub use line::{Cart, Line, PRODUCT};
