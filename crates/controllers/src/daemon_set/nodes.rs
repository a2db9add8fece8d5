//! On which nodes the pods of a set are to run.

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, PodSpec, Toleration};

use crate::node_selector::{is_repelled, matches};

/// What a set has to do with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A pod is to run there.
    Run,
    /// A pod that runs there may stay; a new one is not wanted.
    Stay,
    /// No pod is to be there.
    Leave,
}

const NO_SCHEDULE: &str = "NoSchedule";
const NO_EXECUTE: &str = "NoExecute";

/// Taints that come and go with the node's state. A set's pods are part of the node and stay.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", NO_EXECUTE),
    ("node.kubernetes.io/unreachable", NO_EXECUTE),
    ("node.kubernetes.io/disk-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/memory-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/pid-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/unschedulable", NO_SCHEDULE),
];
/// For pods that do not need the node's network to be set up.
const TOLERATED_BY_HOST_NETWORK: (&str, &str) = ("node.kubernetes.io/network-unavailable", NO_SCHEDULE);

/// The template's spec with the tolerations that all pods of sets have.
pub(super) fn spec_of_pods(set: &DaemonSet) -> PodSpec {
    let spec = set.spec.as_ref().and_then(|spec| spec.template.spec.clone());
    let mut spec = spec.unwrap_or_default();
    let host_network = spec.host_network == Some(true);
    let more = host_network.then_some(TOLERATED_BY_HOST_NETWORK);
    for (key, effect) in TOLERATED.into_iter().chain(more) {
        tolerate(&mut spec, key, effect);
    }
    spec
}

fn tolerate(spec: &mut PodSpec, key: &str, effect: &str) {
    let toleration = Toleration {
        key: Some(key.into()),
        operator: Some("Exists".into()),
        effect: Some(effect.into()),
        ..Toleration::default()
    };
    let tolerations = spec.tolerations.get_or_insert_default();
    let same = |other: &&mut Toleration| {
        let value = other.value.as_deref().unwrap_or_default();
        (&other.key, &other.operator, &other.effect)
            == (&toleration.key, &toleration.operator, &toleration.effect)
            && value.is_empty()
    };
    // One that is there is made endless.
    match tolerations.iter_mut().find(same) {
        Some(standing) => *standing = toleration,
        None => tolerations.push(toleration),
    }
}

/// `spec` is [`spec_of_pods`].
pub(super) fn wish(spec: &PodSpec, node: &Node) -> Wish {
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let wanted = spec.node_name.as_deref().unwrap_or_default();
    if !(wanted.is_empty() || wanted == name) || !matches(spec, node) {
        return Wish::Leave;
    }
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    if !is_repelled(tolerations, node, &[NO_SCHEDULE, NO_EXECUTE]) {
        return Wish::Run;
    }
    if is_repelled(tolerations, node, &[NO_EXECUTE]) { Wish::Leave } else { Wish::Stay }
}
