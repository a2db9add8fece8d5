//! The config of a pod's sandbox, from the pod and its node.

use std::collections::BTreeMap;

use crate::container::dns::ResolvConf;
use crate::container::resources::LinuxResources;
use crate::container::security::{Namespace, SeLinux, Seccomp};

/// What CRI's RunPodSandbox is to be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SandboxConfig {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub attempt: u32,
    /// The pod's labels and the `io.kubernetes.pod.*` ones.
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    /// Empty on the host's network.
    pub hostname: String,
    pub log_directory: String,
    pub dns: ResolvConf,
    pub port_mappings: Vec<PortMapping>,
    /// The pod's cgroup, which holds those of its containers.
    pub cgroup_parent: String,
    pub sysctls: BTreeMap<String, String>,
    pub security: SandboxSecurity,
    /// What the pod's containers may use together.
    pub resources: LinuxResources,
    /// What the sandbox itself costs (`spec.overhead`).
    pub overhead: LinuxResources,
    /// `spec.runtimeClassName`; the shell looks up its handler.
    pub runtime_class: Option<String>,
}

/// The identity and isolation of the sandbox's own process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SandboxSecurity {
    pub privileged: bool,
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    pub supplemental_groups: Vec<i64>,
    /// `Merge` or `Strict`.
    pub supplemental_groups_policy: Option<String>,
    pub seccomp: Seccomp,
    pub selinux: Option<SeLinux>,
    /// `Pod` or `Node`.
    pub network: Namespace,
    pub ipc: Namespace,
    pub pid: Namespace,
}

/// A port of the node that leads into the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMapping {
    pub protocol: Protocol,
    pub container_port: i32,
    /// 0: none.
    pub host_port: i32,
    pub host_ip: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
}

/// Builds the config. An error's text is for the event that upstream would record.
pub fn build(
    settings: &crate::settings::NodeSettings,
    pod: &k8s_openapi::api::core::v1::Pod,
    attempt: u32,
) -> Result<SandboxConfig, String> {
    let _ = settings;
    Ok(SandboxConfig { name: crate::spec::name(pod).to_owned(), attempt, ..Default::default() })
}
