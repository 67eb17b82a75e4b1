//! A page in the shape of a shop's, its rules, and what must be read: a folder of `fixtures/pages`, or one that `replay
//! --fixture` wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use encoding_rs::{Encoding, UTF_8};
use punchout_proxy::cart::read_html::read;
use punchout_proxy::cart::read_json;
use punchout_proxy::cart::rules::{Rules, RulesSource};
use punchout_proxy::cart::{Cart, Line};
use punchout_proxy::config::file::File;
use punchout_proxy::config::presets::PRESETS;
use punchout_proxy::finding::Finding;
use rust_decimal::Decimal;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// The charset that the shop's header names; UTF-8 without it.
    charset: Option<String>,
    #[serde(default)]
    pub(crate) empty: bool,
    /// `CODE` or `CODE line`, in order.
    #[serde(default)]
    findings: Vec<String>,
    /// Fields of the rules that are allowed and warned about.
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    pub(crate) line: Vec<ExpectedLine>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedLine {
    name: String,
    sku: Option<String>,
    quantity: Decimal,
    price: Decimal,
    total: Option<Decimal>,
    currency: String,
    unit: Option<String>,
    link: Option<String>,
    #[serde(default)]
    extra: toml::Table,
}

impl From<ExpectedLine> for Line {
    fn from(line: ExpectedLine) -> Line {
        let ExpectedLine { name, sku, quantity, price, total, currency, unit, link, extra } = line;
        let extra = extra.into_iter().map(|(key, value)| (key, value.as_str().unwrap().to_owned())).collect();
        Line { name, sku, quantity, price, total, currency, unit, link, extra }
    }
}

/// Those of `fixtures/pages`.
pub(crate) fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pages");
    let mut shops: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    shops.retain(|shop| shop.join("cart.lines.toml").exists());
    shops.sort();
    shops
}

/// The charset that the shop's header names, if it does.
pub(crate) fn charset(shop: &Path) -> Option<String> {
    toml_in::<Expected>(shop.join("cart.lines.toml")).charset
}

/// What must be read, extra values by name.
pub(crate) fn lines(shop: &Path) -> Vec<Line> {
    let mut lines: Vec<Line> =
        toml_in::<Expected>(shop.join("cart.lines.toml")).line.into_iter().map(Line::from).collect();
    lines.iter_mut().for_each(|line| line.extra.sort());
    lines
}

pub(crate) fn toml_in<T: serde::de::DeserializeOwned>(file: PathBuf) -> T {
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The keys of `rules.toml`, over those of the shipped preset that its `preset` names: of its `[shop.cart]`, or of what
/// `part` names (`product`, `search`).
fn rules_in(shop: &Path) -> RulesSource {
    let mut own: toml::Table = toml_in(shop.join("rules.toml"));
    let preset = own.remove("preset");
    let part = own.remove("part");
    let own: RulesSource = own.try_into().unwrap_or_else(|error| panic!("{}: {error}", shop.display()));
    let Some(preset) = preset else { return own };
    let (_, text) = PRESETS.iter().find(|(name, _)| preset.as_str() == Some(name)).unwrap();
    let file: File = toml::from_str(text).unwrap();
    let base = match part.as_ref().map(|part| part.as_str().unwrap()) {
        None => RulesSource::from(&file.shop.cart),
        Some("product") => RulesSource::from(file.shop.product.as_ref().unwrap()),
        Some("search") => RulesSource::from(file.shop.search.as_ref().unwrap()),
        Some(other) => panic!("{}: no part `{other}`", shop.display()),
    };
    own.over(base)
}

fn codes(cart: &Cart) -> Vec<String> {
    let shown = |finding: &Finding| match finding.line {
        Some(line) => format!("{} {line}", finding.code),
        None => finding.code.to_owned(),
    };
    cart.findings.iter().map(shown).collect()
}

/// It is read as it must be, in pieces of every size.
pub(crate) fn accept(shop: &Path) {
    let name = shop.file_name().unwrap().to_string_lossy().into_owned();
    let rules = Rules::compile(rules_in(shop)).unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
    let rules = Arc::new(rules);
    let expected: Expected = toml_in(shop.join("cart.lines.toml"));
    let lines: Vec<Line> = expected.line.into_iter().map(Line::from).collect();
    let encoding = expected.charset.map_or(UTF_8, |label| Encoding::for_label(label.as_bytes()).unwrap());
    let warned: Vec<_> = rules.warnings().iter().map(|warning| warning.field.as_str()).collect();
    assert_eq!(warned, expected.warnings, "{name}");
    if rules.endpoint().is_some() {
        let answers = fs::read_to_string(shop.join("cart.json")).unwrap();
        let answers: Vec<serde_json::Value> = serde_json::from_str(&answers).unwrap();
        let cart = read_json::read(&rules, &answers);
        assert_eq!(cart.lines, lines, "{name}: {:#?}", cart.findings);
        assert_eq!(codes(&cart), expected.findings, "{name}: {:#?}", cart.findings);
        assert_eq!(cart.empty, expected.empty, "{name}");
        return;
    }
    let html = fs::read(shop.join("cart.html")).unwrap();
    for size in [1, 7, 1000, html.len()] {
        let cart = read(&rules, html.chunks(size), encoding);
        assert_eq!(cart.lines, lines, "{name} in pieces of {size}: {:#?}", cart.findings);
        assert_eq!(codes(&cart), expected.findings, "{name} in pieces of {size}: {:#?}", cart.findings);
        assert_eq!(cart.empty, expected.empty, "{name} in pieces of {size}");
    }
}
