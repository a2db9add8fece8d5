//! NodeRestriction: an agent writes its own node and the pods on it, and nothing that
//! would let it pull other workloads to itself.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction>.

use std::collections::BTreeSet;

use ironclad_api::object::string_map;
use ironclad_api::{Object, ObjectKey, Status};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest, User};

use super::{core, forbidden};
use crate::{Cluster, Plugin};

const USER_PREFIX: &str = "system:node:";
const GROUP: &str = "system:nodes";
const MIRROR: &str = "kubernetes.io/config.mirror";
const LEASES: &str = "kube-node-lease";
const RESTRICTED: &str = "node-restriction.kubernetes.io";
/// Labels below `kubernetes.io` and `k8s.io` that an agent may set on its node.
const OWN_LABELS: [&str; 15] = [
    "kubernetes.io/hostname",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "node.kubernetes.io/windows-build",
    "node.kubernetes.io/exclude-disruption",
    "kubernetes.io/metadata.name",
    "node.kubernetes.io/cgroup-version",
];
const OWN_NAMESPACES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

pub(super) struct NodeRestriction;

impl Plugin for NodeRestriction {
    fn name(&self) -> &'static str {
        "NodeRestriction"
    }

    fn validate(&self, request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        let Some(node) = node_of(&request.context.user) else { return Ok(()) };
        let why = match (&*request.target.resource.group, &*request.target.resource.resource) {
            ("", "pods") => pod(request, cluster, node),
            ("", "nodes") => own_node(request, node),
            ("", "serviceaccounts") => token(request, cluster, node),
            ("coordination.k8s.io", "leases") => lease(request, node),
            _ => None,
        };
        why.map_or(Ok(()), |why| Err(forbidden(request, why)))
    }
}

fn node_of(user: &User) -> Option<&str> {
    let in_group = user.groups.iter().any(|group| group == GROUP);
    user.name.strip_prefix(USER_PREFIX).filter(|_| in_group)
}

fn pod(request: &AdmissionRequest<'_>, cluster: &Cluster<'_>, node: &str) -> Option<String> {
    let bound = |pod: &Object| pod.str_at(&["spec", "nodeName"]) == node;
    match (request.target.subresource.as_str(), request.operation) {
        ("", AdmissionOperation::Create) => mirror(request, cluster, node),
        ("", AdmissionOperation::Delete) => {
            let own = request.old.is_none_or(bound);
            (!own).then(|| format!("node \"{node}\" can only delete pods with spec.nodeName set to itself"))
        }
        ("", operation) => Some(format!(
            "unexpected operation \"{}\", node \"{node}\" can only create and delete mirror pods",
            name_of(operation)
        )),
        ("status", AdmissionOperation::Update) => status(request, node),
        ("eviction", AdmissionOperation::Create) => {
            let pod = cluster.cache.get(&core("pods"), &request.target.key());
            let own = pod.is_none_or(|pod| pod.field("spec.nodeName") == Some(node));
            (!own).then(|| format!("node {node} can only evict pods with spec.nodeName set to itself"))
        }
        ("status" | "eviction", operation) => {
            Some(format!("unexpected operation \"{}\"", name_of(operation)))
        }
        (other, _) => {
            Some(format!("unexpected pod subresource \"{other}\", only 'status' and 'eviction' are allowed"))
        }
    }
}

fn name_of(operation: AdmissionOperation) -> &'static str {
    match operation {
        AdmissionOperation::Create => "CREATE",
        AdmissionOperation::Update => "UPDATE",
        AdmissionOperation::Delete => "DELETE",
        AdmissionOperation::Connect => "CONNECT",
    }
}

fn status(request: &AdmissionRequest<'_>, node: &str) -> Option<String> {
    let (old, new) = (request.old?, request.object.as_ref()?);
    if old.str_at(&["spec", "nodeName"]) != node {
        return Some(format!(
            "node \"{node}\" can only update pod status for pods with spec.nodeName set to itself"
        ));
    }
    let labels = |pod: &Object| string_map(pod.metadata().and_then(|metadata| metadata.get("labels")));
    (labels(old) != labels(new)).then(|| format!("node \"{node}\" cannot update labels through pod status"))
}

fn mirror(request: &AdmissionRequest<'_>, cluster: &Cluster<'_>, node: &str) -> Option<String> {
    let pod = request.object.as_ref()?;
    if pod.annotation(MIRROR).is_none() {
        return Some(format!(
            "pod does not have \"{MIRROR}\" annotation, node \"{node}\" can only create mirror pods"
        ));
    }
    if pod.str_at(&["spec", "nodeName"]) != node {
        return Some(format!("node \"{node}\" can only create pods with spec.nodeName set to itself"));
    }
    let owners =
        pod.metadata().and_then(|metadata| metadata.get("ownerReferences")).and_then(|o| o.as_array());
    let uid = cluster.cache.get(&core("nodes"), &ObjectKey::cluster(node)).map(|node| node.uid.clone());
    let own = |owner: &serde_json::Value| {
        owner["apiVersion"] == "v1"
            && owner["kind"] == "Node"
            && owner["name"] == node
            && owner["controller"] == true
            && owner["blockOwnerDeletion"] != true
            && owner["uid"].as_str().map(str::to_owned) == uid
    };
    match owners.map(Vec::as_slice) {
        Some([owner]) if own(owner) => None,
        _ => Some(format!("node \"{node}\" can only create pods with an owner reference set to itself")),
    }
}

