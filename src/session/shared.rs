//! The [`Store`](super::store::Store) of several sidecars: a Valkey or Redis, with each step one script, which the server
//! runs whole before it does anything else.
//!
//! The server's clock is the only one, so sidecars need not agree on the time. Open sessions stand in a list ordered by
//! when they go idle; one whose time is over is open for nobody, whether or not a sidecar has come by to empty its cart.
//!
//! Where the server does not answer, sessions that were seen here lately go on from a copy, for [`COPY_FOR`] and never
//! beyond the time at which they go idle without us: until then nobody else can have their account. Everything that
//! would change a lease is refused.

use std::fmt;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use moka::sync::Cache;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ConnectionInfo, FromRedisValue, IntoConnectionInfo, RedisError, Script, TlsCertificates};
use tokio::runtime::Runtime;

use super::id::{SessionId, Ticket};
use super::memory::{ARRIVING_FOR, ENDS_FOR, WAITING_FOR};
use super::store::{Count, Lost, Over};
use super::vault::Vault;
use super::{Ended, Hold, Session, Stage, Waiting};
use crate::config::plan::StoreAddress;

/// The server has answered by then, connecting included.
const ANSWER: Duration = Duration::from_millis(500);
/// After a question without an answer, how long none is asked: nobody shall wait [`ANSWER`] for nothing again and again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a session goes on without the store.
const COPY_FOR: Duration = Duration::from_secs(5 * 60);
/// Copies kept; beyond, the least used goes.
const COPIES: u64 = 10_000;
/// How long an expired session waits for a sidecar that empties its cart.
const SWEPT_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// How often one answer's cookies are tried to be kept while other answers are quicker.
const RACES: usize = 16;

macro_rules! script {
    ($name:literal) => {
        concat!(include_str!("scripts/prelude.lua"), include_str!(concat!("scripts/", $name, ".lua")))
    };
}

/// One sidecar's way to a store that others share.
pub(super) struct Shared {
    link: ConnectionManager,
    /// Drives the connection, whichever worker asks: workers end one by one. `None` only while being dropped.
    runtime: Option<Runtime>,
    vault: Vault,
    prefix: String,
    most: u64,
    copies: Cache<SessionId, Copy>,
    /// No question before then.
    silent_until: Mutex<Option<Instant>>,
    scripts: Scripts,
}

struct Scripts {
    lease: Arc<Script>,
    take_over: Arc<Script>,
    open: Arc<Script>,
    hand_on: Arc<Script>,
    jar: Arc<Script>,
    keep_jar: Arc<Script>,
    find: Arc<Script>,
    is_open: Arc<Script>,
    reach: Arc<Script>,
    first_page: Arc<Script>,
    end: Arc<Script>,
    next_expired: Arc<Script>,
    release: Arc<Script>,
    wait: Arc<Script>,
    called: Arc<Script>,
    expect: Arc<Script>,
    arrived: Arc<Script>,
    ended: Arc<Script>,
    count: Arc<Script>,
}

/// A session as it was when the store last answered.
#[derive(Clone, Debug)]
struct Copy {
    session: Arc<Session>,
    good_until: Instant,
}

