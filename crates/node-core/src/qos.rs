//! A pod's quality-of-service class and what follows from it for the kernel's OOM killer.

use std::collections::BTreeMap;

use ironclad_api::quantity::Quantity;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ResourceRequirements};

use crate::resources::{self, Resources, Side};
use crate::spec;

/// `status.qosClass`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    BestEffort,
    Burstable,
    Guaranteed,
}

impl Qos {
    pub fn as_str(self) -> &'static str {
        match self {
            Qos::BestEffort => "BestEffort",
            Qos::Burstable => "Burstable",
            Qos::Guaranteed => "Guaranteed",
        }
    }
}

/// The class the API recorded when the pod was created, or else what the spec makes it.
pub fn class(pod: &Pod) -> Qos {
    match pod.status.as_ref().and_then(|s| s.qos_class.as_deref()) {
        Some("BestEffort") => Qos::BestEffort,
        Some("Burstable") => Qos::Burstable,
        Some("Guaranteed") => Qos::Guaranteed,
        _ => of_spec(&spec::of(pod)),
    }
}

/// Guaranteed if CPU and memory limits are set everywhere and equal the requests, BestEffort if no
/// container asks for either, Burstable otherwise. Requirements of the pod itself take precedence.
pub fn of_spec(pod: &PodSpec) -> Qos {
    let parts: Vec<Option<&ResourceRequirements>> = match resources::pod_level_set(pod) {
        true => vec![pod.resources.as_ref()],
        false => {
            pod.containers.iter().chain(spec::init_containers(pod)).map(|c| c.resources.as_ref()).collect()
        }
    };
    let mut requests = Sums::new();
    let mut limits = Sums::new();
    let mut all_limited = true;
    for part in parts {
        add(&mut requests, &resources::of(part, Side::Requests));
        all_limited &= add(&mut limits, &resources::of(part, Side::Limits)) == COMPUTE.len();
    }
    if requests.is_empty() && limits.is_empty() {
        Qos::BestEffort
    } else if all_limited && requests == limits {
        Qos::Guaranteed
    } else {
        Qos::Burstable
    }
}

type Sums = BTreeMap<&'static str, Quantity>;

const COMPUTE: [&str; 2] = ["cpu", "memory"];

/// Adds what a list has of CPU and memory; returns how many of them it has.
fn add(sums: &mut Sums, list: &Resources) -> usize {
    let mut found = 0;
    for name in COMPUTE {
        if let Some(amount) = list.get(name).filter(|amount| amount.sign() > 0) {
            *sums.entry(name).or_default() += amount;
            found += 1;
        }
    }
    found
}

const GUARANTEED_ADJ: i64 = -997;
const BEST_EFFORT_ADJ: i64 = 1000;

/// Pods of this priority or more are as precious to their node as the agent is.
const SYSTEM_CRITICAL_PRIORITY: i32 = 2_000_001_000;

/// How early the kernel kills a container when memory runs out: -997 for guaranteed and node-critical pods,
/// 1000 for best-effort ones; in between, the smaller the part of the node's memory that a container asked
/// for, the earlier.
pub fn oom_score_adj(pod: &Pod, container: &Container, capacity_bytes: i64) -> i64 {
    let pod_spec = spec::of(pod);
    if pod_spec.priority.is_some_and(|p| p >= SYSTEM_CRITICAL_PRIORITY) {
        return GUARANTEED_ADJ;
    }
    match class(pod) {
        Qos::Guaranteed => GUARANTEED_ADJ,
        Qos::BestEffort => BEST_EFFORT_ADJ,
        Qos::Burstable => burstable_adj(&pod_spec, container, capacity_bytes.max(1)),
    }
}

