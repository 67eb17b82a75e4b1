//! What a punchout leaves behind: lines of the log without secrets, and the cart in the audit file, to be sent again.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::punchout::{PASSWORD, a_shop, configuration, cookie_field, encoded, own, root_of, text};
use common::{Answer, Wire, eventually};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_punchout-proxy");
/// The session at the buyer's system: it opens that.
const HOOK_SECRET: &str = "hooksecret77";

struct Program {
    child: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Program {
    fn start(name: &str, shop: SocketAddr, more: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("punchout-trail-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = configuration(shop).replace("127.0.0.1:0\"", &format!("{address}\"")) + more;
        fs::write(folder.join("proxy.toml"), config).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let child = Command::new(PROGRAM).args(["run", "--config"]).arg(folder.join("proxy.toml")).stderr(log).spawn();
        let program = Program { child: child.unwrap(), folder, address };
        eventually("it serves", || std::net::TcpStream::connect(address).is_ok());
        program
    }

    fn ask(&self, method: &str, target: &str, more: &str) -> Answer {
        Wire::connect(self.address).ask(method, target, more).unwrap()
    }

    fn enter(&self) -> String {
        let hook = format!("https://srm.acme.example/oci?session={HOOK_SECRET}");
        let query = format!("USERNAME=acme&PASSWORD={}&HOOK_URL={}", encoded(PASSWORD), encoded(&hook));
        let answer = self.ask("GET", &format!("/_punchout/enter?{query}"), "");
        assert_eq!(answer.head.status(), 303, "{}", text(&answer));
        cookie_field(&answer)
    }

    /// What was logged, after the end.
    fn end(mut self) -> String {
        let stopped = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(stopped.success() && self.child.wait().unwrap().success());
        let log = fs::read_to_string(self.folder.join("log")).unwrap();
        fs::remove_dir_all(&self.folder).unwrap();
        log
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn returns(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    command.args(["returns", "--config"]).arg(folder.join("proxy.toml")).args(arguments);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_request_of_a_session_has_its_line_and_no_secret_stands_in_any() {
    let (shop, _) = a_shop();
    let program = Program::start("log", shop.address, "[log]\nformat = \"json\"\nlevel = \"debug\"\nvisitors = true\n");
    assert_eq!(program.ask("GET", "/a?search=private-search", "").head.status(), 200);
    let cookies = program.enter();
    assert_eq!(program.ask("GET", "/cart?token=private-token", &cookies).head.status(), 200);
    program.ask("POST", &own("sent", &cookies), &format!("{cookies}Content-Length: 0\r\n"));
    let log = program.end();
    let secrets =
        [HOOK_SECRET, PASSWORD, &encoded(PASSWORD), "private-", "session-1", cookies["Cookie: ".len()..].trim_end()];
    for line in log.lines() {
        for secret in secrets {
            assert!(!line.contains(secret), "`{secret}` in: {line}");
        }
    }
    // Before the log begins, `run` warns of the file as `check` does.
    let lines: Vec<Value> =
        log.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<&Value> = lines.iter().filter(|line| line["message"] == "request").collect();
    let of = |path: &str| *requests.iter().find(|line| line["path"] == path).unwrap_or_else(|| panic!("{path}\n{log}"));
    let (visitor, entry, cart) = (of("/a"), of("/_punchout/enter"), of("/cart"));
    assert_eq!(
        (&visitor["punchout"], &visitor["status"], &visitor["whole"]),
        (&false.into(), &200.into(), &true.into())
    );
    assert_eq!((&entry["punchout"], &entry["status"]), (&true.into(), &303.into()));
    assert_eq!(entry["reference"], cart["reference"], "one session, one reference");
    assert!(cart["bytes"].as_u64().unwrap() > 500, "{cart}");
    for phase in ["connect_ms", "first_byte_ms", "rewriting_ms", "total_ms"] {
        assert!(cart[phase].as_f64().is_some(), "{phase}: {cart}");
    }
    assert!(cart["rewriting_ms"].as_f64() < cart["total_ms"].as_f64(), "{cart}");
}

#[test]
fn a_session_in_addresses_leaves_its_token_nowhere() {
    let (shop, _) = a_shop();
    let more = "[log]\nlevel = \"debug\"\nvisitors = true\n[audit]\nfile = \"returns.jsonl\"\n";
    let program = Program::start("token", shop.address, more);
    let file = program.folder.join("returns.jsonl");
    let hook = encoded("https://srm.acme.example/oci");
    let query = format!("USERNAME=acme&PASSWORD={}&HOOK_URL={hook}", encoded(PASSWORD));
    let entered = program.ask("GET", &format!("/_punchout/enter?{query}"), "");
    let first = entered.head.get("location").unwrap().to_owned();
    let root = root_of(&program.ask("GET", &first, ""));
    let token = root.rsplit('/').next().unwrap();
    for (method, path, status) in [
        ("GET", "/cart", 200),
        ("GET", "/a?b", 200),
        ("GET", "/checkout", 303),
        ("GET", "/_punchout/nothing", 404),
        ("POST", own("return", &root).strip_prefix(&root).unwrap(), 200),
        ("BREW", "/cart", 200),
        ("TRACE", "/cart", 501),
    ] {
        let answer = program.ask(method, &format!("{root}{path}"), "Content-Length: 0\r\n");
        assert_eq!(answer.head.status(), status, "{method} {path}");
    }
    // A stranger, and somebody who has mistyped it.
    program.ask("GET", &format!("{root}/cart"), "Sec-Fetch-Site: none\r\n");
    program.ask("GET", &format!("{root}x/cart"), "");
    eventually("the audit is written", || !fs::read_to_string(&file).unwrap_or_default().is_empty());
    let audit = fs::read_to_string(&file).unwrap();
    let log = program.end();
    assert!(log.contains("path=\"/cart\"") && log.contains("PO-DENIED") && log.contains("in its addresses"), "{log}");
    for (what, text) in [("log", &log), ("audit", &audit)] {
        assert!(!text.contains(token), "{what}: {text}");
        assert!(!text.contains(first.rsplit('=').next().unwrap()), "{what}: {text}");
    }
}

#[test]
fn visitors_have_no_line_unless_it_is_asked_for() {
    let (shop, _) = a_shop();
    let program = Program::start("quiet", shop.address, "[log]\nsessions = false\n");
    program.ask("GET", "/a", "");
    let cookies = program.enter();
    program.ask("GET", "/cart", &cookies);
    let log = program.end();
    assert!(!log.contains("path=\"/") && log.contains("a punchout session begins"), "{log}");
}

#[test]
fn a_returned_cart_is_found_and_can_be_sent_again() {
    let (shop, article) = a_shop();
    *article.lock().unwrap() = "Bor \"8\" &amp; å".to_owned();
    let program = Program::start("audit", shop.address, "[audit]\nfile = \"returns.jsonl\"\nfsync = true\n");
    let file = program.folder.join("returns.jsonl");
    let cookies = program.enter();
    let page = text(&program.ask("GET", "/cart", &cookies));
    // The same cart, shown again: one event.
    program.ask("GET", "/cart", &cookies);
    let lines = || fs::read_to_string(&file).unwrap_or_default().lines().count();
    eventually("it is written", || lines() == 1);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (status, listed) = returns(&program.folder, &[]);
    assert_eq!(status, Some(0));
    assert!(listed.contains("acme  1 lines  https://srm.acme.example/oci  not known to be sent"), "{listed}");
    assert!(!listed.contains(HOOK_SECRET), "{listed}");
    let reference = listed.split("  ").nth(1).unwrap().to_owned();

    // Rotated by a rename, and nobody is told.
    let rotated = program.folder.join("returns.jsonl.1");
    fs::rename(&file, &rotated).unwrap();
    program.ask("POST", &own("sent", &cookies), &format!("{cookies}Content-Length: 0\r\n"));
    eventually("the new file has the next event", || lines() == 1);
    let whole = fs::read_to_string(&rotated).unwrap() + &fs::read_to_string(&file).unwrap();
    fs::write(&file, whole).unwrap();

    let (_, shown) = returns(&program.folder, &["--reference", &reference.to_lowercase()]);
    assert!(shown.contains("  sent\n") && shown.contains("  NEW_ITEM-DESCRIPTION[1] = Bor \"8\" & å\n"), "{shown}");
    assert_eq!(returns(&program.folder, &["--buyer", "nobody"]).0, Some(1));
    let (status, form) = returns(&program.folder, &["--form", &reference]);
    assert_eq!(status, Some(0));
    assert!(form.contains(&format!("action=\"https://srm.acme.example/oci?session={HOOK_SECRET}\"")), "{form}");
    // The same inputs as in the page that the buyer had.
    let inputs = |html: &str| -> Vec<String> {
        html.split("<input type=\"hidden\"").skip(1).map(|input| input.split('>').next().unwrap().to_owned()).collect()
    };
    assert!(inputs(&form).len() >= 8, "{form}");
    assert_eq!(inputs(&form), inputs(page.split("id=\"punchout-return-").nth(1).unwrap()));
    program.end();
}
