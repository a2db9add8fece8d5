//! A Job with its pods, sorted and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::Pod;

use super::backoff::finish_time;
use super::failure_policy::{self, Outcome};
use super::indexes::Indexes;
use crate::pods;

/// Keeps a pod until the job has counted it.
pub(super) const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// A pod's completion index, as annotation and label.
pub(super) const COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How often pods of the index have failed before this one; and how often without counting.
pub(super) const INDEX_FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
pub(super) const INDEX_IGNORED_FAILURES: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

pub(super) struct Facts<'a> {
    pub job: &'a Job,
    pub spec: &'a JobSpec,
    pub status: JobStatus,
    pub pods: Vec<Arc<Pod>>,
    /// Neither finished nor being deleted.
    pub active: Vec<Arc<Pod>>,
    /// Being deleted, not finished yet.
    pub terminating: Vec<Arc<Pod>>,
    /// Uids in the status' uncounted lists.
    pub uncounted_succeeded: BTreeSet<String>,
    pub uncounted_failed: BTreeSet<String>,
    /// Indexed jobs: what the status says, and with the pods that have succeeded since.
    pub counted_indexes: Indexes,
    pub succeeded_indexes: Indexes,
    /// With a limit per index: the indexes that have failed for good.
    pub failed_indexes: Option<Indexes>,
    /// With a limit per index: the newest failed pod of each index that waits for another pod. It
    /// stays until then, for it knows how often the index has failed.
    pub replaced: BTreeMap<usize, Arc<Pod>>,
}

impl<'a> Facts<'a> {
    pub fn gather(job: &'a Job, spec: &'a JobSpec, pods: Vec<Arc<Pod>>) -> Self {
        let status = job.status.clone().unwrap_or_default();
        let uncounted = status.uncounted_terminated_pods.clone().unwrap_or_default();
        let active = pods.iter().filter(|pod| pods::is_active(pod)).cloned().collect();
        let leaving = |pod: &&Arc<Pod>| pod.metadata.deletion_timestamp.is_some() && !pods::is_finished(pod);
        let terminating = pods.iter().filter(leaving).cloned().collect();
        let mut facts = Self {
            job,
            spec,
            status,
            pods,
            active,
            terminating,
            uncounted_succeeded: uncounted.succeeded.into_iter().flatten().collect(),
            uncounted_failed: uncounted.failed.into_iter().flatten().collect(),
            counted_indexes: Indexes::default(),
            succeeded_indexes: Indexes::default(),
            failed_indexes: None,
            replaced: BTreeMap::new(),
        };
        if facts.is_indexed() {
            facts.gather_indexes();
        }
        facts
    }

    fn gather_indexes(&mut self) {
        let completions = self.completions().unwrap_or(0);
        let parse = |text: Option<&String>| Indexes::parse(text.map_or("", String::as_str), completions);
        self.counted_indexes = parse(self.status.completed_indexes.as_ref());
        let succeeded = |pod: &&Arc<Pod>| has_finalizer(pod) && pods::phase(pod) == "Succeeded";
        self.succeeded_indexes =
            self.counted_indexes.with(&self.indexes_of(self.pods.iter().filter(succeeded)));
        if self.spec.backoff_limit_per_index.is_some() {
            let failed = |pod: &&Arc<Pod>| has_finalizer(pod) && self.fails_index(pod);
            let before = parse(self.status.failed_indexes.as_ref());
            self.failed_indexes = Some(before.with(&self.indexes_of(self.pods.iter().filter(failed))));
            self.replaced = self.gather_replaced();
        }
    }

    // === the spec ===

    pub fn is_indexed(&self) -> bool {
        self.spec.completion_mode.as_deref() == Some("Indexed")
    }

    /// `None`: the job is done once any pod has succeeded.
    pub fn completions(&self) -> Option<usize> {
        self.spec.completions.map(size)
    }

    pub fn parallelism(&self) -> usize {
        size(self.spec.parallelism.unwrap_or(1))
    }

    pub fn is_suspended(&self) -> bool {
        self.spec.suspend == Some(true)
    }

    pub fn has_limit_per_index(&self) -> bool {
        self.spec.backoff_limit_per_index.is_some()
    }

    /// A pod that is being deleted is replaced only once it has ended.
    pub fn replaces_only_failed(&self) -> bool {
        self.spec.pod_replacement_policy.as_deref() == Some("Failed")
            || self.spec.pod_failure_policy.is_some()
    }

    // === pods ===

