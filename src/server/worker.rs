//! One thread, its runtime and its connections.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

use super::addresses::{Addresses, Place};
use super::connection;
use super::drain::Drain;
use super::room::Room;
use crate::checkup::canary;
use crate::config::plan::Listener;
use crate::config::{Limits, Plans};
use crate::exchange::Shop;
use crate::observe::Watch;
use crate::punchout::clear;
use crate::session::entrance::Entrance;
use crate::session::store::Store;
use crate::upstream::{Live, Pool};

/// Between two looks at sessions that ended by themselves.
const SWEEP: Duration = Duration::from_secs(5);

/// Where the acceptor lays down connections for a worker.
pub(super) struct Desk {
    arrivals: mpsc::UnboundedSender<Arrival>,
    load: Arc<Load>,
}

/// A connection on its way to a worker.
pub(super) struct Arrival {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) listener: Listener,
    pub(super) seat: Seat,
}

/// Open connections of one worker.
#[derive(Debug)]
struct Load {
    open: AtomicUsize,
    /// Told when the last one has ended.
    empty: Notify,
}

/// A connection's place in the counts. Travels with the socket, also into a tunnel.
#[derive(Debug)]
pub(super) struct Seat {
    load: Arc<Load>,
    addresses: Arc<Addresses>,
    /// In the count of the client's address; of one behind a PROXY header only once that was read.
    place: Option<Place>,
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    /// Counts the connection as one of `address`. False where that has as many as it may.
    pub(super) fn sit_down(&mut self, address: IpAddr, limits: &Limits) -> bool {
        self.place = self.addresses.enter(address, limits);
        self.place.is_some()
    }
}

impl Desk {
    pub(super) fn load(&self) -> usize {
        self.load.open.load(Ordering::Relaxed)
    }

    /// A place among this worker's connections.
    pub(super) fn seat(&self, addresses: Arc<Addresses>, permit: OwnedSemaphorePermit) -> Seat {
        self.load.open.fetch_add(1, Ordering::Relaxed);
        Seat { load: self.load.clone(), addresses, place: None, _permit: permit }
    }

    pub(super) fn hand_over(&self, arrival: Arrival) {
        // A worker that has ended takes nothing: the connection is closed by dropping it here.
        let _ = self.arrivals.send(arrival);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.load.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.load.empty.notify_waiters();
        }
    }
}

/// What all workers share.
pub(super) struct Shared {
    pub(super) plans: Plans,
    pub(super) sessions: Store,
    pub(super) entrance: Arc<Entrance>,
    pub(super) live: Arc<Live>,
    pub(super) drain: Arc<Drain>,
    pub(super) room: Arc<Room>,
    pub(super) watch: Watch,
}

/// What a worker's connections share.
pub(super) struct Worker {
    plans: Plans,
    live: Arc<Live>,
    shop: RefCell<Rc<Shop>>,
    pub(super) drain: Arc<Drain>,
    /// Asks quiet connections to leave.
    pub(super) room: Arc<Room>,
}

impl Worker {
    fn new(shared: Shared) -> Rc<Self> {
        let Shared { plans, sessions, entrance, live, drain, room, watch } = shared;
        let lane = watch.metrics.lane();
        let plan = plans.load_full();
        let pool = Pool::new(plan.origin.clone(), plan.pool.clone(), live.clone());
        let shop = RefCell::new(Rc::new(Shop { plan, pool, sessions, entrance, watch, lane }));
        Rc::new(Worker { plans, live, shop, drain, room })
    }

    /// The plan in force and a pool that fits it. Connections survive a reload that does not concern them.
    pub(super) fn shop(&self) -> Rc<Shop> {
        let plan = self.plans.load();
        let mut shop = self.shop.borrow_mut();
        if !Arc::ptr_eq(&plan, &shop.plan) {
            let pool = if *shop.pool.origin() == plan.origin && *shop.pool.limits() == plan.pool {
                shop.pool.clone()
            } else {
                self.live.set_max(plan.pool.max_live);
                Pool::new(plan.origin.clone(), plan.pool.clone(), self.live.clone())
            };
            *shop = Rc::new(Shop { plan: plan.clone(), pool, ..(**shop).clone() });
        }
        shop.clone()
    }
}

/// Starts worker `number`.
pub(super) fn start(number: usize, shared: Shared) -> io::Result<(Desk, JoinHandle<()>)> {
    let (arrivals, desk) = mpsc::unbounded_channel();
    let load = Arc::new(Load { open: AtomicUsize::new(0), empty: Notify::new() });
    let served = load.clone();
    let thread = super::on_thread(format!("worker-{number}"), move || async move {
        let worker = Worker::new(shared);
        // One of them for all.
        if number == 0 {
            let shop = worker.clone();
            tokio::task::spawn_local(canary::keep(move || shop.shop()));
        }
        serve(desk, worker, served).await;
    })?;
    Ok((Desk { arrivals, load }, thread))
}

async fn serve(mut desk: mpsc::UnboundedReceiver<Arrival>, worker: Rc<Worker>, load: Arc<Load>) {
    let drain = worker.drain.clone();
    tokio::task::spawn_local(sweep(worker.clone()));
    let arrive = async {
        while let Some(arrival) = desk.recv().await {
            tokio::task::spawn_local(connection::serve(arrival, worker.clone()));
        }
    };
    // Until the acceptor has ended: what it took before that is served like the rest.
    arrive.await;
    drop(desk);
    let limit = worker.plans.load().limits.drain;
    tokio::select! {
        drained = timeout(limit, empty(&load)) => if drained.is_err() {
            tracing::warn!(open = load.open.load(Ordering::Relaxed), "connections cut after {limit:?} of draining");
        },
        () = drain.cut_off() => {}
    }
}

/// Looks after sessions that ended by themselves: a buyer who closes the browser ends none. Every worker looks, and each
/// such session is given to one of them.
async fn sweep(worker: Rc<Worker>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        clear::sweep(worker.shop()).await;
    }
}

async fn empty(load: &Load) {
    loop {
        let empty = load.empty.notified();
        if load.open.load(Ordering::Acquire) == 0 {
            return;
        }
        empty.await;
    }
}
