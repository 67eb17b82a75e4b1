//! The program itself, under load: reloaded, given another certificate, restarted and stopped. No request may fail.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use common::program::{Folder, PROGRAM, Running, any, configuration, reload};
use common::punchout;
use common::tls::Client;
use common::{Shop, Wire, eventually, ok};

/// Clients that ask without a pause, each answer checked.
struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn on(address: SocketAddr) -> Self {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients = (0..4).map(|number| {
            let (stop, asked) = (stop.clone(), asked.clone());
            std::thread::spawn(move || {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Acquire) {
                    let mut wire = Wire::connect(address);
                    // Some connections are used once, some for long.
                    for _ in 0..[1, 3, 50, 100_000][number] {
                        let closed = match wire.ask("GET", "/page", "") {
                            Ok(answer) if answer.head.status() == 200 && answer.body == b"page" => {
                                asked.fetch_add(1, Ordering::AcqRel);
                                answer.head.get("connection") == Some("close")
                            }
                            other => {
                                failed.push(format!("client {number}: {other:?}"));
                                true
                            }
                        };
                        if closed || stop.load(Ordering::Acquire) {
                            break;
                        }
                    }
                }
                failed
            })
        });
        Load { clients: clients.collect(), stop, asked }
    }

    fn goes_on(&self) {
        let before = self.asked.load(Ordering::Acquire);
        eventually("requests go on", || self.asked.load(Ordering::Acquire) > before + 100);
    }

    fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Release);
        let failed = self.clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        (self.asked.load(Ordering::Acquire), failed)
    }
}

fn shop() -> Shop {
    Shop::start(|wire, _| {
        wire.send(ok("page"))?;
        Ok(true)
    })
}

#[test]
fn a_reload_under_load_fails_no_request_and_a_broken_file_changes_nothing() {
    let (shop, folder, listen) = (shop(), Folder::new("reload"), any());
    folder.write("proxy.toml", configuration(listen, shop.address, ""));
    let running = Running::start(&folder, "one", None);
    let address = running.address();
    let load = Load::on(address);
    for number in 0..10 {
        load.goes_on();
        // Each second one opens another pool of connections to the shop.
        let limits = format!("[limits]\nshop_connections = {}\n", 50 + number / 2);
        let text = configuration(listen, shop.address, &format!("contact = \"c{number}@shop.example\""));
        folder.write("proxy.toml", text + &limits);
        assert_eq!(reload(&folder, "one"), Some(0));
        let reloading = running.told();
        assert_eq!(reloading[0], "RELOADING=1");
        assert!(reloading[1].starts_with("MONOTONIC_USEC="), "{reloading:?}");
        assert_eq!(running.told(), ["READY=1"]);
    }
    let refused = Wire::connect(address).ask("GET", "/_punchout/none", "").unwrap();
    assert!(String::from_utf8_lossy(&refused.body).contains("c9@shop.example"), "the last plan is in force");

    folder.write("proxy.toml", configuration(listen, shop.address, "contact = 3\nlisen = \"x\""));
    assert_eq!(reload(&folder, "one"), Some(78), "`reload` looks first and tells nobody");
    running.kill("-HUP");
    running.logs("proxy.toml:2:11: contact");
    running.logs("proxy.toml:3:1: lisen");
    running.logs("the old configuration stays");
    assert_eq!((running.told().len(), running.told()), (2, vec!["READY=1".to_owned()]));
    let refused = Wire::connect(address).ask("GET", "/_punchout/none", "").unwrap();
    assert!(String::from_utf8_lossy(&refused.body).contains("c9@shop.example"), "the old plan stays");

    folder.write("proxy.toml", configuration("127.0.0.1:1".parse().unwrap(), shop.address, "workers = 7"));
    running.kill("-HUP");
    running.logs("`listen` was changed");
    running.logs("`workers` was changed");
    assert_eq!((running.told().len(), running.told()), (2, vec!["READY=1".to_owned()]));
    load.goes_on();
    let (asked, failed) = load.end();
    assert_eq!(failed, [""; 0], "of {asked} requests");
    running.stop();
    assert!(!folder.at("one.pid").exists());
    assert_eq!(reload(&folder, "one"), Some(1), "nobody runs");
}

