//! What PHP takes for a form, and what passes of it in a session: a body that PHP reads in another way than we do must not
//! carry past `shop.deny` what that denies.
//!
//! `tests/run parsers` installs PHP and runs this.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use common::punchout::{HOOK, PASSWORD, call, cookie_field, text};
use common::{Answer, Proxy, Wire};

/// A shop by PHP's own server, which ends with the test.
struct Php {
    server: Child,
    address: std::net::SocketAddr,
}

impl Php {
    fn start() -> Self {
        let mut server = Command::new("php")
            .args(["-S", "127.0.0.1:0", "shop.php"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/php"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("php: {error}; `tests/run parsers` installs what is missing"));
        // `... Development Server (http://127.0.0.1:41234) started`
        let mut said = BufReader::new(server.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(')').next());
        let address = address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{line}"));
        // It logs each request, and would wait for ever for somebody to read that.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Php { server, address }
    }
}

impl Drop for Php {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

const DENIED: &str = "order";

fn punchout(shop: std::net::SocketAddr) -> (Proxy, String) {
    let proxy = Proxy::configured(&format!(
        "listen = \"127.0.0.1:0\"\nworkers = 1\n[shop]\norigin = \"http://{shop}\"\npreset = \"prestashop-8\"\n\
         [entry]\npaths = [\"/oci\"]\n[[buyer]]\nname = \"acme\"\npassword = \"{PASSWORD}\"\n\
         hooks = [\"https://*.acme.example\"]\naccounts = {{ strategy = \"guest\" }}\ndefault_unit = \"PCE\"\n"
    ));
    let entered = call(&proxy, &[("HOOK_URL", HOOK), ("USERNAME", "acme"), ("PASSWORD", PASSWORD)], "");
    assert_eq!(entered.head.status(), 303, "{}", text(&entered));
    (proxy, cookie_field(&entered))
}

fn post(address: std::net::SocketAddr, cookie: &str, content_type: &str, body: &[u8]) -> Answer {
    let mut wire = Wire::connect(address);
    let head = format!(
        "POST /index.php HTTP/1.1\r\nHost: shop.example\r\n{cookie}Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    wire.send([head.as_bytes(), body].concat()).unwrap();
    wire.answer("POST").unwrap()
}

/// What PHP takes the page to be.
fn controller(answer: &Answer) -> Option<String> {
    let said: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    Some(said["post"]["controller"].as_str()?.to_owned())
}

fn part(name: &str, value: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

#[test]
#[ignore = "needs php: tests/run parsers"]
fn what_php_reads_in_another_way_does_not_reach_it() {
    let php = Php::start();
    let (proxy, cookie) = punchout(php.address);
    let usual = "multipart/form-data; boundary=b";
    let (honest, denied) = (part("controller", "product"), part("controller", DENIED));
    let disposed = |disposition: &str| format!("--b\r\n{disposition}\r\n\r\n{DENIED}\r\n--b--\r\n");
    let known = [
        ("as it is", usual, format!("{denied}--b--\r\n")),
        ("behind the last boundary", usual, format!("{honest}--b--\r\n{denied}--b--\r\n")),
        (
            "two names",
            usual,
            honest.clone() + &disposed("Content-Disposition: form-data; name=\"x\"; name=\"controller\""),
        ),
        ("a name by another spelling", usual, disposed("content-disposition:x;NAME=controller")),
        ("a name in other quotes", usual, disposed("Content-Disposition: form-data; name='controller'")),
        (
            "a name with escapes",
            usual,
            disposed("Content-Disposition: form-data; name=\"\\controller\"").replace("\\c", "c"),
        ),
        ("a folded line", usual, disposed("Content-Disposition: form-data;\r\n name=\"controller\"")),
        (
            "two dispositions",
            usual,
            disposed(
                "Content-Disposition: form-data; name=\"controller\"\r\nContent-Disposition: form-data; name=\"x\"",
            ),
        ),
        ("ends of lines that are none", usual, format!("{honest}--b--\r\n{denied}--b--\r\n").replace("\r\n", "\n")),
        ("a value that ends at a bare LF", usual, format!("{}\n{denied}--b--\r\n", part("x", "1").trim_end())),
        (
            "a boundary with a NUL behind it",
            usual,
            format!("{}{}--b--\r\n", part("x", "1"), denied.replacen("--b", "--b\0", 1)),
        ),
        (
            "another boundary",
            "multipart/form-data; xboundary=a; boundary=b",
            format!("{honest}{}--b--\r\n", part("z", &format!("1\r\n{}--a--", denied.replace("--b", "--a")))),
        ),
        (
            "a boundary that ends at a comma",
            "multipart/form-data; boundary=a,b",
            format!("{}--a--\r\n", denied.replace("--b", "--a")),
        ),
        ("before the first boundary", usual, format!("x\r\n{denied}--b--\r\n")),
    ];
    for (what, content_type, body) in known {
        let direct = post(php.address, "", content_type, body.as_bytes());
        assert_eq!(controller(&direct).as_deref(), Some(DENIED), "{what}: {}", text(&direct));
        let answer = post(proxy.address, &cookie, content_type, body.as_bytes());
        assert_ne!(answer.head.status(), 200, "{what}: {}", text(&answer));
    }
    // And what browsers send arrives.
    let file = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"Rør.csv\"\r\nContent-Type: text/csv\r\n\r\na;b\r\n\r\n";
    let body = format!("{honest}{}{file}--b--\r\n", part("note", "-b\u{0}\r\n\r\n--a"));
    let answer = post(proxy.address, &cookie, usual, body.as_bytes());
    assert_eq!(controller(&answer).as_deref(), Some("product"), "{}", text(&answer));
}

/// Pieces of which bodies are put together that no browser sends.
const PIECES: [&str; 31] = [
    "--b",
    "--b--",
    "--b\r\n",
    "--b--\r\n",
    "--a\r\n",
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    " ",
    "\t",
    "\0",
    ";",
    "\"",
    "'",
    "\\",
    "=",
    "%",
    "controller",
    "order",
    "; name=\"controller\"",
    "; name=controller",
    "; filename=\"\"",
    "; filename=",
    "Content-Disposition: x; name=\"controller\"",
    "\r\n\r\norder",
    "--b\r\nContent-Disposition: form-data",
    "--b\r\nContent-Disposition: form-data; name=\"controller\"\r\n\r\norder\r\n",
    "--b\nContent-Disposition: form-data; name=controller\n\norder\n",
    "--a\r\nContent-Disposition: form-data; name=\"controller\"\r\n\r\norder\r\n--a--\r\n",
    "Content-Type: text/plain\r\n",
];

const TYPES: [&str; 8] = [
    "multipart/form-data; boundary=b",
    "multipart/form-data; boundary=b",
    "multipart/form-data; boundary=b",
    "multipart/form-data; boundary=\"b\"",
    "multipart/form-data; boundary=b; boundary=a",
    "multipart/form-data; xboundary=a; boundary=b",
    "multipart/form-data;boundary = b",
    "multipart/form-data; charset=utf-8; boundary=b",
];

#[test]
#[ignore = "needs php: tests/run parsers"]
fn nothing_that_php_takes_for_a_denied_page_passes() {
    let php = Php::start();
    let (proxy, cookie) = punchout(php.address);
    // Always the same: what fails once fails again.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut any = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    let (mut denied, mut passed) = (0, 0);
    for _ in 0..2_000 {
        let content_type = TYPES[any(TYPES.len())];
        let mut pieces: Vec<&str> = vec![
            "--b",
            "\r\n",
            "Content-Disposition: form-data",
            "; name=\"x\"",
            "\r\n\r\n",
            "controller",
            "\r\n",
            "--b",
            "\r\n",
            "Content-Disposition: form-data",
            "; name=\"controller\"",
            "\r\n\r\n",
            "product",
            "\r\n",
            "--b--",
            "\r\n",
        ];
        for _ in 0..=any(4) {
            let at = any(pieces.len() + 1);
            let cut = if any(2) == 0 { (at + 1).min(pieces.len()) } else { at };
            pieces.splice(at..cut, [PIECES[any(PIECES.len())]]);
        }
        let body = pieces.concat();
        let direct = post(php.address, "", content_type, body.as_bytes());
        denied += usize::from(controller(&direct).as_deref() == Some(DENIED));
        let answer = post(proxy.address, &cookie, content_type, body.as_bytes());
        if answer.head.status() == 200 {
            passed += 1;
            assert_eq!(text(&answer), text(&direct));
            assert_ne!(controller(&answer).as_deref(), Some(DENIED), "{content_type}: {body:?}");
        }
    }
    assert!(denied > 20 && passed > 20, "{denied} denied by PHP's reading, {passed} passed: this proves little");
}
