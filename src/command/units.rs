//! `units`: the words that are understood as units, and the codes that a buyer gets for them.

use std::process::ExitCode;

use serde_json::json;

use super::{Config, EX_CONFIG, check};

/// Options of `units`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The buyer whose codes are shown.
    #[arg(long)]
    buyer: String,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

/// Prints the table in force: the shipped words, those of `[units]` over them, the buyer's own over both.
pub(super) fn units(options: &Options) -> ExitCode {
    let Some(plan) = check::load(&options.config.config) else { return ExitCode::from(EX_CONFIG) };
    let Some(buyer) = plan.buyers.named(&options.buyer) else {
        eprintln!("{}: there is no buyer `{}`", options.config.config.display(), options.buyer);
        return ExitCode::from(EX_CONFIG);
    };
    let (rows, default) = (buyer.units.rows(), buyer.units.default_code());
    if options.json {
        println!("{:#}", json!({ "codes": rows, "default": default }));
        return ExitCode::SUCCESS;
    }
    for (code, words) in &rows {
        if words.is_empty() {
            println!("{code:<5} the code itself");
        } else {
            println!("{code:<5} {}", words.iter().copied().collect::<Vec<_>>().join(", "));
        }
    }
    match default {
        Some(code) => println!("any other word, or none: {code}"),
        None => println!("any other word, or none: the cart does not leave (set `default_unit`)"),
    }
    ExitCode::SUCCESS
}
