//! Gives claims the volumes that were made before, and volumes back when their claims are gone.
//!
//! - [`claim`], [`volume`]: what is to be done about one of either.
//! - [`matching`]: which volume a claim gets.
//! - [`bond`]: the four writes that bind both to each other.
//!
//! A volume and a claim are bound when each names the other. Each reconcile does the first write that is
//! missing; the change wakes both again. Every write is based on the version that was read, so two claims
//! never get the same volume.

mod bond;
mod claim;
mod matching;
#[cfg(test)]
mod tests;
mod volume;

use ironclad_api::{Object, ObjectKey};
use ironclad_client::{Cache, Change};
use ironclad_control::{Controller, EventRecord, EventType, Plan, View, Watch, Write};
use jiff::Timestamp;
use serde_json::Value;

use super::class;
use crate::resources::{PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, Resource, STORAGE_CLASSES};

const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

/// Its keys are claims, and volumes, which have no namespace.
pub struct PersistentVolumeBinder;

impl Controller for PersistentVolumeBinder {
    fn name(&self) -> &'static str {
        "persistent-volume-binder"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::new(PERSISTENT_VOLUME_CLAIMS.group_resource(), |change, _| {
                let mut keys = vec![change.entry().key.clone()];
                keys.extend(sides(change).filter_map(|claim| {
                    let volume = claim.str_at(&["spec", "volumeName"]);
                    (!volume.is_empty()).then(|| ObjectKey::cluster(volume))
                }));
                keys
            }),
            Watch::new(PERSISTENT_VOLUMES.group_resource(), |change, cache| {
                let mut keys = vec![change.entry().key.clone()];
                keys.extend(sides(change).filter_map(|volume| claim_of(&volume)));
                keys.extend(change.new.iter().flat_map(|volume| waiting_for(&volume.object(), cache)));
                // A claim may have lost it.
                keys.extend(change.old.iter().flat_map(|volume| naming(&volume.key.name, cache)));
                keys
            }),
            Watch::new(STORAGE_CLASSES.group_resource(), |change, cache| {
                let name = change.entry().key.name.clone();
                unbound(cache, |claim| class(claim).is_empty() || class(claim) == name)
            }),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _: Timestamp) -> Plan {
        match key.namespace.as_str() {
            "" => get(view.cache, PERSISTENT_VOLUMES, key)
                .map(|volume| volume::plan(view.cache, &volume))
                .unwrap_or_default(),
            _ => get(view.cache, PERSISTENT_VOLUME_CLAIMS, key)
                .map(|claim| claim::plan(view.cache, &claim))
                .unwrap_or_default(),
        }
    }
}

fn sides(change: &Change) -> impl Iterator<Item = Object> + '_ {
    change.old.iter().chain(&change.new).map(|entry| entry.object())
}

fn get(cache: &dyn Cache, resource: Resource, key: &ObjectKey) -> Option<Object> {
    cache.get(&resource.group_resource(), key).map(|entry| entry.object())
}

/// The claim that a volume names.
fn claim_of(volume: &Object) -> Option<ObjectKey> {
    let part = |field: &str| volume.str_at(&["spec", "claimRef", field]).to_owned();
    let named = volume.at(&["spec", "claimRef"]).is_some_and(Value::is_object);
    named.then(|| ObjectKey::new(part("namespace"), part("name")))
}

fn unbound(cache: &dyn Cache, wanted: impl Fn(&Object) -> bool) -> Vec<ObjectKey> {
    let all = cache.list(&PERSISTENT_VOLUME_CLAIMS.group_resource(), None);
    let claims = all.iter().map(|entry| entry.object());
    let waiting = claims.filter(|claim| claim.str_at(&["spec", "volumeName"]).is_empty() && wanted(claim));
    waiting.map(|claim| claim.key()).collect()
}

/// The claims that might want an available volume.
fn waiting_for(volume: &Object, cache: &dyn Cache) -> Vec<ObjectKey> {
    match volume.str_at(&["status", "phase"]) {
        "Available" => unbound(cache, |claim| class(claim) == class(volume)),
        _ => Vec::new(),
    }
}

fn naming(volume: &str, cache: &dyn Cache) -> Vec<ObjectKey> {
    let all = cache.list(&PERSISTENT_VOLUME_CLAIMS.group_resource(), None);
    let claims = all.iter().map(|entry| entry.object());
    claims.filter(|claim| claim.str_at(&["spec", "volumeName"]) == volume).map(|claim| claim.key()).collect()
}

fn update(plan: &mut Plan, resource: Resource, object: Object) {
    plan.then(Write::Update { target: resource.object(&object.key()), object });
}

fn update_status(plan: &mut Plan, resource: Resource, object: Object) {
    plan.then(Write::Update { target: resource.status(&object.key()), object });
}

/// Tells of an object.
fn tell(plan: &mut Plan, object: &Object, event_type: EventType, reason: &str, note: impl Into<String>) {
    let regarding = ironclad_client::events::reference(object);
    plan.event(EventRecord { regarding, event_type, reason: reason.to_owned(), note: note.into() });
}
