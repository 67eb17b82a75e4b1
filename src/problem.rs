//! What can go wrong with one request, whose fault it is, and what the person who meets it is told.
//!
//! A [`Problem`] is born where something fails, carried up by `?`, logged once and turned into an answer once
//! (`pages::problem`). Its [`Kind`] fixes side, status and code, so that ops can search for a code and
//! always find the same cause.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The browser or procurement system sent something we cannot serve.
    Client,
    /// The webshop did not answer, or not as configured.
    Shop,
    /// This program, or what it was configured to do.
    Ours,
}

/// What went wrong. Each kind has one code, one side and one status, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Not HTTP as RFC 9110 and 9112 have it.
    BadRequest,
    /// A method that a reverse proxy does not serve (CONNECT).
    MethodNotAllowed,
    /// A method or coding that we refuse on purpose (TRACE, unknown transfer codings).
    NotImplemented,
    /// The request's path and query are over the configured limit.
    UriTooLong,
    /// The request's body is over the configured limit.
    BodyTooLarge,
    /// The client did not send its request in time.
    RequestTimeout,
    /// A catalog call without what every catalog call needs, or with a value that cannot be read.
    EntryIncomplete,
    /// Unknown buyer or wrong password: deliberately not told apart.
    EntryRefused,
    /// A browser asked for a catalog call as a picture or by a script: not as a page that somebody opens.
    EntryNotPage,
    /// HOOK_URL is not on the buyer's allow-list, or not a URL a cart may be sent to.
    HookRefused,
    /// An OCI FUNCTION that is not configured.
    FunctionUnsupported,
    /// An OCI FUNCTION whose answer nobody has published.
    FunctionUndefined,
    /// A function for the buyer's server, asked for from an address that is not the server's.
    FunctionAddress,
    /// A function could not be answered now; to answer it with nothing would say that there is nothing.
    FunctionFailed,
    /// Too many punchouts from there in too short a time.
    EntryTooMany,
    /// The shop's sign-in page or its form was not found.
    SignInFormMissing,
    /// The shop did not accept the buyer's account.
    SignInRefused,
    /// All accounts of the buyer are in use.
    PoolBusy,
    /// What an earlier session left in the account's cart could not be taken out.
    CartNotEmptied,
    /// The store of sessions that sidecars share does not answer.
    StoreLost,
    /// Not open to punchout sessions.
    Denied,
    /// There is no such page of ours.
    NoSuchPage,
    /// A page of ours was called from another site.
    CrossSite,
    /// The cart page cannot be read, so it cannot be shown with a control that works.
    CartUnreadable,
    /// The browser keeps no cookies where the buyer's system shows the shop.
    NoCookies,
    /// The punchout session has ended or never was.
    SessionOver,
    /// The cart was read but must not leave: the findings say why.
    CartRefused,
    /// No connection to the shop.
    ShopUnreachable,
    /// The shop did not answer in time.
    ShopTimeout,
    /// The shop's answer is not HTTP, or broke off.
    ShopBroken,
    /// All permitted connections to the shop are in use.
    ShopBusy,
    /// A page of the shop that we must read is larger than the limit.
    ShopPageTooLarge,
    /// A fault of this program.
    Internal,
}

impl Kind {
    /// All kinds, for documentation and tests.
    pub const ALL: [Kind; 33] = {
        use Kind::*;
        [
            BadRequest,
            MethodNotAllowed,
            NotImplemented,
            UriTooLong,
            BodyTooLarge,
            RequestTimeout,
            EntryIncomplete,
            EntryRefused,
            EntryNotPage,
            HookRefused,
            FunctionUnsupported,
            FunctionUndefined,
            FunctionAddress,
            FunctionFailed,
            EntryTooMany,
            SignInFormMissing,
            SignInRefused,
            PoolBusy,
            CartNotEmptied,
            StoreLost,
            Denied,
            NoSuchPage,
            CrossSite,
            CartUnreadable,
            NoCookies,
            SessionOver,
            CartRefused,
            ShopUnreachable,
            ShopTimeout,
            ShopBroken,
            ShopBusy,
            ShopPageTooLarge,
            Internal,
        ]
    };

