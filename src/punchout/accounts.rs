//! Which account of the shop a session gets, and whether it has it alone.

use std::time::Duration;

use crate::config::plan::{Accounts, Buyer, Plan};
use crate::exchange::Exchange;
use crate::problem::{Kind, Problem};
use crate::protocol::oci::entry::Entry;
use crate::secret::Secret;
use crate::session::id::SessionId;
use crate::session::store::Store;
use crate::session::{Ended, Hold};
use crate::shop::{Account, Template};

/// How long a punchout of a person waits for that person's earlier one to finish entering or leaving.
const TURN: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// Beyond the time that a visit may take: a lease must outlive the visit that is made under it.
const MARGIN: Duration = Duration::from_secs(10);

/// An account that a session is about to have. Dropped without [`Claim::settled`] it gives the account back: also where
/// the browser that asked for it has gone away in the middle.
#[derive(Debug)]
pub struct Claim {
    store: Store,
    /// The session that is about to begin.
    pub id: SessionId,
    /// Whom to sign in as; `None` for a guest.
    pub account: Option<Account>,
    /// Whose the cart is.
    pub hold: Hold,
    settled: bool,
}

impl Claim {
    /// The session is open, and has the account from here on.
    pub fn settled(mut self) {
        self.settled = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.settled {
            self.store.give_back(&self.hold, self.id);
        }
    }
}

/// For how long an account is kept for a session that enters, or whose cart is emptied.
pub fn patience(plan: &Plan) -> Duration {
    plan.shop.sign_in_time + MARGIN
}

/// The account for a session that is about to begin; `None` where all are taken. `earlier` is the session that the
/// same browser still has: it makes room.
///
/// # Errors
/// A call without what the account is told from; an account whose earlier session does not end in time.
pub async fn claim(
    x: &Exchange,
    buyer: &Buyer,
    call: &Entry,
    earlier: Option<SessionId>,
) -> Result<Option<Claim>, Problem> {
    let (store, id, patience) = (x.sessions(), SessionId::random(), patience(x.plan()));
    let claimed = |account: Option<Account>, hold| Claim { store: store.clone(), id, account, hold, settled: false };
    Ok(Some(match &buyer.accounts {
        Accounts::Guest => claimed(None, Hold::Own),
        Accounts::Shared(account) => claimed(Some(account.clone()), Hold::Own),
        Accounts::Passthrough => claimed(Some(of_call(call)?), Hold::Common),
        Accounts::PerUser { username, password } => {
            let account = by_template(username, password, call)?;
            let key = account.key();
            take_turn(x, &key, id, patience).await?;
            claimed(Some(account), Hold::Lease(key))
        }
        Accounts::Pool(accounts) => {
            let keys: Vec<String> = accounts.iter().map(Account::key).collect();
            let mut number = store.lease(&keys, id, patience).await?;
            if number.is_none()
                && let Some(earlier) = earlier
                && let Some(over) = store.end(earlier, Ended::Replaced, patience).await?
            {
                x.metrics().ended(&over.session.buyer, Ended::Replaced.word());
                // Its cart is emptied when the new session begins, which may get the same account.
                store.release(&over.session.hold, earlier).await;
                number = store.lease(&keys, id, patience).await?;
            }
            let Some(number) = number else { return Ok(None) };
            claimed(Some(accounts[number].clone()), Hold::Lease(keys[number].clone()))
        }
    }))
}

/// The account for a look at the shop that touches no cart. One of a pool is leased for it, so that no session begins with it
/// meanwhile; a person's own session goes on.
///
/// # Errors
/// [`Kind::PoolBusy`] where all are taken; a call without what the account is told from.
pub async fn borrow(x: &Exchange, buyer: &Buyer, call: &Entry) -> Result<Claim, Problem> {
    let (store, id) = (x.sessions(), SessionId::random());
    let account = match &buyer.accounts {
        Accounts::Pool(_) => {
            let busy = || Problem::new(Kind::PoolBusy, "all accounts are taken").retry_after(TURN);
            return claim(x, buyer, call, None).await?.ok_or_else(busy);
        }
        Accounts::Guest => None,
        Accounts::Shared(account) => Some(account.clone()),
        Accounts::Passthrough => Some(of_call(call)?),
        Accounts::PerUser { username, password } => Some(by_template(username, password, call)?),
    };
    Ok(Claim { store: store.clone(), id, account, hold: Hold::Own, settled: false })
}

/// A person's new punchout ends the earlier one, but not while that is signing in or its cart is being emptied: the
/// emptying would take what the new one has put in.
async fn take_turn(x: &Exchange, key: &str, id: SessionId, patience: Duration) -> Result<(), Problem> {
    let started = tokio::time::Instant::now();
    while !x.sessions().take_over(key, id, patience).await? {
        if started.elapsed() > TURN {
            let detail = format!("the account `{key}` is still being entered or emptied by an earlier punchout");
            return Err(Problem::new(Kind::PoolBusy, detail).retry_after(TURN));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn of_call(call: &Entry) -> Result<Account, Problem> {
    let missing = || Problem::new(Kind::EntryIncomplete, "the catalog call has no USERNAME and PASSWORD of the shop's");
    Ok(Account {
        username: call.username.clone().ok_or_else(missing)?,
        password: call.password.clone().ok_or_else(missing)?,
    })
}

fn by_template(username: &Template, password: &Template, call: &Entry) -> Result<Account, Problem> {
    Ok(Account {
        username: by_rule(username, call)?.trim().to_owned(),
        password: Secret::new(by_rule(password, call)?),
    })
}

fn by_rule(rule: &Template, call: &Entry) -> Result<String, Problem> {
    let mut values = Vec::new();
    for word in rule.words() {
        let name = word.strip_prefix("parameter.").unwrap_or(word);
        let value = call.parameters.get(name).filter(|value| !value.trim().is_empty());
        let missing = || {
            Problem::new(
                Kind::EntryIncomplete,
                format!("the catalog call has no `{name}`, from which the account is told"),
            )
        };
        values.push((word, value.ok_or_else(missing)?));
    }
    Ok(rule.fill(&values))
}
