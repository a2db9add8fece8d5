//! What a pod requests of a node, and its limits.
//!
//! Source: `k8s.io/component-helpers/resource`, KEP-753 (sidecars), KEP-2837 (pod-level resources),
//! KEP-1287 (in-place resize).

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodSpec, ResourceRequirements};

use crate::amounts::{Amounts, ResourceList};

/// The two lists of every `resources` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Requests,
    Limits,
}

impl List {
    pub(crate) fn of(self, resources: Option<&ResourceRequirements>) -> Option<&ResourceList> {
        let resources = resources?;
        match self {
            Self::Requests => resources.requests.as_ref(),
            Self::Limits => resources.limits.as_ref(),
        }
    }
}

/// The containers and sidecars together, or the most that any init container has beside the sidecars
/// before it; what the pod itself states instead; and overhead (of limits only where there are any).
pub(crate) fn total(pod: &Pod, list: List) -> Amounts {
    let Some(spec) = &pod.spec else { return Amounts::default() };
    let mut total = containers(pod, spec, list);
    total.replace(&Amounts::of(list.of(spec.resources.as_ref())).only(is_pod_level));
    let overhead = Amounts::of(spec.overhead.as_ref());
    total.add(&match list {
        List::Requests => overhead,
        List::Limits => overhead.only(|name| total.get(name).is_some_and(|limit| !limit.is_zero())),
    });
    total
}

fn containers(pod: &Pod, spec: &PodSpec, list: List) -> Amounts {
    let mut running = Amounts::default();
    for container in &spec.containers {
        running.add(&effective(pod, container, list));
    }
    let (mut sidecars, mut peak) = (Amounts::default(), Amounts::default());
    for container in spec.init_containers.iter().flatten() {
        if is_sidecar(container) {
            let own = effective(pod, container, list);
            running.add(&own);
            sidecars.add(&own);
            peak.raise(&sidecars);
        } else {
            let mut beside = Amounts::of(list.of(container.resources.as_ref()));
            beside.add(&sidecars);
            peak.raise(&beside);
        }
    }
    running.raise(&peak);
    running
}

fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// While a resize is under way the larger of what is wanted and what is given; what is wanted does
/// not count once the node has refused it for good.
fn effective(pod: &Pod, container: &Container, list: List) -> Amounts {
    let wanted = Amounts::of(list.of(container.resources.as_ref()));
    let Some(status) = status_of(pod, &container.name) else { return wanted };
    let Some(resources) = status.resources.as_ref() else { return wanted };
    let mut effective = Amounts::of(list.of(Some(resources)));
    if list == List::Requests {
        effective.raise(&Amounts::of(status.allocated_resources.as_ref()));
    }
    if !is_refused(pod) {
        effective.raise(&wanted);
    }
    effective
}

fn status_of<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let all = [&status.container_statuses, &status.init_container_statuses];
    all.into_iter().flatten().flatten().find(|status| status.name == container)
}

fn is_refused(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let pending = conditions.into_iter().flatten().find(|condition| condition.type_ == "PodResizePending");
    pending.is_some_and(|condition| condition.reason.as_deref() == Some("Infeasible"))
}

/// What may be stated for a pod as a whole.
fn is_pod_level(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || name.starts_with("hugepages-")
}

/// Whether the pod states anything as a whole.
pub(crate) fn states_pod_level(spec: &PodSpec) -> bool {
    [List::Requests, List::Limits].into_iter().any(|list| {
        list.of(spec.resources.as_ref()).is_some_and(|list| list.keys().any(|name| is_pod_level(name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(what: &str, pod: Value, requests: &str, limits: &str) {
        let pod: Pod = serde_json::from_value(pod).expect("a pod");
        assert_eq!(total(&pod, List::Requests).to_string(), requests, "{what}");
        assert_eq!(total(&pod, List::Limits).to_string(), limits, "{what}");
    }

    fn container(name: &str, cpu: &str) -> Value {
        json!({"name": name, "resources": {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}}})
    }

    #[test]
    fn a_pod_takes_the_most_it_needs_at_any_time() {
        let mut sidecar = container("s", "100m");
        sidecar["restartPolicy"] = json!("Always");
        let two = json!([container("a", "100m"), container("b", "200m")]);
        check("containers run together", json!({"spec": {"containers": two}}), "cpu=300m", "cpu=300m");
        let init = json!([container("i", "1")]);
        check(
            "init containers before them",
            json!({"spec": {"containers": two, "initContainers": init}}),
            "cpu=1",
            "cpu=1",
        );
        let init = json!([sidecar, container("i", "1")]);
        check(
            "beside the sidecars",
            json!({"spec": {"containers": two, "initContainers": init}}),
            "cpu=1100m",
            "cpu=1100m",
        );
        check(
            "overhead counts for limits that there are",
            json!({"spec": {"containers": two, "overhead": {"cpu": "1", "memory": "1Gi"}}}),
            "cpu=1300m,memory=1Gi",
            "cpu=1300m",
        );
        check(
            "the pod's own word",
            json!({"spec": {"containers": two, "resources": {"requests": {"cpu": "2"}}}}),
            "cpu=2",
            "cpu=300m",
        );
    }

    #[test]
    fn a_resize_counts_the_larger_until_it_is_refused() {
        let given = json!([{"name": "a", "image": "", "imageID": "", "ready": true, "restartCount": 0,
            "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}, "allocatedResources": {"cpu": "3"}}]);
        let pod = |reason: &str| {
            json!({"spec": {"containers": [container("a", "5")]}, "status": {"containerStatuses": given,
                "conditions": [{"type": "PodResizePending", "status": "True", "reason": reason}]}})
        };
        check("waiting", pod("Deferred"), "cpu=5", "cpu=5");
        check("refused", pod("Infeasible"), "cpu=3", "cpu=2");
    }
}
