//! The names and values of the cgroups that hold pods (kubelet's `cm`).
//!
//! `/kubepods` holds all pods; below it `burstable` and `besteffort` hold theirs and guaranteed pods stand
//! directly. Each pod has one cgroup, parent of those that the runtime makes for its containers.

use k8s_openapi::api::core::v1::Pod;

use crate::qos::{self, Qos};
use crate::resources::{self, Side};
use crate::spec;

/// How the node's cgroups are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupLayout {
    pub version: CgroupVersion,
    pub driver: CgroupDriver,
    /// The cgroup that holds all pods, as a path with `/`: `/kubepods`.
    pub root: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupVersion {
    /// One hierarchy per controller, or hybrid.
    V1,
    V2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupDriver {
    Cgroupfs,
    Systemd,
}

/// One cgroup and what to write into it. `None` leaves a value alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupConfig {
    /// As the driver spells it, below the hierarchy's root.
    pub path: String,
    /// cgroup v1 scale; [`weight`] converts.
    pub cpu_shares: Option<u64>,
    /// Microseconds per period; 0 or -1 is no limit.
    pub cpu_quota_us: Option<i64>,
    pub cpu_period_us: Option<u64>,
    /// Bytes; 0 is no limit.
    pub memory_limit_bytes: Option<i64>,
}

/// Limits of the kernel's scheduler.
pub const MIN_SHARES: i64 = 2;
pub const MAX_SHARES: i64 = 262_144;
const SHARES_PER_CPU: i64 = 1024;
/// The period CPU limits are counted over, microseconds.
pub const QUOTA_PERIOD_US: i64 = 100_000;
/// The least quota the kernel takes, microseconds.
const MIN_QUOTA_US: i64 = 1000;

/// The weight of a CPU request on cgroup v1's scale.
pub fn shares(cpu_milli: i64) -> i64 {
    (cpu_milli.max(0).saturating_mul(SHARES_PER_CPU) / 1000).clamp(MIN_SHARES, MAX_SHARES)
}

/// The CPU time per period of a CPU limit, microseconds; 0 for no limit.
pub fn quota_us(cpu_milli: i64, period_us: i64) -> i64 {
    if cpu_milli == 0 { 0 } else { (cpu_milli.saturating_mul(period_us) / 1000).max(MIN_QUOTA_US) }
}

/// cgroup v1 shares on cgroup v2's scale of 1 to 10000, as kubelet converts them (KEP-2254). Linear, so that
/// pods weigh against each other as their requests do; runtimes convert for containers by a curve of their
/// own.
pub fn weight(shares: u64) -> u64 {
    let shares = shares.clamp(MIN_SHARES as u64, MAX_SHARES as u64);
    1 + (shares - 2) * 9999 / 262_142
}

impl CgroupLayout {
    /// The cgroup of all pods of a class.
    pub fn qos_path(&self, class: Qos) -> String {
        self.spell(&self.qos_parts(class))
    }

    /// The cgroup of one pod: what CRI calls its cgroup parent.
    pub fn pod_path(&self, pod: &Pod) -> String {
        let mut parts = self.qos_parts(qos::class(pod));
        parts.push(format!("pod{}", spec::uid(pod)));
        self.spell(&parts)
    }

    fn qos_parts(&self, class: Qos) -> Vec<String> {
        let mut parts: Vec<_> = self.root.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        match class {
            Qos::Guaranteed => {}
            Qos::Burstable => parts.push("burstable".to_owned()),
            Qos::BestEffort => parts.push("besteffort".to_owned()),
        }
        parts
    }

    /// cgroupfs: the path. systemd: the name of the innermost slice, in which `-` stands for nesting, so
    /// that the dashes of a uid become `_`.
    fn spell(&self, parts: &[String]) -> String {
        match self.driver {
            CgroupDriver::Cgroupfs => format!("/{}", parts.join("/")),
            CgroupDriver::Systemd => {
                let escaped: Vec<_> = parts.iter().map(|p| p.replace('-', "_")).collect();
                format!("{}.slice", escaped.join("-"))
            }
        }
    }

