//! The spec of a persistent volume.

use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;
use serde_json::json;

use super::{VOLUME_MODES, access_modes, sources};
use crate::fields::{items, one_of, text};
use crate::pod_template::rules::affinity::node_selector;

type Errors = Vec<FieldError>;

const RECLAIM_POLICIES: [&str; 3] = ["Delete", "Recycle", "Retain"];
const INLINE: &str = "in the context of inline volumes";

/// The spec of a volume of this name. `lenient` lets labels in its node affinity have values that no
/// label has, as a stored volume's may.
pub(crate) fn spec(spec: &core::PersistentVolumeSpec, name: &str, lenient: bool, path: &Path) -> Errors {
    let mut errors = modes(spec, path);
    errors.extend(capacity(spec, &path.child("capacity")));
    let policy = text(&spec.persistent_volume_reclaim_policy);
    let at = path.child("persistentVolumeReclaimPolicy");
    if !policy.is_empty() {
        errors.extend(one_of(&at, policy, &RECLAIM_POLICIES));
    }
    if let Some(affinity) = &spec.node_affinity {
        let path = path.child("nodeAffinity").child("required");
        errors.extend(match &affinity.required {
            Some(required) => node_selector(required, !lenient, &path),
            None => vec![FieldError::required(&path, "must specify required node constraints")],
        });
    }
    errors.extend(sources::sources(spec, name, spec.node_affinity.is_some(), path));
    errors.extend(recycled_root(spec, &at));
    let class = text(&spec.storage_class_name);
    if !class.is_empty() {
        let faults = validation::dns1123_subdomain(class);
        errors.extend(validation::invalid_each(&path.child("storageClassName"), class, faults));
    }
    let mode = spec.volume_mode.as_deref();
    errors.extend(mode.and_then(|mode| one_of(&path.child("volumeMode"), mode, &VOLUME_MODES)));
    errors.extend(attributes_class(spec, path));
    errors
}

/// The spec of a volume that stands in an attachment, of which only the source counts.
pub(crate) fn inline(spec: &core::PersistentVolumeSpec, path: &Path) -> Errors {
    let forbid =
        |field: &str, what: &str| FieldError::forbidden(&path.child(field), format!("{what} {INLINE}"));
    let unwanted = |field: &str| forbid(field, "may not be specified");
    let mut errors = Errors::new();
    if spec.claim_ref.is_some() {
        errors.push(unwanted("claimRef"));
    }
    if spec.capacity.as_ref().is_some_and(|capacity| !capacity.is_empty()) {
        errors.push(unwanted("capacity"));
    }
    if spec.csi.is_none() {
        let detail = format!("has to be specified {INLINE}");
        errors.push(FieldError::required(&path.child("csi"), detail));
    }
    errors.extend(modes(spec, path));
    if !["", "Retain"].contains(&text(&spec.persistent_volume_reclaim_policy)) {
        errors.push(forbid("persistentVolumeReclaimPolicy", "may only be Retain"));
    }
    if spec.node_affinity.is_some() {
        errors.push(unwanted("nodeAffinity"));
    }
    errors.extend(sources::sources(spec, "", false, path));
    errors.extend(recycled_root(spec, &path.child("persistentVolumeReclaimPolicy")));
    if !text(&spec.storage_class_name).is_empty() {
        errors.push(unwanted("storageClassName"));
    }
    if spec.volume_mode.as_deref().is_some_and(|mode| mode != "Filesystem") {
        errors.push(forbid("volumeMode", "may not specify volumeMode other than Filesystem"));
    }
    errors
}

fn modes(spec: &core::PersistentVolumeSpec, path: &Path) -> Errors {
    let modes = items(&spec.access_modes);
    let path = path.child("accessModes");
    match modes.is_empty() {
        true => vec![FieldError::required(&path, "")],
        false => access_modes(modes, &path),
    }
}

/// Storage, and nothing else.
fn capacity(spec: &core::PersistentVolumeSpec, path: &Path) -> Errors {
    let amounts = spec.capacity.clone().unwrap_or_default();
    let mut errors = Errors::new();
    if amounts.is_empty() {
        errors.push(FieldError::required(path, ""));
    }
    if amounts.len() != 1 || !amounts.contains_key("storage") {
        errors.push(FieldError::not_supported(path, json!(spec.capacity), ["storage"]));
    }
    for (resource, amount) in &amounts {
        let Ok(amount) = Quantity::parse(&amount.0) else { continue };
        let path = path.key(resource);
        if amount.value() < 0 {
            errors.push(FieldError::invalid(&path, amount.value(), "must be a valid resource quantity"));
        }
        errors.extend(validation::number::quantity_positive(&path, &amount));
    }
    errors
}

/// A whole node's files are not to be wiped.
fn recycled_root(spec: &core::PersistentVolumeSpec, path: &Path) -> Option<FieldError> {
    let root = spec.host_path.as_ref().is_some_and(|source| is_root(&source.path));
    let recycled = text(&spec.persistent_volume_reclaim_policy) == "Recycle";
    (root && recycled)
        .then(|| FieldError::forbidden(path, "may not be 'recycle' for a hostPath mount of '/'"))
}

/// Whether an absolute path is `/` in the end.
fn is_root(path: &str) -> bool {
    let mut depth = 0_usize;
    for element in path.split('/') {
        match element {
            "" | "." => {}
            ".." => depth = depth.saturating_sub(1),
            _ => depth += 1,
        }
    }
    path.starts_with('/') && depth == 0
}

fn attributes_class(spec: &core::PersistentVolumeSpec, path: &Path) -> Errors {
    let Some(class) = &spec.volume_attributes_class_name else { return Errors::new() };
    let at = path.child("volumeAttributesClassName");
    let mut errors = match class.as_str() {
        "" => vec![FieldError::required(&at, "an empty string is disallowed")],
        class => validation::invalid_each(&at, class, validation::dns1123_subdomain(class)),
    };
    if spec.csi.is_none() {
        let detail = "has to be specified when using volumeAttributesClassName";
        errors.push(FieldError::required(&path.child("csi"), detail));
    }
    errors
}
