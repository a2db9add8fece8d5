//! The two clocks a machine is told.

use std::time::Duration;

use jiff::Timestamp;

/// The moment of a step, on both clocks.
///
/// Timers run on `mono`, so a wall clock that is stepped by NTP neither fires nor delays them.
/// Timestamps in objects are `wall`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Time since some fixed moment of this process; never goes back.
    pub mono: Duration,
    /// Wall-clock time; may jump.
    pub wall: Timestamp,
}

impl Now {
    /// How long ago `wall` was, by the wall clock; zero if it lies in the future.
    pub fn since(&self, wall: Timestamp) -> Duration {
        Duration::try_from(self.wall.duration_since(wall)).unwrap_or_default()
    }

    /// The monotonic moment that matches a wall-clock time in the past.
    pub fn mono_at(&self, wall: Timestamp) -> Duration {
        self.mono.saturating_sub(self.since(wall))
    }
}
