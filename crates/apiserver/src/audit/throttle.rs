//! So many in a second on average, and some more after a pause: a bucket of tokens.

use std::time::Duration;

/// All times are on one monotonic clock.
pub struct Throttle {
    /// Between two tokens; zero: there is no limit.
    interval: Duration,
    /// How far the bucket may fill, as time.
    depth: Duration,
    /// When the bucket was, or will be, empty.
    empty_at: Duration,
}

impl Throttle {
    /// A full bucket.
    pub fn new(per_second: u32, burst: u32, now: Duration) -> Self {
        let interval = Duration::from_secs(1).checked_div(per_second).unwrap_or_default();
        let depth = interval * burst.max(1);
        Self { interval, depth, empty_at: now.saturating_sub(depth) }
    }

    /// Takes a token, and says how long to wait until it is there.
    pub fn take(&mut self, now: Duration) -> Duration {
        let oldest = now.saturating_sub(self.depth);
        self.empty_at = self.empty_at.max(oldest) + self.interval;
        self.empty_at.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_what_follows_is_even() {
        let check = |per_second: u32, burst: u32, taken_at: &[u64], waits: &[u64]| {
            let start = Duration::from_secs(100);
            let mut throttle = Throttle::new(per_second, burst, start);
            let take = |at: &u64| throttle.take(start + Duration::from_millis(*at)).as_millis() as u64;
            assert_eq!(taken_at.iter().map(take).collect::<Vec<_>>(), waits, "{per_second} {burst}");
        };
        check(10, 2, &[0, 0, 0, 0], &[0, 0, 100, 200]);
        check(10, 2, &[0, 0, 150, 150], &[0, 0, 0, 50]);
        check(10, 2, &[0, 0, 5000, 5000, 5000], &[0, 0, 0, 0, 100]);
        check(10, 0, &[0, 0], &[0, 100]);
        check(0, 5, &[0, 0, 0], &[0, 0, 0]);
    }
}
