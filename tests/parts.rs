//! Parts of things (Range), asked for in a session: those of files pass as they are, those of pages do not.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::punchout::{HOOK, PASSWORD, call, configuration, cookie_field, text};
use common::{Answer, Head, Keep, Proxy, Shop, Wire, ok};
use punchout_proxy::config::Plan;

/// What a download manager, or a browser that resumes, sends along; all of it must reach the shop as it is.
const PART: [(&str, &str); 8] = [
    ("range", "bytes=2-5"),
    ("if-range", "\"a\""),
    ("if-none-match", "W/\"a\", \"b\""),
    ("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("sec-fetch-dest", "iframe"),
    ("authorization", "Basic dXNlcjpww6U="),
    ("origin", "null"),
];

const PAGE: &str = "<html><body><table><tr class=line><td class=name>Drill</td><td class=sku>A-1</td>\
    <td class=quantity>2</td><td class=price>12,50</td></tr></table>\
    <a class=checkout href='/checkout'>Checkout</a></body></html>";

struct World {
    shop: Shop,
    proxy: Proxy,
    cookies: String,
}

impl World {
    /// A buyer at a shop that gives `part` to whoever asks for one, and the cart to everybody else.
    fn of(part: &'static [u8]) -> Self {
        World::with(move |wire, _| wire.send(part).map(|()| true), |_| {})
    }

    fn with(part: impl Fn(&mut Wire, &Head) -> Keep + Send + Sync + 'static, change: impl FnOnce(&mut Plan)) -> Self {
        let shop = Shop::start(move |wire, head| {
            wire.body(head, false)?;
            let is_head = head.method() == "HEAD";
            match (head.method(), head.target()) {
                ("GET", "/login") => wire.send(page("<form method=post><input name=user><input name=pass></form>"))?,
                ("POST", "/login") => wire.send(page("<a href='/logout'>bye</a>"))?,
                _ if head.get("range").is_some() => return part(wire, head),
                _ if is_head => wire.send(page(PAGE).split_inclusive("\r\n\r\n").next().unwrap())?,
                _ => wire.send(page(PAGE))?,
            }
            Ok(true)
        });
        let mut plan = common::plan_of(&configuration(shop.address));
        // Pages are to be read here as they are.
        plan.compress = false;
        change(&mut plan);
        let proxy = Proxy::with(shop.address, |before| *before = plan);
        let entered = call(&proxy, &[("USERNAME", "acme"), ("PASSWORD", PASSWORD), ("HOOK_URL", HOOK)], "");
        let cookies = cookie_field(&entered);
        let world = World { shop, proxy, cookies };
        // The session's first page, which takes the cookies of earlier stays away.
        world.ask("GET", "/", "");
        world.shop.seen.lock().unwrap().clear();
        world
    }

    fn ask(&self, method: &str, target: &str, more: &str) -> Answer {
        self.proxy.connect().ask(method, target, &format!("{}{more}", self.cookies)).unwrap()
    }

    fn ask_part(&self, method: &str, target: &str) -> Answer {
        let fields: String = PART.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.ask(method, target, &fields)
    }

    /// What the shop was asked, one line for each request.
    fn asked(&self) -> Vec<Head> {
        self.shop.seen.lock().unwrap().clone()
    }
}

fn page(html: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n{html}", html.len())
}

/// Of the fields of [`PART`], those that this request carries as they were sent.
fn carried(head: &Head) -> Vec<&'static str> {
    PART.iter().filter(|(name, value)| head.all(name) == [*value]).map(|(name, _)| *name).collect()
}

fn is_the_whole_cart(answer: &Answer, what: &str) {
    assert_eq!(answer.head.status(), 200, "{what}");
    let page = text(answer);
    assert!(page.contains("NEW_ITEM-DESCRIPTION") && page.contains("</html>"), "{what}: {page}");
    assert!(!page.contains("href='/checkout'"), "{what}: {page}");
    for gone in ["content-range", "etag"] {
        assert_eq!(answer.head.get(gone), None, "{what}");
    }
}

