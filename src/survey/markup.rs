//! A page as a tree, and the small questions that are asked of its elements.

use scraper::{ElementRef, Html, Node};

/// An element of a page.
pub(super) type Element<'p> = ElementRef<'p>;

/// A page as a tree, and its source: what a browser adds (a `<tbody>`) is in the one and not in the other.
pub(super) struct Markup {
    tree: Html,
    pub(super) has_tbody: bool,
}

impl Markup {
    pub(super) fn parse(source: &str) -> Markup {
        let has_tbody = source.as_bytes().windows(6).any(|window| window.eq_ignore_ascii_case(b"<tbody"));
        Markup { tree: Html::parse_document(source), has_tbody }
    }

    pub(super) fn root(&self) -> Element<'_> {
        self.tree.root_element()
    }

    /// All elements in the order of the page.
    pub(super) fn all(&self) -> impl Iterator<Item = Element<'_>> {
        self.root().descendent_elements()
    }

    /// Those of a name.
    pub(super) fn named<'p>(&'p self, name: &'static str) -> impl Iterator<Item = Element<'p>> {
        self.all().filter(move |element| element.value().name() == name)
    }

    /// Those that a selector matches; none where it is no selector.
    pub(super) fn matching(&self, selector: &str) -> Vec<Element<'_>> {
        let Ok(selector) = scraper::Selector::parse(selector) else { return Vec::new() };
        self.tree.select(&selector).collect()
    }
}

/// The elements inside, without the element itself.
pub(super) fn inside(element: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    element.descendent_elements().skip(1)
}

/// Those above, the nearest first.
pub(super) fn above(element: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    element.ancestors().filter_map(ElementRef::wrap)
}

pub(super) fn parent(element: Element<'_>) -> Option<Element<'_>> {
    element.parent().and_then(ElementRef::wrap)
}

pub(super) fn contains(outer: Element<'_>, inner: Element<'_>) -> bool {
    outer == inner || above(inner).any(|one| one == outer)
}

/// Its text without scripts and style, spaces as one.
pub(super) fn text_of(element: Element<'_>) -> String {
    let mut text = String::new();
    for node in element.descendants() {
        let Node::Text(piece) = node.value() else { continue };
        let hidden = node
            .parent()
            .and_then(ElementRef::wrap)
            .is_some_and(|parent| matches!(parent.value().name(), "script" | "style" | "template" | "noscript"));
        if !hidden {
            // Blocks and cells part words; what parts too much here is only looked at.
            text.push_str(piece);
            text.push(' ');
        }
    }
    packed(&text)
}

/// The text that stands in the element itself, not in an element inside.
pub(super) fn own_text(element: Element<'_>) -> String {
    let pieces = element.children().filter_map(|node| node.value().as_text().map(|text| text.to_string()));
    packed(&pieces.collect::<Vec<_>>().concat())
}

/// Every kind of space as one plain space.
pub(super) fn packed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What names an element: its id, classes, name and titles, and for a control its address and label.
pub(super) fn told_of(element: Element<'_>) -> String {
    let attributes = ["id", "class", "name", "title", "aria-label", "data-title", "itemprop", "headers"];
    let told = attributes.iter().filter_map(|name| element.attr(name));
    told.collect::<Vec<_>>().join(" ")
}

/// What a control says: its text, its value, its names and where it leads.
pub(super) fn control_text(element: Element<'_>) -> String {
    let more = ["value", "href", "onclick", "formaction", "alt"].iter().filter_map(|name| element.attr(name));
    let more = more.collect::<Vec<_>>().join(" ");
    format!("{} {} {more}", text_of(element), told_of(element))
}
