//! Pods that no Job counts any more lose the finalizer that kept them for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_api::ObjectKey;
use ironclad_client::typed::CacheExt;
use ironclad_client::{Cache, PatchKind};
use ironclad_control::{Plan, Write};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::facts::{FINALIZER, has_finalizer};
use super::{API_VERSION, KIND, matching_jobs, verdict};
use crate::ownership::{controller_of, key_of};
use crate::resources::{JOBS, PODS};

/// Stands for all orphans of a namespace: no job has an empty name.
pub(super) fn key(namespace: &str) -> ObjectKey {
    ObjectKey::new(namespace, "")
}

/// Whether the pod has the finalizer and no job that counts it or may adopt it.
pub(super) fn is_orphan(pod: &Pod, cache: &dyn Cache) -> bool {
    if !has_finalizer(pod) {
        return false;
    }
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let labels = pod.metadata.labels.as_ref();
    match controller_of(&pod.metadata) {
        None => matching_jobs(namespace, labels.unwrap_or(&BTreeMap::new()), cache).is_empty(),
        Some(owner) if owner.kind != KIND || owner.api_version != API_VERSION => false,
        Some(owner) => {
            let key = ObjectKey::new(namespace, owner.name.clone());
            let job = cache.get_as::<Job>(&JOBS.group_resource(), &key);
            let job = job.filter(|job| job.metadata.uid.as_ref() == Some(&owner.uid));
            job.is_none_or(|job| job.status.as_ref().is_some_and(verdict::is_finished))
        }
    }
}

/// Releases the orphans of a namespace.
pub(super) fn release_all(cache: &dyn Cache, namespace: &str) -> Plan {
    let pods = cache.list(&PODS.group_resource(), Some(namespace));
    let held = pods.iter().filter(|pod| pod.ties().held).filter_map(|pod| pod.typed());
    let orphans: Vec<Arc<Pod>> = held.filter(|pod| is_orphan(pod, cache)).collect();
    let mut plan = Plan::done();
    if !orphans.is_empty() {
        plan.stages.push(orphans.iter().map(|pod| remove_finalizer(pod)).collect());
    }
    plan
}

pub(super) fn remove_finalizer(pod: &Pod) -> Write {
    Write::Patch {
        target: PODS.object(&key_of(&pod.metadata)),
        kind: PatchKind::Strategic,
        patch: json!({ "metadata": {
            "uid": pod.metadata.uid,
            "$deleteFromPrimitiveList/finalizers": [FINALIZER],
        } }),
    }
}
