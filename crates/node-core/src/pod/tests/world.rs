//! A node, a runtime and an API, simulated around one pod's machine: one thread, a clock that jumps to what
//! happens next, and a seed where something is left to chance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use serde_json::{Value, json};

use crate::admit::Rejection;
use crate::effect::{Action, Answer, Effect, Failure, FailureKind, Input, Pulled, Token};
use crate::event::PodEvent;
use crate::facts::{ContainerFact, ContainerState, Exit, ImageFact, PodFacts, SandboxFact};
use crate::now::Now;
use crate::pod::{PodMachine, State};
use crate::resources::{self, Side};
use crate::settings::{Allocatable, NodeSettings};
use crate::spec;

const MS: Duration = Duration::from_millis(1);
const EPOCH: i64 = 1_800_000_000;

/// What the processes of a container do.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Ends on its own after this long, with that exit code.
    pub ends: Option<(Duration, i32)>,
    /// How long it takes to heed the stop signal; longer than the grace period, it is killed.
    pub stops_in: Duration,
}

pub const FOREVER: Life = Life { ends: None, stops_in: Duration::from_millis(10) };

pub fn exits(after_ms: u64, code: i32) -> Life {
    Life { ends: Some((MS * after_ms as u32, code)), ..FOREVER }
}

/// An action under way.
struct Pending {
    at: Duration,
    token: Token,
    action: Action,
}

pub struct World {
    pub clock: Duration,
    pub machine: PodMachine,
    settings: Arc<NodeSettings>,
    /// The API's object; `None` once it is deleted.
    pub api: Option<Pod>,
    pub runtime: PodFacts,
    /// When running containers end on their own, by id.
    ends: BTreeMap<String, (Duration, i32)>,
    pending: Vec<Pending>,
    next_id: u32,
    /// By name, one per attempt; the last one repeats.
    pub lives: BTreeMap<String, Vec<Life>>,
    pub images: BTreeSet<String>,
    /// Fails that many of the next actions whose debug text begins with the key.
    pub faults: BTreeMap<&'static str, (u32, FailureKind, &'static str)>,
    /// What probes and hooks answer, by the first word of a command or the path of a request; else success.
    pub answers: BTreeMap<String, Vec<bool>>,
    pub hook_takes: Duration,
    /// The CPU that the pod may have.
    pub room_milli: i64,
    pub events: Vec<PodEvent>,
    /// Every action as it was asked for, in words.
    pub log: Vec<String>,
    pub phases: Vec<String>,
    seed: u64,
    removed: bool,
}

pub fn settings() -> NodeSettings {
    NodeSettings {
        node_name: "node".into(),
        host_ips: vec!["192.168.0.1".parse().unwrap()],
        runtime_name: "containerd".into(),
        root_dir: "/var/lib/kubelet".into(),
        pod_logs_dir: "/var/log/pods".into(),
        seccomp_dir: "/var/lib/kubelet/seccomp".into(),
        cluster_dns: vec!["10.96.0.10".parse().unwrap()],
        cluster_domain: "cluster.local".into(),
        host_resolv: Default::default(),
        host_hosts: String::new(),
        cgroups: crate::cgroup::CgroupLayout {
            version: crate::cgroup::CgroupVersion::V2,
            driver: crate::cgroup::CgroupDriver::Cgroupfs,
            root: "/kubepods".into(),
        },
        memory_capacity_bytes: 4 << 30,
        swap_accounting: true,
        allocatable: Allocatable {
            cpu_milli: 4000,
            memory_bytes: 4 << 30,
            ephemeral_storage_bytes: 100 << 30,
        },
        allowed_unsafe_sysctls: Vec::new(),
        recursive_read_only_mounts: true,
        agent_started: Timestamp::from_second(EPOCH).unwrap(),
    }
}

pub fn pod(spec: Value) -> Pod {
    let mut spec = spec;
    for list in ["containers", "initContainers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            if container.get("image").is_none() {
                container["image"] = json!("busybox:1");
            }
        }
    }
    serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "uid-1", "generation": 1},
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }))
    .unwrap()
}

