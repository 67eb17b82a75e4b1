//! The program itself, as systemd would start it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::{PATIENCE, eventually};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_punchout-proxy");

/// A folder of a test's own.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("punchout-proxy-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        // As an editor does: the proxy never sees half a file.
        fs::write(self.at("new"), text).unwrap();
        fs::rename(self.at("new"), self.at(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn configuration(listen: SocketAddr, shop: SocketAddr, top: &str) -> String {
    format!("listen = \"{listen}\"\n{top}\n[shop]\norigin = \"http://{shop}\"\npreset = \"django-oscar\"\n")
}

/// A free port on loopback.
pub fn any() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// The program as systemd would start it.
pub struct Running {
    pub child: Child,
    pub log: Arc<Mutex<Vec<String>>>,
    systemd: UnixDatagram,
}

impl Running {
    pub fn start(folder: &Folder, name: &str, socket: Option<&TcpListener>) -> Self {
        let notify = folder.at(&format!("{name}.notify"));
        let systemd = UnixDatagram::bind(&notify).unwrap();
        systemd.set_read_timeout(Some(PATIENCE)).unwrap();
        // Descriptor 3 is where a socket that systemd listens on stands.
        let script = "if [ -n \"$SOCKET\" ]; then exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; fi; exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, PROGRAM, "run", "--config"]).arg(folder.at("proxy.toml"));
        command.arg("--pid-file").arg(folder.at(&format!("{name}.pid")));
        command.env("NOTIFY_SOCKET", &notify).stderr(Stdio::piped());
        match socket {
            Some(socket) => {
                command.env("SOCKET", "1").stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap())));
            }
            None => {
                command.stdin(Stdio::null());
            }
        }
        let mut child = command.spawn().unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()).lines(), log.clone());
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line)));
        let running = Running { child, log, systemd };
        assert_eq!(running.told(), ["READY=1"], "{:?}", running.log.lock().unwrap());
        running
    }

    /// What systemd is told next.
    pub fn told(&self) -> Vec<String> {
        let mut message = [0; 512];
        let length = self.systemd.recv(&mut message).unwrap_or(0);
        String::from_utf8_lossy(&message[..length]).lines().map(str::to_owned).collect()
    }

    pub fn kill(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    pub fn logs(&self, part: &str) {
        eventually(&format!("`{part}` in the log"), || self.log.lock().unwrap().iter().any(|line| line.contains(part)));
    }

    /// Where it listens, if the configuration says port 0.
    pub fn address(&self) -> SocketAddr {
        self.logs("serving");
        let log = self.log.lock().unwrap();
        let line = log.iter().find_map(|line| line.split_once("address=")).unwrap().1;
        line.split(' ').next().unwrap().parse().unwrap()
    }

    pub fn stop(mut self) {
        self.kill("-TERM");
        assert_eq!(self.told(), ["STOPPING=1"]);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn reload(folder: &Folder, name: &str) -> Option<i32> {
    let mut command = Command::new(PROGRAM);
    command.args(["reload", "--config"]).arg(folder.at("proxy.toml"));
    command.arg("--pid-file").arg(folder.at(&format!("{name}.pid"))).env_remove("MAINPID").stderr(Stdio::null());
    command.status().unwrap().code()
}
