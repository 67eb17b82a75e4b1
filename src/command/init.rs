//! `init`: a `proxy.toml` for a shop, made by looking at it, and proven in it.

mod ask;
mod proof;

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use http::HeaderValue;
use url::{Host, Position, Url};

use self::proof::Proof;
use super::{EX_CONFIG, schema};
use crate::secret::Secret;
use crate::shop::{Account, Browser, EmptyingSource, Jar, Page, Visit, VisitLimits};
use crate::survey::journey::{self, Draft, Errand, Walk};
use crate::survey::platform::Platform;
use crate::survey::write::{SecretPlace, Setting, proxy_toml};
use crate::upstream::{Live, Origin, Pool, PoolLimits};

/// Options of `init`. What is missing is asked for on a terminal.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The shop's address, such as `https://shop.example`.
    shop: Url,
    /// An account at the shop, made for punchouts: its cart is emptied.
    #[arg(long)]
    account: Option<String>,
    /// A file with the account's password. Never the password itself.
    #[arg(long)]
    password_file: Option<PathBuf>,
    /// An environment variable with the account's password, here and where the proxy runs.
    #[arg(long, conflicts_with = "password_file")]
    password_env: Option<String>,
    /// Path of an article's page, to be put into the cart.
    #[arg(long)]
    product: Option<String>,
    /// The file to write.
    #[arg(short, long, default_value = "proxy.toml")]
    out: PathBuf,
    /// Write it even if it is there.
    #[arg(long)]
    force: bool,
    /// The customer who will punch out; its system sends this as USERNAME.
    #[arg(long, default_value = "acme")]
    buyer: String,
    /// A file with the PASSWORD of its catalog calls. By default one is made up, in `BUYER.password` beside the file.
    #[arg(long)]
    buyer_password_file: Option<PathBuf>,
    /// Where its carts may go, such as `https://*.acme.example`. Without one the file learns them.
    #[arg(long = "hook")]
    hooks: Vec<String>,
    /// Its procurement system, as the key `profile` has it: sap-srm, ifs-cloud ...
    #[arg(long)]
    profile: Option<String>,
    /// Where the proxy will listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// What visitors will type, where that is not the shop's own name. By default this machine, for a first look.
    #[arg(long)]
    public: Option<String>,
    /// The currency (NOK, EUR ...) where the shop prints a shared sign or none.
    #[arg(long)]
    currency: Option<String>,
    /// The unit of lines where the shop names none.
    #[arg(long, default_value = "PCE")]
    unit: String,
    /// Take this preset, whatever the pages look like.
    #[arg(long)]
    preset: Option<String>,
    /// Take no preset: find all rules from the pages.
    #[arg(long, conflicts_with = "preset")]
    no_preset: bool,
    /// Where editors find the file's schema, path or address: the file begins with it. By default where the Debian package
    /// has it, if that is installed.
    #[arg(long)]
    schema: Option<String>,
    /// How a script puts the article into the cart, where no form does: "POST /cart/add id=7 qty=2".
    #[arg(long)]
    add: Option<String>,
}

/// The shop, as `init` visits it.
struct Site {
    origin: Origin,
    host: HeaderValue,
    https: bool,
}

impl Site {
    fn of(url: &Url) -> Result<Site, String> {
        let origin = Origin::from_url(url).map_err(|error| error.to_string())?;
        let host = HeaderValue::from_str(url.authority()).map_err(|_| "the address has no host".to_owned())?;
        Ok(Site { origin, host, https: url.scheme() == "https" })
    }

    /// A new visit: nobody is signed in.
    fn visit(&self) -> Result<Visit, String> {
        let limits = PoolLimits::default();
        let pool: Rc<Pool> = Pool::new(self.origin.clone(), limits.clone(), Live::new(limits.max_live));
        let browser = Browser {
            forwarded_host: self.host.clone(),
            host: self.host.clone(),
            https: self.https,
            forwarded_for: HeaderValue::from_static("127.0.0.1"),
            // Some shops give no session to user agents that look like scripts.
            user_agent: Some(HeaderValue::from_static("Mozilla/5.0 (punchout-proxy init)")),
            accept_language: None,
        };
        let patience = VisitLimits { deadline: std::time::Duration::from_secs(300), ..VisitLimits::default() };
        Visit::new(pool, browser, Jar::new(), patience).map_err(|problem| problem.to_string())
    }
}