#[test]
fn a_part_of_a_file_is_asked_for_and_passed_as_it_is() {
    const VIDEO: &[u8] =
        b"HTTP/1.1 206 Partial Content\r\nContent-Type: video/mp4\r\nETag: \"a\"\r\nContent-Encoding: gzip\r\n\
        Content-Range: bytes 2-5/10\r\nContent-Length: 4\r\n\r\ncd\xe6f";
    const PDF: &[u8] =
        b"HTTP/1.1 206 Partial Content\r\nContent-Type: application/pdf\r\nContent-Range: bytes 2-5/10\r\n\
        Content-Length: 4\r\n\r\ncdef";
    const KEPT: &[u8] = b"HTTP/1.1 304 Not Modified\r\nContent-Type: application/pdf\r\nETag: \"a\"\r\n\r\n";
    const BEYOND: &[u8] =
        b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\nContent-Length: 4\r\n\r\nnone";
    for (part, status, body) in
        [(VIDEO, 206, b"cd\xe6f".as_slice()), (PDF, 206, b"cdef"), (KEPT, 304, b""), (BEYOND, 416, b"none")]
    {
        let world = World::of(part);
        let answer = world.ask_part("GET", "/files/a");
        assert_eq!((answer.head.status(), answer.body.as_slice()), (status, body));
        for name in ["content-range", "content-encoding", "etag", "content-type"] {
            let sent = String::from_utf8_lossy(part).to_lowercase().contains(&format!("\n{name}: "));
            assert_eq!(answer.head.get(name).is_some(), sent, "{status}: {name}");
        }
        let [asked] = &world.asked()[..] else { panic!("asked more than once: {:?}", world.asked()) };
        assert_eq!(carried(asked), PART.map(|(name, _)| name), "{status}");
    }
}

#[test]
fn a_part_of_a_page_becomes_the_whole_page() {
    // gzip of "<p>one</p>"
    const GZIP: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: 30\r\n\r\n\
        \x1f\x8b\x08\0\0\0\0\0\x02\x03\xb3\x29\xb0\xcb\xcf\x4b\xb5\xd1\x2f\xb0\x03\0\xd8\0\xc1\x88\x0a\0\0\0";
    let html: [&[u8]; 6] = [
        b"HTTP/1.1 206 Partial Content\r\nContent-Type: text/html\r\nContent-Range: bytes 2-5/99\r\nContent-Length: 4\r\n\r\ntml>",
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-5/99\r\nContent-Length: 4\r\n\r\ntml>",
        b"HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=B\r\nContent-Length: 45\r\n\r\n\
            --B\r\nContent-Type: text/html\r\n\r\ntml>\r\n--B--\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Type: text/html\r\nETag: \"a\"\r\n\r\n",
        GZIP,
    ];
    for part in html {
        let what = String::from_utf8_lossy(part);
        let world = World::of(part);
        is_the_whole_cart(&world.ask_part("GET", "/cart"), &what);
        let [first, second] = &world.asked()[..] else { panic!("{what}: {:?}", world.asked()) };
        assert_eq!(carried(first), PART.map(|(name, _)| name), "{what}");
        // As any page load.
        assert_eq!(carried(second), ["sec-fetch-dest", "authorization", "origin"], "{what}");
        assert_eq!(second.get("accept-encoding"), Some("identity"));
        assert_eq!(second.get("cookie"), first.get("cookie"));
        assert!(PART[..4].iter().all(|(name, _)| second.get(name).is_none()), "{what}: {second:?}");

        // Any page may lead to checkout.
        let answer = world.ask_part("GET", "/elsewhere");
        assert_eq!(answer.head.status(), 200, "{what}");
        assert!(!text(&answer).contains("href='/checkout'"), "{what}: {}", text(&answer));
    }
}

#[test]
fn on_the_cart_nothing_but_the_whole_will_do() {
    let others: [&[u8]; 4] = [
        b"HTTP/1.1 206 Partial Content\r\nContent-Type: application/json\r\nContent-Range: bytes 2-5/99\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\n\r\ntml>",
        b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */99\r\nContent-Length: 0\r\n\r\n",
    ];
    for part in others {
        let world = World::of(part);
        // A program's request too, which names nothing by which a browser is known.
        let answer = world.ask("GET", "/cart", "Range: bytes=2-5\r\n");
        is_the_whole_cart(&answer, &String::from_utf8_lossy(part));
    }
}

