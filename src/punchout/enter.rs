//! From catalog call to session: who is it, where may the cart go, and signing in to the shop.
//!
//! Nothing of the call reaches the shop or a log: the browser goes on to a clean address, and what is kept of the call is
//! kept here.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use http::{header, request};

use super::accounts::{self, Claim};
use super::{arrive, clear, drift, frame, functions, hygiene};
use crate::config::credentials::Passwords;
use crate::config::file::Cookies;
use crate::config::plan::Buyer;
use crate::exchange::Exchange;
use crate::pages::{self, Language, Page, Reader};
use crate::problem::{Kind, Problem, Side};
use crate::protocol::oci::entry::{Entry, EntryError};
use crate::protocol::oci::hook::{Hook, HookRefusal};
use crate::session::entrance::{TooMany, Turn};
use crate::session::held::Held;
use crate::session::id::Ticket;
use crate::session::{CarriedBy, Ended, Handed, Hold, Session, Waiting, cookie};
use crate::shop::{Jar, sign_in};

/// How soon somebody who waits for an account tries again.
const WAIT: Duration = Duration::from_secs(10);

/// A call that was let in.
struct Caller {
    buyer: Arc<Buyer>,
    hook: Option<Hook>,
    call: Entry,
}

/// Begins a session.
///
/// # Errors
/// A call that is not complete, an unknown buyer or wrong password (one answer for both), a HOOK_URL that is not allowed,
/// a function that is not configured, or a shop that does not let the account in. In none of these has the browser
/// been given anything of the shop's.
pub async fn enter(x: &Exchange, head: &request::Parts, body: &[u8]) -> Result<Page, Problem> {
    let plan = x.plan();
    let address = x.client().asked_from(&head.headers, &plan.limits.trusted_proxies);
    let turn = x.entrance().address(address, plan.entry.rate).map_err(|wait| {
        x.metrics().refused(Kind::EntryTooMany);
        too_many(wait, "failed calls from there")
    })?;
    let page = let_in(x, head, body, address).await.inspect_err(|problem| x.metrics().refused(problem.kind));
    // Many users of one company come from one address; only a call that fails by its caller's fault costs a turn.
    if page.as_ref().err().is_none_or(|problem| problem.kind.side() != Side::Client) {
        turn.give_back();
    }
    page
}

async fn let_in(x: &Exchange, head: &request::Parts, body: &[u8], address: IpAddr) -> Result<Page, Problem> {
    let call = read(x, head, body)?;
    let buyer = identify(x, &call).await?;
    functions::may_ask(x, &buyer, &call.function, address)?;
    let hook = admit(x, &buyer, &call)?;
    if call.function.is_servers() {
        // Who it is only the shop can say where the call's own password is its account's.
        if !buyer.passes_through() {
            let _spent = spend_turn(x, &buyer)?;
        }
        let page = functions::answer(x, head, &buyer, hook, &call).await?;
        if buyer.passes_through() {
            let _spent = spend_turn(x, &buyer)?;
        }
        return Ok(page);
    }
    let caller = Caller { buyer, hook, call };
    match begin(x, head, caller).await? {
        Begun::Session(page) => Ok(page),
        // On to an address without a password that can be asked for again and again. By it the browser also sends the
        // session cookie that a POST from another site did not carry, so that an earlier session can make room.
        Begun::Busy(waiting) => Ok(pages::redirect(&wait_at(x, waiting).await?)),
    }
}

/// Somebody who waits for an account asks again, by the ticket in the query.
///
/// # Errors
/// As [`enter`]; [`Kind::PoolBusy`] for a ticket that is void.
pub async fn again(x: &Exchange, head: &request::Parts) -> Result<Page, Problem> {
    let void = || Problem::new(Kind::PoolBusy, "a ticket that is void: used, or not shown for too long");
    let ticket = head.uri.query().and_then(|query| query.strip_prefix("ticket=")).and_then(Ticket::parse);
    let waiting = x.sessions().called(ticket.ok_or_else(void)?).await?.ok_or_else(void)?;
    // The configuration may have changed while they waited.
    let buyer = x.plan().buyers.named(&waiting.buyer).cloned().ok_or_else(void)?;
    let hook = waiting.hook.clone();
    if let Some(hook) = &hook {
        is_allowed(x, &buyer, hook).map_err(|refusal| hook_refused(&buyer, refusal))?;
    }
    match begin(x, head, Caller { buyer, hook, call: waiting.entry.clone() }).await? {
        Begun::Session(page) => Ok(page),
        Begun::Busy(waiting) => {
            let (language, address) = (language_of(head, &waiting.entry), wait_at(x, waiting).await?);
            let (reference, nonce) = (x.reference().to_string(), super::nonce()?);
            let contact = x.plan().contact.as_deref();
            let reader = Reader { language, reference: &reference, contact, wants_json: false, nonce: &nonce };
            Ok(pages::pool_busy(WAIT, &address, &reader))
        }
    }
}

