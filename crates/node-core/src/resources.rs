//! What a pod asks for, summed over its containers (`k8s.io/component-helpers/resource`, KEP-753, KEP-2837).

use std::collections::BTreeMap;

use ironclad_api::quantity::Quantity;
use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use crate::spec;

/// Amounts by resource name.
pub type Resources = BTreeMap<String, Quantity>;

/// The amounts as typed objects carry them.
pub type TextResources = BTreeMap<String, Text>;

/// Which side of the requirements to sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Requests,
    Limits,
}

/// Reads a list of amounts; what is no quantity counts as zero (the API refuses such).
pub fn parse(list: Option<&TextResources>) -> Resources {
    let pairs = list.into_iter().flatten();
    pairs.map(|(name, text)| (name.clone(), Quantity::parse(&text.0).unwrap_or_default())).collect()
}

/// The amounts as typed objects carry them.
pub fn print(list: &Resources) -> TextResources {
    list.iter().map(|(name, amount)| (name.clone(), Text(amount.to_string()))).collect()
}

/// One side of one container's requirements.
pub fn of(requirements: Option<&ResourceRequirements>, side: Side) -> Resources {
    let Some(requirements) = requirements else { return Resources::new() };
    parse(match side {
        Side::Requests => requirements.requests.as_ref(),
        Side::Limits => requirements.limits.as_ref(),
    })
}

/// An amount of a list in thousandths; zero if absent.
pub fn milli(list: &Resources, name: &str) -> i64 {
    list.get(name).map_or(0, Quantity::milli_value)
}

/// An amount of a list in whole units, rounded up; zero if absent.
pub fn whole(list: &Resources, name: &str) -> i64 {
    list.get(name).map_or(0, Quantity::value)
}

/// What the whole pod asks for: the main containers and sidecars together, or the most that any init
/// container needs beside the sidecars before it; then what the pod itself states; then overhead.
pub fn of_pod(pod: &PodSpec, side: Side) -> Resources {
    let mut total = of_containers(pod, side);
    override_with_pod_level(&mut total, pod, side);
    add_overhead(&mut total, pod, side);
    total
}

/// [`of_pod`] without `spec.overhead`.
pub fn of_pod_without_overhead(pod: &PodSpec, side: Side) -> Resources {
    let mut total = of_containers(pod, side);
    override_with_pod_level(&mut total, pod, side);
    total
}

/// The containers alone, without what the pod itself states.
fn of_containers(pod: &PodSpec, side: Side) -> Resources {
    let mut running = Resources::new();
    for container in &pod.containers {
        add(&mut running, &of(container.resources.as_ref(), side));
    }
    let mut sidecars = Resources::new();
    let mut peak = Resources::new();
    for container in spec::init_containers(pod) {
        let own = of(container.resources.as_ref(), side);
        if spec::is_sidecar(container) {
            add(&mut sidecars, &own);
            add(&mut running, &own);
            raise(&mut peak, &sidecars);
        } else {
            let mut beside = sidecars.clone();
            add(&mut beside, &own);
            raise(&mut peak, &beside);
        }
    }
    raise(&mut running, &peak);
    running
}

fn override_with_pod_level(total: &mut Resources, pod: &PodSpec, side: Side) {
    for (name, amount) in of(pod.resources.as_ref(), side) {
        if pod_level(&name) {
            total.insert(name, amount);
        }
    }
}

/// Overhead counts against limits only where there is one.
fn add_overhead(total: &mut Resources, pod: &PodSpec, side: Side) {
    let overhead = parse(pod.overhead.as_ref());
    match side {
        Side::Requests => add(total, &overhead),
        Side::Limits => {
            for (name, amount) in &overhead {
                if let Some(limit) = total.get_mut(name).filter(|limit| !limit.is_zero()) {
                    *limit += amount;
                }
            }
        }
    }
}

/// The resources that `spec.resources` may state for the whole pod.
pub fn pod_level(name: &str) -> bool {
    name == "cpu" || name == "memory" || name.starts_with("hugepages-")
}

/// Whether the pod states requirements of its own.
pub fn pod_level_set(pod: &PodSpec) -> bool {
    let of_side = |side| of(pod.resources.as_ref(), side).keys().any(|name| pod_level(name));
    of_side(Side::Requests) || of_side(Side::Limits)
}

/// Whether every container (and sidecar) has a limit on the resource, so that the pod's sum is one.
pub fn limits_declared(pod: &PodSpec, name: &str) -> bool {
    let limited =
        |c: &Container| !of(c.resources.as_ref(), Side::Limits).get(name).is_none_or(Quantity::is_zero);
    let own = of(pod.resources.as_ref(), Side::Limits);
    own.get(name).is_some_and(|limit| !limit.is_zero())
        || pod.containers.iter().chain(spec::init_containers(pod)).all(limited)
}

fn add(total: &mut Resources, more: &Resources) {
    for (name, amount) in more {
        *total.entry(name.clone()).or_default() += amount;
    }
}

fn raise(total: &mut Resources, floor: &Resources) {
    for (name, amount) in floor {
        let slot = total.entry(name.clone()).or_insert_with(|| amount.clone());
        if *slot < *amount {
            *slot = amount.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(what: &str, pod: serde_json::Value, cpu_milli: i64) {
        let pod: PodSpec = serde_json::from_value(pod).unwrap();
        assert_eq!(milli(&of_pod(&pod, Side::Requests), "cpu"), cpu_milli, "{what}");
    }

    fn container(name: &str, cpu: &str) -> serde_json::Value {
        json!({"name": name, "resources": {"requests": {"cpu": cpu}}})
    }

    fn sidecar(name: &str, cpu: &str) -> serde_json::Value {
        json!({"name": name, "restartPolicy": "Always", "resources": {"requests": {"cpu": cpu}}})
    }

    #[test]
    fn a_pod_asks_for_the_most_it_needs_at_any_time() {
        check("sum", json!({"containers": [container("a", "100m"), container("b", "200m")]}), 300);
        check(
            "init is larger",
            json!({"containers": [container("a", "100m")], "initContainers": [container("i", "1")]}),
            1000,
        );
        check(
            "sidecars before an init container count beside it",
            json!({"containers": [container("a", "100m")],
                   "initContainers": [sidecar("s", "200m"), container("i", "1"), sidecar("t", "1")]}),
            1300,
        );
        check("overhead", json!({"containers": [container("a", "100m")], "overhead": {"cpu": "50m"}}), 150);
        check(
            "the pod's own word",
            json!({"containers": [container("a", "100m")], "resources": {"requests": {"cpu": "2"}}}),
            2000,
        );
    }

    #[test]
    fn overhead_raises_only_limits_that_exist() {
        let pod: PodSpec = serde_json::from_value(json!({
            "containers": [{"name": "a", "resources": {"limits": {"cpu": "1"}}}],
            "overhead": {"cpu": "100m", "memory": "1Mi"},
        }))
        .unwrap();
        let limits = of_pod(&pod, Side::Limits);
        assert_eq!(milli(&limits, "cpu"), 1100);
        assert_eq!(limits.get("memory"), None);
    }
}
