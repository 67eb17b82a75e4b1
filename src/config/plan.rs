//! What will be done: the configuration, checked and compiled once.
//!
//! Workers and sessions share one `Arc<Plan>`; a reload makes a new one. Each part of a plan is a type of the module that
//! acts on it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use lol_html::Selector;
use moka::sync::Cache;
use regex::Regex;

use super::credentials::Passwords;
use super::file::{Cookies, Embed, LogFormat, LogLevel, Onward, ReturnWay};
use super::limits::Limits;
use super::tls::Tls;
use crate::cart::articles::Article;
use crate::cart::rules::Rules;
use crate::cart::unit::Units;
use crate::finding::Severities;
use crate::location::Location;
use crate::observe::record::Recording;
use crate::observe::returns::Audit;
use crate::policy::Policy;
use crate::protocol::oci::hook::Hook;
use crate::protocol::oci::{Charset, EntryNames, HookQuery, HookRule, Mapping, Target};
use crate::rewrite::controls::Controls;
use crate::rewrite::hydrated::Hydrated;
use crate::rewrite::own_name::{Name, OwnName};
use crate::secret::Secret;
use crate::shop::{Account, Emptying, Product, SignIn, Template};
use crate::upstream::{Origin, PoolLimits, Webhook};

/// The plan in force; a reload stores a new one, and the next request sees it.
pub type Plans = Arc<ArcSwap<Plan>>;

/// The whole of what this program will do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to listen, and what is spoken there.
    pub listen: Vec<Listener>,
    /// Where ops look in, if they do.
    pub admin: Option<Admin>,
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
    /// Where returned carts are written down, if they are.
    pub audit: Option<Arc<Audit>>,
    /// Where cart pages are kept, if they are.
    pub record: Option<Arc<Recording>>,
    /// When a rule that used to match is lost, and who is told.
    pub drift: Drift,
    /// The punchout that we make ourselves, to see that one can be made.
    pub canary: Canary,
}

/// See [`Plan::canary`].
#[derive(Clone, Debug)]
pub struct Canary {
    /// How often the running proxy makes one, if it does.
    pub every: Option<Duration>,
    /// As which buyer; a name that is in the plan.
    pub buyer: Option<String>,
    /// What is put into the cart.
    pub product: Option<Product>,
}

/// See [`Plan::drift`].
#[derive(Clone, Debug)]
pub struct Drift {
    /// Misses in a row.
    pub misses: u32,
    /// Who is told.
    pub webhook: Option<Webhook>,
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

/// Where ops look in.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where that is.
    pub at: AdminAddress,
    /// What they must show; only a Unix socket or a loopback address may do without.
    pub token: Option<Secret>,
}

/// See [`Admin`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// Address and port.
    Tcp(SocketAddr),
    /// A Unix socket, open to our own user.
    Unix(PathBuf),
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
    /// Cookies of an earlier stay that a session leaves alone.
    pub keep_cookies: Vec<String>,
    /// What is left out of a session's pages.
    pub hide: Vec<Selector>,
    /// What a script in a session's pages must know, where the shop's own draws them again in the browser.
    pub hydrated: Option<Hydrated>,
    /// How a person signs in; there is none only where all buyers are guests.
    pub sign_in: Option<SignIn>,
    /// The cart page's address.
    pub cart_address: String,
    /// The cart page in all its spellings.
    pub cart_pages: Vec<Location>,
    /// Where the cart's values stand.
    pub cart: Arc<Rules>,
    /// What is looked for on product pages where the cart page lacks it, and how.
    pub details: Option<Details>,
    /// A product's own page, where functions may ask for one.
    pub product: Option<Arc<Offers>>,
    /// The page of a search, where functions may ask for one.
    pub search: Option<Arc<Offers>>,
    /// How a cart is emptied, where that is known.
    pub emptying: Option<Emptying>,
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

/// How product pages are asked for what a cart page lacks. What is looked for is said in its [`Rules`].
#[derive(Clone, Debug)]
pub struct Details {
    /// The page.
    pub product: Arc<Offers>,
    /// Most of them that are asked for one cart.
    pub most: usize,
    /// At a time.
    pub at_a_time: usize,
    /// How long the end of a cart page waits for them.
    pub time: Duration,
    /// What pages have said, for all buyers, where anything is remembered. A reload begins anew: the rules may be others.
    pub remembered: Option<Cache<ProductAddress, Arc<Article>>>,
}

