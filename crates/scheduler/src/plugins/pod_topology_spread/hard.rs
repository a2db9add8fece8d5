//! Constraints that must hold: no domain may have more than `maxSkew` pods above the least filled.

use std::collections::HashMap;

use super::constraint::{Constraint, has_all_keys};
use crate::node_info::NodeInfo;
use crate::node_selector::RequiredNode;
use crate::plugin::{Filter, Rejection, Verdict};
use crate::pod_info::PodInfo;
use crate::world::World;

#[derive(Clone)]
pub(super) struct Skews<'a> {
    pod: &'a PodInfo,
    required: RequiredNode,
    constraints: Vec<Constraint>,
    /// By constraint: the number of matching pods in each domain.
    domains: Vec<HashMap<String, i64>>,
    /// By constraint: the least of those numbers.
    least: Vec<i64>,
}

impl<'a> Skews<'a> {
    pub fn new(pod: &'a PodInfo, constraints: Vec<Constraint>, world: World<'_>) -> Self {
        let required = RequiredNode::of(&pod.wishes);
        let mut domains = vec![HashMap::new(); constraints.len()];
        let counts: Vec<_> = constraints.iter().map(|c| c.count(pod.namespace(), world)).collect();
        for node in world.snapshot.nodes().filter(|node| has_all_keys(node, &constraints)) {
            for ((constraint, domains), counts) in constraints.iter().zip(&mut domains).zip(&counts) {
                let Some(value) = node.labels().get(&constraint.topology_key) else { continue };
                if constraint.counts_node(pod, &required, node) {
                    let here = counts.get(&node.name).copied().unwrap_or(0);
                    *domains.entry(value.clone()).or_default() += here;
                }
            }
        }
        let mut skews = Self { pod, required, constraints, domains, least: Vec::new() };
        skews.find_least();
        skews
    }

    fn find_least(&mut self) {
        let least = self.constraints.iter().zip(&self.domains).map(|(constraint, domains)| {
            let enough = domains.len() >= constraint.min_domains;
            domains.values().copied().min().filter(|_| enough).unwrap_or(0)
        });
        self.least = least.collect();
    }

    fn update(&mut self, other: &PodInfo, node: &NodeInfo, amount: i64) {
        if other.namespace() != self.pod.namespace() || !has_all_keys(node, &self.constraints) {
            return;
        }
        for (constraint, domains) in self.constraints.iter().zip(&mut self.domains) {
            let counts = constraint.selector.matches(other.labels())
                && constraint.counts_node(self.pod, &self.required, node);
            let value = node.labels().get(&constraint.topology_key).filter(|_| counts);
            if let Some(value) = value {
                *domains.entry(value.clone()).or_default() += amount;
            }
        }
        self.find_least();
    }
}

impl Filter for Skews<'_> {
    fn check(&self, node: &NodeInfo) -> Verdict {
        let with_counts = self.constraints.iter().zip(&self.domains).zip(&self.least);
        for ((constraint, domains), least) in with_counts {
            let Some(value) = node.labels().get(&constraint.topology_key) else {
                let reason = "node(s) didn't match pod topology spread constraints (missing required label)";
                return Err(Rejection::for_good(reason));
            };
            let itself = i64::from(constraint.selector.matches(self.pod.labels()));
            let here = domains.get(value).copied().unwrap_or(0);
            if here + itself - least > constraint.max_skew {
                return Err(Rejection::resolvable("node(s) didn't match pod topology spread constraints"));
            }
        }
        Ok(())
    }

    fn suppose(&mut self, pod: &PodInfo, node: &NodeInfo) {
        self.update(pod, node, 1);
    }

    fn suppose_gone(&mut self, pod: &PodInfo, node: &NodeInfo) {
        self.update(pod, node, -1);
    }

    fn duplicate(&self) -> Box<dyn Filter + '_> {
        Box::new(self.clone())
    }
}
