//! Whether what the machine knows of the runtime can be relied on.

use std::time::Duration;

use crate::now::Now;

/// An action whose end is unknown, or a list that was overtaken, makes the facts doubtful until the runtime
/// has been asked again.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    trusted: bool,
    /// When the last action that changes the runtime ended.
    last_change: Duration,
}

impl Sight {
    pub(super) fn new(now: Now) -> Self {
        Self { trusted: true, last_change: now.mono }
    }

    pub(super) fn trusted(&self) -> bool {
        self.trusted
    }

    /// An action has changed the runtime: lists begun before are stale.
    pub(super) fn changed(&mut self, now: Now) {
        self.last_change = now.mono;
    }

    /// What the runtime has is in doubt.
    pub(super) fn lost(&mut self) {
        self.trusted = false;
    }

    /// Whether a list that was begun at `taken` shows the runtime as it is now.
    pub(super) fn accepts(&self, taken: Duration) -> bool {
        taken >= self.last_change
    }

    pub(super) fn regained(&mut self) {
        self.trusted = true;
    }
}
