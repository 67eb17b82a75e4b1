//! JSON that a cart page holds: what a script assigns to a variable, the whole of a script, or an attribute.
//!
//! A script is no JSON, and no pattern finds the end of an object in it. It is gone through as a browser would up to the
//! assignment: over strings, comments and regular expressions, in which a brace is no brace. What was assigned is parsed
//! as JSON, and where it is none as JSON5, which is what object literals in scripts are (`{id: 1, name: 'x'}`).

use lol_html::html_content::{Element, TextChunk};
use serde_json::Value;

use crate::cart::raw::Seen;
use crate::cart::read_json;
use crate::cart::rules::{Money, Nodes, ScriptPlace};
use crate::finding::{Finding, Severity, code};

/// All scripts of a page that may hold the cart, together.
const MAX_SCRIPT_BYTES: usize = 4 << 20;
/// Deeper than any cart; bounds what parsing takes of the stack.
const MAX_DEPTH: usize = 100;

/// The scripts of one page, as they stream past.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    done: Vec<String>,
    current: String,
    bytes: usize,
    too_long: bool,
}

impl Scripts {
    pub(super) fn element(&mut self, place: &ScriptPlace, element: &Element<'_, '_>) {
        if let Some(name) = &place.attribute
            && let Some(raw) = element.get_attribute(name)
        {
            self.current = htmlize::unescape_attribute(raw).into_owned();
            self.end(place);
        }
    }

    pub(super) fn text(&mut self, place: &ScriptPlace, chunk: &TextChunk<'_>) {
        self.too_long |= self.bytes + self.current.len() + chunk.as_str().len() > MAX_SCRIPT_BYTES;
        if self.too_long {
            // A piece of it could be read as a smaller cart.
            self.current.clear();
            return;
        }
        self.current.push_str(chunk.as_str());
        if chunk.last_in_text_node() {
            if chunk.text_type().allows_html_entities() {
                self.current = htmlize::unescape(&self.current).into_owned();
            }
            self.end(place);
        }
    }

    /// Scripts that do not name the variable are not kept.
    fn end(&mut self, place: &ScriptPlace) {
        let text = std::mem::take(&mut self.current);
        let name = place.variable.as_deref().unwrap_or_default();
        if !text.trim().is_empty() && memchr::memmem::find(text.as_bytes(), name.as_bytes()).is_some() {
            self.bytes += text.len();
            self.done.push(text);
        }
    }

    /// The lines that the page's JSON holds. Two values with different lines are none: which of them counts at the end is
    /// known to a script alone.
    pub(super) fn finish(self, place: &ScriptPlace, nodes: &Nodes, money: &Money) -> Seen {
        let values: Vec<Value> = self.done.iter().flat_map(|text| values_in(place, text)).collect();
        let held = |value: &&Value| !read_json::lines_in(nodes, value).is_empty();
        let with_lines: Vec<&Value> = values.iter().filter(held).collect();
        let mut findings = Vec::new();
        if self.too_long {
            let detail = format!("the scripts that may hold the cart are over {MAX_SCRIPT_BYTES} bytes");
            findings.push(Finding::on_cart(code::PAGE_UNREADABLE, Severity::Error, detail));
        }
        let first = with_lines.first().map(|value| read_json::lines_in(nodes, value));
        if with_lines.iter().any(|value| Some(read_json::lines_in(nodes, value)) != first) {
            let detail = format!("{} values on the page hold lines, and not the same", with_lines.len());
            findings.push(Finding::on_cart(code::CART_AMBIGUOUS, Severity::Error, detail));
        }
        let chosen = with_lines.first().copied().or(values.last());
        let mut seen =
            chosen.map(|value| read_json::seen(nodes, money, std::slice::from_ref(value))).unwrap_or_default();
        seen.findings = findings;
        seen
    }
}

fn values_in(place: &ScriptPlace, text: &str) -> Vec<Value> {
    match &place.variable {
        Some(variable) => assigned(text, variable),
        None => {
            // Old pages hide scripts from older browsers.
            let text = text.trim().trim_start_matches("<!--").trim_end_matches("-->");
            parsed(text.trim()).into_iter().collect()
        }
    }
}

