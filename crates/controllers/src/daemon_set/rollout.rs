//! Replacing the pods of an older template, so many at once as the set allows.

use std::sync::Arc;

use ironclad_api::intstr::Round;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::nodes::Wish;
use super::placement::{Facts, Moves, is_deleting};
use crate::amounts::scaled;

/// How many nodes of a rolling update may be without an available pod, and how many may have two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub unavailable: usize,
    pub surge: usize,
}

impl Limits {
    /// `None` where pods are replaced only when somebody deletes them.
    pub fn of(set: &DaemonSet, nodes: usize) -> Option<Self> {
        let strategy = set.spec.as_ref()?.update_strategy.as_ref()?;
        if strategy.type_.as_deref() != Some("RollingUpdate") {
            return None;
        }
        let rolling = strategy.rolling_update.as_ref();
        let amount =
            |amount: Option<&IntOrString>| amount.map_or(0, |amount| scaled(amount, nodes, Round::Up));
        let surge = amount(rolling.and_then(|rolling| rolling.max_surge.as_ref()));
        let unavailable = amount(rolling.and_then(|rolling| rolling.max_unavailable.as_ref()));
        // With neither, nothing could ever move.
        let unavailable = if nodes > 0 && surge == 0 { unavailable.max(1) } else { unavailable };
        Some(Self { unavailable, surge })
    }
}

/// The pods of one node that are not going.
struct OnNode {
    new: Option<Arc<Pod>>,
    old: Option<Arc<Pod>>,
}

impl Facts<'_> {
    /// How many nodes are to have a pod.
    pub fn wanted(&self) -> usize {
        self.nodes.values().filter(|wish| **wish == Wish::Run).count()
    }

    /// One step of the rollout.
    pub fn roll(&self) -> Moves {
        match Limits::of(self.set, self.wanted()) {
            None => Moves::default(),
            Some(Limits { surge: 0, unavailable }) => self.replace(unavailable),
            Some(Limits { surge, .. }) => self.surge(surge),
        }
    }

    /// The nodes that have pods or are to have one.
    fn concerned(&self) -> impl Iterator<Item = &str> {
        let lacking =
            self.nodes.iter().filter(|(node, wish)| **wish == Wish::Run && self.pods_on(node).is_empty());
        self.pods.keys().chain(lacking.map(|(node, _)| node)).map(String::as_str)
    }

    /// `None` for a node that has several of a kind: placement clears it up first.
    fn on_node(&self, node: &str) -> Option<OnNode> {
        let staying = self.pods_on(node).iter().filter(|pod| !is_deleting(pod)).cloned();
        let (new, old): (Vec<_>, Vec<_>) = staying.partition(|pod| self.version.is_of(pod));
        if new.len() > 1 || old.len() > 1 {
            return None;
        }
        Some(OnNode { new: new.into_iter().next(), old: old.into_iter().next() })
    }

    /// Old pods go first. Those that are not available cost nothing; of the others only so many go that
    /// not more than `limit` nodes are without an available pod.
    fn replace(&self, limit: usize) -> Moves {
        let (mut away, mut candidates) = (0, Vec::new());
        let mut moves = Moves::default();
        for node in self.concerned() {
            match self.on_node(node) {
                Some(OnNode { new: Some(new), old: None }) if self.is_available(&new) => {}
                Some(OnNode { new: None, old: Some(old) }) if self.is_available(&old) => candidates.push(old),
                Some(OnNode { new: None, old: Some(old) }) => {
                    moves.delete.push(old);
                    away += 1;
                }
                _ => away += 1,
            }
        }
        moves.delete.extend(candidates.into_iter().take(limit.saturating_sub(away)));
        moves
    }

    /// New pods come first, beside the old ones, on at most `limit` nodes at a time.
    fn surge(&self, limit: usize) -> Moves {
        let (mut surging, mut available) = (0, 0_usize);
        let (mut candidates, mut leaving) = (Vec::new(), Vec::new());
        let mut moves = Moves::default();
        for node in self.concerned() {
            let Some(OnNode { new, old }) = self.on_node(node) else {
                surging += 1;
                continue;
            };
            if old.as_ref().or(new.as_ref()).is_some_and(|pod| self.is_available(pod)) {
                available += 1;
            }
            let Some(old) = old else { continue };
            let wanted = self.nodes.get(node) == Some(&Wish::Run);
            match new {
                Some(new) if self.is_available(&new) => moves.delete.push(old),
                Some(_) => surging += 1,
                None if self.is_available(&old) && wanted => candidates.push(node.to_owned()),
                None if self.is_available(&old) => leaving.push(old),
                None if wanted => moves.create.push(node.to_owned()),
                None => moves.delete.push(old),
            }
        }
        moves.create.extend(candidates.into_iter().take(limit.saturating_sub(surging)));
        // Pods on nodes that are no longer wanted go once as many others are available.
        moves.delete.extend(leaving.into_iter().take(available.saturating_sub(self.wanted())));
        moves
    }
}
