//! What one request carries on its way down.

use std::cell::{Cell, OnceCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use ipnet::IpNet;

use crate::config::Plan;
use crate::observe::metrics::Lane;
use crate::observe::{Metrics, Watch};
use crate::session::Session;
use crate::session::address::Root;
use crate::session::entrance::Entrance;
use crate::session::id::{Reference, SessionId};
use crate::session::seal::Seal;
use crate::session::store::Store;
use crate::upstream::Pool;

/// The plan in force and the worker's connections to its shop. Replaced as one on a reload, so that a request never
/// sees half of each.
#[derive(Clone)]
pub struct Shop {
    /// The configuration.
    pub plan: Arc<Plan>,
    /// Connections to its origin.
    pub pool: Rc<Pool>,
    /// The open sessions; all workers share them.
    pub sessions: Store,
    /// How often somebody may try to begin one; all workers share it.
    pub entrance: Arc<Entrance>,
    /// What ops see; all workers share it.
    pub watch: Watch,
    /// The worker's own count of visitors' requests.
    pub lane: Arc<Lane>,
}

/// One client connection.
#[derive(Debug)]
pub struct Client {
    /// The other end of the connection (a front proxy, where one stands before us).
    pub peer: SocketAddr,
    /// The client came over TLS.
    pub secure: bool,
    /// The peer is one of `trusted_proxies`.
    pub trusted: bool,
    /// The peer's address as X-Forwarded-For has it, written once for the connection.
    pub address: HeaderValue,
}

/// One request and what serves it. Making one copies two reference counts.
pub struct Exchange {
    shop: Rc<Shop>,
    client: Rc<Client>,
    secure: bool,
    reference: OnceCell<Reference>,
    root: Option<Root>,
    course: Cell<Course>,
}

/// How far a request has come, for the line that is logged of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Course {
    /// It is a visitor's no more: a session's, a catalog call, or for a page of ours.
    pub punchout: bool,
    /// How long it waited for a connection to the shop.
    pub connect: Option<Duration>,
    /// How long the shop took to begin its answer, that wait included.
    pub first_byte: Option<Duration>,
}

impl Client {
    /// A client at `peer`.
    pub fn new(peer: SocketAddr, secure: bool, trusted: bool) -> Self {
        let address = peer.ip().to_canonical().to_string();
        let address = HeaderValue::from_str(&address).expect("an IP address is written in visible ASCII");
        Client { peer, secure, trusted, address }
    }

    /// X-Forwarded-For for a request with these headers: the client's address, after the chain that a trusted front
    /// proxy sent. The last address of the last line is the one that counts, so all lines become one.
    pub fn forwarded_for(&self, headers: &HeaderMap) -> HeaderValue {
        const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
        if !self.trusted || !headers.contains_key(X_FORWARDED_FOR) {
            return self.address.clone();
        }
        let mut chain = Vec::new();
        for line in headers.get_all(X_FORWARDED_FOR) {
            chain.extend_from_slice(line.as_bytes());
            chain.extend_from_slice(b", ");
        }
        chain.extend_from_slice(self.address.as_bytes());
        // Field values joined by a comma and a blank are a field value; if not, the one we know is said.
        HeaderValue::from_maybe_shared(bytes::Bytes::from(chain)).unwrap_or_else(|_| self.address.clone())
    }
}

impl Client {
    /// The browser came over TLS: to us, or to a trusted front proxy that says so. Of several proxies' words the last counts,
    /// as with addresses: the first may be made up.
    fn asked_securely(&self, headers: &HeaderMap) -> bool {
        let told = || headers.get_all("x-forwarded-proto").iter().next_back();
        let last = |value: &HeaderValue| {
            value
                .as_bytes()
                .rsplit(|byte| *byte == b',')
                .next()
                .is_some_and(|word| word.trim_ascii().eq_ignore_ascii_case(b"https"))
        };
        self.secure || (self.trusted && told().is_some_and(last))
    }

    /// The address of the browser or server that asked: the last in the chain that no front proxy of ours wrote itself.
    pub fn asked_from(&self, headers: &HeaderMap, trusted_proxies: &[IpNet]) -> IpAddr {
        let peer = self.peer.ip().to_canonical();
        if !self.trusted {
            return peer;
        }
        let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        let hops = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for hop in hops {
            let Some(address) = read_hop(hop) else {
                // What cannot be read was written by whom we do not trust, and so was all before it.
                let hop = String::from_utf8_lossy(hop).chars().take(64).collect::<String>().escape_debug().to_string();
                tracing::warn!(%peer, hop, "X-Forwarded-For of a trusted proxy has no address there: the proxy's own is taken");
                return peer;
            };
            if !trusted_proxies.iter().any(|net| net.contains(&address)) {
                return address;
            }
        }
        peer
    }
}

