//! What a client would rather have, as its `Accept` and `Accept-Language` headers say.

/// The entries of a header with quality values (RFC 9110, 12.4.2), best first, equals in the order of the header.
/// What is refused (`q=0`) or cannot be read is left out. Qualities are in thousandths, 1 to 1000.
pub(super) fn preferences(header: &str) -> Vec<(&str, u16)> {
    let mut entries: Vec<_> = header.split(',').filter_map(entry).collect();
    entries.sort_by_key(|&(_, quality)| std::cmp::Reverse(quality));
    entries
}

fn entry(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let quality = match quality {
        Some(number) => thousandths(number)?,
        None => 1000,
    };
    (quality > 0).then_some((name, quality))
}

fn thousandths(number: &str) -> Option<u16> {
    let quality: f32 = number.parse().ok()?;
    // Within 0 to 1000, so the cast loses nothing but the fraction.
    (0.0..=1.0).contains(&quality).then_some((quality * 1000.0).round() as u16)
}

/// Whether whoever asks is better served with JSON than with a page: `application/json` is preferred over `text/html`.
/// At equal quality the type that is named beats the one that only a wildcard covers, so that a script's usual
/// `application/json, text/plain, */*` gets JSON and a browser's `text/html, ..., */*;q=0.8` a page.
pub fn wants_json(accept: Option<&str>) -> bool {
    let entries = preferences(accept.unwrap_or_default());
    wish(&entries, "application", "json") > wish(&entries, "text", "html")
}

/// How much a media type is wanted: quality, then how exactly the header names it.
fn wish(entries: &[(&str, u16)], kind: &str, subtype: &str) -> (u16, u8) {
    entries
        .iter()
        .filter_map(|&(range, quality)| {
            let (main, sub) = range.split_once('/')?;
            let exactness = match (main, sub) {
                ("*", "*") => 0,
                (main, "*") if main.eq_ignore_ascii_case(kind) => 1,
                (main, sub) if main.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => 2,
                _ => return None,
            };
            Some((exactness, quality))
        })
        // The most exact range decides on the quality (RFC 9110, 12.5.1), whatever a wider one says.
        .max()
        .map_or((0, 0), |(exactness, quality)| (quality, exactness))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_to_scripts_and_pages_to_people() {
        let cases = [
            (None, false),
            (Some(""), false),
            (Some("*/*"), false),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"), false),
            (Some("application/json"), true),
            (Some("Application/JSON"), true),
            (Some("application/json, text/plain, */*"), true),
            (Some("application/json, text/javascript, */*; q=0.01"), true),
            (Some("application/json;q=0.5, text/html"), false),
            (Some("text/html;q=0.5, application/json;q=0.9"), true),
            (Some("application/json, text/html"), false),
            (Some("application/json;q=0, */*"), false),
            (Some("application/json;q=2"), false),
            (Some("application/*, text/html;q=0.9"), true),
            (Some(";;,,=/;q"), false),
        ];
        for (accept, json) in cases {
            assert_eq!(wants_json(accept), json, "{accept:?}");
        }
    }

    #[test]
    fn best_first_and_what_is_refused_left_out() {
        assert_eq!(preferences("en;q=0.3, nb ; q=0.8,xx;q=0,da;q=high, sv"), [("sv", 1000), ("nb", 800), ("en", 300)]);
    }
}