/// Ends with 0 where the file is proven, with 1 where it is not or there is none, with 78 where the options do not do.
pub(super) fn init(options: &Options) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("init: {error}");
            return ExitCode::FAILURE;
        }
    };
    let own_password = password_file(options);
    let was_there = own_password.exists();
    let (setting, errand) = match prepared(options) {
        Ok(prepared) => prepared,
        Err(reason) => {
            eprintln!("init: {reason}");
            return ExitCode::from(EX_CONFIG);
        }
    };
    let found = tokio::task::LocalSet::new().block_on(&runtime, look(options, &setting, &errand));
    match found {
        Ok(proof) => report(options, &setting, &proof),
        Err(reason) => {
            eprintln!("init: {reason}");
            if options.buyer_password_file.is_none() && !was_there {
                // There is no file that names it.
                let _ = fs::remove_file(&own_password);
            }
            ExitCode::FAILURE
        }
    }
}

/// Where a password for the buyer's system is kept that is made up here.
fn password_file(options: &Options) -> PathBuf {
    folder_of(&options.out).join(format!("{}.password", options.buyer))
}

/// All that is known before the shop is looked at; what is not, is asked for.
fn prepared(options: &Options) -> Result<(Setting, Errand), String> {
    if options.out.exists() && !options.force {
        return Err(format!("{} is there already: --force writes it anew, --out another", options.out.display()));
    }
    let folder = folder_of(&options.out);
    let account = match &options.account {
        Some(account) => account.clone(),
        None => ask::line("The account at the shop", "--account")?,
    };
    let (password, account_password) = account_password(options, &folder)?;
    let article = match &options.product {
        Some(path) => path.clone(),
        None => ask::line("Path of an article's page, such as /product/7", "--product")?,
    };
    let article = options.shop.join(&article).map_err(|error| format!("--product: {error}"))?;
    let mut hooks = options.hooks.clone();
    if hooks.is_empty() && std::io::stdin().is_terminal() {
        let hook = ask::line("Where its carts may go (https://*.acme.example); empty to learn it", "--hook")?;
        hooks.extend(Some(hook).filter(|hook| !hook.is_empty()));
    }
    let password_place = match &options.buyer_password_file {
        Some(file) => SecretPlace::File(from_folder(file, &folder)),
        None => ask::made_up(&password_file(options))?,
    };
    let setting = Setting {
        schema: options.schema.clone().or_else(|| schema::installed().map(str::to_owned)),
        listen: options.listen.clone(),
        origin: options.shop[..Position::BeforePath].to_owned(),
        beside: beside(options),
        start: options.shop[Position::BeforePath..Position::AfterQuery].to_owned(),
        buyer: options.buyer.clone(),
        profile: options.profile.clone(),
        password: password_place,
        hooks,
        account: account.clone(),
        account_password,
        default_unit: options.unit.clone(),
    };
    let errand = Errand {
        account: Account { username: account, password },
        article: article[Position::BeforePath..Position::AfterQuery].to_owned(),
        currency: options.currency.clone(),
        add: options.add.as_deref().map(added).transpose()?,
    };
    Ok((setting, errand))
}

/// The password, and where the file will say that it is.
fn account_password(options: &Options, folder: &Path) -> Result<(Secret, SecretPlace), String> {
    if let Some(name) = &options.password_env {
        let password = std::env::var(name).map_err(|_| format!("the environment has no readable variable `{name}`"))?;
        return Ok((Secret::new(password), SecretPlace::Env(name.clone())));
    }
    let file = match &options.password_file {
        Some(file) => file.clone(),
        None => {
            let password = ask::password("The account's password", "--password-file or --password-env")?;
            let file = folder.join(format!("{}.shop-password", options.buyer));
            ask::keep(&file, &password)?;
            file
        }
    };
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok((Secret::new(text.trim_end_matches(['\r', '\n'])), SecretPlace::File(from_folder(&file, folder))))
}

/// Where the shop has a name that leads to itself, a first look needs another one.
fn beside(options: &Options) -> Option<(String, String)> {
    let host = options.shop.authority().to_owned();
    let is_local =
        !matches!(options.shop.host(), Some(Host::Domain(name)) if name != "localhost" && name.contains('.'));
    let public = match &options.public {
        Some(public) => public.clone(),
        None if is_local => return None,
        None => format!("http://{}", options.listen),
    };
    let own = Url::parse(&public).is_ok_and(|public| public.authority() == host);
    (!own).then_some((public, host))
}

