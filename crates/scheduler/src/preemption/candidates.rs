//! The nodes where evicting pods would help, and the choice among them.

use std::cmp::Reverse;
use std::collections::HashMap;

use jiff::Timestamp;

use super::Candidate;
use super::victims::{Victims, select};
use crate::decide::{Draw, Filters, Unfit};
use crate::node_info::NodeInfo;
use crate::plugin::Rejection;
use crate::pod_info::PodInfo;
use crate::world::World;

/// At least this many candidates are looked for, and this share of the nodes.
const MIN_CANDIDATES: usize = 100;
const MIN_PER_CENT: usize = 10;

#[derive(Default)]
pub(super) struct Found {
    pub candidates: Vec<Candidate>,
    /// Why the other nodes that were tried will not do.
    pub rejections: HashMap<String, Rejection>,
}

/// Tries the nodes that eviction may open, from a random one on, until enough are found and one
/// of them breaks no disruption budget.
pub(super) fn find(
    pod: &PodInfo,
    world: World<'_>,
    filters: &Filters<'_>,
    unfit: &Unfit,
    draw: Draw<'_>,
) -> Found {
    let resolvable = |node: &&NodeInfo| {
        unfit.by_node.get(&node.name).or(unfit.others.as_ref()).is_some_and(|rejection| rejection.resolvable)
    };
    let nodes: Vec<&NodeInfo> = world.snapshot.nodes().filter(resolvable).collect();
    let mut found = Found::default();
    if nodes.is_empty() {
        return found;
    }
    let enough = (nodes.len() * MIN_PER_CENT / 100).max(MIN_CANDIDATES);
    let budgets = world.directory.disruption_budgets();
    let start = draw(nodes.len());
    for node in nodes.iter().cycle().skip(start).take(nodes.len()) {
        match select(pod, world, filters, node, &budgets) {
            Ok(Victims { pods, violations }) => {
                found.candidates.push(Candidate { node: node.name.clone(), victims: pods, violations });
            }
            Err(rejection) => drop(found.rejections.insert(node.name.clone(), rejection)),
        }
        let harmless = found.candidates.iter().any(|candidate| candidate.violations == 0);
        if harmless && found.candidates.len() >= enough {
            break;
        }
    }
    found
}

/// Fewest violated budgets; then the least important most important victim; then the smallest sum
/// of priorities; then the fewest victims; then the latest start of the most important ones.
pub(super) fn choose(candidates: Vec<Candidate>) -> Option<Candidate> {
    candidates.into_iter().min_by_key(|candidate| {
        let priorities = || candidate.victims.iter().map(|victim| i64::from(victim.priority));
        let highest = priorities().max().unwrap_or(i64::MIN);
        // Shifted so that none is negative: more pods are never better.
        let sum: i64 = priorities().map(|priority| priority + i64::from(i32::MAX) + 1).sum();
        let most_important = candidate.victims.iter().filter(|victim| i64::from(victim.priority) == highest);
        let earliest = most_important.map(|victim| started(victim)).min();
        (candidate.violations, highest, sum, candidate.victims.len(), Reverse(earliest))
    })
}

/// When the pod started; one that has not is the youngest.
pub(super) fn started(pod: &PodInfo) -> Timestamp {
    pod.started.unwrap_or(Timestamp::MAX)
}
