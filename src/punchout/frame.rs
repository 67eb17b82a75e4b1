//! A session in a frame on the buyer's page: who may frame it.

use http::HeaderMap;

use crate::config::file::Embed;
use crate::config::plan::Buyer;
use crate::exchange::Exchange;
use crate::protocol::oci::hook::Hook;
use crate::rewrite::embed;
use crate::session::Session;

/// Whether the buyer's sessions are shown in a frame with cookies. Over plain http browsers keep none there, so nothing is
/// tried.
pub fn is_framed(x: &Exchange, buyer: &Buyer) -> bool {
    buyer.embed == Embed::Iframe && x.secure()
}

/// Makes an answer of a session fit for the buyer's frame, where it is shown in one.
pub fn fit(x: &Exchange, session: &Session, buyer: &Buyer, headers: &mut HeaderMap) {
    if is_framed(x, buyer) || (buyer.embed == Embed::Iframe && session.is_in_addresses()) {
        embed::embed(headers, &ancestors(session, buyer));
    }
}

/// CSP sources: the shop's own frames, where the cart goes, and what the buyer's configuration has.
fn ancestors(session: &Session, buyer: &Buyer) -> Vec<String> {
    let hook = session.hook.as_ref().and_then(Hook::form_action_source);
    let mut sources: Vec<String> = Vec::new();
    for source in std::iter::once("'self'".to_owned()).chain(hook).chain(buyer.framed_by.iter().cloned()) {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources
}
