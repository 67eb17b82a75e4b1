//! The store of sessions: one suite that memory and Redis both pass, and what only one that is shared can do. What needs a
//! redis-server is ignored by `cargo test`; `tests/run store` installs it and runs all.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "common/redis.rs"]
mod redis;
#[path = "common/sessions.rs"]
mod sessions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use punchout_proxy::config::plan::StoreAddress;
use punchout_proxy::secret::Secret;
use punchout_proxy::session::id::{SessionId, Ticket, Token};
use punchout_proxy::session::store::{Count, Store};
use punchout_proxy::session::{Ended, Hold, Session, Stage, Waiting};
use redis::Redis;
use sessions::{PATIENCE, SHORT, run, session};

const MOST: u64 = 20;

fn open_to_all(place: &StoreAddress) -> Store {
    Store::shared(place, MOST).unwrap()
}

/// Two doors to one store: what is done at one shows at the other.
async fn conforms(one: &Store, other: &Store) {
    a_session_is_found_until_it_ends(one, other).await;
    an_idle_session_ends_and_is_swept_once(one, other).await;
    an_account_has_one_holder(one, other).await;
    a_person_takes_over_what_is_open_and_waits_for_what_is_not(one, other).await;
    a_lease_ends_with_its_patience(one, other).await;
    how_far_a_cart_is_only_grows(one, other).await;
    a_ticket_is_good_once(one, other).await;
    a_browser_arrives_once(one, other).await;
    a_session_goes_on_under_another_id(one, other).await;
    a_jar_takes_in_what_every_answer_sets(one, other).await;
    one_session_too_many_pushes_another_out(one, other).await;
}

async fn opened(store: &Store, account: &str, idle: Duration) -> Arc<Session> {
    let session = Arc::new(session(SessionId::random(), account, idle));
    assert_eq!(store.lease(&[account.to_owned()], session.id, PATIENCE).await.unwrap(), Some(0), "{account}");
    assert!(store.open(session.clone()).await.unwrap());
    session
}

async fn end_and_release(store: &Store, session: &Session) {
    let over = store.end(session.id, Ended::Returned, PATIENCE).await.unwrap().unwrap();
    assert!(over.may_clear);
    store.release(&session.hold, session.id).await;
}

async fn a_session_is_found_until_it_ends(one: &Store, other: &Store) {
    let begun = opened(one, "found", PATIENCE).await;
    for store in [one, other, other] {
        let found = store.find(begun.id).await.unwrap().unwrap();
        assert_eq!(format!("{found:?}"), format!("{begun:?}"), "every field");
        assert_eq!((found.hook == begun.hook, found.entry == begun.entry), (true, true));
        assert_eq!(found.browser.host, begun.browser.host);
        assert_eq!(found.jar.cookie("/"), begun.jar.cookie("/"), "the shop's cookies");
        assert_eq!(found.jar.set_cookies().count(), begun.jar.set_cookies().count());
        assert_eq!((found.began, found.idle, found.longest), (begun.began, begun.idle, begun.longest));
        assert!(store.is_open(begun.id).await.unwrap());
    }
    assert_eq!(other.ended(begun.id).await.unwrap(), None);
    let over = other.end(begun.id, Ended::Left, PATIENCE).await.unwrap().unwrap();
    assert!(over.may_clear && over.session.reference == begun.reference);
    for store in [one, other] {
        assert!(store.find(begun.id).await.unwrap().is_none() && !store.is_open(begun.id).await.unwrap());
        assert_eq!(store.ended(begun.id).await.unwrap(), Some(Ended::Left));
        assert!(store.end(begun.id, Ended::Returned, PATIENCE).await.unwrap().is_none(), "over already");
    }
    assert!(one.find(SessionId::random()).await.unwrap().is_none());
    one.release(&begun.hold, begun.id).await;
}

