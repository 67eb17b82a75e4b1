//! Where elements end that the source never closes.
//!
//! HTML lets a page leave out `</tr>`, `</td>`, `</li>`, `</p>` and others. A rewriter that streams builds no tree: to it
//! every such element stays open and the next one is *inside* it, up to the end tag of an ancestor. So a row of totals
//! after unclosed lines looks like a part of the last line. This table says, as the HTML standard does (13.2.6), what a
//! start tag closes.

/// What a tag name means for implied ends and for the borders of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Table,
    /// `tbody`, `thead`, `tfoot`, `caption`, `colgroup`
    TablePart,
    Row,
    Cell,
    /// `ul`, `ol`, `menu`, `dir`
    List,
    ListItem,
    /// `dl`
    TermList,
    /// `dt`, `dd`
    Term,
    Select,
    OptGroup,
    Option,
    Paragraph,
    Button,
    /// `div`, `address`: blocks that do not hide an open list item.
    Division,
    /// Every other block: closes a paragraph, hides open list items.
    Block,
    /// `br`: no block, yet a border of text.
    Break,
    /// `del`, `ins`, `s`, `strike`: no block, yet what is struck out is another text than what stands beside it.
    Change,
    /// Runs on with the text around it.
    Inline,
}

impl Tag {
    /// What `name`, in small letters, is.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "table" => Tag::Table,
            "tbody" | "thead" | "tfoot" | "caption" | "colgroup" => Tag::TablePart,
            "tr" => Tag::Row,
            "td" | "th" => Tag::Cell,
            "ul" | "ol" | "menu" | "dir" => Tag::List,
            "li" => Tag::ListItem,
            "dl" => Tag::TermList,
            "dt" | "dd" => Tag::Term,
            "select" => Tag::Select,
            "optgroup" => Tag::OptGroup,
            "option" => Tag::Option,
            "p" => Tag::Paragraph,
            "button" => Tag::Button,
            "div" | "address" => Tag::Division,
            "article" | "aside" | "blockquote" | "center" | "details" | "dialog" | "fieldset" | "figcaption"
            | "figure" | "footer" | "form" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "header" | "hgroup" | "hr"
            | "listing" | "main" | "nav" | "pre" | "search" | "section" | "summary" | "template" => Tag::Block,
            "br" => Tag::Break,
            "del" | "ins" | "s" | "strike" => Tag::Change,
            _ => Tag::Inline,
        }
    }

    /// Whether the words before and after this tag are two words.
    pub(super) const fn parts_text(self) -> bool {
        !matches!(self, Tag::Inline | Tag::Select | Tag::Button)
    }

    /// Whether an element of this kind has to be known to tell what later tags close.
    pub(super) const fn matters(self) -> bool {
        !matches!(self, Tag::Inline | Tag::Break)
    }

    /// Closes a paragraph that is still open before it.
    const fn ends_paragraph(self) -> bool {
        use Tag::*;
        matches!(self, Table | List | ListItem | TermList | Term | Paragraph | Division | Block)
    }
}

/// The elements from which index on a start tag closes, given the open ones from the outermost in.
pub(super) fn closed_by(
    start: Tag,
    open: impl DoubleEndedIterator<Item = Tag> + ExactSizeIterator + Clone,
) -> Option<usize> {
    use Tag::*;
    let structure = match start {
        Cell => outermost(&open, &[Cell], |tag| matches!(tag, Table | Row)),
        Row => outermost(&open, &[Cell, Row], |tag| matches!(tag, Table)),
        TablePart => outermost(&open, &[Cell, Row, TablePart], |tag| matches!(tag, Table)),
        ListItem => outermost(&open, &[ListItem], |tag| hides_item(tag) || tag == Term),
        Term => outermost(&open, &[Term], |tag| hides_item(tag) || tag == ListItem),
        Option => outermost(&open, &[Option], |tag| tag == Select),
        OptGroup => outermost(&open, &[Option, OptGroup], |tag| tag == Select),
        _ => None,
    };
    let paragraph = start
        .ends_paragraph()
        .then(|| outermost(&open, &[Paragraph], |tag| matches!(tag, Button | Table | Cell | TablePart)))
        .flatten();
    [structure, paragraph].into_iter().flatten().min()
}

/// The outermost of `kinds` that is reached from the inside before `border`.
fn outermost(
    open: &(impl DoubleEndedIterator<Item = Tag> + ExactSizeIterator + Clone),
    kinds: &[Tag],
    border: impl Fn(Tag) -> bool,
) -> Option<usize> {
    let mut found = None;
    for (at, tag) in open.clone().enumerate().rev() {
        if kinds.contains(&tag) {
            found = Some(at);
        } else if border(tag) {
            break;
        }
    }
    found
}

const fn hides_item(tag: Tag) -> bool {
    use Tag::*;
    matches!(tag, Table | TablePart | Row | Cell | List | TermList | Block | Button | Select)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_tags_close_what_the_standard_says() {
        // (the open elements from the outermost in, the start tag, what is still open before it)
        for (open, start, left) in [
            ("tr td", "td", "tr"),
            ("tr td p", "td", "tr"),
            ("tr td", "tr", ""),
            ("tr td", "tbody", ""),
            ("tr td", "tfoot", ""),
            ("tr td div", "td", "tr"),
            ("tr td table tr td", "td", "tr td table tr"),
            ("tr td table tr td", "tr", "tr td table"),
            ("tr td table tbody tr td", "tfoot", "tr td table"),
            ("tr td table", "tr", "tr td table"),
            ("tr td ul li", "td", "tr"),
            ("li", "li", ""),
            ("li div", "li", ""),
            ("li span", "li", ""),
            ("li ul li", "li", "li ul"),
            ("li ul", "li", "li ul"),
            ("li section", "li", "li section"),
            ("dl dt", "dd", "dl"),
            ("dd", "dt", ""),
            ("dd dl dd", "dt", "dd dl"),
            ("p", "div", ""),
            ("p b", "p", ""),
            ("p", "span", "p"),
            ("p button", "div", "p button"),
            ("td p", "li", "td"),
            ("p table tr td", "p", "p table tr td"),
            ("select option", "option", "select"),
            ("select optgroup option", "optgroup", "select"),
            ("div", "div", "div"),
        ] {
            let tags: Vec<_> = open.split_whitespace().map(Tag::named).collect();
            let kept = closed_by(Tag::named(start), tags.iter().copied()).unwrap_or(tags.len());
            let left_open: Vec<_> = open.split_whitespace().take(kept).collect();
            assert_eq!(left_open.join(" "), left, "<{start}> after {open}");
        }
    }
}
