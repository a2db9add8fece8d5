//! How many seats a level wanted over a time: what lending and borrowing go by.

use std::time::Duration;

/// How fast a level's past demand is forgotten, per period; upstream's.
const SMOOTHING: f64 = 0.977;

/// A demand as it changes, summed up over time.
pub struct Demand {
    seats: u32,
    since: Duration,
    /// Of the period so far: seconds, and the integrals of the demand and of its square over them.
    seconds: f64,
    sum: f64,
    squares: f64,
    highest: u32,
    smoothed: f64,
}

/// What a period showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    pub highest: u32,
    pub smoothed: f64,
}

impl Demand {
    pub fn new(now: Duration) -> Self {
        Self { seats: 0, since: now, seconds: 0.0, sum: 0.0, squares: 0.0, highest: 0, smoothed: 0.0 }
    }

    pub fn set(&mut self, seats: u32, now: Duration) {
        self.advance(now);
        self.seats = seats;
        self.highest = self.highest.max(seats);
    }

    fn advance(&mut self, now: Duration) {
        let seconds = now.saturating_sub(self.since).as_secs_f64();
        let seats = f64::from(self.seats);
        self.since = now;
        self.seconds += seconds;
        self.sum += seats * seconds;
        self.squares += seats * seats * seconds;
    }

    /// Ends a period and begins the next.
    pub fn finish(&mut self, now: Duration) -> Seen {
        self.advance(now);
        if self.seconds > 0.0 {
            let average = self.sum / self.seconds;
            let deviation = (self.squares / self.seconds - average * average).max(0.0).sqrt();
            let envelope = average + deviation;
            self.smoothed = envelope.max(SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * envelope);
        }
        let seen = Seen { highest: self.highest, smoothed: self.smoothed };
        (self.seconds, self.sum, self.squares, self.highest) = (0.0, 0.0, 0.0, self.seats);
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_its_peak_and_its_usual() {
        let at = Duration::from_secs;
        let mut demand = Demand::new(at(0));
        demand.set(4, at(5));
        assert_eq!(demand.finish(at(10)), Seen { highest: 4, smoothed: 4.0 }, "average 2, deviation 2");
        demand.set(0, at(10));
        let seen = demand.finish(at(20));
        assert_eq!(seen.highest, 4, "it began with four");
        assert!((seen.smoothed - 4.0 * SMOOTHING).abs() < 1e-9, "{seen:?}");
        assert_eq!(demand.finish(at(20)).highest, 0);
    }
}