/// `POST /cart/add id=7 qty=2`
fn added(text: &str) -> Result<EmptyingSource, String> {
    let mut words = text.split_whitespace();
    let (Some(method), Some(address)) = (words.next(), words.next()) else {
        return Err(format!("--add: `{text}` is not such as \"POST /cart/add id=7 qty=2\""));
    };
    let pair = |word: &str| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let fields: Option<_> = words.map(pair).collect();
    let fields = fields.ok_or_else(|| format!("--add: fields are written name=value, and `{text}` has another"))?;
    Ok(EmptyingSource { request: Some(format!("{method} {address}")), fields, ..EmptyingSource::default() })
}

/// Looks at the shop until a draft is proven: first as each platform it may be, then as one that nobody knows.
async fn look(options: &Options, setting: &Setting, errand: &Errand) -> Result<Proof, String> {
    let site = Site::of(&options.shop)?;
    let front = front(&site, &setting.start).await?;
    let tell = |step: &str| println!("  {step}");
    let mut candidates = match &options.preset {
        Some(name) => vec![Platform::named(name).ok_or_else(|| format!("--preset: there is no preset `{name}`"))?],
        None if options.no_preset => Vec::new(),
        None => front.1,
    };
    candidates.truncate(3);
    let folder = folder_of(&options.out);
    for platform in &candidates {
        println!("{} looks like {}", options.shop, platform.preset);
        let mut visit = site.visit()?;
        let draft = Box::pin(journey::known(Walk { visit: &mut visit, tell: &tell }, platform, errand)).await;
        let proven = match draft {
            Ok(draft) => proof::prove(&site, draft, setting, errand, &folder).await,
            Err(reason) => Err(reason),
        };
        match proven {
            Ok(proof) if proof.is_good() || options.preset.is_some() => return Ok(proof),
            Ok(proof) => println!("  its rules do not fit here: {}", proof.trouble()),
            Err(reason) if options.preset.is_some() => return Err(reason),
            Err(reason) => println!("  its rules do not fit here: {reason}"),
        }
    }
    println!("{} is looked at as a shop that nobody has described", options.shop);
    let mut visit = site.visit()?;
    let draft: Draft = journey::unknown(Walk { visit: &mut visit, tell: &tell }, &front.0, errand).await?;
    proof::prove(&site, draft, setting, errand, &folder).await
}

/// The front page, and what platforms it may be of.
async fn front(site: &Site, start: &str) -> Result<(Page, Vec<Platform>), String> {
    let mut visit = site.visit()?;
    let front = visit.open(start).await.map_err(|problem| problem.to_string())?;
    if let Some(away) = &front.leads_away {
        return Err(format!("the shop sends us on to {away}: take that name"));
    }
    if !front.status.is_success() {
        return Err(format!("the shop's front page: {}", front.describe()));
    }
    let candidates = Platform::candidates(&front, visit.jar());
    Ok((front, candidates))
}

/// Writes the file and tells what was proven, what is in doubt, and what to do next.
fn report(options: &Options, setting: &Setting, proof: &Proof) -> ExitCode {
    let out = options.out.display();
    if let Err(error) = fs::write(&options.out, proxy_toml(&proof.draft, setting, proof.is_good())) {
        eprintln!("init: {out}: {error}");
        return ExitCode::FAILURE;
    }
    proof.print();
    println!();
    if !proof.is_good() {
        println!("{out} is written and does not work yet: {}", proof.trouble());
        return ExitCode::FAILURE;
    }
    println!("{out} is written and proven: these lines would be returned. Next:");
    if let SecretPlace::File(path) = &setting.password {
        println!(
            "  the password for {}'s system is in {}",
            setting.buyer,
            folder_of(&options.out).join(path).display()
        );
    }
    println!("  punchout-proxy check --config {out}");
    println!("  punchout-proxy run --config {out}");
    ExitCode::SUCCESS
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A file's name as `proxy.toml` in `folder` writes it.
fn from_folder(file: &Path, folder: &Path) -> PathBuf {
    let (Ok(file), Ok(folder)) = (file.canonicalize(), folder.canonicalize()) else { return file.to_owned() };
    file.strip_prefix(&folder).map(Path::to_owned).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_adds_is_read_from_one_line() {
        let add = added("POST /cart/add id=7 qty=2").unwrap();
        assert_eq!(add.request.as_deref(), Some("POST /cart/add"));
        assert_eq!(add.fields.get("qty").map(String::as_str), Some("2"));
        assert!(added("POST").is_err());
        assert!(added("POST /cart/add id").is_err());
    }
}
