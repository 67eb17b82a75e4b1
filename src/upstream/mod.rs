//! Connections to the shop: where it is, how many we hold, when one is used again and when a request is sent again.
//!
//! Each worker has a [`Pool`] of its own, so no lock is taken for a request; only the number of live connections is
//! shared ([`Live`]). A connection is driven inside the task of the request that uses it: no second task, no wake-up
//! between tasks.

mod body;
mod certificate;
mod connect;
mod judge;
mod link;
mod live;
mod names;
mod origin;
mod pool;
mod replay;
mod request_body;
mod retry;
mod webhook;

use std::time::Duration;

pub use body::{Body, BodyError};
pub use certificate::{Certificate, certificate};
pub use connect::{Stream, bound_unsent};
pub use live::Live;
pub use origin::{Origin, OriginError, Scheme, Trust};
pub use pool::Pool;
pub use request_body::{RequestBody, Upload, UploadLimits};
pub use webhook::Webhook;

/// What we may take of the shop, and how long we wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Live connections over all workers, idle ones included. Apache prefork pins a process to each of them.
    pub max_live: usize,
    /// How long a request may wait for one of them before it is told that the shop is busy.
    pub queue_deadline: Duration,
    /// How long a connection may lie idle. Below the shop's own limit (Apache and Node: 5 s), or requests meet
    /// connections that are just being closed.
    pub idle_timeout: Duration,
    /// Name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// From the last byte of a request that the shop took to the head of its answer.
    pub first_byte_timeout: Duration,
    /// Longest pause within an answer's body.
    pub body_idle_timeout: Duration,
    /// Bytes of an answer's head.
    pub head_size: usize,
    /// Fields of an answer's head. Above 100 hyper's parser takes them from the heap.
    pub head_fields: usize,
    /// Names of fields go to the shop as the client wrote them, instead of in lower case.
    pub preserve_header_case: bool,
}

impl Default for PoolLimits {
    fn default() -> Self {
        PoolLimits {
            max_live: 256,
            queue_deadline: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(4),
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(60),
            body_idle_timeout: Duration::from_secs(60),
            head_size: 256 * 1024,
            head_fields: 100,
            preserve_header_case: false,
        }
    }
}
