//! Rules about money beside the prices of the lines.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::{Chain, Compiler};
use crate::cart::rules::source::{ChargeSource, LongValue, Prices, Value, What};
use crate::cart::rules::{At, Beside, Charge, Fields, From, Money, Nodes, Place};
use crate::cart::tax;
use crate::finding::Severity;

/// Rows of one kind beside the lines; no cart has more.
const MOST_BESIDE: usize = 100;

/// The keys that are about money, as written.
pub(super) struct MoneyKeys {
    pub(super) prices: Prices,
    pub(super) taxes: BTreeMap<String, String>,
    pub(super) charges: Vec<ChargeSource>,
    pub(super) sum: Option<Chain>,
    pub(super) tolerance: Option<String>,
    pub(super) sum_mismatch: Severity,
    pub(super) discount_in_total: Option<bool>,
}

impl Compiler {
    /// `tax = "25"` is the rate of every line, anything else a place; a default in the chain is a rate too.
    pub(super) fn tax(&mut self, chain: Option<Chain>) -> (Vec<Place>, Option<Decimal>) {
        let mut one = None;
        let mut places = Vec::new();
        for value in chain.map(Chain::into_values).unwrap_or_default() {
            let value = match value {
                Value::Short(short) if tax::rate(&short).is_some() => {
                    Value::Long(LongValue { default: Some(short), ..LongValue::default() })
                }
                other => other,
            };
            let Some(mut place) = self.place("tax", value, super::Kind::Words) else { continue };
            if let Some(rate) = place.default.take().and_then(|rate| self.rate("tax", &rate)) {
                one.get_or_insert(rate);
            }
            places.extend((!matches!(place.from, From::Constant)).then_some(place));
        }
        (places, one)
    }

    pub(super) fn money(&mut self, keys: MoneyKeys, one_tax: Option<Decimal>, has_places: bool) -> Money {
        if keys.prices == Prices::Gross && one_tax.is_none() && !has_places {
            let hint = Some("OCI wants net prices: tax = \"25\", or where on the line the rate stands");
            self.fail("tax", "", "is missing, and prices are gross", hint);
        }
        let taxes = (keys.taxes.iter())
            .filter_map(|(word, rate)| Some((word.trim().to_lowercase(), self.rate(&format!("taxes.{word}"), rate)?)))
            .collect();
        let charges = keys.charges.into_iter().enumerate().filter_map(|(at, charge)| self.charge(at, charge)).collect();
        let sums = keys.sum.map(Chain::into_values).unwrap_or_default();
        let sums = sums.into_iter().filter_map(|value| self.sum(value)).collect();
        let tolerance = keys.tolerance.and_then(|written| match written.trim().parse::<Decimal>() {
            Ok(amount) if !amount.is_sign_negative() => Some(amount),
            _ => {
                self.fail("tolerance", &written, "is no amount such as \"0.05\"", None);
                None
            }
        });
        let MoneyKeys { prices, sum_mismatch, discount_in_total, .. } = keys;
        Money { prices, tax: one_tax, taxes, charges, sums, tolerance, sum_mismatch, discount_in_total }
    }

    fn rate(&mut self, field: &str, written: &str) -> Option<Decimal> {
        let rate = tax::rate(written);
        if rate.is_none() {
            self.fail(field, written, "is no rate in percent, such as \"25\"", None);
        }
        rate
    }

    fn charge(&mut self, at: usize, charge: ChargeSource) -> Option<Charge> {
        let key = |key: &str| format!("charges[{at}].{key}");
        let Some(what) = charge.what else {
            let hint = Some("\"line\", \"discount\", \"refuse\" or \"ignore\"");
            self.fail(&key("what"), "", "is missing: what becomes of it", hint);
            return None;
        };
        let Some(select) = charge.select else {
            self.fail(&key("select"), "", "is missing: the element that holds it", None);
            return None;
        };
        if charge.amount.is_none() {
            self.fail(&key("amount"), "", "is missing: where in the element the amount stands", None);
        }
        if charge.label.is_none() && charge.r#match.is_some() {
            self.fail(&key("match"), "", "is about the label, and there is none", None);
        }
        if what == What::Line && charge.label.is_none() && charge.name.is_none() {
            self.fail(&key("name"), "", "is missing, and label is too: the line needs a name", None);
        }
        let matches = self.pattern(&key("match"), charge.r#match);
        let tax = charge.tax.and_then(|written| self.rate(&key("tax"), &written));
        let mut inner = Compiler::new(&select, self.is_json);
        let fields = Fields {
            name: inner.chain(&key("label"), charge.label),
            price: inner.chain(&key("amount"), charge.amount),
            ..Fields::default()
        };
        let at = self.beside(inner, &key("select"))?;
        let beside = Beside { at, fields };
        let (name, sku, unit, in_sum) = (charge.name, charge.sku, charge.unit, charge.in_sum);
        Some(Charge { beside, matches, what, name, sku, unit, tax, in_sum })
    }

    /// The element or node itself is what is read.
    fn sum(&mut self, value: Value) -> Option<Beside> {
        let mut long = self.long("sum", value)?;
        let Some(select) = long.select.take() else {
            self.fail("sum", "", "has no selector", None);
            return None;
        };
        let mut inner = Compiler::new(&select, self.is_json);
        long.select = Some(if self.is_json { "@" } else { "&" }.to_owned());
        let price = inner.chain("sum", Some(Chain::One(Value::Long(long))));
        let at = self.beside(inner, "sum")?;
        Some(Beside { at, fields: Fields { price, ..Fields::default() } })
    }

    /// What stands beside the lines, with its faults among ours.
    fn beside(&mut self, mut inner: Compiler, field: &str) -> Option<At> {
        let compiled = if self.is_json {
            let select = inner.line.clone();
            let line = inner.document_path("line", &select);
            match line.filter(|_| inner.errors.is_empty()) {
                Some(line) => {
                    let reads = std::mem::take(&mut inner.nodes);
                    let nodes = Nodes { line, array: None, reads, empty: vec![], max_lines: MOST_BESIDE };
                    Ok(At::Json(Arc::new(nodes)))
                }
                None => Err(inner.errors),
            }
        } else {
            inner.rows(None, vec![], MOST_BESIDE).map(|rows| At::Markup(Arc::new(rows)))
        };
        let errors = match compiled {
            Ok(at) => return Some(at),
            Err(errors) => errors,
        };
        self.errors.extend(errors.into_iter().map(|mut error| {
            if error.field == "line" {
                error.field = field.to_owned();
            }
            error
        }));
        None
    }
}
