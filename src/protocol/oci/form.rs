//! The cart as an HTML form that takes it to the hook.
//!
//! Receivers are not only browsers: server-side clients pick `<input name=".." value="..">` out of the text with crude
//! parsers. So: one tag a field, double quotes, `type` before `name` before `value`, entities escaped, no line end inside
//! a tag.

use std::fmt::Write;

use super::charset::Charset;
use super::hook::Hook;
use super::parameters::{decode, pairs};
use super::target::Target;

/// What becomes of HOOK_URL's own query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HookQuery {
    /// It stays in the form's action, as SAP's own example has it.
    #[default]
    Keep,
    /// Its parameters become hidden inputs, and the action has none.
    Split,
}

/// All that the form is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// Where it goes; `None` for a VALIDATE without HOOK_URL, which nobody submits.
    pub hook: Option<Hook>,
    /// What becomes of the hook's query.
    pub hook_query: HookQuery,
    /// Control fields, see [`control_fields`].
    pub control: Vec<(String, String)>,
    /// NEW_ITEM and header inputs, see [`super::mapping::Mapped::inputs`]; none in the form that cancels.
    pub inputs: Vec<(String, String)>,
    /// What the browser is to send it in. The values are already in it.
    pub charset: Charset,
    /// Where the answer is to be loaded.
    pub target: Target,
}

impl HandOver {
    /// The form that returns nothing: OCI's way to cancel, and to say that the cart is empty.
    pub fn cancelled(&self) -> HandOver {
        HandOver { inputs: Vec::new(), ..self.clone() }
    }

    /// How many inputs the form has beside [`HandOver::inputs`].
    pub fn control_count(&self) -> usize {
        let query = self.query();
        query.len() + self.control_beside(&query).count()
    }

    /// What a cart's values have to fit into: the charset, beside so many inputs.
    pub fn room(&self) -> (Charset, usize) {
        (self.charset, self.control_count())
    }

    /// Where the form is sent.
    pub fn action(&self) -> &str {
        match (&self.hook, self.hook_query) {
            (None, _) => "",
            (Some(hook), HookQuery::Keep) => hook.text(),
            (Some(hook), HookQuery::Split) => hook.split_query().0,
        }
    }

    /// Every input: the hook's query where it is split, the control fields that it does not hold, the cart.
    pub fn hidden(&self) -> Vec<(String, String)> {
        self.clone().into_hidden()
    }

    /// The same, when the form has been written: a large cart has a thousand inputs.
    pub fn into_hidden(self) -> Vec<(String, String)> {
        let mut hidden = self.query();
        let control: Vec<_> = self.control_beside(&hidden).cloned().collect();
        hidden.reserve(control.len() + self.inputs.len());
        hidden.extend(control);
        hidden.extend(self.inputs);
        hidden
    }

    /// The hook's query as inputs, where it is split.
    fn query(&self) -> Vec<(String, String)> {
        let query = match (&self.hook, self.hook_query) {
            (Some(hook), HookQuery::Split) => hook.split_query().1.unwrap_or_default(),
            _ => "",
        };
        pairs(query.as_bytes()).map(|(name, value)| (decode(name), decode(value))).collect()
    }

    /// The control fields that `query` and those before them do not hold.
    fn control_beside<'a>(&'a self, query: &'a [(String, String)]) -> impl Iterator<Item = &'a (String, String)> {
        let known =
            |among: &[(String, String)], name: &str| among.iter().any(|(one, _)| one.eq_ignore_ascii_case(name));
        let control = self.control.iter().enumerate();
        control
            .filter(move |(at, (name, _))| !known(query, name) && !known(&self.control[..*at], name))
            .map(|(_, pair)| pair)
    }
}

/// The control fields of a return: those of the entry as they were spelled and, where `sap_style` is on, `~OkCode`,
/// `~TARGET` and `~CALLER` also where the entry had none.
pub fn control_fields(echo: &[(String, String)], sap_style: bool, target: &Target) -> Vec<(String, String)> {
    let mut control = echo.to_vec();
    if sap_style {
        for (name, value) in [("~OkCode", "ADDI"), ("~TARGET", target.as_str()), ("~CALLER", "CTLG")] {
            if !control.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                control.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    control
}

/// The form alone, invisible, for the end of a cart page; what submits it stands elsewhere, as `form="id"`.
pub fn form_html(hand_over: &HandOver, id: &str) -> String {
    form(hand_over, id, " hidden", "")
}

/// The form with its own button, for a page of ours. `label` is plain text.
pub fn form_with_button(hand_over: &HandOver, id: &str, label: &str) -> String {
    let button = format!("<button type=\"submit\">{}</button>\n", escaped(label));
    form(hand_over, id, "", &button)
}

/// A text as the value of an attribute in double quotes, or between tags. Line ends and tabs become references, so that
/// neither a parser nor an editor of the page changes them; NUL, which no page can hold, is left out.
pub fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    escape(text, &mut html);
    html
}

/// Most of what is escaped needs none: whatever stands between two letters that do is copied as one piece.
fn escape(text: &str, html: &mut String) {
    let mut rest = text;
    while let Some(at) =
        rest.bytes().position(|byte| matches!(byte, b'&' | b'"' | b'<' | b'>' | b'\n' | b'\r' | b'\t' | 0))
    {
        html.push_str(&rest[..at]);
        html.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'"' => "&quot;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'\n' => "&#10;",
            b'\r' => "&#13;",
            b'\t' => "&#9;",
            _ => "",
        });
        rest = &rest[at + 1..];
    }
    html.push_str(rest);
}

