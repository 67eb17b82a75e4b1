//! The punchout that we make ourselves.

use std::time::Duration;

use super::Notes;
use crate::config::file::File;
use crate::config::plan::{Accounts, Buyers, Canary};
use crate::shop::{Product, StepSource};

/// More often it would be a burden on the shop.
const LEAST: Duration = Duration::from_secs(60);

/// `[canary]`
pub(super) fn canary(file: &File, buyers: &Buyers, notes: &mut Notes<'_>) -> Canary {
    let canary = &file.canary;
    let every = canary.every.map(|time| time.0);
    if every.is_some_and(|every| every < LEAST) {
        notes.fault("canary.every", "is under a minute: each one signs in at the shop and fills a cart");
    }
    if every.is_some() && canary.product.is_none() {
        notes
            .fault("canary.product", "is missing: the page of a product that is put into the cart and taken out again");
    }
    if canary.product.is_some() && file.shop.cart.clear.is_none() {
        notes.fault("canary.product", "needs `shop.cart.clear`: what is put into the cart must come out again");
    }
    Canary { every, buyer: buyer(file, buyers, every.is_some(), notes), product: product(file, notes) }
}

fn buyer(file: &File, buyers: &Buyers, wanted: bool, notes: &mut Notes<'_>) -> Option<String> {
    let only = || buyers.iter().next().filter(|_| buyers.len() == 1);
    let buyer = match &file.canary.buyer {
        Some(name) => match buyers.named(name) {
            Some(buyer) => buyer,
            // The buyer may be one that has faults of its own, which are told.
            None if file.buyer.iter().any(|buyer| buyer.name.as_ref() == Some(name)) => return None,
            None => {
                notes.fault("canary.buyer", format!("there is no buyer `{name}`"));
                return None;
            }
        },
        None => match only() {
            Some(buyer) => buyer,
            None if wanted => {
                notes.fault("canary.buyer", "is missing: the name of the buyer whose account is used");
                return None;
            }
            None => return None,
        },
    };
    if wanted && matches!(buyer.accounts, Accounts::PerUser { .. } | Accounts::Passthrough) {
        let told = "has no account of its own: it is told from catalog calls alone";
        notes.fault("canary.buyer", format!("`{}` {told}", buyer.name));
        return None;
    }
    Some(buyer.name.clone())
}

fn product(file: &File, notes: &mut Notes<'_>) -> Option<Product> {
    let canary = file.canary.clone();
    let source = StepSource {
        page: canary.product?,
        form: canary.form,
        fields: canary.fields,
        submit: canary.submit,
        action: canary.action,
        format: canary.format,
    };
    match Product::compile(&source) {
        Ok(product) => Some(product),
        Err(faults) => {
            for fault in faults {
                let (key, told) = fault.split_once(": ").unwrap_or(("product", &fault));
                notes.fault(format!("canary.{key}"), told);
            }
            None
        }
    }
}
