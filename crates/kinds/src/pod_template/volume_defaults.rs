//! The defaults of volumes.

use serde_json::{Map, Value, json};

use super::defaults::{field_reference, resource_lists, text_default};
use super::image::pull_policy;
use crate::spec::{default_to, object_at, objects_at};

/// 0644
const FILE_MODE: i64 = 0o644;
const TOKEN_SECONDS: i64 = 3600;
/// Volumes whose files have a mode.
const WITH_MODE: [&str; 4] = ["secret", "configMap", "downwardAPI", "projected"];

/// Texts of older kinds of volumes.
const TEXTS: [(&str, &str, &str); 6] = [
    ("iscsi", "iscsiInterface", "default"),
    ("rbd", "pool", "rbd"),
    ("rbd", "user", "admin"),
    ("rbd", "keyring", "/etc/ceph/keyring"),
    ("scaleIO", "storageMode", "ThinProvisioned"),
    ("scaleIO", "fsType", "xfs"),
];

pub(super) fn volume(volume: &mut Map<String, Value>) {
    if volume.keys().all(|field| field == "name") {
        volume.insert("emptyDir".into(), json!({}));
    }
    for source in WITH_MODE {
        if let Some(source) = object_at(volume, source) {
            default_to(source, "defaultMode", FILE_MODE);
        }
    }
    drivers(volume);
    if let Some(image) = object_at(volume, "image") {
        let policy = pull_policy(image.get("reference").and_then(Value::as_str).unwrap_or_default());
        text_default(image, "pullPolicy", policy);
    }
    if let Some(source) = object_at(volume, "downwardAPI") {
        downward_items(source);
    }
    if let Some(projected) = object_at(volume, "projected") {
        objects_at(projected, "sources").for_each(projection);
    }
    if let Some(ephemeral) = object_at(volume, "ephemeral") {
        claim_template(ephemeral);
    }
}

/// Those of the sources that persistent volumes have too.
pub(crate) fn drivers(volume: &mut Map<String, Value>) {
    for (source, field, default) in TEXTS {
        if let Some(source) = object_at(volume, source) {
            text_default(source, field, default);
        }
    }
    if let Some(path) = object_at(volume, "hostPath") {
        default_to(path, "type", "");
    }
    if let Some(disk) = object_at(volume, "azureDisk") {
        default_to(disk, "cachingMode", "ReadWrite");
        default_to(disk, "fsType", "ext4");
        default_to(disk, "readOnly", false);
        default_to(disk, "kind", "Shared");
    }
}

fn downward_items(source: &mut Map<String, Value>) {
    for item in objects_at(source, "items") {
        if let Some(reference) = object_at(item, "fieldRef") {
            field_reference(reference);
        }
    }
}

fn projection(source: &mut Map<String, Value>) {
    if let Some(downward) = object_at(source, "downwardAPI") {
        downward_items(downward);
    }
    if let Some(token) = object_at(source, "serviceAccountToken") {
        default_to(token, "expirationSeconds", TOKEN_SECONDS);
    }
}

fn claim_template(ephemeral: &mut Map<String, Value>) {
    let template = object_at(ephemeral, "volumeClaimTemplate");
    if let Some(spec) = template.and_then(|template| object_at(template, "spec")) {
        claim_spec(spec);
    }
}

/// The spec of a PersistentVolumeClaim.
pub(crate) fn claim_spec(spec: &mut Map<String, Value>) {
    default_to(spec, "volumeMode", "Filesystem");
    if let Some(resources) = object_at(spec, "resources") {
        resource_lists(resources);
    }
}
