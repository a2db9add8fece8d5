//! The machine of one pod: kubelet's pod worker, sync loop and container manager, sans I/O.
//!
//! It is level-based: each step looks at the runtime's facts and the spec, plans what is missing
//! ([`decide::plan`]) and asks for what can be done now. What it remembers besides the facts are only
//! actions under way, waits after failures, and the status it wrote last; so after a restart of the agent
//! [`PodMachine::new`] picks up where the one before was killed, at any moment.
//!
//! Flow: `Active` until the pod is deleted, evicted, past its deadline or done; `Terminating` until nothing
//! runs; `Cleaning` until volumes and cgroup are gone; `Finished` until the API's object is gone; `Removing`
//! until the runtime has nothing left; `Removed`.
//!
//! Guarantees: of one container at most one attempt is started at a time; what has exited for good is never
//! started again; a terminal phase is written only when nothing runs; the API's object is deleted only after
//! its final status was written.

mod active;
mod answer;
pub mod decide;
mod end;
mod hook;
mod image;
mod jobs;
mod outbox;
mod pull;
mod report;
mod resize;
mod sight;
mod slot;
mod start;
mod stop;
mod volumes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition, PodSpec, PodStatus};

use crate::effect::{Effect, Eviction, Input};
use crate::event::PodEvent;
use crate::facts::PodFacts;
use crate::now::Now;
use crate::probe::{Prober, Scope, Target};
use crate::settings::NodeSettings;
use crate::spec::{self, Role};
use crate::status::{GrantedResources, Verdict, Waiting};
use jobs::Jobs;
use outbox::{Outbox, Purpose};
use report::Report;
use sight::Sight;
use slot::Slot;
use stop::Stop;

/// Where a pod stands on its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Kept as its spec says. Failures are events and reasons to wait, and are retried.
    Active,
    /// Everything is being stopped within `grace_s` seconds. Failures are retried until nothing runs.
    Terminating { grace_s: i64 },
    /// Nothing runs; volumes and cgroup are being removed. Failures are retried.
    Cleaning,
    /// The final status is written and, if the pod is being deleted, its object removed from the API.
    Finished,
    /// The API's object is gone; what the runtime still has is being removed. Failures are retried.
    Removing,
    /// Nothing is left. [`Effect::Removed`] has been sent.
    Removed,
}

/// The machine of one pod.
#[derive(Clone, Debug)]
pub struct PodMachine {
    settings: Arc<NodeSettings>,
    /// As the API has it.
    pod: Arc<Pod>,
    /// With the resources that are allocated.
    granted: Arc<Pod>,
    state: State,
    facts: PodFacts,
    sight: Sight,
    jobs: Jobs,
    slots: BTreeMap<String, Slot>,
    /// By container id.
    stops: BTreeMap<String, Stop>,
    /// Why containers do not start, by name.
    waiting: BTreeMap<String, Waiting>,
    resources: BTreeMap<String, GrantedResources>,
    resize: resize::Resize,
    prober: Prober,
    report: Report,
    /// Why the pod was ended before its time.
    verdict: Option<Verdict>,
    /// The grace period an eviction asks for, seconds.
    evicted_grace_s: Option<i64>,
    /// The condition an eviction leaves.
    disruption: Option<PodCondition>,
    /// The node did not take the pod: none of it was ever set up.
    rejected: bool,
    /// The API no longer has the pod.
    gone: bool,
    /// When volumes that can change are brought up to date again.
    refresh_at: Duration,
    /// The end of `activeDeadlineSeconds`.
    deadline_at: Option<Duration>,
    /// The monotonic moment of the last step.
    last_step: Duration,
    out: Outbox,
}

/// A step makes at most this many transitions before it returns; there are six states.
const MAX_TRANSITIONS: usize = 8;

impl PodMachine {
    /// The machine of a pod that the API has, with whatever the runtime has of it: nothing for a new pod,
    /// everything after a restart of the agent. Asks for nothing until its first [`Self::step`].
    pub fn new(settings: Arc<NodeSettings>, pod: Arc<Pod>, facts: PodFacts, now: Now) -> Self {
        let previous = pod.status.clone().unwrap_or_default();
        let resources = resize::adopt(&spec::of(&pod), &facts, &previous);
        let mut machine = Self {
            settings,
            state: State::Active,
            facts,
            sight: Sight::new(now),
            jobs: Jobs::default(),
            slots: BTreeMap::new(),
            stops: BTreeMap::new(),
            waiting: BTreeMap::new(),
            resize: resize::Resize::default(),
            prober: Prober::default(),
            report: Report::new(previous),
            verdict: None,
            evicted_grace_s: None,
            disruption: None,
            rejected: false,
            gone: false,
            refresh_at: now.mono + volumes::REFRESH,
            deadline_at: None,
            last_step: Duration::ZERO,
            out: Outbox::default(),
            granted: resize::granted(&pod, &resources),
            resources,
            pod,
        };
        machine.note_deadline(now);
        machine
    }

