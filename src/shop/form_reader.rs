//! Reading the forms out of a page's markup.
//!
//! A control belongs to the form that is open where it stands, and "open" is no matter of nesting: HTML keeps one open
//! form, from `<form>` to the next `</form>`, whatever tables and boxes begin or end in between. lol_html tells of end
//! tags only where they close something, so what stands between two start tags is searched here.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;

use encoding_rs::Encoding;
use lol_html::Selector;
use lol_html::errors::RewritingError;
use lol_html::html_content::Element;
use url::Url;

use super::form::{Control, ControlKind, Form};
use super::page::{OnElement, find_ignoring_case, walk};

/// All forms of the page at `url` in their order, and for each whether `wanted` matches it or one of its controls.
/// `chunks` taken together are `text`.
pub(super) fn read<'c>(
    chunks: impl IntoIterator<Item = &'c str>,
    text: &str,
    url: &Url,
    encoding: &'static Encoding,
    wanted: Option<&Selector>,
) -> Result<Vec<(Form, bool)>, RewritingError> {
    let every = selector("*");
    let (off, unused) = (selector("fieldset[disabled] *"), selector("template *"));
    let reader = RefCell::new(Reader::new(text));
    let (wanted_at, off_at, unused_at) = (Places::default(), Places::default(), Places::default());
    let mut handlers: Vec<(&Selector, OnElement<'_>)> = vec![
        (
            &every,
            Box::new(|element| {
                reader.borrow_mut().start_tag(element);
                Ok(())
            }),
        ),
        (&off, note_into(&off_at)),
        (&unused, note_into(&unused_at)),
    ];
    if let Some(wanted) = wanted {
        handlers.push((wanted, note_into(&wanted_at)));
    }
    walk(chunks, handlers)?;
    let marks = Marks { wanted: wanted_at.into_inner(), off: off_at.into_inner(), unused: unused_at.into_inner() };
    Ok(reader.into_inner().into_forms(url, encoding, &marks))
}

/// Where start tags stand.
type Places = RefCell<HashSet<usize>>;

struct Marks {
    wanted: HashSet<usize>,
    /// In a disabled group.
    off: HashSet<usize>,
    /// In a `<template>`, so not in the page.
    unused: HashSet<usize>,
}

fn selector(text: &str) -> Selector {
    text.parse().expect("a constant that every test of this module parses")
}

fn note_into(places: &Places) -> OnElement<'_> {
    Box::new(|element| {
        places.borrow_mut().insert(element.source_location().bytes().start);
        Ok(())
    })
}

struct Reader<'t> {
    text: &'t str,
    /// The last start tag: its name, and where it ended.
    last: (String, usize),
    base: Option<String>,
    forms: Vec<FoundForm>,
    controls: Vec<FoundControl>,
    /// HTML's form element pointer: the number of the form that is open.
    open_form: Option<usize>,
    /// The number of the list that is open.
    open_select: Option<usize>,
}

struct FoundForm {
    at: usize,
    id: Option<String>,
    action: Option<String>,
    method: Option<String>,
    accept_charset: Option<String>,
}

struct FoundControl {
    at: usize,
    form: Option<usize>,
    /// The id of the form it belongs to wherever it stands.
    form_id: Option<String>,
    control: Control,
    list: Option<List>,
}

/// A `<select>`.
struct List {
    multiple: bool,
    /// Without a choice, the first option is chosen.
    drop_down: bool,
    options: Vec<ListOption>,
}

