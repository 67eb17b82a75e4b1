//! What of a page is passed by: not given to lol_html at all, because that would make nothing of it.
//!
//! lol_html compares every tag with every selector and keeps every open element, some thousand instructions a tag. Most of a
//! page are tags that no selector is about. They are looked at here, once and only as far as is needed to tell where they
//! end, and what can be told to be of no account goes straight out.
//!
//! # Why that changes nothing
//!
//! To give lol_html *more* than is needed is always right; whatever is not understood here, it gets, and from a tag on that
//! is strange it gets all. Something is passed by only
//!
//! * between tags, where lol_html is in plain text and has let go of all that it was given before;
//! * where it is text, a comment or whole elements: each ended by its own end tag, in order. Such elements leave lol_html's
//!   stack of open elements as it was;
//! * where none of its tags bears a [sign](crate::selector::signs) of a selector's part: no selector can match one, nor begin to;
//! * where no element is open whose text is read, or whose content may be changed or left out;
//! * and inside a cart's line, where it does not end what the line's reader takes to be open ([`Passage`]), nor would end an element
//!   around it that may still turn out to matter.
//!
//! What is open from the outermost of the last two on is kept in a stack of names that is the upper end of lol_html's own. An end
//! tag that finds no name there may end more than that, and from it on lol_html gets all.

use std::ops::Range;
use std::sync::Arc;

use lol_html::errors::RewritingError;

use super::html_tags::{self, Raw, RawEnd, Token, token};
use crate::cart::passage::{self, Passage, Wanted};
use crate::cart::rules::Rules;
use crate::selector::signs::{Name, Sign, Signs};

/// More than this of one tag or comment is not kept to wait for its end, in bytes.
const MOST_KEPT: usize = 16 * 1024;

/// Deeper than this nothing is followed.
const DEEPEST: usize = 4096;

/// A text between two tags for lol_html goes to it with them where it is not longer, in bytes.
const NEAR: usize = 64;

const PARAGRAPH: Name = Name::known("p");

/// What is asked of a page, by the signs of it.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    anywhere: Vec<(Sign, Kind)>,
    in_line: Vec<(Sign, Kind)>,
}

/// What it is to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Its start and its end.
    Told,
    /// All of it, to its end.
    Held,
    /// A cart's line: inside it there is more to look for.
    Line,
}

/// Elements that every page is asked for.
const EVERY_PAGE: [&str; 6] = ["html", "head", "frameset", "body", "form", "meta"];

/// The marks of a shop's pages in a session; none where not all that is asked of them has signs.
#[derive(Clone, Debug, Default)]
pub struct ShopMarks {
    /// Of a page on which no cart is read.
    pub page: Option<Arc<Marks>>,
    /// Of a page on which one is.
    pub cart_page: Option<Arc<Marks>>,
}

impl ShopMarks {
    /// For the selectors of checkout controls, those of what buyers are not to see, a cart's rules, and those by which anybody
    /// else looks for an element on a page. Whoever adds a reader to a page of a session adds its selector here.
    pub fn of<C: AsRef<str>, H: AsRef<str>>(controls: &[C], hidden: &[H], cart: &Rules, others: &[&str]) -> ShopMarks {
        let page = Marks::of_page(controls, hidden).zip(Signs::of_all(others)).map(|(mut page, others)| {
            add(&mut page.anywhere, &others, Kind::Told);
            page
        });
        let cart_page = page.clone().zip(passage::wanted(cart)).map(|(page, wanted)| page.with_cart(&wanted));
        ShopMarks { page: page.map(Arc::new), cart_page: cart_page.map(Arc::new) }
    }
}

impl Marks {
    /// Of a page on which no cart is read, where all of its selectors have signs.
    pub fn of_page<C: AsRef<str>, H: AsRef<str>>(controls: &[C], hidden: &[H]) -> Option<Marks> {
        let mut marks = Marks::default();
        marks.anywhere.extend(EVERY_PAGE.map(|name| (Sign::named(name), Kind::Told)));
        for signs in [Signs::of_all(controls)?, Signs::of_all(hidden)?] {
            add(&mut marks.anywhere, &signs, Kind::Held);
        }
        Some(marks)
    }