    /// The machine of a pod that the runtime has and the API does not: it is stopped with a second's grace
    /// and removed. No status is written.
    pub fn orphan(
        settings: Arc<NodeSettings>,
        namespace: &str,
        name: &str,
        uid: &str,
        facts: PodFacts,
        now: Now,
    ) -> Self {
        let mut pod = Pod::default();
        pod.metadata.namespace = Some(namespace.to_owned());
        pod.metadata.name = Some(name.to_owned());
        pod.metadata.uid = Some(uid.to_owned());
        pod.metadata.deletion_grace_period_seconds = Some(1);
        pod.spec = Some(PodSpec::default());
        let mut machine = Self::new(settings, Arc::new(pod), facts, now);
        machine.gone = true;
        machine
    }

    /// Takes one input and says what to do about it.
    pub fn step(&mut self, now: Now, input: Input) -> Vec<Effect> {
        self.last_step = now.mono;
        self.take_in(now, input);
        for _ in 0..MAX_TRANSITIONS {
            let before = self.state;
            self.advance(now);
            if self.state == before {
                break;
            }
        }
        self.probe(now);
        self.write_status(now);
        self.out.take()
    }

    /// When the machine wants an [`Input::Tick`], on the monotonic clock: always later than the last step.
    /// What was due at that step and was not done waits for something else, which will be an input.
    pub fn deadline(&self) -> Option<Duration> {
        let refresh = (self.state == State::Active && self.has_live_volumes()).then_some(self.refresh_at);
        let active = self.deadline_at.filter(|_| self.state == State::Active);
        let slots = self.slots.values().flat_map(Slot::deadlines);
        let stops = self.stops.values().filter_map(Stop::deadline);
        let last = self.last_step;
        let tables = [self.jobs.deadline(last), self.prober.deadline(last)];
        let single = [refresh, active, self.report.deadline(), self.resize.deadline()];
        let single = single.into_iter().chain(tables).flatten();
        single.chain(slots).chain(stops).filter(|at| *at > last).min()
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn pod(&self) -> &Arc<Pod> {
        &self.pod
    }

    /// The pod with the resources it was granted, which its volumes are to be made from.
    pub fn granted_pod(&self) -> &Arc<Pod> {
        &self.granted
    }

    /// What the machine knows of the runtime; logs, exec and the like look ids up here.
    pub fn facts(&self) -> &PodFacts {
        &self.facts
    }

    /// The status as it was last rendered, which the API may not have yet.
    pub fn status(&self) -> &PodStatus {
        self.report.rendered()
    }

    fn take_in(&mut self, now: Now, input: Input) {
        match input {
            Input::Pod(pod) => self.pod_changed(now, pod),
            Input::Gone => self.gone = true,
            Input::Facts { taken, facts } => self.take_facts(taken, facts),
            Input::Answer { token, result } => self.answered(now, token, result),
            Input::Evict(eviction) => self.evict(eviction),
            Input::Reject { reason, message } => self.reject(reason, message),
            Input::SourcesChanged => self.sources_changed(now),
            Input::Tick => {}
        }
    }

    fn advance(&mut self, now: Now) {
        match self.state {
            State::Active => self.advance_active(now),
            State::Terminating { grace_s } => self.advance_terminating(now, grace_s),
            State::Cleaning => self.advance_cleaning(now),
            State::Finished => self.advance_finished(now),
            State::Removing => self.advance_removing(now),
            State::Removed => {}
        }
    }

    fn pod_changed(&mut self, now: Now, pod: Arc<Pod>) {
        if spec::uid(&pod) != spec::uid(&self.pod) {
            self.gone = true;
            return;
        }
        let old = std::mem::replace(&mut self.pod, pod);
        if old.metadata.labels != self.pod.metadata.labels
            || old.metadata.annotations != self.pod.metadata.annotations
        {
            self.refresh_at = now.mono;
        }
        let (old_spec, new_spec) = (spec::of(&old), spec::of(&self.pod));
        for container in spec::containers(&new_spec) {
            let before = spec::container(&old_spec, container.name());
            let same = before.is_some_and(|old| {
                old.container.image == container.container.image
                    && old.container.resources == container.container.resources
            });
            if let Some(slot) = self.slots.get_mut(container.name()).filter(|_| !same) {
                slot.begin_anew();
            }
        }
        drop((old_spec, new_spec));
        self.grant_new_containers();
        if old.metadata.generation != self.pod.metadata.generation {
            self.resize_wanted_anew(now);
        }
        self.note_deadline(now);
        self.report.api_changed(now);
    }

    fn take_facts(&mut self, taken: Duration, facts: PodFacts) {
        if self.sight.accepts(taken) {
            self.facts = facts;
            self.sight.regained();
        } else if self.state != State::Removed {
            self.sight.lost();
        }
    }

    fn evict(&mut self, eviction: Eviction) {
        self.verdict.get_or_insert(Verdict { reason: eviction.reason, message: eviction.message });
        let shorter = [self.evicted_grace_s, eviction.grace_s].into_iter().flatten().min();
        self.evicted_grace_s = shorter;
        if eviction.condition.is_some() {
            self.disruption = eviction.condition;
        }
    }

    fn reject(&mut self, reason: String, message: String) {
        self.out.event(PodEvent::warning(reason.clone(), message.clone()));
        self.verdict = Some(Verdict { reason, message: format!("Pod was rejected: {message}") });
        self.rejected = true;
        self.state = State::Finished;
    }

    /// A ConfigMap or Secret has changed: volumes show it, and what failed for lack of it is tried again.
    fn sources_changed(&mut self, now: Now) {
        self.refresh_at = now.mono;
        self.hurry_volumes(now);
        for slot in self.slots.values_mut() {
            slot.retry_at = None;
        }
    }

    /// Computes the end of `activeDeadlineSeconds` from the start time on record.
    fn note_deadline(&mut self, now: Now) {
        let spec = spec::of(&self.pod);
        self.deadline_at = None;
        let Some(limit) = spec.active_deadline_seconds else { return };
        let Some(started) = self.started_at() else { return };
        let limit = Duration::from_secs(limit.max(0) as u64);
        self.deadline_at = Some(match limit.checked_sub(now.since(started)) {
            Some(left) => now.mono + left,
            None => now.mono,
        });
    }

    fn started_at(&self) -> Option<Timestamp> {
        let api = self.pod.status.as_ref().and_then(|s| s.start_time.as_ref());
        self.report.rendered().start_time.as_ref().or(api).map(|time| time.0)
    }

    /// Asks the runtime again if what is known is in doubt. Says whether it can be relied on.
    fn sees(&mut self, now: Now) -> bool {
        if self.sight.trusted() {
            return true;
        }
        let task = jobs::Task::Inspect;
        if self.jobs.done(&task) {
            self.jobs.forget(&task);
        }
        self.want(now, &task, || crate::effect::Action::Inspect);
        false
    }

    /// Gets a job done. Says whether it is.
    fn want(&mut self, now: Now, task: &jobs::Task, action: impl FnOnce() -> crate::effect::Action) -> bool {
        match self.jobs.want(now.mono, task) {
            jobs::Next::Begin => {
                self.out.run(Purpose::Task(task.clone()), action());
                false
            }
            jobs::Next::Wait => false,
            jobs::Next::Done => true,
        }
    }

    /// Runs the probes that are due.
    fn probe(&mut self, now: Now) {
        let scope = match self.state {
            State::Active => Scope::All,
            State::Terminating { .. } => Scope::Readiness,
            _ => {
                self.prober = Prober::default();
                return;
            }
        };
        let mut prober = std::mem::take(&mut self.prober);
        let pod = self.pod.clone();
        let pod_spec = spec::of(&pod);
        let pod_ip = self.pod_ip().unwrap_or_default();
        let probed: Vec<_> = spec::containers(&pod_spec)
            .filter(|c| matches!(c.role, Role::Main | Role::Sidecar))
            .map(|c| (c.field_path(), c))
            .collect();
        let targets: Vec<Target<'_>> = probed
            .iter()
            .filter_map(|(field_path, container)| {
                let fact = self.facts.newest(container.name()).filter(|fact| fact.running())?;
                let started_at = fact.started_at.unwrap_or(fact.created_at);
                Some(Target {
                    container: &container.container,
                    field_path,
                    id: &fact.id,
                    started_at,
                    was_started: self.was_started(container.name(), &fact.id),
                    adopted: started_at < self.settings.agent_started,
                    pod_ip: &pod_ip,
                })
            })
            .collect();
        let (runs, events) = prober.poll(now, &targets, scope);
        self.prober = prober;
        for run in runs {
            self.out.run(Purpose::Probe(run.key), run.action);
        }
        for event in events {
            self.out.event(event);
        }
    }

    /// What the API last said of that attempt's having started.
    fn was_started(&self, name: &str, id: &str) -> bool {
        let id = self.settings.container_id(id);
        let status = self.report.rendered();
        let lists = [&status.container_statuses, &status.init_container_statuses];
        let mut all = lists.into_iter().flatten().flatten();
        all.any(|s| s.name == name && s.container_id.as_deref() == Some(&id) && s.started == Some(true))
    }

    /// The pod's primary address, once it has one.
    fn pod_ip(&self) -> Option<String> {
        if spec::host_network(&spec::of(&self.pod)) {
            return self.settings.host_ips.first().map(ToString::to_string);
        }
        let sandbox = self.facts.latest_sandbox().filter(|s| s.ready)?;
        sandbox.ips.first().cloned()
    }

    /// `spec.containers{name}`
    fn field_path(&self, name: &str) -> String {
        spec::container(&spec::of(&self.pod), name).map(|c| c.field_path()).unwrap_or_default()
    }

    fn slot(&mut self, name: &str) -> &mut Slot {
        self.slots.entry(name.to_owned()).or_insert_with(Slot::new)
    }
}

#[cfg(test)]
pub(crate) mod tests;
