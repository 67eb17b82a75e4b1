//! Sessions for a store.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![allow(unreachable_pub, reason = "shared by test files, exported by none")]

use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use punchout_proxy::protocol::oci::entry::Entry;
use punchout_proxy::protocol::oci::hook::Hook;
use punchout_proxy::protocol::oci::names::EntryNames;
use punchout_proxy::session::held::Held;
use punchout_proxy::session::id::{Reference, SessionId};
use punchout_proxy::session::{CarriedBy, Handed, Hold, Session};
use punchout_proxy::shop::{Browser, Jar};

pub const PATIENCE: Duration = Duration::from_secs(3600);
/// A session that ends by itself between two steps.
pub const SHORT: Duration = Duration::from_millis(1);

/// A session of buyer `acme`, with what a session can have.
pub fn session(id: SessionId, account: &str, idle: Duration) -> Session {
    let call = b"HOOK_URL=https%3A%2F%2Facme.example%2F&USERNAME=acme&http_content_charset=iso-8859-15&returntarget=_top&X=bl%E5".as_slice();
    let host = HeaderValue::from_static("shop.example");
    let mut jar = Jar::new();
    let set = HeaderValue::from_static("sid=shop-session; Path=/; HttpOnly");
    jar.take_in(&HeaderMap::from_iter([(SET_COOKIE, set)]), "/", SystemTime::now());
    Session {
        id,
        carried_by: CarriedBy::Cookie,
        held: Held::default(),
        reference: Reference::random(),
        buyer: "acme".into(),
        hook: Some(Hook::parse("https://acme.example/").unwrap()),
        entry: Entry::parse(Some(call), None, &EntryNames::default()).unwrap(),
        accept_language: Some(HeaderValue::from_static("nb")),
        account: account.to_owned(),
        hold: Hold::Lease(account.to_owned()),
        jar,
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
        simulated: false,
    }
}

pub fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}