struct ListOption {
    value: String,
    selected: bool,
    disabled: bool,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        Reader {
            text,
            last: (String::new(), 0),
            base: None,
            forms: Vec::new(),
            controls: Vec::new(),
            open_form: None,
            open_select: None,
        }
    }

    fn start_tag(&mut self, element: &Element<'_, '_>) {
        let place = element.source_location().bytes();
        let name = element.tag_name();
        let between = self.text.get(self.last.1..place.start).unwrap_or_default();
        if ends(between, &self.last.0, "</form") {
            self.open_form = None;
        }
        if ends(between, &self.last.0, "</select") {
            self.open_select = None;
        }
        match name.as_str() {
            "base" if self.base.is_none() => self.base = attribute(element, "href"),
            "form" if self.open_form.is_none() => self.form(element, place.start),
            "input" => self.input(element, place.start),
            "button" => self.button(element, place.start),
            "textarea" => self.textarea(element, place.clone()),
            "select" => self.select(element, place.start),
            "option" => self.option(element, place.end),
            _ => {}
        }
        self.last = (name, place.end);
    }

    fn form(&mut self, element: &Element<'_, '_>, at: usize) {
        self.open_form = Some(self.forms.len());
        self.forms.push(FoundForm {
            at,
            id: attribute(element, "id"),
            action: attribute(element, "action"),
            method: attribute(element, "method"),
            accept_charset: attribute(element, "accept-charset"),
        });
    }

    fn control(&mut self, element: &Element<'_, '_>, at: usize, kind: ControlKind, values: Vec<String>) {
        let name = attribute(element, "name").unwrap_or_default();
        let disabled = element.has_attribute("disabled");
        let control = Control { kind, name, values, disabled };
        let form_id = attribute(element, "form");
        self.controls.push(FoundControl { at, form: self.open_form, form_id, control, list: None });
    }

    fn input(&mut self, element: &Element<'_, '_>, at: usize) {
        let value = attribute(element, "value");
        let kind = attribute(element, "type").unwrap_or_default().to_ascii_lowercase();
        match kind.as_str() {
            "submit" | "image" => {
                // A browser's own label for the button ("Submit") is not sent.
                let button = button_kind(element, kind == "image");
                self.control(element, at, button, vec![value.unwrap_or_default()]);
            }
            "button" | "reset" => {}
            "checkbox" | "radio" => {
                let checked = element.has_attribute("checked");
                let values = checked.then(|| value.unwrap_or_else(|| "on".to_owned())).into_iter().collect();
                self.control(element, at, ControlKind::Field, values);
            }
            _ => self.control(element, at, ControlKind::Field, vec![value.unwrap_or_default()]),
        }
    }

    fn button(&mut self, element: &Element<'_, '_>, at: usize) {
        let kind = attribute(element, "type").unwrap_or_default();
        if !["button", "reset"].iter().any(|other| kind.eq_ignore_ascii_case(other)) {
            let value = attribute(element, "value").unwrap_or_default();
            self.control(element, at, button_kind(element, false), vec![value]);
        }
    }

    fn textarea(&mut self, element: &Element<'_, '_>, place: Range<usize>) {
        let text = &self.text[place.end..];
        let text = &text[..find_ignoring_case(text, "</textarea").unwrap_or(text.len())];
        // A line break right after the tag is the author's, not the text's.
        let text = text.strip_prefix("\r\n").or_else(|| text.strip_prefix('\n')).unwrap_or(text);
        let text = htmlize::unescape(text).into_owned();
        self.control(element, place.start, ControlKind::Field, vec![text]);
    }

    fn select(&mut self, element: &Element<'_, '_>, at: usize) {
        let multiple = element.has_attribute("multiple");
        let rows = attribute(element, "size").and_then(|size| size.trim().parse::<u32>().ok()).unwrap_or(1);
        self.open_select = Some(self.controls.len());
        self.control(element, at, ControlKind::Field, Vec::new());
        if let Some(select) = self.controls.last_mut() {
            select.list = Some(List { multiple, drop_down: !multiple && rows <= 1, options: Vec::new() });
        }
    }

    fn option(&mut self, element: &Element<'_, '_>, end: usize) {
        let text = text_until_tag(&self.text[end..]);
        let list = self.open_select.and_then(|at| self.controls[at].list.as_mut());
        let Some(list) = list else { return };
        let label = || htmlize::unescape(text).split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        list.options.push(ListOption {
            value: attribute(element, "value").unwrap_or_else(label),
            selected: element.has_attribute("selected"),
            disabled: element.has_attribute("disabled"),
        });
    }

    fn into_forms(self, url: &Url, encoding: &'static Encoding, marks: &Marks) -> Vec<(Form, bool)> {
        let base = self.base.and_then(|base| url.join(base.trim_ascii()).ok()).unwrap_or_else(|| url.clone());
        let ids: Vec<_> = self.forms.iter().map(|form| form.id.clone()).collect();
        let places: Vec<_> = self.forms.iter().map(|form| form.at).collect();
        let forms = self.forms.into_iter();
        let mut forms: Vec<_> =
            forms.map(|form| (marks.wanted.contains(&form.at), form.open(url, &base, encoding))).collect();
        for mut found in self.controls {
            let owner = match &found.form_id {
                Some(id) => ids.iter().position(|of_form| of_form.as_ref() == Some(id)),
                None => found.form,
            };
            let Some((wanted, form)) = owner.and_then(|owner| forms.get_mut(owner)) else { continue };
            if marks.unused.contains(&found.at) {
                continue;
            }
            if let Some(list) = found.list {
                found.control.values = list.chosen();
            }
            found.control.disabled |= marks.off.contains(&found.at);
            *wanted |= marks.wanted.contains(&found.at);
            form.controls.push(found.control);
        }
        let in_page = places.iter().map(|at| !marks.unused.contains(at));
        forms
            .into_iter()
            .zip(in_page)
            .filter(|(_, in_page)| *in_page)
            .map(|((wanted, form), _)| (form, wanted))
            .collect()
    }
}

