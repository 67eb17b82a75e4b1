//! `doctor` finds what is wrong, by a fault planted at a time: in the configuration, in the shop, or in what stands in
//! front. The shop is the demo's, the proxy a real one, and a plain relay in front ends TLS and does what fronts do.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use common::punchout::{encoded, text};
use common::{PATIENCE, Wire, eventually};
use punchout_proxy::config::{self, Plans};
use punchout_proxy::demo::procurement::ProcurementSettings;
use punchout_proxy::demo::shop::Customer;
use punchout_proxy::demo::{self, Demo};
use punchout_proxy::server::{self, Running};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

const GOOD: &[u8] = include_bytes!("common/tls/front.pem");
const EXPIRED: &[u8] = include_bytes!("common/tls/front-expired.pem");
const KEY: &[u8] = include_bytes!("common/tls/front.key");
const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/tls/front-ca.pem");

/// What is done to a message on its way: its head, a line each, and its body.
type Edit = fn(&mut Vec<String>, &mut Vec<u8>);

fn nothing(_: &mut Vec<String>, _: &mut Vec<u8>) {}

/// One thing that is wrong.
#[derive(Clone)]
struct Planted {
    /// In the configuration.
    file: fn(String) -> String,
    /// In the certificate in front.
    certificate: &'static [u8],
    /// In front: in what is asked, and in what is answered.
    front: (Edit, Edit),
    /// In what the shop answers.
    shop: Edit,
    /// A buyer is in the shop already.
    busy: bool,
}

impl Default for Planted {
    fn default() -> Self {
        Planted { file: |text| text, certificate: GOOD, front: (nothing, nothing), shop: nothing, busy: false }
    }
}

/// A name, what is planted, and what `doctor` is to say: check, verdict, words.
type Row = (&'static str, Planted, (&'static str, &'static str, &'static str));

fn table() -> Vec<Row> {
    let planted = Planted::default;
    vec![
        (
            "wrong selector",
            Planted { file: |text| text.replace("tr.kurvlinje", "tr.borte"), ..planted() },
            ("cart", "fault", "0 lines read"),
        ),
        (
            "wrong password",
            Planted { file: |text| text.replace(&Customer::demo().password, "gammelt"), ..planted() },
            ("sign-in", "fault", "PO-SIGNIN-REFUSED"),
        ),
        (
            "shop down",
            // Nobody listens on the discard port of loopback.
            Planted { file: |text| with_line(&text, "origin = ", "origin = \"http://127.0.0.1:9\""), ..planted() },
            ("shop", "fault", "PO-SHOP-UNREACHABLE"),
        ),
        (
            "body eaten",
            Planted { front: (|_, body| body.clear(), nothing), ..planted() },
            ("entry-post", "fault", "without its body"),
        ),
        (
            "query eaten",
            Planted { front: (|head, _| head[0] = without_query(&head[0]), nothing), ..planted() },
            ("entry-get", "fault", "without its query"),
        ),
        (
            "expired certificate",
            Planted { certificate: EXPIRED, ..planted() },
            ("public-tls", "fault", "expired at 2021-01-01"),
        ),
        (
            "cookie lost on the way out",
            Planted { front: (nothing, |head, _| head.retain(|line| !line.contains("__Host-punchout"))), ..planted() },
            ("cookies", "fault", "lost: Set-Cookie"),
        ),
        (
            "cookie lost on the way in",
            Planted { front: (|head, _| head.retain(|line| !line.starts_with("cookie:")), nothing), ..planted() },
            ("cookies", "fault", "does not reach the proxy"),
        ),
        (
            "cookie made another",
            Planted { front: (nothing, |head, _| replace(head, "SameSite=None", "SameSite=Strict")), ..planted() },
            ("cookies", "fault", "without SameSite=None"),
        ),
        (
            "the shop's cookie lost",
            Planted { front: (nothing, |head, _| head.retain(|line| !line.contains("NVINNLOGGING"))), ..planted() },
            ("shop-cookies", "fault", "NVINNLOGGING"),
        ),
        (
            "frame refused",
            Planted { front: (nothing, |head, _| head.push("X-Frame-Options: SAMEORIGIN".into())), ..planted() },
            ("frames", "fault", "X-Frame-Options: SAMEORIGIN"),
        ),
        (
            "signed in for good",
            Planted { shop: |head, _| replace(head, "; HttpOnly", ""), ..planted() },
            ("sealing", "fault", "NVSESJON alone a browser stays signed in"),
        ),
        (
            "unit missing",
            Planted { file: |text| text.replace("unit = \"td.enhet\"\n", ""), ..planted() },
            ("mapping", "fault", "PO-UNIT"),
        ),
        ("account busy", Planted { busy: true, ..planted() }, ("accounts", "warning", "busy: a session has")),
        ("clock wrong", Planted { shop: an_hour_ago, ..planted() }, ("shop-clock", "fault", "behind this clock")),
        (
            "the shop forgets soon",
            Planted { shop: |head, _| short_lived(head), ..planted() },
            ("shop-session", "warning", "signs a buyer out 10m after signing in"),
        ),
        (
            "checkout moved",
            Planted { file: |text| with_line(&text, "checkout = ", "checkout = [\"a.borte\"]"), ..planted() },
            ("checkout", "fault", "matches `shop.cart.checkout`"),
        ),
        (
            "emptying wrong",
            Planted { file: |text| text.replace("\"antall[{n}]\" = \"0\"", "\"antall[{n}]\" = \"1\""), ..planted() },
            ("emptying", "fault", "PO-CART-NOT-EMPTIED"),
        ),
    ]
}

