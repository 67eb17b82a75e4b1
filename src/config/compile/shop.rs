//! `[shop]`: how the shop works.

use std::sync::Arc;

use http::HeaderValue;

use super::{Notes, accounts, details, offers, policy, size, tables, time};
use crate::cart::articles::Lookup;
use crate::cart::rules::{CartSource, RuleError, Rules, RulesSource};
use crate::config::file::{CartFile, File, HideFile, OneOrMany, ReturnWay};
use crate::config::plan::{Public, Shop};
use crate::location::Location;
use crate::rewrite::controls::Controls;
use crate::rewrite::hydrated::Hydrated;
use crate::rewrite::own_name::{Name, OwnName};
use crate::selector;
use crate::shop::{Emptying, SignIn};

/// Answers to a cookie banner, and what stands in front of a shop keeps there.
const KEPT: [&str; 6] = ["*consent*", "*Consent*", "__cf*", "cf_*", "AWSALB*", "incap_ses_*"];

/// By these, platforms know who is signed in. Not all of them keep scripts from reading them (PHP's default does not).
const SIGN_IN: [&str; 15] = [
    "PHPSESSID",
    "JSESSIONID",
    "ASP.NET_SessionId",
    "ASPSESSIONID*",
    ".ASPXAUTH",
    ".AspNetCore.*",
    "sessionid",
    "connect.sid",
    "laravel_session",
    "OCSESSID",
    "zenid",
    "osCsid",
    "PrestaShop-*",
    "frontend",
    "wordpress_*logged_in_*",
];

/// Every part is looked at, also where another is at fault.
pub(super) fn shop(file: &File, public: Option<&Public>, notes: &mut Notes<'_>) -> Option<Shop> {
    let source = &file.shop;
    let names = names(file, public, notes);
    let start = start(source.start.as_deref(), notes);
    let sign_in = sign_in(file, notes);
    let cart_pages = cart_pages(&source.cart, notes);
    let cart_address = cart_address(&cart_pages, notes);
    let cart = rules(&source.cart, notes);
    let tables = tables::tables(source, notes);
    let product = offers::offers("product", source.product.as_ref(), &source.cart, &tables, notes);
    let search = offers::offers("search", source.search.as_ref(), &source.cart, &tables, notes);
    if source.search.as_ref().is_some_and(|file| file.details == Some(true)) && source.product.is_none() {
        notes.fault("shop.search.details", "needs [shop.product]: where the values stand on a product's own page");
    }
    let details = details::details(source, &product, notes);
    let emptying = emptying(file, notes);
    let checkout = checkout(&source.cart, notes);
    let is_hydrated = source.hydrated.unwrap_or(false);
    let way = way(&source.cart, is_hydrated, notes);
    let policy = policy(&source.deny, notes);
    let hidden = hidden(&source.hide, notes);
    let controls: Vec<&str> = source.cart.checkout.iter().collect();
    let hydrated = is_hydrated.then(|| Hydrated::new(&controls, &hidden));
    let hide = hidden.iter().filter_map(|selector| selector::compile(selector).ok()).collect();
    if policy.denials.is_empty() {
        notes.fault(
            "shop.deny",
            "is missing: a punchout session could place a real order; name the shop's checkout paths",
        );
    }
    Some(Shop {
        own_name: own_name(&names, public),
        names,
        start: start?,
        onward: source.onward.unwrap_or_default(),
        seal_cookies: SIGN_IN.iter().map(|name| (*name).to_owned()).chain(source.seal_cookies.clone()).collect(),
        keep_cookies: source.keep_cookies.clone().unwrap_or_else(|| KEPT.map(str::to_owned).to_vec()),
        hide,
        hydrated,
        sign_in: sign_in?,
        cart_address: cart_address?,
        cart_pages,
        cart: Arc::new(with_lookup(cart?.with_tables(tables.clone()), details.as_ref().map(|(lookup, _)| lookup))),
        details: details.map(|(_, details)| details),
        product: product?,
        search: search?,
        emptying: emptying?,
        checkout: checkout?,
        way,
        policy,
        page_size: size(file.limits.shop_page, 4 << 20),
        sign_in_time: time(file.limits.sign_in_time, 30),
    })
}