/// What came of a call.
enum Begun {
    Session(Page),
    /// All accounts are taken.
    Busy(Arc<Waiting>),
}

async fn begin(x: &Exchange, head: &request::Parts, caller: Caller) -> Result<Begun, Problem> {
    let earlier = cookie::read(&head.headers, x.secure());
    let Caller { buyer, hook, call } = caller;
    let Some(claim) = accounts::claim(x, &buyer, &call, earlier).await? else {
        let (reference, code) = (x.reference(), Kind::PoolBusy.code());
        tracing::info!(%reference, code, buyer = buyer.name, "all accounts are taken; somebody waits");
        return Ok(Begun::Busy(Arc::new(Waiting { buyer: buyer.name.clone(), hook, entry: call.without_secrets() })));
    };
    let (claim, jar) = if buyer.passes_through() {
        // Nobody has judged the password yet, and a wrong one takes no turn of the buyer's.
        let leave = x.entrance().ask_shop(&buyer.name).await;
        let _leave = leave.map_err(|wait| too_many(wait, "passwords to ask the shop about"))?;
        let signed_in = sign_in_at_shop(x, head, &buyer, claim).await?;
        let _spent = spend_turn(x, &buyer)?;
        signed_in
    } else {
        let _spent = spend_turn(x, &buyer)?;
        sign_in_at_shop(x, head, &buyer, claim).await?
    };
    let session = open(x, head, &buyer, call, hook, claim, jar).await?;
    send_on(x, head, &session, &buyer).await.map(Begun::Session)
}

/// One of the buyer's turns. Never given back: what is limited is what the shop has to bear, sign-ins and sessions.
fn spend_turn(x: &Exchange, buyer: &Buyer) -> Result<Turn, Problem> {
    (x.entrance().buyer(&buyer.name, x.plan().entry.buyer_rate))
        .map_err(|wait| too_many(wait, &format!("sessions of buyer `{}`", buyer.name)))
}

/// Keeps the call, and says where to ask again.
async fn wait_at(x: &Exchange, waiting: Arc<Waiting>) -> Result<String, Problem> {
    let ticket = Ticket::random();
    x.sessions().wait(ticket, waiting).await?;
    Ok(format!("{}wait?ticket={}", x.plan().prefix, ticket.to_text()))
}

fn language_of(head: &request::Parts, entry: &Entry) -> Language {
    let accepted = head.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::from_wish(entry.language.as_deref(), accepted)
}

pub(super) fn too_many(TooMany(wait): TooMany, of_what: &str) -> Problem {
    Problem::new(Kind::EntryTooMany, format!("too many {of_what}; more in {wait:.0?}")).retry_after(wait)
}

fn read(x: &Exchange, head: &request::Parts, body: &[u8]) -> Result<Entry, Problem> {
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let body = content_type.filter(|_| !body.is_empty()).map(|content_type| (content_type, body));
    Entry::parse(head.uri.query().map(str::as_bytes), body, &x.plan().entry.names).map_err(|error| {
        let kind = match error {
            EntryError::TooLarge(_) | EntryError::TooManyParameters => Kind::BodyTooLarge,
            _ => Kind::EntryIncomplete,
        };
        Problem::new(kind, error.to_string())
    })
}

