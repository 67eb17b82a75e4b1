//! What is easy to get wrong in a proxy that is built on hyper, each shown on the wire. What another file shows at
//! length is named there: uploads, tunnels and events in `visitor`, limits and time-outs in `faults`, HTTP/2 in `http2`,
//! PROXY headers and the case of names in `listeners`.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::punchout::{HOOK, PASSWORD, Punchout, call, configuration, cookie_field, encoded, text};
use common::{Proxy, Shop, eventually, ok};

/// A shop that answers with the request's method and body.
fn echo() -> Shop {
    Shop::start(|wire, head| {
        let (body, _) = wire.body(head, false)?;
        wire.send(ok([head.method().as_bytes(), b" ", &body].concat()))?;
        Ok(true)
    })
}

/// A shop that answers everything with these bytes.
fn says(answer: &'static str) -> Shop {
    Shop::start(move |wire, head| {
        wire.body(head, false)?;
        wire.send(answer)?;
        Ok(true)
    })
}

/// The status of the answer to a raw request.
fn status(proxy: &Proxy, request: impl AsRef<[u8]>) -> u16 {
    let mut wire = proxy.connect();
    wire.send(request).unwrap();
    wire.head().unwrap().status()
}

#[test]
fn a_get_with_a_chunked_body_reaches_the_shop_with_it() {
    let shop = echo();
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    client.send("GET /search HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").unwrap();
    assert_eq!(client.answer("GET").unwrap().body, b"GET abc");
    assert_eq!(client.ask("GET", "/", "").unwrap().body, b"GET ", "the next one begins where it should");
}

#[test]
fn what_every_connection_line_names_is_for_this_hop_alone() {
    let shop = echo();
    let proxy = Proxy::before(shop.address);
    let more = "Connection: X-One\r\nConnection: keep-alive, x-two\r\nX-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\nKeep-Alive: 5\r\n\
                Proxy-Connection: keep-alive\r\nTE: trailers\r\n";
    proxy.connect().ask("GET", "/", more).unwrap();
    let head = shop.last();
    for gone in ["connection", "x-one", "x-two", "keep-alive", "proxy-connection", "te", "upgrade"] {
        assert_eq!(head.all(gone), [""; 0], "{gone}");
    }
    assert_eq!(head.get("x-three"), Some("3"));
}

#[test]
fn requests_of_two_minds_never_reach_the_shop() {
    let shop = echo();
    let proxy = Proxy::before(shop.address);
    for (request, expected) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405),
        // hyper's own refusals: our code never sees them
        (b"GET /bl\xe5b\xe6r HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /<script> HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ] {
        assert_eq!(status(&proxy, request), expected, "{}", request.escape_ascii());
    }
    assert_eq!(shop.seen(), 0);
}

