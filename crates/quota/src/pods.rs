//! Pods: how many, what they request and are limited to, and the scopes that single them out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Affinity, Container, Pod, PodAffinityTerm, ResourceRequirements};

use crate::amounts::{Amounts, ResourceList};
use crate::pod_resources::{self, List};
use crate::scope::Scope;

const NAMES: [&str; 10] = [
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "pods",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
/// Quotas on these make every container state them. The list is closed: it stands for a mistake of old.
const MUST_BE_STATED: [&str; 6] =
    ["cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"];
const REQUESTS: &str = "requests.";
const DEVICE_CLASS: &str = "deviceclass.resource.kubernetes.io/";

pub(crate) fn charges(name: &str) -> bool {
    let huge = name.starts_with("hugepages-") || name.starts_with("requests.hugepages-");
    NAMES.contains(&name) || huge || name.strip_prefix(REQUESTS).is_some_and(is_extended)
}

/// A resource that nodes or drivers bring: its name has a domain that is not Kubernetes' own.
fn is_extended(name: &str) -> bool {
    name.starts_with(DEVICE_CLASS) || name.contains('/') && !name.contains("kubernetes.io/")
}

/// Nothing but its count for a pod that has ended or is overdue to go.
pub(crate) fn usage(pod: &Pod, now: Timestamp) -> Amounts {
    if !is_charged(pod, now) {
        return Amounts::default();
    }
    let requests = pod_resources::total(pod, List::Requests);
    let limits = pod_resources::total(pod, List::Limits);
    named(&requests, &limits)
}

/// Whether it takes up more than its place in the store. A pod that lingers although its time to
/// go is over (its node is lost) does not keep others from being made.
pub(crate) fn is_charged(pod: &Pod, now: Timestamp) -> bool {
    if has_ended(pod) {
        return false;
    }
    let (Some(deleted), Some(grace)) =
        (&pod.metadata.deletion_timestamp, pod.metadata.deletion_grace_period_seconds)
    else {
        return true;
    };
    let grace = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
    deleted.0.checked_add(grace).map_or(true, |end| now <= end)
}

pub(crate) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Failed" | "Succeeded"))
}

/// The names under which requests and limits are charged.
fn named(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut usage = Amounts::default();
    usage.put_count("pods", 1);
    for name in requests.names() {
        let Some(amount) = requests.get(name) else { continue };
        let plain = matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
        if plain {
            usage.put(name, amount.clone());
        }
        if plain || is_extended(name) {
            usage.put(format!("{REQUESTS}{name}"), amount.clone());
        }
    }
    for name in ["cpu", "memory", "ephemeral-storage"] {
        if let Some(amount) = limits.get(name) {
            usage.put(format!("limits.{name}"), amount.clone());
        }
    }
    usage
}

/// What the pod must state because a quota counts it, and does not; in upstream's words.
pub(crate) fn constraints(pod: &Pod, required: &[&str]) -> Result<(), String> {
    let Some(spec) = &pod.spec else { return Ok(()) };
    if pod_resources::states_pod_level(spec) {
        return Ok(());
    }
    let required: BTreeSet<&str> =
        required.iter().copied().filter(|name| MUST_BE_STATED.contains(name)).collect();
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
        let stated = stated(container);
        for name in required.iter().copied().filter(|name| stated.get(name).is_none()) {
            missing.entry(name).or_default().insert(&container.name);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let list = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(",");
    let parts: Vec<_> =
        missing.iter().map(|(name, where_)| format!("{name} for: {}", list(where_))).collect();
    Err(format!("must specify {}", parts.join("; ")))
}

fn stated(container: &Container) -> Amounts {
    let of = |list: List| Amounts::of(list.of(container.resources.as_ref()));
    named(&of(List::Requests), &of(List::Limits))
}

pub(crate) fn in_scope(pod: &Pod, scope: &Scope) -> bool {
    match scope.name.as_str() {
        "Terminating" => is_terminating(pod),
        "NotTerminating" => !is_terminating(pod),
        "BestEffort" => is_best_effort(pod),
        "NotBestEffort" => !is_best_effort(pod),
        "PriorityClass" => scope.picks(priority_class(pod)),
        "CrossNamespacePodAffinity" => looks_beyond_its_namespace(pod),
        _ => false,
    }
}

/// Its time is limited: it is meant to end.
pub(crate) fn is_terminating(pod: &Pod) -> bool {
    let deadline = pod.spec.as_ref().and_then(|spec| spec.active_deadline_seconds);
    deadline.is_some_and(|seconds| seconds >= 0)
}

fn priority_class(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.priority_class_name.as_deref()).unwrap_or_default()
}

/// By its status where that says so, by its requests and limits before.
fn is_best_effort(pod: &Pod) -> bool {
    let told = pod.status.as_ref().and_then(|status| status.qos_class.as_deref());
    if let Some(class) = told.filter(|class| !class.is_empty()) {
        return class == "BestEffort";
    }
    let Some(spec) = &pod.spec else { return true };
    let counts = |list: Option<&ResourceList>| {
        let amounts = Amounts::of(list);
        ["cpu", "memory"].iter().any(|name| amounts.get(name).is_some_and(|amount| amount.sign() > 0))
    };
    let both = |resources| [List::Requests, List::Limits].iter().any(|list| counts(list.of(resources)));
    if pod_resources::states_pod_level(spec) {
        return !both(spec.resources.as_ref());
    }
    let mut containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    !containers.any(|container| both(container.resources.as_ref()))
}

fn looks_beyond_its_namespace(pod: &Pod) -> bool {
    let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref());
    affinity.is_some_and(|affinity| terms(affinity).any(names_namespaces))
}

fn terms(affinity: &Affinity) -> impl Iterator<Item = &PodAffinityTerm> {
    let towards = affinity.pod_affinity.as_ref().map(|affinity| {
        (
            &affinity.required_during_scheduling_ignored_during_execution,
            &affinity.preferred_during_scheduling_ignored_during_execution,
        )
    });
    let away = affinity.pod_anti_affinity.as_ref().map(|affinity| {
        (
            &affinity.required_during_scheduling_ignored_during_execution,
            &affinity.preferred_during_scheduling_ignored_during_execution,
        )
    });
    towards.into_iter().chain(away).flat_map(|(required, preferred)| {
        let preferred = preferred.iter().flatten().map(|weighted| &weighted.pod_affinity_term);
        required.iter().flatten().chain(preferred)
    })
}

fn names_namespaces(term: &PodAffinityTerm) -> bool {
    term.namespace_selector.is_some() || term.namespaces.as_ref().is_some_and(|list| !list.is_empty())
}

/// What its node has given to each container, which a resize changes.
pub(crate) fn given(pod: &Pod) -> Vec<(&str, Option<&ResourceRequirements>)> {
    let status = pod.status.as_ref();
    let lists = status.map(|status| [&status.container_statuses, &status.init_container_statuses]);
    let statuses = lists.into_iter().flatten().flatten().flatten();
    statuses.map(|status| (status.name.as_str(), status.resources.as_ref())).collect()
}
