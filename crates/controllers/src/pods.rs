//! What controllers ask of pods: are they alive, ready, available, and which is to go first.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_api::Entry;
use ironclad_client::typed::CacheExt;
use ironclad_client::{By, Cache};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodCondition, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::resources::PODS;

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The pods that are bound to a node.
pub fn on_node(cache: &dyn Cache, node: &str) -> Vec<Arc<Pod>> {
    cache.find_as(&PODS.group_resource(), &By::Field { name: "spec.nodeName", value: node })
}

pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// Neither finished nor being deleted.
pub fn is_active(pod: &Pod) -> bool {
    !is_finished(pod) && pod.metadata.deletion_timestamp.is_none()
}

pub fn is_finished(pod: &Pod) -> bool {
    is_last(phase(pod))
}

/// The same of a pod that need not be decoded for it.
pub fn is_finished_entry(pod: &Entry) -> bool {
    pod.field("status.phase").is_some_and(is_last)
}

fn is_last(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
}

pub fn condition<'a>(pod: &'a Pod, condition_type: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == condition_type)
}

/// Since when the pod is ready, if it is.
fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let ready = condition(pod, "Ready").filter(|condition| condition.status == "True")?;
    Some(ready.last_transition_time.as_ref().map_or(Timestamp::MIN, |time| time.0))
}

pub fn is_ready(pod: &Pod) -> bool {
    ready_since(pod).is_some()
}

/// Ready for at least `min_ready_seconds`. `Err` gives how long it still takes, for a ready pod.
pub fn availability(pod: &Pod, min_ready_seconds: i32, now: Timestamp) -> Result<(), Option<SignedDuration>> {
    let since = ready_since(pod).ok_or(None)?;
    let wanted = SignedDuration::from_secs(i64::from(min_ready_seconds));
    let ready_for = now.duration_since(since);
    if min_ready_seconds == 0 || ready_for >= wanted { Ok(()) } else { Err(Some(wanted - ready_for)) }
}

/// A pod out of a template, named after its owner.
pub fn from_template(template: &PodTemplateSpec, owner: &ObjectMeta, reference: OwnerReference) -> Pod {
    let from = template.metadata.as_ref();
    let name = owner.name.as_deref().unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(format!("{name}-")),
            namespace: owner.namespace.clone(),
            labels: from.and_then(|m| m.labels.clone()),
            annotations: from.and_then(|m| m.annotations.clone()),
            finalizers: from.and_then(|m| m.finalizers.clone()),
            owner_references: Some(vec![reference]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

/// Puts the pods that are to be deleted first at the front, as upstream ranks them: not
/// scheduled, pending, not ready, cheapest by annotation, on the node with most of its
/// siblings, ready for the shortest time, most restarts, youngest.
pub fn rank_for_deletion(pods: &mut [Arc<Pod>]) {
    let mut on_node = BTreeMap::<String, usize>::new();
    for pod in pods.iter() {
        *on_node.entry(node(pod).to_owned()).or_default() += 1;
    }
    pods.sort_by_cached_key(|pod| {
        let ready = ready_since(pod);
        (
            !node(pod).is_empty(),
            match phase(pod) {
                "Pending" => 0,
                "Running" => 2,
                _ => 1,
            },
            ready.is_some(),
            deletion_cost(pod),
            Reverse(on_node.get(node(pod)).copied().unwrap_or(0)),
            Reverse(ready),
            Reverse(restarts(pod)),
            Reverse(pod.metadata.creation_timestamp.as_ref().map(|time| time.0)),
        )
    });
}

fn node(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

fn deletion_cost(pod: &Pod) -> i32 {
    let annotations = pod.metadata.annotations.as_ref();
    annotations.and_then(|a| a.get(DELETION_COST)).and_then(|cost| cost.parse().ok()).unwrap_or(0)
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    statuses.into_iter().flatten().map(|container| container.restart_count).max().unwrap_or(0)
}