#[test]
fn the_host_of_an_absolute_target_is_the_host() {
    let shop = echo();
    let proxy = Proxy::before(shop.address);
    assert_eq!(status(&proxy, "GET http://shop.example/a HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 200);
    let head = shop.last();
    assert_eq!((head.target(), head.all("host")), ("/a", vec!["shop.example"]));
}

#[test]
fn names_of_fields_go_out_in_lower_case_and_values_as_they_came() {
    let shop = Shop::start(|wire, _| {
        wire.send(b"HTTP/1.1 200 OK\r\nX-ODD-Name: bl\xe5\r\nContent-Length: 0\r\n\r\n")?;
        Ok(true)
    });
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let head = client.head().unwrap();
    assert!(head.fields.iter().any(|(name, value)| name == "x-odd-name" && value == b"bl\xe5"));
}

#[test]
fn an_unchanged_answer_keeps_its_fields_and_has_no_body() {
    let shop = says("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nCache-Control: max-age=5\r\n\r\n");
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    for _ in 0..2 {
        let answer = client.ask("GET", "/", "If-None-Match: \"x\"\r\n").unwrap();
        assert_eq!((answer.head.status(), answer.head.get("etag")), (304, Some("\"x\"")));
        assert_eq!(answer.head.get("cache-control"), Some("max-age=5"));
    }
    assert_eq!(shop.connections(), 1);
}

#[test]
fn a_rewritten_page_promises_nothing_about_bytes_that_it_has_not() {
    let world = Punchout::start(|_| {});
    let cookies = world.enter(&[], "");
    for method in ["GET", "HEAD"] {
        let answer = world.ask(method, "/promises", &cookies);
        for gone in ["etag", "digest", "content-md5", "accept-ranges"] {
            assert_eq!(answer.head.all(gone), [""; 0], "{method}: {gone}");
        }
        assert_eq!(answer.head.get("content-length"), None, "{method}: its length was another page's");
        assert_eq!(answer.body.is_empty(), method == "HEAD");
    }
}

/// A piece of a page, as scripts fetch them: it gets no bar, and this one holds nothing that is changed.
const PIECE: &str = "Sec-Fetch-Dest: empty\r\nAccept: */*\r\n";

#[test]
fn a_page_of_a_session_in_which_nothing_is_changed_keeps_what_was_promised() {
    let world = Punchout::start(|_| {});
    let cookies = world.enter(&[], "");
    let answer = world.ask("GET", "/promised", &format!("{cookies}{PIECE}"));
    let promised = [("etag", "\"x\""), ("digest", "sha-256=eA=="), ("content-md5", "eA=="), ("content-length", "10")];
    assert_eq!(promised.map(|(name, _)| (name, answer.head.get(name).unwrap_or_default())), promised);
    assert_eq!(answer.head.get("cache-control"), Some("private, no-store"));
    assert_eq!(answer.body, b"<p>one</p>"[..].to_vec());

    let packed = world.ask("GET", "/packed", &format!("{cookies}{PIECE}Accept-Encoding: gzip\r\n"));
    assert_eq!((packed.head.get("content-encoding"), &packed.body[..2]), (Some("gzip"), b"\x1f\x8b".as_slice()));
    let plain = world.ask("GET", "/packed", &format!("{cookies}{PIECE}Accept-Encoding: gzip;q=0\r\n"));
    assert_eq!((plain.head.get("content-encoding"), plain.body.as_slice()), (None, b"<p>one</p>".as_slice()));
}

/// Browsers show such a page or do not; where it is searched, its label is made true.
#[test]
fn a_page_that_is_labelled_gzip_and_is_none_is_searched_all_the_same() {
    let world = Punchout::start(|_| {});
    let cookies = world.enter(&[], "");
    for path in ["/promises?labelled", "/cart?labelled"] {
        let answer = world.ask("GET", path, &cookies);
        assert_eq!((answer.head.status(), answer.head.get("content-encoding")), (200, None), "{path}");
        let page = String::from_utf8(answer.body).unwrap();
        assert!(page.contains("class=checkout") && !page.contains("'/checkout'"), "{path}: {page}");
    }
}

/// A tag without an end is more than a rewriter may keep.
#[test]
fn a_page_that_cannot_be_searched_to_its_end_passes_byte_for_byte_where_nothing_was_changed() {
    let endless = format!("<a title=\"{}", "x".repeat(5 << 20));
    let pages = [endless.clone(), format!("<a class=checkout href='/checkout'>on</a>{endless}")];
    let served = pages.clone();
    let shop = Shop::start(move |wire, head| {
        wire.body(head, false)?;
        let html = match (head.method(), head.target()) {
            ("GET", "/login") => "<form method=post><input name=user><input name=pass></form>",
            ("POST", "/login") => "<a href='/logout'>bye</a>",
            (_, "/plain") => &served[0],
            _ => &served[1],
        };
        wire.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{html}",
            html.len()
        ))?;
        Ok(true)
    });
    let proxy = Proxy::configured(&configuration(shop.address).replace("[[buyer]]", "[[buyer]]\nbar = false"));
    let entered = call(&proxy, &[("USERNAME", "acme"), ("PASSWORD", PASSWORD), ("HOOK_URL", HOOK)], "");
    let cookies = cookie_field(&entered);
    let ask = |path: &str| text(&proxy.connect().ask("GET", path, &cookies).unwrap());
    assert!(ask("/plain") == pages[0], "not as the shop sent it");
    let changed = ask("/with-a-control");
    assert!(!changed.contains("'/checkout'") && changed.ends_with("</form>"), "{}", &changed[changed.len() - 200..]);
}

