//! Job: runs pods until enough of them have succeeded.
//!
//! - [`facts`]: the job with its pods, sorted and counted.
//! - [`verdict`]: whether it is over, and how ([`failure_policy`], [`success_policy`]).
//! - [`moves`]: which pods to make and delete ([`backoff`], [`creation`]).
//! - [`tracking`]: counting every pod exactly once.
//! - [`orphans`]: pods that no job counts any more.
//!
//! Source: <https://kubernetes.io/docs/concepts/workloads/controllers/job/>.

mod backoff;
mod creation;
mod facts;
mod failure_policy;
mod indexes;
mod moves;
mod orphans;
mod success_policy;
mod sync;
mod tracking;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_api::ObjectKey;
use ironclad_client::typed::CacheExt;
use ironclad_client::{Cache, Change};
use ironclad_control::{Controller, Plan, View, Watch};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;

use crate::ownership::key_of;
use crate::resources::{JOBS, PODS};
use crate::selectors::Selector;
use backoff::Backoffs;

const API_VERSION: &str = "batch/v1";
const KIND: &str = "Job";
/// The value of `spec.managedBy` that means this controller.
const MANAGER: &str = "kubernetes.io/job-controller";

#[derive(Default)]
pub struct JobController {
    backoffs: Backoffs,
}

impl Controller for JobController {
    fn name(&self) -> &'static str {
        "job-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::itself(JOBS.group_resource()), Watch::new(PODS.group_resource(), keys_of_pod)]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let Some(job) = view.cache.get_as::<Job>(&JOBS.group_resource(), key) else {
            return orphans::release_all(view.cache, &key.namespace);
        };
        if job.spec.as_ref().is_none_or(|spec| is_foreign(spec.managed_by.as_deref())) {
            return Plan::done();
        }
        sync::reconcile(&self.backoffs, view, &job, now)
    }
}

fn is_foreign(manager: Option<&str>) -> bool {
    manager.is_some_and(|manager| manager != MANAGER)
}

/// The jobs that own the pod, before and after the change; those that may adopt it if nobody owns
/// it; and the namespace's orphans if it is one.
fn keys_of_pod(change: &Change, cache: &dyn Cache) -> Vec<ObjectKey> {
    let namespace = &change.entry().key.namespace;
    let mut keys = Vec::new();
    for entry in [&change.old, &change.new].into_iter().flatten() {
        let owner = entry.ties().controller.as_deref().filter(|owner| &*owner.kind == KIND);
        let key = owner.map(|owner| ObjectKey::new(namespace.clone(), &*owner.name));
        keys.extend(key.filter(|key| !keys.contains(key)));
    }
    let Some(newest) = &change.new else { return keys };
    if newest.ties().controller.is_none() {
        keys.extend(matching_jobs(namespace, &newest.labels, cache));
    }
    // Most pods have no finalizer, and need not be decoded to see whose it is.
    let may_be_orphan = newest.ties().held;
    if may_be_orphan && newest.typed().is_some_and(|pod| orphans::is_orphan(&pod, cache)) {
        keys.push(orphans::key(namespace));
    }
    keys
}

/// The jobs whose selectors match an orphaned pod, and that still run.
fn matching_jobs(namespace: &str, labels: &BTreeMap<String, String>, cache: &dyn Cache) -> Vec<ObjectKey> {
    let jobs = cache.list_as::<Job>(&JOBS.group_resource(), Some(namespace));
    let matches = |job: &&Arc<Job>| {
        let runs = job.metadata.deletion_timestamp.is_none()
            && !job.status.as_ref().is_some_and(verdict::is_finished);
        let spec = job.spec.as_ref().filter(|_| runs);
        spec.filter(|spec| !is_foreign(spec.managed_by.as_deref()))
            .is_some_and(|spec| selector(spec).matches(Some(labels)))
    };
    jobs.iter().filter(matches).map(|job| key_of(&job.metadata)).collect()
}

fn selector(spec: &k8s_openapi::api::batch::v1::JobSpec) -> Selector {
    spec.selector.as_ref().map(Selector::new).unwrap_or_default()
}

#[cfg(test)]
mod tests;
