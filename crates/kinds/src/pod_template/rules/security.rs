//! Security contexts of pods and containers.

use ironclad_api::validation::number::{group_id, user_id};
use ironclad_api::{FieldError, Path};
use k8s_openapi::api::core::v1 as core;

use super::scene::Scene;
use super::{Errors, app_armor, each_fault, items, one_of, seccomp, sysctls, windows};
use crate::go_form;

pub(super) fn of_pod(spec: &core::PodSpec, path: &Path) -> Errors {
    let Some(context) = &spec.security_context else { return Errors::new() };
    let path = path.child("securityContext");
    let mut errors = Errors::new();
    for (field, id, rule) in [
        ("fsGroup", context.fs_group, group_id as fn(i64) -> Vec<String>),
        ("runAsUser", context.run_as_user, user_id),
        ("runAsGroup", context.run_as_group, group_id),
    ] {
        errors.extend(id.into_iter().flat_map(|id| ids(&path.child(field), id, rule)));
    }
    for (index, group) in items(&context.supplemental_groups).iter().enumerate() {
        errors.extend(ids(&path.child("supplementalGroups").index(index), *group, group_id));
    }
    if spec.share_process_namespace == Some(true) && spec.host_pid == Some(true) {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.push(FieldError::invalid(&path.child("shareProcessNamespace"), true, detail));
    }
    errors.extend(sysctls::sysctls(context, spec, &path.child("sysctls")));
    errors.extend(choices(
        &path,
        [("fsGroupChangePolicy", &context.fs_group_change_policy, &["Always", "OnRootMismatch"])],
    ));
    errors.extend(seccomp::profile(context.seccomp_profile.as_ref(), &path.child("seccompProfile")));
    errors.extend(windows::options(context.windows_options.as_ref(), &path.child("windowsOptions")));
    errors.extend(app_armor::profile(context.app_armor_profile.as_ref(), &path.child("appArmorProfile")));
    errors.extend(choices(
        &path,
        [
            ("supplementalGroupsPolicy", &context.supplemental_groups_policy, &["Merge", "Strict"]),
            // The other, MountOption, waits for a feature that upstream leaves off.
            ("seLinuxChangePolicy", &context.se_linux_change_policy, &["Recursive"]),
        ],
    ));
    errors
}

fn ids(path: &Path, id: i64, rule: fn(i64) -> Vec<String>) -> Errors {
    each_fault(path, id, rule(id)).collect()
}

/// Fields that are unset or one of a few words.
fn choices<const N: usize>(path: &Path, fields: [(&str, &Option<String>, &[&str]); N]) -> Errors {
    let each = fields.into_iter();
    each.filter_map(|(field, value, words)| one_of(&path.child(field), value.as_deref()?, words)).collect()
}

pub(super) fn of_container(context: &core::SecurityContext, scene: &Scene<'_>, path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (field, id, rule) in [
        ("runAsUser", context.run_as_user, user_id as fn(i64) -> Vec<String>),
        ("runAsGroup", context.run_as_group, group_id),
    ] {
        errors.extend(id.into_iter().flat_map(|id| ids(&path.child(field), id, rule)));
    }
    if let Some(mount) = context.proc_mount.as_deref() {
        let path = path.child("procMount");
        errors.extend(one_of(&path, mount, &["Default", "Unmasked"]));
        if mount == "Unmasked" && scene.shares_users() {
            errors.push(FieldError::invalid(&path, mount, "`hostUsers` must be false to use `Unmasked`"));
        }
    }
    errors.extend(seccomp::profile(context.seccomp_profile.as_ref(), &path.child("seccompProfile")));
    errors.extend(escalation(context, path));
    errors.extend(windows::options(context.windows_options.as_ref(), &path.child("windowsOptions")));
    errors.extend(app_armor::profile(context.app_armor_profile.as_ref(), &path.child("appArmorProfile")));
    errors
}

/// Who has every right already cannot be kept from gaining some.
fn escalation(context: &core::SecurityContext, path: &Path) -> Errors {
    if context.allow_privilege_escalation != Some(false) {
        return Errors::new();
    }
    let added =
        context.capabilities.as_ref().map(|capabilities| items(&capabilities.add)).unwrap_or_default();
    let mut faults = Vec::new();
    if context.privileged == Some(true) {
        faults.push("cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
    }
    // Told once, however often it stands there: the whole context is told with it.
    if added.iter().any(|capability| capability == "CAP_SYS_ADMIN") {
        faults.push("cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
    }
    faults
        .into_iter()
        .map(|fault| FieldError::invalid(path, go_form::compact("SecurityContext", context), fault))
        .collect()
}
