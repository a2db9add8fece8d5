//! Keeps claims that pods use, volumes that claims have and attributes classes that either names, until
//! nobody does: the finalizers that the admission plugin StorageObjectInUseProtection gives are removed then.

use ironclad_api::{GroupResource, Object, ObjectKey};
use ironclad_client::Cache;
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as api;
use serde_json::{Value, json};

use super::{Use, claims, may_have_claims};
use crate::pods;
use crate::resources::{
    PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, Resource, VOLUME_ATTRIBUTES_CLASSES,
};

pub struct ClaimProtection;
pub struct VolumeProtection;
pub struct AttributesClassProtection;

impl Controller for ClaimProtection {
    fn name(&self) -> &'static str {
        "pvc-protection-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::itself(PERSISTENT_VOLUME_CLAIMS.group_resource()),
            Watch::new(PODS.group_resource(), |change, _| {
                let entry = change.entry();
                let pod = may_have_claims(entry).then(|| entry.typed::<api::Pod>()).flatten();
                let Some(pod) = pod else { return Vec::new() };
                let runs = is_scheduled(&pod) && !pods::is_finished(&pod);
                if change.new.is_some() && runs {
                    return Vec::new();
                }
                let namespace = &entry.key.namespace;
                claims(&pod).map(|(claim, _)| ObjectKey::new(namespace.clone(), claim)).collect()
            }),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _: Timestamp) -> Plan {
        let used = |claim: &Object| is_claim_used(view.cache, claim);
        protect(view, PERSISTENT_VOLUME_CLAIMS, key, "kubernetes.io/pvc-protection", &used)
    }
}

impl Controller for VolumeProtection {
    fn name(&self) -> &'static str {
        "pv-protection-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::itself(PERSISTENT_VOLUMES.group_resource())]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _: Timestamp) -> Plan {
        let used = |volume: &Object| volume.str_at(&["status", "phase"]) == "Bound";
        protect(view, PERSISTENT_VOLUMES, key, "kubernetes.io/pv-protection", &used)
    }
}

impl Controller for AttributesClassProtection {
    fn name(&self) -> &'static str {
        "volumeattributesclass-protection-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        let users = |resource: Resource| {
            Watch::new(resource.group_resource(), |change, _| {
                let sides = change.old.iter().chain(&change.new).map(|entry| entry.object());
                sides.flat_map(|object| named_classes(&object)).map(ObjectKey::cluster).collect()
            })
        };
        vec![
            Watch::itself(VOLUME_ATTRIBUTES_CLASSES.group_resource()),
            users(PERSISTENT_VOLUMES),
            users(PERSISTENT_VOLUME_CLAIMS),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _: Timestamp) -> Plan {
        let names = |resource: GroupResource| {
            let all = view.cache.list(&resource, None);
            all.iter().any(|entry| named_classes(&entry.object()).contains(&key.name))
        };
        let used = |_: &Object| {
            names(PERSISTENT_VOLUMES.group_resource()) || names(PERSISTENT_VOLUME_CLAIMS.group_resource())
        };
        protect(view, VOLUME_ATTRIBUTES_CLASSES, key, "kubernetes.io/vac-protection", &used)
    }
}

/// An object that stays has the finalizer; one that is to go and that nobody uses has not.
fn protect(
    view: &View<'_>,
    resource: Resource,
    key: &ObjectKey,
    finalizer: &str,
    is_used: &dyn Fn(&Object) -> bool,
) -> Plan {
    let mut plan = Plan::done();
    let Some(mut object) = view.cache.get(&resource.group_resource(), key).map(|entry| entry.object()) else {
        return plan;
    };
    let held = object.finalizers().any(|held| held == finalizer);
    let finalizers = object.finalizers().map(str::to_owned);
    let wanted: Vec<String> = match (object.deletion_timestamp().is_some(), held) {
        (true, true) if !is_used(&object) => finalizers.filter(|held| held != finalizer).collect(),
        (false, false) => finalizers.chain([finalizer.to_owned()]).collect(),
        _ => return plan,
    };
    object.set_meta("finalizers", json!(wanted));
    plan.then(Write::Update { target: resource.object(key), object });
    plan
}

fn is_scheduled(pod: &api::Pod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).is_some_and(|node| !node.is_empty())
}

/// By a pod that has a node: an agent starts no pod whose claim is being deleted.
fn is_claim_used(cache: &dyn Cache, claim: &Object) -> bool {
    let pods = cache.list(&PODS.group_resource(), Some(claim.namespace()));
    let mut pods = pods.iter().filter(|pod| may_have_claims(pod)).filter_map(|pod| pod.typed::<api::Pod>());
    pods.any(|pod| {
        is_scheduled(&pod)
            && claims(&pod).any(|(name, how)| {
                let own = how == Use::Named || !is_shut_down(&pod) && owns(&pod, claim);
                name == claim.name() && own
            })
    })
}

