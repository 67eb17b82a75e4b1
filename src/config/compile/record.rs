//! `[record]`: where cart pages are kept, how many, and what is masked in them.

use std::sync::Arc;
use std::time::Duration;

use regex::bytes::Regex;

use super::{File, Notes, size, time};
use crate::observe::record::Recording;
use crate::observe::record::redact::Redaction;
use crate::selector;

/// What is recorded; nothing where no folder is named.
pub(super) fn record(file: &File, notes: &mut Notes<'_>) -> Option<Arc<Recording>> {
    let record = &file.record;
    let redaction = redaction(file, notes);
    for (n, buyer) in record.buyers.iter().enumerate() {
        if !file.buyer.iter().any(|known| known.name.as_ref() == Some(buyer)) {
            notes.fault(format!("record.buyers[{n}]"), format!("there is no buyer `{buyer}`"));
        }
    }
    let folder = notes.folder.join(record.folder.as_ref()?);
    let parent = folder.parent().is_some_and(|parent| parent.as_os_str().is_empty() || parent.is_dir());
    if !parent || (folder.exists() && !folder.is_dir()) {
        notes.fault("record.folder", format!("{} is no folder, and none can be made there", folder.display()));
    }
    let recording = Recording {
        folder,
        buyers: record.buyers.clone(),
        count: record.count.unwrap_or(200),
        size: size(record.size, 64 << 20) as u64,
        max_age: record.max_age.map_or(Duration::from_secs(14 * 24 * 60 * 60), |age| time(Some(age), 0)),
        page_size: size(record.page, 1 << 20),
        redaction,
    };
    if recording.count == 0 {
        notes.fault("record.count", "is 0: leave `record.folder` out to record nothing");
    }
    if recording.page_size as u64 > recording.size {
        notes.fault("record.page", "is larger than `record.size`, the bound on all records together");
    }
    Some(Arc::new(recording))
}

fn redaction(file: &File, notes: &mut Notes<'_>) -> Redaction {
    let mut redaction = Redaction::default();
    for (n, written) in file.record.hide.iter().enumerate() {
        let compiled = selector::compile(written);
        redaction.hide.extend(notes.take(&format!("record.hide[{n}]"), compiled));
    }
    for (n, pattern) in file.record.patterns.iter().enumerate() {
        let compiled = Regex::new(pattern).map_err(|error| {
            // The parser's drawing of the place takes several lines; the last one says what it is.
            let told = error.to_string();
            format!("`{pattern}`: {}", told.lines().last().unwrap_or_default().trim_start_matches("error: "))
        });
        redaction.patterns.extend(notes.take(&format!("record.patterns[{n}]"), compiled));
    }
    redaction.parameters = file.record.parameters.iter().map(|name| name.to_lowercase()).collect();
    redaction
}
