//! What one client may take of us: connections, bytes and time.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

/// The listener's limits. Every one has a safe default; none is off by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open client connections over all workers; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// Open connections of one client address (of one /64 network for IPv6), `trusted_proxies` excepted. `None`: no
    /// limit, for a whole company may come from one address.
    pub connections_per_address: Option<usize>,
    /// Requests under way on one HTTP/2 connection.
    pub http2_streams: u32,
    /// Also take HTTP/2 on plain listeners, from clients that begin with it unasked ("prior knowledge").
    pub http2_cleartext: bool,
    /// Names of fields go to the client as the shop wrote them, instead of in lower case.
    pub preserve_header_case: bool,
    /// Bytes of a request head, request line and fields together.
    pub head_size: usize,
    /// Fields in a request head. 100 is hyper's own default and the fastest: up to it the parser needs no heap.
    pub head_fields: usize,
    /// Bytes of a request's path and query.
    pub uri_size: usize,
    /// From the first byte of a request head to its last.
    pub head_time: Duration,
    /// How long a connection may lie idle between requests.
    pub idle: Duration,
    /// How long a connection may lie idle before its buffers are given back; it stays open.
    pub buffers_idle: Duration,
    /// Longest pause within a request body.
    pub body_idle: Duration,
    /// Bytes of a request body that is passed on to the shop. `u64::MAX`: as much as the shop takes.
    pub body_size: u64,
    /// Longest time in which a client that we answer takes no byte at all.
    pub write_idle: Duration,
    /// Longest silence in both directions of an upgraded connection (WebSocket).
    pub tunnel_idle: Duration,
    /// How long requests under way may take once a shutdown was asked for.
    pub drain: Duration,
    /// Front proxies whose `X-Forwarded-*` fields are believed and continued. Empty: nobody's.
    pub trusted_proxies: Vec<IpNet>,
}

impl Limits {
    /// Whether `address` is a front proxy's that is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 10_000,
            connections_per_address: None,
            http2_streams: 100,
            http2_cleartext: false,
            preserve_header_case: false,
            head_size: 64 * 1024,
            head_fields: 100,
            uri_size: 32 * 1024,
            head_time: Duration::from_secs(20),
            idle: Duration::from_secs(75),
            buffers_idle: Duration::from_secs(5),
            body_idle: Duration::from_secs(30),
            body_size: u64::MAX,
            write_idle: Duration::from_secs(60),
            tunnel_idle: Duration::from_secs(600),
            drain: Duration::from_secs(30),
            trusted_proxies: Vec::new(),
        }
    }
}
