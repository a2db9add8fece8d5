//! What the pods' machines are told of their node.

use ironclad_env::Env;
use ironclad_node_core::NodeSettings;
use ironclad_node_core::cgroup::{CgroupDriver, CgroupLayout};
use ironclad_node_core::container::dns::ResolvConf;
use ironclad_node_core::node_status::capacity::Machine as Capacity;
use ironclad_node_core::resources::{milli, whole};
use ironclad_node_core::settings::Allocatable;

use crate::cgroups::Cgroups;
use crate::config::AgentConfig;
use crate::machine::Machine;
use crate::runtime::RuntimeUp;

pub(super) fn of_node(
    config: &AgentConfig,
    env: &Env,
    up: &RuntimeUp,
    machine: &Machine,
    capacity: &Capacity,
    cgroups: &Cgroups,
) -> NodeSettings {
    let paths = &config.paths;
    let text = |path: &std::path::Path| path.display().to_string();
    let resolv = std::fs::read_to_string(&paths.resolv_conf).unwrap_or_default();
    let left = capacity.allocatable();
    NodeSettings {
        node_name: config.node_name.clone(),
        host_ips: config.addresses.clone(),
        runtime_name: up.name.clone(),
        root_dir: text(&paths.root),
        pod_logs_dir: text(&paths.pod_logs),
        seccomp_dir: text(&paths.root.join("seccomp")),
        cluster_dns: config.cluster.dns.clone(),
        cluster_domain: config.cluster.domain.clone(),
        host_resolv: ResolvConf::parse(&resolv),
        host_hosts: std::fs::read_to_string("/etc/hosts").unwrap_or_default(),
        cgroups: CgroupLayout {
            version: cgroups.version(),
            driver: CgroupDriver::Cgroupfs,
            root: config.names.cgroup.clone(),
        },
        memory_capacity_bytes: machine.memory_bytes,
        swap_accounting: cgroups.counts_swap(),
        allocatable: Allocatable {
            cpu_milli: milli(&left, "cpu"),
            memory_bytes: whole(&left, "memory"),
            ephemeral_storage_bytes: whole(&left, "ephemeral-storage"),
        },
        allowed_unsafe_sysctls: Vec::new(),
        recursive_read_only_mounts: false,
        agent_started: env.now(),
    }
}
