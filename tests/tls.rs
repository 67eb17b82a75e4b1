//! Visitors over TLS: which certificate they get, what the shop learns, and how a renewed certificate takes its place.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::pages::shop_pages;
use common::tls::Client;
use common::{PATIENCE, Proxy, Shop, ok};
use punchout_proxy::config::plan::Listener;
use punchout_proxy::config::tls::{Pair, Tls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// For `localhost` and 127.0.0.1.
const SHOP: &str = "shop";
/// For `other.example` and the names below it.
const OTHER: &str = "other";

fn pair(name: &str) -> Pair {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/tls");
    Pair { certificate: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) }
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(pair(name).certificate).unwrap()
}

fn before(shop: SocketAddr, pairs: Vec<Pair>) -> Proxy {
    Proxy::with(shop, |plan| {
        plan.listen = vec![Listener { tls: true, ..plan.listen[0] }, plan.listen[0]];
        plan.tls = Some(Tls::load(pairs).unwrap());
    })
}

#[test]
fn a_visitor_over_tls_gets_the_shop_and_the_shop_learns_of_it() {
    let shop = Shop::start(shop_pages);
    let proxy = before(shop.address, vec![pair(SHOP)]);
    for versions in [[&rustls::version::TLS13], [&rustls::version::TLS12]] {
        let mut client = Client::speaking(proxy.address, "localhost", &versions, &[b"http/1.1"]);
        for _ in 0..3 {
            assert!(client.ask("X-Forwarded-Proto: http\r\n").starts_with("HTTP/1.1 200 OK"));
        }
        assert_eq!(client.0.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(shop.last().all("x-forwarded-proto"), ["https"]);
    }
    let plain = proxy.running.addresses()[1];
    let answer = common::Wire::connect(plain).ask("GET", "/", "").unwrap();
    assert_eq!(answer.head.status(), 200, "the plain listener beside it");
    assert_eq!(shop.last().all("x-forwarded-proto"), ["http"]);
}

#[test]
fn a_websocket_passes_both_ways_over_tls() {
    let shop = Shop::start(|wire, _| {
        wire.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi")?;
        loop {
            let message = wire.exactly(4)?;
            wire.send(message)?;
        }
    });
    let proxy = before(shop.address, vec![pair(SHOP)]);
    // As browsers offer it: HTTP/1.1 alone, for a WebSocket.
    let mut client = Client::speaking(proxy.address, "localhost", rustls::ALL_VERSIONS, &[b"http/1.1"]).0;
    let asked = "GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.write_all(asked.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    let mut glued = [0; 2];
    client.read_exact(&mut glued).unwrap();
    assert_eq!(&glued, b"hi");
    for number in 0..50 {
        let message = format!("{number:04}");
        client.write_all(message.as_bytes()).unwrap();
        let mut echo = [0; 4];
        client.read_exact(&mut echo).unwrap();
        assert_eq!(echo, message.as_bytes());
    }
}

#[test]
fn who_offers_http_2_gets_it() {
    let shop = Shop::start(shop_pages);
    let proxy = before(shop.address, vec![pair(SHOP)]);
    let mut client = Client::speaking(proxy.address, "localhost", rustls::ALL_VERSIONS, &[b"http/1.1", b"h2"]);
    assert_eq!(client.0.conn.alpn_protocol(), Some(&b"h2"[..]));
    let (empty_settings, get_root) = (b"\0\0\0\x04\0\0\0\0\0", b"\0\0\x06\x01\x05\0\0\0\x01\x82\x87\x84\x01\x01a");
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    client.0.write_all(&[&preface[..], empty_settings, get_root].concat()).unwrap();
    let (headers, data) = (1, 0);
    let mut seen = Vec::new();
    while !seen.contains(&data) {
        let mut head = [0; 9];
        client.0.read_exact(&mut head).unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        client.0.read_exact(&mut payload).unwrap();
        seen.push(head[3]);
    }
    assert!(seen.contains(&headers));
    assert_eq!(shop.last().all("x-forwarded-proto"), ["https"]);
}

#[test]
fn over_tls_the_session_cookie_is_the_one_that_no_other_site_can_plant() {
    let shop = Shop::start(shop_pages);
    let proxy = before(shop.address, vec![pair(SHOP)]);
    let id = "A".repeat(22);
    let over = Client::connect(proxy.address, "localhost").ask(&format!("Cookie: __Host-punchout={id}\r\n"));
    assert!(over.starts_with("HTTP/1.1 410"), "{over}");
    assert!(over.contains("set-cookie: __Host-punchout=;") && over.contains("Secure"), "{over}");
    let plain = Client::connect(proxy.address, "localhost").ask(&format!("Cookie: punchout={id}\r\n"));
    assert!(plain.starts_with("HTTP/1.1 200"), "the cookie of plain http is worth nothing: {plain}");
}

#[test]
fn the_name_that_a_client_asks_for_chooses_the_certificate() {
    let shop = Shop::start(shop_pages);
    let proxy = before(shop.address, vec![pair(SHOP), pair(OTHER)]);
    for (name, expected) in [
        ("localhost", SHOP),
        ("other.example", OTHER),
        ("www.other.example", OTHER),
        ("unknown.example", SHOP),
        ("127.0.0.1", SHOP),
    ] {
        let client = Client::connect(proxy.address, name);
        assert_eq!(client.certificate(), &certificate(expected), "{name}");
    }
}

#[test]
fn what_speaks_no_tls_on_a_tls_listener_is_let_go_and_harms_nobody() {
    let shop = Shop::start(shop_pages);
    let proxy = before(shop.address, vec![pair(SHOP)]);
    let mut plain = proxy.connect();
    plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(plain.rest().is_ok_and(|said| !said.starts_with(b"HTTP")), "an alert at most");
    let silent = Proxy::with(shop.address, |plan| {
        plan.listen = vec![Listener { tls: true, ..plan.listen[0] }];
        plan.tls = Some(Tls::load(vec![pair(SHOP)]).unwrap());
        plan.limits.head_time = Duration::from_millis(100);
    });
    assert!(silent.connect().is_closed(), "no handshake within `head_time`");
    assert!(Client::connect(proxy.address, "localhost").ask("").starts_with("HTTP/1.1 200"));
}

/// A folder of certificates that a test may change.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("punchout-proxy-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn pair(&self) -> Pair {
        Pair { certificate: self.0.join("tls.pem"), key: self.0.join("tls.key") }
    }

    fn hold(&self, name: &str) {
        // As certbot does: a new file under the old name.
        for (from, to) in [(pair(name).certificate, self.pair().certificate), (pair(name).key, self.pair().key)] {
            let new = to.with_extension("new");
            std::fs::copy(from, &new).unwrap();
            std::fs::rename(new, to).unwrap();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_renewed_certificate_is_taken_and_a_broken_one_is_not_while_requests_go_on() {
    let shop = Shop::start(|wire, _| {
        wire.send(ok("page"))?;
        Ok(true)
    });
    let folder = Folder::new("renewed");
    folder.hold(SHOP);
    let proxy = before(shop.address, vec![folder.pair()]);
    let address = proxy.address;
    let mut old = Client::connect(address, "localhost");
    assert_eq!(old.certificate(), &certificate(SHOP));
    let until = |what: &str, expected: &CertificateDer<'_>| {
        let begin = Instant::now();
        let mut asked = 0;
        loop {
            // Each is a new connection with a new handshake; one that failed would end the test.
            let mut client = Client::connect(address, "localhost");
            assert!(client.ask("").starts_with("HTTP/1.1 200"));
            asked += 1;
            if client.certificate() == expected {
                return asked;
            }
            assert!(begin.elapsed() < PATIENCE, "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    folder.hold(OTHER);
    until("the new certificate", &certificate(OTHER));
    assert!(old.ask("").starts_with("HTTP/1.1 200"), "a connection keeps what it has");

    // A key that is another certificate's, as between the two writes of a renewal; then one that is none.
    std::fs::copy(pair(SHOP).key, folder.pair().key).unwrap();
    std::thread::sleep(Duration::from_secs(5));
    until("the last good certificate", &certificate(OTHER));
    std::fs::copy(pair(SHOP).certificate, folder.pair().certificate).unwrap();
    until("the pair that fits again", &certificate(SHOP));
    assert!(old.ask("").starts_with("HTTP/1.1 200"));
}

#[test]
fn pairs_that_do_not_fit_are_told_each_by_itself() {
    let wrong = Pair { key: pair(OTHER).key, ..pair(SHOP) };
    let missing = Pair { certificate: "/nowhere/tls.pem".into(), ..pair(SHOP) };
    let no_key = Pair { key: pair(SHOP).certificate, ..pair(SHOP) };
    let faults = Tls::load(vec![wrong, pair(SHOP), missing, no_key]).unwrap_err();
    let numbers: Vec<_> = faults.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 2, 3]);
    assert!(faults[0].1.contains("other.key: is not the key of"), "{faults:?}");
    assert!(faults[1].1.starts_with("/nowhere/tls.pem: "), "{faults:?}");
    assert!(faults[2].1.contains("no private key"), "{faults:?}");
}
