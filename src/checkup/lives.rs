//! How long the shop remembers who has signed in, against how long a session may last here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use http::header::SET_COOKIE;

use super::{CLOCK, Check};
use crate::config::plan::SessionLimits;
use crate::shop::{Jar, Page, SignIn, SignedIn, Visit};

/// What a report calls it.
pub(super) const NAME: &str = "shop-session";

/// A cookie with an end, or a token with a beginning.
struct Life {
    name: String,
    begins: Option<SystemTime>,
    ends: Option<SystemTime>,
}

impl Life {
    fn of((name, value, ends): (&str, &[u8], Option<SystemTime>)) -> Life {
        let claims = claims(value);
        let time = |claim: &str| {
            let seconds = claims.as_ref()?.get(claim)?.as_f64().filter(|seconds| (0.0..1e11).contains(seconds))?;
            Some(UNIX_EPOCH + Duration::from_secs_f64(seconds))
        };
        let ends = [ends, time("exp")].into_iter().flatten().min();
        Life { name: name.to_owned(), begins: time("nbf").or_else(|| time("iat")), ends }
    }
}

/// What a JSON Web Token says of itself; its signature is the shop's business.
fn claims(value: &[u8]) -> Option<serde_json::Value> {
    let mut parts = value.split(|byte| *byte == b'.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload).ok()?).ok()
}

/// Looks at the cookies of somebody who has just signed in.
pub(super) async fn look(limits: &SessionLimits, rules: &SignIn, visit: &Visit, signed_in: &SignedIn) -> Check {
    let (jar, now) = (visit.jar(), SystemTime::now());
    let lives: Vec<Life> = jar.lives().map(Life::of).collect();
    for life in &lives {
        if let Some(ahead) = life.begins.and_then(|at| at.duration_since(now).ok()).filter(|by| by.as_secs() > CLOCK) {
            let seen = format!("the token in `{}` begins only in {} by this clock", life.name, spoken(ahead));
            return Check::fault(NAME, seen, "let NTP set both clocks: a token that has not begun signs nobody in");
        }
    }
    let soon = |life: &Life| Some((life.name.clone(), life.ends?.duration_since(now).unwrap_or_default()));
    let mut soon: Vec<_> = lives.iter().filter_map(soon).filter(|(_, left)| *left < limits.longest).collect();
    soon.sort_by_key(|(_, left)| *left);
    if soon.is_empty() {
        return Check::ok(NAME, lasting(&lives, now));
    }
    // What the shop shows to who has all of them, and sets anew.
    let page = &signed_in.page;
    let open = async |jar: Jar| visit.with_jar(jar).open(page.address()).await.ok();
    let all = open(jar.clone()).await.filter(|page| rules.shows(page) == Some(true));
    let Some(all) = all else {
        let seen = format!("{}; whether that matters cannot be told", told(&soon));
        return Check::ok(NAME, format!("{seen}: on {} no element of `success` shows", page.url.path()));
    };
    for (name, left) in &soon {
        let without = open(jar.without(name)).await;
        if without.is_none_or(|page| rules.shows(&page) == Some(true)) {
            continue;
        }
        if let Some(check) = judge(name, *left, sets(&all, name), limits) {
            return check;
        }
    }
    Check::ok(NAME, format!("{}; no session is cut short by it", told(&soon)))
}

/// `name` is a cookie without which nobody is signed in, and `left` what it has. Nothing where that does.
fn judge(name: &str, left: Duration, is_renewed: bool, limits: &SessionLimits) -> Option<Check> {
    let left_told = spoken(left);
    if is_renewed {
        let advice = format!("set `session.idle` (now {}) below it", spoken(limits.idle));
        let seen =
            format!("the shop signs a buyer out {left_told} after the last page (`{name}`): our session goes on");
        return (left < limits.idle).then(|| Check::warning(NAME, seen, advice));
    }
    let advice = format!(
        "set `session.longest` (now {}) below it, or let the shop's sign-in last longer",
        spoken(limits.longest)
    );
    let seen = format!("the shop signs a buyer out {left_told} after signing in (`{name}`), whatever it does");
    (left < limits.longest).then(|| Check::warning(NAME, seen, advice))
}

fn sets(page: &Page, name: &str) -> bool {
    let lines = page.headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.filter_map(|line| line.split('=').next()).any(|set| set.trim() == name)
}

fn lasting(lives: &[Life], now: SystemTime) -> String {
    let shortest = lives.iter().filter_map(|life| Some((life.ends?.duration_since(now).ok()?, &life.name))).min();
    match shortest {
        Some((left, name)) => {
            format!("the shop's cookies outlast a session: the first, `{name}`, ends in {}", spoken(left))
        }
        None => "the shop's cookies name no end; how long it remembers them by itself, it does not tell".to_owned(),
    }
}

fn told(soon: &[(String, Duration)]) -> String {
    let told: Vec<_> = soon.iter().map(|(name, left)| format!("`{name}` ends in {}", spoken(*left))).collect();
    told.join(", ")
}

fn spoken(time: Duration) -> String {
    // A moment has passed since it was set.
    let minutes = Duration::from_secs(time.as_secs_f64().round() as u64);
    humantime::format_duration(minutes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_its_beginning_and_its_end() {
        let token = |claims: &str| format!("eyJhbGciOiJIUzI1NiJ9.{}.c2ln", BASE64URL_NOPAD.encode(claims.as_bytes()));
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let life = |value: &str, ends| Life::of(("sid", value.as_bytes(), ends));
        let both = life(&token(r#"{"sub":"kari","iat":1000,"exp":4600}"#), Some(at(9000)));
        assert_eq!((both.begins, both.ends), (Some(at(1000)), Some(at(4600))));
        let of_cookie = life(&token(r#"{"nbf":1.5,"exp":"soon"}"#), Some(at(9000)));
        assert_eq!((of_cookie.begins.is_some(), of_cookie.ends), (true, Some(at(9000))));
        for other in ["", "a.b.c", "abc", "1.2.3.4", &token("[]"), &token(r#"{"exp":-5,"iat":1e99}"#)] {
            let life = life(other, None);
            assert!(life.begins.is_none() && life.ends.is_none(), "{other}");
        }
    }

    #[test]
    fn a_session_must_not_outlive_the_shops() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let (idle, longest) = (minutes(30), minutes(480));
        let limits = SessionLimits { idle, longest, most: 1, report_only_share: 0.0, store: None };
        let advice = |left, is_renewed| judge("sid", minutes(left), is_renewed, &limits).map(|check| check.advice);
        for (left, is_renewed, expected) in [
            (20, true, Some("`session.idle` (now 30m)")),
            (30, true, None),
            (479, false, Some("`session.longest` (now 8h)")),
            (20, false, Some("`session.longest`")),
            (480, false, None),
        ] {
            let told = advice(left, is_renewed);
            assert_eq!(told.is_some(), expected.is_some(), "{left} {is_renewed}: {told:?}");
            assert!(told.unwrap_or_default().contains(expected.unwrap_or_default()), "{left} {is_renewed}");
        }
    }
}
