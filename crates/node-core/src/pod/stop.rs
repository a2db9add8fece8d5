//! Stopping containers: hook, turn, signal.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::PodMachine;
use super::decide::{Cause, Kill};
use super::hook::{self, Step};
use super::outbox::Purpose;
use super::slot::Hook;
use crate::effect::{Action, Answer, Failure, FailureKind, Token};
use crate::event::PodEvent;
use crate::facts::ContainerFact;
use crate::now::Now;
use crate::spec::{self, Role};

/// A container always gets this long between the stop signal and SIGKILL, seconds.
const MIN_GRACE_S: i64 = 2;

/// How long a stop that failed waits before it is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// One attempt that is being stopped.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub name: String,
    stage: Stage,
    /// When the grace period began.
    began: Duration,
    grace_s: i64,
    /// Whether it waits for others to end first: sidecars of a pod that is stopped as a whole.
    ordered: bool,
}

/// The steps of a stop. A failure leads to `Retry`, never back.
#[derive(Clone, Debug)]
enum Stage {
    /// Its preStop hook runs; ends with it or with the grace period.
    Hook(Hook),
    /// Waits for the containers that end before it.
    Turn,
    /// The runtime stops it.
    Signal(Token),
    Retry(Duration),
}

impl Stop {
    fn over(&self) -> Duration {
        self.began + Duration::from_secs(self.grace_s.max(0) as u64)
    }

    fn remaining_s(&self, now: Duration) -> i64 {
        let elapsed = now.saturating_sub(self.began).as_secs() as i64;
        (self.grace_s - elapsed).max(MIN_GRACE_S)
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Hook(Hook::Sleep(until)) => Some((*until).min(self.over())),
            Stage::Hook(Hook::Action(_)) | Stage::Turn => Some(self.over()),
            Stage::Retry(at) => Some(*at),
            Stage::Signal(_) => None,
        }
    }
}

impl PodMachine {
    /// Begins to stop a container, unless that is under way.
    pub(super) fn begin_stop(&mut self, now: Now, kill: &Kill, grace_s: i64, ordered: bool) {
        if self.stops.contains_key(&kill.id) {
            return;
        }
        self.abandon_start(&kill.name);
        let pod = self.pod.clone();
        let pod_spec = spec::of(&pod);
        let container = spec::container(&pod_spec, &kill.name);
        let mut event = PodEvent::normal("Killing", kill.message.clone());
        if let Some(container) = &container {
            event = event.about(container.field_path());
        }
        self.out.event(event);
        let stage = match container.as_ref().filter(|_| grace_s > 0) {
            Some(container) => self.begin_pre_stop(now, &kill.id, &container.container),
            None => Stage::Turn,
        };
        let stop = Stop { name: kill.name.clone(), stage, began: now.mono, grace_s, ordered };
        self.stops.insert(kill.id.clone(), stop);
    }

    fn begin_pre_stop(&mut self, now: Now, id: &str, container: &Container) -> Stage {
        let Some(handler) = container.lifecycle.as_ref().and_then(|l| l.pre_stop.as_ref()) else {
            return Stage::Turn;
        };
        match hook::step(handler, container, id, self.pod_ip().as_deref()) {
            Step::Action(action) => {
                Stage::Hook(Hook::Action(self.out.run(Purpose::Stop(id.to_owned()), action)))
            }
            Step::Sleep(length) => Stage::Hook(Hook::Sleep(now.mono + length)),
            Step::Broken(_) => {
                self.pre_stop_failed(&container.name);
                Stage::Turn
            }
        }
    }

    /// The text of the failure stays out of the event: it may quote secrets.
    fn pre_stop_failed(&mut self, name: &str) {
        let event = PodEvent::warning("FailedPreStopHook", "PreStopHook failed");
        let event = event.about(self.field_path(name));
        self.out.event(event);
    }

