//! What a pod's machine must know of its node.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::cgroup::CgroupLayout;
use crate::container::dns::ResolvConf;

/// The node as its pods see it. Fixed while the agent runs.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSettings {
    /// `metadata.name` of the Node.
    pub node_name: String,
    /// The node's addresses, the primary one first: at most one of each family.
    pub host_ips: Vec<IpAddr>,
    /// The runtime's name, as container ids are prefixed: `containerd`.
    pub runtime_name: String,
    /// The agent's root: `/var/lib/kubelet`.
    pub root_dir: String,
    /// Where the runtime writes the logs of pods: `/var/log/pods`.
    pub pod_logs_dir: String,
    /// Where `Localhost` seccomp profiles are looked up: `/var/lib/kubelet/seccomp`.
    pub seccomp_dir: String,
    /// The addresses of the cluster's DNS service.
    pub cluster_dns: Vec<IpAddr>,
    /// The cluster's DNS domain: `cluster.local`.
    pub cluster_domain: String,
    /// What the node's own resolv.conf says.
    pub host_resolv: ResolvConf,
    /// The node's `/etc/hosts`, which pods on the host's network see.
    pub host_hosts: String,
    pub cgroups: CgroupLayout,
    /// All memory of the node, bytes: what OOM scores are relative to.
    pub memory_capacity_bytes: i64,
    /// Whether the kernel counts swap per cgroup: then containers get none beyond their memory.
    pub swap_accounting: bool,
    /// What pods may use together: what a container without a limit sees through the downward API.
    pub allocatable: Allocatable,
    /// Unsafe sysctls that pods may set: exact names, or prefixes that end in `*`.
    pub allowed_unsafe_sysctls: Vec<String>,
    /// Whether the runtime makes read-only mounts read-only all the way down.
    pub recursive_read_only_mounts: bool,
    /// When this agent was started: what ran before was not started by it.
    pub agent_started: Timestamp,
}

/// What is left of the node for pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocatable {
    pub cpu_milli: i64,
    pub memory_bytes: i64,
    pub ephemeral_storage_bytes: i64,
}

impl NodeSettings {
    /// A container id as statuses print it.
    pub fn container_id(&self, id: &str) -> String {
        format!("{}://{id}", self.runtime_name)
    }

    /// The directory that holds a pod's volumes and files.
    pub fn pod_dir(&self, uid: &str) -> String {
        format!("{}/pods/{uid}", self.root_dir)
    }

    /// The directory of a container's termination messages.
    pub fn container_dir(&self, uid: &str, container: &str) -> String {
        format!("{}/containers/{container}", self.pod_dir(uid))
    }

    /// The `/etc/hosts` that the agent manages for a pod.
    pub fn hosts_file(&self, uid: &str) -> String {
        format!("{}/etc-hosts", self.pod_dir(uid))
    }

    /// The directory of a pod's logs.
    pub fn pod_log_dir(&self, namespace: &str, name: &str, uid: &str) -> String {
        format!("{}/{namespace}_{name}_{uid}", self.pod_logs_dir)
    }
}
