//! One punchout, from entry to return: what is known of it, and where it is kept.
//!
//! * [`id`]: the secret in the cookie, and the reference that people quote.
//! * [`store`]: the sessions that are open, the accounts they hold, and who waits for one.
//! * [`entrance`]: how often somebody may try to begin one.
//! * [`cookie`]: our one cookie.
//! * [`address`]: what stands in its place where a browser keeps none, and [`held`]: where the shop's cookies are then.
//! * [`seal`]: the shop's cookies, sealed while a session lasts.

pub mod address;
pub mod cookie;
pub mod entrance;
pub mod held;
pub mod id;
mod leases;
mod memory;
pub mod seal;
mod shared;
pub mod store;
mod vault;

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use crate::pages::Language;
use crate::protocol::oci::entry::Entry;
use crate::protocol::oci::hook::Hook;
use crate::shop::{Browser, Jar};
use held::Held;
use id::{Reference, SessionId};

pub use crate::pages::Ended;

/// One punchout. What a shared store keeps of it may have been written by an earlier version: fields that are added later
/// have a default, so that an upgrade leaves running sessions.
///
/// That it has ended is the store's to know; what changes of it is how far its cart has got.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Session {
    /// The secret in the cookie, or worked out from that in its addresses.
    pub id: SessionId,
    /// The one way in which its browser shows it.
    #[serde(default)]
    pub carried_by: CarriedBy,
    /// Quoted on pages and in logs.
    pub reference: Reference,
    /// The buyer's name in `proxy.toml`; a buyer who is no longer in the plan has no session.
    pub buyer: String,
    /// Where the cart goes; on the buyer's allow-list when the session began, and asked again when it returns. A DETAIL may
    /// come without: then the session is for looking only.
    pub hook: Option<Hook>,
    /// The catalog call, without its secrets.
    pub entry: Entry,
    /// The browser's at entry, kept for the whole session: some shops print prices by it.
    #[serde(with = "crate::shop::header_value::option")]
    pub accept_language: Option<http::HeaderValue>,
    /// The shop account that was signed in; empty for a guest.
    pub account: String,
    /// Whose the cart is.
    pub hold: Hold,
    /// The shop's cookies after signing in, to empty the cart when the browser has gone.
    pub jar: Jar,
    /// What has become of them in a session that is carried by its addresses: ask the store.
    #[serde(skip)]
    pub held: Held,
    /// The browser, as the shop knows it.
    pub browser: Browser,
    /// Its pages stay as the shop wrote them and its cart stays in the shop: all is worked out and logged alone.
    #[serde(default)]
    pub report_only: bool,
    /// Made from the console: its hook is the console's own.
    #[serde(default)]
    pub simulated: bool,
    /// How far its cart has got, as far as this process knows: ask and tell the store.
    #[serde(skip)]
    pub handed: Handed,
    /// Whether its first page has been asked for, as far as this process knows: ask the store.
    #[serde(skip)]
    pub seen: AtomicBool,
    /// When it began.
    pub began: SystemTime,
    /// Ends after so long without a request.
    pub idle: Duration,
    /// Ends so long after it began.
    pub longest: Duration,
}

/// How a browser shows its session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CarriedBy {
    /// By our cookie.
    #[default]
    Cookie,
    /// By the root of its addresses, and the shop's cookies are kept here.
    Address,
}

/// Whose the cart of a session is, and so whether it may be emptied.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Hold {
    /// This session's alone, by the lease of its account.
    Lease(String),
    /// This session's alone: the shop keeps a cart for each of its own sessions.
    Own,
    /// Perhaps others' too: it is never emptied.
    Common,
}

/// How far the cart of a session has got, from [`Stage::Shopping`] on and never back.
#[derive(Debug, Default)]
pub struct Handed(AtomicU8);

/// See [`Handed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// No cart has left.
    Shopping,
    /// Our return page has shown the form that takes the cart away; whether it was sent is not known.
    Shown,
    /// The browser has said that it was sent.
    Sent,
}

impl From<u8> for Stage {
    fn from(number: u8) -> Stage {
        match number {
            0 => Stage::Shopping,
            1 => Stage::Shown,
            _ => Stage::Sent,
        }
    }
}

impl Handed {
    /// How far it is.
    pub fn stage(&self) -> Stage {
        Stage::from(self.0.load(Ordering::Acquire))
    }

    /// Notes that it has got so far, and gives how far it was.
    pub fn reach(&self, stage: Stage) -> Stage {
        Stage::from(self.0.fetch_max(stage as u8, Ordering::AcqRel))
    }
}

/// A catalog call that waits for an account: checked already, and without secrets.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Waiting {
    /// The buyer's name.
    pub buyer: String,
    /// Where the cart will go.
    pub hook: Option<Hook>,
    /// The call.
    pub entry: Entry,
}

impl Session {
    /// The hook for a log: without its query.
    pub fn hook_text(&self) -> String {
        self.hook.as_ref().map_or_else(|| "none".to_owned(), Hook::to_string)
    }

    /// The session as it goes on in addresses whose root has that id.
    pub fn in_addresses(&self, id: SessionId) -> Session {
        Session {
            id,
            carried_by: CarriedBy::Address,
            reference: self.reference,
            buyer: self.buyer.clone(),
            hook: self.hook.clone(),
            entry: self.entry.clone(),
            accept_language: self.accept_language.clone(),
            account: self.account.clone(),
            hold: self.hold.clone(),
            jar: self.jar.clone(),
            held: Held::default(),
            browser: self.browser.clone(),
            report_only: self.report_only,
            simulated: self.simulated,
            handed: Handed::default(),
            seen: AtomicBool::new(false),
            began: self.began,
            idle: self.idle,
            longest: self.longest,
        }
    }

    /// It is carried by its addresses.
    pub fn is_in_addresses(&self) -> bool {
        self.carried_by == CarriedBy::Address
    }

    /// The shop's cookies, as far as this process knows; in a session with cookies those of signing in.
    pub fn cookies(&self) -> Jar {
        self.held.jar().unwrap_or_else(|| self.jar.clone())
    }

    /// The language of our pages in this session: the buyer's system's wish, else the browser's.
    pub fn language(&self) -> Language {
        let accepted = self.accept_language.as_ref().and_then(|value| value.to_str().ok());
        Language::from_wish(self.entry.language.as_deref(), accepted)
    }
}
