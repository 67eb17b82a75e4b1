//! Every catalog call in `fixtures/entries`, read and compared. Adding a case is adding a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use punchout_proxy::protocol::oci::{Entry, EntryNames, Hook, Secret};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "why")]
    _why: String,
    query: Option<String>,
    content_type: Option<String>,
    body: Option<String>,
    error: Option<String>,
    hook_refused: Option<String>,
    #[serde(default)]
    expect: Expected,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expected {
    hook: Option<String>,
    hook_shape: Option<String>,
    username: Option<String>,
    password: Option<String>,
    token: Option<String>,
    function: Option<String>,
    target: Option<String>,
    charset: Option<String>,
    language: Option<String>,
    cancel: Option<String>,
    product: Option<String>,
    quantity: Option<String>,
    search: Option<String>,
    vendor: Option<String>,
    echo: Option<Vec<String>>,
    parameters: BTreeMap<String, String>,
}

#[test]
fn entries_are_read_as_their_fixtures_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/entries");
    let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let mut seen = 0;
    for path in files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let case: Case =
            toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        check(&name, &case);
        seen += 1;
    }
    assert!(seen > 0, "no fixtures in {}", folder.display());
}

fn check(name: &str, case: &Case) {
    let query = case.query.as_deref().map(bytes);
    let body = case.body.as_deref().map(|body| body.trim_start_matches('\n').replace('\n', "\r\n"));
    let body = body.as_ref().map(|body| (case.content_type.as_deref().unwrap_or_default(), body.as_bytes()));
    let entry = match (Entry::parse(query.as_deref(), body, &EntryNames::default()), &case.error) {
        (Ok(entry), None) => entry,
        (Err(error), Some(part)) if error.to_string().contains(part) => return,
        (result, expected) => panic!("{name}: {result:?}, expected error {expected:?}"),
    };
    let hook = entry.hook.as_deref().map(Hook::parse);
    let refused = hook.and_then(Result::err).map(|refusal| format!("{refusal:?}"));
    assert_eq!(refused, case.hook_refused, "{name}: hook");
    compare(name, &entry, &case.expect);
}

fn compare(name: &str, entry: &Entry, expect: &Expected) {
    let secret = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let rows = [
        ("hook", &expect.hook, entry.hook.clone()),
        ("hook_shape", &expect.hook_shape, Some(format!("{:?}", entry.hook_shape))),
        ("username", &expect.username, entry.username.clone()),
        ("password", &expect.password, secret(&entry.password)),
        ("token", &expect.token, secret(&entry.token)),
        ("function", &expect.function, Some(entry.function.as_str().to_owned())),
        ("target", &expect.target, entry.target.as_ref().map(ToString::to_string)),
        ("charset", &expect.charset, entry.charset.map(|charset| charset.label().to_owned())),
        ("language", &expect.language, entry.language.clone()),
        ("cancel", &expect.cancel, entry.cancel.clone()),
        ("product", &expect.product, entry.product.clone()),
        ("quantity", &expect.quantity, entry.quantity.map(|quantity| quantity.to_string())),
        ("search", &expect.search, entry.search.clone()),
        ("vendor", &expect.vendor, entry.vendor.clone()),
    ];
    for (field, expected, found) in rows {
        if let Some(expected) = expected {
            assert_eq!(&found.unwrap_or_default(), expected, "{name}: {field}");
        }
    }
    if let Some(echo) = &expect.echo {
        let found: Vec<_> = entry.echo.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(&found, echo, "{name}: echo");
    }
    for (parameter, expected) in &expect.parameters {
        assert_eq!(entry.parameters.get(parameter).unwrap_or_default(), expected, "{name}: parameter {parameter}");
    }
}

/// The text's bytes, with `\xNN` as the byte NN: a query need not be UTF-8.
fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two hexadecimal digits after \\x"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}
