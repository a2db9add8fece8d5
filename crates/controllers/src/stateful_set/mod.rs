//! StatefulSet: pods that have a number, and with it a name and volumes of their own.
//!
//! - [`revisions`]: the template of today, the one before it, and which older ones are kept.
//! - [`making`]: the pod of a number.
//! - [`claims`]: the volume claims of a pod, and who they go with.
//! - [`steps`]: what is to be done to the pods, in order or all at once.
//! - [`status`]: what the set says of itself.
//!
//! Source: <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/>.

mod claims;
mod facts;
mod making;
mod revisions;
mod status;
mod steps;

use std::sync::Arc;

use ironclad_api::{Entry, Object, ObjectKey};
use ironclad_client::Cache;
use ironclad_client::typed::CacheExt;
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::ownership::{self, Claim, claim, controller_reference, key_of, watch_owned_or_matching};
use crate::resources::{PODS, STATEFUL_SETS};
use crate::selectors::Selector;
use facts::Facts;
use revisions::Revisions;

const API_VERSION: &str = "apps/v1";
const KIND: &str = "StatefulSet";

pub struct StatefulSetController;

impl Controller for StatefulSetController {
    fn name(&self) -> &'static str {
        "statefulset-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::itself(STATEFUL_SETS.group_resource()), watch_owned_or_matching(PODS, KIND, matching)]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let Some(entry) = view.cache.get(&STATEFUL_SETS.group_resource(), key) else { return Plan::done() };
        match entry.typed::<StatefulSet>() {
            Some(set) => reconcile(view, &entry.object(), &set, now),
            None => Plan::done(),
        }
    }
}

/// The sets whose selectors match what nobody owns.
fn matching(pod: &Entry, cache: &dyn Cache) -> Vec<ObjectKey> {
    let sets = cache.list_as::<StatefulSet>(&STATEFUL_SETS.group_resource(), Some(&pod.key.namespace));
    let matches = |set: &&Arc<StatefulSet>| selector(set).matches(Some(&pod.labels));
    sets.iter().filter(matches).map(|set| key_of(&set.metadata)).collect()
}

fn selector(set: &StatefulSet) -> Selector {
    set.spec.as_ref().map(|spec| Selector::new(&spec.selector)).unwrap_or_default()
}

fn reference(set: &StatefulSet) -> OwnerReference {
    controller_reference(API_VERSION, KIND, &set.metadata)
}

fn reconcile(view: &View<'_>, object: &Object, set: &StatefulSet, now: Timestamp) -> Plan {
    let selector = selector(set);
    let (owned, adoptions) = claim_pods(view, set, &selector);
    if !adoptions.is_empty() {
        // What was adopted counts in the next round.
        return Plan { stages: vec![adoptions], ..Plan::default() };
    }
    let revisions = match Revisions::of(view.cache, object, set, &selector) {
        Ok(revisions) => revisions,
        Err(adoptions) => return Plan { stages: vec![adoptions], ..Plan::default() },
    };
    let facts = Facts::gather(view.cache, set, &revisions, owned, now);
    let steps = facts.steps();
    // What is being deleted leaves nothing new behind.
    let is_deleting = set.metadata.deletion_timestamp.is_some();
    let mut stages: Vec<Vec<Write>> = if is_deleting { Vec::new() } else { vec![revisions.writes.clone()] };
    // The status tells of what is there, whether the steps succeed or not.
    stages.push(status::write(object, &facts, &revisions, steps.updated).into_iter().collect());
    stages.extend(steps.stages);
    stages.push(revisions.surplus(set, facts.pods()));
    stages.retain(|stage| !stage.is_empty());
    let mut plan = Plan { stages, ..Plan::default() };
    plan.events.extend(steps.events);
    if let Some(wait) = steps.wait.into_iter().chain(facts.until_available()).min() {
        plan.requeue_in(wait);
    }
    plan
}

/// The pods of the set's names that it owns, and the adoptions and releases that are due.
fn claim_pods(view: &View<'_>, set: &StatefulSet, selector: &Selector) -> (Vec<Arc<Pod>>, Vec<Write>) {
    let (mut owned, mut writes) = (Vec::new(), Vec::new());
    for pod in ownership::claimable::<Pod>(view.cache, PODS, &set.metadata, selector) {
        let is_member = making::ordinal(set, &pod).is_some();
        match claim(&set.metadata, &pod.metadata, selector.matches(pod.metadata.labels.as_ref()) && is_member)
        {
            Claim::Owned => owned.push(pod),
            Claim::Adopt => writes.push(ownership::adopt(PODS, &pod.metadata, &reference(set))),
            Claim::Release => writes.push(ownership::release(PODS, &pod.metadata, &set.metadata)),
            Claim::Foreign => {}
        }
    }
    (owned, writes)
}

#[cfg(test)]
mod tests;