impl World {
    pub fn new(spec: Value) -> Self {
        let settings = Arc::new(settings());
        let pod = pod(spec);
        let machine = PodMachine::new(
            settings.clone(),
            Arc::new(pod.clone()),
            PodFacts::default(),
            now(Duration::ZERO),
        );
        let mut world = Self {
            clock: Duration::ZERO,
            machine,
            settings,
            api: Some(pod),
            runtime: PodFacts::default(),
            ends: BTreeMap::new(),
            pending: Vec::new(),
            next_id: 0,
            lives: BTreeMap::new(),
            images: BTreeSet::from(["busybox:1".to_owned()]),
            faults: BTreeMap::new(),
            answers: BTreeMap::new(),
            hook_takes: MS,
            room_milli: 1000,
            events: Vec::new(),
            log: Vec::new(),
            phases: Vec::new(),
            seed: 1,
            removed: false,
        };
        world.phases.push("Pending".into());
        world
    }

    pub fn life(mut self, name: &str, lives: &[Life]) -> Self {
        self.lives.insert(name.to_owned(), lives.to_vec());
        self
    }

    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        self
    }

    /// A number below `n`, by the seed.
    pub fn chance(&mut self, n: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % n
    }

    pub fn input(&mut self, input: Input) {
        let effects = self.machine.step(now(self.clock), input);
        assert!(effects.len() < 100, "a step asked for {} things", effects.len());
        for effect in effects {
            match effect {
                Effect::Run { token, action } => self.begin(token, action),
                Effect::Cancel(token) => self.pending.retain(|p| p.token != token),
                Effect::Event(event) => self.events.push(event),
                Effect::Removed => self.removed = true,
            }
        }
        self.check();
    }

    fn begin(&mut self, token: Token, action: Action) {
        let takes = match &action {
            Action::StopContainer { id, grace_s } => self.stop_takes(id, *grace_s),
            Action::Exec { .. } | Action::Http(_) => self.hook_takes,
            _ => MS,
        };
        if let Some(word) = word(&action) {
            self.log.push(word);
        }
        self.pending.push(Pending { at: self.clock + takes, token, action });
    }

    fn stop_takes(&self, id: &str, grace_s: i64) -> Duration {
        let Some(fact) = self.runtime.container(id) else { return MS };
        self.life_of(&fact.name, fact.attempt)
            .stops_in
            .min(Duration::from_secs(grace_s.max(0) as u64))
            .max(MS)
    }

    fn life_of(&self, name: &str, attempt: u32) -> Life {
        let lives = self.lives.get(name).map(Vec::as_slice).unwrap_or(&[FOREVER]);
        lives.get(attempt as usize).or(lives.last()).copied().unwrap_or(FOREVER)
    }

    /// Lets the world go on for that long.
    pub fn run_ms(&mut self, ms: u64) {
        self.run_until(self.clock + MS * ms as u32);
    }

    pub fn run_s(&mut self, s: u64) {
        self.run_ms(s * 1000);
    }

    fn run_until(&mut self, end: Duration) {
        self.input(Input::Tick);
        for _ in 0..100_000 {
            let Some(at) = self.next_at().filter(|at| *at <= end) else {
                self.clock = self.clock.max(end);
                return;
            };
            self.clock = self.clock.max(at);
            self.happen();
        }
        panic!("the world does not come to rest: {:?}", self.log.iter().rev().take(20).collect::<Vec<_>>());
    }

    /// Goes on by `steps` happenings, at most.
    pub fn run_steps(&mut self, steps: usize) {
        self.input(Input::Tick);
        for _ in 0..steps {
            let Some(at) = self.next_at() else { return };
            self.clock = self.clock.max(at);
            self.happen();
        }
    }

    fn next_at(&self) -> Option<Duration> {
        let pending = self.pending.iter().map(|p| p.at);
        let ends = self.ends.values().map(|(at, _)| *at);
        pending.chain(ends).chain(self.machine.deadline()).min()
    }

    /// The earliest thing that is due.
    fn happen(&mut self) {
        let due_end =
            self.ends.iter().find(|(_, (at, _))| *at <= self.clock).map(|(id, end)| (id.clone(), end.1));
        if let Some((id, code)) = due_end {
            self.end_container(&id, code);
            self.relist();
            return;
        }
        let due = self.pending.iter().enumerate().min_by_key(|(i, p)| (p.at, *i)).map(|(i, p)| (i, p.at));
        if let Some((i, _)) = due.filter(|(_, at)| *at <= self.clock) {
            let pending = self.pending.remove(i);
            let result = self.act(&pending.action);
            self.input(Input::Answer { token: pending.token, result });
            return;
        }
        self.input(Input::Tick);
    }

    pub fn relist(&mut self) {
        let facts = self.runtime.clone();
        self.input(Input::Facts { taken: self.clock, facts });
    }

    pub fn end_container(&mut self, id: &str, code: i32) {
        self.ends.remove(id);
        let finished_at = now(self.clock).wall;
        let reason = if code == 0 { "Completed" } else { "Error" }.to_owned();
        if let Some(fact) = self.runtime.containers.iter_mut().find(|f| f.id == id && f.running()) {
            fact.state = ContainerState::Exited(Exit { code, reason, message: String::new(), finished_at });
        }
    }

    fn fault(&mut self, action: &Action) -> Option<Failure> {
        let text = format!("{action:?}");
        let (left, kind, message) = self.faults.iter_mut().find(|(key, _)| text.starts_with(**key))?.1;
        let (kind, message) = (*kind, message.to_string());
        *left = left.checked_sub(1)?;
        Some(Failure { kind, message })
    }

    fn act(&mut self, action: &Action) -> Result<Answer, Failure> {
        match self.fault(action) {
            Some(failure) => Err(failure),
            None => self.do_it(action),
        }
    }

    fn do_it(&mut self, action: &Action) -> Result<Answer, Failure> {
        let wall = now(self.clock).wall;
        match action {
            Action::Inspect => Ok(Answer::Facts(self.runtime.clone())),
            Action::RunSandbox { config } => {
                let fact = SandboxFact {
                    id: self.fresh("sandbox"),
                    attempt: config.attempt,
                    ready: true,
                    created_at: wall,
                    ips: vec!["10.244.0.5".into()],
                    host_network: false,
                };
                self.runtime.sandboxes.push(fact.clone());
                Ok(Answer::Sandbox(fact))
            }
            Action::StopSandbox { id } => {
                self.stop_sandbox(id);
                Ok(Answer::Done)
            }
            Action::RemoveSandbox { id } => {
                self.stop_sandbox(id);
                self.runtime.sandboxes.retain(|s| s.id != *id);
                self.runtime.containers.retain(|c| c.sandbox_id != *id);
                Ok(Answer::Done)
            }
            Action::FindImage { image } => Ok(Answer::Image(self.images.contains(image).then(image_fact))),
            Action::PullImage { image, .. } => {
                self.images.insert(image.clone());
                Ok(Answer::Pulled(Pulled { image: image_fact(), took: MS * 1500 }))
            }
            Action::CreateContainer(create) => {
                let pod = self.machine.pod().clone();
                let spec = spec::of(&pod).into_owned();
                let hash = spec::container(&spec, &create.name).map(|c| spec::hash(&c.container));
                let fact = ContainerFact {
                    id: self.fresh(&create.name),
                    sandbox_id: create.sandbox_id.clone(),
                    name: create.name.clone(),
                    attempt: create.attempt,
                    state: ContainerState::Created,
                    created_at: wall,
                    started_at: None,
                    image: "busybox:1".into(),
                    image_ref: "sha256:1".into(),
                    hash: hash.unwrap_or_default(),
                    user: None,
                };
                self.runtime.containers.push(fact.clone());
                Ok(Answer::Container(Box::new(fact)))
            }
            Action::StartContainer { id } => {
                let Some(fact) = self.runtime.containers.iter_mut().find(|c| c.id == *id) else {
                    return Err(not_found());
                };
                fact.state = ContainerState::Running;
                fact.started_at = Some(wall);
                let fact = fact.clone();
                if let Some((after, code)) = self.life_of(&fact.name, fact.attempt).ends {
                    self.ends.insert(id.clone(), (self.clock + after, code));
                }
                Ok(Answer::Container(Box::new(fact)))
            }
            Action::StopContainer { id, grace_s } => {
                let Some(fact) = self.runtime.container(id).cloned() else { return Ok(Answer::Done) };
                let slow = self.life_of(&fact.name, fact.attempt).stops_in.as_secs() as i64 >= *grace_s;
                self.end_container(id, if slow { 137 } else { 143 });
                match self.runtime.container(id) {
                    Some(fact) => Ok(Answer::Container(Box::new(fact.clone()))),
                    None => Ok(Answer::Done),
                }
            }
            Action::RemoveContainer { id, .. } => {
                self.runtime.containers.retain(|c| c.id != *id);
                Ok(Answer::Done)
            }
            Action::Exec { command, .. } => {
                let success = self.answer_of(command.first().map_or("", String::as_str));
                Ok(Answer::Exec { exit_code: i32::from(!success), output: Vec::new() })
            }
            Action::Http(get) => {
                let status = if self.answer_of(&get.path) { 200 } else { 500 };
                Ok(Answer::Http { status, body: Vec::new(), foreign_redirect: false })
            }
            Action::AdmitResize { pod } => {
                let wanted = resources::of_pod(&spec::of(pod), Side::Requests);
                if resources::milli(&wanted, "cpu") <= self.room_milli {
                    return Ok(Answer::Done);
                }
                let (reason, message) = ("Deferred".to_owned(), "no room".to_owned());
                Ok(Answer::Refused(Rejection { reason, message }))
            }
            Action::WriteStatus { status } => {
                self.write_status(status);
                Ok(Answer::Done)
            }
            Action::DeletePod => {
                let pod = self.api.take().expect("a pod is deleted once");
                let phase = pod.status.and_then(|s| s.phase);
                assert!(spec::is_terminal(phase.as_deref()), "deleted while {phase:?}");
                self.input(Input::Gone);
                Ok(Answer::Done)
            }
            _ => Ok(Answer::Done),
        }
    }

    fn stop_sandbox(&mut self, id: &str) {
        for sandbox in self.runtime.sandboxes.iter_mut().filter(|s| s.id == id) {
            sandbox.ready = false;
        }
        let inside = self.runtime.containers.iter().filter(|c| c.sandbox_id == id);
        for id in inside.map(|c| c.id.clone()).collect::<Vec<_>>() {
            self.end_container(&id, 137);
        }
    }

    fn answer_of(&mut self, key: &str) -> bool {
        match self.answers.get_mut(key) {
            Some(list) if list.len() > 1 => list.remove(0),
            Some(list) => list.first().copied().unwrap_or(true),
            None => true,
        }
    }

    fn write_status(&mut self, status: &PodStatus) {
        let Some(api) = &mut self.api else { return };
        let old = api.status.as_ref().and_then(|s| s.phase.clone());
        if spec::is_terminal(status.phase.as_deref()) && !spec::is_terminal(old.as_deref()) {
            let alive = self.runtime.any_alive();
            assert!(!alive, "a terminal phase was written while something runs");
        }
        assert!(
            !spec::is_terminal(old.as_deref()) || old == status.phase,
            "{old:?} became {:?}",
            status.phase
        );
        if old != status.phase {
            self.phases.extend(status.phase.clone());
        }
        api.status = Some(status.clone());
        let pod = Arc::new(api.clone());
        self.input(Input::Pod(pod));
    }

    /// The agent is killed: what it had under way may or may not have come to pass; a new one takes over
    /// with what the runtime and the API have.
    pub fn kill_agent(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            if self.chance(2) == 0 && touches_runtime(&pending.action) {
                let _ = self.do_it(&pending.action);
            }
        }
        self.log.push("kill agent".into());
        self.removed = false;
        let mut settings = (*self.settings).clone();
        settings.agent_started = now(self.clock).wall;
        self.settings = Arc::new(settings);
        let at = now(self.clock);
        self.machine = match &self.api {
            Some(pod) => {
                PodMachine::new(self.settings.clone(), Arc::new(pod.clone()), self.runtime.clone(), at)
            }
            None => {
                let facts = self.runtime.clone();
                PodMachine::orphan(self.settings.clone(), "default", "web", "uid-1", facts, at)
            }
        };
        self.pending.clear();
    }

    /// `kubectl delete`, as the API records it.
    pub fn delete(&mut self, grace_s: i64) {
        let Some(api) = &mut self.api else { return };
        let at = now(self.clock).wall + SignedDuration::from_secs(grace_s);
        api.metadata.deletion_timestamp.get_or_insert(crate::status::seconds(at));
        api.metadata.deletion_grace_period_seconds = Some(grace_s);
        let pod = Arc::new(api.clone());
        self.input(Input::Pod(pod));
    }

    pub fn update(&mut self, change: impl FnOnce(&mut Pod)) {
        let api = self.api.as_mut().unwrap();
        change(api);
        api.metadata.generation = api.metadata.generation.map(|g| g + 1);
        let pod = Arc::new(api.clone());
        self.input(Input::Pod(pod));
    }

    fn fresh(&mut self, what: &str) -> String {
        self.next_id += 1;
        format!("{what}-{}", self.next_id)
    }

    /// What must hold at every moment.
    fn check(&self) {
        let mut running = BTreeSet::new();
        for fact in self.runtime.containers.iter().filter(|f| f.running()) {
            assert!(running.insert(&fact.name), "two attempts at {} run: {:#?}", fact.name, self.log);
        }
        if self.removed {
            assert_eq!(self.runtime, PodFacts::default(), "removed, but the runtime has something");
            assert_eq!(self.machine.state(), State::Removed);
        }
    }

    pub fn is_removed(&self) -> bool {
        self.removed
    }

    pub fn status(&self) -> PodStatus {
        self.api.as_ref().and_then(|pod| pod.status.clone()).unwrap_or_default()
    }

    pub fn phase(&self) -> String {
        self.status().phase.unwrap_or_default()
    }

    pub fn container(&self, name: &str) -> ContainerStatus {
        let status = self.status();
        let lists =
            [status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses];
        lists.into_iter().flatten().flatten().find(|s| s.name == name).unwrap()
    }

    /// The reason a container waits for.
    pub fn waits_for(&self, name: &str) -> Option<String> {
        self.container(name).state?.waiting?.reason
    }

    /// `True`, `False` with its reason, or nothing.
    pub fn condition(&self, kind: &str) -> String {
        let conditions = self.status().conditions.unwrap_or_default();
        let Some(c) = conditions.into_iter().find(|c| c.type_ == kind) else { return String::new() };
        [Some(c.status), c.reason].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    pub fn has_event(&self, reason: &str, part: &str) -> bool {
        self.events.iter().any(|e| e.reason == reason && e.message.contains(part))
    }

    /// The order in which containers were started and stopped.
    pub fn order(&self) -> Vec<&str> {
        let kept = |word: &&String| word.starts_with("start ") || word.starts_with("stop ");
        self.log.iter().filter(kept).map(String::as_str).collect()
    }

    pub fn attempts(&self, name: &str) -> usize {
        self.log.iter().filter(|word| **word == format!("start {name}")).count()
    }
}