fn with_line(text: &str, begin: &str, line: &str) -> String {
    let lines = text.lines().map(|old| if old.starts_with(begin) { line } else { old });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

fn without_query(start: &str) -> String {
    let (method, rest) = start.split_once(' ').unwrap();
    let (target, version) = rest.split_once(' ').unwrap();
    format!("{method} {} {version}", target.split('?').next().unwrap())
}

fn replace(head: &mut [String], old: &str, new: &str) {
    for line in head {
        *line = line.replace(old, new);
    }
}

/// The visit's cookie ends ten minutes after it was set.
fn short_lived(head: &mut [String]) {
    for line in head.iter_mut().filter(|line| line.contains("NVSESJON=")) {
        line.push_str("; Max-Age=600");
    }
}

fn an_hour_ago(head: &mut Vec<String>, _: &mut Vec<u8>) {
    let date = httpdate::fmt_http_date(SystemTime::now() - std::time::Duration::from_secs(3600));
    head.retain(|line| !line.to_ascii_lowercase().starts_with("date:"));
    head.push(format!("Date: {date}"));
}

/// Passes messages on, one a connection. Dropped with the test's process.
fn relay(listener: TcpListener, to: SocketAddr, certificate: Option<&'static [u8]>, edits: (Edit, Edit)) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // A look at the certificate says nothing after the handshake: such a connection just ends.
            std::thread::spawn(move || match certificate {
                None => pass(stream, to, edits),
                Some(certificate) => {
                    let session = rustls::ServerConnection::new(tls(certificate)).unwrap();
                    pass(rustls::StreamOwned::new(session, stream), to, edits)
                }
            });
        }
    });
}

fn tls(certificate: &[u8]) -> Arc<rustls::ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_slice(certificate).unwrap()];
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_slice(KEY).unwrap()).unwrap())
}

fn pass(mut client: impl Read + Write, to: SocketAddr, (ask, answer): (Edit, Edit)) -> Option<()> {
    let mut server = TcpStream::connect(to).ok()?;
    server.set_read_timeout(Some(PATIENCE)).ok()?;
    let (mut head, mut body) = message(&mut client, false)?;
    ask(&mut head, &mut body);
    send(&mut server, head, &body)?;
    let (mut head, mut body) = message(&mut server, true)?;
    answer(&mut head, &mut body);
    send(&mut client, head, &body)
}

/// A head and its body, which has a length, or ends with the connection.
fn message(from: &mut impl Read, to_end: bool) -> Option<(Vec<String>, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end - 4]).into_owned();
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok()
            });
            let whole = match length {
                Some(length) => bytes.len() >= end + length,
                None => !to_end,
            };
            if whole {
                return Some((head.split("\r\n").map(str::to_owned).collect(), bytes.split_off(end)));
            }
        }
        match from.read(&mut block) {
            Ok(0) | Err(_) if to_end && end.is_some() => {
                let (head, body) = bytes.split_at(end.unwrap());
                let head = String::from_utf8_lossy(&head[..head.len() - 4]);
                return Some((head.split("\r\n").map(str::to_owned).collect(), body.to_vec()));
            }
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&block[..count]),
        }
    }
}