    /// Failed, or as good as: pods that are deleted may never get to say so.
    pub fn is_failed(&self, pod: &Pod) -> bool {
        match pods::phase(pod) {
            "Failed" => true,
            "Succeeded" => false,
            _ => !self.replaces_only_failed() && pod.metadata.deletion_timestamp.is_some(),
        }
    }

    /// What the job's policy makes of a failed pod.
    pub fn outcome(&self, pod: &Pod) -> Outcome {
        failure_policy::outcome(self.spec.pod_failure_policy.as_ref(), pod)
    }

    pub fn counts_as_failed(&self, pod: &Pod) -> bool {
        self.outcome(pod) != Outcome::Ignore
    }

    /// The pod's index, if it is one of the job's.
    pub fn index(&self, pod: &Pod) -> Option<usize> {
        index_of(pod).filter(|index| Some(*index) < self.completions())
    }

    /// Whether the pod may be counted at all: in an indexed job it needs a valid index.
    pub fn is_countable(&self, pod: &Pod) -> bool {
        !self.is_indexed() || self.index(pod).is_some()
    }

    pub fn indexes_of<'p>(&self, pods: impl Iterator<Item = &'p Arc<Pod>>) -> BTreeSet<usize> {
        pods.filter_map(|pod| self.index(pod)).collect()
    }

    /// Pods that have ended and stand in no count yet.
    pub fn newly_succeeded(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.uncounted(&self.uncounted_succeeded).filter(|pod| pods::phase(pod) == "Succeeded")
    }

    pub fn newly_failed(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.uncounted(&self.uncounted_failed).filter(|pod| self.is_failed(pod))
    }

    fn uncounted<'s>(&'s self, listed: &'s BTreeSet<String>) -> impl Iterator<Item = &'s Arc<Pod>> {
        let pods = self.pods.iter().filter(|pod| has_finalizer(pod) && !listed.contains(uid(pod)));
        pods.filter(|pod| self.is_countable(pod))
    }

    // === counts ===

    pub fn succeeded(&self) -> usize {
        if self.is_indexed() {
            return self.succeeded_indexes.len();
        }
        size(self.status.succeeded.unwrap_or(0))
            + self.uncounted_succeeded.len()
            + self.newly_succeeded().count()
    }

    pub fn failed(&self) -> usize {
        let new = self.newly_failed().filter(|pod| self.counts_as_failed(pod)).count();
        size(self.status.failed.unwrap_or(0)) + self.uncounted_failed.len() + new
    }

    // === indexes with a limit each ===

    fn fails_index(&self, pod: &Pod) -> bool {
        let limit = self.spec.backoff_limit_per_index.unwrap_or(0);
        self.is_failed(pod)
            && match self.outcome(pod) {
                Outcome::FailIndex => true,
                Outcome::Ignore => false,
                Outcome::Count | Outcome::FailJob(_) => number(pod, INDEX_FAILURES) >= limit,
            }
    }

    fn gather_replaced(&self) -> BTreeMap<usize, Arc<Pod>> {
        let active = self.indexes_of(self.active.iter());
        let settled = |index: usize| {
            let failed = self.failed_indexes.as_ref().is_some_and(|failed| failed.has(index));
            failed || active.contains(&index) || self.succeeded_indexes.has(index)
        };
        let mut replaced = BTreeMap::<usize, Arc<Pod>>::new();
        for pod in self.pods.iter().filter(|pod| has_finalizer(pod) && self.is_failed(pod)) {
            let Some(index) = self.index(pod).filter(|index| !settled(*index)) else { continue };
            let newest = replaced.entry(index).or_insert_with(|| pod.clone());
            let later = finish_time(pod) >= finish_time(newest);
            if later && all_index_failures(pod) >= all_index_failures(newest) {
                *newest = pod.clone();
            }
        }
        replaced
    }
}

pub(super) fn has_finalizer(pod: &Pod) -> bool {
    pod.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

pub(super) fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

pub(super) fn index_of(pod: &Pod) -> Option<usize> {
    pod.metadata.annotations.as_ref()?.get(COMPLETION_INDEX)?.parse().ok()
}

/// The number in a pod's annotation; 0 if there is none that makes sense.
pub(super) fn number(pod: &Pod, annotation: &str) -> i32 {
    let text = pod.metadata.annotations.as_ref().and_then(|annotations| annotations.get(annotation));
    text.and_then(|text| text.parse().ok()).filter(|number| *number >= 0).unwrap_or(0)
}

pub(super) fn all_index_failures(pod: &Pod) -> i32 {
    number(pod, INDEX_FAILURES).saturating_add(number(pod, INDEX_IGNORED_FAILURES))
}

/// A count of the API as one; negative ones, which it refuses, are none.
pub(super) fn size(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

pub(super) fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
