//! `sheet`: what a buyer's procurement team has to know to set up the catalogue, from the configuration itself.

mod build;
mod html;
mod markdown;
mod paper;
mod words;

use std::process::ExitCode;

use super::{Config, EX_CONFIG, check};
use crate::pages::Language;

/// What `sheet` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The buyer whom it is for.
    buyer: String,
    /// `nb` (Norwegian) or `en` (English).
    #[arg(long, value_enum, default_value_t = Tongue::En)]
    language: Tongue,
    /// `md` (Markdown) or `html` (one page, to be read, printed or mailed).
    #[arg(long, value_enum, default_value_t = Format::Md)]
    format: Format,
    /// The shop's address for the buyer, such as `https://shop.example`, where `public` does not say it.
    #[arg(long, value_name = "URL")]
    public: Option<String>,
    #[command(flatten)]
    config: Config,
}

/// The languages that sheets are written in.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Tongue {
    Nb,
    En,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Md,
    Html,
}

impl From<Tongue> for Language {
    fn from(tongue: Tongue) -> Language {
        match tongue {
            Tongue::Nb => Language::Bokmal,
            Tongue::En => Language::English,
        }
    }
}

/// Prints it; ends with 78 where the configuration does not say what the buyer must know.
pub(super) fn sheet(options: &Options) -> ExitCode {
    let Some(plan) = check::load(&options.config.config) else { return ExitCode::from(EX_CONFIG) };
    let file = options.config.config.display();
    let Some(buyer) = plan.buyers.named(&options.buyer) else {
        eprintln!("{file}: there is no buyer `{}`", options.buyer);
        return ExitCode::from(EX_CONFIG);
    };
    let configured = plan.public.as_ref().map(|public| {
        let scheme = if public.secure { "https" } else { "http" };
        format!("{scheme}://{}", public.authority)
    });
    let Some(public) = options.public.clone().or(configured) else {
        eprintln!("{file}: `public` is not set: say with it, or with --public, which address the buyer calls");
        return ExitCode::from(EX_CONFIG);
    };
    let Some(address) = shop_address(&public) else {
        eprintln!("--public: `{public}` is not an address such as https://shop.example");
        return ExitCode::from(EX_CONFIG);
    };
    if plan.contact.is_none() {
        eprintln!("{file}: `contact` is not set: the sheet names nobody to turn to (warning)");
    }
    if address.starts_with("http://") {
        eprintln!("{address}: the password would travel in clear (warning)");
    }
    let language = options.language.into();
    let paper = build::sheet(&plan, buyer, &address, language);
    print!(
        "{}",
        match options.format {
            Format::Md => markdown::written(&paper),
            Format::Html => html::written(&paper, language),
        }
    );
    ExitCode::SUCCESS
}

/// Scheme and host, without a slash at the end.
fn shop_address(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    (url.path() == "/" && url.query().is_none()).then(|| url.origin().ascii_serialization())
}
