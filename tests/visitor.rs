//! What an ordinary visitor meets: the shop, and nothing else.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Answer, Head, Keep, Proxy, Shop, Wire, eventually, ok};

/// Ten megabytes without a period that a block size could hide.
fn large() -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    });
    bytes.take(10 * 1024 * 1024).collect()
}

/// A gzip page (`<html><body>punchout</body></html>`, deflated), for bytes that only look like text to a proxy.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xb3\xc9\x28\xc9\xcd\xb1\xb3\x49\xca\x4f\xa9\xb4\x2b\x28\xcd\x4b\xce\xc8\x2f\x2d\xb1\xd1\x07\xf3\x6c\xf4\xc1\xd2\x00";

fn shop_pages(wire: &mut Wire, head: &Head) -> Keep {
    let (body, _) = wire.body(head, false)?;
    match head.target() {
        "/" => wire.send(
            b"HTTP/1.1 200 OK\r\nServer: OldShop/1\r\nDate: Mon, 02 Nov 2026 08:00:00 GMT\r\nContent-Type: text/html; charset=ISO-8859-1\r\n\
              Set-Cookie: sid=a1; path=/; SameSite=Lax; odd\r\nSet-Cookie: lang=\"nb\"; Expires=Thu, 01 Jan 2037 00:00:00 GMT\r\n\
              Link: </a.css>; rel=preload\r\nLink: </b.css>; rel=preload\r\nX-Latin: bl\xe5b\xe6r\r\nVary: Cookie\r\n\
              Content-Length: 25\r\n\r\n<form><p>bl\xe5b\xe6r &amp; < b",
        ),
        "/large" => wire.send(ok(large())),
        "/gzip" => {
            let length = GZIP.len();
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nETag: \"x\"\r\nContent-Length: {length}\r\n\r\n"))?;
            wire.send(GZIP)
        }
        "/range" => {
            assert_eq!(head.get("range"), Some("bytes=2-4"));
            wire.send("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/10\r\nContent-Length: 3\r\n\r\ncde")
        }
        "/trailers" => wire.send(
            "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 42\r\n\r\n",
        ),
        "/until-close" => {
            wire.send("HTTP/1.0 200 Fine by me\r\nContent-Type: text/plain\r\n\r\nuntil the end")?;
            return Ok(false);
        }
        "/none" => wire.send("HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"),
        "/unchanged" => wire.send("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"),
        "/moved" => wire.send("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x?a=b|c\r\nContent-Length: 0\r\n\r\n"),
        "/head" => wire.send("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"),
        "/echo" => wire.send(ok([head.method().as_bytes(), b" ", &body].concat())),
        target => wire.send(format!("HTTP/1.1 404 Nowhere {target}\r\nContent-Length: 0\r\n\r\n")),
    }?;
    Ok(true)
}

/// What must be the same with and without the proxy: all but what belongs to one hop. The order of fields counts only
/// among those of one name (RFC 9110, section 5.3).
fn visible(answer: Answer) -> (u16, Vec<(String, Vec<u8>)>, Vec<u8>, Vec<(String, Vec<u8>)>) {
    let hop = ["connection", "keep-alive", "transfer-encoding"];
    let fields = answer.head.fields.iter().filter(|(name, _)| !hop.contains(&name.as_str()));
    let mut fields: Vec<_> = fields.cloned().collect();
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
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = Mutex::new(told);
    let shop = Shop::start(move |wire, _| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for number in 0..5 {
            wire.send(format!("9\r\ndata: {number}\n\n\r\n"))?;
            // The next event leaves only when this one has arrived: a delay would be a standstill.
            told.lock().unwrap().recv().unwrap();
        }
        wire.send("0\r\n\r\n")?;
        Ok(true)
    });
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
    let shop = Shop::start(move |wire, head| {
        let length: usize = head.get("content-length").unwrap().parse().unwrap();
        let mut body = wire.exactly(1)?;
        tell.send(body.clone()).unwrap();
        body.extend(wire.exactly(length - 1)?);
        wire.send(ok(body))?;
        Ok(true)
    });
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

#[test]
fn an_answer_cut_short_never_looks_complete() {
    let shop = Shop::start(|wire, head| {
        wire.send(match head.target() {
            "/length" => "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc",
            "/chunks" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            _ => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        })?;
        Ok(false)
    });
    let proxy = Proxy::before(shop.address);
    for target in ["/length", "/chunks", "/chunk"] {
        assert!(proxy.connect().ask("GET", target, "").is_err(), "{target}");
    }
}

