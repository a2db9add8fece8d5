//! Taint eviction: pods that do not tolerate a `NoExecute` taint of their node are
//! deleted, at once or after the `tolerationSeconds` of those that tolerate it for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use ironclad_api::{ObjectKey, time};
use ironclad_client::typed::CacheExt;
use ironclad_client::{Cache, PatchKind};
use ironclad_control::{Controller, EventRecord, EventType, Plan, View, Watch, Write};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};
use serde_json::json;

use crate::node_selector::tolerates;
use crate::ownership::{event_reference, key_of};
use crate::pods;
use crate::resources::{NODES, PODS};

pub struct TaintEviction;

impl Controller for TaintEviction {
    fn name(&self) -> &'static str {
        "node-controller"
    }

    /// The key is a node.
    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::itself(NODES.group_resource()),
            Watch::new(PODS.group_resource(), |change, cache| {
                let node =
                    change.new.as_ref().and_then(|entry| entry.field("spec.nodeName").map(str::to_owned));
                let node = node.filter(|node| !node.is_empty()).map(ObjectKey::cluster);
                node.filter(|node| has_no_execute(cache, node)).into_iter().collect()
            }),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let Some(node) = view.cache.get_as::<Node>(&NODES.group_resource(), key) else { return plan };
        let taints = no_execute(&node);
        if taints.is_empty() {
            return plan;
        }
        for pod in pods::on_node(view.cache, &key.name) {
            if pod.metadata.deletion_timestamp.is_some() {
                continue;
            }
            match stays_until(&pod, &taints, now) {
                Stay::Forever => {}
                Stay::Until(end) if end > now => {
                    plan.requeue_in(Duration::try_from(end.duration_since(now)).unwrap_or_default());
                }
                Stay::Until(_) => evict(&pod, now, &mut plan),
            }
        }
        plan
    }
}

fn no_execute(node: &Node) -> Vec<&Taint> {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    taints.filter(|taint| taint.effect == "NoExecute").collect()
}

fn has_no_execute(cache: &dyn Cache, node: &ObjectKey) -> bool {
    cache.get_as::<Node>(&NODES.group_resource(), node).is_some_and(|node| !no_execute(&node).is_empty())
}

#[derive(Debug, PartialEq, Eq)]
enum Stay {
    Forever,
    Until(Timestamp),
}

/// How long the pod may stay: the shortest of the tolerations that the taints need.
fn stays_until(pod: &Pod, taints: &[&Taint], now: Timestamp) -> Stay {
    let tolerations: Vec<&Toleration> =
        pod.spec.iter().flat_map(|spec| spec.tolerations.iter().flatten()).collect();
    let mut stay = Stay::Forever;
    for taint in taints {
        let mut tolerating = tolerations.iter().filter(|toleration| tolerates(toleration, taint)).peekable();
        if tolerating.peek().is_none() {
            return Stay::Until(now);
        }
        let seconds = tolerating.filter_map(|toleration| toleration.toleration_seconds).min();
        let Some(seconds) = seconds else { continue };
        let since = taint.time_added.as_ref().map_or(now, |time| time.0);
        let end = since.checked_add(SignedDuration::from_secs(seconds.max(0))).unwrap_or(Timestamp::MAX);
        stay = match stay {
            Stay::Until(sooner) if sooner <= end => Stay::Until(sooner),
            _ => Stay::Until(end),
        };
    }
    stay
}

fn evict(pod: &Pod, now: Timestamp, plan: &mut Plan) {
    let key = key_of(&pod.metadata);
    plan.and(Write::Patch {
        target: PODS.status(&key),
        kind: PatchKind::Strategic,
        patch: json!({ "metadata": { "uid": pod.metadata.uid }, "status": { "conditions": [BTreeMap::from([
            ("type", "DisruptionTarget".to_owned()),
            ("status", "True".to_owned()),
            ("reason", "DeletionByTaintManager".to_owned()),
            ("message", "Taint manager: deleting due to NoExecute taint".to_owned()),
            ("lastTransitionTime", time::format(now)),
        ])] } }),
    });
    plan.then(Write::delete(PODS.object(&key), pod.metadata.uid.clone().unwrap_or_default()));
    plan.event(EventRecord {
        regarding: event_reference("v1", "Pod", &pod.metadata),
        event_type: EventType::Normal,
        reason: "TaintManagerEviction".into(),
        note: format!("Marking for deletion Pod {key}"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::PodSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    #[test]
    fn a_pod_stays_as_long_as_its_shortest_toleration() {
        let now = Timestamp::from_second(1000).expect("a time");
        let at = |second| Stay::Until(Timestamp::from_second(second).expect("a time"));
        let taint = |key: &str| Taint {
            key: key.into(),
            effect: "NoExecute".into(),
            time_added: Some(Time(Timestamp::from_second(900).expect("a time"))),
            ..Taint::default()
        };
        let toleration = |key: &str, seconds| Toleration {
            key: Some(key.into()),
            operator: Some("Exists".into()),
            toleration_seconds: seconds,
            ..Toleration::default()
        };
        let table = [
            (vec![], vec!["a"], at(1000)),
            (vec![toleration("a", None)], vec!["a"], Stay::Forever),
            (vec![toleration("a", Some(300))], vec!["a"], at(1200)),
            (vec![toleration("a", Some(300)), toleration("b", Some(50))], vec!["a", "b"], at(950)),
            (vec![toleration("a", Some(300))], vec!["a", "b"], at(1000)),
            (vec![toleration("a", Some(-1))], vec!["a"], at(900)),
        ];
        for (tolerations, taints, expected) in table {
            let spec = PodSpec { tolerations: Some(tolerations), ..PodSpec::default() };
            let pod = Pod { spec: Some(spec), ..Pod::default() };
            let taints: Vec<_> = taints.into_iter().map(taint).collect();
            let taints: Vec<_> = taints.iter().collect();
            assert_eq!(stays_until(&pod, &taints, now), expected, "{taints:?}");
        }
    }
}
