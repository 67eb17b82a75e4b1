//! A form that a session sends where its fields decide whether it may: read whole, and looked into as the shop would.
//!
//! What no shop takes for a form passes unread. What could be one and cannot be looked into is refused.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method, request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use super::multipart;
use crate::exchange::Exchange;
use crate::location::Target;
use crate::policy::{Policy, Verdict};
use crate::problem::{Kind, Problem};
use crate::upstream::{RequestBody, UploadLimits};

/// Longest form that is looked into, in bytes.
const FORM_SIZE: u64 = 256 << 10;

/// The same for one that may carry files.
const MULTIPART_SIZE: u64 = 8 << 20;

/// How many times the longest pause a form may take in all.
const LONGEST: u32 = 10;

/// Deeper than any shop nests what it takes for parameters.
const JSON_DEPTH: usize = 16;

/// A form, whole.
pub(super) struct Form {
    shape: Shape,
    bytes: Bytes,
}

/// A body, and the room that was given to it.
struct Held {
    bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Held {
    fn add(&mut self, data: &[u8], room: OwnedSemaphorePermit) {
        self.bytes.extend_from_slice(data);
        match &mut self.room {
            Some(all) => all.merge(room),
            None => self.room = Some(room),
        }
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// How fields stand in it.
enum Shape {
    Urlencoded,
    Multipart(String),
    Json,
    /// No shop takes fields from it.
    Other,
}

/// Reads the body of a request whose fields decide.
///
/// # Errors
/// [`Kind::Denied`] for what could be a form and cannot be looked into, [`Kind::BodyTooLarge`] for one that is too long,
/// [`Kind::RequestTimeout`] for one that stalls, [`Kind::ShopBusy`] while too many are held.
pub(super) async fn read(x: &Exchange, head: &request::Parts, body: Incoming) -> Result<Form, Problem> {
    if http_body::Body::is_end_stream(&body) {
        return Ok(Form { shape: Shape::Other, bytes: Bytes::new() });
    }
    let shape = shape(&head.headers)?;
    let most = if matches!(shape, Shape::Multipart(_) | Shape::Other) { MULTIPART_SIZE } else { FORM_SIZE };
    let limits = &x.plan().limits;
    let limits = UploadLimits { size: limits.body_size.min(most), idle: limits.body_idle };
    let whole = whole(x, RequestBody::client(body, limits));
    match tokio::time::timeout(limits.idle * LONGEST, whole).await {
        Ok(bytes) => Ok(Form { shape, bytes: bytes? }),
        Err(_) => Err(Problem::new(Kind::RequestTimeout, "a form that comes by so little at a time")),
    }
}

/// The whole of a body, for which there is room until the shop has taken it.
async fn whole(x: &Exchange, mut body: RequestBody) -> Result<Bytes, Problem> {
    let mut held = Held { bytes: Vec::new(), room: None };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let detail = format!("a form whose fields decide, after {} bytes: {error}", held.bytes.len());
            Problem::new(error.kind(), detail)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        let room = x.entrance().room_for_form(data.len());
        held.add(&data, room.ok_or_else(|| Problem::new(Kind::ShopBusy, "too many forms are held at once"))?);
    }
    Ok(Bytes::from_owner(held))
}

fn shape(headers: &HeaderMap) -> Result<Shape, Problem> {
    let refused = |why: &str| Err(Problem::new(Kind::Denied, format!("a form here is not taken {why}")));
    if headers.contains_key(CONTENT_ENCODING) {
        return refused("compressed");
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else {
        return refused("without a Content-Type, or with two");
    };
    let Ok(content_type) = content_type.to_str() else { return refused("with a Content-Type like this one") };
    // PHP ends the type at any of these.
    let essence = content_type.split([';', ',', ' ', '\t']).next().unwrap_or_default().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" if is_ascii_compatible(content_type) => Ok(Shape::Urlencoded),
        "application/x-www-form-urlencoded" => refused("in that charset"),
        "application/json" | "text/json" => Ok(Shape::Json),
        other if other.starts_with("application/") && other.ends_with("+json") => Ok(Shape::Json),
        other if other.starts_with("multipart/") => match multipart::boundary(content_type) {
            Some(boundary) => Ok(Shape::Multipart(boundary.to_owned())),
            None => refused("as multipart of another kind than browsers send"),
        },
        "text/plain" | "application/octet-stream" | "application/csp-report" => Ok(Shape::Other),
        other if other.starts_with("image/") => Ok(Shape::Other),
        _ => refused("in that Content-Type"),
    }
}

/// Django decodes names by the charset that the type names; in some, ASCII letters are other bytes.
fn is_ascii_compatible(content_type: &str) -> bool {
    let charset = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_owned())
    });
    charset.is_none_or(|charset| is_ascii_charset(&charset))
}

fn is_ascii_charset(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "utf-8" | "utf8" | "us-ascii" | "ascii" | "windows-1252") || name.starts_with("iso-8859-")
}

impl Form {
    /// Whether it may be sent.
    ///
    /// # Errors
    /// [`Kind::Denied`] for one that cannot be looked into.
    pub(super) fn judge(&self, policy: &Policy, method: &Method, target: &Target) -> Result<Verdict, Problem> {
        let refused = |why: String| Problem::new(Kind::Denied, format!("a form that cannot be looked into: {why}"));
        let fields: Vec<(String, String)> = match &self.shape {
            Shape::Other => Vec::new(),
            Shape::Urlencoded => urlencoded(&self.bytes),
            Shape::Json => json(&self.bytes).map_err(refused)?,
            Shape::Multipart(boundary) => multipart::fields(&self.bytes, boundary).map_err(refused)?,
        };
        let charset = fields.iter().find(|(name, value)| name == "_charset_" && !is_ascii_charset(value));
        if let Some((_, charset)) = charset {
            // Java's servers decode the others by what this one says.
            return Err(refused(format!("its charset is `{charset}`")));
        }
        let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(policy.judge_form(method, target, fields))
    }

