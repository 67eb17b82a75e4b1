//! Two sidecars with one Redis, as programs of their own behind one address: enter on one, return through the other; one
//! killed in mid-session; the store restarted in between, and lost.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "common/redis.rs"]
mod redis;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use punchout_proxy::demo::browser::{Browser, Form, Page};
use punchout_proxy::demo::{self, Demo, catalogue};
use redis::{Redis, free_port};
use url::Url;

struct Sidecar {
    program: Child,
    port: u16,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        // As a machine that loses its power: nothing is finished.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// The demo's world behind an address that leads to one sidecar or the other.
struct World {
    demo: Demo,
    redis: Redis,
    toml: String,
    address: SocketAddr,
    leads_to: Arc<AtomicU16>,
}

impl World {
    fn new(redis: Redis) -> Self {
        let demo = demo::start().unwrap();
        let toml = demo::proxy_toml(demo.shop_addr, demo.procurement_addr) + "\n" + &redis.toml();
        let front = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = front.local_addr().unwrap();
        let leads_to = Arc::new(AtomicU16::new(0));
        let port = leads_to.clone();
        std::thread::spawn(move || {
            for client in front.incoming().flatten() {
                let Ok(sidecar) = TcpStream::connect(("127.0.0.1", port.load(Ordering::Acquire))) else { continue };
                for (mut from, mut to) in [
                    (client.try_clone().unwrap(), sidecar.try_clone().unwrap()),
                    (sidecar.try_clone().unwrap(), client.try_clone().unwrap()),
                ] {
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(std::net::Shutdown::Write);
                    });
                }
            }
        });
        demo.connect(&format!("http://{address}"));
        World { demo, redis, toml, address, leads_to }
    }

    fn sidecar(&self) -> Sidecar {
        let port = free_port();
        let line = self.toml.lines().find(|line| line.starts_with("listen = ")).unwrap();
        let toml = self.toml.replacen(line, &format!("listen = \"127.0.0.1:{port}\""), 1);
        let file = std::env::temp_dir().join(format!("punchout-several-{}-{port}.toml", std::process::id()));
        std::fs::write(&file, toml).unwrap();
        let program = Command::new(env!("CARGO_BIN_EXE_punchout-proxy"))
            .args(["run", "--config", file.to_str().unwrap()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "the sidecar does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::fs::remove_file(&file).unwrap();
        Sidecar { program, port }
    }

    fn lead_to(&self, sidecar: &Sidecar) {
        self.leads_to.store(sidecar.port, Ordering::Release);
    }

    fn at(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    async fn punch_out(&self, browser: &mut Browser) -> Page {
        let start = browser.get(self.demo.procurement_url().parse().unwrap()).await.unwrap();
        let form = start.forms().into_iter().find(|form| form.class.contains("punchout")).unwrap();
        browser.submit(&start, &form, &[]).await.unwrap()
    }

    /// Sends the catalog call, and gives where the browser is to go.
    fn enter(&self, form: &Form) -> String {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(&form.inputs);
        let (body, path) = (body.finish(), Url::parse(&form.action).unwrap());
        let mut socket = TcpStream::connect(self.address).unwrap();
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: punchout-proxy-demo/1.0\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            path.path(),
            self.address,
            body.len()
        );
        socket.write_all([head, body].concat().as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
        location.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn buy(&self, browser: &mut Browser) -> Page {
        let page = browser.get(self.at(&format!("/vare/{}", catalogue::SCREW))).await.unwrap();
        let form = page.forms().into_iter().find(|form| form.id == "leggtil");
        let form = form.unwrap_or_else(|| panic!("nothing to buy on {page}: {}", page.body));
        browser.submit(&page, &form, &[("antall", "1")]).await.unwrap()
    }

    async fn post(&self, browser: &mut Browser, path: &str) -> Page {
        // As forms on the session's pages do it: with its key.
        let (root, _) = path.rsplit_once("_punchout/").unwrap();
        let here = browser.get(self.at(&format!("{root}handlekurv"))).await.unwrap();
        let key = here.body.split("?key=").nth(1).unwrap_or_else(|| panic!("{here}"));
        let action = format!("{path}?key={}", &key[..22]);
        let form = Form { action, method: "post".into(), ..Form::default() };
        browser.submit(&here, &form, &[]).await.unwrap()
    }
}

fn browse(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
#[ignore = "needs redis-server: tests/run store"]
fn a_session_goes_from_one_sidecar_to_the_other_and_outlives_one_and_the_store() {
    let mut world = World::new(Redis::with_tls());
    let (first, second) = (world.sidecar(), world.sidecar());
    let mut browser = Browser::default();
    world.lead_to(&first);
    browse(async {
        let page = world.punch_out(&mut browser).await;
        assert!(page.status == 200 && page.body.contains("punchout-bar"), "{page}");
        world.lead_to(&second);
        let cart = world.buy(&mut browser).await;
        assert!(cart.body.contains("NEW_ITEM-DESCRIPTION[1]"), "{}", cart.body);
    });
    world.lead_to(&first);
    drop(second);
    world.redis.down();
    world.redis.up();
    browse(async {
        let cart = browser.get(world.at("/handlekurv")).await.unwrap();
        assert!(cart.body.contains("NEW_ITEM-DESCRIPTION[1]"), "one killed, the store restarted: {cart}");
        let third = world.sidecar();
        world.lead_to(&third);
        let form = cart.forms().into_iter().find(|form| form.id.starts_with("punchout-return")).unwrap();
        let arrived = browser.submit(&cart, &form, &[]).await.unwrap();
        assert_eq!(arrived.status, 200, "{arrived}");
        assert_eq!(world.demo.procurement.returns().len(), 1);
        assert_eq!(world.post(&mut browser, "/_punchout/sent").await.status, 204);
        world.lead_to(&first);
        let over = browser.get(world.at("/handlekurv")).await.unwrap();
        assert_eq!(over.status, 410, "ended at the third, over at the first: {over}");
        assert_eq!(world.demo.shop.orders().len(), 0);
    });
}

#[test]
#[ignore = "needs redis-server: tests/run store"]
fn a_session_without_cookies_goes_from_one_sidecar_to_the_other() {
    let world = World::new(Redis::start());
    let (first, second) = (world.sidecar(), world.sidecar());
    let mut browser = Browser::without_cookies();
    world.lead_to(&first);
    browse(async {
        let start = browser.get(world.demo.procurement_url().parse().unwrap()).await.unwrap();
        let form = start.forms().into_iter().find(|form| form.class.contains("punchout")).unwrap();
        let mut hop = Url::parse(&format!("http://{}", world.address)).unwrap();
        hop = hop.join(&world.enter(&form)).unwrap();
        // The ticket of one is good at the other, once.
        world.lead_to(&second);
        let page = browser.get(hop.clone()).await.unwrap();
        let root = page.link("a#onward").unwrap();
        let page = browser.get(page.join(&root).unwrap()).await.unwrap();
        assert!(page.status == 200 && page.body.contains("punchout-bar"), "{page}");
        world.lead_to(&first);
        assert_eq!(browser.get(hop).await.unwrap().status, 410, "good once");
        let article = page.join(&format!("{root}vare/{}", catalogue::SCREW)).unwrap();
        let article = browser.get(article).await.unwrap();
        let form = article.forms().into_iter().find(|form| form.id == "leggtil").unwrap();
        let cart = browser.submit(&article, &form, &[("antall", "1")]).await.unwrap();
        assert!(cart.body.contains("NEW_ITEM-DESCRIPTION[1]"), "{}", cart.body);
        world.lead_to(&second);
        let cart = browser.get(page.join(&format!("{root}handlekurv")).unwrap()).await.unwrap();
        let form = cart.forms().into_iter().find(|form| form.id.starts_with("punchout-return")).unwrap();
        assert_eq!(browser.submit(&cart, &form, &[]).await.unwrap().status, 200);
        assert_eq!(world.demo.procurement.returns().len(), 1);
        assert_eq!(world.post(&mut browser, &format!("{root}_punchout/sent")).await.status, 204);
        world.lead_to(&first);
        let over = browser.get(page.join(&format!("{root}handlekurv")).unwrap()).await.unwrap();
        assert_eq!(over.status, 410, "{over}");
        assert_eq!(world.demo.shop.orders().len(), 0);
    });
}

#[test]
#[ignore = "needs redis-server: tests/run store"]
fn while_the_store_is_lost_visitors_notice_nothing_and_sessions_go_on() {
    let mut world = World::new(Redis::start());
    let (first, second) = (world.sidecar(), world.sidecar());
    let mut browser = Browser::default();
    world.lead_to(&first);
    browse(async {
        world.punch_out(&mut browser).await;
        world.buy(&mut browser).await;
    });
    world.redis.down();
    browse(async {
        let visitor = Browser::default().get(world.at("/")).await.unwrap();
        assert!(visitor.status == 200 && !visitor.body.contains("punchout-bar"), "{visitor}");
        let refused = world.punch_out(&mut Browser::default()).await;
        assert!(refused.status == 503 && refused.body.contains("PO-STORE-LOST"), "{refused}");
        assert!(refused.headers.contains_key("retry-after"));
        let cart = browser.get(world.at("/handlekurv")).await.unwrap();
        assert!(cart.body.contains("NEW_ITEM-DESCRIPTION[1]"), "it goes on: {cart}");
        assert_eq!(world.post(&mut browser, "/_punchout/sent").await.status, 204);
        let sent = browser.get(world.at("/handlekurv")).await.unwrap();
        assert_eq!(sent.status, 409, "remembered here: {sent}");
        world.lead_to(&second);
        let unknown = browser.get(world.at("/handlekurv")).await.unwrap();
        assert!(unknown.status == 503 && unknown.body.contains("PO-STORE-LOST"), "never seen there: {unknown}");
    });
    world.redis.up();
    browse(async {
        let begin = Instant::now();
        world.lead_to(&first);
        while world.punch_out(&mut Browser::default()).await.body.contains("PO-STORE-LOST") {
            assert!(begin.elapsed() < Duration::from_secs(20), "it connects again by itself");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}
