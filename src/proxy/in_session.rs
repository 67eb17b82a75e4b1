//! A request of a punchout session: to the shop where that is open to it, and the page back rewritten.
//!
//! Two promises are kept here. A denied request never reaches the shop. And a page that could lead to checkout never
//! reaches the buyer with a control that works: where the cart page cannot be rewritten, it is refused.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, IF_UNMODIFIED_SINCE, LOCATION, RANGE, SET_COOKIE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use lol_html::{Selector, Settings};

use super::body::Body;
use super::carried;
use super::forward;
use super::report_only;
use super::rewritten::{self, Leaving, OpenPage, Opened};
use crate::cart::read_html::Reader;
use crate::config::file::ReturnWay;
use crate::config::plan::Buyer;
use crate::exchange::{Course, Exchange};
use crate::location::Target;
use crate::pages::Nonce;
use crate::policy::Verdict;
use crate::problem::{Kind, Problem};
use crate::protocol::oci::hook::Hook;
use crate::punchout::hand_over::{self, Following};
use crate::punchout::record::Recorder;
use crate::punchout::{self, bar, hygiene};
use crate::rewrite::body::{Failure, OnFailure};
use crate::rewrite::carrier::Carrier;
use crate::rewrite::coding::ASKED_OF_SHOP;
use crate::rewrite::controls::{Leave, RETURN_FORM, Seen, Way};
use crate::rewrite::csp::Opening;
use crate::rewrite::page::Page;
use crate::rewrite::response_headers;
use crate::session::{Session, cookie};
use crate::upstream::{self, RequestBody};

/// A form larger than this is not looked into: where the answer depends on its fields, it is refused.
const FORM_SIZE: usize = 64 << 10;

/// What is known of a request before it goes to the shop.
struct Asked {
    method: Method,
    /// The path, for the log.
    path: String,
    /// It is for the cart page.
    cart: bool,
    /// It is made by a script, for a piece of a page: nothing can be added at that piece's end.
    piece: bool,
    /// How a page leaves for the buyer's browser.
    leaving: Leaving,
    /// What takes an earlier stay's cookies out of the browser; on a session's first page alone.
    expiring: Vec<HeaderValue>,
}

impl Asked {
    /// The answer is a cart page that carries the form which takes the cart to the hook.
    fn submits(&self, x: &Exchange) -> bool {
        self.cart && !self.piece && x.plan().shop.way == ReturnWay::Page
    }

    /// Who writes down the cart page that this asks for, where somebody is to.
    async fn recorder(&self, x: &Exchange, session: &Session, buyer: &Buyer, headers: &HeaderMap) -> Option<Recorder> {
        x.plan().record.as_ref()?;
        let way = if session.report_only { "report-only" } else { "page" };
        let is_read = self.cart && !self.piece && (self.submits(x) || session.report_only);
        if !is_read {
            return None;
        }
        let sent = punchout::jar_of(x, session, headers).await;
        Recorder::begin(x.shop(), session, buyer, &sent, way, &self.path)
    }
}

/// Serves a session's request.
///
/// # Errors
/// What the shop or the client may do wrong; on the cart page also that it cannot be rewritten.
pub async fn serve(
    x: &Exchange,
    session: &Arc<Session>,
    buyer: &Arc<Buyer>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    let target = Target::new(request.uri().path(), request.uri().query());
    let may_be_first = !session.is_in_addresses() && rewritten::may_be_page(request.headers());
    let first = may_be_first && x.sessions().first_page(session).await;
    let asked = Asked {
        expiring: if first { hygiene::expire(x, session, request.headers()) } else { Vec::new() },
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        cart: x.plan().shop.cart_pages.iter().any(|page| page.matches(&target)),
        piece: is_piece(request.headers()),
        leaving: rewritten::leaving(x, request.headers(), true),
    };
    let (head, body) = request.into_parts();
    let carrier = carried::carrier(x, &head);
    let carrier = carrier.as_ref();
    let recorder = asked.recorder(x, session, buyer, &head.headers).await;
    let request = match admit(x, session, &asked, &target, head, body).await? {
        Admitted::Denied(answer) => return Ok(answer),
        Admitted::Upgrade(request) => {
            let mut answer = forward::forward(x, request).await?;
            keep_cookies(x, session, &asked, carrier, answer.headers_mut()).await;
            return Ok(answer);
        }
        Admitted::Ordinary(request) => request,
    };
    let asked_at = Instant::now();
    let mut answer = forward::ask(x, request).await?;
    let first_byte = asked_at.elapsed();
    x.metrics().shop_answered(first_byte);
    let connect = Some(answer.body().waited());
    x.course().set(Course { connect, first_byte: Some(first_byte), ..x.course().get() });
    keep_cookies(x, session, &asked, carrier, answer.headers_mut()).await;
    bring_back(x, session, buyer, &asked, carrier, answer, recorder).await
}

