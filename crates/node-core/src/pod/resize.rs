//! Resizing a running pod in place (KEP-1287).
//!
//! What the spec asks for is *allocated* once the node has found room for it, and *actual* once the runtime
//! has been told. Everything made for the pod is made from what is allocated ([`PodMachine::granted_pod`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodCondition, PodSpec, PodStatus, ResourceRequirements};
use serde_json::{Value, json};

use super::PodMachine;
use super::decide::{Cause, Kill};
use super::jobs::{Next, Task};
use super::outbox::Purpose;
use crate::cgroup::CgroupConfig;
use crate::container::resources as linux;
use crate::effect::{Action, Answer, Failure};
use crate::event::PodEvent;
use crate::facts::PodFacts;
use crate::now::Now;
use crate::resources::{self, Side};
use crate::spec;
use crate::status::{GrantedResources, seconds};

/// How long a resize that failed waits before it is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// Where a resize stands. Failures stay `progress` with their reason and are retried.
#[derive(Clone, Debug, Default)]
pub(super) struct Resize {
    /// The generation that the question for room under way is about.
    asked: Option<i64>,
    /// The present spec wants something else, and whether there is room is not known yet.
    undecided: bool,
    /// Why there is no room yet.
    pending: Option<Note>,
    /// It is being carried out.
    progress: Option<Note>,
    /// Containers whose new limits the runtime is being told, and what these are.
    updating: BTreeMap<String, ResourceRequirements>,
    /// What the pod's cgroup was last given; `None` until something is to be changed.
    cgroup: Option<CgroupConfig>,
    retry_at: Option<Duration>,
}

/// What a condition says.
#[derive(Clone, Debug)]
struct Note {
    reason: Option<String>,
    message: Option<String>,
    generation: i64,
    since: Timestamp,
}

impl Resize {
    pub(super) fn conditions(&self) -> Vec<PodCondition> {
        let notes = [("PodResizePending", &self.pending), ("PodResizeInProgress", &self.progress)];
        let present = notes.into_iter().filter_map(|(kind, note)| Some((kind, note.as_ref()?)));
        let condition = |(kind, note): (&str, &Note)| PodCondition {
            type_: kind.to_owned(),
            status: "True".to_owned(),
            reason: note.reason.clone(),
            message: note.message.clone(),
            observed_generation: Some(note.generation),
            last_transition_time: Some(seconds(note.since)),
            last_probe_time: None,
        };
        present.map(condition).collect()
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.retry_at
    }
}

/// What each container has: what its status says of the same attempt, or else what its spec says.
pub(super) fn adopt(
    spec: &PodSpec,
    facts: &PodFacts,
    previous: &PodStatus,
) -> BTreeMap<String, GrantedResources> {
    let lists = [&previous.container_statuses, &previous.init_container_statuses];
    let statuses: Vec<_> = lists.into_iter().flatten().flatten().collect();
    let granted = |container: &spec::ContainerSpec<'_>| {
        let running = facts.newest(container.name()).filter(|fact| fact.running());
        let told = running.and_then(|fact| {
            let same = |id: &str| id.ends_with(fact.id.as_str());
            let status = statuses.iter().find(|s| s.container_id.as_deref().is_some_and(same))?;
            status.resources.clone()
        });
        let own = told.unwrap_or_else(|| container.container.resources.clone().unwrap_or_default());
        GrantedResources { allocated: own.clone(), actual: own }
    };
    spec::containers(spec).map(|c| (c.name().to_owned(), granted(&c))).collect()
}

/// The pod with its containers' resources as they are allocated.
pub(super) fn granted(pod: &Arc<Pod>, resources: &BTreeMap<String, GrantedResources>) -> Arc<Pod> {
    let mut granted = (**pod).clone();
    let Some(spec) = &mut granted.spec else { return pod.clone() };
    let mut differs = false;
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        if let Some(own) = resources.get(&container.name).filter(|own| !asks_for(container, &own.allocated)) {
            container.resources = Some(own.allocated.clone());
            differs = true;
        }
    }
    if differs { Arc::new(granted) } else { pod.clone() }
}

