//! A sheet as it is before it is written in any format. Values enter as they are; whoever writes them escapes them.

/// The whole of it.
#[derive(Debug, Default)]
pub(super) struct Paper {
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

/// One piece after the other.
#[derive(Debug)]
pub(super) enum Block {
    Heading(String),
    Paragraph(Text),
    List(Vec<Text>),
    Table {
        head: Vec<String>,
        rows: Vec<Vec<Text>>,
    },
    /// To be copied as it is.
    Code(String),
}

/// Words and values in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Text(pub(super) Vec<Span>);

/// A piece of a text.
#[derive(Clone, Debug)]
pub(super) enum Span {
    /// Words.
    Plain(String),
    /// A value to be typed or read letter by letter.
    Code(String),
}

impl Text {
    /// Words.
    pub(super) fn plain(words: impl Into<String>) -> Self {
        Text(vec![Span::Plain(words.into())])
    }

    /// A value.
    pub(super) fn code(value: impl Into<String>) -> Self {
        Text(vec![Span::Code(value.into())])
    }

    /// Values with commas between them.
    pub(super) fn codes<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Self {
        let mut text = Text::default();
        for value in values {
            if !text.0.is_empty() {
                text.0.push(Span::Plain(", ".to_owned()));
            }
            text.0.push(Span::Code(value.into()));
        }
        text
    }

    /// `template` with each `{name}` replaced by its value.
    pub(super) fn filled(template: &str, values: &[(&str, Text)]) -> Self {
        let mut text = Text::default();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let known = after.split_once('}').and_then(|(name, after)| {
                let (_, value) = values.iter().find(|(known, _)| *known == name)?;
                Some((value, after))
            });
            text.0.push(Span::Plain(before.to_owned()));
            match known {
                Some((value, after)) => {
                    text.0.extend(value.0.iter().cloned());
                    rest = after;
                }
                None => {
                    text.0.push(Span::Plain("{".to_owned()));
                    rest = after;
                }
            }
        }
        text.0.push(Span::Plain(rest.to_owned()));
        text
    }
}

impl Paper {
    pub(super) fn heading(&mut self, words: &str) {
        self.blocks.push(Block::Heading(words.to_owned()));
    }

    pub(super) fn paragraph(&mut self, text: Text) {
        self.blocks.push(Block::Paragraph(text));
    }

    pub(super) fn table(&mut self, head: &[&str], rows: Vec<Vec<Text>>) {
        self.blocks.push(Block::Table { head: head.iter().map(|&words| words.to_owned()).collect(), rows });
    }
}
