//! A request of a punchout session: to the shop where that is open to it, and the page back rewritten.
//!
//! Two promises are kept here. A denied request never reaches the shop. And a page that could lead to checkout never
//! reaches the buyer with a control that works: where the cart page cannot be rewritten, it is refused.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::time::Instant;

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use lol_html::{Selector, Settings};

use super::asked::{Admitted, Asked, admit};
use super::body::Body;
use super::carried;
use super::forward;
use super::part;
use super::report_only;
use super::rewritten::{self, OpenPage, Opened};
use crate::config::file::ReturnWay;
use crate::config::plan::Buyer;
use crate::exchange::{Course, Exchange, Shop};
use crate::location::Target;
use crate::pages::Nonce;
use crate::problem::{Kind, Problem};
use crate::protocol::oci::hook::Hook;
use crate::punchout::hand_over::{self, Following};
use crate::punchout::product_pages::{self, CartPage, ProductPages};
use crate::punchout::record::Recorder;
use crate::punchout::signed_in::Watched;
use crate::punchout::{self, bar};
use crate::rewrite::body::{Failure, Meanwhile, OnFailure};
use crate::rewrite::carrier::Carrier;
use crate::rewrite::controls::{Leave, RETURN_FORM, Seen, Way};
use crate::rewrite::csp::Opening;
use crate::rewrite::page::Page;
use crate::rewrite::response_headers;
use crate::session::Session;
use crate::upstream::{self, RequestBody};

/// What goes along with a cart page that is read as it streams past.
pub(super) struct Along {
    /// Who writes it down.
    pub recorder: Option<Recorder>,
    /// Who looks up what its lines lack.
    pub pages: Option<ProductPages>,
}

impl Along {
    /// What goes along with the cart page that is asked for, where it is one that is read.
    async fn of(
        asked: &Asked,
        x: &Exchange,
        session: &Session,
        buyer: &Buyer,
        headers: &HeaderMap,
    ) -> Result<Along, Problem> {
        let is_read = asked.cart && !asked.piece && (asked.submits(x) || session.report_only);
        if !is_read {
            return Ok(Along { recorder: None, pages: None });
        }
        let pages = product_pages::of_session(x, session, headers).await?;
        if x.plan().record.is_none() {
            return Ok(Along { recorder: None, pages });
        }
        let way = if session.report_only { "report-only" } else { "page" };
        let sent = punchout::jar_of(x, session, headers).await;
        Ok(Along { recorder: Recorder::begin(x.shop(), session, buyer, &sent, way, &asked.path), pages })
    }

    /// The page, at its beginning.
    pub(super) fn cart_page(&mut self, shop: &Shop, status: StatusCode) -> Rc<RefCell<CartPage>> {
        Rc::new(RefCell::new(CartPage::begin(&shop.plan.shop.cart, self.pages.take(), status)))
    }
}

