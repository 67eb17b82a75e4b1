//! Browsers that keep no cookies: the session goes on in its addresses, and in no other way.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::sync::Arc;

use arc_swap::ArcSwap;
use common::Answer;
use common::punchout::{HOOK, PASSWORD, Punchout, cookie_field, own, root_of, text};
use punchout_proxy::demo::browser::Browser;
use punchout_proxy::demo::journey::{EntryWay, travel_by};
use punchout_proxy::demo::procurement::ProcurementSettings;
use punchout_proxy::demo::shop::ShopSettings;
use punchout_proxy::demo::{Demo, proxy_toml};
use punchout_proxy::{config, server};

const AGENT: &str = "User-Agent: SAP GUI\r\n";
/// As a browser says of a click on a page of the session's.
const CLICK: &str = "User-Agent: SAP GUI\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\n";

fn world(cookies: &str) -> Punchout {
    let cookies = cookies.to_owned();
    Punchout::configured(
        move |text| {
            let text = text.replace("form = { again = true }\n", "");
            text.replace("default_unit", &format!("cookies = \"{cookies}\"\ndefault_unit"))
        },
        |_| {},
    )
}

fn enter(world: &Punchout, more: &str) -> Answer {
    let answer = world.call(&[("USERNAME", "acme"), ("PASSWORD", PASSWORD), ("HOOK_URL", HOOK)], more);
    assert_eq!(answer.head.status(), 303, "{}", text(&answer));
    answer
}

/// The root of a session whose browser kept nothing.
fn root(world: &Punchout) -> String {
    let entered = enter(world, AGENT);
    let arrived = world.ask("GET", entered.head.get("location").unwrap(), AGENT);
    assert_eq!((arrived.head.status(), arrived.head.get("cache-control")), (200, Some("no-store")));
    assert_eq!(arrived.head.get("referrer-policy"), Some("no-referrer"));
    root_of(&arrived)
}

fn at(world: &Punchout, root: &str, path: &str, more: &str) -> Answer {
    world.ask("GET", &format!("{root}{path}"), &format!("{CLICK}{more}"))
}

#[test]
fn a_cart_returns_from_a_browser_without_cookies() {
    for (way, entry) in [("page", EntryWay::Post), ("fresh", EntryWay::Post), ("page", EntryWay::Get)] {
        let demo = Demo::start_with(ShopSettings::default(), ProcurementSettings::default()).unwrap();
        let file = proxy_toml(demo.shop_addr, demo.procurement_addr);
        let file = file.replace("return = \"page\"", &format!("return = \"{way}\""));
        let outcome = config::read(&file, std::path::Path::new("."));
        let plan = outcome.plan.unwrap_or_else(|| panic!("{:?}", outcome.faults));
        let running = server::run(&Arc::new(ArcSwap::from_pointee(plan))).unwrap();
        let proxy = format!("http://{}", running.addresses()[0]);
        demo.connect(&proxy);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let journey = travel_by(Browser::without_cookies(), &proxy, demo.procurement_addr, entry);
        let journey = runtime.block_on(journey).unwrap();
        assert!(journey.is_right(), "{way} {entry:?}: {journey}");
        assert!(demo.shop.orders().is_empty());
        running.stop();
        running.join();
    }
}

