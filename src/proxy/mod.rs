//! The story of one request: see [`handle`].

pub mod route;
pub mod in_session;
mod asked;
mod part;
mod carried;
mod form;
mod multipart;
mod own_pages;
mod undo;
pub mod forward;
pub mod rewritten;
mod report_only;
mod request_line;
pub mod body;
pub mod headers;
pub mod validate;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_LANGUAGE, COOKIE, DATE, HOST, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

pub use body::Body;

use crate::config::plan::Buyer;
use crate::exchange::{Course, Exchange};
use crate::observe;
use crate::pages::{self, Language, Link, Nonce, Reader, wants_json};
use crate::problem::{Kind, Problem};
use crate::punchout::{arrive, bar, enter, frame, hand_over, leave};
use crate::rewrite::hydrated;
use crate::session::{Ended, Session, Stage, address, cookie};
use route::{Claim, OwnPage, Route, route};

/// Serves one request. Never fails: a [`Problem`] becomes an answer here and nowhere else.
pub fn handle(mut x: Exchange, request: Request<Incoming>) -> impl Future<Output = Response<Body>> {
    let (head, body) = request.into_parts();
    // Boxed, for it goes through many hands; in each it would have room of its own for as long as the request lasts.
    let mut head = Box::new(head);
    x.take_root(&mut head.uri);
    let who = Asker::of(&head);
    let began = Instant::now();
    async move {
        let answer = match serve(&x, &who, head, body).await {
            Ok(answer) => answer,
            Err(problem) => {
                x.metrics().problem(problem.kind);
                let (reference, code) = (x.reference(), problem.kind.code());
                let (side, peer) = (problem.kind.side(), x.peer());
                let detail = observe::one_line(&problem.detail);
                tracing::warn!(%reference, code, ?side, %peer, "{detail}");
                refuse(&x, &who, &problem)
            }
        };
        request_line::follow(&x, &who, began, answer)
    }
}

async fn serve(
    x: &Exchange,
    who: &Asker,
    mut head: Box<request::Parts>,
    body: Incoming,
) -> Result<Response<Body>, Problem> {
    validate::validate(&mut head, x.plan().limits.uri_size)?;
    let (claim, punchout) = match x.root().is_some() || who.ours.is_some() {
        // Boxed, for its size would otherwise be every visitor's.
        true => Box::pin(claim(x, &head)).await?,
        false => (Claim::None, None),
    };
    if let (Some(_), Some((session, _))) = (x.root(), &punchout)
        && address::is_stranger(session, &head.headers)
    {
        x.course().set(Course { punchout: true, ..Course::default() });
        let (reference, peer) = (x.reference(), x.peer());
        tracing::info!(%reference, %peer, "a session's address was called from outside of its pages, or by another browser");
        return carried::as_visitor(&head);
    }
    let route = route(x.plan(), &head, claim);
    if route != Route::Visitor {
        // Boxed, for its size would otherwise be every visitor's to make room for and to move.
        return Box::pin(serve_punchout(x, who, route, punchout, head, body)).await;
    }
    if let Some(root) = address::Root::of_referer(&x.plan().prefix, &head.headers) {
        if let Some(answer) = Box::pin(carried::bring_back(x, &root, &head)).await {
            x.course().set(Course { punchout: true, ..Course::default() });
            return Ok(answer);
        }
        // What a session's page merely shows; the shop need not learn whose page it is.
        root.out_of_all(&mut head.headers);
    }
    x.shop().lane.visitor();
    rewritten::serve_visitor(x, head, body).await
}

/// All that is no visitor's: a catalog call, a session's requests, pages of ours.
async fn serve_punchout(
    x: &Exchange,
    who: &Asker,
    route: Route,
    punchout: Option<(Arc<Session>, Arc<Buyer>)>,
    head: Box<request::Parts>,
    body: Incoming,
) -> Result<Response<Body>, Problem> {
    x.course().set(Course { punchout: true, ..Course::default() });
    let in_frame = match route {
        Route::Shop | Route::Own(OwnPage::Return | OwnPage::Cancel | OwnPage::Sent | OwnPage::Begin) => {
            punchout.clone()
        }
        // A catalog call may be another buyer's; it sees to its answer itself.
        _ => None,
    };
    let mut answer = by_route(x, who, route, punchout, head, body).await?;
    if let Some((session, buyer)) = in_frame {
        frame::fit(x, &session, &buyer, answer.headers_mut());
    }
    Ok(answer)
}

