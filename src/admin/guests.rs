//! Who is connected to the admin listener.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::task::AbortHandle;

/// More than these are nobody's monitoring.
const CONNECTIONS: usize = 64;

/// The connections that are open, the oldest first.
///
/// Where they are too many, the oldest goes of those that have shown nothing: whoever opens connections and says nothing
/// must not keep out those who ask whether the proxy lives.
#[derive(Default)]
pub(super) struct Guests(RefCell<Vec<Guest>>);

struct Guest {
    task: AbortHandle,
    /// It has been let in once.
    known: Rc<Cell<bool>>,
}

impl Guests {
    /// Makes room for one more; `false` where all who are here are known.
    pub(super) fn make_room(&self) -> bool {
        let mut all = self.0.borrow_mut();
        all.retain(|guest| !guest.task.is_finished());
        if all.len() < CONNECTIONS {
            return true;
        }
        match all.iter().position(|guest| !guest.known.get()) {
            Some(oldest) => {
                all.remove(oldest).task.abort();
                true
            }
            None => false,
        }
    }

    /// A connection, served by `task`.
    pub(super) fn come_in(&self, task: AbortHandle, known: Rc<Cell<bool>>) {
        self.0.borrow_mut().push(Guest { task, known });
    }
}