fn with_lookup(rules: Rules, lookup: Option<&Lookup>) -> Rules {
    match lookup {
        Some(lookup) => rules.with_lookup(lookup.clone()),
        None => rules,
    }
}

/// Selectors of what buyers are not to see, each of which compiles.
fn hidden(file: &HideFile, notes: &mut Notes<'_>) -> Vec<String> {
    let mut hidden = Vec::new();
    let mut add = |key: &str, text: String, notes: &mut Notes<'_>| {
        if notes.take(key, selector::compile(&text)).is_some() {
            hidden.push(text);
        }
    };
    for (n, text) in file.elements.iter().enumerate() {
        add(&format!("shop.hide.elements[{n}]"), text.clone(), notes);
    }
    for (n, host) in file.hosts.iter().enumerate() {
        let key = format!("shop.hide.hosts[{n}]");
        let name = host.strip_prefix("*.").unwrap_or(host);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte)) {
            notes
                .fault(key, format!("`{host}` is not a host such as \"www.googletagmanager.com\" or \"*.hotjar.com\""));
            continue;
        }
        let before = if name == host { "//" } else { "." };
        let loads = ["script[src", "iframe[src", "img[src", "link[href"];
        let selectors: Vec<String> = loads
            .iter()
            .flat_map(|tag| [format!("{tag}*='{before}{name}/' i]"), format!("{tag}$='{before}{name}' i]")])
            .collect();
        add(&key, selectors.join(", "), notes);
    }
    hidden
}

/// What the shop calls itself. Its scheme, where it is not written: `https` where it is spoken to so, else visitors'.
fn names(file: &File, public: Option<&Public>, notes: &mut Notes<'_>) -> Vec<Name> {
    let host = &file.shop.host;
    let origin_is_secure = file.shop.origin.as_deref().is_some_and(|origin| origin.starts_with("https:"));
    let secure = origin_is_secure || public.is_some_and(|public| public.secure);
    let mut names = Vec::new();
    for (n, text) in host.iter().enumerate() {
        names.extend(notes.take(&indexed("shop.host", host, n), Name::parse(text, secure)));
    }
    let has_no_name = file.shop.origin.as_deref().is_some_and(|origin| origin.starts_with("unix:"));
    if !names.is_empty() && file.public.is_none() && !has_no_name {
        notes.warn("shop.host", "without `public` changes no name: Host is passed on as the visitor typed it");
    }
    names
}

fn own_name(names: &[Name], public: Option<&Public>) -> Option<Arc<OwnName>> {
    let public = public?;
    let public = Name::parse(&public.authority, public.secure).ok()?;
    OwnName::new(names.to_vec(), public).map(Arc::new)
}

fn start(start: Option<&str>, notes: &mut Notes<'_>) -> Option<String> {
    let start = start.unwrap_or("/");
    let path = start.starts_with('/') && !start.starts_with("//") && !start.contains(['#', '\\', ' ']);
    if path && HeaderValue::from_str(start).is_ok() {
        return Some(start.to_owned());
    }
    notes.fault("shop.start", format!("`{start}` is not an address in the shop: begin with one `/`"));
    None
}

/// `Some(None)`: nobody signs in.
fn sign_in(file: &File, notes: &mut Notes<'_>) -> Option<Option<SignIn>> {
    let Some(source) = &file.shop.sign_in else {
        if file.buyer.is_empty() || file.buyer.iter().any(accounts::signs_in) {
            notes.fault("shop.sign_in", "is missing: how a buyer's account signs in to the shop");
        }
        return Some(None);
    };
    match SignIn::compile(source) {
        Ok(sign_in) => Some(Some(sign_in)),
        Err(faults) => {
            for fault in faults {
                // Each begins with its key.
                let (key, message) = fault.split_once(": ").unwrap_or(("", &fault));
                notes.fault(format!("shop.sign_in.{key}"), message);
            }
            None
        }
    }
}

