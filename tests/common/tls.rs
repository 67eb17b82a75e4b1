//! A client that speaks TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::PATIENCE;

/// Looks at no certificate: the tests compare them.
#[derive(Debug)]
struct Blind;

impl ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// What a client offers that trusts anybody.
pub fn settings(versions: &[&'static rustls::SupportedProtocolVersion], protocols: &[&[u8]]) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Blind))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config
}

/// A connection on which TLS is spoken.
pub struct Client(pub StreamOwned<ClientConnection, TcpStream>);

impl Client {
    pub fn connect(address: SocketAddr, name: &str) -> Self {
        Client::speaking(address, name, rustls::ALL_VERSIONS, &[])
    }

    /// A connection that a front proxy announces by a PROXY header.
    pub fn announced(address: SocketAddr, name: &str, header: &[u8]) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(header).unwrap();
        Client::on(socket, name, rustls::ALL_VERSIONS, &[])
    }

    pub fn speaking(
        address: SocketAddr,
        name: &str,
        versions: &[&'static rustls::SupportedProtocolVersion],
        protocols: &[&[u8]],
    ) -> Self {
        Client::on(TcpStream::connect(address).unwrap(), name, versions, protocols)
    }

    fn on(
        mut socket: TcpStream,
        name: &str,
        versions: &[&'static rustls::SupportedProtocolVersion],
        protocols: &[&[u8]],
    ) -> Self {
        let config = settings(versions, protocols);
        let mut session =
            ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut socket).unwrap();
        }
        Client(StreamOwned::new(session, socket))
    }

    pub fn certificate(&self) -> &CertificateDer<'_> {
        &self.0.conn.peer_certificates().unwrap()[0]
    }

    /// A request, and its answer's head and body as far as they came in one piece with a length.
    pub fn ask(&mut self, more: &str) -> String {
        write!(self.0, "GET / HTTP/1.1\r\nHost: localhost\r\n{more}\r\n").unwrap();
        let mut answer = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&answer).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    return text;
                }
            }
            let mut piece = [0; 4096];
            let count = self.0.read(&mut piece).unwrap();
            assert_ne!(count, 0, "{text}");
            answer.extend_from_slice(&piece[..count]);
        }
    }
}
