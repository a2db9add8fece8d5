//! The message that runs a sandbox.

use ironclad_cri::v1;
use ironclad_node_core::sandbox::{PortMapping, Protocol, SandboxConfig, SandboxSecurity};

use super::{groups_policy, int64, linux_resources, namespace, seccomp, selinux};

/// What CRI is told of a sandbox; also with every container that is created in it.
pub(crate) fn sandbox_config(config: &SandboxConfig) -> v1::PodSandboxConfig {
    v1::PodSandboxConfig {
        metadata: Some(v1::PodSandboxMetadata {
            name: config.name.clone(),
            uid: config.uid.clone(),
            namespace: config.namespace.clone(),
            attempt: config.attempt,
        }),
        hostname: config.hostname.clone(),
        log_directory: config.log_directory.clone(),
        dns_config: Some(v1::DnsConfig {
            servers: config.dns.nameservers.clone(),
            searches: config.dns.searches.clone(),
            options: config.dns.options.clone(),
        }),
        port_mappings: config.port_mappings.iter().map(port_mapping).collect(),
        labels: config.labels.clone(),
        annotations: config.annotations.clone(),
        linux: Some(v1::LinuxPodSandboxConfig {
            cgroup_parent: config.cgroup_parent.clone(),
            security_context: Some(security(&config.security)),
            sysctls: config.sysctls.clone(),
            overhead: Some(linux_resources(&config.overhead)),
            resources: Some(linux_resources(&config.resources)),
        }),
    }
}

fn port_mapping(mapping: &PortMapping) -> v1::PortMapping {
    let protocol = match mapping.protocol {
        Protocol::Tcp => v1::Protocol::Tcp,
        Protocol::Udp => v1::Protocol::Udp,
        Protocol::Sctp => v1::Protocol::Sctp,
    };
    v1::PortMapping {
        protocol: protocol.into(),
        container_port: mapping.container_port,
        host_port: mapping.host_port,
        host_ip: mapping.host_ip.clone(),
    }
}

fn security(security: &SandboxSecurity) -> v1::LinuxSandboxSecurityContext {
    v1::LinuxSandboxSecurityContext {
        namespace_options: Some(v1::NamespaceOption {
            network: namespace(security.network),
            pid: namespace(security.pid),
            ipc: namespace(security.ipc),
            ..Default::default()
        }),
        selinux_options: security.selinux.as_ref().map(selinux),
        run_as_user: int64(security.run_as_user),
        // CRI refuses a group without a user.
        run_as_group: int64(security.run_as_group.filter(|_| security.run_as_user.is_some())),
        supplemental_groups: security.supplemental_groups.clone(),
        supplemental_groups_policy: groups_policy(security.supplemental_groups_policy.as_deref()),
        privileged: security.privileged,
        seccomp: Some(seccomp(&security.seccomp)),
        ..Default::default()
    }
}
