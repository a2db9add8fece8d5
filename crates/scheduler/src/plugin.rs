//! What a scheduling plugin is.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::event::Event;
use crate::node_info::NodeInfo;
use crate::pod_info::PodInfo;
use crate::world::World;

/// The best score that a plugin may give a node.
pub const MAX_SCORE: i64 = 100;

/// One rule about where pods go. It works out what it needs once per pod, and then judges nodes.
pub trait Plugin: Send + Sync {
    /// Upstream's name.
    fn name(&self) -> &'static str;

    /// Which nodes will do.
    fn filter<'a>(&self, _pod: &'a PodInfo, _world: World<'a>) -> Prepared<'a> {
        Prepared::Skip
    }

    /// How much the score counts.
    fn weight(&self) -> i64 {
        0
    }

    /// Which of the nodes that will do is best. `None`: no opinion.
    fn score<'a>(
        &self,
        _pod: &'a PodInfo,
        _world: World<'a>,
        _feasible: &[&NodeInfo],
    ) -> Option<Box<dyn Score + 'a>> {
        None
    }

    /// Whether a pod that this plugin turned away may fit after `event`. When in doubt, yes.
    fn helps(&self, _pod: &PodInfo, _event: &Event<'_>) -> bool {
        true
    }
}

/// What a plugin's filter comes to for one pod.
pub enum Prepared<'a> {
    /// It has nothing against any node.
    Skip,
    /// No node will do.
    Reject(Rejection),
    Filter(Box<dyn Filter + 'a>),
    /// Nodes other than these need not be looked at.
    Only(BTreeSet<String>, Box<dyn Filter + 'a>),
}

/// Judges nodes for one pod.
pub trait Filter {
    fn check(&self, node: &NodeInfo) -> Verdict;

    /// Supposes that another pod were on the node too.
    fn suppose(&mut self, _pod: &PodInfo, _node: &NodeInfo) {}

    /// Supposes that a pod were gone from the node.
    fn suppose_gone(&mut self, _pod: &PodInfo, _node: &NodeInfo) {}

    /// A copy for suppositions.
    fn duplicate(&self) -> Box<dyn Filter + '_>;
}

pub type Verdict = Result<(), Rejection>;

/// Why a node will not do. The reasons are upstream's texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub reasons: Vec<Cow<'static, str>>,
    /// Whether evicting pods from the node could change that.
    pub resolvable: bool,
}

impl Rejection {
    /// Evicting pods may help.
    pub fn resolvable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reasons: vec![reason.into()], resolvable: true }
    }

    /// Evicting pods cannot help.
    pub fn for_good(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reasons: vec![reason.into()], resolvable: false }
    }
}

/// Scores nodes for one pod.
pub trait Score {
    fn score(&self, node: &NodeInfo) -> i64;

    /// Brings the scores of all nodes into 0..=100. They are in the nodes' order.
    fn normalize(&self, _nodes: &[&NodeInfo], _scores: &mut [i64]) {}
}

/// Scales scores so that the highest becomes 100. `reverse`: so that the lowest is best.
pub fn scale_to_highest(scores: &mut [i64], reverse: bool) {
    let highest = scores.iter().copied().max().unwrap_or(0);
    for score in scores {
        let scaled = if highest == 0 { 0 } else { MAX_SCORE * *score / highest };
        *score = if reverse { MAX_SCORE - scaled } else { scaled };
    }
}

/// A filter that is a function of the node alone.
pub fn check_nodes<'a>(check: impl Fn(&NodeInfo) -> Verdict + Clone + 'a) -> Box<dyn Filter + 'a> {
    Box::new(NodeCheck(check))
}

struct NodeCheck<F>(F);

impl<F: Fn(&NodeInfo) -> Verdict + Clone> Filter for NodeCheck<F> {
    fn check(&self, node: &NodeInfo) -> Verdict {
        (self.0)(node)
    }

    fn duplicate(&self) -> Box<dyn Filter + '_> {
        Box::new(NodeCheck(self.0.clone()))
    }
}
