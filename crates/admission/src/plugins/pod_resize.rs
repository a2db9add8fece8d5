//! PodResizeValidator: a pod on a node is not made larger than the node is, and only where nodes can do it.
//!
//! Source: <https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/>.

use ironclad_api::quantity::Quantity;
use ironclad_api::{Cause, Object, ObjectKey, Status};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};

use super::limit_ranger::{Amounts, amounts_of, demand};
use super::{core, forbidden, is_about};
use crate::{Cluster, Plugin};

const OS: &str = "kubernetes.io/os";

pub(super) struct PodResizeValidator;

impl Plugin for PodResizeValidator {
    fn name(&self) -> &'static str {
        "PodResizeValidator"
    }

    fn validate(&self, request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        let resizes =
            request.operation == AdmissionOperation::Update && is_about(request, "", "pods", "resize");
        let Some(pod) = request.object.as_deref().filter(|_| resizes) else { return Ok(()) };
        let node = pod.str_at(&["spec", "nodeName"]);
        let unchanged = request.old.is_some_and(|old| old.at(&["spec"]) == pod.at(&["spec"]));
        if node.is_empty() || unchanged {
            return Ok(());
        }
        let Some(held) = cluster.cache.get(&core("nodes"), &ObjectKey::cluster(node)) else {
            return Err(forbidden(request, format!("node \"{node}\" not found")));
        };
        if let Some(os) = held.labels.get(OS).filter(|os| *os != "linux") {
            let why = format!("pod resize is only supported on linux nodes, node \"{node}\" is \"{os}\"");
            return Err(refused(request, why, "UnsupportedPlatform"));
        }
        match lacking(pod, &held.object()) {
            lacking if lacking.is_empty() => Ok(()),
            lacking => {
                let lacking = lacking.join("; ");
                let why = format!("node didn't have enough allocatable resources: {lacking}");
                Err(refused(request, why, "NodeCapacity"))
            }
        }
    }
}

fn refused(request: &AdmissionRequest<'_>, why: String, reason: &str) -> Status {
    let mut status = forbidden(request, why);
    status.details_mut().causes.push(Cause { reason: reason.into(), ..Cause::default() });
    status
}

/// Of what the pod asks for more than its node has.
fn lacking(pod: &Object, node: &Object) -> Vec<String> {
    let mut requested = demand::of_pod(pod, "requests");
    demand::add(&mut requested, &amounts_of(pod.at(&["spec", "overhead"])));
    let allocatable = amounts_of(node.at(&["status", "allocatable"]));
    let told = |name: &str, number: &dyn Fn(&Quantity) -> i64| {
        let of = |amounts: &Amounts| amounts.get(name).cloned().unwrap_or_default();
        let (requested, allocatable) = (of(&requested), of(&allocatable));
        (requested > allocatable).then(|| {
            format!("{name}, requested: {}, allocatable: {}", number(&requested), number(&allocatable))
        })
    };
    [told("cpu", &Quantity::milli_value), told("memory", &Quantity::value)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use ironclad_client::testing::Objects;
    use ironclad_engine::gate::Context;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Ask, validate};

    fn pod(node: &str, cpu: &str, memory: &str, overhead: Value) -> Object {
        let resources = json!({ "requests": { "cpu": cpu, "memory": memory } });
        let spec = json!({
            "nodeName": node, "containers": [{ "name": "c", "resources": resources }], "overhead": overhead,
        });
        let pod = json!({ "metadata": { "name": "p", "namespace": "a" }, "spec": spec });
        Object::from_value(pod).expect("an object")
    }

    fn check(new: Object, want: Option<(&str, &str)>) {
        let world = Objects::default();
        for (name, os) in [("n", "linux"), ("w", "windows")] {
            let metadata = json!({ "name": name, "labels": { OS: os } });
            let status = json!({ "allocatable": { "cpu": "2", "memory": "1Gi" } });
            world.put("", "nodes", json!({ "metadata": metadata, "status": status }));
        }
        let ask = Ask {
            namespace: "a",
            resource: ("", "pods"),
            subresource: "resize",
            old: Some(pod("n", "1", "1Mi", Value::Null)),
            object: Some(new),
            operation: AdmissionOperation::Update,
        };
        let refused = validate(&PodResizeValidator, &world, &Context::default(), ask).err();
        let told = refused.map(|mut status| {
            let reason = status.details_mut().causes.pop().map(|cause| cause.reason).unwrap_or_default();
            (status.message, reason)
        });
        let want = want.map(|(why, reason)| (format!("pods \"p\" is forbidden: {why}"), reason.to_owned()));
        assert_eq!(told, want);
    }

    #[test]
    fn a_pod_grows_within_its_node() {
        check(pod("n", "2", "1Gi", Value::Null), None);
        check(pod("n", "1", "1Mi", Value::Null), None);
        check(pod("", "9", "1Mi", Value::Null), None);
        let few = "node didn't have enough allocatable resources";
        let both = format!(
            "{few}: cpu, requested: 2001, allocatable: 2000; memory, requested: 2147483648, allocatable: 1073741824"
        );
        check(pod("n", "2001m", "2Gi", Value::Null), Some((&both, "NodeCapacity")));
        let overhead = format!("{few}: cpu, requested: 2500, allocatable: 2000");
        check(pod("n", "2", "1Mi", json!({ "cpu": "500m" })), Some((&overhead, "NodeCapacity")));
        check(pod("x", "2", "1Mi", Value::Null), Some(("node \"x\" not found", "")));
        let windows = "pod resize is only supported on linux nodes, node \"w\" is \"windows\"";
        check(pod("w", "2", "1Mi", Value::Null), Some((windows, "UnsupportedPlatform")));
    }
}
