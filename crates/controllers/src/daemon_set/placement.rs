//! What each node lacks, and has too much of.

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_control::EventType;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Pod;

use super::back_off::BackOff;
use super::making::Version;
use super::nodes::Wish;
use crate::pods;

/// A set, its nodes and its pods.
pub(super) struct Facts<'a> {
    pub set: &'a DaemonSet,
    pub version: Version,
    /// Every node of the cluster.
    pub nodes: BTreeMap<String, Wish>,
    /// The pods by the node that they run on or were made for, those first that are bound, then the oldest.
    pub pods: BTreeMap<String, Vec<Arc<Pod>>>,
    /// Whether two pods may share a node while one replaces the other.
    pub surges: bool,
    pub now: Timestamp,
}

/// What is to be done.
#[derive(Default)]
pub(super) struct Moves {
    /// The nodes that get a pod.
    pub create: Vec<String>,
    pub delete: Vec<Arc<Pod>>,
    pub events: Vec<(EventType, &'static str, String)>,
    /// A failed pod is not replaced before so long.
    pub wait: Option<SignedDuration>,
}

impl Moves {
    pub fn is_nothing(&self) -> bool {
        self.create.is_empty() && self.delete.is_empty()
    }
}

impl Facts<'_> {
    pub fn min_ready_seconds(&self) -> i32 {
        self.set.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
    }

    pub fn is_available(&self, pod: &Pod) -> bool {
        pods::availability(pod, self.min_ready_seconds(), self.now).is_ok()
    }

    pub fn pods_on(&self, node: &str) -> &[Arc<Pod>] {
        self.pods.get(node).map_or(&[], Vec::as_slice)
    }

    /// Brings every node to what the set wishes there, as far as that is not a rollout.
    pub fn place(&self, back_off: &BackOff) -> Moves {
        let mut moves = Moves::default();
        for (node, wish) in &self.nodes {
            let pods = self.pods_on(node);
            match wish {
                Wish::Run if pods.is_empty() => moves.create.push(node.clone()),
                Wish::Run | Wish::Stay => self.keep_one(node, *wish, back_off, &mut moves),
                Wish::Leave => {
                    moves.delete.extend(pods.iter().filter(|pod| !is_deleting(pod)).cloned());
                }
            }
        }
        // Nobody else would ever delete a pod that waits for a node that is gone.
        let of_gone = self.pods.iter().filter(|(node, _)| !self.nodes.contains_key(*node));
        let unbound = of_gone.flat_map(|(_, pods)| pods).filter(|pod| !is_bound(pod));
        moves.delete.extend(unbound.cloned());
        moves
    }

    fn keep_one(&self, node: &str, wish: Wish, back_off: &BackOff, moves: &mut Moves) {
        let mut running = Vec::new();
        for pod in self.pods_on(node).iter().filter(|pod| !is_deleting(pod)) {
            match pods::phase(pod) {
                "Failed" => self.replace_failed(node, pod, back_off, moves),
                "Succeeded" => {
                    let note = format!(
                        "Found succeeded daemon pod {} on node {node}, will try to delete it",
                        shown(pod)
                    );
                    moves.events.push((EventType::Normal, "SucceededDaemonPod", note));
                    moves.delete.push(pod.clone());
                }
                _ => running.push(pod.clone()),
            }
        }
        match (self.surges, running.len()) {
            (false, _) => moves.delete.extend(running.into_iter().skip(1)),
            (true, 0) if wish == Wish::Run => moves.create.push(node.to_owned()),
            (true, 0 | 1) => {}
            (true, _) => self.keep_two(running, moves),
        }
    }

    fn replace_failed(&self, node: &str, pod: &Arc<Pod>, back_off: &BackOff, moves: &mut Moves) {
        let uid = self.set.metadata.uid.clone().unwrap_or_default();
        let generation = self.set.metadata.generation.unwrap_or(0);
        match back_off.note((uid, generation, node.to_owned()), self.now) {
            Err(wait) => moves.wait = Some(moves.wait.map_or(wait, |before| before.min(wait))),
            Ok(()) => {
                let note =
                    format!("Found failed daemon pod {} on node {node}, will try to kill it", shown(pod));
                moves.events.push((EventType::Warning, "FailedDaemonPod", note));
                moves.delete.push(pod.clone());
            }
        }
    }

    /// While a set surges, one old and one new pod may be on a node: the old one until the new one is
    /// available, or until it is itself no longer ready.
    fn keep_two(&self, running: Vec<Arc<Pod>>, moves: &mut Moves) {
        let (new, old): (Vec<_>, Vec<_>) = running.into_iter().partition(|pod| self.version.is_of(pod));
        if let (Some(newest), Some(oldest)) = (new.first(), old.first())
            && (!pods::is_ready(oldest) || self.is_available(newest))
        {
            moves.delete.push(oldest.clone());
        }
        moves.delete.extend(new.into_iter().skip(1));
        moves.delete.extend(old.into_iter().skip(1));
    }
}

pub(super) fn is_deleting(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

pub(super) fn is_bound(pod: &Pod) -> bool {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    node.is_some_and(|node| !node.is_empty())
}

/// `namespace/name`
fn shown(pod: &Pod) -> String {
    crate::ownership::key_of(&pod.metadata).to_string()
}
