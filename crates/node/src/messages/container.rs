//! The message that creates a container.

use ironclad_cri::v1;
use ironclad_node_core::container::ContainerConfig;
use ironclad_node_core::container::mounts::{Mount, Propagation};
use ironclad_node_core::container::resources::LinuxResources;
use ironclad_node_core::container::security::{ContainerSecurity, Namespace};

use super::{apparmor, groups_policy, int64, namespace, seccomp, selinux};

/// What CRI is told of a container. The mounts' `sub_path`s have been resolved before.
pub(crate) fn container_config(config: &ContainerConfig) -> v1::ContainerConfig {
    let image = v1::ImageSpec {
        image: config.image_ref.clone(),
        user_specified_image: config.user_specified_image.clone(),
        ..Default::default()
    };
    let envs = config
        .env
        .iter()
        .map(|(key, value)| v1::KeyValue { key: key.clone(), value: value.clone().into_bytes() });
    v1::ContainerConfig {
        metadata: Some(v1::ContainerMetadata { name: config.name.clone(), attempt: config.attempt }),
        image: Some(image),
        command: config.command.clone(),
        args: config.args.clone(),
        working_dir: config.working_dir.clone(),
        envs: envs.collect(),
        mounts: config.mounts.iter().map(mount).collect(),
        labels: config.labels.clone(),
        annotations: config.annotations.clone(),
        log_path: config.log_path.clone(),
        stdin: config.stdin,
        stdin_once: config.stdin_once,
        tty: config.tty,
        linux: Some(v1::LinuxContainerConfig {
            resources: Some(linux_resources(&config.resources)),
            security_context: Some(security(&config.security)),
        }),
        ..Default::default()
    }
}

fn mount(mount: &Mount) -> v1::Mount {
    let propagation = match mount.propagation {
        Propagation::Private => v1::MountPropagation::PropagationPrivate,
        Propagation::HostToContainer => v1::MountPropagation::PropagationHostToContainer,
        Propagation::Bidirectional => v1::MountPropagation::PropagationBidirectional,
    };
    v1::Mount {
        container_path: mount.container_path.clone(),
        host_path: mount.host_path.clone(),
        readonly: mount.read_only,
        propagation: propagation.into(),
        recursive_read_only: mount.recursive_read_only,
        image: mount.image.clone().map(|image| v1::ImageSpec { image, ..Default::default() }),
        image_sub_path: mount.image_sub_path.clone(),
        ..Default::default()
    }
}

fn security(security: &ContainerSecurity) -> v1::LinuxContainerSecurityContext {
    v1::LinuxContainerSecurityContext {
        capabilities: Some(v1::Capability {
            add_capabilities: security.add_capabilities.clone(),
            drop_capabilities: security.drop_capabilities.clone(),
            ..Default::default()
        }),
        privileged: security.privileged,
        namespace_options: Some(v1::NamespaceOption {
            network: namespace(security.network),
            pid: namespace(security.pid),
            ipc: namespace(security.ipc),
            target_id: match security.pid {
                Namespace::Target => security.target_id.clone(),
                _ => String::new(),
            },
            ..Default::default()
        }),
        selinux_options: security.selinux.as_ref().map(selinux),
        run_as_user: int64(security.run_as_user),
        run_as_group: int64(security.run_as_group),
        run_as_username: security.run_as_username.clone(),
        readonly_rootfs: security.read_only_root,
        supplemental_groups: security.supplemental_groups.clone(),
        supplemental_groups_policy: groups_policy(security.supplemental_groups_policy.as_deref()),
        no_new_privs: security.no_new_privs,
        masked_paths: security.masked_paths.clone(),
        readonly_paths: security.readonly_paths.clone(),
        seccomp: Some(seccomp(&security.seccomp)),
        apparmor: security.apparmor.as_ref().map(apparmor),
        ..Default::default()
    }
}

/// Limits and weights.
pub(crate) fn linux_resources(resources: &LinuxResources) -> v1::LinuxContainerResources {
    let hugepages = resources.hugepage_limits.iter();
    v1::LinuxContainerResources {
        cpu_period: resources.cpu_period_us,
        cpu_quota: resources.cpu_quota_us,
        cpu_shares: resources.cpu_shares,
        memory_limit_in_bytes: resources.memory_limit_bytes,
        memory_swap_limit_in_bytes: resources.memory_swap_limit_bytes,
        oom_score_adj: resources.oom_score_adj,
        hugepage_limits: hugepages
            .map(|(page_size, limit)| v1::HugepageLimit { page_size: page_size.clone(), limit: *limit })
            .collect(),
        unified: resources.unified.clone(),
        ..Default::default()
    }
}
