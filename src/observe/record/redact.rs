//! What is masked in a record, and what is not.
//!
//! Masked are: passwords, tokens, CSRF values, nonces and session identifiers by the names under which they stand (in
//! fields, `<meta>`, addresses and their paths, scripts, JSON, JSON within those, and the catalog call), and the longer of
//! them wherever else on the page they are; the values of HOOK_URL's query, the session's own
//! cookies and account wherever they are repeated, e-mail addresses, parameters of the call that name a person, and what
//! the configuration adds. The same text is masked everywhere alike, so that the page still reads as it did.
//!
//! Not masked are: articles, numbers and prices, which are what a record is for; and names of people, postal addresses and
//! telephone numbers on the page, which nothing tells from articles: [`Redaction::hide`] and [`Redaction::patterns`] do. What
//! the session's own texts or a hidden element hold is looked for elsewhere only from four characters on.

use std::borrow::Cow;
use std::cell::RefCell;

use encoding_rs::{Encoding, UTF_8};
use lol_html::html_content::{ContentType, Element, TextChunk};
use lol_html::{AsciiCompatibleEncoding, ElementContentHandlers, HtmlRewriter, MemorySettings, Selector, Settings};
use regex::bytes::{Captures, Regex};

use super::{Entry, Record};

/// What stands for whatever is masked.
pub const MASK: &str = "***";

/// What lol_html may hold of a page that is masked, in bytes.
const MEMORY: usize = 16 * 1024 * 1024;

/// Names under which secrets stand, as pieces of a pattern.
const SECRET_NAMES: &str = "csrf|xsrf|token|nonce|form_?key|authenticity|sess(?:ion)?_?id|viewstate|eventvalidation|\
                            passw(?:or)?d|passwort|passord|pwd|secret|api_?key|signature";

/// Names of the catalog call's parameters under which people stand.
const PEOPLE_NAMES: &str = "mail|phone|mobile|first_?name|last_?name|full_?name|sur_?name|contact|birth";

/// Shorter texts of a session are not looked for: they would be found everywhere.
const SHORTEST: usize = 4;

/// Of what stands under a secret name, shorter texts are not looked for elsewhere: `true`, `Bearer`.
const SHORTEST_NAMED: usize = 12;

/// A quotation mark of a script, of HTML, of JSON within a script's text, or of an address.
const QUOTE: &str = r#"(?:\\*["']|&quot;|&\#3[49];|\\+u002[27]|%2[27])"#;

/// One character of a value, which ends with a quotation mark in any of its spellings.
const VALUE: &str = r#"(?:[^"'&<>\s;,(){}\[\]\\%]|%(?:[0-13-9A-F][0-9A-F]|2[0-13-689A-F]|[^0-9A-F"'\s])|\\+/|\\+u00(?:2[0-13-689a-f]|[0-13-9a-f][0-9a-f]))"#;

/// Shorter cookies are no secrets: `nb`, `NOK`, `true`.
pub const SHORTEST_COOKIE: usize = 12;

/// What the configuration adds.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    /// Elements whose content is left out.
    pub hide: Vec<Selector>,
    /// Texts.
    pub patterns: Vec<Regex>,
    /// Parameters of the catalog call, in lower case.
    pub parameters: Vec<String>,
}

/// What is masked in one record.
pub(super) struct Redactor<'r> {
    redaction: &'r Redaction,
    secret_names: regex::Regex,
    people_names: regex::Regex,
    /// The session's own texts in all their spellings.
    secrets: Vec<Vec<u8>>,
    named: Regex,
    /// A name with a list or an object under it, whose texts are `texts`.
    under: Regex,
    texts: Regex,
    mail: Regex,
}