/// The shop's cookies leave sealed, or not at all.
async fn keep_cookies(
    x: &Exchange,
    session: &Session,
    asked: &Asked,
    carrier: Option<&Rc<Carrier>>,
    headers: &mut HeaderMap,
) {
    match carrier {
        Some(carrier) => carried::toward_browser(x, session, &asked.path, carrier, headers).await,
        None => x.seal(session.id).close(headers),
    }
}

enum Admitted {
    Denied(Response<Body>),
    Upgrade(Request<Incoming>),
    Ordinary(Request<RequestBody>),
}

/// The request as the shop gets it, if the policy lets it pass.
async fn admit(
    x: &Exchange,
    session: &Session,
    asked: &Asked,
    target: &Target,
    mut head: request::Parts,
    body: Incoming,
) -> Result<Admitted, Problem> {
    let policy = &x.plan().shop.policy;
    let verdict = policy.judge(&asked.method, target);
    if let Verdict::Deny(number) = verdict {
        return Ok(Admitted::Denied(deny(x, session, asked, number)));
    }
    for_session(x, &mut head, session, asked.cart).await;
    if !asked.expiring.is_empty() {
        hygiene::take_out(x, session, &mut head.headers);
    }
    if verdict == Verdict::Allow {
        let request = Request::from_parts(head, body);
        let upgrade = super::headers::upgrade(request.headers()).is_some();
        return if upgrade {
            Ok(Admitted::Upgrade(request))
        } else {
            forward::toward_shop(x, request).map(Admitted::Ordinary)
        };
    }
    let form = read_form(&head, body).await?;
    let fields: Vec<_> = form_urlencoded::parse(&form).collect();
    let fields = fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
    if let Verdict::Deny(number) = policy.judge_form(&asked.method, target, fields) {
        return Ok(Admitted::Denied(deny(x, session, asked, number)));
    }
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(form.len()));
    Ok(Admitted::Ordinary(forward::toward_shop_with(x, head, RequestBody::bytes(form))))
}

/// The whole of a form whose fields decide.
async fn read_form(head: &request::Parts, body: Incoming) -> Result<Bytes, Problem> {
    let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let empty = http_body::Body::is_end_stream(&body);
    // A form in a coding that is not looked into could hold the very field that is denied.
    if !empty && !essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        return Err(Problem::new(Kind::Denied, "a form here is only taken as application/x-www-form-urlencoded"));
    }
    match Limited::new(body, FORM_SIZE).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::new(
            Kind::BodyTooLarge,
            format!("a form of more than {FORM_SIZE} bytes, where its fields decide"),
        )),
        Err(error) => Err(Problem::new(Kind::BadRequest, format!("the form broke off: {error}"))),
    }
}

/// What a session's requests never carry, and what they always do.
async fn for_session(x: &Exchange, head: &mut request::Parts, session: &Session, cart: bool) {
    if session.is_in_addresses() {
        carried::toward_shop(x, session, head).await;
    } else {
        cookie::take_out(&mut head.headers);
        x.seal(session.id).open(&mut head.headers);
    }
    let headers = &mut head.headers;
    super::headers::strip_overrides(headers);
    // The prices are read by the number format of one language: the one in which the session began.
    if let Some(language) = &session.accept_language {
        headers.insert(ACCEPT_LANGUAGE, language.clone());
    }
    if rewritten::may_be_page(headers) {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ASKED_OF_SHOP));
        // A piece cannot be rewritten.
        headers.remove(RANGE);
        headers.remove(IF_RANGE);
        // What was kept before the session began would be shown for a 304.
        if cart || rewritten::may_be_browser(headers) {
            for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
                headers.remove(name);
            }
        }
    }
}

