//! The rules for persistent volumes and claims, which several kinds carry the specs of:
//! VolumeAttachments a volume's, pods a claim's.

pub(crate) mod claim;
pub(crate) mod persistent;
mod sources;

use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Object, Path};
use serde_json::Value;

use crate::fields::one_of;

const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
/// Where the class stood before it was a field.
pub(crate) const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
const ALONE: &str = "ReadWriteOncePod";
const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];

fn access_modes(modes: &[String], path: &Path) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> =
        modes.iter().filter_map(|mode| one_of(path, mode, &ACCESS_MODES)).collect();
    let others = modes.iter().any(|mode| mode != ALONE && ACCESS_MODES.contains(&mode.as_str()));
    if others && modes.iter().any(|mode| mode == ALONE) {
        errors.push(FieldError::forbidden(path, "may not use ReadWriteOncePod with other access modes"));
    }
    errors
}

// === in tables ===

/// The modes as tables show them: `RWO,ROX`.
pub(crate) fn short_access_modes(modes: Option<&Value>) -> String {
    let short = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let given = |mode: &str| modes.and_then(Value::as_array).into_iter().flatten().any(|given| given == mode);
    let short = short.iter().filter(|(mode, _)| given(mode));
    short.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

/// An amount; `0` for none.
pub(crate) fn shown_amount(amount: Option<&Value>) -> String {
    let amount = amount.and_then(|amount| Quantity::from_json(amount).ok());
    amount.unwrap_or_default().to_string()
}

/// The class of a volume or a claim; the annotation of old counts first.
pub(crate) fn shown_class(object: &Object) -> String {
    let annotated = object.annotation(CLASS_ANNOTATION);
    annotated.unwrap_or_else(|| object.str_at(&["spec", "storageClassName"])).to_owned()
}
