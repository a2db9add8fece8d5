//! A pod with what the scheduler asks of it, worked out once per version.

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_api::ObjectKey;
use ironclad_api::labels::Labels;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    NodeAffinity, Pod, PodCondition, PodSpec, PodStatus, Toleration, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::affinity::Terms;
use crate::amounts::{Amounts, Count, pod_requests};
use crate::core::NAME;
use crate::ports::HostPort;

/// The conditions that the scheduler sets, and so looks at.
pub const SCHEDULED: &str = "PodScheduled";
pub const DISRUPTED: &str = "DisruptionTarget";

/// All that is kept of a pod: every pod of the cluster is held, and most of a pod is nothing to its node.
#[derive(Clone, Debug)]
pub struct PodInfo {
    pub key: ObjectKey,
    pub uid: String,
    labels: Labels,
    /// The owner that manages it.
    pub controller: Option<OwnerReference>,
    pub generation: Option<i64>,
    pub resource_version: Option<String>,
    is_deleting: bool,
    /// It names this scheduler or none.
    pub is_ours: bool,
    node_name: String,
    nominated_node: String,
    pub started: Option<Timestamp>,
    conditions: Vec<PodCondition>,
    pub priority: i32,
    pub never_preempts: bool,
    pub requests: Amounts,
    /// For scoring: who asks for nothing counts a little.
    pub non_zero_requests: Amounts,
    pub ports: Vec<HostPort>,
    pub terms: Terms,
    pub wishes: Wishes,
}

/// What else a pod's spec asks of its node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wishes {
    pub node_selector: Option<BTreeMap<String, String>>,
    pub node_affinity: Option<NodeAffinity>,
    pub tolerations: Vec<Toleration>,
    pub spread: Vec<TopologySpreadConstraint>,
    /// Of the containers and of volumes.
    pub images: Vec<String>,
    pub containers: usize,
    is_gated: bool,
}

impl PodInfo {
    pub fn new(pod: &Pod) -> Arc<Self> {
        let meta = &pod.metadata;
        let namespace = meta.namespace.clone().unwrap_or_default();
        let (no_spec, no_status) = (PodSpec::default(), PodStatus::default());
        let (spec, status) =
            (pod.spec.as_ref().unwrap_or(&no_spec), pod.status.as_ref().unwrap_or(&no_status));
        let owners = meta.owner_references.iter().flatten();
        let ours = |condition: &&PodCondition| [SCHEDULED, DISRUPTED].contains(&&*condition.type_);
        Arc::new(Self {
            uid: meta.uid.clone().unwrap_or_default(),
            labels: meta.labels.clone().unwrap_or_default(),
            controller: owners.into_iter().find(|owner| owner.controller == Some(true)).cloned(),
            generation: meta.generation,
            resource_version: meta.resource_version.clone(),
            is_deleting: meta.deletion_timestamp.is_some(),
            is_ours: spec.scheduler_name.as_deref().unwrap_or(NAME) == NAME,
            node_name: spec.node_name.clone().unwrap_or_default(),
            nominated_node: status.nominated_node_name.clone().unwrap_or_default(),
            started: status.start_time.as_ref().map(|time| time.0),
            conditions: status.conditions.iter().flatten().filter(ours).cloned().collect(),
            priority: spec.priority.unwrap_or(0),
            never_preempts: spec.preemption_policy.as_deref() == Some("Never"),
            requests: pod_requests(pod, Count::Asked),
            non_zero_requests: pod_requests(pod, Count::NonZero),
            ports: HostPort::of(spec),
            terms: Terms::of(spec.affinity.as_ref(), &namespace),
            wishes: Wishes::of(spec),
            key: ObjectKey::new(namespace, meta.name.clone().unwrap_or_default()),
        })
    }

    pub fn namespace(&self) -> &str {
        &self.key.namespace
    }

    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    pub fn tolerations(&self) -> &[Toleration] {
        &self.wishes.tolerations
    }

    /// The node that the pod is bound to; empty if none.
    pub fn node_name(&self) -> &str {
        &self.node_name
    }

    /// The node where room is being made for the pod; empty if none.
    pub fn nominated_node(&self) -> &str {
        &self.nominated_node
    }

    pub fn is_deleting(&self) -> bool {
        self.is_deleting
    }

    /// Waits for others to remove its scheduling gates.
    pub fn is_gated(&self) -> bool {
        self.wishes.is_gated
    }

    pub fn condition(&self, condition_type: &str) -> Option<&PodCondition> {
        self.conditions.iter().find(|condition| condition.type_ == condition_type)
    }
}

impl Wishes {
    fn of(spec: &PodSpec) -> Self {
        let containers = || spec.containers.iter().chain(spec.init_containers.iter().flatten());
        let volumes = spec.volumes.iter().flatten();
        let in_volumes = volumes.filter_map(|volume| volume.image.as_ref()?.reference.clone());
        let affinity = spec.affinity.as_ref();
        Self {
            node_selector: spec.node_selector.clone(),
            node_affinity: affinity.and_then(|affinity| affinity.node_affinity.clone()),
            tolerations: spec.tolerations.clone().unwrap_or_default(),
            spread: spec.topology_spread_constraints.clone().unwrap_or_default(),
            images: containers().filter_map(|container| container.image.clone()).chain(in_volumes).collect(),
            containers: containers().count(),
            is_gated: spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty()),
        }
    }
}