#[test]
fn the_shop_sees_plain_addresses_and_its_own_cookies_and_the_browser_sees_none() {
    let world = world("auto");
    let root = root(&world);
    let token = root.rsplit('/').next().unwrap();
    let more = format!(
        "Cookie: sid=forged; punchout={token}\r\nReferer: http://shop.example{root}/a?b\r\nOrigin: http://shop.example\r\nX-At: {root}/c\r\n"
    );
    let cart = at(&world, &root, &format!("/cart?next={root}/x"), &more);
    let seen = world.shop.last();
    assert_eq!((seen.target(), seen.all("cookie")), ("/cart?next=/x", vec!["sid=session-1"]));
    assert_eq!(seen.all("referer"), ["http://shop.example/a?b"]);
    assert_eq!((seen.get("x-at"), seen.get("origin")), (Some("/c"), Some("http://shop.example")));
    assert_eq!(cart.head.status(), 200);
    assert!(cart.head.all("set-cookie").is_empty());
    assert_eq!(cart.head.all("referrer-policy"), ["same-origin"]);
    assert_eq!(cart.head.all("cache-control"), ["private, no-store"]);

    // What goes to the hook holds nothing of it, and what is ours does.
    let page = text(&cart);
    let form = page.split("id=\"punchout-return-").nth(1).unwrap().split("</form>").next().unwrap();
    assert!(form.contains(&format!("action=\"{HOOK}\"")) && form.contains("NEW_ITEM-VENDORMAT[1]"), "{form}");
    assert!(!form.contains(token), "{form}");
    for ours in [format!("action=\"{}\"", own("cancel", &root)), format!("data-sent=\"{}\"", own("sent", &root))] {
        assert!(page.contains(&ours), "{ours}: {page}");
    }
    assert!(page.contains("href=\"/_punchout/bar.css\""), "what is everybody's is no secret: {page}");

    let moved = at(&world, &root, "/moved", "");
    assert_eq!(moved.head.all("location"), [format!("{root}/cart?a=/b")]);
    assert_eq!(moved.head.all("refresh"), [format!("5; url={root}/cart")]);
    assert_eq!(moved.head.all("link"), [format!("<{root}/a.css>; rel=preload")]);
    assert!(moved.head.all("set-cookie").is_empty());
    assert_eq!(moved.head.all("cache-control"), ["private, no-store"]);
    at(&world, &root, "/a", "");
    assert_eq!(world.shop.last().all("cookie"), ["sid=session-1; moved=1"], "kept here");
    let denied = at(&world, &root, "/checkout", "");
    assert_eq!((denied.head.status(), denied.head.get("location")), (303, Some(format!("{root}/cart").as_str())));
    for head in world.shop.seen.lock().unwrap().iter() {
        assert!(!format!("{head:?}").contains(token), "the shop need not know: {head:?}");
    }
}

#[test]
fn a_session_is_reached_in_one_way_alone() {
    let world = world("auto");
    let (mine, other) = (root(&world), root(&world));
    assert_ne!(mine, other);
    let token = mine.rsplit('/').next().unwrap();
    let kept = cookie_field(&enter(&world, AGENT));
    let id = kept.split("punchout=").nth(1).unwrap().split([';', '\r']).next().unwrap();
    let seen = world.shop.seen();
    for (what, target, more) in [
        ("a token as a cookie", "/cart".to_owned(), format!("Cookie: punchout={token}\r\n")),
        ("a cookie as a token", format!("/_punchout/s/{id}/cart"), String::new()),
        ("a forged token", "/_punchout/s/AAAAAAAAAAAAAAAAAAAAAA/cart".to_owned(), String::new()),
        ("no token", "/_punchout/s//cart".to_owned(), String::new()),
        ("a token and more", format!("{mine}x/cart"), String::new()),
        (
            "a forged token with a cookie that is good",
            "/_punchout/s/AAAAAAAAAAAAAAAAAAAAAA/cart".to_owned(),
            kept.clone(),
        ),
        (
            "a forged token at a page of ours",
            "/_punchout/s/AAAAAAAAAAAAAAAAAAAAAA/_punchout/return".to_owned(),
            kept.clone(),
        ),
    ] {
        let answer = world.ask("GET", &target, &format!("{CLICK}{more}"));
        assert_eq!(answer.head.status(), 410, "{what}: {}", text(&answer));
        assert!(text(&answer).contains("PO-SESSION-OVER"), "{what}");
        if !target.starts_with("/cart") {
            assert!(
                answer.head.all("set-cookie").is_empty() && answer.head.all("clear-site-data").is_empty(),
                "{what}"
            );
        }
    }
    assert_eq!(world.shop.seen(), seen, "nothing of it reached the shop");
    assert_eq!(at(&world, &mine, "/cart", &kept).head.status(), 200);
    assert_eq!(world.shop.last().all("cookie"), ["sid=session-1"]);
    // The token opens it under the one id that nobody can show in a cookie.
    let token = punchout_proxy::session::id::Token::parse(token).unwrap();
    let shown = format!("Cookie: punchout={}\r\n", token.id().to_cookie());
    assert_eq!(world.ask("GET", "/cart", &shown).head.status(), 410);
}