async fn an_idle_session_ends_and_is_swept_once(one: &Store, other: &Store) {
    let begun = opened(one, "idle", SHORT).await;
    let own = Arc::new(Session { hold: Hold::Own, ..session(SessionId::random(), "", SHORT) });
    let common = Arc::new(Session { hold: Hold::Common, ..session(SessionId::random(), "", SHORT) });
    assert!(one.open(own.clone()).await.unwrap() && one.open(common.clone()).await.unwrap());
    tokio::time::sleep(SHORT * 3).await;
    assert!(other.find(begun.id).await.unwrap().is_none());
    assert!(one.end(begun.id, Ended::Returned, PATIENCE).await.unwrap().is_none());
    let mut swept = Vec::new();
    let begin = Instant::now();
    // Memory looks at the time about once a second.
    while swept.len() < 3 && begin.elapsed() < Duration::from_secs(20) {
        for store in [other, one] {
            swept.extend(store.next_expired(PATIENCE).await.unwrap());
        }
        tokio::time::sleep(SHORT).await;
    }
    swept.extend(one.next_expired(PATIENCE).await.unwrap());
    assert_eq!(swept.len(), 3, "each once");
    for over in &swept {
        assert_eq!(over.may_clear, over.session.hold != Hold::Common);
    }
    let accounts = ["idle".to_owned()];
    assert_eq!(one.lease(&accounts, SessionId::random(), PATIENCE).await.unwrap(), None, "its cart is being emptied");
    other.release(&begun.hold, begun.id).await;
    let next = SessionId::random();
    assert_eq!(one.lease(&accounts, next, PATIENCE).await.unwrap(), Some(0));
    one.release(&begun.hold, next).await;
}

async fn an_account_has_one_holder(one: &Store, other: &Store) {
    let accounts = ["p-1".to_owned(), "p-2".to_owned()];
    let (first, second, third) = (SessionId::random(), SessionId::random(), SessionId::random());
    assert_eq!(one.lease(&accounts, first, PATIENCE).await.unwrap(), Some(0));
    assert_eq!(other.lease(&accounts, second, PATIENCE).await.unwrap(), Some(1));
    assert_eq!(one.lease(&accounts, third, PATIENCE).await.unwrap(), None);
    other.release(&Hold::Lease("p-1".into()), second).await;
    assert_eq!(one.lease(&accounts, third, PATIENCE).await.unwrap(), None, "not the holder's to give back");
    let held = Arc::new(session(first, "p-1", PATIENCE));
    assert!(one.open(held.clone()).await.unwrap());
    assert!(!other.open(Arc::new(session(third, "p-1", PATIENCE))).await.unwrap(), "it has no lease");
    let over = other.end(first, Ended::Returned, PATIENCE).await.unwrap().unwrap();
    assert!(over.may_clear);
    assert_eq!(one.lease(&accounts, third, PATIENCE).await.unwrap(), None, "the cart is being emptied");
    other.release(&held.hold, first).await;
    assert_eq!(one.lease(&accounts, third, PATIENCE).await.unwrap(), Some(0));
    one.release(&Hold::Lease("p-1".into()), third).await;
    one.release(&Hold::Lease("p-2".into()), second).await;
}

async fn a_person_takes_over_what_is_open_and_waits_for_what_is_not(one: &Store, other: &Store) {
    let (first, second) = (SessionId::random(), SessionId::random());
    assert!(one.take_over("person", first, PATIENCE).await.unwrap());
    assert!(!other.take_over("person", second, PATIENCE).await.unwrap(), "it is entering");
    assert!(one.open(Arc::new(session(first, "person", PATIENCE))).await.unwrap());
    assert!(other.take_over("person", second, PATIENCE).await.unwrap());
    assert!(one.find(first).await.unwrap().is_none());
    assert_eq!(one.ended(first).await.unwrap(), Some(Ended::Replaced));
    let now = Arc::new(session(second, "person", PATIENCE));
    assert!(other.open(now.clone()).await.unwrap());
    let over = one.end(second, Ended::Left, PATIENCE).await.unwrap().unwrap();
    assert!(over.may_clear && !one.take_over("person", first, PATIENCE).await.unwrap(), "it is being emptied");
    other.release(&now.hold, second).await;
}

async fn a_lease_ends_with_its_patience(one: &Store, other: &Store) {
    let (slow, quick, accounts) = (SessionId::random(), SessionId::random(), ["late".to_owned()]);
    assert_eq!(one.lease(&accounts, slow, SHORT).await.unwrap(), Some(0));
    tokio::time::sleep(SHORT * 3).await;
    assert_eq!(other.lease(&accounts, quick, SHORT).await.unwrap(), Some(0));
    assert!(!one.open(Arc::new(session(slow, "late", PATIENCE))).await.unwrap(), "somebody else has it");
    tokio::time::sleep(SHORT * 3).await;
    let late = Arc::new(session(quick, "late", PATIENCE));
    assert!(other.open(late.clone()).await.unwrap(), "late, and nobody has taken it");
    let over = one.end(quick, Ended::Left, SHORT).await.unwrap().unwrap();
    tokio::time::sleep(SHORT * 3).await;
    assert!(over.may_clear && one.take_over("late", slow, PATIENCE).await.unwrap(), "emptying took too long");
    other.release(&late.hold, quick).await;
    assert!(!one.take_over("late", quick, PATIENCE).await.unwrap(), "and was not the last holder's to give back");
    one.release(&late.hold, slow).await;
}

