//! A cart page in pieces, to lines, while it streams past.
//!
//! [`Reader::handlers`] go into the rewriter that the page passes through anyway; they change nothing on it. One element
//! handler for each distinct selector, text handlers only where text is read. Whatever the rewriter hands over is raw:
//! text in pieces, entities undecoded, elements without end tags still open (`implied_ends`).
//!
//! Values stay texts until the page has ended ([`Reader::finish`]): only then is it known how the shop prints numbers.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use encoding_rs::Encoding;
use lol_html::html_content::{Comment, Element, TextChunk};
use lol_html::{AsciiCompatibleEncoding, ElementContentHandlers, HtmlRewriter, MemorySettings, Selector, Settings};

use crate::cart::Cart;
use crate::cart::articles::{Articles, ProductPage};
use crate::cart::gathered::Gathered;
use crate::finding::{Finding, Severity, code};

use super::raw::Seen;
use super::rules::{At, Lines, Read, Rows, Rules, ScriptPlace};
use super::texts::Texts;
use ending::Ending;
use page::Page;
use script::Scripts;

mod ending;
mod page;
mod script;

/// Most memory that [`read`] lets the rewriter use beside the cart itself: one tag must fit in it.
const READ_MEMORY: usize = 4 << 20;

/// The state of one cart page that streams past. Cloning shares the state.
#[derive(Clone)]
pub struct Reader {
    rules: Arc<Rules>,
    state: State,
}

/// What is kept of the page, by where the rules say that the cart is.
#[derive(Clone)]
enum State {
    /// The lines, and each thing that stands beside them.
    Markup(Rc<RefCell<Page>>, Vec<(Arc<Rows>, Rc<RefCell<Page>>)>, Rc<RefCell<Ending>>),
    Scripts(Rc<RefCell<Scripts>>),
    /// The cart is at another address.
    Elsewhere,
}

/// Handlers for one rewriter.
type Handlers<'r> = Vec<(Cow<'r, Selector>, ElementContentHandlers<'static>)>;

impl Reader {
    /// A reader at the beginning of a page.
    pub fn new(rules: &Arc<Rules>) -> Self {
        let state = match &rules.lines {
            Lines::Html(rows) => {
                let page = |rows| Rc::new(RefCell::new(Page::new(rows)));
                let beside = rules.money.beside().filter_map(|beside| match &beside.at {
                    At::Markup(rows) => Some((Arc::clone(rows), page(rows))),
                    At::Json(_) => None,
                });
                State::Markup(page(rows), beside.collect(), Rc::default())
            }
            Lines::Script(..) => State::Scripts(Rc::default()),
            Lines::Endpoint(..) => State::Elsewhere,
        };
        Reader { rules: Arc::clone(rules), state }
    }

    /// The handlers for one rewriter, to be given to it **in this order**: the first one closes what the shop left open,
    /// before any other sees the element.
    pub fn handlers(&self) -> Handlers<'_> {
        match (&self.rules.lines, &self.state) {
            (Lines::Html(rows), State::Markup(page, beside, ending)) => {
                let beside = beside.iter().flat_map(|(rows, page)| markup_handlers(rows, page));
                let ending = ending::handlers(ending);
                markup_handlers(rows, page).into_iter().chain(beside).chain(ending).collect()
            }
            (Lines::Script(place, _), State::Scripts(scripts)) => vec![script_handlers(place, scripts)],
            _ => Vec::new(),
        }
    }

    /// The product pages to look at for what lines lack that have ended so far, from the line `from` on. Moves `from`
    /// behind them. Lines that are JSON are known when all of it is.
    pub fn pages(&self, from: &mut usize) -> Vec<ProductPage> {
        let (Some(lookup), State::Markup(page, ..)) = (&self.rules.lookup, &self.state) else { return Vec::new() };
        let page = page.borrow();
        let lines = page.lines();
        let new = lines.get(*from..).unwrap_or_default();
        *from = lines.len();
        new.iter().filter_map(|line| lookup.page_for(&Texts::of(&self.rules.fields, line))).collect()
    }

    /// What the page said, when it has ended. The reader is empty afterwards.
    pub fn finish(&self) -> Cart {
        self.gather().cart(&Articles::default())
    }

    /// The same, before it is understood.
    pub fn gather(&self) -> Gathered {
        let seen = match (&self.rules.lines, &self.state) {
            (Lines::Html(rows), State::Markup(page, beside, ending)) => {
                let broken_off = ending.take().doubt(page.borrow().last_line());
                let end = |rows, page: &RefCell<Page>| page.replace(Page::new(rows)).end();
                let beside = beside.iter().map(|(rows, page)| end(rows, page)).collect();
                Seen { beside, broken_off, ..end(rows, page) }
            }
            (Lines::Script(place, nodes), State::Scripts(scripts)) => {
                scripts.take().finish(place, nodes, &self.rules.money)
            }
            _ => Seen::default(),
        };
        Gathered::new(&self.rules, seen)
    }
}

