//! Amounts of resources in plain numbers, and what a pod asks for.
//!
//! Source: `k8s.io/component-helpers/resource`, KEP-753 (sidecars), KEP-2837 (pod-level resources),
//! KEP-1287 (in-place resize).

use std::collections::BTreeMap;

use ironclad_api::quantity::Quantity;
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

/// A resource list as objects carry it.
pub type ResourceList = BTreeMap<String, Text>;

/// CPU in thousandths of a core, everything else in whole units (bytes, pieces).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    pub milli_cpu: i64,
    pub memory: i64,
    pub ephemeral_storage: i64,
    /// Extended resources and huge pages. No entry is zero.
    pub scalar: BTreeMap<String, i64>,
}

/// What a container without a request is counted as when nodes are scored, so that pods that ask
/// for nothing do not all end up on one node.
const ASSUMED: Amounts =
    Amounts { milli_cpu: 100, memory: 200 * 1024 * 1024, ephemeral_storage: 0, scalar: BTreeMap::new() };

impl Amounts {
    /// What is no quantity counts as zero (the API refuses such); `pods` is counted elsewhere.
    pub fn of(list: Option<&ResourceList>) -> Self {
        let mut amounts = Self::default();
        for (name, text) in list.into_iter().flatten() {
            amounts.put(name, &Quantity::parse(&text.0).unwrap_or_default());
        }
        amounts
    }

    fn put(&mut self, name: &str, quantity: &Quantity) {
        match name {
            "cpu" => self.milli_cpu = quantity.milli_value(),
            "memory" => self.memory = quantity.value(),
            "ephemeral-storage" => self.ephemeral_storage = quantity.value(),
            "pods" => {}
            _ if quantity.value() == 0 => drop(self.scalar.remove(name)),
            _ => drop(self.scalar.insert(name.to_owned(), quantity.value())),
        }
    }

    pub fn is_zero(&self) -> bool {
        self.milli_cpu == 0 && self.memory == 0 && self.ephemeral_storage == 0 && self.scalar.is_empty()
    }

    pub fn scalar(&self, name: &str) -> i64 {
        self.scalar.get(name).copied().unwrap_or(0)
    }

    pub fn add(&mut self, more: &Self) {
        self.combine(more, i64::saturating_add);
    }

    pub fn subtract(&mut self, less: &Self) {
        self.combine(less, i64::saturating_sub);
    }

    /// The larger of the two, resource by resource.
    pub fn raise(&mut self, floor: &Self) {
        self.combine(floor, i64::max);
    }

    fn combine(&mut self, other: &Self, with: fn(i64, i64) -> i64) {
        self.milli_cpu = with(self.milli_cpu, other.milli_cpu);
        self.memory = with(self.memory, other.memory);
        self.ephemeral_storage = with(self.ephemeral_storage, other.ephemeral_storage);
        for (name, amount) in &other.scalar {
            let combined = with(self.scalar(name), *amount);
            match combined {
                0 => drop(self.scalar.remove(name)),
                amount => drop(self.scalar.insert(name.clone(), amount)),
            }
        }
    }
}

/// How the requests of a pod are summed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// What is asked for.
    Asked,
    /// Containers that ask for no CPU or memory count with [`ASSUMED`]; for scoring.
    NonZero,
}

/// What the pod takes of a node: its containers and sidecars together, or the most that any init
/// container needs beside the sidecars before it; what the pod itself states instead; and overhead.
/// Where a resize is under way, the larger of what is wanted and what is given.
pub fn pod_requests(pod: &Pod, count: Count) -> Amounts {
    let Some(spec) = &pod.spec else { return Amounts::default() };
    let given = Given::of(pod.status.as_ref());
    let mut total = containers(spec, &given, count);
    pod_level(&mut total, spec);
    total.add(&Amounts::of(spec.overhead.as_ref()));
    total
}

fn containers(spec: &PodSpec, given: &Given<'_>, count: Count) -> Amounts {
    let mut running = Amounts::default();
    for container in &spec.containers {
        running.add(&given.requests(container, count));
    }
    let (mut sidecars, mut peak) = (Amounts::default(), Amounts::default());
    for container in spec.init_containers.iter().flatten() {
        if is_sidecar(container) {
            let own = given.requests(container, count);
            running.add(&own);
            sidecars.add(&own);
            peak.raise(&sidecars);
        } else {
            let mut beside = with_assumed(container, count);
            beside.add(&sidecars);
            peak.raise(&beside);
        }
    }
    running.raise(&peak);
    running
}

/// An init container that runs on beside the others.
pub fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn pod_level(total: &mut Amounts, spec: &PodSpec) {
    let stated = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    for (name, text) in stated.into_iter().flatten() {
        if name == "cpu" || name == "memory" || name.starts_with("hugepages-") {
            total.put(name, &Quantity::parse(&text.0).unwrap_or_default());
        }
    }
}

fn stated(container: &Container) -> Option<&ResourceList> {
    container.resources.as_ref().and_then(|resources| resources.requests.as_ref())
}

