//! A password or token that must not reach a log.

use std::fmt;

use subtle::ConstantTimeEq;

/// A text that is neither printed by `Debug` nor serializable. It is read only through [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes charge of a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for the one place that needs it (a hash check, a sign-in form).
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is `other`, in a time that tells nothing but the length.
    pub fn matches(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_stars() {
        assert_eq!(format!("{:?}", Some(Secret::new("hemmelig"))), "Some(***)");
    }

    #[test]
    fn matches_compares_the_whole_text() {
        assert!(Secret::new("abc").matches("abc"));
        assert!(!Secret::new("abc").matches("abcd"));
        assert!(!Secret::new("abc").matches("abd"));
    }
}
