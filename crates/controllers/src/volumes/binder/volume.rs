//! What is to be done about a volume.

use ironclad_api::{Object, goprint};
use ironclad_client::Cache;
use ironclad_control::{EventType, Plan};
use serde_json::Value;

use super::{
    BOUND_BY_CONTROLLER, PROVISIONED_BY, bond, claim_of, get, matching, tell, update, update_status,
};
use crate::resources::{PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES};

pub(super) fn plan(cache: &dyn Cache, volume: &Object) -> Plan {
    let mut plan = Plan::done();
    let uid = volume.str_at(&["spec", "claimRef", "uid"]);
    let Some(key) = claim_of(volume).filter(|_| !uid.is_empty()) else {
        // Free, or waiting for a claim of some name.
        phase(&mut plan, volume, "Available");
        return plan;
    };
    let claim = get(cache, PERSISTENT_VOLUME_CLAIMS, &key).filter(|claim| claim.uid() == uid);
    match claim {
        None => release(&mut plan, volume),
        Some(claim) => beside(&mut plan, volume, &claim),
    }
    plan
}

fn phase(plan: &mut Plan, volume: &Object, phase: &str) {
    if let Some(changed) = bond::in_phase(volume, phase, "") {
        update_status(plan, PERSISTENT_VOLUMES, changed);
    }
}

/// A volume whose claim is there.
fn beside(plan: &mut Plan, volume: &Object, claim: &Object) {
    let dynamic = volume.annotation(PROVISIONED_BY).is_some() && policy(volume) == "Delete";
    match claim.str_at(&["spec", "volumeName"]) {
        "" if matching::is_other_mode(volume, claim) => {
            let name = goprint::quote(claim.name());
            let note = format!(
                "Cannot bind PersistentVolume to requested PersistentVolumeClaim {name} due to incompatible volumeMode."
            );
            tell(plan, volume, EventType::Warning, "VolumeMismatch", note);
            let name = goprint::quote(volume.name());
            let note = format!(
                "Cannot bind PersistentVolume {name} to requested PersistentVolumeClaim due to incompatible volumeMode."
            );
            tell(plan, claim, EventType::Warning, "VolumeMismatch", note);
        }
        // The claim's own turn.
        "" => {}
        name if name == volume.name() => phase(plan, volume, "Bound"),
        // The claim has another one.
        _ if dynamic => release(plan, volume),
        _ => update(plan, PERSISTENT_VOLUMES, unbound(volume)),
    }
}

/// Free again; a volume that its administrator meant for a claim goes on waiting for one of that name.
fn unbound(volume: &Object) -> Object {
    let mut changed = volume.clone();
    if volume.annotation(BOUND_BY_CONTROLLER).is_none() {
        let reference = changed.section_mut("spec").get_mut("claimRef").and_then(Value::as_object_mut);
        if let Some(reference) = reference {
            reference.remove("uid");
        }
        return changed;
    }
    changed.section_mut("spec").remove("claimRef");
    let annotations = changed.metadata_mut().get_mut("annotations").and_then(Value::as_object_mut);
    if let Some(annotations) = annotations {
        annotations.remove(BOUND_BY_CONTROLLER);
    }
    changed
}

fn policy(volume: &Object) -> &str {
    volume.str_at(&["spec", "persistentVolumeReclaimPolicy"])
}

/// A volume whose claim is gone: kept, or left to the provisioner that made it. What nobody here can empty
/// or delete has failed.
fn release(plan: &mut Plan, volume: &Object) {
    let released = ["Released", "Failed"].contains(&volume.str_at(&["status", "phase"]));
    if !released {
        return phase(plan, volume, "Released");
    }
    let (reason, message) = match policy(volume) {
        "Recycle" => ("VolumeFailedRecycle", "No recycler plugin found for the volume!".to_owned()),
        "Delete" if volume.annotation(PROVISIONED_BY).is_none() => {
            let name = goprint::quote(volume.name());
            let message = format!(
                "error getting deleter volume plugin for volume {name}: no deletable volume plugin matched"
            );
            ("VolumeFailedDelete", message)
        }
        _ => return,
    };
    if let Some(failed) = bond::in_phase(volume, "Failed", &message) {
        update_status(plan, PERSISTENT_VOLUMES, failed);
        tell(plan, volume, EventType::Warning, reason, message);
    }
}
