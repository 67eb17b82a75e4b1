//! The state while a page streams past: which elements are open as a browser would see it, and what they said.

use std::borrow::Cow;
use std::sync::Arc;

use lol_html::html_content::{Element, TextChunk, TextType};

use crate::cart::implied_ends::{Tag, closed_by};
use crate::cart::rules::Rules;

/// Longest text of one value; the rest is cut.
pub(super) const MAX_VALUE_BYTES: usize = 8 << 10;
/// Elements of one line that one selector keeps: the first with a value wins, so later ones hardly matter.
const MAX_CAPTURES: usize = 32;
/// All texts of all lines together. A cart of 1000 lines has some 200 KiB.
const MAX_CART_BYTES: usize = 4 << 20;

/// What one element inside a line says.
#[derive(Debug)]
pub(super) struct Capture {
    /// Index into the rules' reads.
    pub(super) read: usize,
    /// Attributes in the order of the read, decoded.
    pub(super) attributes: Vec<Option<String>>,
    pub(super) text: Text,
    at: usize,
    open: bool,
}

impl Capture {
    fn says_something(&self) -> bool {
        let texts = self.attributes.iter().flatten().map(String::as_str);
        texts.chain([self.text.as_str()]).any(|text| !text.trim().is_empty())
    }
}

/// One line's texts, before any of them is understood.
#[derive(Debug, Default)]
pub(super) struct RawLine {
    pub(super) captures: Vec<Capture>,
    skip: bool,
}

/// A page that has ended.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) lines: Vec<RawLine>,
    /// Line elements that were headers, totals or without any value.
    pub(super) passed_over: usize,
    pub(super) empty: bool,
    /// More lines or more text than are read.
    pub(super) too_long: bool,
    /// The name of an element without end tag on which a positional selector depends.
    pub(super) unclosed: Option<String>,
}

/// A page that streams past.
#[derive(Debug)]
pub(super) struct Page {
    rules: Arc<Rules>,
    /// The open elements of the current line, from the line's own inwards, by where they begin in the page.
    open: Vec<(usize, Tag)>,
    line: Option<RawLine>,
    empty_texts: Vec<(usize, usize, Text)>,
    bytes: usize,
    seen: Seen,
}

impl Page {
    pub(super) fn new(rules: &Arc<Rules>) -> Self {
        Page {
            rules: Arc::clone(rules),
            open: vec![],
            line: None,
            empty_texts: vec![],
            bytes: 0,
            seen: Seen::default(),
        }
    }

    /// Any element that the rewriter takes to be inside a line. Closes what its start tag closes, which may be the line.
    pub(super) fn enter(&mut self, element: &Element<'_, '_>, at: usize) -> bool {
        if self.line.is_none() {
            return false;
        }
        let name = element.tag_name();
        let tag = Tag::named(&name);
        if tag.matters() {
            let tags: Vec<_> = self.open.iter().map(|(_, tag)| *tag).collect();
            if let Some(index) = closed_by(tag, &tags) {
                self.note_unclosed(tags[index], &name);
                self.close_from(index);
            }
        }
        if tag.parts_text() {
            self.part_text();
        }
        // The line itself may have been closed just now.
        self.line.is_some() && tag.matters() && element.can_have_content() && self.follow(at, tag)
    }

    /// An element that the line selector matches. One inside an open line is a part of that line.
    pub(super) fn line(&mut self, element: &Element<'_, '_>, at: usize) -> bool {
        if self.line.is_some() {
            return false;
        }
        if self.seen.lines.len() >= self.rules.max_lines || self.bytes > MAX_CART_BYTES {
            self.seen.too_long = true;
            return false;
        }
        self.line = Some(RawLine::default());
        let followed = element.can_have_content() && self.follow(at, Tag::named(&element.tag_name()));
        self.capture(0, element, at);
        if !followed {
            self.end_line();
        }
        followed
    }

    pub(super) fn skip_line(&mut self) {
        if let Some(line) = &mut self.line {
            line.skip = true;
        }
    }