impl FoundForm {
    fn open(self, url: &Url, base: &Url, encoding: &'static Encoding) -> Form {
        let labels = self.accept_charset.unwrap_or_default();
        let accepted = labels.split_ascii_whitespace().find_map(|label| Encoding::for_label(label.as_bytes()));
        Form {
            page: url.clone(),
            base: base.clone(),
            action: self.action,
            method: self.method,
            encoding: accepted.unwrap_or(encoding),
            controls: Vec::new(),
        }
    }
}

impl List {
    /// The values that it contributes.
    fn chosen(self) -> Vec<String> {
        let mut options: Vec<&ListOption> = self.options.iter().filter(|option| option.selected).collect();
        if !self.multiple {
            // Of several the last counts, and a drop-down list without any shows its first.
            let first = || self.options.iter().find(|option| !option.disabled).filter(|_| self.drop_down);
            options = options.pop().or_else(first).into_iter().collect();
        }
        options.into_iter().filter(|option| !option.disabled).map(|option| option.value.clone()).collect()
    }
}

fn button_kind(element: &Element<'_, '_>, image: bool) -> ControlKind {
    ControlKind::Button { image, action: attribute(element, "formaction"), method: attribute(element, "formmethod") }
}

/// An attribute's value, its entities decoded.
fn attribute(element: &Element<'_, '_>, name: &str) -> Option<String> {
    element.get_attribute(name).map(|value| htmlize::unescape_attribute(value).into_owned())
}

