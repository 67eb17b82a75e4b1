//! One worker's connections to the shop.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::{Request, Response};
use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, interval, timeout};

use super::connect::connect;
use super::link::{Failed, Link};
use super::names::Names;
use super::replay::Replay;
use super::request_body::{Progress, wait_for_continue};
use super::retry::{Attempt, again, repeatable};
use super::{Body, Live, Origin, PoolLimits, RequestBody};
use crate::problem::{Kind, Problem};

/// How often connections that lay idle too long are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// How long a connection is used where the shop has a name. A busy one would never be made anew, and never be found to
/// lead to where the shop was before it moved.
const LONGEST_LIFE: Duration = Duration::from_secs(60);
/// What a client is told when the shop is busy or cannot be reached.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Fields for which hyper's parser has room on the stack, when it is not told a number.
const HYPER_FIELDS: usize = 100;

/// The connections of one worker. Lives on that worker's thread alone.
pub struct Pool {
    origin: Origin,
    names: Names,
    limits: PoolLimits,
    live: Arc<Live>,
    builder: Builder,
    /// Newest last, and the newest is taken first: a quiet shop keeps few connections.
    idle: RefCell<VecDeque<Box<Link>>>,
    /// Requests of this worker that wait for a connection, first come first served.
    queue: RefCell<VecDeque<oneshot::Sender<Box<Link>>>>,
}

impl Pool {
    /// A pool whose connections count in `live`. Must be called inside a `LocalSet` or local runtime: a task on it
    /// drops what lay idle too long.
    pub fn new(origin: Origin, limits: PoolLimits, live: Arc<Live>) -> Rc<Self> {
        let names = Names::of(&origin);
        Pool::by_names(origin, names, limits, live)
    }

    fn by_names(origin: Origin, names: Names, limits: PoolLimits, live: Arc<Live>) -> Rc<Self> {
        let mut builder = Builder::new();
        builder.max_header_size(limits.head_size);
        if limits.head_fields != HYPER_FIELDS {
            builder.max_headers(limits.head_fields);
        }
        if limits.preserve_header_case {
            builder.preserve_header_case(true);
        }
        let pool = Rc::new(Pool {
            origin,
            names,
            limits,
            live,
            builder,
            idle: RefCell::new(VecDeque::new()),
            queue: RefCell::new(VecDeque::new()),
        });
        tokio::task::spawn_local(sweep(Rc::downgrade(&pool), pool.live.clone()));
        pool
    }

