//! The proxy beside a shop that insists on its own name: visitors and buyers reach it under another.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use common::{Answer, Head, Keep, Proxy, Shop, Wire};
use punchout_proxy::config;
use punchout_proxy::demo::procurement::ProcurementSettings;
use punchout_proxy::demo::shop::ShopSettings;
use punchout_proxy::demo::{Demo, journey, proxy_toml};
use punchout_proxy::rewrite::own_name::{Name, OwnName};
use punchout_proxy::server::{self, Running};

/// The shop's own name: whoever asks for another is sent there, and the path is lost, as in real ones.
const OWN: &str = "nordvik.example";

/// `<a href='//nordvik.example/x'>x</a>`
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xb3\x49\x54\xc8\x28\x4a\x4d\xb3\x55\xd7\xd7\xcf\xcb\x2f\x4a\x29\xcb\xcc\xd6\x4b\xad\x48\xcc\x2d\xc8\x49\xd5\xaf\x50\xb7\xab\xb0\xd1\x4f\xb4\x03\x00\x1f\x8f\x5d\xc5\x23\x00\x00\x00";

fn beside(shop: SocketAddr) -> Proxy {
    Proxy::with(shop, |plan| {
        let names = [OWN, "www.nordvik.example"].map(|name| Name::parse(name, false).unwrap()).into();
        let public = Name::parse("https://punchout.example", true).unwrap();
        plan.shop.own_name = OwnName::new(names, public).map(Arc::new);
    })
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 301 Moved Permanently\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

/// A shop of absolute addresses that takes a form from its own pages alone.
fn shop_pages(wire: &mut Wire, head: &Head) -> Keep {
    if head.target() == "/slow" {
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        wire.send("24\r\n<a href='http://nordvik.example/1'>x\r\n")?;
        // Nothing more until the visitor has seen the first.
        assert_eq!(wire.exactly(5)?, b"go on");
        wire.send("0\r\n\r\n")?;
        return Ok(true);
    }
    let (body, _) = wire.body(head, false)?;
    if head.all("host") != [OWN] || head.all("x-forwarded-host") != [OWN] {
        wire.send(redirect(&format!("http://{OWN}/")))?;
        return Ok(true);
    }
    let page = |more: &str, page: &[u8]| {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{more}Content-Length: {}\r\n\r\n", page.len());
        [head.as_bytes(), page].concat()
    };
    match head.target() {
        "/" => wire.send(page(
            &format!(
                "ETag: \"x\"\r\nSet-Cookie: sid=1; Domain=.{OWN}; path=/; HttpOnly\r\nSet-Cookie: b=\"2\"\r\n\
                 Link: <http://{OWN}/a.css>; rel=preload\r\nRefresh: 60; url=http://{OWN}/\r\n\
                 Access-Control-Allow-Origin: http://{OWN}\r\nContent-Location: //{OWN}/\r\n"
            ),
            b"<base href=\"http://nordvik.example/\"><a href=http://www.nordvik.example/kurv>bl\xe5b\xe6r</a>",
        )),
        "/order" => {
            let own = format!("http://{OWN}");
            let from = (head.get("origin"), head.get("referer"));
            let own_page = format!("{own}/form?x");
            match from == (Some(own.as_str()), Some(own_page.as_str())) && body == b"q=1" {
                true => wire.send(redirect(&format!("http://{OWN}:80/done?back=http://{OWN}/"))),
                false => wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
            }
        }
        "/gzip" => wire.send(page("Content-Encoding: gzip\r\n", GZIP)),
        "/odd-coding" => wire.send(page("Content-Encoding: x-odd\r\n", b"<a href='//nordvik.example/x'>")),
        "/script" => {
            let script = "var shop = \"http://nordvik.example/\"";
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nETag: \"s\"\r\nContent-Length: {}\r\n\r\n{script}", script.len()))
        }
        "/piece" => wire.send(format!("HTTP/1.1 206 Partial Content\r\nContent-Type: application/pdf\r\nContent-Range: bytes 0-1/9\r\nX-Range: {}\r\nContent-Length: 2\r\n\r\nab", head.get("range").unwrap_or("none"))),
        "/cut" => {
            wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\n<p>")?;
            return Ok(false);
        }
        "/socket" => {
            let status = if head.get("origin") == Some("http://nordvik.example") { "101 Switching Protocols" } else { "403 No" };
            wire.send(format!("HTTP/1.1 {status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n"))
        }
        _ => wire.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    }?;
    Ok(true)
}

