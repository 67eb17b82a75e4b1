//! What a punchout session may not do in the shop: place an order, pay, register, change a password.
//!
//! Hiding a button is no protection; requests are refused on the server. A rule names an address, and where a shop has no
//! address of its own for checkout (a POST to the cart with a field `proceed`), method and form field too.

use http::Method;

use crate::location::{Location, Target};

/// One thing that is closed to punchout sessions.
#[derive(Clone, Debug)]
pub struct Denial {
    /// Any method where `None`.
    pub method: Option<Method>,
    /// Where.
    pub location: Location,
    /// Only where the form that is sent has this field, and this value where one is named.
    pub field: Option<(String, Option<String>)>,
}

/// All that is closed.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// In the order of the configuration; the first that applies is the one that is logged.
    pub denials: Vec<Denial>,
}

/// What becomes of a request in a session.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to the shop.
    Allow,
    /// It does not; the denial's number, for the log.
    Deny(usize),
    /// It depends on the form in its body.
    AskForm,
}

impl Policy {
    /// Judges a request by its head.
    pub fn judge(&self, method: &Method, target: &Target) -> Verdict {
        let mut verdict = Verdict::Allow;
        for (number, denial) in self.applying(method, target) {
            match denial.field {
                None => return Verdict::Deny(number),
                Some(_) => verdict = Verdict::AskForm,
            }
        }
        verdict
    }

    /// Judges a request by the fields of its form too; asked after [`Verdict::AskForm`].
    pub fn judge_form<'f>(
        &self,
        method: &Method,
        target: &Target,
        fields: impl Iterator<Item = (&'f str, &'f str)> + Clone,
    ) -> Verdict {
        for (number, denial) in self.applying(method, target) {
            let Some((name, value)) = &denial.field else { return Verdict::Deny(number) };
            let sent = fields.clone().any(|(given_name, given_value)| {
                given_name.trim_start() == name && value.as_deref().is_none_or(|value| value == given_value)
            });
            if sent {
                return Verdict::Deny(number);
            }
        }
        Verdict::Allow
    }

    fn applying(&self, method: &Method, target: &Target) -> impl Iterator<Item = (usize, &Denial)> {
        self.denials.iter().enumerate().filter(move |(_, denial)| {
            denial.method.as_ref().is_none_or(|denied| denied == method) && denial.location.matches(target)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let denial = |method: Option<Method>, location: &str, field: Option<(&str, Option<&str>)>| Denial {
            method,
            location: Location::parse(location).unwrap(),
            field: field.map(|(name, value)| (name.to_owned(), value.map(str::to_owned))),
        };
        Policy {
            denials: vec![
                denial(None, "/checkout/**", None),
                denial(Some(Method::POST), "/cart", Some(("proceed", None))),
                denial(Some(Method::POST), "/cart", Some(("go", Some("checkout")))),
            ],
        }
    }

    #[test]
    fn a_request_is_judged_by_method_address_and_form() {
        let policy = policy();
        for (method, path, form, expected) in [
            (Method::GET, "/checkout/", None, Verdict::Deny(0)),
            (Method::POST, "/checkout/preview", None, Verdict::Deny(0)),
            (Method::GET, "/cart", None, Verdict::Allow),
            (Method::POST, "/cart", None, Verdict::AskForm),
            (Method::POST, "/cart", Some(vec![("quantity", "2")]), Verdict::Allow),
            (Method::POST, "/cart", Some(vec![("quantity", "2"), ("proceed", "")]), Verdict::Deny(1)),
            (Method::POST, "/cart", Some(vec![("go", "update")]), Verdict::Allow),
            (Method::POST, "/cart", Some(vec![("go", "checkout")]), Verdict::Deny(2)),
        ] {
            let target = Target::new(path, None);
            let verdict = match &form {
                None => policy.judge(&method, &target),
                Some(fields) => policy.judge_form(&method, &target, fields.iter().copied()),
            };
            assert_eq!(verdict, expected, "{method} {path} {form:?}");
        }
    }
}
