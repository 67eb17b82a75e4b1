//! Taking connections and handing them out.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::Semaphore;

use super::drain::Drain;
use super::worker::Desk;

/// How long to wait when the machine has no descriptor or memory for another connection.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(100);

/// A listening socket.
pub(super) fn listen(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into()).map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Starts the acceptor on a thread of its own.
pub(super) fn start(
    listeners: Vec<TcpListener>,
    desks: Vec<Desk>,
    open: Arc<Semaphore>,
    drain: Arc<Drain>,
) -> io::Result<JoinHandle<()>> {
    super::on_thread("accept".into(), move || async move {
        let desks = Rc::new(desks);
        for listener in listeners {
            let (desks, open) = (desks.clone(), open.clone());
            tokio::task::spawn_local(async move {
                if let Err(error) = accept(listener, &desks, open).await {
                    tracing::error!(%error, "a listener ended");
                }
            });
        }
        // With the runtime the listeners go: the kernel refuses further connections.
        drain.begun().await;
    })
}

async fn accept(listener: TcpListener, desks: &[Desk], open: Arc<Semaphore>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        // At the cap we do not accept: further clients wait in the backlog, and nothing spins.
        let Ok(permit) = open.clone().acquire_owned().await else { return Ok(()) };
        // Out of this thread's epoll again: the connection's events belong to its worker.
        let accepted = match listener.accept().await {
            Ok((stream, peer)) => stream.into_std().map(|stream| (stream, peer)),
            Err(error) => Err(error),
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some(desk) = desks.iter().min_by_key(|desk| desk.load()) {
                    desk.hand_over(stream, peer, permit);
                }
            }
            Err(error) if is_passing(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
            }
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
