//! `run`: serve until told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::signal::unix::{SignalKind, signal};

use super::{EX_CONFIG, check};
use crate::config::file::{LogFormat, LogLevel};
use crate::config::plan::Log;
use crate::{observe, server};

/// Serves by the configuration at `path`; ends with 78 where that is not one to run with.
pub(super) fn run(path: &Path) -> ExitCode {
    let Some(plan) = check::load(path) else { return ExitCode::from(EX_CONFIG) };
    start_log(plan.log);
    let buyers = plan.buyers.len();
    let (origin, workers) = (plan.origin.to_string(), plan.workers);
    let running = match server::run(&Arc::new(ArcSwap::new(plan))) {
        Ok(running) => running,
        Err(error) => {
            eprintln!("cannot serve: {error}");
            return ExitCode::FAILURE;
        }
    };
    for address in running.addresses() {
        tracing::info!(%address, shop = origin, workers, buyers, "serving");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.and_then(|runtime| {
        runtime.block_on(async {
            told_to_stop().await?;
            tracing::info!("stopping: finishing what is under way");
            running.shutdown().await;
            Ok(())
        })
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot wait for signals: {error}");
            ExitCode::FAILURE
        }
    }
}

pub(super) fn start_log(log: Log) {
    let level = match log.level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
    };
    observe::log_to_stderr(log.format == LogFormat::Json, level);
}

/// Waits for SIGTERM, or for Ctrl-C.
pub(super) async fn told_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
