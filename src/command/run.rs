//! `run`: serve until told to stop.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use arc_swap::ArcSwap;
use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use super::reload::{PidFile, checksum, take_up};
use super::{EX_CONFIG, check, descriptors};
use crate::config::Plans;
use crate::config::file::{LogFormat, LogLevel};
use crate::config::plan::Log;
use crate::observe::{self, Loudness, Watch};
use crate::server;

/// What `run` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: super::Config,
    /// Write our process id here, for `reload --pid-file`. Not needed under systemd.
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
}

/// Serves by a configuration; ends with 78 where that is not one to run with.
pub(super) fn run(options: &Options) -> ExitCode {
    let path = &options.config.config;
    let Some(plan) = check::load(path) else { return ExitCode::from(EX_CONFIG) };
    let watch = Watch { loudness: start_log(plan.log), ..Watch::default() };
    descriptors::raise(&plan);
    let plans = Arc::new(ArcSwap::new(plan));
    match try_run(path, options.pid_file.as_deref(), &plans, &watch) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot serve: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(path: &Path, pid_file: Option<&Path>, plans: &Plans, watch: &Watch) -> io::Result<()> {
    let told = |error| io::Error::other(format!("{}: {error}", pid_file.unwrap_or(Path::new("")).display()));
    let _pid_file = pid_file.map(PidFile::take).transpose().map_err(told)?;
    let inherited = inherited()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anybody can know that we run: until it is caught, a SIGHUP ends the process.
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut stop = pin!(told_to_stop());
        let running = server::run_with(plans, inherited, watch.clone())?;
        let plan = plans.load_full();
        let (shop, workers, buyers) = (plan.origin.to_string(), plan.workers, plan.buyers.len());
        for address in running.addresses() {
            tracing::info!(%address, shop, workers, buyers, "serving");
        }
        if let Some(checksum) = checksum(path) {
            watch.metrics.took_up(&checksum);
        }
        tell_systemd(&[NotifyState::Ready]);
        loop {
            tokio::select! {
                stopped = &mut stop => break stopped?,
                _ = hang_up.recv() => {
                    tell_reloading();
                    take_up(path, plans, &watch.metrics);
                    tell_systemd(&[NotifyState::Ready]);
                }
            }
        }
        tell_systemd(&[NotifyState::Stopping]);
        tracing::info!("stopping: finishing what is under way");
        running.shutdown().await;
        Ok(())
    })
}

/// Sockets that systemd listens on for us (`LISTEN_FDS`).
fn inherited() -> io::Result<Vec<TcpListener>> {
    let mut given = ListenFd::from_env();
    let mut sockets = Vec::new();
    for number in 0..given.len() {
        sockets.extend(given.take_tcp_listener(number)?);
    }
    Ok(sockets)
}

/// Says how we are, where somebody asked for it (`NOTIFY_SOCKET`).
fn tell_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told how we are");
    }
}

fn tell_reloading() {
    // systemd wants to know when, to tell this reload from the one before.
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell_systemd(&[NotifyState::Reloading, now]);
    }
}

/// Starts the log as configured.
pub(super) fn start_log(log: Log) -> Loudness {
    let level = match log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    observe::log_to_stderr(log.format == LogFormat::Json, level)
}

/// Waits for SIGTERM, or for Ctrl-C.
pub(super) async fn told_to_stop() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
