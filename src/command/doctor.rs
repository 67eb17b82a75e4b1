//! `doctor`: is all well, from the public address to the shop's cart?

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;

use super::{Config, EX_CONFIG, check};
use crate::checkup::{Check, Report, Verdict, front, shop};
use crate::config::plan::{Admin, AdminAddress, Buyer, Plan};
use crate::exchange::Shop;
use crate::observe::Watch;
use crate::session::entrance::Entrance;
use crate::session::store::Store;
use crate::upstream::{Live, Origin, Pool, PoolLimits, RequestBody, Trust};

/// A buyer with many accounts takes its time.
const PATIENCE: Duration = Duration::from_secs(600);
/// Of the running proxy's answer.
const MOST: usize = 4 << 20;

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Only this buyer; all by default.
    #[arg(long)]
    buyer: Option<String>,
    /// The address that visitors type, if it is not the configured `public` (or `listen`).
    #[arg(long, value_name = "URL")]
    public: Option<Url>,
    /// PEM: who may have signed the public address's certificate, instead of the machine's authorities.
    #[arg(long, value_name = "FILE")]
    public_ca_file: Option<PathBuf>,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: Config,
}

/// Prints what was found; ends with 0 where all is well, with 1 where something is to be looked at, with 2 where there is
/// a fault, with 78 where the configuration is none to run with.
pub(super) fn doctor(options: &Options) -> ExitCode {
    let Some(plan) = check::load(&options.config.config) else { return ExitCode::from(EX_CONFIG) };
    let told = |reason: String| {
        eprintln!("doctor: {reason}");
        ExitCode::from(EX_CONFIG)
    };
    let buyers: Vec<Arc<Buyer>> = match &options.buyer {
        None => plan.buyers.iter().cloned().collect(),
        Some(name) => match plan.buyers.named(name) {
            Some(buyer) => vec![buyer.clone()],
            None => return told(format!("there is no buyer `{name}`")),
        },
    };
    let report = trust(options.public_ca_file.as_ref()).and_then(|trust| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let look = look(&plan, &buyers, options.public.as_ref(), &trust);
        tokio::task::LocalSet::new().block_on(&runtime, look)
    });
    match report {
        Ok(report) => {
            print(&report, options.json);
            ExitCode::from(match report.worst() {
                Verdict::Ok => 0,
                Verdict::Warning => 1,
                Verdict::Fault => 2,
            })
        }
        Err(reason) => told(reason),
    }
}

fn trust(authorities: Option<&PathBuf>) -> Result<Trust, String> {
    let Some(file) = authorities else { return Ok(Trust::System) };
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    read.map(Trust::Only).map_err(|error| format!("{}: {error}", file.display()))
}

/// The way in first: it also tells whether a proxy runs, whose accounts nobody else may use.
async fn look(plan: &Arc<Plan>, buyers: &[Arc<Buyer>], public: Option<&Url>, trust: &Trust) -> Result<Report, String> {
    let mut report = Report::default();
    let here = listens_at(plan);
    let runs_here = match &here {
        Some(here) => front::answers(plan, here).await,
        None => false,
    };
    let configured = plan.public.as_ref().and_then(|public| {
        Url::parse(&format!("http{}://{}", if public.secure { "s" } else { "" }, public.authority)).ok()
    });
    let asked = public.cloned().or(if runs_here { configured.or(here) } else { None });
    let mut there = runs_here;
    match asked {
        Some(public) => {
            let (seen, answered) = front::look(plan, &public, trust).await?;
            there |= answered;
            report.extend(seen);
        }
        None => report.extend(Report {
            checks: vec![Check::warning(
                "proxy",
                "no proxy answers at `listen`, so the way in was not looked at",
                "start it, or name its address with --public",
            )],
            unreached: Vec::new(),
        }),
    }
    report.extend(match asked_of_proxy(plan, buyers).await {
        Some(told) => told?,
        None if there && plan.session.store.is_none() => from_outside(plan).await?,
        None => shop::look(&alone(plan)?, buyers, false).await,
    });
    Ok(report)
}

