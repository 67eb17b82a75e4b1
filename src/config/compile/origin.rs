//! `shop.origin` and what makes us believe that it is the shop.

use std::path::Path;

use url::Url;

use super::Notes;
use crate::config::file::File;
use crate::config::tls::authorities;
use crate::rewrite::own_name::Name;
use crate::upstream::{Origin, Scheme, Trust};

/// Where the shop is.
pub(super) fn origin(file: &File, notes: &mut Notes<'_>) -> Option<Origin> {
    let trust = trust(file, notes);
    let text = notes.need(
        "shop.origin",
        file.shop.origin.as_ref(),
        "where the shop listens, such as \"http://127.0.0.1:3000\" or \"unix:/run/shop.sock\"",
    )?;
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path, file, notes);
    }
    let url =
        notes.take("shop.origin", Url::parse(text).map_err(|error| format!("`{text}` is not an address: {error}")))?;
    let origin = notes.take("shop.origin", Origin::trusting(&url, &trust?))?;
    for (key, set) in [
        ("shop.ca_file", file.shop.ca_file.is_some()),
        ("shop.danger_accept_any_certificate", file.shop.danger_accept_any_certificate == Some(true)),
    ] {
        if set && origin.scheme() == Scheme::Http {
            notes.warn(key, "is not used: `shop.origin` does not begin with https://");
        }
    }
    Some(origin)
}

fn unix(path: &str, file: &File, notes: &mut Notes<'_>) -> Option<Origin> {
    if !Path::new(path).is_absolute() {
        notes.fault("shop.origin", format!("`unix:{path}` is no Unix socket: write it \"unix:/run/shop.sock\""));
        return None;
    }
    let Some(host) = file.shop.host.iter().next() else {
        notes.fault("shop.host", "is missing: the shop's own name, such as \"shop.example\"; a Unix socket has none");
        return None;
    };
    // What is no name is told of where all of them are read.
    let name = Name::parse(host, false).ok()?;
    notes.take("shop.host", Origin::unix(path, &name.authority()))
}

fn trust(file: &File, notes: &mut Notes<'_>) -> Option<Trust> {
    if file.shop.danger_accept_any_certificate == Some(true) {
        notes.warn(
            "shop.danger_accept_any_certificate",
            "ANYBODY between here and the shop can read and change everything, passwords too: name the shop's authority \
             in `shop.ca_file` instead",
        );
        if file.shop.ca_file.is_some() {
            notes.fault("shop.ca_file", "is of no use beside `danger_accept_any_certificate`: take that out");
        }
        return Some(Trust::DangerAnybody);
    }
    match &file.shop.ca_file {
        None => Some(Trust::System),
        Some(path) => notes.take("shop.ca_file", authorities(&notes.folder.join(path))).map(Trust::Only),
    }
}
