//! A TOML text, and where in it each key stands.
//!
//! serde stops at the first thing it does not like. An ops person who mends one typo an attempt loses patience, so
//! [`Document::read`] takes out what was refused, notes it and reads on until the rest fits: all faults at once, each
//! with line and column.

use std::fmt;
use std::ops::Range;

use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing wrong with a configuration: what, where, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line and column from 1; `None` where the file says nothing of it at all.
    pub place: Option<(usize, usize)>,
    /// The key it is about, as written: `shop.cart.line`, `buyer[1].hooks[0]`; empty for the whole file.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Another TOML text, whose keys hold where the document has none of its own. Tables are merged down to `depth` levels;
/// below that, and everywhere else, the document's value stands alone.
#[derive(Clone, Copy, Debug)]
pub struct Base<'t> {
    /// `None`: under the whole document; else under the table of that number in the array of tables of that name.
    pub item: Option<(&'static str, usize)>,
    /// The text.
    pub text: &'t str,
    /// How many levels of tables are merged.
    pub depth: usize,
}

impl<'t> Base<'t> {
    fn lay_under(&self, tree: &mut DeTable<'t>, under: DeTable<'t>) {
        let Some((array, number)) = self.item else { return lay_under(tree, under, self.depth) };
        let Some(DeValue::Array(items)) = tree.get_mut(array).map(Spanned::get_mut) else { return };
        if let Some(DeValue::Table(over)) = items.get_mut(number).map(Spanned::get_mut) {
            lay_under(over, under, self.depth);
        }
    }
}

/// A parsed TOML text.
#[derive(Debug)]
pub struct Document<'t> {
    text: &'t str,
    tree: Spanned<DeTable<'t>>,
}

impl<'t> Document<'t> {
    /// Parses `text`; what is not TOML is noted in `faults`, and the rest is kept.
    pub fn parse(text: &'t str, faults: &mut Vec<Fault>) -> Self {
        let (tree, errors) = DeTable::parse_recoverable(text);
        faults.extend(errors.iter().map(|error| Fault {
            place: error.span().map(|span| place(text, span.start)),
            key: String::new(),
            message: error.message().trim().to_owned(),
        }));
        Document { text, tree }
    }

    /// Reads the document as a `T`, over `bases`: keys that the document does not have are taken from there.
    pub fn read<T: DeserializeOwned + Default>(&self, bases: &[Base<'t>], faults: &mut Vec<Fault>) -> T {
        // Places in a base are offsets in another text: what is refused is looked for in the document alone.
        let mut own = self.tree.clone();
        // Every round takes one entry out, so the number of rounds is bounded by the size of the file.
        loop {
            let mut tree = own.clone();
            for base in bases {
                // Bases are the presets and profiles shipped with the program; a test reads each of them alone.
                let (under, _) = DeTable::parse_recoverable(base.text);
                base.lay_under(tree.get_mut(), under.into_inner());
            }
            let error = match T::deserialize(toml::de::Deserializer::from(tree)) {
                Ok(value) => return value,
                Err(error) => error,
            };
            let taken = error.span().and_then(|span| take_out(own.get_mut(), &span, String::new()));
            faults.push(Fault {
                place: error.span().map(|span| place(self.text, span.start)),
                key: taken.clone().unwrap_or_default(),
                message: match &taken {
                    // serde quotes what it found.
                    Some(key) if is_secret(key) => {
                        "is no text; what stands there is not shown, for it may be a secret".to_owned()
                    }
                    _ => explain(error.message()),
                },
            });
            if taken.is_none() {
                return T::default();
            }
        }
    }

    /// The document over `bases`, as one table; `None` where a value in it is none of TOML's.
    pub fn merged(&self, bases: &[Base<'t>]) -> Option<toml::Table> {
        let mut tree = self.tree.clone();
        for base in bases {
            let (under, _) = DeTable::parse_recoverable(base.text);
            base.lay_under(tree.get_mut(), under.into_inner());
        }
        toml::Table::deserialize(toml::de::Deserializer::from(tree)).ok()
    }

    /// A fault about `key` (`shop.cart.line`, `buyer[1].hooks[0]`), placed at the key or at the nearest one above it.
    pub fn fault(&self, key: impl Into<String>, message: impl Into<String>) -> Fault {
        let key = key.into();
        Fault { place: self.locate(&key).map(|offset| place(self.text, offset)), key, message: message.into() }
    }

    /// The text at `key`, where there is one.
    pub fn text(&self, key: &str) -> Option<&str> {
        let mut steps = key.split('.');
        let mut value = self.tree.get_ref().get(steps.next()?)?;
        for step in steps {
            value = value.get_ref().as_table()?.get(step)?;
        }
        value.get_ref().as_str()
    }

    /// The text at `key` in each table of an array of tables; nothing for those that have none.
    pub fn texts_in(&self, array: &str, key: &str) -> Vec<Option<&str>> {
        let items = self.tree.get_ref().get(array).and_then(|value| value.get_ref().as_array());
        let mut texts = Vec::new();
        for item in items.into_iter().flat_map(|items| items.iter()) {
            let value = item.get_ref().as_table().and_then(|table| table.get(key));
            texts.push(value.and_then(|value| value.get_ref().as_str()));
        }
        texts
    }

    /// Every text with its key: `shop.cart.line`, `buyer[1].hooks[0]`.
    pub fn all_texts(&self) -> Vec<(String, &str)> {
        let mut texts = Vec::new();
        for (key, value) in self.tree.get_ref() {
            texts_below(key.get_ref().to_string(), value.get_ref(), &mut texts);
        }
        texts
    }

    fn locate(&self, key: &str) -> Option<usize> {
        let mut found = None;
        let mut table = self.tree.get_ref();
        for step in key.split('.') {
            let (name, index) = match step.strip_suffix(']').and_then(|step| step.rsplit_once('[')) {
                Some((name, index)) => (name, index.parse::<usize>().ok()),
                None => (step, None),
            };
            let Some((at, value)) = table.get_key_value(name) else { break };
            found = Some(at.span().start);
            let mut value = value;
            if let (Some(index), DeValue::Array(items)) = (index, value.get_ref()) {
                let Some(item) = items.get(index) else { break };
                found = Some(item.span().start);
                value = item;
            }
            let DeValue::Table(next) = value.get_ref() else { break };
            table = next;
        }
        found
    }
}

fn texts_below<'t>(key: String, value: &'t DeValue<'_>, texts: &mut Vec<(String, &'t str)>) {
    match value {
        DeValue::String(text) => texts.push((key, text)),
        DeValue::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                texts_below(format!("{key}[{n}]"), item.get_ref(), texts);
            }
        }
        DeValue::Table(table) => {
            for (name, value) in table {
                texts_below(format!("{key}.{}", name.get_ref()), value.get_ref(), texts);
            }
        }
        _ => {}
    }
}

