//! StorageObjectInUseProtection: a new volume, claim or attributes class gets the finalizer that keeps it
//! while somebody uses it. The controllers of the same names remove it.
//!
//! Source: <https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection>.

use ironclad_api::{Object, Status};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};
use serde_json::{Value, json};

use super::is_about;
use crate::{Cluster, Plugin};

/// Group, plural and finalizer.
const PROTECTED: [(&str, &str, &str); 3] = [
    ("", "persistentvolumes", "kubernetes.io/pv-protection"),
    ("", "persistentvolumeclaims", "kubernetes.io/pvc-protection"),
    ("storage.k8s.io", "volumeattributesclasses", "kubernetes.io/vac-protection"),
];

pub(super) struct StorageObjectInUseProtection;

impl Plugin for StorageObjectInUseProtection {
    fn name(&self) -> &'static str {
        "StorageObjectInUseProtection"
    }

    fn mutate(&self, request: &mut AdmissionRequest<'_>, _: &Cluster<'_>) -> Result<(), Status> {
        if request.operation != AdmissionOperation::Create {
            return Ok(());
        }
        let protected = PROTECTED.iter().find(|(group, resource, _)| is_about(request, group, resource, ""));
        if let (Some((_, _, finalizer)), Some(object)) = (protected, request.object.as_mut()) {
            add(object, finalizer);
        }
        Ok(())
    }
}

fn add(object: &mut Object, finalizer: &str) {
    if object.finalizers().any(|held| held == finalizer) {
        return;
    }
    match object.metadata_mut().entry("finalizers").or_insert(Value::Null) {
        Value::Array(list) => list.push(finalizer.into()),
        other => *other = json!([finalizer]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Ask, mutate};

    #[test]
    fn each_has_its_finalizer_once() {
        let check = |resource: (&str, &str), metadata: Value, want: Value| {
            let object = Object::from_value(json!({ "metadata": metadata })).expect("an object");
            let made = mutate(&StorageObjectInUseProtection, &[], Ask::create("a", resource, object));
            assert_eq!(made.expect("is let through").metadata().expect("metadata")["finalizers"], want);
        };
        let claims = ("", "persistentvolumeclaims");
        check(claims, json!({"name": "c"}), json!(["kubernetes.io/pvc-protection"]));
        check(
            claims,
            json!({"name": "c", "finalizers": ["example.com/x", "kubernetes.io/pvc-protection"]}),
            json!(["example.com/x", "kubernetes.io/pvc-protection"]),
        );
        check(("", "persistentvolumes"), json!({"name": "v"}), json!(["kubernetes.io/pv-protection"]));
        let classes = ("storage.k8s.io", "volumeattributesclasses");
        check(classes, json!({"name": "g"}), json!(["kubernetes.io/vac-protection"]));
    }
}
