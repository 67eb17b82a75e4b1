//! The admin listener: what it counts, whom it lets in, and how it is asked by a command.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::process::Command;

use common::punchout::{PASSWORD, Punchout, own, text};
use common::{Wire, eventually};
use punchout_proxy::config::plan::{Admin, AdminAddress};
use punchout_proxy::secret::Secret;

fn with_admin(token: Option<&str>) -> Punchout {
    Punchout::start(|plan| {
        let at = AdminAddress::Tcp("127.0.0.1:0".parse().unwrap());
        plan.admin = Some(Admin { at, token: token.map(|token| Secret::new(token.to_owned())) });
    })
}

fn ask(punchout: &Punchout, method: &str, target: &str, more: &str) -> (u16, String) {
    let mut wire = Wire::connect(punchout.proxy.running.admin_address().unwrap());
    wire.send(format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")).unwrap();
    let answer = wire.answer(method).unwrap();
    (answer.head.status(), text(&answer))
}

/// The value of the one sample with that name and labels.
fn value(metrics: &str, sample: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn a_punchout_is_counted_from_entry_to_return() {
    let punchout = with_admin(None);
    assert_eq!(ask(&punchout, "GET", "/live", ""), (200, "live\n".into()));
    assert_eq!(ask(&punchout, "GET", "/ready", ""), (200, "ready\n".into()));
    assert_eq!(punchout.ask("GET", "/a", "").head.status(), 200);
    assert_eq!(
        punchout
            .call(&[("USERNAME", "acme"), ("PASSWORD", "wrong"), ("HOOK_URL", "https://a.acme.example")], "")
            .head
            .status(),
        403
    );
    let cookies = punchout.enter(&[], "");
    let (_, before) = ask(&punchout, "GET", "/metrics", "");
    assert_eq!(value(&before, "punchout_sessions_open"), Some(1.0), "{before}");
    assert!(text(&punchout.ask("GET", "/cart", &cookies)).contains("NEW_ITEM-DESCRIPTION[1]"));
    assert_eq!(punchout.ask("GET", "/checkout/", &cookies).head.status(), 303);
    assert_eq!(
        punchout.ask("POST", &own("sent", &cookies), &format!("{cookies}Content-Length: 0\r\n")).head.status(),
        204
    );
    let left = punchout.enter(&[], "");
    punchout.ask("POST", &own("cancel", &left), &format!("{left}Content-Length: 0\r\n"));
    let (status, metrics) = ask(&punchout, "GET", "/metrics", "");
    assert_eq!(status, 200);
    for (sample, expected) in [
        ("punchout_visitor_requests_total", 1.0),
        ("punchout_entries_refused_total{code=\"PO-ENTRY-REFUSED\"}", 1.0),
        ("punchout_problems_total{code=\"PO-ENTRY-REFUSED\"}", 1.0),
        ("punchout_sessions_started_total{buyer=\"acme\"}", 2.0),
        ("punchout_sessions_ended_total{buyer=\"acme\",how=\"returned\"}", 1.0),
        ("punchout_sessions_ended_total{buyer=\"acme\",how=\"cancelled\"}", 1.0),
        ("punchout_carts_total{buyer=\"acme\",outcome=\"ready\"}", 1.0),
        ("punchout_lines_total{buyer=\"acme\"}", 1.0),
        ("punchout_denied_total", 1.0),
        ("punchout_rules_total{rule=\"shop.sign_in\",outcome=\"hit\"}", 2.0),
        ("punchout_rules_total{rule=\"shop.cart.line\",outcome=\"hit\"}", 1.0),
        ("punchout_rules_total{rule=\"shop.cart.checkout\",outcome=\"hit\"}", 1.0),
        ("punchout_shop_answer_seconds_count", 1.0),
    ] {
        assert_eq!(value(&metrics, sample), Some(expected), "{sample}\n{metrics}");
    }
}

/// A neighbour without the token, who has all the time in the world.
#[test]
fn slow_connections_without_a_token_keep_nobody_out() {
    let punchout = with_admin(Some("a-token-of-16-characters"));
    let address = punchout.proxy.running.admin_address().unwrap();
    let begun = |text: &str| {
        let mut wire = Wire::connect(address);
        // One that had to make room may find its own connection closed already.
        let _ = wire.send(text);
        wire
    };
    let head = "POST /hook/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n";
    let bodies: Vec<Wire> = (0..64).map(|_| begun(head)).collect();
    let heads: Vec<Wire> = (0..128).map(|_| begun("POST /hook/x HTTP/1.1\r\n")).collect();
    assert_eq!(ask(&punchout, "GET", "/live", "Authorization: Bearer a-token-of-16-characters\r\n").0, 200);
    let mut body = begun(head);
    assert_eq!(body.answer("POST").unwrap().head.status(), 404, "nobody has that ticket: nothing is waited for");
    drop((bodies, heads));
}

#[test]
fn a_rule_that_finds_nothing_is_a_miss_and_its_finding_is_counted() {
    let punchout = with_admin(None);
    // A line without a name: it cannot leave.
    punchout.article.lock().unwrap().clear();
    let cookies = punchout.enter(&[], "");
    punchout.ask("GET", "/cart", &cookies);
    let (_, metrics) = ask(&punchout, "GET", "/metrics", "");
    assert_eq!(value(&metrics, "punchout_carts_total{buyer=\"acme\",outcome=\"refused\"}"), Some(1.0), "{metrics}");
    let finding = "punchout_findings_total{code=\"PO-LINE-VALUE-MISSING\",severity=\"error\"}";
    assert_eq!(value(&metrics, finding), Some(1.0), "{metrics}");
}

#[test]
fn a_hook_that_is_not_listed_is_learned_refused_and_taken_once_it_is_listed() {
    let learning = |hooks: &'static str| {
        let change = move |text: String| {
            text.replace("hooks = [\"https://*.acme.example\"]", &format!("hooks = {hooks}\nlearn_hooks = true"))
        };
        Punchout::configured(change, |plan| {
            let at = AdminAddress::Tcp("127.0.0.1:0".parse().unwrap());
            plan.admin = Some(Admin { at, token: None });
        })
    };
    let hook = "https://srm.new.example/oci?session=geheim";
    let call = |punchout: &Punchout, password: &str, hook: &str| {
        let cancel = ("OCICANCEL", "https://portal.new.example/back?session=geheim");
        punchout.call(&[("USERNAME", "acme"), ("PASSWORD", password), ("HOOK_URL", hook), cancel], "").head.status()
    };
    let punchout = learning("[]");
    assert_eq!(call(&punchout, PASSWORD, hook), 403, "learning lets nobody in");
    assert_eq!(call(&punchout, PASSWORD, hook), 403);
    assert_eq!(call(&punchout, "wrong", "https://guess.evil.example/"), 403);
    assert_eq!(call(&punchout, PASSWORD, "javascript:alert(1)"), 403);
    let (_, metrics) = ask(&punchout, "GET", "/metrics", "");
    assert_eq!(value(&metrics, "punchout_hooks_unknown_total{buyer=\"acme\"}"), Some(4.0), "{metrics}");
    let (_, console) = ask(&punchout, "GET", "/", "");
    for told in ["https://srm.new.example", "https://portal.new.example"] {
        assert!(console.contains(&format!("<td>hooks = [&quot;{told}&quot;]</td><td>2</td>")), "{told}: {console}");
    }
    assert!(!console.contains("geheim"), "a session of the buyer's system");
    assert!(!console.contains("evil") && !console.contains("javascript:"), "{console}");

    // Written into the file as it is told.
    let listed = learning("[\"https://srm.new.example\", \"https://portal.new.example\"]");
    assert_eq!(call(&listed, PASSWORD, hook), 303);
    let (_, console) = ask(&listed, "GET", "/", "");
    assert!(!console.contains("Hooks that are not listed"), "{console}");

    let not_learning = with_admin(None);
    assert_eq!(call(&not_learning, PASSWORD, hook), 403);
    assert!(!ask(&not_learning, "GET", "/", "").1.contains("new.example"));
}

#[test]
fn who_has_no_token_or_comes_from_another_site_sees_nothing() {
    let punchout = with_admin(Some("sixteen-characters"));
    assert_eq!(ask(&punchout, "GET", "/metrics", "").0, 401);
    assert_eq!(ask(&punchout, "GET", "/metrics", "Authorization: Bearer sixteen-characterz\r\n").0, 401);
    assert_eq!(ask(&punchout, "GET", "/metrics", "Authorization: Bearer sixteen-characters\r\n").0, 200);
    let punchout = with_admin(None);
    let mut wire = Wire::connect(punchout.proxy.running.admin_address().unwrap());
    wire.send("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n").unwrap();
    assert_eq!(wire.answer("GET").unwrap().head.status(), 403);
    assert_eq!(ask(&punchout, "GET", "/metrics", "").0, 200);
    assert_eq!(ask(&punchout, "POST", "/metrics", "Content-Length: 0\r\n").0, 405);
}

#[test]
fn while_draining_it_is_live_and_not_ready() {
    let punchout = with_admin(None);
    // A request that is still under way keeps the proxy draining.
    let mut slow = punchout.proxy.connect();
    slow.send("POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\na").unwrap();
    eventually("the request has begun", || punchout.shop.seen() == 1);
    punchout.proxy.running.stop();
    let (status, told) = ask(&punchout, "GET", "/ready", "");
    assert_eq!((status, told.contains("draining")), (503, true), "{told}");
    assert_eq!(ask(&punchout, "GET", "/live", "").0, 200);
    slow.send("bc").unwrap();
    assert_eq!(slow.answer("POST").unwrap().head.status(), 200);
}

#[test]
fn health_asks_for_a_script() {
    let punchout = with_admin(Some("sixteen-characters"));
    let folder = std::env::temp_dir().join(format!("punchout-health-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("token"), "sixteen-characters\n").unwrap();
    let health = |address: &str| {
        // The rest of the file is at fault: what runs was started by an earlier one.
        let text = format!("admin = \"{address}\"\nadmin_token_file = \"token\"\n[shop]\norigin = 7\n");
        std::fs::write(folder.join("proxy.toml"), text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_punchout-proxy"));
        let output = command.args(["health", "--config"]).arg(folder.join("proxy.toml")).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let address = punchout.proxy.running.admin_address().unwrap().to_string();
    assert_eq!(health(&address), (Some(0), String::new()));
    drop(punchout);
    eventually("it has stopped", || health(&address).0 == Some(1));
    assert_eq!(health("nonsense").0, Some(1));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_unix_socket_is_ours_alone_and_goes_with_us() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("punchout-admin-{}.sock", std::process::id()));
    // As a proxy leaves it that was killed.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let punchout = Punchout::start(|plan| {
        plan.admin = Some(Admin { at: AdminAddress::Unix(path.clone()), token: None });
    });
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let config = path.with_extension("toml");
    std::fs::write(&config, format!("admin = \"unix:{}\"\n", path.display())).unwrap();
    let health = Command::new(env!("CARGO_BIN_EXE_punchout-proxy")).args(["health", "--config"]).arg(&config).status();
    assert_eq!(health.unwrap().code(), Some(0));
    drop(punchout);
    eventually("the socket's file is gone", || !path.exists());
    std::fs::remove_file(&config).unwrap();
}
