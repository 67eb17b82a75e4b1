//! A multipart form, where its fields decide: taken only as browsers write it.
//!
//! Shops read such a body each in its own way. PHP goes on behind the last boundary, takes the last of two names, and ends
//! a line at a bare LF; others fold lines, decode names, or split at a `;` within quotes. So nothing is understood here that a
//! browser does not write: of what is left, all readers make the same fields.

use memchr::memmem;

/// The most that such a form may have.
const MAX_FIELDS: usize = 500;

/// All that a browser writes before the boundary.
const TYPE: &str = "multipart/form-data; boundary=";

const BOUNDARY_LENGTH: usize = 70;

const DISPOSITION: &str = "Content-Disposition: form-data; name=\"";

const CONTENT_TYPE: &str = "Content-Type: ";

/// Far below what any shop's reader takes for one line: PHP makes two of one that is longer than its buffer.
const LINE_LENGTH: usize = 2 << 10;

/// The boundary that a Content-Type names, if it is a browser's.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let boundary = content_type.strip_prefix(TYPE)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (!boundary.is_empty() && boundary.len() <= BOUNDARY_LENGTH && boundary.bytes().all(plain)).then_some(boundary)
}

/// Names and values of the fields; of a file, its content is the value.
///
/// # Errors
/// What no browser writes.
pub(super) fn fields(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, String> {
    let delimiter = format!("--{boundary}");
    let mut rest = body.strip_prefix(delimiter.as_bytes()).ok_or("something stands before its first boundary")?;
    let mut fields = Vec::new();
    loop {
        if let Some(behind) = rest.strip_prefix(b"--") {
            return if matches!(behind, b"" | b"\r\n") { Ok(fields) } else { Err("it goes on behind its end".into()) };
        }
        let part = rest.strip_prefix(b"\r\n").ok_or("a boundary does not stand alone on its line")?;
        // Wherever it stands: to some readers a line that merely begins with it ends a value.
        let end = memmem::find(part, delimiter.as_bytes()).ok_or("it ends before its last boundary")?;
        let value = part[..end].strip_suffix(b"\r\n").ok_or("a boundary stands within a line")?;
        rest = &part[end + delimiter.len()..];
        if fields.len() == MAX_FIELDS {
            return Err(format!("more than {MAX_FIELDS} fields"));
        }
        fields.push(field(value)?);
    }
}

fn field(part: &[u8]) -> Result<(String, String), String> {
    let (disposition, after) = line(part)?;
    let (name, file) = named(disposition).ok_or("a part's Content-Disposition is not as browsers write it")?;
    let value = match (after.strip_prefix(b"\r\n"), file) {
        (Some(value), false) => value,
        (None, true) => {
            let (content_type, after) = line(after)?;
            let is_type = content_type.strip_prefix(CONTENT_TYPE).is_some_and(is_plain);
            let value = after.strip_prefix(b"\r\n").filter(|_| is_type);
            value.ok_or("a file has other header lines than browsers write")?
        }
        _ => return Err("a part has other header lines than browsers write".into()),
    };
    Ok((name.to_owned(), String::from_utf8_lossy(value).into_owned()))
}

/// The first line of a part's head, and what follows.
fn line(head: &[u8]) -> Result<(&str, &[u8]), String> {
    let end = memmem::find(head, b"\r\n").filter(|end| *end <= LINE_LENGTH).ok_or("a part's head does not end")?;
    let line = str::from_utf8(&head[..end]).map_err(|_| "a part's head is not UTF-8")?;
    Ok((line, &head[end + 2..]))
}

/// The name, and whether it is a file's.
fn named(disposition: &str) -> Option<(&str, bool)> {
    let (name, after) = disposition.strip_prefix(DISPOSITION)?.split_once('"')?;
    // Java's readers decode `=?utf-8?q?...?=`, others `%5F`, some split at `;` whatever the quotes.
    let is_escape = |at: usize| ["%22", "%0D", "%0A"].iter().any(|escape| name[at..].starts_with(escape));
    let is_name = is_plain(name) && !name.contains(['=', ';']) && name.match_indices('%').all(|(at, _)| is_escape(at));
    if !is_name {
        return None;
    }
    if after.is_empty() {
        return Some((name, false));
    }
    let file = after.strip_prefix("; filename=\"")?.strip_suffix('"')?;
    let is_file = is_plain(file) && !file.contains('"') && !(file.contains(';') && file.contains('='));
    is_file.then_some((name, true))
}

/// Neither a backslash, before which readers differ on what ends a quote, nor a control character, at which some end a line.
fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || c == '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<Vec<(String, String)>> {
        fields(body.as_bytes(), "b").ok()
    }

    fn part(head: &str, value: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    }

    #[test]
    fn what_browsers_send_is_read() {
        let file = "name=\"f\"; filename=\"Rør; 2.csv\"\r\nContent-Type: text/csv";
        let none = "name=\"g\"; filename=\"\"\r\nContent-Type: application/octet-stream";
        let body = [
            part("name=\"qty[a.b 1]\"", "2"),
            part("name=\"say %22x%22\"", "one\r\ntwo\r\n\r\n--a\nContent-Disposition: form-data; name=\"x\"\r\n\r\n"),
            part("name=\"\"", ""),
            part(file, "a;b\0c"),
            part(none, ""),
            "--b--\r\n".to_owned(),
        ]
        .concat();
        let fields = read(&body).unwrap();
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["qty[a.b 1]", "say %22x%22", "", "f", "g"]);
        assert_eq!(fields[3].1, "a;b\0c");
        assert_eq!(read("--b--\r\n"), Some(Vec::new()));
        assert_eq!(read("--b--"), Some(Vec::new()));
    }

    #[test]
    fn what_browsers_do_not_send_is_not() {
        let good = part("name=\"x\"", "1");
        let end = "--b--\r\n";
        assert!(read(&format!("{good}{end}")).is_some());
        for body in [
            String::new(),
            good.clone(),
            format!("\r\n{good}{end}"),
            format!("{good}{end}\r\n"),
            format!("{good}{end}{good}{end}"),
            format!("{good}--b-- \r\n"),
            format!("{good}--b \r\n{end}"),
            format!("{good}{end}").replace("\r\n", "\n"),
            part("name=\"x\"", "1\n--bc") + end,
            part("name=\"x\"", "1\r\n--bc") + end,
            part("name=\"x\"", "--b") + end,
            part("name=\"x\"; name=\"y\"", "1") + end,
            part("name=\"x\"; filename=\"f\"; name=\"y\"\r\nContent-Type: a/b", "1") + end,
            part("name=\"x\"; filename=\"a; name=y\"\r\nContent-Type: a/b", "1") + end,
            part("name=\"x\"; filename=f\r\nContent-Type: a/b", "1") + end,
            part("name=\"x\"; filename*=utf-8''f\r\nContent-Type: a/b", "1") + end,
            part("name=\"x\"; filename=\"f\"", "1") + end,
            part("name=\"x\"\r\nContent-Type: a/b", "1") + end,
            part("name=\"x\"; filename=\"f\"\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: base64", "1") + end,
            part("name=x", "1") + end,
            part("name='x'", "1") + end,
            part("name=\"x\" ", "1") + end,
            part("NAME=\"x\"", "1") + end,
            part(" name=\"x\"", "1") + end,
            part("x=y;\r\n name=\"x\"", "1") + end,
            part("name=\"a\\\"", "1") + end,
            part("name=\"a\rb\"", "1") + end,
            part("name=\"a\0b\"", "1") + end,
            part("name=\"=?utf-8?q?x?=\"", "1") + end,
            part("name=\"place%5Forder\"", "1") + end,
            part(&format!("name=\"{}\"", "x".repeat(LINE_LENGTH)), "1") + end,
            part("name=\"x\"", "1").replace("form-data", "attachment") + end,
            part("name=\"x\"", "1").repeat(MAX_FIELDS + 1) + end,
        ] {
            assert_eq!(read(&body), None, "{body:?}");
        }
    }

    #[test]
    fn a_boundary_is_named_once_and_plainly() {
        for (content_type, expected) in [
            ("multipart/form-data; boundary=----WebKitFormBoundaryAbc12", Some("----WebKitFormBoundaryAbc12")),
            ("multipart/form-data; boundary=----geckoformboundary1a2b", Some("----geckoformboundary1a2b")),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"b\"", None),
            ("multipart/form-data; boundary=a,b", None),
            ("multipart/form-data; boundary=a; boundary=b", None),
            ("multipart/form-data; xboundary=a; boundary=b", None),
            ("multipart/form-data; charset=utf-8; boundary=b", None),
            ("multipart/mixed; boundary=b", None),
        ] {
            assert_eq!(boundary(content_type), expected, "{content_type}");
        }
    }
}