impl<'r> Redactor<'r> {
    /// For one session's record; `secrets` are texts that nobody is to see.
    pub(super) fn new(redaction: &'r Redaction, entry: &Entry, secrets: &[String]) -> Self {
        let constant = |pattern: &str| Regex::new(pattern).expect("the pattern is a constant that a test compiles");
        let names = |pattern: &str| regex::Regex::new(pattern).expect("the pattern is a constant that a test compiles");
        // A name and what stands between it and its value; `%3D` is `=` within an address within an address. A value in
        // quotes goes to the next one of them, a bare one is perhaps in an address and ends with its path or its query.
        let name = format!(r#"[\w.-]*(?:{SECRET_NAMES})[\w.-]*{QUOTE}?\s*(?:=|:|%3[AD])\s*"#);
        let segment =
            r"/(?:form_?key|[\w.-]*token|[\w.-]*nonce|csrf[\w.-]*|xsrf[\w.-]*|sess(?:ion)?_?id|api_?key|signature)/";
        let bare = r#"[^"'&<>\s;,(){}\[\]\\?\#]"#;
        let named = format!(
            "(?i-u)({name}{QUOTE}){VALUE}+|({name}|[?&;](?:sid|sessid|jsessionid)=){bare}+|({segment})[^\"'&<>\\s/?\\\\#]+"
        );
        let under = format!(r"(?i-u){name}(?:\[[^\[\]]*|\{{[^{{}}]*)");
        let texts = format!(r#"(?i-u)({QUOTE})({VALUE}+)({QUOTE}\s*:?)"#);
        let mut redactor = Redactor {
            redaction,
            secret_names: names(&format!("(?i){SECRET_NAMES}")),
            people_names: names(&format!("(?i){PEOPLE_NAMES}")),
            secrets: Vec::new(),
            named: constant(&named),
            under: constant(&under),
            texts: constant(&texts),
            mail: constant(
                r"(?-u)[A-Za-z0-9._+-]{1,64}(?:@|%40|&#64;|&#x40;|\\u0040)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+",
            ),
        };
        let people = entry.parameters.iter().filter(|(name, _)| redactor.is_masked(name)).map(|(_, value)| value);
        let query = entry.hook.split_once('?').map_or("", |(_, query)| query);
        let query = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.1.to_owned()));
        let mut all: Vec<String> = people.chain(secrets).cloned().chain(query).collect();
        all.retain(|text| text != MASK);
        redactor.look_for(&all);
        redactor
    }

    /// Masks these texts too, wherever they stand. Short ones are left out: they would be found everywhere.
    fn look_for(&mut self, texts: &[String]) {
        let long = texts.iter().filter(|text| text.chars().count() >= SHORTEST);
        self.secrets.extend(long.flat_map(|text| spellings(text)));
        // The longest first: one may be a piece of another.
        self.secrets.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        self.secrets.dedup();
    }

    /// The head, all its texts.
    pub(super) fn record(&self, record: &mut Record) {
        // A path may hold a session too.
        record.entry.hook = self.text(&masked_query(&record.entry.hook));
        for (name, value) in &mut record.entry.parameters {
            *value = if self.is_masked(name) { MASK.to_owned() } else { self.text(value) };
        }
        let read = record.lines.iter_mut().flat_map(|line| line.read.iter_mut().chain(&mut line.fields));
        let values = read.chain(&mut record.outcome.header).map(|(_, value)| value);
        let pages = record.product_pages.iter_mut().flat_map(|page| {
            let names = [&mut page.link, &mut page.sku, &mut page.unread].into_iter().flatten();
            names.chain(page.read.iter_mut().map(|(_, value)| value))
        });
        for text in values.chain(pages).chain(&mut record.outcome.findings).chain([&mut record.address]) {
            *text = self.text(text);
        }
    }