    /// An element that the selector of `read` matches.
    pub(super) fn value(&mut self, read: usize, element: &Element<'_, '_>, at: usize) -> bool {
        if self.line.is_none() {
            return false;
        }
        let follow = element.can_have_content() && self.rules.reads[read].text && self.follow(at, Tag::Inline);
        self.capture(read, element, at);
        follow
    }

    pub(super) fn text(&mut self, read: usize, chunk: &TextChunk<'_>) {
        let Some(line) = &mut self.line else { return };
        for capture in line.captures.iter_mut().filter(|capture| capture.open && capture.read == read) {
            self.bytes += capture.text.push(chunk);
        }
    }

    /// The end of an element, by its own end tag or by that of an ancestor.
    pub(super) fn leave(&mut self, at: usize) {
        for (_, _, text) in self.empty_texts.iter_mut().filter(|(_, begin, _)| *begin == at) {
            text.close();
        }
        let Some(index) = self.open.iter().rposition(|(begin, _)| *begin == at) else { return };
        let parts_text = self.open[index].1.parts_text();
        self.close_from(index);
        if parts_text {
            self.part_text();
        }
    }

    /// An element that may say that the cart is empty.
    pub(super) fn empty_mark(&mut self, mark: usize, element: &Element<'_, '_>, at: usize) -> bool {
        let rules = Arc::clone(&self.rules);
        let rule = &rules.empty[mark];
        match (&rule.attribute, &rule.pattern) {
            (Some(name), pattern) => {
                let value = attribute(element, name).unwrap_or_default();
                self.seen.empty |= match pattern {
                    Some(pattern) => pattern.is_match(&value),
                    None => !value.trim().is_empty(),
                };
                false
            }
            (None, None) => {
                self.seen.empty = true;
                false
            }
            (None, Some(_)) if self.empty_texts.len() < MAX_CAPTURES => {
                self.empty_texts.push((mark, at, Text::default()));
                true
            }
            (None, Some(_)) => false,
        }
    }

    pub(super) fn empty_text(&mut self, mark: usize, chunk: &TextChunk<'_>) {
        for (_, _, text) in self.empty_texts.iter_mut().filter(|(of, _, text)| *of == mark && !text.closed) {
            text.push(chunk);
        }
    }

    /// The end of the page.
    pub(super) fn end(mut self) -> Seen {
        self.close_from(0);
        for (mark, _, mut text) in std::mem::take(&mut self.empty_texts) {
            text.close();
            let folded = fold(text.as_str());
            self.seen.empty |= self.rules.empty[mark].pattern.as_ref().is_some_and(|pattern| pattern.is_match(&folded));
        }
        self.seen
    }

    /// Notes that an element is open; false when it is noted already.
    fn follow(&mut self, at: usize, tag: Tag) -> bool {
        if self.open.last().is_some_and(|(begin, _)| *begin == at) {
            return false;
        }
        self.open.push((at, tag));
        true
    }

    fn capture(&mut self, read: usize, element: &Element<'_, '_>, at: usize) {
        let Some(line) = &mut self.line else { return };
        if line.captures.iter().filter(|capture| capture.read == read).count() >= MAX_CAPTURES {
            return;
        }
        let rule = &self.rules.reads[read];
        let attributes: Vec<_> = rule.attributes.iter().map(|name| attribute(element, name)).collect();
        let mut text = Text::default();
        if rule.text && element.tag_name() == "input" {
            // What a person reads in an input is its value.
            text = Text::decoded(attribute(element, "value").unwrap_or_default());
        }
        self.bytes += text.len() + attributes.iter().flatten().map(String::len).sum::<usize>();
        let open = rule.text && element.can_have_content();
        line.captures.push(Capture { read, attributes, text, at, open });
    }

