//! Which of the volumes a claim gets: its own if one waits for it, else the smallest that is enough.

use ironclad_api::Object;
use ironclad_api::labels::{LabelSelector, Selector};
use ironclad_api::object::string_map;
use ironclad_api::quantity::Quantity;
use serde_json::Value;

use super::super::class;
use super::bond::is_for;

const FILESYSTEM: &str = "Filesystem";

/// The best of the volumes. A claim that is to wait for a pod (`delayed`) only gets one that waits for it.
pub(super) fn best<'a>(claim: &Object, volumes: &'a [Object], delayed: bool) -> Option<&'a Object> {
    let selector = selector(claim);
    let enough = |volume: &&Object| unsuitable(volume, claim).is_none();
    let own = volumes.iter().filter(|volume| is_for(volume, claim)).find(enough);
    if own.is_some() || delayed {
        return own;
    }
    let free = volumes.iter().filter(|volume| volume.at(&["spec", "claimRef"]).is_none_or(Value::is_null));
    let available = free.filter(|volume| volume.str_at(&["status", "phase"]) == "Available");
    let selected = available.filter(|volume| {
        let labels = string_map(volume.metadata().and_then(|metadata| metadata.get("labels")));
        selector.as_ref().is_none_or(|selector| selector.matches(&labels))
    });
    let suitable = selected.filter(|volume| class(volume) == class(claim)).filter(enough);
    suitable.min_by_key(|volume| (modes(volume).len(), size(volume)))
}

/// Why a volume that a claim asks for by name is not for it.
pub(super) fn refusal(volume: &Object, claim: &Object) -> Option<String> {
    if volume.deletion_timestamp().is_some() {
        let name = ironclad_api::goprint::quote(volume.name());
        return Some(format!("the volume is marked for deletion {name}"));
    }
    if class(volume) != class(claim) && size(volume) >= request(claim) {
        return Some("storageClassName does not match".to_owned());
    }
    unsuitable(volume, claim).map(str::to_owned)
}

/// What of the volume is not what the claim asks for, but for its class.
fn unsuitable(volume: &Object, claim: &Object) -> Option<&'static str> {
    let attributes = |object: &'_ Object| object.str_at(&["spec", "volumeAttributesClassName"]).to_owned();
    if size(volume) < request(claim) {
        return Some("requested PV is too small");
    }
    if attributes(volume) != attributes(claim) {
        return Some("volumeAttributesClassName does not match");
    }
    if is_other_mode(volume, claim) {
        return Some("incompatible volumeMode");
    }
    let has = modes(volume);
    if !modes(claim).iter().all(|mode| has.contains(mode)) {
        return Some("incompatible accessMode");
    }
    volume.deletion_timestamp().map(|_| "the volume is marked for deletion")
}

/// Whether one is a file system and the other a device.
pub(super) fn is_other_mode(volume: &Object, claim: &Object) -> bool {
    let mode = |object: &Object| match object.str_at(&["spec", "volumeMode"]) {
        "" => FILESYSTEM.to_owned(),
        mode => mode.to_owned(),
    };
    mode(volume) != mode(claim)
}

fn amount(value: Option<&Value>) -> Quantity {
    value.and_then(|value| Quantity::from_json(value).ok()).unwrap_or_default()
}

fn size(volume: &Object) -> Quantity {
    amount(volume.at(&["spec", "capacity", "storage"]))
}

fn request(claim: &Object) -> Quantity {
    amount(claim.at(&["spec", "resources", "requests", "storage"]))
}

fn modes(object: &Object) -> Vec<&str> {
    let modes = object.at(&["spec", "accessModes"]).and_then(Value::as_array);
    modes.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A selector that cannot be read selects nothing.
fn selector(claim: &Object) -> Option<Selector> {
    let given = claim.at(&["spec", "selector"]).filter(|given| given.is_object())?;
    let selector: Option<LabelSelector> = serde_json::from_value(given.clone()).ok();
    Some(selector.and_then(|selector| selector.to_selector().ok()).unwrap_or_else(Selector::nothing))
}
