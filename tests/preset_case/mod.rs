//! `fixtures/presets/<preset>.toml`: how a shop of that kind answers, and what of it is closed to sessions.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// Folder in `fixtures/pages` with the cart that is emptied.
    pub(crate) cart: String,
    /// Requests that sessions may not make: method, address, and the form that is sent.
    pub(crate) denied: Vec<String>,
    /// Requests that buying needs.
    pub(crate) allowed: Vec<String>,
    /// What the shop is asked to empty that cart: method, address, and a piece of the body, or `nonce=` and the token.
    pub(crate) emptying: Vec<String>,
    pub(crate) answer: Vec<Scripted>,
}

/// One of the shop's answers; the first that fits a request is given.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Scripted {
    pub(crate) ask: String,
    pub(crate) holds: String,
    pub(crate) status: Option<u16>,
    pub(crate) redirect: Option<String>,
    pub(crate) cookies: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) body: String,
    /// Its body is the cart as it is now, instead.
    pub(crate) cart: bool,
    /// Its body is that of a folder in `fixtures/pages`, instead.
    pub(crate) page: Option<String>,
}

impl Case {
    pub(crate) fn of(preset: &str) -> Self {
        toml_in(&fixtures().join(format!("presets/{preset}.toml")))
    }
}

impl Scripted {
    /// Whether it answers that method and address, with that body.
    pub(crate) fn fits(&self, line: &str, body: &[u8]) -> bool {
        self.ask == line && String::from_utf8_lossy(body).contains(&self.holds)
    }
}

/// One line of `emptying`: whether a request with that method and address is it; `sent` are its token and body.
pub(crate) fn empties(expected: &str, line: &str, sent: &str) -> bool {
    let mut words = expected.splitn(3, ' ');
    let asked = format!("{} {}", words.next().unwrap(), words.next().unwrap());
    asked == line && sent.contains(words.next().unwrap_or_default())
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

pub(crate) fn toml_in<T: DeserializeOwned>(file: &Path) -> T {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The cart of a folder in `fixtures/pages`: a page, or an endpoint's first answer.
pub(crate) fn cart_of(folder: &str) -> Vec<u8> {
    let folder = fixtures().join("pages").join(folder);
    std::fs::read(folder.join("cart.html")).unwrap_or_else(|_| {
        let answers: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("cart.json")).unwrap()).unwrap();
        answers[0].to_string().into_bytes()
    })
}