async fn how_far_a_cart_is_only_grows(one: &Store, other: &Store) {
    let begun = opened(one, "handed", PATIENCE).await;
    let there = other.find(begun.id).await.unwrap().unwrap();
    assert!(one.first_page(&begun).await && !other.first_page(&there).await && !one.first_page(&begun).await);
    assert_eq!(one.reach(&begun, Stage::Shown).await, Stage::Shopping);
    assert_eq!(other.reach(&there, Stage::Sent).await, Stage::Shown);
    assert_eq!(one.reach(&begun, Stage::Shown).await, Stage::Sent);
    for store in [one, other] {
        assert_eq!(store.find(begun.id).await.unwrap().unwrap().handed.stage(), Stage::Sent);
    }
    let over = one.end(begun.id, Ended::Returned, PATIENCE).await.unwrap().unwrap();
    assert_eq!(over.session.handed.stage(), Stage::Sent);
    one.release(&begun.hold, begun.id).await;
}

async fn a_ticket_is_good_once(one: &Store, other: &Store) {
    let (ticket, caller) = (Ticket::random(), session(SessionId::random(), "", PATIENCE));
    let waiting = Waiting { buyer: "acme".into(), hook: caller.hook.clone(), entry: caller.entry.clone() };
    one.wait(ticket, Arc::new(waiting)).await.unwrap();
    assert_eq!(other.count().await.unwrap().waiting, 1);
    let called = other.called(ticket).await.unwrap().unwrap();
    assert!(called.buyer == "acme" && called.hook == caller.hook && called.entry == caller.entry);
    assert!(one.called(ticket).await.unwrap().is_none());
    assert!(one.called(Ticket::random()).await.unwrap().is_none());
}

async fn a_browser_arrives_once(one: &Store, other: &Store) {
    let (ticket, id) = (Ticket::random(), SessionId::random());
    one.expect(ticket, id).await.unwrap();
    assert_eq!(other.called(ticket).await.unwrap().map(|_| ()), None, "a ticket of another kind");
    assert_eq!(other.arrived(ticket).await.unwrap(), Some(id));
    assert_eq!(one.arrived(ticket).await.unwrap(), None);
    assert_eq!(one.arrived(Ticket::random()).await.unwrap(), None);
}

async fn a_session_goes_on_under_another_id(one: &Store, other: &Store) {
    let begun = opened(one, "handed-on", PATIENCE).await;
    one.reach(&begun, Stage::Shown).await;
    let carried = Arc::new(begun.in_addresses(Token::random().id()));
    assert!(other.hand_on(begun.id, carried.clone()).await.unwrap());
    for store in [one, other] {
        assert!(store.find(begun.id).await.unwrap().is_none() && !store.is_open(begun.id).await.unwrap());
        assert_eq!(store.ended(begun.id).await.unwrap(), None, "it has not ended");
        let found = store.find(carried.id).await.unwrap().unwrap();
        assert!(found.is_in_addresses() && found.reference == begun.reference && found.hook == begun.hook);
        assert_eq!(found.jar.cookie("/"), begun.jar.cookie("/"));
    }
    assert!(!one.hand_on(begun.id, Arc::new(begun.in_addresses(Token::random().id()))).await.unwrap(), "once");
    let accounts = ["handed-on".to_owned()];
    assert_eq!(one.lease(&accounts, SessionId::random(), PATIENCE).await.unwrap(), None, "the account went along");
    one.release(&begun.hold, begun.id).await;
    assert_eq!(
        one.lease(&accounts, SessionId::random(), PATIENCE).await.unwrap(),
        None,
        "it is no longer the first one's"
    );
    end_and_release(one, &carried).await;
    let next = SessionId::random();
    assert_eq!(other.lease(&accounts, next, PATIENCE).await.unwrap(), Some(0));
    other.release(&begun.hold, next).await;
}

fn sets(line: &str) -> HeaderMap {
    HeaderMap::from_iter([(SET_COOKIE, HeaderValue::from_str(line).unwrap())])
}

