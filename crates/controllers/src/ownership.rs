//! Controllers and the objects that they own: references, adoption, release.

use std::sync::Arc;

use ironclad_api::{Entry, ObjectKey};
use ironclad_client::{By, Cache, Change, PatchKind};
use ironclad_control::{Watch, Write};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::resources::Resource;
use crate::selectors::Selector;

/// The owner that manages the object; an object has at most one.
pub fn controller_of(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// A reference that makes `owner` the managing owner.
pub fn controller_reference(api_version: &str, kind: &str, owner: &ObjectMeta) -> OwnerReference {
    OwnerReference {
        api_version: api_version.into(),
        kind: kind.into(),
        name: owner.name.clone().unwrap_or_default(),
        uid: owner.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// A change of an object wakes its managing owner of `kind`, the one before the change too.
pub fn watch_owned(resource: Resource, kind: &'static str) -> Watch {
    Watch::new(resource.group_resource(), move |change, _| owners_of(change, kind))
}

/// Like [`watch_owned`], and an object without any owner wakes what `candidates` finds for it:
/// those whose selectors it matches, which may adopt it. This runs on the path of every write, and of every
/// object at a start: nothing is decoded for it.
pub fn watch_owned_or_matching(
    resource: Resource,
    kind: &'static str,
    candidates: impl Fn(&Entry, &dyn Cache) -> Vec<ObjectKey> + Send + Sync + 'static,
) -> Watch {
    Watch::new(resource.group_resource(), move |change, cache| {
        let owners = owners_of(change, kind);
        if !owners.is_empty() {
            return owners;
        }
        let orphan = change.entry().ties().controller.is_none();
        if orphan { candidates(change.entry(), cache) } else { Vec::new() }
    })
}

fn owners_of(change: &Change, kind: &str) -> Vec<ObjectKey> {
    let mut keys = Vec::new();
    for entry in [&change.old, &change.new].into_iter().flatten() {
        let owner = entry.ties().controller.as_ref().filter(|owner| &*owner.kind == kind);
        let key = owner.map(|owner| ObjectKey::new(entry.key.namespace.clone(), &*owner.name));
        keys.extend(key.filter(|key| !keys.contains(key)));
    }
    keys
}

/// What [`claim`] is to be asked about: the objects that the owner manages, and those of its
/// namespace that it selects and nobody manages. The others are not even decoded.
pub fn claimable<T: DeserializeOwned + Send + Sync + 'static>(
    cache: &dyn Cache,
    resource: Resource,
    owner: &ObjectMeta,
    selector: &Selector,
) -> Vec<Arc<T>> {
    let namespace = owner.namespace.as_deref().unwrap_or_default();
    let managed_by = |uid| cache.find(&resource.group_resource(), &By::Controller { namespace, uid });
    let mut entries = managed_by("");
    entries.retain(|entry| selector.matches(Some(&entry.labels)));
    if let Some(uid) = owner.uid.as_deref().filter(|uid| !uid.is_empty()) {
        entries.extend(managed_by(uid));
    }
    entries.iter().filter_map(|entry| entry.typed()).collect()
}

/// What an owner makes of an object of its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It owns the object and its selector matches: it counts.
    Owned,
    /// Nobody owns it, the selector matches: it is to be adopted.
    Adopt,
    /// It owns the object, but the selector no longer matches: it is to be released.
    Release,
    /// None of its business.
    Foreign,
}

/// Decides [`Claim`] as upstream's ControllerRefManager does: nothing is adopted or released
/// while either side is being deleted.
pub fn claim(owner: &ObjectMeta, object: &ObjectMeta, matches: bool) -> Claim {
    let deleting = owner.deletion_timestamp.is_some();
    match controller_of(object) {
        Some(reference) if Some(&reference.uid) != owner.uid.as_ref() => Claim::Foreign,
        Some(_) if matches => Claim::Owned,
        Some(_) if deleting || object.deletion_timestamp.is_some() => Claim::Foreign,
        Some(_) => Claim::Release,
        None if matches && !deleting && object.deletion_timestamp.is_none() => Claim::Adopt,
        None => Claim::Foreign,
    }
}

/// Makes `owner` the managing owner of an object, if that is still the one with this uid.
pub fn adopt(resource: Resource, object: &ObjectMeta, owner: &OwnerReference) -> Write {
    patch(resource, object, json!([owner]))
}

/// Takes the owner's reference off an object.
pub fn release(resource: Resource, object: &ObjectMeta, owner: &ObjectMeta) -> Write {
    patch(resource, object, json!([{ "$patch": "delete", "uid": owner.uid }]))
}

fn patch(resource: Resource, object: &ObjectMeta, references: Value) -> Write {
    Write::Patch {
        target: resource.object(&key_of(object)),
        kind: PatchKind::Strategic,
        patch: json!({ "metadata": { "uid": object.uid, "ownerReferences": references } }),
    }
}

pub fn key_of(metadata: &ObjectMeta) -> ObjectKey {
    ObjectKey::new(metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

/// An `ObjectReference` for events.
pub fn event_reference(api_version: &str, kind: &str, metadata: &ObjectMeta) -> Value {
    json!({
        "apiVersion": api_version,
        "kind": kind,
        "namespace": metadata.namespace,
        "name": metadata.name,
        "uid": metadata.uid,
        "resourceVersion": metadata.resource_version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn meta(uid: &str, owner: Option<&str>, deleting: bool) -> ObjectMeta {
        let owner = owner.map(|uid| OwnerReference {
            uid: uid.into(),
            controller: Some(true),
            ..OwnerReference::default()
        });
        ObjectMeta {
            uid: Some(uid.into()),
            owner_references: owner.map(|owner| vec![owner]),
            deletion_timestamp: deleting.then_some(Time(jiff::Timestamp::UNIX_EPOCH)),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn an_owner_claims_what_matches_and_is_nobody_elses() {
        for (owner_deleting, object_owner, object_deleting, matches, expected) in [
            (false, Some("me"), false, true, Claim::Owned),
            (false, Some("me"), true, true, Claim::Owned),
            (false, Some("me"), false, false, Claim::Release),
            (true, Some("me"), false, false, Claim::Foreign),
            (false, Some("other"), false, true, Claim::Foreign),
            (false, None, false, true, Claim::Adopt),
            (false, None, true, true, Claim::Foreign),
            (true, None, false, true, Claim::Foreign),
            (false, None, false, false, Claim::Foreign),
        ] {
            let owner = meta("me", None, owner_deleting);
            let object = meta("it", object_owner, object_deleting);
            assert_eq!(claim(&owner, &object, matches), expected, "{object_owner:?} {matches}");
        }
    }
}
