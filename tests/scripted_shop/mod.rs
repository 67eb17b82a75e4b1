//! A shop that answers as a test says, on a real socket.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use async_compression::tokio::bufread::GzipEncoder;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HeaderName, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use punchout_proxy::shop::{Browser, Jar, Visit, VisitLimits};
use punchout_proxy::upstream::{Live, Origin, Pool, PoolLimits};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

/// Runs a test as a worker runs requests.
pub(crate) fn locally(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

/// What the shop was asked.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What it answers; `None`: nothing, ever.
pub(crate) struct Answer(Option<Response<Full<Bytes>>>);

pub(crate) struct ScriptedShop {
    /// `127.0.0.1:port`
    pub(crate) host: String,
    /// All requests so far.
    pub(crate) asked: Rc<RefCell<Vec<Asked>>>,
    /// Whose visits they are.
    pub(crate) browser: Browser,
    names: RefCell<Vec<String>>,
    pool: Rc<Pool>,
}

impl ScriptedShop {
    pub(crate) async fn start(script: impl Fn(&Asked) -> Answer + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = Rc::new(RefCell::new(Vec::new()));
        let (script, log) = (Rc::new(script), asked.clone());
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, log) = (script.clone(), log.clone());
                let service = service_fn(move |request| answer(request, script.clone(), log.clone()));
                tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        let browser = Browser {
            host: host.parse().unwrap(),
            https: false,
            forwarded_host: HeaderValue::from_static("innkjop.example"),
            forwarded_for: HeaderValue::from_static("203.0.113.7, 10.0.0.1"),
            user_agent: Some(HeaderValue::from_static("Buyer/1.0 (Windows)")),
            accept_language: Some(HeaderValue::from_static("nb,en;q=0.5")),
        };
        let origin = Origin::from_url(&format!("http://{host}").parse().unwrap()).unwrap();
        let pool = Pool::new(origin, PoolLimits::default(), Live::new(8));
        ScriptedShop { host, asked, browser, names: RefCell::new(Vec::new()), pool }
    }

    /// A further name under which it writes its addresses.
    pub(crate) fn known_as(&self, name: &str) {
        self.names.borrow_mut().push(name.to_owned());
    }

    /// A new browser's visit.
    pub(crate) fn visit(&self, limits: VisitLimits) -> Visit {
        let mut visit = Visit::new(self.pool.clone(), self.browser.clone(), Jar::new(), limits).unwrap();
        for name in self.names.borrow().iter() {
            visit.known_as(name);
        }
        visit
    }
}

async fn answer<S: Fn(&Asked) -> Answer>(
    request: Request<Incoming>,
    script: Rc<S>,
    log: Rc<RefCell<Vec<Asked>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
    };
    let answer = script(&asked);
    log.borrow_mut().push(asked);
    match answer.0 {
        Some(response) => Ok(response),
        None => std::future::pending().await,
    }
}

impl Asked {
    /// All values of a field, joined; empty where there is none.
    pub(crate) fn header(&self, name: HeaderName) -> String {
        let values = self.headers.get_all(name).iter().map(|value| value.to_str().unwrap());
        values.collect::<Vec<_>>().join(" AND ")
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.header(COOKIE);
        let mut pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
        pairs.find(|(given, _)| *given == name).map(|(_, value)| value.to_owned())
    }

    pub(crate) fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.form().into_iter().find(|(given, _)| given == name).map(|(_, value)| value)
    }
}

impl Answer {
    pub(crate) fn bytes(page: Vec<u8>) -> Self {
        let mut response = Response::new(Full::from(page));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        Answer(Some(response))
    }

    pub(crate) fn html(page: &str) -> Self {
        Answer::bytes(page.as_bytes().to_vec())
    }

    /// `to` goes out as its raw bytes.
    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        Answer::html("moved").status(status).with(LOCATION, to)
    }

    pub(crate) fn never() -> Self {
        Answer(None)
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        if let Some(response) = &mut self.0 {
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
        }
        self
    }

    pub(crate) fn cookie(self, line: &str) -> Self {
        self.with(SET_COOKIE, line)
    }

    pub(crate) fn header(self, name: &'static str, value: &str) -> Self {
        self.with(HeaderName::from_static(name), value)
    }

    pub(crate) fn content_type(mut self, value: &str) -> Self {
        if let Some(response) = &mut self.0 {
            response.headers_mut().remove(CONTENT_TYPE);
        }
        self.with(CONTENT_TYPE, value)
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Some(response) = &mut self.0 {
            response.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        self
    }
}

pub(crate) async fn gzip(data: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    GzipEncoder::new(data).read_to_end(&mut coded).await.unwrap();
    coded
}
