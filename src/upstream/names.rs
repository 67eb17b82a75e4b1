//! Where the shop's name leads. It is looked up anew for each connection, so that a shop that moved is found without a
//! word to us.
//!
//! Requests that need a connection at the same time share one look-up, which has a thread of its own: the machine's
//! resolver blocks, half a minute where name servers are silent, and neither a worker nor a drain may wait for it. Where
//! a look-up fails or does not come, the addresses of the last one that did serve on for [`KEPT`].

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::Origin;

/// How long a name's addresses serve after the last look-up that told them, while none does.
const KEPT: Duration = Duration::from_secs(300);

/// How long an address that took no connection is tried after the others.
const SHUNNED: Duration = Duration::from_secs(30);

/// Looks a name up, and blocks meanwhile.
pub(super) type LookUp = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// One shop's name.
pub(super) struct Names {
    host: String,
    port: u16,
    /// Where it is an address, rather than a name.
    fixed: Option<SocketAddr>,
    look_up: LookUp,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    under_way: Option<UnderWay>,
    /// What the last look-up that succeeded told, and when.
    known: Option<(Vec<SocketAddr>, Instant)>,
    /// Addresses that took no connection, and when.
    shunned: Vec<(SocketAddr, Instant)>,
    /// The log has it that look-ups fail.
    is_told: bool,
}

/// A look-up that others may wait for too. What it tells is an error's text where it failed.
#[derive(Clone)]
struct UnderWay {
    began: Instant,
    answer: watch::Receiver<Option<Result<Vec<SocketAddr>, String>>>,
}

impl Names {
    /// The name of `origin`, asked of this machine's resolver.
    pub(super) fn of(origin: &Origin) -> Self {
        Names::asked_of(origin, Arc::new(|host: &str, port| (host, port).to_socket_addrs().map(Iterator::collect)))
    }

    pub(super) fn asked_of(origin: &Origin, look_up: LookUp) -> Self {
        let (host, port) = (origin.host().to_owned(), origin.port());
        let fixed = host.parse().ok().map(|address: IpAddr| SocketAddr::new(address, port));
        Names { host, port, fixed, look_up, state: RefCell::default() }
    }

    /// Whether it can lead elsewhere tomorrow.
    pub(super) fn may_move(&self) -> bool {
        self.fixed.is_none()
    }

    /// The addresses to try, in that order; at least one.
    ///
    /// # Errors
    /// A look-up that failed or did not end `within`, where none did lately either.
    pub(super) async fn addresses(&self, within: Duration) -> io::Result<Vec<SocketAddr>> {
        if let Some(address) = self.fixed {
            return Ok(vec![address]);
        }
        let mut look_up = self.under_way(within)?;
        let known = self.known();
        // The rest is for connecting.
        let patience = if known.is_some() { within / 2 } else { within };
        let told = match timeout_at(look_up.began + patience, look_up.answer.wait_for(Option::is_some)).await {
            Ok(Ok(told)) => told.clone().unwrap_or_else(|| Err("no answer".to_owned())),
            Ok(Err(_)) => Err("the look-up broke off".to_owned()),
            Err(_) => Err(format!("no answer within {patience:?}")),
        };
        match told {
            Ok(addresses) if !addresses.is_empty() => {
                let mut state = self.state.borrow_mut();
                state.is_told = false;
                state.known = Some((addresses.clone(), Instant::now()));
                Ok(state.in_order(addresses))
            }
            told => self.without(known, &told.err().unwrap_or_else(|| "it has no address".to_owned())),
        }
    }

    /// Notes that an address took no connection: others are tried before it for a while.
    pub(super) fn shun(&self, address: SocketAddr) {
        let mut state = self.state.borrow_mut();
        state.shunned.retain(|(known, since)| *known != address && since.elapsed() < SHUNNED);
        state.shunned.push((address, Instant::now()));
    }

