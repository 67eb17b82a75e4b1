//! A buyer whose system shows the shop in a frame: what is changed of a session's answers, and of no others.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::Answer;
use common::punchout::{Punchout, cookie_field, text};
use punchout_proxy::config::plan::Public;

const KEPT: &str = "; Secure; SameSite=None; Partitioned";

/// The usual punchout, over https by a front proxy, in a frame.
fn framed(secure: bool) -> Punchout {
    Punchout::configured(
        |text| text.replace("default_unit", "embed = \"iframe\"\ndefault_unit"),
        |plan| plan.public = secure.then(|| Public { secure: true, authority: "shop.example".to_owned() }),
    )
}

fn enter(world: &Punchout) -> Answer {
    let hook = ("HOOK_URL", common::punchout::HOOK);
    world.call(&[("USERNAME", "acme"), ("PASSWORD", common::punchout::PASSWORD), hook], "")
}

#[test]
fn a_sessions_cookies_are_kept_in_a_frame_and_its_pages_shown_there() {
    let world = framed(true);
    let entered = enter(&world);
    assert_eq!((entered.head.status(), entered.head.get("location")), (303, Some("/_punchout/begin")));
    let lines = entered.head.all("set-cookie");
    assert!(lines.len() >= 2 && lines.iter().all(|line| line.ends_with(KEPT)), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("__Host-punchout=")));
    let cookie = cookie_field(&entered);

    let begun = world.ask("GET", "/_punchout/begin", &cookie);
    assert_eq!((begun.head.status(), begun.head.get("location")), (303, Some("/")));
    for target in ["/cart", "/_punchout/return", "/checkout"] {
        let policies = world.ask("GET", target, &cookie).head.all("content-security-policy").join(", ");
        let expected = "frame-ancestors 'self' https://srm.acme.example https://*.acme.example";
        assert!(policies.contains(expected), "{target}: {policies}");
    }
}

#[test]
fn a_browser_that_kept_no_cookie_is_told_so() {
    let world = framed(true);
    let told = world.ask("GET", "/_punchout/begin", "");
    assert_eq!(told.head.status(), 403);
    assert!(text(&told).contains("PO-NO-COOKIES"));
    let over = world.ask("GET", "/_punchout/begin", "Cookie: __Host-punchout=AAAAAAAAAAAAAAAAAAAAAA\r\n");
    assert_eq!(over.head.status(), 410);
    let ends = over.head.all("set-cookie");
    assert!(ends.iter().any(|line| line.ends_with(KEPT)) && ends.iter().any(|line| !line.ends_with(KEPT)), "{ends:?}");
}

#[test]
fn a_visitor_and_plain_http_are_left_alone() {
    for (world, cookie) in [(framed(true), false), (framed(false), true)] {
        let cookie = if cookie { cookie_field(&enter(&world)) } else { String::new() };
        let answer = world.ask("GET", "/cart", &cookie);
        assert!(answer.head.all("content-security-policy").is_empty());
        assert!(answer.head.all("set-cookie").iter().all(|line| !line.contains("Partitioned")));
    }
}