    /// A page in `encoding`, which stays what it is.
    /// What it hides is masked in the head too, for it may have been read into the cart.
    pub(super) fn html(&mut self, page: &[u8], encoding: &'static Encoding) -> Result<Vec<u8>, String> {
        let compatible = AsciiCompatibleEncoding::new(encoding)
            .ok_or_else(|| format!("a page in {} cannot be masked", encoding.name()))?;
        let hidden = self.hidden_texts(page, compatible)?;
        self.look_for(&hidden);
        let mut named = self.named_texts(page, compatible)?;
        named.retain(|text| text.chars().count() >= SHORTEST_NAMED);
        self.look_for(&named);
        let is_secret = |element: &Element<'_, '_>| self.is_secret(element);
        let mask = move |element: &mut Element<'_, '_>| {
            if is_secret(element) {
                for name in VALUES {
                    if element.get_attribute(name).is_some_and(|value| !value.is_empty()) {
                        element.set_attribute(name, MASK)?;
                    }
                }
                if matches!(element.tag_name().as_str(), "textarea" | "output") {
                    element.set_inner_content(MASK, ContentType::Text);
                }
            }
            Ok(())
        };
        let hide = |element: &mut Element<'_, '_>| {
            if element.can_have_content() {
                element.set_inner_content(MASK, ContentType::Text);
            } else {
                element.set_attribute("value", MASK)?;
            }
            Ok(())
        };
        let mut settings = settings(compatible)
            .append_element_content_handler((Cow::Owned(fields()), ElementContentHandlers::default().element(mask)));
        for selector in &self.redaction.hide {
            let handlers = ElementContentHandlers::default().element(hide);
            settings = settings.append_element_content_handler((Cow::Borrowed(selector), handlers));
        }
        let mut masked = Vec::with_capacity(page.len());
        pass(page, settings, |bytes| masked.extend_from_slice(bytes))?;
        Ok(self.bytes(&masked, encoding))
    }

    /// Whether what an element holds is a secret, by its name.
    fn is_secret(&self, element: &Element<'_, '_>) -> bool {
        let password = element.get_attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("password"));
        let names = ["name", "id", "property"].into_iter().filter_map(|name| element.get_attribute(name));
        password || names.into_iter().any(|name| self.secret_names.is_match(&name))
    }

    /// What fields hold that are secret by their names: pages repeat it in scripts and in paths.
    fn named_texts(&self, page: &[u8], encoding: AsciiCompatibleEncoding) -> Result<Vec<String>, String> {
        let texts = RefCell::new(Vec::new());
        let found = |element: &mut Element<'_, '_>| {
            if self.is_secret(element) {
                let values = VALUES.into_iter().filter_map(|name| element.get_attribute(name));
                texts.borrow_mut().extend(values.map(|value| htmlize::unescape_attribute(value).into_owned()));
            }
            Ok(())
        };
        let handlers = ElementContentHandlers::default().element(found);
        pass(page, settings(encoding).append_element_content_handler((Cow::Owned(fields()), handlers)), |_| {})?;
        Ok(texts.take())
    }

    /// The texts in elements that are hidden.
    fn hidden_texts(&self, page: &[u8], encoding: AsciiCompatibleEncoding) -> Result<Vec<String>, String> {
        let texts = RefCell::new(vec![String::new()]);
        let mut settings = settings(encoding);
        for selector in &self.redaction.hide {
            let found = |chunk: &mut TextChunk<'_>| {
                let mut texts = texts.borrow_mut();
                if let Some(last) = texts.last_mut() {
                    last.push_str(chunk.as_str());
                }
                if chunk.last_in_text_node() {
                    texts.push(String::new());
                }
                Ok(())
            };
            let handlers = ElementContentHandlers::default().text(found);
            settings = settings.append_element_content_handler((Cow::Borrowed(selector), handlers));
        }
        pass(page, settings, |_| {})?;
        let words = |text: String| htmlize::unescape(text).split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(texts.take().into_iter().map(words).collect())
    }

    /// Answers in JSON.
    pub(super) fn json(&self, page: &[u8]) -> Result<Vec<u8>, String> {
        let mut answers: serde_json::Value = serde_json::from_slice(page).map_err(|error| error.to_string())?;
        self.value(&mut answers);
        serde_json::to_vec_pretty(&answers).map_err(|error| error.to_string())
    }

    fn value(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => *text = self.text(text),
            serde_json::Value::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            serde_json::Value::Object(members) => {
                for (name, value) in members {
                    if self.secret_names.is_match(name) {
                        mask_all(value);
                    } else {
                        self.value(value);
                    }
                }
            }
            _ => {}
        }
    }

    fn text(&self, text: &str) -> String {
        // Only whole characters are put in the place of whole characters.
        String::from_utf8_lossy(&self.bytes(text.as_bytes(), UTF_8)).into_owned()
    }

    fn bytes(&self, bytes: &[u8], encoding: &'static Encoding) -> Vec<u8> {
        let mut masked = bytes.to_vec();
        for secret in &self.secrets {
            let text = String::from_utf8_lossy(secret);
            masked = replaced(&masked, &encoding.encode(&text).0);
        }
        let below = |found: &Captures<'_>| self.texts.replace_all(&found[0], mask_text).into_owned();
        masked = self.under.replace_all(&masked, below).into_owned();
        for (pattern, by) in [(&self.named, "${1}${2}${3}***"), (&self.mail, MASK)] {
            masked = pattern.replace_all(&masked, by.as_bytes()).into_owned();
        }
        for pattern in &self.redaction.patterns {
            masked = pattern.replace_all(&masked, regex::bytes::NoExpand(MASK.as_bytes())).into_owned();
        }
        masked
    }

    fn is_masked(&self, parameter: &str) -> bool {
        self.secret_names.is_match(parameter)
            || self.people_names.is_match(parameter)
            || self.redaction.parameters.contains(&parameter.to_lowercase())
    }
}

