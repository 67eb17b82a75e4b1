//! The state while a page streams past: which elements are open as a browser would see it, and what they said.

use std::ops::Range;
use std::sync::Arc;

use lol_html::html_content::{Element, TextChunk};

use crate::cart::implied_ends::{Tag, closed_by};
use crate::cart::raw::{Capture, MAX_CAPTURES, MAX_CART_BYTES, MAX_VALUE_BYTES, RawLine, Seen, Text, fold};
use crate::cart::rules::Rows;

/// An element that is open.
#[derive(Debug)]
struct Open {
    at: usize,
    tag: Tag,
    /// The rewriter tells of its end.
    ends: bool,
}

/// A page that streams past.
#[derive(Debug)]
pub(super) struct Page {
    rows: Arc<Rows>,
    /// The open elements of the current line, from the line's own inwards, by where they begin in the page.
    open: Vec<Open>,
    line: Option<RawLine>,
    /// Where in the page the last line begins.
    last_line: usize,
    empty_texts: Vec<(usize, usize, Text)>,
    bytes: usize,
    seen: Seen,
}

impl Page {
    pub(super) fn new(rows: &Arc<Rows>) -> Self {
        Page {
            rows: Arc::clone(rows),
            open: vec![],
            line: None,
            last_line: 0,
            empty_texts: vec![],
            bytes: 0,
            seen: Seen::default(),
        }
    }

    /// The lines that have ended.
    pub(super) fn lines(&self) -> &[RawLine] {
        &self.seen.lines
    }

    /// Where in the page the last line begins; 0 before the first.
    pub(super) fn last_line(&self) -> usize {
        self.last_line
    }

    /// Any element that the rewriter takes to be inside a line. Closes what its start tag closes, which may be the line.
    pub(super) fn enter(&mut self, element: &Element<'_, '_>, at: usize) -> bool {
        if self.line.is_none() {
            return false;
        }
        let name = element.tag_name();
        let tag = Tag::named(&name);
        if tag.matters()
            && let Some(index) = closed_by(tag, self.open.iter().map(|open| open.tag))
        {
            self.note_unclosed(self.open[index].tag, &name);
            self.close_from(index);
        }
        if tag.parts_text() {
            self.part_text();
        } else if name == "wbr" {
            self.pass_over(&element.source_location().bytes());
        }
        // The line itself may have been closed just now.
        let is_open = self.line.is_some() && tag.matters() && element.can_have_content();
        is_open && self.follow(at, tag, self.has_to_end(tag))
    }

    /// An element that the line selector matches. One inside an open line is a part of that line.
    pub(super) fn line(&mut self, element: &Element<'_, '_>, at: usize) -> bool {
        if self.line.is_some() {
            return false;
        }
        if self.seen.lines.len() >= self.rows.max_lines || self.bytes > MAX_CART_BYTES {
            self.seen.too_long = true;
            return false;
        }
        self.line = Some(RawLine::default());
        self.last_line = at;
        let followed = element.can_have_content() && self.follow(at, Tag::named(&element.tag_name()), true);
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
        let follow = element.can_have_content() && self.rows.reads[read].text && self.follow(at, Tag::Inline, true);
        self.capture(read, element, at);
        follow
    }

    pub(super) fn text(&mut self, read: usize, chunk: &TextChunk<'_>) {
        let Some(line) = &mut self.line else { return };
        for capture in line.captures.iter_mut().filter(|capture| capture.open && capture.read == read) {
            self.bytes += capture.text.push(chunk);
        }
    }

    /// A comment or the like, which parts no digits.
    pub(super) fn pass_over(&mut self, nothing: &Range<usize>) {
        if let Some(line) = &mut self.line {
            line.captures.iter_mut().filter(|capture| capture.open).for_each(|capture| capture.text.pass_over(nothing));
        }
    }

