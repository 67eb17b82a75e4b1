//! Rules whose places are paths in JSON.

use std::sync::Arc;

use serde_json_path::JsonPath;

use super::{Chain, Compiler, selector};
use crate::cart::rules::source::{CartSource, Digits, LongValue, ScriptSource};
use crate::cart::rules::{Endpoint, Lines, Minor, NodePath, NodeRead, Nodes, RuleError, ScriptPlace};

/// Most answers that are put together, unless configured otherwise.
const DEFAULT_PAGES: usize = 20;

/// The keys that are about JSON alone, as written.
pub(super) struct JsonKeys {
    pub(super) source: CartSource,
    pub(super) script: Option<ScriptSource>,
    pub(super) json: Option<String>,
    pub(super) next: Option<String>,
    pub(super) pages: Option<usize>,
}

impl Compiler {
    /// The index of the read for a path; one entry for each distinct path and scale.
    pub(super) fn node(
        &mut self,
        field: &str,
        written: &str,
        is_amount: bool,
        minor_units: Option<Digits>,
    ) -> Option<usize> {
        let path = self.path(field, written)?;
        let minor_units = match minor_units {
            Some(Digits::Number(digits)) if digits > 9 => {
                self.fail(field, &digits.to_string(), "is more decimals than any currency has", None);
                return None;
            }
            Some(Digits::Number(digits)) => Some(Minor::Digits(digits)),
            Some(Digits::Path(path)) => Some(Minor::At(self.path(field, &path)?)),
            None => None,
        };
        let read = NodeRead { path, is_amount, minor_units, written: written.trim().to_owned() };
        let known = self.nodes.iter().position(|known| *known == read);
        Some(known.unwrap_or_else(|| {
            self.nodes.push(read);
            self.nodes.len() - 1
        }))
    }

    /// A path from the document or from the line.
    fn path(&mut self, field: &str, written: &str) -> Option<NodePath> {
        let written = written.trim();
        if let Some(rest) = written.strip_prefix('@') {
            return self.parsed_path(field, written, &format!("${rest}")).map(NodePath::InLine);
        }
        self.document_path(field, written).map(NodePath::InDocument)
    }

    pub(super) fn document_path(&mut self, field: &str, written: &str) -> Option<JsonPath> {
        if !written.trim_start().starts_with('$') {
            let hint = Some("`$` is the whole document, `@` the line: \"$.items[*]\", \"@.sku\"");
            self.fail(field, written, "is no path in JSON", hint);
            return None;
        }
        self.parsed_path(field, written, written.trim())
    }

    fn parsed_path(&mut self, field: &str, written: &str, path: &str) -> Option<JsonPath> {
        JsonPath::parse(path).map_err(|error| self.fail(field, written, error.to_string(), None)).ok()
    }

    /// Keys that do not fit the source are looked at by nobody.
    pub(super) fn check_source(&mut self, keys: &JsonKeys) {
        let misplaced = [
            ("script", keys.script.is_some(), CartSource::Script, "\"script\""),
            ("json", keys.json.is_some(), CartSource::Json, "\"json\""),
            ("next", keys.next.is_some(), CartSource::Json, "\"json\""),
            ("pages", keys.pages.is_some(), CartSource::Json, "\"json\""),
        ];
        for (key, given, wanted, name) in misplaced {
            if given && keys.source != wanted {
                self.warnings.push(RuleError {
                    field: key.to_owned(),
                    written: String::new(),
                    reason: format!("is only looked at with source = {name}"),
                    hint: None,
                });
            }
        }
    }

    /// The lines of a cart that is JSON, and where that is.
    pub(super) fn json_lines(
        mut self,
        keys: JsonKeys,
        skip: &[String],
        empty: Option<Chain>,
        max_lines: usize,
    ) -> Result<Lines, Vec<RuleError>> {
        if !skip.is_empty() {
            let hint = Some("put a filter into line: \"$.items[?@.type == 'product']\"");
            self.fail("skip", &skip[0], "is for pages", hint);
        }
        let empty = self.empty_nodes(empty);
        let line = self.line.clone();
        let (line, array) = if line.trim().is_empty() {
            self.fail("line", "", "is missing: the path to the lines of the cart, such as \"$.items[*]\"", None);
            (None, None)
        } else {
            let array = line.trim().strip_suffix("[*]").and_then(|array| JsonPath::parse(array).ok());
            (self.document_path("line", &line), array)
        };
        let script = (keys.source == CartSource::Script).then(|| self.script_place(keys.script)).flatten();
        let endpoint =
            (keys.source == CartSource::Json).then(|| self.endpoint(keys.json, keys.next, keys.pages)).flatten();
        let Some(line) = line.filter(|_| self.errors.is_empty()) else { return Err(self.errors) };
        let nodes = Arc::new(Nodes { line, array, reads: self.nodes, empty, max_lines });
        match (script, endpoint) {
            (Some(place), _) => Ok(Lines::Script(Arc::new(place), nodes)),
            (None, Some(endpoint)) => Ok(Lines::Endpoint(endpoint, nodes)),
            (None, None) => Err(self.errors),
        }
    }

    fn script_place(&mut self, script: Option<ScriptSource>) -> Option<ScriptPlace> {
        let Some(ScriptSource { select, variable, attribute }) = script else {
            let hint = Some("script = { select = \"script\", variable = \"cart\" }");
            self.fail("script", "", "is missing: where the page holds the JSON", hint);
            return None;
        };
        let written = select.unwrap_or_else(|| "script".to_owned());
        if variable.is_some() && attribute.is_some() {
            self.fail("script.variable", "", "stands beside attribute, which holds nothing but JSON", None);
        }
        let is_name = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic() || "_$".contains(c))
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "_$".contains(c))
        };
        if let Some(variable) = variable.as_ref().filter(|variable| !variable.split('.').all(is_name)) {
            self.fail("script.variable", variable, "is no name such as `cart` or `shop.cart`", None);
        }
        if let Some(attribute) = attribute.as_ref().filter(|name| !selector::is_attribute_name(name)) {
            self.fail("script.attribute", attribute, "is no attribute name", None);
        }
        let select = self.parsed("script.select", &written, &written)?;
        Some(ScriptPlace { select, variable, attribute: attribute.map(|name| name.to_ascii_lowercase()) })
    }

    fn endpoint(&mut self, json: Option<String>, next: Option<String>, pages: Option<usize>) -> Option<Endpoint> {
        let Some(address) = json else {
            self.fail("json", "", "is missing: the address that answers with the cart as JSON", None);
            return None;
        };
        if !address.starts_with('/') || address.starts_with("//") || address.contains(['#', '\\', ' ']) {
            self.fail("json", &address, "is not an address in the shop: begin with one `/`", None);
        }
        let next = next.and_then(|next| self.document_path("next", &next));
        let most = pages.unwrap_or(DEFAULT_PAGES);
        if most == 0 {
            self.fail("pages", "0", "would read nothing", None);
        }
        Some(Endpoint { address, next, most })
    }

    fn empty_nodes(&mut self, chain: Option<Chain>) -> Vec<(JsonPath, Option<regex::Regex>)> {
        let mut marks = Vec::new();
        for value in chain.map(Chain::into_values).unwrap_or_default() {
            let Some(LongValue { select: Some(select), pattern, .. }) = self.long("empty", value) else {
                self.fail("empty", "", "has no path", None);
                continue;
            };
            let Some(path) = self.document_path("empty", &select) else { continue };
            marks.push((path, self.pattern("empty", pattern)));
        }
        marks
    }
}
