//! HTTP/2 clients: served like all others, and bounded in what one of them can make us do.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::pages::shop_pages;
use common::tls::Client;
use common::{Proxy, Shop, Wire, ok};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use punchout_proxy::config::plan::Listener;
use punchout_proxy::config::tls::{Pair, Tls};

type Sender<B> = SendRequest<B>;

fn in_clear(shop: &Shop) -> Proxy {
    Proxy::with(shop.address, |plan| plan.limits.http2_cleartext = true)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(common::PATIENCE, test).await.unwrap() })
}

async fn connect<B>(proxy: &Proxy) -> Sender<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = tokio::net::TcpStream::connect(proxy.address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn read(answer: Response<Incoming>) -> (StatusCode, HeaderMap, Bytes, Option<HeaderMap>) {
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned();
    (parts.status, parts.headers, body.to_bytes(), trailers)
}

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::builder().uri(format!("http://shop.example{path}")).body(Full::default()).unwrap()
}

#[test]
fn the_shop_gets_http_1_with_one_host_and_one_cookie_line() {
    let shop = Shop::start(shop_pages);
    let proxy = in_clear(&shop);
    run(async {
        let mut sender = connect(&proxy).await;
        let mut request = get("/a%2Fb?x=%7E");
        request.headers_mut().append("cookie", "a=1".parse().unwrap());
        request.headers_mut().append("cookie", "b=\"2\"".parse().unwrap());
        request.headers_mut().append("te", "trailers".parse().unwrap());
        read(sender.send_request(request).await.unwrap()).await;
    });
    let head = shop.last();
    assert_eq!(head.start, "GET /a%2Fb?x=%7E HTTP/1.1");
    assert_eq!(head.all("host"), ["shop.example"]);
    assert_eq!(head.all("cookie"), ["a=1; b=\"2\""]);
    assert_eq!((head.get("te"), head.get("transfer-encoding"), head.get("content-length")), (None, None, None));
    assert_eq!(head.get("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head.get("x-forwarded-host"), Some("shop.example"));
}

#[test]
fn answers_come_whole_in_every_shape_the_shop_sends_them() {
    let shop = Shop::start(shop_pages);
    let proxy = in_clear(&shop);
    run(async {
        let mut sender = connect(&proxy).await;
        for path in ["/", "/large", "/gzip", "/until-close", "/none", "/unchanged", "/moved", "/trailers"] {
            let direct = Wire::connect(shop.address).ask("GET", path, "TE: trailers\r\n").unwrap();
            let (status, headers, body, trailers) = read(sender.send_request(get(path)).await.unwrap()).await;
            assert_eq!((status.as_u16(), &body[..]), (direct.head.status(), &direct.body[..]), "{path}");
            for hop in ["connection", "keep-alive", "transfer-encoding", "upgrade"] {
                assert!(!headers.contains_key(hop), "{path} {hop}");
            }
            for cookie in direct.head.all("set-cookie") {
                assert!(headers.get_all("set-cookie").iter().any(|line| line == cookie), "{path}");
            }
            let sent = direct.trailers.first().map(|(_, value)| value.clone());
            let came = trailers.and_then(|trailers| Some(trailers.values().next()?.as_bytes().to_vec()));
            assert_eq!(came, sent, "{path}");
        }
    });
}

#[test]
fn many_requests_at_once_on_one_connection_each_get_their_own_answer() {
    let shop = Shop::start(|wire, head| {
        std::thread::sleep(Duration::from_millis(20));
        wire.send(ok(head.target()))?;
        Ok(true)
    });
    let proxy = in_clear(&shop);
    run(async {
        let sender = connect(&proxy).await;
        let asked: Vec<_> = (0..60)
            .map(|number| {
                let mut sender = sender.clone();
                tokio::spawn(async move {
                    let path = format!("/{number}");
                    let (status, _, body, _) = read(sender.send_request(get(&path)).await.unwrap()).await;
                    assert_eq!((status, &body[..]), (StatusCode::OK, path.as_bytes()));
                })
            })
            .collect();
        for one in asked {
            one.await.unwrap();
        }
    });
}

#[test]
fn an_upload_streams_with_and_without_a_length() {
    let shop = Shop::start(|wire, head| {
        let framing = format!("{:?} {:?} ", head.get("content-length"), head.get("transfer-encoding"));
        let (body, _) = wire.body(head, false)?;
        wire.send(ok([framing.as_bytes(), &body].concat()))?;
        Ok(true)
    });
    let proxy = in_clear(&shop);
    run(async {
        let mut sender = connect(&proxy).await;
        let request = Request::post("http://shop.example/").body(Full::new(Bytes::from("abc"))).unwrap();
        let (_, _, body, _) = read(sender.send_request(request).await.unwrap()).await;
        assert_eq!(body, "Some(\"3\") None abc");
    });
    run(async {
        let (give, take) = tokio::sync::mpsc::channel(1);
        let mut take = take;
        let pieces = futures_stream(move |cx| take.poll_recv(cx));
        let mut sender = connect(&proxy).await;
        let request = Request::post("http://shop.example/").body(StreamBody::new(pieces)).unwrap();
        let answer = tokio::spawn(sender.send_request(request));
        for piece in ["ab", "c"] {
            give.send(Ok(Frame::data(Bytes::from(piece)))).await.unwrap();
        }
        drop(give);
        let (_, _, body, _) = read(answer.await.unwrap().unwrap()).await;
        assert_eq!(body, "None Some(\"chunked\") abc");
    });
}

type Piece = io::Result<Frame<Bytes>>;

/// A stream of what `poll` gives.
fn futures_stream(
    poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Piece>> + Unpin + Send + 'static,
) -> impl futures_core::Stream<Item = Piece> + Unpin + Send {
    struct Pieces<P>(P);
    impl<P> futures_core::Stream for Pieces<P>
    where
        P: FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Piece>> + Unpin,
    {
        type Item = Piece;
        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Piece>> {
            (self.0)(cx)
        }
    }
    Pieces(poll)
}

#[test]
fn http_2_in_clear_is_off_by_default_and_http_1_stays_where_it_is_on() {
    let shop = Shop::start(shop_pages);
    let mut wire = Proxy::before(shop.address).connect();
    wire.send(PREFACE).unwrap();
    // What is left unread when it closes may turn the end into a reset.
    let said = wire.rest().unwrap_or_default();
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 400"), "{:?}", String::from_utf8_lossy(&said));
    let proxy = in_clear(&shop);
    let mut wire = proxy.connect();
    for _ in 0..3 {
        assert_eq!(wire.ask("GET", "/", "").unwrap().head.status(), 200);
    }
}

#[test]
fn stopping_lets_streams_end_and_then_closes() {
    let shop = Shop::start(|wire, _| {
        std::thread::sleep(Duration::from_millis(300));
        wire.send(ok("late"))?;
        Ok(true)
    });
    let proxy = in_clear(&shop);
    run(async {
        let mut sender = connect(&proxy).await;
        let answer = tokio::spawn(sender.send_request(get("/")));
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.running.stop();
        let (status, _, body, _) = read(answer.await.unwrap().unwrap()).await;
        assert_eq!((status, &body[..]), (StatusCode::OK, &b"late"[..]));
        // GOAWAY: the client sees that it must take another connection.
        let gone = poll_fn(|cx| sender.poll_ready(cx)).await;
        assert!(gone.is_err() || sender.send_request(get("/")).await.is_err());
    });
}

// What follows speaks in frames, for no client library does what it tests.

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ENHANCE_YOUR_CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// `GET http://a/` in HPACK: three fields of the static table and a literal.
fn head() -> Vec<u8> {
    [&[0x82, 0x86, 0x84, 0x01, 1][..], b"a"].concat()
}

/// A connection on which frames are spoken.
trait Line: Read + Write {}
impl<T: Read + Write> Line for T {}

fn begin(proxy: &Proxy, settings: &[(u16, u32)]) -> Box<dyn Line> {
    let stream = TcpStream::connect(proxy.address).unwrap();
    stream.set_read_timeout(Some(common::PATIENCE)).unwrap();
    stream.set_write_timeout(Some(common::PATIENCE)).unwrap();
    greeted(Box::new(stream), settings)
}

fn greeted(mut line: Box<dyn Line>, settings: &[(u16, u32)]) -> Box<dyn Line> {
    let settings: Vec<u8> =
        settings.iter().flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    line.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &settings)].concat()).unwrap();
    line
}

