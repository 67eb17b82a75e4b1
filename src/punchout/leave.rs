//! The end of a session: its cart was sent, or the buyer goes back without one.

use http::{HeaderMap, StatusCode};

use super::{accounts, clear, hand_over};
use crate::config::plan::{Buyer, Cancel};
use crate::exchange::Exchange;
use crate::pages::{self, Ended, Link, Page, Reader, texts};
use crate::problem::{Kind, Problem};
use crate::protocol::oci::form::form_with_button;
use crate::protocol::oci::hook::Hook;
use crate::rewrite::controls::RETURN_FORM;
use crate::session::{Session, Stage};

/// The browser says that the form with the cart was sent. The session is over and its cart emptied, unless the buyer may
/// send it again. It says so after the fact: where it cannot, nothing is lost but time, for the next session that gets
/// the account empties its cart too.
pub async fn sent(x: &Exchange, session: &Session, buyer: &Buyer, headers: &HeaderMap) -> Page {
    // A cart that may be sent again is returned once.
    if x.sessions().reach(session, Stage::Sent).await < Stage::Sent {
        x.metrics().ended(&buyer.name, Ended::Returned.word());
    }
    let (watch, audit) = (&x.shop().watch, x.plan().audit.as_ref());
    watch.returns.sent(audit, &watch.metrics, session.reference.to_string(), &buyer.name);
    tracing::info!(reference = %session.reference, buyer = buyer.name, "the browser says that the cart was sent");
    if !buyer.form.again {
        end(x, session, headers, Ended::Returned).await;
    }
    pages::nothing()
}

/// Back without a cart, as the buyer's system wishes.
///
/// # Errors
/// A machine without randomness.
pub async fn cancel(x: &Exchange, session: &Session, buyer: &Buyer, headers: &HeaderMap) -> Result<Page, Problem> {
    if session.handed.stage() < Stage::Sent {
        x.metrics().ended(&buyer.name, Ended::Left.word());
    }
    end(x, session, headers, Ended::Left).await;
    tracing::info!(reference = %session.reference, buyer = buyer.name, "the buyer leaves without a cart");
    let words = texts::of(session.language());
    let told = session.entry.cancel.as_deref().and_then(|address| allowed(address, buyer));
    let nonce = super::nonce()?;
    match (told, &buyer.form.cancel) {
        (Some(address), _) => Ok(pages::redirect(address.escaped())),
        (None, Cancel::Link(address)) => Ok(pages::redirect(address)),
        (None, Cancel::Post) if may_return(session, buyer) => {
            let form = form_with_button(&hand_over::blank(buyer, session), RETURN_FORM, &words.return_bar.leave);
            let by_itself = !session.hook.as_ref().is_some_and(Hook::is_sap_event);
            Ok(pages::left(&form, &nonce, by_itself, session.language()))
        }
        (None, Cancel::Post | Cancel::None) => {
            let reference = session.reference.to_string();
            let contact = x.plan().contact.as_deref();
            let language = session.language();
            let reader = Reader { language, reference: &reference, contact, wants_json: false, nonce: &nonce };
            let mut page = pages::session_over(Ended::Left, &reader, &[]);
            // Nothing is wrong: it is what the buyer asked for.
            page.status = StatusCode::OK;
            Ok(page)
        }
    }
}

/// The page for whoever asks for the cart to be sent a second time. Whether it arrived we cannot know: as long as the
/// session is there it can be sent again, on purpose.
///
/// # Errors
/// A machine without randomness.
pub fn sent_already(x: &Exchange, session: &Session) -> Result<Page, Problem> {
    let plan = x.plan();
    let (reference, nonce, language) = (session.reference.to_string(), super::nonce()?, session.language());
    let contact = plan.contact.as_deref();
    let reader = Reader { language, reference: &reference, contact, wants_json: false, nonce: &nonce };
    let again = super::own_address(x, session, "return") + "&again=1";
    let known = session.handed.stage() == Stage::Sent;
    let mut page = pages::sent_already(known, &reader, &[Link::Again(&again)]);
    page.status = StatusCode::CONFLICT;
    Ok(page)
}

async fn end(x: &Exchange, session: &Session, headers: &HeaderMap, how: Ended) {
    let jar = super::jar_of(x, session, headers).await;
    match x.sessions().end(session.id, how, accounts::patience(x.plan())).await {
        Ok(Some(over)) => clear::in_background(x, over, Some(jar)),
        Ok(None) => {}
        // The buyer leaves all the same; the session goes idle, and then its cart is emptied.
        Err(lost) => {
            let (reference, code) = (session.reference, Kind::StoreLost.code());
            tracing::warn!(%reference, code, "the end of a session cannot be told to {lost}");
        }
    }
}

/// Whether a form may still go to the session's hook.
fn may_return(session: &Session, buyer: &Buyer) -> bool {
    session.hook.as_ref().is_some_and(|hook| session.simulated || hook.allowed_by(&buyer.hooks).is_ok())
}

/// OCICANCEL comes from outside like HOOK_URL, so it may lead to where carts may go and nowhere else.
fn allowed(address: &str, buyer: &Buyer) -> Option<Hook> {
    let address = Hook::parse(address).ok().filter(|address| !address.is_sap_event())?;
    address.allowed_by(&buyer.hooks).is_ok().then_some(address)
}
