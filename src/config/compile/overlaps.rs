//! What is good by itself and gets in its own way together: two rules for one thing. All of it works, so all of it is a
//! warning.

use http::Method;

use super::Notes;
use crate::config::file::File;
use crate::config::plan::{Accounts, Plan};
use crate::location::Target;
use crate::policy::Verdict;
use crate::protocol::oci::{Hook, HookRule};

/// Looks for them in a plan without a fault.
pub(super) fn overlaps(file: &File, plan: &Plan, notes: &mut Notes<'_>) {
    closed(plan, notes);
    entrances(file, plan, notes);
    for (number, buyer) in file.buyer.iter().enumerate() {
        hooks(&buyer.hooks, number, notes);
    }
    accounts(plan, notes);
}

/// Pages that a session needs, and that `shop.deny` closes to it. The sign-in page is none of them: signing in is done for
/// the buyer, who has no business there.
fn closed(plan: &Plan, notes: &mut Notes<'_>) {
    let needed =
        [("the cart page", plan.shop.cart_address.as_str()), ("the page a session begins on", &plan.shop.start)];
    for (what, address) in needed {
        if let Verdict::Deny(_) = plan.shop.policy.judge(&Method::GET, &Target::of(address)) {
            notes.warn("shop.deny.paths", format!("close `{address}`, {what}: no buyer could see it"));
        }
    }
}

/// A catalog call that the shop would miss as its own page.
fn entrances(file: &File, plan: &Plan, notes: &mut Notes<'_>) {
    let own = [("cart page", plan.shop.cart_address.as_str()), ("start page", &plan.shop.start)];
    for (number, location) in plan.entry.locations.iter().enumerate() {
        for (what, address) in own {
            if location.matches(&Target::of(address)) {
                let path = file.entry.paths.get(number).map(String::as_str).unwrap_or_default();
                let text = format!("`{path}` is the shop's {what} too: a form sent to it is taken for a catalog call");
                notes.warn(format!("entry.paths[{number}]"), text);
            }
        }
    }
}

/// A hook that another one of the same buyer allows already.
fn hooks(hooks: &[String], buyer: usize, notes: &mut Notes<'_>) {
    for (number, narrow) in hooks.iter().enumerate() {
        // An address such as the rule allows.
        let Ok(sample) = Hook::parse(&narrow.replacen("://*.", "://any.", 1)) else { continue };
        let wider = hooks.iter().enumerate().find(|(other, wide)| {
            let allows = || HookRule::parse(wide).is_ok_and(|rule| sample.allowed_by(&[rule]).is_ok());
            // A wildcard is not within what allows one of its hosts.
            let holds_wildcard = !narrow.contains("://*.") || wide.contains("://*.");
            *other != number && holds_wildcard && (*other < number || **wide != *narrow) && allows()
        });
        if let Some((_, wide)) = wider {
            let text = format!("`{narrow}` is allowed by `{wide}` already: take one of them out");
            notes.warn(format!("buyer[{buyer}].hooks[{number}]"), text);
        }
    }
}

/// One login at the shop for two buyers: they wait for each other.
fn accounts(plan: &Plan, notes: &mut Notes<'_>) {
    let mut known: Vec<(String, &str)> = Vec::new();
    for (number, buyer) in plan.buyers.iter().enumerate() {
        let Accounts::Pool(accounts) = &buyer.accounts else { continue };
        for (at, account) in accounts.iter().enumerate() {
            let other = known.iter().find(|(key, name)| *key == account.key() && *name != buyer.name);
            if let Some((_, other)) = other {
                let text = format!(
                    "`{}` is an account of `{other}` too: one of their sessions waits for the other",
                    account.username
                );
                notes.warn(format!("buyer[{number}].accounts[{at}]"), text);
            }
            known.push((account.key(), &buyer.name));
        }
    }
}