/// An address as X-Forwarded-For has it: some front proxies write its port too, some brackets or quotes around it.
fn read_hop(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let hop = hop.strip_prefix('"').and_then(|hop| hop.strip_suffix('"')).unwrap_or(hop);
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

impl Exchange {
    /// A request of `client` to `shop` with these headers.
    pub fn new(shop: Rc<Shop>, client: Rc<Client>, headers: &HeaderMap) -> Self {
        let secure = shop.plan.public.as_ref().is_some_and(|public| public.secure) || client.asked_securely(headers);
        Exchange { shop, client, secure, reference: OnceCell::new(), root: None, course: Cell::default() }
    }

    /// Takes the root of a session off the request's address, where the session is carried by that.
    pub fn take_root(&mut self, address: &mut Uri) {
        self.root = Root::take_off(&self.shop.plan.prefix, address);
    }

    /// What the session's addresses begin with, where it is carried by them.
    pub fn root(&self) -> Option<&Root> {
        self.root.as_ref()
    }

    /// A path of the shop's or ours as the browser must have it to stay in its session.
    pub fn at(&self, path: &str) -> String {
        self.root.as_ref().map_or_else(|| path.to_owned(), |root| root.at(path))
    }

    /// The plan this request is served by, from beginning to end.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.shop.plan
    }

    /// All that serves it.
    pub fn shop(&self) -> &Rc<Shop> {
        &self.shop
    }

    /// The worker's connections to the shop.
    pub fn pool(&self) -> &Rc<Pool> {
        &self.shop.pool
    }

    /// The open sessions.
    pub fn sessions(&self) -> &Store {
        &self.shop.sessions
    }

    /// The seal on the shop's cookies in the browser of session `id`.
    pub fn seal(&self, id: SessionId) -> Seal<'_> {
        Seal::of(id, &self.shop.plan.shop.seal_cookies)
    }

    /// How often somebody may try to begin a session.
    pub fn entrance(&self) -> &Arc<Entrance> {
        &self.shop.entrance
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.shop.watch.metrics
    }

    /// Who asked.
    pub fn client(&self) -> &Rc<Client> {
        &self.client
    }

    /// The other end of the connection.
    pub fn peer(&self) -> SocketAddr {
        self.client.peer
    }

    /// The visitor's browser speaks https: to us, or to a front proxy, as `public` or a trusted one's X-Forwarded-Proto says.
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// How far it has come.
    pub fn course(&self) -> &Cell<Course> {
        &self.course
    }

    /// What stands on a problem page and in the log beside it: the session's reference where there is a session, else made
    /// when first asked for. Visitors never pay for it.
    pub fn reference(&self) -> Reference {
        *self.reference.get_or_init(Reference::random)
    }
}

impl Exchange {
    /// From here on the request is called by its session's reference.
    pub fn belongs_to(&self, session: &Session) {
        // It was set before only where the request was already a session's.
        let _ = self.reference.set(session.reference);
    }
}

impl Clone for Exchange {
    /// Both carry the same reference from here on.
    fn clone(&self) -> Self {
        let reference = OnceCell::from(self.reference());
        let (shop, client, course) = (self.shop.clone(), self.client.clone(), self.course.clone());
        Exchange { shop, client, secure: self.secure, reference, root: self.root.clone(), course }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_ipv6_address_is_written_as_the_ipv4_address_it_is() {
        let client = Client::new("[::ffff:192.0.2.7]:1".parse().unwrap(), false, false);
        assert_eq!(client.address, "192.0.2.7");
    }

    #[test]
    fn only_a_trusted_front_proxy_says_that_the_browser_speaks_https() {
        let asked = |trusted, words: &[&'static str]| {
            let lines = words.iter().map(|word| HeaderValue::from_static(word));
            let headers: HeaderMap = lines.map(|line| (HeaderName::from_static("x-forwarded-proto"), line)).collect();
            Client::new("10.0.0.1:1".parse().unwrap(), false, trusted).asked_securely(&headers)
        };
        assert!(asked(true, &["https"]) && asked(true, &["http, HTTPS"]) && asked(true, &["http", "https"]));
        assert!(!asked(false, &["https"]), "anybody can say that");
        assert!(!asked(true, &["https, http"]) && !asked(true, &["http"]) && !asked(true, &[]));
    }

    #[test]
    fn the_one_who_asked_is_the_last_whom_no_front_proxy_of_ours_stands_for() {
        let nets = ["10.0.0.0/8".parse().unwrap()];
        let asked_from = |trusted, lines: &[&'static str]| {
            let lines = lines.iter().map(|line| HeaderValue::from_static(line));
            let headers: HeaderMap = lines.map(|line| (HeaderName::from_static("x-forwarded-for"), line)).collect();
            Client::new("10.0.0.1:1".parse().unwrap(), false, trusted).asked_from(&headers, &nets).to_string()
        };
        assert_eq!(asked_from(false, &["192.0.2.1"]), "10.0.0.1", "anybody can say that");
        assert_eq!(asked_from(true, &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(asked_from(true, &["203.0.113.9, 192.0.2.1", "10.0.0.2"]), "192.0.2.1", "the first may be made up");
        assert_eq!(asked_from(true, &["192.0.2.1, unknown"]), "10.0.0.1");
        assert_eq!(asked_from(true, &[]), "10.0.0.1");
        // As ARR, Azure's gateway and others write it.
        for (written, address) in [
            ("203.0.113.7:5123", "203.0.113.7"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:5123", "2001:db8::1"),
            ("\"[2001:db8::1]:5123\"", "2001:db8::1"),
            ("\"203.0.113.7\"", "203.0.113.7"),
            ("[::ffff:203.0.113.7]:1", "203.0.113.7"),
            ("192.0.2.1, 10.0.0.2:81", "192.0.2.1"),
            ("[203.0.113.7", "10.0.0.1"),
            ("203.0.113.7:99999", "10.0.0.1"),
            ("_hidden", "10.0.0.1"),
        ] {
            assert_eq!(asked_from(true, &[written]), address, "{written}");
        }
    }
}