#[test]
fn an_answer_that_stops_coming_breaks_off() {
    let shop = Shop::start(|wire, _| {
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")?;
        wire.rest()?;
        Ok(false)
    });
    let proxy = Proxy::with(shop.address, |plan| plan.pool.body_idle_timeout = Duration::from_millis(200));
    assert!(proxy.connect().ask("GET", "/", "").is_err());
}

#[test]
fn a_shop_that_is_down_is_a_502_and_service_resumes_with_it() {
    let down = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::before(down);
    let mut client = proxy.connect();
    let answer = client.ask("GET", "/", "").unwrap();
    assert_eq!(answer.head.status(), 502);
    assert!(String::from_utf8_lossy(&answer.body).contains("PO-SHOP-UNREACHABLE"));
    assert!(answer.head.get("date").is_some() && answer.head.get("retry-after").is_some());

    let shop = Shop::start(shop_pages);
    let mut plan = proxy.plans.load_full().as_ref().clone();
    plan.origin = Proxy::before(shop.address).plans.load().origin.clone();
    proxy.plans.store(Arc::new(plan));
    assert_eq!(client.ask("GET", "/", "").unwrap().head.status(), 200, "a new plan, the same connection");
}

#[test]
fn a_shop_that_says_nothing_is_a_504() {
    let shop = Shop::start(|wire, _| wire.rest().map(|_| false));
    let proxy = Proxy::with(shop.address, |plan| plan.pool.first_byte_timeout = Duration::from_millis(200));
    assert_eq!(proxy.connect().ask("GET", "/", "").unwrap().head.status(), 504);
}

#[test]
fn requests_above_the_cap_wait_and_then_are_told_that_the_shop_is_busy() {
    let (let_go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let shop = Shop::start(move |wire, head| {
        if head.target() == "/hold" {
            wait.lock().unwrap().recv().unwrap();
        }
        wire.send(ok("ok"))?;
        Ok(true)
    });
    let proxy = Proxy::with(shop.address, |plan| {
        plan.pool.max_live = 1;
        plan.pool.queue_deadline = Duration::from_millis(300);
    });
    let mut holding = proxy.connect();
    holding.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("the shop holds a request", || shop.seen() == 1);
    let refused = proxy.connect().ask("GET", "/", "").unwrap();
    assert_eq!(refused.head.status(), 503);
    assert!(refused.head.get("retry-after").is_some());

    let mut waiting = proxy.connect();
    waiting.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let_go.send(()).unwrap();
    assert_eq!(holding.answer("GET").unwrap().body, b"ok");
    assert_eq!(waiting.answer("GET").unwrap().body, b"ok", "who waits gets the connection that comes free");
    assert_eq!(shop.connections(), 1);
}

#[test]
fn a_worker_that_waits_gets_the_connection_that_lies_idle_with_another() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::with(shop.address, |plan| {
        plan.workers = 2;
        plan.pool.max_live = 1;
        plan.pool.idle_timeout = Duration::from_secs(60);
    });
    // Two connections, one to each worker.
    let (mut one, mut other) = (proxy.connect(), proxy.connect());
    for _ in 0..5 {
        assert_eq!(one.ask("GET", "/", "").unwrap().head.status(), 200);
        let begin = Instant::now();
        assert_eq!(other.ask("GET", "/", "").unwrap().head.status(), 200);
        assert!(begin.elapsed() < Duration::from_millis(900), "not the sweep of every second, but at once");
    }
}

#[test]
fn a_get_that_met_a_dying_connection_is_sent_again_and_a_post_is_not() {
    let answered = Arc::new(AtomicUsize::new(0));
    let count = answered.clone();
    let shop = Shop::start(move |wire, head| {
        wire.body(head, false)?;
        // Every second request of a connection is read and met with silence and an end.
        if count.fetch_add(1, Ordering::AcqRel) % 2 == 1 {
            return Ok(false);
        }
        wire.send(ok("ok"))?;
        Ok(true)
    });
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    assert_eq!(client.ask("GET", "/1", "").unwrap().body, b"ok");
    assert_eq!(client.ask("GET", "/2", "X-Kept: yes\r\n").unwrap().body, b"ok");
    assert_eq!(shop.seen(), 3, "the second one twice");
    assert_eq!(shop.last().get("x-kept"), Some("yes"), "whole");
    assert_eq!(client.ask("POST", "/order", "Content-Length: 1\r\n\r\nx").unwrap().head.status(), 502);
    assert_eq!(shop.seen(), 4, "an order once");
}