    /// As it came.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

fn urlencoded(bytes: &[u8]) -> Vec<(String, String)> {
    let mut fields: Vec<_> = form_urlencoded::parse(bytes).into_owned().collect();
    if bytes.contains(&b';') {
        // Python and Perl took `;` for `&` not long ago.
        let split: Vec<u8> = bytes.iter().map(|&byte| if byte == b';' { b'&' } else { byte }).collect();
        fields.extend(form_urlencoded::parse(&split).into_owned());
    }
    fields
}

/// Members of objects, however deep: some frameworks take JSON for a form.
fn json(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut fields = Vec::new();
    members(&value, JSON_DEPTH, &mut fields)?;
    Ok(fields)
}

fn members(value: &serde_json::Value, depth: usize, fields: &mut Vec<(String, String)>) -> Result<(), String> {
    let deeper = depth.checked_sub(1).ok_or("its JSON is too deep")?;
    match value {
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                let text = match value {
                    serde_json::Value::Object(_) | serde_json::Value::Array(_) => String::new(),
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                fields.push((name.clone(), text));
                members(value, deeper, fields)?;
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                members(item, deeper, fields)?;
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::location::Location;
    use crate::policy::Denial;

    fn policy() -> Policy {
        let denial = |location: &str, field: Option<&str>| Denial {
            method: field.map(|_| Method::POST),
            location: Location::parse(location).unwrap(),
            field: field.map(|name| (name.to_owned(), None)),
        };
        Policy { denials: vec![denial("/**", Some("place_order")), denial("?route=checkout/**", None)] }
    }

    fn judged(content_type: &str, body: &str) -> Result<bool, ()> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap())]);
        let form = Form { shape: shape(&headers).map_err(drop)?, bytes: Bytes::copy_from_slice(body.as_bytes()) };
        let verdict = form.judge(&policy(), &Method::POST, &Target::new("/cart", None)).map_err(drop)?;
        Ok(verdict == Verdict::Allow)
    }

    fn part(disposition: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n1\r\n--b--\r\n")
    }

    #[test]
    fn every_kind_of_form_is_looked_into() {
        let (urlencoded, multipart, json) =
            ("application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "application/json; charset=utf-8");
        for (content_type, body, expected) in [
            (urlencoded, "add-to-cart=17&quantity=1".to_owned(), Ok(true)),
            (urlencoded, "x=1&place_order=".to_owned(), Ok(false)),
            (urlencoded, "x=1;place.order=1".to_owned(), Ok(false)),
            (urlencoded, "route=check-out/confirm".to_owned(), Ok(false)),
            ("Application/X-WWW-Form-urlencoded, x", "place_order=1".to_owned(), Ok(false)),
            ("application/x-www-form-urlencoded; charset=IBM037", "x=1".to_owned(), Err(())),
            ("application/x-www-form-urlencoded; charset=\"UTF-8\"", "x=1".to_owned(), Ok(true)),
            (multipart, part("name=\"add-to-cart\""), Ok(true)),
            (multipart, part("name=\"place_order\""), Ok(false)),
            (multipart, part("name=\"place.order\""), Ok(false)),
            (multipart, part("name=\"place_order[x]\""), Ok(false)),
            (multipart, part("name=place_order"), Err(())),
            (multipart, part("name=\"x\"") + &part("name=\"place_order\""), Err(())),
            (multipart, part("name=\"_charset_\"").replace("\r\n1\r\n", "\r\nIBM037\r\n"), Err(())),
            ("multipart/form-data; xboundary=a; boundary=b", part("name=\"x\""), Err(())),
            (multipart, part("name='place_order'"), Err(())),
            (multipart, part("name=\"x\"; filename=\"y\"; name=\"place_order\""), Err(())),
            (multipart, part("x=y;\r\n name=\"place_order\""), Err(())),
            (multipart, part("name=\"note\"").replace("\r\n1\r\n", "\r\nplace_order, I said\r\n"), Ok(true)),
            (multipart, "--b\r\nContent-Disposition: form-data; name=\"x\"".to_owned(), Err(())),
            (json, "{\"id\": 17, \"variation\": [{\"attribute\": \"x\"}]}".to_owned(), Ok(true)),
            (json, "{\"a\": [{\"place_order\": 1}]}".to_owned(), Ok(false)),
            (json, "{\"route\": \"checkout/confirm\"}".to_owned(), Ok(false)),
            (json, "{\"a\": ".to_owned(), Err(())),
            ("text/plain", "place_order=1".to_owned(), Ok(true)),
            ("text/xml", "<place_order/>".to_owned(), Err(())),
        ] {
            assert_eq!(judged(content_type, &body), expected, "{content_type}: {body}");
        }
        assert!(json_of_depth(JSON_DEPTH + 1).is_err() && json_of_depth(JSON_DEPTH - 1).is_ok());
    }

    fn json_of_depth(depth: usize) -> Result<Vec<(String, String)>, String> {
        json(format!("{}1{}", "[".repeat(depth), "]".repeat(depth)).as_bytes())
    }
}