fn burstable_adj(pod: &PodSpec, container: &Container, capacity_bytes: i64) -> i64 {
    let spare = spare_per_container(pod);
    let adj_for =
        |request: i64| 1000 - 1000_i64.saturating_mul(request.saturating_add(spare)) / capacity_bytes;
    let mut adj = adj_for(memory_request(container));
    let is_sidecar =
        spec::is_sidecar(container) && spec::init_containers(pod).iter().any(|c| c.name == container.name);
    if is_sidecar {
        // A sidecar is not killed before the containers it serves.
        let least = pod.containers.iter().map(memory_request).min().unwrap_or(0);
        adj = adj.min(adj_for(least));
    }
    adj.clamp(1000 + GUARANTEED_ADJ, BEST_EFFORT_ADJ - 1)
}

fn memory_request(container: &Container) -> i64 {
    resources::whole(&resources::of(container.resources.as_ref(), Side::Requests), "memory")
}

/// What the pod's own memory request leaves beyond those of its containers, in equal parts.
fn spare_per_container(pod: &PodSpec) -> i64 {
    let own = resources::of(pod.resources.as_ref(), Side::Requests);
    let Some(own) = own.get("memory") else { return 0 };
    let sidecars = spec::init_containers(pod).iter().filter(|c| spec::is_sidecar(c));
    let parts: Vec<i64> = pod.containers.iter().chain(sidecars).map(memory_request).collect();
    let spare = parts.iter().fold(own.value(), |left, part| left.saturating_sub(*part));
    if parts.is_empty() { 0 } else { spare.max(0) / parts.len() as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(spec: Value) -> Pod {
        serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()
    }

    fn one(resources: Value) -> Value {
        json!({"containers": [{"name": "a", "resources": resources}]})
    }

    #[test]
    fn the_class_follows_from_requests_and_limits() {
        let check = |expected: Qos, spec: Value| assert_eq!(class(&pod(spec.clone())), expected, "{spec}");
        let full = json!({"cpu": "1", "memory": "1Gi"});
        check(Qos::BestEffort, one(json!({})));
        check(Qos::BestEffort, one(json!({"requests": {"example.com/gpu": "1"}})));
        check(Qos::BestEffort, one(json!({"requests": {"cpu": "0"}})));
        check(Qos::Guaranteed, one(json!({"requests": full, "limits": full})));
        check(
            Qos::Guaranteed,
            one(json!({"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": full})),
        );
        check(Qos::Burstable, one(json!({"requests": {"cpu": "1"}, "limits": full})));
        check(Qos::Burstable, one(json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}})));
        check(
            Qos::Burstable,
            json!({"containers": [{"name": "a", "resources": {"requests": full, "limits": full}}, {"name": "b"}]}),
        );
        check(
            Qos::Burstable,
            json!({"containers": [{"name": "a", "resources": {"requests": full, "limits": full}}],
                   "initContainers": [{"name": "i"}]}),
        );
        check(
            Qos::Guaranteed,
            json!({"containers": [{"name": "a"}], "resources": {"requests": full, "limits": full}}),
        );
    }

    #[test]
    fn the_less_a_burstable_container_asked_for_the_earlier_it_is_killed() {
        let check = |expected: i64, spec: Value| {
            let pod = pod(spec.clone());
            let main = spec::of(&pod).containers[0].clone();
            assert_eq!(oom_score_adj(&pod, &main, 4_000_000_000), expected, "{spec}");
        };
        let full = json!({"cpu": "1", "memory": "1G"});
        check(1000, one(json!({})));
        check(-997, one(json!({"requests": full, "limits": full})));
        check(999, one(json!({"requests": {"cpu": "1"}})));
        check(750, one(json!({"requests": {"memory": "1G"}})));
        check(3, one(json!({"requests": {"memory": "4G"}})));
        check(-997, json!({"containers": [{"name": "a"}], "priority": 2_000_001_000}));
    }

    #[test]
    fn a_sidecar_is_killed_no_earlier_than_what_it_serves() {
        let pod = pod(json!({
            "containers": [{"name": "a", "resources": {"requests": {"memory": "1G"}}}],
            "initContainers": [{"name": "s", "restartPolicy": "Always"}],
        }));
        let sidecar = spec::init_containers(&spec::of(&pod))[0].clone();
        assert_eq!(oom_score_adj(&pod, &sidecar, 4_000_000_000), 750);
    }
}
