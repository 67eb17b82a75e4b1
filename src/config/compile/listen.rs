//! Where we listen, and with which certificates.

use std::net::{SocketAddr, ToSocketAddrs};

use super::Notes;
use crate::config::file::{File, OneOrMany};
use crate::config::plan::Listener;
use crate::config::tls::{Pair, Tls};

/// All listeners, plain ones first.
pub(super) fn listeners(file: &File, notes: &mut Notes<'_>) -> Vec<Listener> {
    let plain = addresses("listen", &file.listen, notes);
    let secure = addresses("listen_tls", &file.listen_tls, notes);
    if file.listen.iter().next().is_none() && file.listen_tls.iter().next().is_none() {
        notes.fault("listen", "is missing: the address to listen on, such as \"127.0.0.1:8080\" (or `listen_tls`)");
    }
    if file.listen_tls.iter().next().is_some() && file.tls.is_empty() {
        notes.fault("listen_tls", "needs a certificate: add [[tls]] with `certificate` and `key`");
    }
    for address in secure.iter().filter(|address| plain.contains(address) && address.port() != 0) {
        notes.fault("listen_tls", format!("{address} stands in `listen` too: one of them cannot have it"));
    }
    let announced = addresses("proxy_protocol", &file.proxy_protocol, notes);
    for (n, address) in announced.iter().enumerate() {
        if !plain.contains(address) && !secure.contains(address) {
            let key = indexed("proxy_protocol", &file.proxy_protocol, n);
            notes.fault(key, format!("{address} stands in neither `listen` nor `listen_tls`"));
        }
    }
    if !announced.is_empty() && file.trusted_proxies.is_empty() {
        notes.fault("proxy_protocol", "needs `trusted_proxies`: a PROXY header is believed from nobody else");
    }
    let one = |tls| {
        let announced = &announced;
        move |address| Listener { address, tls, proxy_protocol: announced.contains(&address) }
    };
    plain.into_iter().map(one(false)).chain(secure.into_iter().map(one(true))).collect()
}

/// `[[tls]]`, if there is any.
pub(super) fn tls(file: &File, notes: &mut Notes<'_>) -> Option<Tls> {
    let mut pairs = Vec::new();
    for (n, source) in file.tls.iter().enumerate() {
        let (certificate, key) = (format!("tls[{n}].certificate"), format!("tls[{n}].key"));
        if source.certificate.is_none() {
            notes.fault(
                certificate,
                "is missing: a PEM file with the certificate and those between it and the authority",
            );
        }
        if source.key.is_none() {
            notes.fault(key, "is missing: a PEM file with the certificate's private key");
        }
        if let (Some(certificate), Some(key)) = (&source.certificate, &source.key) {
            pairs.push(Pair { certificate: notes.folder.join(certificate), key: notes.folder.join(key) });
        }
    }
    if pairs.len() < file.tls.len() || pairs.is_empty() {
        return None;
    }
    if file.listen_tls.iter().next().is_none() {
        notes.warn("tls", "is not used: `listen_tls` names no address");
    }
    match Tls::load(pairs) {
        Ok(tls) => Some(tls),
        Err(faults) => {
            for (n, fault) in faults {
                notes.fault(format!("tls[{n}]"), fault);
            }
            None
        }
    }
}

fn addresses(key: &str, list: &OneOrMany, notes: &mut Notes<'_>) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for (n, text) in list.iter().enumerate() {
        match text.to_socket_addrs() {
            Ok(addresses) => found.extend(addresses),
            Err(_) => {
                let key = indexed(key, list, n);
                notes.fault(key, format!("`{text}` is not `address:port`, such as \"127.0.0.1:8080\""));
            }
        }
    }
    found
}

fn indexed(key: &str, list: &OneOrMany, n: usize) -> String {
    match list {
        OneOrMany::Many(_) if n > 0 => format!("{key}[{n}]"),
        _ => key.to_owned(),
    }
}
