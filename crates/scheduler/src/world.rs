//! What a decision may look at: the snapshot, and facts about objects beyond nodes and pods.

use std::collections::{BTreeMap, BTreeSet};

use ironclad_api::ObjectKey;
use ironclad_api::labels::{Labels, Selector};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::snapshot::Snapshot;

/// Everything that plugins may ask.
#[derive(Clone, Copy)]
pub struct World<'a> {
    pub snapshot: &'a Snapshot,
    pub directory: &'a dyn Directory,
}

/// Looks up what is not a node or a pod.
pub trait Directory: Send + Sync {
    /// Empty for a namespace that is not there.
    fn namespace_labels(&self, namespace: &str) -> Labels;

    fn namespaces_matching(&self, selector: &Selector) -> BTreeSet<String>;

    /// The selectors of a namespace's services that have one.
    fn service_selectors(&self, namespace: &str) -> Vec<BTreeMap<String, String>>;

    /// The selector of the ReplicaSet, ReplicationController or StatefulSet that owns a pod.
    fn owner_selector(&self, namespace: &str, owner: &OwnerReference) -> Option<Selector>;

    fn disruption_budgets(&self) -> Vec<DisruptionBudget>;
}

/// How many pods of a sort may be evicted now.
#[derive(Clone, Debug)]
pub struct DisruptionBudget {
    pub namespace: String,
    pub selector: Selector,
    pub disruptions_allowed: i32,
    /// Pods whose eviction is under way and counted already.
    pub disrupted: BTreeSet<String>,
}

impl DisruptionBudget {
    pub fn covers(&self, pod: &ObjectKey, labels: &Labels) -> bool {
        self.namespace == pod.namespace
            && !self.selector.is_everything()
            && self.selector.matches(labels)
            && !self.disrupted.contains(&pod.name)
    }
}
