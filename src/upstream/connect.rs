//! Opening a connection to the shop: every address of its name is tried, TLS where the origin asks for it.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use super::judge::{Judge, in_words};
use super::names::Names;
use super::{Origin, Trust};

/// Bytes that wait in the machine to be sent.
const UNSENT: u32 = 1 << 20;

/// What is done to a TCP connection before HTTP is spoken on it.
#[derive(Clone)]
pub(super) enum Connector {
    Plain,
    Tls { connector: TlsConnector, name: ServerName<'static> },
}

impl Connector {
    /// TLS, with the shop's certificate checked against `trust` and its name against `host`.
    pub(super) fn tls(host: &Host<&str>, trust: &Trust) -> Result<Self, String> {
        if *trust == Trust::DangerAnybody {
            return Connector::tls_to(host, unchecked()?);
        }
        let judge = Arc::new(Judge::of(trust)?);
        Connector::tls_to(host, builder()?.dangerous().with_custom_certificate_verifier(judge).with_no_client_auth())
    }

    fn tls_to(host: &Host<&str>, mut config: ClientConfig) -> Result<Self, String> {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = match host {
            Host::Domain(name) => ServerName::try_from((*name).to_owned()).map_err(|error| error.to_string())?,
            Host::Ipv4(address) => ServerName::from(std::net::IpAddr::from(*address)),
            Host::Ipv6(address) => ServerName::from(std::net::IpAddr::from(*address)),
        };
        Ok(Connector::Tls { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

/// The authorities whose word is taken; where anybody is trusted, those of the machine.
pub(super) fn roots(trust: &Trust) -> Result<rustls::RootCertStore, String> {
    let mut roots = rustls::RootCertStore::empty();
    let mut why = "no certificate authority was given".to_owned();
    match trust {
        Trust::Only(authorities) => {
            roots.add_parsable_certificates(authorities.iter().cloned());
        }
        Trust::System | Trust::DangerAnybody => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            why = match found.errors.first() {
                Some(error) => format!("the machine's root certificates cannot be read: {error}"),
                None => "this machine has no root certificates (package ca-certificates)".to_owned(),
            };
        }
    }
    if roots.is_empty() { Err(why) } else { Ok(roots) }
}

pub(super) fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())
}

fn unchecked() -> Result<ClientConfig, String> {
    let schemes = ring::default_provider().signature_verification_algorithms.supported_schemes();
    let verifier = Arc::new(Anybody { schemes });
    Ok(builder()?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Believes everything: `shop.danger_accept_any_certificate`.
#[derive(Debug)]
struct Anybody {
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for Anybody {
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
        self.schemes.clone()
    }
}

/// A connection to the shop, encrypted or not.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS; boxed, for its state is a thousand bytes and more.
    Tls(Box<TlsStream<TcpStream>>),
    /// A Unix socket.
    Unix(UnixStream),
}

/// Opens a connection. The name is looked up each time, and every address of it is tried; one that is silent has its
/// share of the time alone.
///
/// # Errors
/// That of the name, or the last address's when none answers.
pub(super) async fn connect(origin: &Origin, names: &Names, within: Duration) -> io::Result<Stream> {
    let end = Instant::now() + within;
    let late = |what: &str| io::Error::new(io::ErrorKind::TimedOut, format!("{what} within {within:?}"));
    if let Some(socket) = &origin.socket {
        let stream = timeout_at(end, UnixStream::connect(socket)).await;
        return stream.map_err(|_| late("no connection"))?.map(Stream::Unix);
    }
    let tcp = connect_tcp(names, within, end).await?;
    tcp.set_nodelay(true)?;
    bound_unsent(&tcp);
    match &origin.connector {
        Connector::Plain => Ok(Stream::Tcp(tcp)),
        Connector::Tls { connector, name } => {
            let tls = timeout_at(end, connector.connect(name.clone(), tcp)).await;
            let tls = tls.map_err(|_| late("a connection, but no TLS"))?.map_err(told)?;
            Ok(Stream::Tls(Box::new(tls)))
        }
    }
}

async fn connect_tcp(names: &Names, within: Duration, end: Instant) -> io::Result<TcpStream> {
    let addresses = names.addresses(within).await?;
    let mut last = None;
    for (tried, &address) in addresses.iter().enumerate() {
        let share = end.saturating_duration_since(Instant::now()) / (addresses.len() - tried) as u32;
        let error = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => io::Error::new(error.kind(), format!("{address}: {error}")),
            Err(_) => io::Error::new(io::ErrorKind::TimedOut, format!("{address}: no connection within {share:.1?}")),
        };
        names.shun(address);
        last = Some(error);
    }
    // Names have one address at least.
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

/// Bounds what the machine takes to send on a connection whose other side does not read. Left to itself it takes
/// [several times as much](https://docs.kernel.org/networking/ip-sysctl.html), and because of how fast it does so, grows
/// the buffer of the side that writes too: twenty megabytes and more for one reader who sleeps. What is on its way does
/// not count, so nothing becomes slower.
pub fn bound_unsent<S: AsFd>(socket: &S) {
    // A kernel without it serves as well.
    let _ = SockRef::from(socket).set_tcp_notsent_lowat(UNSENT);
}

/// A certificate that is refused, in words that help.
fn told(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(refused @ rustls::Error::InvalidCertificate(_)) => {
            io::Error::new(error.kind(), format!("the server's certificate {}", in_words(refused)))
        }
        _ => error,
    }
}

macro_rules! each {
    ($stream:expr, $inner:ident => $do:expr) => {
        match $stream {
            Stream::Tcp($inner) => $do,
            Stream::Tls($inner) => $do,
            Stream::Unix($inner) => $do,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        each!(self, stream => stream.is_write_vectored())
    }
}