/// Whether the end tag stands in `between`, which follows the start tag of `last` and holds no other.
fn ends(between: &str, last: &str, end_tag: &str) -> bool {
    let mut rest = match last {
        // Their content is text, whatever it looks like.
        "script" | "style" | "textarea" | "title" | "xmp" | "iframe" | "noembed" | "noframes" => {
            find_ignoring_case(between, &format!("</{last}")).map_or("", |at| &between[at..])
        }
        _ => between,
    };
    while let Some(at) = memchr::memchr(b'<', rest.as_bytes()) {
        rest = &rest[at..];
        if rest.starts_with("<!--") {
            rest = rest.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let tag = rest.as_bytes();
        if tag.get(..end_tag.len()).is_some_and(|name| name.eq_ignore_ascii_case(end_tag.as_bytes()))
            && tag.get(end_tag.len()).is_none_or(|next| next.is_ascii_whitespace() || b"/>".contains(next))
        {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// The text up to the next tag or comment; a lone `<` is text.
fn text_until_tag(text: &str) -> &str {
    let starts_tag = |at: &usize| {
        text.as_bytes().get(at + 1).is_some_and(|next| next.is_ascii_alphabetic() || b"/!?".contains(next))
    };
    &text[..memchr::memchr_iter(b'<', text.as_bytes()).find(starts_tag).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::UTF_8;
    use proptest::prelude::*;

    fn forms(chunks: &[&str], wanted: Option<&str>) -> Vec<(Form, bool)> {
        let url = "https://shop.example/konto/inn?a=1".parse().unwrap();
        let wanted = wanted.map(|wanted| wanted.parse().unwrap());
        read(chunks.iter().copied(), &chunks.concat(), &url, UTF_8, wanted.as_ref()).unwrap()
    }

    /// What a form holds, as `name=value` in order; in brackets what is disabled, `!` before buttons.
    fn held(form: &Form) -> Vec<String> {
        let show = |control: &Control| {
            let button = if control.kind == ControlKind::Field { "" } else { "!" };
            let text = format!("{button}{}={}", control.name, control.values.join("|"));
            if control.disabled { format!("[{text}]") } else { text }
        };
        form.controls.iter().map(show).collect()
    }

    #[test]
    fn controls_have_the_values_that_a_browser_gives_them() {
        for (html, expected) in [
            ("<input name=a value='&quot;&aelig;&#x26;&copy=1'>", "a=\"æ&&copy=1"),
            ("<INPUT NAME=a TYPE=Hidden VALUE=x>", "a=x"),
            ("<input name=a>", "a="),
            ("<input name=a disabled value=x>", "[a=x]"),
            ("<input type=checkbox name=a value=x>", "a="),
            ("<input type=checkbox name=a checked>", "a=on"),
            ("<input type=radio name=a value=1><input type=radio name=a value=2 checked>", "a= a=2"),
            ("<input type=submit name=s value=Go><input type=button name=b><input type=reset name=r>", "!s=Go"),
            ("<button name=s value=1>x</button><button type=button name=b></button>", "!s=1"),
            ("<textarea name=t>\n a &lt;form&gt; </form> b</textarea><input name=a>", "t= a <form> </form> b a="),
            ("<select name=s><option>x  y &amp; z<option value=2>b</select>", "s=x y & z"),
            ("<select name=s><option value=1>a<option value=2 selected>b</option></select>", "s=2"),
            ("<select name=s><option disabled>a<option>b</select>", "s=b"),
            ("<select name=s multiple><option selected>a<option>b<option selected>c</select>", "s=a|c"),
            ("<select name=s size=4><option>a</select>", "s="),
            ("<select name=s></select><datalist><option>x</datalist>", "s="),
            ("<fieldset disabled><p><input name=a></p></fieldset><input name=b>", "[a=] b="),
            ("<template><input name=a></template><input name=b>", "b="),
        ] {
            let forms = forms(&[&format!("<form>{html}</form>")], None);
            assert_eq!(held(&forms[0].0).join(" "), expected, "{html}");
        }
    }

    #[test]
    fn a_form_is_open_until_its_end_tag_whatever_ends_in_between() {
        let wide = "<table><tr><form action=/a><td><table><tr><td><input name=a></table></td></tr></table>\
                    <div><input name=b></div></form><input name=stray><form action=/b><input name=c></form>";
        let found = forms(&[wide], None);
        assert_eq!(held(&found[0].0), ["a=", "b="]);
        assert_eq!(held(&found[1].0), ["c="]);

        let never_ended = "<form action=/a><ul><li><input name=a><li><input name=b><p><input name=c></body></html>";
        assert_eq!(held(&forms(&[never_ended], None)[0].0), ["a=", "b=", "c="]);

        let nested = "<form action=/a><form action=/b><input name=a></form><input name=stray>";
        let found = forms(&[nested], None);
        assert_eq!((found.len(), held(&found[0].0)), (1, vec!["a=".to_owned()]));

        let no_end_tags = "<form><!-- </form> --><script>'</form>'</script ><title></form></title><formula></formula>\
                           <input name=a></FORM ><input name=stray>";
        assert_eq!(held(&forms(&[no_end_tags], None)[0].0), ["a="]);
    }

    #[test]
    fn controls_elsewhere_belong_to_the_form_they_name() {
        let page =
            "<input name=a form=f><form id=f></form><form id=g><input name=b form=f><input name=c form=none></form>";
        let found = forms(&[page], None);
        assert_eq!(held(&found[0].0), ["a=", "b="]);
        assert!(held(&found[1].0).is_empty());
    }

    #[test]
    fn a_selector_means_the_form_or_a_control_in_it() {
        let page = "<form id=q><input name=q></form><form id=f class=x><button name=login_submit></form>";
        for (wanted, expected) in [
            ("#f", [false, true]),
            ("form.x", [false, true]),
            ("button[name=login_submit]", [false, true]),
            ("form", [true, true]),
            ("#none", [false, false]),
        ] {
            let matched: Vec<_> = forms(&[page], Some(wanted)).iter().map(|(_, matched)| *matched).collect();
            assert_eq!(matched, expected, "{wanted}");
        }
    }

    /// Bits of pages that are nasty together.
    fn soup() -> impl Strategy<Value = String> {
        let bits = prop::sample::select(vec![
            "<form id=f action='/a?b=1&amp;c=2'>",
            "</form>",
            "<form>",
            "<table><tr><td>",
            "</table>",
            "</td>",
            "<p>",
            "<input name=a value='æ&oslash;'>",
            "<input name=b type=checkbox checked>",
            "<!-- ",
            " -->",
            "<script>",
            "</script>",
            "<select name=s>",
            "<option value=1>x",
            "<option selected> y ",
            "</select>",
            "<textarea name=t>",
            "</textarea>",
            "text & <",
            "<button name=x>",
            "<template>",
            "</template>",
            "<base href=/x/>",
            "<title>",
            "</title>",
            "</",
            "'",
            "\"",
            "=",
            ">",
            "<fieldset disabled>",
            "</fieldset>",
            "<![CDATA[",
            "<svg>",
            "\0",
            "\r\n",
        ]);
        prop::collection::vec(bits, 0..40).prop_map(|bits| bits.concat())
    }

    proptest! {
        #[test]
        fn a_page_reads_the_same_at_any_chunking(page in soup(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| page.floor_char_boundary(cut.index(page.len() + 1))).collect();
            cuts.extend([0, page.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|cut| &page[cut[0]..cut[1]]).collect();
            let show = |found: Vec<(Form, bool)>| -> Vec<_> {
                found.into_iter().map(|(form, matched)| (form.action.clone(), held(&form), matched)).collect()
            };
            prop_assert_eq!(show(forms(&chunks, Some("#f"))), show(forms(&[&page], Some("#f"))));
        }
    }
}
