//! Clients that take without giving, and floods of catalog calls: a visitor on the same single worker does not notice.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::time::{Duration, Instant};

use common::punchout::{HOOK, PASSWORD, Punchout, text};
use common::{Answer, Proxy, Wire};

/// Far below every time-out that ends a slow client, and generous to machines that are busy with other tests.
const AT_ONCE: Duration = Duration::from_secs(5);

fn a_visitor_is_served(proxy: &Proxy) {
    for _ in 0..5 {
        let begin = Instant::now();
        let answer = proxy.connect().ask("GET", "/page", "").unwrap();
        assert_eq!((answer.head.status(), answer.body.as_slice()), (200, b"GET /page ".as_slice()));
        assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    }
}

#[test]
fn slow_heads_slow_bodies_and_slow_readers_stop_no_visitor() {
    let p = Punchout::start(|plan| plan.limits.head_time = Duration::from_secs(5));
    let open = |text: &str| {
        let mut wire = p.proxy.connect();
        wire.send(text).unwrap();
        wire
    };
    let heads: Vec<Wire> = (0..100).map(|_| open("GET / HTTP/1.1\r\nHost: shop.example\r\nX-A: ")).collect();
    let post = "POST /slow HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1000\r\n\r\nx";
    let bodies: Vec<Wire> = (0..50).map(|_| open(post)).collect();
    let call = "POST /oci HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Content-Length: 1000\r\n\r\nHOOK_URL=";
    let calls: Vec<Wire> = (0..50).map(|_| open(call)).collect();
    let readers: Vec<Wire> = (0..20).map(|_| open("GET /large HTTP/1.1\r\nHost: shop.example\r\n\r\n")).collect();
    a_visitor_is_served(&p.proxy);
    for mut wire in heads.into_iter().chain(bodies).chain(calls) {
        // One more byte, as a client of that kind sends from time to time.
        wire.send("x").unwrap();
    }
    a_visitor_is_served(&p.proxy);
    drop(readers);
}

#[test]
fn two_thousand_connections_left_open_stop_no_visitor() {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok());
    // Both ends of each connection are ours, and other tests of this file run beside.
    let count = 2000.min(files.unwrap_or(1024_usize) / 4);
    let p = Punchout::start(|_| {});
    let idle: Vec<Wire> = (0..count).map(|_| p.proxy.connect()).collect();
    a_visitor_is_served(&p.proxy);
    drop(idle);
    a_visitor_is_served(&p.proxy);
}

fn call(p: &Punchout, username: &str, password: &str) -> Answer {
    p.call(&[("HOOK_URL", HOOK), ("USERNAME", username), ("PASSWORD", password)], "")
}

#[test]
fn a_flood_of_wrong_passwords_stops_no_visitor_and_is_answered_in_time() {
    let p = Punchout::start(|plan| plan.entry.rate = 100_000);
    std::thread::scope(|scope| {
        let flood: Vec<_> = (0..40)
            .map(|n| {
                let name = if n % 2 == 0 { "acme" } else { "nobody" };
                let p = &p;
                scope.spawn(move || {
                    let begin = Instant::now();
                    (call(p, name, "wrong").head.status(), begin.elapsed())
                })
            })
            .collect();
        a_visitor_is_served(&p.proxy);
        for caller in flood {
            let (status, time) = caller.join().unwrap();
            assert!(matches!(status, 403 | 429), "{status}");
            assert!(time < Duration::from_secs(9), "{time:?}");
        }
    });
    assert_eq!(call(&p, "acme", PASSWORD).head.status(), 303, "when the flood is over, all is as before");
}

#[test]
fn passwords_are_guessed_a_few_times_a_minute_and_no_more() {
    let p = Punchout::start(|plan| plan.entry.rate = 3);
    for _ in 0..5 {
        assert_eq!(call(&p, "acme", PASSWORD).head.status(), 303, "what is right costs no turn");
    }
    for _ in 0..3 {
        assert_eq!(call(&p, "acme", "wrong").head.status(), 403);
    }
    for password in ["wrong", PASSWORD] {
        let answer = call(&p, "acme", password);
        assert_eq!(answer.head.status(), 429, "right or wrong is not told any more");
        let wait: u64 = answer.head.get("retry-after").unwrap().parse().unwrap();
        assert!((1..=20).contains(&wait), "{wait}");
        assert!(text(&answer).contains("PO-ENTRY-TOO-MANY"));
    }
    let spoofed = "X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.8\r\nX-Real-IP: 203.0.113.9\r\n";
    let answer = p.call(&[("HOOK_URL", HOOK), ("USERNAME", "acme"), ("PASSWORD", "wrong")], spoofed);
    assert_eq!(answer.head.status(), 429, "nobody gets turns by calling itself somebody else");
    a_visitor_is_served(&p.proxy);
}

#[test]
fn a_robot_with_the_right_password_opens_so_many_sessions_a_minute_and_no_more() {
    let p = Punchout::start(|plan| plan.entry.buyer_rate = 2);
    let statuses: Vec<_> = (0..3).map(|_| call(&p, "acme", PASSWORD).head.status()).collect();
    assert_eq!(statuses, [303, 303, 429]);
}

#[test]
fn while_a_buyer_changes_its_password_both_are_right() {
    let next = punchout_proxy::config::credentials::hash("the next one");
    let next = format!("next_password_hash = \"{next}\"\nhooks = [");
    let p = Punchout::configured(|text| text.replace("hooks = [", &next), |_| {});
    for (password, status) in [(PASSWORD, 303), ("the next one", 303), ("another", 403), ("", 403)] {
        assert_eq!(call(&p, "acme", password).head.status(), status, "{password}");
    }
}

#[test]
fn an_unknown_user_and_a_wrong_password_are_told_alike() {
    let p = Punchout::start(|_| {});
    let shown = |username: &str, password: &str| {
        let answer = call(&p, username, password);
        let body = text(&answer);
        // Eight characters to quote, and the nonce of the page's own style: both random.
        let random: Vec<&str> = body
            .split(|c: char| !c.is_ascii_alphanumeric() && !"+/=_-".contains(c))
            .filter(|word| word.len() == 8 && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
            .collect();
        assert!(!random.is_empty(), "{body}");
        let reference = random[0].to_owned();
        let nonce = body.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("-").to_owned();
        let plain = |text: String| text.replace(&reference, "REFERENCE").replace(&nonce, "NONCE");
        let fields = answer.head.fields.iter().filter(|(name, _)| name != "date");
        let fields = fields.map(|(name, value)| (name.clone(), plain(String::from_utf8_lossy(value).into_owned())));
        (answer.head.start.clone(), fields.collect::<Vec<_>>(), plain(body))
    };
    let wrong = shown("acme", "wrong");
    assert!(wrong.0.contains("403"));
    for (username, password) in [("nobody", "wrong"), ("acme", "x"), ("acme\u{0}", PASSWORD), ("ACME'--", "x")] {
        let told = shown(username, password);
        assert_eq!(told, wrong, "{username}");
    }
}