/// The buyer whose credentials the call carries. An unknown name takes as long as a wrong password and gets the same answer.
async fn identify(x: &Exchange, call: &Entry) -> Result<Arc<Buyer>, Problem> {
    let username = call.username.as_deref().unwrap_or_default();
    let buyer = x.plan().buyers.with_username(username).cloned();
    if buyer.is_none()
        && let Ok(hook) = Hook::parse(call.hook.as_deref().unwrap_or_default())
        && let Some(buyer) = x.plan().buyers.passing_through(&hook)
    {
        return Ok(buyer.clone());
    }
    // One way for both: who is unknown has nobody's password, which is as much work.
    let expected = buyer.as_ref().map_or_else(Passwords::nobody, |buyer| buyer.passwords.clone());
    let looks = x.plan().buyers.looks();
    let given = call.password.clone();
    let leave = x.entrance().look().await.map_err(|wait| too_many(wait, "passwords to look at"))?;
    // argon2 takes tens of milliseconds on purpose: on a worker it would hold up every visitor of that worker.
    let right = tokio::task::spawn_blocking(move || {
        // The leave ends with the work, not with the request: a caller who hangs up frees no core.
        let _leave = leave;
        given.is_some_and(|given| expected.hold(given.expose().as_bytes(), looks))
    });
    let right = right.await.unwrap_or(false);
    match buyer {
        Some(buyer) if right => Ok(buyer),
        Some(buyer) => Err(Problem::new(Kind::EntryRefused, format!("wrong password for buyer `{}`", buyer.name))),
        None => Err(Problem::new(Kind::EntryRefused, "no buyer has that USERNAME")),
    }
}

/// Where the cart may go; nowhere for a call that needs no HOOK_URL and has none ([`Entry::parse`] sees to the others).
fn admit(x: &Exchange, buyer: &Buyer, call: &Entry) -> Result<Option<Hook>, Problem> {
    let Some(text) = call.hook.as_deref() else { return Ok(None) };
    let hook = Hook::parse(text);
    if buyer.learn_hooks
        && let Ok(hook) = &hook
    {
        learn(x, buyer, hook, "HOOK_URL");
        if let Some(Ok(cancel)) = call.cancel.as_deref().map(Hook::parse) {
            learn(x, buyer, &cancel, "OCICANCEL");
        }
    }
    let hook = hook.and_then(|hook| is_allowed(x, buyer, &hook).map(|()| hook));
    hook.map(Some).map_err(|refusal| hook_refused(buyer, refusal))
}

fn hook_refused(buyer: &Buyer, refusal: HookRefusal) -> Problem {
    Problem::new(Kind::HookRefused, format!("HOOK_URL of buyer `{}`: {refusal}", buyer.name))
}

/// Tells ops what to list for an address that is not listed yet. It is refused all the same: that the right password came
/// with it does not make it the buyer's, for the call passes through its user's browser.
fn learn(x: &Exchange, buyer: &Buyer, hook: &Hook, parameter: &'static str) {
    let Err(refusal) = is_allowed(x, buyer, hook) else { return };
    let (reference, buyer, rule) = (x.reference(), &buyer.name, hook.rule(refusal));
    x.metrics().unknown_hook(buyer);
    x.shop().watch.unknown_hooks.came(buyer, &rule);
    tracing::warn!(
        %reference, buyer, rule, %hook,
        "{parameter} is not listed, and is refused; if it is the buyer's, add {rule:?} to its `hooks` in proxy.toml"
    );
}

/// By the buyer's list, or because the hook is the console's own and was made for this buyer.
fn is_allowed(x: &Exchange, buyer: &Buyer, hook: &Hook) -> Result<(), HookRefusal> {
    if x.shop().watch.simulations.allow(hook.text(), &buyer.name) { Ok(()) } else { hook.allowed_by(&buyer.hooks) }
}

/// Signs in with the claimed account and empties what an earlier session left in its cart, in a task of its own: a browser
/// that goes away must not leave the shop half signed in, and hyper drops a request's future with its connection.
async fn sign_in_at_shop(
    x: &Exchange,
    head: &request::Parts,
    buyer: &Arc<Buyer>,
    claim: Claim,
) -> Result<(Claim, Jar), Problem> {
    let Some(account) = claim.account.clone() else { return Ok((claim, Jar::new())) };
    let language = head.headers.get(header::ACCEPT_LANGUAGE).cloned();
    // An empty jar: what the browser has of an earlier stay in the shop must not leak into this session.
    let mut visit = super::visit(x, &head.headers, language, Jar::new())?;
    let (plan, buyer, reference) = (x.plan().clone(), buyer.clone(), x.reference());
    let served_by = x.shop().clone();
    let task = tokio::task::spawn_local(async move {
        let no_rules = || Problem::new(Kind::Internal, "an account, and no rules to sign in by");
        let rules = plan.shop.sign_in.as_ref().ok_or_else(no_rules)?;
        let signed_in = sign_in(rules, &mut visit, &account).await;
        match &signed_in {
            Ok(_) => drift::looked(&served_by, "shop.sign_in", true),
            Err(problem) if problem.kind == Kind::SignInFormMissing => drift::looked(&served_by, "shop.sign_in", false),
            // A wrong password and a shop that is down say nothing of the rule.
            Err(_) => {}
        }
        signed_in.map_err(|problem| match problem.kind {
            // The shop has judged the call's own password: the same answer as where we judge it.
            Kind::SignInRefused if buyer.passes_through() => Problem::new(Kind::EntryRefused, problem.detail),
            _ => problem,
        })?;
        if claim.hold != Hold::Common {
            let lines = clear::empty(&mut visit, &plan.shop).await?;
            if lines > 0 {
                tracing::info!(%reference, lines, "took out what an earlier session had left in the cart");
            }
        }
        Ok((claim, visit.into_jar()))
    });
    task.await.map_err(|error| Problem::new(Kind::Internal, format!("the sign-in task ended: {error}")))?
}

