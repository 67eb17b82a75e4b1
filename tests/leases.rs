//! Whatever the order in which sessions enter, shop, return, cancel, expire and are taken over: no account is had by two
//! of them, and nothing is taken out of a cart that is another's.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use proptest::prelude::*;
use punchout_proxy::protocol::oci::entry::Entry;
use punchout_proxy::protocol::oci::hook::Hook;
use punchout_proxy::protocol::oci::names::EntryNames;
use punchout_proxy::session::id::{Reference, SessionId};
use punchout_proxy::session::store::{Over, Store};
use punchout_proxy::session::{Ended, Handed, Hold, Session};
use punchout_proxy::shop::{Browser, Jar};

const ACCOUNTS: [&str; 2] = ["a-1", "a-2"];
const PATIENCE: Duration = Duration::from_secs(3600);
/// A session that ends by itself between two steps.
const SHORT: Duration = Duration::from_millis(1);

/// What buyers, and time, do.
#[derive(Clone, Debug)]
enum Step {
    Lease,
    TakeOver {
        account: usize,
    },
    /// The browser goes away while it is being signed in.
    Abandon {
        which: usize,
    },
    Open {
        which: usize,
        short: bool,
    },
    Add {
        which: usize,
    },
    End {
        which: usize,
        how: Ended,
    },
    Expire,
    /// The shop has answered the request that empties a cart.
    Cleared {
        which: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let one = 0..8_usize;
    prop_oneof![
        4 => Just(Step::Lease),
        1 => (0..ACCOUNTS.len()).prop_map(|account| Step::TakeOver { account }),
        1 => one.clone().prop_map(|which| Step::Abandon { which }),
        4 => (one.clone(), any::<bool>()).prop_map(|(which, short)| Step::Open { which, short }),
        4 => one.clone().prop_map(|which| Step::Add { which }),
        2 => one.clone().prop_map(|which| Step::End { which, how: Ended::Returned }),
        1 => one.clone().prop_map(|which| Step::End { which, how: Ended::Left }),
        1 => Just(Step::Expire),
        4 => one.prop_map(|which| Step::Cleared { which }),
    ]
}

/// The store, a shop with one cart an account, and what is under way.
struct World {
    store: Store,
    /// By account: whose each line is.
    carts: HashMap<String, Vec<SessionId>>,
    entering: Vec<(SessionId, String)>,
    open: Vec<(SessionId, String)>,
    leaving: Vec<Over>,
}

impl World {
    fn new() -> Self {
        let (carts, entering, open, leaving) = Default::default();
        World { store: Store::in_memory(1_000), carts, entering, open, leaving }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Lease => {
                let id = SessionId::random();
                if let Some(number) = self.store.lease(&ACCOUNTS.map(str::to_owned), id, PATIENCE).await {
                    self.entering.push((id, ACCOUNTS[number].to_owned()));
                }
            }
            Step::TakeOver { account } => {
                let id = SessionId::random();
                if self.store.take_over(ACCOUNTS[account], id, PATIENCE).await {
                    self.entering.push((id, ACCOUNTS[account].to_owned()));
                }
            }
            Step::Abandon { which } => {
                if let Some((id, account)) = pick(&mut self.entering, which) {
                    self.store.give_back(&Hold::Lease(account), id);
                }
            }
            Step::Open { which, short } => {
                if let Some((id, account)) = pick(&mut self.entering, which) {
                    // As entering does: the cart is emptied first, then the session opens.
                    self.empty(&account, id);
                    let idle = if short { SHORT } else { PATIENCE };
                    if self.store.open(Arc::new(session(id, &account, idle))).await {
                        self.open.push((id, account));
                    }
                }
            }
            Step::Add { which } => {
                let Some((id, account)) = self.open.get(which).cloned() else { return };
                if self.store.find(id).await.is_some() {
                    let cart = self.carts.entry(account).or_default();
                    assert!(cart.iter().all(|line| *line == id), "a session shops in another's cart");
                    cart.push(id);
                }
            }
            Step::End { which, how } => {
                let Some((id, _)) = pick(&mut self.open, which) else { return };
                self.leaving.extend(self.store.end(id, how, PATIENCE).await);
            }
            Step::Expire => {
                tokio::time::sleep(SHORT * 2).await;
                while let Some(over) = self.store.next_expired(PATIENCE).await {
                    self.leaving.push(over);
                }
            }
            Step::Cleared { which } => {
                let Some(over) = pick(&mut self.leaving, which) else { return };
                let (id, hold) = (over.session.id, over.session.hold.clone());
                if over.may_clear {
                    let Hold::Lease(account) = &hold else { panic!("all sessions here have a lease") };
                    self.empty(account, id);
                }
                self.store.release(&hold, id).await;
            }
        }
    }