/// Whether the container's spec asks for just that.
fn asks_for(container: &Container, granted: &ResourceRequirements) -> bool {
    same(container.resources.as_ref().unwrap_or(&ResourceRequirements::default()), granted)
}

/// Whether CPU and memory are the same, which is all that can be resized.
fn same(a: &ResourceRequirements, b: &ResourceRequirements) -> bool {
    differing(a, b).is_empty()
}

fn differing(a: &ResourceRequirements, b: &ResourceRequirements) -> Vec<&'static str> {
    let amount =
        |of: &ResourceRequirements, side, name: &str| resources::milli(&resources::of(Some(of), side), name);
    let sides = [Side::Requests, Side::Limits];
    let differs = |name: &&str| sides.iter().any(|side| amount(a, *side, name) != amount(b, *side, name));
    ["cpu", "memory"].into_iter().filter(differs).collect()
}

impl PodMachine {
    /// Asks for room where the spec wants something else, and carries out what was granted.
    pub(super) fn advance_resize(&mut self, now: Now) {
        self.ask_for_room(now);
        if self.resize.retry_at.is_some_and(|at| now.mono < at) {
            return;
        }
        self.resize.retry_at = None;
        let stale = self.stale_containers();
        if stale.is_empty() && self.resize.progress.is_none() {
            return;
        }
        if !self.fit_cgroup(now, !stale.is_empty()) {
            return;
        }
        for name in &stale {
            self.resize_container(now, name);
        }
        if stale.is_empty()
            && let Some(note) = self.resize.progress.take()
        {
            let message = message("Pod resize completed", &self.granted, note.generation, None);
            self.out.event(PodEvent::normal("ResizeCompleted", message));
        }
    }

    fn ask_for_room(&mut self, now: Now) {
        let pod_spec = spec::of(&self.pod);
        let wanted = pod_spec.containers.iter().chain(spec::init_containers(&pod_spec));
        let resources = &self.resources;
        let settled = |c: &Container| resources.get(&c.name).is_none_or(|own| asks_for(c, &own.allocated));
        if wanted.into_iter().all(settled) {
            self.resize.pending = None;
            self.resize.undecided = false;
            self.jobs.forget(&Task::AdmitResize);
            return;
        }
        let generation = self.generation();
        self.resize.undecided = self.resize.pending.as_ref().is_none_or(|note| note.generation != generation);
        if self.jobs.want(now.mono, &Task::AdmitResize) == Next::Begin {
            self.resize.asked = Some(generation);
            let action = Action::AdmitResize { pod: self.pod.clone() };
            self.out.run(Purpose::Task(Task::AdmitResize), action);
        }
    }

    /// The spec has changed: what was refused may fit now.
    pub(super) fn resize_wanted_anew(&mut self, now: Now) {
        if self.jobs.done(&Task::AdmitResize) {
            self.jobs.forget(&Task::AdmitResize);
        }
        self.jobs.hurry(now.mono, &Task::AdmitResize);
    }

    fn generation(&self) -> i64 {
        self.pod.metadata.generation.unwrap_or(0)
    }

    /// The generation that the status is of. One that wants other resources is observed only when its conditions
    /// tell of them: whoever waits for a resize takes a status without them for its end.
    pub(super) fn observed_generation(&self) -> Option<i64> {
        if self.resize.undecided {
            return self.report.rendered().observed_generation;
        }
        self.pod.metadata.generation
    }

