//! One punchout, from entry to return: what is known of it, and where it is kept.
//!
//! * [`id`]: the secret in the cookie, and the reference that people quote.
//! * [`store`]: the sessions that are open.
//! * [`entrance`]: how often somebody may try to begin one.
//! * [`cookie`]: our one cookie.
//! * [`seal`]: the shop's cookies, sealed while a session lasts.

pub mod cookie;
pub mod entrance;
pub mod id;
pub mod seal;
pub mod store;

use std::time::{Duration, SystemTime};

use crate::pages::Language;
use crate::protocol::oci::entry::Entry;
use crate::protocol::oci::hook::Hook;
use id::{Reference, SessionId};

/// One punchout. It never changes once it is made; that it has ended is the store's to know.
#[derive(Debug)]
pub struct Session {
    /// The secret in the cookie.
    pub id: SessionId,
    /// Quoted on pages and in logs.
    pub reference: Reference,
    /// The buyer's name in `proxy.toml`; a buyer who is no longer in the plan has no session.
    pub buyer: String,
    /// Where the cart goes; on the buyer's allow-list when the session began, and asked again when it returns.
    pub hook: Hook,
    /// The catalog call, without its secrets.
    pub entry: Entry,
    /// The browser's at entry, kept for the whole session: some shops print prices by it.
    pub accept_language: Option<http::HeaderValue>,
    /// The shop account that was signed in.
    pub account: String,
    /// When it began.
    pub began: SystemTime,
    /// Ends after so long without a request.
    pub idle: Duration,
    /// Ends so long after it began.
    pub longest: Duration,
}

impl Session {
    /// The language of our pages in this session: the buyer's system's wish, else the browser's.
    pub fn language(&self) -> Language {
        let accepted = self.accept_language.as_ref().and_then(|value| value.to_str().ok());
        Language::from_wish(self.entry.language.as_deref(), accepted)
    }
}
