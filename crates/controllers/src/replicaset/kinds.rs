//! The two kinds that keep a number of pods alive, seen as one: a ReplicationController is a
//! ReplicaSet whose selector is a plain map and whose status counts no terminating pods.

use std::sync::Arc;

use ironclad_api::{Entry, ObjectKey};
use ironclad_client::Cache;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetSpec, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{
    ReplicationController, ReplicationControllerSpec, ReplicationControllerStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::resources::{REPLICA_SETS, REPLICATION_CONTROLLERS, Resource};

/// One of the kinds.
pub(super) struct SetKind {
    pub(super) controller: &'static str,
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) resource: Resource,
    read: fn(&Entry) -> Option<Arc<ReplicaSet>>,
    /// Whether the status has `terminatingReplicas`.
    pub(super) counts_terminating: bool,
}

pub(super) static REPLICA_SET: SetKind = SetKind {
    controller: "replicaset-controller",
    api_version: "apps/v1",
    kind: "ReplicaSet",
    resource: REPLICA_SETS,
    read: |entry| entry.typed(),
    counts_terminating: true,
};

pub(super) static REPLICATION_CONTROLLER: SetKind = SetKind {
    controller: "replication-controller",
    api_version: "v1",
    kind: "ReplicationController",
    resource: REPLICATION_CONTROLLERS,
    read: |entry| Some(Arc::new(as_set(&*entry.typed::<ReplicationController>()?))),
    counts_terminating: false,
};

impl SetKind {
    /// The set, and its entry: what is written back is the object as it is stored.
    pub(super) fn get(&self, cache: &dyn Cache, key: &ObjectKey) -> Option<(Arc<Entry>, Arc<ReplicaSet>)> {
        let entry = cache.get(&self.resource.group_resource(), key)?;
        let set = (self.read)(&entry)?;
        Some((entry, set))
    }

    pub(super) fn list(&self, cache: &dyn Cache, namespace: Option<&str>) -> Vec<Arc<ReplicaSet>> {
        let entries = cache.list(&self.resource.group_resource(), namespace);
        entries.iter().filter_map(|entry| (self.read)(entry)).collect()
    }
}

fn as_set(controller: &ReplicationController) -> ReplicaSet {
    ReplicaSet {
        metadata: controller.metadata.clone(),
        spec: controller.spec.as_ref().map(spec),
        status: controller.status.as_ref().map(status),
    }
}

fn spec(spec: &ReplicationControllerSpec) -> ReplicaSetSpec {
    ReplicaSetSpec {
        replicas: spec.replicas,
        min_ready_seconds: spec.min_ready_seconds,
        selector: LabelSelector { match_labels: spec.selector.clone(), match_expressions: None },
        template: spec.template.clone(),
    }
}

fn status(status: &ReplicationControllerStatus) -> ReplicaSetStatus {
    let conditions = status.conditions.as_ref().map(|conditions| {
        let same = conditions.iter().map(|condition| ReplicaSetCondition {
            type_: condition.type_.clone(),
            status: condition.status.clone(),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
            last_transition_time: condition.last_transition_time.clone(),
        });
        same.collect()
    });
    ReplicaSetStatus {
        replicas: status.replicas,
        fully_labeled_replicas: status.fully_labeled_replicas,
        ready_replicas: status.ready_replicas,
        available_replicas: status.available_replicas,
        terminating_replicas: None,
        observed_generation: status.observed_generation,
        conditions,
    }
}
