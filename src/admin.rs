//! The admin listener: what ops and their monitoring ask a running proxy.
//!
//! It has a thread of its own, apart from the workers, and answers until the last connection has been drained. It is for
//! people of the house: on a Unix socket or loopback address by default, elsewhere with a token alone.

mod allow;
mod answer;
mod checkup;
mod console;
mod guests;
mod simulator;

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::Plans;
use crate::config::plan::AdminAddress;
use crate::observe::Watch;
use crate::session::store::Store;
use crate::upstream::Live;
use guests::Guests;

/// For a request's head to come.
const HEAD: Duration = Duration::from_secs(10);
/// After a failure to accept.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener that is open.
#[derive(Debug)]
pub struct Door(Socket);

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// What can be seen from the admin listener.
pub struct Inside {
    /// The plan in force.
    pub plans: Plans,
    /// The open sessions.
    pub sessions: Store,
    /// What is counted and logged.
    pub watch: Watch,
    /// Connections to the shop.
    pub live: Arc<Live>,
    /// How many connections clients have.
    pub connections: Box<dyn Fn() -> usize + Send>,
    /// Whether we are stopping.
    pub draining: Box<dyn Fn() -> bool + Send>,
    /// Whoever looks at the shop for `doctor`.
    pub checkup: tokio::sync::Mutex<()>,
}

/// Opens the listener.
///
/// # Errors
/// When somebody else has the address, or a proxy that runs the socket.
pub fn listen(at: &AdminAddress) -> io::Result<Door> {
    let named = |name: String| move |error: io::Error| io::Error::new(error.kind(), format!("admin {name}: {error}"));
    match at {
        AdminAddress::Tcp(address) => {
            let socket = TcpListener::bind(address).map_err(named(address.to_string()))?;
            socket.set_nonblocking(true)?;
            Ok(Door(Socket::Tcp(socket)))
        }
        AdminAddress::Unix(path) => {
            let socket = listen_unix(path).map_err(named(path.display().to_string()))?;
            socket.set_nonblocking(true)?;
            Ok(Door(Socket::Unix(socket, path.clone())))
        }
    }
}

fn listen_unix(path: &Path) -> io::Result<UnixListener> {
    // What a proxy left behind that was killed is nobody's; one that runs still answers.
    if path.exists() {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "a proxy that runs listens there"));
        }
        std::fs::remove_file(path)?;
    }
    let socket = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(socket)
}

impl Door {
    /// Its address, with the port that was taken.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.0 {
            Socket::Tcp(socket) => socket.local_addr().ok(),
            Socket::Unix(..) => None,
        }
    }
}

/// Serves whoever comes, for ever. Dropped, it takes a Unix socket's file away.
pub async fn serve(door: Door, inside: Inside) {
    let inside = Rc::new(inside);
    let guests = Rc::new(Guests::default());
    let served = match door.0 {
        Socket::Tcp(socket) => accept_tcp(socket, &inside, &guests).await,
        Socket::Unix(socket, path) => {
            let _left = Left(path);
            accept_unix(socket, &inside, &guests).await
        }
    };
    if let Err(error) = served {
        tracing::error!(%error, "the admin listener ended");
    }
}

/// A socket's file, removed when we end.
struct Left(PathBuf);

impl Drop for Left {
    fn drop(&mut self) {
        // Somebody may have been quicker.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn accept_tcp(socket: TcpListener, inside: &Rc<Inside>, guests: &Rc<Guests>) -> io::Result<()> {
    let socket = tokio::net::TcpListener::from_std(socket)?;
    loop {
        match socket.accept().await {
            Ok((stream, _)) => converse(stream, inside, guests, true),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn accept_unix(socket: UnixListener, inside: &Rc<Inside>, guests: &Rc<Guests>) -> io::Result<()> {
    let socket = tokio::net::UnixListener::from_std(socket)?;
    loop {
        match socket.accept().await {
            Ok((stream, _)) => converse(stream, inside, guests, false),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// One connection, in a task of its own.
fn converse<T>(stream: T, inside: &Rc<Inside>, guests: &Rc<Guests>, tcp: bool)
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    if !guests.make_room() {
        return;
    }
    let (inside, known) = (inside.clone(), Rc::new(Cell::new(false)));
    let shown = known.clone();
    let task = tokio::task::spawn_local(async move {
        let service = service_fn(move |request: Request<Incoming>| {
            let (inside, shown) = (inside.clone(), shown.clone());
            async move { Ok::<_, Infallible>(answer::answer(&inside, tcp, &shown, request).await) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD);
        // A client that breaks off is its own affair.
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
    });
    guests.come_in(task.abort_handle(), known);
}