    /// Takes the node's word on whether there is room.
    pub(super) fn room_answered(&mut self, now: Now, answer: Answer) {
        let generation = self.generation();
        if self.resize.asked != Some(generation) {
            // The answer is about a spec that is no more.
            self.jobs.forget(&Task::AdmitResize);
            return;
        }
        self.resize.undecided = false;
        let Answer::Refused(rejection) = answer else {
            self.allocate(now, generation);
            return;
        };
        let old = self.resize.pending.as_ref();
        let same = old.is_some_and(|o| o.reason.as_ref() == Some(&rejection.reason));
        if !same || old.is_some_and(|o| o.generation != generation) {
            let prefix = format!("Pod resize {}", rejection.reason);
            let message = message(&prefix, &self.pod, generation, Some(&rejection.message));
            self.out.event(PodEvent::warning(format!("Resize{}", rejection.reason), message));
        }
        let since = old.filter(|_| same).map_or(now.wall, |old| old.since);
        let (reason, message) = (Some(rejection.reason.clone()), Some(rejection.message));
        self.resize.pending = Some(Note { reason, message, generation, since });
        if rejection.reason == "Deferred" {
            self.jobs.failed(now.mono, &Task::AdmitResize);
        }
    }

    fn allocate(&mut self, now: Now, generation: i64) {
        let before = self.settings.cgroups.pod(&self.granted);
        let pod = self.pod.clone();
        let pod_spec = spec::of(&pod);
        for container in pod_spec.containers.iter().chain(spec::init_containers(&pod_spec)) {
            if let Some(own) = self.resources.get_mut(&container.name) {
                own.allocated = container.resources.clone().unwrap_or_default();
            }
        }
        self.granted = granted(&self.pod, &self.resources);
        self.resize.cgroup.get_or_insert(before);
        self.resize.pending = None;
        self.resize.progress = Some(Note { reason: None, message: None, generation, since: now.wall });
        self.jobs.forget(&Task::AdmitResize);
        let message = message("Pod resize started", &self.granted, generation, None);
        self.out.event(PodEvent::normal("ResizeStarted", message));
    }

    /// Running containers that have something else than what is allocated.
    fn stale_containers(&self) -> Vec<String> {
        let running = |name: &str| self.facts.newest(name).is_some_and(|fact| fact.running());
        let stale = self.resources.iter().filter(|(_, own)| !same(&own.allocated, &own.actual));
        stale.filter(|(name, _)| running(name)).map(|(name, _)| name.clone()).collect()
    }

    /// Gives the pod's cgroup what its containers have and are to have, whichever is more, while they
    /// change; and what is allocated when they have. Says whether it has that.
    fn fit_cgroup(&mut self, now: Now, changing: bool) -> bool {
        let allocated = self.settings.cgroups.pod(&self.granted);
        let Some(current) = self.resize.cgroup.clone() else {
            self.resize.cgroup = Some(allocated);
            return true;
        };
        let target = if changing { larger(&current, &allocated) } else { allocated };
        if target == current {
            return true;
        }
        if self.jobs.done(&Task::ResizeCgroup) {
            self.jobs.forget(&Task::ResizeCgroup);
            self.resize.cgroup = Some(target);
            return true;
        }
        self.want(now, &Task::ResizeCgroup, || Action::ResizeCgroup { cgroup: Box::new(target) });
        false
    }

    fn resize_container(&mut self, now: Now, name: &str) {
        let Some(fact) = self.facts.newest(name) else { return };
        let id = fact.id.clone();
        if self.resize.updating.contains_key(name) || self.stops.contains_key(&id) {
            return;
        }
        let pod = self.granted.clone();
        let pod_spec = spec::of(&pod);
        let (Some(container), Some(own)) = (spec::container(&pod_spec, name), self.resources.get(name))
        else {
            return;
        };
        let (target, changed) = (own.allocated.clone(), differing(&own.allocated, &own.actual));
        let restarts = container.container.resize_policy.iter().flatten().any(|policy| {
            policy.restart_policy == "RestartContainer" && changed.contains(&policy.resource_name.as_str())
        });
        if restarts {
            let message = format!("Container {name} resize requires restart");
            let kill = Kill { id, name: name.to_owned(), cause: Cause::Other, message };
            let grace_s = self.grace_of(&kill);
            self.begin_stop(now, &kill, grace_s, false);
            return;
        }
        let resources = linux::of_container(&self.settings, &self.granted, &container.container);
        let action = Action::UpdateContainer { id, resources: Box::new(resources) };
        self.resize.updating.insert(name.to_owned(), target);
        self.out.run(Purpose::Resize(name.to_owned()), action);
    }