#[test]
fn a_program_gets_a_part_of_which_nobody_says_what_it_is() {
    let world =
        World::of(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-5/10\r\nContent-Length: 4\r\n\r\ncdef");
    let answer = world.ask("GET", "/files/a", "Range: bytes=2-5\r\n");
    assert_eq!((answer.head.status(), answer.body.as_slice(), world.asked().len()), (206, b"cdef".as_slice(), 1));
}

#[test]
fn a_shop_that_knows_no_parts_is_asked_once() {
    let world = World::with(|wire, _| wire.send(page(PAGE)).map(|()| true), |_| {});
    is_the_whole_cart(&world.ask_part("GET", "/cart"), "the whole");
    assert_eq!(world.asked().len(), 1);
}

#[test]
fn a_head_is_asked_anew_and_a_post_for_the_whole_at_once() {
    let world =
        World::of(b"HTTP/1.1 206 Partial Content\r\nContent-Type: text/html\r\nContent-Range: bytes 2-5/9\r\n\r\n");
    let answer = world.ask_part("HEAD", "/cart");
    assert_eq!((answer.head.status(), answer.head.get("content-range")), (200, None));
    assert_eq!(world.asked().iter().map(Head::method).collect::<Vec<_>>(), ["HEAD", "HEAD"]);

    let asked = world.ask("POST", "/cart", "Range: bytes=2-5\r\nAccept: text/html\r\nContent-Length: 0\r\n");
    is_the_whole_cart(&asked, "a POST");
    assert_eq!((world.asked().len(), world.shop.last().get("range")), (3, None));
}

/// With one connection to the shop: the part's must be free for the whole, and never be used while its body is under way.
#[test]
fn the_connection_of_a_part_that_is_let_go_of_is_used_again_only_where_the_part_has_ended() {
    let one = |plan: &mut Plan| plan.pool.max_live = 1;
    let endless = World::with(
        |wire, _| {
            wire.send(
                "HTTP/1.1 206 Partial Content\r\nContent-Type: text/html\r\nContent-Range: bytes 2-9999/99999\r\n\
                 Content-Length: 9998\r\n\r\ntml>",
            )?;
            // It ends when the proxy does not want it any more.
            wire.rest().map(|_| false)
        },
        one,
    );
    let before = endless.shop.connections();
    is_the_whole_cart(&endless.ask_part("GET", "/cart"), "endless");
    assert_eq!(endless.shop.connections(), before + 1);

    let kept = World::with(|wire, _| wire.send("HTTP/1.1 304 Not Modified\r\n\r\n").map(|()| true), one);
    let before = kept.shop.connections();
    is_the_whole_cart(&kept.ask_part("GET", "/cart"), "kept");
    assert_eq!(kept.shop.connections(), before);
}

#[test]
fn where_the_whole_does_not_come_nothing_does() {
    let world = World::with(
        |wire, _| {
            wire.send("HTTP/1.1 304 Not Modified\r\n\r\n")?;
            // The whole is asked for on this very connection.
            let head = wire.head()?;
            assert_eq!(head.get("range"), None);
            wire.send("no answer\r\n\r\n")?;
            Ok(false)
        },
        |_| {},
    );
    let answer = world.ask_part("GET", "/cart");
    assert_eq!(answer.head.status(), 502, "{}", text(&answer));
    assert!(text(&answer).contains("PO-SHOP"), "{}", text(&answer));
}

/// A shop that answers with a part whatever it is asked for.
#[test]
fn a_part_of_the_cart_that_nobody_asked_for_is_refused() {
    let shop = Shop::start(|wire, head| {
        wire.body(head, false)?;
        match (head.method(), head.target()) {
            ("GET", "/login") => wire.send(page("<form method=post><input name=user><input name=pass></form>"))?,
            ("POST", "/login") => wire.send(page("<a href='/logout'>bye</a>"))?,
            (_, "/cart") => wire.send(page(PAGE).replacen("200 OK", "206 Partial Content", 1))?,
            _ => wire.send(ok("x"))?,
        }
        Ok(true)
    });
    let proxy = Proxy::configured(&configuration(shop.address));
    let entered = call(&proxy, &[("USERNAME", "acme"), ("PASSWORD", PASSWORD), ("HOOK_URL", HOOK)], "");
    let cookies = cookie_field(&entered);
    for range in ["", "Range: bytes=2-5\r\n"] {
        let answer = proxy.connect().ask("GET", "/cart", &format!("{cookies}{range}")).unwrap();
        assert_eq!(answer.head.status(), 502, "{}", text(&answer));
        assert!(text(&answer).contains("PO-CART-UNREADABLE") && !text(&answer).contains("class=checkout"));
    }
}
