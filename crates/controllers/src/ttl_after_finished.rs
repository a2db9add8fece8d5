//! Deletes finished Jobs once their `ttlSecondsAfterFinished` is over.
//!
//! Source: <https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/>.

use std::time::Duration;

use ironclad_api::ObjectKey;
use ironclad_api::params::{DeleteOptions, Preconditions, PropagationPolicy};
use ironclad_client::typed::CacheExt;
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;

use crate::resources::JOBS;

pub struct TtlAfterFinished;

impl Controller for TtlAfterFinished {
    fn name(&self) -> &'static str {
        "ttl-after-finished-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::itself(JOBS.group_resource())]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let job = view.cache.get_as::<Job>(&JOBS.group_resource(), key);
        let Some(job) = job.filter(|job| job.metadata.deletion_timestamp.is_none()) else {
            return Plan::done();
        };
        let Some(expires) = expiry(&job) else { return Plan::done() };
        let mut plan = Plan::done();
        match Duration::try_from(expires.duration_since(now)) {
            Ok(wait) if !wait.is_zero() => plan.requeue_in(wait),
            _ => plan.then(Write::Delete { target: JOBS.object(key), options: foreground(&job), tell: None }),
        }
        plan
    }
}

/// Its pods go first; and only if the job has not changed since, its TTL included.
fn foreground(job: &Job) -> DeleteOptions {
    DeleteOptions {
        propagation_policy: Some(PropagationPolicy::Foreground),
        preconditions: Preconditions {
            uid: job.metadata.uid.clone(),
            resource_version: job.metadata.resource_version.clone(),
        },
        ..DeleteOptions::default()
    }
}

/// When a finished job with a TTL is to go.
fn expiry(job: &Job) -> Option<Timestamp> {
    let ttl = job.spec.as_ref()?.ttl_seconds_after_finished?;
    let mut conditions = job.status.as_ref()?.conditions.iter().flatten();
    let finished =
        conditions.find(|c| matches!(c.type_.as_str(), "Complete" | "Failed") && c.status == "True")?;
    let at = finished.last_transition_time.as_ref()?.0;
    at.checked_add(SignedDuration::from_secs(i64::from(ttl))).ok()
}