fn get(proxy: &Proxy, target: &str, more: &str) -> Answer {
    proxy.connect().ask("GET", target, more).unwrap()
}

#[test]
fn the_shop_is_asked_under_its_own_name_and_answers_under_the_other() {
    let shop = Shop::start(shop_pages);
    let proxy = beside(shop.address);
    let answer =
        get(&proxy, "/", "X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nAccept-Encoding: br, gzip\r\n");
    assert_eq!(answer.head.status(), 200);
    for (name, expected) in [
        ("set-cookie", &["sid=1; path=/; HttpOnly", "b=\"2\""][..]),
        ("link", &["<https://punchout.example/a.css>; rel=preload"]),
        ("refresh", &["60; url=https://punchout.example/"]),
        ("access-control-allow-origin", &["https://punchout.example"]),
        ("content-location", &["//punchout.example/"]),
        // It described other bytes.
        ("etag", &[]),
        ("content-encoding", &["gzip"]),
        ("cache-control", &[]),
    ] {
        assert_eq!(answer.head.all(name), expected, "{name}");
    }
    assert_eq!(shop.last().all("accept-encoding"), ["identity"]);
    assert_eq!(shop.last().all("x-forwarded-proto"), ["http"]);
    let plain = get(&proxy, "/", "");
    let expected =
        b"<base href=\"https://punchout.example/\"><a href=\"https://punchout.example/kurv\">bl\xe5b\xe6r</a>";
    assert_eq!(plain.body, expected);
    let head = proxy.connect().ask("HEAD", "/", "").unwrap();
    assert_eq!((head.head.all("etag"), head.head.all("content-length")), (vec![], vec![]));
}