/// Denied: the buyer sees the cart, from where the way on is; a script is told so.
fn deny(x: &Exchange, session: &Session, asked: &Asked, denial: usize) -> Response<Body> {
    x.metrics().denied();
    let rule = x.plan().shop.policy.denials.get(denial).map(|denial| denial.location.to_string());
    let (reference, path, rule) = (session.reference, &asked.path, rule.as_deref());
    tracing::info!(%reference, method = %asked.method, path, rule, code = Kind::Denied.code(), "denied in a punchout session");
    let mut answer = Response::new(Body::Empty);
    if asked.piece {
        *answer.status_mut() = StatusCode::FORBIDDEN;
    } else {
        *answer.status_mut() = StatusCode::SEE_OTHER;
        // Checked to be a header value when the plan was made.
        let cart = x.at(&x.plan().shop.cart_address);
        let cart = HeaderValue::from_str(&cart).expect("the cart's address is a header value");
        answer.headers_mut().insert(LOCATION, cart);
    }
    answer.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    super::date(&mut answer);
    answer
}

/// The shop's answer as the buyer gets it.
async fn bring_back(
    x: &Exchange,
    session: &Arc<Session>,
    buyer: &Arc<Buyer>,
    asked: &Asked,
    carrier: Option<&Rc<Carrier>>,
    mut answer: Response<upstream::Body>,
    recorder: Option<Recorder>,
) -> Result<Response<Body>, Problem> {
    expire(&asked.expiring, answer.headers_mut());
    let mut page = match rewritten::open(&asked.method, answer)? {
        Opened::Closed(answer) => return Ok(answer),
        Opened::Page(page) if session.report_only => {
            return Ok(report(x, session, buyer, asked, carrier, page, recorder).await);
        }
        Opened::Unknown(answer, error) if session.report_only => {
            tracing::warn!(reference = %session.reference, path = asked.path, %error, "cannot be read (report only)");
            return Ok(answer);
        }
        Opened::Unknown(_, error) if asked.cart => return Err(Problem::new(Kind::CartUnreadable, error.to_string())),
        Opened::Unknown(answer, error) => {
            tracing::warn!(reference = %session.reference, path = asked.path, %error, "passes a page on as it is");
            return Ok(answer);
        }
        Opened::Page(page) => page,
    };
    let (tap, following) = recorder.map(|recorder| Following::begin(recorder, &page.head.headers)).unzip();
    page.tap = tap;
    let scripted = asked.submits(x) || (x.plan().shop.hydrated.is_some() && !asked.piece);
    let nonce = Nonce::random().ok().filter(|_| scripted);
    let script_nonce = nonce.map(|nonce| nonce.as_str().to_owned());
    let opening = Opening { form_action: sources(session.hook.as_ref()), script_nonce, ..Opening::default() };
    response_headers::open_csp(&mut page.head.headers, &opening);
    let (changes, on_failure) = changes(x, session, buyer, asked, opening, following);
    // On a cart page nothing is left to how a browser reads bytes that we have only looked at.
    let may_be_same = !asked.cart && changes.end_of_body.is_none();
    let settings = addresses(x, carrier, changes.settings());
    Ok(match may_be_same {
        true => page.close_or_pass(settings, on_failure, asked.leaving).await,
        false => page.close(settings, on_failure, asked.leaving),
    })
}

/// The page's addresses as the session's browser must have them.
fn addresses(
    x: &Exchange,
    carrier: Option<&Rc<Carrier>>,
    settings: Settings<'static, 'static>,
) -> Settings<'static, 'static> {
    match (carrier, &x.plan().shop.own_name) {
        (Some(carrier), _) => carrier.in_page(settings),
        (None, Some(own)) => own.in_page(settings),
        (None, None) => settings,
    }
}

/// A page of a session that only reports: as the shop wrote it, but for its addresses.
async fn report(
    x: &Exchange,
    session: &Arc<Session>,
    buyer: &Arc<Buyer>,
    asked: &Asked,
    carrier: Option<&Rc<Carrier>>,
    mut page: OpenPage,
    recorder: Option<Recorder>,
) -> Response<Body> {
    if asked.cart && !asked.piece && x.plan().shop.cart.endpoint().is_none() {
        let (settings, on_failure) = report_only::look(x, session, buyer, &mut page, recorder);
        return page.close(addresses(x, carrier, settings), on_failure, asked.leaving);
    }
    let nothing = |_: &Failure| String::new();
    let settings = addresses(x, carrier, Settings::new());
    page.close_or_pass(settings, OnFailure::PassThrough(Box::new(nothing)), asked.leaving).await
}

/// Takes cookies out of the browser, but not those that the shop sets in this very answer.
fn expire(lines: &[HeaderValue], headers: &mut HeaderMap) {
    let name = |line: &HeaderValue| line.as_bytes().split(|byte| *byte == b'=').next().map(<[u8]>::to_vec);
    let set: Vec<_> = headers.get_all(SET_COOKIE).iter().map(name).collect();
    for line in lines.iter().filter(|line| !set.contains(&name(line))) {
        headers.append(SET_COOKIE, line.clone());
    }
}