/// Every object and array that `script` assigns to `variable`: `variable = {..}`, and by `JSON.parse("..")`.
fn assigned(script: &str, variable: &str) -> Vec<Value> {
    let code = script.as_bytes();
    let mut found = Vec::new();
    let (mut at, mut before) = (0, b';');
    while at < code.len() {
        if let Some(end) = not_code(code, at, before) {
            if !code[at..].starts_with(b"/*") && !code[at..].starts_with(b"//") {
                before = b'"';
            }
            at = end;
            continue;
        }
        if code[at..].starts_with(variable.as_bytes()) && is_whole_name(code, at, variable.len()) {
            at += variable.len();
            before = b'a';
            if let Some(begin) = after_equals(code, at) {
                found.extend(value_at(script, begin));
            }
            continue;
        }
        if !code[at].is_ascii_whitespace() {
            before = code[at];
        }
        at += 1;
    }
    found
}

/// The end of the string, comment or regular expression that begins at `at`. `before` is the last character that means
/// something: a slash divides what stands before it, or begins a regular expression.
fn not_code(code: &[u8], at: usize, before: u8) -> Option<usize> {
    let rest = &code[at..];
    let until = |end: &[u8]| memchr::memmem::find(rest, end).map_or(code.len(), |found| at + found + end.len());
    match rest {
        [b'/', b'/', ..] | [b'<', b'!', b'-', b'-', ..] => Some(until(b"\n")),
        [b'/', b'*', ..] => Some(until(b"*/")),
        [quote @ (b'"' | b'\'' | b'`'), ..] => Some(at + string_length(rest, *quote)),
        [b'/', ..] if b"(,=:[!&|?{};+-*%<>~^".contains(&before) => expression_length(rest).map(|length| at + length),
        _ => None,
    }
}

fn string_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 1,
            c if c == quote => return at + 1,
            // A string ends with its line: what looked like one was none.
            b'\n' if quote != b'`' => return at,
            _ => {}
        }
        at += 1;
    }
    rest.len()
}