async fn a_jar_takes_in_what_every_answer_sets(one: &Store, other: &Store) {
    let begun = opened(one, "jar", PATIENCE).await;
    let there = other.find(begun.id).await.unwrap().unwrap();
    let cookie = async |store: &Store, session: &Session| {
        let cookie = store.jar(session).await.cookie("/").unwrap();
        cookie.to_str().unwrap().to_owned()
    };
    assert_eq!(cookie(other, &there).await, "sid=shop-session", "what signing in left");
    // Of many answers at once, here and there, none takes another's cookie away.
    let set = async |store: &Store, session: &Session, name: char| {
        store.take_in(session, &sets(&format!("{name}={name}; Path=/")), "/").await;
    };
    tokio::join!(
        set(one, &begun, 'a'),
        set(other, &there, 'b'),
        set(one, &begun, 'c'),
        set(other, &there, 'd'),
        set(one, &begun, 'e'),
    );
    for (store, session) in [(one, &begun), (other, &there)] {
        let cookies = cookie(store, session).await;
        for pair in ["sid=shop-session", "a=a", "b=b", "c=c", "d=d", "e=e"] {
            assert!(cookies.split("; ").any(|one| one == pair), "{pair}: {cookies}");
        }
    }
    one.take_in(&begun, &sets("sid=; Path=/; Max-Age=0"), "/").await;
    assert!(!cookie(other, &there).await.contains("sid="), "deleted for all");
    one.take_in(&begun, &HeaderMap::new(), "/").await;
    end_and_release(one, &begun).await;
    one.take_in(&begun, &sets("late=1"), "/").await;
    other.take_in(&there, &sets("late=1"), "/").await;
}

async fn one_session_too_many_pushes_another_out(one: &Store, other: &Store) {
    assert_eq!(one.count().await.unwrap(), Count::default(), "all that was begun here has ended");
    let mut begun = Vec::new();
    for number in 0..=MOST {
        begun.push(opened(one, &format!("many-{number}"), PATIENCE).await);
    }
    let over = other.next_expired(PATIENCE).await.unwrap().unwrap();
    assert!(over.may_clear, "the account is the session's until its cart is empty");
    other.release(&over.session.hold, over.session.id).await;
    assert!(one.next_expired(PATIENCE).await.unwrap().is_none());
    let count = one.count().await.unwrap();
    assert_eq!((count.sessions, count.leases), (MOST, MOST as usize));
    begun.retain(|session| session.id != over.session.id);
    for session in begun {
        end_and_release(other, &session).await;
    }
}

#[test]
fn memory_conforms() {
    run(async {
        let store = Store::in_memory(MOST);
        conforms(&store, &store.clone()).await;
    });
}

#[test]
#[ignore = "needs redis-server: tests/run store"]
fn redis_conforms() {
    let redis = Redis::start();
    let place = redis.place();
    run(async { conforms(&open_to_all(&place), &open_to_all(&place)).await });
}

#[test]
#[ignore = "needs redis-server: tests/run store"]
fn redis_conforms_over_tls_and_no_other_server_is_spoken_to() {
    let redis = Redis::with_tls();
    let place = redis.place();
    run(async { conforms(&open_to_all(&place), &open_to_all(&place)).await });
    let strangers = StoreAddress { ca: Some(redis::certificate("other.pem")), ..place.clone() };
    let in_clear = StoreAddress { url: place.url.replace("rediss:", "redis:"), ca: None, ..place.clone() };
    // Signed by nobody the machine knows.
    let unknown = StoreAddress { ca: None, ..place.clone() };
    let misnamed = StoreAddress { url: place.url.replace("localhost", "127.0.0.2"), ..place };
    for wrong in [strangers, in_clear, unknown, misnamed] {
        run(async {
            let asked = open_to_all(&wrong).lease(&["x".to_owned()], SessionId::random(), PATIENCE).await;
            assert!(asked.is_err(), "{wrong:?}");
        });
    }
}

#[test]
#[ignore = "needs redis-server: tests/run store"]
fn who_reads_redis_has_nothing() {
    let redis = Redis::start();
    let place = redis.place();
    run(async {
        let store = open_to_all(&place);
        let begun = opened(&store, "hemmelig-konto", PATIENCE).await;
        let ticket = Ticket::random();
        let waiting = Waiting { buyer: "acme".into(), hook: begun.hook.clone(), entry: begun.entry.clone() };
        store.wait(ticket, Arc::new(waiting)).await.unwrap();
        let (arrival, token) = (Ticket::random(), Token::random());
        store.expect(arrival, begun.id).await.unwrap();
        let begun = Arc::new(begun.in_addresses(token.id()));
        assert!(store.hand_on(store.arrived(arrival).await.unwrap().unwrap(), begun.clone()).await.unwrap());
        store.take_in(&begun, &sets("late-cookie=late-value; Path=/"), "/").await;
        let written = redis.written();
        let has = |text: &[u8]| written.windows(text.len()).any(|piece| piece == text);
        assert!(has(b"ZADD") && has(b"data"), "the file is where it was looked for");
        let (id, ticket) = (begun.id.to_cookie(), ticket.to_text());
        let (arrival, token) = (arrival.to_text(), token.to_text());
        assert!(has(b"jar_version"));
        for secret in [&arrival, &token, "late-cookie", "late-value"] {
            assert!(!has(secret.as_bytes()), "{secret}");
        }
        for secret in [id.as_str(), &ticket, "hemmelig-konto", "acme.example", "shop-session", "acme"] {
            assert!(!has(secret.as_bytes()), "{secret}");
        }
        let stranger = open_to_all(&StoreAddress { key: Secret::new("another key of 32 characters ....."), ..place });
        assert!(stranger.find(begun.id).await.unwrap().is_none(), "another shop's sidecar sees none of it");
    });
}

