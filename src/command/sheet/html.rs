//! A sheet as one HTML page that needs nothing beside itself: no script, no picture, no address to load.

use super::paper::{Block, Paper, Span, Text};
use crate::pages::Language;

const STYLE: &str = include_str!("sheet.css");

/// The whole of it.
pub(super) fn written(paper: &Paper, language: Language) -> String {
    let title = escaped(&paper.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n",
        language.code()
    );
    for block in &paper.blocks {
        match block {
            Block::Heading(heading) => out.push_str(&format!("<h2>{}</h2>\n", escaped(heading))),
            Block::Paragraph(text) => out.push_str(&format!("<p>{}</p>\n", spans(text))),
            Block::List(items) => {
                let items: String = items.iter().map(|item| format!("<li>{}</li>\n", spans(item))).collect();
                out.push_str(&format!("<ul>\n{items}</ul>\n"));
            }
            Block::Table { head, rows } => table(head, rows, &mut out),
            Block::Code(code) => out.push_str(&format!("<pre tabindex=\"0\"><code>{}</code></pre>\n", escaped(code))),
        }
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn table(head: &[String], rows: &[Vec<Text>], out: &mut String) {
    let heads: String = head.iter().map(|words| format!("<th scope=\"col\">{}</th>", escaped(words))).collect();
    // Wide ones are moved by the keyboard too.
    out.push_str(&format!("<div class=\"wide\" tabindex=\"0\">\n<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"));
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", spans(cell))).collect();
        out.push_str(&format!("<tr>{cells}</tr>\n"));
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

fn spans(text: &Text) -> String {
    let spans = text.0.iter().map(|span| match span {
        Span::Plain(words) => escaped(words),
        Span::Code(value) if value.is_empty() => String::new(),
        Span::Code(value) => format!("<code>{}</code>", escaped(value)),
    });
    spans.collect()
}

fn escaped(text: &str) -> String {
    htmlize::escape_all_quotes(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_no_markup() {
        let mut paper = Paper { title: "A & <B>".to_owned(), ..Paper::default() };
        paper.table(&["<i>"], vec![vec![Text::code("\"><script>")], vec![Text::plain("'&amp;'")]]);
        paper.blocks.push(Block::Code("<form>".to_owned()));
        let page = written(&paper, Language::English);
        for part in [
            "<title>A &amp; &lt;B&gt;</title>",
            "<th scope=\"col\">&lt;i&gt;</th>",
            "<code>&quot;&gt;&lt;script&gt;</code>",
            "&amp;amp;",
            "<pre tabindex=\"0\"><code>&lt;form&gt;</code></pre>",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}
