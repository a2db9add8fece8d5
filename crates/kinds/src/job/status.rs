//! Rules for a job's status, which any controller may write that `managedBy` names: it goes only
//! forward, and agrees with itself (KEP-4368).
//!
//! Most rules are asked only of what a write changes, so that a status from before a rule can still
//! be worked with.

use ironclad_api::field::BadValue;
use ironclad_api::{FieldError, Object, Path, validation};
use k8s_openapi::api::batch::v1 as batch;
use serde_json::json;

use crate::job_spec::{INDEXED, indexes};
use crate::pod_template::workload;
use crate::spec::typed;

pub(super) fn updated(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors =
        workload::not_negative(new, "status", &["active", "succeeded", "failed", "ready", "terminating"]);
    let (new, old): (batch::Job, batch::Job) = (typed(new), typed(old));
    let (spec, new, old) =
        (new.spec.unwrap_or_default(), new.status.unwrap_or_default(), old.status.unwrap_or_default());
    let change = Change { spec: &spec, new: State { status: &new }, old: State { status: &old } };
    errors.extend(uncounted(&new));
    errors.extend(change.ends());
    errors.extend(change.times());
    errors.extend(change.finished());
    errors.extend(change.indexes());
    errors.extend(change.criteria());
    errors.extend(change.backward());
    errors
}

/// A status with what it says in its conditions.
#[derive(Clone, Copy)]
struct State<'a> {
    status: &'a batch::JobStatus,
}

impl State<'_> {
    fn is(self, condition: &str, status: &str) -> bool {
        let mut conditions = self.status.conditions.iter().flatten();
        conditions.any(|standing| standing.type_ == condition && standing.status == status)
    }

    fn has(self, condition: &str) -> bool {
        self.is(condition, "True")
    }

    fn is_finished(self) -> bool {
        self.has("Complete") || self.has("Failed")
    }
}

struct Change<'a> {
    spec: &'a batch::JobSpec,
    new: State<'a>,
    old: State<'a>,
}

fn status() -> Path {
    Path::new("status")
}

fn condition_error(why: impl Into<String>) -> FieldError {
    FieldError::invalid(&status().child("conditions"), BadValue::Omitted, why)
}

/// The uids of pods that have ended and are not counted yet.
fn uncounted(status: &batch::JobStatus) -> Vec<FieldError> {
    let Some(pods) = &status.uncounted_terminated_pods else { return Vec::new() };
    let path = self::status().child("uncountedTerminatedPods");
    let mut errors = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (field, uids) in [("succeeded", &pods.succeeded), ("failed", &pods.failed)] {
        for (index, uid) in uids.iter().flatten().enumerate() {
            let path = path.child(field).index(index);
            if uid.is_empty() {
                errors.push(FieldError::invalid(&path, "", "must not be empty"));
            } else if !seen.insert(uid) {
                errors.push(FieldError::duplicate(&path, uid));
            }
        }
    }
    errors
}

