//! "Kommunal Innkjøp": a small requisition system, the other end of the punchout.
//!
//! Its start page sends the browser to the shop, its hook takes the cart back and says what a real buyer system would
//! only do in silence: which line it would drop, which value it would cut. It reads the form with `form_urlencoded`
//! and its own rules, never with the proxy's code.

mod pages;
mod requisition;

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use http::{Method, StatusCode, header};
use rust_decimal::Decimal;
use serde_json::json;

pub use requisition::{ReceivedLine, Requisition};

use super::site::{self, Answer, Asked, Charset, Site};

/// How the procurement system calls the shop.
#[derive(Clone, Debug)]
pub struct ProcurementSettings {
    /// USERNAME of the catalog call.
    pub username: String,
    /// PASSWORD of the catalog call.
    pub password: String,
    /// `http_content_charset` of the catalog call, and how the returned form is decoded.
    pub charset: Charset,
}

impl Default for ProcurementSettings {
    fn default() -> Self {
        Self { username: "fjordvik".into(), password: "et demopassord".into(), charset: Charset::Utf8 }
    }
}

/// The procurement system and what came back to it.
#[derive(Debug)]
pub struct Procurement {
    settings: ProcurementSettings,
    /// `http://127.0.0.1:PORT`, where browsers find it.
    own_url: String,
    /// The address the catalog call goes to; not known before the proxy listens.
    catalog_url: OnceLock<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The `session` values given out in HOOK_URLs and not used yet.
    open_sessions: Vec<String>,
    returns: Vec<Return>,
}

/// One cart that arrived at the hook.
#[derive(Clone, Debug)]
pub struct Return {
    /// Counted from 1.
    pub number: usize,
    /// HOOK_URL's own query as it came back.
    pub query: Vec<(String, String)>,
    /// The fields of the form, in their order.
    pub fields: Vec<(String, String)>,
    /// What they mean.
    pub requisition: Requisition,
}

impl Procurement {
    /// A procurement system reached at `own_url` (scheme and authority, no slash at the end).
    pub fn new(settings: ProcurementSettings, own_url: String) -> Self {
        Self { settings, own_url, catalog_url: OnceLock::new(), state: Mutex::default() }
    }

    /// Says where the catalog call goes: the proxy's entry. Only the first word counts.
    pub fn point_at(&self, catalog_url: &str) {
        let _ = self.catalog_url.set(catalog_url.to_owned());
    }

    /// Every cart that arrived, oldest first.
    pub fn returns(&self) -> Vec<Return> {
        self.state().returns.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The catalog call's parameters, for a new shopping session.
    fn catalog_call(&self) -> Vec<(String, String)> {
        let session = site::random_id();
        let hook = format!("{}/oci/inbound?session={session}&req=4711", self.own_url);
        let mut state = self.state();
        state.open_sessions.push(session);
        if state.open_sessions.len() > 1_000 {
            state.open_sessions.remove(0);
        }
        let pairs = [
            ("USERNAME", self.settings.username.as_str()),
            ("PASSWORD", &self.settings.password),
            ("~OkCode", "ADDI"),
            ("~TARGET", "_top"),
            ("~CALLER", "CTLG"),
            ("returntarget", "_top"),
            ("http_content_charset", self.settings.charset.label()),
            ("OCI_VERSION", "4.0"),
            ("HOOK_URL", &hook),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    fn start(&self) -> Answer {
        let call = self.catalog_url.get().map(|url| (url.as_str(), self.catalog_call()));
        let page = pages::start(call.as_ref().map(|(url, pairs)| (*url, pairs.as_slice())), &self.state().returns);
        self.page(StatusCode::OK, &page)
    }

    fn receive(&self, asked: &Asked) -> Answer {
        let kind = asked.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            let page = pages::refused("The hook takes an HTML form, application/x-www-form-urlencoded.");
            return self.page(StatusCode::UNSUPPORTED_MEDIA_TYPE, &page);
        }
        let query = Charset::Utf8.read_form(asked.query.as_bytes());
        let fields = self.settings.charset.read_form(&asked.body);
        let mut requisition = Requisition::read(&fields);

        let mut state = self.state();
        let session = query.iter().find(|(name, _)| name == "session").map_or("", |(_, value)| value);
        match state.open_sessions.iter().position(|open| open == session) {
            Some(at) => drop(state.open_sessions.remove(at)),
            None => requisition.problems.push(format!(
                "HOOK_URL's own session ({session:?}) is unknown or was returned before: a real system would refuse this cart"
            )),
        }
        let number = state.returns.len() + 1;
        state.returns.push(Return { number, query, fields, requisition });
        // A reload of the requisition must not post the cart again.
        site::redirect(StatusCode::SEE_OTHER, &format!("/requisition/{number}"))
    }

    fn requisition(&self, number: &str) -> Answer {
        let state = self.state();
        let found = number.parse().ok().and_then(|number: usize| state.returns.iter().find(|it| it.number == number));
        match found {
            Some(found) => self.page(StatusCode::OK, &pages::requisition(found)),
            None => self.page(StatusCode::NOT_FOUND, &pages::refused("There is no such requisition.")),
        }
    }

    fn last_as_json(&self) -> Answer {
        let state = self.state();
        let Some(last) = state.returns.last() else {
            return site::json(StatusCode::NOT_FOUND, &json!({ "number": 0, "fields": [] }));
        };
        let totals: Vec<(&str, Decimal)> =
            last.requisition.totals.iter().map(|(currency, total)| (currency.as_str(), *total)).collect();
        let document = json!({
            "number": last.number,
            "query": last.query,
            "fields": last.fields,
            "lines": last.requisition.lines,
            "totals": totals,
            "problems": last.requisition.problems,
        });
        site::json(StatusCode::OK, &document)
    }

    fn page(&self, status: StatusCode, page: &str) -> Answer {
        let answer = site::html(status, Charset::Utf8, page);
        site::with_header(answer, header::CACHE_CONTROL, "no-store")
    }
}

impl Site for Procurement {
    fn answer(&self, asked: &Asked) -> Answer {
        let reading = matches!(asked.method, Method::GET | Method::HEAD);
        match (reading, asked.path.as_str()) {
            (true, "/") => self.start(),
            (true, "/stil.css") => {
                site::content(StatusCode::OK, "text/css; charset=utf-8", include_str!("assets/procurement.css"))
            }
            (true, "/oci/last.json") => self.last_as_json(),
            (false, "/oci/inbound") => self.receive(asked),
            (true, "/oci/inbound") => {
                let page = pages::refused("The hook takes a cart by POST; opened by GET it has nothing to show.");
                self.page(StatusCode::METHOD_NOT_ALLOWED, &page)
            }
            (true, path) => self.requisition(path.strip_prefix("/requisition/").unwrap_or_default()),
            (false, _) => self.page(StatusCode::METHOD_NOT_ALLOWED, &pages::refused("Nothing takes a form here.")),
        }
    }
}