/// What a browser kept before its session began, and would show for a 304, has ways to checkout.
#[test]
fn a_browser_in_a_session_gets_no_page_that_it_kept() {
    let world = Punchout::start(|_| {});
    let cookies = world.enter(&[], "");
    let condition = "If-None-Match: \"x\"\r\nIf-Range: \"x\"\r\n";
    for (path, who, passes) in [
        ("/promised", "Accept: text/html\r\n", false),
        ("/promised", "Sec-Fetch-Dest: iframe\r\n", false),
        ("/promised", "", true),
        ("/cart", "", false),
    ] {
        world.ask("GET", path, &format!("{cookies}{condition}{who}"));
        let asked = world.shop.last();
        assert_eq!((asked.get("if-none-match").is_some(), asked.get("if-range")), (passes, None), "{path} {who}");
    }
    world.ask("GET", "/a.png", &format!("{cookies}{condition}Sec-Fetch-Dest: image\r\n"));
    assert_eq!(
        (world.shop.last().get("if-none-match"), world.shop.last().get("if-range")),
        (Some("\"x\""), Some("\"x\""))
    );
}

/// hyper gives a client no way to see 103, nor a server to send it: it is swallowed, and the answer comes whole.
#[test]
fn an_early_hint_is_no_answer() {
    let shop = says(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage",
    );
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    for _ in 0..3 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let head = client.head().unwrap();
        assert_eq!((head.status(), head.get("link")), (200, None));
        assert_eq!(client.body(&head, false).unwrap().0, b"page");
    }
    assert_eq!(shop.connections(), 1);
}

/// A login or an upload form that waits for the shop's word: see also `visitor`, where the shop refuses.
#[test]
fn the_client_is_told_to_go_on_when_the_shop_takes_the_body() {
    let shop = Shop::start(|wire, head| {
        assert_eq!(head.get("expect"), Some("100-continue"));
        wire.send("HTTP/1.1 100 Continue\r\n\r\n")?;
        let (body, _) = wire.body(head, false)?;
        wire.send(ok(body))?;
        Ok(true)
    });
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n").unwrap();
    assert_eq!(client.head().unwrap().status(), 100);
    client.send("abc").unwrap();
    assert_eq!(client.answer("PUT").unwrap().body, b"abc");
}

#[test]
fn trailers_come_to_who_asks_for_them_and_none_are_taken() {
    let shop = Shop::start(|wire, head| {
        let (_, trailers) = wire.body(head, false)?;
        assert_eq!(trailers, []);
        wire.send(
            "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n",
        )?;
        Ok(true)
    });
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    let answer = client.ask("GET", "/", "TE: trailers\r\nConnection: TE\r\n").unwrap();
    assert_eq!(answer.trailers, [("x-sum".to_owned(), b"1".to_vec())]);
    assert_eq!(client.ask("GET", "/", "").unwrap().trailers, []);
    let upload = "POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Mine\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Mine: 1\r\n\r\n";
    client.send(upload).unwrap();
    assert_eq!(client.answer("POST").unwrap().body, b"a");
}

#[test]
fn a_shop_that_changes_the_protocol_by_itself_is_not_followed() {
    let shop = says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    let proxy = Proxy::before(shop.address);
    assert_eq!(proxy.connect().ask("GET", "/", "").unwrap().head.status(), 502, "nobody asked");
    let other = "Connection: Upgrade\r\nUpgrade: h2c\r\n";
    assert_eq!(proxy.connect().ask("GET", "/", other).unwrap().head.status(), 502, "not to that");
}

