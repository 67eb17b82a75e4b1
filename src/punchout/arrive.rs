//! A browser's first request after a catalog call: has it kept the session's cookie?
//!
//! Only the second request can tell, so the first answer sends the browser here, to an address with a ticket by which
//! the session is known without the cookie.

use http::request;

use super::{accounts, clear, functions};
use crate::config::file::Onward;
use crate::exchange::Exchange;
use crate::pages::{self, Ended, Page};
use crate::problem::{Kind, Problem};
use crate::session::Session;
use crate::session::id::{SessionId, Ticket};

/// Where a browser that has entered goes first. The address is good once.
///
/// # Errors
/// A shared store that is lost.
pub async fn address(x: &Exchange, session: &Session) -> Result<String, Problem> {
    let ticket = Ticket::random();
    x.sessions().expect(ticket, session.id).await?;
    Ok(format!("{}begin?ticket={}", x.plan().prefix, ticket.to_text()))
}

/// The browser has come there; `kept` is the session whose cookie it brings.
///
/// # Errors
/// [`Kind::NoCookies`] where it brings none: the session is over then. [`Kind::SessionOver`] for a ticket that is void.
pub async fn arrive(x: &Exchange, head: &request::Parts, kept: Option<&Session>) -> Result<Page, Problem> {
    let ticket = head.uri.query().and_then(|query| query.strip_prefix("ticket=")).and_then(Ticket::parse);
    let expected = match ticket {
        Some(ticket) => x.sessions().arrived(ticket).await?,
        None => None,
    };
    match (kept, expected) {
        // An earlier punchout's cookie is none: that it is still there says nothing of what is kept now.
        (Some(session), expected) if expected.is_none_or(|id| id == session.id) => go_on(x, session),
        (_, Some(id)) => Err(without_cookies(x, id).await),
        (_, None) => Err(Problem::new(Kind::SessionOver, "the first page was asked for with a ticket that is void")),
    }
}

fn go_on(x: &Exchange, session: &Session) -> Result<Page, Problem> {
    let shop = &x.plan().shop;
    let start = functions::start(shop, &session.entry);
    Ok(match shop.onward {
        Onward::Redirect => pages::redirect(&start),
        Onward::Page => pages::onward(&start, &super::nonce()?, session.language()),
    })
}

/// Nobody can go on with the session, so its account is free for others at once.
async fn without_cookies(x: &Exchange, id: SessionId) -> Problem {
    match x.sessions().end(id, Ended::NoCookies, accounts::patience(x.plan())).await {
        Ok(Some(over)) => {
            x.belongs_to(&over.session);
            x.metrics().ended(&over.session.buyer, Ended::NoCookies.word());
            clear::in_background(x, over, None);
        }
        Ok(None) => {}
        // It goes idle, and its account is free then.
        Err(lost) => return lost.into(),
    }
    Problem::new(Kind::NoCookies, "the browser came back from a catalog call without the session's cookie")
}