    /// Where its connections lead.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What it was made with.
    pub fn limits(&self) -> &PoolLimits {
        &self.limits
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// The request's URI is in origin form (`/path?query`, or `*`); its Host goes out as it is, or is the shop's own
    /// when there is none. The request is sent again under the retry rule alone. Dropping the future or the answer's
    /// body closes the connection.
    ///
    /// # Errors
    /// [`Kind::ShopBusy`] after `queue_deadline`, [`Kind::ShopUnreachable`], [`Kind::ShopTimeout`] after
    /// `first_byte_timeout`, [`Kind::ShopBroken`]; and the client's own fault where its upload broke off.
    pub fn send(
        self: &Rc<Self>,
        mut request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Body>, Problem>> {
        self.prepare(&mut request);
        let progress = request.body().progress();
        let repeatable = progress.is_none() && repeatable(&request);
        // An async fn would have room for its argument and for the local that it becomes.
        async move {
            let mut retries = 0;
            let mut fresh = false;
            loop {
                let now = Instant::now();
                let mut link = self.link(now, fresh).await?;
                let reused = link.reused;
                if repeatable && reused {
                    link.replay.keep(self.limits.preserve_header_case.then(|| request.extensions().clone()));
                }
                let mut answer = pin!(link.begin(request));
                let answered = link.answered(answer.as_mut(), now, self.limits.first_byte_timeout, progress.as_ref());
                let failed = match answered.await {
                    Ok(response) => {
                        link.replay.clear();
                        let (parts, incoming) = response.into_parts();
                        return Ok(Response::from_parts(parts, Body::new(incoming, link, self)));
                    }
                    Err(failed) => failed,
                };
                let problem = explain(&failed, progress.as_deref());
                let (hung_up, unsent) = match failed {
                    Failed::Broken(error, unsent) => (is_hang_up(&error), unsent),
                    Failed::TimedOut => (false, None),
                };
                if !again(Attempt { unsent: unsent.is_some(), reused, hung_up, repeatable, retries }) {
                    return Err(problem);
                }
                // A connection that may have swallowed the request is no good sign for its neighbours: take a new one.
                fresh = unsent.is_none();
                request = match unsent.map(|request| *request).or_else(|| link.replay.take()) {
                    Some(request) => request,
                    None => return Err(problem),
                };
                retries += 1;
            }
        }
    }

    /// Sends a request that asks for another protocol. The connection is never used for anything else; on a 101
    /// `hyper::upgrade::on` the answer gives it. Never sent twice.
    ///
    /// # Errors
    /// As [`Pool::send`].
    pub async fn send_upgrade(self: &Rc<Self>, mut request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
        self.prepare(&mut request);
        // A fresh one: a stale one could not be told from a refusal, for an upgrade is not repeated.
        let link = self.link(Instant::now(), true).await?;
        let mut requests = link.into_upgradable();
        match timeout(self.limits.first_byte_timeout, requests.send_request(request)).await {
            Ok(Ok(response)) => Ok(response.map(Body::detached)),
            Ok(Err(error)) => Err(explain(&Failed::Broken(error, None), None)),
            Err(_) => Err(explain(&Failed::TimedOut, None)),
        }
    }

    fn prepare(&self, request: &mut Request<RequestBody>) {
        if !request.headers().contains_key(HOST) {
            request.headers_mut().insert(HOST, self.origin.host_header().clone());
        }
        if matches!(request.body(), RequestBody::Client(_)) && request.headers().contains_key(http::header::EXPECT) {
            wait_for_continue(request);
        }
    }

    /// A connection: the newest idle one, a new one, or the next that comes free.
    async fn link(&self, now: Instant, fresh: bool) -> Result<Box<Link>, Problem> {
        if !fresh && let Some(link) = self.take_idle(now) {
            return Ok(link);
        }
        // Boxed, for its size would otherwise be that of every client's idle connection.
        let mut link = Box::pin(self.new_link(fresh)).await?;
        link.waited = now.elapsed();
        Ok(link)
    }

    async fn new_link(&self, fresh: bool) -> Result<Box<Link>, Problem> {
        let permit = match self.live.take() {
            Some(permit) => permit,
            None => match timeout(self.limits.queue_deadline, self.next_free(fresh)).await {
                Ok(Free::Link(link)) => return Ok(link),
                Ok(Free::Permit(permit)) => permit,
                Err(_) => {
                    let detail = format!("{} connections to the shop are in use", self.limits.max_live);
                    return Err(Problem::new(Kind::ShopBusy, detail).retry_after(TRY_AGAIN));
                }
            },
        };
        self.open(permit).await
    }

    fn take_idle(&self, now: Instant) -> Option<Box<Link>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(mut link) = idle.pop_back() {
            if now.duration_since(link.idle_since) < self.limits.idle_timeout && link.is_free() {
                link.reused = true;
                link.waited = Duration::ZERO;
                return Some(link);
            }
        }
        None
    }

    async fn next_free(&self, fresh: bool) -> Free {
        if fresh {
            // Our own idle ones hold permits that we need.
            self.idle.borrow_mut().pop_front();
        }
        let (give, mut take) = oneshot::channel();
        if !fresh {
            self.queue.borrow_mut().push_back(give);
        }
        tokio::select! {
            Ok(link) = &mut take, if !fresh => Free::Link(link),
            Some(permit) = self.live.wait() => Free::Permit(permit),
            else => unreachable!("the semaphore is never closed"),
        }
    }

    async fn open(&self, permit: OwnedSemaphorePermit) -> Result<Box<Link>, Problem> {
        let unreachable = |error: io::Error| {
            Problem::new(Kind::ShopUnreachable, format!("{}: {error}", self.origin)).retry_after(TRY_AGAIN)
        };
        let stream = connect(&self.origin, &self.names, self.limits.connect_timeout).await.map_err(unreachable)?;
        let (replay, stream) = Replay::of(stream);
        let both = self.builder.handshake(TokioIo::new(stream)).await.map_err(io::Error::other).map_err(unreachable)?;
        Ok(Link::new(both, replay, permit))
    }

    /// Takes a connection back whose answer has ended: to the next who waits, or to the idle ones, or to its end.
    pub(super) fn give_back(&self, mut link: Box<Link>) {
        if !link.is_free() {
            return;
        }
        let now = Instant::now();
        if self.names.may_move() && now.duration_since(link.made) >= LONGEST_LIFE {
            return;
        }
        link.reused = true;
        let mut queue = self.queue.borrow_mut();
        while let Some(waiting) = queue.pop_front() {
            match waiting.send(link) {
                Ok(()) => return,
                Err(back) => link = back,
            }
        }
        if self.live.waiting() > 0 {
            // Somebody on another worker waits: closing this one lets them open theirs.
            return;
        }
        link.idle_since = now;
        self.idle.borrow_mut().push_back(link);
    }

    /// Connections that lie idle now.
    pub fn idle(&self) -> usize {
        self.idle.borrow().len()
    }

    fn sweep(&self) {
        let mut idle = self.idle.borrow_mut();
        idle.retain_mut(|link| link.idle_since.elapsed() < self.limits.idle_timeout && !link.is_stale());
        for _ in 0..self.live.waiting().min(idle.len()) {
            idle.pop_front();
        }
        self.queue.borrow_mut().retain(|waiting| !waiting.is_closed());
    }
}

enum Free {
    Link(Box<Link>),
    Permit(OwnedSemaphorePermit),
}

/// Drops what lay idle too long, every second and whenever a worker waits for a connection.
async fn sweep(pool: std::rc::Weak<Pool>, live: Arc<Live>) {
    let mut tick = interval(SWEEP);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = live.wanted.notified() => {}
        }
        match pool.upgrade() {
            Some(pool) => pool.sweep(),
            None => return,
        }
    }
}