async fn open(
    x: &Exchange,
    head: &request::Parts,
    buyer: &Buyer,
    call: Entry,
    hook: Option<Hook>,
    claim: Claim,
    jar: Jar,
) -> Result<Arc<Session>, Problem> {
    let limits = &x.plan().session;
    let language = head.headers.get(header::ACCEPT_LANGUAGE).cloned();
    let simulated = hook.as_ref().is_some_and(|hook| x.shop().watch.simulations.allow(hook.text(), &buyer.name));
    let session = Arc::new(Session {
        // A fresh one always, never one that a request brought.
        id: claim.id,
        carried_by: CarriedBy::Cookie,
        reference: x.reference(),
        buyer: buyer.name.clone(),
        hook,
        entry: call.without_secrets(),
        browser: super::browser(x, &head.headers, language.clone())?,
        accept_language: language,
        account: claim.account.as_ref().map(|account| account.username.clone()).unwrap_or_default(),
        hold: claim.hold.clone(),
        jar,
        held: Held::default(),
        handed: Handed::default(),
        seen: AtomicBool::new(false),
        simulated,
        report_only: buyer.report_only || falls_in(limits.report_only_share),
        began: SystemTime::now(),
        idle: limits.idle,
        longest: limits.longest,
    });
    if !x.sessions().open(session.clone()).await? {
        let detail = format!("signing in as `{}` took so long that somebody else has the account", session.account);
        return Err(Problem::new(Kind::PoolBusy, detail).retry_after(WAIT));
    }
    claim.settled();
    x.metrics().started(&session.buyer);
    // A second punchout replaces the first.
    if let Some(earlier) = cookie::read(&head.headers, x.secure())
        && let Ok(Some(over)) = x.sessions().end(earlier, Ended::Replaced, accounts::patience(x.plan())).await
    {
        x.metrics().ended(&over.session.buyer, Ended::Replaced.word());
        clear::in_background(x, over, None);
    }
    let (reference, buyer, account) = (session.reference, &session.buyer, &session.account);
    let shape = session.entry.hook_shape;
    let report_only = session.report_only;
    tracing::info!(%reference, buyer, account, report_only, hook = session.hook_text(), hook_shape = ?shape, "a punchout session begins");
    Ok(session)
}

/// Whether a session that begins is in a share of all sessions.
fn falls_in(share: f64) -> bool {
    let mut drawn = [0; 4];
    // Without randomness nothing is changed that would not be changed anyway.
    share > 0.0 && getrandom::fill(&mut drawn).is_ok() && f64::from(u32::from_le_bytes(drawn)) < share * 4_294_967_296.0
}

/// The browser goes on to a clean address, with the shop's cookies and ours; where it may keep none, to one that shows it.
async fn send_on(x: &Exchange, head: &request::Parts, session: &Session, buyer: &Buyer) -> Result<Page, Problem> {
    let mut page = match buyer.cookies {
        Cookies::Required if !frame::is_framed(x, buyer) => arrive::into_the_shop(x, session)?,
        _ => pages::redirect(&arrive::address(x, session).await?),
    };
    if buyer.cookies != Cookies::Never {
        for line in hygiene::expire(x, session, &head.headers) {
            page.headers.append(header::SET_COOKIE, line);
        }
        let seal = x.seal(session.id);
        for line in session.jar.set_cookies() {
            page.headers.append(header::SET_COOKIE, super::cookie_of(x, &seal, line));
        }
        page.headers.append(header::SET_COOKIE, cookie::give(session.id, x.secure()));
    }
    frame::fit(x, session, buyer, &mut page.headers);
    Ok(page)
}
