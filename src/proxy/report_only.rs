//! A session that changes nothing and only reports: its pages leave as the shop wrote them, while the cart on them is read,
//! mapped and logged as if it were to leave.
//!
//! What stays in force is what keeps an order from being placed: denied requests are refused, for the session has the
//! buyer's account and its prices.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use lol_html::html_content::DocumentEnd;
use lol_html::{DocumentContentHandlers, Selector, Settings};

use super::in_session::{Along, meanwhile};
use super::rewritten::OpenPage;
use crate::config::plan::Buyer;
use crate::exchange::Exchange;
use crate::punchout::hand_over::{self, Following};
use crate::punchout::signed_in::Watched;
use crate::rewrite::body::{Failure, OnFailure};
use crate::rewrite::controls::Seen;
use crate::session::Session;

/// A cart page as it is; what it would have come to is logged at its end.
pub(super) fn look(
    x: &Exchange,
    session: &Arc<Session>,
    buyer: &Arc<Buyer>,
    page: &mut OpenPage,
    mut along: Along,
) -> (Settings<'static, 'static>, OnFailure) {
    let shop = x.shop().clone();
    let (tap, following) = along.recorder.take().map(|recorder| Following::begin(recorder, &page.head.headers)).unzip();
    page.tap = tap;
    let cart_page = along.cart_page(&shop, page.head.status);
    page.meanwhile = meanwhile(&cart_page);
    let seen = Rc::new(Seen::default());
    let owned = |(selector, handlers): (Cow<'_, Selector>, _)| (Cow::Owned(selector.into_owned()), handlers);
    let reader = cart_page.borrow().reader().clone();
    let watched = Watched::of(&shop, session);
    let sign = watched.iter().map(Watched::handler);
    let readers: Vec<_> = reader.handlers().into_iter().map(owned).chain(sign).collect();
    let mut settings = Settings::new();
    for handlers in readers.into_iter().chain(shop.plan.shop.checkout.count(&seen)) {
        settings = settings.append_element_content_handler(handlers);
    }
    let (session, buyer, reference) = (session.clone(), buyer.clone(), session.reference);
    // A document ends once; the handler's type does not know.
    let following = Cell::new(Some(following));
    let end = move |_: &mut DocumentEnd<'_>| {
        if let Some(following) = following.take() {
            let (mut cart, articles) = cart_page.borrow_mut().finish();
            watched.iter().for_each(|watched| watched.judge(&mut cart));
            let controls = Some(seen.controls.get());
            hand_over::report(&shop, &buyer, &session, (&cart, &articles), controls, following);
        }
        Ok(())
    };
    let settings = settings.append_document_content_handler(DocumentContentHandlers::default().end(end));
    let tail = move |failure: &Failure| {
        tracing::warn!(%reference, %failure, "a cart page could not be read to its end (report only)");
        String::new()
    };
    (settings, OnFailure::PassThrough(Box::new(tail)))
}