/// The agent is done with it, or it was deleted by force: it waits for others only, maybe for this very
/// claim to go.
fn is_shut_down(pod: &api::Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some() && pod.metadata.deletion_grace_period_seconds == Some(0)
}

pub(super) fn owns(pod: &api::Pod, claim: &Object) -> bool {
    let owners = claim.metadata().and_then(|metadata| metadata.get("ownerReferences"));
    let owners = owners.and_then(Value::as_array).into_iter().flatten();
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    owners.into_iter().any(|owner| owner["controller"] == true && owner["uid"] == uid)
}

/// The attributes classes that a volume or a claim names: the one it is to have, has, and is getting.
fn named_classes(object: &Object) -> Vec<String> {
    let paths: [&[&str]; 3] = [
        &["spec", "volumeAttributesClassName"],
        &["status", "currentVolumeAttributesClassName"],
        &["status", "modifyVolumeStatus", "targetVolumeAttributesClassName"],
    ];
    let names = paths.iter().map(|path| object.str_at(path)).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NAMESPACE, World};

    const DELETED: &str = "2026-01-01T00:00:00Z";

    fn world() -> World {
        World::at(DELETED)
    }

    #[test]
    fn a_claim_stays_while_a_pod_on_a_node_has_it() {
        let claim_volume = json!({"name": "v", "persistentVolumeClaim": {"claimName": "c"}});
        let ephemeral = json!({"name": "data", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}});
        let check = |claim: &str, volume: Value, node: &str, owner: &str, kept: bool| {
            let mut world = world();
            let owners =
                json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": owner, "controller": true}]);
            let metadata = json!({
                "name": claim, "namespace": NAMESPACE, "ownerReferences": owners,
                "finalizers": ["kubernetes.io/pvc-protection"], "deletionTimestamp": DELETED,
            });
            world.put(PERSISTENT_VOLUME_CLAIMS, json!({ "metadata": metadata }));
            let pod = json!({"metadata": {"name": "p", "namespace": NAMESPACE, "uid": "u"}, "spec": {"containers": [], "nodeName": node, "volumes": [volume]}});
            world.put(PODS, pod);
            let wrote = world.round(&ClaimProtection, claim);
            assert_eq!(!wrote, kept, "{claim} {node} {owner}");
        };
        check("c", claim_volume.clone(), "n", "", true);
        check("c", claim_volume.clone(), "", "", false);
        check("d", claim_volume, "n", "", false);
        check("p-data", ephemeral.clone(), "n", "u", true);
        check("p-data", ephemeral, "n", "other", false);
    }

    #[test]
    fn what_stays_has_its_finalizer() {
        let mut world = world();
        world.put(
            PERSISTENT_VOLUME_CLAIMS,
            json!({"metadata": {"name": "c", "namespace": NAMESPACE, "finalizers": ["a/b"]}}),
        );
        world.settle(&ClaimProtection, "c");
        let claim = world.get(PERSISTENT_VOLUME_CLAIMS, "c").expect("a claim");
        assert_eq!(claim["metadata"]["finalizers"], json!(["a/b", "kubernetes.io/pvc-protection"]));
    }

    #[test]
    fn a_volume_stays_while_it_is_bound() {
        let check = |phase: &str, kept: bool| {
            let cache = ironclad_client::testing::Objects::default();
            let metadata = json!({"name": "v", "finalizers": ["kubernetes.io/pv-protection"], "deletionTimestamp": DELETED});
            cache.put("", "persistentvolumes", json!({"metadata": metadata, "status": {"phase": phase}}));
            let view = View { cache: &cache, last_failure: None };
            let plan = VolumeProtection.reconcile(&view, &ObjectKey::cluster("v"), Timestamp::UNIX_EPOCH);
            assert_eq!(plan.is_done(), kept, "{phase}");
        };
        check("Bound", true);
        check("Available", false);
        check("Released", false);
    }

    #[test]
    fn an_attributes_class_stays_while_it_is_named() {
        let check = |claim: Value, kept: bool| {
            let cache = ironclad_client::testing::Objects::default();
            let metadata = json!({"name": "gold", "finalizers": ["kubernetes.io/vac-protection"], "deletionTimestamp": DELETED});
            cache.put("storage.k8s.io", "volumeattributesclasses", json!({ "metadata": metadata }));
            cache.put("", "persistentvolumeclaims", claim.clone());
            let view = View { cache: &cache, last_failure: None };
            let key = ObjectKey::cluster("gold");
            let plan = AttributesClassProtection.reconcile(&view, &key, Timestamp::UNIX_EPOCH);
            assert_eq!(plan.is_done(), kept, "{claim}");
        };
        let named = |spec: Value, status: Value| json!({"metadata": {"name": "c", "namespace": "a"}, "spec": spec, "status": status});
        check(named(json!({"volumeAttributesClassName": "gold"}), json!({})), true);
        check(named(json!({}), json!({"currentVolumeAttributesClassName": "gold"})), true);
        check(named(json!({"volumeAttributesClassName": "silver"}), json!({})), false);
    }
}
