//! Shops that break, clients that dawdle, and the end of the proxy itself: nobody waits for ever, nothing half looks
//! whole, nothing happens twice.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::pages::{large, shop_pages};
use common::{Proxy, Shop, eventually, ok};

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
    let mut silent = proxy.connect();
    let mut idle = proxy.connect();
    assert_eq!(idle.ask("GET", "/", "").unwrap().head.status(), 200);
    let mut slow = proxy.connect();
    slow.send("GET / HTTP/1.1\r\nHo").unwrap();
    assert!(slow.is_closed());
    assert!(begin.elapsed() < Duration::from_millis(590), "the head has its own clock");
    assert!(idle.is_closed() && silent.is_closed());

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

#[test]
fn who_has_been_quiet_the_longest_makes_room_for_the_next() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::with(shop.address, |plan| plan.limits.connections = 4);
    // Under way all the time: its head has begun.
    let mut busy = proxy.connect();
    busy.send("GET / HTTP/1.1\r\n").unwrap();
    let mut left: Vec<_> = (0..3)
        .map(|_| {
            let wire = proxy.connect();
            // Taken one after the other, so that it is known which is the oldest.
            std::thread::sleep(Duration::from_millis(50));
            wire
        })
        .collect();
    let mut visitor = proxy.connect();
    assert_eq!(visitor.ask("GET", "/", "").unwrap().head.status(), 200);
    assert!(left.remove(0).is_closed(), "the oldest made room");
    assert_eq!(left.remove(0).ask("GET", "/", "").unwrap().head.status(), 200, "the others stay");
    busy.send("Host: a\r\n\r\n").unwrap();
    assert_eq!(busy.answer("GET").unwrap().head.status(), 200);
}

#[test]
fn a_connection_that_gave_its_buffers_back_serves_on() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::with(shop.address, |plan| plan.limits.buffers_idle = Duration::from_millis(30));
    let mut client = proxy.connect();
    for _ in 0..3 {
        assert_eq!(client.ask("GET", "/", "").unwrap().head.status(), 200);
        std::thread::sleep(Duration::from_millis(120));
    }
    // The beginning of the next request was read with the one before, and its end comes after the pause.
    client.send("GET /none HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HT").unwrap();
    assert_eq!(client.answer("GET").unwrap().head.status(), 204);
    std::thread::sleep(Duration::from_millis(120));
    client.send("TP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(client.answer("GET").unwrap().body, b"GET ");
}

#[test]
fn a_client_that_takes_an_answer_slowly_loses_none_of_it() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::with(shop.address, |plan| {
        plan.limits.buffers_idle = Duration::from_millis(20);
        plan.limits.idle = Duration::from_millis(200);
        plan.limits.head_time = Duration::from_millis(200);
    });
    let mut client = proxy.connect();
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let head = client.head().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(client.body(&head, false).unwrap().0 == large());
}

#[test]
fn what_is_left_of_a_refused_body_is_never_read_as_a_request() {
    let shop = Shop::start(|wire, head| {
        if head.method() == "POST" {
            wire.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")?;
            wire.rest()?;
            return Ok(false);
        }
        wire.send(ok("smuggled"))?;
        Ok(true)
    });
    let proxy = Proxy::with(shop.address, |plan| plan.limits.buffers_idle = Duration::from_millis(30));
    for (start, status) in [("POST / HTTP/1.1\r\nHost: a", 413), ("POST / HTTP/1.1\r\nHost: a b", 400)] {
        let mut client = proxy.connect();
        client.send(format!("{start}\r\nContent-Length: 100\r\n\r\nabc")).unwrap();
        assert_eq!(client.answer("POST").unwrap().head.status(), status);
        std::thread::sleep(Duration::from_millis(150));
        // The shop's answer may have ended the connection already; then this cannot be sent, which is right too.
        let _ = client.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.answer("GET").is_err(), "{start}");
    }
    assert!(shop.seen.lock().unwrap().iter().all(|head| head.target() != "/smuggled"));
}
