//! One round for one Job that is there: facts, verdict, moves, counting, plan.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::Object;
use ironclad_client::PatchKind;
use ironclad_control::{EventRecord, EventType, Plan, Tell, View, Write};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::json;

use super::backoff::Backoffs;
use super::facts::{FINALIZER, Facts, count, has_finalizer, uid};
use super::moves::Moves;
use super::orphans::{self, remove_finalizer};
use super::tracking::count_pods;
use super::verdict::{End, Verdict, deadline, is_finished, set_condition, true_condition, whole_seconds};
use super::{API_VERSION, KIND, creation, selector};
use crate::ownership::{self, Claim, claim, event_reference, key_of};
use crate::pods;
use crate::resources::{JOBS, PODS};

pub(super) fn reconcile(backoffs: &Backoffs, view: &View<'_>, job: &Job, now: Timestamp) -> Plan {
    let Some(spec) = &job.spec else { return Plan::done() };
    let job_uid = job.metadata.uid.as_deref().unwrap_or_default();
    if job.status.as_ref().is_some_and(is_finished) {
        backoffs.forget(job_uid);
        return orphans::release_all(view.cache, job.metadata.namespace.as_deref().unwrap_or_default());
    }
    if !matches!(spec.completion_mode.as_deref(), None | Some("NonIndexed" | "Indexed")) {
        let mut plan = Plan::done();
        plan.event(event(
            job,
            EventType::Warning,
            "UnknownCompletionMode",
            "Skipped Job sync because completion mode is unknown",
        ));
        return plan;
    }
    let (owned, claims) = claim_pods(view, job, spec);
    if !claims.is_empty() {
        // What was adopted counts in the next round.
        return Plan { stages: vec![claims], ..Plan::default() };
    }
    let facts = Facts::gather(job, spec, owned);
    let back_off = backoffs.note(job_uid, facts.newly_succeeded(), facts.newly_failed(), now);
    Sync { status: facts.status.clone(), facts, view, now, plan: Plan::done() }.plan(back_off)
}

/// The pods that the job owns, and the adoptions and releases that are due.
fn claim_pods(view: &View<'_>, job: &Job, spec: &JobSpec) -> (Vec<Arc<Pod>>, Vec<Write>) {
    let meta = &job.metadata;
    let selector = selector(spec);
    let (mut owned, mut writes) = (Vec::new(), Vec::new());
    for pod in ownership::claimable::<Pod>(view.cache, PODS, meta, &selector) {
        match claim(meta, &pod.metadata, selector.matches(pod.metadata.labels.as_ref())) {
            Claim::Owned => owned.push(pod),
            Claim::Adopt => writes.push(adopt(&pod, reference(job))),
            Claim::Release => writes.push(release(&pod, job)),
            Claim::Foreign => {}
        }
    }
    (owned, writes)
}

fn reference(job: &Job) -> OwnerReference {
    ownership::controller_reference(API_VERSION, KIND, &job.metadata)
}

/// The finalizer comes with the owner, so that the pod cannot go uncounted.
fn adopt(pod: &Pod, owner: OwnerReference) -> Write {
    let metadata = json!({ "uid": uid(pod), "ownerReferences": [owner], "finalizers": [FINALIZER] });
    patch(pod, json!({ "metadata": metadata }))
}

fn release(pod: &Pod, job: &Job) -> Write {
    patch(
        pod,
        json!({ "metadata": {
            "uid": uid(pod),
            "ownerReferences": [{ "$patch": "delete", "uid": job.metadata.uid }],
            "$deleteFromPrimitiveList/finalizers": [FINALIZER],
        } }),
    )
}

fn patch(pod: &Pod, patch: serde_json::Value) -> Write {
    Write::Patch { target: PODS.object(&key_of(&pod.metadata)), kind: PatchKind::Strategic, patch }
}

fn event(job: &Job, event_type: EventType, reason: &str, note: &str) -> EventRecord {
    EventRecord {
        regarding: event_reference(API_VERSION, KIND, &job.metadata),
        event_type,
        reason: reason.to_owned(),
        note: note.to_owned(),
    }
}

struct Sync<'a> {
    facts: Facts<'a>,
    /// As it is to be.
    status: JobStatus,
    view: &'a View<'a>,
    now: Timestamp,
    plan: Plan,
}

