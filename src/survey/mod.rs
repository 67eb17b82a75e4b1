//! A shop that nobody has described: what is found on its pages, for `init`.
//!
//! Here a page is a tree that is looked at from all sides, which takes time and memory and happens once. What comes out
//! are rules for the streaming readers of [`crate::cart`] and [`crate::rewrite`], and `init` proves them with those.
//! Nothing is taken for sure that arithmetic or the shop's answer does not show: all else is a [`Doubt`].

mod amount;
pub mod article;
pub mod cart;
pub mod checkout;
pub mod entrance;
mod fields;
pub mod journey;
pub mod keys;
mod links;
mod markup;
pub mod platform;
mod selector;
mod words;
pub mod write;

use std::fmt;

/// What a person should look at, and where in `proxy.toml` it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The key.
    pub key: String,
    /// What is in doubt, and why.
    pub text: String,
}

impl Doubt {
    pub(crate) fn new(key: &str, text: impl Into<String>) -> Doubt {
        Doubt { key: key.to_owned(), text: text.into() }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.text)
    }
}
