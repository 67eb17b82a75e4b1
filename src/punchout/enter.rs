//! From catalog call to session: who is it, where may the cart go, and signing in to the shop.
//!
//! Nothing of the call reaches the shop or a log: the browser goes on to a clean address, and what is kept of the call is
//! kept here.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderValue, header, request};

use crate::config::credentials::Password;
use crate::config::file::Onward;
use crate::config::plan::Buyer;
use crate::exchange::Exchange;
use crate::pages::{self, Page};
use crate::problem::{Kind, Problem, Side};
use crate::protocol::oci::entry::{Entry, EntryError, Function};
use crate::protocol::oci::hook::Hook;
use crate::session::entrance::TooMany;
use crate::session::id::SessionId;
use crate::session::{Session, cookie};
use crate::shop::{Jar, sign_in};

/// Begins a session.
///
/// # Errors
/// A call that is not complete, an unknown buyer or wrong password (one answer for both), a HOOK_URL that is not allowed,
/// a function that is not configured, or a shop that does not let the account in. In none of these has the browser
/// been given anything of the shop's.
pub async fn enter(x: &Exchange, head: &request::Parts, body: &[u8]) -> Result<Page, Problem> {
    let plan = x.plan();
    let address = x.client().asked_from(&head.headers, &plan.limits.trusted_proxies);
    let turn =
        x.entrance().address(address, plan.entry.rate).map_err(|wait| too_many(wait, "failed calls from there"))?;
    let page = begin(x, head, body).await;
    // Many users of one company come from one address; only a call that fails by its caller's fault costs a turn.
    if page.as_ref().err().is_none_or(|problem| problem.kind.side() != Side::Client) {
        turn.give_back();
    }
    page
}

async fn begin(x: &Exchange, head: &request::Parts, body: &[u8]) -> Result<Page, Problem> {
    let call = read(x, head, body)?;
    let buyer = identify(x, &call).await?;
    let hook = admit(&buyer, &call)?;
    // Never given back: what is limited is what the shop's sign-in has to bear.
    let _spent = (x.entrance().buyer(&buyer.name, x.plan().entry.buyer_rate))
        .map_err(|wait| too_many(wait, &format!("sessions of buyer `{}`", buyer.name)))?;
    let signed_in = sign_in_at_shop(x, head, &buyer).await?;
    let session = open(x, head, &buyer, call, hook, &signed_in).await;
    send_on(x, &session, signed_in)
}

fn too_many(TooMany(wait): TooMany, of_what: &str) -> Problem {
    Problem::new(Kind::EntryTooMany, format!("too many {of_what}; more in {wait:.0?}")).retry_after(wait)
}

fn read(x: &Exchange, head: &request::Parts, body: &[u8]) -> Result<Entry, Problem> {
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let body = content_type.filter(|_| !body.is_empty()).map(|content_type| (content_type, body));
    let call = Entry::parse(head.uri.query().map(str::as_bytes), body, &x.plan().entry.names).map_err(|error| {
        let kind = match error {
            EntryError::TooLarge(_) | EntryError::TooManyParameters => Kind::BodyTooLarge,
            _ => Kind::EntryIncomplete,
        };
        Problem::new(kind, error.to_string())
    })?;
    match call.function {
        Function::Shop => Ok(call),
        ref other => Err(Problem::new(
            Kind::FunctionUnsupported,
            format!("FUNCTION={} is not configured; only ordinary shopping is", other.as_str()),
        )),
    }
}

/// The buyer whose credentials the call carries. An unknown name takes as long as a wrong password and gets the same answer.
async fn identify(x: &Exchange, call: &Entry) -> Result<Arc<Buyer>, Problem> {
    let username = call.username.as_deref().unwrap_or_default();
    let buyer = x.plan().buyers.with_username(username).cloned();
    let expected = buyer.as_ref().map_or_else(Password::nobody, |buyer| buyer.password.clone());
    let given = call.password.clone();
    let leave = x.entrance().look().await.map_err(|wait| too_many(wait, "passwords to look at"))?;
    // argon2 takes tens of milliseconds on purpose: on a worker it would hold up every visitor of that worker.
    let right = tokio::task::spawn_blocking(move || {
        // The leave ends with the work, not with the request: a caller who hangs up frees no core.
        let _leave = leave;
        given.is_some_and(|given| expected.is_slowly(given.expose().as_bytes()))
    });
    let right = right.await.unwrap_or(false);
    match buyer {
        Some(buyer) if right => Ok(buyer),
        Some(buyer) => Err(Problem::new(Kind::EntryRefused, format!("wrong password for buyer `{}`", buyer.name))),
        None => Err(Problem::new(Kind::EntryRefused, "no buyer has that USERNAME")),
    }
}

