//! Carts that were handed over: the last ones in memory, and all of them in a file, so that one that was lost on its way
//! can be found and sent again.
//!
//! The file is written by a thread of its own: no disk holds up a worker. It is opened anew whenever its name leads
//! elsewhere, so rotating it takes a rename and nothing else.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Metrics;

/// How many are kept in memory.
const RECENT: usize = 100;

/// Where carts are written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The file, one line of JSON for each event.
    pub file: PathBuf,
    /// Whether each line is on the disk before the next is written.
    pub fsync: bool,
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// The form that takes a cart to its hook was given to a browser.
    Handed(Arc<Handed>),
    /// The browser said that it sent the form.
    Sent {
        /// When, as in RFC 3339.
        time: String,
        /// The session's.
        reference: String,
        /// The buyer's name.
        buyer: String,
    },
}

/// A cart in its form: all that is needed to send it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// When, as in RFC 3339.
    pub time: String,
    /// The session's.
    pub reference: String,
    /// The buyer's name.
    pub buyer: String,
    /// Where the form goes, whole: it could not be sent again without its query.
    pub hook: String,
    /// The browsing context that it opens.
    pub target: String,
    /// What the browser sends it in.
    pub charset: String,
    /// Lines in the cart.
    pub lines: usize,
    /// Every field, in order.
    pub fields: Vec<(String, String)>,
    /// What became of values that could not go through as they were, as the log has it.
    pub findings: Vec<String>,
}

/// The carts of one running proxy.
#[derive(Clone, Debug, Default)]
pub struct Returns(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    recent: VecDeque<(Arc<Handed>, bool)>,
    writer: Option<(Sender<Line>, JoinHandle<()>)>,
}

struct Line {
    audit: Arc<Audit>,
    event: Event,
}

impl Returns {
    /// A form was given out. A page that is shown again with the same cart is no further event.
    pub fn handed(&self, audit: Option<&Arc<Audit>>, metrics: &Arc<Metrics>, handed: Handed) {
        let mut kept = self.lock();
        let last = kept.recent.iter().rev().find(|(last, _)| last.reference == handed.reference);
        if last.is_some_and(|(last, _)| last.hook == handed.hook && last.fields == handed.fields) {
            return;
        }
        if kept.recent.len() == RECENT {
            kept.recent.pop_front();
        }
        let handed = Arc::new(handed);
        kept.recent.push_back((handed.clone(), false));
        if let Some(audit) = audit {
            kept.write(audit, metrics, Event::Handed(handed));
        }
    }

    /// A browser said that it sent the session's form.
    pub fn sent(&self, audit: Option<&Arc<Audit>>, metrics: &Arc<Metrics>, reference: String, buyer: &str) {
        let mut kept = self.lock();
        if let Some((_, sent)) = kept.recent.iter_mut().rev().find(|(handed, _)| handed.reference == reference) {
            *sent = true;
        }
        if let Some(audit) = audit {
            kept.write(audit, metrics, Event::Sent { time: now(), reference, buyer: buyer.to_owned() });
        }
    }

    /// The last ones, the latest first, and whether each was sent.
    pub fn recent(&self) -> Vec<(Arc<Handed>, bool)> {
        self.lock().recent.iter().rev().cloned().collect()
    }

    /// Waits until all is written.
    pub fn finish(&self) {
        let writer = self.lock().writer.take();
        if let Some((lines, thread)) = writer {
            drop(lines);
            // What it panicked of is on standard error.
            let _ = thread.join();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Every change is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn write(&mut self, audit: &Arc<Audit>, metrics: &Arc<Metrics>, event: Event) {
        let (lines, _) = self.writer.get_or_insert_with(|| {
            let (lines, written) = channel();
            let metrics = metrics.clone();
            (lines, std::thread::spawn(move || write_all(&written, &metrics)))
        });
        // The thread ends when this sender does, not before.
        let _ = lines.send(Line { audit: audit.clone(), event });
    }
}

/// The time, as in RFC 3339.
pub fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// Opens the file to write at its end. Only our own user may read it: it holds hooks with their session tokens.
///
/// # Errors
/// When it cannot be written.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// All events of a file, and how many of its lines are none: one that was cut off by a crash, say.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> io::Result<(Vec<Event>, usize)> {
    let text = std::fs::read_to_string(path)?;
    let lines: Vec<_> = text.lines().map(serde_json::from_str).collect();
    let broken = lines.iter().filter(|line| line.is_err()).count();
    Ok((lines.into_iter().flatten().collect(), broken))
}

fn write_all(lines: &Receiver<Line>, metrics: &Metrics) {
    let mut file: Option<(PathBuf, File)> = None;
    for Line { audit, event } in lines {
        let written = write(&mut file, &audit, &event);
        if let Err(error) = written {
            file = None;
            metrics.audit_failed();
            let path = audit.file.display();
            tracing::error!(%error, "a returned cart is not written down: {path}");
        }
    }
}

fn write(file: &mut Option<(PathBuf, File)>, audit: &Audit, event: &Event) -> io::Result<()> {
    if !file.as_ref().is_some_and(|(path, file)| *path == audit.file && is_at(file, path)) {
        *file = Some((audit.file.clone(), open(&audit.file)?));
    }
    let Some((_, file)) = file else { return Ok(()) };
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    // One write: lines of two processes on one file do not mix.
    file.write_all(&line)?;
    if audit.fsync { file.sync_data() } else { Ok(()) }
}

/// Whether the name still leads to the file that is open.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed(reference: &str, value: &str) -> Handed {
        Handed {
            time: now(),
            reference: reference.to_owned(),
            buyer: "acme".to_owned(),
            hook: "https://srm.example/?s=1".to_owned(),
            target: "_top".to_owned(),
            charset: "utf-8".to_owned(),
            lines: 1,
            fields: vec![("NEW_ITEM-DESCRIPTION[1]".to_owned(), value.to_owned())],
            findings: Vec::new(),
        }
    }

    #[test]
    fn a_rotated_file_is_left_and_a_cart_that_is_the_same_is_written_once() {
        let folder = std::env::temp_dir().join(format!("punchout-returns-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, rotated) = (folder.join("returns.jsonl"), folder.join("returns.jsonl.1"));
        let audit = Arc::new(Audit { file: path.clone(), fsync: true });
        let (returns, metrics) = (Returns::default(), Arc::new(Metrics::new()));
        returns.handed(Some(&audit), &metrics, handed("AAAA", "Drill"));
        returns.handed(Some(&audit), &metrics, handed("AAAA", "Drill"));
        returns.finish();
        std::fs::rename(&path, &rotated).unwrap();
        returns.handed(Some(&audit), &metrics, handed("AAAA", "Saw"));
        returns.sent(Some(&audit), &metrics, "AAAA".to_owned(), "acme");
        returns.finish();
        assert_eq!(read(&rotated).unwrap().0.len(), 1);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"event\":\"han").unwrap();
        let (events, broken) = read(&path).unwrap();
        assert_eq!((events.len(), broken), (2, 1));
        assert!(matches!(&events[0], Event::Handed(one) if one.fields[0].1 == "Saw"), "{events:?}");
        assert!(returns.recent()[0].1 && !returns.recent()[1].1);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
