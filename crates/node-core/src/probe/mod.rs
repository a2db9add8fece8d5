//! The machine of a pod's probes: when to run which, and what the results add up to.
//!
//! Each container has up to three probes. Until its startup probe has succeeded, the other two wait; a failed
//! liveness or startup probe is held until the container has been replaced (kubelet's `prober`).

pub mod request;
pub mod verdict;
pub mod worker;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Probe};

use crate::effect::{Action, Answer, Failure};
use crate::event::PodEvent;
use crate::now::Now;
use verdict::Verdict;
use worker::Worker;

/// Which of a container's probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Startup,
    Readiness,
    Liveness,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Startup, Kind::Readiness, Kind::Liveness];

    /// As events begin.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Startup => "Startup",
            Kind::Readiness => "Readiness",
            Kind::Liveness => "Liveness",
        }
    }

    fn of(self, container: &Container) -> Option<&Probe> {
        match self {
            Kind::Startup => container.startup_probe.as_ref(),
            Kind::Readiness => container.readiness_probe.as_ref(),
            Kind::Liveness => container.liveness_probe.as_ref(),
        }
    }
}

/// One probe of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The container's name.
    pub container: String,
    /// The attempt's id.
    pub id: String,
    pub kind: Kind,
}

/// What the probes of one attempt have found; `None` until they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readout {
    pub startup: Option<bool>,
    pub readiness: Option<bool>,
    pub liveness: Option<bool>,
}

/// A running container to probe.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub container: &'a Container,
    /// `spec.containers{name}`, for events.
    pub field_path: &'a str,
    /// The attempt's id.
    pub id: &'a str,
    pub started_at: Timestamp,
    /// Whether its status said it had started, as before a restart of the agent.
    pub was_started: bool,
    /// Whether it ran before this agent did: its probes are spread over their period, so that a restart of
    /// the agent does not run all of a node's at once.
    pub adopted: bool,
    pub pod_ip: &'a str,
}

/// Which probes still matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    /// A pod being stopped is no longer restarted, but says whether it serves.
    Readiness,
}

/// A probe to run now.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub key: Key,
    pub action: Action,
}

/// All probes of one pod.
#[derive(Clone, Debug, Default)]
pub struct Prober {
    workers: BTreeMap<Key, Worker>,
    readouts: BTreeMap<String, Readout>,
}

impl Prober {
    /// The results so far, by container id.
    pub fn readouts(&self) -> &BTreeMap<String, Readout> {
        &self.readouts
    }

    /// Follows the running containers, and returns the probes that are due with events for those that
    /// cannot be run.
    pub fn poll(&mut self, now: Now, targets: &[Target<'_>], scope: Scope) -> (Vec<Run>, Vec<PodEvent>) {
        self.forget(targets, scope);
        let (mut runs, mut events) = (Vec::new(), Vec::new());
        for target in targets {
            self.follow(target);
            for kind in Kind::ALL {
                match self.due(now, target, kind, scope) {
                    Some(Ok(run)) => runs.push(run),
                    Some(Err(event)) => events.push(event),
                    None => {}
                }
            }
        }
        (runs, events)
    }

    /// Drops the probes of what no longer runs.
    fn forget(&mut self, targets: &[Target<'_>], scope: Scope) {
        self.readouts.retain(|id, _| targets.iter().any(|t| t.id == *id));
        self.workers.retain(|key, _| {
            let wanted = scope == Scope::All || key.kind == Kind::Readiness;
            wanted && targets.iter().any(|t| t.id == key.id)
        });
    }

    /// Meets a new attempt: its readiness is not known, and its startup is if it had started before.
    fn follow(&mut self, target: &Target<'_>) {
        self.readouts.entry(target.id.to_owned()).or_insert_with(|| Readout {
            startup: (target.container.startup_probe.is_some() && target.was_started).then_some(true),
            ..Readout::default()
        });
    }

    fn due(
        &mut self,
        now: Now,
        target: &Target<'_>,
        kind: Kind,
        scope: Scope,
    ) -> Option<Result<Run, PodEvent>> {
        let probe = kind.of(target.container)?;
        if scope == Scope::Readiness && kind != Kind::Readiness {
            return None;
        }
        let started = self.started(target);
        if (kind == Kind::Startup) == started {
            return None;
        }
        let key = Key { container: target.container.name.clone(), id: target.id.to_owned(), kind };
        let worker = self.workers.entry(key.clone()).or_insert_with(|| Worker::new(now, target, probe));
        if !worker.due(now) {
            return None;
        }
        match request::action(probe, target.container, target.id, target.pod_ip) {
            Ok(action) => {
                worker.begin(now, action.clone());
                Some(Ok(Run { key, action }))
            }
            Err(error) => {
                worker.skip(now);
                Some(Err(errored(kind, target.field_path, &error)))
            }
        }
    }

    fn started(&self, target: &Target<'_>) -> bool {
        let known = self.readouts.get(target.id).and_then(|r| r.startup);
        target.container.startup_probe.is_none() || known == Some(true)
    }

    /// Takes in how a probe ended. Returns the event it deserves. An answer for an attempt that is gone is
    /// dropped.
    pub fn answer(
        &mut self,
        now: Now,
        key: &Key,
        field_path: &str,
        result: &Result<Answer, Failure>,
    ) -> Option<PodEvent> {
        let worker = self.workers.get_mut(key)?;
        let action = worker.end()?;
        let verdict = verdict::judge(&action, result);
        let settled = worker.count(now, key.kind, &verdict);
        if let Some(result) = settled
            && let Some(readout) = self.readouts.get_mut(&key.id)
        {
            match key.kind {
                Kind::Startup => readout.startup = Some(result),
                Kind::Readiness => readout.readiness = Some(result),
                Kind::Liveness => readout.liveness = Some(result),
            }
        }
        let kind = key.kind.as_str();
        match verdict {
            Verdict::Success => None,
            Verdict::Warning(why) => {
                let event = PodEvent::warning("ProbeWarning", format!("{kind} probe warning: {why}"));
                Some(event.about(field_path.to_owned()))
            }
            Verdict::Failure(why) => {
                let event = PodEvent::warning("Unhealthy", format!("{kind} probe failed: {why}"));
                Some(event.about(field_path.to_owned()))
            }
            Verdict::Error(why) => Some(errored(key.kind, field_path, &why)),
        }
    }

    /// When the next probe is due after `last`, on the monotonic clock.
    pub fn deadline(&self, last: Duration) -> Option<Duration> {
        self.workers.values().filter_map(Worker::deadline).filter(|at| *at > last).min()
    }
}

fn errored(kind: Kind, field_path: &str, why: &str) -> PodEvent {
    let message = format!("{} probe errored and resulted in unknown state: {why}", kind.as_str());
    PodEvent::warning("Unhealthy", message).about(field_path.to_owned())
}

#[cfg(test)]
mod tests;
