//! Deployment: rolls a pod template out through ReplicaSets.
//!
//! - [`sets`]: the deployment's ReplicaSets, which of them is the new one, revisions.
//! - [`scaling`]: how many replicas each of them gets.
//! - [`progress`]: status and conditions.
//!
//! Source: <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/>.

mod progress;
mod scaling;
mod sets;

use std::sync::Arc;

use ironclad_api::{Entry, Object, ObjectKey};
use ironclad_client::typed::CacheExt;
use ironclad_client::{By, Cache};
use ironclad_control::{Controller, EventRecord, EventType, Plan, View, Watch, Write};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStatus, ReplicaSet};

use crate::ownership::{self, Claim, claim, event_reference, key_of};
use crate::pods;
use crate::resources::{DEPLOYMENTS, PODS, REPLICA_SETS};
use crate::selectors::Selector;
use sets::Sets;

const API_VERSION: &str = "apps/v1";
const KIND: &str = "Deployment";

pub struct DeploymentController;

impl Controller for DeploymentController {
    fn name(&self) -> &'static str {
        "deployment-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::itself(DEPLOYMENTS.group_resource()),
            ownership::watch_owned_or_matching(REPLICA_SETS, KIND, matching_deployments),
            // `Recreate` waits for old pods to be gone.
            Watch::new(PODS.group_resource(), |change, cache| match &change.new {
                Some(_) => Vec::new(),
                None => deployments_of_pod(change.entry(), cache),
            }),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        match view.cache.get_as::<Deployment>(&DEPLOYMENTS.group_resource(), key) {
            Some(deployment) => reconcile(view, &deployment, now),
            None => Plan::done(),
        }
    }
}

fn matching_deployments(set: &Entry, cache: &dyn Cache) -> Vec<ObjectKey> {
    let all = cache.list_as::<Deployment>(&DEPLOYMENTS.group_resource(), Some(&set.key.namespace));
    let matches = |deployment: &&Arc<Deployment>| {
        let spec = deployment.spec.as_ref();
        spec.is_some_and(|spec| Selector::new(&spec.selector).matches(Some(&set.labels)))
    };
    all.iter().filter(matches).map(|deployment| key_of(&deployment.metadata)).collect()
}

fn deployments_of_pod(entry: &Entry, cache: &dyn Cache) -> Vec<ObjectKey> {
    let owner = |entry: &Entry, kind: &str| {
        let owner = entry.ties().controller.as_ref().filter(|owner| &*owner.kind == kind)?;
        Some(ObjectKey::new(entry.key.namespace.clone(), &*owner.name))
    };
    let set = owner(entry, "ReplicaSet").and_then(|key| cache.get(&REPLICA_SETS.group_resource(), &key));
    set.and_then(|set| owner(&set, KIND)).into_iter().collect()
}

/// A deployment as the decisions need it.
struct Rollout<'a> {
    deployment: &'a Deployment,
    spec: &'a DeploymentSpec,
    status: DeploymentStatus,
    /// The new set's revision, which the deployment is annotated with.
    revision: Option<i64>,
    sets: Sets,
    now: Timestamp,
    plan: Plan,
}

fn reconcile(view: &View<'_>, deployment: &Deployment, now: Timestamp) -> Plan {
    let Some(spec) = &deployment.spec else { return Plan::done() };
    let (owned, claims) = claim_sets(view.cache, deployment, spec);
    let sets = Sets::new(owned, spec);
    let status = deployment.status.clone().unwrap_or_default();
    let mut rollout = Rollout { deployment, spec, status, revision: None, sets, now, plan: Plan::done() };
    if !claims.is_empty() {
        rollout.plan.stages.push(claims);
    }
    rollout.note_failure(view);
    rollout.decide(view.cache);
    rollout.plan
}

/// The sets that the deployment owns, and the adoptions and releases that are due.
fn claim_sets(
    cache: &dyn Cache,
    deployment: &Deployment,
    spec: &DeploymentSpec,
) -> (Vec<Arc<ReplicaSet>>, Vec<Write>) {
    let meta = &deployment.metadata;
    let selector = Selector::new(&spec.selector);
    let reference = ownership::controller_reference(API_VERSION, KIND, meta);
    let (mut owned, mut writes) = (Vec::new(), Vec::new());
    for set in ownership::claimable::<ReplicaSet>(cache, REPLICA_SETS, meta, &selector) {
        match claim(meta, &set.metadata, selector.matches(set.metadata.labels.as_ref())) {
            Claim::Owned => owned.push(set),
            Claim::Adopt => writes.push(ownership::adopt(REPLICA_SETS, &set.metadata, &reference)),
            Claim::Release => writes.push(ownership::release(REPLICA_SETS, &set.metadata, meta)),
            Claim::Foreign => {}
        }
    }
    (owned, writes)
}

