//! Query and body of a catalog call, as one list of parameters.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::{BodyDataStream, Full};
use percent_encoding::percent_decode;

use super::charset::Charset;
use super::entry::EntryError;
use super::names::EntryNames;

/// The most that query and body may hold together, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// The most parameters that an entry may have.
pub const MAX_PARAMETERS: usize = 500;

/// Parameters in the order they came in, each name once. Where a name comes twice, the body beats the query and, within
/// one of them, the first beats the later ones; but an empty value gives way to one that is not.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Parameters(Vec<Parameter>);

#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Parameter {
    name: String,
    value: String,
    source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Source {
    Query,
    Body,
}

/// How HOOK_URL was written in the entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum HookShape {
    /// Encoded once, as the standard has it.
    #[default]
    Encoded,
    /// Not encoded at all: everything after `HOOK_URL=` was taken (IFS Cloud).
    RawTail,
    /// Not encoded, but other OCI parameters follow it, so that its own query may be cut short at a `&`.
    RawThenOthers,
    /// Encoded twice.
    DoubleEncoded,
}

impl Parameters {
    /// The value of a name, compared without case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|found| found.value.as_str())
    }

    /// Name and value of the first of `names` that is there and not empty.
    pub fn first_of(&self, names: &[String]) -> Option<(&str, &str)> {
        let found = names.iter().filter_map(|name| self.find(name)).find(|found| !found.value.is_empty())?;
        Some((&found.name, &found.value))
    }

    /// Names as they were spelled, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|one| (one.name.as_str(), one.value.as_str()))
    }

    /// Reads an entry. `query` is what stands after `?`, as it came; `body` is a content type and the whole body.
    pub(crate) fn read(
        query: Option<&[u8]>,
        body: Option<(&str, &[u8])>,
        names: &EntryNames,
    ) -> Result<(Parameters, HookShape), EntryError> {
        let query = query.unwrap_or_default();
        let size = query.len() + body.map_or(0, |(_, bytes)| bytes.len());
        if size > MAX_BYTES {
            return Err(EntryError::TooLarge(size));
        }
        let mut parameters = Parameters::default();
        let mut shape = HookShape::Encoded;
        parameters.add_query(query, names, &mut shape)?;
        if let Some((content_type, bytes)) = body {
            parameters.add_body(content_type, bytes)?;
        }
        Ok((parameters, shape))
    }

    /// Drops the parameters whose names are in any of `lists`.
    pub(crate) fn without(mut self, lists: &[&Vec<String>]) -> Self {
        let dropped = |name: &str| lists.iter().any(|list| list.iter().any(|one| one.eq_ignore_ascii_case(name)));
        self.0.retain(|one| !dropped(&one.name));
        self
    }

    fn find(&self, name: &str) -> Option<&Parameter> {
        self.0.iter().find(|one| one.name.eq_ignore_ascii_case(name))
    }

    fn add(&mut self, name: String, value: String, source: Source) -> Result<(), EntryError> {
        if let Some(known) = self.0.iter_mut().find(|one| one.name.eq_ignore_ascii_case(&name)) {
            let stronger = known.source != source && source == Source::Body;
            if !value.is_empty() && (known.value.is_empty() || stronger) {
                *known = Parameter { name, value, source };
            }
            return Ok(());
        }
        if self.0.len() == MAX_PARAMETERS {
            return Err(EntryError::TooManyParameters);
        }
        self.0.push(Parameter { name, value, source });
        Ok(())
    }

    fn add_query(&mut self, query: &[u8], names: &EntryNames, shape: &mut HookShape) -> Result<(), EntryError> {
        let mut rest = query;
        while !rest.is_empty() {
            let (pair, after) = split_at_byte(rest, b'&');
            let (name, value) = split_at_byte(pair, b'=');
            if EntryNames::is_one_of(&names.hook, name) && value.contains(&b'?') {
                let followed = pairs(after).any(|(name, _)| names.is_known(name));
                if !followed {
                    *shape = HookShape::RawTail;
                    let tail = &rest[(name.len() + 1).min(rest.len())..];
                    return self.add(decode(name), raw_tail(tail), Source::Query);
                }
                *shape = HookShape::RawThenOthers;
            }
            if !pair.is_empty() {
                self.add(decode(name), decode(value), Source::Query)?;
            }
            rest = after;
        }
        Ok(())
    }

    fn add_body(&mut self, content_type: &str, body: &[u8]) -> Result<(), EntryError> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            for (name, value) in pairs(body) {
                self.add(decode(name), decode(value), Source::Body)?;
            }
            return Ok(());
        }
        if essence.eq_ignore_ascii_case("multipart/form-data") {
            let boundary = multer::parse_boundary(content_type).map_err(|error| EntryError::Body(error.to_string()))?;
            let fields = of_multipart(body, boundary)
                .ok_or_else(|| EntryError::Body("the multipart body ends before its last boundary".to_owned()))?
                .map_err(|error| EntryError::Body(error.to_string()))?;
            for (name, value) in fields {
                self.add(name, Charset::guess(&value), Source::Body)?;
            }
            return Ok(());
        }
        Err(EntryError::ContentType(essence.chars().take(80).collect()))
    }
}

/// For a session that comes back from a store, and for tests: the pairs as if they had come in a query.
impl FromIterator<(String, String)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| Parameter { name, value, source: Source::Query });
        Parameters(pairs.collect())
    }
}

/// Names only: values are people's names, cost centres and session tokens.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|one| &one.name)).finish()
    }
}

/// The pairs of an urlencoded text, still encoded.
pub(crate) fn pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| split_at_byte(pair, b'='))
}

/// One urlencoded name or value as text. `form_urlencoded` would turn the bytes of a Latin-1 name into U+FFFD.
pub(crate) fn decode(raw: &[u8]) -> String {
    let spaced: Vec<u8> = raw.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    Charset::guess(&percent_decode(&spaced).collect::<Vec<u8>>())
}

fn split_at_byte(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match memchr::memchr(separator, text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

/// A HOOK_URL that was not encoded stands as it is; one of which `:` was encoded but `?` was not is decoded.
fn raw_tail(tail: &[u8]) -> String {
    let plain = [&b"http:"[..], b"https:"]
        .iter()
        .any(|scheme| tail.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    if plain { Charset::guess(tail) } else { decode(tail) }
}

/// The fields of a multipart body that is all there, at most [`MAX_PARAMETERS`] and one; none where it breaks off.
fn of_multipart(body: &[u8], boundary: String) -> Option<multer::Result<Vec<(String, Bytes)>>> {
    ready(multipart_fields(body, boundary))
}

async fn multipart_fields(body: &[u8], boundary: String) -> multer::Result<Vec<(String, Bytes)>> {
    let stream = BodyDataStream::new(Full::new(Bytes::copy_from_slice(body)));
    let mut multipart = multer::Multipart::new(stream, boundary);
    let mut fields = Vec::new();
    while let Some(field) = multipart.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        let value = field.bytes().await?;
        if !name.is_empty() && fields.len() <= MAX_PARAMETERS {
            fields.push((name, value));
        }
    }
    Ok(fields)
}

/// The outcome of a future over bytes that are all there: it has nothing to wait for, unless the body broke off.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
