//! From cart to hook: the one place where it is decided whether a cart may leave, and in which form.
//!
//! Both ways to return come here: the cart page that was read while it streamed past ([`at_end_of_page`]), and our own
//! return page that reads the cart anew ([`fresh`]). Where the first is in doubt, its form leads to the second, which
//! either hands over after all or says what is wrong.

use std::rc::Rc;

use http::HeaderMap;

use crate::cart::Cart;
use crate::cart::articles::Articles;
use crate::config::plan::Buyer;
use crate::exchange::{Exchange, Shop};
use crate::finding::{Finding, Severity, code};
use crate::observe::Watch;
use crate::observe::returns::{self, Handed};
use crate::pages::{self, Link, Page, Reader, texts};
use crate::problem::{Kind, Problem};
use crate::protocol::oci::entry::Entry;
use crate::protocol::oci::form::{HandOver, control_fields, form_html, form_with_button};
use crate::protocol::oci::hook::Hook;
use crate::protocol::oci::mapping::{Mapped, Surroundings, UnitFound, map};
use crate::protocol::oci::{self, Charset, Parameters};
use crate::rewrite::controls::{Leave, RETURN_FORM};
use crate::rewrite::tap::Tap;
use crate::session::{Session, Stage};

use super::read_cart::Whole;
use super::record::Recorder;
use super::{drift, read_cart, signed_in};

/// What a cart has become for its buyer.
#[derive(Debug)]
pub enum Leaving {
    /// It may leave; the findings are for the log.
    Ready(Box<HandOver>, Vec<Finding>),
    /// It must not; one of the findings at least is an error.
    Refused(Vec<Finding>),
}

/// The catalog call that a cart goes back to.
#[derive(Clone, Copy, Debug)]
pub struct Call<'c> {
    /// Where to.
    pub hook: Option<&'c Hook>,
    /// The call.
    pub entry: &'c Entry,
    /// It was made from the console, whose hook is on nobody's list.
    pub simulated: bool,
}

/// What a cart comes to for its buyer, whether it may leave or not.
#[derive(Debug)]
pub struct WorkedOut {
    /// The buyer's form, still without the cart.
    pub hand_over: HandOver,
    /// The cart's fields.
    pub mapped: Mapped,
    /// What happened to its values, in the buyer's severities.
    pub findings: Vec<Finding>,
}

impl WorkedOut {
    /// No finding keeps it here.
    pub fn may_leave(&self) -> bool {
        !Finding::any_error(&self.findings)
    }

    fn leaving(self) -> Leaving {
        if !self.may_leave() {
            return Leaving::Refused(self.findings);
        }
        let hand_over = HandOver { inputs: self.mapped.into_inputs(), ..self.hand_over };
        Leaving::Ready(Box::new(hand_over), self.findings)
    }
}

impl<'s> From<&'s Session> for Call<'s> {
    fn from(session: &'s Session) -> Self {
        Call { hook: session.hook.as_ref(), entry: &session.entry, simulated: session.simulated }
    }
}

/// Where this session's cart is returned to: the frame that the buyer's system asked for.
pub fn target(buyer: &Buyer, session: &Session) -> oci::Target {
    target_of(buyer, &session.entry)
}

fn target_of(buyer: &Buyer, entry: &Entry) -> oci::Target {
    oci::Target::choose(buyer.form.target.as_ref(), entry.target.as_ref())
}

/// The buyer's form without a cart, which is how OCI cancels.
pub fn blank(buyer: &Buyer, session: &Session) -> HandOver {
    blank_for(buyer, &session.entry, session.hook.as_ref())
}

/// The same for a call that has no session.
pub fn blank_for(buyer: &Buyer, entry: &Entry, hook: Option<&Hook>) -> HandOver {
    let target = target_of(buyer, entry);
    HandOver {
        hook: hook.cloned(),
        hook_query: buyer.form.hook_query,
        control: control_fields(&entry.echo, buyer.form.sap_fields, &target),
        inputs: Vec::new(),
        charset: Charset::choose(entry.charset, buyer.form.charset),
        target,
    }
}

/// Brings `cart` into the buyer's fields, and adds to `findings` what became of it, each as grave as it is to the buyer.
/// The form has a charset, and so many inputs beside the cart's.
pub fn fill(
    buyer: &Buyer,
    parameters: &Parameters,
    (charset, control_fields): (Charset, usize),
    cart: &Cart,
    findings: &mut Vec<Finding>,
) -> Mapped {
    let units = |word: Option<&str>| UnitFound::from(buyer.units.find(word.unwrap_or_default()));
    let surroundings = Surroundings { parameters, units: &units, charset, control_fields };
    let mapped = map(&buyer.mapping, cart, &surroundings);
    findings.extend(mapped.findings.iter().cloned());
    buyer.severities.apply(findings);
    mapped
}

