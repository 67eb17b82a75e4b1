//! A cart page on its way into a record: what it was, what was read from it, what the buyer would have got.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use http::HeaderMap;

use super::hand_over::WorkedOut;
use super::read_cart::Source;
use crate::cart::Cart;
use crate::cart::articles::{Article, Articles, ProductPage, Told};
use crate::config::plan::{Accounts, Buyer};
use crate::exchange::Shop;
use crate::observe::record::redact::SHORTEST_COOKIE;
use crate::observe::record::{self, Dropped, Entry, Line, Outcome, Record, Recording, SeenPage, Sighting};
use crate::observe::returns;
use crate::rewrite::charset::{Declared, declared};
use crate::rewrite::tap::Tap;
use crate::session::Session;
use crate::shop::{Jar, charset};

/// So far from its start a page may tell its charset, in bytes.
const START: usize = 4096;

/// A page that is to be recorded.
pub struct Recorder {
    shop: Rc<Shop>,
    recording: Arc<Recording>,
    way: &'static str,
    address: String,
    secrets: Vec<String>,
}

impl Recorder {
    /// For a page that this session is about to see, where its buyer's are recorded. `sent` are the shop's cookies in the
    /// browser, `way` and `address` as in [`Record`].
    pub fn begin(
        shop: &Rc<Shop>,
        session: &Session,
        buyer: &Buyer,
        sent: &Jar,
        way: &'static str,
        address: &str,
    ) -> Option<Recorder> {
        let recording = shop.plan.record.as_ref().filter(|recording| recording.wants(&buyer.name))?;
        Some(Recorder {
            shop: shop.clone(),
            recording: recording.clone(),
            way,
            address: address.split('?').next().unwrap_or_default().to_owned(),
            secrets: secrets(session, buyer, sent),
        })
    }

    /// What keeps the page as it streams past.
    pub fn tap(&self) -> Rc<Tap> {
        Tap::new(self.recording.page_size)
    }

    /// The page that `tap` has kept is written down when it is whole. `headers` are those of the shop's answer.
    pub fn streamed(
        self,
        tap: &Tap,
        headers: HeaderMap,
        session: &Session,
        (cart, articles): (&Cart, &Articles),
        worked_out: &WorkedOut,
    ) {
        let record = self.record(session, (cart, articles), worked_out);
        tap.when_whole(move |page| {
            let encoding = page.as_ref().map_or(UTF_8, |page| encoding(&headers, page));
            self.keep(record, page, false, encoding);
        });
    }

    /// A cart that our return page has read is written down.
    pub fn fetched(self, source: Source, session: &Session, cart: &Cart, articles: &Articles, worked_out: &WorkedOut) {
        let record = self.record(session, (cart, articles), worked_out);
        let (page, json) = match source {
            Source::Page(text) => (text, false),
            Source::Answers(answers) => (serde_json::Value::Array(answers).to_string(), true),
        };
        let page = (page.len() <= self.recording.page_size).then(|| vec![Bytes::from(page)]);
        self.keep(record, page, json, UTF_8);
    }

    fn keep(self, mut record: Record, page: Option<Vec<Bytes>>, json: bool, encoding: &'static Encoding) {
        let watch = &self.shop.watch;
        let Some(page) = page else {
            let detail = format!("it is longer than `record.page`, {} bytes", self.recording.page_size);
            record::dropped(&watch.metrics, &record.reference, Dropped::Size, &detail);
            return;
        };
        record.charset = encoding.name().to_owned();
        let sighting = Sighting { record, page, json, encoding, secrets: self.secrets };
        watch.records.keep(&self.recording, &watch.metrics, sighting);
    }

