//! What a listener may be told beyond its address, and where else a shop may be.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use common::pages::shop_pages;
use common::tls::Client;
use common::{Proxy, Shop, Wire, eventually, ok};
use punchout_proxy::config::plan::Listener;
use punchout_proxy::config::tls::{Pair, Tls};
use punchout_proxy::upstream::{Origin, Trust};

/// Where `trusted` send a PROXY header.
fn announced(shop: SocketAddr, trusted: &str) -> Proxy {
    Proxy::with(shop, |plan| {
        plan.listen[0].proxy_protocol = true;
        plan.limits.trusted_proxies = vec![trusted.parse().unwrap()];
        plan.limits.head_time = Duration::from_millis(500);
    })
}

fn v2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let length = (addresses.len() as u16).to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[0x20 | command, family][..], &length, addresses].concat()
}

#[test]
fn the_client_is_the_one_that_a_trusted_proxy_names() {
    let shop = Shop::start(shop_pages);
    let proxy = announced(shop.address, "127.0.0.0/8");
    let v6 = [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[7], &[0; 15], &[1], &[0x30, 0x39, 0, 80]].concat();
    for (header, client) in [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 80\r\n".to_vec(), "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 ::1 12345 80\r\n".to_vec(), "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (v2(1, 0x11, &[192, 0, 2, 9, 198, 51, 100, 1, 0x30, 0x39, 0, 80]), "192.0.2.9"),
        (v2(1, 0x21, &v6), "2001:db8::7"),
        // With an extra field (ALPN), and as a health check.
        (v2(1, 0x11, &[192, 0, 2, 9, 198, 51, 100, 1, 0x30, 0x39, 0, 80, 1, 0, 2, b'h', b'2']), "192.0.2.9"),
        (v2(0, 0, &[]), "127.0.0.1"),
    ] {
        // In one piece with the request, and byte by byte: not one byte of the request is taken for the header.
        for piece in [usize::MAX, 1] {
            let mut wire = proxy.connect();
            for part in header.chunks(piece.min(header.len())) {
                wire.send(part).unwrap();
            }
            let said = String::from_utf8_lossy(&header).into_owned();
            let answer = wire.ask("GET", "/", "X-Forwarded-For: 10.9.9.9\r\n").unwrap();
            assert_eq!(answer.head.status(), 200, "{said}");
            let told = shop.last().get("x-forwarded-for").unwrap().to_owned();
            // Whoever is named is not trusted for being named; a proxy that names nobody speaks for itself.
            let expected = if client == "127.0.0.1" { "10.9.9.9, 127.0.0.1" } else { client };
            assert_eq!(told, expected, "{said}");
        }
    }
}

#[test]
fn what_is_no_proxy_header_from_a_trusted_proxy_ends_the_connection() {
    let shop = Shop::start(shop_pages);
    let proxy = announced(shop.address, "127.0.0.1/32");
    let endless = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
    for header in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"PROXY TCP4 nonsense\r\n\r\n",
        &endless,
        b"PROXY TC",
        &v2(1, 0x11, &[1, 2, 3]),
        &[&v2(1, 0x11, &[])[..14], &[0xff, 0xff]].concat(),
    ] {
        let mut wire = proxy.connect();
        wire.send(header).unwrap();
        assert!(wire.is_closed(), "{}", String::from_utf8_lossy(header));
    }
    assert_eq!(shop.seen(), 0);
}

#[test]
fn nobody_else_can_name_a_client() {
    let shop = Shop::start(shop_pages);
    let proxy = announced(shop.address, "10.0.0.0/8");
    let mut wire = proxy.connect();
    wire.send("PROXY TCP4 192.0.2.7 198.51.100.1 1 80\r\n").unwrap();
    let said = wire.rest().unwrap();
    assert!(said.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&said));
    assert_eq!(proxy.connect().ask("GET", "/", "").unwrap().head.status(), 200);
    assert_eq!(shop.last().all("x-forwarded-for"), ["127.0.0.1"]);
}

