//! DefaultStorageClass: a claim that asks for no class gets the default one.
//!
//! Source: <https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass>.

use ironclad_api::{GroupResource, Object, Status};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};

use super::{is_about, newest_default};
use crate::{Cluster, Plugin};

const DEFAULT_ANNOTATIONS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

pub(super) struct DefaultStorageClass;

impl Plugin for DefaultStorageClass {
    fn name(&self) -> &'static str {
        "DefaultStorageClass"
    }

    fn mutate(&self, request: &mut AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        let creates = request.operation == AdmissionOperation::Create;
        let Some(claim) = request.object.as_ref().filter(|_| creates) else { return Ok(()) };
        if !is_about(request, "", "persistentvolumeclaims", "") || asks_for_class(claim) {
            return Ok(());
        }
        let classes = GroupResource::new("storage.k8s.io", "storageclasses");
        let default = newest_default(cluster, &classes, &DEFAULT_ANNOTATIONS);
        if let (Some(class), Some(claim)) = (default, request.object.as_mut()) {
            claim.section_mut("spec").insert("storageClassName".into(), class.into());
        }
        Ok(())
    }
}

/// An empty class is one too: it means volumes without any.
fn asks_for_class(claim: &Object) -> bool {
    let field = claim.at(&["spec", "storageClassName"]).is_some_and(|class| class.is_string());
    field || claim.annotation(CLASS_ANNOTATION).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Ask, mutate};

    fn class(name: &str, created: &str, default: &str) -> (&'static str, &'static str, Value) {
        let annotations = json!({"storageclass.kubernetes.io/is-default-class": default});
        let metadata = json!({"name": name, "creationTimestamp": created, "annotations": annotations});
        ("storage.k8s.io", "storageclasses", json!({ "metadata": metadata }))
    }

    #[test]
    fn the_newest_default_is_given() {
        let (old, new) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
        let check = |classes: &[(&str, &str, Value)], spec: Value, want: Value| {
            let claim = json!({"metadata": {"name": "c", "namespace": "a"}, "spec": spec});
            let claim = Object::from_value(claim).expect("an object");
            let made = mutate(
                &DefaultStorageClass,
                classes,
                Ask::create("a", ("", "persistentvolumeclaims"), claim),
            );
            let made = made.expect("is let through");
            assert_eq!(made.at(&["spec", "storageClassName"]).cloned().unwrap_or_default(), want, "{spec}");
        };
        check(&[], json!({}), Value::Null);
        check(&[class("a", old, "false")], json!({}), Value::Null);
        check(&[class("a", old, "true"), class("b", new, "true")], json!({}), json!("b"));
        check(&[class("b", old, "true"), class("a", old, "true")], json!({}), json!("a"));
        check(&[class("a", old, "true")], json!({"storageClassName": ""}), json!(""));
    }
}