    fn record(&self, session: &Session, (cart, articles): (&Cart, &Articles), worked_out: &WorkedOut) -> Record {
        let parameters = session.entry.parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (outcome, lines) = outcome(cart, worked_out);
        Record {
            version: record::VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            time: returns::now(),
            reference: session.reference.to_string(),
            buyer: session.buyer.clone(),
            simulated: session.simulated,
            way: self.way.to_owned(),
            address: self.address.clone(),
            charset: String::new(),
            outcome,
            entry: Entry {
                hook: session.hook.as_ref().map_or_else(String::new, |hook| hook.text().to_owned()),
                parameters: parameters.collect(),
            },
            lines,
            product_pages: articles.iter().map(|(page, told)| seen_page(page, told)).collect(),
        }
    }
}

fn seen_page(page: &ProductPage, told: &Told) -> SeenPage {
    let (link, sku) = match page {
        ProductPage::Link(link) => (Some(link.clone()), None),
        ProductPage::Sku(sku) => (None, Some(sku.clone())),
    };
    let read = told.as_ref().map(|article| article.0.clone()).unwrap_or_default();
    SeenPage { link, sku, unread: told.as_ref().err().cloned(), read }
}

/// What product pages said when `record` was made: they are not asked again.
pub fn articles(record: &Record) -> Articles {
    let mut articles = Articles::default();
    for seen in &record.product_pages {
        let link = seen.link.clone().map(ProductPage::Link);
        let Some(page) = link.or_else(|| seen.sku.clone().map(ProductPage::Sku)) else { continue };
        let told = seen.unread.clone().map_or_else(|| Ok(Arc::new(Article(seen.read.clone()))), Err);
        articles.put(page, told);
    }
    articles
}

/// What a cart has come to, as a record has it.
pub fn outcome(cart: &Cart, worked_out: &WorkedOut) -> (Outcome, Vec<Line>) {
    let told = |finding: &crate::finding::Finding| format!("{} {finding}", finding.severity.word());
    let outcome = Outcome {
        empty: cart.empty,
        may_leave: worked_out.may_leave(),
        form_charset: worked_out.hand_over.charset.label().to_owned(),
        form_target: worked_out.hand_over.target.to_string(),
        findings: worked_out.findings.iter().map(told).collect(),
        header: worked_out.mapped.header.clone(),
    };
    let lines = cart.lines.iter().enumerate().map(|(number, line)| {
        let fields = worked_out.mapped.lines.get(number).into_iter().flatten();
        Line {
            read: line.values().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            fields: fields.map(|(field, value)| (field.to_string(), value.clone())).collect(),
        }
    });
    (outcome, lines.collect())
}

/// How the streaming reader took the page: where nothing tells the charset it begins with Windows-1252.
fn encoding(headers: &HeaderMap, page: &[Bytes]) -> &'static Encoding {
    let mut start = Vec::new();
    for frame in page {
        let room = START.saturating_sub(start.len());
        start.extend_from_slice(&frame[..frame.len().min(room)]);
    }
    match (Encoding::for_bom(&start), declared(headers)) {
        (Some((encoding, _)), _) | (None, Declared::Charset(encoding)) => encoding,
        (None, Declared::Nothing) => charset::of_declaration(&start).unwrap_or(WINDOWS_1252),
    }
}

/// Texts of the session that a page may repeat.
fn secrets(session: &Session, buyer: &Buyer, sent: &Jar) -> Vec<String> {
    let cookies = [sent, &session.jar].into_iter().flat_map(Jar::all_values);
    let cookies = cookies.map(|value| String::from_utf8_lossy(value).into_owned());
    let mut secrets: Vec<String> = cookies.filter(|value| value.len() >= SHORTEST_COOKIE).collect();
    secrets.push(session.id.to_cookie());
    // A name that could be a class or a word of the page would tear the page apart.
    if session.account.contains(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_'))) {
        secrets.push(session.account.clone());
    }
    let accounts = match &buyer.accounts {
        Accounts::Pool(accounts) => accounts.as_slice(),
        Accounts::Shared(account) => std::slice::from_ref(account),
        _ => &[],
    };
    secrets.extend(accounts.iter().map(|account| account.password.expose().to_owned()));
    secrets
}
