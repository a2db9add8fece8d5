//! Work that is begun once and retried until it succeeds, in one table with its timers.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::backoff::Backoff;

/// One piece of such work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    Prepare,
    SetUpVolume(String),
    RunSandbox(u32),
    StopSandbox(String),
    RemoveSandbox(String),
    RemoveContainer(String),
    TearDownVolume(String),
    Unprepare,
    Inspect,
    WriteStatus,
    DeletePod,
    ResizeCgroup,
    AdmitResize,
}

impl Task {
    /// Whether its end changes what the runtime has, so that lists from before it are stale.
    pub(super) fn changes_runtime(&self) -> bool {
        use Task::*;
        matches!(self, RunSandbox(_) | StopSandbox(_) | RemoveSandbox(_) | RemoveContainer(_))
    }

    /// First and longest wait after a failure.
    fn waits(&self) -> (Duration, Duration) {
        match self {
            Task::SetUpVolume(_) => (Duration::from_millis(500), Duration::from_secs(122)),
            Task::WriteStatus | Task::DeletePod | Task::Inspect => {
                (Duration::from_millis(500), Duration::from_secs(10))
            }
            _ => (Duration::from_secs(1), Duration::from_secs(15)),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// To be begun; a retry not before that moment.
    Due(Duration),
    UnderWay,
    Done,
}

#[derive(Clone, Debug)]
struct Job {
    state: State,
    /// It has been done before and is done again: it still counts as done.
    again: bool,
    backoff: Backoff,
}

/// The table of a pod's jobs.
#[derive(Clone, Debug, Default)]
pub(super) struct Jobs(BTreeMap<Task, Job>);

/// What to do about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Begin it: [`Jobs::begun`] has been noted.
    Begin,
    /// It is under way, or waits for its retry.
    Wait,
    Done,
}

impl Jobs {
    /// Asks for a job to be done.
    pub(super) fn want(&mut self, now: Duration, task: &Task) -> Next {
        let job = self.0.entry(task.clone()).or_insert_with(|| {
            let (initial, max) = task.waits();
            Job { state: State::Due(now), again: false, backoff: Backoff::new(initial, max) }
        });
        match job.state {
            State::Due(at) if at <= now => {
                job.state = State::UnderWay;
                Next::Begin
            }
            State::Due(_) | State::UnderWay if !job.again => Next::Wait,
            State::Due(_) | State::UnderWay | State::Done => Next::Done,
        }
    }

    /// Has a job done once more. It counts as done meanwhile, so nothing waits for it.
    pub(super) fn renew(&mut self, now: Duration, task: &Task) {
        if let Some(job) = self.0.get_mut(task) {
            job.again = true;
            job.state = State::Due(now);
        }
    }

    pub(super) fn succeeded(&mut self, task: &Task) {
        if let Some(job) = self.0.get_mut(task) {
            job.state = State::Done;
        }
    }

    pub(super) fn failed(&mut self, now: Duration, task: &Task) {
        if let Some(job) = self.0.get_mut(task) {
            job.backoff.fail(now, now);
            job.state = State::Due(now + job.backoff.wait());
        }
    }

    /// Forgets a job, so that it can be wanted anew. One under way goes on; its end is then ignored.
    pub(super) fn forget(&mut self, task: &Task) {
        self.0.remove(task);
    }

    /// Makes a job that waits for its retry due at once.
    pub(super) fn hurry(&mut self, now: Duration, task: &Task) {
        if let Some(job) = self.0.get_mut(task)
            && let State::Due(at) = &mut job.state
        {
            *at = now;
        }
    }

    pub(super) fn known(&self, task: &Task) -> bool {
        self.0.contains_key(task)
    }

    pub(super) fn done(&self, task: &Task) -> bool {
        self.0.get(task).is_some_and(|job| job.state == State::Done)
    }

    pub(super) fn under_way(&self, matches: impl Fn(&Task) -> bool) -> bool {
        self.0.iter().any(|(task, job)| job.state == State::UnderWay && matches(task))
    }

    /// The earliest retry after `last`.
    pub(super) fn deadline(&self, last: Duration) -> Option<Duration> {
        let due = self.0.values().filter_map(|job| match job.state {
            State::Due(at) => Some(at),
            State::UnderWay | State::Done => None,
        });
        due.filter(|at| *at > last).min()
    }
}