fn form(hand_over: &HandOver, id: &str, hidden: &str, end: &str) -> String {
    let query = hand_over.query();
    let mut html = String::with_capacity(600 + (query.len() + hand_over.inputs.len()) * 90);
    let (id, action) = (escaped(id), escaped(hand_over.action()));
    let (charset, target) = (hand_over.charset.label(), escaped(hand_over.target.as_str()));
    // Writing to a String does not fail.
    let _ = writeln!(
        html,
        "<form id=\"{id}\" method=\"post\" action=\"{action}\" enctype=\"application/x-www-form-urlencoded\" \
         accept-charset=\"{charset}\" target=\"{target}\"{hidden}>"
    );
    for (name, value) in query.iter().chain(hand_over.control_beside(&query)).chain(&hand_over.inputs) {
        html.push_str("<input type=\"hidden\" name=\"");
        escape(name, &mut html);
        html.push_str("\" value=\"");
        escape(value, &mut html);
        html.push_str("\">\n");
    }
    html.push_str(end);
    html.push_str("</form>\n");
    html
}

#[cfg(test)]
mod tests {
    use super::super::parse_back::{ParsedForm, forms};
    use super::*;

    fn pairs_of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn hand_over(hook: &str, hook_query: HookQuery, inputs: &[(&str, &str)]) -> HandOver {
        HandOver {
            hook: Some(Hook::parse(hook).expect(hook)),
            hook_query,
            control: pairs_of(&[("~OkCode", "ADDI"), ("~target", "_top")]),
            inputs: pairs_of(inputs),
            charset: Charset::Latin1,
            target: Target::default(),
        }
    }

    fn parsed(html: &str) -> ParsedForm {
        let mut forms = forms(html).unwrap();
        assert_eq!(forms.len(), 1, "{html}");
        forms.remove(0)
    }

    #[test]
    fn the_form_as_it_is_written() {
        let hand_over = hand_over("https://a.example/x?b=1&c=2", HookQuery::Keep, &[("NEW_ITEM-PRICE[1]", "1.000")]);
        assert_eq!(
            form_html(&hand_over, "po-return"),
            "<form id=\"po-return\" method=\"post\" action=\"https://a.example/x?b=1&amp;c=2\" \
             enctype=\"application/x-www-form-urlencoded\" accept-charset=\"ISO-8859-1\" target=\"_top\" hidden>\n\
             <input type=\"hidden\" name=\"~OkCode\" value=\"ADDI\">\n\
             <input type=\"hidden\" name=\"~target\" value=\"_top\">\n\
             <input type=\"hidden\" name=\"NEW_ITEM-PRICE[1]\" value=\"1.000\">\n</form>\n"
        );
    }

    #[test]
    fn hostile_values_stay_values() {
        let nasty = "\"><script>alert('1')</script>\r\n\t&quot;&amp; <b> &#10; å 🔩";
        let html = form_html(&hand_over("https://a.example/", HookQuery::Keep, &[(nasty, nasty)]), "x\"y");
        let form = parsed(&html);
        assert_eq!(form.input(nasty), Some(nasty));
        assert_eq!(form.attribute("id"), "x\"y");
        assert!(
            !html.contains("<script") && html.lines().all(|line| line.starts_with('<') && line.ends_with('>')),
            "{html}"
        );
        assert_eq!(escaped("a\0b"), "ab");
    }

    #[test]
    fn a_hook_is_kept_or_split_but_never_both() {
        let text = "https://a.example/x?sap-client=100&n=%E5+%26&~OKCODE=ADDI&flag";
        let kept = parsed(&form_html(&hand_over(text, HookQuery::Keep, &[]), "f"));
        assert_eq!((kept.attribute("action"), kept.inputs.len()), (text, 2));
        let split = hand_over(text, HookQuery::Split, &[("NEW_ITEM-UNIT[1]", "PCE")]);
        assert_eq!(split.control_count(), 5);
        let split = parsed(&form_html(&split, "f"));
        assert_eq!(split.attribute("action"), "https://a.example/x");
        let expected = [
            ("sap-client", "100"),
            ("n", "å &"),
            ("~OKCODE", "ADDI"),
            ("flag", ""),
            ("~target", "_top"),
            ("NEW_ITEM-UNIT[1]", "PCE"),
        ];
        assert_eq!(split.inputs, pairs_of(&expected));
    }

    #[test]
    fn sapevent_stays_literal_and_validate_may_have_no_hook() {
        let sap = hand_over("sapevent:POST", HookQuery::Split, &[]);
        assert_eq!(parsed(&form_html(&sap, "f")).attribute("action"), "sapevent:POST");
        let none = HandOver { hook: None, ..sap };
        assert!(form_html(&none, "f").contains(" action=\"\" "));
    }

    #[test]
    fn cancelling_sends_no_items() {
        let whole = hand_over("https://a.example/", HookQuery::Keep, &[("NEW_ITEM-UNIT[1]", "PCE")]);
        let html = form_with_button(&whole.cancelled(), "f", "Tilbake <uten> varer");
        assert!(!html.contains("NEW_ITEM") && html.contains("~OkCode"), "{html}");
        assert!(
            html.contains("<button type=\"submit\">Tilbake &lt;uten&gt; varer</button>") && !html.contains(" hidden>")
        );
    }

    #[test]
    fn control_fields_are_echoed_as_they_were_spelled() {
        let echo = pairs_of(&[("~okcode", "XYZ")]);
        let target = Target::parse("content").unwrap();
        assert_eq!(control_fields(&echo, false, &target), echo);
        let sap = pairs_of(&[("~okcode", "XYZ"), ("~TARGET", "content"), ("~CALLER", "CTLG")]);
        assert_eq!(control_fields(&echo, true, &target), sap);
    }
}