async fn by_route(
    x: &Exchange,
    who: &Asker,
    route: Route,
    punchout: Option<(Arc<Session>, Arc<Buyer>)>,
    head: Box<request::Parts>,
    body: Incoming,
) -> Result<Response<Body>, Problem> {
    match (route, punchout) {
        (Route::Visitor, _) => rewritten::serve_visitor(x, head, body).await,
        (Route::Enter, _) => {
            // Before anything is counted: a picture on somebody's page must not use up the turns of those who look at it.
            if own_pages::is_ahead(&head.headers) {
                return Ok(own(pages::not_ahead()));
            }
            own_pages::admit_call(&head.headers)?;
            let body = read_call(x, body).await?;
            enter::enter(x, &head, &body).await.map(own)
        }
        (Route::Shop, Some((session, buyer))) if session.handed.stage() < Stage::Sent => {
            in_session::serve(x, &session, &buyer, Request::from_parts(*head, body)).await
        }
        (Route::Shop, Some((session, _))) => leave::sent_already(x, &session).map(own),
        (Route::Own(page @ (OwnPage::Return | OwnPage::Cancel | OwnPage::Sent)), Some((session, buyer))) => {
            if own_pages::is_ahead(&head.headers) {
                return Ok(own(pages::not_ahead()));
            }
            own_pages::admit(page, &session, &head)?;
            let headers = &head.headers;
            match page {
                OwnPage::Sent => Ok(own(leave::sent(x, &session, &buyer, headers).await)),
                OwnPage::Cancel => {
                    let mut answer = leave::cancel(x, &session, &buyer, headers).await.map(own)?;
                    undo::sign_in(x, who, answer.headers_mut());
                    Ok(answer)
                }
                _ if session.handed.stage() > Stage::Shopping && !own_pages::is_again(&head) => {
                    leave::sent_already(x, &session).map(own)
                }
                _ => hand_over::fresh(x, &session, &buyer, headers).await.map(own),
            }
        }
        (Route::Own(OwnPage::Begin), kept) => {
            match arrive::arrive(x, &head, kept.as_ref().map(|(session, _)| &**session)).await {
                Err(problem) if problem.kind == Kind::SessionOver && cookie::is_in(&head.headers) => {
                    Ok(over(x, who, &head.headers).await)
                }
                arrived => arrived.map(own),
            }
        }
        (Route::Own(OwnPage::Style), _) => Ok(own(pages::file("text/css; charset=utf-8", bar::STYLE))),
        (Route::Own(OwnPage::Script), _) => Ok(own(pages::file("text/javascript; charset=utf-8", bar::SCRIPT))),
        (Route::Own(OwnPage::Hydrated), _) => Ok(own(pages::file("text/javascript; charset=utf-8", hydrated::SCRIPT))),
        (Route::Own(OwnPage::Wait), _) => enter::again(x, &head).await.map(own),
        (Route::Own(_), _) => Err(Problem::new(Kind::NoSuchPage, format!("{} is no page of ours", head.uri.path()))),
        (Route::Over | Route::Shop, _) => Ok(over(x, who, &head.headers).await),
    }
}

/// What the request's session cookie is worth, or the root of its address, and the session with its buyer where it is open.
///
/// # Errors
/// A store that is lost: who has our cookie is no visitor, and may be somebody else's session.
async fn claim(x: &Exchange, head: &request::Parts) -> Result<(Claim, Option<(Arc<Session>, Arc<Buyer>)>), Problem> {
    let id = match x.root() {
        // Whatever cookies come along are not looked at.
        Some(root) => root.id(),
        None => cookie::read(&head.headers, x.secure()),
    };
    let session = match id {
        Some(id) => Box::pin(x.sessions().find(id)).await?,
        None if x.root().is_none() => return Ok((Claim::None, None)),
        None => None,
    };
    // A session shows itself in one way alone.
    let Some(session) = session.filter(|session| session.is_in_addresses() == x.root().is_some()) else {
        return Ok((Claim::Over, None));
    };
    x.belongs_to(&session);
    // A buyer who was taken out of the configuration has no session either.
    Ok(match x.plan().buyers.named(&session.buyer).cloned() {
        Some(buyer) => (Claim::Open, Some((session, buyer))),
        None => (Claim::Over, None),
    })
}

/// The body of a catalog call, which is small.
async fn read_call(x: &Exchange, body: Incoming) -> Result<Bytes, Problem> {
    let limits = &x.plan().limits;
    let most = x.plan().entry.body_size;
    let whole = Limited::new(body, most).collect();
    match tokio::time::timeout(limits.body_idle, whole).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Problem::new(Kind::BodyTooLarge, format!("the catalog call's body is over {most} bytes")))
        }
        Ok(Err(error)) => Err(Problem::new(Kind::BadRequest, format!("the catalog call's body broke off: {error}"))),
        Err(_) => Err(Problem::new(Kind::RequestTimeout, "the catalog call's body did not come in time")),
    }
}

fn own(page: pages::Page) -> Response<Body> {
    let mut answer = Response::from(page);
    date(&mut answer);
    answer
}

