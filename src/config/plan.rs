//! The compiled configuration.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Limits;
use crate::upstream::{Origin, PoolLimits};

/// The plan in force; a reload stores a new one, and the next request sees it.
pub type Plans = Arc<ArcSwap<Plan>>;

/// Everything a request needs to know, checked and compiled.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where clients reach us. Port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Single-threaded workers; at least one.
    pub workers: usize,
    /// What a client may take of us.
    pub limits: Limits,
    /// Where the shop really is.
    pub origin: Origin,
    /// What we may take of the shop.
    pub pool: PoolLimits,
}

impl Plan {
    /// A plan that passes everything from `listen` to `origin`, with default limits.
    pub fn passthrough(listen: SocketAddr, origin: Origin, workers: usize) -> Self {
        Plan { listen: vec![listen], workers, limits: Limits::default(), origin, pool: PoolLimits::default() }
    }
}
