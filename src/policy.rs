//! What a punchout session may not do in the shop: place an order, pay, register, change a password.
//!
//! Hiding a button is no protection; requests are refused on the server. A rule names an address, and where a shop has no
//! address of its own for checkout (a POST to the cart with a field `proceed`), method and form field too.

use http::Method;

use crate::location::{Location, Target, Wanted};

/// One thing that is closed to punchout sessions.
#[derive(Clone, Debug)]
pub struct Denial {
    /// Any method where `None`.
    pub method: Option<Method>,
    /// Where.
    pub location: Location,
    /// Only where the form that is sent has this field, and this value where one is named.
    pub field: Option<(String, Option<Wanted>)>,
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
        for (number, denial) in self.for_method(method) {
            if denial.location.matches(target) {
                match denial.field {
                    None => return Verdict::Deny(number),
                    Some(_) => verdict = Verdict::AskForm,
                }
            } else if has_form(method) && denial.location.may_match(target) {
                // PHP shops take a parameter from the form where it stands in both.
                verdict = Verdict::AskForm;
            }
        }
        verdict
    }

    /// Judges a request by the fields of its form too; asked after [`Verdict::AskForm`].
    pub fn judge_form<'f>(
        &self,
        method: &Method,
        target: &Target,
        fields: impl Iterator<Item = (&'f str, &'f str)>,
    ) -> Verdict {
        let whole = target.with(fields);
        for (number, denial) in self.for_method(method) {
            let sent = denial.field.as_ref().is_none_or(|(name, value)| whole.has(name, value.as_ref()));
            if sent && denial.location.matches(&whole) {
                return Verdict::Deny(number);
            }
        }
        Verdict::Allow
    }

    fn for_method(&self, method: &Method) -> impl Iterator<Item = (usize, &Denial)> {
        let denied = move |(_, denial): &(usize, &Denial)| denial.method.as_ref().is_none_or(|denied| denied == method);
        self.denials.iter().enumerate().filter(denied)
    }
}

fn has_form(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let denial = |method: Option<Method>, location: &str, field: Option<(&str, Option<&str>)>| Denial {
            method,
            location: Location::parse(location).unwrap(),
            field: field.map(|(name, value)| (name.to_owned(), value.map(Wanted::parse))),
        };
        Policy {
            denials: vec![
                denial(None, "/checkout/**", None),
                denial(Some(Method::POST), "/cart", Some(("proceed", None))),
                denial(Some(Method::POST), "/cart", Some(("go", Some("checkout")))),
                denial(None, "?route=checkout/**", None),
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
            (Method::POST, "/", None, Verdict::AskForm),
            (Method::POST, "/", Some(vec![("route", "product/product")]), Verdict::Allow),
            (Method::POST, "/", Some(vec![("route", "checkout/confirm")]), Verdict::Deny(3)),
            (Method::POST, "/cart", Some(vec![("pro.ceed", "1")]), Verdict::Allow),
            (Method::POST, "/cart", Some(vec![("proceed[]", "1")]), Verdict::Deny(1)),
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
