//! Pod garbage collection: pods that no agent will ever finish are marked as failed and deleted
//! without grace (on nodes that are gone or out of service; deleted before they got a node), and
//! of the finished ones only a number is kept, the newest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{Entry, ObjectKey, time};
use ironclad_client::typed::CacheExt;
use ironclad_client::{Cache, PatchKind};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use parking_lot::Mutex;
use serde_json::json;

use crate::pods;
use crate::resources::{NODES, PODS};

/// Finished pods that a cluster keeps.
const MAX_FINISHED: usize = 12_500;
const PERIOD: Duration = Duration::from_secs(20);
/// Marked pods are deleted this soon.
const SOON: Duration = Duration::from_millis(100);
/// A node may be missing for this long: it may just be registering again.
const QUARANTINE: SignedDuration = SignedDuration::from_secs(40);
/// Put on a node by people who know that it will not come back by itself.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

#[derive(Default)]
pub struct PodGc {
    /// Nodes that have pods and no Node, and since when. After a restart each has its quarantine again.
    missing: Mutex<BTreeMap<String, Timestamp>>,
}

/// Why nobody will finish a pod.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lost {
    NodeGone,
    NodeOutOfService,
    NeverPlaced,
}

impl Controller for PodGc {
    fn name(&self) -> &'static str {
        "pod-garbage-collector"
    }

    /// One key, the whole cluster, looked over every 20 seconds from the first node on.
    fn watches(&self) -> Vec<Watch> {
        vec![Watch::new(NODES.group_resource(), |change, _| {
            let came_or_went = change.old.is_none() || change.new.is_none();
            came_or_went.then(|| ObjectKey::cluster("pods")).into_iter().collect()
        })]
    }

    fn reconcile(&self, view: &View<'_>, _key: &ObjectKey, now: Timestamp) -> Plan {
        let pods = view.cache.list(&PODS.group_resource(), None);
        let gone = self.gone(&pods, view.cache, now);
        let unserved = out_of_service(view.cache);
        let lost = |pod: &Arc<Entry>| Some((pod.clone(), lost(pod, &gone, &unserved)?));
        let (finished, unfinished): (Vec<_>, Vec<_>) =
            pods.iter().filter_map(lost).partition(|(pod, _)| pods::is_finished_entry(pod));
        let finished = finished.iter().map(|(pod, _)| pod);
        let mut stage: Vec<Write> = finished.chain(surplus(&pods)).map(|pod| force_delete(pod)).collect();
        stage.extend(unfinished.iter().map(|(pod, why)| mark_failed(pod, *why, now)));
        let mut plan = Plan::done();
        if !stage.is_empty() {
            plan.stages.push(stage);
        }
        plan.requeue_in(if unfinished.is_empty() { PERIOD } else { SOON });
        plan
    }
}

impl PodGc {
    /// The nodes of pods that have been missing for long enough.
    fn gone(&self, pods: &[Arc<Entry>], cache: &dyn Cache, now: Timestamp) -> BTreeSet<String> {
        let nodes = cache.list(&NODES.group_resource(), None);
        let known: BTreeSet<&str> = nodes.iter().map(|node| node.key.name.as_str()).collect();
        let unknown: BTreeSet<&str> =
            pods.iter().filter_map(|pod| node_of(pod)).filter(|node| !known.contains(node)).collect();
        let mut missing = self.missing.lock();
        missing.retain(|node, _| unknown.contains(node.as_str()));
        for node in unknown {
            missing.entry(node.to_owned()).or_insert(now);
        }
        let overdue = missing.iter().filter(|(_, since)| now.duration_since(**since) > QUARANTINE);
        overdue.map(|(node, _)| node.clone()).collect()
    }
}

/// Nodes that do not report and that people have given up.
fn out_of_service(cache: &dyn Cache) -> BTreeSet<String> {
    let nodes = cache.list_as::<Node>(&NODES.group_resource(), None);
    let given_up = nodes.iter().filter(|node| {
        let taints = node.spec.iter().filter_map(|spec| spec.taints.as_ref()).flatten();
        let conditions = node.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
        let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
        taints.into_iter().any(|taint| taint.key == OUT_OF_SERVICE)
            && !ready.any(|condition| condition.status == "True")
    });
    given_up.filter_map(|node| node.metadata.name.clone()).collect()
}

fn node_of(pod: &Entry) -> Option<&str> {
    pod.field("spec.nodeName").filter(|node| !node.is_empty())
}

fn lost(pod: &Entry, gone: &BTreeSet<String>, unserved: &BTreeSet<String>) -> Option<Lost> {
    let deleting = pod.ties().deleting;
    match node_of(pod) {
        Some(node) if gone.contains(node) => Some(Lost::NodeGone),
        Some(node) if deleting && unserved.contains(node) => Some(Lost::NodeOutOfService),
        None if deleting => Some(Lost::NeverPlaced),
        _ => None,
    }
}

