//! The bar on every page of a session: back with the cart, back without.
//!
//! It is markup at the end of the body with a style sheet of its own address, so that it also works in shops whose policy
//! forbids inline styles and scripts. `all: initial` keeps the shop's style out.

use crate::config::plan::Buyer;
use crate::exchange::Exchange;
use crate::pages::texts::{self, fill};
use crate::protocol::oci::form::escaped;
use crate::session::Session;

use super::hand_over;

/// The bar's style sheet.
pub const STYLE: &str = include_str!("bar.css");
/// What a cart page runs, to tell when its cart was sent.
pub const SCRIPT: &str = include_str!("script.js");

/// The bar. `form`: the page carries the cart in the form of that id, and the bar's button sends it.
pub fn bar(x: &Exchange, buyer: &Buyer, session: &Session, form: Option<&str>) -> String {
    let prefix = &x.plan().prefix;
    let own = |page| super::own_address(x, session, page);
    let language = session.language();
    let words = &texts::of(language).return_bar;
    let target = escaped(hand_over::target(buyer, session).as_str());
    let back = escaped(&fill(&words.back, &[("buyer_system", &buyer.system)]));
    let leave = escaped(&words.leave);
    let back = if let Some(form) = form {
        format!("<button type=\"submit\" form=\"{form}\">{back}</button>")
    } else {
        format!(
            "<form method=\"post\" action=\"{}\" target=\"{target}\"><button type=\"submit\">{back}</button></form>",
            own("return")
        )
    };
    format!(
        "<link id=\"punchout-bar-style\" rel=\"stylesheet\" href=\"{prefix}bar.css\"/>\n<div id=\"punchout-bar-room\"></div>\n\
         <div id=\"punchout-bar\" lang=\"{}\" role=\"region\" aria-label=\"{}\">{back}\
         <form method=\"post\" action=\"{}\" target=\"{target}\"><button type=\"submit\" class=\"leave\">{leave}\
         </button></form></div>\n",
        language.code(),
        escaped(&buyer.system),
        own("cancel"),
    )
}

/// The script of a page that carries the cart.
pub fn script(x: &Exchange, session: &Session, nonce: &str, form: &str) -> String {
    let prefix = &x.plan().prefix;
    let sent = super::own_address(x, session, "sent");
    format!(
        "<script id=\"punchout-script\" src=\"{prefix}script.js\" nonce=\"{nonce}\" data-form=\"{form}\" \
         data-sent=\"{sent}\" defer=\"\"></script>\n"
    )
}
