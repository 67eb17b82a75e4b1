//! `returns`: carts that were handed over, from the file of `[audit]`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{EX_CONFIG, check};
use crate::observe::returns::{self, Event, Handed};
use crate::protocol::oci::form::{HandOver, HookQuery, escaped, form_with_button};
use crate::protocol::oci::hook::Hook;
use crate::protocol::oci::{Charset, Target};

/// What `returns` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: super::Config,
    /// The file itself, an older one for example; by default that of `[audit]` in the configuration.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// This buyer's alone.
    #[arg(long, value_name = "NAME")]
    buyer: Option<String>,
    /// Show this session's carts, field by field.
    #[arg(long, value_name = "REF")]
    reference: Option<String>,
    /// Write an HTML page that sends this session's last cart again by a click; to standard output.
    #[arg(long, value_name = "REF", conflicts_with = "reference")]
    form: Option<String>,
}

/// Lists, shows or prepares carts to be sent again. Ends with 1 where there is none.
pub(super) fn returns(options: &Options) -> ExitCode {
    let Some(file) = options.file.clone().or_else(|| configured(&options.config.config)) else {
        return ExitCode::from(EX_CONFIG);
    };
    let (events, broken) = match returns::read(&file) {
        Ok(read) => read,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    };
    if broken > 0 {
        eprintln!("{}: {broken} lines are no events and were passed over", file.display());
    }
    let wanted = options.reference.as_ref().or(options.form.as_ref());
    let is_wanted = |one: &&Handed| {
        wanted.is_none_or(|wanted| one.reference.eq_ignore_ascii_case(wanted))
            && options.buyer.as_ref().is_none_or(|buyer| one.buyer == *buyer)
    };
    let handed = events.iter().filter_map(|event| match event {
        Event::Handed(handed) => Some(handed.as_ref()),
        Event::Sent { .. } => None,
    });
    let handed: Vec<&Handed> = handed.filter(is_wanted).collect();
    let Some(last) = handed.last() else {
        eprintln!("{}: no such cart", file.display());
        return ExitCode::FAILURE;
    };
    if options.form.is_some() {
        return write_form(last);
    }
    for one in &handed {
        let is_sent = |event: &Event| matches!(event, Event::Sent { reference, .. } if *reference == one.reference);
        print(one, events.iter().any(is_sent), options.reference.is_some());
    }
    ExitCode::SUCCESS
}

fn configured(config: &Path) -> Option<PathBuf> {
    let plan = check::load(config)?;
    if plan.audit.is_none() {
        eprintln!("{}: `audit.file` is not set: no cart is written down", config.display());
    }
    plan.audit.as_ref().map(|audit| audit.file.clone())
}

fn print(one: &Handed, sent: bool, whole: bool) {
    // A hook's query holds the session at the buyer's system.
    let hook = one.hook.split('?').next().unwrap_or_default();
    let sent = if sent { "sent" } else { "not known to be sent" };
    println!("{}  {}  {}  {} lines  {hook}  {sent}", one.time, one.reference, one.buyer, one.lines);
    if !whole {
        return;
    }
    for (name, value) in &one.fields {
        println!("  {name} = {value}");
    }
    for finding in &one.findings {
        println!("  {finding}");
    }
}

fn write_form(one: &Handed) -> ExitCode {
    let hook = match Hook::parse(&one.hook) {
        Ok(hook) => hook,
        Err(refusal) => {
            eprintln!("the cart's hook is none: {refusal}");
            return ExitCode::FAILURE;
        }
    };
    let form = HandOver {
        hook: Some(hook),
        // Where it was split, its query is among the fields.
        hook_query: HookQuery::Keep,
        control: Vec::new(),
        inputs: one.fields.clone(),
        charset: Charset::parse(&one.charset).unwrap_or_default(),
        // Whoever sends it again is in no frame of the buyer's system.
        target: Target::parse("_self").unwrap_or_default(),
    };
    let (reference, buyer, time) = (escaped(&one.reference), escaped(&one.buyer), escaped(&one.time));
    println!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>Cart {reference}</title>\n<h1>Cart {reference}</h1>\n\
         <p>Of buyer {buyer}, handed over {time}, {} lines. To be opened by the buyer, signed in to the procurement system: \
         its session may have ended since.</p>\n{}</html>",
        one.lines,
        form_with_button(&form, "again", "Send the cart again"),
    );
    ExitCode::SUCCESS
}