    /// A pod's cgroup with the values its requests and limits ask for.
    pub fn pod(&self, pod: &Pod) -> CgroupConfig {
        let spec = spec::of(pod);
        let requests = resources::of_pod(&spec, Side::Requests);
        let limits = resources::of_pod(&spec, Side::Limits);
        let class = qos::class(pod);
        let bounded = |name| match class {
            Qos::Guaranteed => true,
            Qos::Burstable => resources::limits_declared(&spec, name),
            Qos::BestEffort => false,
        };
        let cpu_shares = match class {
            Qos::BestEffort => MIN_SHARES,
            _ => shares(resources::milli(&requests, "cpu")),
        };
        CgroupConfig {
            path: self.pod_path(pod),
            cpu_shares: Some(cpu_shares as u64),
            cpu_quota_us: bounded("cpu").then(|| quota_us(resources::milli(&limits, "cpu"), QUOTA_PERIOD_US)),
            cpu_period_us: bounded("cpu").then_some(QUOTA_PERIOD_US as u64),
            memory_limit_bytes: bounded("memory").then(|| resources::whole(&limits, "memory")),
        }
    }

    /// The three cgroups that hold pods: the root, sized to what pods may use, and the two classes, whose
    /// weight follows their pods' requests.
    pub fn parents<'a>(
        &self,
        allocatable_cpu_milli: i64,
        allocatable_memory_bytes: i64,
        pods: impl IntoIterator<Item = &'a Pod>,
    ) -> [CgroupConfig; 3] {
        let burstable_milli: i64 = pods
            .into_iter()
            .filter(|pod| qos::class(pod) == Qos::Burstable)
            .map(|pod| resources::milli(&resources::of_pod(&spec::of(pod), Side::Requests), "cpu"))
            .fold(0, i64::saturating_add);
        let weighed = |class, shares: i64| CgroupConfig {
            path: self.qos_path(class),
            cpu_shares: Some(shares as u64),
            ..Default::default()
        };
        [
            CgroupConfig {
                memory_limit_bytes: Some(allocatable_memory_bytes),
                ..weighed(Qos::Guaranteed, shares(allocatable_cpu_milli))
            },
            weighed(Qos::Burstable, shares(burstable_milli)),
            weighed(Qos::BestEffort, MIN_SHARES),
        ]
    }
}

impl CgroupConfig {
    /// The files of a cgroup v2 directory and what they are to say.
    pub fn files_v2(&self) -> Vec<(&'static str, String)> {
        let mut files = Vec::new();
        if let Some(shares) = self.cpu_shares {
            files.push(("cpu.weight", weight(shares).to_string()));
        }
        if let Some(quota) = self.cpu_quota_us {
            let quota = if quota > 0 { quota.to_string() } else { "max".to_owned() };
            files.push(("cpu.max", format!("{quota} {}", self.period())));
        }
        if let Some(limit) = self.memory_limit_bytes {
            files.push(("memory.max", if limit > 0 { limit.to_string() } else { "max".to_owned() }));
        }
        files
    }

    /// The controllers of cgroup v1, their files and what they are to say.
    pub fn files_v1(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut files = Vec::new();
        if let Some(shares) = self.cpu_shares {
            files.push(("cpu", "cpu.shares", shares.to_string()));
        }
        if let Some(quota) = self.cpu_quota_us {
            files.push(("cpu", "cpu.cfs_period_us", self.period().to_string()));
            files.push(("cpu", "cpu.cfs_quota_us", if quota > 0 { quota } else { -1 }.to_string()));
        }
        if let Some(limit) = self.memory_limit_bytes {
            let limit = if limit > 0 { limit } else { -1 };
            files.push(("memory", "memory.limit_in_bytes", limit.to_string()));
        }
        files
    }

