//! What the two demo servers stand on: a request read whole, a page written whole, one loopback listener.
//!
//! Everything here is deliberately independent of the proxy's own code, or the demo would check the proxy with the
//! proxy.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// The largest request body the demo servers read: 4 MiB, a cart of some thousand lines.
const LARGEST_BODY: usize = 4 << 20;

/// The charset a demo server speaks, in its pages and in the forms that come back from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// `utf-8`.
    #[default]
    Utf8,
    /// `iso-8859-1`, which on the web means Windows-1252.
    Latin1,
}

impl Charset {
    /// The name as it stands in a `Content-Type`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Latin1 => "iso-8859-1",
        }
    }

    /// The charset a browser understands by `label`; `None` for one the demo does not speak.
    pub fn of_label(label: &str) -> Option<Self> {
        match Encoding::for_label(label.as_bytes()) {
            Some(encoding) if encoding == UTF_8 => Some(Self::Utf8),
            Some(encoding) if encoding == WINDOWS_1252 => Some(Self::Latin1),
            _ => None,
        }
    }

    fn encoding(self) -> &'static Encoding {
        match self {
            Self::Utf8 => UTF_8,
            Self::Latin1 => WINDOWS_1252,
        }
    }

    /// `text` in this charset; what it lacks becomes a numeric character reference, as browsers and old shops do.
    pub fn encode(self, text: &str) -> Vec<u8> {
        self.encoding().encode(text).0.into_owned()
    }

    /// Bytes of this charset as text.
    pub fn decode(self, bytes: &[u8]) -> String {
        self.encoding().decode_without_bom_handling(bytes).0.into_owned()
    }

    /// The pairs of an urlencoded form or query, in their order.
    pub fn read_form(self, form: &[u8]) -> Vec<(String, String)> {
        match self {
            Self::Utf8 => form_urlencoded::parse(form).into_owned().collect(),
            Self::Latin1 => form
                .split(|&byte| byte == b'&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (name, value) = match pair.iter().position(|&byte| byte == b'=') {
                        Some(at) => (&pair[..at], &pair[at + 1..]),
                        None => (pair, &pair[pair.len()..]),
                    };
                    (self.read_form_part(name), self.read_form_part(value))
                })
                .collect(),
        }
    }

    fn read_form_part(self, part: &[u8]) -> String {
        let spaced: Vec<u8> = part.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
        let bytes: Vec<u8> = percent_encoding::percent_decode(&spaced).collect();
        self.decode(&bytes)
    }

    /// The pairs as the body of an urlencoded form, as a browser sends it from a page in this charset.
    pub fn write_form(self, pairs: &[(String, String)]) -> String {
        fn latin1(text: &str) -> Cow<'_, [u8]> {
            WINDOWS_1252.encode(text).0
        }
        let encode: form_urlencoded::EncodingOverride<'_> = match self {
            Self::Utf8 => None,
            Self::Latin1 => Some(&latin1),
        };
        form_urlencoded::Serializer::new(String::new()).encoding_override(encode).extend_pairs(pairs).finish()
    }
}

/// A request, read to its end.
#[derive(Debug)]
pub struct Asked {
    /// GET, POST ...
    pub method: Method,
    /// The path as it came, undecoded.
    pub path: String,
    /// What stands behind the `?`, undecoded; empty where there is none.
    pub query: String,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The body, at most 4 MiB.
    pub body: Bytes,
}

impl Asked {
    /// The value of a cookie; the first where the browser sends two.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }
}

/// What a demo server says.
pub type Answer = Response<Full<Bytes>>;

/// A demo server: from a request to an answer, without waiting for anything.
pub trait Site: Send + Sync + 'static {
    /// Answers one request.
    fn answer(&self, asked: &Asked) -> Answer;
}

/// A page in `charset`.
pub fn html(status: StatusCode, charset: Charset, page: &str) -> Answer {
    let kind = match charset {
        Charset::Utf8 => "text/html; charset=utf-8",
        Charset::Latin1 => "text/html; charset=iso-8859-1",
    };
    content(status, kind, charset.encode(page))
}

/// A JSON document.
pub fn json(status: StatusCode, document: &serde_json::Value) -> Answer {
    content(status, "application/json", document.to_string())
}

/// Any other content.
pub fn content(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// A redirect to `path`, which is one of the server's own or built from escaped parts.
pub fn redirect(status: StatusCode, path: &str) -> Answer {
    with_header(content(status, "text/plain", Bytes::new()), header::LOCATION, path)
}

/// `answer` with one more header line; a value that no header can carry is left out.
pub fn with_header(mut answer: Answer, name: HeaderName, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().append(name, value);
    }
    answer
}

/// `template` with every `{{name}}` replaced by its value, in one pass: a value is never searched for names.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(template.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, behind) = after.split_once("}}").unwrap_or((after, ""));
        page.push_str(before);
        page.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        rest = behind;
    }
    page.push_str(rest);
    page
}

/// 128 random bits in hexadecimal.
pub fn random_id() -> String {
    let mut bits = [0; 16];
    // No randomness means no operating system to speak of; the demo cannot run then.
    getrandom::fill(&mut bits).expect("the operating system gives random bytes");
    HEXLOWER.encode(&bits)
}

/// Answers every connection of `listener` with `site` until the runtime ends.
pub(super) async fn serve<S: Site>(listener: tokio::net::TcpListener, site: Arc<S>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            // Out of file handles: wait for some to come back instead of spinning.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let site = site.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let site = site.clone();
                async move { Ok::<_, Infallible>(answer_one(&*site, request).await) }
            });
            // A browser that hangs up in mid-answer is nobody's problem.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

async fn answer_one(site: &impl Site, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => site.answer(&Asked {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body: body.to_bytes(),
        }),
        Err(_) => content(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "The request body could not be read."),
    }
}

/// A listener on a free loopback port, ready for a tokio runtime.
pub(super) fn listen() -> std::io::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_in_one_pass() {
        assert_eq!(fill("<{{a}}|{{b}}|{{c}}>", &[("a", "{{b}}"), ("b", "2")]), "<{{b}}|2|>");
    }

    #[test]
    fn a_latin1_form_goes_both_ways() {
        let pairs = vec![("q".to_owned(), "blå & rød".to_owned()), ("tom".to_owned(), String::new())];
        let form = Charset::Latin1.write_form(&pairs);
        assert_eq!(form, "q=bl%E5+%26+r%F8d&tom=");
        assert_eq!(Charset::Latin1.read_form(form.as_bytes()), pairs);
        assert_ne!(Charset::Utf8.read_form(form.as_bytes()), pairs);
    }
}
