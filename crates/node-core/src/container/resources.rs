//! Quantities of CPU and memory as the kernel takes them.

use std::collections::BTreeMap;

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