/// Where the proxy listens, as this machine reaches it.
fn listens_at(plan: &Plan) -> Option<Url> {
    let listener = plan.listen.iter().find(|listener| !listener.proxy_protocol)?;
    let mut address = listener.address;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    Url::parse(&format!("http{}://{address}", if listener.tls { "s" } else { "" })).ok()
}

/// Everything that a look needs, where no proxy runs.
fn alone(plan: &Arc<Plan>) -> Result<Rc<Shop>, String> {
    let watch = Watch::default();
    Ok(Rc::new(Shop {
        pool: Pool::new(plan.origin.clone(), plan.pool.clone(), Live::new(plan.pool.max_live)),
        sessions: Store::of(&plan.session)?,
        entrance: Arc::new(Entrance::new()),
        lane: watch.metrics.lane(),
        watch,
        plan: plan.clone(),
    }))
}

/// A proxy runs that cannot be asked: a buyer may be in any of the accounts.
async fn from_outside(plan: &Arc<Plan>) -> Result<Report, String> {
    let mut report = shop::look_from_outside(&alone(plan)?).await;
    let seen = "a proxy runs and cannot be asked which accounts are free, so none was used";
    let advice = "set `admin` in proxy.toml (and restart), or stop the proxy for this";
    report.checks.push(Check::warning("accounts", seen, advice));
    Ok(report)
}

/// What the running proxy sees, with accounts that it leases itself; `None` where none can be asked.
async fn asked_of_proxy(plan: &Plan, buyers: &[Arc<Buyer>]) -> Option<Result<Report, String>> {
    let admin = plan.admin.as_ref()?;
    let origin = match &admin.at {
        AdminAddress::Tcp(address) => Origin::from_url(&Url::parse(&format!("http://{address}")).ok()?).ok()?,
        AdminAddress::Unix(path) => Origin::unix(path, "localhost").ok()?,
    };
    let limits = PoolLimits { first_byte_timeout: PATIENCE, ..PoolLimits::default() };
    let pool = Pool::new(origin, limits, Live::new(1));
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(buyers.iter().map(|buyer| ("buyer", &buyer.name)));
    let form = form.finish();
    let answer = pool.send(request(admin, form)?).await.ok()?;
    let status = answer.status();
    Some(match answer.into_body().read_all(MOST).await {
        Ok(body) if status == StatusCode::OK => serde_json::from_slice(&body)
            .map_err(|error| format!("the running proxy's answer cannot be read (is it of another version?): {error}")),
        Ok(body) => Err(format!("the running proxy answered {status}: {}", String::from_utf8_lossy(&body).trim())),
        Err(problem) => Err(problem.to_string()),
    })
}

fn request(admin: &Admin, form: String) -> Option<Request<RequestBody>> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri("/checkup")
        .header(HOST, "localhost")
        .header(CONTENT_LENGTH, form.len());
    if let Some(token) = &admin.token {
        let mut token = HeaderValue::from_str(&format!("Bearer {}", token.expose())).ok()?;
        token.set_sensitive(true);
        request = request.header(AUTHORIZATION, token);
    }
    request.body(RequestBody::bytes(form)).ok()
}

fn print(report: &Report, json: bool) {
    if json {
        let whole = serde_json::json!({
            "verdict": report.worst(), "checks": report.checks, "unreached": report.unreached,
        });
        println!("{whole:#}");
        return;
    }
    for check in &report.checks {
        let of = check.buyer.as_ref().map(|buyer| format!(" ({buyer})")).unwrap_or_default();
        println!("{:<8} {}{of}: {}", check.verdict.word(), check.name, crate::observe::one_line(&check.seen));
        for detail in &check.details {
            println!("         {}", crate::observe::one_line(detail));
        }
        if !check.advice.is_empty() {
            println!("         -> {}", check.advice);
        }
    }
    if !report.unreached.is_empty() {
        println!("not reached: {}", report.unreached.join(", "));
    }
}
