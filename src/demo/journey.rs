//! The whole round trip, as a crude browser makes it.
//!
//! From the procurement system's button through the proxy into the shop, three articles into the cart, and back by the
//! button on the cart page. What arrived is compared field by field with what the catalogue says, and once an order is
//! tried, which must not arrive at the shop.

mod expected;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::browser::{self, Browser, Form, Page};
use super::catalogue::{BLOWLAMP, CABLE, Product, SCREW};

/// What is bought: slug and quantity as a Norwegian types it.
pub const BOUGHT: [(&str, &str); 3] = [(SCREW, "12000"), (CABLE, "2,5"), (BLOWLAMP, "2")];

/// A round trip that takes longer than this has failed.
const LONGEST: Duration = Duration::from_secs(60);

/// How the catalog call is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EntryWay {
    /// A form with method POST, as the standard has it.
    #[default]
    Post,
    /// A link, with the parameters in its query.
    Get,
}

/// One field of the hand-over form: what had to arrive and what did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedField {
    /// The whole name, `NEW_ITEM-PRICE[1]`.
    pub name: String,
    /// What the catalogue says; `None` for a field that nobody asked for.
    pub expected: Option<String>,
    /// What arrived; `None` for a field that is missing.
    pub received: Option<String>,
}

impl ReturnedField {
    /// Whether exactly the expected value arrived.
    pub fn is_right(&self) -> bool {
        self.expected == self.received
    }
}

/// What came of a journey that reached its end.
#[derive(Clone, Debug)]
pub struct Journey {
    /// Every expected and every received field, in the order of the lines.
    pub fields: Vec<ReturnedField>,
    /// What was wrong besides single fields, as sentences.
    pub faults: Vec<String>,
}

impl Journey {
    /// Whether every value is right and nothing else was wrong.
    pub fn is_right(&self) -> bool {
        self.faults.is_empty() && self.fields.iter().all(ReturnedField::is_right)
    }

    /// The fields that are not right.
    pub fn mismatches(&self) -> impl Iterator<Item = &ReturnedField> {
        self.fields.iter().filter(|field| !field.is_right())
    }
}

/// The fields as an aligned table, the faults below it.
impl fmt::Display for Journey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| match value {
            Some(value) => {
                format!("\"{}\"", value.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
            }
            None => "(nothing)".to_owned(),
        };
        let width = self.fields.iter().map(|field| field.name.chars().count()).max().unwrap_or_default();
        for field in &self.fields {
            let sign = if field.is_right() { "ok " } else { "NOT" };
            write!(f, "{sign} {:width$}  {}", field.name, shown(&field.received))?;
            if !field.is_right() {
                write!(f, "  expected {}", shown(&field.expected))?;
            }
            writeln!(f)?;
        }
        for fault in &self.faults {
            writeln!(f, "NOT {fault}")?;
        }
        let wrong = self.mismatches().count() + self.faults.len();
        match wrong {
            0 => write!(f, "{} fields, every value right", self.fields.len()),
            _ => write!(f, "{} fields, {wrong} wrong", self.fields.len()),
        }
    }
}

/// Makes the round trip on a thread of its own and waits for it: for callers that are not async. The procurement system
/// must have been [connected](super::Demo::connect) to the proxy.
///
/// # Errors
/// What stopped the journey before a cart arrived, as a sentence with the page on which it happened.
pub fn once(proxy_url: &str, procurement: SocketAddr) -> Result<Journey, String> {
    let proxy_url = proxy_url.to_owned();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime for the journey: {error}"))?;
        runtime.block_on(travel(&proxy_url, procurement, EntryWay::Post))
    });
    thread.join().unwrap_or_else(|_| Err("the journey panicked".to_owned()))
}

/// Makes the round trip.
///
/// # Errors
/// As [`once`]; also when it takes longer than a minute.
pub async fn travel(proxy_url: &str, procurement: SocketAddr, way: EntryWay) -> Result<Journey, String> {
    travel_by(Browser::default(), proxy_url, procurement, way).await
}

/// Makes the round trip in a browser, which may be one that keeps no cookies.
///
/// # Errors
/// As [`travel`].
pub async fn travel_by(
    browser: Browser,
    proxy_url: &str,
    procurement: SocketAddr,
    way: EntryWay,
) -> Result<Journey, String> {
    let proxy = Url::parse(proxy_url).map_err(|error| format!("the proxy's address {proxy_url:?}: {error}"))?;
    let start = Url::parse(&format!("http://{procurement}/")).map_err(|error| error.to_string())?;
    tokio::time::timeout(LONGEST, Traveller { browser, proxy, root: String::new(), start }.travel(way))
        .await
        .map_err(|_| format!("the journey was not over after {} s", LONGEST.as_secs()))?
}

struct Traveller {
    browser: Browser,
    proxy: Url,
    /// What the session's addresses begin with, where it is carried by them.
    root: String,
    start: Url,
}

impl Traveller {
    async fn travel(mut self, way: EntryWay) -> Result<Journey, String> {
        let mut faults = Vec::new();
        let (call, before) = (self.punch_out(way).await?, self.orders().await?);
        // Carts belong to the account: what an earlier journey left would be returned with ours.
        self.at_proxy("/handlekurv/tom").await?;
        for (slug, quantity) in BOUGHT {
            self.put_in_cart(slug, quantity).await?;
        }
        self.try_to_order(&mut faults).await?;
        let cart = self.at_proxy("/handlekurv").await?;
        let received = self.hand_over(&cart, &mut faults).await?;
        if self.orders().await? != before {
            faults.push("an order reached the shop from a punchout session".into());
        }
        for problem in received["problems"].as_array().into_iter().flatten() {
            faults.push(format!("the procurement system complains: {}", problem.as_str().unwrap_or_default()));
        }
        let fields: Vec<(String, String)> = serde_json::from_value(received["fields"].clone())
            .map_err(|error| format!("the procurement system's JSON: {error}"))?;
        Ok(Journey { fields: expected::compare(&expected::fields(&call), &fields), faults })
    }

