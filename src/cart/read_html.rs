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
use lol_html::html_content::{Element, TextChunk};
use lol_html::{AsciiCompatibleEncoding, ElementContentHandlers, HtmlRewriter, MemorySettings, Selector, Settings};

use crate::cart::Cart;
use crate::finding::{Finding, Severity, code};

use super::rules::Rules;
use super::typed;
use page::Page;

mod page;

/// Most memory that [`read`] lets the rewriter use beside the cart itself: one tag must fit in it.
const READ_MEMORY: usize = 4 << 20;

/// The state of one cart page that streams past. Cloning shares the state.
#[derive(Clone)]
pub struct Reader {
    rules: Arc<Rules>,
    page: Rc<RefCell<Page>>,
}

impl Reader {
    /// A reader at the beginning of a page.
    pub fn new(rules: &Arc<Rules>) -> Self {
        Reader { rules: Arc::clone(rules), page: Rc::new(RefCell::new(Page::new(&rules.rows))) }
    }

    /// The handlers for one rewriter, to be given to it **in this order**: the first one closes what the shop left open,
    /// before any other sees the element.
    pub fn handlers(&self) -> Vec<(Cow<'_, Selector>, ElementContentHandlers<'static>)> {
        let rows = &*self.rules.rows;
        let mut handlers = vec![
            (Cow::Borrowed(&rows.inside), self.on_element(|page, element, at| page.enter(element, at))),
            (Cow::Borrowed(&rows.line), self.on_line()),
        ];
        if let Some(skip) = &rows.skip {
            handlers.push((
                Cow::Borrowed(skip),
                self.on_element(|page, _, _| {
                    page.skip_line();
                    false
                }),
            ));
        }
        for (index, read) in rows.reads.iter().enumerate().skip(1) {
            let on_element = self.on_element(move |page, element, at| page.value(index, element, at));
            let on_text = if read.text { self.with_text(on_element, index) } else { on_element };
            handlers.push((Cow::Borrowed(&read.selector), on_text));
        }
        for (index, mark) in rows.empty.iter().enumerate() {
            let on_element = self.on_element(move |page, element, at| page.empty_mark(index, element, at));
            let reads_text = mark.pattern.is_some() && mark.attribute.is_none();
            let page = Rc::clone(&self.page);
            let on_text = if reads_text {
                on_element.text(move |chunk: &mut TextChunk<'_>| {
                    page.borrow_mut().empty_text(index, chunk);
                    Ok(())
                })
            } else {
                on_element
            };
            handlers.push((Cow::Borrowed(&mark.selector), on_text));
        }
        handlers
    }

    /// What the page said, when it has ended. The reader is empty afterwards.
    pub fn finish(&self) -> Cart {
        let page = self.page.replace(Page::new(&self.rules.rows));
        typed::cart(&self.rules, page.end())
    }

    fn on_line(&self) -> ElementContentHandlers<'static> {
        let on_element = self.on_element(|page, element, at| page.line(element, at));
        if self.rules.rows.reads[0].text { self.with_text(on_element, 0) } else { on_element }
    }

    /// `enter` says whether the end of the element has to be known.
    fn on_element(
        &self,
        mut enter: impl FnMut(&mut Page, &Element<'_, '_>, usize) -> bool + 'static,
    ) -> ElementContentHandlers<'static> {
        let page = Rc::clone(&self.page);
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

    fn with_text(&self, handlers: ElementContentHandlers<'static>, read: usize) -> ElementContentHandlers<'static> {
        let page = Rc::clone(&self.page);
        handlers.text(move |chunk: &mut TextChunk<'_>| {
            page.borrow_mut().text(read, chunk);
            Ok(())
        })
    }
}

/// Reads a whole page that comes in pieces. A page that cannot be read to its end is a finding of severity `Error`.
pub fn read<P: AsRef<[u8]>>(
    rules: &Arc<Rules>,
    pieces: impl IntoIterator<Item = P>,
    encoding: &'static Encoding,
) -> Cart {
    let reader = Reader::new(rules);
    let broken = match AsciiCompatibleEncoding::new(encoding) {
        Some(compatible) => pass(&reader, pieces, compatible).err().map(|error| error.to_string()),
        None => Some(format!("the charset {} cannot be read while it streams", encoding.name())),
    };
    let mut cart = reader.finish();
    if let Some(reason) = broken {
        cart.findings.push(Finding::on_cart(code::PAGE_UNREADABLE, Severity::Error, reason));
    }
    cart
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
