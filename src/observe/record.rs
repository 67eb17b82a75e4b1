//! Cart pages as the shop sent them, with what was read from them and what the buyer would have got, kept in a folder so
//! that `replay` can do all of that again with another configuration.
//!
//! Whatever could be a secret is masked ([`redact`]) before anything is on a disk; a page that cannot be masked is not
//! written. The folder is bounded ([`folder`]). A thread of its own does both: a queue that is full, or a disk that is,
//! costs a record, never a buyer's time.

pub mod folder;
pub mod redact;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Metrics;
use redact::{Redaction, Redactor};

/// The shape of [`Record`] that this program writes and reads.
pub const VERSION: u32 = 1;

/// Pages that wait for the disk. Each may be [`Recording::page_size`] long.
const QUEUE: usize = 16;

/// Between two looks for records that are too old, where none is written.
const SWEEP: Duration = Duration::from_secs(15 * 60);

/// What is recorded, and where.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The folder; each record is a folder in it.
    pub folder: PathBuf,
    /// These buyers alone; all where it names none.
    pub buyers: Vec<String>,
    /// Most records.
    pub count: usize,
    /// Most bytes of all records together.
    pub size: u64,
    /// How long one is kept.
    pub max_age: Duration,
    /// A larger page is not recorded, in bytes.
    pub page_size: usize,
    /// What is masked.
    pub redaction: Redaction,
}

impl Recording {
    /// Whether that buyer's sessions are recorded.
    pub fn wants(&self, buyer: &str) -> bool {
        self.buyers.is_empty() || self.buyers.iter().any(|wanted| wanted == buyer)
    }
}

/// The head of a record: `record.toml`, beside the page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// See [`VERSION`].
    pub version: u32,
    /// The program's.
    pub program: String,
    /// When the page was shown, as in RFC 3339.
    pub time: String,
    /// The session's.
    pub reference: String,
    /// The buyer's name.
    pub buyer: String,
    /// It was made from the console: its hook is the console's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
    /// How the page was read: `page` while it streamed past, `fresh` by our return page, `report-only`.
    pub way: String,
    /// The page's path at the shop.
    pub address: String,
    /// What the page is written in.
    pub charset: String,
    /// What it came to.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The catalog call that the session began with.
    pub entry: Entry,
    /// The cart's lines, each with its fields. Last, for a TOML file ends with its tables.
    #[serde(default, rename = "line")]
    pub lines: Vec<Line>,
    /// What was looked up for the lines.
    #[serde(default, rename = "product_page", skip_serializing_if = "Vec::is_empty")]
    pub product_pages: Vec<SeenPage>,
}

/// A product page, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenPage {
    /// The link by which a line names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The item number by which a line names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// Name and value of all that it says, in order.
    #[serde(with = "in_order", default)]
    pub read: Vec<(String, String)>,
}

/// What a cart came to as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The page said that the cart is empty.
    pub empty: bool,
    /// It could leave.
    pub may_leave: bool,
    /// What the form is sent in.
    pub form_charset: String,
    /// The browsing context that the form opens.
    pub form_target: String,
    /// Severity, code, line and text of each.
    pub findings: Vec<String>,
    /// Inputs without an index.
    #[serde(with = "in_order")]
    pub header: Vec<(String, String)>,
}

/// A catalog call, masked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// HOOK_URL; the values in its query are masked.
    pub hook: String,
    /// All else that came, but for passwords and tokens.
    #[serde(with = "in_order")]
    pub parameters: Vec<(String, String)>,
}

/// One line of the cart, in the words of `cart.lines.toml` in `fixtures/pages`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Name and value of all that was read, in order.
    #[serde(with = "in_order")]
    pub read: Vec<(String, String)>,
    /// Field (without `NEW_ITEM-` and index) and value of all that would be sent, in order.
    #[serde(with = "in_order")]
    pub fields: Vec<(String, String)>,
}

