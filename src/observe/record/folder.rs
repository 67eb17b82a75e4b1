//! The folder of records: written whole or not at all, never larger than it may be.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Record, Recording, VERSION};

/// The head of a record.
const HEAD: &str = "record.toml";
/// The page of a record.
const PAGE: &str = "cart.html";
/// The page of a record, where the cart is JSON.
const JSON: &str = "cart.json";
/// What a record's name ends with. Nothing else in the folder is ever touched.
const ENDING: &str = ".punchout";
/// What it ends with until it is whole.
const UNFINISHED: &str = ".punchout-unfinished";

/// A record as it was read.
#[derive(Debug)]
pub struct Kept {
    /// The head.
    pub record: Record,
    /// The page's bytes.
    pub page: Vec<u8>,
    /// The page is JSON: the answers, in an array.
    pub json: bool,
}

/// Reads a record: its folder, or any file in it.
///
/// # Errors
/// What is missing or cannot be understood, in words for a person.
pub fn read(path: &Path) -> Result<Kept, String> {
    if !path.exists() {
        return Err(format!("{}: there is no such record", path.display()));
    }
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let told = |file: &str, error: &dyn std::fmt::Display| format!("{}: {error}", folder.join(file).display());
    let head = fs::read_to_string(folder.join(HEAD)).map_err(|error| told(HEAD, &error))?;
    let record: Record = toml::from_str(&head).map_err(|error| told(HEAD, &error))?;
    if record.version != VERSION {
        let detail = format!("is of version {}, and this program reads {VERSION}", record.version);
        return Err(told(HEAD, &detail));
    }
    let json = folder.join(JSON).exists();
    let name = if json { JSON } else { PAGE };
    let page = fs::read(folder.join(name)).map_err(|error| told(name, &error))?;
    Ok(Kept { record, page, json })
}

/// Writes a record beside its final place and moves it there, so that whoever looks sees it whole or not at all.
pub(super) fn write(recording: &Recording, record: &Record, head: &str, page: &[u8], json: bool) -> io::Result<()> {
    make(&recording.folder)?;
    make_room(recording, (head.len() + page.len()) as u64)?;
    let name = name(record);
    let (finished, unfinished) =
        (recording.folder.join(format!("{name}{ENDING}")), recording.folder.join(format!("{name}{UNFINISHED}")));
    let written = DirBuilder::new()
        .mode(0o700)
        .create(&unfinished)
        .and_then(|()| write_file(&unfinished.join(HEAD), head.as_bytes()))
        .and_then(|()| write_file(&unfinished.join(if json { JSON } else { PAGE }), page))
        .and_then(|()| fs::rename(&unfinished, &finished));
    if written.is_err() {
        // Half a record is no record; what cannot be removed now is taken away when there has to be room.
        let _ = fs::remove_dir_all(&unfinished);
    }
    written
}

/// Makes the folder, open to our own user alone.
///
/// # Errors
/// When it is not there and cannot be made.
pub fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() { Ok(()) } else { DirBuilder::new().recursive(true).mode(0o700).create(folder) }
}

/// Removes what is too old, what was left half-written, and then the oldest until `more` bytes fit.
pub(super) fn make_room(recording: &Recording, more: u64) -> io::Result<()> {
    let too_large = || io::Error::other(format!("it has {more} bytes, and `record.size` is {}", recording.size));
    if more > recording.size {
        return Err(too_large());
    }
    let mut records = records(&recording.folder)?;
    let now = SystemTime::now();
    let is_old = |one: &Found| now.duration_since(one.since).is_ok_and(|age| age > recording.max_age);
    for one in records.extract_if(.., |one| is_old(one)) {
        fs::remove_dir_all(&one.path)?;
    }
    let mut bytes: u64 = records.iter().map(|one| one.bytes).sum();
    // A record that is about to come counts as one.
    let most = if more > 0 { recording.count.saturating_sub(1) } else { recording.count };
    let mut left = records.len();
    for one in &records {
        if left <= most && bytes + more <= recording.size {
            break;
        }
        fs::remove_dir_all(&one.path)?;
        bytes -= one.bytes;
        left -= 1;
    }
    Ok(())
}

struct Found {
    path: PathBuf,
    since: SystemTime,
    bytes: u64,
}

/// The records, the oldest first: their names begin with the time.
fn records(folder: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Another process may be at work on one that is unfinished: it is left to grow old.
        if !(name.ends_with(ENDING) || name.ends_with(UNFINISHED)) || !entry.file_type()?.is_dir() {
            continue;
        }
        // Another process may have removed it since.
        let (Ok(about), Ok(files)) = (entry.metadata(), fs::read_dir(entry.path())) else { continue };
        let bytes = files.flatten().filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum();
        found.push(Found { path: entry.path(), since: about.modified()?, bytes });
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// `20261128T055059123Z-7KQ2M4XA-acme`: sorted by name is sorted by time.
fn name(record: &Record) -> String {
    let time: String = record.time.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let buyer: String = record.buyer.chars().map(plain).take(40).collect();
    format!("{time}-{}-{buyer}", record.reference)
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}