/// Line and column, from 1, of a byte offset; the column counts characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn lay_under<'t>(over: &mut DeTable<'t>, under: DeTable<'t>, depth: usize) {
    for (key, value) in under {
        match (over.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value.get_ref()) {
            (None, _) => {
                over.insert(key, value);
            }
            (Some(DeValue::Table(over)), DeValue::Table(under)) if depth > 0 => {
                lay_under(over, under.clone(), depth - 1);
            }
            _ => {}
        }
    }
}

/// Removes the innermost entry that `span` is about and returns its key.
fn take_out(table: &mut DeTable<'_>, span: &Range<usize>, above: String) -> Option<String> {
    let covers = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let key = table
        .iter()
        .find(|(key, value)| covers(key.span()) || holds(value, span))
        .map(|(key, _)| key.get_ref().as_ref().to_owned())?;
    let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
    let at_key = table.get_key_value(key.as_str()).is_some_and(|(key, _)| covers(key.span()));
    if !at_key {
        // The value was found a moment ago under this very key.
        let value = table.get_mut(key.as_str())?;
        match value.get_mut() {
            DeValue::Table(inner) => {
                if let Some(inner_path) = take_out(inner, span, path.clone()) {
                    return Some(inner_path);
                }
            }
            DeValue::Array(items) => {
                // DeArray lends no item mutably: it is made anew.
                let mut taken = None;
                let rest = items.iter().cloned().enumerate().map(|(at, mut item)| {
                    if let (None, true, DeValue::Table(inner)) = (&taken, holds(&item, span), item.get_mut()) {
                        taken = take_out(inner, span, format!("{path}[{at}]"));
                    }
                    item
                });
                *items = rest.collect();
                if taken.is_some() {
                    return taken;
                }
            }
            _ => {}
        }
    }
    table.remove(key.as_str());
    Some(path)
}