/// What is remembered of a request to tell its sender what went wrong. Four reference counts: visitors pay for it too.
struct Asker {
    method: Method,
    target: Option<PathAndQuery>,
    accept: Option<HeaderValue>,
    language: Option<HeaderValue>,
    /// Only of requests that carry our cookie.
    ours: Option<Box<Ours>>,
}

/// What is remembered besides of a request that carries our cookie.
struct Ours {
    cookies: Vec<HeaderValue>,
    /// By what name we were called.
    host: Option<HeaderValue>,
}

impl Asker {
    fn of(head: &request::Parts) -> Asker {
        let (mut accept, mut language, mut ours) = (None, None, false);
        // One walk over the fields costs less than a look for each of three.
        for (name, value) in &head.headers {
            if name == ACCEPT {
                accept = accept.or_else(|| Some(value.clone()));
            } else if name == ACCEPT_LANGUAGE {
                language = language.or_else(|| Some(value.clone()));
            } else if name == COOKIE {
                ours |= cookie::is_in_line(value);
            }
        }
        let remembered =
            || Ours { cookies: head.headers.get_all(COOKIE).iter().cloned().collect(), host: called(head) };
        Asker {
            method: head.method.clone(),
            target: head.uri.path_and_query().cloned(),
            accept,
            language,
            ours: ours.then(|| Box::new(remembered())),
        }
    }

    /// Only a GET can be repeated, and a query may hold a password.
    fn again(&self) -> Option<&str> {
        let target = self.target.as_ref().filter(|target| self.method == Method::GET && target.query().is_none());
        target.map(PathAndQuery::as_str)
    }
}

/// By what name a request calls us, in whichever way its version says it.
fn called(head: &request::Parts) -> Option<HeaderValue> {
    let authority = || HeaderValue::from_str(head.uri.authority()?.as_str()).ok();
    head.headers.get(HOST).cloned().or_else(authority)
}

/// The answer to a request that cannot be served: what happened, what to do, the code and the reference to quote.
fn refuse(x: &Exchange, who: &Asker, problem: &Problem) -> Response<Body> {
    let (shop, cart) = (x.at("/"), x.at(&x.plan().shop.cart_address));
    let again = x.at(who.again().unwrap_or_default());
    told(x, who, |reader| {
        let links = match (problem.kind, who.again()) {
            (Kind::NoSuchPage, _) => vec![Link::Shop(&shop)],
            (Kind::CartRefused | Kind::CrossSite | Kind::Denied, _) => vec![Link::Cart(&cart)],
            (_, Some(_)) => vec![Link::Again(&again)],
            (_, None) => Vec::new(),
        };
        pages::problem(problem, reader, &links)
    })
}

/// A page of ours for whoever asked.
fn told(x: &Exchange, who: &Asker, page: impl FnOnce(&Reader<'_>) -> pages::Page) -> Response<Body> {
    // Without randomness there is no nonce, and the page stands without its style.
    let nonce = Nonce::random().unwrap_or_else(|_| Nonce::from_bytes([0; 16]));
    let text = |value: &Option<HeaderValue>| value.as_ref().and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (accept, language, reference) = (text(&who.accept), text(&who.language), x.reference().to_string());
    own(page(&Reader {
        language: Language::from_wish(None, language.as_deref()),
        reference: &reference,
        contact: x.plan().contact.as_deref(),
        wants_json: wants_json(accept.as_deref()),
        nonce: &nonce,
    }))
}

/// For whoever comes with the cookie or an address of a session that is over: how it ended, and the shop's sign-in undone.
async fn over(x: &Exchange, who: &Asker, headers: &HeaderMap) -> Response<Body> {
    let id = match x.root() {
        Some(root) => root.id(),
        None => cookie::read(headers, x.secure()),
    };
    let ended = match id {
        // That it is over is known; how, only a store that answers can tell.
        Some(id) => x.sessions().ended(id).await.ok().flatten(),
        None => None,
    };
    let ended = ended.unwrap_or(Ended::Expired);
    tracing::info!(reference = %x.reference(), code = Kind::SessionOver.code(), ?ended, "the session is over");
    let mut answer = told(x, who, |reader| pages::session_over(ended, reader, &[Link::Shop("/")]));
    undo::sign_in(x, who, answer.headers_mut());
    answer
}

/// Dates an answer of our own. The server does not: a shop's answer passes with the date it has, or none.
pub fn date(answer: &mut Response<Body>) {
    let now = httpdate::fmt_http_date(SystemTime::now());
    answer.headers_mut().insert(DATE, HeaderValue::try_from(now).expect("an HTTP date is ASCII"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is written anew for each request and lies beside each busy client's connection: three times this size cost a
    /// twentieth of what is done for a small answer.
    #[test]
    fn a_visitors_request_is_small_while_it_waits() {
        fn size<F>(_: fn(Exchange, Request<Incoming>) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size(handle) <= 1536, "{} bytes", size(handle));
    }
}
