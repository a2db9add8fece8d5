//! The metadata in a write of a status, for kinds of which such a write changes nothing but managed fields.

use ironclad_api::Object;
use ironclad_api::apply::FieldSet;
use ironclad_engine::strategy::Part;
use serde_json::Value;

/// What stays as it was (`ResetObjectMetaForStatus`).
const KEPT: [&str; 7] =
    ["deletionTimestamp", "generation", "selfLink", "labels", "annotations", "finalizers", "ownerReferences"];

/// What writes of the object and of its status cannot set.
pub(crate) fn reset_fields(part: Part) -> FieldSet {
    match part {
        Part::Main => FieldSet::of_fields(&[&["status"]]),
        Part::Status => FieldSet::of_fields(&[&["metadata"], &["spec"]]),
        Part::Named(_) => FieldSet::new(),
    }
}

pub(crate) fn keep(new: &mut Object, old: &Object) {
    for field in KEPT {
        match old.metadata().and_then(|metadata| metadata.get(field)).filter(|kept| !kept.is_null()) {
            Some(kept) => {
                let kept: Value = kept.clone();
                new.set_meta(field, kept);
            }
            None => drop(new.remove_meta(field)),
        }
    }
}
