//! A session in a frame on the buyer's page: who may frame it, and whether the browser keeps its cookies there.

use http::HeaderMap;

use crate::config::file::{Embed, Onward};
use crate::config::plan::Buyer;
use crate::exchange::Exchange;
use crate::pages::{self, Page};
use crate::problem::Problem;
use crate::rewrite::embed;
use crate::session::Session;

/// Whether the buyer's sessions are shown in a frame. Over plain http browsers keep no cookie there, so nothing is tried.
pub fn is_framed(x: &Exchange, buyer: &Buyer) -> bool {
    buyer.embed == Embed::Iframe && x.secure()
}

/// Makes an answer of a session fit for the buyer's frame, where it is shown in one.
pub fn fit(x: &Exchange, session: &Session, buyer: &Buyer, headers: &mut HeaderMap) {
    if is_framed(x, buyer) {
        embed::embed(headers, &ancestors(session, buyer));
    }
}

/// Where a browser that has entered in a frame goes first, to show whether it kept the cookie.
pub fn first_hop(x: &Exchange) -> String {
    format!("{}begin", x.plan().prefix)
}

/// It kept it: on to the shop.
///
/// # Errors
/// Where there is no randomness for a page of ours.
pub fn begin(x: &Exchange, session: &Session) -> Result<Page, Problem> {
    let shop = &x.plan().shop;
    Ok(match shop.onward {
        Onward::Redirect => pages::redirect(&shop.start),
        Onward::Page => pages::onward(&shop.start, &super::nonce()?, session.language()),
    })
}

/// CSP sources: the shop's own frames, where the cart goes, and what the buyer's configuration has.
fn ancestors(session: &Session, buyer: &Buyer) -> Vec<String> {
    let hook = session.hook.form_action_source();
    let mut sources: Vec<String> = Vec::new();
    for source in std::iter::once("'self'".to_owned()).chain(hook).chain(buyer.framed_by.iter().cloned()) {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources
}
