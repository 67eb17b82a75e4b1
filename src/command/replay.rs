//! `replay`: a recorded cart page read and mapped again, and what is different now.

mod difference;
mod fixture;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use encoding_rs::{Encoding, UTF_8};
use serde_json::json;

use super::{Config, check};
use crate::cart::{Cart, read_html, read_json};
use crate::config::plan::{Buyer, Plan};
use crate::observe::record::folder::{self, Kept};
use crate::protocol::oci::entry::{Entry, EntryNames};
use crate::protocol::oci::fields::FieldName;
use crate::protocol::oci::hook::Hook;
use crate::punchout::hand_over::{Call, work_out};
use crate::punchout::record::{articles, outcome};
use difference::{Difference, Seen};

/// What `replay` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The record: its folder, or a file in it.
    record: PathBuf,
    /// The buyer whose fields are compared; that of the record by default.
    #[arg(long, value_name = "NAME")]
    buyer: Option<String>,
    /// JSON instead of lines.
    #[arg(long)]
    json: bool,
    /// Write the page, its rules and what is read from it now into this folder, in the shape of fixtures/pages/*.
    #[arg(long, value_name = "FOLDER")]
    fixture: Option<PathBuf>,
    #[command(flatten)]
    config: Config,
}

/// Ends with 0 where everything is as it was, with 1 where something differs, with 2 where that cannot be told.
pub(super) fn replay(options: &Options) -> ExitCode {
    match again(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything is as it was.
fn again(options: &Options) -> Result<bool, String> {
    let file = options.config.config.display();
    let kept = folder::read(&options.record)?;
    let plan = check::load(&options.config.config).ok_or_else(|| format!("{file}: no configuration to replay with"))?;
    let name = options.buyer.as_ref().unwrap_or(&kept.record.buyer);
    let buyer = plan.buyers.named(name).ok_or_else(|| format!("{file}: there is no buyer `{name}`"))?;
    let cart = read(&plan, &kept)?;
    let (hook, entry) = call(&plan, &kept)?;
    let call = Call { hook: hook.as_ref(), entry: &entry, simulated: kept.record.simulated };
    let (now, lines) = outcome(&cart, &work_out(buyer, &call, &cart));
    let differences = difference::between(Seen(&kept.record.outcome, &kept.record.lines), Seen(&now, &lines));
    if options.json {
        print_json(&kept, &differences);
    } else {
        print(&kept, buyer, lines.len(), &differences);
    }
    if let Some(folder) = &options.fixture {
        fixture::write(folder, &options.config.config, &plan, &kept, &cart)?;
        eprintln!(
            "{} is written; names of people are masked only where `record.hide` or `record.patterns` says so: look at it before you pass it on",
            folder.display()
        );
    }
    Ok(differences.is_empty())
}

fn read(plan: &Plan, kept: &Kept) -> Result<Cart, String> {
    let rules = &plan.shop.cart;
    let articles = articles(&kept.record);
    match (rules.endpoint().is_some(), kept.json) {
        (true, true) => {
            let answers: Vec<serde_json::Value> =
                serde_json::from_slice(&kept.page).map_err(|error| format!("cart.json: {error}"))?;
            Ok(read_json::gather(rules, &answers).cart(&articles))
        }
        (false, false) => {
            let label = &kept.record.charset;
            let encoding = Encoding::for_label(label.as_bytes());
            let encoding = encoding.ok_or_else(|| format!("record.toml: `{label}` is no charset"))?;
            Ok(read_html::gather(rules, [&kept.page], encoding).cart(&articles))
        }
        (true, false) => Err("`shop.cart.source` is \"json\" now, and the record holds a page: nothing to read".into()),
        (false, true) => {
            Err("the record holds JSON, and `shop.cart.source` is not \"json\" now: nothing to read".into())
        }
    }
}

/// The catalog call, read anew by the names in this configuration.
fn call(plan: &Plan, kept: &Kept) -> Result<(Option<Hook>, Entry), String> {
    let names: &EntryNames = &plan.entry.names;
    let recorded = &kept.record.entry;
    let mut pairs: Vec<(&str, &str)> =
        recorded.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // What a record never holds, and a call must have.
    pairs.extend(
        names.hook.first().map(|name| (name.as_str(), recorded.hook.as_str())).filter(|(_, hook)| !hook.is_empty()),
    );
    pairs.extend(names.username.first().map(|name| (name.as_str(), "***")).filter(|(name, _)| {
        let known = |one: &&(String, String)| names.username.iter().any(|name| name.eq_ignore_ascii_case(&one.0));
        !name.is_empty() && recorded.parameters.iter().find(known).is_none_or(|(_, value)| value.is_empty())
    }));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let entry = Entry::parse(Some(query.as_bytes()), None, names);
    let entry = entry.map_err(|error| format!("record.toml: the catalog call cannot be read again: {error}"))?;
    if recorded.hook.is_empty() {
        // A DETAIL may have none.
        return Ok((None, entry));
    }
    let hook = Hook::parse(&recorded.hook).map_err(|refusal| format!("record.toml: entry.hook: {refusal}"))?;
    Ok((Some(hook), entry))
}

fn print(kept: &Kept, buyer: &Arc<Buyer>, lines: usize, differences: &[Difference]) {
    let record = &kept.record;
    println!("{}  {}  {}  {}  {}", record.time, record.reference, record.buyer, record.way, record.address);
    for difference in differences {
        let source = difference.field().and_then(FieldName::parse);
        match source.map(|field| buyer.mapping.origin_of(&field)) {
            Some(origin) => println!("{difference}   <- {origin}"),
            None => println!("{difference}"),
        }
    }
    match differences.len() {
        0 => println!("the same: {lines} lines"),
        number => println!("{number} differences"),
    }
}

fn print_json(kept: &Kept, differences: &[Difference]) {
    let record = &kept.record;
    let report = json!({
        "time": record.time,
        "reference": record.reference,
        "buyer": record.buyer,
        "address": record.address,
        "same": differences.is_empty(),
        "differences": differences,
    });
    println!("{report:#}");
}

/// The charset's label, where it has to be told.
fn label(kept: &Kept) -> Option<String> {
    let encoding = Encoding::for_label(kept.record.charset.as_bytes()).filter(|encoding| *encoding != UTF_8)?;
    Some(encoding.name().to_ascii_lowercase())
}