fn send(to: &mut impl Write, mut head: Vec<String>, body: &[u8]) -> Option<()> {
    let ours = |line: &String| {
        let line = line.to_ascii_lowercase();
        line.starts_with("content-length:") || line.starts_with("connection:")
    };
    let chunked = head.iter().any(|line| line.to_ascii_lowercase().starts_with("transfer-encoding:"));
    head.retain(|line| !ours(line));
    if !chunked {
        head.push(format!("Content-Length: {}", body.len()));
    }
    head.push("Connection: close".into());
    to.write_all(format!("{}\r\n\r\n", head.join("\r\n")).as_bytes()).ok()?;
    to.write_all(body).ok()?;
    to.flush().ok()
}

/// The demo's shop, the proxy before it, a front before that, and the file by which `doctor` knows them.
struct SetUp {
    demo: Demo,
    running: Running,
    plans: Plans,
    file: PathBuf,
}

impl Drop for SetUp {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

impl SetUp {
    fn with(planted: &Planted) -> Self {
        let demo = demo::start().unwrap();
        let ((front, front_address), (before_shop, shop)) = (listener(), listener());
        relay(before_shop, demo.shop_addr, None, (nothing, planted.shop));
        let text = demo::proxy_toml(shop, demo.procurement_addr);
        let at = format!(
            "admin = \"127.0.0.1:0\"\nworkers = 1\npublic = \"https://{front_address}\"\n[canary]\nproduct = \"/vare/snekkerhammer-20oz\"\nform = \"#leggtil\"\nfields = {{ antall = \"1\" }}\n[shop]"
        );
        let text = text.replacen("[shop]", &at, 1).replace("[buyer.fields]", "embed = \"iframe\"\n[buyer.fields]");
        let text = (planted.file)(text);
        let outcome = config::read(&text, Path::new("."));
        let plan = outcome.plan.unwrap_or_else(|| panic!("{:?}\n{text}", outcome.faults));
        let plans: Plans = Arc::new(ArcSwap::from_pointee(plan));
        let running = server::run(&plans).unwrap();
        relay(front, running.addresses()[0], Some(planted.certificate), planted.front);
        // Where they really listen.
        let listen = format!("listen = \"{}\"", running.addresses()[0]);
        let admin = format!("admin = \"{}\"", running.admin_address().unwrap());
        let text = with_line(&with_line(&text, "listen = ", &listen), "admin = ", &admin);
        let file =
            std::env::temp_dir().join(format!("punchout-doctor-{}-{}.toml", std::process::id(), front_address.port()));
        std::fs::write(&file, text).unwrap();
        let set_up = SetUp { demo, running, plans, file };
        if planted.busy {
            set_up.enter();
        }
        set_up
    }

    /// A buyer's catalog call, which takes the one account.
    fn enter(&self) {
        let password = ProcurementSettings::default().password;
        let hook = format!("http://{}/oci/inbound", self.demo.procurement_addr);
        let form = format!("USERNAME=fjordvik&PASSWORD={}&HOOK_URL={}", encoded(&password), encoded(&hook));
        let mut wire = Wire::connect(self.running.addresses()[0]);
        wire.send(format!(
            "POST /punchout HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ))
        .unwrap();
        let answer = wire.answer("POST").unwrap();
        assert_eq!(answer.head.status(), 303, "{}", text(&answer));
    }

    fn doctor(&self) -> (i32, serde_json::Value, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_punchout-proxy"))
            .args(["doctor", "--json", "--public-ca-file", AUTHORITY, "--config"])
            .arg(&self.file)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let warned = String::from_utf8_lossy(&output.stderr).into_owned();
        for secret in [Customer::demo().password, ProcurementSettings::default().password] {
            assert!(!told.contains(&secret) && !warned.contains(&secret), "{told}{warned}");
        }
        let report = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}{warned}"));
        (output.status.code().unwrap(), report, told)
    }

    fn metrics(&self) -> String {
        let mut wire = Wire::connect(self.running.admin_address().unwrap());
        wire.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        text(&wire.answer("GET").unwrap())
    }

    /// Nothing was ordered or returned, and nothing is left in the cart.
    fn is_as_before(&self) {
        assert!(self.demo.shop.orders().is_empty());
        assert!(self.demo.shop.account_basket(&Customer::demo().email).is_empty());
    }
}

fn of<'r>(check: &'r serde_json::Value, key: &str) -> &'r str {
    check[key].as_str().unwrap_or_default()
}

