//! Pods that were marked as going and did not go: the mark is taken back after a while (KEP-3329).

use std::time::Duration;

use ironclad_api::{ObjectKey, time};
use ironclad_client::PatchKind;
use ironclad_client::typed::CacheExt;
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::NAME;
use crate::pods;
use crate::resources::PODS;

const TIMEOUT: SignedDuration = SignedDuration::from_mins(2);
const TARGET: &str = "DisruptionTarget";
/// The agent takes as long as it takes to end a pod.
const BY_AGENT: &str = "TerminationByKubelet";

pub struct StaleDisruptions;

impl Controller for StaleDisruptions {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> Vec<Watch> {
        // Few pods were ever marked: the others need not be decoded to see it.
        vec![Watch::new(PODS.group_resource(), |change, _| {
            let marked = change.new.as_ref().filter(|pod| pod.mentions(TARGET));
            marked.map(|pod| pod.key.clone()).into_iter().collect()
        })]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let Some(pod) = view.cache.get_as::<Pod>(&PODS.group_resource(), key) else { return plan };
        let Some(since) = marked_since(&pod) else { return plan };
        match Duration::try_from(TIMEOUT - now.duration_since(since)) {
            Ok(wait) if !wait.is_zero() => plan.requeue_in(wait),
            _ => plan.then(Write::Patch {
                target: PODS.status(key),
                kind: PatchKind::Strategic,
                patch: json!({
                    "metadata": {"uid": pod.metadata.uid, "resourceVersion": pod.metadata.resource_version},
                    "status": {"conditions": [{
                        "type": TARGET, "status": "False", "reason": null, "message": null,
                        "lastTransitionTime": time::format(now),
                    }]},
                }),
            }),
        }
        plan
    }
}

/// Since when a pod that does not go is marked as going.
fn marked_since(pod: &Pod) -> Option<Timestamp> {
    if pod.metadata.deletion_timestamp.is_some() || pods::is_finished(pod) {
        return None;
    }
    let mark = pods::condition(pod, TARGET).filter(|mark| mark.status == "True")?;
    if mark.reason.as_deref() == Some(BY_AGENT) {
        return None;
    }
    Some(mark.last_transition_time.as_ref().map_or(Timestamp::MIN, |time| time.0))
}
