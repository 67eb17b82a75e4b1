//! How often somebody may try to begin a session, and how many passwords are looked at at once.
//!
//! Five floods are met here. Guessing passwords from one address: a call that fails by its caller's fault costs a
//! turn, and turns come back at a steady rate. A robot that has the right password and opens session after session, each
//! a sign-in at the shop: a buyer's turns. And wrong passwords from many addresses: each costs argon2's tens of
//! milliseconds of a core, so only some are looked at at a time, and visitors keep the other cores. And wrong passwords that
//! the shop has to judge (`strategy = "passthrough"`): only some of a buyer's are with the shop at a time. And once inside, forms
//! that are read whole before they go to the shop: only so many bytes of them are held.
//!
//! A wrong password never takes the buyer's turns: whoever knows a USERNAME, or a HOOK_URL where that says who it is, could
//! shut the buyer out with it.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Turns are counted by the minute.
const MINUTE: Duration = Duration::from_secs(60);

/// Callers who are remembered; one more and the least used is forgotten, which gives its turns back.
const CALLERS: u64 = 100_000;

/// Functions that are answered at a time, over all buyers: each is a visit to the shop with a sign-in of its own.
const FUNCTIONS: usize = 8;

/// And of one buyer, so that its nightly run through a catalogue leaves room for the others.
const FUNCTIONS_OF_BUYER: usize = 4;

/// Passwords of one buyer that the shop is asked about at a time.
const JUDGED_BY_SHOP: usize = 8;

/// Bytes of forms that are held while their fields are looked at and the shop takes them, over all sessions.
const FORMS_HELD: usize = 64 << 20;

/// A caller whose password has not been looked at by then is sent away.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Whose turns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Caller {
    Address(IpAddr),
    Buyer(String),
}

/// What is remembered of the callers. All workers share it, and a reload keeps it.
#[derive(Debug)]
pub struct Entrance {
    /// When the caller's turns are all back; a turn more is a moment later.
    turns: Cache<Caller, Arc<Mutex<Instant>>>,
    looking: Arc<Semaphore>,
    functions: Semaphore,
    functions_of_buyer: Cache<String, Arc<Semaphore>>,
    judged_by_shop: Cache<String, Arc<Semaphore>>,
    /// Bytes.
    forms: Arc<Semaphore>,
}

/// Leave to answer a function, among all and among those of its buyer.
#[derive(Debug)]
#[must_use = "given back when dropped"]
pub struct Answering<'e> {
    _of_buyer: OwnedSemaphorePermit,
    _of_all: SemaphorePermit<'e>,
}

/// A turn that was taken. Spent when dropped, unless it is given back.
#[derive(Debug)]
#[must_use = "a caller who did nothing wrong gets its turn back"]
pub struct Turn {
    all_back: Arc<Mutex<Instant>>,
    length: Duration,
}

/// Too many; worth another try after so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany(pub Duration);

impl Entrance {
    /// An entrance through which nobody has come. Passwords may keep half of the machine's cores busy, at least one.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Entrance {
            turns: Cache::builder().max_capacity(CALLERS).time_to_idle(MINUTE * 2).build(),
            looking: Arc::new(Semaphore::new(cores.div_ceil(2))),
            functions: Semaphore::new(FUNCTIONS),
            // Forgotten long after the longest answer has ended.
            functions_of_buyer: Cache::builder().max_capacity(CALLERS).time_to_idle(MINUTE * 60).build(),
            judged_by_shop: Cache::builder().max_capacity(CALLERS).time_to_idle(MINUTE * 60).build(),
            forms: Arc::new(Semaphore::new(FORMS_HELD)),
        }
    }

    /// A turn for the caller at `address`, of which it has `rate` a minute. In IPv6 a household or a company has a whole
    /// network of 64 bits, so that is who is counted.
    ///
    /// # Errors
    /// When it has used up its turns.
    pub fn address(&self, address: IpAddr, rate: u32) -> Result<Turn, TooMany> {
        let address = match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        };
        self.take(Caller::Address(address), rate, Instant::now())
    }

    /// A turn for a buyer whose password was right, of which it has `rate` a minute.
    ///
    /// # Errors
    /// When it has used up its turns.
    pub fn buyer(&self, name: &str, rate: u32) -> Result<Turn, TooMany> {
        self.take(Caller::Buyer(name.to_owned()), rate, Instant::now())
    }

    /// Leave to look at one password. Keep it until that is done, also where nobody waits for the outcome any more.
    ///
    /// # Errors
    /// When so many wait that its turn did not come in time.
    pub async fn look(&self) -> Result<OwnedSemaphorePermit, TooMany> {
        match tokio::time::timeout(LONGEST_WAIT, self.looking.clone().acquire_owned()).await {
            Ok(Ok(leave)) => Ok(leave),
            // It is never closed, so the other case is the time that ran out.
            Ok(Err(_)) | Err(_) => Err(TooMany(LONGEST_WAIT)),
        }
    }

    /// Leave to ask the shop about one password of a buyer. Keep it until the shop has answered.
    ///
    /// # Errors
    /// When so many wait that its turn did not come in time.
    pub async fn ask_shop(&self, buyer: &str) -> Result<OwnedSemaphorePermit, TooMany> {
        let made = || Arc::new(Semaphore::new(JUDGED_BY_SHOP));
        let of_buyer = self.judged_by_shop.get_with(buyer.to_owned(), made);
        match tokio::time::timeout(LONGEST_WAIT, of_buyer.acquire_owned()).await {
            Ok(Ok(leave)) => Ok(leave),
            // As above.
            Ok(Err(_)) | Err(_) => Err(TooMany(LONGEST_WAIT)),
        }
    }

    /// Room for so many bytes of a session's form, until it is dropped; none while too many are held.
    pub fn room_for_form(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.forms.clone().try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }

    /// Leave to answer one function of a buyer. Keep it until that is done.
    ///
    /// # Errors
    /// When so many wait that its turn did not come in time.
    pub async fn function(&self, buyer: &str) -> Result<Answering<'_>, TooMany> {
        let made = || Arc::new(Semaphore::new(FUNCTIONS_OF_BUYER));
        let of_buyer = self.functions_of_buyer.get_with(buyer.to_owned(), made);
        // The buyer's own first: who waits for that holds no place of the others'.
        let both = async { Ok((of_buyer.acquire_owned().await?, self.functions.acquire().await?)) };
        match tokio::time::timeout(LONGEST_WAIT, both).await {
            Ok(Ok((of_buyer, of_all))) => Ok(Answering { _of_buyer: of_buyer, _of_all: of_all }),
            // As above.
            Ok(Err::<_, AcquireError>(_)) | Err(_) => Err(TooMany(LONGEST_WAIT)),
        }
    }

    /// The generic cell rate algorithm: one moment in time stands for the whole bucket.
    fn take(&self, caller: Caller, rate: u32, now: Instant) -> Result<Turn, TooMany> {
        let length = MINUTE / rate.max(1);
        let all_back = self.turns.get_with(caller, || Arc::new(Mutex::new(now)));
        {
            let mut moment = all_back.lock().unwrap_or_else(PoisonError::into_inner);
            let after = (*moment).max(now) + length;
            if let Some(wait) = after.checked_duration_since(now + MINUTE).filter(|wait| !wait.is_zero()) {
                return Err(TooMany(wait));
            }
            *moment = after;
        }
        Ok(Turn { all_back, length })
    }
}

