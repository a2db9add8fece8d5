//! One round for one CronJob that is there.

use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{Object, ObjectKey, cron, goprint};
use ironclad_client::By;
use ironclad_client::typed::CacheExt;
use ironclad_control::{EventRecord, EventType, Plan, View, Write};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::history::{self, End};
use super::times::Clock;
use super::{API_VERSION, KIND, making};
use crate::ownership::{controller_of, event_reference, key_of};
use crate::resources::{CRON_JOBS, JOBS};

pub(super) fn reconcile(view: &View<'_>, cron_job: &CronJob, now: Timestamp) -> Plan {
    let namespace = cron_job.metadata.namespace.as_deref().unwrap_or_default();
    let uid = cron_job.metadata.uid.as_deref().unwrap_or_default();
    let jobs = view.cache.find_as(&JOBS.group_resource(), &By::Controller { namespace, uid });
    let mut sync = Sync {
        view,
        cron_job,
        now,
        jobs,
        status: cron_job.status.clone().unwrap_or_default(),
        plan: Plan::done(),
    };
    let surplus: Vec<Write> = history::surplus(cron_job, &sync.jobs)
        .into_iter()
        .map(|job| history::delete(cron_job, job))
        .collect();
    sync.stage(surplus);
    sync.note_jobs();
    sync.drop_missing();
    let start = if cron_job.metadata.deletion_timestamp.is_some() { None } else { sync.start() };
    let (replaced, created) = start.map_or((Vec::new(), None), |start| (start.replaced, Some(start.create)));
    sync.stage(replaced);
    sync.write_status();
    sync.stage(created.into_iter().collect());
    sync.plan
}

/// A Job that is due, and those that make room for it.
struct Start {
    replaced: Vec<Write>,
    create: Write,
}

struct Sync<'a> {
    view: &'a View<'a>,
    cron_job: &'a CronJob,
    now: Timestamp,
    jobs: Vec<Arc<Job>>,
    /// As it is to be.
    status: CronJobStatus,
    plan: Plan,
}

fn is(reference: &ObjectReference, job: &Job) -> bool {
    reference.uid.is_some() && reference.uid == job.metadata.uid
}