/// The finished pods beyond those that are kept: evicted ones first, then the oldest.
fn surplus(pods: &[Arc<Entry>]) -> impl Iterator<Item = &Arc<Entry>> {
    let mut finished: Vec<_> = pods.iter().filter(|pod| pods::is_finished_entry(pod)).collect();
    let count = finished.len().saturating_sub(MAX_FINISHED);
    if count > 0 {
        finished.sort_by_cached_key(|pod| {
            let pod = pod.typed::<Pod>()?;
            let evicted = pod.status.as_ref().is_some_and(|s| s.reason.as_deref() == Some("Evicted"));
            Some((!evicted, pod.metadata.creation_timestamp.as_ref()?.0))
        });
    }
    finished.into_iter().take(count)
}

/// So that those who count on the pod see that it ended.
fn mark_failed(pod: &Entry, why: Lost, now: Timestamp) -> Write {
    let mut status = json!({ "phase": "Failed" });
    if why == Lost::NodeGone {
        status["conditions"] = json!([{
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByPodGC",
            "message": "PodGC: node no longer exists",
            "lastTransitionTime": time::format(now),
        }]);
    }
    Write::Patch {
        target: PODS.status(&pod.key),
        kind: PatchKind::Strategic,
        patch: json!({ "metadata": { "uid": pod.uid }, "status": status }),
    }
}

fn force_delete(pod: &Entry) -> Write {
    let mut write = Write::delete(PODS.object(&pod.key), pod.uid.clone());
    if let Write::Delete { options, .. } = &mut write {
        options.grace_period_seconds = Some(0);
    }
    write
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::World;

    fn pod(name: &str, node: &str, deleting: bool) -> Value {
        let deleted = deleting.then_some("2026-01-01T00:00:00Z");
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "namespace": "ns", "deletionTimestamp": deleted },
            "spec": { "nodeName": node }, "status": { "phase": "Running" },
        })
    }

    fn node(name: &str, taint: &str, ready: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": name },
            "spec": { "taints": [{ "key": taint, "effect": "NoExecute" }] },
            "status": { "conditions": [{ "type": "Ready", "status": ready }] },
        })
    }

    #[test]
    fn pods_outlive_their_node_by_its_quarantine() {
        let controller = PodGc::default();
        let mut world = World::at("2026-01-02T00:00:00Z");
        world.put(NODES, node("here", "", "True"));
        world.put(PODS, pod("stays", "here", false));
        world.put(PODS, pod("orphan", "gone", false));
        assert!(!world.round(&controller, "pods"));
        world.passes(40);
        assert!(!world.round(&controller, "pods"));
        // The node comes back, and goes again: a new quarantine.
        world.put(NODES, node("gone", "", "True"));
        world.passes(1);
        assert!(!world.round(&controller, "pods"));
        let nodes = NODES.group_resource();
        world.cache.remove(&nodes.group, &nodes.resource, &ObjectKey::cluster("gone"));
        assert!(!world.round(&controller, "pods"));
        world.passes(41);
        assert!(world.round(&controller, "pods"));
        let orphan = world.get(PODS, "orphan").expect("it is marked first");
        assert_eq!(orphan["status"]["phase"], "Failed");
        assert_eq!(orphan["status"]["conditions"][0]["reason"], "DeletionByPodGC");
        assert_eq!(world.requeue, Some(SOON));
        world.settle(&controller, "pods");
        assert_eq!(world.names(PODS), ["stays"]);
        assert_eq!(world.requeue, Some(PERIOD));
    }

    #[test]
    fn deleted_pods_go_where_nobody_is_to_end_them() {
        let check = |node_ready: &str, taint: &str, pod: Value, left: &[&str]| {
            let mut world = World::at("2026-01-02T00:00:00Z");
            world.put(NODES, node("n", taint, node_ready));
            world.put(PODS, pod.clone());
            world.settle(&PodGc::default(), "pods");
            assert_eq!(world.names(PODS), left, "{node_ready} {taint} {pod}");
        };
        check("True", "", pod("p", "", true), &[]);
        check("True", "", pod("p", "", false), &["p"]);
        check("True", "", pod("p", "n", true), &["p"]);
        check("False", OUT_OF_SERVICE, pod("p", "n", true), &[]);
        check("False", OUT_OF_SERVICE, pod("p", "n", false), &["p"]);
        check("True", OUT_OF_SERVICE, pod("p", "n", true), &["p"]);
        check("False", "other", pod("p", "n", true), &["p"]);
    }
}
