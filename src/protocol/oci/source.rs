//! Where the value of a field comes from.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::change::{Case, Change, ChangeSource};
use super::parameters::Parameters;
use crate::cart::class::Classes;
use crate::cart::{Line, PRODUCT};
use crate::finding::{Finding, Severity, code};

/// A field's source as it is written in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(untagged)]
pub enum FieldSource {
    /// `"0000100234"`: the same text on every line; empty leaves the field out.
    #[schemars(extend("type" = ["string", "integer"]))]
    Constant(String),
    /// `{ from = "sku" }`, `{ parameter = "COSTCENTER" }`, `{ template = "{sku} {name}" }`, `{ class = "category" }`,
    /// `{ join = [...] }`, each with changes, `map` and `default`.
    Value(Box<ValueSource>),
    /// `[{ from = "ean" }, { from = "sku" }, "none"]`: the first that is not empty.
    Chain(Vec<FieldSource>),
}

/// One value, perhaps changed and translated. Exactly one of `from`, `parameter`, `template`, `class` and `join` is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueSource {
    /// A value of the line: `name`, `sku`, `quantity`, `price`, `total`, `currency`, `unit`, `link`, `line` (its number,
    /// from 1), or one of the cart's own extra values.
    pub from: Option<String>,
    /// A parameter of the entry, in any case.
    pub parameter: Option<String>,
    /// A text with values of the line in braces, and parameters as `{parameter.COSTCENTER}`; `{{` and `}}` are braces.
    /// Empty when all its values are.
    pub template: Option<String>,
    /// The class of one of the cart's extra values by the tables of classes, the buyer's own before everybody's.
    pub class: Option<String>,
    /// Several values, those that are not empty, with `separator` between them.
    pub join: Option<Vec<FieldSource>>,
    /// A space by default.
    pub separator: Option<String>,
    /// A regular expression: its first group, or all that it matched. A value without a match is none.
    pub pattern: Option<String>,
    /// Each match of the first is replaced by the second, where `$1` is a group.
    pub replace: Option<(String, String)>,
    /// Characters that are taken off at both ends.
    pub strip: Option<String>,
    /// Upper or lower case.
    pub case: Option<Case>,
    /// At most so many characters, ended after a word where one ends near.
    pub cut: Option<usize>,
    /// Filled up on the left to `pad`'s length with its first character: `"0000000000"` makes ten digits.
    pub pad: Option<String>,
    /// What the value means to the buyer, compared without case and outer spaces. A value that is not in it gives the
    /// default, or nothing.
    pub map: Option<BTreeMap<String, String>>,
    /// What is sent where there is no value.
    pub default: Option<String>,
}

