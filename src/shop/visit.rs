//! One browser's stay in the shop, kept up by us: pages fetched and forms sent as the buyer, with the buyer's cookies.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, HOST, HeaderName, LOCATION, ORIGIN, REFERER,
    USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

use super::charset;
use super::form::FilledForm;
use super::jar::Jar;
use super::page::Page;
use crate::problem::{Kind, Problem};
use crate::rewrite::coding::{ASKED_OF_SHOP, Coding, Expansion, decode};
use crate::upstream::{Body, BodyError, Pool, RequestBody};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// What browsers ask for when somebody follows a link.
const ACCEPT_PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const ACCEPT_JSON: &str = "application/json, text/javascript, */*; q=0.01";

/// The browser for which we act, as the shop is to see it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Browser {
    /// Host, with the port where one is typed: what the shop gets as `Host`, and under which its pages live.
    #[serde(with = "super::header_value")]
    pub host: HeaderValue,
    /// Whether the buyer's side has https.
    pub https: bool,
    /// Host and port that the buyer typed, for `X-Forwarded-Host`.
    #[serde(with = "super::header_value")]
    pub forwarded_host: HeaderValue,
    /// The addresses on the way to us, the buyer's own first, for `X-Forwarded-For`.
    #[serde(with = "super::header_value")]
    pub forwarded_for: HeaderValue,
    /// Some shops give no session to user agents that look like scripts.
    #[serde(with = "super::header_value::option")]
    pub user_agent: Option<HeaderValue>,
    /// Some shops write their prices by it.
    #[serde(with = "super::header_value::option")]
    pub accept_language: Option<HeaderValue>,
}

/// What one visit may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisitLimits {
    /// Bytes of one page, and of the same decompressed.
    pub page_size: usize,
    /// The whole visit, from its making.
    pub deadline: Duration,
    /// Redirects from one page.
    pub redirects: usize,
}

impl Default for VisitLimits {
    fn default() -> Self {
        VisitLimits { page_size: 2 * 1024 * 1024, deadline: Duration::from_secs(30), redirects: 10 }
    }
}

/// A stay in the shop.
pub struct Visit {
    pool: Rc<Pool>,
    browser: Browser,
    jar: Jar,
    limits: VisitLimits,
    deadline: Instant,
    /// Where the shop's root is, as a browser sees it.
    root: Url,
    /// Host names that mean the shop.
    names: Vec<String>,
}

/// One request of a visit, before cookies and the browser's own fields.
struct Outgoing {
    method: Method,
    url: Url,
    body: Option<(HeaderValue, Bytes)>,
    referer: Option<Url>,
    json: bool,
    /// Further fields, such as a token that a script sends.
    headers: HeaderMap,
}

impl Visit {
    /// Begins a visit; its deadline runs from now.
    ///
    /// # Errors
    /// [`Kind::BadRequest`] when the browser's host is none.
    pub fn new(pool: Rc<Pool>, browser: Browser, jar: Jar, limits: VisitLimits) -> Result<Self, Problem> {
        let scheme = if browser.https { "https" } else { "http" };
        let root = browser.host.to_str().ok().and_then(|host| Url::parse(&format!("{scheme}://{host}/")).ok());
        let root = root
            .filter(|root| {
                root.has_host() && root.path() == "/" && root.username().is_empty() && root.query().is_none()
            })
            .ok_or_else(|| Problem::new(Kind::BadRequest, "the request's Host is no host"))?;
        let mut visit = Visit {
            deadline: Instant::now() + limits.deadline,
            names: vec![pool.origin().host().to_ascii_lowercase()],
            pool,
            jar,
            limits,
            root,
            browser,
        };
        let own = visit.root.host_str().map(str::to_owned);
        let typed = visit.browser.forwarded_host.to_str().ok().map(|host| format!("http://{host}/"));
        let typed = typed.and_then(|url| Url::parse(&url).ok()?.host_str().map(str::to_owned));
        visit.names.extend(own.into_iter().chain(typed));
        Ok(visit)
    }

    /// Adds a host name under which the shop writes addresses of its own.
    pub fn known_as(&mut self, host: &str) {
        self.names.push(host.to_ascii_lowercase());
    }

