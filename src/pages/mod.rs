//! The few pages of our own: what a person sees where the shop cannot show anything.
//!
//! Pure functions from values to a [`Page`]; nothing here knows a connection, a session or a clock. The words are data
//! (`texts/<language>.toml`, see [`texts`]), values are escaped in one place (`html`), and no page loads anything:
//! what it needs stands in it, so that it also shows when the shop is down, in a frame, and in a browser that keeps
//! no cookies.
//!
//! * [`problem`], [`cart_refused`], [`session_over`]: something ends here; as JSON for whoever [`wants_json`].
//! * [`hand_over`], [`onward`]: something goes on from here.

mod accept;
mod html;
mod language;
mod notice;
mod passage;
pub mod texts;

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};

pub use accept::wants_json;
pub use language::Language;
pub use notice::{Ended, cart_refused, pool_busy, problem, sent_already, session_over};
pub use passage::{hand_over, left, offer, onward};

/// A finished answer, apart from what only the connection knows (`Date`, `Content-Length`).
///
/// Who may frame the page is left to the caller, who knows the buyer: append a second Content-Security-Policy with
/// `frame-ancestors`; browsers enforce every one they find.
#[derive(Clone, Debug)]
pub struct Page {
    /// The status to answer with.
    pub status: StatusCode,
    /// The headers to set, `Content-Type` among them.
    pub headers: HeaderMap,
    /// UTF-8, HTML or JSON as the `Content-Type` says.
    pub body: String,
}

impl Page {
    fn html(status: StatusCode, body: String, policy: HeaderValue) -> Page {
        let mut page = Page::with_type(status, "text/html; charset=utf-8", body);
        page.headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        page
    }

    fn json(status: StatusCode, body: String) -> Page {
        Page::with_type(status, "application/json", body)
    }

    fn with_type(status: StatusCode, media_type: &'static str, body: String) -> Page {
        const EVERY_PAGE: [(HeaderName, HeaderValue); 3] = [
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            // Our addresses can hold a session's id; nobody we lead to needs them.
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        let mut headers = HeaderMap::from_iter(EVERY_PAGE);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        Page { status, headers, body }
    }
}

/// Sends the browser on by 303, so that a POST becomes a GET and no address with a password stays in its history. An
/// address that cannot stand in a header leads to `/`.
pub fn redirect(address: &str) -> Page {
    let mut page = Page::with_type(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", String::new());
    let address = HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static("/"));
    page.headers.insert(header::LOCATION, address);
    page
}

/// Nothing to show: the answer to a script that only tells something.
pub fn nothing() -> Page {
    Page::with_type(StatusCode::NO_CONTENT, "text/plain; charset=utf-8", String::new())
}

/// Nothing yet: the answer to a browser that asks for a page before anybody has asked for it.
pub fn not_ahead() -> Page {
    Page { status: StatusCode::SERVICE_UNAVAILABLE, ..nothing() }
}

/// A file of ours that pages of the shop load: the same for everybody.
pub fn file(media_type: &'static str, body: &str) -> Page {
    let mut page = Page::with_type(StatusCode::OK, media_type, body.to_owned());
    page.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    page
}

impl<B: From<String>> From<Page> for Response<B> {
    fn from(page: Page) -> Self {
        let mut response = Response::new(B::from(page.body));
        *response.status_mut() = page.status;
        *response.headers_mut() = page.headers;
        response
    }
}

/// Who meets a page, and what is said to everybody.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The language of the page.
    pub language: Language,
    /// The correlation id under which the log tells what happened.
    pub reference: &'a str,
    /// Where help is to be had, as configured: an e-mail address, a web address or plain words.
    pub contact: Option<&'a str>,
    /// JSON instead of a page; see [`wants_json`].
    pub wants_json: bool,
    /// Fresh for this answer.
    pub nonce: &'a Nonce,
}

/// A way on that a page offers. An address that is neither a path nor http(s) is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link<'a> {
    /// Back to the shop's cart page.
    Cart(&'a str),
    /// Into the shop.
    Shop(&'a str),
    /// The same again; only for what a GET can repeat.
    Again(&'a str),
}

/// Marks style and script of one answer as ours, for its Content-Security-Policy. 128 bits as text that needs no
/// escaping anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A nonce of the operating system's randomness.
    ///
    /// # Errors
    /// The operating system has none to give, which it does only early in its own start.
    pub fn random() -> Result<Nonce, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Nonce::from_bytes(bytes))
    }

    /// The nonce of these bytes, which must be as good as random and never used twice.
    pub fn from_bytes(bytes: [u8; 16]) -> Nonce {
        Nonce(BASE64URL_NOPAD.encode(&bytes))
    }

    /// As it stands in attribute and header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}

/// Only our own style and, where the page has one, our own script.
///
/// No `form-action`: Chromium and Safari hold it against every redirect that follows a form's submission too, and
/// procurement systems redirect their hook to hosts we cannot know (single sign-on, load balancers). What it would
/// guard against is a foreign form in our page, and the only form there is the hand-over form, whose address was held
/// against the buyer's list of hooks.
fn policy(nonce: &Nonce, with_script: bool) -> HeaderValue {
    let nonce = nonce.as_str();
    let script = if with_script { format!("script-src 'nonce-{nonce}'; connect-src 'self'; ") } else { String::new() };
    HeaderValue::try_from(format!("default-src 'none'; style-src 'nonce-{nonce}'; {script}base-uri 'none'"))
        .expect("a nonce is base64url, so the policy is visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_fit_for_a_header_and_never_the_same() {
        let nonces: Vec<_> = (0..4).map(|_| Nonce::random().unwrap()).collect();
        for (index, nonce) in nonces.iter().enumerate() {
            assert_eq!(nonce.as_str().len(), 22);
            assert!(nonce.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            assert!(!nonces[index + 1..].contains(nonce));
        }
        policy(&Nonce::from_bytes([0xff; 16]), true);
    }

    #[test]
    fn a_page_becomes_a_response() {
        let page = Page::html(StatusCode::GONE, "<p>".into(), policy(&Nonce::from_bytes([0; 16]), false));
        let response: Response<String> = page.into();
        assert_eq!(response.status(), StatusCode::GONE);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["referrer-policy"], "no-referrer");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(
            response.headers()["content-security-policy"],
            "default-src 'none'; style-src 'nonce-AAAAAAAAAAAAAAAAAAAAAA'; base-uri 'none'"
        );
        assert_eq!(response.body(), "<p>");
    }
}
