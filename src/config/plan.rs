//! What will be done: the configuration, checked and compiled once.
//!
//! Workers and sessions share one `Arc<Plan>`; a reload makes a new one. Each part of a plan is a type of the module that
//! acts on it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::credentials::Password;
use super::file::{LogFormat, LogLevel, Onward, ReturnWay};
use super::limits::Limits;
use super::tls::Tls;
use crate::cart::rules::Rules;
use crate::cart::unit::Units;
use crate::finding::Severities;
use crate::location::Location;
use crate::policy::Policy;
use crate::protocol::oci::{Charset, EntryNames, HookQuery, HookRule, Mapping, Target};
use crate::rewrite::controls::Controls;
use crate::rewrite::own_name::{Name, OwnName};
use crate::shop::{Account, SignIn};
use crate::upstream::{Origin, PoolLimits};

/// The plan in force; a reload stores a new one, and the next request sees it.
pub type Plans = Arc<ArcSwap<Plan>>;

/// The whole of what this program will do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to listen, and what is spoken there.
    pub listen: Vec<Listener>,
    /// How TLS is spoken, where a listener does.
    pub tls: Option<Tls>,
    /// Threads that serve.
    pub workers: usize,
    /// What clients may cost.
    pub limits: Limits,
    /// Where the shop really is.
    pub origin: Origin,
    /// What the shop's connections may cost.
    pub pool: PoolLimits,
    /// The address visitors type, where we cannot see it ourselves.
    pub public: Option<Public>,
    /// Our own pages live below this path; it begins and ends with a slash.
    pub prefix: String,
    /// Rewritten pages are compressed for the buyer.
    pub compress: bool,
    /// Shown on problem pages.
    pub contact: Option<String>,
    /// What is known of the shop.
    pub shop: Shop,
    /// How a catalog call is recognised.
    pub entry: Entry,
    /// How long a punchout lasts.
    pub session: SessionLimits,
    /// Who may punch out.
    pub buyers: Buyers,
    /// What is logged, and how.
    pub log: Log,
}

/// One address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// Connections begin with a TLS handshake.
    pub tls: bool,
    /// Connections of `trusted_proxies` begin with a PROXY protocol header, before anything else.
    pub proxy_protocol: bool,
}

impl Listener {
    /// One for plain HTTP.
    pub fn plain(address: SocketAddr) -> Self {
        Listener { address, tls: false, proxy_protocol: false }
    }
}

/// The address that visitors type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    /// It begins with `https://`.
    pub secure: bool,
    /// `host` or `host:port`.
    pub authority: String,
}

/// What is known of the shop.
#[derive(Clone, Debug)]
pub struct Shop {
    /// Names by which it knows itself, as far as the configuration tells.
    pub names: Vec<Name>,
    /// Where visitors know it by another than the first of those.
    pub own_name: Option<Arc<OwnName>>,
    /// The address a session starts on: path and query.
    pub start: String,
    /// How the browser is sent there.
    pub onward: Onward,
    /// Cookies that are sealed in sessions beside the `HttpOnly` ones.
    pub seal_cookies: Vec<String>,
    /// How a person signs in.
    pub sign_in: SignIn,
    /// The cart page's address.
    pub cart_address: String,
    /// The cart page in all its spellings.
    pub cart_pages: Vec<Location>,
    /// Where the cart's values stand.
    pub cart: Arc<Rules>,
    /// The controls that lead to checkout.
    pub checkout: Controls,
    /// How a cart returns.
    pub way: ReturnWay,
    /// What is closed to punchout sessions.
    pub policy: Policy,
    /// Bytes of a page that we read whole.
    pub page_size: usize,
    /// The whole of signing in.
    pub sign_in_time: Duration,
}

/// How a catalog call is recognised.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Addresses that take one by POST, beside our own.
    pub locations: Vec<Location>,
    /// How its parameters are spelled.
    pub names: EntryNames,
    /// Bytes of its body.
    pub body_size: usize,
    /// Calls a minute that may fail by their caller's fault, for each address.
    pub rate: u32,
    /// Sessions a minute for each buyer.
    pub buyer_rate: u32,
}

/// How long a punchout lasts.
#[derive(Clone, Debug)]
pub struct SessionLimits {
    /// Without a request.
    pub idle: Duration,
    /// In all.
    pub longest: Duration,
    /// How many at a time.
    pub most: u64,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// Text or JSON.
    pub format: LogFormat,
    /// How much.
    pub level: LogLevel,
}

/// A customer who may punch out.
#[derive(Debug)]
pub struct Buyer {
    /// Unique; in logs.
    pub name: String,
    /// The catalog call's USERNAME.
    pub username: String,
    /// The catalog call's PASSWORD.
    pub password: Password,
    /// Where its carts may go.
    pub hooks: Vec<HookRule>,
    /// Its logins at the shop, at least one.
    pub accounts: Vec<Account>,
    /// A cart to its fields.
    pub mapping: Mapping,
    /// The shop's units to its codes.
    pub units: Units,
    /// How the form is sent.
    pub form: FormStyle,
    /// How grave findings are for this buyer.
    pub severities: Severities,
}

/// How a buyer's form is sent.
#[derive(Clone, Debug, Default)]
pub struct FormStyle {
    /// Where the call does not say.
    pub charset: Option<Charset>,
    /// The frame, whatever the call says.
    pub target: Option<Target>,
    /// What becomes of HOOK_URL's own query.
    pub hook_query: HookQuery,
    /// Send `~OkCode`, `~TARGET` and `~CALLER` even where the call had none.
    pub sap_fields: bool,
}

/// All customers.
#[derive(Clone, Debug, Default)]
pub struct Buyers(Vec<Arc<Buyer>>);

impl Buyers {
    /// Buyers with names and usernames that differ: [`super::compile`] sees to it.
    pub(super) fn new(buyers: Vec<Arc<Buyer>>) -> Self {
        Buyers(buyers)
    }

    /// The buyer of that name.
    pub fn named(&self, name: &str) -> Option<&Arc<Buyer>> {
        self.0.iter().find(|buyer| buyer.name == name)
    }

    /// The buyer whose catalog calls carry that USERNAME.
    pub fn with_username(&self, username: &str) -> Option<&Arc<Buyer>> {
        self.0.iter().find(|buyer| buyer.username == username)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none: a proxy that only passes visitors on.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