fn markup_handlers<'r>(rows: &'r Rows, page: &Rc<RefCell<Page>>) -> Handlers<'r> {
    let mut handlers = vec![
        (Cow::Borrowed(&rows.inside), on_element(page, |page, element, at| page.enter(element, at))),
        (Cow::Borrowed(&rows.line), on_line(rows, page)),
    ];
    if let Some(skip) = &rows.skip {
        let skip_line = on_element(page, |page, _, _| {
            page.skip_line();
            false
        });
        handlers.push((Cow::Borrowed(skip), skip_line));
    }
    for (index, read) in rows.reads.iter().enumerate().skip(1) {
        let found = on_element(page, move |page, element, at| page.value(index, element, at));
        let found = if read.text { with_text(page, found, index, read) } else { found };
        handlers.push((Cow::Borrowed(&read.selector), found));
    }
    for (index, mark) in rows.empty.iter().enumerate() {
        let found = on_element(page, move |page, element, at| page.empty_mark(index, element, at));
        let reads_text = mark.pattern.is_some() && mark.attribute.is_none();
        let page = Rc::clone(page);
        let found = if reads_text {
            found.text(move |chunk: &mut TextChunk<'_>| {
                page.borrow_mut().empty_text(index, chunk);
                Ok(())
            })
        } else {
            found
        };
        handlers.push((Cow::Borrowed(&mark.selector), found));
    }
    handlers
}

fn script_handlers<'r>(
    place: &'r Arc<ScriptPlace>,
    scripts: &Rc<RefCell<Scripts>>,
) -> (Cow<'r, Selector>, ElementContentHandlers<'static>) {
    let (of_element, of_text) = ((Arc::clone(place), Rc::clone(scripts)), (Arc::clone(place), Rc::clone(scripts)));
    let handlers = ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
        of_element.1.borrow_mut().element(&of_element.0, element);
        Ok(())
    });
    let handlers = if place.attribute.is_some() {
        handlers
    } else {
        handlers.text(move |chunk: &mut TextChunk<'_>| {
            of_text.1.borrow_mut().text(&of_text.0, chunk);
            Ok(())
        })
    };
    (Cow::Borrowed(&place.select), handlers)
}

fn on_line(rows: &Rows, page: &Rc<RefCell<Page>>) -> ElementContentHandlers<'static> {
    let found = on_element(page, |page, element, at| page.line(element, at));
    if rows.reads[0].text { with_text(page, found, 0, &rows.reads[0]) } else { found }
}

/// `enter` says whether the end of the element has to be known.
fn on_element(
    page: &Rc<RefCell<Page>>,
    mut enter: impl FnMut(&mut Page, &Element<'_, '_>, usize) -> bool + 'static,
) -> ElementContentHandlers<'static> {
    let page = Rc::clone(page);
    ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
        let at = element.source_location().bytes().start;
        let follow = enter(&mut page.borrow_mut(), element, at);
        if follow && element.can_have_content() {
            let page = Rc::clone(&page);
            element.on_end_tag(Box::new(move |_| {
                page.borrow_mut().leave(at);
                Ok(())
            }))?;
        }
        Ok(())
    })
}

fn with_text(
    page: &Rc<RefCell<Page>>,
    handlers: ElementContentHandlers<'static>,
    index: usize,
    read: &Read,
) -> ElementContentHandlers<'static> {
    let handlers = if read.is_amount {
        let page = Rc::clone(page);
        handlers.comments(move |comment: &mut Comment<'_>| {
            page.borrow_mut().pass_over(&comment.source_location().bytes());
            Ok(())
        })
    } else {
        handlers
    };
    let page = Rc::clone(page);
    handlers.text(move |chunk: &mut TextChunk<'_>| {
        page.borrow_mut().text(index, chunk);
        Ok(())
    })
}

/// Reads a whole page that comes in pieces. A page that cannot be read to its end is a finding of severity `Error`.
pub fn read<P: AsRef<[u8]>>(
    rules: &Arc<Rules>,
    pieces: impl IntoIterator<Item = P>,
    encoding: &'static Encoding,
) -> Cart {
    gather(rules, pieces, encoding).cart(&Articles::default())
}

/// The same, before it is understood.
pub fn gather<P: AsRef<[u8]>>(
    rules: &Arc<Rules>,
    pieces: impl IntoIterator<Item = P>,
    encoding: &'static Encoding,
) -> Gathered {
    let reader = Reader::new(rules);
    let broken = match AsciiCompatibleEncoding::new(encoding) {
        Some(compatible) => pass(&reader, pieces, compatible).err().map(|error| error.to_string()),
        None => Some(format!("the charset {} cannot be read while it streams", encoding.name())),
    };
    let mut gathered = reader.gather();
    if let Some(reason) = broken {
        gathered.note(Finding::on_cart(code::PAGE_UNREADABLE, Severity::Error, reason));
    }
    gathered
}

fn pass<P: AsRef<[u8]>>(
    reader: &Reader,
    pieces: impl IntoIterator<Item = P>,
    encoding: AsciiCompatibleEncoding,
) -> Result<(), lol_html::errors::RewritingError> {
    let settings = Settings::new()
        .with_encoding(encoding)
        .with_strict(false)
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(READ_MEMORY));
    let settings = reader.handlers().into_iter().fold(settings, Settings::append_element_content_handler);
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
    for piece in pieces {
        rewriter.write(piece.as_ref())?;
    }
    rewriter.end()
}

#[cfg(test)]
mod tests;