#[test]
fn a_shop_of_http_1_0_serves_clients_of_1_1() {
    let shop = Shop::start(|wire, _| {
        wire.send("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end")?;
        Ok(false)
    });
    let proxy = Proxy::before(shop.address);
    let mut client = proxy.connect();
    for _ in 0..2 {
        let answer = client.ask("GET", "/", "").unwrap();
        assert_eq!((answer.head.start.as_str(), &answer.body[..]), ("HTTP/1.1 200 OK", &b"until the end"[..]));
    }
    assert!(shop.last().start.ends_with("HTTP/1.1"));
}

/// hyper drops a request's future with its client. A catalog call has taken an account by then, and is signing in.
#[test]
fn a_buyer_who_leaves_while_being_signed_in_breaks_nothing_off() {
    let world = Punchout::start(|_| {});
    let signed_in = {
        let seen = world.shop.seen.clone();
        move || seen.lock().unwrap().iter().filter(|head| head.start.starts_with("POST /login")).count()
    };
    let form = format!("USERNAME=acme&PASSWORD={}&HOOK_URL={}", encoded(PASSWORD), encoded(common::punchout::HOOK));
    for turn in 1..=3 {
        let mut wire = world.proxy.connect();
        let length = form.len();
        wire.send(format!(
            "POST /oci HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        ))
        .unwrap();
        // Gone once the shop has been asked for its sign-in page: between two of the sign-in's steps.
        let asked = {
            let seen = world.shop.seen.clone();
            move || seen.lock().unwrap().iter().filter(|head| head.start.starts_with("GET /login")).count() >= turn
        };
        eventually("the sign-in begins", asked);
        drop(wire);
        eventually("the sign-in is finished", || signed_in() >= turn);
    }
}

#[test]
fn limits_are_ours_and_not_the_librarys() {
    let bodies = Arc::new(AtomicUsize::new(0));
    let counted = bodies.clone();
    let shop = Shop::start(move |wire, head| {
        let (body, _) = wire.body(head, false)?;
        counted.fetch_add(body.len(), Ordering::AcqRel);
        wire.send(ok(""))?;
        Ok(true)
    });
    let proxy = Proxy::with(shop.address, |plan| {
        plan.limits.head_size = 8 * 1024;
        plan.limits.uri_size = 100;
        plan.limits.body_size = 1000;
        plan.limits.body_idle = Duration::from_millis(200);
    });
    let long = format!("X-Long: {}\r\n", "x".repeat(9000));
    assert_eq!(proxy.connect().ask("GET", "/", &long).unwrap().head.status(), 431);
    let fields = (0..150).map(|n| format!("X-{n}: 1\r\n")).collect::<String>();
    assert_eq!(proxy.connect().ask("GET", "/", &fields).unwrap().head.status(), 431);
    assert_eq!(proxy.connect().ask("GET", &format!("/?{}", "q".repeat(99)), "").unwrap().head.status(), 414);
    assert_eq!(status(&proxy, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"), 413);
    assert_eq!(status(&proxy, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab"), 408);
    assert_eq!(bodies.load(Ordering::Acquire), 0);
    assert_eq!(proxy.connect().ask("GET", "/", "").unwrap().head.status(), 200);
}

#[test]
fn a_cookie_of_the_shops_keeps_the_attributes_that_no_library_knows() {
    let line = "sid=a%3D1==; path=/; HTTPONLY; SameSite=Lax; Priority=High; odd; Expires=Thu, 01-Jan-2037 00:00:00 GMT";
    let shop = Shop::start(move |wire, _| {
        wire.send(format!("HTTP/1.1 200 OK\r\nSet-Cookie: {line}\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"))?;
        Ok(true)
    });
    let proxy = Proxy::before(shop.address);
    assert_eq!(proxy.connect().ask("GET", "/", "").unwrap().head.all("set-cookie"), [line, "b"]);
}