/// Whether `span` lies in `value`. A table written in several sections has a span that covers its header only, so its
/// entries are asked too.
fn holds(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> bool {
    let outer = value.span();
    if outer.start <= span.start && span.end <= outer.end {
        return true;
    }
    match value.get_ref() {
        DeValue::Table(table) => table.iter().any(|(key, value)| {
            let key = key.span();
            (key.start <= span.start && span.end <= key.end) || holds(value, span)
        }),
        DeValue::Array(items) => items.iter().any(|item| holds(item, span)),
        _ => false,
    }
}

/// Whether the value at `key` is a secret or may hold one: a password, or an address that opens by a token in it.
pub fn is_secret(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or_default();
    last == "webhook" || last == "password" || last.ends_with("_password")
}

/// serde's message; where a key or word is nearly a known one, that one instead of the whole list.
fn explain(message: &str) -> String {
    let message = message.trim();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let what = ["unknown field", "unknown variant"].into_iter().find(|what| message.starts_with(what));
    if let (Some(what), Some(given)) = (what, quoted.next())
        && let Some(near) = nearest(given, quoted)
    {
        return format!("{what} `{given}`; did you mean `{near}`?");
    }
    message.to_owned()
}

/// The candidate most like `given`, if any is near enough to be what was meant.
pub fn nearest<'c>(given: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(given, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Outer {
        listen: Option<String>,
        workers: Option<u8>,
        shop: Inner,
        buyer: Vec<Inner>,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        origin: Option<String>,
        hooks: Vec<String>,
    }

    fn read(text: &str, bases: &[Base<'static>]) -> (Outer, Vec<String>) {
        let mut faults = Vec::new();
        let document = Document::parse(text, &mut faults);
        let value = document.read(bases, &mut faults);
        (value, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_fault_is_told_at_once_with_line_and_column() {
        let text =
            "lisen = \"a\"\nworkers = 999\n[shop]\n  orgin = \"b\"\n[[buyer]]\nhooks = [\"x\"]\n[[buyer]]\nhooks = 3\n";
        let (value, faults) = read(text, &[]);
        let starts: Vec<_> =
            faults.iter().map(|fault| fault.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(starts, ["1:1 lisen", "2:11 workers", "4:3 shop.orgin", "8:9 buyer[1].hooks"], "{faults:#?}");
        assert!(faults[0].ends_with("did you mean `listen`?"), "{}", faults[0]);
        assert_eq!(value.buyer[0].hooks, ["x"]);
    }

    #[test]
    fn broken_toml_is_told_with_its_place() {
        let (_, faults) = read("listen = \n[shop]\norigin = \"x\n", &[]);
        assert!(faults[0].starts_with("1:"), "{faults:?}");
        assert!(faults.iter().any(|fault| fault.starts_with("3:")), "{faults:?}");
    }

    #[test]
    fn a_base_gives_what_the_document_leaves_out_and_no_more() {
        let text = "listen = \"base\"\n[shop]\norigin = \"base\"\nhooks = [\"base\"]\n";
        let base = Base { item: None, text, depth: 1 };
        let (value, faults) = read("[shop]\norigin = \"mine\"\n", &[base]);
        assert_eq!(faults, [] as [&str; 0]);
        assert_eq!(value.listen.as_deref(), Some("base"));
        assert_eq!(value.shop, Inner { origin: Some("mine".into()), hooks: vec!["base".into()] });
    }

    #[test]
    fn a_fault_is_never_sought_in_a_base() {
        // The base has a good key at the very offset of the document's bad one.
        let base = Base { item: None, text: "workers = 2 # .........\nlisten = \"base\"\n", depth: 1 };
        let (value, faults) = read("listen = 7 # ....\n[shop]\norigin = 3\n", &[base]);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("1:10: listen: ") && faults[1].starts_with("3:10: shop.origin: "), "{faults:?}");
        assert_eq!((value.workers, value.listen.as_deref()), (Some(2), Some("base")));
    }

    #[test]
    fn a_base_may_lie_under_one_of_several_tables() {
        let base = Base { item: Some(("buyer", 1)), text: "origin = \"base\"\nhooks = [\"base\"]\n", depth: 0 };
        let (value, faults) = read("[[buyer]]\n[[buyer]]\nhooks = [\"mine\"]\n", &[base]);
        assert_eq!(faults, [] as [&str; 0]);
        assert_eq!(value.buyer[0], Inner::default());
        assert_eq!(value.buyer[1], Inner { origin: Some("base".into()), hooks: vec!["mine".into()] });
        let document = Document::parse("[[buyer]]\n[[buyer]]\norigin = \"x\"\n", &mut Vec::new());
        assert_eq!(document.texts_in("buyer", "origin"), [None, Some("x")]);
        assert!(document.texts_in("shop", "origin").is_empty());
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_not_quoted() {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Secrets {
            #[allow(dead_code)]
            password: Option<String>,
            #[allow(dead_code)]
            webhook: Option<String>,
        }
        let mut faults = Vec::new();
        let document = Document::parse("password = 4711\nwebhook = 4711\n", &mut faults);
        let _: Secrets = document.read(&[], &mut faults);
        let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert!(
            told.len() == 2 && told.iter().all(|told| told.contains("is no text") && !told.contains("4711")),
            "{told:?}"
        );
    }

    #[test]
    fn every_text_has_its_key() {
        let text = "[shop]\ncart.name = [\"a\", { select = \"b\" }]\nworkers = 2\n[[buyer]]\nhooks = [\"c\"]\n";
        let document = Document::parse(text, &mut Vec::new());
        let expected = [("shop.cart.name[0]", "a"), ("shop.cart.name[1].select", "b"), ("buyer[0].hooks[0]", "c")];
        assert_eq!(document.all_texts(), expected.map(|(key, text)| (key.to_owned(), text)));
        assert_eq!(document.fault("shop.cart.name[1].select", "").place, Some((2, 21)));
    }

    #[test]
    fn a_key_is_found_or_the_nearest_above_it() {
        let text = "[shop]\norigin = \"å\"\n[[buyer]]\n[[buyer]]\nhooks = [\"a\", \"b\"]\n";
        let document = Document::parse(text, &mut Vec::new());
        assert_eq!(document.fault("buyer[1].hooks[1]", "").place, Some((5, 15)));
        assert_eq!(document.fault("shop.cart.line", "").place, Some((1, 2)));
        assert_eq!(document.fault("limits", "").place, None);
    }
}
