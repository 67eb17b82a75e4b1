//! What one request carries on its way down.

use std::cell::OnceCell;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use http::HeaderValue;

use crate::config::Plan;
use crate::upstream::Pool;

/// The plan in force and the worker's connections to its shop. Replaced as one on a reload, so that a request never
/// sees half of each.
#[derive(Clone)]
pub struct Shop {
    /// The configuration.
    pub plan: Arc<Plan>,
    /// Connections to its origin.
    pub pool: Rc<Pool>,
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
    id: OnceCell<CorrelationId>,
}

/// Eight characters that name a request on a problem page and in the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CorrelationId([u8; 8]);

impl Client {
    /// A client at `peer`.
    pub fn new(peer: SocketAddr, secure: bool, trusted: bool) -> Self {
        let address = peer.ip().to_canonical().to_string();
        let address = HeaderValue::from_str(&address).expect("an IP address is written in visible ASCII");
        Client { peer, secure, trusted, address }
    }
}

impl Exchange {
    /// A request of `client` to `shop`.
    pub fn new(shop: Rc<Shop>, client: Rc<Client>) -> Self {
        Exchange { shop, client, id: OnceCell::new() }
    }

    /// The plan this request is served by, from beginning to end.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.shop.plan
    }

    /// The worker's connections to the shop.
    pub fn pool(&self) -> &Rc<Pool> {
        &self.shop.pool
    }

    /// Who asked.
    pub fn client(&self) -> &Rc<Client> {
        &self.client
    }

    /// The other end of the connection.
    pub fn peer(&self) -> SocketAddr {
        self.client.peer
    }

    /// The client came over TLS.
    pub fn secure(&self) -> bool {
        self.client.secure
    }

    /// The request's name, made when first asked for: visitors never pay for it.
    pub fn id(&self) -> CorrelationId {
        *self.id.get_or_init(CorrelationId::random)
    }
}

impl Clone for Exchange {
    /// Both carry the same id from here on.
    fn clone(&self) -> Self {
        Exchange { shop: self.shop.clone(), client: self.client.clone(), id: OnceCell::from(self.id()) }
    }
}

impl CorrelationId {
    fn random() -> Self {
        let mut random = [0; 5];
        // Without randomness the id only names less well: it guards nothing.
        if getrandom::fill(&mut random).is_err() {
            random.copy_from_slice(&std::process::id().to_be_bytes().repeat(2)[..5]);
        }
        let mut text = [0; 8];
        BASE32_NOPAD.encode_mut(&random, &mut text);
        CorrelationId(text)
    }

    /// Eight characters of A-Z and 2-7.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("base32 is ASCII")
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_eight_base32_characters_and_differ() {
        let (one, other) = (CorrelationId::random(), CorrelationId::random());
        assert_ne!(one, other);
        assert!(one.as_str().bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')));
    }

    #[test]
    fn a_mapped_ipv6_address_is_written_as_the_ipv4_address_it_is() {
        let client = Client::new("[::ffff:192.0.2.7]:1".parse().unwrap(), false, false);
        assert_eq!(client.address, "192.0.2.7");
    }
}
