//! Texts of a shop, made fit for a field.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::fields::FieldKind;

/// Tags by name: shops print `<250 g>` and `a<b` raw, and those are no tags.
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    let names = "a|abbr|b|big|blockquote|br|center|code|dd|div|dl|dt|em|font|h[1-6]|hr|i|img|label|li|ol|p|pre|s|small|span|\
                 strike|strong|style|script|sub|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul";
    let pattern = format!(r"(?is)<!--.*?-->|</?({names})(?:\s+[a-z:-]+\s*=[^<>]*|\s)*/?>");
    Regex::new(&pattern).expect("a constant pattern, compiled in the tests below")
});

/// [`clean`], for a value that is at hand: most hold nothing that has to go, and are not copied.
pub fn cleaned(value: String, kind: FieldKind) -> String {
    if is_clean(&value, kind) { value } else { clean(&value, kind) }
}

/// Told without looking at letters: printable ASCII, no space at the ends and, where a person reads it, no tag and no two
/// spaces.
fn is_clean(value: &str, kind: FieldKind) -> bool {
    let bytes = value.as_bytes();
    let is_text = matches!(kind, FieldKind::Text | FieldKind::LongText);
    let spaced = bytes.first() == Some(&b' ') || bytes.last() == Some(&b' ');
    !spaced
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'~') && !(is_text && *byte == b'<'))
        && !(is_text && bytes.windows(2).any(|two| two == b"  "))
}

/// `value` without what its field cannot hold: markup, control characters and, in one-line texts, line ends and runs of
/// spaces. Codes keep their inner spaces: `031710    005  100` is a real item number.
pub fn clean(value: &str, kind: FieldKind) -> String {
    match kind {
        FieldKind::Text => one_line(&without_tags(value)),
        FieldKind::LongText => {
            without_tags(value).lines().map(one_line).collect::<Vec<_>>().join("\n").trim().to_owned()
        }
        FieldKind::Code | FieldKind::Number | FieldKind::Whole | FieldKind::Url => {
            let spaced = value.chars().map(|one| if one.is_whitespace() { ' ' } else { one });
            spaced.filter(|&one| visible(one)).collect::<String>().trim().to_owned()
        }
    }
}

/// The first `length` characters of `text`, ended after a whole word where that costs less than a third of them.
/// Characters are counted, not bytes; what belongs to the character before it (an accent, a joiner) is not torn off.
pub fn cut(text: &str, length: usize) -> &str {
    let Some((end, next)) = text.char_indices().nth(length) else { return text };
    if next == ' ' {
        return text[..end].trim_end();
    }
    let mut end = end;
    let mut after = next;
    while let Some(last) = text[..end].chars().next_back().filter(|&last| clings(after) || last == '\u{200d}') {
        end -= last.len_utf8();
        after = last;
    }
    let kept = &text[..end];
    match kept.rfind(' ') {
        Some(space) if kept[..space].chars().count() * 3 >= length * 2 => kept[..space].trim_end(),
        _ => kept.trim_end(),
    }
}

fn without_tags(value: &str) -> Cow<'_, str> {
    if !value.contains('<') {
        return Cow::Borrowed(value);
    }
    TAG.replace_all(value, |found: &regex::Captures<'_>| {
        let name = found.get(1).map_or("", |name| name.as_str()).to_ascii_lowercase();
        let inline = [
            "a", "abbr", "b", "big", "code", "em", "font", "i", "s", "small", "span", "strike", "strong", "sub", "sup",
            "tt", "u",
        ];
        if name.is_empty() || inline.contains(&name.as_str()) { "" } else { " " }
    })
}

fn one_line(value: &str) -> String {
    let (mut line, mut gap) = (String::with_capacity(value.len()), false);
    for one in value.chars() {
        if one.is_whitespace() {
            gap = true;
        } else if visible(one) {
            if gap && !line.is_empty() {
                line.push(' ');
            }
            gap = false;
            line.push(one);
        }
    }
    line
}

fn visible(one: char) -> bool {
    !one.is_control() && !matches!(one, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}')
}

fn clings(one: char) -> bool {
    matches!(one, '\u{300}'..='\u{36f}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_line_texts() {
        for (raw, cleaned) in [
            ("Skrue\u{a0}M8 \r\n\t 40 mm", "Skrue M8 40 mm"),
            ("<b>Skrue</b>M8<br/>rust<p class=\"x\">fri</p>", "SkrueM8 rust fri"),
            ("Kaffe <250 g> \"mørk\" & a<b", "Kaffe <250 g> \"mørk\" & a<b"),
            ("a\0b\u{7}c\u{ad}d\u{200b}e", "abcde"),
            ("<!-- x --> y <!-- > -->", "y"),
            ("\u{2028}x\u{3000}y", "x y"),
            ("🔩 5 €", "🔩 5 €"),
        ] {
            assert_eq!(clean(raw, FieldKind::Text), cleaned, "{raw:?}");
        }
    }

    #[test]
    fn codes_keep_their_inner_spaces() {
        assert_eq!(clean(" 031710    005  100\n", FieldKind::Code), "031710    005  100");
        assert_eq!(clean("A\u{a0}1\0<b>", FieldKind::Code), "A 1<b>");
    }

    #[test]
    fn long_texts_keep_their_lines() {
        assert_eq!(clean("a  b\r\n\r\n<i>c</i>\0\n", FieldKind::LongText), "a b\n\nc");
    }

    #[test]
    fn texts_are_cut_after_a_word() {
        for (text, length, kept) in [
            ("short", 40, "short"),
            ("exactly ten", 11, "exactly ten"),
            ("one two three four", 13, "one two three"),
            ("one two three four", 16, "one two three"),
            ("Sekskantskrueforlenger", 10, "Sekskantsk"),
            ("ab Sekskantskrueforlenger", 10, "ab Sekskan"),
            ("åååååå", 3, "ååå"),
            ("abe\u{301}f", 3, "ab"),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, length), kept, "{text} {length}");
        }
    }

    #[test]
    fn a_four_byte_character_at_the_limit_is_kept_whole_or_left_out() {
        let text = format!("{}🔩x", "a".repeat(39));
        assert_eq!(cut(&text, 40), format!("{}🔩", "a".repeat(39)));
        assert_eq!(cut(&text, 39), "a".repeat(39));
    }

    proptest! {
        #[test]
        fn what_is_taken_for_clean_is(text in "[ -~é\n]{0,12}") {
            for kind in [FieldKind::Text, FieldKind::LongText, FieldKind::Code, FieldKind::Url] {
                prop_assert_eq!(cleaned(text.clone(), kind), clean(&text, kind));
            }
        }

        #[test]
        fn a_cut_is_a_beginning_of_at_most_that_many_characters(text in any::<String>(), length in 0usize..50) {
            let kept = cut(&text, length);
            prop_assert!(text.starts_with(kept) && kept.chars().count() <= length);
        }
    }
}
