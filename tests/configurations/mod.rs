//! The configurations that lie in `fixtures/config`, and the shipped one.

use std::fs;
use std::path::{Path, PathBuf};

/// Every `.toml` of `fixtures/config/<folder>`, by name.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let folder = root().join("fixtures/config").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(!files.is_empty());
    files
}

/// The shipped `proxy.toml` with all of its keys: those in comments too.
pub(crate) fn every_key() -> String {
    let text = fs::read_to_string(root().join("proxy.toml")).unwrap();
    let opened = |line: &str| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|first: char| first.is_ascii_lowercase() || first == '[') => format!("{key}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(opened).collect()
}

/// The folder of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