    /// Whether more than half of its time is gone: no time to begin what can be left.
    pub fn is_late(&self) -> bool {
        self.deadline.saturating_duration_since(Instant::now()) < self.limits.deadline / 2
    }

    /// The cookies so far.
    pub fn jar(&self) -> &Jar {
        &self.jar
    }

    /// Ends the visit and gives its cookies.
    pub fn into_jar(self) -> Jar {
        self.jar
    }

    /// Opens a page by its address in the shop (`/path?query`), as if typed.
    ///
    /// # Errors
    /// As [`Visit::follow`].
    pub async fn open(&mut self, address: &str) -> Result<Page, Problem> {
        let url = self.root.join(address).map_err(|error| {
            Problem::new(Kind::Internal, format!("`{}` is no address: {error}", without_query(address)))
        })?;
        self.send(Outgoing {
            method: Method::GET,
            url,
            body: None,
            referer: None,
            json: false,
            headers: HeaderMap::new(),
        })
        .await
    }

    /// Another visit of the same browser, beside this one and with the cookies that this one has; its own deadline runs from now.
    pub fn beside(&self, deadline: Duration) -> Visit {
        let limits = VisitLimits { deadline, ..self.limits };
        Visit {
            pool: self.pool.clone(),
            browser: self.browser.clone(),
            jar: self.jar.clone(),
            limits,
            deadline: Instant::now() + deadline,
            root: self.root.clone(),
            names: self.names.clone(),
        }
    }

    /// The same browser beside this one, with other cookies.
    pub fn with_jar(&self, jar: Jar) -> Visit {
        Visit { jar, ..self.beside(self.limits.deadline) }
    }

    /// The browser that it is for.
    pub fn browser(&self) -> &Browser {
        &self.browser
    }

    /// Path and query of the address that a link on the page at `from` leads to, where that is in the shop.
    pub fn address_of(&self, from: &str, link: &str) -> Option<String> {
        let url = self.root.join(from).ok()?.join(link).ok()?;
        let url = self.own(&url)?;
        Some(url[Position::BeforePath..Position::AfterQuery].to_owned())
    }

    /// Takes in the cookies of an answer that this visit's browser got otherwise.
    pub fn take_in(&mut self, headers: &HeaderMap, path: &str) {
        self.jar.take_in(headers, path, SystemTime::now());
    }

    /// Follows a link from a page; `address` as it stands there, its entities decoded.
    ///
    /// Redirects within the shop are followed. One that leads to another host is not: the page then says where to.
    ///
    /// # Errors
    /// What [`Pool::send`] meets; [`Kind::ShopTimeout`] at the visit's deadline, [`Kind::ShopPageTooLarge`],
    /// [`Kind::ShopBroken`] for a page that cannot be decompressed, for too many redirects, and for an address that is
    /// none or is outside the shop. A page of whatever status is no error.
    pub async fn follow(&mut self, page: &Page, address: &str) -> Result<Page, Problem> {
        let url = page.url.join(address).map_err(|error| broken(format!("a link is no address: {error}")))?;
        let referer = Some(page.url.clone());
        self.send(Outgoing { method: Method::GET, url, body: None, referer, json: false, headers: HeaderMap::new() })
            .await
    }

    /// Asks for JSON at an address in the shop, as a script of its pages does.
    ///
    /// # Errors
    /// As [`Visit::follow`].
    pub async fn open_json(&mut self, address: &str) -> Result<Page, Problem> {
        let url = self.root.join(address).map_err(|error| {
            Problem::new(Kind::Internal, format!("`{}` is no address: {error}", without_query(address)))
        })?;
        self.send(Outgoing {
            method: Method::GET,
            url,
            body: None,
            referer: None,
            json: true,
            headers: HeaderMap::new(),
        })
        .await
    }

    /// Asks for JSON at an address that another answer names.
    ///
    /// # Errors
    /// As [`Visit::follow`].
    pub async fn follow_json(&mut self, page: &Page, address: &str) -> Result<Page, Problem> {
        let url = page.url.join(address).map_err(|error| broken(format!("a link is no address: {error}")))?;
        let referer = Some(page.url.clone());
        self.send(Outgoing { method: Method::GET, url, body: None, referer, json: true, headers: HeaderMap::new() })
            .await
    }

