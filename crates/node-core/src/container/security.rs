//! Who a container's processes are and what they may do.

/// The identity, rights and isolation of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerSecurity {
    pub privileged: bool,
    pub run_as_user: Option<i64>,
    /// A named user of the image; empty if the user is numeric.
    pub run_as_username: String,
    pub run_as_group: Option<i64>,
    pub supplemental_groups: Vec<i64>,
    /// `Merge` or `Strict`.
    pub supplemental_groups_policy: Option<String>,
    pub add_capabilities: Vec<String>,
    pub drop_capabilities: Vec<String>,
    pub read_only_root: bool,
    pub no_new_privs: bool,
    pub seccomp: Seccomp,
    pub apparmor: Option<AppArmor>,
    pub selinux: Option<SeLinux>,
    pub masked_paths: Vec<String>,
    pub readonly_paths: Vec<String>,
    pub network: Namespace,
    pub ipc: Namespace,
    pub pid: Namespace,
    /// With `pid` Target: the container whose processes it sees.
    pub target_id: String,
}

/// Which namespace a process lives in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Namespace {
    /// One for all containers of the pod.
    #[default]
    Pod,
    /// The container's own.
    Container,
    /// The node's.
    Node,
    /// That of another container.
    Target,
}

/// Which system calls are let through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Seccomp {
    RuntimeDefault,
    #[default]
    Unconfined,
    /// The path of a profile on the node.
    Localhost(String),
}

/// Which AppArmor profile confines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppArmor {
    RuntimeDefault,
    Unconfined,
    /// The name of a loaded profile.
    Localhost(String),
}

/// An SELinux label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeLinux {
    pub user: String,
    pub role: String,
    pub kind: String,
    pub level: String,
}
