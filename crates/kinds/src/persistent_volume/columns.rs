//! The columns of `kubectl get persistentvolumes`.

use ironclad_api::Object;
use ironclad_engine::Column;
use serde_json::Value;

use crate::columns::{age, name, text, wide};
use crate::volume_rules::{short_access_modes, shown_amount, shown_class};

const UNSET: &str = "<unset>";

pub(super) fn all() -> Vec<Column> {
    let field =
        |name, path: &'static [&'static str]| text(name, move |volume| volume.str_at(path).to_owned());
    let optional = |name, path: &'static [&'static str]| {
        text(name, move |volume| volume.at(path).and_then(Value::as_str).unwrap_or(UNSET).to_owned())
    };
    vec![
        name(),
        text("Capacity", |volume| shown_amount(volume.at(&["spec", "capacity", "storage"]))),
        text("Access Modes", |volume| short_access_modes(volume.at(&["spec", "accessModes"]))),
        field("Reclaim Policy", &["spec", "persistentVolumeReclaimPolicy"]),
        text("Status", phase),
        text("Claim", claim),
        text("StorageClass", shown_class),
        optional("VolumeAttributesClass", &["spec", "volumeAttributesClassName"]),
        field("Reason", &["status", "reason"]),
        age(),
        wide(optional("VolumeMode", &["spec", "volumeMode"])),
    ]
}

fn phase(volume: &Object) -> String {
    match volume.deletion_timestamp() {
        Some(_) => "Terminating".to_owned(),
        None => volume.str_at(&["status", "phase"]).to_owned(),
    }
}

fn claim(volume: &Object) -> String {
    let part = |field: &str| volume.str_at(&["spec", "claimRef", field]);
    match volume.at(&["spec", "claimRef"]).is_some_and(Value::is_object) {
        true => format!("{}/{}", part("namespace"), part("name")),
        false => String::new(),
    }
}
