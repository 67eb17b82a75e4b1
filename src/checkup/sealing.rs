//! Does a browser that has lost our cookie stay signed in at the shop? It would be a visitor with a customer's account, and
//! visitors may order.

use std::time::SystemTime;

use http::HeaderMap;
use http::header::SET_COOKIE;

use super::Check;
use crate::config::plan::Shop;
use crate::session::id::SessionId;
use crate::session::seal::Seal;
use crate::shop::{Jar, SignedIn, Visit};

/// Opens the page that showed that we are signed in, with those cookies alone that a session's browser could read. No check
/// where nothing on the page would tell.
pub(super) async fn look(shop: &Shop, visit: &Visit, signed_in: &SignedIn) -> Option<Check> {
    let rules = shop.sign_in.as_ref()?;
    rules.shows(&signed_in.page).filter(|shows| *shows)?;
    let seal = Seal::of(SessionId::random(), &shop.seal_cookies);
    let open: HeaderMap = visit
        .jar()
        .set_cookies()
        .filter(|line| seal.leaves_open(line))
        .map(|line| (SET_COOKIE, line.clone()))
        .collect();
    let mut jar = Jar::new();
    jar.take_in(&open, "/", SystemTime::now());
    let names: Vec<String> = jar.names().map(str::to_owned).collect();
    if names.is_empty() {
        return Some(Check::ok("sealing", "a browser without our cookie is signed out of the shop"));
    }
    // What cannot be opened tells nothing.
    let page = visit.with_jar(jar).open(signed_in.page.address()).await.ok()?;
    let names = names.join(", ");
    Some(match rules.shows(&page) {
        Some(true) => Check::fault(
            "sealing",
            format!(
                "with {names} alone a browser stays signed in at the shop, also after its punchout: a visitor who may order"
            ),
            "name the shop's session cookie in `shop.seal_cookies` (a value of fewer than four bytes is never sealed: \
             anybody could guess it, with or without us)",
        ),
        _ => Check::ok("sealing", format!("a browser without our cookie is signed out of the shop (it keeps {names})")),
    })
}
