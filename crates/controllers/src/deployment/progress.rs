//! A deployment's status: counts, and the conditions Available, Progressing and ReplicaFailure.

use std::time::Duration;

use ironclad_api::Object;
use ironclad_client::{EventRecord, EventType};
use ironclad_control::{View, Write};
use jiff::SignedDuration;
use k8s_openapi::api::apps::v1::{DeploymentCondition, DeploymentStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::sets::{REVISION, Set};
use super::{API_VERSION, KIND, Rollout};
use crate::ownership::{event_reference, key_of};
use crate::resources::DEPLOYMENTS;

const PROGRESSING: &str = "Progressing";
const AVAILABLE: &str = "Available";
const FAILURE: &str = "ReplicaFailure";
const NEW_SET_AVAILABLE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
/// `progressDeadlineSeconds` of this means none.
const NO_DEADLINE: i32 = i32::MAX;

impl Rollout<'_> {
    pub(super) fn condition(&self, condition_type: &str) -> Option<&DeploymentCondition> {
        self.status.conditions.iter().flatten().find(|condition| condition.type_ == condition_type)
    }

    pub(super) fn has_deadline(&self) -> bool {
        self.spec.progress_deadline_seconds.is_some_and(|seconds| seconds != NO_DEADLINE)
    }

    /// Sets a condition. With the same status and reason it stays as it is, times and all;
    /// with the same status it keeps its transition time.
    fn set_condition(&mut self, condition_type: &str, status: &str, reason: &str, message: String) {
        let now = Time(self.now);
        let old = self.condition(condition_type).cloned();
        if old.as_ref().is_some_and(|old| old.status == status && old.reason.as_deref() == Some(reason)) {
            return;
        }
        let kept = old.filter(|old| old.status == status).and_then(|old| old.last_transition_time);
        self.remove_condition(condition_type);
        self.status.conditions.get_or_insert_default().push(DeploymentCondition {
            type_: condition_type.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            last_update_time: Some(now.clone()),
            last_transition_time: kept.or(Some(now)),
        });
    }

    fn remove_condition(&mut self, condition_type: &str) {
        if let Some(conditions) = &mut self.status.conditions {
            conditions.retain(|condition| condition.type_ != condition_type);
        }
    }

    pub(super) fn progressing(&mut self, status: &str, reason: &str, message: String) {
        if self.has_deadline() {
            self.set_condition(PROGRESSING, status, reason, message);
        }
    }

    /// Pausing stops the clock of the progress deadline; resuming starts it anew.
    pub(super) fn pause_condition(&mut self) {
        if !self.has_deadline() || self.reason(PROGRESSING) == Some(TIMED_OUT) {
            return;
        }
        let paused = self.spec.paused == Some(true);
        match (paused, self.reason(PROGRESSING)) {
            (true, reason) if reason != Some("DeploymentPaused") => {
                self.progressing("Unknown", "DeploymentPaused", "Deployment is paused".into());
            }
            (false, Some("DeploymentPaused")) => {
                self.progressing("Unknown", "DeploymentResumed", "Deployment is resumed".into());
            }
            _ => {}
        }
    }

    fn reason(&self, condition_type: &str) -> Option<&str> {
        self.condition(condition_type)?.reason.as_deref()
    }

    /// Tells of a plan that failed because the new set could not be made; a name that is taken by
    /// another template is got around by counting it as a collision.
    pub(super) fn note_failure(&mut self, view: &View<'_>) {
        let Some(failure) = view.last_failure.filter(|_| self.sets.new.is_none()) else { return };
        if failure.is_already_exists() {
            self.status.collision_count = Some(self.status.collision_count.unwrap_or(0) + 1);
            return;
        }
        let message = format!("Failed to create new replica set: {failure}");
        self.progressing("False", "ReplicaSetCreateError", message.clone());
        self.plan.event(EventRecord {
            regarding: event_reference(API_VERSION, KIND, &self.deployment.metadata),
            event_type: EventType::Warning,
            reason: "ReplicaSetCreateError".into(),
            note: message,
        });
    }

    fn count(&mut self) {
        let sum = |read: &dyn Fn(&Set) -> i32| self.sets.all().map(read).sum::<i32>();
        let available = sum(&Set::available);
        let wanted = sum(&Set::replicas);
        let existing = sum(&|set| set.status(|status| Some(status.replicas)));
        let ready = sum(&|set| set.status(|status| status.ready_replicas));
        let terminating = sum(&|set| set.status(|status| status.terminating_replicas));
        let updated = self.sets.new.as_ref().map_or(0, |set| set.status(|status| Some(status.replicas)));
        let unavailable = (wanted - available).max(0);
        let some = |count: i32| (count > 0).then_some(count);
        self.status.replicas = some(existing);
        self.status.updated_replicas = some(updated);
        self.status.ready_replicas = some(ready);
        self.status.available_replicas = some(available);
        self.status.unavailable_replicas = some(unavailable);
        self.status.terminating_replicas = Some(terminating);
        self.status.observed_generation = self.deployment.metadata.generation;
        match available >= self.replicas() - self.limits().max_unavailable() {
            true => self.set_condition(
                AVAILABLE,
                "True",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.".into(),
            ),
            false => self.set_condition(
                AVAILABLE,
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.".into(),
            ),
        }
    }

    /// Every wanted pod is of the new template and available, and no other is left.
    pub(super) fn is_complete(&self) -> bool {
        let wanted = self.replicas();
        let status = &self.status;
        status.updated_replicas.unwrap_or(0) == wanted
            && status.replicas.unwrap_or(0) == wanted
            && status.available_replicas.unwrap_or(0) == wanted
            && status.observed_generation >= self.deployment.metadata.generation
    }

    /// Something moved since the status was last written.
    fn has_moved(&self) -> bool {
        let old = self.deployment.status.clone().unwrap_or_default();
        let new = &self.status;
        let updated = |status: &DeploymentStatus| status.updated_replicas.unwrap_or(0);
        let others = |status: &DeploymentStatus| status.replicas.unwrap_or(0) - updated(status);
        updated(new) > updated(&old)
            || others(new) < others(&old)
            || new.ready_replicas > old.ready_replicas
            || new.available_replicas > old.available_replicas
    }

    /// Brings counts and the Progressing condition up to date.
    pub(super) fn progress(&mut self) {
        self.count();
        if !self.has_deadline() {
            return self.remove_condition(PROGRESSING);
        }
        let settled = self.status.replicas == self.status.updated_replicas
            && self.reason(PROGRESSING) == Some(NEW_SET_AVAILABLE);
        if settled {
            return;
        }
        let subject = match &self.sets.new {
            Some(set) => format!("ReplicaSet \"{}\"", set.name()),
            None => {
                format!("Deployment \"{}\"", self.deployment.metadata.name.as_deref().unwrap_or_default())
            }
        };
        if self.is_complete() {
            let message = format!("{subject} has successfully progressed.");
            self.progressing("True", NEW_SET_AVAILABLE, message);
        } else if self.has_moved() {
            self.touch(format!("{subject} is progressing."));
        } else if let Some(left) = self.time_left() {
            match Duration::try_from(left) {
                Ok(left) if !left.is_zero() => self.plan.requeue_in(left + Duration::from_secs(1)),
                _ => self.progressing("False", TIMED_OUT, format!("{subject} has timed out progressing.")),
            }
        }
    }

    /// Renews the Progressing condition's update time, which the deadline counts from.
    fn touch(&mut self, message: String) {
        let old = self.condition(PROGRESSING).cloned();
        self.remove_condition(PROGRESSING);
        self.progressing("True", "ReplicaSetUpdated", message);
        let kept = old.filter(|old| old.status == "True").and_then(|old| old.last_transition_time);
        let conditions = self.status.conditions.iter_mut().flatten();
        if let (Some(kept), Some(new)) = (kept, conditions.last()) {
            new.last_transition_time = Some(kept);
        }
    }

    /// What is left of the progress deadline; `None` where it does not run.
    fn time_left(&self) -> Option<SignedDuration> {
        let condition = self.condition(PROGRESSING)?;
        if let Some(NEW_SET_AVAILABLE | TIMED_OUT | "DeploymentPaused") = condition.reason.as_deref() {
            return None;
        }
        let since = condition.last_update_time.as_ref()?.0;
        let deadline = SignedDuration::from_secs(i64::from(self.spec.progress_deadline_seconds?));
        Some(deadline - self.now.duration_since(since))
    }

    /// The sets' own trouble shows in the deployment.
    fn adopt_failures(&mut self) {
        let failing = |set: &Set| {
            let conditions = set.object.status.as_ref().and_then(|status| status.conditions.clone());
            conditions.into_iter().flatten().find(|condition| condition.type_ == FAILURE)
        };
        let new_first = self.sets.new.iter().chain(&self.sets.old);
        match new_first.filter_map(failing).next() {
            Some(failure) => {
                let reason = failure.reason.unwrap_or_default();
                self.set_condition(FAILURE, &failure.status, &reason, failure.message.unwrap_or_default());
            }
            None => self.remove_condition(FAILURE),
        }
    }

    /// Writes the status if it is another than what stands.
    pub(super) fn write_status(&mut self) {
        self.count();
        self.adopt_failures();
        if self.status.conditions.as_ref().is_some_and(Vec::is_empty) {
            self.status.conditions = None;
        }
        let annotations = self.deployment.metadata.annotations.as_ref();
        let revision = self.revision.map(|revision| revision.to_string());
        let revised = revision.filter(|revision| annotations.and_then(|a| a.get(REVISION)) != Some(revision));
        if self.deployment.status.as_ref() == Some(&self.status) && revised.is_none() {
            return;
        }
        let mut object = Object::from_typed(self.deployment).unwrap_or_default();
        object.0.insert("status".into(), serde_json::to_value(&self.status).unwrap_or_default());
        // As upstream does, the revision goes along with the status: it is one write.
        if let Some(revision) = revised {
            object.set_annotation(REVISION, revision);
        }
        self.plan
            .then(Write::Update { target: DEPLOYMENTS.status(&key_of(&self.deployment.metadata)), object });
    }
}