    /// The end of an element, by its own end tag or by that of an ancestor.
    pub(super) fn leave(&mut self, at: usize) {
        for (_, _, text) in self.empty_texts.iter_mut().filter(|(_, begin, _)| *begin == at) {
            text.close();
        }
        let Some(index) = self.open.iter().rposition(|open| open.at == at) else { return };
        let parts_text = self.open[index].tag.parts_text();
        self.close_from(index);
        if parts_text {
            self.part_text();
        }
    }

    /// An element that may say that the cart is empty.
    pub(super) fn empty_mark(&mut self, mark: usize, element: &Element<'_, '_>, at: usize) -> bool {
        let rows = Arc::clone(&self.rows);
        let rule = &rows.empty[mark];
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
            self.seen.empty |= self.rows.empty[mark].pattern.as_ref().is_some_and(|pattern| pattern.is_match(&folded));
        }
        self.seen
    }

    /// Notes that an element is open. Whether the rewriter is to tell of its end, if it is not to do so already.
    fn follow(&mut self, at: usize, tag: Tag, ends: bool) -> bool {
        match self.open.last_mut() {
            Some(last) if last.at == at => ends && !std::mem::replace(&mut last.ends, true),
            _ => {
                self.open.push(Open { at, tag, ends });
                ends
            }
        }
    }

    /// Whether it matters that an element has ended before the next begins. Cells and rows end where the next begins,
    /// said or not, and nothing stands between them; but words do in a value that holds whole rows, and a selector that
    /// counts must be told of those that were never closed.
    fn has_to_end(&self, tag: Tag) -> bool {
        let is_read = || self.line.as_ref().is_some_and(|line| line.captures.iter().any(|capture| capture.open));
        !matches!(tag, Tag::Cell | Tag::Row) || !self.rows.positional.is_empty() || is_read()
    }

    fn capture(&mut self, read: usize, element: &Element<'_, '_>, at: usize) {
        let Some(line) = &mut self.line else { return };
        if line.captures.iter().filter(|capture| capture.read == read).count() >= MAX_CAPTURES {
            return;
        }
        let rule = &self.rows.reads[read];
        let attributes: Vec<_> = rule.attributes.iter().map(|name| attribute(element, name)).collect();
        let (mut text, mut is_number) = (Text::default(), false);
        let has_content = element.can_have_content();
        // An input has no content.
        if !has_content && element.tag_name() == "input" {
            let value = attribute(element, "value").unwrap_or_default();
            is_number = is_number_input(element) && is_machine_number(&value);
            if rule.text {
                // What a person reads in an input is its value.
                text = Text::decoded(value);
            }
        }
        let number_attribute = rule.attributes.iter().position(|name| is_number && name == "value");
        self.bytes += text.len() + attributes.iter().flatten().map(String::len).sum::<usize>();
        let open = rule.text && has_content;
        line.captures.push(Capture { read, attributes, text, is_number, number_attribute, at, open });
    }

    /// Closes the open elements from `index` inwards, with their captures and, for the outermost, the line.
    fn close_from(&mut self, index: usize) {
        let Some(from) = self.open.get(index).map(|open| open.at) else { return };
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
        if self.seen.unclosed.is_none() && self.rows.positional.iter().any(is_counted) {
            self.seen.unclosed = Some(by.to_owned());
        }
    }
}

/// Browsers show the value of such an input in the reader's own format, so that pages write it for machines.
fn is_number_input(element: &Element<'_, '_>) -> bool {
    let kind = element.get_attribute("type");
    kind.is_some_and(|kind| ["number", "range"].iter().any(|known| kind.trim().eq_ignore_ascii_case(known)))
}

/// HTML's floating-point number, without an exponent. Whatever else stands in a number input is no number to a browser,
/// and is read as any printed text.
fn is_machine_number(value: &str) -> bool {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    [whole, fraction].iter().all(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

fn attribute(element: &Element<'_, '_>, name: &str) -> Option<String> {
    let mut value = element.get_attribute(name).map(|raw| htmlize::unescape_attribute(raw).into_owned())?;
    // Longer than any real value, and no part of an address or a number is of use.
    if value.len() > MAX_VALUE_BYTES {
        value.clear();
    }
    Some(value)
}