#[test]
fn a_connection_closed_while_idle_costs_nobody_an_error() {
    let shop = Shop::start(|wire, head| {
        wire.body(head, false)?;
        wire.send(ok("ok"))?;
        Ok(false)
    });
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    for _ in 0..20 {
        assert_eq!(client.ask("POST", "/", "Content-Length: 1\r\n\r\nx").unwrap().body, b"ok");
        // The shop's end arrives in the pool; even a POST may then go out on a new connection, for it was never sent.
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(shop.seen(), 20);
}

#[test]
fn idle_connections_are_let_go() {
    let gone = Arc::new(AtomicUsize::new(0));
    let count = gone.clone();
    let shop = Shop::start(move |wire, _| {
        wire.send(ok("ok"))?;
        if wire.is_closed() {
            count.fetch_add(1, Ordering::AcqRel);
        }
        Ok(false)
    });
    let proxy = Proxy::with(shop.address, |plan| plan.pool.idle_timeout = Duration::from_millis(100));
    assert_eq!(proxy.connect().ask("GET", "/", "").unwrap().body, b"ok");
    eventually("the shop sees the end of an idle connection", || gone.load(Ordering::Acquire) == 1);
}

#[test]
fn a_client_that_leaves_takes_its_connection_to_the_shop_along() {
    let gone = Arc::new(AtomicUsize::new(0));
    let count = gone.clone();
    let shop = Shop::start(move |wire, _| {
        if wire.is_closed() {
            count.fetch_add(1, Ordering::AcqRel);
        }
        Ok(false)
    });
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("the shop has the request", || shop.seen() == 1);
    drop(client);
    eventually("the shop sees the end", || gone.load(Ordering::Acquire) == 1);
}

#[test]
fn slow_heads_idle_connections_and_stalled_bodies_end() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::with(shop.address, |plan| {
        plan.limits.head_time = Duration::from_millis(300);
        plan.limits.idle = Duration::from_millis(600);
        plan.limits.body_idle = Duration::from_millis(300);
    });
    let begin = Instant::now();
    let mut idle = proxy.connect();
    assert_eq!(idle.ask("GET", "/", "").unwrap().head.status(), 200);
    let mut slow = proxy.connect();
    slow.send("GET / HTTP/1.1\r\nHo").unwrap();
    assert!(slow.is_closed());
    assert!(begin.elapsed() < Duration::from_millis(590), "the head has its own clock");
    assert!(idle.is_closed());

    let mut stalled = proxy.connect();
    stalled.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc").unwrap();
    assert_eq!(stalled.answer("POST").unwrap().head.status(), 408);
}

#[test]
fn a_body_over_the_limit_is_refused_whether_announced_or_not() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::with(shop.address, |plan| plan.limits.body_size = 4);
    let ask = |more: &str| proxy.connect().ask("POST", "/echo", more).unwrap().head.status();
    assert_eq!(ask("Content-Length: 4\r\n\r\nabcd"), 200);
    assert_eq!(ask("Content-Length: 5\r\n\r\nabcde"), 413);
    assert_eq!(ask("Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n"), 413);
}

#[test]
fn a_shutdown_finishes_what_is_under_way_and_takes_nothing_new() {
    let (let_go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let shop = Shop::start(move |wire, _| {
        wait.lock().unwrap().recv().unwrap();
        wire.send(ok("done"))?;
        Ok(true)
    });
    let proxy = Proxy::before(shop.address);
    let (mut busy, mut idle) = (proxy.connect(), proxy.connect());
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("the shop has the request", || shop.seen() == 1);
    proxy.running.stop();
    assert!(idle.is_closed(), "an idle connection ends at once");
    eventually("nobody listens", || std::net::TcpStream::connect(proxy.address).is_err());
    let_go.send(()).unwrap();
    assert_eq!(busy.answer("GET").unwrap().body, b"done");
    assert!(busy.is_closed());
    proxy.running.join();
}

#[test]
fn a_drain_has_a_limit() {
    let shop = Shop::start(|wire, _| wire.rest().map(|_| false));
    let proxy = Proxy::with(shop.address, |plan| plan.limits.drain = Duration::from_millis(200));
    let mut stuck = proxy.connect();
    stuck.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("the shop has the request", || shop.seen() == 1);
    let begin = Instant::now();
    proxy.running.stop();
    proxy.running.join();
    assert!(begin.elapsed() < Duration::from_secs(3));
    assert!(stuck.is_closed());
}

#[test]
fn connections_above_the_cap_wait_their_turn() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::with(shop.address, |plan| plan.limits.connections = 1);
    let mut first = proxy.connect();
    assert_eq!(first.ask("GET", "/", "").unwrap().head.status(), 200);
    let mut second = proxy.connect();
    second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(shop.seen(), 1);
    drop(first);
    assert_eq!(second.answer("GET").unwrap().head.status(), 200);
}
