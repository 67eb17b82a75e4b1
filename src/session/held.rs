//! The shop's cookies of a session whose browser keeps none: they stay here, as in a browser of the session's own.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use http::HeaderMap;

use crate::shop::Jar;

/// The cookies as far as this process knows: ask and tell the store.
#[derive(Debug, Default)]
pub struct Held(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    /// As the shared store counts; 0 is what signing in left.
    version: u64,
    jar: Option<Jar>,
}

impl Held {
    /// The latest jar; `None` where nothing has changed since signing in.
    pub fn jar(&self) -> Option<Jar> {
        self.lock().jar.clone()
    }

    /// The version that is known.
    pub(super) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Takes in what an answer for `path` sets; `first` is what signing in left. The jar, and the version that it goes on
    /// from.
    pub(super) fn take_in(&self, first: &Jar, answer: &HeaderMap, path: &str) -> (u64, Jar) {
        let mut latest = self.lock();
        let mut jar = latest.jar.take().unwrap_or_else(|| first.clone());
        jar.take_in(answer, path, SystemTime::now());
        latest.jar = Some(jar.clone());
        (latest.version, jar)
    }

    /// What the store has; of two that are told, the later one stays.
    pub(super) fn learn(&self, version: u64, jar: Jar) {
        let mut latest = self.lock();
        if version > latest.version {
            *latest = Latest { version, jar: Some(jar) };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        // Every change is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
