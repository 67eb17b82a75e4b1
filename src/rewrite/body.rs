//! A page that is rewritten while it streams past, as an [`http_body::Body`].
//!
//! Every frame of the shop's body is fed to lol_html, and what lol_html lets go of leaves as one frame: when the shop
//! pauses, all that could be sent has been sent; when the buyer pauses, nothing is read from the shop.

use std::cell::RefCell;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use lol_html::errors::RewritingError;
use lol_html::{HtmlRewriter, MemorySettings, OutputSink, Settings};

use super::charset::{self, Declared, Unrewritable};

/// What lol_html may hold of one page, in bytes: tags and attributes that are not complete yet and the stack of open
/// elements. Real pages need some ten thousand; only broken or hostile ones come near.
pub const DEFAULT_MEMORY: usize = 1024 * 1024;

/// Larger frames are fed to lol_html in pieces of this size, in bytes, because it copies what it is fed to behind what
/// it holds, and both count against its limit.
const PIECE: usize = 64 * 1024;

/// Enough to see a byte order mark, in bytes.
const FIRST_BYTES: usize = 3;

/// Leaves whatever the document is in: comment, script, style, title, text area, select, table, forms. Where none of
/// them is open, browsers overlook every piece of it. Without it the text that follows could be swallowed, and a form
/// in it dropped, as nested forms are.
const OUT_OF_EVERYTHING: &str =
    "<!-- --></script></style></title></textarea></xmp></iframe></noscript></select></table></table></table></form>";

