//! A node with its pods, summed up.

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_api::ObjectKey;
use ironclad_api::labels::Labels;
use ironclad_api::quantity::Quantity;
use k8s_openapi::api::core::v1::{Node, Taint};

use crate::amounts::Amounts;
use crate::pod_info::PodInfo;
use crate::ports::UsedPorts;

static NO_LABELS: Labels = Labels::new();

#[derive(Clone, Debug)]
pub struct NodeInfo {
    pub node: Arc<Node>,
    pub name: String,
    pub allocatable: Amounts,
    pub allowed_pods: i64,
    /// Image names with their sizes in bytes.
    pub images: BTreeMap<String, i64>,
    /// In the order they came. Finished pods take nothing and are not here.
    pub pods: Vec<Arc<PodInfo>>,
    pub requested: Amounts,
    pub non_zero_requested: Amounts,
    pub used_ports: UsedPorts,
}

impl NodeInfo {
    pub fn new(node: Arc<Node>) -> Self {
        let status = node.status.as_ref();
        let allocatable = status.and_then(|status| status.allocatable.as_ref());
        let allowed = allocatable.and_then(|list| list.get("pods"));
        Self {
            name: node.metadata.name.clone().unwrap_or_default(),
            allocatable: Amounts::of(allocatable),
            allowed_pods: allowed.and_then(|text| Quantity::parse(&text.0).ok()).map_or(0, |q| q.value()),
            images: images(&node),
            pods: Vec::new(),
            requested: Amounts::default(),
            non_zero_requested: Amounts::default(),
            used_ports: UsedPorts::default(),
            node,
        }
    }

    /// The same pods on a new version of the node.
    pub fn with_node(&self, node: Arc<Node>) -> Self {
        let mut new = Self::new(node);
        self.pods.iter().for_each(|pod| new.add(pod.clone()));
        new
    }

    pub fn add(&mut self, pod: Arc<PodInfo>) {
        self.requested.add(&pod.requests);
        self.non_zero_requested.add(&pod.non_zero_requests);
        self.used_ports.add(&pod.ports);
        self.pods.push(pod);
    }

    /// Takes the pod off the node; nothing happens if it is not there.
    pub fn remove(&mut self, key: &ObjectKey) {
        let Some(at) = self.pods.iter().position(|pod| pod.key == *key) else { return };
        let pod = self.pods.remove(at);
        self.requested.subtract(&pod.requests);
        self.non_zero_requested.subtract(&pod.non_zero_requests);
        self.used_ports.remove(&pod.ports);
    }

    pub fn labels(&self) -> &Labels {
        self.node.metadata.labels.as_ref().unwrap_or(&NO_LABELS)
    }

    pub fn taints(&self) -> &[Taint] {
        self.node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
    }

    pub fn is_unschedulable(&self) -> bool {
        self.node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false)
    }
}

fn images(node: &Node) -> BTreeMap<String, i64> {
    let images = node.status.as_ref().and_then(|status| status.images.as_ref());
    let images = images.into_iter().flatten();
    let names = images.flat_map(|image| {
        image.names.iter().flatten().map(|name| (name.clone(), image.size_bytes.unwrap_or(0)))
    });
    names.collect()
}
