//! The one place where our pages are put together, and so the one place where values are escaped.
//!
//! Markup enters an [`Html`] as a literal of this program (`&'static str`); everything else goes through
//! [`text`](Html::text) or [`attribute`](Html::attribute). There is no third way in but
//! [`ready_made`](Html::ready_made), for the hand-over form that `protocol::oci` has written and escaped itself.

use super::{Language, Nonce};

const STYLE: &str = include_str!("page.css");

/// A piece of a page, growing.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Html::default()
    }

    /// Markup of our own. `'static` keeps values out.
    pub(super) fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// A value between tags.
    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.0.push_str(&htmlize::escape_text(value));
        self
    }

    /// ` name="value"`, inside a tag.
    pub(super) fn attribute(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.markup(" ").markup(name).markup("=\"");
        self.0.push_str(&htmlize::escape_attribute(value));
        self.markup("\"")
    }

    /// What has grown.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// HTML that was escaped where it was made.
    pub(super) fn ready_made(&mut self, html: &str) -> &mut Self {
        self.0.push_str(html);
        self
    }

    /// `<p>value</p>`.
    pub(super) fn paragraph(&mut self, value: &str) -> &mut Self {
        self.markup("<p>").text(value).markup("</p>\n")
    }
}

/// A whole page. `head` is what only this page needs in its head.
pub(super) fn document(language: Language, nonce: &Nonce, title: &str, head: Html, main: Html) -> String {
    let mut page = Html::new();
    page.markup("<!doctype html>\n<html")
        .attribute("lang", language.code())
        .markup(">\n<head>\n<meta charset=\"utf-8\">\n");
    page.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.markup("<meta name=\"robots\" content=\"noindex\">\n<title>").text(title).markup("</title>\n");
    page.markup("<style").attribute("nonce", nonce.as_str()).markup(">\n").markup(STYLE).markup("</style>\n");
    page.ready_made(&head.0).markup("</head>\n<body>\n<main>\n<h1>").text(title).markup("</h1>\n");
    page.ready_made(&main.0).markup("</main>\n</body>\n</html>\n");
    page.0
}

/// The address as it may stand in a link: a path on this host, or http(s) to another. Anything else (`javascript:`,
/// `//host`, a backslash that browsers read as a slash, control characters they drop) is no link of ours.
pub(super) fn safe_link(address: &str) -> Option<&str> {
    let plain = !address.contains(|c: char| c.is_control() || c == '\\') && address.trim() == address;
    let path = address.starts_with('/') && !address.starts_with("//");
    let absolute = || {
        url::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.username().is_empty())
    };
    (plain && (path || absolute())).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_and_web_addresses_are_links() {
        for good in ["/", "/basket/?a=1&b=2", "https://shop.example/basket", "HTTP://127.0.0.1:8080/"] {
            assert_eq!(safe_link(good), Some(good));
        }
        let bad = [
            "",
            "basket",
            "//evil.example/",
            "/\\evil.example/",
            "/a\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
            "java\tscript:alert(1)",
            "data:text/html,hi",
            "https://shop.example@evil.example/",
            " https://shop.example/",
            "SAPEVENT:POST",
        ];
        for bad in bad {
            assert_eq!(safe_link(bad), None, "{bad:?}");
        }
    }
}
