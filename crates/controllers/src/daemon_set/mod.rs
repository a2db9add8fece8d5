//! DaemonSet: a pod on every node that it is for.
//!
//! - [`nodes`]: on which nodes its pods are to run, or may stay.
//! - [`making`]: the pod of a node, which the scheduler binds to that node.
//! - [`placement`]: what each node lacks and has too much of.
//! - [`rollout`]: replacing the pods of an older template.
//! - [`revisions`]: the history of templates.
//! - [`sync`]: one round, and the status.
//!
//! Source: <https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/>.

mod back_off;
mod making;
mod nodes;
mod placement;
mod revisions;
mod rollout;
mod sync;

use std::sync::Arc;

use ironclad_api::{Entry, ObjectKey};
use ironclad_client::typed::CacheExt;
use ironclad_client::{Cache, Change};
use ironclad_control::{Controller, Plan, View, Watch};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Node;

use crate::history;
use crate::ownership::{key_of, watch_owned_or_matching};
use crate::resources::{DAEMON_SETS, NODES, PODS};
use crate::selectors::Selector;
use back_off::BackOff;

const API_VERSION: &str = "apps/v1";
const KIND: &str = "DaemonSet";

#[derive(Default)]
pub struct DaemonSetController {
    back_off: BackOff,
}

impl Controller for DaemonSetController {
    fn name(&self) -> &'static str {
        "daemon-set-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::itself(DAEMON_SETS.group_resource()),
            watch_owned_or_matching(PODS, KIND, matching),
            history::watch(KIND, matching),
            Watch::new(NODES.group_resource(), sets_of_node),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let Some(entry) = view.cache.get(&DAEMON_SETS.group_resource(), key) else { return Plan::done() };
        match entry.typed::<DaemonSet>() {
            // The history of a set that is going may be gone already: nothing can be told of it.
            Some(set) if set.metadata.deletion_timestamp.is_none() => {
                sync::reconcile(&self.back_off, view, &entry.object(), &set, now)
            }
            _ => Plan::done(),
        }
    }
}

/// The sets whose selectors match what nobody owns.
fn matching(object: &Entry, cache: &dyn Cache) -> Vec<ObjectKey> {
    let sets = cache.list_as::<DaemonSet>(&DAEMON_SETS.group_resource(), Some(&object.key.namespace));
    let matches = |set: &&Arc<DaemonSet>| selector(set).matches(Some(&object.labels));
    sets.iter().filter(matches).map(|set| key_of(&set.metadata)).collect()
}

fn selector(set: &DaemonSet) -> Selector {
    set.spec.as_ref().map(|spec| Selector::new(&spec.selector)).unwrap_or_default()
}

/// All sets, when a node comes, goes, or changes in what decides who may run there.
fn sets_of_node(change: &Change, cache: &dyn Cache) -> Vec<ObjectKey> {
    if let (Some(old), Some(new)) = (&change.old, &change.new) {
        let taints = |node: Option<Arc<Node>>| node.and_then(|node| node.spec.clone()?.taints);
        if old.labels == new.labels && taints(old.typed()) == taints(new.typed()) {
            return Vec::new();
        }
    }
    let sets = cache.list(&DAEMON_SETS.group_resource(), None);
    sets.iter().map(|set| set.key.clone()).collect()
}

#[cfg(test)]
mod tests;
