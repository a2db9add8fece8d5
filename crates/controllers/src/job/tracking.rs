//! Counting each pod exactly once.
//!
//! A pod that has ended is counted in three steps, each on top of what the one before has made
//! durable: its uid goes into `status.uncountedTerminatedPods`; its finalizer is taken off; its uid
//! leaves that list and the counter goes up. Whoever crashes in between goes on where the status and
//! the finalizers say. Indexed jobs need no uids for successes: an index counts once anyway.
//!
//! Source: KEP-2307.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::batch::v1::{JobStatus, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;

use super::facts::{Facts, count, has_finalizer, uid};
use super::verdict::{End, Verdict};
use crate::pods;

/// Uids in the status at once; it would grow too large otherwise.
const MAX_UNCOUNTED: usize = 500;

/// The outcome of a round of counting.
pub(super) struct Counted {
    /// Their finalizers may go once the status is written.
    pub release: Vec<Arc<Pod>>,
    /// Every pod is counted: no finalizer and no uncounted uid is left.
    pub complete: bool,
}

/// Brings the counters of `status` up to date; steps one and three.
pub(super) fn count_pods(facts: &Facts<'_>, verdict: Option<&Verdict>, status: &mut JobStatus) -> Counted {
    let mut uncounted = settle(facts, status);
    let mut indexes = BTreeSet::new();
    let mut release = Vec::new();
    let mut pods: Vec<&Arc<Pod>> = facts.pods.iter().filter(|pod| has_finalizer(pod)).collect();
    pods.sort_by_key(|pod| facts.index(pod));
    for pod in &pods {
        if !may_release(facts, verdict, pod) {
            continue;
        }
        release.push(Arc::clone(pod));
        match kind(facts, verdict, pod) {
            Kind::Success => match facts.index(pod) {
                Some(index) => drop(indexes.insert(index)),
                None => list(&mut uncounted.succeeded, uid(pod)),
            },
            Kind::Failure => list(&mut uncounted.failed, uid(pod)),
            Kind::Uncounted => {}
        }
        if indexes.len() + len(&uncounted.succeeded) + len(&uncounted.failed) >= MAX_UNCOUNTED {
            break;
        }
    }
    let complete = pods.is_empty() && len(&uncounted.succeeded) + len(&uncounted.failed) == 0;
    status.uncounted_terminated_pods = Some(uncounted);
    write_indexes(facts, status);
    Counted { release, complete }
}

/// Uids whose pods have lost the finalizer (or are gone) leave the lists for the counters.
fn settle(facts: &Facts<'_>, status: &mut JobStatus) -> UncountedTerminatedPods {
    let held: BTreeSet<&str> =
        facts.pods.iter().filter(|pod| has_finalizer(pod)).map(|pod| uid(pod)).collect();
    let mut uncounted = status.uncounted_terminated_pods.take().unwrap_or_default();
    let settle = |list: &mut Option<Vec<String>>, counter: &mut Option<i32>| {
        let all = list.take().unwrap_or_default();
        let (left, done): (Vec<_>, Vec<_>) = all.into_iter().partition(|uid| held.contains(uid.as_str()));
        let sum = counter.unwrap_or(0).saturating_add(count(done.len()));
        *counter = (sum > 0).then_some(sum);
        *list = (!left.is_empty()).then_some(left);
    };
    settle(&mut uncounted.succeeded, &mut status.succeeded);
    settle(&mut uncounted.failed, &mut status.failed);
    uncounted
}

/// A pod is let go when it has ended or the job has; but not while it is the memory of its index.
fn may_release(facts: &Facts<'_>, verdict: Option<&Verdict>, pod: &Pod) -> bool {
    let over = verdict.is_some() || facts.job.metadata.deletion_timestamp.is_some();
    if over || pods::phase(pod) == "Succeeded" {
        return true;
    }
    let waits = facts.index(pod).and_then(|index| facts.replaced.get(&index));
    facts.is_failed(pod) && waits.is_none_or(|waiting| uid(waiting) != uid(pod))
}

enum Kind {
    Success,
    Failure,
    Uncounted,
}

fn kind(facts: &Facts<'_>, verdict: Option<&Verdict>, pod: &Pod) -> Kind {
    let counted_as_failed = facts.uncounted_failed.contains(uid(pod));
    let job_failed = verdict.is_some_and(|verdict| verdict.end == End::Failure);
    if !facts.is_countable(pod) {
        Kind::Uncounted
    } else if pods::phase(pod) == "Succeeded" && !counted_as_failed {
        Kind::Success
    } else if (facts.is_failed(pod) || job_failed) && facts.counts_as_failed(pod) {
        // In a job that has failed, pods that still run are stopped and count as failed.
        Kind::Failure
    } else {
        Kind::Uncounted
    }
}

fn list(uids: &mut Option<Vec<String>>, uid: &str) {
    let uids = uids.get_or_insert_default();
    if !uids.iter().any(|listed| listed == uid) {
        uids.push(uid.to_owned());
    }
}

fn len(uids: &Option<Vec<String>>) -> usize {
    uids.as_ref().map_or(0, Vec::len)
}

fn write_indexes(facts: &Facts<'_>, status: &mut JobStatus) {
    if !facts.is_indexed() {
        return;
    }
    let succeeded = facts.succeeded_indexes.len();
    status.succeeded = (succeeded > 0).then(|| count(succeeded));
    status.completed_indexes = (succeeded > 0).then(|| facts.succeeded_indexes.to_string());
    status.failed_indexes = facts.failed_indexes.as_ref().map(ToString::to_string);
}
