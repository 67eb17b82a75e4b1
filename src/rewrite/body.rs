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

/// What lol_html may hold of one page, in bytes: tags that are not complete yet and the stack of open elements. Most
/// pages need some ten thousand. Old shops write no `</td>` and no `</tr>`, and to lol_html all of those stay open to the
/// table's end, some 100 bytes each in a vector that doubles: this is enough for carts of 2,000 lines there.
pub const DEFAULT_MEMORY: usize = 4 * 1024 * 1024;

/// Below this lol_html cannot even begin, in bytes.
const LEAST_MEMORY: usize = 8 * 1024;

/// Larger frames are fed to lol_html in pieces of this size, in bytes, because it copies what it is fed to behind what
/// it holds, and both count against its limit.
const PIECE: usize = 64 * 1024;

/// Enough to see a byte order mark, in bytes.
const FIRST_BYTES: usize = 3;

/// So much white space is waited through for the byte that tells JSON from HTML, in bytes.
const WHITE_SPACE: usize = 1024;

/// Leaves whatever the document is in: comment, raw text, drawing, select, table, link, form. Where none of them is open,
/// browsers overlook every piece of it. Without it the text that follows could be swallowed or be part of a link, and a
/// form in it dropped, as nested forms are.
const OUT_OF_EVERYTHING: &str = concat!(
    "<!-- --></script></style></title></textarea></xmp></iframe></noscript></noembed></noframes></svg></math></template>",
    "</select></button></a></table></table></table></table></form>"
);

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

