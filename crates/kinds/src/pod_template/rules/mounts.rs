//! Volumes in containers: as files, and as raw devices.

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Path};
use k8s_openapi::api::core::v1 as core;

use super::scene::Scene;
use super::{Errors, items, one_of, paths, required, text};

const PROPAGATIONS: [&str; 3] = ["Bidirectional", "HostToContainer", "None"];
const RECURSIVE_READ_ONLY: [&str; 3] = ["Disabled", "Enabled", "IfPossible"];

pub(super) fn mounts(container: &core::Container, scene: &Scene<'_>, path: &Path) -> Errors {
    let devices = items(&container.volume_devices);
    let device_names: BTreeSet<&str> = devices.iter().map(|device| device.name.as_str()).collect();
    let device_paths: BTreeSet<&str> = devices.iter().map(|device| device.device_path.as_str()).collect();
    let mut errors = Errors::new();
    let mut taken = BTreeSet::new();
    for (index, mount) in items(&container.volume_mounts).iter().enumerate() {
        let at = path.index(index);
        let name = at.child("name");
        errors.extend(required(&at, "name", &mount.name));
        if !scene.volumes.contains_key(mount.name.as_str()) {
            errors.push(FieldError::not_found(&name, &mount.name));
        }
        errors.extend(required(&at, "mountPath", &mount.mount_path));
        let mount_path = at.child("mountPath");
        if !taken.insert(&mount.mount_path) {
            errors.push(FieldError::invalid(&mount_path, &mount.mount_path, "must be unique"));
        }
        if device_names.contains(mount.name.as_str()) {
            errors.push(FieldError::invalid(&name, &mount.name, "must not already exist in volumeDevices"));
        }
        if device_paths.contains(mount.mount_path.as_str()) {
            let detail = "must not already exist as a path in volumeDevices";
            errors.push(FieldError::invalid(&mount_path, &mount.mount_path, detail));
        }
        errors.extend(sub_paths(mount, &at, path));
        errors.extend(propagation(mount, container, &path.child("mountPropagation")));
        errors.extend(recursive_read_only(mount, &path.child("recursiveReadOnly")));
    }
    errors
}

/// Upstream tells of most faults of a sub path without the mount's index (`path`).
fn sub_paths(mount: &core::VolumeMount, at: &Path, path: &Path) -> Errors {
    let (plain, expression) = (text(&mount.sub_path), text(&mount.sub_path_expr));
    let mut errors = paths::descending(plain, &path.child("subPath"));
    if !plain.is_empty() && !expression.is_empty() {
        let detail = "subPathExpr and subPath are mutually exclusive";
        errors.push(FieldError::invalid(&at.child("subPathExpr"), expression, detail));
    }
    errors.extend(paths::descending(expression, &path.child("subPathExpr")));
    errors
}

fn propagation(mount: &core::VolumeMount, container: &core::Container, path: &Path) -> Option<FieldError> {
    let propagation = mount.mount_propagation.as_deref()?;
    let privileged = container.security_context.as_ref().and_then(|context| context.privileged) == Some(true);
    if propagation == "Bidirectional" && !privileged {
        let detail = "Bidirectional mount propagation is available only to privileged containers";
        return Some(FieldError::forbidden(path, detail));
    }
    one_of(path, propagation, &PROPAGATIONS)
}

/// KEP-3857.
fn recursive_read_only(mount: &core::VolumeMount, path: &Path) -> Errors {
    let mut errors = Errors::new();
    match mount.recursive_read_only.as_deref() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if mount.read_only != Some(true) {
                errors.push(FieldError::forbidden(path, "may only be specified when readOnly is true"));
            }
            if mount.mount_propagation.as_deref().is_some_and(|propagation| propagation != "None") {
                let detail = "may only be specified when mountPropagation is None or not specified";
                errors.push(FieldError::forbidden(path, detail));
            }
        }
        Some(other) => errors.extend(one_of(path, other, &RECURSIVE_READ_ONLY)),
    }
    errors
}

pub(super) fn devices(container: &core::Container, scene: &Scene<'_>, path: &Path) -> Errors {
    let mounts = items(&container.volume_mounts);
    let mount_names: BTreeSet<&str> = mounts.iter().map(|mount| mount.name.as_str()).collect();
    let mount_paths: BTreeSet<&str> = mounts.iter().map(|mount| mount.mount_path.as_str()).collect();
    let mut errors = Errors::new();
    let (mut names, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for (index, device) in items(&container.volume_devices).iter().enumerate() {
        let at = path.index(index);
        let (name, device_path) = (at.child("name"), at.child("devicePath"));
        errors.extend(required(&at, "name", &device.name));
        if names.contains(&device.name) {
            errors.push(FieldError::invalid(&name, &device.name, "must be unique"));
        }
        errors.extend(block_source(&device.name, scene, &name));
        errors.extend(required(&at, "devicePath", &device.device_path));
        if taken.contains(&device.device_path) {
            errors.push(FieldError::invalid(&device_path, &device.device_path, "must be unique"));
        }
        if paths::no_backsteps(&device.device_path, &device_path).is_some() {
            let detail = "can not contain backsteps ('..')";
            errors.push(FieldError::invalid(&device_path, &device.device_path, detail));
        } else {
            taken.insert(&device.device_path);
        }
        if mount_names.contains(device.name.as_str()) {
            errors.push(FieldError::invalid(&name, &device.name, "must not already exist in volumeMounts"));
        }
        if mount_paths.contains(device.device_path.as_str()) {
            let detail = "must not already exist as a path in volumeMounts";
            errors.push(FieldError::invalid(&device_path, &device.device_path, detail));
        }
        if !device.name.is_empty() {
            names.insert(&device.name);
        }
    }
    errors
}

/// Only claims can be block devices.
fn block_source(name: &str, scene: &Scene<'_>, path: &Path) -> Option<FieldError> {
    match scene.volumes.get(name) {
        None => Some(FieldError::not_found(path, name)),
        Some(volume) if volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some() => None,
        Some(_) => {
            let detail =
                "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
            Some(FieldError::invalid(path, name, detail))
        }
    }
}