impl Change<'_> {
    fn changed(&self, condition: &str) -> bool {
        self.new.has(condition) != self.old.has(condition)
    }

    fn finishing_changed(&self) -> bool {
        self.new.is_finished() != self.old.is_finished()
    }

    fn start_changed(&self) -> bool {
        self.new.status.start_time != self.old.status.start_time
    }

    fn completion_changed(&self) -> bool {
        self.new.status.completion_time != self.old.status.completion_time
    }

    /// A job has one end.
    fn ends(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let complete = self.changed("Complete");
        if (complete || self.changed("Failed")) && self.new.has("Complete") && self.new.has("Failed") {
            errors.push(condition_error("cannot set Complete=True and Failed=true conditions"));
        }
        if (complete || self.changed("FailureTarget"))
            && self.new.has("Complete")
            && self.new.has("FailureTarget")
        {
            errors.push(condition_error("cannot set Complete=True and FailureTarget=true conditions"));
        }
        errors
    }

    fn times(&self) -> Vec<FieldError> {
        let path = status().child("completionTime");
        let (start, end) = (&self.new.status.start_time, &self.new.status.completion_time);
        let mut errors = Vec::new();
        if self.changed("Complete") || self.completion_changed() {
            match (end, self.new.has("Complete")) {
                (Some(end), false) => {
                    let detail = "cannot set completionTime when there is no Complete=True condition";
                    errors.push(FieldError::invalid(&path, json!(end), detail));
                }
                (None, true) => {
                    errors.push(FieldError::required(&path, "completionTime is required for Complete jobs"));
                }
                _ => {}
            }
        }
        if let (Some(start), Some(end)) = (start, end)
            && (self.start_changed() || self.completion_changed())
            && end.0 < start.0
        {
            errors.push(FieldError::invalid(&path, json!(end), "must be equal to or after `startTime`"));
        }
        errors
    }

    /// What a finished job no longer has.
    fn finished(&self) -> Vec<FieldError> {
        let (new, old) = (self.new.status, self.old.status);
        let mut errors = Vec::new();
        let failed_indexes_changed = new.failed_indexes != old.failed_indexes;
        let failing = self.changed("Failed") || failed_indexes_changed;
        if failing && self.new.has("Failed") && !self.new.has("FailureTarget") {
            let why = "cannot set Failed=True condition without the FailureTarget=true condition";
            errors.push(condition_error(why));
        }
        let completing = self.changed("Complete") || self.changed("SuccessCriteriaMet");
        if completing && self.new.has("Complete") && !self.new.has("SuccessCriteriaMet") {
            let why = "cannot set Complete=True condition without the SuccessCriteriaMet=true condition";
            errors.push(condition_error(why));
        }
        if self.new.is_finished() {
            errors.extend(self.finished_pods());
        }
        let (ready, active) = (new.ready.unwrap_or(0), new.active.unwrap_or(0));
        if (new.ready != old.ready || new.active != old.active) && ready > active {
            let detail = "cannot set more ready pods than active";
            errors.push(FieldError::invalid(&status().child("ready"), ready, detail));
        }
        errors
    }

    fn finished_pods(&self) -> Vec<FieldError> {
        let (new, old, finishing) = (self.new.status, self.old.status, self.finishing_changed());
        let (active, terminating) = (new.active.unwrap_or(0), new.terminating.unwrap_or(0));
        let mut errors = Vec::new();
        if (finishing || new.active != old.active) && active > 0 {
            let detail = "active>0 is invalid for finished job";
            errors.push(FieldError::invalid(&status().child("active"), active, detail));
        }
        let nothing_to_do = self.spec.suspend == Some(true) && self.spec.completions == Some(0);
        if (finishing || self.start_changed()) && !nothing_to_do && new.start_time.is_none() {
            let detail = "startTime is required for finished job";
            errors.push(FieldError::required(&status().child("startTime"), detail));
        }
        let uncounted = new.uncounted_terminated_pods.as_ref();
        let waits = uncounted
            .is_some_and(|pods| pods.failed.iter().chain(&pods.succeeded).any(|uids| !uids.is_empty()));
        if (finishing || new.uncounted_terminated_pods != old.uncounted_terminated_pods) && waits {
            let path = status().child("uncountedTerminatedPods");
            errors.push(FieldError::invalid(&path, json!(uncounted), "must be empty for finished job"));
        }
        if (finishing || new.terminating != old.terminating) && terminating > 0 {
            let detail = "terminating>0 is invalid for finished job";
            errors.push(FieldError::invalid(&status().child("terminating"), terminating, detail));
        }
        errors
    }

    fn indexes(&self) -> Vec<FieldError> {
        let (new, old) = (self.new.status, self.old.status);
        let completed = new.completed_indexes.as_deref().unwrap_or_default();
        let completed_changed = completed != old.completed_indexes.as_deref().unwrap_or_default();
        let failed_changed = new.failed_indexes != old.failed_indexes;
        let completions = self.spec.completions.map(i64::from);
        let completed_path = status().child("completedIndexes");
        let failed_path = status().child("failedIndexes");
        let mut errors = Vec::new();
        if completed_changed && let Some(Err(why)) = completions.map(|count| indexes::count(completed, count))
        {
            let detail = format!("error parsing completedIndexes: {why}");
            errors.push(FieldError::invalid(&completed_path, completed, detail));
        }
        let failed = new.failed_indexes.as_deref().filter(|_| failed_changed);
        if let (Some(failed), Some(count), Some(_)) = (failed, completions, self.spec.backoff_limit_per_index)
            && let Err(why) = indexes::count(failed, count)
        {
            let detail = format!("error parsing failedIndexes: {why}");
            errors.push(FieldError::invalid(&failed_path, failed, detail));
        }
        if completed_changed && !completed.is_empty() && self.spec.completion_mode.as_deref() != Some(INDEXED)
        {
            let detail = "cannot set non-empty completedIndexes when non-indexed completion mode";
            errors.push(FieldError::invalid(&completed_path, completed, detail));
        }
        if let (Some(failed), None) = (failed, self.spec.backoff_limit_per_index) {
            let detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
            errors.push(FieldError::invalid(&failed_path, failed, detail));
        }
        let failed = new.failed_indexes.as_deref().filter(|_| failed_changed || completed_changed);
        if let (Some(failed), Some(count)) = (failed, completions)
            && let Some(index) = indexes::overlap(completed, failed, count)
        {
            let detail = format!("failedIndexes and completedIndexes overlap at index: {index}");
            errors.push(FieldError::invalid(&failed_path, failed, detail));
        }
        errors
    }

    /// `SuccessCriteriaMet` says that the job will be complete once its pods are gone.
    fn criteria(&self) -> Vec<FieldError> {
        let met = self.new.has("SuccessCriteriaMet");
        let mut errors = Vec::new();
        if met && self.new.has("Failed") {
            errors.push(condition_error("cannot set SuccessCriteriaMet=True and Failed=true conditions"));
        }
        if met && self.new.has("FailureTarget") {
            errors.push(condition_error(
                "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
            ));
        }
        if self.spec.success_policy.is_some() && !met && self.new.has("Complete") {
            let why = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True";
            errors.push(condition_error(why));
        }
        errors
    }

    /// What cannot be taken back.
    fn backward(&self) -> Vec<FieldError> {
        let (new, old) = (self.new.status, self.old.status);
        let mut errors = Vec::new();
        for condition in ["Failed", "Complete", "FailureTarget"] {
            if self.old.has(condition) && !self.new.has(condition) {
                errors
                    .push(condition_error(format!("cannot disable the terminal {condition}=True condition")));
            }
        }
        let indexed = self.spec.completion_mode.as_deref() == Some(INDEXED);
        let may_shrink = indexed && self.spec.completions == self.spec.parallelism;
        for (field, new, old, may_fall) in [
            ("failed", new.failed, old.failed, false),
            ("succeeded", new.succeeded, old.succeeded, may_shrink),
        ] {
            let (new, old) = (new.unwrap_or(0), old.unwrap_or(0));
            if new < old && !may_fall {
                let detail = format!("cannot decrease the {field} counter");
                errors.push(FieldError::invalid(&status().child(field), new, detail));
            }
        }
        errors.extend(self.fixed_times());
        let was_met = self.old.has("SuccessCriteriaMet");
        let met = self.new.has("SuccessCriteriaMet");
        if was_met && !met {
            errors.push(condition_error("cannot disable the SuccessCriteriaMet=True condition"));
        }
        if self.old.has("Complete") && !was_met && met {
            let why = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions";
            errors.push(condition_error(why));
        }
        errors
    }

    fn fixed_times(&self) -> Vec<FieldError> {
        let (new, old) = (self.new.status, self.old.status);
        let mut errors = Vec::new();
        if let (Some(after), Some(before)) = (&new.completion_time, &old.completion_time)
            && after != before
        {
            let path = status().child("completionTime");
            errors.push(FieldError::invalid(&path, json!(after), validation::meta::IMMUTABLE));
        }
        let resuming = self.old.has("Suspended") && self.new.is("Suspended", "False");
        let suspended = self.spec.suspend == Some(true);
        if old.start_time.is_some() && self.start_changed() && !resuming && !suspended {
            let detail = "field is immutable for unsuspended job once set";
            errors.push(FieldError::invalid(&status().child("startTime"), json!(new.start_time), detail));
        }
        errors
    }
}
