//! Writes through a view of an object: each keeps what the other parts own.

use ironclad_api::Object;
use serde_json::{Map, Value};

use crate::registry::Served;
use crate::shape;
use crate::strategy::Part;

/// Puts back what a write of `part` does not own.
pub(crate) fn keep(part: Part, served: &Served, new: &mut Object, old: Option<&Object>) {
    let Some(old) = old else { return };
    match part {
        Part::Main if served.subresource("status").is_some() => keep_status(served, new, old),
        Part::Status => keep_all_but_status(new, old),
        Part::Main | Part::Named(_) => {}
    }
}

fn keep_status(served: &Served, new: &mut Object, old: &Object) {
    match old.0.get("status") {
        Some(status) => {
            new.0.insert("status".into(), status.clone());
        }
        None if shape::prints_empty_status(served.schema()) => {
            new.0.insert("status".into(), Value::Object(Map::new()));
        }
        None => {
            new.0.remove("status");
        }
    }
}

/// The metadata is the writer's: its finalizers and annotations may change with the status.
fn keep_all_but_status(new: &mut Object, old: &Object) {
    let mut kept = old.clone();
    for member in ["metadata", "status"] {
        match new.0.remove(member) {
            Some(value) => drop(kept.0.insert(member.to_owned(), value)),
            None => drop(kept.0.remove(member)),
        }
    }
    *new = kept;
}
