//! Whose a request is: the visitor's, a catalog call, a session's, or our own page's. Decided from its head alone.

use http::{Method, request};

use crate::config::plan::Plan;
use crate::location::Target;
use crate::protocol::oci::entry::Entry;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the shop and back, untouched.
    Visitor,
    /// A catalog call: begin a session.
    Enter,
    /// To the shop, as a session's.
    Shop,
    /// A page of ours.
    Own(OwnPage),
    /// It carries the cookie of a session that is over: neither a session's nor, before the shop's sign-in is undone, a
    /// visitor's.
    Over,
}

/// The pages below our prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnPage {
    /// Reads the cart and hands it over.
    Return,
    /// Leaves without a cart.
    Cancel,
    /// The browser tells that the cart was sent.
    Sent,
    /// The first page after a catalog call: has the browser kept the cookie?
    Begin,
    /// The bar's style sheet.
    Style,
    /// A cart page's script.
    Script,
    /// The script of pages that the shop draws again in the browser.
    Hydrated,
    /// Asks again for an account.
    Wait,
    /// There is no such page.
    Unknown,
}

/// What the session cookie of a request says, or the root of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// There is none.
    None,
    /// Its session is open.
    Open,
    /// Its session is over, or never was.
    Over,
}

/// Decides whose a request is.
pub fn route(plan: &Plan, head: &request::Parts, claim: Claim) -> Route {
    let path = head.uri.path();
    let query = head.uri.query();
    if let Some(own) = path.strip_prefix(plan.prefix.as_str()) {
        return match own {
            "enter" => Route::Enter,
            "return" if claim == Claim::Open => Route::Own(OwnPage::Return),
            "cancel" if claim == Claim::Open => Route::Own(OwnPage::Cancel),
            "sent" if claim == Claim::Open => Route::Own(OwnPage::Sent),
            // Also without a session, or with one that is over: that is what it is asked for.
            "begin" => Route::Own(OwnPage::Begin),
            "return" | "cancel" | "sent" => Route::Over,
            "bar.css" => Route::Own(OwnPage::Style),
            "script.js" => Route::Own(OwnPage::Script),
            "hydrated.js" => Route::Own(OwnPage::Hydrated),
            "wait" => Route::Own(OwnPage::Wait),
            _ => Route::Own(OwnPage::Unknown),
        };
    }
    // A second punchout from the same browser begins anew, whatever its cookie says.
    if query.is_some_and(|query| Entry::looks_like(query.as_bytes(), &plan.entry.names)) {
        return Route::Enter;
    }
    if head.method == Method::POST && !plan.entry.locations.is_empty() {
        let target = Target::new(path, query);
        if plan.entry.locations.iter().any(|location| location.matches(&target)) {
            return Route::Enter;
        }
    }
    match claim {
        Claim::None => Route::Visitor,
        Claim::Open => Route::Shop,
        Claim::Over => Route::Over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn plan() -> Plan {
        let text = "listen = \"127.0.0.1:0\"\n[shop]\norigin = \"http://127.0.0.1:1\"\npreset = \"django-oscar\"\n";
        let text = format!("{text}[entry]\npaths = [\"/oci\"]\n");
        crate::config::read(&text, std::path::Path::new(".")).plan.unwrap()
    }

    #[test]
    fn every_request_has_one_way() {
        let plan = plan();
        let call = "HOOK_URL=https%3A%2F%2Fx.example&USERNAME=acme";
        for (method, target, claim, expected) in [
            ("GET", "/", Claim::None, Route::Visitor),
            ("POST", "/basket/", Claim::None, Route::Visitor),
            ("GET", "/", Claim::Open, Route::Shop),
            ("GET", "/", Claim::Over, Route::Over),
            ("GET", &format!("/?{call}"), Claim::None, Route::Enter),
            ("GET", &format!("/any/page?a=1&{call}"), Claim::Open, Route::Enter),
            ("GET", &format!("/?{}", call.to_lowercase()), Claim::Over, Route::Enter),
            ("GET", "/?HOOK_URL=x", Claim::None, Route::Visitor),
            ("GET", "/?USERNAME=x&PASSWORD=y", Claim::None, Route::Visitor),
            ("POST", "/oci", Claim::None, Route::Enter),
            ("POST", "/oci/", Claim::Open, Route::Enter),
            ("GET", "/oci", Claim::None, Route::Visitor),
            ("POST", "/_punchout/enter", Claim::None, Route::Enter),
            ("GET", "/_punchout/enter", Claim::None, Route::Enter),
            ("POST", "/_punchout/return", Claim::Open, Route::Own(OwnPage::Return)),
            ("POST", "/_punchout/return", Claim::None, Route::Over),
            ("POST", "/_punchout/cancel", Claim::Open, Route::Own(OwnPage::Cancel)),
            ("POST", "/_punchout/sent", Claim::Over, Route::Over),
            ("GET", "/_punchout/begin?ticket=x", Claim::None, Route::Own(OwnPage::Begin)),
            ("GET", "/_punchout/begin?ticket=x", Claim::Over, Route::Own(OwnPage::Begin)),
            ("GET", "/_punchout/bar.css", Claim::None, Route::Own(OwnPage::Style)),
            ("GET", "/_punchout/hydrated.js", Claim::Over, Route::Own(OwnPage::Hydrated)),
            ("GET", "/_punchout/wait?ticket=x", Claim::None, Route::Own(OwnPage::Wait)),
            ("GET", "/_punchout/x", Claim::None, Route::Own(OwnPage::Unknown)),
            ("GET", "/_punchoutx", Claim::None, Route::Visitor),
        ] {
            let (head, ()) = Request::builder().method(method).uri(target).body(()).unwrap().into_parts();
            assert_eq!(route(&plan, &head, claim), expected, "{method} {target} {claim:?}");
        }
    }
}
