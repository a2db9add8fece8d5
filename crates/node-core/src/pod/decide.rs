//! What a pod's facts and spec call for: the plan of one sync, as a plain function.
//!
//! Kubelet's `computePodActions`, with one difference: init containers are looked up in the sandbox that
//! stands, so that those of a sandbox before it never count as done.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;

use crate::facts::{ContainerFact, ContainerState, PodFacts, SandboxFact};
use crate::probe::Readout;
use crate::spec::{self, ContainerSpec, Role};

/// Whether the pod's sandbox will do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sandbox<'a> {
    Keep(&'a SandboxFact),
    /// A new one is needed, its number being `attempt`.
    Replace {
        attempt: u32,
        /// Whether there was one before.
        replaces: bool,
    },
}

/// Why a container is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Liveness,
    Startup,
    /// Its spec has changed, it is in an unknown state, or the pod ends.
    Other,
    PostStart,
}

/// A container to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    pub id: String,
    pub name: String,
    pub cause: Cause,
    /// The event's text.
    pub message: String,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Stop what runs, stop the old sandboxes, run a new one.
    Rebuild { attempt: u32, replaces: bool },
    /// The pod is over: stop what runs and the sandbox.
    End,
    /// Keep the sandbox; stop and start containers in it.
    Keep { sandbox_id: String, kill: Vec<Kill>, start: Vec<String> },
}

/// Judges the sandboxes: exactly one must be ready, the latest, in the right network and with an address.
pub fn sandbox<'a>(spec: &PodSpec, facts: &'a PodFacts) -> Sandbox<'a> {
    let Some(latest) = facts.latest_sandbox() else {
        return Sandbox::Replace { attempt: 0, replaces: false };
    };
    let ready = facts.sandboxes.iter().filter(|s| s.ready).count();
    let host = spec::host_network(spec);
    let addressed = host || !latest.ips.is_empty();
    if ready == 1 && latest.ready && latest.host_network == host && addressed {
        Sandbox::Keep(latest)
    } else {
        Sandbox::Replace { attempt: latest.attempt.saturating_add(1), replaces: true }
    }
}

/// Plans the next steps of a pod that is meant to run.
pub fn plan(spec: &PodSpec, facts: &PodFacts, readouts: &BTreeMap<String, Readout>) -> Plan {
    match sandbox(spec, facts) {
        Sandbox::Replace { attempt, replaces } => plan_rebuild(spec, facts, attempt, replaces),
        Sandbox::Keep(sandbox) => {
            Planner { spec, facts, readouts, sandbox_id: &sandbox.id, kill: Vec::new(), start: Vec::new() }
                .plan()
        }
    }
}

/// A pod whose sandbox is gone starts over, unless there is nothing left for it to do.
fn plan_rebuild(spec: &PodSpec, facts: &PodFacts, attempt: u32, replaces: bool) -> Plan {
    let runs_once = spec::restart_policy(spec) == "Never";
    if runs_once && attempt != 0 && !facts.containers.is_empty() {
        return Plan::End;
    }
    let done = |c: &k8s_openapi::api::core::v1::Container| {
        let exit = facts.newest(&c.name).and_then(ContainerFact::exit);
        exit.is_some_and(|exit| exit.code == 0 && !spec::restarts_after_exit(spec, c, Role::Main, exit.code))
    };
    let begun = spec.containers.iter().any(|c| facts.newest(&c.name).is_some());
    if begun && spec.containers.iter().all(done) {
        return Plan::End;
    }
    Plan::Rebuild { attempt, replaces }
}

/// Where initialization stands.
enum Init {
    Done,
    Busy,
    /// An init container failed for good.
    Failed,
}

struct Planner<'a> {
    spec: &'a PodSpec,
    facts: &'a PodFacts,
    readouts: &'a BTreeMap<String, Readout>,
    sandbox_id: &'a str,
    kill: Vec<Kill>,
    start: Vec<String>,
}

