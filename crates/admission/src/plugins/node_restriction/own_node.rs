//! The agent's own Node: without the taints, owners and labels that steer workloads.

use std::collections::BTreeSet;

use ironclad_api::object::string_map;
use ironclad_api::{Object, Status};
use ironclad_engine::gate::AdmissionOperation;
use serde_json::Value;

use super::Asked;

const RESTRICTED: &str = "node-restriction.kubernetes.io";
/// Labels below `kubernetes.io` and `k8s.io` that an agent may set on its node.
const OWN_LABELS: [&str; 11] = [
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
];
const OWN_NAMESPACES: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

pub(super) fn check(asked: &Asked<'_>) -> Result<(), Status> {
    let (node, name) = (asked.node, asked.name());
    asked.demand(name == node, || format!("node \"{node}\" is not allowed to modify node \"{name}\""))?;
    let Some(new) = asked.object() else { return Ok(()) };
    match (asked.request.operation, asked.request.old) {
        (AdmissionOperation::Create, _) => create(asked, new),
        (AdmissionOperation::Update, Some(old)) => update(asked, new, old),
        _ => Ok(()),
    }
}

fn create(asked: &Asked<'_>, new: &Object) -> Result<(), Status> {
    let node = asked.node;
    asked.demand(part(new, &["spec", "configSource"]).is_none(), || {
        format!("node \"{node}\" is not allowed to create pods with a non-nil configSource")
    })?;
    let bad = forbidden_labels(new, None);
    asked.demand(bad.is_empty(), || {
        format!("node \"{node}\" is not allowed to set the following labels: {}", bad.join(", "))
    })
}

fn update(asked: &Asked<'_>, new: &Object, old: &Object) -> Result<(), Status> {
    let node = asked.node;
    let same = |path: &[&str]| part(new, path) == part(old, path);
    let source = ["spec", "configSource"];
    asked.demand(part(new, &source).is_none() || same(&source), || {
        format!("node \"{node}\" is not allowed to update configSource to a new non-nil configSource")
    })?;
    for (path, what) in [(["spec", "taints"], "taints"), (["metadata", "ownerReferences"], "ownerReferences")]
    {
        asked.demand(same(&path), || format!("node \"{node}\" is not allowed to modify {what}"))?;
    }
    let bad = forbidden_labels(new, Some(old));
    asked.demand(bad.is_empty(), || format!("is not allowed to modify labels: {}", bad.join(", ")))
}

/// What stands there; nothing where there is only something empty.
fn part<'a>(object: &'a Object, path: &[&str]) -> Option<&'a Value> {
    object.at(path).filter(|value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()))
}

/// Labels that the write sets, changes or removes, and that are not an agent's to decide.
fn forbidden_labels(new: &Object, old: Option<&Object>) -> Vec<String> {
    let labels = |object: &Object| string_map(object.metadata().and_then(|metadata| metadata.get("labels")));
    let (new, old) = (labels(new), old.map(labels).unwrap_or_default());
    let keys: BTreeSet<&String> = new.keys().chain(old.keys()).collect();
    let changed = keys.into_iter().filter(|key| new.get(*key) != old.get(*key));
    changed.filter(|key| !may_set(key)).cloned().collect()
}

fn may_set(key: &str) -> bool {
    let namespace = key.split_once('/').map_or("", |(namespace, _)| namespace);
    let below = |domain: &str| {
        namespace.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if below(RESTRICTED) {
        return false;
    }
    let kubernetes = below("kubernetes.io") || below("k8s.io");
    !kubernetes || OWN_LABELS.contains(&key) || OWN_NAMESPACES.iter().any(|domain| below(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_sets_its_own_labels_and_those_of_nobody() {
        for (key, expected) in [
            ("app", true),
            ("example.com/rack", true),
            ("notkubernetes.io/x", true),
            ("kubernetes.io/hostname", true),
            ("kubelet.kubernetes.io/anything", true),
            ("x.node.kubernetes.io/anything", true),
            ("node-restriction.kubernetes.io/tier", false),
            ("a.node-restriction.kubernetes.io/tier", false),
            ("unknown.kubernetes.io/x", false),
            ("other.k8s.io/x", false),
            ("kubernetes.io/metadata.name", false),
            ("node-role.kubernetes.io/control-plane", false),
        ] {
            assert_eq!(may_set(key), expected, "{key}");
        }
    }
}
