//! A redis-server of the test's own, on loopback.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![allow(unreachable_pub, reason = "shared by test files, exported by none")]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use punchout_proxy::config::plan::StoreAddress;
use punchout_proxy::secret::Secret;

pub const KEY: &str = "0123456789abcdef0123456789abcdef";
const PASSWORD: &str = "redis-passord";

fn pairs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/tls")
}

/// One of the certificates that tests have, in PEM.
pub fn certificate(name: &str) -> Vec<u8> {
    std::fs::read(pairs().join(name)).unwrap()
}

pub struct Redis {
    server: Option<Child>,
    port: u16,
    folder: PathBuf,
    more: Vec<String>,
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Redis {
    /// One with a password that writes down each change before it answers.
    pub fn start() -> Self {
        Redis::with(&[])
    }

    /// One that speaks TLS alone, with the certificate of `localhost`.
    pub fn with_tls() -> Self {
        let of = |name: &str| pairs().join(name).to_str().unwrap().to_owned();
        let (certificate, key) = (of("shop.pem"), of("shop.key"));
        let more = ["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-auth-clients", "no"];
        Redis::with(&more)
    }

    fn with(more: &[&str]) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("punchout-redis-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let more = more.iter().map(|word| (*word).to_owned()).collect();
        let mut redis = Redis { server: None, port, folder, more };
        redis.up();
        redis
    }

    /// Starts it with what it knew.
    pub fn up(&mut self) {
        assert!(self.server.is_none());
        let port = self.port.to_string();
        let server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "127.0.0.2", "--save", "", "--appendonly", "yes", "--appendfsync", "always"])
            .args(["--requirepass", PASSWORD, "--dir", self.folder.to_str().unwrap()])
            .args(if self.more.is_empty() { vec!["--port", &port] } else { vec!["--port", "0", "--tls-port", &port] })
            .args(&self.more)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed by `tests/run store`");
        self.server = Some(server);
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn down(&mut self) {
        let mut server = self.server.take().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
    }

    /// It keeps its connections and answers nothing, or goes on.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let pid = self.server.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub fn place(&self) -> StoreAddress {
        let scheme = if self.more.is_empty() { "redis" } else { "rediss" };
        StoreAddress {
            url: format!("{scheme}://localhost:{}/0", self.port),
            password: Some(Secret::new(PASSWORD)),
            key: Secret::new(KEY),
            ca: (!self.more.is_empty()).then(|| certificate("ca.pem")),
        }
    }

    /// `[session]`'s keys for it; its secrets lie beside its data.
    pub fn toml(&self) -> String {
        let (password, key) = (self.folder.join("password"), self.folder.join("key"));
        std::fs::write(&password, PASSWORD).unwrap();
        std::fs::write(&key, format!("{KEY}\n")).unwrap();
        let place = self.place();
        let ca = place.ca.map(|_| format!("store_ca_file = {:?}\n", pairs().join("ca.pem"))).unwrap_or_default();
        let url = place.url;
        format!("[session]\nstore = {url:?}\nstore_password_file = {password:?}\nstore_key_file = {key:?}\n{ca}")
    }

    /// All that it has written down.
    pub fn written(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for file in std::fs::read_dir(self.folder.join("appendonlydir")).unwrap() {
            all.extend(std::fs::read(file.unwrap().path()).unwrap());
        }
        all
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.down();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
