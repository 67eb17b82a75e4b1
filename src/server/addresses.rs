//! How many connections each client address has open, where that is limited.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Limits;

/// Open connections by address. Touched when a connection begins and ends, never for a request; and not at all where
/// there is no limit.
#[derive(Debug, Default)]
pub(super) struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// One connection's place in the count of its address.
#[derive(Debug)]
pub(super) struct Place {
    of: Option<(Arc<Addresses>, IpAddr)>,
}

impl Addresses {
    /// A place for one more connection of `address`; nothing where it has as many as it may.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, limits: &Limits) -> Option<Place> {
        let Some(most) = limits.connections_per_address else { return Some(Place { of: None }) };
        // A front proxy's connections are those of all its clients.
        if limits.trusts(address) {
            return Some(Place { of: None });
        }
        let address = one_client(address);
        let mut open = self.lock();
        let count = open.entry(address).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { of: Some((self.clone(), address)) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((addresses, address)) = self.of.take() else { return };
        let mut open = addresses.lock();
        match open.get_mut(&address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.remove(&address);
            }
        }
    }
}

/// Who has one IPv6 address has the other 2^64 of its network too.
fn one_client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_connections_and_no_more_until_one_ends() {
        let addresses = Arc::new(Addresses::default());
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let limits = Limits { connections_per_address: Some(2), trusted_proxies, ..Limits::default() };
        let enter = |address: &str| addresses.enter(address.parse().unwrap(), &limits);
        let first = enter("192.0.2.1");
        let second = enter("::ffff:192.0.2.1");
        assert!(first.is_some() && second.is_some());
        assert!(enter("192.0.2.1").is_none());
        assert!(enter("192.0.2.2").is_some(), "another address");
        drop(second);
        assert!(enter("192.0.2.1").is_some());
        let network: Vec<_> = (1..=3).map(|n| enter(&format!("2001:db8::{n}"))).collect();
        assert!(network[1].is_some() && network[2].is_none(), "one /64 is one client");
        let proxies: Vec<_> = (0..5).map(|_| enter("10.1.2.3")).collect();
        assert!(proxies.iter().all(Option::is_some), "a front proxy has many clients");
        drop((first, network, proxies));
        assert!(addresses.lock().is_empty(), "nothing is remembered of those who left");
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let addresses = Arc::new(Addresses::default());
        let _place = addresses.enter("192.0.2.1".parse().unwrap(), &Limits::default()).unwrap();
        assert!(addresses.lock().is_empty());
    }
}
