//! A pod with what the scheduler asks of it, worked out once per version.

use std::sync::{Arc, LazyLock};

use ironclad_api::ObjectKey;
use ironclad_api::labels::Labels;
use k8s_openapi::api::core::v1::{Pod, PodSpec, Toleration};

use crate::affinity::Terms;
use crate::amounts::{Amounts, Count, pod_requests};
use crate::ports::HostPort;

static NO_LABELS: Labels = Labels::new();
static NO_SPEC: LazyLock<PodSpec> = LazyLock::new(PodSpec::default);

#[derive(Clone, Debug)]
pub struct PodInfo {
    pub pod: Arc<Pod>,
    pub key: ObjectKey,
    pub uid: String,
    pub priority: i32,
    pub requests: Amounts,
    /// For scoring: who asks for nothing counts a little.
    pub non_zero_requests: Amounts,
    pub ports: Vec<HostPort>,
    pub terms: Terms,
}

impl PodInfo {
    pub fn new(pod: Arc<Pod>) -> Arc<Self> {
        let meta = &pod.metadata;
        let namespace = meta.namespace.clone().unwrap_or_default();
        let spec = pod.spec.as_ref().unwrap_or(&NO_SPEC);
        Arc::new(Self {
            uid: meta.uid.clone().unwrap_or_default(),
            priority: spec.priority.unwrap_or(0),
            requests: pod_requests(&pod, Count::Asked),
            non_zero_requests: pod_requests(&pod, Count::NonZero),
            ports: HostPort::of(spec),
            terms: Terms::of(spec.affinity.as_ref(), &namespace),
            key: ObjectKey::new(namespace, meta.name.clone().unwrap_or_default()),
            pod,
        })
    }

    pub fn spec(&self) -> &PodSpec {
        self.pod.spec.as_ref().unwrap_or(&NO_SPEC)
    }

    pub fn namespace(&self) -> &str {
        &self.key.namespace
    }

    pub fn labels(&self) -> &Labels {
        self.pod.metadata.labels.as_ref().unwrap_or(&NO_LABELS)
    }

    pub fn tolerations(&self) -> &[Toleration] {
        self.spec().tolerations.as_deref().unwrap_or_default()
    }

    /// The node that the pod is bound to; empty if none.
    pub fn node_name(&self) -> &str {
        self.spec().node_name.as_deref().unwrap_or_default()
    }

    /// The node where room is being made for the pod; empty if none.
    pub fn nominated_node(&self) -> &str {
        let status = self.pod.status.as_ref();
        status.and_then(|status| status.nominated_node_name.as_deref()).unwrap_or_default()
    }

    pub fn is_deleting(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    /// Waits for others to remove its scheduling gates.
    pub fn is_gated(&self) -> bool {
        self.spec().scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty())
    }
}
