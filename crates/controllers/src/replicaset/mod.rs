//! ReplicaSet and ReplicationController: keep a number of pods of one template alive.
//!
//! Source: <https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/>,
//! <https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller/>.

mod kinds;

use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{Entry, Object, ObjectKey, time};
use ironclad_client::Cache;
use ironclad_control::{Controller, Plan, Tell, View, Watch, Write};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use crate::ownership::{self, Claim, claim, event_reference, key_of};
use crate::pods;
use crate::resources::PODS;
use crate::selectors::Selector;

use kinds::{REPLICA_SET, REPLICATION_CONTROLLER, SetKind};

/// Pods created or deleted in one go.
const BURST: usize = 500;

/// One mechanism for both kinds.
pub struct PodSets(&'static SetKind);

impl PodSets {
    pub fn replica_sets() -> Self {
        Self(&REPLICA_SET)
    }

    pub fn replication_controllers() -> Self {
        Self(&REPLICATION_CONTROLLER)
    }
}

impl Controller for PodSets {
    fn name(&self) -> &'static str {
        self.0.controller
    }

    fn watches(&self) -> Vec<Watch> {
        let kind = self.0;
        vec![
            Watch::itself(kind.resource.group_resource()),
            ownership::watch_owned_or_matching(PODS, kind.kind, |pod, cache| matching_sets(kind, pod, cache)),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        match self.0.get(view.cache, key) {
            Some((entry, set)) => Reconcile::new(self.0, view, &entry, &set, now).plan(),
            None => Plan::done(),
        }
    }
}

/// The sets whose selectors match an orphaned pod.
fn matching_sets(kind: &SetKind, pod: &Entry, cache: &dyn Cache) -> Vec<ObjectKey> {
    let sets = kind.list(cache, Some(&pod.key.namespace));
    let matches = |set: &&Arc<ReplicaSet>| {
        set.spec.as_ref().is_some_and(|spec| Selector::new(&spec.selector).matches(Some(&pod.labels)))
    };
    sets.iter().filter(matches).map(|set| key_of(&set.metadata)).collect()
}

/// One set with the pods that are its own.
struct Reconcile<'a> {
    kind: &'a SetKind,
    entry: &'a Entry,
    set: &'a ReplicaSet,
    view: &'a View<'a>,
    now: Timestamp,
    selector: Selector,
    owned: Vec<Arc<Pod>>,
    plan: Plan,
}

impl<'a> Reconcile<'a> {
    fn new(
        kind: &'a SetKind,
        view: &'a View<'a>,
        entry: &'a Entry,
        set: &'a ReplicaSet,
        now: Timestamp,
    ) -> Self {
        let selector = set.spec.as_ref().map(|spec| Selector::new(&spec.selector)).unwrap_or_default();
        Self { kind, entry, set, view, now, selector, owned: Vec::new(), plan: Plan::done() }
    }

    fn plan(mut self) -> Plan {
        self.claim_pods();
        if self.set.metadata.deletion_timestamp.is_none() {
            self.scale();
        }
        self.update_status();
        self.plan
    }

