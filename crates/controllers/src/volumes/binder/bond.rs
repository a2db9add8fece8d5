//! The writes that bind a volume and a claim, in this order: the volume names the claim; it is Bound; the
//! claim names the volume; it is Bound.

use ironclad_api::Object;
use ironclad_control::Plan;
use serde_json::{Value, json};

use super::{BIND_COMPLETED, BOUND_BY_CONTROLLER, update, update_status};
use crate::resources::{PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES};

/// Whether the volume is the claim's, or waits for a claim of its name.
pub(super) fn is_for(volume: &Object, claim: &Object) -> bool {
    let part = |field: &str| volume.str_at(&["spec", "claimRef", field]);
    let named = part("name") == claim.name() && part("namespace") == claim.namespace();
    named && ["", claim.uid()].contains(&part("uid"))
}

/// The first write that is missing.
pub(super) fn bind(plan: &mut Plan, volume: &Object, claim: &Object) {
    if let Some(volume) = naming_claim(volume, claim) {
        return update(plan, PERSISTENT_VOLUMES, volume);
    }
    if let Some(volume) = in_phase(volume, "Bound", "") {
        return update_status(plan, PERSISTENT_VOLUMES, volume);
    }
    if let Some(claim) = naming_volume(claim, volume) {
        return update(plan, PERSISTENT_VOLUME_CLAIMS, claim);
    }
    if let Some(claim) = bound_claim(claim, volume) {
        update_status(plan, PERSISTENT_VOLUME_CLAIMS, claim);
    }
}

fn naming_claim(volume: &Object, claim: &Object) -> Option<Object> {
    let mut changed = volume.clone();
    let uid = volume.str_at(&["spec", "claimRef", "uid"]);
    if !is_for(volume, claim) || uid != claim.uid() {
        let reference = json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": claim.namespace(),
            "name": claim.name(),
            "uid": claim.uid(),
            "resourceVersion": claim.resource_version(),
        });
        changed.section_mut("spec").insert("claimRef".into(), reference);
    }
    // Not where an administrator bound it: such a bond is undone in another way.
    if !is_for(volume, claim) && volume.annotation(BOUND_BY_CONTROLLER).is_none() {
        changed.set_annotation(BOUND_BY_CONTROLLER, "yes");
    }
    (changed != *volume).then_some(changed)
}

/// The volume in another phase; `None` if it is in it.
pub(super) fn in_phase(volume: &Object, phase: &str, message: &str) -> Option<Object> {
    if volume.str_at(&["status", "phase"]) == phase {
        return None;
    }
    let mut changed = volume.clone();
    let status = changed.section_mut("status");
    status.insert("phase".into(), phase.into());
    match message {
        "" => drop(status.remove("message")),
        message => drop(status.insert("message".into(), message.into())),
    }
    Some(changed)
}

fn naming_volume(claim: &Object, volume: &Object) -> Option<Object> {
    let mut changed = claim.clone();
    if claim.str_at(&["spec", "volumeName"]) != volume.name() {
        changed.section_mut("spec").insert("volumeName".into(), volume.name().into());
        changed.set_annotation(BOUND_BY_CONTROLLER, "yes");
    }
    if claim.annotation(BIND_COMPLETED).is_none() {
        changed.set_annotation(BIND_COMPLETED, "yes");
    }
    (changed != *claim).then_some(changed)
}

/// What the claim has now. Its size is taken over once: growing it is the resizer's.
fn bound_claim(claim: &Object, volume: &Object) -> Option<Object> {
    let mut changed = claim.clone();
    let of_volume = |field: &str| volume.at(&["spec", field]).cloned().unwrap_or_default();
    let status = changed.section_mut("status");
    let phase = claim.str_at(&["status", "phase"]);
    set(status, "accessModes", of_volume("accessModes"));
    if phase != "Bound" {
        set(status, "capacity", of_volume("capacity"));
        status.insert("phase".into(), "Bound".into());
    }
    if phase == "Pending" {
        set(status, "currentVolumeAttributesClassName", of_volume("volumeAttributesClassName"));
    }
    (changed != *claim).then_some(changed)
}

/// The claim without a volume, in this phase; `None` if it is so.
pub(super) fn without_volume(claim: &Object, phase: &str) -> Option<Object> {
    let mut changed = claim.clone();
    let status = changed.section_mut("status");
    status.insert("phase".into(), phase.into());
    for field in ["accessModes", "capacity", "currentVolumeAttributesClassName"] {
        status.remove(field);
    }
    (changed != *claim).then_some(changed)
}

fn set(fields: &mut serde_json::Map<String, Value>, field: &str, value: Value) {
    match value {
        Value::Null => drop(fields.remove(field)),
        value => drop(fields.insert(field.to_owned(), value)),
    }
}