impl Sync<'_> {
    fn active(&mut self) -> &mut Vec<ObjectReference> {
        self.status.active.get_or_insert_default()
    }

    fn tell(&mut self, event_type: EventType, reason: &str, note: String) {
        let regarding = event_reference(API_VERSION, KIND, &self.cron_job.metadata);
        self.plan.event(EventRecord { regarding, event_type, reason: reason.to_owned(), note });
    }

    fn stage(&mut self, writes: Vec<Write>) {
        if !writes.is_empty() {
            self.plan.stages.push(writes);
        }
    }

    // === what the Jobs say ===

    fn note_jobs(&mut self) {
        for job in self.jobs.clone() {
            let listed = self.active().iter().any(|reference| is(reference, &job));
            let made_for = making::time(self.cron_job, &job);
            if let Some(time) = made_for {
                let last = self.status.last_schedule_time.as_ref();
                if last.is_none_or(|last| last.0 < time) {
                    self.status.last_schedule_time = Some(Time(time));
                }
            }
            match history::end(&job) {
                Some(end) => self.note_end(&job, end, listed),
                None if listed => {}
                None if made_for.is_some() => self.active().push(reference(&job)),
                None => {
                    let name = job.metadata.name.as_deref().unwrap_or_default();
                    let note = format!("Saw a job that the controller did not create or forgot: {name}");
                    self.tell(EventType::Warning, "UnexpectedJob", note);
                }
            }
        }
    }

    fn note_end(&mut self, job: &Job, end: End, listed: bool) {
        if listed {
            self.active().retain(|reference| !is(reference, job));
            let name = job.metadata.name.as_deref().unwrap_or_default();
            let note = format!("Saw completed job: {name}, condition: {}", end.as_str());
            self.tell(EventType::Normal, "SawCompletedJob", note);
        }
        let completed = job.status.as_ref().and_then(|status| status.completion_time.clone());
        if end == End::Complete
            && let Some(time) = completed
            && self.status.last_successful_time.as_ref().is_none_or(|last| last.0 < time.0)
        {
            self.status.last_successful_time = Some(time);
        }
    }

    /// Takes Jobs off the list that are no longer there.
    fn drop_missing(&mut self) {
        let jobs = self.jobs.clone();
        let view = self.view;
        let namespace = self.cron_job.metadata.namespace.clone().unwrap_or_default();
        let is_there = |reference: &ObjectReference| {
            let key = ObjectKey::new(namespace.clone(), reference.name.clone().unwrap_or_default());
            jobs.iter().any(|job| is(reference, job))
                || view.cache.get(&JOBS.group_resource(), &key).is_some()
        };
        let (kept, missing): (Vec<_>, Vec<_>) = std::mem::take(self.active()).into_iter().partition(is_there);
        *self.active() = kept;
        for reference in missing {
            let name = reference.name.unwrap_or_default();
            self.tell(EventType::Normal, "MissingJob", format!("Active job went missing: {name}"));
        }
    }

    // === what is due ===

    /// The Job that is to be made now, if one is.
    fn start(&mut self) -> Option<Start> {
        let clock = self.clock()?;
        // The next time is looked for once this round has settled what was missed.
        let time = self.due_time(&clock);
        let start = time.and_then(|time| self.start_at(time, &clock));
        let mut seen = self.cron_job.clone();
        seen.status = Some(self.status.clone());
        if start.is_none()
            && let Some(wait) = clock.wait(&seen, self.now)
        {
            self.plan.requeue_in(positive(wait));
        }
        start
    }

    /// `None` for a CronJob that is suspended, or whose times cannot be read.
    fn clock(&mut self) -> Option<Clock> {
        let spec = &self.cron_job.spec;
        let zone = spec.time_zone.as_deref().unwrap_or_default();
        let zone = match cron::zone(zone) {
            Ok(zone) => zone,
            Err(why) => {
                let note = format!("invalid timeZone: {}: {why}", goprint::quote(zone));
                self.tell(EventType::Warning, "UnknownTimeZone", note);
                return None;
            }
        };
        if spec.suspend == Some(true) {
            return None;
        }
        let quoted = goprint::quote(&spec.schedule);
        if spec.schedule.contains("TZ") {
            let note = format!(
                "CRON_TZ or TZ used in schedule {quoted} is not officially supported, see \
                 https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
            );
            self.tell(EventType::Warning, "UnsupportedSchedule", note);
        }
        match cron::parse(&spec.schedule) {
            Ok(schedule) => Some(Clock { schedule, zone }),
            Err(why) => {
                let note = format!("unparseable schedule: {quoted} : {why}");
                self.tell(EventType::Warning, "UnparseableSchedule", note);
                None
            }
        }
    }

    /// The time that a Job is to be made for.
    fn due_time(&mut self, clock: &Clock) -> Option<Timestamp> {
        let mut seen = self.cron_job.clone();
        seen.status = Some(self.status.clone());
        let due = match clock.due(&seen, self.now, true) {
            Ok(due) => due,
            Err(why) => {
                let note = format!("invalid schedule: {} : {why}", self.cron_job.spec.schedule);
                self.tell(EventType::Warning, "InvalidSchedule", note);
                return None;
            }
        };
        let time = due.time?;
        if due.is_very_late() {
            let note = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            self.tell(EventType::Warning, "TooManyMissedTimes", note.to_owned());
        }
        let deadline = self.cron_job.spec.starting_deadline_seconds;
        let limit = deadline.and_then(|seconds| time.checked_add(SignedDuration::from_secs(seconds)).ok());
        if limit.is_some_and(|limit| limit < self.now) {
            let shown = time.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S %z").to_string();
            let note = format!("Missed scheduled time to start a job: {shown}");
            self.tell(EventType::Warning, "MissSchedule", note);
            return None;
        }
        Some(time)
    }

    fn start_at(&mut self, time: Timestamp, clock: &Clock) -> Option<Start> {
        let name = making::name(self.cron_job, time);
        let is_listed = self.active().iter().any(|reference| reference.name.as_deref() == Some(&*name));
        if is_listed || self.status.last_schedule_time.as_ref().is_some_and(|last| last.0 == time) {
            return None;
        }
        let policy = self.cron_job.spec.concurrency_policy.as_deref().unwrap_or_default();
        if policy == "Forbid" && !self.active().is_empty() {
            let note = "Not starting job because prior execution is running and concurrency policy is Forbid";
            self.tell(EventType::Normal, "JobAlreadyActive", note.to_owned());
            return None;
        }
        if self.is_taken(&name) {
            return None;
        }
        let replaced = if policy == "Replace" { self.replace_active() } else { Vec::new() };
        Some(Start { replaced, create: making::create(self.cron_job, time, &clock.zone)? })
    }

    /// Whether a Job has the name that is not this CronJob's.
    fn is_taken(&self, name: &str) -> bool {
        let key = ObjectKey::new(self.cron_job.metadata.namespace.clone().unwrap_or_default(), name);
        let job = self.view.cache.get_as::<Job>(&JOBS.group_resource(), &key);
        job.is_some_and(|job| {
            controller_of(&job.metadata).map(|owner| &owner.uid) != self.cron_job.metadata.uid.as_ref()
        })
    }

    fn replace_active(&mut self) -> Vec<Write> {
        let active = std::mem::take(self.active());
        let running = self.jobs.iter().filter(|job| active.iter().any(|reference| is(reference, job)));
        running.map(|job| history::delete(self.cron_job, job)).collect()
    }

    // === writing ===

    fn write_status(&mut self) {
        if self.status.active.as_ref().is_some_and(Vec::is_empty) {
            self.status.active = None;
        }
        if self.status == self.cron_job.status.clone().unwrap_or_default() {
            return;
        }
        let mut object = Object::from_typed(self.cron_job).unwrap_or_default();
        object.0.insert("status".into(), serde_json::to_value(&self.status).unwrap_or_default());
        let target = CRON_JOBS.status(&key_of(&self.cron_job.metadata));
        self.plan.then(Write::Update { target, object });
    }
}

fn reference(job: &Job) -> ObjectReference {
    ObjectReference {
        api_version: Some("batch/v1".into()),
        kind: Some("Job".into()),
        namespace: job.metadata.namespace.clone(),
        name: job.metadata.name.clone(),
        uid: job.metadata.uid.clone(),
        resource_version: job.metadata.resource_version.clone(),
        ..ObjectReference::default()
    }
}

fn positive(wait: SignedDuration) -> Duration {
    Duration::try_from(wait).unwrap_or_default()
}