fn expression_length(rest: &[u8]) -> Option<usize> {
    let (mut at, mut in_class) = (1, false);
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 1,
            b'\n' => return None,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'/' if !in_class => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Whether what stands at `at` is a name and no part of one. `window.` before it changes nothing; a field of any other
/// object is another thing.
fn is_whole_name(code: &[u8], at: usize, length: usize) -> bool {
    let in_name = |c: &u8| c.is_ascii_alphanumeric() || b"_$".contains(c) || *c >= 0x80;
    let before = &code[..at];
    let is_global = || [&b"window."[..], b"self.", b"globalThis."].iter().any(|object| before.ends_with(object));
    let begins = match before.last() {
        Some(b'.') => is_global(),
        Some(c) => !in_name(c),
        None => true,
    };
    begins && !code.get(at + length).is_some_and(in_name)
}

/// Where the value begins, if this is an assignment: no comparison, no arrow.
fn after_equals(code: &[u8], at: usize) -> Option<usize> {
    let at = skip_blank(code, at);
    let is_assignment = code.get(at) == Some(&b'=') && !matches!(code.get(at + 1), Some(b'=' | b'>'));
    is_assignment.then(|| skip_blank(code, at + 1))
}

fn skip_blank(code: &[u8], mut at: usize) -> usize {
    loop {
        while code.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        match code.get(at..) {
            Some([b'/', b'/' | b'*', ..]) => at = not_code(code, at, b';').unwrap_or(code.len()),
            _ => return at,
        }
    }
}

fn value_at(script: &str, begin: usize) -> Option<Value> {
    let code = script.as_bytes();
    match code.get(begin)? {
        b'{' | b'[' => parsed(&script[begin..literal_end(code, begin)?]),
        _ => {
            let open =
                skip_blank(code, begin + script[begin..].strip_prefix("JSON.parse").map(|_| "JSON.parse".len())?);
            let quote = skip_blank(code, code.get(open).filter(|c| **c == b'(').map(|_| open + 1)?);
            let is_string = matches!(code.get(quote), Some(b'"' | b'\''));
            let literal = &script[quote..is_string.then(|| not_code(code, quote, b'('))??];
            parsed(&json5::from_str::<String>(literal).ok()?)
        }
    }
}

/// The end of the object or array that begins at `begin`.
fn literal_end(code: &[u8], begin: usize) -> Option<usize> {
    let (mut at, mut depth, mut before) = (begin, 0usize, b'=');
    while at < code.len() {
        if let Some(end) = not_code(code, at, before) {
            before = b'"';
            at = end;
            continue;
        }
        match code[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if !code[at].is_ascii_whitespace() {
            before = code[at];
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
        if depth > MAX_DEPTH {
            return None;
        }
    }
    None
}

/// JSON, or an object literal as scripts write them.
fn parsed(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    // The other parser has no limit of its own.
    literal_end(text.as_bytes(), 0).filter(|end| *end == text.len())?;
    json5::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cart::read_html::read;
    use crate::cart::rules::Rules;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_value_of_an_assignment() {
        for (script, expected) in [
            (r#"var cart = {"a": 1};"#, json!({"a": 1})),
            (
                r#"window.cart={"url":"http:\/\/shop\/x","q":"\u0022}\u003C"};"#,
                json!({"url": "http://shop/x", "q": "\"}<"}),
            ),
            (
                r#"let cart /* the cart */ = // now
               [1, 2];"#,
                json!([1, 2]),
            ),
            (
                r#"var cart = {id: 1, 'name': 'it\x27s } \'x\'', list: [1,2,], /* } */ };"#,
                json!({"id": 1, "name": "it's } 'x'", "list": [1, 2]}),
            ),
            (r#"const cart = JSON.parse('{\u0022a\u0022:\x22b}\x22}');"#, json!({"a": "b}"})),
            (r#"const cart = JSON.parse ( "{\"a\":\"\\u00e5\"}" )"#, json!({"a": "å"})),
            (
                r#"if (cart == {}) {} /cart = {"x":1}/.test(s); x = a / 2; cart = {"a": "</b>"} / 1"#,
                json!({"a": "</b>"}),
            ),
            (
                r#"s = "cart = {\"x\":1}"; t = 'cart = {}'; // cart = {"x":2}
               /* cart = {"x":3} */ r = /"/; other.cart = {"x":4}; mycart = {"x":5}; carts = {"x":6}; cart = {"ok":true}"#,
                json!({"ok": true}),
            ),
            ("<!--\ncart = {\"a\": 1}\n//-->", json!({"a": 1})),
        ] {
            assert_eq!(assigned(script, "cart"), [expected], "{script}");
        }
        assert_eq!(
            assigned("shop.cart = {}; window.shop.cart = {\"a\":1}; x.shop.cart = []", "shop.cart"),
            [json!({}), json!({"a": 1})]
        );
    }

    #[test]
    fn scripts_over_the_limit_are_no_cart() {
        let rules = "source = 'script'\nscript = { variable = 'cart' }\nline = '$[*]'\nname = '@.n'\nquantity = '@.q'\nprice = '@.p'\ncurrency = 'NOK'";
        let rules = std::sync::Arc::new(Rules::compile(toml::from_str(rules).unwrap()).unwrap());
        let small = "<script>cart = [{n: 'A', q: 1, p: 5}]</script>";
        let large = format!("<script>{}{}</script>{small}", &small[8..small.len() - 9], " ".repeat(MAX_SCRIPT_BYTES));
        for size in [1000, 64 << 10, large.len()] {
            let cart = read(&rules, large.as_bytes().chunks(size), encoding_rs::UTF_8);
            assert!(cart.lines.is_empty() && Finding::any_error(&cart.findings));
        }
        assert_eq!(read(&rules, [small], encoding_rs::UTF_8).lines.len(), 1);
        let other = small.replace('5', "6");
        let two = read(&rules, [small, &other], encoding_rs::UTF_8);
        assert_eq!(two.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["PO-CART-AMBIGUOUS"]);
        assert_eq!(read(&rules, [small, small], encoding_rs::UTF_8).findings, [], "the same twice is no doubt");
    }

    #[test]
    fn what_is_no_value() {
        let deep = format!("cart = {}1{}", "[".repeat(5000), "]".repeat(5000));
        for script in [
            "cart = other || {}",
            "cart => {}",
            "cart = {\"a\": 1",
            "cart = {a: f(1)}",
            "cart = JSON.parse(x)",
            "cart =",
            "cart",
            &deep,
        ] {
            assert_eq!(assigned(script, "cart"), Vec::<Value>::new(), "{script}");
        }
        assert_eq!(parsed(&format!("{}1", "[".repeat(100_000))), None);
    }

    proptest! {
        #[test]
        fn any_text_in_a_name_comes_through(name in "\\PC{0,30}", before in "[a-z =/*'\"{}();\n-]{0,40}") {
            let value = json!({ "name": name });
            prop_assert_eq!(assigned(&format!("var cart = {value};"), "cart"), [value.clone()]);
            // Whatever stands before it does not make it panic.
            assigned(&format!("{before}cart = {value}"), "cart");
        }
    }
}