fn next(line: &mut dyn Line) -> io::Result<(u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    line.read_exact(&mut head)?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    line.read_exact(&mut payload)?;
    Ok((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

/// Reads until the connection ends, which it must; the last GOAWAY's reason, if one came.
fn until_end(line: &mut dyn Line) -> Option<u32> {
    let mut reason = None;
    loop {
        match next(line) {
            Ok((GOAWAY, _, payload)) => reason = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap())),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                panic!("the connection is still open")
            }
            Err(_) => return reason,
        }
    }
}

#[test]
fn the_client_is_told_its_limits() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::with(shop.address, |plan| {
        plan.limits.http2_cleartext = true;
        plan.limits.http2_streams = 7;
        plan.limits.head_size = 20_000;
    });
    let mut wire = begin(&proxy, &[]);
    let (kind, _, settings) = next(&mut *wire).unwrap();
    assert_eq!(kind, SETTINGS);
    let told = |name: u16| {
        let mut settings = settings.chunks(6);
        let found = settings.find(|setting| setting[..2] == name.to_be_bytes())?;
        Some(u32::from_be_bytes(found[2..].try_into().unwrap()))
    };
    assert_eq!((told(3), told(6)), (Some(7), Some(20_000)));
}

/// A shop behind the proxy, which is flooded in clear and over TLS.
struct Flooded {
    shop: Shop,
    proxy: Proxy,
}

