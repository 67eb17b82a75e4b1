//! An address that is told of something.

use std::fmt;

use data_encoding::BASE64;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use url::{Position, Url};

use super::Origin;
use super::origin::OriginError;

/// Where to post to. All of its address but the server may be the secret that opens it, and is not printed.
#[derive(Clone)]
pub struct Webhook {
    /// The server.
    pub origin: Origin,
    /// Path and query.
    pub target: Uri,
    /// The address's user name and password, as the server wants them.
    pub authorization: Option<HeaderValue>,
}

impl Webhook {
    /// Reads an `http` or `https` address.
    ///
    /// # Errors
    /// What is wrong with it, without the address.
    pub fn parse(text: &str) -> Result<Webhook, String> {
        let wrong = "is no address such as \"https://alarms.example/hook\"";
        let url = Url::parse(text).map_err(|_| wrong)?;
        let server = Url::parse(&url.origin().ascii_serialization()).map_err(|_| wrong)?;
        let origin = Origin::from_url(&server).map_err(|error| match error {
            OriginError::Tls(reason) => format!("cannot be reached by TLS: {reason}"),
            _ => wrong.to_owned(),
        })?;
        let target = url[Position::BeforePath..Position::AfterQuery].parse().map_err(|_| wrong)?;
        Ok(Webhook { origin, target, authorization: authorization(&url) })
    }

    /// An address for people to see: the server, and nothing that may be a secret.
    pub fn masked(address: &str) -> String {
        match Url::parse(address) {
            Ok(url) if url.has_host() => format!("{}/***", url.origin().ascii_serialization()),
            _ => "***".to_owned(),
        }
    }
}

/// As `Basic` has it (RFC 7617).
fn authorization(url: &Url) -> Option<HeaderValue> {
    let (user, password) = (url.username(), url.password());
    if user.is_empty() && password.is_none() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(user).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(password.unwrap_or_default()));
    let mut header = HeaderValue::from_str(&format!("Basic {}", BASE64.encode(&pair))).ok()?;
    header.set_sensitive(true);
    Some(header)
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({}/...)", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_it_is_sent_and_never_printed() {
        let address = "http://bot:s%40cret@alarms.example:8443/T0K3N/x?key=s3cr3t#frag";
        let webhook = Webhook::parse(address).unwrap();
        assert_eq!(webhook.target, "/T0K3N/x?key=s3cr3t");
        assert_eq!(webhook.authorization.as_ref().unwrap(), &format!("Basic {}", BASE64.encode(b"bot:s@cret")));
        assert_eq!(format!("{webhook:?}"), "Webhook(http://alarms.example:8443/...)");
        assert_eq!(Webhook::masked(address), "http://alarms.example:8443/***");
        assert_eq!(Webhook::parse("http://alarms.example").unwrap().authorization, None);
        for (address, shown) in [
            ("https://T0K3N@alarms.example/", "https://alarms.example/***"),
            ("http://[::1]:80/T0K3N", "http://[::1]/***"),
            ("alarms/T0K3N", "***"),
            ("data:T0K3N", "***"),
        ] {
            assert_eq!(Webhook::masked(address), shown);
        }
        for wrong in ["alarms/T0K3N", "ftp://alarms.example/T0K3N", "data:T0K3N", "http://"] {
            let told = Webhook::parse(wrong).unwrap_err();
            assert!(told.starts_with("is no address") && !told.contains("T0K3N"), "{told}");
        }
    }
}
