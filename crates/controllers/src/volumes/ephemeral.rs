//! Ephemeral volumes: a claim for each that a pod describes, which lives as long as the pod (KEP-1698).

use ironclad_api::{GroupVersionKind, Object, ObjectKey};
use ironclad_client::typed::CacheExt;
use ironclad_control::{Controller, EventRecord, EventType, Plan, View, Watch, Write};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as api;
use serde_json::{Value, json};

use super::protection::owns;
use super::{Use, claims, may_have_claims};
use crate::ownership::event_reference;
use crate::resources::{PERSISTENT_VOLUME_CLAIMS, PODS};

/// Its keys are pods.
pub struct EphemeralVolumes;

impl Controller for EphemeralVolumes {
    fn name(&self) -> &'static str {
        "ephemeral-volume-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::new(PODS.group_resource(), |change, _| {
                let Some(entry) = &change.new else { return Vec::new() };
                let pod = may_have_claims(entry).then(|| entry.typed::<api::Pod>()).flatten();
                let describes = pod.is_some_and(|pod| claims(&pod).any(|(_, how)| how == Use::Ephemeral));
                if describes { vec![entry.key.clone()] } else { Vec::new() }
            }),
            // A claim that is gone is made again.
            Watch::new(PERSISTENT_VOLUME_CLAIMS.group_resource(), |change, _| {
                let gone = change.old.as_ref().filter(|_| change.new.is_none());
                gone.and_then(|claim| owner(&claim.object())).into_iter().collect()
            }),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let Some(pod) = view.cache.get_as::<api::Pod>(&PODS.group_resource(), key) else { return plan };
        if pod.metadata.deletion_timestamp.is_some() {
            return plan;
        }
        for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
            let template = volume.ephemeral.as_ref().and_then(|source| source.volume_claim_template.as_ref());
            let Some(template) = template else { continue };
            let claim = ObjectKey::new(key.namespace.clone(), format!("{}-{}", key.name, volume.name));
            match view.cache.get(&PERSISTENT_VOLUME_CLAIMS.group_resource(), &claim) {
                None => {
                    let collection = PERSISTENT_VOLUME_CLAIMS.collection(&claim.namespace);
                    plan.and(Write::create(collection, made(&pod, template, &claim)));
                }
                Some(standing) if !owns(&pod, &standing.object()) => {
                    let why = format!("PVC {claim} was not created for pod {key} (pod is not owner)");
                    plan.event(EventRecord {
                        regarding: event_reference("v1", "Pod", &pod.metadata),
                        event_type: EventType::Warning,
                        reason: "FailedBinding".to_owned(),
                        note: format!("ephemeral volume {}: {why}", volume.name),
                    });
                    return plan;
                }
                Some(_) => {}
            }
        }
        plan
    }
}

/// The pod that a claim was made for.
fn owner(claim: &Object) -> Option<ObjectKey> {
    let owners = claim.metadata()?.get("ownerReferences")?.as_array()?;
    let pod = owners.iter().find(|owner| owner["kind"] == "Pod" && owner["controller"] == true)?;
    Some(ObjectKey::new(claim.namespace(), pod["name"].as_str()?))
}

fn made(pod: &api::Pod, template: &api::PersistentVolumeClaimTemplate, key: &ObjectKey) -> Object {
    let mut claim = Object::new(&GroupVersionKind::new("", "v1", "PersistentVolumeClaim"), key);
    let metadata = template.metadata.clone().unwrap_or_default();
    for (field, map) in [("labels", metadata.labels), ("annotations", metadata.annotations)] {
        if let Some(map) = map {
            claim.set_meta(field, json!(map));
        }
    }
    let owner = json!({
        "apiVersion": "v1", "kind": "Pod", "name": pod.metadata.name, "uid": pod.metadata.uid,
        "controller": true, "blockOwnerDeletion": true,
    });
    claim.set_meta("ownerReferences", Value::Array(vec![owner]));
    claim.0.insert("spec".into(), json!(template.spec));
    claim
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NAMESPACE, World};

    fn world() -> World {
        let mut world = World::at("2026-01-01T00:00:00Z");
        let template =
            json!({"metadata": {"labels": {"a": "b"}}, "spec": {"accessModes": ["ReadWriteOnce"]}});
        let volume = json!({"name": "data", "ephemeral": {"volumeClaimTemplate": template}});
        world.put(PODS, json!({"metadata": {"name": "p", "namespace": NAMESPACE, "uid": "u"}, "spec": {"containers": [], "volumes": [volume]}}));
        world
    }

    #[test]
    fn a_pod_gets_the_claims_that_it_describes() {
        let mut world = world();
        world.settle(&EphemeralVolumes, "p");
        let claim = world.get(PERSISTENT_VOLUME_CLAIMS, "p-data").expect("a claim");
        assert_eq!(claim["spec"], json!({"accessModes": ["ReadWriteOnce"]}));
        assert_eq!(claim["metadata"]["labels"], json!({"a": "b"}));
        assert_eq!(claim["metadata"]["ownerReferences"][0]["uid"], "u");
    }

    #[test]
    fn a_claim_of_somebody_else_is_let_be() {
        let mut world = world();
        world.put(PERSISTENT_VOLUME_CLAIMS, json!({"metadata": {"name": "p-data", "namespace": NAMESPACE}}));
        world.settle(&EphemeralVolumes, "p");
        assert_eq!(
            world.events,
            [format!(
                "FailedBinding: ephemeral volume data: PVC {NAMESPACE}/p-data was not created for pod {NAMESPACE}/p (pod is not owner)"
            )]
        );
    }
}