    fn period(&self) -> u64 {
        self.cpu_period_us.unwrap_or(QUOTA_PERIOD_US as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn layout(driver: CgroupDriver) -> CgroupLayout {
        CgroupLayout { version: CgroupVersion::V2, driver, root: "/kubepods".to_owned() }
    }

    fn pod(resources: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"uid": "1234-abc"},
            "spec": {"containers": [{"name": "a", "resources": resources}]},
        }))
        .unwrap()
    }

    #[test]
    fn paths_follow_the_class_and_the_driver() {
        let check = |driver, resources: Value, expected: &str| {
            assert_eq!(layout(driver).pod_path(&pod(resources)), expected);
        };
        let full = json!({"cpu": "1", "memory": "1Gi"});
        use CgroupDriver::*;
        check(Cgroupfs, json!({}), "/kubepods/besteffort/pod1234-abc");
        check(Cgroupfs, json!({"requests": {"cpu": "1"}}), "/kubepods/burstable/pod1234-abc");
        check(Cgroupfs, json!({"requests": full, "limits": full}), "/kubepods/pod1234-abc");
        check(Systemd, json!({}), "kubepods-besteffort-pod1234_abc.slice");
        check(Systemd, json!({"requests": full, "limits": full}), "kubepods-pod1234_abc.slice");
    }

    #[test]
    fn cpu_converts_as_upstream_converts_it() {
        for (milli, expected) in [(0, 2), (1, 2), (2, 2), (100, 102), (1000, 1024), (300_000_000, 262_144)] {
            assert_eq!(shares(milli), expected, "{milli}m");
        }
        for (milli, expected) in [(0, 0), (1, 1000), (5, 1000), (10, 1000), (200, 20_000), (1500, 150_000)] {
            assert_eq!(quota_us(milli, QUOTA_PERIOD_US), expected, "{milli}m");
        }
        for (shares, expected) in [(0, 1), (2, 1), (1024, 39), (262_144, 10_000), (102, 4), (512, 20)] {
            assert_eq!(weight(shares), expected, "{shares} shares");
        }
    }

    #[test]
    fn values_are_bounded_only_where_every_container_is() {
        let config = |resources| layout(CgroupDriver::Cgroupfs).pod(&pod(resources));
        let full = json!({"cpu": "500m", "memory": "64Mi"});
        let guaranteed = config(json!({"requests": full, "limits": full}));
        assert_eq!(
            guaranteed.files_v2(),
            [
                ("cpu.weight", "20".into()),
                ("cpu.max", "50000 100000".into()),
                ("memory.max", "67108864".into())
            ]
        );
        assert_eq!(
            guaranteed.files_v1(),
            [
                ("cpu", "cpu.shares", "512".to_owned()),
                ("cpu", "cpu.cfs_period_us", "100000".to_owned()),
                ("cpu", "cpu.cfs_quota_us", "50000".to_owned()),
                ("memory", "memory.limit_in_bytes", "67108864".to_owned()),
            ]
        );
        let burstable = config(json!({"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}));
        assert_eq!((burstable.cpu_quota_us, burstable.memory_limit_bytes), (Some(200_000), None));
        let best_effort = config(json!({}));
        assert_eq!((best_effort.cpu_shares, best_effort.cpu_quota_us), (Some(2), None));
    }

    #[test]
    fn the_burstable_cgroup_weighs_what_its_pods_ask_for() {
        let pods = [
            pod(json!({"requests": {"cpu": "1"}})),
            pod(json!({"requests": {"cpu": "500m"}})),
            pod(json!({})),
        ];
        let [root, burstable, best_effort] = layout(CgroupDriver::Cgroupfs).parents(4000, 1 << 30, &pods);
        assert_eq!((root.path.as_str(), root.cpu_shares), ("/kubepods", Some(4096)));
        assert_eq!((burstable.path.as_str(), burstable.cpu_shares), ("/kubepods/burstable", Some(1536)));
        assert_eq!((best_effort.path.as_str(), best_effort.cpu_shares), ("/kubepods/besteffort", Some(2)));
    }
}
