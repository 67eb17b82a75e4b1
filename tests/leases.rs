//! Whatever the order in which sessions enter, shop, return, cancel, expire and are taken over: no account is had by two
//! of them, and nothing is taken out of a cart that is another's.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "common/redis.rs"]
mod redis;
#[path = "common/sessions.rs"]
mod sessions;

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use punchout_proxy::config::plan::StoreAddress;
use punchout_proxy::secret::Secret;
use punchout_proxy::session::id::SessionId;
use punchout_proxy::session::store::{Over, Store};
use punchout_proxy::session::{Ended, Hold};
use redis::Redis;
use sessions::{PATIENCE, SHORT, run, session};

const ACCOUNTS: [&str; 2] = ["a-1", "a-2"];

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
    fn new(store: Store) -> Self {
        let (carts, entering, open, leaving) = Default::default();
        World { store, carts, entering, open, leaving }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Lease => {
                let id = SessionId::random();
                if let Some(number) = self.store.lease(&ACCOUNTS.map(str::to_owned), id, PATIENCE).await.unwrap() {
                    self.entering.push((id, ACCOUNTS[number].to_owned()));
                }
            }
            Step::TakeOver { account } => {
                let id = SessionId::random();
                if self.store.take_over(ACCOUNTS[account], id, PATIENCE).await.unwrap() {
                    self.entering.push((id, ACCOUNTS[account].to_owned()));
                }
            }
            Step::Abandon { which } => {
                if let Some((id, account)) = pick(&mut self.entering, which) {
                    self.store.release(&Hold::Lease(account), id).await;
                }
            }
            Step::Open { which, short } => {
                if let Some((id, account)) = pick(&mut self.entering, which) {
                    // As entering does: the cart is emptied first, then the session opens.
                    self.empty(&account, id).await;
                    let idle = if short { SHORT } else { PATIENCE };
                    if self.store.open(Arc::new(session(id, &account, idle))).await.unwrap() {
                        self.open.push((id, account));
                    }
                }
            }
            Step::Add { which } => {
                let Some((id, account)) = self.open.get(which).cloned() else { return };
                if self.store.find(id).await.unwrap().is_some() {
                    let cart = self.carts.entry(account).or_default();
                    assert!(cart.iter().all(|line| *line == id), "a session shops in another's cart");
                    cart.push(id);
                }
            }
            Step::End { which, how } => {
                let Some((id, _)) = pick(&mut self.open, which) else { return };
                self.leaving.extend(self.store.end(id, how, PATIENCE).await.unwrap());
            }
            Step::Expire => {
                tokio::time::sleep(SHORT * 2).await;
                while let Some(over) = self.store.next_expired(PATIENCE).await.unwrap() {
                    self.leaving.push(over);
                }
            }
            Step::Cleared { which } => {
                let Some(over) = pick(&mut self.leaving, which) else { return };
                let (id, hold) = (over.session.id, over.session.hold.clone());
                if over.may_clear {
                    let Hold::Lease(account) = &hold else { panic!("all sessions here have a lease") };
                    self.empty(account, id).await;
                }
                self.store.release(&hold, id).await;
            }
        }
    }

    /// Empties a cart on behalf of `by`: nobody who is still shopping may have a line in it.
    async fn empty(&mut self, account: &str, by: SessionId) {
        let cart = self.carts.remove(account).unwrap_or_default();
        for line in cart.into_iter().filter(|line| *line != by) {
            let shopping = self.open.iter().any(|(id, _)| *id == line);
            assert!(!shopping || !self.is_open_now(line).await, "a cart was emptied under somebody who shops in it");
        }
    }

    /// Without keeping it from going idle.
    async fn is_open_now(&self, id: SessionId) -> bool {
        self.store.is_open(id).await.unwrap()
    }

    /// How many have each account: shopping, signing in, or having their cart emptied.
    async fn no_account_is_had_twice(&self) {
        for account in ACCOUNTS {
            let entering = self.entering.iter().filter(|(_, has)| has == account).count();
            let mut open = 0;
            for (id, _) in self.open.iter().filter(|(_, has)| has == account) {
                open += usize::from(self.is_open_now(*id).await);
            }
            let lease = Hold::Lease(account.to_owned());
            let leaving = self.leaving.iter().filter(|over| over.may_clear && over.session.hold == lease).count();
            assert!(entering + open + leaving <= 1, "{account}: {entering} entering, {open} open, {leaving} leaving");
        }
    }
}

fn pick<T>(list: &mut Vec<T>, which: usize) -> Option<T> {
    (which < list.len()).then(|| list.remove(which))
}

/// Whatever the steps, no account is had twice, no foreign cart emptied, and in the end both can be had again.
async fn holds(store: Store, steps: Vec<Step>) {
    let mut world = World::new(store);
    for step in steps {
        world.take(step).await;
        world.no_account_is_had_twice().await;
    }
    while let Some((id, account)) = world.entering.pop() {
        world.store.release(&Hold::Lease(account), id).await;
    }
    while let Some((id, _)) = world.open.pop() {
        world.leaving.extend(world.store.end(id, Ended::Returned, PATIENCE).await.unwrap());
    }
    world.take(Step::Expire).await;
    while !world.leaving.is_empty() {
        world.take(Step::Cleared { which: 0 }).await;
    }
    for _ in ACCOUNTS {
        world.take(Step::Lease).await;
    }
    assert_eq!(world.entering.len(), ACCOUNTS.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn no_account_is_had_twice_and_no_foreign_cart_emptied(steps in prop::collection::vec(step(), 1..60)) {
        run(holds(Store::in_memory(1_000), steps));
    }
}

#[test]
#[ignore = "needs redis-server: tests/run store"]
fn the_same_in_redis() {
    let redis = Redis::start();
    let place = redis.place();
    let case = std::cell::Cell::new(0_u32);
    TestRunner::new(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })
        .run(&prop::collection::vec(step(), 1..60), |steps| {
            // A key of its own is a store of its own.
            case.set(case.get() + 1);
            let place = StoreAddress { key: Secret::new(format!("{:040}", case.get())), ..place.clone() };
            run(holds(Store::shared(&place, 1_000).unwrap(), steps));
            Ok(())
        })
        .unwrap();
}

#[test]
fn an_account_comes_back_although_nobody_ends_anything() {
    run(async {
        let mut world = World::new(Store::in_memory(1_000));
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
        assert_eq!(store.lease(&account, slow, SHORT).await.unwrap(), Some(0));
        tokio::time::sleep(SHORT * 5).await;
        assert_eq!(store.lease(&account, quick, PATIENCE).await.unwrap(), Some(0));
        assert!(!store.open(Arc::new(session(slow, "a-1", PATIENCE))).await.unwrap(), "too late");
        assert!(store.open(Arc::new(session(quick, "a-1", PATIENCE))).await.unwrap());
        assert!(!store.take_over("a-1", slow, PATIENCE).await.unwrap() || store.find(quick).await.unwrap().is_none());
    });
}