#[test]
fn where_all_is_well_every_line_is_ok() {
    let set_up = SetUp::with(&Planted::default());
    let (status, report, told) = set_up.doctor();
    assert_eq!((status, of(&report, "verdict")), (0, "ok"), "{told}");
    let names: Vec<_> = report["checks"].as_array().unwrap().iter().map(|check| of(check, "name")).collect();
    let expected = [
        "public-tls",
        "entry-post",
        "entry-get",
        "cookies",
        "shop-cookies",
        "frames",
        "public-clock",
        "shop",
        "shop-clock",
        "accounts",
        "sign-in",
        "shop-session",
        "sealing",
        "cart",
        "checkout",
        "mapping",
        "canary",
        "emptying",
    ];
    assert_eq!(names, expected, "{told}");
    assert!(told.contains("NEW_ITEM-UNIT[1] = "), "what would be returned: {told}");
    set_up.is_as_before();
}

#[test]
fn each_planted_fault_is_found_and_named_and_nothing_else_is() {
    for (name, planted, (check, verdict, words)) in table() {
        let set_up = SetUp::with(&planted);
        let (status, report, told) = set_up.doctor();
        let wrong: Vec<_> =
            report["checks"].as_array().unwrap().iter().filter(|one| of(one, "verdict") != "ok").collect();
        let named: Vec<_> = wrong.iter().map(|one| (of(one, "name"), of(one, "verdict"))).collect();
        assert_eq!(named, [(check, verdict)], "{name}: {told}");
        assert!(of(wrong[0], "seen").contains(words), "{name}: {told}");
        assert!(!of(wrong[0], "advice").is_empty(), "{name}: {told}");
        assert_eq!(status, if verdict == "fault" { 2 } else { 1 }, "{name}");
        if check != "emptying" {
            set_up.is_as_before();
        }
    }
}

#[test]
fn a_buyer_who_is_in_the_shop_keeps_cart_and_account() {
    let set_up = SetUp::with(&Planted { busy: true, ..Planted::default() });
    set_up.doctor();
    let metrics = set_up.metrics();
    assert!(metrics.contains("punchout_sessions_open 1") && metrics.contains("punchout_leases 1"), "{metrics}");
}

#[test]
fn without_a_proxy_the_shop_is_looked_at_alone() {
    let set_up = SetUp::with(&Planted::default());
    // Another file: nobody listens there.
    let text = std::fs::read_to_string(&set_up.file).unwrap();
    let text = with_line(&with_line(&text, "listen = ", "listen = \"127.0.0.1:9\""), "admin = ", "");
    std::fs::write(&set_up.file, text).unwrap();
    let (status, report, told) = set_up.doctor();
    assert_eq!(status, 1, "{told}");
    let checks = report["checks"].as_array().unwrap();
    assert_eq!((of(&checks[0], "name"), of(&checks[0], "verdict")), ("proxy", "warning"), "{told}");
    assert!(checks[1..].iter().all(|check| of(check, "verdict") == "ok"), "{told}");
    assert!(checks.iter().any(|check| of(check, "name") == "canary"), "{told}");
    set_up.is_as_before();
}

