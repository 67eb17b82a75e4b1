//! Whether the buyer of a session is still signed in at the shop when the cart leaves. Shops end a sign-in by themselves,
//! and what lives on in the browser is a visitor's cart, at list prices.
//!
//! The sign is that by which signing in was judged, `shop.sign_in.success.element`. Not every cart page shows it, so that it
//! is missing counts only where the cart page has shown it before, to the same buyer and the same browser; and where our
//! return page reads the cart, another page of the shop is asked before the cart is kept.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use lol_html::html_content::Element;
use lol_html::{ElementContentHandlers, Selector};

use super::read_cart::Source;
use crate::cart::Cart;
use crate::config::plan;
use crate::exchange::Shop;
use crate::finding::{Finding, Severity, code};
use crate::observe::signs::{Shown, Signs};
use crate::session::Session;
use crate::shop::{Page, SignIn, Visit};

/// The sign on one cart page of a session that has an account.
#[derive(Clone)]
pub struct Watched {
    signs: Signs,
    shown: Shown,
    selector: Selector,
    /// It is on this page.
    here: Rc<Cell<bool>>,
}

impl Watched {
    /// None where nobody is signed in, or no element tells.
    pub fn of(shop: &Shop, session: &Session) -> Option<Watched> {
        let (sign, selector) = rules(&shop.plan.shop, session)?.element()?;
        let browser = session.browser.user_agent.as_ref().map(|name| name.as_bytes().to_vec());
        Some(Watched {
            signs: shop.watch.signs.clone(),
            shown: Shown { sign: sign.to_owned(), buyer: session.buyer.clone(), browser: browser.unwrap_or_default() },
            selector: selector.clone(),
            here: Rc::default(),
        })
    }

    /// What looks for it while the page streams past.
    pub fn handler(&self) -> (Cow<'static, Selector>, ElementContentHandlers<'static>) {
        let watched = self.clone();
        let found = ElementContentHandlers::default().element(move |_: &mut Element<'_, '_>| {
            if !watched.here.replace(true) {
                watched.signs.shown(&watched.shown);
            }
            Ok(())
        });
        (Cow::Owned(self.selector.clone()), found)
    }

    /// At the end of the page.
    pub fn judge(&self, cart: &mut Cart) {
        if !self.here.get() && !cart.lines.is_empty() && self.signs.was_shown(&self.shown) {
            cart.findings.push(signed_out(&self.shown.sign));
        }
    }
}

/// Judges a cart that our return page has read, with the visit that read it.
pub async fn judge(shop: &Shop, session: &Session, visit: &mut Visit, source: &Source, cart: &mut Cart) {
    let plan = &shop.plan.shop;
    let (Some(watched), Some(rules)) = (Watched::of(shop, session), rules(plan, session)) else { return };
    let is_on = |page: &Page| rules.shows(page) == Some(true);
    if let Source::Page(text) = source
        && Page::holds_in(text, &watched.selector)
    {
        return watched.signs.shown(&watched.shown);
    }
    if cart.lines.is_empty() || !watched.signs.was_shown(&watched.shown) {
        return;
    }
    // The cart is elsewhere: its page was not looked at.
    if matches!(source, Source::Answers(_)) && visit.open(&plan.cart_address).await.is_ok_and(|page| is_on(&page)) {
        return;
    }
    if visit.open(rules.shown_on().unwrap_or(&plan.start)).await.is_ok_and(|page| is_on(&page)) {
        // The shop has another cart page than it had.
        return watched.signs.forget(&watched.shown);
    }
    cart.findings.push(signed_out(&watched.shown.sign));
}

fn rules<'s>(shop: &'s plan::Shop, session: &Session) -> Option<&'s SignIn> {
    shop.sign_in.as_ref().filter(|_| !session.account.is_empty())
}

fn signed_out(sign: &str) -> Finding {
    let detail = format!(
        "the cart page no longer has `{sign}` (`shop.sign_in.success.element`): the shop has signed the buyer out"
    );
    Finding::on_cart(code::SIGNED_OUT, Severity::Error, detail)
}
