//! Whether a Job is over, and how.
//!
//! A verdict stands in the status first as an interim condition (`SuccessCriteriaMet`,
//! `FailureTarget`), and as the final one (`Complete`, `Failed`) once all pods have ended and are
//! counted. What stands there already is not judged again.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{JobCondition, JobStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::facts::{Facts, size};
use super::failure_policy::Outcome;
use super::success_policy;
use crate::pods;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub end: End,
    pub reason: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Success,
    Failure,
}

impl End {
    pub fn interim(self) -> &'static str {
        match self {
            Self::Success => "SuccessCriteriaMet",
            Self::Failure => "FailureTarget",
        }
    }

    pub fn last(self) -> &'static str {
        match self {
            Self::Success => "Complete",
            Self::Failure => "Failed",
        }
    }
}

impl Verdict {
    fn failure(reason: &str, message: impl Into<String>) -> Self {
        Self { end: End::Failure, reason: reason.into(), message: message.into() }
    }

    /// The verdict apart from the number of completions, which is judged after pods were managed.
    pub fn of(facts: &Facts<'_>, now: Timestamp) -> Option<Self> {
        standing(&facts.status)
            .or_else(|| by_failure_policy(facts))
            .or_else(|| by_limits(facts, now))
            .or_else(|| by_indexes(facts))
            .or_else(|| by_success_policy(facts))
    }

    /// The job has the successes that it wants, and `active` pods are left.
    pub fn by_completions(facts: &Facts<'_>, active: usize) -> Option<Self> {
        let enough = match facts.completions() {
            None => facts.succeeded() > 0,
            Some(completions) => facts.succeeded() >= completions,
        };
        (enough && active == 0).then(|| Self {
            end: End::Success,
            reason: "CompletionsReached".into(),
            message: "Reached expected number of succeeded pods".into(),
        })
    }
}

/// What was decided before.
fn standing(status: &JobStatus) -> Option<Verdict> {
    [End::Success, End::Failure].into_iter().find_map(|end| {
        let condition = true_condition(status, end.interim())?;
        let (reason, message) = (condition.reason.clone(), condition.message.clone());
        Some(Verdict { end, reason: reason.unwrap_or_default(), message: message.unwrap_or_default() })
    })
}

fn by_failure_policy(facts: &Facts<'_>) -> Option<Verdict> {
    let failed = facts.pods.iter().filter(|pod| facts.is_failed(pod));
    failed.map(|pod| facts.outcome(pod)).find_map(|outcome| match outcome {
        Outcome::FailJob(why) => Some(Verdict::failure("PodFailurePolicy", why)),
        _ => None,
    })
}

fn by_limits(facts: &Facts<'_>, now: Timestamp) -> Option<Verdict> {
    let limit = size(facts.spec.backoff_limit.unwrap_or(6));
    if facts.failed() > limit || restarts_exceed(facts, limit) {
        let message = "Job has reached the specified backoff limit";
        return Some(Verdict::failure("BackoffLimitExceeded", message));
    }
    let over = deadline(facts, &facts.status).is_some_and(|deadline| deadline <= now);
    over.then(|| Verdict::failure("DeadlineExceeded", "Job was active longer than specified deadline"))
}

/// Containers that restart in place count as failures too.
fn restarts_exceed(facts: &Facts<'_>, limit: usize) -> bool {
    let policy = facts.spec.template.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    if policy != Some("OnFailure") {
        return false;
    }
    let running = facts.pods.iter().filter(|pod| !pods::is_finished(pod));
    let statuses = running.filter_map(|pod| pod.status.as_ref());
    let containers = statuses.flat_map(|status| {
        [&status.init_container_statuses, &status.container_statuses].into_iter().flatten()
    });
    let restarts: usize = containers.flatten().map(|container| size(container.restart_count)).sum();
    restarts >= limit.max(1)
}

/// When the job's time is up. A suspended one has no deadline.
pub(super) fn deadline(facts: &Facts<'_>, status: &JobStatus) -> Option<Timestamp> {
    let seconds = facts.spec.active_deadline_seconds.filter(|_| !facts.is_suspended())?;
    let start = status.start_time.as_ref()?.0;
    start.checked_add(SignedDuration::from_secs(seconds)).ok()
}

fn by_indexes(facts: &Facts<'_>) -> Option<Verdict> {
    let failed = facts.failed_indexes.as_ref()?.len();
    if facts.spec.max_failed_indexes.is_some_and(|max| failed > size(max)) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some(Verdict::failure("MaxFailedIndexesExceeded", message));
    }
    let all_over = failed + facts.succeeded_indexes.len() >= facts.completions().unwrap_or(0);
    (failed > 0 && all_over).then(|| Verdict::failure("FailedIndexes", "Job has failed indexes"))
}

fn by_success_policy(facts: &Facts<'_>) -> Option<Verdict> {
    if !facts.is_indexed() {
        return None;
    }
    let policy = facts.spec.success_policy.as_ref();
    let message = success_policy::met(policy, facts.completions().unwrap_or(0), &facts.succeeded_indexes)?;
    Some(Verdict { end: End::Success, reason: "SuccessPolicy".into(), message })
}

// === conditions ===

pub(super) fn true_condition<'a>(status: &'a JobStatus, kind: &str) -> Option<&'a JobCondition> {
    let mut conditions = status.conditions.iter().flatten();
    conditions.find(|condition| condition.type_ == kind && condition.status == "True")
}

pub(super) fn is_finished(status: &JobStatus) -> bool {
    [End::Success, End::Failure].into_iter().any(|end| true_condition(status, end.last()).is_some())
}

/// Sets a condition; whether that changed anything. One that is not there is not made false.
pub(super) fn set_condition(
    status: &mut JobStatus,
    kind: &str,
    is: bool,
    (reason, message): (&str, &str),
    now: Timestamp,
) -> bool {
    let time = Some(whole_seconds(now));
    let new = JobCondition {
        type_: kind.to_owned(),
        status: if is { "True" } else { "False" }.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: time.clone(),
        last_transition_time: time,
    };
    let conditions = status.conditions.get_or_insert_default();
    match conditions.iter_mut().find(|condition| condition.type_ == kind) {
        Some(old) if (&old.status, &old.reason, &old.message) == (&new.status, &new.reason, &new.message) => {
            return false;
        }
        Some(old) => *old = new,
        None if is => conditions.push(new),
        None => return false,
    }
    true
}

/// As the API keeps times.
pub(super) fn whole_seconds(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}