    /// Sends a form of a page.
    ///
    /// # Errors
    /// As [`Visit::follow`].
    pub async fn submit(&mut self, page: &Page, form: FilledForm) -> Result<Page, Problem> {
        let body = (form.method == Method::POST).then_some((form.content_type, form.body));
        let referer = Some(page.url.clone());
        self.send(Outgoing {
            method: form.method,
            url: form.url,
            body,
            referer,
            json: false,
            headers: HeaderMap::new(),
        })
        .await
    }

    /// Sends a request as a script of a page does, with `headers` of its own; a POST carries `form`, which may be empty.
    ///
    /// # Errors
    /// As [`Visit::follow`].
    pub async fn ask(
        &mut self,
        page: &Page,
        (method, address): (Method, &str),
        form: String,
        headers: HeaderMap,
    ) -> Result<Page, Problem> {
        let url = page.url.join(address).map_err(|error| broken(format!("no address: {error}")))?;
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let body = (method == Method::POST).then(|| (content_type, Bytes::from(form)));
        let referer = Some(page.url.clone());
        self.send(Outgoing { method, url, body, referer, json: false, headers }).await
    }

    /// Posts JSON as a script of a page does.
    ///
    /// # Errors
    /// As [`Visit::follow`].
    pub async fn post_json(&mut self, page: &Page, address: &str, json: String) -> Result<Page, Problem> {
        let url = page.url.join(address).map_err(|error| broken(format!("no address: {error}")))?;
        let body = Some((HeaderValue::from_static("application/json"), Bytes::from(json)));
        let referer = Some(page.url.clone());
        self.send(Outgoing { method: Method::POST, url, body, referer, json: true, headers: HeaderMap::new() }).await
    }

    async fn send(&mut self, outgoing: Outgoing) -> Result<Page, Problem> {
        let path = outgoing.url.path().to_owned();
        let (deadline, patience) = (self.deadline, self.limits.deadline);
        timeout_at(deadline, self.send_and_follow(outgoing)).await.unwrap_or_else(|_| {
            let detail = format!("the visit took longer than {patience:?}; the last address asked for was {path}");
            Err(Problem::new(Kind::ShopTimeout, detail))
        })
    }

    async fn send_and_follow(&mut self, mut outgoing: Outgoing) -> Result<Page, Problem> {
        outgoing.url = self.own(&outgoing.url).ok_or_else(|| {
            let host = outgoing.url.host_str().unwrap_or_default();
            broken(format!("a page of the shop leads to another host ({host}), and nothing is sent there"))
        })?;
        for redirects in 0..=self.limits.redirects {
            let (status, headers, body) = self.exchange(&outgoing).await?;
            let target = redirect_target(status, &headers, &outgoing.url);
            let leads_away = match target.map(|target| self.own(&target).ok_or(target)) {
                Some(Ok(target)) => {
                    outgoing.redirect(status, target);
                    continue;
                }
                Some(Err(away)) => Some(away),
                None => None,
            };
            let (text, encoding) = charset::decode(&headers, &body);
            return Ok(Page { url: outgoing.url, status, headers, text, encoding, redirects, leads_away });
        }
        let (most, path) = (self.limits.redirects, outgoing.url.path());
        Err(broken(format!("more than {most} redirects, the last to {path}")))
    }

    /// One request and its answer, without regard to redirects.
    async fn exchange(&mut self, outgoing: &Outgoing) -> Result<(StatusCode, HeaderMap, Bytes), Problem> {
        let request = self.request(outgoing)?;
        let (head, body) = self.pool.send(request).await?.into_parts();
        self.jar.take_in(&head.headers, outgoing.url.path(), SystemTime::now());
        // The body of a redirect is read too, so that its connection can be used again.
        let body = read(body, &head.headers, self.limits.page_size).await?;
        Ok((head.status, head.headers, body))
    }

