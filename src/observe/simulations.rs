//! Punchouts that ops make from the console: their hooks are on the admin listener, and allowed for the buyer that was
//! chosen there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many are kept.
const KEPT: usize = 20;

/// The simulations of one running proxy.
#[derive(Clone, Debug, Default)]
pub struct Simulations(Arc<Mutex<VecDeque<Simulation>>>);

/// One of them.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The secret in its hook's path.
    pub ticket: String,
    /// HOOK_URL, whole.
    pub hook: String,
    /// The buyer's name.
    pub buyer: String,
    /// The body that came to the hook.
    pub arrived: Option<Vec<u8>>,
}

impl Simulations {
    /// One is about to begin.
    pub fn begin(&self, simulation: Simulation) {
        let mut all = self.lock();
        if all.len() == KEPT {
            all.pop_front();
        }
        all.push_back(simulation);
    }

    /// Whether a cart of that buyer may go to that hook.
    pub fn allow(&self, hook: &str, buyer: &str) -> bool {
        self.lock().iter().any(|one| one.hook == hook && one.buyer == buyer)
    }

    /// Whether there is one with that ticket.
    pub fn is_there(&self, ticket: &str) -> bool {
        self.lock().iter().any(|one| one.ticket == ticket)
    }

    /// A cart came to the hook; the simulation, where there is one.
    pub fn arrived(&self, ticket: &str, body: Vec<u8>) -> Option<Simulation> {
        let mut all = self.lock();
        let one = all.iter_mut().find(|one| one.ticket == ticket)?;
        one.arrived = Some(body);
        Some(one.clone())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Simulation>> {
        // Every change is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
