//! The buyer simulator: a punchout from the console, whose hook is the console's own.
//!
//! Nothing is let past: the buyer's password is typed by whoever simulates, and goes from the browser to the proxy as a
//! procurement system would send it. Only the hook is allowed beside the buyer's own, for the buyer it was made for.

use std::fmt::Write;

use http::StatusCode;

use super::Inside;
use super::answer::{Answer, html, plain};
use crate::config::Plan;
use crate::finding::{Finding, Severity};
use crate::observe::simulations::Simulation;
use crate::protocol::oci::form::escaped;
use crate::protocol::oci::lint::lint;
use crate::session::id::Ticket;

/// OCI's functions; the first is ordinary shopping, for which a call has none.
const FUNCTIONS: [&str; 4] = ["", "DETAIL", "VALIDATE", "BACKGROUND_SEARCH"];

/// Where a simulation is chosen.
pub(super) fn form(plan: &Plan, main: &mut String) {
    main.push_str("<h2 id=\"simulator\">Buyer simulator</h2>\n<form method=\"post\" action=\"/simulator\">\n<label>Buyer <select name=\"buyer\">");
    for buyer in plan.buyers.iter() {
        let name = escaped(&buyer.name);
        let _ = write!(main, "<option>{name}</option>");
    }
    main.push_str("</select></label>\n<label>Function <select name=\"function\">");
    for function in FUNCTIONS {
        let shown = if function.is_empty() { "shopping" } else { function };
        let _ = write!(main, "<option value=\"{function}\">{shown}</option>");
    }
    main.push_str("</select></label>\n<label>Item or words, for a function <input name=\"item\"></label>\n");
    let _ = writeln!(
        main,
        "<label>The shop, as buyers reach it <input name=\"shop\" value=\"{}\"></label>",
        escaped(&public(plan))
    );
    main.push_str(
        "<fieldset><legend>Shown in</legend><label><input type=\"radio\" name=\"in\" value=\"window\" checked> a window of its own</label>\
         <label><input type=\"radio\" name=\"in\" value=\"frame\"> a frame</label></fieldset>\n<button>Prepare the catalog call</button>\n</form>\n",
    );
}

fn public(plan: &Plan) -> String {
    match (&plan.public, plan.listen.first()) {
        (Some(public), _) => format!("http{}://{}", if public.secure { "s" } else { "" }, public.authority),
        (None, Some(listener)) => format!("http{}://{}", if listener.tls { "s" } else { "" }, listener.address),
        (None, None) => String::new(),
    }
}

/// The catalog call that was chosen, to be sent by a click. `host` is what the browser calls us.
pub(super) fn begin(inside: &Inside, host: &str, body: &[u8]) -> Answer {
    let plan = inside.plans.load_full();
    let chosen: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let of = |name: &str| chosen.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let Some(buyer) = plan.buyers.named(of("buyer")) else {
        return plain(StatusCode::BAD_REQUEST, "there is no such buyer");
    };
    let shop = of("shop").trim_end_matches('/');
    if !(shop.starts_with("http://") || shop.starts_with("https://")) {
        return plain(StatusCode::BAD_REQUEST, "the shop's address begins with http:// or https://");
    }
    let ticket = Ticket::random().to_text();
    let hook = format!("http://{host}/hook/{ticket}");
    inside.watch.simulations.begin(Simulation { ticket, hook: hook.clone(), buyer: buyer.name.clone(), arrived: None });
    let framed = of("in") == "frame";
    let mut call = vec![
        ("USERNAME", buyer.username.as_str()),
        ("HOOK_URL", &hook),
        ("~TARGET", if framed { "_self" } else { "_top" }),
    ];
    let item = of("item");
    match of("function") {
        "" => {}
        function => {
            call.push(("FUNCTION", function));
            call.push((if function == "BACKGROUND_SEARCH" { "SEARCHSTRING" } else { "PRODUCTID" }, item));
        }
    }
    let (target, action) = (if framed { "shop" } else { "_self" }, escaped(&format!("{shop}{}enter", plan.prefix)));
    let mut main = format!("<form method=\"post\" action=\"{action}\" target=\"{target}\">\n");
    for (name, value) in call {
        let _ = writeln!(main, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value));
    }
    let name = escaped(&buyer.name);
    let _ = writeln!(
        main,
        "<label>Password of {name} <input type=\"password\" name=\"PASSWORD\" autocomplete=\"off\" required></label>"
    );
    main.push_str("<button id=\"punch-out\">Punch out</button>\n</form>\n");
    if framed {
        main.push_str("<iframe name=\"shop\" title=\"The shop in a punchout session\"></iframe>\n");
    }
    main.push_str("<p><a href=\"/\">Back to the console</a></p>\n");
    html("Buyer simulator", &main)
}

/// The answer to a ticket that nobody has.
pub(super) fn unknown() -> Answer {
    plain(StatusCode::NOT_FOUND, "no such simulation: it was never begun, or pushed out by later ones")
}

/// What came to a simulation's hook, and what the buyer's system would trip over in it.
pub(super) fn arrive(inside: &Inside, ticket: &str, body: bytes::Bytes) -> Answer {
    let Some(simulation) = inside.watch.simulations.arrived(ticket, body.to_vec()) else {
        return unknown();
    };
    let plan = inside.plans.load_full();
    let Some(buyer) = plan.buyers.named(&simulation.buyer) else {
        return plain(StatusCode::NOT_FOUND, "the buyer is no longer configured");
    };
    let mut linted = lint(&buyer.mapping, &buyer.units, &body);
    buyer.severities.apply(&mut linted.findings);
    let mut main = String::new();
    let (lines, good) = (linted.lines.len(), !Finding::any_error(&linted.findings));
    let (class, verdict) = match (lines, good) {
        (0, _) => ("", "no cart: the buyer went back without one"),
        (_, true) => ("good", "the buyer's system takes it"),
        (_, false) => ("bad", "not what the buyer's system takes"),
    };
    let _ = writeln!(
        main,
        "<p id=\"verdict\">{lines} lines, {} findings: <span class=\"{class}\">{verdict}</span></p>",
        linted.findings.len()
    );
    let lines: Vec<_> = form_urlencoded::parse(&body).collect();
    main.push_str("<div class=\"scroll\"><table><caption>As it arrived</caption>\n<thead><tr><th scope=\"col\">Field</th><th scope=\"col\">Value</th></tr></thead>\n<tbody>\n");
    for (name, value) in &lines {
        let _ = writeln!(main, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(name), escaped(value));
    }
    main.push_str("</tbody></table></div>\n");
    if !linted.findings.is_empty() {
        main.push_str("<h2>Findings</h2>\n<ul>\n");
        for finding in &linted.findings {
            let class = if finding.severity == Severity::Error { "bad" } else { "" };
            let _ = writeln!(
                main,
                "<li><span class=\"{class}\">{}</span> {}</li>",
                finding.severity.word(),
                escaped(&finding.to_string())
            );
        }
        main.push_str("</ul>\n");
    }
    main.push_str("<p><a href=\"/\" target=\"_top\">Back to the console</a></p>\n");
    html("What arrived", &main)
}