/// What goes on while a page streams past. It is polled whenever the page is, told whether the page has been read to its end, and
/// says that nothing is under way at the moment by [`Poll::Ready`]. The page does not end before that.
pub type Meanwhile = Box<dyn FnMut(&mut Context<'_>, bool) -> Poll<()>>;

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
    /// [`Leave::form`](super::controls::Leave::form), so a form of that id in the tail says where they lead.
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
    meanwhile: Option<Meanwhile>,
    /// All that the shop sent has been fed.
    is_read: bool,
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
    /// answer's head and `memory` is what lol_html may hold, in bytes from 8 kB up (see [`DEFAULT_MEMORY`]). Charset, limits,
    /// strictness and bail-out are set here, because they follow from the other arguments.
    pub fn new(
        inner: B,
        settings: Settings<'static, 'static>,
        declared: Declared,
        memory: usize,
        on_failure: OnFailure,
    ) -> Self {
        let graceful = matches!(on_failure, OnFailure::PassThrough(_));
        let memory = memory.max(LEAST_MEMORY);
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
            meanwhile: None,
            is_read: false,
        }
    }

    /// The same, with something else going on.
    pub fn with(self, meanwhile: Option<Meanwhile>) -> Self {
        RewritingBody { meanwhile, ..self }
    }

    /// Whether what goes on meanwhile lets the page go on.
    fn poll_meanwhile(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.meanwhile {
            Some(meanwhile) if self.is_read => meanwhile(cx, true),
            Some(meanwhile) => {
                // Whatever comes of it, the page does not wait for it before its end.
                let _ = meanwhile(cx, false);
                Poll::Ready(())
            }
            None => Poll::Ready(()),
        }
    }

    fn feed(&mut self, data: &[u8]) {
        // what comes out is about as long as what goes in
        self.out.0.borrow_mut().reserve(data.len());
        match mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Begin { settings, declared, mut first } => {
                first.extend_from_slice(data);
                if first.len() < FIRST_BYTES || (first.len() < WHITE_SPACE && first.trim_ascii().is_empty()) {
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
        loop {
            ready!(this.poll_meanwhile(cx));
            let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
            let frame = if this.is_read { None } else { ready!(Pin::new(inner).poll_frame(cx)) };
            match frame {
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
                None if this.meanwhile.is_some() && !this.is_read => {
                    this.is_read = true;
                    continue;
                }
                None => this.end(),
            }
            let out = this.out.take();
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out))));
            }
        }
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

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, Step, data, poll, read};
    use super::*;
    use encoding_rs::{UTF_8, UTF_16LE};
    use lol_html::element;

    const UTF8: Declared = Declared::Charset(UTF_8);

    /// Settings that turn every `<a>` into a `<b>`.
    fn a_to_b() -> Settings<'static, 'static> {
        Settings::new().append_element_content_handler(element!("a", |a| {
            a.set_tag_name("b")?;
            Ok(())
        }))
    }

    fn open() -> OnFailure {
        OnFailure::PassThrough(Box::new(|_| "<tail>".into()))
    }

    fn closed() -> OnFailure {
        OnFailure::Close(Box::new(|why| format!("<p>Stopp på grunn av: {why}</p>")))
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn a_long_page_leaves_while_it_comes_and_is_never_held() {
        let line = format!("<tr><td>{}</td><td><a href=/x>x</a></td></tr>\n", "y".repeat(5_000));
        let page = format!("<html><body><table>{}</table></body></html>", line.repeat(1_000));
        assert!(page.len() > 5_000_000);
        let inner = Scripted::chunks(page.as_bytes(), 16 * 1024);
        let given = inner.given.clone();
        let mut body = RewritingBody::new(inner, a_to_b(), UTF8, DEFAULT_MEMORY, closed());
        let (mut output, mut most_held) = (Vec::new(), 0);
        while let Some(Some(frame)) = poll(&mut body) {
            output.extend_from_slice(&frame.unwrap());
            most_held = most_held.max(given.get() - output.len());
            assert!(given.get() == page.len() || output.len() + 16 * 1024 >= given.get());
        }
        assert_eq!(text(&output), page.replace("<a ", "<b ").replace("</a>", "</b>"));
        assert!(most_held < 16 * 1024, "{most_held} bytes were held back");
    }

    /// Old shops write no `</td>` and no `</tr>`; to lol_html every such element stays open to the end of the table.
    #[test]
    fn two_thousand_lines_that_are_never_closed_fit_in_the_memory() {
        let line = "<tr><td><a href=/p>Item</a><td>4711<td>1<td>STK<td><b>12,50</b><td><input name=q><td>12,50<td>x\n";
        let page = format!("<html><body><table>{}</table></body></html>", line.repeat(2_000));
        for selector in ["table tr td.price, table > tr a", "tr:nth-child(2n) td b", "body tr td:nth-of-type(3)"] {
            let settings = a_to_b().append_element_content_handler(element!(selector, |_| Ok(())));
            let inner = Scripted::chunks(page.as_bytes(), 16 * 1024);
            let (output, _) = read(RewritingBody::new(inner, settings, UTF8, DEFAULT_MEMORY, closed()));
            assert_eq!(text(&output), page.replace("<a ", "<b ").replace("</a>", "</b>"), "{selector}");
        }
    }

    #[test]
    fn what_can_be_sent_is_sent_when_the_shop_pauses() {
        let steps = [data("<p>one</p><a hr"), Step::Pause, data("ef=x>"), Step::Pause, Step::Trailers, data("</a>")];
        let mut body = RewritingBody::new(Scripted::new(steps), a_to_b(), UTF8, DEFAULT_MEMORY, closed());
        assert_eq!(poll(&mut body).unwrap().unwrap().unwrap(), "<p>one</p>");
        assert!(poll(&mut body).is_none());
        assert_eq!(poll(&mut body).unwrap().unwrap().unwrap(), "<b href=x>");
        assert!(poll(&mut body).is_none());
        assert_eq!(poll(&mut body).unwrap().unwrap().unwrap(), "</b>");
        assert!(poll(&mut body).unwrap().is_none());
        assert!(poll(&mut body).unwrap().is_none());
    }

    #[test]
    fn a_page_that_is_cut_off_does_not_end_well() {
        for on_failure in [open(), closed()] {
            let inner = Scripted::new([data("<html><a>x</a>"), Step::Cut]);
            let (output, end) = read(RewritingBody::new(inner, a_to_b(), UTF8, DEFAULT_MEMORY, on_failure));
            assert_eq!(text(&output), "<html><b>x</b>");
            assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
        }
    }

    /// A tag that is larger than what lol_html may hold.
    fn monstrous() -> (String, String) {
        let before = "<p>\u{e6}</p><a>ok</a>".to_owned();
        let rest = format!("<a title='{}' href=/checkout>Checkout</a><p>after</p>", "x".repeat(200_000));
        (before, rest)
    }

    #[test]
    fn at_the_memory_limit_an_ordinary_page_loses_not_one_byte() {
        let (before, rest) = monstrous();
        for size in [1, 100, 5_000, 70_000, 1_000_000] {
            let inner = Scripted::chunks(format!("{before}{rest}").as_bytes(), size);
            let (output, end) = read(RewritingBody::new(inner, a_to_b(), UTF8, 64 * 1024, open()));
            assert_eq!(text(&output), format!("{}{rest}<tail>", before.replace("a>", "b>")), "chunks of {size}");
            end.unwrap();
        }
    }

    #[test]
    fn at_the_memory_limit_a_cart_page_ends_without_a_working_control() {
        let (before, rest) = monstrous();
        for size in [1, 100, 5_000, 70_000, 1_000_000] {
            let inner = Scripted::chunks(format!("{before}{rest}").as_bytes(), size);
            let (output, end) = read(RewritingBody::new(inner, a_to_b(), UTF8, 64 * 1024, closed()));
            let output = text(&output);
            let after = output.strip_prefix(&before.replace("a>", "b>")).unwrap();
            let tail = "<p>Stopp p&#229; grunn av: The memory limit has been exceeded.</p>";
            assert_eq!(after, format!("{OUT_OF_EVERYTHING}{tail}"), "chunks of {size}");
            assert!(!output.contains("checkout"));
            end.unwrap();
        }
    }

    #[test]
    fn a_reader_that_refuses_the_page_counts_as_failure() {
        let refuse = || Settings::new().append_element_content_handler(element!("i", |_| Err("too long".into())));
        let page = b"<p>1</p><i>2</i><a href=/checkout>3</a>";
        for size in [1, 10, 100] {
            let (output, end) =
                read(RewritingBody::new(Scripted::chunks(page, size), refuse(), UTF8, DEFAULT_MEMORY, open()));
            assert_eq!(text(&output), format!("{}<tail>", text(page)));
            end.unwrap();
            let (output, end) =
                read(RewritingBody::new(Scripted::chunks(page, size), refuse(), UTF8, DEFAULT_MEMORY, closed()));
            assert_eq!(text(&output), format!("<p>1</p>{OUT_OF_EVERYTHING}<p>Stopp p&#229; grunn av: too long</p>"));
            end.unwrap();
        }
    }

    #[test]
    fn a_reader_that_refuses_at_the_very_end_counts_too() {
        let settings = || Settings::new().append_document_content_handler(lol_html::end!(|_| Err("late".into())));
        let (output, _) =
            read(RewritingBody::new(Scripted::chunks(b"<p>1", 2), settings(), UTF8, DEFAULT_MEMORY, open()));
        assert_eq!(text(&output), "<p>1<tail>");
        let (output, _) =
            read(RewritingBody::new(Scripted::chunks(b"<p>1", 2), settings(), UTF8, DEFAULT_MEMORY, closed()));
        assert!(text(&output).starts_with("<p>1<!-- -->") && text(&output).ends_with("late</p>"));
    }

    #[test]
    fn utf_16_passes_untouched_or_not_at_all() {
        let page: Vec<u8> = "\u{feff}<a href=/checkout>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for declared in [Declared::Nothing, Declared::Charset(UTF_16LE), UTF8] {
            let (output, _) =
                read(RewritingBody::new(Scripted::chunks(&page, 1), a_to_b(), declared, DEFAULT_MEMORY, open()));
            assert_eq!(output, page);
            let (output, _) =
                read(RewritingBody::new(Scripted::chunks(&page, 1), a_to_b(), declared, DEFAULT_MEMORY, closed()));
            assert!(output.is_ascii() && text(&output).contains("UTF-16LE"), "{}", text(&output));
        }
    }

    #[test]
    fn a_meta_of_a_charset_that_is_not_ascii_compatible_is_a_failure_too() {
        let page = b"<meta http-equiv=content-type content='text/html; charset=iso-2022-jp'><a href=/checkout>";
        let (output, _) =
            read(RewritingBody::new(Scripted::chunks(page, 9), a_to_b(), Declared::Nothing, DEFAULT_MEMORY, closed()));
        assert!(!text(&output).contains("checkout") && text(&output).contains("ISO-2022-JP"));
    }

    #[test]
    fn json_is_left_alone_but_not_on_a_cart_page() {
        let json = b"\xEF\xBB\xBF  {\"html\": \"<a href=/checkout></a>\"}";
        let run = |on_failure| {
            read(RewritingBody::new(Scripted::chunks(json, 40), a_to_b(), UTF8, DEFAULT_MEMORY, on_failure)).0
        };
        assert_eq!(run(open()), json);
        assert!(text(&run(closed())).contains("<b href=/checkout>"));
    }

    #[test]
    fn an_empty_page_and_one_of_a_few_bytes_end_well() {
        for page in ["", "x", "<a"] {
            let (output, end) = read(RewritingBody::new(
                Scripted::chunks(page.as_bytes(), 1),
                a_to_b(),
                UTF8,
                DEFAULT_MEMORY,
                closed(),
            ));
            assert_eq!(text(&output), page);
            end.unwrap();
        }
    }
}