impl Sync<'_> {
    /// The status goes first: counting stands on it, and it is written even when a create fails.
    fn plan(mut self, back_off: Duration) -> Plan {
        self.start();
        let verdict = Verdict::of(&self.facts, self.now);
        let moves = match &verdict {
            // A job that is over stops its pods; counting lets them go.
            Some(_) => Moves { delete: self.facts.active.clone(), ..Moves::default() },
            None if self.is_deleting() => Moves::default(),
            None => Moves::plan(&self.facts, back_off, self.now),
        };
        let left = self.facts.active.len().saturating_sub(moves.delete.len());
        let by_completions = || Verdict::by_completions(&self.facts, left);
        let judged = verdict.is_some();
        let verdict = verdict.or_else(by_completions);
        if verdict.is_none() && !self.is_deleting() {
            self.note_suspension();
        }
        self.count_active(&moves.delete);
        let counted = count_pods(&self.facts, verdict.as_ref(), &mut self.status);
        if let Some(verdict) = &verdict {
            self.conclude(verdict, counted.complete);
        }
        self.write_status();
        self.move_pods(&moves, judged);
        self.let_go(&counted.release);
        self.look_again(&moves);
        self.plan
    }

    fn is_deleting(&self) -> bool {
        self.facts.job.metadata.deletion_timestamp.is_some()
    }

    fn start(&mut self) {
        if self.status.start_time.is_none() && !self.facts.is_suspended() {
            self.status.start_time = Some(whole_seconds(self.now));
        }
    }

    /// Says that the job is suspended, or resumed. Its time starts anew when it is resumed.
    fn note_suspension(&mut self) {
        let suspended = self.facts.is_suspended();
        let (reason, note) = match suspended {
            true => ("Suspended", "Job suspended"),
            false => ("Resumed", "Job resumed"),
        };
        let words = (&*format!("Job{reason}"), note);
        if set_condition(&mut self.status, "Suspended", suspended, words, self.now) {
            self.status.start_time = (!suspended).then(|| whole_seconds(self.now));
            self.plan.event(event(self.facts.job, EventType::Normal, reason, note));
        }
    }

    /// Pods that this plan deletes count as terminating already.
    fn count_active(&mut self, deleted: &[Arc<Pod>]) {
        let gone: BTreeSet<&str> = deleted.iter().map(|pod| uid(pod)).collect();
        let stay: Vec<_> = self.facts.active.iter().filter(|pod| !gone.contains(uid(pod))).collect();
        self.status.active = (!stay.is_empty()).then(|| count(stay.len()));
        self.status.ready = Some(count(stay.iter().filter(|pod| pods::is_ready(pod)).count()));
        self.status.terminating = Some(count(self.facts.terminating.len() + deleted.len()));
    }

    /// The interim condition; the final one once that stands, all pods are counted and none is left.
    fn conclude(&mut self, verdict: &Verdict, all_counted: bool) {
        let words = (verdict.reason.as_str(), verdict.message.as_str());
        if true_condition(&self.status, verdict.end.interim()).is_none() {
            set_condition(&mut self.status, verdict.end.interim(), true, words, self.now);
            return;
        }
        if !all_counted || self.status.terminating != Some(0) {
            return;
        }
        set_condition(&mut self.status, verdict.end.last(), true, words, self.now);
        match verdict.end {
            End::Success => self.tell_complete(),
            End::Failure => {
                self.plan.event(event(self.facts.job, EventType::Warning, words.0, words.1));
            }
        }
    }

    fn tell_complete(&mut self) {
        self.status.completion_time = Some(whole_seconds(self.now));
        if self.facts.spec.completions.is_some_and(|wanted| self.status.succeeded.unwrap_or(0) > wanted) {
            let note = "Too many succeeded pods running after completion count reached";
            self.plan.event(event(self.facts.job, EventType::Warning, "TooManySucceededPods", note));
        }
        self.plan.event(event(self.facts.job, EventType::Normal, "Completed", "Job completed"));
    }

    fn write_status(&mut self) {
        if Some(&self.status) == self.facts.job.status.as_ref() {
            return;
        }
        let mut object = Object::from_typed(self.facts.job).unwrap_or_default();
        object.0.insert("status".into(), serde_json::to_value(&self.status).unwrap_or_default());
        let target = JOBS.status(&key_of(&self.facts.job.metadata));
        self.plan.then(Write::Update { target, object });
    }

    /// Pods that are too many lose the finalizer first: they are no failures. Those of a job that
    /// is over keep it until they are counted.
    fn move_pods(&mut self, moves: &Moves, is_over: bool) {
        if !is_over {
            self.let_go(&moves.delete);
        }
        let deletes = moves.delete.iter().map(|pod| {
            let tell = self.tell(("SuccessfulDelete", "Deleted pod: "), ("FailedDelete", "Error deleting: "));
            Write::delete(PODS.object(&key_of(&pod.metadata)), uid(pod)).telling(tell)
        });
        let deletes: Vec<_> = deletes.collect();
        self.stage(deletes);
        // After a failure only one, so that a hopeless job costs one call per back-off.
        let count = if self.view.last_failure.is_some() { 1 } else { moves.create.len() };
        let creates = moves.create.iter().take(count).filter_map(|index| self.create(*index));
        let creates: Vec<_> = creates.collect();
        self.stage(creates);
    }

    fn create(&self, index: Option<usize>) -> Option<Write> {
        let pod = creation::pod(&self.facts, reference(self.facts.job), index);
        let object = Object::from_typed(&pod).ok()?;
        let namespace = self.facts.job.metadata.namespace.as_deref().unwrap_or_default();
        let tell = self.tell(("SuccessfulCreate", "Created pod: "), ("FailedCreate", "Error creating: "));
        Some(Write::create(PODS.collection(namespace), object).telling(tell))
    }

    fn tell(&self, success: (&'static str, &'static str), failure: (&'static str, &'static str)) -> Tell {
        let regarding = event_reference(API_VERSION, KIND, &self.facts.job.metadata);
        Tell { regarding, success, failure }
    }

    fn let_go(&mut self, pods: &[Arc<Pod>]) {
        let held = pods.iter().filter(|pod| has_finalizer(pod));
        self.stage(held.map(|pod| remove_finalizer(pod)).collect());
    }

    fn stage(&mut self, writes: Vec<Write>) {
        if !writes.is_empty() {
            self.plan.stages.push(writes);
        }
    }

    fn look_again(&mut self, moves: &Moves) {
        if let Some(wait) = moves.wait {
            self.plan.requeue_in(wait);
        }
        let deadline = deadline(&self.facts, &self.status).map(|deadline| deadline.duration_since(self.now));
        if let Some(left) = deadline.and_then(|left| Duration::try_from(left).ok()) {
            self.plan.requeue_in(left);
        }
    }
}
