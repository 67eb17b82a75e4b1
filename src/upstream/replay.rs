//! A copy of a request's head, kept in case the connection it went out on turns out to be dead.
//!
//! Cloning the header map would cost two allocations a request and hold on to the client's read buffer; the bytes are
//! copied instead, into a buffer that lives as long as the connection.

use http::header::{HeaderName, HeaderValue};
use http::{Extensions, Method, Request, Uri};

use super::RequestBody;

/// The head of a request without a body, or nothing.
#[derive(Debug, Default)]
pub(super) struct Replay {
    bytes: Vec<u8>,
    /// Ends in `bytes`: of the target first, then of each name and value in turn.
    ends: Vec<u32>,
    method: Option<Method>,
    /// Where hyper keeps the names of fields as they were written.
    extensions: Option<Extensions>,
}

impl Replay {
    pub(super) fn keep<B>(&mut self, request: &Request<B>) {
        self.clear();
        self.method = Some(request.method().clone());
        let uri = request.uri();
        match uri.path_and_query() {
            Some(target) => self.push(target.as_str().as_bytes()),
            None => self.push(b"/"),
        }
        for (name, value) in request.headers() {
            self.push(name.as_str().as_bytes());
            self.push(value.as_bytes());
        }
    }

    /// Keeps too what belongs to a request but is not in its head.
    pub(super) fn keep_extensions<B>(&mut self, request: &Request<B>) {
        self.extensions = Some(request.extensions().clone());
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len() as u32);
    }

    pub(super) fn clear(&mut self) {
        self.method = None;
        self.extensions = None;
        self.bytes.clear();
        self.ends.clear();
    }

    /// The request again, if one was kept.
    pub(super) fn take(&mut self) -> Option<Request<RequestBody>> {
        let method = self.method.take()?;
        let mut start = 0;
        let mut pieces = self.ends.iter().map(|&end| {
            let piece = &self.bytes[start..end as usize];
            start = end as usize;
            piece
        });
        let mut request = Request::new(RequestBody::Empty);
        *request.method_mut() = method;
        *request.extensions_mut() = self.extensions.take().unwrap_or_default();
        *request.uri_mut() = Uri::try_from(pieces.next()?).ok()?;
        while let (Some(name), Some(value)) = (pieces.next(), pieces.next()) {
            request.headers_mut().append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
        }
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let request = Request::builder()
            .method("OPTIONS")
            .uri("/a%2Fb?c=d|e")
            .header("host", "shop.example")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("x-latin", HeaderValue::from_bytes(b"\xe5\xf8").unwrap())
            .header("x-empty", "")
            .body(())
            .unwrap();
        let mut replay = Replay::default();
        assert!(replay.take().is_none());
        replay.keep(&request);
        let again = replay.take().unwrap();
        assert_eq!((again.method(), again.uri()), (request.method(), request.uri()));
        assert_eq!(again.headers(), request.headers());
        assert!(replay.take().is_none());
    }

    #[test]
    fn the_asterisk_target_comes_back() {
        let request = Request::builder().method("OPTIONS").uri("*").body(()).unwrap();
        let mut replay = Replay::default();
        replay.keep(&request);
        assert_eq!(replay.take().unwrap().uri(), "*");
    }
}
