//! A browser's first request after a catalog call: has it kept the session's cookie?
//!
//! Only the second request can tell, so the first answer sends the browser here, to an address with a ticket by which
//! the session is known without the cookie. A browser that keeps none goes on in addresses that carry the session
//! (see [`address`](crate::session::address)), where the buyer's configuration lets it.

use std::sync::Arc;

use http::header::USER_AGENT;
use http::request;

use super::{accounts, clear, frame, functions};
use crate::config::file::{Cookies, Onward};
use crate::exchange::Exchange;
use crate::pages::{self, Ended, Page};
use crate::problem::{Kind, Problem};
use crate::session::Session;
use crate::session::address::Root;
use crate::session::id::{SessionId, Ticket, Token};

/// Where a browser that has entered goes first. The address is good once.
///
/// # Errors
/// A shared store that is lost.
pub async fn address(x: &Exchange, session: &Session) -> Result<String, Problem> {
    let ticket = Ticket::random();
    x.sessions().expect(ticket, session.id).await?;
    Ok(format!("{}begin?ticket={}", x.plan().prefix, ticket.to_text()))
}

/// The browser has come there; `kept` is the session that it shows, by its cookie.
///
/// # Errors
/// [`Kind::NoCookies`] where it shows none and the buyer's sessions need one: the session is over then.
/// [`Kind::SessionOver`] for a ticket that is void.
pub async fn arrive(x: &Exchange, head: &request::Parts, kept: Option<&Session>) -> Result<Page, Problem> {
    let ticket = head.uri.query().and_then(|query| query.strip_prefix("ticket=")).and_then(Ticket::parse);
    let expected = match ticket {
        Some(ticket) => x.sessions().arrived(ticket).await?,
        None => None,
    };
    match (kept, expected) {
        // An earlier punchout's cookie is none: that it is still there says nothing of what is kept now.
        (Some(session), expected) if expected.is_none_or(|id| id == session.id) => into_the_shop(x, session),
        (_, Some(id)) => without_cookies(x, head, id).await,
        (_, None) => Err(void()),
    }
}

/// On to the shop, for a browser that shows its session.
///
/// # Errors
/// Where there is no randomness for a page of ours.
pub fn into_the_shop(x: &Exchange, session: &Session) -> Result<Page, Problem> {
    let shop = &x.plan().shop;
    let start = functions::start(shop, &session.entry);
    Ok(match shop.onward {
        Onward::Redirect => pages::redirect(&x.at(&start)),
        Onward::Page => pages::onward(&x.at(&start), &super::nonce()?, session.language()),
    })
}

async fn without_cookies(x: &Exchange, head: &request::Parts, id: SessionId) -> Result<Page, Problem> {
    let session = x.sessions().find(id).await?.ok_or_else(void)?;
    x.belongs_to(&session);
    let buyer = x.plan().buyers.named(&session.buyer).cloned().ok_or_else(void)?;
    if buyer.cookies == Cookies::Required {
        return Err(give_up(x, id).await);
    }
    if head.headers.get(USER_AGENT) != session.browser.user_agent.as_ref() {
        return Err(void());
    }
    let token = Token::random();
    let session = Arc::new(session.in_addresses(token.id()));
    if !x.sessions().hand_on(id, session.clone()).await? {
        return Err(void());
    }
    let (reference, forced) = (session.reference, buyer.cookies == Cookies::Never);
    tracing::info!(%reference, buyer = buyer.name, forced, "the session goes on without cookies, in its addresses");
    let start = Root::of(&x.plan().prefix, token).at(&x.plan().shop.start);
    // By a page: what it leads to then comes from our own site, as everything that comes after.
    let mut page = pages::onward(&start, &super::nonce()?, session.language());
    frame::fit(x, &session, &buyer, &mut page.headers);
    Ok(page)
}

/// Nobody can go on with the session, so its account is free for others at once.
async fn give_up(x: &Exchange, id: SessionId) -> Problem {
    match x.sessions().end(id, Ended::NoCookies, accounts::patience(x.plan())).await {
        Ok(Some(over)) => {
            x.metrics().ended(&over.session.buyer, Ended::NoCookies.word());
            clear::in_background(x, over, None);
        }
        Ok(None) => {}
        // It goes idle, and its account is free then.
        Err(lost) => return lost.into(),
    }
    Problem::new(Kind::NoCookies, "the browser came back from a catalog call without the session's cookie")
}

fn void() -> Problem {
    Problem::new(Kind::SessionOver, "the first page was asked for with a ticket that is void")
}
