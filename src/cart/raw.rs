//! What was read of a cart before any of it is understood: lines, and the texts in them.

use std::borrow::Cow;
use std::ops::Range;

use lol_html::html_content::{TextChunk, TextType};

use crate::finding::Finding;

use super::price;

/// Longest text of one value; the rest is cut.
pub(super) const MAX_VALUE_BYTES: usize = 8 << 10;
/// Elements of one line that one selector keeps: the first with a value wins, so later ones hardly matter.
pub(super) const MAX_CAPTURES: usize = 32;
/// All texts of all lines together. A cart of 1000 lines has some 200 KiB.
pub(super) const MAX_CART_BYTES: usize = 4 << 20;

/// What one element inside a line says.
#[derive(Debug)]
pub(super) struct Capture {
    /// Index into the rules' reads.
    pub(super) read: usize,
    /// Attributes in the order of the read, decoded.
    pub(super) attributes: Vec<Option<String>>,
    pub(super) text: Text,
    /// The text is a plain number with a decimal point, whatever the page's own format is.
    pub(super) is_number: bool,
    /// The attribute of which the same is true.
    pub(super) number_attribute: Option<usize>,
    pub(super) at: usize,
    pub(super) open: bool,
}

impl Capture {
    /// What one node of JSON says.
    pub(super) fn of_node(read: usize, text: String, is_number: bool) -> Self {
        let text = Text::bounded(text);
        Capture { read, attributes: vec![], text, is_number, number_attribute: None, at: 0, open: false }
    }

    pub(super) fn says_something(&self) -> bool {
        let texts = self.attributes.iter().flatten().map(String::as_str);
        texts.chain([self.text.as_str()]).any(|text| !text.trim().is_empty())
    }
}

/// One line's texts, before any of them is understood.
#[derive(Debug, Default)]
pub(super) struct RawLine {
    pub(super) captures: Vec<Capture>,
    pub(super) skip: bool,
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
    /// Why lines may be missing behind the last one.
    pub(super) broken_off: Option<&'static str>,
    /// What was seen of each thing that stands beside the lines, in the order of the rules.
    pub(super) beside: Vec<Seen>,
    /// What was doubtful before any value was looked at.
    pub(super) findings: Vec<Finding>,
}

/// Text that arrives in pieces of text nodes, undecoded.
#[derive(Debug, Default)]
pub(super) struct Text {
    value: String,
    /// Where in `value` the text node begins that has not ended: up to there it is decoded.
    node: usize,
    /// Where in `value` tags stand behind a digit: an element begins or ends there.
    borders: Vec<usize>,
    /// Where in the page its last piece ends.
    end: usize,
    pub(super) closed: bool,
    cut: bool,
}

impl Text {
    pub(super) fn decoded(value: String) -> Self {
        let node = value.len();
        Text { value, node, closed: true, ..Text::default() }
    }

    /// Of a value that is there as a whole.
    fn bounded(mut value: String) -> Self {
        let cut = value.len() > MAX_VALUE_BYTES;
        value.truncate(value.floor_char_boundary(MAX_VALUE_BYTES));
        Text { cut, ..Text::decoded(value) }
    }

    /// The bytes that were added.
    pub(super) fn push(&mut self, chunk: &TextChunk<'_>) -> usize {
        // Scripts and styles inside a value are not read by people.
        if !chunk.text_type().allows_html_entities() && chunk.text_type() != TextType::CDataSection {
            return 0;
        }
        let piece = chunk.source_location().bytes();
        if self.node == self.value.len() && piece.start > self.end && self.value.trim_end().ends_with(is_digit) {
            self.borders.push(self.node);
        }
        self.end = self.end.max(piece.end);
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
    pub(super) fn part(&mut self) {
        self.end_node(true);
        self.value.push('\n');
        self.node = self.value.len();
    }

    /// A comment or the like stands in the page, and is nothing to who reads the text.
    pub(super) fn pass_over(&mut self, nothing: &Range<usize>) {
        if nothing.start == self.end {
            self.end = nothing.end;
        }
    }

    pub(super) fn close(&mut self) {
        if !self.closed {
            self.end_node(true);
            self.closed = true;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.value.len()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.value
    }

    /// The text as an amount: digits of two elements are two numbers, `249<sup>90</sup>` and `<i>3</i> <i>249</i>`. Not
    /// so where a no-break space groups them, or a decimal sign joins them.
    pub(super) fn as_amount(&self) -> Cow<'_, str> {
        let mut parted = Cow::Borrowed(self.as_str());
        for &at in self.borders.iter().rev() {
            let (left, right) = (self.value[..at].trim_end(), self.value[at..].trim_start());
            let between = &self.value[left.len()..self.value.len() - right.len()];
            let is_one = match between {
                "" => price::completes_group(left, right),
                spaces => spaces.chars().all(price::is_bound_space),
            };
            if right.starts_with(is_digit) && !is_one {
                parted.to_mut().insert(at, '\n');
            }
        }
        parted
    }

    /// Whether there was more than [`MAX_VALUE_BYTES`].
    pub(super) fn was_cut(&self) -> bool {
        self.cut
    }
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
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
