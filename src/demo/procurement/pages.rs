//! The pages of the procurement system: plain, readable by a screen reader, light and dark.

use std::fmt::Write;

use htmlize::{escape_attribute, escape_text};
use rust_decimal::Decimal;

use super::{ReceivedLine, Return};
use crate::demo::site::{Charset, fill};

/// The start page; `call` is the catalog call's address and parameters, `None` before a shop is connected.
pub(super) fn start(call: Option<(&str, &[(String, String)])>, returns: &[Return]) -> String {
    let entry = match call {
        Some((url, pairs)) => catalog_call(url, pairs),
        None => r#"<p class="problems" role="alert">No catalogue is connected yet.</p>"#.to_owned(),
    };
    let mut rows = String::new();
    for one in returns.iter().rev() {
        let state = match one.requisition.problems.len() {
            0 => r#"<span class="good">complete</span>"#.to_owned(),
            count => format!(r#"<span class="bad">{count} to look at</span>"#),
        };
        let _ = write!(
            rows,
            r#"<tr><td><a href="/requisition/{0}">Requisition {0}</a></td><td class="number">{1}</td><td class="number">{2}</td><td>{state}</td></tr>"#,
            one.number,
            one.requisition.lines.len(),
            totals(one),
        );
    }
    if rows.is_empty() {
        rows.push_str(
            r#"<tr><td colspan="4" class="quiet">Nothing yet. Punch out, fill a cart, and bring it back.</td></tr>"#,
        );
    }
    let body = format!(
        r#"<h1>Requisition 4711</h1><p class="lead">Workshop supplies, department of roads and parks. Pick what is needed in the supplier's own shop; the cart comes back here.</p>
<section class="card" aria-labelledby="catalogues"><h2 id="catalogues">Catalogues</h2>{entry}</section>
<section class="card" aria-labelledby="returned"><h2 id="returned">Returned carts</h2><div class="wide"><table>
<thead><tr><th scope="col">Requisition</th><th scope="col" class="number">Lines</th><th scope="col" class="number">Total</th><th scope="col">State</th></tr></thead><tbody>{rows}</tbody></table></div></section>"#
    );
    layout("Requisition 4711", &body)
}

fn catalog_call(url: &str, pairs: &[(String, String)]) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    let link = format!("{url}{separator}{}", Charset::Utf8.write_form(pairs));
    let mut inputs = String::new();
    let mut rows = String::new();
    for (name, value) in pairs {
        let _ = write!(
            inputs,
            r#"<input type="hidden" name="{}" value="{}">"#,
            escape_attribute(name),
            escape_attribute(value)
        );
        let shown = if name == "PASSWORD" { "••••••••" } else { value };
        let _ = write!(rows, r#"<tr><th scope="row">{}</th><td>{}</td></tr>"#, escape_text(name), escape_text(shown));
    }
    format!(
        r#"<div class="catalogue"><div><strong>Nordvik Verktøy</strong><span class="quiet">Framework agreement RA-2026/114</span></div>
<form class="punchout" method="post" action="{action}">{inputs}<button type="submit">Punch out to Nordvik Verktøy</button></form>
<a class="punchout button second" href="{link}">Punch out by link (GET)</a></div>
<details><summary>What the catalog call carries</summary><div class="wide"><table class="raw"><tbody>{rows}</tbody></table></div></details>"#,
        action = escape_attribute(url),
        link = escape_attribute(&link),
    )
}

/// One returned cart: lines, total, problems, raw fields.
pub(super) fn requisition(one: &Return) -> String {
    let lines: String = one.requisition.lines.iter().map(line_row).collect();
    let mut raw = String::new();
    for (name, value) in &one.fields {
        let _ = write!(raw, r#"<tr><th scope="row">{}</th><td>{}</td></tr>"#, escape_text(name), escape_text(value));
    }
    let body = format!(
        r#"<h1>Requisition {number}</h1><p class="lead">{count} lines came back from the shop.</p>{problems}
<section class="card" aria-labelledby="lines"><h2 id="lines">Lines</h2><div class="wide"><table class="lines">
<thead><tr><th scope="col" class="number">#</th><th scope="col">Description</th><th scope="col">Item number</th><th scope="col" class="number">Quantity</th><th scope="col">Unit</th><th scope="col" class="number">Price</th><th scope="col" class="number">per</th><th scope="col" class="number">Total</th></tr></thead>
<tbody>{lines}</tbody><tfoot><tr><th scope="row" colspan="7">Total, net</th><td class="number total">{totals}</td></tr></tfoot></table></div></section>
<section class="card" aria-labelledby="raw"><h2 id="raw">Raw fields</h2><div class="wide"><table class="raw"><tbody>{raw}</tbody></table></div></section>
<p><a class="button second" href="/">Back to the start</a></p>"#,
        number = one.number,
        count = one.requisition.lines.len(),
        problems = problems(&one.requisition.problems),
        totals = totals(one),
    );
    layout(&format!("Requisition {}", one.number), &body)
}

/// A page that says why something was refused.
pub(super) fn refused(why: &str) -> String {
    layout(
        "Refused",
        &format!(
            r#"<h1>Refused</h1><p class="problems" role="alert">{}</p><p><a class="button second" href="/">Back to the start</a></p>"#,
            escape_text(why)
        ),
    )
}

fn line_row(line: &ReceivedLine) -> String {
    let price_unit = if line.value("PRICEUNIT").is_empty() { "1" } else { line.value("PRICEUNIT") };
    let total = match line.total {
        Some(total) => format!("{} {}", amount(total), escape_text(line.value("CURRENCY"))),
        None => r#"<span class="bad">?</span>"#.to_owned(),
    };
    format!(
        r#"<tr><td class="number">{}</td><td>{}</td><td class="code">{}</td><td class="number">{}</td><td>{}</td><td class="number">{}</td><td class="number">{}</td><td class="number">{total}</td></tr>"#,
        line.index,
        escape_text(line.value("DESCRIPTION")),
        escape_text(line.value("VENDORMAT")),
        escape_text(line.value("QUANTITY")),
        escape_text(line.value("UNIT")),
        escape_text(line.value("PRICE")),
        escape_text(price_unit),
    )
}

fn problems(problems: &[String]) -> String {
    if problems.is_empty() {
        return r#"<p class="fine" role="status">Every line is complete.</p>"#.to_owned();
    }
    let items: String = problems.iter().map(|problem| format!("<li>{}</li>", escape_text(problem))).collect();
    format!(r#"<div class="problems" role="alert"><strong>This cart has problems</strong><ul>{items}</ul></div>"#)
}

fn totals(one: &Return) -> String {
    let text = |(currency, total): (&String, &Decimal)| format!("{} {}", amount(*total), escape_text(currency));
    match one.requisition.totals.is_empty() {
        true => "0.00".to_owned(),
        false => one.requisition.totals.iter().map(text).collect::<Vec<_>>().join("<br>"),
    }
}

/// An amount with thin spaces between thousands: `12 795.46`.
fn amount(amount: Decimal) -> String {
    let text = format!("{amount:.2}");
    let whole = text.find('.').unwrap_or(text.len());
    let mut grouped = String::new();
    for (at, c) in text.char_indices() {
        if at > 0 && at < whole && (whole - at).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(c);
    }
    grouped
}

fn layout(title: &str, body: &str) -> String {
    fill(include_str!("../assets/procurement.html"), &[("title", &escape_text(title)), ("body", body)])
}