    fn request(&self, outgoing: &Outgoing) -> Result<Request<RequestBody>, Problem> {
        let address = &outgoing.url[Position::BeforePath..Position::AfterQuery];
        let uri: http::Uri = address.parse().map_err(|error| {
            broken(format!("{} with its query is an address that HTTP cannot carry: {error}", outgoing.url.path()))
        })?;
        let (content_type, body) = match outgoing.body.clone() {
            Some((content_type, body)) => (Some(content_type), RequestBody::bytes(body)),
            None => (None, RequestBody::Empty),
        };
        let mut request = Request::new(body);
        *request.method_mut() = outgoing.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = outgoing.headers.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.browser.host.clone());
        let proto = if self.browser.https { "https" } else { "http" };
        headers.insert(FORWARDED_FOR, self.browser.forwarded_for.clone());
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
        headers.insert(FORWARDED_HOST, self.browser.forwarded_host.clone());
        headers.insert(ACCEPT, HeaderValue::from_static(if outgoing.json { ACCEPT_JSON } else { ACCEPT_PAGE }));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ASKED_OF_SHOP));
        if outgoing.json {
            headers.insert(REQUESTED_WITH, HeaderValue::from_static("XMLHttpRequest"));
        }
        // Django refuses a POST whose Origin or, over https, whose Referer is not its own host.
        let origin = (outgoing.method != Method::GET).then(|| self.root.origin().ascii_serialization());
        let origin = origin.and_then(|origin| HeaderValue::from_str(&origin).ok());
        let referer = outgoing.referer.as_ref().and_then(|url| HeaderValue::from_str(url.as_str()).ok());
        for (name, value) in [
            (USER_AGENT, self.browser.user_agent.clone()),
            (ACCEPT_LANGUAGE, self.browser.accept_language.clone()),
            (CONTENT_TYPE, content_type),
            (COOKIE, self.jar.cookie(outgoing.url.path())),
            (ORIGIN, origin),
            (REFERER, referer),
        ] {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        Ok(request)
    }

    /// `url` under the name by which we know the shop, where its host is one of the shop's names. Scheme and port do not
    /// count: some set-ups write the wrong ones, and whatever is written, requests go to the configured origin alone.
    fn own(&self, url: &Url) -> Option<Url> {
        let host = url.host_str()?;
        if !matches!(url.scheme(), "http" | "https") || !self.names.iter().any(|name| name == host) {
            return None;
        }
        let mut own = self.root.clone();
        own.set_path(url.path());
        own.set_query(url.query());
        Some(own)
    }
}

impl Outgoing {
    /// What a browser sends next (Fetch, "HTTP-redirect fetch").
    fn redirect(&mut self, status: StatusCode, target: Url) {
        let keeps = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        if !keeps && self.method != Method::GET {
            self.method = Method::GET;
            self.body = None;
        }
        self.url = target;
    }
}

fn redirect_target(status: StatusCode, headers: &HeaderMap, from: &Url) -> Option<Url> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    // Raw UTF-8, or whatever the shop's database holds, is escaped byte by byte, as browsers do.
    let location = percent_encoding::percent_encode(headers.get(LOCATION)?.as_bytes(), NOT_ASCII).to_string();
    from.join(&location).ok()
}

const NOT_ASCII: &percent_encoding::AsciiSet = &percent_encoding::AsciiSet::EMPTY;

async fn read(body: Body, headers: &HeaderMap, limit: usize) -> Result<Bytes, Problem> {
    let coding = Coding::of(headers).map_err(|error| broken(format!("the shop's page: {error}")))?;
    if coding == Coding::Identity {
        return body.read_all(limit).await;
    }
    // The page has a limit of its own, so what it expands from does not matter.
    let mut decoded = decode(body, coding, Expansion { burst: u64::MAX, ratio: 1 });
    let mut page = BytesMut::new();
    while let Some(frame) = decoded.frame().await {
        let frame = frame.map_err(|error| match error.get_ref().and_then(|source| source.downcast_ref()) {
            Some(BodyError::Stalled) => Problem::new(Kind::ShopTimeout, "the shop's page stopped coming"),
            _ => broken(format!("the shop's page: {error}")),
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if page.len() + data.len() > limit {
            return Err(Problem::new(Kind::ShopPageTooLarge, format!("the shop's page is over {limit} bytes")));
        }
        page.extend_from_slice(&data);
    }
    Ok(page.freeze())
}

fn broken(detail: String) -> Problem {
    Problem::new(Kind::ShopBroken, detail)
}

fn without_query(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}
