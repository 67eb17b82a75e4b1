//! A shop that answers as a test says, a client that sends bytes, and the proxy between them. Sockets and threads of
//! the standard library: what is tested must not be tested with itself. Nothing waits longer than [`PATIENCE`].
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![allow(unreachable_pub, reason = "shared by test files, exported by none")]

pub mod pages;
pub mod program;
pub mod tls;
pub mod punchout;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use punchout_proxy::config::{Plan, Plans};
use punchout_proxy::server::{self, Running};
use punchout_proxy::upstream::Origin;

/// No read waits longer.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A connection and what was read too far.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Names in lower case and values, in the order in which they came.
pub type Fields = Vec<(String, Vec<u8>)>;

/// The head of a message, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub start: String,
    pub fields: Fields,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub head: Head,
    pub body: Vec<u8>,
    pub trailers: Fields,
}

impl Head {
    pub fn all(&self, name: &str) -> Vec<&str> {
        let values = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        values.map(|(_, value)| std::str::from_utf8(value).unwrap()).collect()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn status(&self) -> u16 {
        self.start
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("{:?}", self.start))
    }

    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }
}

fn fields(lines: &[u8]) -> Fields {
    let lines = lines.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let fields = lines.filter(|line| !line.is_empty()).map(|line| {
        let colon = line.iter().position(|&byte| byte == b':').expect("a field has a colon");
        (String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase(), line[colon + 1..].trim_ascii().to_vec())
    });
    fields.collect()
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, why.to_owned())
}

impl Wire {
    pub fn connect(address: SocketAddr) -> Self {
        Wire::new(TcpStream::connect(address).unwrap())
    }

    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Wire { stream, buffer: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut block = vec![0; 64 * 1024];
        let read = self.stream.read(&mut block)?;
        self.buffer.extend_from_slice(&block[..read]);
        Ok(read)
    }

    fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer[searched..].windows(end.len()).position(|window| window == end) {
                let rest = self.buffer.split_off(searched + at + end.len());
                return Ok(std::mem::replace(&mut self.buffer, rest));
            }
            searched = self.buffer.len().saturating_sub(end.len());
            if self.fill()? == 0 {
                return Err(broken("the message broke off"));
            }
        }
    }

    pub fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < count {
            if self.fill()? == 0 {
                return Err(broken("the body broke off"));
            }
        }
        let rest = self.buffer.split_off(count);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.buffer))
    }

    pub fn head(&mut self) -> io::Result<Head> {
        let head = self.until(b"\r\n\r\n")?;
        let end = head.iter().position(|&byte| byte == b'\n').unwrap();
        let start = String::from_utf8_lossy(&head[..end]).trim_end().to_owned();
        Ok(Head { start, fields: fields(&head[end + 1..]) })
    }

    /// One chunk, or nothing at the last, whose trailers are then next.
    pub fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let size = self.until(b"\r\n")?;
        let size = String::from_utf8_lossy(&size);
        let size = usize::from_str_radix(size.trim().split(';').next().unwrap(), 16);
        let size = size.map_err(|_| broken("a chunk without a size"))?;
        if size == 0 {
            return Ok(None);
        }
        let data = self.exactly(size)?;
        assert_eq!(self.exactly(2)?, b"\r\n");
        Ok(Some(data))
    }

    fn trailers(&mut self) -> io::Result<Fields> {
        let mut lines = Vec::new();
        loop {
            let line = self.until(b"\r\n")?;
            if line == b"\r\n" {
                return Ok(fields(&lines));
            }
            lines.extend(line);
        }
    }

    /// The body that `head` announces.
    pub fn body(&mut self, head: &Head, until_close: bool) -> io::Result<(Vec<u8>, Fields)> {
        if head.get("transfer-encoding").is_some() {
            let mut body = Vec::new();
            while let Some(chunk) = self.chunk()? {
                body.extend(chunk);
            }
            return Ok((body, self.trailers()?));
        }
        match head.get("content-length") {
            Some(length) => Ok((self.exactly(length.parse().unwrap())?, Vec::new())),
            None if until_close => Ok((self.rest()?, Vec::new())),
            None => Ok((Vec::new(), Vec::new())),
        }
    }

    /// A final answer to a request of that method.
    pub fn answer(&mut self, method: &str) -> io::Result<Answer> {
        let mut head = self.head()?;
        while (100..200).contains(&head.status()) && head.status() != 101 {
            head = self.head()?;
        }
        let bodiless = method == "HEAD" || matches!(head.status(), 101 | 204 | 304);
        let (body, trailers) = if bodiless { Default::default() } else { self.body(&head, true)? };
        Ok(Answer { head, body, trailers })
    }

    /// Sends a GET or the like and reads the answer.
    pub fn ask(&mut self, method: &str, target: &str, more: &str) -> io::Result<Answer> {
        self.send(format!("{method} {target} HTTP/1.1\r\nHost: shop.example\r\n{more}\r\n"))?;
        self.answer(method)
    }

    /// Whether the other side closes, and nothing more comes.
    pub fn is_closed(&mut self) -> bool {
        match self.fill() {
            Ok(read) => read == 0,
            // What it had not read when it closed makes of the end a reset.
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    pub fn finish_sending(&self) {
        self.stream.shutdown(std::net::Shutdown::Write).unwrap();
    }
}

/// Whether the shop keeps a connection after an answer.
pub type Keep = io::Result<bool>;

/// A shop that does as it is told.
pub struct Shop {
    pub address: SocketAddr,
    /// Requests it has seen, heads only.
    pub seen: Arc<Mutex<Vec<Head>>>,
    /// Connections it has accepted.
    pub connections: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Shop {
    /// Calls `serve` for each request whose head has come; its body is still on the wire.
    pub fn start(serve: impl Fn(&mut Wire, &Head) -> Keep + Send + Sync + 'static) -> Self {
        Shop::at(TcpListener::bind("127.0.0.1:0").unwrap(), serve)
    }

    /// The same where `listener` is bound.
    pub fn at(listener: TcpListener, serve: impl Fn(&mut Wire, &Head) -> Keep + Send + Sync + 'static) -> Self {
        let shop = Shop {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            connections: Arc::default(),
            stop: Arc::default(),
        };
        let (seen, connections, stop) = (shop.seen.clone(), shop.connections.clone(), shop.stop.clone());
        let serve = Arc::new(serve);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                connections.fetch_add(1, Ordering::AcqRel);
                let (seen, serve) = (seen.clone(), serve.clone());
                std::thread::spawn(move || {
                    let mut wire = Wire::new(stream.unwrap());
                    while let Ok(head) = wire.head() {
                        seen.lock().unwrap().push(head.clone());
                        if !matches!(serve(&mut wire, &head), Ok(true)) {
                            return;
                        }
                    }
                });
            }
        });
        shop
    }

    /// Sends five events, `data: 0` to `data: 4`, each only when it is told that the one before has arrived: a delay would be
    /// a standstill.
    pub fn of_events() -> (Self, mpsc::Sender<()>) {
        let (tell, told) = mpsc::channel::<()>();
        let told = Mutex::new(told);
        let shop = Shop::start(move |wire, _| {
            wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            for number in 0..5 {
                wire.send(format!("9\r\ndata: {number}\n\n\r\n"))?;
                told.lock().unwrap().recv().unwrap();
            }
            wire.send("0\r\n\r\n")?;
            Ok(true)
        });
        (shop, tell)
    }

    /// Tells of an upload's first byte as it comes, and answers with all of it.
    pub fn of_an_upload(tell: impl Fn(Vec<u8>) + Send + Sync + 'static) -> Self {
        Shop::start(move |wire, head| {
            let length: usize = head.get("content-length").unwrap().parse().unwrap();
            let mut body = wire.exactly(1)?;
            tell(body.clone());
            body.extend(wire.exactly(length - 1)?);
            wire.send(ok(body))?;
            Ok(true)
        })
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    pub fn last(&self) -> Head {
        self.seen.lock().unwrap().last().cloned().unwrap()
    }

    pub fn seen(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// What it was asked for, but for signing in.
    pub fn targets(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|head| head.target().to_owned()).filter(|target| target != "/login").collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
    }
}

/// The proxy before a shop.
pub struct Proxy {
    pub address: SocketAddr,
    pub plans: Plans,
    pub running: Running,
}

impl Proxy {
    pub fn before(shop: SocketAddr) -> Self {
        Proxy::with(shop, |_| {})
    }

    /// One worker, so that what a test says about connections holds; `change` may say otherwise.
    pub fn with(shop: SocketAddr, change: impl FnOnce(&mut Plan)) -> Self {
        let origin = Origin::from_url(&format!("http://{shop}").parse().unwrap()).unwrap();
        let mut plan = punchout_proxy::config::passthrough("127.0.0.1:0".parse().unwrap(), &origin, 1);
        change(&mut plan);
        Proxy::of(plan)
    }

    /// By a `proxy.toml` of that text.
    pub fn configured(text: &str) -> Self {
        Proxy::of(plan_of(text))
    }

    fn of(plan: Plan) -> Self {
        let plans: Plans = Arc::new(ArcSwap::from_pointee(plan));
        let running = server::run(&plans).unwrap();
        Proxy { address: running.addresses()[0], plans, running }
    }

    pub fn connect(&self) -> Wire {
        Wire::connect(self.address)
    }
}

/// What a `proxy.toml` of that text comes to.
pub fn plan_of(text: &str) -> Plan {
    let outcome = punchout_proxy::config::read(text, Path::new("."));
    outcome.plan.unwrap_or_else(|| panic!("{text}: {:?}", outcome.faults))
}

/// Waits until `is_so`, or fails.
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An answer with a length.
pub fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}
