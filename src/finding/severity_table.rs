//! How much each code matters by itself, and what a buyer may say about it.

use std::collections::BTreeMap;

use super::{Finding, Severity, code};

/// What is fixed about one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// `PO-...`
    pub code: &'static str,
    /// The gravest that it has by itself.
    pub usual: Severity,
    /// An error that no configuration makes less of: there is no right value to send.
    pub firm: bool,
}

const fn firm(code: &'static str) -> Known {
    Known { code, usual: Severity::Error, firm: true }
}

const fn usual(code: &'static str, usual: Severity) -> Known {
    Known { code, usual, firm: false }
}

/// Every code, in the order of [`code`].
pub const KNOWN: &[Known] = &[
    firm(code::CART_NO_LINES),
    usual(code::CART_EMPTY, Severity::Error),
    firm(code::HOOK_NO_LONGER_ALLOWED),
    firm(code::NO_HOOK),
    firm(code::CART_UNCLOSED),
    usual(code::CART_BROKEN_OFF, Severity::Error),
    firm(code::CART_STATUS),
    usual(code::SIGNED_OUT, Severity::Error),
    usual(code::VALUE_CUT, Severity::Error),
    firm(code::CART_TOO_LONG),
    firm(code::LINE_VALUE_MISSING),
    firm(code::CART_AMBIGUOUS),
    usual(code::LINE_TWICE, Severity::Info),
    firm(code::LINE_CONFLICT),
    firm(code::PRICE_UNREADABLE),
    firm(code::PRICE_MISSING),
    firm(code::QUANTITY_UNREADABLE),
    firm(code::CURRENCY_UNKNOWN),
    usual(code::PRICE_DERIVED, Severity::Info),
    usual(code::TOTAL_MISMATCH, Severity::Error),
    firm(code::TAX_UNKNOWN),
    usual(code::PRICE_NET, Severity::Info),
    usual(code::DISCOUNT_FOLDED, Severity::Info),
    firm(code::DISCOUNT_TOO_LARGE),
    usual(code::CHARGE_LINE, Severity::Info),
    usual(code::CHARGE_IGNORED, Severity::Warning),
    firm(code::CHARGE_REFUSED),
    usual(code::SUM_MISMATCH, Severity::Error),
    usual(code::SUM_MISSING, Severity::Error),
    usual(code::PRICE_ROUNDED, Severity::Warning),
    usual(code::PRICE_SCALED, Severity::Info),
    usual(code::PRICE_ZERO, Severity::Warning),
    firm(code::NUMBER_TOO_LARGE),
    usual(code::QUANTITY_ROUNDED, Severity::Warning),
    usual(code::UNIT_DEFAULTED, Severity::Warning),
    firm(code::UNIT_UNKNOWN),
    usual(code::CLASS_UNKNOWN, Severity::Warning),
    usual(code::NOT_IN_TABLE, Severity::Error),
    usual(code::PRODUCT_PAGE_UNREAD, Severity::Warning),
    usual(code::NOT_ON_PRODUCT_PAGE, Severity::Info),
    usual(code::NOT_IN_ASSORTMENT, Severity::Error),
    usual(code::SEARCH_CUT, Severity::Info),
    firm(code::BUNDLE_BROKEN),
    usual(code::FIELD_CUT, Severity::Warning),
    usual(code::FIELD_TOO_LONG, Severity::Error),
    usual(code::FIELD_MISSING, Severity::Error),
    usual(code::FIELD_INVALID, Severity::Error),
    usual(code::CHARSET_REPLACED, Severity::Error),
    firm(code::TOO_MANY_INPUTS),
    firm(code::LINE_GAP),
    usual(code::FIELDS_UNEVEN, Severity::Warning),
    usual(code::FIELD_TWICE, Severity::Error),
    usual(code::FIELD_UNKNOWN, Severity::Info),
    firm(code::PAGE_UNREADABLE),
];

/// What one buyer says about codes: `PO-PRICE-ROUNDED = "error"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Severities(BTreeMap<&'static str, Severity>);

impl Severities {
    /// Adds what the buyer says about one code.
    ///
    /// # Errors
    /// A text for the ops person: there is no such code, or it is an error for everybody.
    pub fn set(&mut self, code: &str, severity: Severity) -> Result<(), String> {
        let Some(known) = KNOWN.iter().find(|known| known.code == code) else {
            return Err(format!("there is no finding `{code}`; docs/findings.md lists them"));
        };
        if known.firm && severity != Severity::Error {
            return Err(format!("`{code}` is always an error: there is no right value to send"));
        }
        self.0.insert(known.code, severity);
        Ok(())
    }

    /// How grave a code is for the buyer, at its gravest.
    pub fn of(&self, known: &Known) -> Severity {
        self.0.get(known.code).copied().unwrap_or(known.usual)
    }

    /// Gives every finding the severity that the buyer wants. Where a code comes in several severities, its mere
    /// information stays that: a description that was cut but goes out whole as long text, or the one unit of a shop
    /// that names none.
    pub fn apply(&self, findings: &mut [Finding]) {
        for finding in findings {
            let Some(&wanted) = self.0.get(finding.code) else { continue };
            let usual =
                KNOWN.iter().find(|known| known.code == finding.code).map_or(Severity::Info, |known| known.usual);
            if finding.severity > Severity::Info || usual == Severity::Info {
                finding.severity = wanted;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The codes that `src/finding.rs` declares, read from its text: a new one cannot be forgotten here.
    fn declared() -> BTreeSet<&'static str> {
        let lines = include_str!("../finding.rs").lines().map(str::trim);
        let values = lines.filter(|line| line.starts_with("pub const ")).filter_map(|line| line.split('"').nth(1));
        values.filter(|value| value.starts_with("PO-")).collect()
    }

    #[test]
    fn every_code_is_known() {
        let known: BTreeSet<_> = KNOWN.iter().map(|known| known.code).collect();
        assert_eq!(known, declared());
        assert_eq!(known.len(), KNOWN.len());
    }

    #[test]
    fn a_buyer_makes_more_or_less_of_a_finding() {
        let mut severities = Severities::default();
        severities.set("PO-PRICE-SCALED", Severity::Error).unwrap();
        severities.set("PO-FIELD-CUT", Severity::Error).unwrap();
        severities.set("PO-CART-EMPTY", Severity::Info).unwrap();
        let mut findings = [
            Finding::on_line(code::PRICE_SCALED, Severity::Info, 1, ""),
            Finding::on_line(code::FIELD_CUT, Severity::Info, 1, "whole in the long text"),
            Finding::on_line(code::FIELD_CUT, Severity::Warning, 1, ""),
            Finding::on_cart(code::CART_EMPTY, Severity::Error, ""),
            Finding::on_cart(code::PRICE_ROUNDED, Severity::Warning, ""),
        ];
        severities.apply(&mut findings);
        let now: Vec<_> = findings.iter().map(|finding| finding.severity).collect();
        assert_eq!(now, [Severity::Error, Severity::Info, Severity::Error, Severity::Info, Severity::Warning]);
    }

    #[test]
    fn what_has_no_right_value_stays_an_error() {
        let mut severities = Severities::default();
        assert!(severities.set("PO-PRICE-UNREADABLE", Severity::Warning).unwrap_err().contains("always an error"));
        assert!(severities.set("PO-PRICE-UNREADABLE", Severity::Error).is_ok());
        assert!(severities.set("PO-NONE", Severity::Error).unwrap_err().contains("docs/findings.md"));
    }
}
