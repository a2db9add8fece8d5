//! Node lifecycle: notices agents that fell silent, and taints nodes after their conditions.
//!
//! - A node whose lease is not renewed for [`GRACE`] gets its conditions set to Unknown.
//! - Conditions become taints, which keep pods away (`NoSchedule`) or drive them off (`NoExecute`;
//!   see [`eviction`]).
//! - Pods on a node that is not ready are marked not ready, so that services leave them out.
//!
//! Source: <https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller>,
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/>.

pub mod eviction;

use std::collections::BTreeMap;
use std::time::Duration;

use ironclad_api::{Object, ObjectKey, time};
use ironclad_client::Cache;
use ironclad_client::PatchKind;
use ironclad_client::typed::CacheExt;
use ironclad_control::{Controller, EventRecord, EventType, Plan, View, Watch, Write};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::ownership::{event_reference, key_of};
use crate::pods;
use crate::resources::{LEASES, NODES, PODS};

/// How long an agent may be silent (`--node-monitor-grace-period`).
const GRACE: SignedDuration = SignedDuration::from_secs(50);
const PERIOD: Duration = Duration::from_secs(5);
const LEASE_NAMESPACE: &str = "kube-node-lease";

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const UNKNOWN_MESSAGE: &str = "Kubelet stopped posting node status.";

/// Conditions that keep new pods away while they are True.
const PRESSURES: [(&str, &str); 4] = [
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "node.kubernetes.io/network-unavailable"),
];

/// The one state here: when each node's newest sign of life was first seen. It is by our own
/// clock, so that neither a skewed node nor a pause of the control plane makes a live node look
/// dead; after a restart every node has the full grace again.
#[derive(Default)]
pub struct NodeLifecycle {
    seen: Mutex<BTreeMap<String, Sign>>,
}

#[derive(Clone, PartialEq)]
struct Sign {
    heartbeat: Option<Timestamp>,
    at: Timestamp,
}

impl Controller for NodeLifecycle {
    fn name(&self) -> &'static str {
        "node-controller"
    }

    /// Not leases: they change every few seconds, and a node is looked at as often anyway.
    fn watches(&self) -> Vec<Watch> {
        vec![Watch::itself(NODES.group_resource())]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let Some(node) = view.cache.get_as::<Node>(&NODES.group_resource(), key) else {
            self.seen.lock().remove(&key.name);
            return plan;
        };
        let silent_for = now.duration_since(self.last_sign(view.cache, &node, now));
        if silent_for > GRACE && mark_unknown(&node, now, &mut plan) {
            return plan;
        }
        taint(&node, now, &mut plan);
        if ready_status(&node) != "True" {
            mark_pods_not_ready(view.cache, key, now, &mut plan);
        }
        plan.requeue_in(PERIOD);
        plan
    }
}

impl NodeLifecycle {
    fn last_sign(&self, cache: &dyn Cache, node: &Node, now: Timestamp) -> Timestamp {
        let name = node.metadata.name.clone().unwrap_or_default();
        let lease =
            cache.get_as::<Lease>(&LEASES.group_resource(), &ObjectKey::new(LEASE_NAMESPACE, name.clone()));
        let renewed = lease.and_then(|lease| Some(lease.spec.as_ref()?.renew_time.as_ref()?.0));
        let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let reported =
            conditions.filter_map(|condition| Some(condition.last_heartbeat_time.as_ref()?.0)).max();
        let heartbeat = renewed.max(reported);
        let mut seen = self.seen.lock();
        let sign = seen.entry(name).or_insert(Sign { heartbeat, at: now });
        if sign.heartbeat != heartbeat {
            *sign = Sign { heartbeat, at: now };
        }
        sign.at
    }
}

fn condition_status<'a>(node: &'a Node, condition_type: &str) -> &'a str {
    let mut conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.find(|condition| condition.type_ == condition_type).map_or("Unknown", |c| c.status.as_str())
}

fn ready_status(node: &Node) -> &str {
    condition_status(node, "Ready")
}

/// Sets the agent's conditions to Unknown. False if they are already.
fn mark_unknown(node: &Node, now: Timestamp, plan: &mut Plan) -> bool {
    let reported: Vec<_> =
        node.status.iter().flat_map(|status| status.conditions.clone().unwrap_or_default()).collect();
    let agent = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];
    let stale: Vec<Value> = agent
        .into_iter()
        .filter(|name| !reported.iter().any(|c| c.type_ == *name && c.status == "Unknown"))
        .map(|name| {
            let reason = if reported.iter().any(|c| c.type_ == name) {
                "NodeStatusUnknown"
            } else {
                "NodeStatusNeverUpdated"
            };
            json!({
                "type": name, "status": "Unknown", "reason": reason,
                "message": UNKNOWN_MESSAGE, "lastTransitionTime": time::format(now),
            })
        })
        .collect();
    if stale.is_empty() {
        return false;
    }
    plan.then(Write::Patch {
        target: NODES.status(&key_of(&node.metadata)),
        kind: PatchKind::Strategic,
        patch: json!({ "status": { "conditions": stale } }),
    });
    plan.event(EventRecord {
        regarding: event_reference("v1", "Node", &node.metadata),
        event_type: EventType::Normal,
        reason: "NodeNotReady".into(),
        note: format!(
            "Node {} status is now: NodeNotReady",
            node.metadata.name.as_deref().unwrap_or_default()
        ),
    });
    true
}

