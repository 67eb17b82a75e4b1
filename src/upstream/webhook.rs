//! An address that is told of something.

use std::fmt;

use http::Uri;
use url::Url;

use super::Origin;

/// Where to post to. Its path and query may be the secret that opens it: they are not printed.
#[derive(Clone)]
pub struct Webhook {
    /// The server.
    pub origin: Origin,
    /// Path and query.
    pub target: Uri,
}

impl Webhook {
    /// Reads an `http` or `https` address.
    ///
    /// # Errors
    /// What is wrong with it, without the address.
    pub fn parse(text: &str) -> Result<Webhook, String> {
        let told = "is no address such as \"https://alarms.example/hook\"";
        let url = Url::parse(text).map_err(|_| told.to_owned())?;
        let mut server = url.clone();
        server.set_path("/");
        server.set_query(None);
        server.set_fragment(None);
        let origin = Origin::from_url(&server).map_err(|error| format!("{told}: {error}"))?;
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        Ok(Webhook { origin, target: target.parse().map_err(|_| told.to_owned())? })
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({}/...)", self.origin)
    }
}