fn own_node(request: &AdmissionRequest<'_>, node: &str) -> Option<String> {
    let name = match request.target.name.as_str() {
        "" => request.object.as_ref().map(|object| object.name()).unwrap_or_default(),
        name => name,
    };
    if name != node {
        return Some(format!("node \"{node}\" is not allowed to modify node \"{name}\""));
    }
    let new = request.object.as_ref()?;
    let creating = request.operation == AdmissionOperation::Create;
    if let Some(old) = request.old {
        let differs = |path: &[&str]| new.at(path) != old.at(path);
        if differs(&["spec", "taints"]) {
            return Some(format!("node \"{node}\" is not allowed to modify taints"));
        }
        if differs(&["metadata", "ownerReferences"]) {
            return Some(format!("node \"{node}\" is not allowed to modify ownerReferences"));
        }
    }
    let bad = forbidden_labels(new, request.old, creating);
    match (bad.is_empty(), creating) {
        (true, _) => None,
        (false, true) => {
            Some(format!("node \"{node}\" is not allowed to set the following labels: {}", bad.join(", ")))
        }
        (false, false) => Some(format!("is not allowed to modify labels: {}", bad.join(", "))),
    }
}

/// Labels that the write sets, changes or removes, and that are not an agent's to decide.
fn forbidden_labels(new: &Object, old: Option<&Object>, creating: bool) -> Vec<String> {
    let labels = |object: &Object| string_map(object.metadata().and_then(|metadata| metadata.get("labels")));
    let (new, old) = (labels(new), old.map(labels).unwrap_or_default());
    let keys: BTreeSet<&String> = new.keys().chain(old.keys()).collect();
    let changed = keys.into_iter().filter(|key| new.get(*key) != old.get(*key));
    changed.filter(|key| !may_set(key, creating)).cloned().collect()
}

/// `creating`: unknown labels of Kubernetes' own are let pass when a node registers, as upstream does.
fn may_set(key: &str, creating: bool) -> bool {
    let namespace = key.split_once('/').map_or("", |(namespace, _)| namespace);
    let below = |domain: &str| namespace == domain || namespace.ends_with(&format!(".{domain}"));
    if below(RESTRICTED) {
        return false;
    }
    let kubernetes = below("kubernetes.io") || below("k8s.io");
    let own = OWN_LABELS.contains(&key) || OWN_NAMESPACES.iter().any(|domain| below(domain));
    !kubernetes || own || creating && namespace != "node-role.kubernetes.io"
}

fn token(request: &AdmissionRequest<'_>, cluster: &Cluster<'_>, node: &str) -> Option<String> {
    if request.target.subresource != "token" || request.operation != AdmissionOperation::Create {
        return None;
    }
    let bound = |field: &str| {
        request.object.as_ref().map(|o| o.str_at(&["spec", "boundObjectRef", field]).to_owned())
    };
    let (kind, name) = (bound("kind").unwrap_or_default(), bound("name").unwrap_or_default());
    if kind != "Pod" || name.is_empty() {
        return Some("node requested token not bound to a pod".into());
    }
    let key = ObjectKey::new(request.target.namespace.clone(), name);
    let Some(pod) = cluster.cache.get(&core("pods"), &key) else {
        return Some(format!("pod \"{}\" not found", key.name));
    };
    if bound("uid").unwrap_or_default() != pod.uid {
        return Some(format!("the UID in the bound object reference does not match the UID of pod {key}"));
    }
    let own = pod.field("spec.nodeName") == Some(node);
    (!own).then(|| "node requested token bound to a pod scheduled on a different node".to_owned())
}

fn lease(request: &AdmissionRequest<'_>, node: &str) -> Option<String> {
    if request.target.namespace != LEASES {
        return Some(format!("can only access leases in the \"{LEASES}\" system namespace"));
    }
    let name = match request.target.name.as_str() {
        "" => request.object.as_ref().map(|object| object.name()).unwrap_or_default(),
        name => name,
    };
    (name != node).then(|| "can only access node lease with the same name as the requesting node".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_sets_its_own_labels_and_those_of_nobody() {
        for (key, creating, expected) in [
            ("app", false, true),
            ("example.com/rack", false, true),
            ("kubernetes.io/hostname", false, true),
            ("kubelet.kubernetes.io/anything", false, true),
            ("x.node.kubernetes.io/anything", false, true),
            ("node-restriction.kubernetes.io/tier", true, false),
            ("a.node-restriction.kubernetes.io/tier", false, false),
            ("unknown.kubernetes.io/x", false, false),
            ("node-role.kubernetes.io/control-plane", true, false),
        ] {
            assert_eq!(may_set(key, creating), expected, "{key}");
        }
    }
}
