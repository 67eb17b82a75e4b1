//! A server's certificate, looked at without speaking to the server: is it to be trusted, and until when?

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::connect::{Connector, builder, connect};
use super::judge::{Judge, in_words, time};
use super::names::Names;
use super::{Origin, PoolLimits};

/// The last second of the year 9999: by then every certificate has ended, and the verifier says when.
const FAR: Duration = Duration::from_secs(253_402_300_799);

/// What was seen of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Its chain leads to an authority that is trusted, and it is for that name.
    Good {
        /// When the first of the chain ends.
        until: Option<SystemTime>,
    },
    /// Why a browser would refuse it.
    Bad(String),
}

/// Looks at the certificate that a TLS server shows for `origin`'s name.
///
/// # Errors
/// A server that cannot be reached or does not speak TLS; a machine without authorities.
pub async fn certificate(origin: &Origin) -> io::Result<Certificate> {
    let Connector::Tls { name, .. } = &origin.connector else {
        return Err(io::Error::other("plain http shows no certificate"));
    };
    let judge = Judge::of(&origin.trust).map_err(io::Error::other)?;
    let witness = Arc::new(Witness { judge, seen: Mutex::default() });
    let mut config = builder()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(witness.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut looked_at = origin.clone();
    looked_at.connector = Connector::Tls { connector: TlsConnector::from(Arc::new(config)), name: name.clone() };
    drop(connect(&looked_at, &Names::of(origin), PoolLimits::default().connect_timeout).await?);
    let seen = witness.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    seen.ok_or_else(|| io::Error::other("the server showed no certificate"))
}

/// Lets every certificate pass and remembers what it was worth: nothing is said on the connection but the handshake.
#[derive(Debug)]
struct Witness {
    judge: Judge,
    seen: Mutex<Option<Certificate>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = |at| self.judge.verify_server_cert(end, between, name, ocsp, at);
        let seen = match judged(now) {
            Ok(_) => Certificate::Good {
                until: judged(UnixTime::since_unix_epoch(FAR)).err().and_then(|error| end_of(&error)),
            },
            Err(error) => Certificate::Bad(in_words(&error)),
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

fn end_of(error: &Error) -> Option<SystemTime> {
    match error {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => Some(time(*not_after)),
        _ => None,
    }
}
