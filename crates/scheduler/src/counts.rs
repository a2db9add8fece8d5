//! How many pods of a sort run on each node, kept up to date as pods come and go.
//!
//! Spreading and affinity ask this for every pod that they place, and pods of one
//! set ask the same. What was asked once is counted on, so that the next pod costs
//! what changed and not a walk over all pods.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ironclad_api::labels::Selector;

use crate::node_info::NodeInfo;
use crate::pod_info::PodInfo;

/// Sorts of pods that are counted at once; the one not asked for the longest goes first.
const MAX_SORTS: usize = 256;

/// A sort of pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// Each must match, and there is at least one.
    pub all_of: Vec<(Namespaces, Selector)>,
    /// Pods that are being deleted count too.
    pub with_deleting: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespaces {
    All,
    Of(BTreeSet<String>),
}

impl Namespaces {
    pub fn contains(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Of(names) => names.contains(namespace),
        }
    }
}

impl Sort {
    pub fn has(&self, pod: &PodInfo) -> bool {
        let matches = |(namespaces, selector): &(Namespaces, Selector)| {
            namespaces.contains(pod.namespace()) && selector.matches(pod.labels())
        };
        (self.with_deleting || !pod.is_deleting()) && self.all_of.iter().all(matches)
    }
}

/// Node names with the number of pods there; nodes with none are absent.
pub type ByNode = HashMap<String, i64>;

#[derive(Clone, Debug, Default)]
pub struct Counts {
    counters: Vec<Counter>,
    clock: u64,
}

#[derive(Clone, Debug)]
struct Counter {
    sort: Sort,
    by_node: Arc<ByNode>,
    last_asked: u64,
}

impl Counts {
    pub fn ask<'a>(&mut self, sort: &Sort, nodes: impl Iterator<Item = &'a NodeInfo>) -> Arc<ByNode> {
        self.clock += 1;
        if let Some(counter) = self.counters.iter_mut().find(|counter| counter.sort == *sort) {
            counter.last_asked = self.clock;
            return counter.by_node.clone();
        }
        let by_node: Arc<ByNode> = Arc::new(nodes.filter_map(|node| count(sort, node)).collect());
        self.make_room();
        self.counters.push(Counter { sort: sort.clone(), by_node: by_node.clone(), last_asked: self.clock });
        by_node
    }

    fn make_room(&mut self) {
        if self.counters.len() < MAX_SORTS {
            return;
        }
        let oldest = self.counters.iter().enumerate().min_by_key(|(_, counter)| counter.last_asked);
        if let Some((at, _)) = oldest {
            self.counters.swap_remove(at);
        }
    }

    pub fn pod_added(&mut self, pod: &PodInfo, node: &str) {
        for counter in self.counters.iter_mut().filter(|counter| counter.sort.has(pod)) {
            *Arc::make_mut(&mut counter.by_node).entry(node.to_owned()).or_default() += 1;
        }
    }

    pub fn pod_removed(&mut self, pod: &PodInfo, node: &str) {
        for counter in self.counters.iter_mut().filter(|counter| counter.sort.has(pod)) {
            let by_node = Arc::make_mut(&mut counter.by_node);
            match by_node.get_mut(node) {
                Some(1) => drop(by_node.remove(node)),
                Some(count) => *count -= 1,
                None => {}
            }
        }
    }
}

fn count(sort: &Sort, node: &NodeInfo) -> Option<(String, i64)> {
    let count = node.pods.iter().filter(|pod| sort.has(pod)).count();
    (count > 0).then(|| (node.name.clone(), i64::try_from(count).unwrap_or(i64::MAX)))
}
