//! The console: one page that shows what goes on. No script, no state of its own.

use std::fmt::Write;
use std::time::SystemTime;

use super::Inside;
use super::answer::{Answer, html};
use super::simulator;
use crate::config::Plan;
use crate::observe::drift::{Course, MINUTES};
use crate::observe::hooks::UnknownHook;
use crate::protocol::oci::HookRule;
use crate::protocol::oci::form::escaped;
use crate::session::store::{Count, Lost};

/// Light and dark, as the browser's owner likes.
pub(super) const STYLE: &str = include_str!("console.css");

/// Returns that are shown; the audit file has all.
const SHOWN: usize = 20;

/// The page. `tcp`: a browser can reach us by an address, so that we can be a hook.
pub(super) async fn page(inside: &Inside, tcp: bool) -> Answer {
    let plan = inside.plans.load_full();
    let mut main = String::new();
    if (inside.draining)() {
        main.push_str("<p class=\"bad\">Draining: no new connections are taken.</p>\n");
    }
    let count = inside.sessions.count().await;
    sessions(inside, count, &mut main);
    returns(inside, &mut main);
    unknown_hooks(&plan, inside, &mut main);
    rules(&inside.watch.drift.courses(), &mut main);
    if tcp {
        simulator::form(&plan, &mut main);
    }
    configuration(&plan, inside, &mut main);
    html("punchout-proxy", &main)
}

/// A table; headings and captions are ours, cells are escaped here.
fn table(main: &mut String, caption: &str, heads: &[&str], rows: &[Vec<String>]) {
    let _ = write!(main, "<div class=\"scroll\"><table><caption>{caption}</caption>\n<thead><tr>");
    for head in heads {
        let _ = write!(main, "<th scope=\"col\">{head}</th>");
    }
    main.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        main.push_str("<tr>");
        for cell in row {
            let _ = write!(main, "<td>{}</td>", escaped(cell));
        }
        main.push_str("</tr>\n");
    }
    main.push_str("</tbody></table></div>\n");
}

fn sessions(inside: &Inside, count: Result<Count, Lost>, main: &mut String) {
    main.push_str("<h2 id=\"sessions\">Sessions</h2>\n");
    let caption = match count {
        Ok(Count { sessions, leases, waiting }) => {
            format!("{sessions} open, {leases} with an account to themselves, {waiting} waiting for one")
        }
        Err(lost) => format!("how many are open is not known: {lost}"),
    };
    if inside.plans.load().session.store.is_some() {
        main.push_str("<p>Listed are those that came to this sidecar in the last five minutes.</p>\n");
    }
    let row = |session: std::sync::Arc<crate::session::Session>| {
        let age = SystemTime::now().duration_since(session.began).unwrap_or_default().as_secs();
        let kind = match (session.simulated, session.report_only) {
            (true, _) => "simulated",
            (_, true) => "report only",
            _ => "",
        };
        let stage = format!("{:?}", session.handed.stage()).to_lowercase();
        let account = session.account.clone();
        vec![
            session.reference.to_string(),
            session.buyer.clone(),
            account,
            format!("{} min", age / 60),
            stage,
            kind.into(),
        ]
    };
    let rows: Vec<_> = inside.sessions.seen_here().into_iter().map(row).collect();
    table(main, &caption, &["Reference", "Buyer", "Account at the shop", "Age", "Cart", "Kind"], &rows);
}

fn returns(inside: &Inside, main: &mut String) {
    main.push_str("<h2 id=\"returns\">Last returns</h2>\n");
    let recent = inside.watch.returns.recent();
    if recent.is_empty() {
        main.push_str("<p>None since the start.</p>\n");
    }
    for (one, sent) in recent.iter().take(SHOWN) {
        let hook = one.hook.split('?').next().unwrap_or_default();
        let state = if *sent { "sent" } else { "given out" };
        let _ = writeln!(
            main,
            "<details><summary>{} {} {}: {} lines to {}, {state}, {} findings</summary>",
            escaped(&one.time),
            escaped(&one.reference),
            escaped(&one.buyer),
            one.lines,
            escaped(hook),
            one.findings.len()
        );
        let fields: Vec<_> = one.fields.iter().map(|(name, value)| vec![name.clone(), value.clone()]).collect();
        table(main, "Fields", &["Field", "Value"], &fields);
        if !one.findings.is_empty() {
            let findings: Vec<_> = one.findings.iter().map(|finding| vec![finding.clone()]).collect();
            table(main, "Findings", &["Finding"], &findings);
        }
        main.push_str("</details>\n");
    }
}