#[test]
fn a_proxy_header_comes_before_tls() {
    let shop = Shop::start(shop_pages);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/tls");
    let pair = Pair { certificate: folder.join("shop.pem"), key: folder.join("shop.key") };
    let proxy = Proxy::with(shop.address, |plan| {
        plan.listen = vec![Listener { tls: true, proxy_protocol: true, ..plan.listen[0] }];
        plan.tls = Some(Tls::load(vec![pair]).unwrap());
        plan.limits.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    });
    let mut client = Client::announced(proxy.address, "localhost", b"PROXY TCP4 192.0.2.7 198.51.100.1 1 443\r\n");
    assert!(client.ask("").starts_with("HTTP/1.1 200"));
    assert_eq!(shop.last().all("x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(shop.last().all("x-forwarded-proto"), ["https"]);
}

#[test]
fn one_address_has_so_many_connections_and_no_more() {
    let shop = Shop::start(shop_pages);
    let limit = |trusted: bool| {
        Proxy::with(shop.address, |plan| {
            plan.limits.connections_per_address = Some(3);
            plan.limits.trusted_proxies = trusted.then(|| "127.0.0.1/32".parse().unwrap()).into_iter().collect();
        })
    };
    let proxy = limit(false);
    let ask = |wire: &mut Wire| wire.ask("GET", "/", "").is_ok_and(|answer| answer.head.status() == 200);
    let mut open: Vec<_> = (0..3).map(|_| proxy.connect()).collect();
    assert!(open.iter_mut().all(ask));
    assert!(proxy.connect().is_closed());
    assert!(open.iter_mut().all(ask), "those that are there stay");
    open.pop();
    eventually("another one after one has ended", || ask(&mut proxy.connect()));

    let proxy = limit(true);
    let mut many: Vec<_> = (0..10).map(|_| proxy.connect()).collect();
    assert!(many.iter_mut().all(ask), "a front proxy's are those of all its clients");
}

#[test]
fn behind_a_proxy_header_the_named_client_is_counted() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::with(shop.address, |plan| {
        plan.listen[0].proxy_protocol = true;
        plan.limits.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        plan.limits.connections_per_address = Some(1);
    });
    let connect = |client: &str| {
        let mut wire = proxy.connect();
        wire.send(format!("PROXY TCP4 {client} 198.51.100.1 1 80\r\n")).unwrap();
        let served = wire.ask("GET", "/", "").is_ok();
        (wire, served)
    };
    let (_first, served) = connect("192.0.2.1");
    assert!(served);
    assert!(!connect("192.0.2.1").1);
    assert!(connect("192.0.2.2").1);
}

/// Connects, sends a request and gives the answer's head as it was written.
fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn names_of_fields_keep_their_case_where_the_shop_cares() {
    for preserve in [false, true] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let shop = listener.local_addr().unwrap();
        let heads = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut heads = Vec::new();
            // The second request on this connection is lost, so that it is sent again on another.
            for _ in 0..2 {
                let mut head = [0; 4096];
                let count = stream.read(&mut head).unwrap();
                heads.push(String::from_utf8_lossy(&head[..count]).into_owned());
                if heads.len() == 1 {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nX-ShOp: 1\r\nCoNtent-LengTH: 2\r\n\r\nok").unwrap();
                }
            }
            drop(stream);
            let mut stream = listener.accept().unwrap().0;
            let mut head = [0; 4096];
            let count = stream.read(&mut head).unwrap();
            heads.push(String::from_utf8_lossy(&head[..count]).into_owned());
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
            heads
        });
        let proxy = Proxy::with(shop, |plan| {
            plan.limits.preserve_header_case = preserve;
            plan.pool.preserve_header_case = preserve;
        });
        let request = "GET / HTTP/1.1\r\nHost: a\r\nX-MiNe: 1\r\nConnection: close\r\n\r\n";
        let answer = raw(proxy.address, request);
        raw(proxy.address, request);
        for head in heads.join().unwrap() {
            assert_eq!(head.contains("X-MiNe: 1"), preserve, "{head}");
            assert_eq!(head.contains("x-mine: 1"), !preserve, "{head}");
        }
        assert_eq!(answer.contains("X-ShOp: 1"), preserve, "{answer}");
    }
}

#[test]
fn a_shop_behind_a_unix_socket_is_a_shop() {
    let path = std::env::temp_dir().join(format!("punchout-proxy-shop-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut head = vec![0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut head) {
                    let _ = stream.write_all(&ok(&head[..count]));
                }
            });
        }
    });
    let origin = Origin::unix(&path, "shop.example").unwrap();
    let proxy = Proxy::with("127.0.0.1:1".parse().unwrap(), |plan| plan.origin = origin);
    let mut client = proxy.connect();
    for _ in 0..3 {
        let answer = client.ask("GET", "/a", "").unwrap();
        let seen = String::from_utf8(answer.body).unwrap();
        assert!(seen.starts_with("GET /a HTTP/1.1\r\nhost: shop.example\r\n"), "{seen}");
    }
    // Nobody's Host belongs to an HTTP/1.0 request without one: the shop gets its own name.
    let old = raw(proxy.address, "GET /b HTTP/1.0\r\n\r\n");
    assert!(old.contains("host: shop.example"), "{old}");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(proxy.connect().ask("GET", "/a", "").unwrap().head.status(), 200, "by the connection that is open");
}

#[test]
fn a_shop_that_is_not_there_behind_its_socket_is_a_502() {
    let origin = Origin::unix("/nowhere/shop.sock", "shop.example").unwrap();
    let proxy = Proxy::with("127.0.0.1:1".parse().unwrap(), |plan| plan.origin = origin);
    assert_eq!(proxy.connect().ask("GET", "/", "").unwrap().head.status(), 502);
}

#[test]
fn origins_with_another_trust_share_no_connections() {
    let url = "https://127.0.0.1:1".parse().unwrap();
    let checked = Origin::from_url(&url).unwrap();
    let unchecked = Origin::trusting(&url, &Trust::DangerAnybody).unwrap();
    assert_ne!(checked, unchecked);
    assert_eq!(checked, Origin::from_url(&url).unwrap());
}