/// A product page as the shop tells it from others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProductAddress {
    /// The shop's name for the browser.
    pub host: String,
    /// Path and query.
    pub address: String,
    /// Accept-Language.
    pub language: Option<http::HeaderValue>,
}

/// A page that offers something, read like a cart: a line for each offer.
#[derive(Clone, Debug)]
pub struct Offers {
    /// Its address, with words in braces.
    pub address: Template,
    /// Where it is read as JSON, if not there.
    pub json: Option<Template>,
    /// Which numbers it can be asked for; all where `None`. Its named groups are words of the address.
    pub number: Option<Regex>,
    /// Where the values of an offer stand.
    pub rules: Arc<Rules>,
    /// Most offers that are taken of it.
    pub most: usize,
    /// Each is read from its own page.
    pub details: bool,
    /// How its second page is found.
    pub paging: Paging,
    /// Most pages that are read.
    pub pages: usize,
}

/// How the page is found that goes on where another ends.
#[derive(Clone, Debug)]
pub enum Paging {
    /// There is none.
    One,
    /// A link, and the attribute with its address.
    Link(Selector, String),
    /// The rules know where JSON names the address.
    Json,
    /// By its number in the address, and how many hits a full page has, where that is known.
    Counted(Option<usize>),
}

impl Offers {
    /// The address for people, for a product's number or for what is searched; none for what it cannot be asked for.
    pub fn at(&self, value: &str) -> Option<String> {
        self.filled(&self.address, value, 1)
    }

    /// The address that is read; of a search, the page of hits with that number.
    pub fn page(&self, value: &str, page: usize) -> Option<String> {
        self.filled(self.json.as_ref().unwrap_or(&self.address), value, page)
    }

    fn filled(&self, address: &Template, value: &str, page: usize) -> Option<String> {
        let groups = self.number.as_ref().map(|number| number.captures(value));
        if matches!(groups, Some(None)) {
            return None;
        }
        let encoded = |value: &str, kept| percent_encoding::utf8_percent_encode(value, kept).to_string();
        let filled = |word: &str| match (word, groups.as_ref().and_then(|groups| groups.as_ref()?.name(word))) {
            ("page", _) => page.to_string(),
            // Whoever wrote the pattern has said what a part may hold: it may be a path.
            (_, Some(part)) => encoded(part.as_str(), IN_PATH),
            _ => encoded(value, IN_ADDRESS),
        };
        let values: Vec<_> = address.words().map(|word| (word, filled(word))).collect();
        let values: Vec<_> = values.iter().map(|(word, value)| (*word, value.as_str())).collect();
        // A part may begin with a slash, and an address that begins with two is another host's.
        Some(address.fill(&values)).filter(|address| !address.starts_with("//"))
    }
}

/// What a value must not hold where it stands in a path or a query.
const IN_ADDRESS: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const IN_PATH: &percent_encoding::AsciiSet = &IN_ADDRESS.remove(b'/');

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
    /// The share of them that change nothing and only report.
    pub report_only_share: f64,
    /// Where several sidecars keep them together.
    pub store: Option<StoreAddress>,
}

/// A Valkey or Redis that several sidecars share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreAddress {
    /// `redis://` or `rediss://`, without a password.
    pub url: String,
    /// The store's own.
    pub password: Option<Secret>,
    /// By which what is in the store is encrypted.
    pub key: Secret,
    /// PEM, in place of the system's certificates.
    pub ca: Option<Vec<u8>>,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// Text or JSON.
    pub format: LogFormat,
    /// How much.
    pub level: LogLevel,
    /// A line for each request of a session.
    pub sessions: bool,
    /// A line for each visitor's request.
    pub visitors: bool,
}

