//! A spread constraint, parsed; which nodes it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ironclad_api::labels::{Operator, Requirement, Selector};
use k8s_openapi::api::core::v1::TopologySpreadConstraint;

use crate::counts::{ByNode, Namespaces, Sort};
use crate::node_info::NodeInfo;
use crate::node_selector::RequiredNode;
use crate::pod_info::PodInfo;
use crate::selectors;
use crate::taints::untolerated;
use crate::world::World;

pub(super) const HOSTNAME: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

#[derive(Clone, Debug)]
pub(super) struct Constraint {
    pub max_skew: i64,
    pub topology_key: String,
    pub selector: Selector,
    /// With fewer domains than this the least filled one counts as empty.
    pub min_domains: usize,
    /// Nodes that the pod's node affinity rules out are not counted.
    pub honors_affinity: bool,
    /// Nodes whose taints the pod does not tolerate are not counted.
    pub honors_taints: bool,
}

impl Constraint {
    /// The pod's constraints that say `when_unsatisfiable`.
    pub fn of_pod(pod: &PodInfo, when_unsatisfiable: &str) -> Vec<Self> {
        let all = pod.wishes.spread.iter();
        let chosen = all.filter(|constraint| constraint.when_unsatisfiable == when_unsatisfiable);
        chosen.map(|constraint| Self::parse(constraint, pod)).collect()
    }

    fn parse(constraint: &TopologySpreadConstraint, pod: &PodInfo) -> Self {
        let min_domains = constraint.min_domains.and_then(|number| usize::try_from(number).ok());
        Self {
            max_skew: constraint.max_skew.into(),
            topology_key: constraint.topology_key.clone(),
            selector: selector(constraint, pod),
            min_domains: min_domains.unwrap_or(1),
            honors_affinity: constraint.node_affinity_policy.as_deref() != Some("Ignore"),
            honors_taints: constraint.node_taints_policy.as_deref() == Some("Honor"),
        }
    }

    fn soft(topology_key: &str, max_skew: i64, selector: Selector) -> Self {
        Self {
            max_skew,
            topology_key: topology_key.to_owned(),
            selector,
            min_domains: 1,
            honors_affinity: true,
            honors_taints: false,
        }
    }

    /// Whether pods on the node are counted for `pod`.
    pub fn counts_node(&self, pod: &PodInfo, required: &RequiredNode, node: &NodeInfo) -> bool {
        (!self.honors_affinity || required.matches(&node.name, node.labels()))
            && (!self.honors_taints || untolerated(node.taints(), pod.tolerations()).is_none())
    }

    /// The matching pods of the namespace by node. An empty selector counts none, as upstream has it.
    pub fn count(&self, namespace: &str, world: World<'_>) -> Arc<ByNode> {
        if self.selector.is_everything() {
            return Arc::default();
        }
        let namespaces = Namespaces::Of(BTreeSet::from([namespace.to_owned()]));
        let sort = Sort { all_of: vec![(namespaces, self.selector.clone())], with_deleting: false };
        world.snapshot.count(&sort)
    }
}

/// Whether the node has the labels of all constraints.
pub(super) fn has_all_keys(node: &NodeInfo, constraints: &[Constraint]) -> bool {
    constraints.iter().all(|constraint| node.labels().contains_key(&constraint.topology_key))
}

/// The constraint's selector, narrowed to the pod's own values of `matchLabelKeys`.
fn selector(constraint: &TopologySpreadConstraint, pod: &PodInfo) -> Selector {
    let selector = selectors::parse(constraint.label_selector.as_ref());
    let keys = constraint.match_label_keys.iter().flatten();
    let own = keys.filter_map(|key| {
        let value = pod.labels().get(key)?.clone();
        Some(Requirement { key: key.clone(), operator: Operator::Equals, values: vec![value] })
    });
    selector.and(own)
}

/// Over nodes and zones, softly, the pods of the services that select this pod and of its owner.
pub(super) fn system_defaults(pod: &PodInfo, world: World<'_>) -> Vec<Constraint> {
    let selector = siblings(pod, world);
    if selector.is_everything() {
        return Vec::new();
    }
    vec![Constraint::soft(HOSTNAME, 3, selector.clone()), Constraint::soft(ZONE, 5, selector)]
}

fn siblings(pod: &PodInfo, world: World<'_>) -> Selector {
    let mut labels = BTreeMap::new();
    for selector in world.directory.service_selectors(pod.namespace()) {
        if selector.iter().all(|(key, value)| pod.labels().get(key) == Some(value)) {
            labels.extend(selector);
        }
    }
    let selector = Selector::from_labels(&labels);
    let of_owner =
        pod.controller.as_ref().and_then(|owner| world.directory.owner_selector(pod.namespace(), owner));
    match of_owner {
        Some(of_owner) => selector.and(of_owner.requirements().iter().cloned()),
        None => selector,
    }
}
