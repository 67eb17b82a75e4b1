//! Buyers whose accounts are told from a catalog call alone: what can be seen without anybody's password.

use std::rc::Rc;

use super::shop::{browser, sign_in_failed, stay, told};
use super::{Check, Report, Verdict, lives};
use crate::config::plan::{Accounts, Buyer};
use crate::exchange::Shop;
use crate::punchout::{drift, visit_as};
use crate::shop::{Jar, Template};

/// Looks at the sign-in form, and at the cart as a guest.
pub(super) async fn look(shop: &Rc<Shop>, buyer: &Buyer, gives_way: bool) -> Report {
    let mut report = Report::default();
    report.push(accounts(buyer));
    report.push(form(shop).await);
    let mut as_guest = Report::default();
    match visit_as(shop, browser(&shop.plan), Jar::new()) {
        Ok(mut visit) => stay(shop, buyer, &mut visit, gives_way, &mut as_guest).await,
        Err(problem) => as_guest.push(Check::fault("cart", told(&problem), "")),
    }
    match as_guest.checks.iter().find(|check| check.verdict == Verdict::Fault) {
        Some(fault) => {
            let seen = format!("not to be seen by a guest ({}): {}", fault.name, fault.seen);
            let advice =
                "where only customers have a cart, this is as it should be: punch out once and look at what arrives";
            report.push(Check::warning("cart", seen, advice));
            report.unreached(&["emptying", "checkout", "mapping", "canary"]);
        }
        None => {
            for check in &mut as_guest.checks {
                check.seen.insert_str(0, "as a guest: ");
            }
            report.extend(as_guest);
        }
    }
    report.unreached(&[lives::NAME]);
    report
}

fn accounts(buyer: &Buyer) -> Check {
    let (seen, advice) = match &buyer.accounts {
        Accounts::PerUser { username, password } => {
            let mut parameters: Vec<_> = [username, password].into_iter().flat_map(parameters).collect();
            parameters.dedup();
            (
                format!(
                    "each person's own, told from {} of the catalog call, so nobody was signed in",
                    parameters.join(" and ")
                ),
                format!(
                    "see that {}'s system sends {}, and punch out once as a person who has an account: from there, or from \
                     the console with these parameters",
                    buyer.name,
                    parameters.join(" and ")
                ),
            )
        }
        _ => (
            "the catalog call's own USERNAME and PASSWORD, so nobody was signed in".to_owned(),
            format!("punch out once from {}'s system, with a login that the shop knows", buyer.name),
        ),
    };
    Check::warning("accounts", seen, advice)
}

fn parameters(rule: &Template) -> impl Iterator<Item = &str> {
    rule.words().map(|word| word.strip_prefix("parameter.").unwrap_or(word))
}

async fn form(shop: &Rc<Shop>) -> Check {
    let Some(rules) = &shop.plan.shop.sign_in else {
        return Check::fault("sign-in", "nobody knows how", "describe it in `shop.sign_in`");
    };
    let looked = match visit_as(shop, browser(&shop.plan), Jar::new()) {
        Ok(mut visit) => rules.look(&mut visit).await,
        Err(problem) => Err(problem),
    };
    drift::looked(shop, "shop.sign_in", looked.is_ok());
    match looked {
        Ok(page) => Check::ok("sign-in", format!("the form is on {}; nobody was signed in", page.url.path())),
        Err(problem) => sign_in_failed(told(&problem), problem.kind),
    }
}
