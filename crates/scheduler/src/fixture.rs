//! Small clusters for tests, written as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ironclad_api::labels::{Labels, Selector};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};

use crate::pod_info::PodInfo;
use crate::snapshot::Snapshot;
use crate::world::{Directory, DisruptionBudget, World};

/// A node with room for 110 pods; `extra` is merged over it.
pub fn node(name: &str, cpu: &str, memory: &str, extra: Value) -> Value {
    let mut node = json!({
        "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name } },
        "status": { "allocatable": { "cpu": cpu, "memory": memory, "pods": "110" } },
    });
    merge(&mut node, extra);
    node
}

/// A node that is only its labels, the host name included.
pub fn labeled(name: &str, labels: Value) -> Value {
    node(name, "10", "10Gi", json!({ "metadata": { "labels": labels } }))
}

/// A pod that asks for so much; `extra` is merged over it.
pub fn pod(name: &str, cpu: &str, memory: &str, extra: Value) -> Value {
    let mut requests = serde_json::Map::new();
    for (resource, amount) in [("cpu", cpu), ("memory", memory)] {
        if !amount.is_empty() {
            requests.insert(resource.into(), amount.into());
        }
    }
    let mut pod = json!({
        "metadata": { "name": name, "namespace": "default", "uid": format!("uid-{name}") },
        "spec": { "containers": [{ "name": "c", "resources": { "requests": requests } }] },
    });
    merge(&mut pod, extra);
    pod
}

/// A pod on a node, with labels.
pub fn on(node: &str, name: &str, labels: Value) -> Value {
    pod(name, "", "", json!({ "metadata": { "labels": labels }, "spec": { "nodeName": node } }))
}

pub fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

pub fn pod_info(pod: &Value) -> Arc<PodInfo> {
    PodInfo::new(&typed_pod(pod))
}

pub fn typed_pod(pod: &Value) -> Arc<Pod> {
    Arc::new(serde_json::from_value(pod.clone()).expect("a pod"))
}

pub fn typed_node(node: &Value) -> Arc<Node> {
    Arc::new(serde_json::from_value(node.clone()).expect("a node"))
}

/// Facts beyond nodes and pods.
#[derive(Default)]
pub struct Facts {
    pub namespaces: BTreeMap<String, Labels>,
    pub services: Vec<BTreeMap<String, String>>,
    pub owner: Option<Selector>,
    pub budgets: Vec<DisruptionBudget>,
}

impl Directory for Facts {
    fn namespace_labels(&self, namespace: &str) -> Labels {
        self.namespaces.get(namespace).cloned().unwrap_or_default()
    }

    fn namespaces_matching(&self, selector: &Selector) -> BTreeSet<String> {
        let matching = self.namespaces.iter().filter(|(_, labels)| selector.matches(labels));
        matching.map(|(name, _)| name.clone()).collect()
    }

    fn service_selectors(&self, _: &str) -> Vec<BTreeMap<String, String>> {
        self.services.clone()
    }

    fn owner_selector(&self, _: &str, _: &OwnerReference) -> Option<Selector> {
        self.owner.clone()
    }

    fn disruption_budgets(&self) -> Vec<DisruptionBudget> {
        self.budgets.clone()
    }
}

#[derive(Default)]
pub struct Cluster {
    pub snapshot: Snapshot,
    pub facts: Facts,
}

impl Cluster {
    pub fn new(nodes: &[Value], pods: &[Value]) -> Self {
        let mut cluster = Self::default();
        for node in nodes {
            cluster.snapshot.set_node(typed_node(node));
        }
        for pod in pods.iter().map(pod_info) {
            let node = pod.node_name().to_owned();
            cluster.snapshot.place(pod, &node, false);
        }
        cluster
    }

    pub fn world(&self) -> World<'_> {
        World { snapshot: &self.snapshot, directory: &self.facts }
    }
}

/// Always the first.
pub fn first() -> impl FnMut(usize) -> usize {
    |_| 0
}