#[test]
fn accounts_that_calls_alone_tell_are_looked_at_as_far_as_it_goes() {
    let per_user = |text: String| {
        let accounts = "accounts = { strategy = \"per-user\", username = \"{parameter.EMAIL}\", password = \"Pin-{parameter.PIN}\" }";
        with_line(&text, "accounts = ", accounts)
    };
    let passthrough = |text: String| {
        let text = with_line(&text, "accounts = ", "accounts = { strategy = \"passthrough\" }");
        with_line(&with_line(&text, "username = \"fjordvik", ""), "password_hash = ", "")
    };
    let without_form = |text: String| {
        let accounts = "accounts = { strategy = \"per-user\", username = \"{parameter.EMAIL}\", password = \"Pin-{parameter.PIN}\" }";
        with_line(&text, "accounts = ", accounts).replace("epost = ", "mail = ")
    };
    type Change = fn(String) -> String;
    let files: [(Change, _, _); 3] = [
        (per_user, "told from EMAIL and PIN of the catalog call", ("ok", "the form is on /konto/logg-inn")),
        (passthrough, "the catalog call's own USERNAME and PASSWORD", ("ok", "the form is on /konto/logg-inn")),
        (without_form, "told from EMAIL and PIN", ("fault", "no field `mail`")),
    ];
    for (file, accounts, (verdict, form)) in files {
        let set_up = SetUp::with(&Planted { file, ..Planted::default() });
        let (status, report, told) = set_up.doctor();
        let check = |name: &str| {
            let mut checks = report["checks"].as_array().unwrap().iter();
            checks.find(|check| of(check, "name") == name).unwrap_or_else(|| panic!("no {name}: {told}"))
        };
        assert_eq!(status, if verdict == "fault" { 2 } else { 1 }, "{told}");
        assert_eq!(of(check("accounts"), "verdict"), "warning");
        assert!(
            of(check("accounts"), "seen").contains(accounts) && !of(check("accounts"), "advice").is_empty(),
            "{told}"
        );
        assert_eq!(of(check("sign-in"), "verdict"), verdict, "{told}");
        assert!(of(check("sign-in"), "seen").contains(form), "{told}");
        // This shop lets guests fill a cart, so all that needs no account is seen.
        assert!(of(check("cart"), "seen").starts_with("as a guest: read on "), "{told}");
        assert_eq!(of(check("emptying"), "verdict"), "ok", "{told}");
        assert!(!told.contains("Pin-"), "{told}");
        set_up.is_as_before();
    }
}

#[test]
fn a_proxy_that_cannot_be_asked_keeps_its_accounts() {
    let set_up = SetUp::with(&Planted { busy: true, ..Planted::default() });
    let text = std::fs::read_to_string(&set_up.file).unwrap();
    std::fs::write(&set_up.file, with_line(&text, "admin = ", "")).unwrap();
    let (status, report, told) = set_up.doctor();
    assert_eq!(status, 1, "{told}");
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| of(check, "name") == "accounts" && of(check, "verdict") == "warning"), "{told}");
    assert!(!checks.iter().any(|check| of(check, "name") == "sign-in"), "{told}");
}

#[test]
fn the_canary_sings_in_the_running_proxy_and_says_when_it_does_not() {
    let heard: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let told = heard.clone();
    let alarms = common::Shop::start(move |wire, head| {
        let (body, _) = wire.body(head, false)?;
        told.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
        wire.send(common::ok(""))?;
        Ok(true)
    });
    let set_up = SetUp::with(&Planted::default());
    let change = |text: fn(String) -> String| {
        let file = text(std::fs::read_to_string(&set_up.file).unwrap());
        let webhook = format!("[drift]\nwebhook = \"http://{}/hook\"\n[shop]", alarms.address);
        let mut plan = config::read(&file.replacen("[shop]", &webhook, 1), Path::new(".")).plan.unwrap();
        // More often than a file may say.
        plan.canary.every = Some(std::time::Duration::from_millis(1));
        set_up.plans.store(Arc::new(plan));
    };
    let counted = |sample: &str| set_up.metrics().contains(sample);
    change(|text| text);
    eventually("it sings", || counted("punchout_canary_last_successful{buyer=\"fjordvik\"} 1"));
    assert!(heard.lock().unwrap().is_empty(), "nobody is told that all is well");
    change(|text| text.replace("tr.kurvlinje", "tr.borte"));
    eventually("it fails", || counted("punchout_canary_last_successful{buyer=\"fjordvik\"} 0"));
    eventually("it is told", || heard.lock().unwrap().iter().any(|event| event.contains("canary-failed")));
    change(|text| text);
    eventually("it is told", || heard.lock().unwrap().iter().any(|event| event.contains("canary-recovered")));
    eventually("between two the account is free", || counted("punchout_leases 0"));
    set_up.enter();
    eventually("a buyer comes first", || counted("punchout_canaries_total{buyer=\"fjordvik\",outcome=\"skipped\"}"));
    assert!(set_up.demo.shop.orders().is_empty());
}
