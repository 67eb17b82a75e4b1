//! HTTP/2 as browsers speak it, over TLS: what must not wait does not, and a reload, a new certificate and a stop fail no
//! request that was sent.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use common::program::{Folder, Running, any, reload};
use common::{Proxy, Shop, eventually, ok, tls};
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use punchout_proxy::config::plan::Listener;
use punchout_proxy::config::tls::{Pair, Tls};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

async fn connect<B>(address: SocketAddr) -> io::Result<SendRequest<B>>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connector = TlsConnector::from(Arc::new(tls::settings(rustls::ALL_VERSIONS, &[b"h2"])));
    let tcp = TcpStream::connect(address).await?;
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await?;
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(common::PATIENCE, test).await.unwrap() })
}

fn before(shop: &Shop) -> Proxy {
    let pairs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/tls");
    let pair = Pair { certificate: pairs.join("shop.pem"), key: pairs.join("shop.key") };
    Proxy::with(shop.address, |plan| {
        plan.listen = vec![Listener { tls: true, ..plan.listen[0] }];
        plan.tls = Some(Tls::load(vec![pair]).unwrap());
    })
}

#[test]
fn events_come_as_they_are_sent() {
    let (shop, tell) = Shop::of_events();
    let proxy = before(&shop);
    run(async {
        let mut sender = connect(proxy.address).await.unwrap();
        let request = Request::get("https://localhost/events").body(Empty::<Bytes>::new()).unwrap();
        let mut body = sender.send_request(request).await.unwrap().into_body();
        for number in 0..5 {
            let event = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(event, format!("data: {number}\n\n"));
            tell.send(()).unwrap();
        }
        assert!(body.collect().await.unwrap().to_bytes().is_empty());
    });
}

#[test]
fn an_uploads_first_byte_reaches_the_shop_before_its_last_is_sent() {
    let (tell, told) = tokio::sync::mpsc::unbounded_channel::<Vec<u8>>();
    let shop = Shop::of_an_upload(move |first| tell.send(first).unwrap());
    let proxy = before(&shop);
    run(async {
        let mut told = told;
        let mut sender = connect(proxy.address).await.unwrap();
        let (mut upload, body) = Channel::<Bytes>::new(1);
        let request = Request::post("https://localhost/upload").header("content-length", "6").body(body).unwrap();
        let answer = tokio::spawn(sender.send_request(request));
        upload.send(Frame::data(Bytes::from("abc"))).await.unwrap();
        assert_eq!(told.recv().await.unwrap(), b"a");
        upload.send(Frame::data(Bytes::from("def"))).await.unwrap();
        drop(upload);
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "abcdef");
    });
}

/// Ten requests at a time on each of four connections, without a pause.
#[derive(Default)]
struct Load {
    answered: AtomicUsize,
    /// Handshakes; each with the certificate of its time.
    connections: AtomicUsize,
    stopping: AtomicBool,
}

/// What became of a request.
enum Asked {
    Answered,
    /// The connection takes no more: it was never sent, or refused by the GOAWAY that says so (RFC 9113, section 6.8).
    /// A browser sends it on another.
    Unsent,
}

impl Load {
    fn on(address: SocketAddr) -> (Arc<Load>, std::thread::JoinHandle<Vec<Result<(), String>>>) {
        let load = Arc::<Load>::default();
        let clients = load.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let clients: Vec<_> =
                    [1, 5, 20, 100_000].map(|rounds| tokio::spawn(clients.clone().client(address, rounds))).into();
                let mut ends = Vec::new();
                for client in clients {
                    ends.push(client.await.unwrap());
                }
                ends
            })
        });
        (load, thread)
    }

    /// Until nobody listens any more; `rounds` of requests to a connection.
    async fn client(self: Arc<Self>, address: SocketAddr, rounds: usize) -> Result<(), String> {
        loop {
            let sender = match connect::<Empty<Bytes>>(address).await {
                Ok(sender) => sender,
                Err(_) if self.stopping.load(Ordering::Acquire) => return Ok(()),
                Err(error) => return Err(format!("no connection: {error}")),
            };
            self.connections.fetch_add(1, Ordering::AcqRel);
            'connection: for _ in 0..rounds {
                let round: Vec<_> = (0..10).map(|_| tokio::spawn(ask(sender.clone()))).collect();
                for asked in round {
                    match asked.await.unwrap()? {
                        Asked::Answered => self.answered.fetch_add(1, Ordering::AcqRel),
                        Asked::Unsent => break 'connection,
                    };
                }
            }
        }
    }

    fn goes_on(&self) {
        let before = self.answered.load(Ordering::Acquire);
        eventually("requests go on", || self.answered.load(Ordering::Acquire) > before + 200);
    }
}

async fn ask(mut sender: SendRequest<Empty<Bytes>>) -> Result<Asked, String> {
    if sender.ready().await.is_err() {
        return Ok(Asked::Unsent);
    }
    let request = Request::get("https://localhost/page").body(Empty::new()).unwrap();
    let answer = match sender.try_send_request(request).await {
        Ok(answer) => answer,
        Err(error) if error.message().is_some() => return Ok(Asked::Unsent),
        Err(error) => {
            let error = format!("{:?}", error.error());
            let is_refused = error.contains("GoAway") && error.contains("NO_ERROR, Remote");
            return if is_refused { Ok(Asked::Unsent) } else { Err(format!("no answer: {error}")) };
        }
    };
    let status = answer.status();
    let body = answer.into_body().collect().await.map_err(|error| format!("an answer cut short: {error:?}"))?;
    match (status, &body.to_bytes()[..]) {
        (StatusCode::OK, b"page") => Ok(Asked::Answered),
        other => Err(format!("another answer: {other:?}")),
    }
}

#[test]
fn reloads_a_new_certificate_and_a_stop_under_load_fail_no_request() {
    let shop = Shop::start(|wire, _| wire.send(ok("page")).map(|()| true));
    let folder = Folder::new("http2");
    let pairs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/tls");
    let hold = |name: &str| {
        for extension in ["pem", "key"] {
            folder.write(&format!("tls.{extension}"), fs::read(pairs.join(format!("{name}.{extension}"))).unwrap());
        }
    };
    hold("shop");
    let (listen, origin) = (any(), shop.address);
    let configure = |connections: usize| {
        let text = format!(
            "listen_tls = \"{listen}\"\n[[tls]]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n\
             [shop]\norigin = \"http://{origin}\"\npreset = \"django-oscar\"\n[limits]\nshop_connections = {connections}\n"
        );
        folder.write("proxy.toml", text);
    };
    configure(50);
    let running = Running::start(&folder, "one", None);
    let (load, clients) = Load::on(running.address());
    for number in 1..=5 {
        load.goes_on();
        // Another pool of connections to the shop.
        configure(50 + number);
        assert_eq!(reload(&folder, "one"), Some(0));
        assert_eq!((running.told().len(), running.told()), (2, vec!["READY=1".to_owned()]));
    }
    hold("other");
    running.logs("new certificates are in force");
    let handshakes = load.connections.load(Ordering::Acquire);
    load.goes_on();
    eventually("new handshakes", || load.connections.load(Ordering::Acquire) > handshakes + 5);
    load.stopping.store(true, Ordering::Release);
    running.stop();
    let ends = clients.join().unwrap();
    let answered = load.answered.load(Ordering::Acquire);
    assert_eq!(ends, [const { Ok(()) }; 4], "of {answered} requests");
    assert!(answered > 1_000, "{answered}");
    assert_eq!(shop.seen(), answered, "what was refused has not been done, and nothing twice");
}