/// Why a page cannot be rewritten to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The memory limit was hit, or a reader of the page refused it.
    #[error(transparent)]
    Rewriter(#[from] RewritingError),
    /// The page is in a charset in which ASCII is not ASCII.
    #[error(transparent)]
    Charset(#[from] Unrewritable),
}

/// Told why, gives HTML that ends the document. It is sent with numeric character references for what is not ASCII,
/// so it fits every charset; a script in it must therefore be ASCII.
pub type Tail = Box<dyn FnOnce(&Failure) -> String>;

/// What becomes of a page that cannot be rewritten to its end.
pub enum OnFailure {
    /// Fail open, for ordinary pages: not one byte of the shop's is lost, the rest is passed as it is, and the tail
    /// comes after it.
    PassThrough(Tail),
    /// Fail closed, for cart pages, where an untouched checkout control would place a real order: nothing more of the
    /// shop's page is sent, the document ends with the tail. Controls that left before are submit buttons of
    /// [`page::RETURN_FORM`](super::page::RETURN_FORM), so a form of that id in the tail says where they lead.
    Close(Tail),
}

/// A body of HTML that is rewritten as it is read. Trailers are dropped: they described the bytes before.
///
/// # Errors
/// The shop's body's own, unchanged: a page that was cut off never looks as if it had ended well.
pub struct RewritingBody<B> {
    /// Gone when there is nothing more to read from the shop.
    inner: Option<B>,
    stage: Stage,
    out: Sink,
    on_failure: Option<OnFailure>,
    piece: usize,
}

enum Stage {
    /// The first bytes decide about charset and JSON.
    Begin {
        settings: Box<Settings<'static, 'static>>,
        declared: Declared,
        first: BytesMut,
    },
    /// Taken out while in use, so that it is gone after an error: lol_html panics when used again.
    Rewriting(Box<HtmlRewriter<'static, Sink>>),
    /// The rest is passed as it is, and then this.
    PassingThrough(Bytes),
    Ended,
}

/// Where lol_html writes, up to 21,000 times a page.
#[derive(Clone, Default)]
struct Sink(Rc<RefCell<BytesMut>>);

impl OutputSink for Sink {
    fn handle_chunk(&mut self, chunk: &[u8]) {
        self.0.borrow_mut().extend_from_slice(chunk);
    }
}

impl Sink {
    fn push(&self, bytes: &[u8]) {
        self.0.borrow_mut().extend_from_slice(bytes);
    }

    fn take(&self) -> Bytes {
        self.0.borrow_mut().split().freeze()
    }
}

impl<B> RewritingBody<B> {
    /// A body that rewrites `inner` by `settings` (see [`page`](super::page)); `declared` is the charset in the
    /// answer's head and `memory` is what lol_html may hold, in bytes (see [`DEFAULT_MEMORY`]). Charset, limits,
    /// strictness and bail-out are set here, because they follow from the other arguments.
    pub fn new(
        inner: B,
        settings: Settings<'static, 'static>,
        declared: Declared,
        memory: usize,
        on_failure: OnFailure,
    ) -> Self {
        let graceful = matches!(on_failure, OnFailure::PassThrough(_));
        let settings = settings
            // lol_html's default aborts on markup that old shops do have
            .with_strict(false)
            .with_graceful_bail_out_on_content_handler_error(graceful)
            .with_memory_settings(
                MemorySettings::new()
                    .with_max_allowed_memory_usage(memory)
                    .with_graceful_bail_out_on_memory_limit_exceeded(graceful),
            );
        RewritingBody {
            inner: Some(inner),
            stage: Stage::Begin { settings: Box::new(settings), declared, first: BytesMut::new() },
            out: Sink::default(),
            on_failure: Some(on_failure),
            piece: (memory / 4).clamp(1, PIECE),
        }
    }

    fn feed(&mut self, data: &[u8]) {
        match mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Begin { settings, declared, mut first } => {
                first.extend_from_slice(data);
                if first.len() < FIRST_BYTES {
                    self.stage = Stage::Begin { settings, declared, first };
                } else {
                    self.begin(*settings, declared, &first);
                }
            }
            Stage::Rewriting(rewriter) => self.rewrite(rewriter, data),
            Stage::PassingThrough(tail) => {
                self.out.push(data);
                self.stage = Stage::PassingThrough(tail);
            }
            Stage::Ended => {}
        }
    }

    fn begin(&mut self, settings: Settings<'static, 'static>, declared: Declared, first: &[u8]) {
        let may_pass = matches!(self.on_failure, Some(OnFailure::PassThrough(_)));
        if may_pass && looks_like_json(first) {
            self.out.push(first);
            self.stage = Stage::PassingThrough(Bytes::new());
            return;
        }
        match declared.begin(first) {
            Ok(charset) => {
                let mut settings =
                    settings.with_encoding(charset.encoding).with_adjust_charset_on_meta_tag(charset.ask_meta);
                if charset.ask_meta {
                    settings = settings.append_element_content_handler(charset::refuse_meta());
                }
                self.rewrite(Box::new(HtmlRewriter::new(settings, self.out.clone())), first);
            }
            Err(unrewritable) => self.fail(unrewritable.into(), first),
        }
    }

    fn rewrite(&mut self, mut rewriter: Box<HtmlRewriter<'static, Sink>>, data: &[u8]) {
        let mut rest = data;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(self.piece));
            rest = after;
            if let Err(error) = rewriter.write(piece) {
                // where it may, lol_html has written this piece itself
                return self.fail(error.into(), rest);
            }
        }
        self.stage = Stage::Rewriting(rewriter);
    }

    /// `unread` is what of the present frame lol_html has not been given.
    fn fail(&mut self, failure: Failure, unread: &[u8]) {
        match self.on_failure.take() {
            Some(OnFailure::PassThrough(tail)) => {
                self.out.push(unread);
                let tail = tail(&failure);
                // an ASCII tail would be noise in a page that is UTF-16
                let tail = if matches!(failure, Failure::Charset(_)) { Bytes::new() } else { in_any_charset(&tail) };
                self.stage = Stage::PassingThrough(tail);
            }
            Some(OnFailure::Close(tail)) => {
                self.out.push(OUT_OF_EVERYTHING.as_bytes());
                self.out.push(&in_any_charset(&tail(&failure)));
                self.inner = None;
                self.stage = Stage::Ended;
            }
            None => self.stage = Stage::Ended,
        }
    }

    fn end(&mut self) {
        self.inner = None;
        let mut stage = mem::replace(&mut self.stage, Stage::Ended);
        if let Stage::Begin { settings, declared, first } = stage {
            self.begin(*settings, declared, &first);
            stage = mem::replace(&mut self.stage, Stage::Ended);
        }
        match stage {
            Stage::Rewriting(rewriter) => {
                if let Err(error) = rewriter.end() {
                    self.fail(error.into(), &[]);
                    if let Stage::PassingThrough(tail) = mem::replace(&mut self.stage, Stage::Ended) {
                        self.out.push(&tail);
                    }
                }
            }
            Stage::PassingThrough(tail) => self.out.push(&tail),
            Stage::Begin { .. } | Stage::Ended => {}
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for RewritingBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        while let Some(inner) = &mut this.inner {
            match ready!(Pin::new(inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if matches!(this.stage, Stage::PassingThrough(_)) => {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                    Ok(data) => this.feed(&data),
                    Err(_trailers) => {}
                },
                Some(Err(error)) => {
                    this.inner = None;
                    this.stage = Stage::Ended;
                    return Poll::Ready(Some(Err(error)));
                }
                None => this.end(),
            }
            let out = this.out.take();
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_none()
    }
}

/// Shops answer scripts with JSON under the name of text/html; markup inside its strings is no markup of the page's.
fn looks_like_json(first: &[u8]) -> bool {
    let first = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first);
    matches!(first.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// The HTML with numeric character references for all that is not ASCII.
fn in_any_charset(html: &str) -> Bytes {
    let mut ascii = String::with_capacity(html.len());
    for character in html.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            ascii.push_str(&format!("&#{};", u32::from(character)));
        }
    }
    ascii.into()
}
