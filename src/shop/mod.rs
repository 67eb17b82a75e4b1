//! What we do at the shop on a buyer's behalf: open a page, fill in its form, send it, and see what came of it.
//!
//! A [`Visit`] is one browser's stay, with its cookies in a [`Jar`]. A [`Step`] is what a person does on one page: the
//! small language in which signing in is written, and filling a cart later. [`sign_in()`] takes that step and judges
//! whether the shop let us in; [`Emptying`] takes everything out of a cart, [`Product`] puts something in.

pub mod account;
pub mod charset;
mod cookie_date;
pub mod empty_cart;
pub mod form;
mod form_reader;
pub mod header_value;
pub mod jar;
pub mod page;
pub mod product;
pub mod sign_in;
pub mod step;
pub mod visit;

pub use account::Account;
pub use empty_cart::{Emptying, EmptyingSource};
pub use form::{FilledForm, Form, FormChoice, FormMissing, Press};
pub use jar::Jar;
pub use page::Page;
pub use product::Product;
pub use sign_in::{SignIn, SignInSource, SignedIn, SuccessSource, sign_in};
pub use step::{Format, Step, StepSource, Template, Values};
pub use visit::{Browser, Visit, VisitLimits};