impl<'de> Deserialize<'de> for FieldSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By hand: serde's untagged enums answer every mistake with "did not match any variant".
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = FieldSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a table with `from`, `parameter` or `template`, or a list of these")
            }

            fn visit_str<E>(self, text: &str) -> Result<FieldSource, E> {
                Ok(FieldSource::Constant(text.to_owned()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<FieldSource, E> {
                Ok(FieldSource::Constant(number.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FieldSource, A::Error> {
                ValueSource::deserialize(MapAccessDeserializer::new(map)).map(Box::new).map(FieldSource::Value)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<FieldSource, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(FieldSource::Chain)
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

/// A compiled [`FieldSource`].
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Constant(String),
    Line(LineValue),
    Parameter(String),
    Template(Vec<Piece>),
    /// The class of the extra value of that name.
    Class(String, Classes),
    Join(Vec<Source>, String),
    Changed(Box<Source>, Vec<Change>),
    /// `table` is lower-cased and trimmed.
    Map {
        source: Box<Source>,
        table: BTreeMap<String, String>,
    },
    Chain(Vec<Source>),
}

#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Text(String),
    Value(Source),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LineValue {
    Name,
    Sku,
    Quantity,
    Price,
    Total,
    Currency,
    Unit,
    Link,
    /// What the shop finds the article by again.
    Product,
    Number,
    Extra(String),
}

/// What a value is made from, and what was found on the way.
pub(crate) struct Reading<'a> {
    pub(crate) line: &'a Line,
    /// From 1.
    pub(crate) number: usize,
    pub(crate) parameters: &'a Parameters,
    /// Findings on this line.
    pub(crate) findings: RefCell<Vec<Finding>>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(line: &'a Line, number: usize, parameters: &'a Parameters) -> Self {
        Reading { line, number, parameters, findings: RefCell::default() }
    }

    fn found(&self, code: &'static str, severity: Severity, detail: String) {
        self.findings.borrow_mut().push(Finding::on_line(code, severity, self.number, detail));
    }
}

impl Source {
    /// Compiles what the configuration says; an error says what is wrong with it.
    pub(crate) fn compile(source: &FieldSource, classes: &Classes) -> Result<Source, String> {
        match source {
            FieldSource::Constant(text) => Ok(Source::Constant(text.clone())),
            FieldSource::Chain(list) => Source::compile_all(list, classes).map(Source::Chain),
            FieldSource::Value(value) => Source::compile_value(value, classes),
        }
    }

    fn compile_all(list: &[FieldSource], classes: &Classes) -> Result<Vec<Source>, String> {
        list.iter().map(|source| Source::compile(source, classes)).collect()
    }

    fn compile_value(value: &ValueSource, classes: &Classes) -> Result<Source, String> {
        let mut source = match (&value.from, &value.parameter, &value.template, &value.class, &value.join) {
            (Some(from), None, None, None, None) => Source::Line(LineValue::named(from)),
            (None, Some(parameter), None, None, None) => Source::Parameter(parameter.clone()),
            (None, None, Some(template), None, None) => Source::Template(template_pieces(template)?),
            (None, None, None, Some(extra), None) => Source::Class(extra.clone(), classes.clone()),
            (None, None, None, None, Some(list)) => {
                let separator = value.separator.clone().unwrap_or_else(|| " ".to_owned());
                Source::Join(Source::compile_all(list, classes)?, separator)
            }
            _ => return Err("exactly one of `from`, `parameter`, `template`, `class` and `join` is needed".to_owned()),
        };
        if value.separator.is_some() && value.join.is_none() {
            return Err("`separator` stands between the values of `join`, and there is no `join`".to_owned());
        }
        let changes = ChangeSource {
            pattern: value.pattern.clone(),
            replace: value.replace.clone(),
            strip: value.strip.clone(),
            case: value.case,
            cut: value.cut,
            pad: value.pad.clone(),
        };
        let changes = changes.compile()?;
        if !changes.is_empty() {
            source = Source::Changed(Box::new(source), changes);
        }
        if let Some(map) = &value.map {
            let table = map.iter().map(|(key, value)| (fold(key), value.clone())).collect();
            source = Source::Map { source: Box::new(source), table };
        }
        Ok(match &value.default {
            Some(default) => Source::Chain(vec![source, Source::Constant(default.clone())]),
            None => source,
        })
    }

    /// The value; empty where there is none.
    pub(crate) fn value(&self, reading: &Reading<'_>) -> String {
        match self {
            Source::Constant(text) => text.clone(),
            Source::Line(value) => value.of(reading.line, reading.number),
            Source::Parameter(name) => reading.parameters.get(name).unwrap_or_default().to_owned(),
            Source::Template(pieces) => filled(pieces, reading),
            Source::Class(extra, classes) => {
                class(&LineValue::Extra(extra.clone()).of(reading.line, 0), classes, reading)
            }
            Source::Join(sources, separator) => {
                let values = sources.iter().map(|source| source.value(reading).trim().to_owned());
                values.filter(|value| !value.is_empty()).collect::<Vec<_>>().join(separator)
            }
            Source::Changed(source, changes) => changed(source.value(reading), changes, reading),
            Source::Map { source, table } => table.get(&fold(&source.value(reading))).cloned().unwrap_or_default(),
            Source::Chain(sources) => {
                let mut values = sources.iter().map(|source| source.value(reading));
                values.find(|value| !value.trim().is_empty()).unwrap_or_default()
            }
        }
    }

    /// Where the value comes from, in words of the configuration, for a report.
    pub(crate) fn describe(&self) -> String {
        let all = |sources: &[Source]| sources.iter().map(Source::describe).collect::<Vec<_>>().join(", ");
        match self {
            Source::Constant(text) => format!("\"{text}\""),
            Source::Line(value) => value.name().to_owned(),
            Source::Parameter(name) => format!("parameter {name}"),
            Source::Template(_) => "template".to_owned(),
            Source::Class(extra, _) => format!("class of {extra}"),
            Source::Join(sources, _) => format!("join of {}", all(sources)),
            Source::Changed(source, _) => format!("{}, changed", source.describe()),
            Source::Map { source, .. } => format!("{}, by its map", source.describe()),
            Source::Chain(sources) => format!("first of {}", all(sources)),
        }
    }

    /// Adds the names of the extra values that this source reads.
    pub(crate) fn extras<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Source::Line(LineValue::Extra(name)) | Source::Class(name, _) => names.push(name),
            Source::Map { source, .. } | Source::Changed(source, _) => source.extras(names),
            Source::Chain(sources) | Source::Join(sources, _) => sources.iter().for_each(|source| source.extras(names)),
            Source::Template(pieces) => {
                for piece in pieces {
                    if let Piece::Value(source) = piece {
                        source.extras(names);
                    }
                }
            }
            Source::Constant(_) | Source::Line(_) | Source::Parameter(_) => {}
        }
    }
}

impl LineValue {
    fn named(name: &str) -> LineValue {
        match name {
            "name" => LineValue::Name,
            "sku" => LineValue::Sku,
            "quantity" => LineValue::Quantity,
            "price" => LineValue::Price,
            "total" => LineValue::Total,
            "currency" => LineValue::Currency,
            "unit" => LineValue::Unit,
            "link" => LineValue::Link,
            PRODUCT => LineValue::Product,
            "line" => LineValue::Number,
            extra => LineValue::Extra(extra.to_owned()),
        }
    }

    fn name(&self) -> &str {
        match self {
            LineValue::Name => "name",
            LineValue::Sku => "sku",
            LineValue::Quantity => "quantity",
            LineValue::Price => "price",
            LineValue::Total => "total",
            LineValue::Currency => "currency",
            LineValue::Unit => "unit",
            LineValue::Link => "link",
            LineValue::Product => PRODUCT,
            LineValue::Number => "line",
            LineValue::Extra(name) => name,
        }
    }

    fn of(&self, line: &Line, number: usize) -> String {
        match self {
            LineValue::Name => line.name.clone(),
            LineValue::Sku => line.sku.clone().unwrap_or_default(),
            LineValue::Quantity => line.quantity.normalize().to_string(),
            LineValue::Price => line.price.normalize().to_string(),
            LineValue::Total => line.total.map(|total| total.normalize().to_string()).unwrap_or_default(),
            LineValue::Currency => line.currency.clone(),
            LineValue::Unit => line.unit.clone().unwrap_or_default(),
            LineValue::Link => line.link.clone().unwrap_or_default(),
            LineValue::Product => match line.extra(PRODUCT) {
                Some(product) => product.to_owned(),
                None => line.sku.clone().unwrap_or_default(),
            },
            LineValue::Number => number.to_string(),
            LineValue::Extra(name) => line.extra(name).unwrap_or_default().to_owned(),
        }
    }
}

fn class(category: &str, classes: &Classes, reading: &Reading<'_>) -> String {
    if category.trim().is_empty() {
        return String::new();
    }
    if let Some(class) = classes.find(category) {
        return class.to_owned();
    }
    let detail = format!("the shop says {category:?}, which the table of classes lacks");
    reading.found(code::CLASS_UNKNOWN, Severity::Warning, detail);
    String::new()
}

/// A cut that the configuration asks for is told, but as no loss that anybody need look after.
fn changed(value: String, changes: &[Change], reading: &Reading<'_>) -> String {
    changes.iter().fold(value, |value, change| {
        let after = change.of(&value);
        if let (Change::Cut(length), true) = (change, after.trim_end() != value.trim_end()) {
            let detail = format!("cut from {} characters to {length} as its source says", value.chars().count());
            reading.found(code::FIELD_CUT, Severity::Info, detail);
        }
        after
    })
}

fn filled(pieces: &[Piece], reading: &Reading<'_>) -> String {
    let mut text = String::new();
    let (mut values, mut empty) = (0, 0);
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Value(source) => {
                let value = source.value(reading);
                values += 1;
                empty += usize::from(value.is_empty());
                text.push_str(&value);
            }
        }
    }
    if values > 0 && values == empty { String::new() } else { text }
}

fn template_pieces(template: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..at + 1];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            text.push_str(brace);
            rest = after;
            continue;
        }
        let (name, after) = match (brace, rest.split_once('}')) {
            ("{", Some((name, after))) if !name.trim().is_empty() && !name.contains('{') => (name.trim(), after),
            _ => return Err(format!("the braces of {template:?} do not match; a brace itself is written twice")),
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Value(match name.strip_prefix("parameter.") {
            Some(parameter) => Source::Parameter(parameter.to_owned()),
            None => Source::Line(LineValue::named(name)),
        }));
        rest = after;
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Written {
        x: FieldSource,
    }

    fn compiled(toml: &str) -> Result<Source, String> {
        let written: Written = toml::from_str(&format!("x = {toml}")).map_err(|error| error.to_string())?;
        let classes = Classes::default().with([("bolts", "31161600")]);
        Source::compile(&written.x, &classes)
    }

    fn value(toml: &str) -> String {
        read(toml).0
    }

    fn read(toml: &str) -> (String, Vec<&'static str>) {
        let line = Line {
            name: "Skrue".into(),
            sku: Some("A 1".into()),
            quantity: "2.50".parse().unwrap(),
            extra: vec![
                ("class".into(), " Bolts ".into()),
                ("mpn".into(), "M-8".into()),
                ("none".into(), String::new()),
            ],
            ..Line::default()
        };
        let names = super::super::names::EntryNames::default();
        let (parameters, _) = Parameters::read(Some(b"CostCenter=4711"), None, &names).unwrap();
        let reading = Reading::new(&line, 3, &parameters);
        let value = compiled(toml).expect(toml).value(&reading);
        (value, reading.findings.take().iter().map(|finding| finding.code).collect())
    }

    #[test]
    fn every_source() {
        for (toml, expected) in [
            (r#""0000100234""#, "0000100234"),
            ("7", "7"),
            (r#"{ from = "sku" }"#, "A 1"),
            (r#"{ from = "quantity" }"#, "2.5"),
            (r#"{ from = "line" }"#, "3"),
            (r#"{ from = "class" }"#, " Bolts "),
            (r#"{ from = "absent" }"#, ""),
            (r#"{ from = "absent", default = "d" }"#, "d"),
            (r#"{ parameter = "COSTCENTER" }"#, "4711"),
            (r#"{ template = "{sku}/{ name } {{{parameter.costcenter}}}" }"#, "A 1/Skrue {4711}"),
            (r#"{ template = "Mfr {none}" }"#, ""),
            (r#"{ template = "fixed" }"#, "fixed"),
            (r#"{ from = "class", map = { "BOLTS" = "31161600" }, default = "0" }"#, "31161600"),
            (r#"{ from = "name", map = { bolts = "31161600" }, default = "0" }"#, "0"),
            (r#"{ from = "name", map = { bolts = "31161600" } }"#, ""),
            (r#"[{ from = "none" }, { from = "absent" }, { from = "sku" }, "x"]"#, "A 1"),
            (r#"[]"#, ""),
            (
                r#"{ join = [{ from = "sku" }, { from = "none" }, "x", { from = "class" }], separator = "/" }"#,
                "A 1/x/Bolts",
            ),
            (r#"{ join = [{ from = "none" }, { from = "absent" }], default = "d" }"#, "d"),
            (r#"{ from = "sku", replace = [" ", ""], case = "lower", pad = "00000" }"#, "000a1"),
            (r#"{ from = "sku", pattern = '(\d)$', map = { "1" = "one" } }"#, "one"),
            (r#"{ from = "none", pad = "000", default = "d" }"#, "d"),
            (r#"{ class = "class" }"#, "31161600"),
            (r#"{ class = "absent", default = "0" }"#, "0"),
        ] {
            assert_eq!(value(toml), expected, "{toml}");
        }
    }

    #[test]
    fn what_is_lost_or_guessed_is_found() {
        assert_eq!(read(r#"{ class = "class" }"#), ("31161600".into(), vec![]));
        assert_eq!(read(r#"{ class = "mpn", default = "0" }"#), ("0".into(), vec![code::CLASS_UNKNOWN]));
        assert_eq!(read(r#"{ template = "{name} {mpn}", cut = 5 }"#), ("Skrue".into(), vec![code::FIELD_CUT]));
        assert_eq!(read(r#"{ from = "name", cut = 5 }"#), ("Skrue".into(), vec![]));
    }

    #[test]
    fn mistakes_are_named() {
        for (toml, part) in [
            (r#"{ form = "sku" }"#, "form"),
            (r#"{ from = "sku", parameter = "X" }"#, "exactly one"),
            (r#"{ default = "x" }"#, "exactly one"),
            (r#"{ from = "sku", separator = "," }"#, "separator"),
            (r#"{ from = "sku", pattern = "(" }"#, "pattern"),
            (r#"{ from = "sku", case = "title" }"#, "upper"),
            (r#"{ template = "{sku" }"#, "braces"),
            (r#"{ template = "sku}" }"#, "braces"),
            (r#"{ template = "{}" }"#, "braces"),
            ("true", "a text, a table"),
        ] {
            let error = compiled(toml).expect_err(toml);
            assert!(error.contains(part), "{toml}: {error}");
        }
    }

    #[test]
    fn sources_are_described_in_words_of_the_configuration() {
        for (toml, expected) in [
            (r#"{ from = "sku", pad = "000", default = "0" }"#, r#"first of sku, changed, "0""#),
            (r#"{ join = [{ from = "ean" }, { parameter = "X" }], map = {} }"#, "join of ean, parameter X, by its map"),
            (r#"{ class = "category" }"#, "class of category"),
        ] {
            assert_eq!(compiled(toml).expect(toml).describe(), expected);
        }
    }

    #[test]
    fn extras_are_listed() {
        let source =
            compiled(r#"[{ from = "ean" }, { template = "{sku} {mpn}" }, { from = "class", map = {} }, { join = [{ class = "group" }], cut = 3 }]"#).unwrap();
        let mut names = Vec::new();
        source.extras(&mut names);
        assert_eq!(names, ["ean", "mpn", "class", "group"]);
    }
}
