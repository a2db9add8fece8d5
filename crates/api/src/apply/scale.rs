//! Managers of the scale subresource. A Scale is a view of its parent: the owner of the
//! parent's replicas field owns `.spec.replicas` of the Scale, and the other way round.

use serde_json::Value;

use super::field_set::FieldSet;
use super::managed::{self, Managed, ManagerId, Operation, Owned};
use super::path::PathElement;

const SCALE_VERSION: &str = "autoscaling/v1";

fn replicas_in_scale() -> Vec<PathElement> {
    vec![PathElement::field("spec"), PathElement::field("replicas")]
}

/// Sets the Scale's managedFields from its parent's. `replicas` is the parent's field.
pub fn to_scale(parent: &Value, replicas: &[PathElement], scale: &mut Value) {
    let mut owners = Managed::new();
    for (id, owned) in managed::decode(parent).unwrap_or_default() {
        if owned.fields.set().contains(replicas) {
            let mut fields = FieldSet::new();
            fields.insert(&replicas_in_scale());
            owners.insert(
                in_version(&id, SCALE_VERSION),
                Owned { fields: fields.into(), api_version: SCALE_VERSION.into(), ..owned },
            );
        }
    }
    managed::encode(scale, owners);
}

/// Sets the parent's managedFields from those it had and those of the Scale just written.
/// `api_version` is the parent's. As upstream, an owner that is new has no time.
pub fn to_parent(parent: &mut Value, api_version: &str, replicas: &[PathElement], scale: &Value) {
    let Ok(parent_owners) = managed::decode(parent) else { return };
    let mut scale_owners = managed::decode(scale).unwrap_or_default();
    let mut path = FieldSet::new();
    path.insert(replicas);

    let mut owners = Managed::new();
    for (id, mut owned) in parent_owners {
        let in_scale = in_version(&id, SCALE_VERSION);
        if owned.fields.set().contains(replicas) && scale_owners.remove(&in_scale).is_none() {
            owned.fields.subtract(&path);
        }
        if !owned.fields.is_empty() {
            owners.insert(id, owned);
        }
    }
    for (id, owned) in scale_owners {
        if owned.fields.set().contains(&replicas_in_scale()) {
            let owned =
                Owned { fields: path.clone().into(), api_version: api_version.to_owned(), time: None };
            owners.insert(in_version(&id, api_version), owned);
        }
    }
    managed::encode(parent, owners);
}

/// The same manager in another version.
fn in_version(id: &ManagerId, api_version: &str) -> ManagerId {
    match id.operation {
        Operation::Apply => id.clone(),
        Operation::Update => ManagerId { api_version: api_version.to_owned(), ..id.clone() },
    }
}
