//! The visitor's path alone: `passthrough LISTEN ORIGIN [WORKERS]`, as in `passthrough 127.0.0.1:8080 http://127.0.0.1:3000 2`.

use std::sync::Arc;

use arc_swap::ArcSwap;
use punchout_proxy::config::Plan;
use punchout_proxy::server;
use punchout_proxy::upstream::Origin;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(origin)) = (arguments.next(), arguments.next()) else {
        return Err("usage: passthrough LISTEN ORIGIN [WORKERS]".into());
    };
    let workers = arguments.next().map_or(Ok(1), |workers| workers.parse())?;
    let plan = Plan::passthrough(listen.parse()?, Origin::from_url(&origin.parse()?)?, workers);
    let running = server::run(&Arc::new(ArcSwap::from_pointee(plan)))?;
    println!("{:?}", running.addresses());
    running.join();
    Ok(())
}
