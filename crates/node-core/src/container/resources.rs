//! Quantities of CPU and memory as the kernel takes them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use crate::cgroup::{self, CgroupVersion, QUOTA_PERIOD_US};
use crate::qos;
use crate::resources::{self, Resources, Side};
use crate::settings::NodeSettings;
use crate::spec;

/// Limits and weights of a container or sandbox. Zero: not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinuxResources {
    /// Relative weight, cgroup v1 scale: 1024 is one core, 2 the least.
    pub cpu_shares: i64,
    /// CPU time per period, microseconds; 0 is no limit.
    pub cpu_quota_us: i64,
    /// The period, microseconds.
    pub cpu_period_us: i64,
    /// Bytes; 0 is no limit.
    pub memory_limit_bytes: i64,
    /// Bytes of memory and swap together; 0 leaves it to the runtime.
    pub memory_swap_limit_bytes: i64,
    /// -1000 to 1000; higher is killed earlier.
    pub oom_score_adj: i64,
    /// Limit per page size: (`2MB`, bytes).
    pub hugepage_limits: Vec<(String, u64)>,
    /// cgroup v2 files to write as they are.
    pub unified: BTreeMap<String, String>,
}

/// What a container may use. A limit that it does not state is that of its pod, if there is one.
pub fn of_container(settings: &NodeSettings, pod: &Pod, container: &Container) -> LinuxResources {
    let pod_spec = spec::of(pod);
    let requests = resources::of(container.resources.as_ref(), Side::Requests);
    let limits = with_pod_limits(&pod_spec, resources::of(container.resources.as_ref(), Side::Limits));
    let mut linux = linux(settings, &requests, &limits);
    linux.oom_score_adj = qos::oom_score_adj(pod, container, settings.memory_capacity_bytes);
    if settings.swap_accounting {
        linux.memory_swap_limit_bytes = linux.memory_limit_bytes;
    }
    linux.hugepage_limits = hugepages(&limits);
    linux
}

/// What a sandbox's containers may use together.
pub fn of_sandbox(settings: &NodeSettings, pod: &PodSpec) -> LinuxResources {
    let requests = resources::of_pod_without_overhead(pod, Side::Requests);
    let limits = resources::of_pod_without_overhead(pod, Side::Limits);
    linux(settings, &requests, &limits)
}

/// What a sandbox costs itself: guaranteed and limited alike.
pub fn of_overhead(settings: &NodeSettings, pod: &PodSpec) -> LinuxResources {
    if pod.overhead.is_none() {
        return LinuxResources::default();
    }
    let overhead = resources::parse(pod.overhead.as_ref());
    linux(settings, &overhead, &overhead)
}

fn linux(settings: &NodeSettings, requests: &Resources, limits: &Resources) -> LinuxResources {
    let cpu_limit = resources::milli(limits, "cpu");
    // A limit without a request is meant as both.
    let cpu_request = match requests.contains_key("cpu") {
        true => resources::milli(requests, "cpu"),
        false => cpu_limit,
    };
    let mut unified = BTreeMap::new();
    if settings.cgroups.version == CgroupVersion::V2 {
        // Out of memory, the container dies whole and not by a process of the kernel's choice.
        unified.insert("memory.oom.group".to_owned(), "1".to_owned());
    }
    LinuxResources {
        cpu_shares: cgroup::shares(cpu_request),
        cpu_quota_us: cgroup::quota_us(cpu_limit, QUOTA_PERIOD_US),
        cpu_period_us: QUOTA_PERIOD_US,
        memory_limit_bytes: resources::whole(limits, "memory"),
        unified,
        ..Default::default()
    }
}

fn with_pod_limits(pod: &PodSpec, mut limits: Resources) -> Resources {
    for (name, limit) in resources::of(pod.resources.as_ref(), Side::Limits) {
        if resources::pod_level(&name) && limits.get(&name).is_none_or(|own| own.is_zero()) {
            limits.insert(name, limit);
        }
    }
    limits
}

/// `hugepages-2Mi` is the kernel's `2MB`.
fn hugepages(limits: &Resources) -> Vec<(String, u64)> {
    let pages = limits.iter().filter_map(|(name, limit)| {
        let size = name.strip_prefix("hugepages-")?;
        let size = size.strip_suffix('i').unwrap_or(size);
        Some((format!("{size}B"), limit.value().max(0) as u64))
    });
    pages.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::tests::world::settings;
    use serde_json::{Value, json};

    #[test]
    fn amounts_become_weights_and_limits() {
        let check = |own: Value, pod_level: Value, expected: (i64, i64, i64)| {
            let spec = json!({"containers": [{"name": "a", "resources": own}], "resources": pod_level});
            let pod: Pod = serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap();
            let found = of_container(&settings(), &pod, &spec::of(&pod).containers[0]);
            let triple = (found.cpu_shares, found.cpu_quota_us, found.memory_limit_bytes);
            assert_eq!(triple, expected, "{spec}");
        };
        check(json!({}), json!({}), (2, 0, 0));
        check(json!({"requests": {"cpu": "500m"}}), json!({}), (512, 0, 0));
        check(json!({"limits": {"cpu": "500m"}}), json!({}), (512, 50_000, 0));
        check(
            json!({"limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"cpu": "100m"}}),
            json!({}),
            (102, 100_000, 67_108_864),
        );
        check(json!({"limits": {"cpu": "1m"}}), json!({}), (2, 1000, 0));
        check(json!({}), json!({"limits": {"memory": "1Mi"}}), (2, 0, 1_048_576));
    }

    #[test]
    fn huge_pages_are_named_as_the_kernel_names_them() {
        let spec = json!({"containers": [{"name": "a", "resources": {"limits": {"hugepages-2Mi": "4Mi", "hugepages-1Gi": "1Gi"}}}]});
        let pod: Pod = serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap();
        let found = of_container(&settings(), &pod, &spec::of(&pod).containers[0]);
        assert_eq!(found.hugepage_limits, [("1GB".to_owned(), 1 << 30), ("2MB".to_owned(), 4 << 20)]);
    }
}
