//! Listeners and workers.
//!
//! One acceptor hands each new connection to the worker with the fewest open ones; it stays there. A worker is one
//! thread with a runtime of its own, its own connections to the shop, and nothing to lock.

mod accept;
mod activity;
mod addresses;
mod client_io;
mod clock;
mod connection;
mod drain;
mod room;
mod http2;
mod proxy_protocol;
mod worker;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

pub use crate::config::Limits;

use crate::admin;
use crate::config::Plans;
use crate::observe::{self, Records, Returns, Watch};
use crate::session::entrance::Entrance;
use crate::session::store::Store;
use crate::upstream::Live;
use drain::Drain;
use room::Room;

/// Connections that the kernel holds for us until we accept them.
const BACKLOG: i32 = 4096;

/// A running proxy. Dropped, it stops at once: connections are cut.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    admin_address: Option<SocketAddr>,
    drain: Arc<Drain>,
    threads: Vec<JoinHandle<()>>,
    /// Ends last: that we drain can be seen there.
    admin: Option<JoinHandle<()>>,
    returns: Returns,
    records: Records,
}

/// Listens and serves `plans`' current plan, and every later one from the next request on. The listeners, the
/// number of workers and the cap on connections stay what they were at the start; a connection keeps the time limits
/// that it was accepted with.
///
/// # Errors
/// When an address cannot be listened on, or a thread or runtime cannot be made.
pub fn run(plans: &Plans) -> io::Result<Running> {
    run_with(plans, Vec::new(), Watch::default())
}

/// The same with sockets that somebody else (systemd) listens on already: each takes the place of the listener with its
/// address. They stay open when we end, so that clients wait for the next one instead of being refused.
///
/// # Errors
/// Also when a socket's address is none of the plan's.
pub fn run_with(plans: &Plans, inherited: Vec<TcpListener>, watch: Watch) -> io::Result<Running> {
    let plan = plans.load_full();
    let sessions = Store::of(&plan.session)
        .map_err(|error| io::Error::other(format!("`session.store` cannot be used: {error}")))?;
    let entrance = Arc::new(Entrance::new());
    let sockets = accept::sockets(&plan.listen, inherited, BACKLOG)?;
    let addresses = sockets.iter().map(|(socket, _)| socket.local_addr()).collect::<io::Result<Vec<_>>>()?;
    let drain = Arc::new(Drain::new());
    let live = Live::new(plan.pool.max_live);
    if let Some(audit) = &plan.audit {
        let told =
            |error: io::Error| io::Error::new(error.kind(), format!("audit.file {}: {error}", audit.file.display()));
        observe::returns::open(&audit.file).map_err(told)?;
    }
    if let Some(recording) = &plan.record {
        let folder = recording.folder.display();
        let told = |error: io::Error| io::Error::new(error.kind(), format!("record.folder {folder}: {error}"));
        watch.records.begin(recording, &watch.metrics).map_err(told)?;
    }
    let room = Arc::new(Room::new(plan.limits.connections));
    // Before anybody is served: an address that cannot be had is told of at once.
    let door = plan.admin.as_ref().map(|admin| admin::listen(&admin.at)).transpose()?;
    let admin_address = door.as_ref().and_then(admin::Door::address);
    let mut running = Running {
        addresses,
        admin_address,
        drain: drain.clone(),
        threads: Vec::new(),
        admin: None,
        returns: watch.returns.clone(),
        records: watch.records.clone(),
    };
    let mut seats = Vec::new();
    for number in 0..plan.workers.max(1) {
        let shared = worker::Shared {
            plans: plans.clone(),
            sessions: sessions.clone(),
            entrance: entrance.clone(),
            live: live.clone(),
            drain: drain.clone(),
            room: room.clone(),
            watch: watch.clone(),
        };
        let (desk, thread) = worker::start(number, shared)?;
        seats.push(desk);
        running.threads.push(thread);
    }
    let workers_door = accept::Door { desks: seats, room: room.clone(), plans: plans.clone(), drain: drain.clone() };
    running.threads.push(accept::start(sockets, workers_door)?);
    if let Some(door) = door {
        let (most, draining) = (plan.limits.connections, drain.clone());
        let inside = admin::Inside {
            plans: plans.clone(),
            sessions,
            watch,
            live,
            connections: Box::new(move || most.saturating_sub(room.left())),
            draining: Box::new(move || draining.is_on()),
            checkup: tokio::sync::Mutex::new(()),
        };
        running.admin = Some(on_thread("admin".into(), move || async move {
            tokio::select! {
                () = admin::serve(door, inside) => {}
                () = drain.cut_off() => {}
            }
        })?);
    }
    Ok(running)
}

impl Running {
    /// Where clients reach us; with the port that was taken where the plan said 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where ops look in, unless that is a Unix socket or nowhere.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Begins to stop: no new connection, answers under way are finished, for `Limits::drain` at most. Returns at once.
    pub fn stop(&self) {
        self.drain.begin();
    }

    /// Stops, and waits until everything has ended.
    pub async fn shutdown(mut self) {
        self.stop();
        // Only a panic of the joining task itself could fail here, and joining does not panic.
        let _ = tokio::task::spawn_blocking(move || self.end()).await;
    }

    /// Waits, without a runtime, until somebody has called [`Running::stop`] and everything has ended.
    pub fn join(mut self) {
        self.end();
    }

    fn end(&mut self) {
        join(std::mem::take(&mut self.threads));
        self.returns.finish();
        self.records.finish();
        self.drain.cut();
        join(self.admin.take().into_iter().collect());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.drain.cut();
    }
}

/// Runs a future on a thread with a single-threaded runtime of its own; returns once the runtime stands.
fn on_thread<F: Future<Output = ()>>(
    name: String,
    begin: impl FnOnce() -> F + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    // The runtime cannot leave its thread, so it is made there.
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        match tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default()) {
            Ok(runtime) => {
                let _ = tell.send(Ok(()));
                runtime.block_on(async { begin().await });
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        }
    })?;
    told.recv().unwrap_or_else(|_| Err(io::Error::other("a thread ended as it began"))).map(|()| thread)
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a worker ended by a panic");
        }
    }
}