impl Planner<'_> {
    fn plan(mut self) -> Plan {
        self.start_ephemeral();
        self.kill_duplicates();
        match self.init() {
            Init::Failed => Plan::End,
            Init::Busy => self.keep(),
            Init::Done => {
                let wanted = self.main();
                if wanted == 0 { Plan::End } else { self.keep() }
            }
        }
    }

    fn keep(self) -> Plan {
        Plan::Keep { sandbox_id: self.sandbox_id.to_owned(), kill: self.kill, start: self.start }
    }

    /// Ephemeral containers start whenever they are added, and only once.
    fn start_ephemeral(&mut self) {
        for container in spec::ephemeral_containers(self.spec) {
            let newest = self.facts.newest(&container.name);
            if newest.is_none_or(|fact| self.made_not_started(fact)) {
                self.start.push(container.name.clone());
            }
        }
    }

    /// Whatever happened, of one container only the newest attempt may run.
    fn kill_duplicates(&mut self) {
        for fact in self.facts.containers.iter().filter(|f| f.maybe_alive()) {
            let newest = self.facts.newest(&fact.name);
            let stale = fact.sandbox_id != self.sandbox_id || newest.is_some_and(|n| n.id != fact.id);
            if stale {
                let message = format!("Stopping container {}", fact.name);
                self.add_kill(fact, Cause::Other, message);
            }
        }
    }

    /// Plans init containers and sidecars; says whether the main ones may start.
    fn init(&mut self) -> Init {
        let containers: Vec<ContainerSpec<'_>> = spec::containers(self.spec)
            .take_while(|c| matches!(c.role, Role::Init | Role::Sidecar))
            .collect();
        if self.main_begun() {
            for sidecar in containers.iter().filter(|c| c.role == Role::Sidecar) {
                self.keep_sidecar(sidecar);
            }
            return Init::Done;
        }
        let begun = containers.iter().rposition(|c| self.here(c.name()).is_some());
        let Some(current) = begun else {
            return match containers.first() {
                Some(first) => {
                    self.start.push(first.name().to_owned());
                    Init::Busy
                }
                None => Init::Done,
            };
        };
        let (before, rest) = containers.split_at(current);
        for sidecar in before.iter().filter(|c| c.role == Role::Sidecar) {
            self.keep_sidecar(sidecar);
        }
        let Some((container, after)) = rest.split_first() else { return Init::Busy };
        let passed = match container.role {
            Role::Sidecar => self.keep_sidecar(container),
            _ => match self.init_passed(container) {
                Init::Done => true,
                Init::Busy => false,
                Init::Failed => return Init::Failed,
            },
        };
        match (passed, after.first()) {
            (true, None) => Init::Done,
            (true, Some(next)) => {
                self.start.push(next.name().to_owned());
                Init::Busy
            }
            (false, _) => Init::Busy,
        }
    }

    /// Whether the init container reached last has succeeded; starts it again if it must.
    fn init_passed(&mut self, container: &ContainerSpec<'_>) -> Init {
        let Some(fact) = self.here(container.name()).cloned() else { return Init::Busy };
        match &fact.state {
            ContainerState::Running => Init::Busy,
            ContainerState::Created => {
                self.start.push(fact.name);
                Init::Busy
            }
            ContainerState::Exited(exit) if exit.code == 0 && exit.reason != "OOMKilled" => Init::Done,
            ContainerState::Exited(exit) => {
                // Killed for memory, it has failed even if its first process exited well.
                let code = if exit.code == 0 { 137 } else { exit.code };
                self.restart_init(
                    &fact,
                    spec::restarts_after_exit(self.spec, &container.container, Role::Init, code),
                )
            }
            ContainerState::Unknown => {
                let restarts = spec::restarts_after_kill(self.spec, &container.container);
                if restarts {
                    self.add_kill(&fact, Cause::Other, unknown_message("Init container"));
                }
                self.restart_init(&fact, restarts)
            }
        }
    }

    fn restart_init(&mut self, fact: &ContainerFact, restarts: bool) -> Init {
        if !restarts {
            return Init::Failed;
        }
        self.start.push(fact.name.clone());
        Init::Busy
    }

    /// Keeps a sidecar running; says whether it has started, so that what follows it may start.
    fn keep_sidecar(&mut self, container: &ContainerSpec<'_>) -> bool {
        let name = container.name();
        let Some(fact) = self.here(name).cloned() else {
            self.start.push(name.to_owned());
            return false;
        };
        match &fact.state {
            ContainerState::Created | ContainerState::Exited(_) => {
                self.start.push(name.to_owned());
                false
            }
            ContainerState::Unknown => {
                self.add_kill(&fact, Cause::Other, unknown_message("Init container"));
                self.start.push(name.to_owned());
                false
            }
            ContainerState::Running => {
                let readout = self.readouts.get(&fact.id).copied().unwrap_or_default();
                let started = container.container.startup_probe.is_none() || readout.startup == Some(true);
                match fault(container, &fact, readout) {
                    Some((cause, what)) => {
                        self.add_kill(&fact, cause, format!("Init container {name} {what}"));
                        self.start.push(name.to_owned());
                        started
                    }
                    None => started,
                }
            }
        }
    }

    /// Plans the main containers; returns how many run or are to run.
    fn main(&mut self) -> usize {
        let mut wanted = 0;
        for container in spec::containers(self.spec).filter(|c| c.role == Role::Main) {
            if self.main_one(&container) {
                wanted += 1;
            }
        }
        wanted
    }

    /// Whether the container runs or is to run.
    fn main_one(&mut self, container: &ContainerSpec<'_>) -> bool {
        let name = container.name();
        let newest = self.facts.newest(name).cloned();
        let starts = match newest.as_ref().map(|fact| (fact, &fact.state)) {
            Some((fact, ContainerState::Running)) if fact.sandbox_id == self.sandbox_id => {
                let readout = self.readouts.get(&fact.id).copied().unwrap_or_default();
                let Some((cause, what)) = fault(container, fact, readout) else { return true };
                let restarts = what == CHANGED || spec::restarts_after_kill(self.spec, &container.container);
                let after = if restarts { ", will be restarted" } else { "" };
                self.add_kill(fact, cause, format!("Container {name} {what}{after}"));
                restarts
            }
            Some((fact, ContainerState::Unknown)) => {
                self.add_kill(fact, Cause::Other, unknown_message("Container"));
                true
            }
            Some((_, ContainerState::Exited(exit))) => {
                spec::restarts_after_exit(self.spec, &container.container, Role::Main, exit.code)
            }
            Some((_, ContainerState::Created | ContainerState::Running)) | None => true,
        };
        if starts {
            self.start.push(name.to_owned());
        }
        starts
    }

    /// Whether any main container has been made in this sandbox: then initialization is over, even if the
    /// runtime has forgotten the init containers.
    fn main_begun(&self) -> bool {
        self.spec.containers.iter().any(|c| self.here(&c.name).is_some())
    }

    fn here(&self, name: &str) -> Option<&ContainerFact> {
        self.facts.newest_in(name, self.sandbox_id)
    }

    fn made_not_started(&self, fact: &ContainerFact) -> bool {
        fact.state == ContainerState::Created && fact.sandbox_id == self.sandbox_id
    }

    fn add_kill(&mut self, fact: &ContainerFact, cause: Cause, message: String) {
        if self.kill.iter().all(|kill| kill.id != fact.id) {
            self.kill.push(Kill { id: fact.id.clone(), name: fact.name.clone(), cause, message });
        }
    }
}

const CHANGED: &str = "definition changed";

/// What is wrong with a running container.
fn fault(
    container: &ContainerSpec<'_>,
    fact: &ContainerFact,
    readout: Readout,
) -> Option<(Cause, &'static str)> {
    if !fact.hash.is_empty() && fact.hash != spec::hash(&container.container) {
        Some((Cause::Other, CHANGED))
    } else if readout.liveness == Some(false) {
        Some((Cause::Liveness, "failed liveness probe"))
    } else if readout.startup == Some(false) {
        Some((Cause::Startup, "failed startup probe"))
    } else {
        None
    }
}

fn unknown_message(what: &str) -> String {
    format!("{what} is in \"unknown\" state, try killing it before restart")
}