    /// From the button to a page of the shop, signed in. Returns the catalog call's parameters.
    async fn punch_out(&mut self, way: EntryWay) -> Result<Vec<(String, String)>, String> {
        let start = self.browser.get(self.start.clone()).await?;
        let form = start.forms().into_iter().find(|form| form.class.contains("punchout"));
        let form = form.ok_or("the procurement system shows no punch out button; is it connected to the proxy?")?;
        let call = form.inputs.clone();
        let page = match way {
            EntryWay::Post => self.browser.submit(&start, &form, &[]).await?,
            EntryWay::Get => {
                let mut url = start.join(&form.action)?;
                url.query_pairs_mut().extend_pairs(&call);
                self.browser.get(url).await?
            }
        };
        let page = self.go_on(page).await?;
        if page.status != 200 || page.url.origin() != self.proxy.origin() {
            return Err(format!("the catalog call ended at {page}"));
        }
        if !page.body.contains("/konto/logg-ut") {
            return Err(format!("not signed in at the shop: no sign-out link on {page}"));
        }
        if page.url.query().unwrap_or_default().to_ascii_uppercase().contains("HOOK_URL") {
            return Err("the shop's page still has HOOK_URL in its address".into());
        }
        if let Some(rest) = page.url.path().strip_prefix("/_punchout/s/") {
            let token = rest.split('/').next().unwrap_or_default();
            self.root = format!("/_punchout/s/{token}");
        }
        Ok(call)
    }

    /// A page that only leads on (for shops whose cookies are `SameSite=Strict`) is left by its link.
    async fn go_on(&mut self, page: Page) -> Result<Page, String> {
        match page.link("a#onward") {
            Some(onward) => self.browser.get(page.join(&onward)?).await,
            None => Ok(page),
        }
    }

    async fn put_in_cart(&mut self, slug: &str, quantity: &str) -> Result<(), String> {
        let product = Product::find(slug).ok_or_else(|| format!("the catalogue has no {slug}"))?;
        let page = self.at_proxy(&format!("/vare/{}", product.slug)).await?;
        let form = page.forms().into_iter().find(|form| form.id == "leggtil");
        let form = form.ok_or_else(|| format!("no form to buy with on {page}"))?;
        let cart = self.browser.submit(&page, &form, &[("antall", quantity)]).await?;
        match cart.status {
            200 => Ok(()),
            _ => Err(format!("putting {slug} into the cart ended at {cart}")),
        }
    }

    /// What a buyer might try who knows the shop well.
    async fn try_to_order(&mut self, faults: &mut Vec<String>) -> Result<(), String> {
        let order = Form { action: format!("{}/kasse/bestill", self.root), method: "post".into(), ..Form::default() };
        let page = self.at_proxy("/handlekurv").await?;
        let answer = self.browser.submit(&page, &order, &[("referanse", "forsøk")]).await?;
        if answer.body.contains("Takk for bestillingen") {
            faults.push("POST /kasse/bestill was answered with an order confirmation".into());
        }
        Ok(())
    }

    /// Presses the hand-over button on the cart page; returns what the procurement system says it received.
    async fn hand_over(&mut self, cart: &Page, faults: &mut Vec<String>) -> Result<Value, String> {
        let controls = browser::submit_buttons(&cart.body);
        let forms = cart.forms();
        let found = controls.iter().find_map(|id| forms.iter().find(|form| !form.id.is_empty() && form.id == *id));
        let form = found.ok_or_else(|| format!("no button that belongs to a hand-over form on {cart}"))?;
        for leak in browser::ways_to_checkout(&cart.body) {
            faults.push(format!("the cart page still leads to checkout: {leak}"));
        }
        // Where the cart is read anew, a page of the proxy stands between, and sends itself where scripts run.
        let between = match cart.join(&form.action)? {
            ours if ours.origin() == self.proxy.origin() => Some(self.browser.submit(cart, form, &[]).await?),
            _ => None,
        };
        let forms = between.as_ref().map_or(forms.clone(), Page::forms);
        let cart = between.as_ref().unwrap_or(cart);
        let form = match between {
            Some(_) => forms.first().ok_or_else(|| format!("no hand-over form on {cart}"))?,
            None => form,
        };
        let hook = cart.join(&form.action)?;
        if hook.origin() != self.start.origin() || !form.method.eq_ignore_ascii_case("post") {
            return Err(format!("the hand-over form is {} to {hook}", form.method));
        }
        let requisition = self.browser.submit(cart, form, &[]).await?;
        if requisition.status != 200 {
            return Err(format!("the hook answered with {requisition}"));
        }
        let last = self.start.join("/oci/last.json").map_err(|error| error.to_string())?;
        let page = self.browser.get(last).await?;
        serde_json::from_str(&page.body).map_err(|error| format!("{page} is no JSON: {error}"))
    }

    async fn orders(&mut self) -> Result<Value, String> {
        let page = self.at_proxy("/_shop/orders").await?;
        let orders: Value = serde_json::from_str(&page.body).map_err(|error| format!("{page} is no JSON: {error}"))?;
        Ok(orders["count"].clone())
    }

    async fn at_proxy(&mut self, path: &str) -> Result<Page, String> {
        let address = self.proxy.join(&format!("{}{path}", self.root)).map_err(|error| error.to_string())?;
        let page = self.browser.get(address).await?;
        if page.status == 200 { Ok(page) } else { Err(format!("expected a page of the shop, got {page}")) }
    }
}
