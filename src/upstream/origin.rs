//! Where the shop really is.

use std::fmt;
use std::path::PathBuf;

use http::HeaderValue;
use rustls::pki_types::CertificateDer;
use url::{Host, Url};

use super::connect::Connector;

/// Whose word on the shop's certificate is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The certificate authorities that this machine trusts.
    #[default]
    System,
    /// These alone: a shop with an authority of its own.
    Only(Vec<CertificateDer<'static>>),
    /// Whoever answers is taken for the shop. Only where nobody else can be on the way.
    DangerAnybody,
}

/// How the shop is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP/1.1.
    Http,
    /// HTTP/1.1 over TLS, the certificate checked.
    Https,
}

/// The shop's address. Two origins are equal when a connection to one serves for the other.
#[derive(Clone)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
    host_header: HeaderValue,
    /// A Unix socket, instead of host and port.
    pub(super) socket: Option<PathBuf>,
    pub(super) trust: Trust,
    pub(super) connector: Connector,
}

/// Why a URL is no origin.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// Neither `http` nor `https`.
    #[error("the shop's address must begin with http:// or https://, not {0}://")]
    Scheme(String),
    /// No host in it.
    #[error("the shop's address names no host")]
    NoHost,
    /// A path, query, fragment or user name, none of which an origin has.
    #[error("the shop's address must be scheme, host and port alone: leave out {0}")]
    TooMuch(&'static str),
    /// The machine's root certificates cannot be read.
    #[error("TLS to the shop: {0}")]
    Tls(String),
}

impl Origin {
    /// From `http://host[:port]` or `https://host[:port]`.
    ///
    /// # Errors
    /// See [`OriginError`]; for `https` also when this machine has no root certificates to check the shop's against.
    pub fn from_url(url: &Url) -> Result<Self, OriginError> {
        Origin::trusting(url, &Trust::System)
    }

    /// The same, with a say in whose certificates are accepted. Plain `http` asks nobody.
    ///
    /// # Errors
    /// As [`Origin::from_url`].
    pub fn trusting(url: &Url, trust: &Trust) -> Result<Self, OriginError> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(OriginError::Scheme(other.into())),
        };
        let host = url.host().ok_or(OriginError::NoHost)?;
        for (present, what) in [
            (!matches!(url.path(), "" | "/"), "the path"),
            (url.query().is_some(), "the query"),
            (url.fragment().is_some(), "the fragment"),
            (!url.username().is_empty() || url.password().is_some(), "the user name"),
        ] {
            if present {
                return Err(OriginError::TooMuch(what));
            }
        }
        let written = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        let connector = match scheme {
            Scheme::Http => Connector::Plain,
            Scheme::Https => Connector::tls(&host, trust).map_err(OriginError::Tls)?,
        };
        Ok(Origin {
            scheme,
            host: match host {
                Host::Ipv6(address) => address.to_string(),
                other => other.to_string(),
            },
            port: url.port_or_known_default().ok_or(OriginError::NoHost)?,
            host_header: HeaderValue::from_str(&written).map_err(|_| OriginError::NoHost)?,
            connector,
            socket: None,
            trust: trust.clone(),
        })
    }

    /// A shop behind the Unix socket at `path`, whose own name is `host`.
    ///
    /// # Errors
    /// [`OriginError::NoHost`] where `host` is no name.
    pub fn unix(path: impl Into<PathBuf>, host: &str) -> Result<Self, OriginError> {
        Ok(Origin {
            scheme: Scheme::Http,
            host: host.to_owned(),
            port: 80,
            host_header: HeaderValue::from_str(host).map_err(|_| OriginError::NoHost)?,
            connector: Connector::Plain,
            socket: Some(path.into()),
            trust: Trust::System,
        })
    }

    /// Plain or TLS.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whose word on its certificate is taken.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The name or address to resolve; IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The shop's own name as a Host field has it: for requests that no client's Host belongs to.
    pub fn host_header(&self) -> &HeaderValue {
        &self.host_header
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.host == other.host
            && self.port == other.port
            && self.socket == other.socket
            && self.trust == other.trust
    }
}

impl Eq for Origin {}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(socket) = &self.socket {
            return write!(f, "unix:{}", socket.display());
        }
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.host_header.to_str().unwrap_or(&self.host))
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Result<Origin, OriginError> {
        Origin::from_url(&url.parse().unwrap())
    }

    #[test]
    fn host_field_names_a_port_only_where_the_url_does() {
        for (url, host, port, header) in [
            ("http://127.0.0.1:3000", "127.0.0.1", 3000, "127.0.0.1:3000"),
            ("http://shop.example/", "shop.example", 80, "shop.example"),
            ("http://[::1]:8080", "::1", 8080, "[::1]:8080"),
        ] {
            let origin = origin(url).unwrap();
            assert_eq!((origin.host(), origin.port()), (host, port));
            assert_eq!(origin.host_header(), header);
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for url in ["ftp://shop.example", "http://shop.example/a", "http://shop.example/?q", "http://u:p@shop.example"]
        {
            assert!(origin(url).is_err(), "{url}");
        }
    }
}
