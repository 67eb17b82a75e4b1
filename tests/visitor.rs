//! What an ordinary visitor meets: the shop, and nothing else.

mod common;

use std::time::Duration;

use common::pages::shop_pages;
use common::{Answer, Fields, Proxy, Shop, Wire, ok};

/// What must be the same with and without the proxy: all but what belongs to one hop. The order of fields counts only
/// among those of one name (RFC 9110, section 5.3).
fn visible(answer: Answer) -> (u16, Fields, Vec<u8>, Fields) {
    let hop = ["connection", "keep-alive", "transfer-encoding"];
    let fields = answer.head.fields.iter().filter(|(name, _)| !hop.contains(&name.as_str()));
    let mut fields: Fields = fields.cloned().collect();
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    (answer.head.status(), fields, answer.body, answer.trailers)
}

#[test]
fn a_whole_visit_is_the_same_with_and_without_the_proxy() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::before(shop.address);
    let mut through = proxy.connect();
    for (method, target, more) in [
        ("GET", "/", "Cookie: a=\"b\"; c\r\nAccept-Encoding: gzip, br\r\n"),
        ("GET", "/large", ""),
        ("GET", "/gzip", ""),
        ("GET", "/range", "Range: bytes=2-4\r\n"),
        ("GET", "/trailers", "TE: trailers\r\nConnection: TE\r\n"),
        ("GET", "/until-close", ""),
        ("GET", "/none", ""),
        ("GET", "/unchanged", "If-None-Match: \"x\"\r\n"),
        ("GET", "/moved", ""),
        ("HEAD", "/head", ""),
        ("POST", "/echo", "Content-Length: 3\r\n\r\nabc"),
        ("PUT", "/echo", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"),
        ("GET", "/echo", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"),
        ("DELETE", "/echo", ""),
        ("GET", "/a%2Fb/../c?x=%7E&y=a+b;c", ""),
    ] {
        // The extra CRLF that `ask` sends after a body is an empty line before the next request, which is ignored.
        let direct = Wire::connect(shop.address).ask(method, target, more).unwrap();
        let proxied = through.ask(method, target, more).unwrap();
        assert_eq!(proxied.head.start.split(' ').nth(2), direct.head.start.split(' ').nth(2), "{target}");
        assert_eq!(visible(proxied), visible(direct), "{method} {target}");
    }
}

#[test]
fn the_shop_learns_who_asks_and_gets_the_rest_as_it_was_sent() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::before(shop.address);
    proxy
        .connect()
        .ask("GET", "/", "Cookie: a=1\r\nCookie: b=2\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: X-Mine\r\nX-Mine: 1\r\nAccept: */*\r\n")
        .unwrap();
    let head = shop.last();
    let sent: Vec<_> =
        head.fields.iter().map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap())).collect();
    let mut sent = sent;
    sent.sort_unstable();
    let expected = [
        ("accept", "*/*"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("host", "shop.example"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-proto", "http"),
    ];
    assert_eq!(sent, expected);
}

#[test]
fn one_connection_to_the_shop_serves_many_requests() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::before(shop.address);
    for _ in 0..5 {
        let mut client = proxy.connect();
        for _ in 0..5 {
            assert_eq!(client.ask("GET", "/", "").unwrap().head.status(), 200);
            assert_eq!(client.ask("POST", "/echo", "Content-Length: 1\r\n\r\nx").unwrap().body, b"POST x");
        }
    }
    assert_eq!(shop.connections(), 1);
}

#[test]
fn a_connection_that_the_shop_closes_is_not_used_again_and_the_clients_stays() {
    let shop = Shop::start(|wire, _| {
        wire.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")?;
        Ok(false)
    });
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    for _ in 0..3 {
        let answer = client.ask("GET", "/", "").unwrap();
        assert_eq!((answer.head.get("connection"), answer.body.as_slice()), (None, &b"ok"[..]));
    }
    assert_eq!(shop.connections(), 3);
}