impl Rollout<'_> {
    fn decide(&mut self, cache: &dyn Cache) {
        if self.deployment.metadata.deletion_timestamp.is_some() {
            return self.write_status();
        }
        if self.spec.paused == Some(true) || self.is_scaling_event() {
            self.pause_condition();
            self.sync_new_set_annotations();
            self.scale_proportionally();
            if self.spec.paused == Some(true) {
                self.clean_up_history();
            }
            return self.write_status();
        }
        self.pause_condition();
        match self.strategy() {
            "Recreate" => self.recreate(cache),
            _ => self.roll(),
        }
        self.progress();
        if self.is_complete() {
            self.clean_up_history();
        }
        self.write_status();
    }

    fn strategy(&self) -> &str {
        self.spec.strategy.as_ref().and_then(|strategy| strategy.type_.as_deref()).unwrap_or("RollingUpdate")
    }

    fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    /// Whether `spec.replicas` is another than when the active sets were last sized.
    fn is_scaling_event(&self) -> bool {
        let desired = |set: &&sets::Set| set.number(sets::DESIRED_REPLICAS);
        self.sets.active().filter_map(|set| desired(&set)).any(|desired| desired != self.replicas())
    }

    /// Old pods go first; the new set starts once all of them are gone.
    fn recreate(&mut self, cache: &dyn Cache) {
        let old: Vec<_> = self.sets.old.iter().filter(|set| set.replicas() > 0).cloned().collect();
        if !old.is_empty() {
            self.sync_new_set_annotations();
            old.iter().for_each(|set| self.scale(set, 0, false));
            return;
        }
        if self.old_pods_remain(cache) {
            return self.sync_new_set_annotations();
        }
        match self.ensure_new_set() {
            Some(set) if set.replicas() != self.replicas() => self.scale(&set, self.replicas(), false),
            _ => {}
        }
    }

    fn old_pods_remain(&self, cache: &dyn Cache) -> bool {
        let namespace = self.deployment.metadata.namespace.as_deref().unwrap_or_default();
        let new = self.sets.new.as_ref().and_then(|set| set.object.metadata.uid.as_deref());
        let mut old = self.sets.old.iter().filter_map(|set| set.object.metadata.uid.as_deref());
        old.any(|uid| {
            let pods = cache.find(&PODS.group_resource(), &By::Controller { namespace, uid });
            Some(uid) != new && pods.iter().any(|pod| !pods::is_finished_entry(pod))
        })
    }

    /// Up by what the surge allows, down by what stays available.
    fn roll(&mut self) {
        let Some(new) = self.ensure_new_set() else { return };
        let wanted = match new.replicas() {
            replicas if replicas > self.replicas() => self.replicas(),
            replicas if replicas < self.replicas() => self.limits().new_set_size(&self.sets, &new),
            replicas => replicas,
        };
        if wanted != new.replicas() {
            return self.scale(&new, wanted, false);
        }
        for (set, size) in self.limits().shrink_old_sets(&self.sets, &new) {
            self.scale(&set, size, false);
        }
    }

    fn limits(&self) -> scaling::Limits {
        scaling::Limits::of(self.spec, self.strategy() == "RollingUpdate")
    }

    fn scale_proportionally(&mut self) {
        let limits = self.limits();
        for resize in limits.proportional(&self.sets, self.status.replicas.unwrap_or(0)) {
            self.scale(&resize.set, resize.size, resize.always);
        }
    }

    /// Resizes a set and says so. `always`: its annotations are brought up to date even if
    /// the size stays.
    fn scale(&mut self, set: &sets::Set, size: i32, always: bool) {
        let limits = self.limits();
        let stale = set.number(sets::DESIRED_REPLICAS) != Some(self.replicas())
            || set.number(sets::MAX_REPLICAS) != Some(limits.max());
        let resized = set.replicas() != size;
        if !(resized || always && stale) {
            return;
        }
        let mut wanted = ReplicaSet::clone(&set.object);
        let annotations = wanted.metadata.annotations.get_or_insert_default();
        sets::annotate_sizes(annotations, self.replicas(), limits.max());
        if let Some(spec) = &mut wanted.spec {
            spec.replicas = Some(size);
        }
        self.plan.then(update(&wanted));
        if resized {
            self.say_scaled(set.name(), set.replicas(), size);
        }
    }

    fn say_scaled(&mut self, set: &str, from: i32, to: i32) {
        let direction = if from < to { "up" } else { "down" };
        self.say("ScalingReplicaSet", format!("Scaled {direction} replica set {set} from {from} to {to}"));
    }

    fn say(&mut self, reason: &str, note: String) {
        self.plan.event(EventRecord {
            regarding: event_reference(API_VERSION, KIND, &self.deployment.metadata),
            event_type: EventType::Normal,
            reason: reason.to_owned(),
            note,
        });
    }

    /// The set of the current template, its annotations up to date; made if there is none (then
    /// it is `None` here: the next reconcile sees it).
    fn ensure_new_set(&mut self) -> Option<sets::Set> {
        if self.sets.new.is_some() {
            self.sync_new_set_annotations();
            return self.sets.new.clone();
        }
        let revision = self.sets.newest_old_revision() + 1;
        let size = self.limits().initial_size(&self.sets);
        let set = sets::build(
            self.deployment,
            self.spec,
            revision,
            size,
            self.limits().max(),
            self.status.collision_count,
        );
        let name = set.metadata.name.clone().unwrap_or_default();
        let object = Object::from_typed(&set).unwrap_or_default();
        let namespace = self.deployment.metadata.namespace.as_deref().unwrap_or_default();
        self.plan.then(Write::create(REPLICA_SETS.collection(namespace), object));
        if size > 0 {
            self.say_scaled(&name, 0, size);
        }
        self.revision = Some(revision);
        self.progressing("True", "NewReplicaSetCreated", format!("Created new replica set \"{name}\""));
        None
    }

    /// Carries revision, annotations and `minReadySeconds` over to the new set, and its revision
    /// back to the deployment.
    fn sync_new_set_annotations(&mut self) {
        let Some(new) = self.sets.new.clone() else { return };
        let revision = self.sets.newest_old_revision() + 1;
        let mut wanted = ReplicaSet::clone(&new.object);
        let annotations = wanted.metadata.annotations.get_or_insert_default();
        sets::copy_annotations(self.deployment.metadata.annotations.as_ref(), annotations);
        sets::raise_revision(annotations, revision);
        let current: i64 = annotations.get(sets::REVISION).and_then(|r| r.parse().ok()).unwrap_or(revision);
        if let Some(spec) = &mut wanted.spec {
            spec.min_ready_seconds = self.spec.min_ready_seconds;
        }
        if wanted != *new.object {
            self.plan.then(update(&wanted));
            // What follows builds on it, whatever version that write makes.
            wanted.metadata.resource_version = None;
            self.sets.new = Some(sets::Set::from(Arc::new(wanted)));
        }
        self.revision = Some(current);
        if self.condition("Progressing").is_none() && self.has_deadline() {
            let message = format!("Found new replica set \"{}\"", new.name());
            self.progressing("True", "FoundNewReplicaSet", message);
        }
    }

    /// Deletes the oldest empty sets beyond `revisionHistoryLimit`.
    fn clean_up_history(&mut self) {
        let limit = usize::try_from(self.spec.revision_history_limit.unwrap_or(10)).unwrap_or(usize::MAX);
        let mut old: Vec<_> = self.sets.old.iter().filter(|set| !set.is_deleting()).cloned().collect();
        old.sort_by_key(sets::Set::revision);
        let surplus = old.len().saturating_sub(limit);
        for set in old.iter().take(surplus).filter(|set| set.is_empty_and_settled()) {
            let uid = set.object.metadata.uid.clone().unwrap_or_default();
            self.plan.then(Write::delete(REPLICA_SETS.object(&key_of(&set.object.metadata)), uid));
        }
    }
}

fn update(set: &ReplicaSet) -> Write {
    let object = Object::from_typed(set).unwrap_or_default();
    Write::Update { target: REPLICA_SETS.object(&key_of(&set.metadata)), object }
}
