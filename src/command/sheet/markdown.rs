//! A sheet in Markdown (with GitHub's tables, which most others read).

use super::paper::{Block, Paper, Span, Text};

/// The whole of it.
pub(super) fn written(paper: &Paper) -> String {
    let mut out = format!("# {}\n", words(&paper.title));
    for block in &paper.blocks {
        out.push('\n');
        match block {
            Block::Heading(heading) => out.push_str(&format!("## {}\n", words(heading))),
            Block::Paragraph(text) => out.push_str(&format!("{}\n", line(text, false))),
            Block::List(items) => items.iter().for_each(|item| out.push_str(&format!("* {}\n", line(item, false)))),
            Block::Table { head, rows } => table(head, rows, &mut out),
            Block::Code(code) => {
                let fence = "`".repeat(3.max(longest_run(code) + 1));
                out.push_str(&format!("{fence}\n{}\n{fence}\n", code.trim_end_matches('\n')));
            }
        }
    }
    out
}

fn table(head: &[String], rows: &[Vec<Text>], out: &mut String) {
    let heads: Vec<_> = head.iter().map(|words_of| words(words_of)).collect();
    out.push_str(&format!("| {} |\n|{}\n", heads.join(" | "), "---|".repeat(head.len())));
    for row in rows {
        let cells: Vec<_> = row.iter().map(|cell| line(cell, true)).collect();
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
}

fn line(text: &Text, in_table: bool) -> String {
    let spans = text.0.iter().map(|span| match span {
        Span::Plain(plain) => words(plain),
        Span::Code(value) => code(value, in_table),
    });
    spans.collect()
}

/// Words in one line, of which nothing is markup.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' | '\t' => out.push(' '),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' => out.extend(['\\', letter]),
            letter => out.push(letter),
        }
    }
    out
}

/// A value between more backticks than it holds itself. In a table a bar would end the cell even there.
fn code(value: &str, in_table: bool) -> String {
    let value = value.replace(['\n', '\r', '\t'], " ");
    if value.trim().is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(&value) + 1);
    let pad = if value.starts_with('`') || value.ends_with('`') { " " } else { "" };
    let value = if in_table { value.replace('|', "\\|") } else { value };
    format!("{fence}{pad}{value}{pad}{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|letter| letter != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_no_markup() {
        let mut paper = Paper { title: "A & <B> *c*".to_owned(), ..Paper::default() };
        paper.table(&["a|b"], vec![vec![Text::code("x|`y`")], vec![Text::plain("[l](http://e) | <i>\nz")]]);
        paper.blocks.push(Block::Code("a ``` b".to_owned()));
        let expected = "# A &amp; &lt;B&gt; \\*c\\*\n\n| a\\|b |\n|---|\n| `` x\\|`y` `` |\n\
                        | \\[l\\](http://e) \\| &lt;i&gt; z |\n\n````\na ``` b\n````\n";
        assert_eq!(written(&paper), expected);
    }
}