#[test]
fn a_websocket_passes_both_ways_also_what_is_glued_to_the_handshake() {
    let shop = Shop::start(|wire, head| {
        assert_eq!((head.get("upgrade"), head.get("sec-websocket-key")), (Some("websocket"), Some("abc")));
        wire.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: xyz\r\n\r\nhi")?;
        loop {
            let message = wire.exactly(4)?;
            wire.send(message)?;
        }
    });
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    let more = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n";
    let answer = client.ask("GET", "/socket", more).unwrap();
    assert_eq!(answer.head.status(), 101);
    assert_eq!(answer.head.get("upgrade"), Some("websocket"));
    assert_eq!(answer.head.get("sec-websocket-accept"), Some("xyz"));
    assert_eq!(client.exactly(2).unwrap(), b"hi");
    for number in 0..50 {
        let message = format!("{number:04}");
        client.send(&message).unwrap();
        assert_eq!(client.exactly(4).unwrap(), message.as_bytes());
    }
}

#[test]
fn a_silent_tunnel_ends() {
    let shop = Shop::start(|wire, _| {
        wire.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")?;
        wire.rest()?;
        Ok(false)
    });
    let proxy = Proxy::with(shop.address, |plan| plan.limits.tunnel_idle = Duration::from_millis(200));
    let mut client = proxy.connect();
    let answer = client.ask("GET", "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n").unwrap();
    assert_eq!(answer.head.status(), 101);
    assert!(client.is_closed());
}

#[test]
fn events_come_as_they_are_sent() {
    let (shop, tell) = Shop::of_events();
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    client.head().unwrap();
    for number in 0..5 {
        assert_eq!(client.chunk().unwrap().unwrap(), format!("data: {number}\n\n").as_bytes());
        tell.send(()).unwrap();
    }
    assert_eq!(client.chunk().unwrap(), None);
}

#[test]
fn an_uploads_first_byte_reaches_the_shop_before_its_last_is_sent() {
    let (tell, told) = std::sync::mpsc::channel::<Vec<u8>>();
    let shop = Shop::of_an_upload(move |first| tell.send(first).unwrap());
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc").unwrap();
    assert_eq!(told.recv_timeout(common::PATIENCE).unwrap(), b"a");
    client.send("def").unwrap();
    assert_eq!(client.answer("POST").unwrap().body, b"abcdef");
}

#[test]
fn the_shop_decides_whether_a_client_that_asks_first_may_send() {
    let shop = Shop::start(|wire, head| {
        assert_eq!(head.get("expect"), Some("100-continue"));
        if head.target() == "/no" {
            wire.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")?;
            return Ok(true);
        }
        wire.send("HTTP/1.1 100 Continue\r\n\r\n")?;
        let (body, _) = wire.body(head, false)?;
        wire.send(ok(body))?;
        Ok(true)
    });
    let proxy = Proxy::before(shop.address);
    let ask = |target: &str| {
        format!("POST {target} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    };

    let mut client = proxy.connect();
    client.send(ask("/yes")).unwrap();
    assert_eq!(client.head().unwrap().status(), 100);
    client.send("abc").unwrap();
    assert_eq!(client.answer("POST").unwrap().body, b"abc");

    let mut client = proxy.connect();
    client.send(ask("/no")).unwrap();
    assert_eq!(client.head().unwrap().status(), 413, "no 100 before it");
}

#[test]
fn an_early_answer_reaches_the_client_and_its_connection_is_not_used_again() {
    let shop = Shop::start(|wire, head| {
        if head.method() == "POST" {
            wire.exactly(1)?;
            wire.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")?;
            wire.rest()?;
            return Ok(false);
        }
        wire.send(ok("next"))?;
        Ok(true)
    });
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc").unwrap();
    assert_eq!(client.answer("POST").unwrap().head.status(), 413);
    assert_eq!(proxy.connect().ask("GET", "/", "").unwrap().body, b"next");
    assert_eq!(shop.connections(), 2);
}
