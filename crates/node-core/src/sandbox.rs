//! The config of a pod's sandbox, from the pod and its node.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use crate::admit::sysctl;
use crate::container::dns::{self, ResolvConf};
use crate::container::resources::{self, LinuxResources};
use crate::container::security::{self, Namespace, SeLinux, Seccomp};
use crate::container::{hosts, labels};
use crate::settings::NodeSettings;
use crate::spec;

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

impl Protocol {
    fn of(name: &str) -> Self {
        match name {
            "UDP" => Protocol::Udp,
            "SCTP" => Protocol::Sctp,
            _ => Protocol::Tcp,
        }
    }
}

/// Builds the config. An error's text is for the event that upstream would record.
pub fn build(settings: &NodeSettings, pod: &Pod, attempt: u32) -> Result<SandboxConfig, String> {
    let spec = spec::of(pod);
    let (name, namespace, uid) = (spec::name(pod), spec::namespace(pod), spec::uid(pod));
    let hostname = match spec::host_network(&spec) {
        true => String::new(),
        false => hosts::kernel_hostname(settings, pod)?,
    };
    Ok(SandboxConfig {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        uid: uid.to_owned(),
        attempt,
        labels: labels::of_sandbox(pod),
        annotations: pod.metadata.annotations.clone().unwrap_or_default(),
        hostname,
        log_directory: settings.pod_log_dir(namespace, name, uid),
        dns: dns::of_pod(settings, pod),
        port_mappings: spec.containers.iter().flat_map(port_mappings).collect(),
        cgroup_parent: settings.cgroups.pod_path(pod),
        sysctls: sysctls(&spec),
        security: security(&spec),
        resources: resources::of_sandbox(settings, &spec),
        overhead: resources::of_overhead(settings, &spec),
        runtime_class: spec.runtime_class_name.clone().filter(|name| !name.is_empty()),
    })
}

/// A container's ports; of several with the same name only the first.
fn port_mappings(container: &Container) -> Vec<PortMapping> {
    let mut names = BTreeSet::new();
    let mut mappings = Vec::new();
    for port in container.ports.iter().flatten() {
        let host_ip = port.host_ip.clone().unwrap_or_default();
        let (protocol, host_port) = (port.protocol.as_deref().unwrap_or("TCP"), port.host_port.unwrap_or(0));
        let name = match port.name.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => format!("{protocol}-{host_ip}:{}:{host_port}", port.container_port),
        };
        if names.insert(name) {
            let container_port = port.container_port;
            mappings.push(PortMapping {
                protocol: Protocol::of(protocol),
                container_port,
                host_port,
                host_ip,
            });
        }
    }
    mappings
}

/// Names with slashes are written with dots, as the runtime wants them.
fn sysctls(spec: &PodSpec) -> BTreeMap<String, String> {
    let context = spec.security_context.as_ref();
    let listed = context.and_then(|c| c.sysctls.as_deref()).unwrap_or_default();
    listed.iter().map(|s| (sysctl::normalized(&s.name), s.value.clone())).collect()
}

fn security(spec: &PodSpec) -> SandboxSecurity {
    let (network, ipc, pid) = security::namespaces(spec);
    let privileged = spec::containers(spec).any(|c| {
        c.container.security_context.as_ref().is_some_and(|context| context.privileged == Some(true))
    });
    let context = spec.security_context.clone().unwrap_or_default();
    SandboxSecurity {
        privileged,
        run_as_user: context.run_as_user,
        run_as_group: context.run_as_group,
        supplemental_groups: security::groups(&context),
        supplemental_groups_policy: context.supplemental_groups_policy.clone(),
        seccomp: Seccomp::RuntimeDefault,
        selinux: context.se_linux_options.as_ref().map(security::selinux),
        network,
        ipc,
        pid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::tests::world::settings;
    use serde_json::json;

    #[test]
    fn a_sandbox_is_named_placed_and_confined() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "u", "labels": {"app": "x"}},
            "spec": {
                "containers": [{"name": "a", "ports": [
                    {"containerPort": 80, "hostPort": 8080, "hostIP": "127.0.0.1"},
                    {"containerPort": 53, "protocol": "UDP"},
                    {"containerPort": 53, "protocol": "UDP"},
                ]}],
                "securityContext": {"sysctls": [{"name": "net/ipv4/ip_local_port_range", "value": "1 2"}], "fsGroup": 5},
            },
        }))
        .unwrap();
        let found = build(&settings(), &pod, 3).unwrap();
        assert_eq!((found.hostname.as_str(), found.attempt), ("web", 3));
        assert_eq!(found.log_directory, "/var/log/pods/ns_web_u");
        assert_eq!(found.cgroup_parent, "/kubepods/besteffort/podu");
        assert_eq!(found.labels["app"], "x");
        assert_eq!(found.labels["io.kubernetes.pod.uid"], "u");
        assert_eq!(found.dns.nameservers, ["10.96.0.10"]);
        let ports: Vec<_> =
            found.port_mappings.iter().map(|p| (p.protocol, p.container_port, p.host_port)).collect();
        assert_eq!(ports, [(Protocol::Tcp, 80, 8080), (Protocol::Udp, 53, 0)]);
        assert_eq!(found.sysctls["net.ipv4.ip_local_port_range"], "1 2");
        assert_eq!(found.security.supplemental_groups, [5]);
        assert_eq!(found.security.seccomp, Seccomp::RuntimeDefault);
    }

    #[test]
    fn a_pod_on_the_hosts_network_has_its_name() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web"}, "spec": {"containers": [], "hostNetwork": true},
        }))
        .unwrap();
        let found = build(&settings(), &pod, 0).unwrap();
        assert_eq!((found.hostname.as_str(), found.security.network), ("", Namespace::Node));
    }
}