fn admit(buyer: &Buyer, call: &Entry) -> Result<Hook, Problem> {
    // An ordinary call has a HOOK_URL: Entry::parse sees to it.
    let hook = Hook::parse(call.hook.as_deref().unwrap_or_default());
    hook.and_then(|hook| hook.allowed_by(&buyer.hooks).map(|()| hook))
        .map_err(|refusal| Problem::new(Kind::HookRefused, format!("HOOK_URL of buyer `{}`: {refusal}", buyer.name)))
}

/// What signing in gave.
struct SignedIn {
    account: String,
    cookies: Vec<HeaderValue>,
}

/// Signs in with the buyer's account, in a task of its own: a browser that goes away must not leave the shop half signed
/// in, and hyper drops a request's future with its connection.
async fn sign_in_at_shop(x: &Exchange, head: &request::Parts, buyer: &Arc<Buyer>) -> Result<SignedIn, Problem> {
    let language = head.headers.get(header::ACCEPT_LANGUAGE).cloned();
    // An empty jar: what the browser has of an earlier stay in the shop must not leak into this session.
    let mut visit = super::visit(x, &head.headers, language, Jar::new())?;
    let (plan, buyer) = (x.plan().clone(), buyer.clone());
    let task = tokio::task::spawn_local(async move {
        // A buyer has at least one account: the plan sees to it.
        let account = buyer.accounts.first().ok_or_else(|| Problem::new(Kind::Internal, "a buyer without account"))?;
        sign_in(&plan.shop.sign_in, &mut visit, account).await?;
        Ok(SignedIn { account: account.username.clone(), cookies: visit.jar().set_cookies().cloned().collect() })
    });
    task.await.map_err(|error| Problem::new(Kind::Internal, format!("the sign-in task ended: {error}")))?
}

async fn open(
    x: &Exchange,
    head: &request::Parts,
    buyer: &Buyer,
    call: Entry,
    hook: Hook,
    signed_in: &SignedIn,
) -> Arc<Session> {
    // A second punchout replaces the first. The id is always a fresh one, never one that a request brought.
    if let Some(earlier) = cookie::read(&head.headers, x.secure()) {
        x.sessions().close(earlier).await;
    }
    let limits = &x.plan().session;
    let session = Arc::new(Session {
        id: SessionId::random(),
        reference: x.reference(),
        buyer: buyer.name.clone(),
        hook,
        entry: call.without_secrets(),
        accept_language: head.headers.get(header::ACCEPT_LANGUAGE).cloned(),
        account: signed_in.account.clone(),
        began: SystemTime::now(),
        idle: limits.idle,
        longest: limits.longest,
    });
    x.sessions().open(session.clone()).await;
    let (reference, buyer, account) = (session.reference, &session.buyer, &session.account);
    let shape = session.entry.hook_shape;
    tracing::info!(%reference, buyer, account, hook = %session.hook, hook_shape = ?shape, "a punchout session begins");
    session
}

/// The browser goes on to a clean address, with the shop's cookies and ours.
fn send_on(x: &Exchange, session: &Session, signed_in: SignedIn) -> Result<Page, Problem> {
    let shop = &x.plan().shop;
    let mut page = match shop.onward {
        Onward::Redirect => pages::redirect(&shop.start),
        Onward::Page => pages::onward(&shop.start, &super::nonce()?, session.language()),
    };
    let seal = x.seal(session.id);
    for line in signed_in.cookies {
        page.headers.append(header::SET_COOKIE, super::cookie_of(x, &seal, &line));
    }
    page.headers.append(header::SET_COOKIE, cookie::give(session.id, x.secure()));
    Ok(page)
}
