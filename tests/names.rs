//! The shop by its name: this machine's own resolver, names with several addresses, names that move and names that are gone.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::fs;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use common::punchout::{configuration, text};
use common::{Proxy, Shop, Wire, eventually, ok};
use punchout_proxy::upstream::Origin;

const PROGRAM: &str = env!("CARGO_BIN_EXE_punchout-proxy");

/// A proxy before whatever that name leads to.
fn before(origin: &str) -> Proxy {
    let origin = Origin::from_url(&origin.parse().unwrap()).unwrap();
    Proxy::with("127.0.0.1:1".parse().unwrap(), |plan| plan.origin = origin)
}

fn shop_at(listener: TcpListener, name: &'static str) -> Shop {
    Shop::at(listener, move |wire, head| {
        wire.body(head, false)?;
        wire.send(ok(name)).map(|()| true)
    })
}

/// Two places of one port, on this machine.
fn two_places() -> (TcpListener, TcpListener) {
    loop {
        let one = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = one.local_addr().unwrap().port();
        if let Ok(two) = TcpListener::bind(("127.0.0.2", port)) {
            return (one, two);
        }
    }
}

/// Where `localhost` has an IPv4 and an IPv6 address, a shop listens at one of them only, as programs do.
#[test]
fn localhost_is_found_at_whichever_of_its_addresses_the_shop_listens() {
    let addresses: Vec<SocketAddr> = ("localhost", 0).to_socket_addrs().unwrap().collect();
    assert!(!addresses.is_empty());
    for address in addresses {
        let shop = shop_at(TcpListener::bind(address).unwrap(), "here");
        let proxy = before(&format!("http://localhost:{}", shop.address.port()));
        let answer = proxy.connect().ask("GET", "/", "").unwrap();
        assert_eq!((answer.head.status(), text(&answer).as_str()), (200, "here"), "{address}");
    }
}

/// RFC 6761: nobody may ever have a name that ends so.
#[test]
fn a_name_that_leads_nowhere_is_the_shops_fault_and_no_workers() {
    let proxy = before("http://shop.invalid:8000");
    let mut client = proxy.connect();
    for _ in 0..2 {
        let answer = client.ask("GET", "/", "Accept: application/json\r\n").unwrap();
        assert_eq!(answer.head.status(), 502, "{}", text(&answer));
        assert!(text(&answer).contains("PO-SHOP-UNREACHABLE"), "{}", text(&answer));
        assert!(answer.head.get("retry-after").is_some());
    }
}

/// The program with an `/etc/hosts` of its own.
struct Program {
    child: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Program {
    /// `None` where this machine lets nobody have files of their own in the place of the machine's.
    fn start(name: &str, port: u16, hosts: &str) -> Option<Self> {
        let may = Command::new("unshare").args(["-r", "-m", "mount", "--bind", "/etc/hosts", "/etc/hosts"]).status();
        if !may.is_ok_and(|status| status.success()) {
            eprintln!("not shown here: this machine allows no mount namespace (unshare -r -m)");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("punchout-names-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = configuration(address)
            .replace("127.0.0.1:0\"", &format!("{address}\""))
            .replace(&format!("origin = \"http://{address}\""), &format!("origin = \"http://shop.test:{port}\""))
            + "[limits]\nshop_idle_time = \"100ms\"\n";
        fs::write(folder.join("proxy.toml"), config).unwrap();
        fs::write(folder.join("hosts"), hosts).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let script = "mount --bind hosts /etc/hosts && exec \"$0\" run --config proxy.toml";
        let child = Command::new("unshare")
            .args(["-r", "-m", "sh", "-c", script, PROGRAM])
            .current_dir(&folder)
            .stderr(log)
            .spawn()
            .unwrap();
        let program = Program { child, folder, address };
        eventually("it serves", || std::net::TcpStream::connect(address).is_ok());
        Some(program)
    }

    /// The same file, so that the program sees it.
    fn hosts(&self, text: &str) {
        fs::write(self.folder.join("hosts"), text).unwrap();
    }

    fn ask(&self) -> (u16, String) {
        let answer = Wire::connect(self.address).ask("GET", "/", "").unwrap();
        (answer.head.status(), text(&answer))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const ONE: &str = "127.0.0.1 shop.test\n";
const TWO: &str = "127.0.0.2 shop.test\n";

#[test]
fn a_shop_that_moves_while_we_run_is_found_and_where_it_was_is_used_no_more() {
    let (one, two) = two_places();
    let port = one.local_addr().unwrap().port();
    let Some(program) = Program::start("moves", port, ONE) else { return };
    let (old, new) = (shop_at(one, "old"), shop_at(two, "new"));
    assert_eq!(program.ask(), (200, "old".to_owned()));
    program.hosts(TWO);
    // The one that lies idle leads to where the shop was, until it is let go of.
    eventually("the shop is found where it is", || {
        std::thread::sleep(Duration::from_millis(200));
        program.ask() == (200, "new".to_owned())
    });
    let asked = old.seen();
    for _ in 0..5 {
        assert_eq!(program.ask(), (200, "new".to_owned()));
    }
    assert_eq!((old.seen(), new.seen()), (asked, 6));
}

#[test]
fn the_name_is_gone_and_the_shop_is_not() {
    let (one, two) = two_places();
    let port = one.local_addr().unwrap().port();
    drop(one);
    // The first address of the two refuses.
    let Some(program) = Program::start("gone", port, &format!("{ONE}{TWO}")) else { return };
    let closing = Shop::at(two, |wire, head| {
        wire.body(head, false)?;
        wire.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").map(|()| false)
    });
    assert_eq!(program.ask(), (200, "ok".to_owned()));
    program.hosts("127.0.0.1 other.test\n");
    for _ in 0..3 {
        assert_eq!(program.ask(), (200, "ok".to_owned()), "where the name led serves on");
    }
    assert_eq!(closing.connections(), 4);
    let log = program.log();
    assert_eq!(log.matches("the shop's name shop.test cannot be looked up").count(), 1, "told once: {log}");
}

#[test]
fn a_name_that_was_never_found_stands_in_the_log_and_comes_into_force_when_it_is_there() {
    let (one, _) = two_places();
    let Some(program) = Program::start("late", one.local_addr().unwrap().port(), "127.0.0.1 other.test\n") else {
        return;
    };
    let _shop = shop_at(one, "here");
    let (status, page) = program.ask();
    assert!(status == 502 && page.contains("PO-SHOP-UNREACHABLE"), "{status} {page}");
    // A visitor is not told the name of a machine that only we know.
    assert!(!page.contains("shop.test"), "{page}");
    let log = program.log();
    assert!(log.contains("the name shop.test cannot be looked up") && log.contains("side=Shop"), "{log}");
    program.hosts(ONE);
    assert_eq!(program.ask(), (200, "here".to_owned()), "without a reload");
}
