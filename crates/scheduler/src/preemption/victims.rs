//! The fewest pods that must leave one node.

use std::cmp::Reverse;
use std::sync::Arc;

use super::candidates::started;
use crate::decide::Filters;
use crate::node_info::NodeInfo;
use crate::plugin::Rejection;
use crate::pod_info::PodInfo;
use crate::world::{DisruptionBudget, World};

#[derive(Debug)]
pub(super) struct Victims {
    /// The most important first.
    pub pods: Vec<Arc<PodInfo>>,
    pub violations: usize,
}

/// Supposes all less important pods gone; if the pod fits then, they come back one by one, first
/// those that a budget protects, the most important first, as long as it still fits.
pub(super) fn select(
    pod: &PodInfo,
    world: World<'_>,
    filters: &Filters<'_>,
    node: &NodeInfo,
    budgets: &[DisruptionBudget],
) -> Result<Victims, Rejection> {
    let mut potential: Vec<_> =
        node.pods.iter().filter(|other| other.priority < pod.priority).cloned().collect();
    if potential.is_empty() {
        return Err(Rejection::for_good("No preemption victims found for incoming pod"));
    }
    potential.sort_by_key(|victim| importance(victim));
    let (mut filters, mut node) = (filters.duplicate(), node.clone());
    potential.iter().for_each(|victim| filters.suppose_gone(victim, &mut node));
    filters.check_with_nominated(pod, &node, world).map_err(|(_, rejection)| rejection)?;
    let (protected, others) = split_by_budget(potential, budgets);
    let mut victims = Vec::new();
    let mut violations = 0;
    let protected = protected.into_iter().map(|victim| (victim, 1));
    for (victim, violation) in protected.chain(others.into_iter().map(|victim| (victim, 0))) {
        filters.suppose(&victim, &mut node);
        if filters.check_with_nominated(pod, &node, world).is_err() {
            filters.suppose_gone(&victim, &mut node);
            violations += violation;
            victims.push(victim);
        }
    }
    if victims.is_empty() {
        return Err(Rejection::for_good("No preemption victims found for incoming pod"));
    }
    victims.sort_by_key(|victim| importance(victim));
    Ok(Victims { pods: victims, violations })
}

/// Smaller is more important: higher priority, then longer running.
fn importance(pod: &PodInfo) -> (Reverse<i32>, jiff::Timestamp) {
    (Reverse(pod.priority), started(pod))
}

type Pods = Vec<Arc<PodInfo>>;

/// Those whose eviction would break a budget, counting the ones before them; and the others.
fn split_by_budget(pods: Pods, budgets: &[DisruptionBudget]) -> (Pods, Pods) {
    let mut allowed: Vec<i32> = budgets.iter().map(|budget| budget.disruptions_allowed).collect();
    pods.into_iter().partition(|pod| {
        let covering = budgets.iter().zip(&mut allowed);
        let covering = covering.filter(|(b, _)| !pod.labels().is_empty() && b.covers(&pod.key, pod.labels()));
        covering.fold(false, |violated, (_, allowed)| {
            *allowed -= 1;
            violated || *allowed < 0
        })
    })
}
