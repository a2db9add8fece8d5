//! What a pod's operating system rules out.

use ironclad_api::{FieldError, Path};
use k8s_openapi::api::core::v1 as core;

use super::scene::visit;
use super::{Errors, is_empty, one_of};

const NOT_ON_WINDOWS: &str = "cannot be set for a windows pod";
const NOT_ON_LINUX: &str = "windows options cannot be set for a linux pod";

pub(super) fn os(spec: &core::PodSpec, path: &Path) -> Errors {
    let Some(os) = &spec.os else { return Errors::new() };
    match os.name.as_str() {
        "" => vec![FieldError::required(&path.child("os").child("name"), "")],
        "linux" => linux(spec, path),
        "windows" => windows(spec, path),
        other => one_of(&path.child("os"), other, &["linux", "windows"]).into_iter().collect(),
    }
}

fn linux(spec: &core::PodSpec, path: &Path) -> Errors {
    let mut errors = Errors::new();
    let options = spec.security_context.as_ref().and_then(|context| context.windows_options.as_ref());
    let field = "securityContext.windowsOptions";
    errors.extend(options.map(|_| FieldError::forbidden(&path.child(field), NOT_ON_LINUX)));
    visit(spec, path, |container, path| {
        let options =
            container.security_context.as_ref().and_then(|context| context.windows_options.as_ref());
        errors.extend(options.map(|_| FieldError::forbidden(&path.child(field), NOT_ON_LINUX)));
    });
    errors
}

fn windows(spec: &core::PodSpec, path: &Path) -> Errors {
    let default = core::PodSecurityContext::default();
    let context = spec.security_context.as_ref().unwrap_or(&default);
    let set = [
        ("securityContext.appArmorProfile", context.app_armor_profile.is_some()),
        ("securityContext.seLinuxOptions", context.se_linux_options.is_some()),
        ("hostUsers", spec.host_users.is_some()),
        ("hostPID", spec.host_pid == Some(true)),
        ("hostIPC", spec.host_ipc == Some(true)),
        ("securityContext.seccompProfile", context.seccomp_profile.is_some()),
        ("securityContext.fsGroup", context.fs_group.is_some()),
        ("securityContext.fsGroupChangePolicy", context.fs_group_change_policy.is_some()),
        ("securityContext.sysctls", !is_empty(&context.sysctls)),
        ("shareProcessNamespace", spec.share_process_namespace.is_some()),
        ("securityContext.runAsUser", context.run_as_user.is_some()),
        ("securityContext.runAsGroup", context.run_as_group.is_some()),
        ("securityContext.supplementalGroups", context.supplemental_groups.is_some()),
        ("securityContext.supplementalGroupsPolicy", context.supplemental_groups_policy.is_some()),
        ("securityContext.seLinuxChangePolicy", context.se_linux_change_policy.is_some()),
    ];
    let mut errors = forbidden(path, set);
    visit(spec, path, |container, path| {
        if let Some(context) = &container.security_context {
            errors.extend(windows_container(context, &path.child("securityContext")));
        }
    });
    errors
}

fn windows_container(context: &core::SecurityContext, path: &Path) -> Errors {
    let set = [
        ("appArmorProfile", context.app_armor_profile.is_some()),
        ("seLinuxOptions", context.se_linux_options.is_some()),
        ("seccompProfile", context.seccomp_profile.is_some()),
        ("capabilities", context.capabilities.is_some()),
        ("readOnlyRootFilesystem", context.read_only_root_filesystem.is_some()),
        ("privileged", context.privileged.is_some()),
        ("allowPrivilegeEscalation", context.allow_privilege_escalation.is_some()),
        ("procMount", context.proc_mount.is_some()),
        ("runAsUser", context.run_as_user.is_some()),
        ("runAsGroup", context.run_as_group.is_some()),
    ];
    forbidden(path, set)
}

fn forbidden<const N: usize>(path: &Path, set: [(&str, bool); N]) -> Errors {
    let set = set.into_iter().filter(|(_, set)| *set);
    set.map(|(field, _)| FieldError::forbidden(&path.child(field), NOT_ON_WINDOWS)).collect()
}
