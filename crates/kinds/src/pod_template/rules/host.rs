//! What a pod shares with its host: network, users, names.

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use super::scene::{Scene, visit};
use super::{Errors, is_empty, items};

const MAX_HOSTNAME: usize = 64;

/// On the host's network a container's port is the host's. Templates may leave it to the pod.
pub(super) fn ports_on_host_network(scene: &Scene<'_>, path: &Path) -> Errors {
    if scene.spec.host_network != Some(true) {
        return Errors::new();
    }
    let mut errors = Errors::new();
    for (at, container) in scene.spec.containers.iter().enumerate() {
        for (index, port) in items(&container.ports).iter().enumerate() {
            let host = port.host_port.unwrap_or(0);
            let must_match = scene.owner.is_pod() || host != 0;
            if must_match && host != port.container_port {
                let path = path.child("containers").index(at).child("ports").index(index).child("hostPort");
                let detail = "must match `containerPort` when `hostNetwork` is true";
                errors.push(FieldError::invalid(&path, host, detail));
            }
        }
    }
    errors
}

/// A pod with users of its own (KEP-127).
pub(super) fn host_users(spec: &core::PodSpec, path: &Path) -> Errors {
    if spec.host_users.unwrap_or(true) {
        return Errors::new();
    }
    let shared = [("hostNetwork", spec.host_network), ("HostPID", spec.host_pid), ("HostIPC", spec.host_ipc)];
    let shared = shared.into_iter().filter(|(_, shared)| *shared == Some(true));
    let detail = "when `hostUsers` is false";
    let mut errors: Errors =
        shared.map(|(field, _)| FieldError::forbidden(&path.child(field), detail)).collect();
    visit(spec, path, |container, path| {
        if !is_empty(&container.volume_devices) {
            errors.push(FieldError::forbidden(&path.child("volumeDevices"), detail));
        }
    });
    errors
}

/// KEP-4762.
pub(super) fn hostname_override(spec: &core::PodSpec, path: &Path) -> Errors {
    let Some(name) = &spec.hostname_override else { return Errors::new() };
    let path = path.child("hostnameOverride");
    let mut errors = Errors::new();
    for (field, set) in [("setHostnameAsFQDN", spec.set_hostname_as_fqdn), ("hostNetwork", spec.host_network)]
    {
        if set == Some(true) {
            errors.push(FieldError::forbidden(&path, format!("may not be specified when {field} is true")));
        }
    }
    if name.len() > MAX_HOSTNAME {
        errors.push(FieldError::too_long(&path, MAX_HOSTNAME));
    }
    errors.extend(validation::invalid_each(&path, name, validation::dns1123_subdomain(name)));
    errors
}

/// Lines for `/etc/hosts`.
pub(super) fn aliases(aliases: &[core::HostAlias], path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (index, alias) in aliases.iter().enumerate() {
        let path = path.index(index);
        errors.extend(validation::ip::legacy_ip(&path.child("ip"), &alias.ip, &[]));
        for (index, name) in items(&alias.hostnames).iter().enumerate() {
            let path = path.child("hostnames").index(index);
            errors.extend(validation::invalid_each(&path, name, validation::dns1123_subdomain(name)));
        }
    }
    errors
}