    /// Moves every stop as far as it can go.
    pub(super) fn advance_stops(&mut self, now: Now) {
        let ids: Vec<String> = self.stops.keys().cloned().collect();
        for id in ids {
            if self.facts.container(&id).is_none_or(|fact| !fact.maybe_alive()) {
                self.stop_is_over(&id);
            } else {
                self.advance_stop(now, &id);
            }
        }
    }

    fn advance_stop(&mut self, now: Now, id: &str) {
        let Some(stop) = self.stops.get(id) else { return };
        let expired = now.mono >= stop.over();
        let next = match &stop.stage {
            Stage::Hook(Hook::Action(token)) if expired => {
                self.out.cancel(*token);
                true
            }
            Stage::Hook(Hook::Action(_)) => false,
            Stage::Hook(Hook::Sleep(until)) => expired || now.mono >= *until,
            Stage::Turn => true,
            Stage::Retry(at) => now.mono >= *at,
            Stage::Signal(_) => false,
        };
        if !next {
            return;
        }
        let waits = stop.ordered && !expired && !self.is_turn_of(&stop.name);
        let stage = if waits { Stage::Turn } else { self.signal(id, stop.remaining_s(now.mono)) };
        if let Some(stop) = self.stops.get_mut(id) {
            stop.stage = stage;
        }
    }

    fn signal(&mut self, id: &str, grace_s: i64) -> Stage {
        let action = Action::StopContainer { id: id.to_owned(), grace_s };
        Stage::Signal(self.out.run(Purpose::Stop(id.to_owned()), action))
    }

    /// Main containers go first, then sidecars, the last one first (KEP-753).
    fn is_turn_of(&self, name: &str) -> bool {
        let pod_spec = spec::of(&self.pod);
        let containers: Vec<_> = spec::containers(&pod_spec).collect();
        let Some(own) = containers.iter().position(|c| c.name() == name) else { return true };
        if containers.get(own).is_none_or(|c| c.role != Role::Sidecar) {
            return true;
        }
        let later = containers.iter().skip(own + 1);
        let prior = later.filter(|c| matches!(c.role, Role::Sidecar | Role::Main));
        prior.map(|c| c.name()).all(|name| !self.alive(name))
    }

    /// Whether any attempt at the container runs or may run.
    pub(super) fn alive(&self, name: &str) -> bool {
        self.facts.containers.iter().any(|fact| fact.name == name && fact.maybe_alive())
    }

    /// The grace period of every stop under way ends earlier now.
    pub(super) fn shorten_stops(&mut self, now: Now, grace_s: i64) {
        let ids: Vec<String> = self.stops.keys().cloned().collect();
        for id in ids {
            let Some(stop) = self.stops.get_mut(&id) else { continue };
            let new_end = now.mono + Duration::from_secs(grace_s.max(0) as u64);
            if stop.over() <= new_end {
                continue;
            }
            (stop.began, stop.grace_s) = (now.mono, grace_s);
            if let Stage::Signal(token) = stop.stage {
                let remaining = stop.remaining_s(now.mono);
                self.out.forget(token);
                let stage = self.signal(&id, remaining);
                if let Some(stop) = self.stops.get_mut(&id) {
                    stop.stage = stage;
                }
            }
        }
    }

    /// Takes the answer to a step of a stop.
    pub(super) fn stop_answered(
        &mut self,
        now: Now,
        token: Token,
        id: &str,
        result: Result<Answer, Failure>,
    ) {
        match self.stops.get(id).map(|stop| &stop.stage) {
            Some(Stage::Hook(Hook::Action(expected))) if *expected == token => {
                self.pre_stop_ended(id, &result)
            }
            Some(Stage::Signal(expected)) if *expected == token => self.signal_ended(now, id, result),
            _ => {}
        }
    }