/// What one page was, before anything is masked.
#[derive(Debug)]
pub struct Sighting {
    /// The head.
    pub record: Record,
    /// The page, decoded from its content coding; JSON where the shop answers with that.
    pub page: Vec<Bytes>,
    /// The page is JSON: the answers, in an array.
    pub json: bool,
    /// What the page is written in.
    pub encoding: &'static encoding_rs::Encoding,
    /// Texts of this session that nobody is to see: cookies, the account's name and password.
    pub secrets: Vec<String>,
}

/// Why a page was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Too many were waiting for the disk.
    Queue,
    /// It was longer than [`Recording::page_size`].
    Size,
    /// It could not be masked.
    Redaction,
    /// It could not be written.
    Disk,
}

impl Dropped {
    /// As a metric's label has it.
    pub fn word(self) -> &'static str {
        match self {
            Dropped::Queue => "queue",
            Dropped::Size => "size",
            Dropped::Redaction => "redaction",
            Dropped::Disk => "disk",
        }
    }
}

/// The writer of one running proxy.
#[derive(Clone, Debug, Default)]
pub struct Records(Arc<Mutex<Option<Writer>>>);

#[derive(Debug)]
struct Writer {
    sightings: SyncSender<(Arc<Recording>, Box<Sighting>)>,
    thread: JoinHandle<()>,
}

impl Records {
    /// Makes the folder ready, and takes old records away from now on, whether new ones come or not.
    ///
    /// # Errors
    /// When the folder cannot be made, or not be looked into.
    pub fn begin(&self, recording: &Arc<Recording>, metrics: &Arc<Metrics>) -> std::io::Result<()> {
        folder::make(&recording.folder)?;
        folder::make_room(recording, 0)?;
        self.lock().get_or_insert_with(|| Writer::start(metrics.clone(), Some(recording.clone())));
        Ok(())
    }

    /// Gives a page to the writer; at once, whatever becomes of it.
    pub fn keep(&self, recording: &Arc<Recording>, metrics: &Arc<Metrics>, sighting: Sighting) {
        let mut kept = self.lock();
        let writer = kept.get_or_insert_with(|| Writer::start(metrics.clone(), None));
        match writer.sightings.try_send((recording.clone(), Box::new(sighting))) {
            Ok(()) => {}
            Err(TrySendError::Full((_, sighting))) => {
                dropped(metrics, &sighting.record.reference, Dropped::Queue, "too many wait to be written");
            }
            Err(TrySendError::Disconnected((_, sighting))) => {
                // It panicked, and said so on standard error: the next page gets another.
                *kept = None;
                dropped(metrics, &sighting.record.reference, Dropped::Disk, "its writer has ended");
            }
        }
    }

