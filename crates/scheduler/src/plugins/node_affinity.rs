//! NodeAffinity: a pod's `nodeSelector` and node affinity, required and preferred.

use crate::event::Event;
use crate::node_info::NodeInfo;
use crate::node_selector::{self, RequiredNode, Term};
use crate::plugin::{Plugin, Prepared, Rejection, Score, check_nodes, scale_to_highest};
use crate::pod_info::PodInfo;
use crate::world::World;

pub struct NodeAffinity;

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: World<'a>) -> Prepared<'a> {
        let required = RequiredNode::of(&pod.wishes);
        if required.is_anything() {
            return Prepared::Skip;
        }
        let filter = check_nodes(move |node: &NodeInfo| match required.matches(&node.name, node.labels()) {
            true => Ok(()),
            false => Err(Rejection::for_good("node(s) didn't match Pod's node affinity/selector")),
        });
        match node_selector::named_nodes(&pod.wishes) {
            Some(names) if names.is_empty() => {
                Prepared::Reject(Rejection::for_good("pod affinity terms conflict"))
            }
            Some(names) => Prepared::Only(names, filter),
            None => Prepared::Filter(filter),
        }
    }

    fn score<'a>(&self, pod: &'a PodInfo, _: World<'a>, _: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        node_selector::preferred(&pod.wishes).map(|terms| Box::new(Preferred(terms)) as Box<dyn Score>)
    }

    fn helps(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        let required = RequiredNode::of(&pod.wishes);
        event.opens_node(|node| required.matches(&node.name, node.labels()))
    }
}

/// The sum of the weights of the terms that match.
struct Preferred(Vec<(Term, i64)>);

impl Score for Preferred {
    fn score(&self, node: &NodeInfo) -> i64 {
        let matching = self.0.iter().filter(|(term, _)| term.matches(&node.name, node.labels()));
        matching.map(|(_, weight)| weight).sum()
    }

    fn normalize(&self, _: &[&NodeInfo], scores: &mut [i64]) {
        scale_to_highest(scores, false);
    }
}