#[test]
fn a_session_ends_in_its_addresses_and_takes_no_visitors_cookies_away() {
    let world = world("auto");
    let root = root(&world);
    let post =
        |page: &str| world.ask("POST", &own(page, &root), &format!("{CLICK}Cookie: mine=1\r\nContent-Length: 0\r\n"));
    // A picture in a text of the shop's gets the root like any address of its own.
    let picture = format!("{CLICK}Sec-Fetch-Dest: image\r\n");
    for page in ["sent", "cancel", "return"] {
        let answer = world.ask("GET", &format!("{root}/_punchout/{page}"), &picture);
        assert!(matches!(answer.head.status(), 403 | 405), "{page}");
    }
    let fresh = post("return");
    assert_eq!(fresh.head.status(), 200);
    assert!(text(&fresh).contains(&format!("data-sent=\"{}\"", own("sent", &root))), "{}", text(&fresh));
    assert!(fresh.head.all("set-cookie").is_empty());
    let again = world.ask("GET", &own("return", &root), CLICK);
    assert!(text(&again).contains(&format!("href=\"{}&amp;again=1\"", own("return", &root))), "{}", text(&again));
    let left = post("cancel");
    assert_eq!(left.head.status(), 200);
    for answer in [left, at(&world, &root, "/cart", "")] {
        assert!(answer.head.all("set-cookie").is_empty() && answer.head.all("clear-site-data").is_empty());
    }
    assert_eq!(at(&world, &root, "/cart", "").head.status(), 410);
}

#[test]
fn who_comes_from_elsewhere_with_a_sessions_address_is_a_visitor() {
    let world = world("auto");
    let root = root(&world);
    let from = |site: &str| format!("{AGENT}Sec-Fetch-Site: {site}\r\n");
    let strangers =
        [from("none"), from("cross-site"), from("same-site"), "User-Agent: Link preview\r\n".to_owned(), String::new()];
    for stranger in &strangers {
        let seen = world.shop.seen();
        let shown = world.ask("GET", &format!("{root}/vare/1?a=b"), stranger);
        assert_eq!((shown.head.status(), shown.head.get("location")), (303, Some("/vare/1?a=b")), "{stranger}");
        let elsewhere = world.ask("GET", &format!("{root}//evil.example/"), stranger);
        assert_eq!(elsewhere.head.get("location"), Some("/evil.example/"), "no way to another host");
        for path in ["/cart", "/_punchout/cancel", "/_punchout/sent"] {
            let answer = world.ask("POST", &format!("{root}{path}"), &format!("{stranger}Content-Length: 0\r\n"));
            assert_eq!(answer.head.status(), 403, "{path} {stranger}");
            assert!(text(&answer).contains("PO-CROSS-SITE"));
        }
        assert_eq!(world.shop.seen(), seen, "{stranger}");
    }
    // A browser too old to say where it comes from.
    assert_eq!(world.ask("GET", &format!("{root}/cart"), AGENT).head.status(), 200);
    assert_eq!(at(&world, &root, "/cart", "").head.status(), 200);
}

#[test]
fn a_ticket_is_for_the_browser_that_entered() {
    let world = world("auto");
    let entered = enter(&world, AGENT);
    let other = world.ask("GET", entered.head.get("location").unwrap(), "User-Agent: Another\r\n");
    assert_eq!(other.head.status(), 410);
}