    /// Empties a cart on behalf of `by`: nobody who is still shopping may have a line in it.
    fn empty(&mut self, account: &str, by: SessionId) {
        let cart = self.carts.remove(account).unwrap_or_default();
        for line in cart.into_iter().filter(|line| *line != by) {
            let shopping = self.open.iter().any(|(id, _)| *id == line);
            assert!(!shopping || !self.is_open_now(line), "a cart was emptied under somebody who shops in it");
        }
    }

    /// Without keeping it from going idle.
    fn is_open_now(&self, id: SessionId) -> bool {
        self.store.is_open(id)
    }

    /// How many have each account: shopping, signing in, or having their cart emptied.
    fn no_account_is_had_twice(&self) {
        for account in ACCOUNTS {
            let entering = self.entering.iter().filter(|(_, has)| has == account).count();
            let open = self.open.iter().filter(|(id, has)| has == account && self.is_open_now(*id)).count();
            let lease = Hold::Lease(account.to_owned());
            let leaving = self.leaving.iter().filter(|over| over.may_clear && over.session.hold == lease).count();
            assert!(entering + open + leaving <= 1, "{account}: {entering} entering, {open} open, {leaving} leaving");
        }
    }
}

fn pick<T>(list: &mut Vec<T>, which: usize) -> Option<T> {
    (which < list.len()).then(|| list.remove(which))
}

fn session(id: SessionId, account: &str, idle: Duration) -> Session {
    let call = b"HOOK_URL=https%3A%2F%2Facme.example%2F&USERNAME=acme".as_slice();
    let host = HeaderValue::from_static("shop.example");
    Session {
        id,
        reference: Reference::random(),
        buyer: "acme".into(),
        hook: Hook::parse("https://acme.example/").unwrap(),
        entry: Entry::parse(Some(call), None, &EntryNames::default()).unwrap(),
        accept_language: None,
        account: account.to_owned(),
        hold: Hold::Lease(account.to_owned()),
        jar: Jar::new(),
        browser: Browser {
            forwarded_for: host.clone(),
            forwarded_host: host.clone(),
            host,
            https: false,
            user_agent: None,
            accept_language: None,
        },
        handed: Handed::default(),
        seen: AtomicBool::new(false),
        began: SystemTime::now(),
        idle,
        longest: PATIENCE,
        report_only: false,
    }
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn no_account_is_had_twice_and_no_foreign_cart_emptied(steps in prop::collection::vec(step(), 1..60)) {
        run(async {
            let mut world = World::new();
            for step in steps {
                world.take(step).await;
                world.no_account_is_had_twice();
            }
            // Whatever happened: when all is over, both accounts can be had again.
            while let Some((id, account)) = world.entering.pop() {
                world.store.give_back(&Hold::Lease(account), id);
            }
            while let Some((id, _)) = world.open.pop() {
                world.leaving.extend(world.store.end(id, Ended::Returned, PATIENCE).await);
            }
            world.take(Step::Expire).await;
            while !world.leaving.is_empty() {
                world.take(Step::Cleared { which: 0 }).await;
            }
            for _ in ACCOUNTS {
                world.take(Step::Lease).await;
            }
            assert_eq!(world.entering.len(), ACCOUNTS.len());
        });
    }
}

#[test]
fn an_account_comes_back_although_nobody_ends_anything() {
    run(async {
        let mut world = World::new();
        for _ in ACCOUNTS {
            world.take(Step::Lease).await;
            world.take(Step::Open { which: 0, short: true }).await;
        }
        world.take(Step::Lease).await;
        assert!(world.entering.len() <= 1);
        tokio::time::sleep(SHORT * 20).await;
        world.take(Step::Lease).await;
        assert!(!world.entering.is_empty(), "an expired session's lease is void without a sweep");
    });
}

#[test]
fn a_lease_is_void_when_signing_in_takes_too_long() {
    run(async {
        let store = Store::in_memory(10);
        let (slow, quick) = (SessionId::random(), SessionId::random());
        let account = ["a-1".to_owned()];
        assert_eq!(store.lease(&account, slow, SHORT).await, Some(0));
        tokio::time::sleep(SHORT * 5).await;
        assert_eq!(store.lease(&account, quick, PATIENCE).await, Some(0));
        assert!(!store.open(Arc::new(session(slow, "a-1", PATIENCE))).await, "too late");
        assert!(store.open(Arc::new(session(quick, "a-1", PATIENCE))).await);
        assert!(!store.take_over("a-1", slow, PATIENCE).await || store.find(quick).await.is_none());
    });
}