impl Default for Entrance {
    fn default() -> Self {
        Entrance::new()
    }
}

impl Turn {
    /// The caller did nothing wrong.
    pub fn give_back(self) {
        let mut moment = self.all_back.lock().unwrap_or_else(PoisonError::into_inner);
        *moment = moment.checked_sub(self.length).unwrap_or(*moment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(address: &str) -> Caller {
        Caller::Address(address.parse().unwrap())
    }

    #[test]
    fn only_so_many_bytes_of_forms_are_held() {
        let entrance = Entrance::new();
        let most = entrance.room_for_form(FORMS_HELD - 10).unwrap();
        let rest = entrance.room_for_form(10).unwrap();
        assert!(entrance.room_for_form(1).is_none());
        drop(rest);
        assert!(entrance.room_for_form(10).is_some() && entrance.room_for_form(11).is_none());
        drop(most);
        assert!(entrance.room_for_form(FORMS_HELD).is_some());
    }

    #[test]
    fn turns_are_used_up_come_back_and_are_given_back() {
        let entrance = Entrance::new();
        let begin = Instant::now();
        let take = |after: u64| entrance.take(caller("192.0.2.1"), 3, begin + Duration::from_secs(after));
        let turns: Vec<_> = (0..3).map(|_| take(0).unwrap()).collect();
        assert_eq!(take(0).unwrap_err(), TooMany(Duration::from_secs(20)));
        assert_eq!(take(5).unwrap_err(), TooMany(Duration::from_secs(15)));
        let turn = take(20).unwrap();
        assert!(take(20).is_err(), "one came back, not two");
        turn.give_back();
        let _spent = take(20).unwrap();
        assert!(entrance.take(caller("192.0.2.2"), 3, begin).is_ok(), "another caller has its own");
        drop(turns);
        let after_an_hour: Vec<_> = (0..5).map(|_| take(3600).is_ok()).collect();
        assert_eq!(after_an_hour, [true, true, true, false, false], "turns are not saved up");
    }

    #[test]
    fn a_network_is_one_caller_in_ipv6_and_a_mapped_address_is_the_ipv4_one() {
        let entrance = Entrance::new();
        for (first, second) in [("2001:db8::1", "2001:db8::ffff:2"), ("192.0.2.9", "::ffff:192.0.2.9")] {
            assert!(entrance.address(first.parse().unwrap(), 1).is_ok());
            assert!(entrance.address(second.parse().unwrap(), 1).is_err(), "{second}");
        }
        assert!(entrance.address("2001:db8:0:1::1".parse().unwrap(), 1).is_ok());
        assert!(entrance.buyer("192.0.2.9", 1).is_ok(), "a buyer of that name is somebody else");
    }

    #[tokio::test]
    async fn a_buyer_who_asks_for_much_leaves_room_for_the_others() {
        let entrance = Entrance::new();
        let at_once = |buyer: &'static str| tokio::time::timeout(Duration::ZERO, entrance.function(buyer));
        let mut held = Vec::new();
        for _ in 0..FUNCTIONS_OF_BUYER {
            held.push(at_once("busy").await.unwrap());
        }
        assert!(at_once("busy").await.is_err(), "it has as many as one may");
        let other = at_once("other").await.unwrap();
        held.pop();
        drop(at_once("busy").await.unwrap());
        while held.len() < FUNCTIONS - 1 {
            held.push(at_once("third").await.unwrap());
        }
        assert!(at_once("fourth").await.is_err(), "all places are taken");
        drop(other);
        assert!(at_once("fourth").await.is_ok());
    }
}
