//! Between node-core's plain configurations and facts and CRI's messages.

mod container;
mod facts;
mod sandbox;

pub(crate) use container::{container_config, linux_resources};
pub(crate) use facts::{container_fact, sandbox_fact};
pub(crate) use sandbox::sandbox_config;

use ironclad_cri::v1;
use ironclad_node_core::container::security::{AppArmor, Namespace, SeLinux, Seccomp};

fn int64(value: Option<i64>) -> Option<v1::Int64Value> {
    value.map(|value| v1::Int64Value { value })
}

fn namespace(namespace: Namespace) -> i32 {
    let mode = match namespace {
        Namespace::Pod => v1::NamespaceMode::Pod,
        Namespace::Container => v1::NamespaceMode::Container,
        Namespace::Node => v1::NamespaceMode::Node,
        Namespace::Target => v1::NamespaceMode::Target,
    };
    mode.into()
}

fn profile(kind: v1::security_profile::ProfileType, localhost: &str) -> v1::SecurityProfile {
    v1::SecurityProfile { profile_type: kind.into(), localhost_ref: localhost.to_owned() }
}

fn seccomp(seccomp: &Seccomp) -> v1::SecurityProfile {
    use v1::security_profile::ProfileType;
    match seccomp {
        Seccomp::RuntimeDefault => profile(ProfileType::RuntimeDefault, ""),
        Seccomp::Unconfined => profile(ProfileType::Unconfined, ""),
        Seccomp::Localhost(path) => profile(ProfileType::Localhost, path),
    }
}

fn apparmor(apparmor: &AppArmor) -> v1::SecurityProfile {
    use v1::security_profile::ProfileType;
    match apparmor {
        AppArmor::RuntimeDefault => profile(ProfileType::RuntimeDefault, ""),
        AppArmor::Unconfined => profile(ProfileType::Unconfined, ""),
        AppArmor::Localhost(name) => profile(ProfileType::Localhost, name),
    }
}

fn selinux(label: &SeLinux) -> v1::SeLinuxOption {
    v1::SeLinuxOption {
        user: label.user.clone(),
        role: label.role.clone(),
        r#type: label.kind.clone(),
        level: label.level.clone(),
    }
}

fn groups_policy(policy: Option<&str>) -> i32 {
    match policy {
        Some("Strict") => v1::SupplementalGroupsPolicy::Strict.into(),
        _ => v1::SupplementalGroupsPolicy::Merge.into(),
    }
}