    const fn row(self) -> (&'static str, Side, StatusCode) {
        use Side::*;
        match self {
            Kind::BadRequest => ("PO-BAD-REQUEST", Client, StatusCode::BAD_REQUEST),
            Kind::MethodNotAllowed => ("PO-METHOD", Client, StatusCode::METHOD_NOT_ALLOWED),
            Kind::NotImplemented => ("PO-NOT-IMPLEMENTED", Client, StatusCode::NOT_IMPLEMENTED),
            Kind::UriTooLong => ("PO-URI-TOO-LONG", Client, StatusCode::URI_TOO_LONG),
            Kind::BodyTooLarge => ("PO-BODY-TOO-LARGE", Client, StatusCode::PAYLOAD_TOO_LARGE),
            Kind::RequestTimeout => ("PO-REQUEST-TIMEOUT", Client, StatusCode::REQUEST_TIMEOUT),
            Kind::EntryIncomplete => ("PO-ENTRY-INCOMPLETE", Client, StatusCode::BAD_REQUEST),
            Kind::EntryRefused => ("PO-ENTRY-REFUSED", Client, StatusCode::FORBIDDEN),
            Kind::EntryNotPage => ("PO-ENTRY-NOT-A-PAGE", Client, StatusCode::FORBIDDEN),
            Kind::HookRefused => ("PO-HOOK-REFUSED", Client, StatusCode::FORBIDDEN),
            Kind::FunctionUnsupported => ("PO-FUNCTION-UNSUPPORTED", Client, StatusCode::NOT_IMPLEMENTED),
            Kind::FunctionUndefined => ("PO-FUNCTION-UNDEFINED", Client, StatusCode::NOT_IMPLEMENTED),
            Kind::FunctionAddress => ("PO-FUNCTION-ADDRESS", Client, StatusCode::FORBIDDEN),
            Kind::FunctionFailed => ("PO-FUNCTION-FAILED", Shop, StatusCode::SERVICE_UNAVAILABLE),
            Kind::EntryTooMany => ("PO-ENTRY-TOO-MANY", Client, StatusCode::TOO_MANY_REQUESTS),
            Kind::SignInFormMissing => ("PO-SIGNIN-FORM", Shop, StatusCode::BAD_GATEWAY),
            Kind::SignInRefused => ("PO-SIGNIN-REFUSED", Shop, StatusCode::BAD_GATEWAY),
            Kind::PoolBusy => ("PO-POOL-BUSY", Ours, StatusCode::SERVICE_UNAVAILABLE),
            Kind::CartNotEmptied => ("PO-CART-NOT-EMPTIED", Shop, StatusCode::BAD_GATEWAY),
            Kind::StoreLost => ("PO-STORE-LOST", Ours, StatusCode::SERVICE_UNAVAILABLE),
            Kind::Denied => ("PO-DENIED", Client, StatusCode::FORBIDDEN),
            Kind::NoSuchPage => ("PO-NO-SUCH-PAGE", Client, StatusCode::NOT_FOUND),
            Kind::CrossSite => ("PO-CROSS-SITE", Client, StatusCode::FORBIDDEN),
            Kind::CartUnreadable => ("PO-CART-UNREADABLE", Shop, StatusCode::BAD_GATEWAY),
            Kind::NoCookies => ("PO-NO-COOKIES", Client, StatusCode::FORBIDDEN),
            Kind::SessionOver => ("PO-SESSION-OVER", Client, StatusCode::GONE),
            Kind::CartRefused => ("PO-CART-REFUSED", Ours, StatusCode::UNPROCESSABLE_ENTITY),
            Kind::ShopUnreachable => ("PO-SHOP-UNREACHABLE", Shop, StatusCode::BAD_GATEWAY),
            Kind::ShopTimeout => ("PO-SHOP-TIMEOUT", Shop, StatusCode::GATEWAY_TIMEOUT),
            Kind::ShopBroken => ("PO-SHOP-BROKEN", Shop, StatusCode::BAD_GATEWAY),
            Kind::ShopBusy => ("PO-SHOP-BUSY", Shop, StatusCode::SERVICE_UNAVAILABLE),
            Kind::ShopPageTooLarge => ("PO-SHOP-PAGE-TOO-LARGE", Shop, StatusCode::BAD_GATEWAY),
            Kind::Internal => ("PO-INTERNAL", Ours, StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The code that pages, logs and documentation share.
    pub const fn code(self) -> &'static str {
        self.row().0
    }

    /// Who has to act.
    pub const fn side(self) -> Side {
        self.row().1
    }

    /// The status the client sees.
    pub const fn status(self) -> StatusCode {
        self.row().2
    }
}

/// A request that cannot be served.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What went wrong.
    pub kind: Kind,
    /// For the log: what, where, with which numbers. Never a secret, never the query of a HOOK_URL.
    pub detail: String,
    /// When it is worth trying again, for the Retry-After header.
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// A problem with its explanation for the log.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Problem { kind, detail: detail.into(), retry_after: None }
    }

    /// The same, worth trying again after `delay`.
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code(), self.detail)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_kind_has_a_code_of_its_own_and_an_error_status() {
        let codes: HashSet<_> = Kind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.code().starts_with("PO-"), "{kind:?}");
            assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
        }
    }
}
