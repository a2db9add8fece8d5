//! Pods: an agent creates mirrors of its own files' pods, reports, evicts and deletes what runs on its node.

use ironclad_api::object::string_map;
use ironclad_api::{Object, ObjectKey, Status};
use ironclad_engine::gate::AdmissionOperation;
use serde_json::{Value, json};

use super::{Asked, core};
use crate::plugins::pod_references;

const MIRROR: &str = "kubernetes.io/config.mirror";

pub(super) fn check(asked: &Asked<'_>) -> Result<(), Status> {
    let (node, request) = (asked.node, asked.request);
    let bound = |pod: &Object| pod.str_at(&["spec", "nodeName"]) == node;
    match (request.target.subresource.as_str(), request.operation) {
        ("", AdmissionOperation::Create) => asked.object().map_or(Ok(()), |pod| mirror(asked, pod)),
        ("", AdmissionOperation::Delete) => asked.demand(request.old.is_none_or(bound), || {
            format!("node \"{node}\" can only delete pods with spec.nodeName set to itself")
        }),
        ("", operation) => Err(asked.refused(format!(
            "unexpected operation \"{}\", node \"{node}\" can only create and delete mirror pods",
            operation.as_str()
        ))),
        ("status", AdmissionOperation::Update) => status(asked),
        ("eviction", AdmissionOperation::Create) => {
            let pod = asked.cluster.cache.get(&core("pods"), &request.target.key());
            asked.demand(pod.is_none_or(|pod| pod.field("spec.nodeName") == Some(node)), || {
                format!("node {node} can only evict pods with spec.nodeName set to itself")
            })
        }
        ("status", operation) => {
            Err(asked.refused(format!("unexpected operation \"{}\"", operation.as_str())))
        }
        ("eviction", operation) => Err(asked.refused(format!("unexpected operation {}", operation.as_str()))),
        (other, _) => Err(asked.refused(format!(
            "unexpected pod subresource \"{other}\", only 'status' and 'eviction' are allowed"
        ))),
    }
}

fn status(asked: &Asked<'_>) -> Result<(), Status> {
    let node = asked.node;
    let (Some(old), Some(new)) = (asked.request.old, asked.object()) else { return Ok(()) };
    asked.demand(old.str_at(&["spec", "nodeName"]) == node, || {
        format!("node \"{node}\" can only update pod status for pods with spec.nodeName set to itself")
    })?;
    let labels = |pod: &Object| string_map(pod.metadata().and_then(|metadata| metadata.get("labels")));
    asked.demand(labels(old) == labels(new), || {
        format!("node \"{node}\" cannot update labels through pod status")
    })?;
    asked.demand(claims(old) == claims(new), || {
        format!("node \"{node}\" cannot update resource claim statues")
    })?;
    let extended = |pod: &Object| pod.at(&["status", "extendedResourceClaimStatus"]).cloned();
    asked.demand(extended(old).unwrap_or_default() == extended(new).unwrap_or_default(), || {
        format!("node \"{node}\" cannot update extended resource claim status")
    })
}

/// The claims of devices that were made for a pod, which the Node authorizer goes by.
fn claims(pod: &Object) -> Vec<(&Value, &Value)> {
    let all = pod.at(&["status", "resourceClaimStatuses"]).and_then(Value::as_array).into_iter().flatten();
    all.map(|claim| (&claim["name"], &claim["resourceClaimName"])).collect()
}

/// The pod of a file of the agent's. It refers to nothing: what a pod refers to its node may read.
fn mirror(asked: &Asked<'_>, pod: &Object) -> Result<(), Status> {
    let node = asked.node;
    asked.demand(pod.annotation(MIRROR).is_some(), || {
        format!("pod does not have \"{MIRROR}\" annotation, node \"{node}\" can only create mirror pods")
    })?;
    asked.demand(pod.str_at(&["spec", "nodeName"]) == node, || {
        format!("node \"{node}\" can only create pods with spec.nodeName set to itself")
    })?;
    owned_by_node(asked, pod)?;
    match pod_references::kind_referred_to(pod) {
        Ok(None) => Ok(()),
        Ok(Some(kind)) => {
            Err(asked.refused(format!("node \"{node}\" can not create pods that reference {kind}")))
        }
        Err(why) => Err(asked.refused(format!("error checking mirror pod for API references: {why}"))),
    }
}

fn owned_by_node(asked: &Asked<'_>, pod: &Object) -> Result<(), Status> {
    let node = asked.node;
    let owners =
        pod.metadata().and_then(|metadata| metadata.get("ownerReferences")).and_then(Value::as_array);
    let refused = |what: &str| Err(asked.refused(format!("node \"{node}\" {what}")));
    let owner = match owners.map(Vec::as_slice).unwrap_or_default() {
        [owner] => owner,
        [] => return refused("can only create pods with an owner reference set to itself"),
        _ => return refused("can only create pods with a single owner reference set to itself"),
    };
    if [&owner["apiVersion"], &owner["kind"], &owner["name"]] != [&json!("v1"), &json!("Node"), &json!(node)]
    {
        return refused("can only create pods with an owner reference set to itself");
    }
    if owner["controller"] != true {
        return refused("can only create pods with a controller owner reference set to itself");
    }
    if owner["blockOwnerDeletion"] == true {
        return refused("must not set blockOwnerDeletion on an owner reference");
    }
    let nodes = core("nodes");
    let held = asked.cluster.cache.get(&nodes, &ObjectKey::cluster(node));
    let held = held.ok_or_else(|| Status::not_found(&nodes, node))?;
    let uid = owner["uid"].as_str().unwrap_or_default();
    asked.demand(uid == held.uid, || format!("node {node} UID mismatch: expected {uid} got {}", held.uid))
}
