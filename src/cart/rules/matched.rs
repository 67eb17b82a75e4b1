//! Which rules found something in a cart that was read: what a shop's new template breaks is seen here first.

use std::borrow::Cow;

use super::Rules;
use crate::cart::{Cart, Line};
use crate::finding::code;

impl Rules {
    /// The rules that were looked for, as the configuration calls them, and whether each found anything. Nothing is looked
    /// for in a cart that says it is empty.
    pub fn matched(&self, cart: &Cart) -> Vec<(Cow<'static, str>, bool)> {
        if cart.lines.is_empty() && cart.empty {
            return Vec::new();
        }
        let mut told = vec![("shop.cart.line".into(), !cart.lines.is_empty() || has_line_finding(cart))];
        if cart.lines.is_empty() {
            return told;
        }
        let fields = &self.fields;
        let any = |has: fn(&Line) -> bool| cart.lines.iter().any(has);
        for (rule, places, found) in [
            ("shop.cart.sku", &fields.sku, any(|line| line.sku.is_some())),
            ("shop.cart.total", &fields.total, any(|line| line.total.is_some())),
            ("shop.cart.unit", &fields.unit, any(|line| line.unit.is_some())),
            ("shop.cart.link", &fields.link, any(|line| line.link.is_some())),
        ] {
            if !places.is_empty() {
                told.push((rule.into(), found));
            }
        }
        for (name, _) in &fields.extra {
            let has = |line: &Line| line.extra.iter().any(|(known, value)| known == name && !value.is_empty());
            told.push((format!("shop.cart.extra.{name}").into(), cart.lines.iter().any(has)));
        }
        if !self.money.sums.is_empty() {
            let missing = cart.findings.iter().any(|finding| finding.code == code::SUM_MISSING);
            told.push(("shop.cart.sum".into(), !missing));
        }
        told
    }
}

/// A line that was there and could not be understood.
fn has_line_finding(cart: &Cart) -> bool {
    cart.findings.iter().any(|finding| finding.line.is_some())
}
