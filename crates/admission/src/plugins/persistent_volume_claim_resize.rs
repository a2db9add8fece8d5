//! PersistentVolumeClaimResize: only a bound claim of a class that allows it may grow.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#persistentvolumeclaimresize>.

use ironclad_api::quantity::Quantity;
use ironclad_api::{GroupResource, Object, ObjectKey, Status};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};
use serde_json::Value;

use super::{forbidden, is_about};
use crate::{Cluster, Plugin};

const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

pub(super) struct PersistentVolumeClaimResize;

impl Plugin for PersistentVolumeClaimResize {
    fn name(&self) -> &'static str {
        "PersistentVolumeClaimResize"
    }

    fn validate(&self, request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        let updates = request.operation == AdmissionOperation::Update;
        if !updates || !is_about(request, "", "persistentvolumeclaims", "") {
            return Ok(());
        }
        let (Some(new), Some(old)) = (request.object.as_deref(), request.old) else { return Ok(()) };
        if size(new) <= size(old) {
            return Ok(());
        }
        if old.str_at(&["status", "phase"]) != "Bound" {
            return Err(forbidden(request, "Only bound persistent volume claims can be expanded"));
        }
        if !may_grow(new, old, cluster) {
            let why = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";
            return Err(forbidden(request, why));
        }
        Ok(())
    }
}

fn size(claim: &Object) -> Quantity {
    let amount = claim.at(&["spec", "resources", "requests", "storage"]);
    amount.and_then(|amount| Quantity::from_json(amount).ok()).unwrap_or_default()
}

fn class(claim: &Object) -> &str {
    claim.annotation(CLASS_ANNOTATION).unwrap_or_else(|| claim.str_at(&["spec", "storageClassName"]))
}

fn may_grow(new: &Object, old: &Object, cluster: &Cluster<'_>) -> bool {
    let name = class(new);
    if name.is_empty() || name != class(old) {
        return false;
    }
    let classes = GroupResource::new("storage.k8s.io", "storageclasses");
    let class = cluster.cache.get(&classes, &ObjectKey::cluster(name)).map(|entry| entry.object());
    class.is_some_and(|class| class.at(&["allowVolumeExpansion"]) == Some(&Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use ironclad_client::testing::Objects;
    use ironclad_engine::gate::Context;
    use serde_json::json;

    use super::*;
    use crate::testing::{Ask, validate};

    #[test]
    fn claims_grow_where_their_class_lets_them() {
        let world = Objects::default();
        let class =
            |name: &str, grows: bool| json!({"metadata": {"name": name}, "allowVolumeExpansion": grows});
        world.put("storage.k8s.io", "storageclasses", class("grows", true));
        world.put("storage.k8s.io", "storageclasses", class("fixed", false));
        let check = |class: &str, phase: &str, size: &str, want: Option<&str>| {
            let claim = |size: &str| {
                let claim = json!({
                    "metadata": {"name": "c", "namespace": "a"},
                    "spec": {"storageClassName": class, "resources": {"requests": {"storage": size}}},
                    "status": {"phase": phase},
                });
                Object::from_value(claim)
            };
            let ask = Ask {
                namespace: "a",
                resource: ("", "persistentvolumeclaims"),
                subresource: "",
                object: claim(size),
                old: claim("1Gi"),
                operation: AdmissionOperation::Update,
            };
            let answer = validate(&PersistentVolumeClaimResize, &world, &Context::default(), ask);
            let why = answer.err().map(|status| status.message);
            let want = want.map(|why| format!("persistentvolumeclaims \"c\" is forbidden: {why}"));
            assert_eq!(why, want, "{class} {phase} {size}");
        };
        let refused = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";
        check("grows", "Bound", "2Gi", None);
        check("grows", "Bound", "1024Mi", None);
        check("grows", "Pending", "2Gi", Some("Only bound persistent volume claims can be expanded"));
        check("fixed", "Bound", "2Gi", Some(refused));
        check("gone", "Bound", "2Gi", Some(refused));
        check("", "Bound", "2Gi", Some(refused));
    }
}
