//! What of a page a cart's reader has to be told, for who looks at the page before it: the signs of lines and values, and
//! which elements of a line can be left out.

use super::implied_ends::Tag;
use super::rules::{At, Lines, Rules};
use crate::selector::signs::Signs;

/// By what one kind of lines is known.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The lines.
    pub line: Signs,
    /// All of a line is read, not its parts alone.
    pub line_is_read: bool,
    /// What says that the cart is empty, and stands anywhere.
    pub elsewhere: Signs,
    /// Elements of a line that are read with what they hold.
    pub read: Signs,
    /// Elements of a line that are looked at.
    pub seen: Signs,
}

/// What an element does to those around it in a line, where it is whole and holds nothing but such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Nothing.
    Free,
    /// It ends a paragraph that is open.
    EndsParagraphs,
    /// Something else: it may end a line.
    No,
}

/// Of an element's name, which may have zeros before it.
pub fn of(name: &[u8]) -> Passage {
    let from = name.iter().position(|byte| *byte != 0).unwrap_or(name.len());
    // A name that is no text is none of HTML's.
    match std::str::from_utf8(&name[from..]).map_or(Tag::Inline, Tag::named) {
        Tag::Inline | Tag::Break | Tag::Change | Tag::Button => Passage::Free,
        Tag::Paragraph | Tag::Division | Tag::Block => Passage::EndsParagraphs,
        Tag::Table
        | Tag::TablePart
        | Tag::Row
        | Tag::Cell
        | Tag::List
        | Tag::ListItem
        | Tag::TermList
        | Tag::Term
        | Tag::Select
        | Tag::OptGroup
        | Tag::Option => Passage::No,
    }
}

/// Of all that is read of a cart page, where it can be told by signs.
pub fn wanted(rules: &Rules) -> Option<Vec<Wanted>> {
    let rows = match &rules.lines {
        Lines::Html(rows) => rows,
        Lines::Script(..) => return None,
        Lines::Endpoint(..) => return Some(Vec::new()),
    };
    let beside = rules.money.beside().filter_map(|beside| match &beside.at {
        At::Markup(rows) => Some(rows),
        At::Json(_) => None,
    });
    std::iter::once(rows).chain(beside).map(|rows| rows.wanted.clone()).collect()
}