    /// Waits until all is written.
    pub fn finish(&self) {
        let writer = self.lock().take();
        if let Some(Writer { sightings, thread }) = writer {
            drop(sightings);
            // What it panicked of is on standard error.
            let _ = thread.join();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Writer>> {
        // Every change is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// `last` is what is swept until something is written.
    fn start(metrics: Arc<Metrics>, last: Option<Arc<Recording>>) -> Writer {
        let (sightings, seen) = sync_channel(QUEUE);
        Writer { sightings, thread: std::thread::spawn(move || write_all(&seen, &metrics, last)) }
    }
}

/// Counts a page that is not recorded, and says so.
pub fn dropped(metrics: &Metrics, reference: &str, why: Dropped, detail: &str) {
    let so_far = metrics.record_dropped(why.word());
    // A full disk stays full: the first is told of, and then ever fewer.
    if so_far.is_power_of_two() {
        tracing::warn!(reference, reason = why.word(), so_far, "a cart page is not recorded: {detail}");
    }
}

fn write_all(seen: &Receiver<(Arc<Recording>, Box<Sighting>)>, metrics: &Metrics, mut last: Option<Arc<Recording>>) {
    let mut written: std::collections::VecDeque<Record> = std::collections::VecDeque::new();
    loop {
        match seen.recv_timeout(SWEEP) {
            Ok((recording, sighting)) => {
                if !is_news(&mut written, &sighting.record) {
                    continue;
                }
                let reference = sighting.record.reference.clone();
                match write(&recording, *sighting) {
                    Ok(()) => metrics.record_kept(),
                    Err((why, detail)) => dropped(metrics, &reference, why, &detail),
                }
                last = Some(recording);
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Some(recording) = &last {
                    // What cannot be removed now is tried again with the next record.
                    let _ = folder::make_room(recording, 0);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Whether the session's last page came to something else: one that is shown again is no further record.
fn is_news(written: &mut std::collections::VecDeque<Record>, record: &Record) -> bool {
    /// So many sessions are remembered.
    const SESSIONS: usize = 100;
    let untimed = Record { time: String::new(), ..record.clone() };
    if written.contains(&untimed) {
        return false;
    }
    written.retain(|one| one.reference != untimed.reference);
    if written.len() == SESSIONS {
        written.pop_front();
    }
    written.push_back(untimed);
    true
}

fn write(recording: &Recording, sighting: Sighting) -> Result<(), (Dropped, String)> {
    let Sighting { mut record, page, json, encoding, secrets } = sighting;
    let mut redactor = Redactor::new(&recording.redaction, &record.entry, &secrets);
    let page = page.concat();
    let page = if json { redactor.json(&page) } else { redactor.html(&page, encoding) };
    let page = page.map_err(|error| (Dropped::Redaction, error))?;
    redactor.record(&mut record);
    let head = text(&record).map_err(|error| (Dropped::Redaction, error.to_string()))?;
    folder::write(recording, &record, &head, &page, json).map_err(|error| (Dropped::Disk, error.to_string()))
}

/// The head as it is written.
fn text(record: &Record) -> Result<String, toml::ser::Error> {
    let mut text =
        String::from("# A cart page that a buyer saw, recorded by punchout-proxy. What was masked stands as ***.\n");
    // Writing to a String does not fail.
    let _ = write!(text, "{}", toml::to_string_pretty(record)?);
    Ok(text)
}

/// Pairs as a table that keeps their order.
mod in_order {
    use std::fmt;

    use serde::de::{MapAccess, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(pairs: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(pairs.iter().map(|(name, value)| (name, value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, String)>, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(String, String)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        from.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: &str) -> Record {
        let pairs = |value: &str| vec![("LONGTEXT".to_owned(), value.to_owned()), ("A.b c".to_owned(), String::new())];
        Record {
            version: VERSION,
            reference: "AAAA".to_owned(),
            outcome: Outcome { header: pairs("h"), findings: vec![value.to_owned()], ..Outcome::default() },
            entry: Entry { hook: "https://a.example".to_owned(), parameters: pairs("p") },
            lines: vec![Line { read: pairs(value), fields: pairs("f") }, Line::default()],
            ..Record::default()
        }
    }

    #[test]
    fn a_head_is_read_as_it_was_written() {
        for value in ["Drill", "\"'''\" \u{1}\r\n\t å # = []"] {
            let record = record(value);
            let text = text(&record).unwrap();
            assert_eq!(toml::from_str::<Record>(&text).unwrap(), record, "{text}");
        }
    }

    #[test]
    fn a_full_queue_drops_and_never_waits() {
        let (sightings, seen) = sync_channel(QUEUE);
        // A writer that a disk holds up for ever.
        let (release, held) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let _ = held.recv();
            drop(seen);
        });
        let records = Records(Arc::new(Mutex::new(Some(Writer { sightings, thread }))));
        let metrics = Arc::new(Metrics::new());
        let recording = Arc::new(Recording {
            folder: "nowhere".into(),
            buyers: Vec::new(),
            count: 1,
            size: 1,
            max_age: Duration::MAX,
            page_size: 1,
            redaction: Redaction::default(),
        });
        for _ in 0..QUEUE + 2 {
            let sighting = Sighting {
                record: record("x"),
                page: Vec::new(),
                json: false,
                encoding: encoding_rs::UTF_8,
                secrets: Vec::new(),
            };
            records.keep(&recording, &metrics, sighting);
        }
        assert!(metrics.text().contains("punchout_records_dropped_total{reason=\"queue\"} 2\n"), "{}", metrics.text());
        drop(release);
        records.finish();
    }
}