    /// The look-up that is under way, or one that begins now. One that is late is not waited for by whoever comes: it may
    /// have asked a name server that is gone.
    fn under_way(&self, late: Duration) -> io::Result<UnderWay> {
        let mut state = self.state.borrow_mut();
        let fresh = |one: &&UnderWay| one.began.elapsed() < late && one.answer.borrow().is_none();
        if let Some(under_way) = state.under_way.as_ref().filter(fresh) {
            return Ok(under_way.clone());
        }
        let (tell, answer) = watch::channel(None);
        let (look_up, host, port) = (self.look_up.clone(), self.host.clone(), self.port);
        std::thread::Builder::new().name("names".into()).spawn(move || {
            tell.send_replace(Some(look_up(&host, port).map_err(|error| error.to_string())));
        })?;
        Ok(state.under_way.insert(UnderWay { began: Instant::now(), answer }).clone())
    }

    fn known(&self) -> Option<Vec<SocketAddr>> {
        let state = self.state.borrow();
        state.known.as_ref().filter(|(_, since)| since.elapsed() < KEPT).map(|(addresses, _)| addresses.clone())
    }

    /// What to do where the name could not be looked up.
    fn without(&self, known: Option<Vec<SocketAddr>>, why: &str) -> io::Result<Vec<SocketAddr>> {
        let host = &self.host;
        let Some(addresses) = known else {
            return Err(io::Error::other(format!("the name {host} cannot be looked up: {why}")));
        };
        let mut state = self.state.borrow_mut();
        if !std::mem::replace(&mut state.is_told, true) {
            tracing::warn!(
                "the shop's name {host} cannot be looked up ({why}): where it led last serves on, {KEPT:?} at most"
            );
        }
        Ok(state.in_order(addresses))
    }
}

impl State {
    fn in_order(&mut self, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        self.shunned.retain(|(_, since)| since.elapsed() < SHUNNED);
        // Stable: otherwise the resolver's order is kept.
        addresses.sort_by_key(|address| self.shunned.iter().any(|(shunned, _)| shunned == address));
        addresses
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Names({}:{})", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::super::connect::connect;
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);
    /// For what is sure not to come.
    const SHORT: Duration = Duration::from_millis(40);

    fn origin(port: u16) -> Origin {
        Origin::from_url(&format!("http://shop.example:{port}").parse().unwrap()).unwrap()
    }

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    type Told = Arc<Mutex<Result<Vec<SocketAddr>, &'static str>>>;

    /// A name that leads where the last value says, or nowhere with that text.
    fn told(port: u16) -> (Names, Told) {
        let now = Arc::new(Mutex::new(Ok(Vec::new())));
        let answer = now.clone();
        let look_up = move |host: &str, _| {
            assert_eq!(host, "shop.example");
            answer.lock().unwrap().clone().map_err(io::Error::other)
        };
        (Names::asked_of(&origin(port), Arc::new(look_up)), now)
    }

