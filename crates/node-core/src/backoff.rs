//! Waiting longer after each failure.

use std::time::Duration;

/// An exponential back-off: `initial`, doubled each time up to `max`, and from the start again after a
/// failure that comes later than twice `max` after the one before (client-go's `flowcontrol.Backoff`).
/// Moments are on the monotonic clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    /// The wait in force and the moment it was set; `None` before the first failure.
    current: Option<(Duration, Duration)>,
}

impl Backoff {
    pub const fn new(initial: Duration, max: Duration) -> Self {
        Self { initial, max, current: None }
    }

    /// The wait that the last failure asks for; zero before the first.
    pub fn wait(&self) -> Duration {
        self.current.map(|(wait, _)| wait).unwrap_or_default()
    }

    /// Counts a failure that happened at `event`, now that it is acted upon.
    pub fn fail(&mut self, event: Duration, now: Duration) {
        let wait = match self.current {
            Some((wait, last)) if self.remembers(event, last) => (wait * 2).min(self.max),
            _ => self.initial,
        };
        self.current = Some((wait, now));
    }

    /// When a wait that began at `event` is over, or `None` if none is in force: there was no failure
    /// before, or so long ago that it has been forgotten.
    pub fn until(&self, event: Duration) -> Option<Duration> {
        let (wait, last) = self.current?;
        self.remembers(event, last).then_some(event + wait)
    }

    fn remembers(&self, event: Duration, last: Duration) -> bool {
        event.saturating_sub(last) <= self.max * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn doubles_to_the_maximum_and_starts_over_after_twice_that() {
        let mut backoff = Backoff::new(S * 10, S * 300);
        let mut check = |at: u32, expected: u32| {
            backoff.fail(S * at, S * at);
            assert_eq!(backoff.wait(), S * expected, "at {at}");
        };
        check(0, 10);
        check(11, 20);
        check(40, 40);
        check(100, 80);
        check(200, 160);
        check(400, 300);
        check(1000, 300);
        check(1601, 10);
    }

    #[test]
    fn a_wait_begins_at_the_event_it_follows() {
        let mut backoff = Backoff::new(S * 10, S * 300);
        assert_eq!(backoff.until(S * 5), None);
        backoff.fail(S * 4, S * 5);
        assert_eq!(backoff.until(S * 7), Some(S * 17));
        assert_eq!(backoff.until(S * 606), None);
    }
}