/// Attributes that hold what a field says.
const VALUES: [&str; 2] = ["value", "content"];

/// Elements that have a name and a value.
fn fields() -> Selector {
    let fields = "input, meta, button, textarea, output, option, param, data";
    fields.parse().expect("the selector is a constant that a test compiles")
}

/// A text below a secret name; not the name of a member.
fn mask_text(found: &Captures<'_>) -> Vec<u8> {
    if found[3].ends_with(b":") { found[0].to_vec() } else { [&found[1], MASK.as_bytes(), &found[3]].concat() }
}

/// Every text and number, however deep.
fn mask_all(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(_) | serde_json::Value::Number(_) => *value = MASK.into(),
        serde_json::Value::Array(values) => values.iter_mut().for_each(mask_all),
        serde_json::Value::Object(members) => members.values_mut().for_each(mask_all),
        serde_json::Value::Bool(_) | serde_json::Value::Null => {}
    }
}

fn settings<'h, 's>(encoding: AsciiCompatibleEncoding) -> Settings<'h, 's> {
    Settings::new()
        .with_encoding(encoding)
        .with_strict(false)
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(MEMORY))
}

fn pass(page: &[u8], settings: Settings<'_, '_>, out: impl FnMut(&[u8])) -> Result<(), String> {
    let mut rewriter = HtmlRewriter::new(settings, out);
    rewriter.write(page).and_then(|()| rewriter.end()).map_err(|error| error.to_string())
}

/// As it is, in HTML, in an address and in JSON.
fn spellings(text: &str) -> Vec<Vec<u8>> {
    let html = htmlize::escape_attribute(text).into_owned();
    let quoted = htmlize::escape_all_quotes(text).into_owned();
    let address = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let form: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let mut spellings = [text.to_owned(), html, quoted, address, form].map(String::into_bytes).to_vec();
    spellings.dedup();
    spellings
}

fn replaced(bytes: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut masked = Vec::with_capacity(bytes.len());
    let mut rest = 0;
    for at in memchr::memmem::find_iter(bytes, secret) {
        masked.extend_from_slice(&bytes[rest..at]);
        masked.extend_from_slice(MASK.as_bytes());
        rest = at + secret.len();
    }
    masked.extend_from_slice(&bytes[rest..]);
    masked
}

