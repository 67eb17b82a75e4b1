//! A shop behind TLS: checked, or not spoken to.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use common::Proxy;
use punchout_proxy::upstream::{Origin, Trust};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Valid for `localhost` and 127.0.0.1 until the year 2126.
const CERTIFICATE: &[u8] = include_bytes!("common/tls/shop.pem");
const KEY: &[u8] = include_bytes!("common/tls/shop.key");
/// Signed with itself, as `openssl req -x509` makes it: for the same names, and marked as an authority's.
const OWN: &[u8] = include_bytes!("common/tls/own.pem");
const OWN_KEY: &[u8] = include_bytes!("common/tls/own.key");
const AUTHORITY: &[u8] = include_bytes!("common/tls/ca.pem");

/// Answers each connection's first request, then ends it. Gives its port, which is open on every loopback address, so
/// that nothing but the certificate can refuse one.
fn shop(certificate: &[u8], key: &[u8]) -> u16 {
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate).unwrap()],
            PrivateKeyDer::from_pem_slice(key).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let session = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(session, socket.unwrap());
            let mut head = [0; 4096];
            // A client that does not like the certificate ends here.
            if stream.read(&mut head).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nsecret");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    port
}

fn ask(host: &str, trust: &Trust) -> (u16, Vec<u8>) {
    ask_at(shop(CERTIFICATE, KEY), host, trust)
}

fn ask_at(port: u16, host: &str, trust: &Trust) -> (u16, Vec<u8>) {
    let url = format!("https://{host}:{port}").parse().unwrap();
    let origin = Origin::trusting(&url, trust).unwrap();
    let proxy = Proxy::with("127.0.0.1:1".parse().unwrap(), |plan| plan.origin = origin);
    let answer = proxy.connect().ask("GET", "/", "").unwrap();
    (answer.head.status(), answer.body)
}

fn authority() -> Trust {
    Trust::Only(vec![CertificateDer::from_pem_slice(AUTHORITY).unwrap()])
}

#[test]
fn a_shop_whose_authority_is_trusted_is_reached_by_name_and_by_address() {
    for host in ["localhost", "127.0.0.1"] {
        assert_eq!(ask(host, &authority()), (200, b"secret".to_vec()), "{host}");
    }
}

#[test]
fn with_the_alarming_name_whoever_answers_is_the_shop() {
    assert_eq!(ask("127.0.0.2", &Trust::DangerAnybody), (200, b"secret".to_vec()));
}

#[test]
fn a_shop_that_cannot_prove_its_name_is_a_502() {
    assert_eq!(ask("127.0.0.2", &authority()).0, 502, "a certificate for another name");
    let stranger = Trust::Only(vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()]);
    assert_eq!(ask("localhost", &stranger).0, 502, "an authority nobody named");
}

#[test]
fn a_shop_whose_certificate_is_signed_with_itself_is_trusted_where_that_very_one_is_named() {
    let only = |certificate| Trust::Only(vec![CertificateDer::from_pem_slice(certificate).unwrap()]);
    for host in ["localhost", "127.0.0.1"] {
        assert_eq!(ask_at(shop(OWN, OWN_KEY), host, &only(OWN)), (200, b"secret".to_vec()), "{host}");
    }
    assert_eq!(ask_at(shop(OWN, OWN_KEY), "127.0.0.2", &only(OWN)).0, 502, "a certificate for another name");
    assert_eq!(ask_at(shop(OWN, OWN_KEY), "localhost", &authority()).0, 502, "nobody named it");
}