    fn with_cart(mut self, cart: &[Wanted]) -> Marks {
        for wanted in cart {
            let line = if wanted.line_is_read { Kind::Held } else { Kind::Line };
            add(&mut self.anywhere, &wanted.line, line);
            add(&mut self.anywhere, &wanted.elsewhere, Kind::Held);
            add(&mut self.in_line, &wanted.read, Kind::Held);
            add(&mut self.in_line, &wanted.seen, Kind::Told);
        }
        self
    }

    fn asked(&self, name: Name, tag: &[u8], in_line: bool) -> Option<Kind> {
        let mut asked = None;
        for (sign, kind) in self.anywhere.iter().chain(self.in_line.iter().filter(|_| in_line)) {
            if asked.is_none_or(|known| known == Kind::Told || *kind == Kind::Held) && sign.is_on(name, tag) {
                if *kind == Kind::Held {
                    return Some(Kind::Held);
                }
                asked = Some(*kind);
            }
        }
        asked
    }
}

fn add(to: &mut Vec<(Sign, Kind)>, signs: &Signs, meant: Kind) {
    to.extend(signs.around.iter().map(|sign| (sign.clone(), Kind::Told)));
    to.extend(signs.meant.iter().map(|sign| (sign.clone(), meant)));
}

/// Where a page goes: to lol_html, or by it.
pub trait Ways {
    /// To lol_html.
    ///
    /// # Errors
    /// Its own.
    fn rewrite(&mut self, bytes: &[u8]) -> Result<(), RewritingError>;
    /// Straight out.
    fn pass(&mut self, bytes: &[u8]);
}

/// One page that streams past.
pub struct Passing {
    marks: Arc<Marks>,
    /// The beginning of a tag or comment of which the end has not come.
    kept: Vec<u8>,
    follow: Follow,
    given_up: bool,
}

/// What has to be known of the page so far.
#[derive(Default)]
struct Follow {
    /// Raw text that has not ended and of which lol_html was given the beginning.
    raw: Option<Raw>,
    /// From a line or a held element on, what lol_html has open.
    open: Vec<Name>,
    /// The outermost held element in `open`.
    held: Option<usize>,
    /// The outermost line in `open`.
    line: Option<usize>,
    /// Since the line's beginning there was a paragraph that may be open.
    paragraph: bool,
}

impl Passing {
    /// At the beginning of a page.
    pub fn new(marks: Arc<Marks>) -> Passing {
        Passing { marks, kept: Vec::new(), follow: Follow::default(), given_up: false }
    }

    /// The page's next bytes.
    ///
    /// # Errors
    /// lol_html's own, with what it has not been given of all bytes so far.
    pub fn write(&mut self, data: &[u8], ways: &mut impl Ways) -> Result<(), (RewritingError, Vec<u8>)> {
        if self.given_up {
            return ways.rewrite(data).map_err(|error| (error, Vec::new()));
        }
        let mut kept = std::mem::take(&mut self.kept);
        let bytes = if kept.is_empty() {
            data
        } else {
            kept.extend_from_slice(data);
            &kept
        };
        let mut piece = Piece {
            bytes,
            at: 0,
            out: 0,
            wanted: 0..0,
            waiting: Vec::new(),
            marks: &self.marks,
            follow: &mut self.follow,
            ways,
        };
        let read = piece.read().and_then(|end| piece.leave(end).map(|()| end));
        match read {
            Ok(End::Rest(from)) if bytes.len() - from > MOST_KEPT => {
                self.given_up = true;
                ways.rewrite(&bytes[from..]).map_err(|error| (error, Vec::new()))
            }
            Ok(End::Rest(from)) => {
                self.kept = bytes[from..].to_vec();
                Ok(())
            }
            Ok(End::GivenUp) => {
                self.given_up = true;
                Ok(())
            }
            Err(error) => {
                let unread = bytes[piece.out..].to_vec();
                Err((error, unread))
            }
        }
    }

    /// What is still kept when the page has ended. It is lol_html's.
    pub fn end(&mut self) -> Vec<u8> {
        self.given_up = true;
        std::mem::take(&mut self.kept)
    }
}

/// How reading a piece of a page ended.
#[derive(Clone, Copy)]
enum End {
    /// From here on it is to be read again when more has come.
    Rest(usize),
    /// All went to lol_html, and so will all that comes.
    GivenUp,
}

