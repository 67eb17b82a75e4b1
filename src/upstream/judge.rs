//! Is a server's certificate to be trusted?
//!
//! As webpki judges it, with one thing added. Many shops inside of a house have a certificate that somebody has signed with
//! itself, and the usual way to make one (`openssl req -x509`) marks it as an authority's; webpki takes those for no
//! server's, also where the file of authorities names that very certificate. Here that is enough: whoever has its key is
//! whom the file means.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::Trust;
use super::connect::roots;

/// Judges certificates by whom an origin trusts.
#[derive(Debug)]
pub(super) struct Judge {
    webpki: Arc<WebPkiServerVerifier>,
    /// Trusted as they are.
    named: Vec<CertificateDer<'static>>,
}

impl Judge {
    /// # Errors
    /// Nobody is trusted, or the machine's authorities cannot be read.
    pub(super) fn of(trust: &Trust) -> Result<Judge, String> {
        let provider = Arc::new(ring::default_provider());
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(trust)?), provider).build();
        let named = match trust {
            Trust::Only(authorities) => authorities.clone(),
            Trust::System | Trust::DangerAnybody => Vec::new(),
        };
        Ok(Judge { webpki: webpki.map_err(|error| error.to_string())?, named })
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.webpki.verify_server_cert(end, between, name, ocsp, now) {
            // Its dates are looked at before that, its name after.
            Err(error) if is_authoritys(&error) && self.named.iter().any(|named| named == end) => {
                verify_server_name(&ParsedCertificate::try_from(end)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Whether a certificate is refused for being marked as an authority's.
fn is_authoritys(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}

/// As the clock has it.
pub(super) fn time(at: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(at.as_secs())
}

/// What is wrong with a certificate, after "the certificate".
pub(super) fn in_words(error: &Error) -> String {
    let day = |at: &UnixTime| humantime::format_rfc3339_seconds(time(*at)).to_string();
    match error {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            format!("expired at {}", day(not_after))
        }
        Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => {
            format!("is not valid before {}", day(not_before))
        }
        Error::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented }) => {
            let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            let presented = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            format!("is for {presented}, not for {}", expected.to_str())
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "is signed by nobody that is trusted here, or a certificate between it and the authority is missing"
                .to_owned()
        }
        other if is_authoritys(other) => {
            "is marked as an authority's, as `openssl req -x509` makes them, and not as a server's: it is only trusted \
             where the file of authorities holds that very certificate"
                .to_owned()
        }
        other => format!("is refused: {other}"),
    }
}

/// A name without what rustls writes around it, as in `DnsName("shop.example")`.
fn bare(presented: &str) -> &str {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(presented).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;

    const OWN: &[u8] = include_bytes!("../../tests/common/tls/own.pem");
    const SHOP: &[u8] = include_bytes!("../../tests/common/tls/shop.pem");

    /// What is wrong with a certificate where one is trusted, asked for by that name so many seconds after 1970.
    fn judged(shown: &[u8], trusted: &[u8], name: &str, now: u64) -> String {
        let read = |pem| CertificateDer::from_pem_slice(pem).unwrap();
        let judge = Judge::of(&Trust::Only(vec![read(trusted)])).unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        judge
            .verify_server_cert(&read(shown), &[], &name, &[], now)
            .map_or_else(|error| in_words(&error), |_| String::new())
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_said_in_words_that_help() {
        // 2027, and the years 2000 and 2128.
        let (now, before, after) = (1_800_000_000, 946_684_800, 5_000_000_000);
        assert_eq!(judged(OWN, OWN, "localhost", now), "");
        assert_eq!(judged(OWN, OWN, "shop.example", now), "is for localhost, 127.0.0.1, not for shop.example");
        assert!(judged(OWN, OWN, "localhost", after).starts_with("expired at 2"));
        assert!(judged(OWN, OWN, "localhost", before).starts_with("is not valid before 2"));
        assert!(
            judged(OWN, SHOP, "localhost", now).contains("that very certificate"),
            "{}",
            judged(OWN, SHOP, "localhost", now)
        );
        assert!(judged(SHOP, OWN, "localhost", now).starts_with("is signed by nobody that is trusted here"));
    }
}