/// What came where hooks are learned and is not listed yet; nothing where there is none.
fn unknown_hooks(plan: &Plan, inside: &Inside, main: &mut String) {
    let listed = |one: &UnknownHook| {
        let (buyer, rule) = (plan.buyers.named(&one.buyer), HookRule::parse(&one.rule).ok());
        buyer.is_some_and(|buyer| rule.is_some_and(|rule| buyer.hooks.contains(&rule)))
    };
    let unknown: Vec<_> = inside.watch.unknown_hooks.all().into_iter().filter(|one| !listed(one)).collect();
    if unknown.is_empty() {
        return;
    }
    main.push_str(
        "<h2 id=\"hooks\">Hooks that are not listed</h2>\n<p>They came with the right password and were refused. ",
    );
    main.push_str("Ask the buyer whether they are its own before you list them.</p>\n");
    let row = |one: UnknownHook| {
        let last = humantime::format_rfc3339_seconds(one.last).to_string();
        vec![one.buyer, format!("hooks = [{:?}]", one.rule), one.calls.to_string(), last]
    };
    let rows: Vec<_> = unknown.into_iter().map(row).collect();
    table(main, "Since the start", &["Buyer", "For proxy.toml", "Calls", "Last"], &rows);
}

fn rules(courses: &[Course], main: &mut String) {
    main.push_str("<h2 id=\"rules\">Rules in the last hour</h2>\n");
    if courses.is_empty() {
        main.push_str("<p>No rule has been looked for since the start.</p>\n");
        return;
    }
    main.push_str("<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Rule</th><th scope=\"col\">Hits</th>");
    main.push_str("<th scope=\"col\">Misses</th><th scope=\"col\">By minute</th><th scope=\"col\">State</th></tr></thead>\n<tbody>\n");
    for course in courses {
        let sum = |of: fn(&(u64, u32, u32)) -> u32| course.minutes.iter().map(of).sum::<u32>();
        let (hits, misses) = (sum(|minute| minute.1), sum(|minute| minute.2));
        let state = if course.lost { "<span class=\"bad\">no longer matches</span>" } else { "" };
        let rule = escaped(&course.rule);
        let _ = write!(main, "<tr><th scope=\"row\">{rule}</th><td>{hits}</td><td>{misses}</td><td>");
        plot(course, hits, misses, main);
        let _ = writeln!(main, "</td><td>{state}</td></tr>");
    }
    main.push_str("</tbody></table></div>\n");
}

/// Hits upwards and misses downwards from the middle, a bar a minute. What it shows is told in words too.
fn plot(course: &Course, hits: u32, misses: u32, main: &mut String) {
    let most = course.minutes.iter().map(|minute| minute.1.max(minute.2)).max().unwrap_or(1).max(1);
    let _ = write!(
        main,
        "<svg role=\"img\" aria-label=\"{hits} hits and {misses} misses in the last hour\" width=\"240\" height=\"32\" viewBox=\"0 0 240 32\">"
    );
    for (ago, hits, misses) in &course.minutes {
        let x = (MINUTES - 1 - ago) * 4;
        let height = |count: u32| (f64::from(count) * 15.0 / f64::from(most)).ceil();
        let (up, down) = (height(*hits), height(*misses));
        let top = 16.0 - up;
        let _ = write!(main, "<rect class=\"hit\" x=\"{x}\" y=\"{top}\" width=\"3\" height=\"{up}\"/>");
        let _ = write!(main, "<rect class=\"miss\" x=\"{x}\" y=\"16\" width=\"3\" height=\"{down}\"/>");
    }
    main.push_str("</svg>");
}

/// What is in force, without a secret: none of the values shown can be one.
fn configuration(plan: &Plan, inside: &Inside, main: &mut String) {
    main.push_str("<h2 id=\"configuration\">Configuration in force</h2>\n");
    let listen: Vec<_> = plan.listen.iter().map(|listener| listener.address.to_string()).collect();
    let audit = plan.audit.as_ref().map_or("nowhere".to_owned(), |audit| audit.file.display().to_string());
    let webhook = if plan.drift.webhook.is_some() { "***" } else { "none" };
    let row = |key: &str, value: String| vec![key.to_owned(), value];
    let rows = [
        row("listen", listen.join(", ")),
        row("shop.origin", plan.origin.to_string()),
        row("shop.start", plan.shop.start.clone()),
        row("shop.cart.page", plan.shop.cart_address.clone()),
        row("shop.cart.return", format!("{:?}", plan.shop.way).to_lowercase()),
        row("shop.deny", format!("{} rules", plan.shop.policy.denials.len())),
        row("session.idle, longest", format!("{:?}, {:?}", plan.session.idle, plan.session.longest)),
        row("session.report_only_share", plan.session.report_only_share.to_string()),
        row("audit.file", audit),
        row("drift.misses, webhook", format!("{}, {webhook}", plan.drift.misses)),
        row("log level now", inside.watch.loudness.level().unwrap_or("not ours").to_owned()),
    ];
    table(main, "The proxy", &["Key", "Value"], &rows);
    let buyers: Vec<_> = plan
        .buyers
        .iter()
        .map(|buyer| {
            let report = if buyer.report_only { "yes" } else { "no" };
            let hooks = format!("{} rules", buyer.hooks.len());
            vec![
                buyer.name.clone(),
                buyer.username.clone(),
                "***".into(),
                format!("{:?}", buyer.accounts),
                hooks,
                report.into(),
            ]
        })
        .collect();
    table(main, "Buyers", &["Name", "Username", "Password", "Accounts", "Hooks", "Report only"], &buyers);
}
