//! One line of the log for a request, written when its answer has left.
//!
//! The line has the path without its query: that may hold a HOOK_URL, a password or somebody's search. No field of the
//! request and none of the answer is in it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};

use super::Asker;
use super::body::{Body, BodyError};
use crate::exchange::{Course, Exchange};
use crate::observe::{self, Metrics};
use crate::session::id::Reference;

/// An answer's body, and what will be said of it.
pub struct Followed {
    body: Body,
    line: Line,
    /// It was given to its end.
    whole: bool,
    bytes: u64,
    /// Spent on a page that is rewritten.
    rewriting: Option<Duration>,
}

/// What is known when the answer begins.
struct Line {
    /// None where nothing is to be logged.
    logged: Option<Reference>,
    metrics: Arc<Metrics>,
    method: Method,
    path: String,
    status: StatusCode,
    began: Instant,
    course: Course,
}

/// Follows an answer to its end where that is wanted. Of visitors it is not, unless `log.visitors` says so: their answers
/// stay as they are.
pub(super) fn follow(x: &Exchange, who: &Asker, began: Instant, answer: Response<Body>) -> Response<Body> {
    let (log, course) = (x.plan().log, x.course().get());
    let logged = if course.punchout { log.sessions } else { log.visitors };
    let is_rewritten = course.punchout && matches!(answer.body(), Body::Rewritten(_));
    if !logged && !is_rewritten {
        return answer;
    }
    let path = who.target.as_ref().map(|target| observe::one_line(target.path()).into_owned());
    let line = Line {
        logged: logged.then(|| x.reference()),
        metrics: x.shop().watch.metrics.clone(),
        method: who.method.clone(),
        path: path.unwrap_or_default(),
        status: answer.status(),
        began,
        course,
    };
    answer.map(|body| {
        let whole = line.method == Method::HEAD || body.is_end_stream();
        let rewriting = is_rewritten.then_some(Duration::ZERO);
        Body::Followed(Box::new(Followed { body, line, whole, bytes: 0, rewriting }))
    })
}

impl http_body::Body for Followed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let followed = self.get_mut();
        let polled = match &mut followed.rewriting {
            Some(work) => {
                let began = Instant::now();
                let polled = Pin::new(&mut followed.body).poll_frame(cx);
                *work += began.elapsed();
                polled
            }
            None => Pin::new(&mut followed.body).poll_frame(cx),
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                followed.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                // A body of a known length is not asked again after its last byte.
                followed.whole = followed.body.is_end_stream();
            }
            Poll::Ready(None) => followed.whole = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let Line { logged, metrics, method, path, status, began, course } = &self.line;
        if let Some(work) = self.rewriting {
            metrics.rewritten(work);
        }
        let Some(reference) = logged else { return };
        let ms = |time: Duration| (time.as_secs_f64() * 10_000.0).round() / 10.0;
        let (bytes, whole, status) = (self.bytes, self.whole, status.as_u16());
        let (connect_ms, first_byte_ms) = (course.connect.map(ms), course.first_byte.map(ms));
        let (rewriting_ms, total_ms) = (self.rewriting.map(ms), ms(began.elapsed()));
        tracing::info!(
            %reference,
            punchout = course.punchout,
            %method,
            path,
            status,
            bytes,
            whole,
            connect_ms,
            first_byte_ms,
            rewriting_ms,
            total_ms,
            "request"
        );
    }
}