/// What goes on while a cart page streams past.
pub(super) fn meanwhile(page: &Rc<RefCell<CartPage>>) -> Option<Meanwhile> {
    let waits = page.borrow().waits();
    let page = page.clone();
    waits.then(|| Box::new(move |cx: &mut Context<'_>, is_read| page.borrow_mut().poll(cx, is_read)) as Meanwhile)
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
    let asked = Asked::of(x, session, &request, &target).await;
    let (head, body) = request.into_parts();
    let carrier = carried::carrier(x, &head);
    let carrier = carrier.as_ref();
    let mut along = Along::of(&asked, x, session, buyer, &head.headers).await?;
    let mut answer = match admit(x, session, &asked, &target, head, body).await? {
        Admitted::Denied(answer) => return Ok(answer),
        Admitted::Upgrade(request) => {
            let (head, body) = request.into_parts();
            let mut answer = forward::forward(x, Box::new(head), body).await?;
            keep_cookies(x, session, &asked, carrier, answer.headers_mut()).await;
            return Ok(answer);
        }
        Admitted::Ordinary(request) => ask(x, request).await?,
        Admitted::Part { request, whole, of } => {
            let answer = ask(x, request).await?;
            if part::is_of_page(of, answer.status(), answer.headers()) {
                // Let go of first: the shop may have no connection beside this one.
                drop(answer);
                ask(x, *whole).await?
            } else {
                answer
            }
        }
    };
    if let Some(pages) = &mut along.pages {
        pages.take_in(answer.headers(), &asked.path);
    }
    keep_cookies(x, session, &asked, carrier, answer.headers_mut()).await;
    bring_back(x, session, buyer, &asked, carrier, answer, along).await
}

/// Asks the shop, and notes how long it took.
async fn ask(x: &Exchange, request: Request<RequestBody>) -> Result<Response<upstream::Body>, Problem> {
    let asked_at = Instant::now();
    let answer = forward::ask(x, request).await?;
    let first_byte = asked_at.elapsed();
    x.metrics().shop_answered(first_byte);
    let connect = Some(answer.body().waited());
    x.course().set(Course { connect, first_byte: Some(first_byte), ..x.course().get() });
    Ok(answer)
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

/// The shop's answer as the buyer gets it.
async fn bring_back(
    x: &Exchange,
    session: &Arc<Session>,
    buyer: &Arc<Buyer>,
    asked: &Asked,
    carrier: Option<&Rc<Carrier>>,
    mut answer: Response<upstream::Body>,
    along: Along,
) -> Result<Response<Body>, Problem> {
    expire(&asked.expiring, answer.headers_mut());
    if asked.cart && !session.report_only && part::is_unasked(answer.status(), answer.headers()) {
        let detail = format!("the shop answered {} to a request for the whole page", answer.status());
        return Err(Problem::new(Kind::CartUnreadable, detail));
    }
    let mut page = match rewritten::open(&asked.method, answer)? {
        Opened::Closed(answer) => return Ok(answer),
        Opened::Page(page) if session.report_only => {
            return Ok(report(x, session, buyer, asked, carrier, page, along).await);
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
    let read = asked.submits(x).then(|| Read::begin(x.shop(), &mut page, along));
    let scripted = asked.submits(x) || (x.plan().shop.hydrated.is_some() && !asked.piece);
    let nonce = Nonce::random().ok().filter(|_| scripted);
    let script_nonce = nonce.map(|nonce| nonce.as_str().to_owned());
    let opening = Opening { form_action: sources(session.hook.as_ref()), script_nonce, ..Opening::default() };
    response_headers::open_csp(&mut page.head.headers, &opening);
    let (changes, on_failure) = changes(x, session, buyer, asked, opening, read);
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
    along: Along,
) -> Response<Body> {
    if asked.cart && !asked.piece && x.plan().shop.cart.endpoint().is_none() {
        let (settings, on_failure) = report_only::look(x, session, buyer, &mut page, along);
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

/// A cart page that is read as it streams past.
struct Read {
    cart_page: Rc<RefCell<CartPage>>,
    /// Its form may come later than its end.
    may_wait: bool,
    following: Option<Following>,
}

impl Read {
    fn begin(shop: &Shop, page: &mut OpenPage, mut along: Along) -> Read {
        let (tap, following) = along.recorder.take().map(|one| Following::begin(one, &page.head.headers)).unzip();
        page.tap = tap;
        let cart_page = along.cart_page(shop, page.head.status);
        page.meanwhile = meanwhile(&cart_page);
        // What stands behind </html> is an error in XML, and inside the page to browsers.
        Read { cart_page, may_wait: !response_headers::is_xml(&page.head.headers), following }
    }
}

/// What happens to one page, and what where that fails.
fn changes<'p>(
    x: &'p Exchange,
    session: &Arc<Session>,
    buyer: &Arc<Buyer>,
    asked: &Asked,
    opening: Opening,
    read: Option<Read>,
) -> (Page<'p>, OnFailure) {
    let plan = x.plan();
    let shop = &plan.shop;
    let cart_page = asked.cart && !asked.piece;
    let submits = read.is_some();
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
    let mut at_document_end = false;
    let (readers, end_of_body, on_failure): (_, Option<Box<dyn FnOnce() -> String>>, _) = if let Some(Read {
        cart_page,
        may_wait,
        following,
    }) = read
    {
        let reader = cart_page.borrow().reader().clone();
        // The page's own settings outlive this borrow of the plan.
        let owned = |(selector, handlers): (Cow<'_, Selector>, _)| (Cow::Owned(selector.into_owned()), handlers);
        let watched = Watched::of(x.shop(), session);
        let sign = watched.iter().map(Watched::handler);
        let readers = reader.handlers().into_iter().map(owned).chain(sign).collect();
        let (session, buyer, leave, seen) = (session.clone(), buyer.clone(), leave.clone(), seen.clone());
        let served_by = x.shop().clone();
        at_document_end = may_wait;
        let closing = (session.clone(), leave.clone());
        let at_end = move || {
            if !may_wait && !cart_page.borrow_mut().is_known() {
                return hand_over::closed(&leave) + &end;
            }
            let (mut cart, articles) = cart_page.borrow_mut().finish();
            watched.iter().for_each(|watched| watched.judge(&mut cart));
            hand_over::count_rules(&served_by, (&cart, &articles), Some(seen.controls.get()));
            if !cart.lines.is_empty() && seen.controls.get() == 0 {
                let reference = session.reference;
                tracing::warn!(%reference, "no rule of shop.cart.checkout matched on a cart page with lines: the buyer has no button");
            }
            hand_over::at_end_of_page(&served_by, &buyer, &session, &leave, (&cart, &articles), following) + &end
        };
        let tail = move |failure: &Failure| {
            let (session, leave) = closing;
            tracing::warn!(reference = %session.reference, code = Kind::CartUnreadable.code(), %failure, "the cart page was cut off");
            hand_over::closed(&leave)
        };
        (readers, Some(Box::new(at_end)), OnFailure::Close(Box::new(tail)))
    } else {
        let (reference, path, leave, seen) = (session.reference, asked.path.clone(), leave.clone(), seen.clone());
        let tail = move |failure: &Failure| {
            tracing::warn!(%reference, path, %failure, "passes the rest of a page on as it is");
            // Only controls that were made to lead to us need it.
            if seen.controls.get() > 0 { leave.start_form() } else { String::new() }
        };
        let at_end: Option<Box<dyn FnOnce() -> String>> =
            if end.is_empty() { None } else { Some(Box::new(move || end)) };
        // Where the cart is read by our return page, the page that the buyer sees tells what it shows.
        let watched = if cart_page { Watched::of(x.shop(), session) } else { None };
        (watched.iter().map(Watched::handler).collect(), at_end, OnFailure::PassThrough(Box::new(tail)))
    };
    let page = Page {
        controls: &shop.checkout,
        leave,
        hide: &shop.hide,
        opening,
        readers,
        end_of_body,
        at_document_end,
        seen,
    };
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
