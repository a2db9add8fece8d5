//! PodTopologyLabels: a pod that has got a node is told where that is, in its labels (KEP-4742).

use ironclad_api::object::object_in;
use ironclad_api::{Object, ObjectKey, Status};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};

use super::{core, is_about};
use crate::{Cluster, Plugin};

const LABELS: [&str; 2] = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

pub(super) struct PodTopologyLabels;

impl Plugin for PodTopologyLabels {
    fn name(&self) -> &'static str {
        "PodTopologyLabels"
    }

    fn mutate(&self, request: &mut AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        let Some(object) =
            request.object.as_deref().filter(|_| request.operation == AdmissionOperation::Create)
        else {
            return Ok(());
        };
        let node = if is_about(request, "", "pods", "") {
            object.str_at(&["spec", "nodeName"])
        } else if is_about(request, "", "pods", "binding") && object.str_at(&["target", "kind"]) == "Node" {
            // The binding's labels become the pod's.
            object.str_at(&["target", "name"])
        } else {
            return Ok(());
        };
        let node = cluster.cache.get(&core("nodes"), &ObjectKey::cluster(node)).map(|entry| entry.object());
        if let (Some(node), Some(object)) = (node, request.object.as_mut()) {
            copy(&node, object);
        }
        Ok(())
    }
}

fn copy(node: &Object, object: &mut Object) {
    for label in LABELS {
        if let Some(value) = node.label(label) {
            object_in(object.metadata_mut(), "labels").insert(label.to_owned(), value.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Ask, mutate};

    #[test]
    fn pods_and_bindings_take_their_nodes_place() {
        let labels = json!({"topology.kubernetes.io/zone": "z", "kubernetes.io/hostname": "n"});
        let node = json!({"metadata": {"name": "n", "labels": labels}});
        let check = |subresource: &str, object: Value, want: Value| {
            let object = Object::from_value(object).expect("an object");
            let ask = Ask { subresource, ..Ask::create("a", ("", "pods"), object) };
            let made =
                mutate(&PodTopologyLabels, &[("", "nodes", node.clone())], ask).expect("is let through");
            assert_eq!(made.metadata().and_then(|metadata| metadata.get("labels")), want.get("labels"));
        };
        let here = json!({"labels": {"topology.kubernetes.io/zone": "z"}});
        check("", json!({"metadata": {"name": "p"}, "spec": {"nodeName": "n"}}), here.clone());
        check("", json!({"metadata": {"name": "p"}, "spec": {}}), json!({}));
        check("", json!({"metadata": {"name": "p"}, "spec": {"nodeName": "gone"}}), json!({}));
        let bound = |kind: &str| json!({"metadata": {"name": "p"}, "target": {"kind": kind, "name": "n"}});
        check("binding", bound("Node"), here);
        check("binding", bound("Other"), json!({}));
    }
}