    fn meta(&self) -> &'a ObjectMeta {
        &self.set.metadata
    }

    fn reference(&self) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference {
        ownership::controller_reference(self.kind.api_version, self.kind.kind, self.meta())
    }

    /// Sorts the namespace's pods; adopts and releases.
    fn claim_pods(&mut self) {
        for pod in ownership::claimable::<Pod>(self.view.cache, PODS, self.meta(), &self.selector) {
            let matches = self.selector.matches(pod.metadata.labels.as_ref());
            match claim(self.meta(), &pod.metadata, matches) {
                Claim::Owned => self.owned.push(pod),
                Claim::Adopt if pods::is_active(&pod) => {
                    self.plan.and(ownership::adopt(PODS, &pod.metadata, &self.reference()));
                    self.owned.push(pod);
                }
                Claim::Release => self.plan.and(ownership::release(PODS, &pod.metadata, self.meta())),
                Claim::Adopt | Claim::Foreign => {}
            }
        }
    }

    fn wanted(&self) -> usize {
        let replicas = self.set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        usize::try_from(replicas).unwrap_or(0)
    }

    fn scale(&mut self) {
        let active = self.owned.iter().filter(|pod| pods::is_active(pod)).count();
        match self.wanted() {
            wanted if wanted > active => self.create((wanted - active).min(BURST)),
            wanted if wanted < active => self.delete((active - wanted).min(BURST)),
            _ => {}
        }
    }

    /// Creates pods; after a failure only one, so that a hopeless set costs one call per back-off.
    fn create(&mut self, count: usize) {
        let Some(template) = self.set.spec.as_ref().and_then(|spec| spec.template.as_ref()) else { return };
        let pod = pods::from_template(template, self.meta(), self.reference());
        let Ok(object) = Object::from_typed(&pod) else { return };
        let count = if self.view.last_failure.is_some() { 1 } else { count };
        let collection = PODS.collection(self.meta().namespace.as_deref().unwrap_or_default());
        let tell = self.tell(("SuccessfulCreate", "Created pod: "), ("FailedCreate", "Error creating: "));
        let create = Write::create(collection, object).telling(tell);
        let creates = std::iter::repeat_n(create, count);
        self.plan.stages.push(creates.collect());
    }

    fn delete(&mut self, count: usize) {
        let mut active: Vec<_> = self.owned.iter().filter(|pod| pods::is_active(pod)).cloned().collect();
        pods::rank_for_deletion(&mut active);
        let deletes = active.iter().take(count).map(|pod| {
            let tell = self.tell(("SuccessfulDelete", "Deleted pod: "), ("FailedDelete", "Error deleting: "));
            let uid = pod.metadata.uid.clone().unwrap_or_default();
            Write::delete(PODS.object(&key_of(&pod.metadata)), uid).telling(tell)
        });
        self.plan.stages.push(deletes.collect());
    }

    fn tell(&self, success: (&'static str, &'static str), failure: (&'static str, &'static str)) -> Tell {
        let regarding = event_reference(self.kind.api_version, self.kind.kind, self.meta());
        Tell { regarding, success, failure }
    }

    /// The status goes first, so that it is written even when a create fails; the pods that
    /// this plan makes wake the set again.
    fn update_status(&mut self) {
        let old = self.set.status.clone().unwrap_or_default();
        let mut status = self.status(&old);
        status.observed_generation = old.observed_generation;
        let unchanged = status == old && self.meta().generation == old.observed_generation;
        if unchanged {
            return;
        }
        status.observed_generation = self.meta().generation;
        let mut object = self.entry.object();
        object.0.insert("status".into(), serde_json::to_value(&status).unwrap_or_default());
        let target = self.kind.resource.status(&key_of(self.meta()));
        self.plan.stages.insert(0, vec![Write::Update { target, object }]);
    }

    fn status(&mut self, old: &ReplicaSetStatus) -> ReplicaSetStatus {
        let spec = self.set.spec.as_ref();
        let min_ready_seconds = spec.and_then(|spec| spec.min_ready_seconds).unwrap_or(0);
        let template = spec.and_then(|spec| spec.template.as_ref()?.metadata.as_ref()?.labels.as_ref());
        let (mut labeled, mut ready, mut available) = (0, 0, 0);
        for pod in self.owned.iter().filter(|pod| pods::is_active(pod)) {
            let labels = pod.metadata.labels.as_ref();
            let has = |(key, value): (&String, &String)| labels.is_some_and(|l| l.get(key) == Some(value));
            labeled += i32::from(template.is_none_or(|template| template.iter().all(has)));
            ready += i32::from(pods::is_ready(pod));
            match pods::availability(pod, min_ready_seconds, self.now) {
                Ok(()) => available += 1,
                Err(Some(wait)) => self.plan.requeue_in(Duration::try_from(wait).unwrap_or_default()),
                Err(None) => {}
            }
        }
        let active = self.owned.iter().filter(|pod| pods::is_active(pod)).count();
        let terminating = self.owned.iter().filter(|pod| is_terminating(pod)).count();
        ReplicaSetStatus {
            replicas: count(active),
            fully_labeled_replicas: some_if_any(labeled),
            ready_replicas: some_if_any(ready),
            available_replicas: some_if_any(available),
            terminating_replicas: self.kind.counts_terminating.then_some(count(terminating)),
            conditions: self.conditions(old, active),
            observed_generation: None,
        }
    }

    /// `ReplicaFailure` stands while creating or deleting pods fails.
    fn conditions(
        &self,
        old: &ReplicaSetStatus,
        active: usize,
    ) -> Option<Vec<k8s_openapi::api::apps::v1::ReplicaSetCondition>> {
        let mut conditions = old.conditions.clone().unwrap_or_default();
        let had = conditions.iter().any(|condition| condition.type_ == "ReplicaFailure");
        match self.view.last_failure {
            Some(failure) if !had => {
                let reason = if active < self.wanted() { "FailedCreate" } else { "FailedDelete" };
                conditions.extend(serde_json::from_value(failure_condition(reason, failure, self.now)).ok());
            }
            None => conditions.retain(|condition| condition.type_ != "ReplicaFailure"),
            Some(_) => {}
        }
        (!conditions.is_empty()).then_some(conditions)
    }
}

fn failure_condition(reason: &str, failure: &ironclad_api::status::Status, now: Timestamp) -> Value {
    json!({
        "type": "ReplicaFailure",
        "status": "True",
        "reason": reason,
        "message": failure.to_string(),
        "lastTransitionTime": time::format(now),
    })
}

fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some() && !pods::is_finished(pod)
}

fn count(pods: usize) -> i32 {
    i32::try_from(pods).unwrap_or(i32::MAX)
}

fn some_if_any(count: i32) -> Option<i32> {
    (count > 0).then_some(count)
}
