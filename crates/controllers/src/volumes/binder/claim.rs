//! What is to be done about a claim.

use ironclad_api::{Object, ObjectKey, goprint};
use ironclad_client::Cache;
use ironclad_control::{EventType, Plan};
use serde_json::Value;

use super::super::{CLASS_ANNOTATION, class};
use super::{BIND_COMPLETED, BOUND_BY_CONTROLLER, bond, get, matching, tell, update, update_status};
use crate::resources::{PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES};

/// Set by the scheduler for a claim that waited for a pod.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// What external provisioners look for, the older name first.
const PROVISIONER: [&str; 2] =
    ["volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner"];
const DEFAULT_CLASS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

pub(super) fn plan(cache: &dyn Cache, claim: &Object) -> Plan {
    let mut plan = Plan::done();
    match claim.annotation(BIND_COMPLETED) {
        Some(_) => bound(&mut plan, cache, claim),
        None => unbound(&mut plan, cache, claim),
    }
    plan
}

fn volume_of(cache: &dyn Cache, claim: &Object) -> Option<Object> {
    let name = claim.str_at(&["spec", "volumeName"]);
    get(cache, PERSISTENT_VOLUMES, &ObjectKey::cluster(name)).filter(|_| !name.is_empty())
}

/// A claim that had a volume once.
fn bound(plan: &mut Plan, cache: &dyn Cache, claim: &Object) {
    let name = claim.str_at(&["spec", "volumeName"]);
    let (reason, note) = match volume_of(cache, claim) {
        _ if name.is_empty() => {
            ("ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!")
        }
        None => ("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!"),
        Some(volume) => {
            let free = volume.at(&["spec", "claimRef"]).is_none_or(Value::is_null);
            if free || volume.str_at(&["spec", "claimRef", "uid"]) == claim.uid() {
                return bond::bind(plan, &volume, claim);
            }
            ("ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly")
        }
    };
    let was_lost = claim.str_at(&["status", "phase"]) == "Lost";
    if let Some(lost) = bond::without_volume(claim, "Lost") {
        update_status(plan, PERSISTENT_VOLUME_CLAIMS, lost);
    }
    if !was_lost {
        tell(plan, claim, EventType::Warning, reason, note);
    }
}

fn unbound(plan: &mut Plan, cache: &dyn Cache, claim: &Object) {
    if claim.str_at(&["spec", "volumeName"]).is_empty() {
        return searching(plan, cache, claim);
    }
    let Some(volume) = volume_of(cache, claim) else { return pending(plan, claim) };
    let name = goprint::quote(volume.name());
    if volume.at(&["spec", "claimRef"]).is_none_or(Value::is_null) {
        match matching::refusal(&volume, claim) {
            None => return bond::bind(plan, &volume, claim),
            Some(why) => {
                let note = format!("Cannot bind to requested volume {name}: {why}");
                tell(plan, claim, EventType::Warning, "VolumeMismatch", note);
            }
        }
    } else if bond::is_for(&volume, claim) {
        return bond::bind(plan, &volume, claim);
    } else {
        let note = format!("volume {name} already bound to a different claim.");
        tell(plan, claim, EventType::Warning, "FailedBinding", note);
        if claim.annotation(BOUND_BY_CONTROLLER).is_some() {
            return;
        }
    }
    pending(plan, claim);
}

fn pending(plan: &mut Plan, claim: &Object) {
    if let Some(pending) = bond::without_volume(claim, "Pending") {
        update_status(plan, PERSISTENT_VOLUME_CLAIMS, pending);
    }
}

/// A claim that takes any volume that fits.
fn searching(plan: &mut Plan, cache: &dyn Cache, claim: &Object) {
    let class_name = class(claim);
    let class =
        get(cache, STORAGE_CLASSES, &ObjectKey::cluster(class_name)).filter(|_| !class_name.is_empty());
    let delayed =
        class.as_ref().is_some_and(|class| class.str_at(&["volumeBindingMode"]) == "WaitForFirstConsumer");
    let volumes = cache.list(&PERSISTENT_VOLUMES.group_resource(), None);
    let volumes: Vec<Object> = volumes.iter().map(|entry| entry.object()).collect();
    if let Some(volume) = matching::best(claim, &volumes, delayed) {
        return bond::bind(plan, volume, claim);
    }
    if let Some(claim) = with_default_class(cache, claim) {
        return update(plan, PERSISTENT_VOLUME_CLAIMS, claim);
    }
    if delayed && claim.annotation(SELECTED_NODE).is_none() {
        let note = "waiting for first consumer to be created before binding";
        tell(plan, claim, EventType::Normal, "WaitForFirstConsumer", note);
    } else if !class_name.is_empty() {
        return provision(plan, claim, class_name, class.as_ref());
    } else {
        let note = "no persistent volumes available for this claim and no storage class is set";
        tell(plan, claim, EventType::Normal, "FailedBinding", note);
    }
    pending(plan, claim);
}

/// A default class that came after the claim is taken over (KEP-3333).
fn with_default_class(cache: &dyn Cache, claim: &Object) -> Option<Object> {
    let asks = claim.at(&["spec", "storageClassName"]).is_some_and(Value::is_string);
    if asks || claim.annotation(CLASS_ANNOTATION).is_some() {
        return None;
    }
    let classes = cache.list(&STORAGE_CLASSES.group_resource(), None);
    let classes = classes.iter().map(|entry| entry.object());
    let defaults =
        classes.filter(|class| DEFAULT_CLASS.iter().any(|key| class.annotation(key) == Some("true")));
    let newest = defaults.min_by_key(|class| {
        (std::cmp::Reverse(class.meta_str("creationTimestamp").to_owned()), class.name().to_owned())
    })?;
    let mut changed = claim.clone();
    changed.section_mut("spec").insert("storageClassName".into(), newest.name().into());
    Some(changed)
}

/// Volumes are made by provisioners outside, which are told by annotations.
fn provision(plan: &mut Plan, claim: &Object, name: &str, class: Option<&Object>) {
    let Some(class) = class else {
        let note = format!("storageclass.storage.k8s.io {} not found", goprint::quote(name));
        return tell(plan, claim, EventType::Warning, "ProvisioningFailed", note);
    };
    let provisioner = class.str_at(&["provisioner"]);
    if provisioner.starts_with("kubernetes.io/") {
        let note = format!("no volume plugin matched name: {provisioner}");
        return tell(plan, claim, EventType::Warning, "ProvisioningFailed", note);
    }
    let note = format!(
        "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
    );
    tell(plan, claim, EventType::Normal, "ExternalProvisioning", note);
    if PROVISIONER.iter().any(|key| claim.annotation(key) != Some(provisioner)) {
        let mut changed = claim.clone();
        PROVISIONER.iter().for_each(|key| changed.set_annotation(key, provisioner));
        update(plan, PERSISTENT_VOLUME_CLAIMS, changed);
    }
}
