//! A browser without script, style or patience: HTTP/1.1, cookies, redirects.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use cookie::Cookie;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

use super::site::Charset;

mod forms;

pub use forms::{Form, submit_buttons, ways_to_checkout};

/// Longer chains of redirects are loops.
const MOST_REDIRECTS: usize = 10;
/// For one answer to arrive whole.
const LONGEST_ANSWER: Duration = Duration::from_secs(20);

/// Cookies by site, and nothing else.
#[derive(Debug, Default)]
pub struct Browser {
    jar: Vec<Kept>,
    refuses_cookies: bool,
}

#[derive(Debug)]
struct Kept {
    /// Scheme, host and port: one demo server must not see another's cookies, as different hosts would not.
    site: String,
    path: String,
    name: String,
    value: String,
}

/// An answer at the end of its redirects.
#[derive(Debug)]
pub struct Page {
    /// The address at the end of the redirects.
    pub url: Url,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The charset, by the `Content-Type`.
    pub charset: Charset,
    /// The body, decoded.
    pub body: String,
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the query: an address may carry a password.
        write!(f, "{} {}{}", self.status, self.url.origin().ascii_serialization(), self.url.path())?;
        match forms::title(&self.body) {
            title if title.is_empty() => Ok(()),
            title => write!(f, " ({title})"),
        }
    }
}

impl Page {
    /// The forms of the page.
    pub fn forms(&self) -> Vec<Form> {
        forms::forms(&self.body)
    }

    /// The address of the first link that `selector` finds.
    pub fn link(&self, selector: &str) -> Option<String> {
        forms::attribute(&self.body, selector, "href")
    }

    /// An address on the page, made absolute.
    ///
    /// # Errors
    /// When it is none.
    pub fn join(&self, address: &str) -> Result<Url, String> {
        self.url.join(address).map_err(|error| format!("the address {address:?} on {self}: {error}"))
    }
}

impl Browser {
    /// One that keeps no cookie.
    pub fn without_cookies() -> Self {
        Browser { refuses_cookies: true, ..Browser::default() }
    }

    /// Opens an address.
    ///
    /// # Errors
    /// A sentence when no whole answer came, or redirects went in a circle.
    pub async fn get(&mut self, url: Url) -> Result<Page, String> {
        self.go(Method::GET, url, None).await
    }

    /// Submits a form with its own inputs; `typed` replaces those of the same name.
    ///
    /// # Errors
    /// As [`Browser::get`].
    pub async fn submit(&mut self, page: &Page, form: &Form, typed: &[(&str, &str)]) -> Result<Page, String> {
        let mut inputs = form.inputs.clone();
        for (name, value) in typed {
            inputs.retain(|(known, _)| known != name);
            inputs.push(((*name).to_owned(), (*value).to_owned()));
        }
        let charset = Charset::of_label(&form.accept_charset).unwrap_or(page.charset);
        let encoded = charset.write_form(&inputs);
        let mut url = page.join(&form.action)?;
        if form.method.eq_ignore_ascii_case("post") {
            return self.go(Method::POST, url, Some(encoded)).await;
        }
        url.set_query(Some(&encoded));
        self.go(Method::GET, url, None).await
    }

    async fn go(&mut self, mut method: Method, mut url: Url, mut form: Option<String>) -> Result<Page, String> {
        for _ in 0..=MOST_REDIRECTS {
            let shown = format!("{method} {}{}", url.origin().ascii_serialization(), url.path());
            let answer = tokio::time::timeout(LONGEST_ANSWER, self.ask(&method, &url, form.as_deref())).await;
            let (status, headers, body) =
                answer.map_err(|_| format!("{shown}: no answer"))?.map_err(|error| format!("{shown}: {error}"))?;
            self.keep_cookies(&url, &headers);
            let Some(location) = headers.get(header::LOCATION).filter(|_| (300..400).contains(&status)) else {
                let charset = charset_of(&headers);
                return Ok(Page { url, status, headers, charset, body: charset.decode(&body) });
            };
            let location = location.to_str().map_err(|_| format!("{shown}: an unreadable Location"))?;
            url = url.join(location).map_err(|error| format!("{shown}: Location {location:?}: {error}"))?;
            if !matches!(status, 307 | 308) {
                (method, form) = (Method::GET, None);
            }
        }
        Err(format!("more than {MOST_REDIRECTS} redirects, the last to {}", url.path()))
    }

    async fn ask(&self, method: &Method, url: &Url, form: Option<&str>) -> Result<(u16, HeaderMap, Bytes), String> {
        let told = |error: &dyn fmt::Display| error.to_string();
        let host = url.host_str().ok_or("an address without host")?;
        let port = url.port_or_known_default().ok_or("an address without port")?;
        let socket = TcpStream::connect((host, port)).await.map_err(|error| told(&error))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await;
        let (mut sender, connection) = handshake.map_err(|error| told(&error))?;
        let connection = tokio::spawn(connection);

        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, &url[url::Position::BeforeHost..url::Position::AfterPort])
            .header(header::USER_AGENT, "punchout-proxy-demo/1.0")
            .header(header::ACCEPT, "text/html,*/*;q=0.5")
            .header(header::ACCEPT_LANGUAGE, "nb-NO,nb;q=0.9,en;q=0.5");
        if let Some(cookies) = self.cookies_for(url) {
            request = request.header(header::COOKIE, cookies);
        }
        if form.is_some() {
            request = request
                .header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
                .header(header::ORIGIN, url.origin().ascii_serialization());
        }
        let body = Full::new(Bytes::from(form.unwrap_or_default().to_owned()));
        let request = request.body(body).map_err(|error| told(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| told(&error))?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| told(&error))?.to_bytes();
        connection.abort();
        Ok((parts.status.as_u16(), parts.headers, body))
    }

    fn keep_cookies(&mut self, url: &Url, headers: &HeaderMap) {
        let site = url.origin().ascii_serialization();
        for line in headers.get_all(header::SET_COOKIE) {
            let Some(cookie) = line.to_str().ok().and_then(|line| Cookie::parse(line).ok()) else { continue };
            let path = cookie.path().filter(|path| path.starts_with('/')).unwrap_or("/").to_owned();
            self.jar.retain(|kept| kept.site != site || kept.name != cookie.name() || kept.path != path);
            let expired = cookie.expires_datetime().is_some_and(|time| time.unix_timestamp() <= 0);
            if !expired && !self.refuses_cookies && cookie.max_age().is_none_or(|age| age.is_positive()) {
                let (name, value) = (cookie.name().to_owned(), cookie.value().to_owned());
                self.jar.push(Kept { site: site.clone(), path, name, value });
            }
        }
    }

    fn cookies_for(&self, url: &Url) -> Option<String> {
        let site = url.origin().ascii_serialization();
        let covers = |path: &str| {
            url.path()
                .strip_prefix(path)
                .is_some_and(|rest| path.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
        };
        let fitting = self.jar.iter().filter(|kept| kept.site == site && covers(&kept.path));
        let pairs: Vec<String> = fitting.map(|kept| format!("{}={}", kept.name, kept.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

fn charset_of(headers: &HeaderMap) -> Charset {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let label = kind.split("charset=").nth(1).unwrap_or_default();
    Charset::of_label(label.trim_matches(['"', ' '])).unwrap_or_default()
}
