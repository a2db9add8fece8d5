//! The nodes and the pods on them, as the scheduler believes them to be.
//!
//! Kept up to date change by change. Includes *assumed* pods: those the scheduler has
//! decided on and whose binding the cache does not show yet.
//!
//! # Invariant
//! However it came about, a snapshot equals the one built from scratch out of the same
//! nodes and pods (a property test holds it to that).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use indexmap::IndexMap;
use ironclad_api::ObjectKey;
use k8s_openapi::api::core::v1::Node;
use parking_lot::Mutex;

use crate::counts::{ByNode, Counts, Sort};
use crate::node_info::NodeInfo;
use crate::pod_info::PodInfo;

#[derive(Default)]
pub struct Snapshot {
    nodes: IndexMap<String, NodeInfo>,
    placed: HashMap<ObjectKey, Placed>,
    /// Pods on nodes that are not there (yet, or any more), by node.
    stray: HashMap<String, BTreeMap<ObjectKey, Arc<PodInfo>>>,
    /// On how many nodes each image is.
    images: HashMap<String, usize>,
    /// Pods with (anti-)affinity terms of their own that are on a node.
    with_terms: BTreeMap<ObjectKey, Arc<PodInfo>>,
    with_required_anti: BTreeMap<ObjectKey, Arc<PodInfo>>,
    /// Pods for which room is being made: their nodes, and the pods by node.
    nominations: HashMap<ObjectKey, String>,
    nominated: HashMap<String, BTreeMap<ObjectKey, Arc<PodInfo>>>,
    /// Filled by asking, so behind a lock; there is no other thread.
    counts: Mutex<Counts>,
}

/// Where a pod is, and whether only the scheduler thinks so.
#[derive(Clone, Debug)]
pub struct Placed {
    pub pod: Arc<PodInfo>,
    pub node: String,
    pub assumed: bool,
}

impl Snapshot {
    // === nodes ===

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub fn node(&self, name: &str) -> Option<&NodeInfo> {
        self.nodes.get(name)
    }