impl Flooded {
    fn start() -> Self {
        let shop = Shop::start(shop_pages);
        let pairs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/tls");
        let pair = Pair { certificate: pairs.join("shop.pem"), key: pairs.join("shop.key") };
        let proxy = Proxy::with(shop.address, |plan| {
            plan.limits.http2_cleartext = true;
            plan.listen.push(Listener { tls: true, ..plan.listen[0] });
            plan.tls = Some(Tls::load(vec![pair]).unwrap());
        });
        Flooded { shop, proxy }
    }

    fn lines(&self) -> [Box<dyn Line>; 2] {
        let over_tls = Client::speaking(self.proxy.running.addresses()[1], "localhost", rustls::ALL_VERSIONS, &[b"h2"]);
        [begin(&self.proxy, &[]), greeted(Box::new(over_tls.0), &[])]
    }

    /// Sends `flood` by each of four connections at once, and asks as a visitor meanwhile.
    fn endures(&self, flood: &[u8], reason: u32) {
        std::thread::scope(|scope| {
            let floods: Vec<_> = (0..4)
                .map(|number| {
                    scope.spawn(move || {
                        let line = &mut *self.lines().into_iter().nth(number % 2).unwrap();
                        // The proxy may have closed before all is sent.
                        let _ = line.write_all(flood);
                        // With so much unread the end may also come as a reset, which takes the GOAWAY along.
                        let told = until_end(line);
                        assert!(told.is_none_or(|told| told == reason), "{told:?}");
                    })
                })
                .collect();
            let mut asked = 0;
            while asked < 5 || !floods.iter().all(|flood| flood.is_finished()) {
                assert_eq!(self.proxy.connect().ask("GET", "/gzip", "").unwrap().head.status(), 200);
                asked += 1;
            }
            for flood in floods {
                flood.join().unwrap();
            }
        });
        let reached = self.shop.seen.lock().unwrap().iter().filter(|head| head.target() == "/").count();
        assert!(reached < 4 * 150, "{reached} requests of the flood reached the shop");
    }
}

