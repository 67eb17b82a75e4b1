//! Whether a page of a cart came to its end, or broke off between two lines.
//!
//! A shop's program that runs out of memory or time in the middle of the cart ends a page that is whole to HTTP: all its
//! bytes came, and lines are missing. HTML lets a page leave out `</body>` and `</html>`, and old shops do; what they close is
//! the list of lines.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::LazyLock;

use lol_html::html_content::Element;
use lol_html::{ElementContentHandlers, Selector};

use super::Handlers;
use crate::selector::written;

/// What is known of a page's end.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// `<html>` or `<body>` stands on the page; fragments say nothing of their end.
    opened: [bool; 2],
    ended: bool,
    /// Elements that may hold lines and are open, by where they begin.
    open: Vec<usize>,
    /// The page ended while a list was open that may hold lines.
    ended_in_list: Vec<usize>,
    /// Rows came after that: what ended the page was a part of some text on it.
    goes_on: bool,
}

impl Ending {
    /// What is wrong with the end of a page whose last line begins there.
    pub(super) fn doubt(&self, last_line: usize) -> Option<&'static str> {
        let holds_line = |at: &usize| *at < last_line;
        if self.opened.contains(&true) && !self.ended && self.open.iter().any(holds_line) {
            return Some("the page breaks off: neither the list of lines nor the page is closed");
        }
        if self.goes_on && self.ended_in_list.iter().any(holds_line) {
            return Some("</body> or </html> stands inside the list of lines, and lines behind it may not be seen");
        }
        None
    }

    fn close(&mut self, at: usize, is_list_cut: bool) {
        if let Some(index) = self.open.iter().rposition(|open| *open == at) {
            self.open.truncate(index);
        }
        if is_list_cut {
            self.ended_in_list.push(at);
        }
    }

    fn begin_page(&mut self, name: &str) -> bool {
        !std::mem::replace(&mut self.opened[usize::from(name == "body")], true)
    }
}

/// The handlers for one rewriter.
pub(super) fn handlers(ending: &Rc<RefCell<Ending>>) -> Handlers<'static> {
    let of_page = Rc::clone(ending);
    let page = ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
        // A second one is a text that was pasted into the page, with an end of its own.
        if of_page.borrow_mut().begin_page(&element.tag_name()) && element.can_have_content() {
            let ending = Rc::clone(&of_page);
            element.on_end_tag(Box::new(move |_| {
                ending.borrow_mut().ended = true;
                Ok(())
            }))?;
        }
        Ok(())
    });
    let of_row = Rc::clone(ending);
    let row = ElementContentHandlers::default().element(move |_: &mut Element<'_, '_>| {
        let mut ending = of_row.borrow_mut();
        ending.goes_on |= ending.ended;
        Ok(())
    });
    vec![
        (Cow::Borrowed(&*PAGE), page),
        (Cow::Borrowed(&*LISTS), part(ending, true)),
        (Cow::Borrowed(&*BLOCKS), part(ending, false)),
        (Cow::Borrowed(&*ROWS), row),
    ]
}

/// For what may hold lines and is never closed by what follows. Each kind has handlers of its own: a cart page is full of
/// them, and a name that is asked for is a text that is made.
fn part(ending: &Rc<RefCell<Ending>>, is_list: bool) -> ElementContentHandlers<'static> {
    let of_part = Rc::clone(ending);
    ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
        let at = element.source_location().bytes().start;
        of_part.borrow_mut().open.push(at);
        let ending = Rc::clone(&of_part);
        element.on_end_tag(Box::new(move |end| {
            let is_cut = is_list && matches!(end.name().as_str(), "body" | "html");
            ending.borrow_mut().close(at, is_cut);
            Ok(())
        }))
    })
}

static PAGE: LazyLock<Selector> = LazyLock::new(|| written("html, body"));
static LISTS: LazyLock<Selector> = LazyLock::new(|| written("table, ul, ol, dl"));
static BLOCKS: LazyLock<Selector> = LazyLock::new(|| written("div, main, section, article"));
static ROWS: LazyLock<Selector> = LazyLock::new(|| written("tr, td, li, dd"));