/// The address with its parameters' names, for how many they are counts.
fn masked_query(hook: &str) -> String {
    let Some((action, query)) = hook.split_once('?') else { return hook.to_owned() };
    let pairs: Vec<_> = query
        .split('&')
        .map(|pair| pair.split_once('=').map_or_else(|| MASK.to_owned(), |(name, _)| format!("{name}={MASK}")))
        .collect();
    format!("{action}?{}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::WINDOWS_1252;

    fn redaction() -> Redaction {
        Redaction {
            hide: vec![".user".parse().unwrap()],
            patterns: vec![Regex::new("Kari [A-Z][a-z]+").unwrap()],
            parameters: vec!["userid".to_owned()],
        }
    }

    fn entry() -> Entry {
        let pairs = [("COSTCENTER", "4711"), ("userId", "kno42"), ("FirstName", "Kåre"), ("USERNAME", "acme")];
        Entry {
            hook: "https://srm.example/oci;jsessionid=J5?sess=hooksecret&x".to_owned(),
            parameters: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        }
    }

    #[test]
    fn secrets_go_and_the_cart_stays() {
        let (redaction, entry) = (redaction(), entry());
        let mut redactor = Redactor::new(&redaction, &entry, &["s&cret/cookie".to_owned(), "NO".to_owned()]);
        let page = "<meta name='csrf-token' content='abc123'><meta name=description content=Bolts>\
            <input type=hidden name=csrfmiddlewaretoken value=abc123><input type=password value=hunter2>\
            <input type=hidden name=form_key value=FK99><input name=quantity value=12>\
            <a href='/cart/remove?id=7&amp;_token=T0K3N&amp;back=%2Fx%3Fsid%3Dq'>x</a><a href='/x?sid=S1D'>y</a>\
            <a href='/x;jsessionid=J5?id=8' data-token=\"q?2#3\">z</a>\
            <script>var t = {\"apiKey\": \"K3Y\", csrf: 'abc123', price: 12}; document.x='s&cret/cookie'</script>\
            <p>s&amp;cret/cookie hooksecret kno42 Kåre K&aring;re</p><p>kari@acme.example Kari Nordmann</p>\
            <b class=user>Ola <i>Dunk</i></b><td class=sku>4711 NO</td>";
        let masked = redactor.html(page.as_bytes(), UTF_8).unwrap();
        let masked = String::from_utf8(masked).unwrap();
        for secret in [
            "abc123",
            "J5",
            "q?2",
            "2#3",
            "hunter2",
            "FK99",
            "T0K3N",
            "S1D",
            "K3Y",
            "s&cret",
            "s&amp;cret",
            "hooksecret",
            "kno42",
            "Kåre",
            "kari@",
            "Nordmann",
            "Ola",
            "Dunk",
        ] {
            assert!(!masked.contains(secret), "{secret}: {masked}");
        }
        for kept in [
            "content=Bolts",
            "name=quantity value=12",
            "id=7&amp;",
            "?id=8'",
            "price: 12",
            "<td class=sku>4711 NO</td>",
        ] {
            assert!(masked.contains(kept), "{kept}: {masked}");
        }
    }

    #[test]
    fn secrets_go_however_their_quotes_are_written_and_however_deep_they_stand() {
        let (redaction, entry) = (redaction(), entry());
        let page = r#"<script>var a = JSON.parse("{\"csrfToken\":\"S3C1\/x\",\"sku\":\"4711\"}");
            var b = '{\u0022token\u0022:\u0022S3C2\u0022,\u0022name\u0022:\u0022Bolt M8\u0022}';
            var c = {"tokens":["S3C3", "S3C4"], "csrf":{"value":"S3C5", "field":"x"}, "lines":["Nut M8"]};</script>
            <div data-a="{&quot;nonce&quot;:&quot;S3C6&quot;,&quot;price&quot;:12}" data-b="%7B%22secret%22%3A%22S3C7%22%2C%22q%22%3A2%7D">
            <textarea name=token>S3C8</textarea><option name=nonce value=S3C9><a href="/cart/delete/id/1/form_key/S3C10/">x</a>
            <input type=hidden name=form_token value=S3C11-and-longer><script>go('/add/S3C11-and-longer/1')</script>
            <input name=qty value=7><textarea name=note>for the hall</textarea>"#;
        let masked = Redactor::new(&redaction, &entry, &[]).html(page.as_bytes(), UTF_8).unwrap();
        let masked = String::from_utf8(masked).unwrap();
        assert!(!masked.contains("S3C"), "{masked}");
        for kept in [
            r#"\"sku\":\"4711\"}"#,
            r"\u0022name\u0022:\u0022Bolt M8\u0022",
            r#"["Nut M8"]"#,
            r#""value":"#,
            "price&quot;:12",
            "%22q%22%3A2%7D",
            "/cart/delete/id/1/form_key/",
            "go('/add/",
            "value=7",
            "for the hall",
        ] {
            assert!(masked.contains(kept), "{kept}: {masked}");
        }
        let json =
            br#"{"tokens":["S3C1",["S3C2"]],"csrf":{"value":"S3C3","left":3},"items":[{"name":"Bolt"}],"secret":true}"#;
        let masked = String::from_utf8(Redactor::new(&redaction, &entry, &[]).json(json).unwrap()).unwrap();
        assert!(!masked.contains("S3C") && masked.contains("\"Bolt\"") && masked.contains("true"), "{masked}");
    }

    #[test]
    fn the_head_is_masked_alike() {
        let (redaction, entry) = (redaction(), entry());
        let redactor = Redactor::new(&redaction, &entry, &[]);
        let mut record = Record { entry: entry.clone(), ..Record::default() };
        record.lines.push(super::super::Line {
            read: vec![("link".to_owned(), "/a?sid=1&id=2".to_owned())],
            fields: vec![("CUST_FIELD1".to_owned(), "kno42".to_owned())],
        });
        redactor.record(&mut record);
        assert_eq!(record.entry.hook, "https://srm.example/oci;jsessionid=***?sess=***&***");
        let values: Vec<_> = record.entry.parameters.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["4711", "***", "***", "acme"]);
        assert_eq!(record.lines[0].read[0].1, "/a?sid=***&id=2");
        assert_eq!(record.lines[0].fields[0].1, "***");
    }

    #[test]
    fn a_page_stays_in_its_charset() {
        let (redaction, entry) = (redaction(), entry());
        let mut redactor = Redactor::new(&redaction, &entry, &["blåbær".to_owned()]);
        let page = WINDOWS_1252.encode("<p>blåbær – Kåre å</p>").0.into_owned();
        let masked = redactor.html(&page, WINDOWS_1252).unwrap();
        assert_eq!(WINDOWS_1252.decode(&masked).0, "<p>*** – *** å</p>");
    }

    #[test]
    fn answers_in_json_are_masked_by_the_names_of_their_members() {
        let (redaction, entry) = (redaction(), entry());
        let redactor = Redactor::new(&redaction, &entry, &[]);
        let page =
            br#"[{"nonce":"n1","items":[{"name":"Bolt","price":12.50,"owner":"kari@acme.example"}],"sessionId":"9","tokenNumber":77}]"#;
        let masked = String::from_utf8(redactor.json(page).unwrap()).unwrap();
        assert!(
            !masked.contains("n1") && !masked.contains("kari") && !masked.contains("\"9\"") && !masked.contains("77"),
            "{masked}"
        );
        assert!(masked.contains("\"Bolt\"") && masked.contains("12.5"), "{masked}");
    }
}