#[test]
fn rapid_reset_ends_the_connection_and_hardly_reaches_the_shop() {
    let mut flood = Vec::new();
    for number in 0..5_000 {
        let stream = 2 * number + 1;
        flood.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &head()));
        flood.extend(frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()));
    }
    Flooded::start().endures(&flood, ENHANCE_YOUR_CALM);
}

/// CVE-2025-8671: the client has the server reset them.
#[test]
fn streams_that_we_must_reset_end_the_connection_too() {
    let mut flood = Vec::new();
    for number in 0..5_000 {
        let stream = 2 * number + 1;
        flood.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &head()));
        // A window above what there can be is the stream's error.
        flood.extend(frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes()));
    }
    Flooded::start().endures(&flood, ENHANCE_YOUR_CALM);
}

#[test]
fn a_head_without_end_ends_the_connection() {
    // A literal field of 1000 bytes, sixteen to a frame; and frames of nothing.
    let field = [&[0, 1, b'x', 0x7f, 0xe9, 0x06][..], &[b'y'; 1000]].concat();
    let fields = frame(CONTINUATION, 0, 1, &field.repeat(16));
    let nothing = frame(CONTINUATION, 0, 1, &[]).repeat(1000);
    for piece in [fields, nothing] {
        let flooded = Flooded::start();
        for mut line in flooded.lines() {
            line.write_all(&frame(HEADERS, END_STREAM, 1, &head())).unwrap();
            let mut sent = 0;
            while line.write_all(&piece).is_ok() {
                sent += piece.len();
                assert!(sent < 64 << 20, "a head of {sent} bytes is still taken");
            }
            until_end(&mut *line);
        }
        assert_eq!(flooded.shop.seen(), 0);
        assert_eq!(flooded.proxy.connect().ask("GET", "/", "").unwrap().head.status(), 200);
    }
}

#[test]
fn more_fields_than_the_limit_are_refused() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::with(shop.address, |plan| {
        plan.limits.http2_cleartext = true;
        plan.limits.head_fields = 10;
    });
    run(async {
        let mut sender = connect(&proxy).await;
        let mut request = get("/");
        for number in 0..11 {
            let name = http::HeaderName::from_bytes(format!("x-{number}").as_bytes()).unwrap();
            request.headers_mut().insert(name, "1".parse().unwrap());
        }
        let (status, ..) = read(sender.send_request(request).await.unwrap()).await;
        assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    });
    assert_eq!(shop.seen(), 0);
}

#[test]
fn an_answer_that_is_not_taken_ends_the_connection() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::with(shop.address, |plan| {
        plan.limits.http2_cleartext = true;
        plan.limits.write_idle = Duration::from_millis(300);
    });
    // A window of one byte that never grows.
    let mut wire = begin(&proxy, &[(4, 1)]);
    let path = [&[0x82, 0x86, 0x04, 6][..], b"/large", &[0x01, 1], b"a"].concat();
    wire.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &path)).unwrap();
    let begin = Instant::now();
    let mut data = 0;
    while let Ok((kind, _, payload)) = next(&mut *wire) {
        data += if kind == DATA { payload.len() } else { 0 };
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert_eq!(data, 1);
}

#[test]
fn a_connection_without_requests_is_closed_in_time_pings_or_not() {
    let shop = Shop::start(shop_pages);
    let proxy = Proxy::with(shop.address, |plan| {
        plan.limits.http2_cleartext = true;
        plan.limits.idle = Duration::from_millis(300);
        plan.limits.head_time = Duration::from_millis(100);
    });
    let begun = Instant::now();
    let mut wire = begin(&proxy, &[]);
    while begun.elapsed() < common::PATIENCE {
        if wire.write_all(&frame(6, 0, 0, &[0; 8])).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = until_end(&mut *wire);
    let lasted = begun.elapsed();
    assert!(lasted > Duration::from_millis(250) && lasted < Duration::from_secs(3), "{lasted:?}");
}