/// Brings a cart into the buyer's form, or says why it must not leave.
pub fn prepare(buyer: &Buyer, session: &Session, cart: &Cart) -> Leaving {
    work_out(buyer, &session.into(), cart).leaving()
}

/// Brings a cart into the buyer's fields, and judges it. The one way from a cart to its form, for sessions and for what is
/// tried out afterwards alike.
pub fn work_out(buyer: &Buyer, call: &Call<'_>, cart: &Cart) -> WorkedOut {
    let mut findings = cart.findings.clone();
    // The configuration may have been reloaded since entry, and a hook that is no longer allowed gets nothing.
    match call.hook.map(|hook| hook.allowed_by(&buyer.hooks)) {
        None => findings.push(Finding::on_cart(code::NO_HOOK, Severity::Error, "the catalog call had no HOOK_URL")),
        Some(Err(refusal)) if !call.simulated => {
            findings.push(Finding::on_cart(code::HOOK_NO_LONGER_ALLOWED, Severity::Error, refusal.to_string()));
        }
        Some(_) => {}
    }
    if cart.lines.is_empty() && cart.empty {
        findings.push(Finding::on_cart(code::CART_EMPTY, Severity::Error, "the shop says that the cart is empty"));
    }
    let hand_over = blank_for(buyer, call.entry, call.hook);
    let mapped = fill(buyer, &call.entry.parameters, hand_over.room(), cart, &mut findings);
    WorkedOut { hand_over, mapped, findings }
}

/// A cart page that is read as it streams past, and kept for a record where it is to be.
pub struct Following {
    recorder: Recorder,
    tap: Rc<Tap>,
    /// Of the shop's answer.
    headers: HeaderMap,
}

impl Following {
    /// What has to keep the page, and what tells of it in the end.
    pub fn begin(recorder: Recorder, headers: &HeaderMap) -> (Rc<Tap>, Following) {
        let tap = recorder.tap();
        (tap.clone(), Following { recorder, tap, headers: headers.clone() })
    }

    fn record(self, session: &Session, (cart, articles): (&Cart, &Articles), worked_out: &WorkedOut) {
        self.recorder.streamed(&self.tap, self.headers, session, (cart, articles), worked_out);
    }
}

/// The form at the end of a cart page, to which the page's checkout controls belong. Where the cart must not leave, it
/// leads to our return page, which says why.
pub fn at_end_of_page(
    shop: &Shop,
    buyer: &Buyer,
    session: &Session,
    leave: &Leave,
    (cart, articles): (&Cart, &Articles),
    following: Option<Following>,
) -> String {
    let worked_out = work_out(buyer, &session.into(), cart);
    if let Some(following) = following {
        following.record(session, (cart, articles), &worked_out);
    }
    match worked_out.leaving() {
        Leaving::Ready(hand_over, findings) => {
            log(&shop.watch, session, cart, &findings, "the cart page carries its hand-over form");
            let form = form_html(&hand_over, &leave.form);
            note(shop, session, cart, *hand_over, &findings);
            form
        }
        Leaving::Refused(findings) => {
            log(&shop.watch, session, cart, &findings, "the cart on this page must not leave as it is");
            closed(leave)
        }
    }
}

/// What a cart would have come to in a session that only reports, for the log and the metrics. `controls` as in
/// [`count_rules`].
pub fn report(
    shop: &Rc<Shop>,
    buyer: &Buyer,
    session: &Session,
    (cart, articles): (&Cart, &Articles),
    controls: Option<usize>,
    following: Option<Following>,
) {
    if controls.is_some() {
        count_rules(shop, (cart, articles), controls);
    }
    let worked_out = work_out(buyer, &session.into(), cart);
    if let Some(following) = following {
        following.record(session, (cart, articles), &worked_out);
    }
    match worked_out.leaving() {
        Leaving::Ready(hand_over, findings) => {
            log(&shop.watch, session, cart, &findings, "the cart would leave (report only)");
            let reference = session.reference;
            for (name, value) in &hand_over.inputs {
                tracing::debug!(%reference, name, value, "would be sent (report only)");
            }
        }
        Leaving::Refused(findings) => {
            log(&shop.watch, session, cart, &findings, "the cart would not leave (report only)");
        }
    }
}

/// Counts which rules found something in a cart, and on its product pages. `controls` is how many checkout controls its page had, where there was
/// one.
pub fn count_rules(shop: &Rc<Shop>, (cart, articles): (&Cart, &Articles), controls: Option<usize>) {
    for (_, told) in articles.iter() {
        shop.watch.metrics.product_page(told.is_ok());
    }
    for (rule, matched) in shop.plan.shop.cart.matched(cart) {
        drift::looked(shop, &rule, matched);
    }
    if let Some(controls) = controls
        && !cart.lines.is_empty()
    {
        drift::looked(shop, "shop.cart.checkout", controls > 0);
    }
}

/// The form at the end of a cart page that could not be read to its end.
pub fn closed(leave: &Leave) -> String {
    leave.closed_form()
}