    fn pre_stop_ended(&mut self, id: &str, result: &Result<Answer, Failure>) {
        let Some(stop) = self.stops.get_mut(id) else { return };
        stop.stage = Stage::Turn;
        let name = stop.name.clone();
        let pod = self.pod.clone();
        let pod_spec = spec::of(&pod);
        let container = spec::container(&pod_spec, &name);
        let handler = container
            .as_ref()
            .and_then(|c| Some((&c.container, c.container.lifecycle.as_ref()?.pre_stop.as_ref()?)));
        let failed =
            handler.is_some_and(|(c, handler)| hook::outcome(&self.pod, c, handler, result).is_err());
        if failed {
            self.pre_stop_failed(&name);
        }
    }

    fn signal_ended(&mut self, now: Now, id: &str, result: Result<Answer, Failure>) {
        self.sight.changed(now);
        match result {
            Ok(Answer::Container(fact)) if !fact.maybe_alive() => {
                self.facts.put_container(*fact);
                self.stop_is_over(id);
            }
            Ok(Answer::Done) | Err(Failure { kind: FailureKind::NotFound, .. }) => {
                self.facts.containers.retain(|fact| fact.id != id);
                self.stop_is_over(id);
            }
            Ok(_) => self.stop_failed(now, id, "the container still runs"),
            Err(failure) => self.stop_failed(now, id, &failure.message),
        }
    }

    fn stop_failed(&mut self, now: Now, id: &str, why: &str) {
        let Some(stop) = self.stops.get_mut(id) else { return };
        stop.stage = Stage::Retry(now.mono + RETRY);
        let name = stop.name.clone();
        self.sight.lost();
        let message = format!(
            "error killing pod: failed to \"KillContainer\" for \"{name}\" with KillContainerError: {}",
            ironclad_api::goprint::quote(&why.replace(id, &name))
        );
        self.out.event(PodEvent::warning("FailedKillPod", message));
    }

    fn stop_is_over(&mut self, id: &str) {
        if let Some(Stop { stage: Stage::Hook(Hook::Action(token)), .. }) = self.stops.remove(id) {
            self.out.cancel(token);
        }
    }

    /// Begins to stop everything that runs, in order. Says whether nothing runs any more.
    pub(super) fn stop_all(&mut self, now: Now, grace_s: i64) -> bool {
        let pod = self.pod.clone();
        let pod_spec = spec::of(&pod);
        let ordered = spec::init_containers(&pod_spec).iter().any(spec::is_sidecar);
        let alive: Vec<ContainerFact> =
            self.facts.containers.iter().filter(|fact| fact.maybe_alive()).cloned().collect();
        for fact in &alive {
            let message = format!("Stopping container {}", fact.name);
            let kill = Kill { id: fact.id.clone(), name: fact.name.clone(), cause: Cause::Other, message };
            self.begin_stop(now, &kill, grace_s, ordered);
        }
        self.advance_stops(now);
        !self.facts.any_alive() && self.stops.is_empty()
    }

    /// The grace period of a container that is stopped while its pod goes on, seconds.
    pub(super) fn grace_of(&self, kill: &Kill) -> i64 {
        let pod_spec = spec::of(&self.pod);
        let container = spec::container(&pod_spec, &kill.name);
        let own = container.and_then(|c| probe_grace(&c.container, kill.cause));
        match (self.pod.metadata.deletion_grace_period_seconds, pod_grace(&pod_spec)) {
            (Some(deletion), _) => deletion,
            (None, Some(pod)) => own.unwrap_or(pod),
            (None, None) => MIN_GRACE_S,
        }
    }
}

/// `spec.terminationGracePeriodSeconds`.
pub(super) fn pod_grace(spec: &PodSpec) -> Option<i64> {
    spec.termination_grace_period_seconds
}

/// The grace period that the failed probe asks for (KEP-2238).
fn probe_grace(container: &Container, cause: Cause) -> Option<i64> {
    let probe = match cause {
        Cause::Liveness => container.liveness_probe.as_ref(),
        Cause::Startup => container.startup_probe.as_ref(),
        Cause::Other | Cause::PostStart => None,
    };
    probe.and_then(|p| p.termination_grace_period_seconds)
}