/// A piece of a page while it is read.
struct Piece<'p, W> {
    bytes: &'p [u8],
    /// Read up to here.
    at: usize,
    /// Passed or given to lol_html up to here.
    out: usize,
    /// What lol_html is to be given next, later than `out`; where it is not empty.
    wanted: Range<usize>,
    /// Elements that have begun and may be passed by.
    waiting: Vec<Waiting>,
    marks: &'p Marks,
    follow: &'p mut Follow,
    ways: &'p mut W,
}

struct Waiting {
    name: Name,
    tag: Range<usize>,
}

impl<W: Ways> Piece<'_, W> {
    fn read(&mut self) -> Result<End, RewritingError> {
        if let Some(raw) = self.follow.raw
            && let Some(end) = self.raw(raw)?
        {
            return Ok(end);
        }
        while let Some(found) = memchr::memchr(b'<', &self.bytes[self.at..]) {
            let start = self.at + found;
            match token(self.bytes, start) {
                Token::Text(end) | Token::Comment(end) => self.harmless(end)?,
                Token::Declaration(end) => self.given(start, end)?,
                Token::Start(name, end) => {
                    if let Some(end) = self.start(name, start, end)? {
                        return Ok(end);
                    }
                }
                Token::End(name, end) => {
                    if let Some(end) = self.end(name, start, end)? {
                        return Ok(end);
                    }
                }
                Token::Long(end) if self.follow.open.is_empty() => self.given(start, end)?,
                Token::Long(_) | Token::Strange => return self.give_up(start),
                Token::Incomplete => {
                    self.harmless(start)?;
                    return Ok(End::Rest(start));
                }
            }
        }
        self.harmless(self.bytes.len())?;
        Ok(End::Rest(self.bytes.len()))
    }

    /// What is read up to `end` is of no account, but where all is held.
    fn harmless(&mut self, end: usize) -> Result<(), RewritingError> {
        if self.follow.held.is_some() {
            self.want(self.at, end)?;
        }
        self.at = end;
        Ok(())
    }

    /// The tag from `start` to `end` is for lol_html.
    fn given(&mut self, start: usize, end: usize) -> Result<(), RewritingError> {
        self.give_waiting()?;
        let start = if self.follow.held.is_some() { self.at } else { start };
        self.at = end;
        self.want(start, end)
    }

    fn start(&mut self, name: Name, start: usize, end: usize) -> Result<Option<End>, RewritingError> {
        let in_line = self.follow.line.is_some();
        let asked = match self.follow.held {
            Some(_) => Some(Kind::Told),
            None => self.marks.asked(name, &self.bytes[start..end], in_line),
        };
        let is_void = match html_tags::Kind::of(name) {
            html_tags::Kind::Foreign => return self.give_up(start).map(Some),
            html_tags::Kind::Raw(raw) => return self.raw_begins(raw, asked, start, end),
            html_tags::Kind::Void => true,
            html_tags::Kind::Plain if self.follow.open.len() >= DEEPEST => return self.give_up(start).map(Some),
            html_tags::Kind::Plain => false,
        };
        if asked.is_some() || (in_line && !self.may_wait(name)) {
            self.given(start, end)?;
            if !is_void {
                self.follow.begins(name, asked.unwrap_or(Kind::Told));
            }
        } else {
            if !is_void {
                self.waiting.push(Waiting { name, tag: start..end });
            }
            self.at = end;
        }
        Ok(None)
    }

    /// Whether an element of that name, on which nothing is asked, may turn out to be of no account inside a line. What waits
    /// may still be given to lol_html, and a paragraph that waits is open then.
    fn may_wait(&self, name: Name) -> bool {
        let is_paragraph = |waiting: &Waiting| waiting.name == PARAGRAPH;
        match passage::of(&name.letters()) {
            Passage::Free => true,
            Passage::EndsParagraphs => !self.follow.paragraph && !self.waiting.iter().any(is_paragraph),
            Passage::No => false,
        }
    }

    fn end(&mut self, name: Name, start: usize, end: usize) -> Result<Option<End>, RewritingError> {
        if self.waiting.last().is_some_and(|waiting| waiting.name == name) {
            self.waiting.pop();
            self.at = end;
            return Ok(None);
        }
        self.give_waiting()?;
        if !self.follow.knows(name) {
            return self.give_up(start).map(Some);
        }
        self.given(start, end)?;
        self.follow.ends(name);
        Ok(None)
    }

    /// An element of raw text begins, which is passed by as one where it is all there.
    fn raw_begins(
        &mut self,
        raw: Raw,
        asked: Option<Kind>,
        start: usize,
        end: usize,
    ) -> Result<Option<End>, RewritingError> {
        match raw.end(self.bytes, end) {
            RawEnd::At(end) if asked.is_none() => self.at = end,
            RawEnd::At(end) => self.given(start, end)?,
            RawEnd::Strange => return self.give_up(start).map(Some),
            RawEnd::After(_) => {
                self.given(start, end)?;
                self.follow.begins(raw.name, asked.unwrap_or(Kind::Told));
                self.follow.raw = Some(raw);
                return self.raw(raw);
            }
        }
        Ok(None)
    }

    /// Inside of raw text of which lol_html has the beginning.
    fn raw(&mut self, raw: Raw) -> Result<Option<End>, RewritingError> {
        let (end, is_over) = match raw.end(self.bytes, self.at) {
            RawEnd::At(end) => (end, true),
            RawEnd::After(end) => (end, false),
            RawEnd::Strange => return self.give_up(self.at).map(Some),
        };
        self.want(self.at, end)?;
        self.at = end;
        if !is_over {
            return Ok(Some(End::Rest(end)));
        }
        self.follow.raw = None;
        self.follow.ends(raw.name);
        Ok(None)
    }

    /// Elements that have begun and are not known to be of no account.
    fn give_waiting(&mut self) -> Result<(), RewritingError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        for Waiting { name, tag } in waiting.drain(..) {
            self.want(tag.start, tag.end)?;
            self.follow.begins(name, Kind::Told);
        }
        self.waiting = waiting;
        Ok(())
    }

    fn give_up(&mut self, from: usize) -> Result<End, RewritingError> {
        self.given(from, self.bytes.len())?;
        Ok(End::GivenUp)
    }

    fn want(&mut self, start: usize, end: usize) -> Result<(), RewritingError> {
        let is_near = start <= self.wanted.end + NEAR && !self.wanted.is_empty();
        if is_near && memchr::memchr(b'<', &self.bytes[self.wanted.end..start]).is_none() {
            self.wanted.end = end;
        } else {
            self.give()?;
            self.wanted = start..end;
        }
        Ok(())
    }

    fn give(&mut self) -> Result<(), RewritingError> {
        let wanted = std::mem::take(&mut self.wanted);
        if wanted.is_empty() {
            return Ok(());
        }
        self.ways.pass(&self.bytes[self.out..wanted.start]);
        // Where lol_html fails, it has let go of this itself.
        self.out = wanted.end;
        self.ways.rewrite(&self.bytes[wanted])
    }

    /// Nothing is left but what is to be read again.
    fn leave(&mut self, end: End) -> Result<(), RewritingError> {
        self.give_waiting()?;
        self.give()?;
        if let End::Rest(from) = end {
            self.ways.pass(&self.bytes[self.out..from]);
            self.out = from;
        }
        Ok(())
    }
}

impl Follow {
    /// lol_html is given the start of an element that does not end at once.
    fn begins(&mut self, name: Name, kind: Kind) {
        let at = self.open.len();
        match kind {
            Kind::Told if at == 0 => return,
            Kind::Told => {}
            Kind::Held => self.held = self.held.or(Some(at)),
            Kind::Line => self.line = self.line.or(Some(at)),
        }
        self.paragraph |= name == PARAGRAPH;
        self.open.push(name);
    }

    /// Whether it is known what an end tag of that name ends.
    fn knows(&self, name: Name) -> bool {
        self.open.is_empty() || self.open.contains(&name)
    }

    /// lol_html was given such an end tag.
    fn ends(&mut self, name: Name) {
        let Some(at) = self.open.iter().rposition(|open| *open == name) else { return };
        self.open.truncate(at);
        self.held = self.held.filter(|held| *held < at);
        self.line = self.line.filter(|line| *line < at);
        self.paragraph &= at > 0;
    }
}
