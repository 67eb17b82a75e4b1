//! A login at the shop.

use std::fmt;

/// A text that must not be seen: it prints as `(secret)`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for the one place that must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// An account that the shop knows: whom we sign in as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What the shop's sign-in page calls user name, customer number or e-mail address.
    pub username: String,
    /// Never logged.
    pub password: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_prints_without_its_password() {
        let account = Account { username: "acme-1".into(), password: Secret::new("hunter2") };
        let printed = format!("{account:?} {account:#?}");
        assert!(printed.contains("acme-1") && !printed.contains("hunter2"), "{printed}");
    }
}
