//! How many seats each priority level has: by its shares, and by what others lend it.
//! Source: KEP-1040, "Dispatching" and "Seat Borrowing".

use super::demand::Seen;

/// The bounds that a level's configuration gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    pub nominal: u32,
    /// What is left when all that may be lent is lent.
    pub lowest: u32,
    pub highest: u32,
}

/// What a level's configuration asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    pub nominal: u32,
    pub lendable_percent: u32,
    /// `None`: as much as there is.
    pub borrowing_percent: Option<u32>,
}

impl Shares {
    /// Of `total` seats, where all levels together have `sum` shares.
    pub fn bounds(self, total: u32, sum: u32) -> Bounds {
        let nominal = (f64::from(total) * f64::from(self.nominal) / f64::from(sum.max(1))).ceil();
        let part = |percent: u32| (nominal * f64::from(percent) / 100.0).round() as u32;
        let nominal = nominal as u32;
        Bounds {
            nominal,
            lowest: nominal.saturating_sub(part(self.lendable_percent)),
            highest: nominal + self.borrowing_percent.map_or(total, part),
        }
    }
}

impl Bounds {
    /// Seats that one request may take at most, where flows have hands of so many queues.
    pub fn widest(self, hand: u32) -> u32 {
        let part = (f64::from(self.nominal) * 0.15).ceil() as u32;
        part.min(self.nominal / hand.max(1)).max(1)
    }
}

/// A level between two periods.
#[derive(Clone, Copy, Debug)]
pub struct Borrower {
    pub bounds: Bounds,
    pub exempt: bool,
    pub seen: Seen,
}

impl Borrower {
    /// What it keeps whatever others want.
    fn floor(&self) -> u32 {
        match self.exempt {
            true => self.bounds.lowest.max(self.seen.highest),
            false => self.bounds.lowest.max(self.bounds.nominal.min(self.seen.highest)),
        }
    }
}

/// The seats of each level for the next period.
pub fn lend(levels: &[Borrower]) -> Vec<u32> {
    let nominal: u32 = levels.iter().map(|level| level.bounds.nominal).sum();
    let taken: u32 = levels.iter().filter(|level| level.exempt).map(Borrower::floor).sum();
    let limited = || levels.iter().filter(|level| !level.exempt);
    let left = i64::from(nominal) - i64::from(taken);
    let lowest: i64 = limited().map(|level| i64::from(level.bounds.lowest)).sum();
    let floors: i64 = limited().map(|level| i64::from(level.floor())).sum();
    let fraction = match floors > lowest {
        true => ((left - lowest) as f64 / (floors - lowest) as f64).clamp(0.0, 1.0),
        false => 0.0,
    };
    let fair = if left > floors { fair_proportion(f64::from(nominal), levels) } else { 0.0 };
    let seats = |level: &Borrower| {
        if level.exempt {
            return level.floor();
        }
        if left <= floors {
            let more = f64::from(level.floor() - level.bounds.lowest) * fraction;
            return level.bounds.lowest + more.round() as u32;
        }
        allotted(level, fair).round() as u32
    };
    levels.iter().map(seats).collect()
}

fn target(level: &Borrower) -> f64 {
    const LEAST: f64 = 0.001;
    f64::from(level.floor()).max(level.seen.smoothed).max(LEAST)
}

fn allotted(level: &Borrower, proportion: f64) -> f64 {
    let (lowest, highest) = (f64::from(level.floor()), f64::from(level.bounds.highest));
    (proportion * target(level)).clamp(lowest.min(highest), highest)
}

/// The one proportion of targets at which all allotments together are `sum`, by halving: the sum grows with it.
fn fair_proportion(sum: f64, levels: &[Borrower]) -> f64 {
    const STEPS: usize = 64;
    let total = |proportion: f64| -> f64 {
        levels.iter().filter(|level| !level.exempt).map(|level| allotted(level, proportion)).sum()
    };
    let enough = |level: &Borrower| f64::from(level.bounds.highest) / target(level);
    let mut low = 0.0;
    let mut high = levels.iter().map(enough).fold(1.0, f64::max);
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        match total(middle) < sum {
            true => low = middle,
            false => high = middle,
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_seats() {
        let check = |nominal: u32, lendable: u32, borrowing: Option<u32>, want: [u32; 3]| {
            let shares = Shares { nominal, lendable_percent: lendable, borrowing_percent: borrowing };
            let bounds = shares.bounds(600, 245);
            assert_eq!([bounds.nominal, bounds.lowest, bounds.highest], want, "{shares:?}");
        };
        // As upstream's default configuration comes out on a default server.
        check(30, 33, None, [74, 50, 674]);
        check(100, 90, None, [245, 24, 845]);
        check(5, 0, Some(0), [13, 13, 13]);
        check(0, 0, None, [0, 0, 600]);
    }

    #[test]
    fn wide_requests_are_as_wide_as_their_level_bears() {
        let check = |nominal: u32, hand: u32, want: u32| {
            let bounds = Bounds { nominal, ..Bounds::default() };
            assert_eq!(bounds.widest(hand), want, "{nominal} {hand}");
        };
        check(245, 6, 37);
        check(49, 6, 8);
        check(12, 6, 2);
        check(3, 6, 1);
    }

    #[test]
    fn idle_levels_lend_and_get_back() {
        let check = |levels: &[(u32, u32, u32, bool, u32, f64)], want: &[u32]| {
            let level =
                |&(nominal, lowest, highest, exempt, seen, smoothed): &(u32, u32, u32, bool, u32, f64)| {
                    Borrower {
                        bounds: Bounds { nominal, lowest, highest },
                        exempt,
                        seen: Seen { highest: seen, smoothed },
                    }
                };
            let levels: Vec<Borrower> = levels.iter().map(level).collect();
            assert_eq!(lend(&levels), want, "{levels:?}");
        };
        // One works, one is idle, and all that is lent goes by what both want.
        check(&[(50, 10, 100, false, 80, 80.0), (50, 10, 100, false, 0, 0.0)], &[89, 11]);
        // Both want all: each has its own.
        check(&[(50, 10, 100, false, 90, 90.0), (50, 10, 100, false, 90, 90.0)], &[50, 50]);
        // What the exempt level takes is missing for all.
        check(
            &[(0, 0, 0, true, 40, 40.0), (50, 10, 100, false, 50, 50.0), (50, 10, 100, false, 50, 50.0)],
            &[40, 30, 30],
        );
        // Nobody borrows more than it may.
        check(&[(50, 10, 60, false, 99, 99.0), (50, 10, 100, false, 10, 10.0)], &[60, 40]);
    }
}
