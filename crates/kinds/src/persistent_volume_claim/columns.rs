//! The columns of `kubectl get persistentvolumeclaims`.

use ironclad_api::Object;
use ironclad_engine::Column;
use serde_json::Value;

use crate::columns::{age, name, text, wide};
use crate::volume_rules::{short_access_modes, shown_amount, shown_class};

const UNSET: &str = "<unset>";

pub(super) fn all() -> Vec<Column> {
    let optional = |name, path: &'static [&'static str]| {
        text(name, move |claim| claim.at(path).and_then(Value::as_str).unwrap_or(UNSET).to_owned())
    };
    vec![
        name(),
        text("Status", phase),
        text("Volume", |claim| volume(claim).to_owned()),
        text("Capacity", |claim| bound(claim, || shown_amount(claim.at(&["status", "capacity", "storage"])))),
        text("Access Modes", |claim| {
            bound(claim, || short_access_modes(claim.at(&["status", "accessModes"])))
        }),
        text("StorageClass", shown_class),
        optional("VolumeAttributesClass", &["spec", "volumeAttributesClassName"]),
        age(),
        wide(optional("VolumeMode", &["spec", "volumeMode"])),
    ]
}

fn phase(claim: &Object) -> String {
    match claim.deletion_timestamp() {
        Some(_) => "Terminating".to_owned(),
        None => claim.str_at(&["status", "phase"]).to_owned(),
    }
}

fn volume(claim: &Object) -> &str {
    claim.str_at(&["spec", "volumeName"])
}

/// What only a claim with a volume has.
fn bound(claim: &Object, shown: impl Fn() -> String) -> String {
    if volume(claim).is_empty() { String::new() } else { shown() }
}