    pub fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.nodes.values()
    }

    /// All nodes once, from the one at `start` on.
    pub fn nodes_from(&self, start: usize) -> impl Iterator<Item = &NodeInfo> {
        let start = if self.nodes.is_empty() { 0 } else { start % self.nodes.len() };
        self.nodes.values().skip(start).chain(self.nodes.values().take(start))
    }

    /// On how many nodes the image is.
    pub fn nodes_with_image(&self, image: &str) -> usize {
        self.images.get(image).copied().unwrap_or(0)
    }

    /// Adds the node, or puts a new version in place; the one before.
    pub fn set_node(&mut self, node: Arc<Node>) -> Option<NodeInfo> {
        let name = node.metadata.name.clone().unwrap_or_default();
        if let Some(known) = self.nodes.get_mut(&name) {
            let new = known.with_node(node);
            let old = std::mem::replace(known, new);
            self.recount_images(&old, -1);
            self.count_images_of(&name);
            return Some(old);
        }
        let mut new = NodeInfo::new(node);
        for pod in self.stray.remove(&name).into_iter().flatten().map(|(_, pod)| pod) {
            self.counts.get_mut().pod_added(&pod, &name);
            new.add(pod);
        }
        self.nodes.insert(name.clone(), new);
        self.count_images_of(&name);
        None
    }

    /// The pods of a node that goes are kept, in case it comes back before they go.
    pub fn remove_node(&mut self, name: &str) -> Option<NodeInfo> {
        let old = self.nodes.swap_remove(name)?;
        self.recount_images(&old, -1);
        for pod in &old.pods {
            self.counts.get_mut().pod_removed(pod, name);
        }
        if !old.pods.is_empty() {
            let pods = old.pods.iter().map(|pod| (pod.key.clone(), pod.clone()));
            self.stray.insert(name.to_owned(), pods.collect());
        }
        Some(old)
    }

    fn count_images_of(&mut self, name: &str) {
        let Some(node) = self.nodes.get(name) else { return };
        for image in node.images.keys() {
            *self.images.entry(image.clone()).or_default() += 1;
        }
    }

    fn recount_images(&mut self, node: &NodeInfo, by: isize) {
        for image in node.images.keys() {
            let count = self.images.get(image).copied().unwrap_or(0).saturating_add_signed(by);
            match count {
                0 => drop(self.images.remove(image)),
                count => drop(self.images.insert(image.clone(), count)),
            }
        }
    }

    // === pods on nodes ===

    pub fn placed(&self, key: &ObjectKey) -> Option<&Placed> {
        self.placed.get(key)
    }

    /// The node that a pod is on, if that is there.
    pub fn node_of(&self, key: &ObjectKey) -> Option<&NodeInfo> {
        self.nodes.get(&self.placed.get(key)?.node)
    }

    /// Puts a pod on a node; wherever it was before, it is gone from there.
    pub fn place(&mut self, pod: Arc<PodInfo>, node: &str, assumed: bool) -> Option<Placed> {
        let before = self.displace(&pod.key);
        match self.nodes.get_mut(node) {
            Some(info) => {
                info.add(pod.clone());
                self.counts.get_mut().pod_added(&pod, node);
            }
            None => {
                self.stray.entry(node.to_owned()).or_default().insert(pod.key.clone(), pod.clone());
            }
        }
        if !pod.terms.is_empty() {
            self.with_terms.insert(pod.key.clone(), pod.clone());
        }
        if !pod.terms.required_anti.is_empty() {
            self.with_required_anti.insert(pod.key.clone(), pod.clone());
        }
        let placed = Placed { node: node.to_owned(), assumed, pod: pod.clone() };
        self.placed.insert(pod.key.clone(), placed);
        before
    }

    pub fn displace(&mut self, key: &ObjectKey) -> Option<Placed> {
        let placed = self.placed.remove(key)?;
        match self.nodes.get_mut(&placed.node) {
            Some(info) => {
                info.remove(key);
                self.counts.get_mut().pod_removed(&placed.pod, &placed.node);
            }
            None => self.displace_stray(key, &placed.node),
        }
        self.with_terms.remove(key);
        self.with_required_anti.remove(key);
        Some(placed)
    }

    fn displace_stray(&mut self, key: &ObjectKey, node: &str) {
        if let Some(pods) = self.stray.get_mut(node) {
            pods.remove(key);
            if pods.is_empty() {
                self.stray.remove(node);
            }
        }
    }

    /// The pods on nodes that have affinity or anti-affinity terms.
    pub fn pods_with_terms(&self) -> impl Iterator<Item = &Arc<PodInfo>> {
        self.with_terms.values()
    }

    pub fn pods_with_required_anti_affinity(&self) -> impl Iterator<Item = &Arc<PodInfo>> {
        self.with_required_anti.values()
    }

    /// How many pods of a sort are on each node.
    pub fn count(&self, sort: &Sort) -> Arc<ByNode> {
        self.counts.lock().ask(sort, self.nodes.values())
    }

    // === nominations ===

    pub fn nominate(&mut self, pod: Arc<PodInfo>, node: &str) {
        self.withdraw_nomination(&pod.key);
        self.nominations.insert(pod.key.clone(), node.to_owned());
        self.nominated.entry(node.to_owned()).or_default().insert(pod.key.clone(), pod);
    }

    /// The node and the pod, if there was a nomination.
    pub fn withdraw_nomination(&mut self, key: &ObjectKey) -> Option<(String, Arc<PodInfo>)> {
        let node = self.nominations.remove(key)?;
        let here = self.nominated.get_mut(&node)?;
        let pod = here.remove(key)?;
        if here.is_empty() {
            self.nominated.remove(&node);
        }
        Some((node, pod))
    }

    /// The node where room is being made for a pod.
    pub fn nomination(&self, key: &ObjectKey) -> Option<&str> {
        self.nominations.get(key).map(String::as_str)
    }

    pub fn nominated_on(&self, node: &str) -> impl Iterator<Item = &Arc<PodInfo>> {
        self.nominated.get(node).into_iter().flat_map(BTreeMap::values)
    }
}

#[cfg(test)]
mod tests;