#[test]
fn a_buyer_may_be_given_no_cookies_or_nothing_else() {
    let world = world("never");
    let entered = enter(&world, &format!("{AGENT}Cookie: of-a-visit=1\r\n"));
    assert!(entered.head.all("set-cookie").is_empty());
    let arrived = world.ask("GET", entered.head.get("location").unwrap(), AGENT);
    let root = root_of(&arrived);
    assert_eq!(at(&world, &root, "/cart", "").head.status(), 200);

    let world = self::world("required");
    let entered = enter(&world, AGENT);
    assert_eq!(entered.head.get("location"), Some("/"));
    assert_eq!(world.ask("GET", "/cart", &cookie_field(&entered)).head.status(), 200);
}

#[test]
fn with_cookies_that_are_kept_nothing_is_in_addresses() {
    let world = world("auto");
    let entered = enter(&world, AGENT);
    let cookies = cookie_field(&entered);
    let arrived = world.ask("GET", entered.head.get("location").unwrap(), &format!("{AGENT}{cookies}"));
    assert_eq!((arrived.head.status(), arrived.head.get("location")), (303, Some("/")));
    let cart = world.ask("GET", "/cart", &cookies);
    assert!(!text(&cart).contains("/_punchout/s/"), "{}", text(&cart));
    assert!(cart.head.all("referrer-policy").is_empty());
}

#[test]
fn a_request_that_a_script_put_together_is_brought_back_into_its_session() {
    let world = world("auto");
    let (root, other) = (root(&world), root(&world));
    let kept = cookie_field(&enter(&world, AGENT));
    let fetched = |root: &str, more: &str| {
        let referer = format!("Referer: http://shop.example{root}/vare/1\r\n");
        format!("{AGENT}Sec-Fetch-Site: same-origin\r\nSec-Fetch-Dest: empty\r\n{referer}Content-Length: 0\r\n{more}")
    };
    let seen = world.shop.seen();
    for (method, target) in [("POST", "/api/cart?a=b"), ("GET", "//evil.example/"), ("DELETE", "/api/cart/1")] {
        let answer = world.ask(method, target, &fetched(&root, ""));
        assert_eq!(
            (answer.head.status(), answer.head.get("location")),
            (307, Some(format!("{root}{target}").as_str()))
        );
        assert_eq!(answer.head.get("cache-control"), Some("no-store"));
    }
    assert_eq!(world.shop.seen(), seen, "the shop is asked once, where the session is");
    // To all others it is a visitor's request, and says nothing of any session.
    let dead = "/_punchout/s/AAAAAAAAAAAAAAAAAAAAAA";
    for (what, more) in [
        ("a token that is none", fetched(dead, "")),
        ("another browser", fetched(&root, "").replace("SAP GUI", "Another")),
        ("another site", fetched(&root, "").replace("same-origin", "cross-site")),
        ("a browser that does not say", fetched(&root, "").replace("Sec-Fetch-Site", "X-Fetch-Site")),
        ("a picture", fetched(&root, "").replace("Dest: empty", "Dest: image")),
        ("a page of a visitor's", fetched("/kategori", "")),
    ] {
        let answer = world.ask("GET", "/api/cart", &more);
        assert_eq!((answer.head.status(), answer.head.get("location")), (200, None), "{what}");
        let seen = world.shop.last();
        assert!(seen.all("cookie").is_empty(), "{what}");
        assert!(!format!("{seen:?}").contains("/_punchout/s/"), "{what}: {seen:?}");
    }
    // A session with a cookie stays by that, wherever it comes from.
    let cart = world.ask("GET", "/cart", &fetched(&other, &kept));
    assert_eq!(cart.head.status(), 200);
    let over = world.ask("POST", &own("cancel", &root), &format!("{CLICK}Content-Length: 0\r\n"));
    assert_eq!(over.head.status(), 200);
    assert_eq!(world.ask("GET", "/api/cart", &fetched(&root, "")).head.status(), 200, "the session is over");
}
