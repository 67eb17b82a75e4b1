//! The end of a session in the browser.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue, SET_COOKIE};

use super::Asker;
use crate::config::plan::{Buyer, Cancel};
use crate::exchange::Exchange;
use crate::protocol::oci::hook::HookRule;
use crate::rewrite::embed;
use crate::session::cookie;

/// More cookies no browser keeps for a host.
const MOST_COOKIES: usize = 180;

/// After a session the browser is still signed in to the shop, with the agreed account: as a visitor it could place an
/// order there. So its cookies for this host are taken away, as far as a server can.
pub(super) fn sign_in(x: &Exchange, who: &Asker, headers: &mut HeaderMap) {
    if x.root().is_some() {
        // It never had them, and those that it may have are a visitor's.
        return;
    }
    let carried = who.ours.iter().flat_map(|ours| &ours.cookies);
    let mut lines: Vec<_> = carried.flat_map(cookie::expire_all).collect();
    lines.sort();
    lines.dedup();
    lines.truncate(MOST_COOKIES);
    lines.push(cookie::end(x.secure()));
    if x.secure() && x.plan().buyers.any_framed() {
        // What a frame has is kept apart from what a window has, and is taken away apart from it.
        let framed: Vec<_> = lines.iter().map(embed::in_frame).collect();
        lines.extend(framed);
    }
    for line in lines {
        headers.append(SET_COOKIE, line);
    }
    if x.secure() && !is_beside_a_buyer(x, who) {
        // Reaches cookies of any path and domain; browsers heed it over https alone.
        headers.insert(HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cookies\""));
    }
}

/// Whether a buyer's system may be in the same domain as the shop, where browsers would take its cookies away with the
/// shop's: the buyer, who has just left for it, would be signed out there.
fn is_beside_a_buyer(x: &Exchange, who: &Asker) -> bool {
    let called = who.ours.as_ref().and_then(|ours| ours.host.as_ref()?.to_str().ok()).unwrap_or_default();
    let host = x.plan().public.as_ref().map_or(called, |public| public.authority.as_str());
    x.plan().buyers.iter().any(|buyer| places(buyer).any(|place| may_share_domain(host, &place)))
}

/// Where a buyer's system is, as far as it is known.
fn places(buyer: &Buyer) -> impl Iterator<Item = String> {
    let link = match &buyer.form.cancel {
        Cancel::Link(address) => Some(address.clone()),
        Cancel::Post | Cancel::None => None,
    };
    let all = buyer.hooks.iter().filter_map(HookRule::origin).chain(buyer.framed_by.iter().cloned()).chain(link);
    all.map(|origin| host_of(&origin).to_owned())
}

fn host_of(origin: &str) -> &str {
    let rest = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// Whether two hosts, each perhaps with a port, may be under one registered domain. What is registered under `co.uk` only a
/// long list tells; without it such neighbours count as one house, for it is the lesser fault to leave a cookie.
fn may_share_domain(one: &str, other: &str) -> bool {
    let name = |host: &str| {
        let port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let host = host.rsplit_once(':').filter(|(_, end)| port(end)).map_or(host, |(host, _)| host);
        host.trim_end_matches('.').to_lowercase()
    };
    let (one, other) = (name(one), name(other));
    let is_address = |host: &str| host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    if is_address(&one) || is_address(&other) {
        return one == other;
    }
    let domain = |host: &str| host.rsplit('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    domain(&one) == domain(&other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_be_under_one_domain() {
        for (one, other) in [
            ("shop.acme.example", "srm.acme.example"),
            ("shop.acme.example:8443", "SRM.ACME.EXAMPLE."),
            ("acme.example", "*.acme.example"),
            ("localhost:1", "localhost:2"),
            ("192.0.2.1:80", "192.0.2.1:81"),
        ] {
            assert!(may_share_domain(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("shop.example", "srm.acme.example"),
            ("192.0.2.1", "198.51.2.1"),
            ("[2001:db8::1]:80", "[2001:db8::2]:80"),
            ("shop.example", "192.0.2.1"),
        ] {
            assert!(!may_share_domain(one, other), "{one} {other}");
        }
        assert_eq!(host_of("https://*.acme.example/sap/"), "*.acme.example");
    }
}
