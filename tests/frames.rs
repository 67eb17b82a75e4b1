//! A buyer whose system shows the shop in a frame: what is changed of a session's answers, and of no others.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::Answer;
use common::punchout::{Punchout, cookie_field, own, text};
use punchout_proxy::config::plan::Public;

const KEPT: &str = "; Secure; SameSite=None; Partitioned";

/// The usual punchout, over https by a front proxy, in a frame.
fn framed(secure: bool) -> Punchout {
    configured(secure, |text| text)
}

fn configured(secure: bool, change: impl FnOnce(String) -> String) -> Punchout {
    Punchout::configured(
        |text| change(text.replace("default_unit", "embed = \"iframe\"\ncookies = \"required\"\ndefault_unit")),
        |plan| plan.public = secure.then(|| Public { secure: true, authority: "shop.example".to_owned() }),
    )
}

fn enter(world: &Punchout) -> Answer {
    let hook = ("HOOK_URL", common::punchout::HOOK);
    world.call(&[("USERNAME", "acme"), ("PASSWORD", common::punchout::PASSWORD), hook], "")
}

/// Where an entry sends the browser to show its cookie.
fn begin_of_any(entered: &Answer) -> Option<String> {
    let location = entered.head.get("location")?;
    let ticket = location.strip_prefix("/_punchout/begin?ticket=")?;
    assert_eq!(ticket.len(), 22);
    Some(location.to_owned())
}

fn begin_of(entered: &Answer) -> String {
    begin_of_any(entered).unwrap_or_else(|| panic!("{:?}", entered.head))
}

#[test]
fn a_sessions_cookies_are_kept_in_a_frame_and_its_pages_shown_there() {
    let world = framed(true);
    let entered = enter(&world);
    assert_eq!(entered.head.status(), 303);
    let first = begin_of(&entered);
    let lines = entered.head.all("set-cookie");
    assert!(lines.len() >= 2 && lines.iter().all(|line| line.ends_with(KEPT)), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("__Host-punchout=")));
    let cookie = cookie_field(&entered);

    for asked in ["at once", "again"] {
        let begun = world.ask("GET", &first, &cookie);
        assert_eq!((begun.head.status(), begun.head.get("location")), (303, Some("/")), "{asked}");
    }
    for target in ["/cart", &own("return", &cookie), "/checkout"] {
        let policies = world.ask("GET", target, &cookie).head.all("content-security-policy").join(", ");
        let expected = "frame-ancestors 'self' https://srm.acme.example https://*.acme.example";
        assert!(policies.contains(expected), "{target}: {policies}");
    }
}

#[test]
fn a_browser_that_kept_no_cookie_is_told_so_and_its_account_is_free_at_once() {
    let account = "{ username = \"shopper\", password = \"x\" }";
    let world = configured(true, |text| {
        let shared = "{ strategy = \"shared\", username = \"shopper\", password = \"x\" }";
        assert!(text.contains(shared));
        text.replace(shared, &format!("[{account}]"))
    });
    let first = begin_of(&enter(&world));
    let busy = enter(&world);
    assert!(busy.head.get("location").unwrap().starts_with("/_punchout/wait"), "the one account is taken");
    let told = world.ask("GET", &first, "");
    assert_eq!(told.head.status(), 403);
    assert!(text(&told).contains("PO-NO-COOKIES"));
    common::eventually("the account is free", || begin_of_any(&enter(&world)).is_some());
}

#[test]
fn a_ticket_is_good_once_and_opens_nothing_by_itself() {
    let world = framed(true);
    let entered = enter(&world);
    let (first, cookie) = (begin_of(&entered), cookie_field(&entered));
    let other = cookie_field(&enter(&world));
    let told = world.ask("GET", &first, &other);
    assert!(text(&told).contains("PO-NO-COOKIES"), "a cookie of another session is not the one that was given");
    for (target, cookie) in [
        (first.as_str(), ""),
        ("/_punchout/begin?ticket=AAAAAAAAAAAAAAAAAAAAAA", ""),
        ("/_punchout/begin", ""),
        (&first, &cookie),
    ] {
        let over = world.ask("GET", target, cookie);
        assert_eq!(over.head.status(), 410, "{target}");
        assert!(text(&over).contains("PO-SESSION-OVER"));
        let undone = !over.head.all("clear-site-data").is_empty();
        assert_eq!(undone, !cookie.is_empty(), "whoever makes up a ticket takes no visitor's cookies away");
    }
    let over = world.ask("GET", "/cart", &cookie);
    assert_eq!(over.head.status(), 410);
    let ends = over.head.all("set-cookie");
    assert!(ends.iter().any(|line| line.ends_with(KEPT)) && ends.iter().any(|line| !line.ends_with(KEPT)), "{ends:?}");
}

/// Browsers would take all cookies of the registered domain away: those of the procurement system too, to which the buyer
/// is just going back.
#[test]
fn a_procurement_system_beside_the_shop_keeps_its_cookies() {
    for (called, beside) in [("shop.example", false), ("shop.acme.example", true), ("acme.example:8443", true)] {
        let world = Punchout::configured(
            |text| text,
            |plan| plan.public = Some(Public { secure: true, authority: called.to_owned() }),
        );
        let cookies = cookie_field(&enter(&world));
        let left = world.ask("POST", &own("cancel", &cookies), &format!("{cookies}Content-Length: 0\r\n"));
        let over = world.ask("GET", "/cart", &cookies);
        for answer in [left, over] {
            assert_eq!(answer.head.all("clear-site-data").is_empty(), beside, "{called}");
            let gone = answer.head.all("set-cookie").iter().any(|line| line.starts_with("sid=;"));
            assert!(gone, "{called}: {:?}", answer.head);
        }
    }
}

/// Who makes up a cookie of a session that never was.
#[test]
fn many_cookies_are_not_answered_with_as_many_lines() {
    for world in [framed(true), framed(false)] {
        let ours = if world.proxy.plans.load().public.is_some() { "__Host-punchout" } else { "punchout" };
        let ours = format!("Cookie: {ours}=AAAAAAAAAAAAAAAAAAAAAA");
        let same = world.ask("GET", "/", &format!("{ours}{}\r\n", ";a".repeat(10_000)));
        assert_eq!(same.head.status(), 410);
        assert!(same.head.all("set-cookie").len() <= 4, "{}", same.head.all("set-cookie").len());
        let others: String = (0..5_000).map(|number| format!(";a{number}")).collect();
        let others = world.ask("GET", "/", &format!("{ours}{others}\r\n"));
        assert_eq!(others.head.status(), 410);
        assert!((100..400).contains(&others.head.all("set-cookie").len()), "{}", others.head.all("set-cookie").len());
    }
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
