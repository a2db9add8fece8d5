//! Constraints that should hold: best is the domain with the fewest matching pods.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::constraint::{Constraint, HOSTNAME, has_all_keys};
use crate::counts::ByNode;
use crate::node_info::NodeInfo;
use crate::node_selector::RequiredNode;
use crate::plugin::{MAX_SCORE, Score};
use crate::pod_info::PodInfo;
use crate::world::World;

pub(super) struct Spread {
    parts: Vec<Part>,
    /// Nodes that lack a label of the pod's own constraints: the last choice.
    ignored: HashSet<String>,
}

struct Part {
    constraint: Constraint,
    counts: Arc<ByNode>,
    /// Matching pods by label value, for values that a feasible node has. Not for host names, where
    /// `counts` says it.
    domains: HashMap<String, i64>,
    /// Makes constraints with few domains weigh no less than those with many.
    weight: f64,
}

impl Spread {
    /// `all_keys`: a node must have the labels of all constraints.
    pub fn new(
        pod: &PodInfo,
        constraints: Vec<Constraint>,
        all_keys: bool,
        world: World<'_>,
        feasible: &[&NodeInfo],
    ) -> Self {
        let required = RequiredNode::of(&pod.wishes);
        let qualifies = |node: &NodeInfo| !all_keys || has_all_keys(node, &constraints);
        let (scored, ignored): (Vec<&NodeInfo>, Vec<&NodeInfo>) =
            feasible.iter().copied().partition(|node| qualifies(node));
        let part = |constraint: &Constraint| {
            let mut part = Part::new(constraint, constraint.count(pod.namespace(), world), &scored);
            part.fill(world, |node| qualifies(node) && constraint.counts_node(pod, &required, node));
            part
        };
        Self {
            parts: constraints.iter().map(part).collect(),
            ignored: ignored.iter().map(|node| node.name.clone()).collect(),
        }
    }
}

impl Part {
    fn new(constraint: &Constraint, counts: Arc<ByNode>, scored: &[&NodeInfo]) -> Self {
        let mut part = Self {
            constraint: constraint.clone(),
            counts,
            domains: HashMap::new(),
            weight: weight(scored.len()),
        };
        if !part.is_by_host() {
            part.domains = scored.iter().map(|node| (part.value(node).to_owned(), 0)).collect();
            part.weight = weight(part.domains.len());
        }
        part
    }

    /// Sums up the domains; only nodes that have such pods are looked at.
    fn fill(&mut self, world: World<'_>, counts_node: impl Fn(&NodeInfo) -> bool) {
        if self.is_by_host() {
            return;
        }
        let counts = self.counts.clone();
        for (name, count) in &*counts {
            let node = world.snapshot.node(name).filter(|node| counts_node(node));
            if let Some(sum) = node.and_then(|node| self.domains.get_mut(value(&self.constraint, node))) {
                *sum += count;
            }
        }
    }

    fn is_by_host(&self) -> bool {
        self.constraint.topology_key == HOSTNAME
    }

    fn value<'n>(&self, node: &'n NodeInfo) -> &'n str {
        value(&self.constraint, node)
    }

    fn score(&self, node: &NodeInfo) -> f64 {
        if !node.labels().contains_key(&self.constraint.topology_key) {
            return 0.0;
        }
        let count = match self.is_by_host() {
            true => self.counts.get(&node.name),
            false => self.domains.get(self.value(node)),
        };
        count.copied().unwrap_or(0) as f64 * self.weight + (self.constraint.max_skew - 1) as f64
    }
}

fn value<'n>(constraint: &Constraint, node: &'n NodeInfo) -> &'n str {
    node.labels().get(&constraint.topology_key).map_or("", String::as_str)
}

fn weight(domains: usize) -> f64 {
    ((domains + 2) as f64).ln()
}

impl Score for Spread {
    fn score(&self, node: &NodeInfo) -> i64 {
        if self.ignored.contains(&node.name) {
            return 0;
        }
        self.parts.iter().map(|part| part.score(node)).sum::<f64>().round() as i64
    }

    /// The fewest pods become the best score; nodes that are ignored get none.
    fn normalize(&self, nodes: &[&NodeInfo], scores: &mut [i64]) {
        let is_ignored = |node: &NodeInfo| self.ignored.contains(&node.name);
        let counted = || nodes.iter().zip(scores.iter()).filter(|(node, _)| !is_ignored(node));
        let lowest = counted().map(|(_, score)| *score).min().unwrap_or(0);
        let highest = counted().map(|(_, score)| *score).max().unwrap_or(0);
        for (node, score) in nodes.iter().zip(scores) {
            *score = match highest {
                _ if is_ignored(node) => 0,
                0 => MAX_SCORE,
                highest => MAX_SCORE * (highest + lowest - *score) / highest,
            };
        }
    }
}
