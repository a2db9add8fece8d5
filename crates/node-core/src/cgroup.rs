//! The names and values of the cgroups that hold pods.

/// How the node's cgroups are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupLayout {
    pub version: CgroupVersion,
    pub driver: CgroupDriver,
    /// The cgroup that holds all pods, with its parents: `/kubepods`.
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
    /// Microseconds per period; -1 is no limit.
    pub cpu_quota_us: Option<i64>,
    pub cpu_period_us: Option<u64>,
    /// Bytes.
    pub memory_limit_bytes: Option<i64>,
}