#[test]
fn a_form_comes_from_the_shops_own_page_and_no_stranger_does() {
    let shop = Shop::start(shop_pages);
    let proxy = beside(shop.address);
    let post = |origin: &str, referer: &str| {
        let more = format!("Origin: {origin}\r\nReferer: {referer}\r\nContent-Length: 3\r\n\r\nq=1");
        proxy.connect().ask("POST", "/order", &more).unwrap()
    };
    let done = post("https://punchout.example", "https://punchout.example/form?x");
    assert_eq!(done.head.all("location"), ["https://punchout.example/done?back=http://nordvik.example/"]);
    for (origin, referer) in [
        ("https://evil.example", "https://punchout.example/form?x"),
        ("null", "https://punchout.example/form?x"),
        ("http://punchout.example", "http://punchout.example/form?x"),
        ("https://punchout.example.evil", "https://punchout.example/form?x"),
        ("https://punchout.example", "https://punchout.example@evil/form?x"),
    ] {
        assert_eq!(post(origin, referer).head.status(), 403, "{origin} {referer}");
    }
    for (origin, status) in [("https://punchout.example", 101), ("https://evil.example", 403)] {
        let more = format!("Origin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
        assert_eq!(get(&proxy, "/socket", &more).head.status(), status, "{origin}");
    }
}

#[test]
fn only_pages_are_looked_into() {
    let shop = Shop::start(shop_pages);
    let proxy = beside(shop.address);
    let script = get(&proxy, "/script", "Accept: */*\r\nSec-Fetch-Dest: script\r\nAccept-Encoding: gzip, br\r\n");
    assert_eq!(
        (script.body.as_slice(), script.head.get("etag")),
        (&b"var shop = \"http://nordvik.example/\""[..], Some("\"s\""))
    );
    assert_eq!(shop.last().all("accept-encoding"), ["gzip, br"]);
    // A download goes on where it broke off.
    assert_eq!(get(&proxy, "/piece", "Accept: */*\r\nRange: bytes=0-1\r\n").head.get("x-range"), Some("bytes=0-1"));
    assert_eq!(get(&proxy, "/piece", "Accept: text/html\r\nRange: bytes=0-1\r\n").head.get("x-range"), Some("none"));
    // What the shop compresses although asked not to is mapped all the same, and what cannot be read passes.
    assert_eq!(get(&proxy, "/gzip", "").body, b"<a href=\"//punchout.example/x\">x</a>");
    let odd = get(&proxy, "/odd-coding", "");
    assert_eq!(
        (odd.head.get("content-encoding"), odd.body.as_slice()),
        (Some("x-odd"), &b"<a href='//nordvik.example/x'>"[..])
    );
}

#[test]
fn a_page_streams_and_one_that_breaks_off_never_looks_whole() {
    let shop = Shop::start(shop_pages);
    let proxy = beside(shop.address);
    let mut client = proxy.connect();
    client.send("POST /slow HTTP/1.1\r\nHost: punchout.example\r\nContent-Length: 5\r\n\r\n").unwrap();
    let head = client.head().unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(client.chunk().unwrap().unwrap(), b"<a href=\"https://punchout.example/1\">x");
    client.send("go on").unwrap();
    assert_eq!(client.chunk().unwrap(), None);
    assert!(proxy.connect().ask("GET", "/cut", "").is_err());
}

/// The demo's shop behind a door that lets nobody in under another name, and all of whose addresses are absolute.
fn door(shop: SocketAddr) -> Shop {
    Shop::start(move |wire, head| {
        let (body, _) = wire.body(head, false)?;
        if head.all("host") != [OWN] {
            wire.send(redirect(&format!("http://{OWN}/")))?;
            return Ok(true);
        }
        if head.method() == "POST" && head.all("origin") != [format!("http://{OWN}")] {
            wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")?;
            return Ok(true);
        }
        let mut request = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", head.method(), head.target()).into_bytes();
        for (name, value) in head.fields.iter().filter(|(name, _)| name != "connection" && name != "transfer-encoding")
        {
            request.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        let mut inner = Wire::connect(shop);
        inner.send([&request[..], b"\r\n", &body].concat())?;
        let answer = inner.answer(head.method())?;
        let mut body = answer.body;
        for attribute in ["href", "action", "src"] {
            body = replace(&body, &format!("{attribute}=\"/"), &format!("{attribute}=\"http://{OWN}:80/"));
        }
        let mut out = answer.head.start.into_bytes();
        for (name, value) in &answer.head.fields {
            let value = match name.as_str() {
                "content-length" | "connection" | "transfer-encoding" => continue,
                "location" => [format!("http://www.{OWN}").as_bytes(), value].concat(),
                "set-cookie" => [&value[..], format!("; Domain={OWN}").as_bytes()].concat(),
                _ => value.clone(),
            };
            out.extend([b"\r\n", name.as_bytes(), b": ", &value].concat());
        }
        out.extend(format!("\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes());
        out.extend(body);
        wire.send(out)?;
        Ok(true)
    })
}

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    // Bytes as characters: the page need not be UTF-8.
    let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    text.replace(from, to).chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

/// The proxy of the demo with `changes` in its file, and its address as `public`.
fn demo_proxy(demo: &Demo, shop: SocketAddr, changes: &[(&str, &str)]) -> (Running, String) {
    // A free port that is known before the file is written.
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut text = proxy_toml(shop, demo.procurement_addr).replace(
        "listen = \"127.0.0.1:0\"",
        &format!("listen = \"{listen}\"\npublic = \"http://{listen}\"\nworkers = 1"),
    );
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let outcome = config::read(&text, Path::new("."));
    let plan = outcome.plan.unwrap_or_else(|| panic!("{:?}", outcome.faults));
    let running = server::run(&Arc::new(ArcSwap::from_pointee(plan))).unwrap();
    (running, format!("http://{listen}"))
}

fn demo_under_another_name(more: &[(&str, &str)]) -> Result<journey::Journey, String> {
    let demo = Demo::start_with(ShopSettings::default(), ProcurementSettings::default()).unwrap();
    let door = door(demo.shop_addr);
    let host = format!("[shop]\nhost = [\"{OWN}\", \"www.{OWN}\"]");
    let absolute = ("a[href='/konto", "a[href$='/konto");
    let changes = [&[("[shop]", host.as_str()), absolute], more].concat();
    let (running, proxy) = demo_proxy(&demo, door.address, &changes);
    demo.connect(&proxy);
    let journey = journey::once(&proxy, demo.procurement_addr);
    assert!(demo.shop.orders().is_empty());
    assert!(door.seen.lock().unwrap().iter().all(|head| head.all("host") == [OWN]));
    running.stop();
    running.join();
    journey
}

#[test]
fn a_punchout_under_another_name_brings_the_same_cart() {
    for way in ["page", "fresh"] {
        let journey = demo_under_another_name(&[("return = \"page\"", &format!("return = \"{way}\""))]).unwrap();
        assert!(journey.is_right(), "{way}: {journey}");
    }
}

#[test]
fn without_its_name_such_a_shop_lets_nobody_in() {
    let demo = Demo::start_with(ShopSettings::default(), ProcurementSettings::default()).unwrap();
    let door = door(demo.shop_addr);
    let (running, proxy) = demo_proxy(&demo, door.address, &[]);
    demo.connect(&proxy);
    assert!(journey::once(&proxy, demo.procurement_addr).is_err());
    running.stop();
    running.join();
}