fn touches_runtime(action: &Action) -> bool {
    matches!(
        action,
        Action::RunSandbox { .. }
            | Action::StopSandbox { .. }
            | Action::RemoveSandbox { .. }
            | Action::CreateContainer(_)
            | Action::StartContainer { .. }
            | Action::StopContainer { .. }
            | Action::RemoveContainer { .. }
            | Action::PullImage { .. }
    )
}

/// The actions that tests look at.
fn word(action: &Action) -> Option<String> {
    let name = |id: &str| id.rsplit_once('-').map_or(id.to_owned(), |(name, _)| name.to_owned());
    match action {
        Action::RunSandbox { config } => Some(format!("run sandbox {}", config.attempt)),
        Action::StopSandbox { .. } => Some("stop-sandbox".into()),
        Action::StartContainer { id } => Some(format!("start {}", name(id))),
        Action::StopContainer { id, grace_s } => Some(format!("stop {} {grace_s}", name(id))),
        Action::PullImage { image, .. } => Some(format!("pull {image}")),
        Action::Exec { command, .. } => Some(format!("exec {}", command.join(" "))),
        Action::SetUpVolume { volume } => Some(format!("mount {}", volume.name)),
        Action::TearDownVolume { volume } => Some(format!("unmount {}", volume.name)),
        Action::UpdateContainer { id, resources } => {
            Some(format!("resize {} {}", name(id), resources.cpu_shares))
        }
        Action::ResizeCgroup { cgroup } => Some(format!("resize pod {}", cgroup.cpu_shares.unwrap_or(0))),
        Action::DeletePod => Some("delete".into()),
        Action::Unprepare { .. } => Some("unprepare".into()),
        _ => None,
    }
}

fn image_fact() -> ImageFact {
    ImageFact { image_ref: "sha256:1".into(), uid: Some(0), username: String::new(), size_bytes: 1000 }
}

fn not_found() -> Failure {
    Failure { kind: FailureKind::NotFound, message: "not found".into() }
}

pub fn now(clock: Duration) -> Now {
    let wall = Timestamp::from_second(EPOCH).unwrap() + SignedDuration::try_from(clock).unwrap();
    Now { mono: clock, wall }
}
