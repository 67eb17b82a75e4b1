//! `demo`: a whole punchout on this machine.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::run::told_to_stop;
use crate::config::{self, Plan, plan::Listener};
use crate::demo::{self, Demo, journey};
use crate::observe;
use crate::server::{self, Running};

/// What `demo` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Make the whole round trip, print what was returned, and end with 0 only if every value is right.
    #[arg(long)]
    once: bool,
    /// Where the proxy listens; a free port by default.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Show the proxy's log.
    #[arg(long)]
    log: bool,
    /// Print the demo's proxy.toml and end.
    #[arg(long)]
    print_config: bool,
}

/// Runs the shop, the procurement system and the proxy between them.
pub(super) fn demo(options: &Options) -> ExitCode {
    match try_demo(options) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("demo: {message}");
            ExitCode::FAILURE
        }
    }
}

fn try_demo(options: &Options) -> Result<ExitCode, String> {
    let demo = demo::start().map_err(|error| format!("the shop and the procurement system cannot start: {error}"))?;
    let text = demo::proxy_toml(demo.shop_addr, demo.procurement_addr);
    if options.print_config {
        print!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    if options.log {
        observe::log_to_stderr(false, "info");
    }
    let (running, proxy) = start_proxy(&text, options.listen)?;
    demo.connect(&proxy);
    let code = if options.once { round_trip(&demo, &proxy)? } else { wait(&demo, &proxy)? };
    running.stop();
    running.join();
    demo.stop();
    Ok(code)
}

fn start_proxy(text: &str, listen: Option<SocketAddr>) -> Result<(Running, String), String> {
    let config::Outcome { plan, faults, .. } = config::read(text, Path::new("."));
    let told = || faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let mut plan: Plan = plan.ok_or_else(|| format!("the demo's own configuration has faults:\n{}", told()))?;
    if let Some(listen) = listen {
        plan.listen = vec![Listener::plain(listen)];
    }
    let running = server::run(&Arc::new(ArcSwap::from_pointee(plan)));
    let running = running.map_err(|error| format!("the proxy cannot start: {error}"))?;
    let address = running.addresses().first().ok_or("the proxy listens nowhere")?;
    let proxy = format!("http://{address}");
    Ok((running, proxy))
}

fn round_trip(demo: &Demo, proxy: &str) -> Result<ExitCode, String> {
    let journey = journey::once(proxy, demo.procurement_addr)?;
    println!("{journey}");
    Ok(if journey.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn wait(demo: &Demo, proxy: &str) -> Result<ExitCode, String> {
    println!(
        "Procurement system   {}/      <- begin here: press \"punch out\", shop, press checkout",
        demo.procurement_url()
    );
    println!("The shop, proxied    {proxy}/      as every visitor gets it");
    println!("The shop itself      {}/      as it stands behind the proxy", demo.shop_url());
    println!("Ctrl-C ends it.");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.and_then(|runtime| runtime.block_on(told_to_stop())).map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}