    /// Closes the open elements from `index` inwards, with their captures and, for the outermost, the line.
    fn close_from(&mut self, index: usize) {
        let Some(&(from, _)) = self.open.get(index) else { return };
        self.open.truncate(index);
        if let Some(line) = &mut self.line {
            for capture in line.captures.iter_mut().filter(|capture| capture.open && capture.at >= from) {
                capture.text.close();
                capture.open = false;
            }
        }
        if index == 0 {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        match self.line.take() {
            Some(line) if !line.skip && line.captures.iter().any(Capture::says_something) => self.seen.lines.push(line),
            Some(_) => self.seen.passed_over += 1,
            None => {}
        }
    }

    fn part_text(&mut self) {
        if let Some(line) = &mut self.line {
            line.captures.iter_mut().filter(|capture| capture.open).for_each(|capture| capture.text.part());
        }
    }

    /// Where an element has no end tag the next one is its child to the rewriter, and its sibling to a browser.
    fn note_unclosed(&mut self, closed: Tag, by: &str) {
        let is_counted = |name: &String| match (closed, Tag::named(name)) {
            (Tag::Paragraph, _) => false,
            (Tag::Row | Tag::TablePart, Tag::Row | Tag::TablePart) => true,
            (closed, counted) => closed == counted,
        };
        if self.seen.unclosed.is_none() && self.rules.positional.iter().any(is_counted) {
            self.seen.unclosed = Some(by.to_owned());
        }
    }
}

/// Text that arrives in pieces of text nodes, undecoded.
#[derive(Debug, Default)]
pub(super) struct Text {
    value: String,
    /// Where in `value` the text node begins that has not ended: up to there it is decoded.
    node: usize,
    closed: bool,
    cut: bool,
}

impl Text {
    fn decoded(value: String) -> Self {
        let node = value.len();
        Text { value, node, closed: true, cut: false }
    }

    /// The bytes that were added.
    fn push(&mut self, chunk: &TextChunk<'_>) -> usize {
        // Scripts and styles inside a value are not read by people.
        if !chunk.text_type().allows_html_entities() && chunk.text_type() != TextType::CDataSection {
            return 0;
        }
        let before = self.value.len();
        if self.value.len() + chunk.as_str().len() <= MAX_VALUE_BYTES {
            self.value.push_str(chunk.as_str());
        } else {
            let mut room = MAX_VALUE_BYTES.saturating_sub(self.value.len()).min(chunk.as_str().len());
            while !chunk.as_str().is_char_boundary(room) {
                room -= 1;
            }
            self.value.push_str(&chunk.as_str()[..room]);
            self.cut = true;
        }
        let added = self.value.len() - before;
        if chunk.last_in_text_node() {
            self.end_node(chunk.text_type().allows_html_entities());
        }
        added
    }

    fn end_node(&mut self, has_entities: bool) {
        if has_entities && let Cow::Owned(decoded) = htmlize::unescape(&self.value[self.node..]) {
            self.value.truncate(self.node);
            self.value.push_str(&decoded);
        }
        self.node = self.value.len();
    }

    /// A border between two words, as a line feed, which never groups digits.
    fn part(&mut self) {
        self.end_node(true);
        self.value.push('\n');
        self.node = self.value.len();
    }

    fn close(&mut self) {
        if !self.closed {
            self.end_node(true);
            self.closed = true;
        }
    }

    fn len(&self) -> usize {
        self.value.len()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.value
    }

    /// Whether there was more than [`MAX_VALUE_BYTES`].
    pub(super) fn was_cut(&self) -> bool {
        self.cut
    }
}

fn attribute(element: &Element<'_, '_>, name: &str) -> Option<String> {
    let mut value = element.get_attribute(name).map(|raw| htmlize::unescape_attribute(raw).into_owned())?;
    // Longer than any real value, and no part of an address or a number is of use.
    if value.len() > MAX_VALUE_BYTES {
        value.clear();
    }
    Some(value)
}

/// For item numbers: every space counts, and a no-break space is one, because a page can only print runs that way. Runs
/// with a line feed come from the layout of the source or from `<br>` and are one space.
pub(super) fn keep_spaces(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for (at, line) in text.trim().split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        if at > 0 {
            kept.push(' ');
        }
        kept.extend(line.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !c.is_control()));
    }
    kept
}

/// Runs of white space, no-break spaces among them, become one space; control characters go.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    folded
}