/// A customer who may punch out.
#[derive(Debug)]
pub struct Buyer {
    /// Unique; in logs.
    pub name: String,
    /// The catalog call's USERNAME.
    pub username: String,
    /// The catalog call's PASSWORD.
    pub passwords: Passwords,
    /// Where its carts may go.
    pub hooks: Vec<HookRule>,
    /// Hooks that are not listed are written down, to be listed.
    pub learn_hooks: bool,
    /// Networks from which its server may call functions; empty: anywhere.
    pub functions_from: Vec<IpNet>,
    /// Its logins at the shop.
    pub accounts: Accounts,
    /// A cart to its fields.
    pub mapping: Mapping,
    /// The shop's units to its codes.
    pub units: Units,
    /// What its procurement system is called.
    pub system: String,
    /// The shop's pages get a bar with the ways back.
    pub bar: bool,
    /// Where its procurement system shows the shop.
    pub embed: Embed,
    /// Whether its sessions go on where the browser keeps no cookies.
    pub cookies: Cookies,
    /// Who may show it in a frame, as CSP has it; each session's hook may besides.
    pub framed_by: Vec<String>,
    /// Its sessions change nothing and only report.
    pub report_only: bool,
    /// How the form is sent.
    pub form: FormStyle,
    /// How grave findings are for this buyer.
    pub severities: Severities,
}

impl Buyer {
    /// Its calls carry the shop's own credentials.
    pub fn passes_through(&self) -> bool {
        matches!(self.accounts, Accounts::Passthrough)
    }

    /// Whether its server may call functions from `address`.
    pub fn calls_functions_from(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.functions_from.is_empty() || self.functions_from.iter().any(|network| network.contains(&address))
    }
}

/// How a session gets its account at the shop.
pub enum Accounts {
    /// One of these, at least one, for itself alone.
    Pool(Vec<Account>),
    /// This one, whoever else has it: the shop keeps a cart for each session of its own.
    Shared(Account),
    /// One for each person, by rules over the catalog call's parameters. A person's new session ends the earlier one.
    PerUser {
        /// The rule for the user name; its words are `parameter.` and a parameter's name.
        username: Template,
        /// The rule for the password.
        password: Template,
    },
    /// The catalog call's USERNAME and PASSWORD are the shop's own, and the shop judges them.
    Passthrough,
    /// Nobody signs in.
    Guest,
}

impl Accounts {
    /// An account that can be signed in with outside of any session, where there is one.
    pub fn known(&self) -> Option<&Account> {
        match self {
            Accounts::Pool(accounts) => accounts.first(),
            Accounts::Shared(account) => Some(account),
            Accounts::PerUser { .. } | Accounts::Passthrough | Accounts::Guest => None,
        }
    }
}

impl fmt::Debug for Accounts {
    /// The strategy alone: the rule for a password may be the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Accounts::Pool(_) => "Pool",
            Accounts::Shared(_) => "Shared",
            Accounts::PerUser { .. } => "PerUser",
            Accounts::Passthrough => "Passthrough",
            Accounts::Guest => "Guest",
        })
    }
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
    /// How the buyer goes back without a cart, where the call does not say.
    pub cancel: Cancel,
    /// A cart that was sent may be sent again.
    pub again: bool,
}

/// How a buyer goes back without a cart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cancel {
    /// The form without a cart goes to the hook: OCI's way.
    #[default]
    Post,
    /// To this address.
    Link(String),
    /// Nobody is told.
    None,
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
        self.0.iter().filter(|buyer| !buyer.passes_through()).find(|buyer| buyer.username == username)
    }

    /// The first buyer whose calls carry the shop's own credentials, and whose carts may go to that hook.
    pub fn passing_through(&self, hook: &Hook) -> Option<&Arc<Buyer>> {
        self.0.iter().filter(|buyer| buyer.passes_through()).find(|buyer| hook.allowed_by(&buyer.hooks).is_ok())
    }

    /// All of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Buyer>> {
        self.0.iter()
    }

    /// Whether any of them shows the shop in a frame.
    pub fn any_framed(&self) -> bool {
        self.0.iter().any(|buyer| buyer.embed == Embed::Iframe)
    }

    /// How many passwords a caller's is compared with at the most; see [`Passwords::hold`].
    pub fn looks(&self) -> usize {
        self.0.iter().map(|buyer| buyer.passwords.count()).max().unwrap_or(1)
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