/// Our return page: reads the cart with the buyer's cookies and hands it over, or says why not.
///
/// # Errors
/// What the shop may answer instead of its cart page.
pub async fn fresh(x: &Exchange, session: &Session, buyer: &Buyer, headers: &HeaderMap) -> Result<Page, Problem> {
    let plan = x.plan();
    let jar = super::jar_of(x, session, headers).await;
    let shop = &plan.shop;
    let address = shop.cart.endpoint().map_or(&shop.cart_address, |endpoint| &endpoint.address);
    let recorder = Recorder::begin(x.shop(), session, buyer, &jar, "fresh", address);
    let mut visit = super::visit(x, headers, session.accept_language.clone(), jar)?;
    let Whole { mut cart, articles, source } = read_cart::read_whole(plan, &mut visit).await?;
    signed_in::judge(x.shop(), session, &mut visit, &source, &mut cart).await;
    count_rules(x.shop(), (&cart, &articles), None);
    if session.report_only {
        // Nothing that is shown leads here.
        report(x.shop(), buyer, session, (&cart, &articles), None, None);
        return Ok(pages::redirect(&x.at(&shop.cart_address)));
    }
    let nonce = super::nonce()?;
    let language = session.language();
    let worked_out = work_out(buyer, &session.into(), &cart);
    if let Some(recorder) = recorder {
        recorder.fetched(source, session, &cart, &articles, &worked_out);
    }
    let mut page = match worked_out.leaving() {
        Leaving::Ready(hand_over, findings) => {
            log(&x.shop().watch, session, &cart, &findings, "hands the cart over");
            let form = form_with_button(&hand_over, RETURN_FORM, &texts::of(language).hand_over.button);
            note(x.shop(), session, &cart, *hand_over, &findings);
            // SAP warns of an endless loop where a page submits to SAPEVENT by itself.
            let by_itself = !session.hook.as_ref().is_some_and(Hook::is_sap_event);
            if is_shown(headers) {
                x.sessions().reach(session, Stage::Shown).await;
            }
            let sent = super::own_address(x, session, "sent");
            pages::hand_over(&form, &nonce, by_itself.then_some(sent.as_str()), language)
        }
        Leaving::Refused(findings) => {
            log(&x.shop().watch, session, &cart, &findings, "refuses to hand the cart over");
            let reference = session.reference.to_string();
            let contact = plan.contact.as_deref();
            let reader = Reader { language, reference: &reference, contact, wants_json: false, nonce: &nonce };
            // A line that could not be read is not among the lines, so those after it stand under another number.
            let unread =
                cart.findings.iter().any(|finding| finding.line.is_some() && finding.severity == Severity::Error);
            let lines = if unread { &[] } else { cart.lines.as_slice() };
            let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
            pages::cart_refused(&findings, &names, &reader, &[Link::Cart(&x.at(&plan.shop.cart_address))])
        }
    };
    super::bring_cookies(x, session, visit.jar(), &mut page.headers).await;
    Ok(page)
}

/// Whether a page that was asked for is shown to somebody. What a script fetches may be for later, or for nobody.
fn is_shown(headers: &HeaderMap) -> bool {
    headers.get_all("sec-fetch-dest").iter().all(|kind| kind != "empty")
}

/// Writes down a cart that is given out.
fn note(shop: &Shop, session: &Session, cart: &Cart, hand_over: HandOver, findings: &[Finding]) {
    let handed = Handed {
        time: returns::now(),
        reference: session.reference.to_string(),
        buyer: session.buyer.clone(),
        hook: hand_over.action().to_owned(),
        target: hand_over.target.to_string(),
        charset: hand_over.charset.label().to_owned(),
        lines: cart.lines.len(),
        fields: hand_over.into_hidden(),
        findings: findings.iter().map(ToString::to_string).collect(),
    };
    shop.watch.returns.handed(shop.plan.audit.as_ref(), &shop.watch.metrics, handed);
}

fn log(watch: &Watch, session: &Session, cart: &Cart, findings: &[Finding], what: &'static str) {
    let (reference, buyer, lines) = (session.reference, &session.buyer, cart.lines.len());
    watch.metrics.cart(buyer, lines, findings);
    if Finding::any_error(findings) {
        let code = Kind::CartRefused.code();
        tracing::warn!(%reference, code, %buyer, lines, hook = session.hook_text(), "{what}");
    } else {
        tracing::info!(%reference, %buyer, lines, hook = session.hook_text(), "{what}");
    }
    for finding in findings {
        let (code, line, detail) = (finding.code, finding.line, &finding.detail);
        match finding.severity {
            Severity::Error => tracing::warn!(%reference, code, line, "{detail}"),
            Severity::Warning => tracing::info!(%reference, code, line, "{detail}"),
            Severity::Info => tracing::debug!(%reference, code, line, "{detail}"),
        }
    }
}