#[test]
#[ignore = "needs redis-server: tests/run store"]
fn a_store_that_is_lost_leaves_running_sessions_and_refuses_new_ones() {
    let mut redis = Redis::start();
    let place = redis.place();
    run(async {
        let (one, other) = (open_to_all(&place), open_to_all(&place));
        let begun = opened(&one, "lost", PATIENCE).await;
        redis.freeze(true);
        let asked = Instant::now();
        assert!(one.lease(&["more".into()], SessionId::random(), PATIENCE).await.is_err());
        assert!(asked.elapsed() < Duration::from_secs(3), "a slow store holds nobody up");
        assert!(one.find(begun.id).await.unwrap().is_some(), "seen here lately");
        assert!(other.find(begun.id).await.is_err(), "never seen here: neither open nor over");
        assert_eq!(one.reach(&begun, Stage::Sent).await, Stage::Shopping);
        one.take_in(&begun, &sets("meanwhile=1; Path=/"), "/").await;
        assert_eq!(one.jar(&begun).await.cookie("/").unwrap(), "sid=shop-session; meanwhile=1");
        assert!(one.end(begun.id, Ended::Returned, PATIENCE).await.is_err());
        redis.freeze(false);
        until(async || other.find(begun.id).await.is_ok_and(|found| found.is_some())).await;
        until(async || one.is_open(begun.id).await.is_ok()).await;
        one.find(begun.id).await.unwrap();
        let there = other.find(begun.id).await.unwrap().unwrap();
        assert_eq!(there.handed.stage(), Stage::Sent, "what happened meanwhile is told");
        one.take_in(&begun, &sets("later=1; Path=/"), "/").await;
        assert_eq!(other.jar(&there).await.cookie("/").unwrap(), "sid=shop-session; meanwhile=1; later=1");

        // Restarted, it knows what it wrote down.
        redis.down();
        assert!(one.find(begun.id).await.unwrap().is_some());
        assert!(one.take_over("lost", SessionId::random(), PATIENCE).await.is_err());
        redis.up();
        until(async || other.is_open(begun.id).await.is_ok_and(|open| open)).await;
        until(async || one.is_open(begun.id).await.is_ok()).await;
        end_and_release(&one, &begun).await;
    });
}

#[test]
#[ignore = "needs redis-server: tests/run store"]
fn a_session_that_ends_with_its_idle_time_ends_without_the_store_too() {
    let redis = Redis::start();
    let place = redis.place();
    run(async {
        let store = open_to_all(&place);
        let begun = opened(&store, "short", Duration::from_secs(3)).await;
        redis.freeze(true);
        assert!(store.find(begun.id).await.unwrap().is_some());
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(store.find(begun.id).await.is_err(), "somebody else may have the account by now");
        redis.freeze(false);
    });
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    while !is_so().await {
        assert!(begin.elapsed() < Duration::from_secs(20), "the store does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Fields that came later have a default: an upgrade leaves running sessions. The files are what the first version with a
/// shared store wrote.
#[test]
fn what_an_earlier_version_wrote_is_still_read() {
    let of_today = session(SessionId::random(), "konto", PATIENCE);
    let earlier: Session = serde_json::from_str(include_str!("../fixtures/records/first-session.json")).unwrap();
    assert_eq!((earlier.buyer.as_str(), earlier.account.as_str()), ("acme", "konto"));
    assert!(earlier.hook == of_today.hook && earlier.entry == of_today.entry && earlier.hold == of_today.hold);
    assert_eq!(earlier.jar.cookie("/"), of_today.jar.cookie("/"));
    assert!(!earlier.is_in_addresses() && !earlier.simulated && !earlier.report_only);
    let waiting: Waiting = serde_json::from_str(include_str!("../fixtures/records/first-waiting.json")).unwrap();
    assert!(waiting.buyer == "acme" && waiting.entry == of_today.entry);
}