fn with_assumed(container: &Container, count: Count) -> Amounts {
    let list = stated(container);
    let mut amounts = Amounts::of(list);
    let missing = |name: &str| count == Count::NonZero && list.is_none_or(|list| !list.contains_key(name));
    if missing("cpu") {
        amounts.milli_cpu = ASSUMED.milli_cpu;
    }
    if missing("memory") {
        amounts.memory = ASSUMED.memory;
    }
    amounts
}

/// What the node says that containers have been given.
struct Given<'a> {
    status: Option<&'a PodStatus>,
    /// The node refuses the resize for good: what is wanted does not count.
    infeasible: bool,
}

impl<'a> Given<'a> {
    fn of(status: Option<&'a PodStatus>) -> Self {
        let conditions = status.and_then(|status| status.conditions.as_ref());
        let pending = conditions.into_iter().flatten().find(|c| c.type_ == "PodResizePending");
        let infeasible = pending.is_some_and(|c| c.reason.as_deref() == Some("Infeasible"));
        Self { status, infeasible }
    }

    fn requests(&self, container: &Container, count: Count) -> Amounts {
        let wanted = with_assumed(container, count);
        let Some(status) = self.container(&container.name) else { return wanted };
        let Some(resources) = &status.resources else { return wanted };
        let mut given = Amounts::of(resources.requests.as_ref());
        given.raise(&Amounts::of(status.allocated_resources.as_ref()));
        if !self.infeasible {
            given.raise(&wanted);
        }
        given
    }

    fn container(&self, name: &str) -> Option<&'a ContainerStatus> {
        let status = self.status?;
        let all = [&status.container_statuses, &status.init_container_statuses];
        all.into_iter().flatten().flatten().find(|status| status.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(what: &str, pod: Value, milli_cpu: i64, non_zero_milli_cpu: i64) {
        let pod: Pod = serde_json::from_value(pod).unwrap();
        assert_eq!(pod_requests(&pod, Count::Asked).milli_cpu, milli_cpu, "{what}");
        assert_eq!(pod_requests(&pod, Count::NonZero).milli_cpu, non_zero_milli_cpu, "{what}, non-zero");
    }

    fn container(name: &str, cpu: &str) -> Value {
        json!({"name": name, "resources": {"requests": {"cpu": cpu}}})
    }

    fn sidecar(name: &str, cpu: &str) -> Value {
        json!({"name": name, "restartPolicy": "Always", "resources": {"requests": {"cpu": cpu}}})
    }

    #[test]
    fn a_pod_asks_for_the_most_it_needs_at_any_time() {
        let spec = |what, spec: Value, asked, non_zero| check(what, json!({"spec": spec}), asked, non_zero);
        spec("nothing", json!({"containers": [{"name": "a"}, {"name": "b"}]}), 0, 200);
        spec("an explicit zero stays", json!({"containers": [container("a", "0")]}), 0, 0);
        spec("sum", json!({"containers": [container("a", "100m"), container("b", "200m")]}), 300, 300);
        spec(
            "init is larger",
            json!({"containers": [container("a", "100m")], "initContainers": [container("i", "1")]}),
            1000,
            1000,
        );
        spec(
            "sidecars before an init container count beside it",
            json!({"containers": [container("a", "100m")],
                   "initContainers": [sidecar("s", "200m"), container("i", "1"), sidecar("t", "1")]}),
            1300,
            1300,
        );
        spec(
            "overhead",
            json!({"containers": [container("a", "100m")], "overhead": {"cpu": "50m"}}),
            150,
            150,
        );
        spec(
            "the pod's own word",
            json!({"containers": [{"name": "a"}], "resources": {"requests": {"cpu": "2"}}}),
            2000,
            2000,
        );
    }

    #[test]
    fn a_resize_counts_at_its_largest_until_it_is_done() {
        let pod = |reason: &str| {
            json!({
                "spec": {"containers": [container("a", "2")]},
                "status": {
                    "containerStatuses": [{
                        "name": "a", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                        "resources": {"requests": {"cpu": "500m"}},
                        "allocatedResources": {"cpu": "1"},
                    }],
                    "conditions": [{"type": "PodResizePending", "status": "True", "reason": reason}],
                },
            })
        };
        check("deferred", pod("Deferred"), 2000, 2000);
        check("infeasible", pod("Infeasible"), 1000, 1000);
    }

    #[test]
    fn taking_away_undoes_adding() {
        let list: ResourceList =
            serde_json::from_value(json!({"cpu": "1", "memory": "1Gi", "example.com/gpu": "2", "pods": "3"}))
                .unwrap();
        let amounts = Amounts::of(Some(&list));
        let mut total = Amounts::default();
        total.add(&amounts);
        total.add(&amounts);
        assert_eq!(total.scalar("example.com/gpu"), 4);
        total.subtract(&amounts);
        total.subtract(&amounts);
        assert_eq!(total, Amounts::default());
        assert!(total.is_zero());
    }
}