/// `Some(None)`: nobody knows how.
fn emptying(file: &File, notes: &mut Notes<'_>) -> Option<Option<Emptying>> {
    let Some(source) = &file.shop.cart.clear else {
        if file.buyer.iter().any(accounts::keeps_carts) {
            let message =
                "is missing: what one session leaves in the cart of a pooled account, the next one finds there";
            notes.warn("shop.cart.clear", message);
        }
        return Some(None);
    };
    match Emptying::compile(source) {
        Ok(emptying) => Some(Some(emptying)),
        Err(faults) => {
            for fault in faults {
                let (key, message) = fault.split_once(": ").unwrap_or(("", &fault));
                notes.fault(format!("shop.cart.clear.{key}"), message);
            }
            None
        }
    }
}

fn cart_pages(cart: &CartFile, notes: &mut Notes<'_>) -> Vec<Location> {
    let mut pages = Vec::new();
    for (n, text) in cart.page.iter().enumerate() {
        pages.extend(notes.take(&indexed("shop.cart.page", &cart.page, n), Location::parse(text)));
    }
    if cart.page.iter().next().is_none() {
        notes.fault("shop.cart.page", "is missing: the address of the cart page, such as \"/basket/\"");
    }
    pages
}

fn cart_address(pages: &[Location], notes: &mut Notes<'_>) -> Option<String> {
    let first = pages.first()?;
    match first.address().filter(|address| HeaderValue::from_str(address).is_ok()) {
        Some(address) => Some(address.to_owned()),
        None => {
            notes.fault(
                "shop.cart.page",
                format!("`{first}` comes first, so it must be one plain address: buyers are sent there"),
            );
            None
        }
    }
}

/// A cart that is not on its page cannot be read while the page streams past, and one that scripts change without asking for
/// the page again may be another by then.
fn way(cart: &CartFile, is_hydrated: bool, notes: &mut Notes<'_>) -> ReturnWay {
    let is_elsewhere = cart.source == Some(CartSource::Json);
    if is_elsewhere && cart.r#return == Some(ReturnWay::Page) {
        notes.fault(
            "shop.cart.return",
            "`page` needs the cart on its page: with source = \"json\" write \"fresh\", or leave it out",
        );
    }
    if is_hydrated && cart.r#return == Some(ReturnWay::Page) {
        notes.fault(
            "shop.cart.return",
            "`page` would send the cart as it was when the page was asked for: with hydrated = true write \"fresh\", or leave it out",
        );
    }
    cart.r#return.unwrap_or(if is_elsewhere || is_hydrated { ReturnWay::Fresh } else { ReturnWay::Page })
}

fn rules(cart: &CartFile, notes: &mut Notes<'_>) -> Option<Rules> {
    let told = |error: &RuleError| (format!("shop.cart.{}", error.field), told(error));
    match Rules::compile(RulesSource::from(cart)) {
        Ok(rules) => {
            for (key, message) in rules.warnings().iter().map(told) {
                notes.warn(key, message);
            }
            Some(rules)
        }
        Err(errors) => {
            for (key, message) in errors.iter().map(told) {
                notes.fault(key, message);
            }
            None
        }
    }
}

pub(super) fn told(error: &RuleError) -> String {
    let hint = error.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
    if error.written.is_empty() {
        format!("{}{hint}", error.reason)
    } else {
        format!("`{}`: {}{hint}", error.written, error.reason)
    }
}

fn checkout(cart: &CartFile, notes: &mut Notes<'_>) -> Option<Controls> {
    if cart.checkout.iter().next().is_none() {
        notes.fault("shop.cart.checkout", "is missing: the links and buttons that lead to checkout");
        return None;
    }
    // One at a time, so that each bad selector is told at its own place.
    let mut good = true;
    for (n, selector) in cart.checkout.iter().enumerate() {
        good &= notes.take(&indexed("shop.cart.checkout", &cart.checkout, n), Controls::compile(&[selector])).is_some();
    }
    let selectors: Vec<&str> = cart.checkout.iter().collect();
    good.then(|| Controls::compile(&selectors).ok()).flatten()
}

fn indexed(key: &str, list: &OneOrMany, n: usize) -> String {
    match list {
        OneOrMany::Many(_) => format!("{key}[{n}]"),
        _ => key.to_owned(),
    }
}
