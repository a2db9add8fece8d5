//! Pod garbage collection: pods that no agent will ever finish are deleted without
//! grace (on nodes that are gone; deleted before they got a node), and of the
//! finished ones only a number is kept, the newest.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{Entry, ObjectKey};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use crate::pods;
use crate::resources::{NODES, PODS};

/// Finished pods that a cluster keeps.
const MAX_FINISHED: usize = 12_500;
const PERIOD: Duration = Duration::from_secs(20);
/// A pod is left alone for this long: its node may just be registering again.
const QUARANTINE: SignedDuration = SignedDuration::from_secs(40);

pub struct PodGc;

impl Controller for PodGc {
    fn name(&self) -> &'static str {
        "pod-garbage-collector"
    }

    /// One key, the whole cluster, looked over every 20 seconds from the first node on.
    fn watches(&self) -> Vec<Watch> {
        vec![Watch::new(NODES.group_resource(), |change, _| {
            let came_or_went = change.old.is_none() || change.new.is_none();
            came_or_went.then(|| ObjectKey::cluster("pods")).into_iter().collect()
        })]
    }

    fn reconcile(&self, view: &View<'_>, _key: &ObjectKey, now: Timestamp) -> Plan {
        let nodes = view.cache.list(&NODES.group_resource(), None);
        let nodes: BTreeSet<&str> = nodes.iter().map(|node| node.key.name.as_str()).collect();
        let pods = view.cache.list(&PODS.group_resource(), None);
        let lost = pods.iter().filter(|pod| is_lost(pod, &nodes, now));
        let mut plan = Plan::done();
        plan.stages.push(lost.chain(surplus(&pods)).map(|pod| force_delete(pod)).collect());
        plan.requeue_in(PERIOD);
        plan
    }
}

fn is_lost(pod: &Entry, nodes: &BTreeSet<&str>, now: Timestamp) -> bool {
    match pod.field("spec.nodeName").filter(|node| !node.is_empty()) {
        Some(node) => {
            let age = |created| now.duration_since(created);
            !nodes.contains(node) && created(pod).is_some_and(|created| age(created) > QUARANTINE)
        }
        None => pod.ties().deleting,
    }
}

fn created(pod: &Entry) -> Option<Timestamp> {
    Some(pod.typed::<Pod>()?.metadata.creation_timestamp.as_ref()?.0)
}

/// The oldest finished pods beyond those that are kept.
fn surplus(pods: &[Arc<Entry>]) -> impl Iterator<Item = &Arc<Entry>> {
    let mut finished: Vec<_> = pods.iter().filter(|pod| pods::is_finished_entry(pod)).collect();
    let count = finished.len().saturating_sub(MAX_FINISHED);
    if count > 0 {
        finished.sort_by_cached_key(|pod| created(pod));
    }
    finished.into_iter().take(count)
}

fn force_delete(pod: &Entry) -> Write {
    let mut write = Write::delete(PODS.object(&pod.key), pod.uid.clone());
    if let Write::Delete { options, .. } = &mut write {
        options.grace_period_seconds = Some(0);
    }
    write
}