/// The connection ended before a byte of an answer came.
fn is_hang_up(error: &hyper::Error) -> bool {
    let reset = error.source().and_then(|source| source.downcast_ref::<io::Error>()).is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted
        )
    });
    reset || error.is_incomplete_message() || error.is_canceled() || error.is_closed()
}

fn explain(failed: &Failed, progress: Option<&Progress>) -> Problem {
    if let Some(kind) = progress.and_then(|progress| progress.failed.get()) {
        return Problem::new(kind, "the request's body broke off");
    }
    match failed {
        Failed::TimedOut => Problem::new(Kind::ShopTimeout, "no answer from the shop in time"),
        Failed::Broken(error, _) => match error.source() {
            Some(source) => Problem::new(Kind::ShopBroken, format!("{error}: {source}")),
            None => Problem::new(Kind::ShopBroken, error.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::LocalSet;

    use super::*;

    /// A shop whose pages say which it is.
    async fn shop(name: &'static str) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::task::spawn_local(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::task::spawn_local(async move {
                    let mut head = [0; 1024];
                    while client.read(&mut head).await.is_ok_and(|read| read > 0) {
                        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
                        client.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn a_busy_connection_too_ends_some_time_and_the_next_goes_where_the_shop_has_moved() {
        LocalSet::new()
            .run_until(async {
                let (old, new) = (shop("old").await, shop("new").await);
                let now = Arc::new(Mutex::new(old));
                let leads = now.clone();
                let origin = Origin::from_url(&"http://shop.example".parse().unwrap()).unwrap();
                let names = Names::asked_of(&origin, Arc::new(move |_, _| Ok(vec![*leads.lock().unwrap()])));
                let pool = Pool::by_names(origin, names, PoolLimits::default(), Live::new(2));
                let ask = async || {
                    let request = Request::get("/").body(RequestBody::Empty).unwrap();
                    pool.send(request).await.unwrap().into_body().read_all(9).await.unwrap()
                };
                assert_eq!(ask().await, "old");
                *now.lock().unwrap() = new;
                for _ in 0..3 {
                    assert_eq!(ask().await, "old", "it is used again and again");
                }
                for link in &mut *pool.idle.borrow_mut() {
                    link.made = link.made.checked_sub(LONGEST_LIFE).expect("this machine has been up for so long");
                }
                assert_eq!(ask().await, "old", "once more");
                assert_eq!(ask().await, "new");
            })
            .await;
    }
}