impl Shared {
    pub(super) fn at(place: &StoreAddress, most: u64) -> Result<Self, String> {
        let client = client(place).map_err(|error| error.to_string())?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(ANSWER))
            .set_response_timeout(Some(ANSWER))
            // The next question tries again.
            .set_number_of_retries(0);
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("store").enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let link = {
            let _within = runtime.enter();
            ConnectionManager::new_lazy_with_config(client, config).map_err(|error| error.to_string())?
        };
        let vault = Vault::new(place.key.expose().as_bytes());
        // Shops that share a server have keys, and so names, of their own.
        let prefix = format!("punchout:{{{}}}:", &vault.name("prefix", b"")[..12]);
        let copies = Cache::builder().max_capacity(COPIES).time_to_live(COPY_FOR).build();
        let (silent_until, scripts) = (Mutex::new(None), Scripts::new());
        Ok(Shared { link, runtime: Some(runtime), vault, prefix, most, copies, silent_until, scripts })
    }

    pub(super) async fn lease(
        &self,
        accounts: &[String],
        holder: SessionId,
        patience: Duration,
    ) -> Result<Option<usize>, Lost> {
        let mut arguments = vec![self.session(holder), ms(patience)];
        arguments.extend(accounts.iter().map(|account| self.account(account)));
        let number: i64 = self.ask(&self.scripts.lease, &arguments).await?;
        Ok(usize::try_from(number).ok().filter(|number| *number < accounts.len()))
    }

    pub(super) async fn take_over(&self, account: &str, holder: SessionId, patience: Duration) -> Result<bool, Lost> {
        let (account, holder, replaced) = (self.account(account), self.session(holder), Ended::Replaced.word());
        self.ask(&self.scripts.take_over, &[account, holder, ms(patience), replaced.to_owned(), ms(ENDS_FOR)]).await
    }

    pub(super) async fn open(&self, session: Arc<Session>) -> Result<bool, Lost> {
        let id = self.session(session.id);
        let account = match &session.hold {
            Hold::Lease(account) => self.account(account),
            Hold::Own | Hold::Common => String::new(),
        };
        let data = self.vault.close(&id, &*session).map_err(Lost)?;
        let times = [ms(session.idle), ms(session.longest), self.most.to_string(), ms(SWEPT_WITHIN)];
        let [idle, longest, most, swept] = times.map(String::into_bytes);
        let arguments = [id.into_bytes(), account.into_bytes(), data, idle, longest, most, swept];
        let opened = self.ask(&self.scripts.open, &arguments).await?;
        if opened {
            self.copy(&session, session.idle.min(session.longest));
        }
        Ok(opened)
    }

    pub(super) async fn hand_on(&self, from: SessionId, session: Arc<Session>) -> Result<bool, Lost> {
        let id = self.session(session.id);
        let account = match &session.hold {
            Hold::Lease(account) => self.account(account),
            Hold::Own | Hold::Common => String::new(),
        };
        let data = self.vault.close(&id, &*session).map_err(Lost)?;
        let arguments = [self.session(from).into_bytes(), id.into_bytes(), account.into_bytes(), data];
        let handed = self.ask(&self.scripts.hand_on, &arguments).await?;
        self.copies.invalidate(&from);
        if handed {
            self.copy(&session, session.idle.min(session.longest));
        }
        Ok(handed)
    }

    /// Learns what other sidecars have made of a session's jar.
    pub(super) async fn learn_jar(&self, session: &Session) {
        let arguments = [self.session(session.id), session.held.version().to_string()];
        if let Ok(Some((version, data))) = self.ask::<Option<(u64, Vec<u8>)>>(&self.scripts.jar, &arguments).await {
            self.learn(session, version, &data);
        }
    }

    pub(super) async fn take_in(&self, session: &Session, answer: &HeaderMap, path: &str) {
        let name = self.jar(session.id);
        for _ in 0..RACES {
            let (version, jar) = session.held.take_in(&session.jar, answer, path);
            let Ok(data) = self.vault.close(&name, &jar) else { return };
            let arguments = [self.session(session.id).into_bytes(), version.to_string().into_bytes(), data];
            match self.ask::<Option<(bool, u64, Vec<u8>)>>(&self.scripts.keep_jar, &arguments).await {
                Ok(Some((true, version, _))) => return session.held.learn(version, jar),
                // Another answer was quicker, here or at another sidecar: ours is taken into what that has left.
                Ok(Some((false, version, data))) => self.learn(session, version, &data),
                // Over; or lost, and what was taken in goes along with the next that the store is told.
                Ok(None) | Err(_) => return,
            }
        }
        tracing::warn!(reference = %session.reference, "a cookie of the shop's may be lost: too many answers set one at once");
    }

    fn learn(&self, session: &Session, version: u64, data: &[u8]) {
        // Without data it is the version that is known.
        if let Some(jar) = self.vault.open(&self.jar(session.id), data) {
            session.held.learn(version, jar);
        }
    }

    pub(super) async fn find(&self, id: SessionId) -> Result<Option<Arc<Session>>, Lost> {
        let (name, copy) = (self.session(id), self.copies.get(&id));
        let known = if copy.is_some() { "1" } else { "0" };
        let found = self.ask(&self.scripts.find, &[name.as_str(), known]).await;
        let (data, stage, left): (Vec<u8>, u8, u64) = match (found, copy) {
            (Ok(Some(found)), _) => found,
            (Ok(None), _) => {
                self.copies.invalidate(&id);
                return Ok(None);
            }
            (Err(_), Some(copy)) if Instant::now() < copy.good_until => return Ok(Some(copy.session)),
            (Err(lost), _) => return Err(lost),
        };
        let session = match self.copies.get(&id) {
            Some(copy) if known == "1" => copy.session,
            _ => match self.vault.open::<Session>(&name, &data) {
                Some(session) => Arc::new(session),
                None if known == "1" => return Err(Lost("a copy went while the store was asked".into())),
                None => return Err(Lost("a session that cannot be read: written with another key or version".into())),
            },
        };
        let here = session.handed.reach(Stage::from(stage));
        if here > Stage::from(stage) {
            // It got there while the store was lost.
            let _ = self.reach(id, here).await;
        }
        self.copy(&session, Duration::from_millis(left));
        Ok(Some(session))
    }

    pub(super) async fn is_open(&self, id: SessionId) -> Result<bool, Lost> {
        self.ask(&self.scripts.is_open, &[self.session(id)]).await
    }

    pub(super) async fn reach(&self, id: SessionId, stage: Stage) -> Option<Stage> {
        let told = self.ask(&self.scripts.reach, &[self.session(id), (stage as u8).to_string()]).await;
        u8::try_from(told.unwrap_or(-1_i64)).ok().map(Stage::from)
    }

    pub(super) async fn first_page(&self, id: SessionId) -> Result<bool, Lost> {
        self.ask(&self.scripts.first_page, &[self.session(id)]).await
    }

    pub(super) async fn end(&self, id: SessionId, how: Ended, patience: Duration) -> Result<Option<Over>, Lost> {
        let name = self.session(id);
        let arguments = [name.clone(), how.word().to_owned(), ms(ENDS_FOR), ms(patience)];
        let ended: Option<(Vec<u8>, u8, bool)> = self.ask(&self.scripts.end, &arguments).await?;
        self.copies.invalidate(&id);
        Ok(ended.and_then(|(data, stage, may_clear)| self.over(&name, &data, stage, may_clear)))
    }

    pub(super) async fn next_expired(&self, patience: Duration) -> Result<Option<Over>, Lost> {
        loop {
            let expired: Option<(String, Vec<u8>, u8, bool)> =
                self.ask(&self.scripts.next_expired, &[ms(patience)]).await?;
            let Some((name, data, stage, may_clear)) = expired else { return Ok(None) };
            // One that cannot be read is passed over: its account is free after the patience, and emptied when it is next
            // had.
            if let Some(over) = self.over(&name, &data, stage, may_clear) {
                self.copies.invalidate(&over.session.id);
                return Ok(Some(over));
            }
        }
    }

    pub(super) async fn release(&self, account: &str, holder: SessionId) {
        let arguments = [self.account(account), self.session(holder)];
        if let Err(lost) = self.ask::<i64>(&self.scripts.release, &arguments).await {
            tracing::warn!(%lost, "an account was not given back; it is free when its lease has run out");
        }
    }

    pub(super) async fn ended(&self, id: SessionId) -> Result<Option<Ended>, Lost> {
        let word: Option<String> = self.ask(&self.scripts.ended, &[self.session(id)]).await?;
        Ok(word.and_then(|word| Ended::parse(&word)))
    }

    pub(super) async fn wait(&self, ticket: Ticket, waiting: &Waiting) -> Result<(), Lost> {
        let name = self.ticket(ticket);
        let data = self.vault.close(&name, waiting).map_err(Lost)?;
        let arguments = [name.into_bytes(), data, ms(WAITING_FOR).into_bytes()];
        self.ask::<i64>(&self.scripts.wait, &arguments).await.map(|_| ())
    }

    pub(super) async fn called(&self, ticket: Ticket) -> Result<Option<Arc<Waiting>>, Lost> {
        let name = self.ticket(ticket);
        let data: Option<Vec<u8>> = self.ask(&self.scripts.called, &[name.as_str()]).await?;
        Ok(data.and_then(|data| self.vault.open(&name, &data)).map(Arc::new))
    }

    pub(super) async fn expect(&self, ticket: Ticket, id: SessionId) -> Result<(), Lost> {
        let name = self.arrival(ticket);
        let data = self.vault.close(&name, &id).map_err(Lost)?;
        let arguments = [name.into_bytes(), data, ms(ARRIVING_FOR).into_bytes()];
        self.ask::<i64>(&self.scripts.expect, &arguments).await.map(|_| ())
    }

    pub(super) async fn arrived(&self, ticket: Ticket) -> Result<Option<SessionId>, Lost> {
        let name = self.arrival(ticket);
        let data: Option<Vec<u8>> = self.ask(&self.scripts.arrived, &[name.as_str()]).await?;
        Ok(data.and_then(|data| self.vault.open(&name, &data)))
    }

    pub(super) fn seen_here(&self) -> Vec<Arc<Session>> {
        let now = Instant::now();
        self.copies.iter().filter(|(_, copy)| now < copy.good_until).map(|(_, copy)| copy.session).collect()
    }

    pub(super) async fn count(&self) -> Result<Count, Lost> {
        let (sessions, leases, waiting) = self.ask::<(u64, usize, u64)>(&self.scripts.count, &[""; 0]).await?;
        Ok(Count { sessions, leases, waiting })
    }

    fn over(&self, name: &str, data: &[u8], stage: u8, may_clear: bool) -> Option<Over> {
        let session: Arc<Session> = Arc::new(self.vault.open(name, data)?);
        session.handed.reach(Stage::from(stage));
        let may_clear = match session.hold {
            Hold::Lease(_) => may_clear,
            Hold::Own => true,
            Hold::Common => false,
        };
        Some(Over { session, may_clear })
    }

    fn copy(&self, session: &Arc<Session>, left: Duration) {
        // Counted from before the answer came would be exact; the difference is at most the time of an answer.
        let good_until = Instant::now() + left.saturating_sub(ANSWER).min(COPY_FOR);
        self.copies.insert(session.id, Copy { session: session.clone(), good_until });
    }

    fn session(&self, id: SessionId) -> String {
        self.vault.name("session", &id.bytes())
    }

    fn jar(&self, id: SessionId) -> String {
        self.vault.name("jar", &id.bytes())
    }

    fn ticket(&self, ticket: Ticket) -> String {
        self.vault.name("ticket", &ticket.bytes())
    }

    fn arrival(&self, ticket: Ticket) -> String {
        self.vault.name("arrival", &ticket.bytes())
    }

    fn account(&self, account: &str) -> String {
        self.vault.name("account", account.as_bytes())
    }

    /// Runs a script. One whose connection has ended (the server was restarted) is run once more on a new one: each may
    /// be run twice by the same asker.
    async fn ask<T: FromRedisValue + Send + 'static>(
        &self,
        script: &Arc<Script>,
        arguments: &[impl redis::ToRedisArgs],
    ) -> Result<T, Lost> {
        if self.is_silent() {
            return Err(Lost("did not answer a moment ago".into()));
        }
        let begin = Instant::now();
        let mut told = self.run(script, arguments).await;
        if told.as_ref().is_err_and(RedisError::is_unrecoverable_error) && begin.elapsed() < ANSWER / 2 {
            told = self.run(script, arguments).await;
        }
        told.map_err(|error| {
            if error.is_timeout() || error.is_io_error() || error.is_unrecoverable_error() {
                *self.silent_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
            }
            tracing::error!(%error, "the shared store of sessions gives no answer");
            Lost(error.to_string())
        })
    }

    async fn run<T: FromRedisValue + Send + 'static>(
        &self,
        script: &Arc<Script>,
        arguments: &[impl redis::ToRedisArgs],
    ) -> Result<T, RedisError> {
        let (script, prefix, mut link) = (script.clone(), self.prefix.clone(), self.link.clone());
        let arguments: Vec<Vec<u8>> = arguments.iter().flat_map(redis::ToRedisArgs::to_redis_args).collect();
        let asked = async move {
            let mut invocation = script.key(prefix);
            for argument in arguments {
                invocation.arg(argument);
            }
            invocation.invoke_async(&mut link).await
        };
        let failed = |kind, text: String| Err(RedisError::from(std::io::Error::new(kind, text)));
        // It is there until this is dropped.
        let Some(runtime) = &self.runtime else { return failed(ErrorKind::NotConnected, "ended".into()) };
        match runtime.spawn(tokio::time::timeout(ANSWER, asked)).await {
            Ok(Ok(told)) => told,
            Ok(Err(_)) => failed(ErrorKind::TimedOut, format!("no answer in {ANSWER:?}")),
            Err(error) => failed(ErrorKind::Other, error.to_string()),
        }
    }

    fn is_silent(&self) -> bool {
        let until = *self.silent_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The last holder may be a task, in which a runtime must not be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Scripts {
    fn new() -> Self {
        Scripts {
            lease: Arc::new(Script::new(script!("lease"))),
            take_over: Arc::new(Script::new(script!("take_over"))),
            open: Arc::new(Script::new(script!("open"))),
            hand_on: Arc::new(Script::new(script!("hand_on"))),
            jar: Arc::new(Script::new(script!("jar"))),
            keep_jar: Arc::new(Script::new(script!("keep_jar"))),
            find: Arc::new(Script::new(script!("find"))),
            is_open: Arc::new(Script::new(script!("is_open"))),
            reach: Arc::new(Script::new(script!("reach"))),
            first_page: Arc::new(Script::new(script!("first_page"))),
            end: Arc::new(Script::new(script!("end"))),
            next_expired: Arc::new(Script::new(script!("next_expired"))),
            release: Arc::new(Script::new(script!("release"))),
            wait: Arc::new(Script::new(script!("wait"))),
            called: Arc::new(Script::new(script!("called"))),
            expect: Arc::new(Script::new(script!("expect"))),
            arrived: Arc::new(Script::new(script!("arrived"))),
            ended: Arc::new(Script::new(script!("ended"))),
            count: Arc::new(Script::new(script!("count"))),
        }
    }
}

fn client(place: &StoreAddress) -> Result<Client, RedisError> {
    let mut info: ConnectionInfo = place.url.as_str().into_connection_info()?;
    if let Some(password) = &place.password {
        let settings = info.redis_settings().clone().set_password(password.expose());
        info = info.set_redis_settings(settings);
    }
    if place.url.starts_with("rediss:") {
        return Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: place.ca.clone() });
    }
    Client::open(info)
}

fn ms(time: Duration) -> String {
    time.as_millis().to_string()
}