    #[tokio::test]
    async fn each_connection_goes_where_the_name_leads_then() {
        let (one, two) = two_listeners().await;
        let port = one.local_addr().unwrap().port();
        let (names, now) = told(port);
        for listener in [&one, &two, &one] {
            *now.lock().unwrap() = Ok(vec![listener.local_addr().unwrap()]);
            let connected = connect(&origin(port), &names, PATIENCE).await.unwrap();
            let (mut accepted, _) = listener.accept().await.unwrap();
            drop(connected);
            assert_eq!(accepted.read(&mut [0]).await.unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn the_next_address_is_tried_where_one_refuses_and_the_first_no_more_for_a_while() {
        let (one, two) = two_listeners().await;
        let list = vec![one.local_addr().unwrap(), two.local_addr().unwrap()];
        drop(one);
        let (names, now) = told(list[0].port());
        *now.lock().unwrap() = Ok(list.clone());
        drop(connect(&origin(list[0].port()), &names, PATIENCE).await.unwrap());
        two.accept().await.unwrap();
        assert_eq!(names.addresses(PATIENCE).await.unwrap(), [list[1], list[0]]);

        drop(two);
        let error = connect(&origin(list[0].port()), &names, PATIENCE).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("127.0.0.")), (io::ErrorKind::ConnectionRefused, true));
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_looked_up_is_an_error_that_names_it_and_where_it_led_lately_serves_on() {
        let (names, now) = told(80);
        for (answer, why) in [(Err("no such name"), "no such name"), (Ok(Vec::new()), "it has no address")] {
            *now.lock().unwrap() = answer;
            let error = names.addresses(PATIENCE).await.unwrap_err().to_string();
            assert_eq!(error, format!("the name shop.example cannot be looked up: {why}"));
        }
        let list = addresses(&["192.0.2.1:80", "192.0.2.2:80"]);
        *now.lock().unwrap() = Ok(list.clone());
        assert_eq!(names.addresses(PATIENCE).await.unwrap(), list);
        *now.lock().unwrap() = Err("temporary failure");
        assert_eq!(names.addresses(PATIENCE).await.unwrap(), list);
        if let Some((_, since)) = &mut names.state.borrow_mut().known {
            *since = since.checked_sub(KEPT).expect("this machine has been up for so long");
        }
        names.addresses(PATIENCE).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_look_up_that_stalls_is_shared_bounded_and_given_up() {
        let (go_on, stalled) = mpsc::channel::<()>();
        let (stalled, asked) = (Mutex::new(stalled), Arc::new(AtomicUsize::new(0)));
        let list = addresses(&["192.0.2.1:80"]);
        let (count, answer) = (asked.clone(), list.clone());
        let look_up = move |_: &str, _| {
            // The first is a name server that does not answer.
            if count.fetch_add(1, Ordering::AcqRel) == 0 {
                let _ = stalled.lock().unwrap().recv();
            }
            Ok(answer.clone())
        };
        let names = Names::asked_of(&origin(80), Arc::new(look_up));
        // All on this one thread, which goes on meanwhile.
        let (one, two, three) = tokio::join!(names.addresses(SHORT), names.addresses(SHORT), names.addresses(SHORT));
        for told in [one, two, three] {
            let error = told.unwrap_err().to_string();
            assert_eq!(error, "the name shop.example cannot be looked up: no answer within 40ms");
        }
        assert_eq!(asked.load(Ordering::Acquire), 1);
        assert_eq!(names.addresses(PATIENCE.min(SHORT)).await.unwrap(), list);
        assert_eq!(asked.load(Ordering::Acquire), 2);
        drop(go_on);
    }

    #[tokio::test]
    async fn where_a_look_up_stalls_the_last_addresses_serve() {
        let (go_on, stalled) = mpsc::channel::<()>();
        let (stalled, first) = (Mutex::new(stalled), AtomicUsize::new(0));
        let list = addresses(&["192.0.2.1:80"]);
        let answer = list.clone();
        let look_up = move |_: &str, _| {
            if first.fetch_add(1, Ordering::AcqRel) > 0 {
                let _ = stalled.lock().unwrap().recv();
            }
            Ok(answer.clone())
        };
        let names = Names::asked_of(&origin(80), Arc::new(look_up));
        assert_eq!(names.addresses(PATIENCE).await.unwrap(), list);
        assert_eq!(names.addresses(SHORT).await.unwrap(), list);
        drop(go_on);
    }

    #[tokio::test]
    async fn an_address_is_not_looked_up() {
        let url = "http://[::1]:8080".parse().unwrap();
        let names = Names::asked_of(&Origin::from_url(&url).unwrap(), Arc::new(|_, _| panic!("a name?")));
        assert_eq!(names.addresses(PATIENCE).await.unwrap(), addresses(&["[::1]:8080"]));
        assert!(!names.may_move());
    }

    /// Of the same port, at two addresses of this machine.
    async fn two_listeners() -> (TcpListener, TcpListener) {
        loop {
            let one = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = one.local_addr().unwrap().port();
            if let Ok(two) = TcpListener::bind(("127.0.0.2", port)).await {
                return (one, two);
            }
        }
    }
}
