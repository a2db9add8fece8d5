//! The volume claims of pods: made before the pod, and kept or deleted as the set says (KEP-1847).

use ironclad_api::{Object, ObjectKey};
use ironclad_client::Cache;
use ironclad_client::typed::CacheExt;
use ironclad_control::Write;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::{API_VERSION, KIND, making};
use crate::ownership::{controller_reference, key_of};
use crate::resources::PERSISTENT_VOLUME_CLAIMS;

const DELETE: &str = "Delete";

fn templates(set: &StatefulSet) -> &[PersistentVolumeClaim] {
    let templates = set.spec.as_ref().and_then(|spec| spec.volume_claim_templates.as_deref());
    templates.unwrap_or_default()
}

/// The volumes of a pod and the claims behind them.
pub(super) fn names(set: &StatefulSet, ordinal: i32) -> Vec<(String, String)> {
    let volumes = templates(set).iter().filter_map(|template| template.metadata.name.clone());
    volumes.map(|volume| (volume.clone(), format!("{volume}-{}", making::name(set, ordinal)))).collect()
}

fn get(cache: &dyn Cache, set: &StatefulSet, name: &str) -> Option<std::sync::Arc<PersistentVolumeClaim>> {
    let key = ObjectKey::new(set.metadata.namespace.clone().unwrap_or_default(), name);
    cache.get_as(&PERSISTENT_VOLUME_CLAIMS.group_resource(), &key)
}

/// A pod cannot be made yet: a claim of its name is going.
pub(super) struct Going;

/// The claims of a pod that are not there yet.
pub(super) fn missing(cache: &dyn Cache, set: &StatefulSet, ordinal: i32) -> Result<Vec<Write>, Going> {
    let mut writes = Vec::new();
    for (template, (_, name)) in templates(set).iter().zip(names(set, ordinal)) {
        match get(cache, set, &name) {
            None => writes.extend(create(set, template, &name)),
            Some(claim) if claim.metadata.deletion_timestamp.is_some() => return Err(Going),
            Some(_) => {}
        }
    }
    Ok(writes)
}

fn create(set: &StatefulSet, template: &PersistentVolumeClaim, name: &str) -> Option<Write> {
    let mut labels = template.metadata.labels.clone().unwrap_or_default();
    let selector = set.spec.as_ref().and_then(|spec| spec.selector.match_labels.clone());
    labels.extend(selector.unwrap_or_default());
    let claim = PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: set.metadata.namespace.clone(),
            labels: Some(labels),
            annotations: template.metadata.annotations.clone(),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    };
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    Some(Write::create(PERSISTENT_VOLUME_CLAIMS.collection(namespace), Object::from_typed(&claim).ok()?))
}

/// Whether claims are to go with their pods when the set is scaled down, and still belong to a pod
/// of before.
pub(super) fn are_stale(cache: &dyn Cache, set: &StatefulSet, ordinal: i32) -> bool {
    let name = making::name(set, ordinal);
    let is_of_pod =
        |owner: &OwnerReference| owner.kind == "Pod" && owner.api_version == "v1" && owner.name == name;
    let claims = names(set, ordinal);
    let mut claims = claims.iter().filter_map(|(_, claim)| get(cache, set, claim));
    Retention::of(set).when_scaled
        && claims.any(|claim| claim.metadata.owner_references.iter().flatten().any(is_of_pod))
}

// === owners ===

/// Whether claims go with the set, and with pods that it has no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Retention {
    when_deleted: bool,
    when_scaled: bool,
}

impl Retention {
    fn of(set: &StatefulSet) -> Self {
        let policy =
            set.spec.as_ref().and_then(|spec| spec.persistent_volume_claim_retention_policy.as_ref());
        let deletes = |word: Option<&String>| word.is_some_and(|word| word == DELETE);
        Self {
            when_deleted: deletes(policy.and_then(|policy| policy.when_deleted.as_ref())),
            when_scaled: deletes(policy.and_then(|policy| policy.when_scaled.as_ref())),
        }
    }

    fn keeps_all(self) -> bool {
        !self.when_deleted && !self.when_scaled
    }
}

/// Makes the owners of a pod's claims those that the set's policy asks for. `wanted`: whether the pod's
/// number is one of the set's.
pub(super) fn owned(
    cache: &dyn Cache,
    set: &StatefulSet,
    pod: &Pod,
    ordinal: i32,
    wanted: bool,
) -> Vec<Write> {
    let claims = names(set, ordinal).into_iter().filter_map(|(_, name)| get(cache, set, &name));
    let owners = Owners { set, pod, retention: Retention::of(set), wanted };
    claims.filter_map(|claim| owners.update(&claim)).collect()
}

struct Owners<'a> {
    set: &'a StatefulSet,
    pod: &'a Pod,
    retention: Retention,
    wanted: bool,
}

impl Owners<'_> {
    fn is_set(&self, owner: &OwnerReference) -> bool {
        (owner.api_version.as_str(), owner.kind.as_str()) == (API_VERSION, KIND)
            && Some(&owner.name) == self.set.metadata.name.as_ref()
    }

    fn is_pod(&self, owner: &OwnerReference) -> bool {
        (owner.api_version.as_str(), owner.kind.as_str()) == ("v1", "Pod")
            && Some(&owner.name) == self.pod.metadata.name.as_ref()
    }

    /// The names are ours but the objects are of before: the garbage collector will see to it.
    fn is_stale(&self, owner: &OwnerReference) -> bool {
        (self.is_set(owner) && Some(&owner.uid) != self.set.metadata.uid.as_ref())
            || (self.is_pod(owner) && Some(&owner.uid) != self.pod.metadata.uid.as_ref())
    }

    fn is_foreign_controller(&self, owner: &OwnerReference) -> bool {
        owner.controller == Some(true) && !self.is_set(owner) && !self.is_pod(owner)
    }

    /// The owners that the policy asks for.
    fn wished(&self) -> Vec<OwnerReference> {
        let set = || controller_reference(API_VERSION, KIND, &self.set.metadata);
        let pod = || controller_reference("v1", "Pod", &self.pod.metadata);
        match (self.retention.when_scaled, self.retention.when_deleted) {
            (true, _) if !self.wanted => vec![pod()],
            (_, true) => vec![set()],
            _ => Vec::new(),
        }
    }

    fn update(&self, claim: &PersistentVolumeClaim) -> Option<Write> {
        let owners = claim.metadata.owner_references.clone().unwrap_or_default();
        if owners.iter().any(|owner| self.is_stale(owner)) {
            return None;
        }
        let foreign =
            !self.retention.keeps_all() && owners.iter().any(|owner| self.is_foreign_controller(owner));
        let (ours, mut others): (Vec<_>, Vec<_>) =
            owners.into_iter().partition(|owner| self.is_set(owner) || self.is_pod(owner));
        // Beside somebody else who manages the claim we are no owner at all.
        let wished = if foreign { Vec::new() } else { self.wished() };
        let key = |owners: &[OwnerReference]| -> Vec<(String, Option<bool>)> {
            owners.iter().map(|owner| (owner.uid.clone(), owner.controller)).collect()
        };
        if key(&ours) == key(&wished) {
            return None;
        }
        others.extend(wished);
        let mut claim = claim.clone();
        claim.metadata.owner_references = (!others.is_empty()).then_some(others);
        let target = PERSISTENT_VOLUME_CLAIMS.object(&key_of(&claim.metadata));
        Some(Write::Update { target, object: Object::from_typed(&claim).ok()? })
    }
}