/// The taints that a node's conditions and `spec.unschedulable` ask for.
fn wanted_taints(node: &Node) -> Vec<(&'static str, &'static str)> {
    let mut wanted = Vec::new();
    let readiness = match ready_status(node) {
        "True" => None,
        "False" => Some(NOT_READY),
        _ => Some(UNREACHABLE),
    };
    for effect in ["NoSchedule", "NoExecute"] {
        wanted.extend(readiness.map(|taint| (taint, effect)));
    }
    for (condition, taint) in PRESSURES {
        if condition_status(node, condition) == "True" {
            wanted.push((taint, "NoSchedule"));
        }
    }
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    wanted
}

fn is_ours(taint: &Taint) -> bool {
    [NOT_READY, UNREACHABLE, UNSCHEDULABLE].contains(&taint.key.as_str())
        || PRESSURES.iter().any(|(_, key)| *key == taint.key)
}

fn taint(node: &Node, now: Timestamp, plan: &mut Plan) {
    let existing = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
    let wanted = wanted_taints(node);
    let is_wanted = |taint: &Taint| wanted.contains(&(taint.key.as_str(), taint.effect.as_str()));
    let mut taints: Vec<Taint> =
        existing.iter().filter(|taint| !is_ours(taint) || is_wanted(taint)).cloned().collect();
    for (key, effect) in &wanted {
        if !taints.iter().any(|taint| taint.key == *key && taint.effect == *effect) {
            let time_added = (*effect == "NoExecute").then_some(Time(now));
            taints.push(Taint {
                key: (*key).into(),
                effect: (*effect).into(),
                time_added,
                ..Taint::default()
            });
        }
    }
    if taints == existing {
        return;
    }
    let mut object = Object::from_typed(node).unwrap_or_default();
    let taints =
        if taints.is_empty() { Value::Null } else { serde_json::to_value(taints).unwrap_or_default() };
    object.section_mut("spec").insert("taints".into(), taints);
    plan.then(Write::Update { target: NODES.object(&key_of(&node.metadata)), object });
}

fn mark_pods_not_ready(cache: &dyn Cache, node: &ObjectKey, now: Timestamp, plan: &mut Plan) {
    for pod in pods::on_node(cache, &node.name).iter().filter(|pod| pods::is_ready(pod)) {
        plan.and(Write::Patch {
            target: PODS.status(&key_of(&pod.metadata)),
            kind: PatchKind::Strategic,
            patch: json!({ "status": { "conditions": [{
                "type": "Ready", "status": "False", "lastTransitionTime": time::format(now),
            }] } }),
        });
        plan.event(EventRecord {
            regarding: event_reference("v1", "Pod", &pod.metadata),
            event_type: EventType::Warning,
            reason: "NodeNotReady".into(),
            note: "Node is not ready".into(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{NodeCondition, NodeSpec, NodeStatus};

    fn node(conditions: &[(&str, &str)], unschedulable: bool) -> Node {
        let conditions = conditions.iter().map(|(type_, status)| NodeCondition {
            type_: (*type_).into(),
            status: (*status).into(),
            ..NodeCondition::default()
        });
        Node {
            spec: Some(NodeSpec { unschedulable: Some(unschedulable), ..NodeSpec::default() }),
            status: Some(NodeStatus { conditions: Some(conditions.collect()), ..NodeStatus::default() }),
            ..Node::default()
        }
    }

    #[test]
    fn conditions_become_taints() {
        let both = |key| vec![(key, "NoSchedule"), (key, "NoExecute")];
        for (conditions, unschedulable, expected) in [
            (&[("Ready", "True")][..], false, vec![]),
            (&[("Ready", "False")], false, both(NOT_READY)),
            (&[("Ready", "Unknown")], false, both(UNREACHABLE)),
            (&[], false, both(UNREACHABLE)),
            (&[("Ready", "True")], true, vec![(UNSCHEDULABLE, "NoSchedule")]),
            (
                &[("Ready", "True"), ("DiskPressure", "True"), ("MemoryPressure", "False")],
                false,
                vec![("node.kubernetes.io/disk-pressure", "NoSchedule")],
            ),
        ] {
            assert_eq!(wanted_taints(&node(conditions, unschedulable)), expected, "{conditions:?}");
        }
    }

    #[test]
    fn a_node_is_silent_only_by_our_own_clock() {
        let lifecycle = NodeLifecycle::default();
        let node = node(&[], false);
        let cache = NoCache;
        let start = Timestamp::from_second(1_000_000).expect("a time");
        assert_eq!(lifecycle.last_sign(&cache, &node, start), start);
        let later = Timestamp::from_second(1_000_060).expect("a time");
        assert_eq!(lifecycle.last_sign(&cache, &node, later), start);
        let mut alive = node;
        let beat = NodeCondition { last_heartbeat_time: Some(Time(start)), ..NodeCondition::default() };
        alive.status = Some(NodeStatus { conditions: Some(vec![beat]), ..NodeStatus::default() });
        assert_eq!(lifecycle.last_sign(&cache, &alive, later), later);
    }

    struct NoCache;

    impl Cache for NoCache {
        fn get(
            &self,
            _: &ironclad_api::GroupResource,
            _: &ObjectKey,
        ) -> Option<std::sync::Arc<ironclad_api::Entry>> {
            None
        }
        fn list(
            &self,
            _: &ironclad_api::GroupResource,
            _: Option<&str>,
        ) -> Vec<std::sync::Arc<ironclad_api::Entry>> {
            Vec::new()
        }
        fn observe(
            &self,
            _: &[ironclad_api::GroupResource],
            _: std::sync::Arc<dyn ironclad_client::Observer>,
        ) {
        }
        fn resources(&self) -> Vec<ironclad_client::CachedResource> {
            Vec::new()
        }
        fn revision(&self) -> u64 {
            0
        }
    }
}
