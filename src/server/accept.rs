//! Taking connections and handing them out.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::addresses::Addresses;
use super::drain::Drain;
use super::room::Room;
use super::worker::{Arrival, Desk};
use crate::config::Plans;
use crate::config::plan::Listener;
use crate::config::tls::Look;
use crate::upstream::bound_unsent;

/// How long to wait when the machine has no descriptor or memory for another connection.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(100);

/// Files that were seen to change are read at the look after the next: a renewal is in force within twice this.
const CERTIFICATES_LOOKED_AT: Duration = Duration::from_secs(2);

/// A flood from one address is no flood of the log.
const WARN_AGAIN: Duration = Duration::from_secs(10);

/// What the acceptor hands connections out with.
pub(super) struct Door {
    pub(super) desks: Vec<Desk>,
    pub(super) room: Arc<Room>,
    pub(super) plans: Plans,
    pub(super) drain: Arc<Drain>,
}

/// A socket for each listener: an inherited one with its address, else a new one.
pub(super) fn sockets(
    listeners: &[Listener],
    mut inherited: Vec<TcpListener>,
    backlog: i32,
) -> io::Result<Vec<(TcpListener, Listener)>> {
    let mut sockets = Vec::new();
    for &listener in listeners {
        let there = inherited.iter().position(|socket| socket.local_addr().is_ok_and(|at| at == listener.address));
        let socket = match there {
            Some(there) => inherited.swap_remove(there),
            None => listen(listener.address, backlog)?,
        };
        socket.set_nonblocking(true)?;
        // Connections have it of the socket that takes them.
        bound_unsent(&socket);
        sockets.push((socket, listener));
    }
    match inherited.first() {
        None => Ok(sockets),
        Some(stray) => {
            let address = stray.local_addr()?;
            Err(io::Error::other(format!(
                "{address} was handed to us, but stands in neither `listen` nor `listen_tls`"
            )))
        }
    }
}

fn listen(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into()).map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Starts the acceptor on a thread of its own.
pub(super) fn start(sockets: Vec<(TcpListener, Listener)>, door: Door) -> io::Result<JoinHandle<()>> {
    super::on_thread("accept".into(), move || async move {
        let door = Rc::new(door);
        let addresses = Arc::new(Addresses::default());
        tokio::task::spawn_local(watch_certificates(door.plans.clone()));
        let mut accepting = Vec::new();
        for (socket, listener) in sockets {
            let (door, addresses) = (door.clone(), addresses.clone());
            accepting.push(tokio::task::spawn_local(async move {
                let mut acceptor = Acceptor { listener, door, addresses, warned: None };
                if let Err(error) = acceptor.accept_all(socket).await {
                    tracing::error!(%error, "a listener ended");
                }
            }));
        }
        // With the runtime the listeners go: the kernel refuses further connections.
        door.drain.begun().await;
        for ending in accepting {
            // A listener that ended by a panic has been told of on standard error.
            let _ = ending.await;
        }
    })
}

/// One listener's connections on their way to the workers.
struct Acceptor {
    listener: Listener,
    door: Rc<Door>,
    addresses: Arc<Addresses>,
    /// When a client with too many connections was last told of.
    warned: Option<Instant>,
}

impl Acceptor {
    async fn accept_all(&mut self, socket: TcpListener) -> io::Result<()> {
        let socket = tokio::net::TcpListener::from_std(socket)?;
        let drain = self.door.drain.clone();
        let mut in_hand: Option<(TcpStream, SocketAddr)> = None;
        let accepting = async {
            loop {
                match socket.accept().await {
                    Ok((stream, peer)) => {
                        // Out of this thread's epoll again: the connection's events belong to its worker.
                        let Ok(stream) = stream.into_std() else { continue };
                        in_hand = Some((stream, peer));
                        // At the cap one client waits here, and the others in the backlog: nothing spins.
                        let permit = self.door.room.enter().await;
                        if let Some((stream, peer)) = in_hand.take() {
                            self.hand_out(stream, peer, permit);
                        }
                    }
                    Err(error) if is_passing(&error) => {}
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accepting => return Ok(()),
            () = drain.begun() => {}
        }
        // The kernel took these before we began to stop: closing the socket now would reset them.
        let socket = socket.into_std()?;
        while let Some(permit) = self.door.room.try_enter()
            && let Some((stream, peer)) = in_hand.take().or_else(|| socket.accept().ok())
        {
            self.hand_out(stream, peer, permit);
        }
        Ok(())
    }

    fn hand_out(&mut self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let Some(desk) = self.door.desks.iter().min_by_key(|desk| desk.load()) else { return };
        let mut seat = desk.seat(self.addresses.clone(), permit);
        let plan = self.door.plans.load();
        let named_later = self.listener.proxy_protocol && plan.limits.trusts(peer.ip());
        if !named_later && !seat.sit_down(peer.ip(), &plan.limits) {
            if self.warned.is_none_or(|warned| warned.elapsed() > WARN_AGAIN) {
                self.warned = Some(Instant::now());
                tracing::warn!(%peer, "closed: as many connections as `limits.connections_per_address` allows");
            }
            return;
        }
        desk.hand_over(Arrival { stream, peer, listener: self.listener, seat });
    }
}

/// Looks now and then whether certificates were renewed. Off this thread, for files may be slow.
async fn watch_certificates(plans: Plans) {
    loop {
        tokio::time::sleep(CERTIFICATES_LOOKED_AT).await;
        let Some(tls) = plans.load().tls.clone() else { continue };
        match tokio::task::spawn_blocking(move || tls.certificates.look()).await {
            Ok(Look::Renewed) => tracing::info!("new certificates are in force"),
            Ok(Look::Broken(why)) => tracing::error!("new certificates cannot be used, the old ones stay: {why}"),
            Ok(Look::Same) | Err(_) => {}
        }
    }
}

/// The client had gone before we came; the next one has nothing to do with it.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
