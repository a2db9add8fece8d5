//! PrioritySort: the most important pod first, among equals who has waited longest.

use std::cmp::Reverse;
use std::time::Duration;

/// Smaller goes first. The number, given in order of arrival, keeps equals apart.
pub type Rank = (Reverse<i32>, Duration, u64);

pub fn rank(priority: i32, since: Duration, arrival: u64) -> Rank {
    (Reverse(priority), since, arrival)
}
