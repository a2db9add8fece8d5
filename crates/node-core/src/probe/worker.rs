//! The schedule and the tally of one probe of one attempt.

use std::time::Duration;

use k8s_openapi::api::core::v1::Probe;

use super::verdict::Verdict;
use super::{Kind, Target};
use crate::effect::Action;
use crate::now::Now;

/// A probe of one attempt at a container.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    period: Duration,
    failure_threshold: u32,
    success_threshold: u32,
    state: State,
    /// The last result and how often it came in a row.
    tally: Option<(bool, u32)>,
}

/// Where a probe stands.
#[derive(Clone, Debug)]
enum State {
    /// Runs at that moment of the monotonic clock.
    Waiting(Duration),
    /// Runs now; the next one is due at that moment.
    Running(Action, Duration),
    /// Its result stands until the container is replaced.
    Held,
}

impl Worker {
    pub(super) fn new(now: Now, target: &Target<'_>, probe: &Probe) -> Self {
        let period = seconds(probe.period_seconds, 10).max(Duration::from_secs(1));
        let delay = seconds(probe.initial_delay_seconds, 0);
        let earliest = now.mono_at(target.started_at) + delay;
        let first = if target.adopted { now.mono + spread(target.id, period) } else { now.mono };
        Self {
            period,
            failure_threshold: threshold(probe.failure_threshold, 3),
            success_threshold: threshold(probe.success_threshold, 1),
            state: State::Waiting(earliest.max(first)),
            tally: None,
        }
    }

    pub(super) fn due(&self, now: Now) -> bool {
        matches!(self.state, State::Waiting(at) if at <= now.mono)
    }

    pub(super) fn begin(&mut self, now: Now, action: Action) {
        self.state = State::Running(action, now.mono + self.period);
    }

    /// Lets one run pass that could not be begun.
    pub(super) fn skip(&mut self, now: Now) {
        self.state = State::Waiting(now.mono + self.period);
    }

    /// The run that has ended, if one was under way.
    pub(super) fn end(&mut self) -> Option<Action> {
        match std::mem::replace(&mut self.state, State::Held) {
            State::Running(action, next) => {
                self.state = State::Waiting(next);
                Some(action)
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Counts a verdict; the result once it has come often enough in a row.
    pub(super) fn count(&mut self, now: Now, kind: Kind, verdict: &Verdict) -> Option<bool> {
        let result = match verdict {
            Verdict::Success | Verdict::Warning(_) => true,
            Verdict::Failure(_) => false,
            Verdict::Error(_) => return None,
        };
        let run = match self.tally {
            Some((last, run)) if last == result => run.saturating_add(1),
            _ => 1,
        };
        self.tally = Some((result, run));
        let enough = if result { self.success_threshold } else { self.failure_threshold };
        if run < enough {
            return None;
        }
        if kind == Kind::Startup || (kind == Kind::Liveness && !result) {
            self.state = State::Held;
        } else if let State::Waiting(next) = &mut self.state {
            // A probe that took longer than its period is run again a period later, not at once.
            *next = (*next).max(now.mono);
        }
        Some(result)
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Waiting(at) => Some(at),
            State::Running(..) | State::Held => None,
        }
    }
}

fn seconds(value: Option<i32>, default: u64) -> Duration {
    Duration::from_secs(value.and_then(|v| u64::try_from(v).ok()).unwrap_or(default))
}

fn threshold(value: Option<i32>, default: u32) -> u32 {
    value.and_then(|v| u32::try_from(v).ok()).filter(|v| *v > 0).unwrap_or(default)
}

/// A part of the period that is always the same for one attempt and differs between attempts.
fn spread(id: &str, period: Duration) -> Duration {
    let hash = id.bytes().fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    period.mul_f64(f64::from(hash % 1000) / 1000.0)
}
