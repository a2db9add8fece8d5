//! Which pods a Job makes and which it deletes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::backoff::{finish_time, remaining};
use super::facts::{Facts, all_index_failures, index_of, size};
use super::indexes::Indexes;
use crate::pods;

/// Pods made or deleted in one go.
const BURST: usize = 500;

/// What is to be done about the number of pods. Never both at once: deleting goes first.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pub delete: Vec<Arc<Pod>>,
    /// One pod each; in an indexed job with its index.
    pub create: Vec<Option<usize>>,
    /// Pods are missing, but it is too early to make them.
    pub wait: Option<Duration>,
}

impl Moves {
    /// `back_off`: how long the job is to wait after failures, where indexes have no limit of their own.
    pub fn plan(facts: &Facts<'_>, back_off: Duration, now: Timestamp) -> Self {
        let active = facts.active.len();
        let wanted = if facts.is_suspended() { 0 } else { wanted(facts) };
        let delete = surplus(facts, active.saturating_sub(wanted));
        if facts.is_suspended() || !delete.is_empty() {
            return Self { delete: delete.into_iter().take(BURST).collect(), ..Self::default() };
        }
        let leaving = if facts.replaces_only_failed() { facts.terminating.len() } else { 0 };
        let missing = wanted.saturating_sub(active + leaving).min(BURST);
        match missing {
            0 => Self::default(),
            _ if !facts.has_limit_per_index() && !back_off.is_zero() => {
                Self { wait: Some(back_off), ..Self::default() }
            }
            missing if facts.is_indexed() => pending(facts, missing, now),
            missing => Self { create: vec![None; missing], ..Self::default() },
        }
    }
}

/// How many pods should be active.
fn wanted(facts: &Facts<'_>) -> usize {
    match facts.completions() {
        // One success is enough; what runs then may end by itself.
        None if facts.succeeded() > 0 => facts.active.len(),
        None => facts.parallelism(),
        Some(completions) => completions.saturating_sub(facts.succeeded()).min(facts.parallelism()),
    }
}

/// At least `count` active pods: those of no or a repeated index, then those that have come least far.
fn surplus(facts: &Facts<'_>, count: usize) -> Vec<Arc<Pod>> {
    let (mut chosen, mut others) = match facts.is_indexed() {
        true => repeated(facts),
        false => (Vec::new(), facts.active.clone()),
    };
    pods::rank_for_deletion(&mut others);
    let more = count.saturating_sub(chosen.len());
    chosen.extend(others.into_iter().take(more));
    chosen
}

/// The pods that share their index with one that stays, or have none of the job's; and the others.
fn repeated(facts: &Facts<'_>) -> (Vec<Arc<Pod>>, Vec<Arc<Pod>>) {
    let mut by_index = BTreeMap::<usize, Vec<Arc<Pod>>>::new();
    let mut surplus = Vec::new();
    for pod in &facts.active {
        match facts.index(pod) {
            Some(index) => by_index.entry(index).or_default().push(pod.clone()),
            None => surplus.push(pod.clone()),
        }
    }
    let mut stay = Vec::new();
    for mut pods in by_index.into_values() {
        pods::rank_for_deletion(&mut pods);
        stay.extend(pods.pop());
        surplus.extend(pods);
    }
    (surplus, stay)
}

/// The first indexes that have no pod and are not over.
fn pending(facts: &Facts<'_>, count: usize, now: Timestamp) -> Moves {
    let leaving = facts.terminating.iter().filter(|_| facts.replaces_only_failed());
    let busy: BTreeSet<usize> = facts.active.iter().chain(leaving).filter_map(|pod| index_of(pod)).collect();
    let over = facts.failed_indexes.clone().unwrap_or_default();
    let taken: Indexes = facts.succeeded_indexes.with(&busy).union(&over);
    let indexes = taken.first_absent(count, facts.completions().unwrap_or(0));
    let wait_of =
        |index: &usize| facts.replaced.get(index).map_or(Duration::ZERO, |pod| wait_after(pod, now));
    let (ready, waiting): (Vec<usize>, Vec<usize>) =
        indexes.into_iter().partition(|index| wait_of(index).is_zero());
    Moves {
        create: ready.into_iter().map(Some).collect(),
        wait: waiting.iter().map(wait_of).min(),
        delete: Vec::new(),
    }
}

/// What is left of the wait of an index whose last pod failed.
fn wait_after(pod: &Pod, now: Timestamp) -> Duration {
    remaining(size(all_index_failures(pod)) + 1, Some(finish_time(pod)), now)
}