    /// A container has been made with what is allocated.
    pub(super) fn grant_resources(&mut self, name: &str) {
        if let Some(own) = self.resources.get_mut(name) {
            own.actual = own.allocated.clone();
        }
    }

    /// Ephemeral containers come after the pod was made.
    pub(super) fn grant_new_containers(&mut self) {
        let adopted = adopt(&spec::of(&self.pod), &self.facts, &PodStatus::default());
        for (name, own) in adopted {
            self.resources.entry(name).or_insert(own);
        }
        self.granted = granted(&self.pod, &self.resources);
    }

    pub(super) fn resize_answered(&mut self, now: Now, name: &str, result: Result<Answer, Failure>) {
        let target = self.resize.updating.remove(name);
        match result {
            // What is allocated may have changed again meanwhile.
            Ok(_) => {
                if let (Some(own), Some(target)) = (self.resources.get_mut(name), target) {
                    own.actual = target;
                }
            }
            Err(failure) => self.resize_failed(now, &failure.message),
        }
    }

    pub(super) fn resize_failed(&mut self, now: Now, why: &str) {
        self.resize.retry_at = Some(now.mono + RETRY);
        let generation = self.generation();
        let note = self.resize.progress.get_or_insert(Note {
            reason: None,
            message: None,
            generation,
            since: now.wall,
        });
        if note.message.as_deref() == Some(why) {
            return;
        }
        note.reason = Some("Error".to_owned());
        note.message = Some(why.to_owned());
        let message = message("Pod resize error", &self.granted, note.generation, Some(why));
        self.out.event(PodEvent::warning("ResizeError", message));
    }
}

/// The greater of each value; no limit is the greatest.
fn larger(a: &CgroupConfig, b: &CgroupConfig) -> CgroupConfig {
    let limit = |a: Option<i64>, b: Option<i64>| match (a, b) {
        (Some(a), Some(b)) if a > 0 && b > 0 => Some(a.max(b)),
        (Some(_), Some(_)) => Some(0),
        (a, b) => a.or(b),
    };
    CgroupConfig {
        path: b.path.clone(),
        cpu_shares: a.cpu_shares.max(b.cpu_shares),
        cpu_quota_us: limit(a.cpu_quota_us, b.cpu_quota_us),
        cpu_period_us: b.cpu_period_us.or(a.cpu_period_us),
        memory_limit_bytes: limit(a.memory_limit_bytes, b.memory_limit_bytes),
    }
}

/// `Pod resize completed: {"containers":[...],"generation":2}`
fn message(prefix: &str, pod: &Pod, generation: i64, error: Option<&str>) -> String {
    let spec = spec::of(pod);
    let list = |containers: &[Container]| {
        let one =
            |c: &Container| json!({"name": c.name, "resources": c.resources.clone().unwrap_or_default()});
        Value::Array(containers.iter().map(one).collect())
    };
    let mut parts: Vec<(&str, Value)> = Vec::new();
    if !spec::init_containers(&spec).is_empty() {
        parts.push(("initContainers", list(spec::init_containers(&spec))));
    }
    parts.push(("containers", list(&spec.containers)));
    parts.push(("generation", json!(generation)));
    parts.extend(error.map(|why| ("error", json!(why))));
    // By hand, because the order is part of the text.
    let parts: Vec<String> = parts.iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
    format!("{prefix}: {{{}}}", parts.join(","))
}