/// Buyers who look at their carts without a pause, each in a session of its own.
#[test]
fn sessions_stay_over_reloads_under_load_and_every_cart_page_is_whole() {
    let ((shop, _), folder) = (punchout::a_shop(), Folder::new("buyers"));
    let configure = |number: usize| {
        let text = punchout::configuration(shop.address);
        folder.write("proxy.toml", format!("{text}[limits]\nshop_connections = {}\n", 50 + number));
    };
    configure(0);
    let running = Running::start(&folder, "one", None);
    let address = running.address();
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let buyers: Vec<_> = (0..4)
        .map(|_| {
            let (stop, asked) = (stop.clone(), asked.clone());
            std::thread::spawn(move || {
                let entered = punchout::call_at(
                    address,
                    &[("USERNAME", "acme"), ("PASSWORD", punchout::PASSWORD), ("HOOK_URL", punchout::HOOK)],
                    "",
                );
                let cookies = punchout::cookie_field(&entered);
                let mut wire = Wire::connect(address);
                while !stop.load(Ordering::Acquire) {
                    let answer = wire.ask("GET", "/cart", &cookies).unwrap();
                    let page = punchout::text(&answer);
                    assert_eq!(answer.head.status(), 200, "{page}");
                    assert!(page.contains("NEW_ITEM-QUANTITY[1]") && page.contains("</html>"), "{page}");
                    assert!(!page.contains("href='/checkout'"), "{page}");
                    asked.fetch_add(1, Ordering::AcqRel);
                }
            })
        })
        .collect();
    for number in 1..=5 {
        let before = asked.load(Ordering::Acquire);
        eventually("buyers go on", || asked.load(Ordering::Acquire) > before + 20);
        configure(number);
        assert_eq!(reload(&folder, "one"), Some(0));
        assert_eq!((running.told().len(), running.told()), (2, vec!["READY=1".to_owned()]));
    }
    let before = asked.load(Ordering::Acquire);
    eventually("buyers go on", || asked.load(Ordering::Acquire) > before + 20);
    stop.store(true, Ordering::Release);
    for buyer in buyers {
        buyer.join().unwrap();
    }
    running.stop();
}

#[test]
fn stopping_under_load_answers_every_request_that_was_taken() {
    let (shop, folder, listen) = (shop(), Folder::new("stop"), any());
    folder.write("proxy.toml", configuration(listen, shop.address, ""));
    let running = Running::start(&folder, "one", None);
    let address = running.address();
    let stopping = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let mut wire = Wire::connect(address);
            let stopping = stopping.clone();
            std::thread::spawn(move || {
                let mut asked = 0;
                loop {
                    let answer = wire.ask("GET", "/page", "").map_err(|error| format!("{number}: {error}"))?;
                    asked += 1;
                    if answer.head.get("connection") == Some("close") {
                        assert!(stopping.load(Ordering::Acquire));
                        return Ok::<_, String>(asked);
                    }
                    // Half of them rest a little between two requests, as browsers do.
                    std::thread::sleep(Duration::from_millis(number % 2 * 20));
                }
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    stopping.store(true, Ordering::Release);
    running.stop();
    for client in clients {
        let asked = client.join().unwrap().unwrap();
        assert!(asked > 2);
    }
}

#[test]
fn a_restart_on_a_socket_of_systemd_under_load_fails_no_request() {
    let (shop, folder) = (shop(), Folder::new("restart"));
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = socket.local_addr().unwrap();
    folder.write("proxy.toml", configuration(listen, shop.address, ""));
    let first = Running::start(&folder, "one", Some(&socket));
    let load = Load::on(listen);
    load.goes_on();
    first.stop();
    let second = Running::start(&folder, "two", Some(&socket));
    load.goes_on();
    let (asked, failed) = load.end();
    assert_eq!(failed, [""; 0], "of {asked} requests");
    second.stop();
}

#[test]
fn a_socket_that_no_listener_asked_for_is_told() {
    let (shop, folder) = (shop(), Folder::new("stray"));
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    folder.write("proxy.toml", configuration(any(), shop.address, ""));
    let script = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, PROGRAM, "run", "--config"])
        .arg(folder.at("proxy.toml"))
        .stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap())))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(said.contains(&format!("{} was handed to us", socket.local_addr().unwrap())), "{said}");
}

#[test]
fn another_certificate_under_load_fails_no_handshake_and_no_request() {
    let (shop, folder, listen) = (shop(), Folder::new("certificate"), any());
    let pairs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/tls");
    let hold = |name: &str| {
        for extension in ["pem", "key"] {
            folder.write(&format!("tls.{extension}"), fs::read(pairs.join(format!("{name}.{extension}"))).unwrap());
        }
    };
    hold("shop");
    let text = format!(
        "listen_tls = \"{listen}\"\n[[tls]]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n\
         [shop]\norigin = \"http://{}\"\npreset = \"django-oscar\"\n",
        shop.address
    );
    folder.write("proxy.toml", text);
    let running = Running::start(&folder, "one", None);
    let address = running.address();
    let stop = Arc::new(AtomicBool::new(false));
    let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let clients: Vec<_> = [1, 5, 100_000]
        .into_iter()
        .map(|requests| {
            let (stop, seen) = (stop.clone(), seen.clone());
            std::thread::spawn(move || {
                let mut asked = 0;
                while !stop.load(Ordering::Acquire) {
                    // What fails here panics, and the test with it.
                    let mut client = Client::connect(address, "localhost");
                    let certificate = client.certificate().to_vec();
                    seen.lock().unwrap().push(certificate);
                    for _ in 0..requests {
                        assert!(client.ask("").starts_with("HTTP/1.1 200"));
                        asked += 1;
                        if stop.load(Ordering::Acquire) {
                            break;
                        }
                    }
                }
                asked
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(200));
    hold("other");
    running.logs("new certificates are in force");
    folder.write("tls.key", "no key");
    running.logs("new certificates cannot be used, the old ones stay");
    std::thread::sleep(Duration::from_millis(200));
    stop.store(true, Ordering::Release);
    let asked: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
    assert!(asked > 100, "{asked}");
    let mut seen = seen.lock().unwrap().clone();
    seen.dedup();
    assert_eq!(seen.len(), 2, "first one, then the other, and no way back");
    running.stop();
}
