//! A login at the shop.

use crate::secret::Secret;

/// An account that the shop knows: whom we sign in as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What the shop's sign-in page calls user name, customer number or e-mail address.
    pub username: String,
    /// Never logged.
    pub password: Secret,
}

impl Account {
    /// By which the account is known to be the same: shops take user names in any case.
    pub fn key(&self) -> String {
        self.username.trim().to_lowercase()
    }
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
