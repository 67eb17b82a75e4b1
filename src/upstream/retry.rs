//! When a request that failed is sent once more. The whole rule is [`again`].

use http::{Method, Request};
use http_body::Body as _;

use super::RequestBody;

/// What is known about a request that got no answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// The request came back to us: not a byte of it was written.
    pub(super) unsent: bool,
    /// The connection had served a request before. Its end may then have nothing to do with this one.
    pub(super) reused: bool,
    /// The connection ended before a byte of an answer, rather than with garbage or by a time-out.
    pub(super) hung_up: bool,
    /// See [`repeatable`].
    pub(super) repeatable: bool,
    /// Times this request was sent again already.
    pub(super) retries: u32,
}

/// Whether to send it again.
///
/// Never sent: always, but only once more where a fresh connection failed so, or a shop that accepts and closes would
/// keep us busy for ever. Perhaps sent: once, on a connection that was used before, and only what may happen twice.
/// A POST that the shop may have seen is never repeated: it may have been an order.
pub(super) fn again(attempt: Attempt) -> bool {
    if attempt.unsent {
        return attempt.reused || attempt.retries == 0;
    }
    attempt.hung_up && attempt.reused && attempt.repeatable && attempt.retries == 0
}

/// GET, HEAD and OPTIONS without a body.
pub(super) fn repeatable(request: &Request<RequestBody>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) && request.body().is_end_stream()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table() {
        for bits in 0..16u8 {
            for retries in 0..3 {
                let [unsent, reused, hung_up, repeatable] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
                let expected = matches!(
                    (unsent, reused, hung_up, repeatable, retries),
                    (true, true, _, _, _) | (true, false, _, _, 0) | (false, true, true, true, 0)
                );
                let attempt = Attempt { unsent, reused, hung_up, repeatable, retries };
                assert_eq!(again(attempt), expected, "{attempt:?}");
            }
        }
    }

    #[test]
    fn only_bodiless_reads_are_repeatable() {
        let request = |method: &str, body| Request::builder().method(method).body(body).unwrap();
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(repeatable(&request(method, RequestBody::Empty)));
            assert!(!repeatable(&request(method, RequestBody::bytes("x"))));
        }
        for method in ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"] {
            assert!(!repeatable(&request(method, RequestBody::Empty)), "{method}");
        }
    }
}
