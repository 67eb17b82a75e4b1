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

use super::rewritten::OpenPage;
use crate::cart::read_html::Reader;
use crate::config::plan::Buyer;
use crate::exchange::Exchange;
use crate::punchout::hand_over::{self, Following};
use crate::punchout::record::Recorder;
use crate::rewrite::body::{Failure, OnFailure};
use crate::rewrite::controls::Seen;
use crate::session::Session;

/// A cart page as it is; what it would have come to is logged at its end.
pub(super) fn look(
    x: &Exchange,
    session: &Arc<Session>,
    buyer: &Arc<Buyer>,
    page: &mut OpenPage,
    recorder: Option<Recorder>,
) -> (Settings<'static, 'static>, OnFailure) {
    let shop = x.shop().clone();
    let (tap, following) = recorder.map(|recorder| Following::begin(recorder, &page.head.headers)).unzip();
    page.tap = tap;
    let reader = Reader::new(&shop.plan.shop.cart);
    let seen = Rc::new(Seen::default());
    let owned = |(selector, handlers): (Cow<'_, Selector>, _)| (Cow::Owned(selector.into_owned()), handlers);
    let readers: Vec<_> = reader.handlers().into_iter().map(owned).collect();
    let mut settings = Settings::new();
    for handlers in readers.into_iter().chain(shop.plan.shop.checkout.count(&seen)) {
        settings = settings.append_element_content_handler(handlers);
    }
    let (session, buyer, reference) = (session.clone(), buyer.clone(), session.reference);
    // A document ends once; the handler's type does not know.
    let reader = Cell::new(Some((reader, following)));
    let end = move |_: &mut DocumentEnd<'_>| {
        if let Some((reader, following)) = reader.take() {
            hand_over::report(&shop, &buyer, &session, &reader.finish(), Some(seen.controls.get()), following);
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