/// What happens to one page, and what where that fails.
fn changes<'p>(
    x: &'p Exchange,
    session: &Arc<Session>,
    buyer: &Arc<Buyer>,
    asked: &Asked,
    opening: Opening,
    following: Option<Following>,
) -> (Page<'p>, OnFailure) {
    let plan = x.plan();
    let shop = &plan.shop;
    let cart_page = asked.cart && !asked.piece;
    let submits = asked.submits(x);
    let is_led_fresh = cart_page || shop.way == ReturnWay::Fresh;
    let leave = Leave {
        way: if submits { Way::Submit } else { Way::Lead },
        // Where the cart page carries the form, the way to checkout leads there first.
        url: if is_led_fresh { punchout::own_address(x, session, "return") } else { x.at(&shop.cart_address) },
        form: return_form(),
        target: is_led_fresh.then(|| hand_over::target(buyer, session).to_string()),
        label: None,
    };
    let mut end = match (&opening.script_nonce, submits) {
        (Some(nonce), true) => bar::script(x, session, nonce, &leave.form),
        _ => String::new(),
    };
    if buyer.bar && !asked.piece {
        end.push_str(&bar::bar(x, buyer, session, submits.then_some(leave.form.as_str())));
    }
    if let (Some(hydrated), Some(nonce), false) = (&shop.hydrated, &opening.script_nonce, asked.piece) {
        end.push_str(&hydrated.element(&plan.prefix, nonce, &leave));
    }
    let seen = Rc::new(Seen::default());
    let (readers, end_of_body, on_failure): (_, Option<Box<dyn FnOnce() -> String>>, _) = if submits {
        let reader = Reader::new(&shop.cart);
        // The page's own settings outlive this borrow of the plan.
        let owned = |(selector, handlers): (Cow<'_, Selector>, _)| (Cow::Owned(selector.into_owned()), handlers);
        let readers = reader.handlers().into_iter().map(owned).collect();
        let (session, buyer, leave, seen) = (session.clone(), buyer.clone(), leave.clone(), seen.clone());
        let served_by = x.shop().clone();
        let closing = (session.clone(), leave.clone());
        let at_end = move || {
            let cart = reader.finish();
            hand_over::count_rules(&served_by, &cart, Some(seen.controls.get()));
            if !cart.lines.is_empty() && seen.controls.get() == 0 {
                let reference = session.reference;
                tracing::warn!(%reference, "no rule of shop.cart.checkout matched on a cart page with lines: the buyer has no button");
            }
            hand_over::at_end_of_page(&served_by, &buyer, &session, &leave, &cart, following) + &end
        };
        let tail = move |failure: &Failure| {
            let (session, leave) = closing;
            tracing::warn!(reference = %session.reference, code = Kind::CartUnreadable.code(), %failure, "the cart page was cut off");
            hand_over::closed(&leave)
        };
        (readers, Some(Box::new(at_end)), OnFailure::Close(Box::new(tail)))
    } else {
        let (reference, path, leave) = (session.reference, asked.path.clone(), leave.clone());
        let tail = move |failure: &Failure| {
            tracing::warn!(%reference, path, %failure, "passes the rest of a page on as it is");
            leave.start_form()
        };
        let at_end: Option<Box<dyn FnOnce() -> String>> =
            if end.is_empty() { None } else { Some(Box::new(move || end)) };
        (Vec::new(), at_end, OnFailure::PassThrough(Box::new(tail)))
    };
    let page = Page { controls: &shop.checkout, leave, hide: &shop.hide, opening, readers, end_of_body, seen };
    (page, on_failure)
}

/// An id that nobody can know beforehand; without randomness one that is no secret.
fn return_form() -> String {
    Nonce::random().map_or(RETURN_FORM.to_owned(), |random| format!("{RETURN_FORM}-{}", random.as_str()))
}

/// Where a page's forms may lead: our own pages, and the hook.
fn sources(hook: Option<&Hook>) -> Vec<String> {
    std::iter::once("'self'".to_owned()).chain(hook.and_then(Hook::form_action_source)).collect()
}

/// Whether a script asks, for a piece of a page.
fn is_piece(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-dest").is_some_and(|kind| kind == "empty")
        || headers.get("x-requested-with").is_some_and(|by| by.as_bytes().eq_ignore_ascii_case(b"XMLHttpRequest"))
}
