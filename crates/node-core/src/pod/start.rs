//! Starting containers: images ([`super::pull`]), create, start, hook, one at a time and in order.
//!
//! The next container is not begun before the one before it is started, its postStart hook included; images
//! of users rely on that order (a proxy that must be up before the application).

use std::collections::BTreeMap;
use std::time::Duration;

use super::PodMachine;
use super::decide::{Cause, Kill};
use super::hook::{self, Step};
use super::image;
use super::outbox::Purpose;
use super::slot::{Hook, Images, Slot, Start};
use crate::effect::{Action, Answer, CreateContainer, Failure, FailureKind, Token};
use crate::event::PodEvent;
use crate::facts::{ContainerFact, ContainerState};
use crate::now::Now;
use crate::spec::{self, ContainerSpec};
use crate::status::Waiting;

/// A start that failed for another reason than a crash or a pull is tried again after this long.
pub(super) const RETRY: Duration = Duration::from_secs(10);

impl PodMachine {
    /// Goes on with the start under way, or begins the first of `names` that can be.
    pub(super) fn advance_starts(&mut self, now: Now, sandbox_id: &str, names: &[String], ready: bool) {
        self.end_sleeps(now);
        self.forget_reasons(names);
        for name in names {
            if !ready || self.slots.values().any(Slot::busy) {
                return;
            }
            let stopping = self.stops.values().any(|stop| stop.name == *name);
            let waits = self.slot(name).retry_at.is_some_and(|at| now.mono < at);
            if !stopping && !waits && !self.alive(name) {
                self.begin_start(now, sandbox_id, name);
            }
        }
    }

    /// A container that is not to be started has no reason to wait.
    fn forget_reasons(&mut self, names: &[String]) {
        let slots = &self.slots;
        self.waiting
            .retain(|name, _| names.contains(name) || slots.get(name).is_some_and(|slot| slot.busy()));
    }

    fn begin_start(&mut self, now: Now, sandbox_id: &str, name: &str) {
        self.slot(name).retry_at = None;
        let refused = self.slot(name).refused.clone();
        let made = self
            .facts
            .newest_in(name, sandbox_id)
            .filter(|fact| fact.state == ContainerState::Created && refused.as_ref() != Some(&fact.id));
        if let Some(id) = made.map(|fact| fact.id.clone()) {
            // Made by an agent that was killed before it could start it.
            self.start_made(name, id);
        } else if !self.backs_off(now, name) {
            let pod = self.pod.clone();
            let pod_spec = spec::of(&pod);
            if let Some(container) = spec::container(&pod_spec, name) {
                let needed = image::needed(&pod_spec, &container.container);
                self.next_image(now, name, Images { needed, found: Vec::new() });
            }
        }
    }

    /// Whether the container has crashed too often to be restarted yet.
    fn backs_off(&mut self, now: Now, name: &str) -> bool {
        let attempts = self.facts.attempts(name);
        let Some(finished) = attempts.iter().find_map(|f| f.exit()).map(|exit| exit.finished_at) else {
            return false;
        };
        let finished = now.mono_at(finished);
        let pod = spec::described(&self.pod);
        let slot = self.slot(name);
        let Some(until) = slot.crash.until(finished).filter(|until| now.mono < *until) else {
            slot.crash.fail(finished, now.mono);
            return false;
        };
        slot.retry_at = Some(until);
        let wait = image::go_duration(slot.crash.wait());
        let announce = slot.announced != Some(until);
        slot.announced = Some(until);
        let message = format!("back-off {wait} restarting failed container={name} pod={pod}");
        if announce {
            let message = format!("Back-off restarting failed container {name} in pod {pod}");
            self.container_event(name, PodEvent::warning("BackOff", message));
        }
        self.wait(name, "CrashLoopBackOff", message);
        true
    }

    // --- create and start

    pub(super) fn create(&mut self, now: Now, name: &str, images: &Images) {
        match self.creation(name, images) {
            Ok(create) => {
                let action = Action::CreateContainer(Box::new(create));
                let token = self.out.run(Purpose::Start(name.to_owned()), action);
                self.slot(name).start = Start::Creating(token);
            }
            Err(why) => self.create_failed(now, name, "CreateContainerConfigError", why),
        }
    }

    fn creation(&mut self, name: &str, images: &Images) -> Result<CreateContainer, String> {
        let gone = || "the pod has no sandbox".to_owned();
        let sandbox_id = self.facts.latest_sandbox().map(|s| s.id.clone()).ok_or_else(gone)?;
        let pod_spec = spec::of(&self.pod);
        let container = spec::container(&pod_spec, name).ok_or_else(|| "no such container".to_owned())?;
        let target_id = self.target(&container)?;
        let image = images.found.first().cloned().unwrap_or_default();
        let volumes =
            images.needed.iter().zip(&images.found).filter_map(|(need, image)| {
                need.volume.clone().map(|volume| (volume, image.image_ref.clone()))
            });
        let image_volumes: BTreeMap<String, String> = volumes.collect();
        Ok(CreateContainer {
            pod: self.granted.clone(),
            name: name.to_owned(),
            attempt: self.next_attempt(name),
            sandbox: self.sandbox_config(&sandbox_id)?,
            sandbox_id,
            image,
            image_volumes,
            pod_ips: self.pod_ips(),
            target_id,
        })
    }

    /// The container whose processes an ephemeral one joins.
    fn target(&self, container: &ContainerSpec<'_>) -> Result<Option<String>, String> {
        let Some(target) = container.target else { return Ok(None) };
        match self.facts.newest(target) {
            Some(fact) => Ok(Some(fact.id.clone())),
            None => Err(format!("unable to find target container {target}")),
        }
    }

    /// One more than any attempt that the runtime or the status knows of.
    fn next_attempt(&self, name: &str) -> u32 {
        let known = self
            .facts
            .containers
            .iter()
            .filter(|f| f.name == name)
            .map(|f| f.attempt.saturating_add(1))
            .max();
        let status = self.report.rendered();
        let lists = [
            &status.container_statuses,
            &status.init_container_statuses,
            &status.ephemeral_container_statuses,
        ];
        let mut statuses = lists.into_iter().flatten().flatten();
        let written = statuses
            .find(|s| s.name == name && s.container_id.as_deref().is_some_and(|id| !id.is_empty()))
            .map(|s| (s.restart_count.max(0) as u32).saturating_add(1));
        known.max(written).unwrap_or(0)
    }

    pub(super) fn pod_ips(&self) -> Vec<String> {
        if spec::host_network(&spec::of(&self.pod)) {
            return self.settings.host_ips.iter().map(ToString::to_string).collect();
        }
        self.facts.latest_sandbox().map(|s| s.ips.clone()).unwrap_or_default()
    }

    fn created(&mut self, now: Now, name: &str, result: Result<Answer, Failure>) {
        self.sight.changed(now);
        match result {
            Ok(Answer::Container(fact)) => {
                let id = fact.id.clone();
                self.facts.put_container(*fact);
                self.grant_resources(name);
                self.container_event(name, PodEvent::normal("Created", "Container created"));
                if self.state == super::State::Active {
                    self.start_made(name, id);
                }
            }
            Ok(_) => {
                self.sight.lost();
                self.create_failed(now, name, "CreateContainerError", String::new());
            }
            Err(failure) => {
                self.sight.lost();
                let reason = match failure.kind {
                    FailureKind::Config => "CreateContainerConfigError",
                    _ => "CreateContainerError",
                };
                self.create_failed(now, name, reason, failure.message);
            }
        }
    }

    fn create_failed(&mut self, now: Now, name: &str, reason: &str, why: String) {
        self.container_event(name, PodEvent::warning("Failed", format!("Error: {why}")));
        self.wait(name, reason, why);
        self.slot(name).retry_at = Some(now.mono + RETRY);
    }

    fn start_made(&mut self, name: &str, id: String) {
        let action = Action::StartContainer { id: id.clone() };
        let token = self.out.run(Purpose::Start(name.to_owned()), action);
        self.slot(name).start = Start::Starting(token, id);
    }

    fn started(&mut self, now: Now, name: &str, id: String, result: Result<Answer, Failure>) {
        self.sight.changed(now);
        match result {
            Ok(Answer::Container(fact)) => {
                let running = fact.running();
                self.facts.put_container(*fact);
                self.container_event(name, PodEvent::normal("Started", "Container started"));
                self.waiting.remove(name);
                self.slot(name).refused = None;
                if running && self.state == super::State::Active {
                    self.begin_post_start(now, name, id);
                }
            }
            other => {
                let why = match other {
                    Err(failure) => failure.message.replace(&id, name),
                    Ok(_) => String::new(),
                };
                self.sight.lost();
                self.slot(name).refused = Some(id);
                self.create_failed(now, name, "RunContainerError", why);
            }
        }
    }

    // --- postStart

    fn begin_post_start(&mut self, now: Now, name: &str, id: String) {
        let pod = self.pod.clone();
        let pod_spec = spec::of(&pod);
        let Some(container) = spec::container(&pod_spec, name) else { return };
        let Some(handler) = container.container.lifecycle.as_ref().and_then(|l| l.post_start.as_ref()) else {
            return;
        };
        let hook = match hook::step(handler, &container.container, &id, self.pod_ip().as_deref()) {
            Step::Action(action) => Hook::Action(self.out.run(Purpose::Start(name.to_owned()), action)),
            Step::Sleep(length) => Hook::Sleep(now.mono + length),
            Step::Broken(why) => {
                self.post_start_failed(now, name, &id, why);
                return;
            }
        };
        self.slot(name).start = Start::Hooked { id, hook };
    }

    fn post_start_ended(&mut self, now: Now, name: &str, id: &str, result: &Result<Answer, Failure>) {
        let pod = self.pod.clone();
        let pod_spec = spec::of(&pod);
        let Some(container) = spec::container(&pod_spec, name) else { return };
        let handler = container.container.lifecycle.as_ref().and_then(|l| l.post_start.as_ref());
        let Some(handler) = handler else { return };
        if let Err(why) = hook::outcome(&self.pod, &container.container, handler, result) {
            self.post_start_failed(now, name, id, why);
        }
    }

    /// The container is stopped; the restart policy then decides.
    fn post_start_failed(&mut self, now: Now, name: &str, id: &str, why: String) {
        self.container_event(name, PodEvent::warning("FailedPostStartHook", "PostStartHook failed"));
        let kill = Kill {
            id: id.to_owned(),
            name: name.to_owned(),
            cause: Cause::PostStart,
            message: "FailedPostStartHook".to_owned(),
        };
        if self.facts.container(id).is_some_and(ContainerFact::maybe_alive) {
            let grace_s = self.grace_of(&kill);
            self.begin_stop(now, &kill, grace_s, false);
        }
        self.wait(name, "PostStartHookError", why);
    }

    fn end_sleeps(&mut self, now: Now) {
        for slot in self.slots.values_mut() {
            if matches!(&slot.start, Start::Hooked { hook: Hook::Sleep(until), .. } if *until <= now.mono) {
                slot.start = Start::Idle;
            }
        }
    }

    // --- answers and failures

    /// Takes the answer to the current step of a start.
    pub(super) fn start_answered(
        &mut self,
        now: Now,
        token: Token,
        name: &str,
        result: Result<Answer, Failure>,
    ) {
        match std::mem::replace(&mut self.slot(name).start, Start::Idle) {
            Start::Finding(expected, images) if expected == token => {
                self.image_looked_for(now, name, images, result);
            }
            Start::Pulling(expected, images, since) if expected == token => {
                self.pull_ended(now, name, images, since, result);
            }
            Start::Creating(expected) if expected == token => self.created(now, name, result),
            Start::Starting(expected, id) if expected == token => self.started(now, name, id, result),
            Start::Hooked { id, hook: Hook::Action(expected) } if expected == token => {
                self.post_start_ended(now, name, &id, &result);
            }
            other => self.slot(name).start = other,
        }
    }

    pub(super) fn start_failed(&mut self, now: Now, name: &str, reason: &str, message: String) {
        self.container_event(name, PodEvent::warning("Failed", format!("Error: {reason}")));
        self.wait(name, reason, message);
        self.slot(name).retry_at = Some(now.mono + RETRY);
    }

    pub(super) fn wait(&mut self, name: &str, reason: &str, message: String) {
        self.waiting.insert(name.to_owned(), Waiting { reason: reason.to_owned(), message });
    }

    pub(super) fn container_event(&mut self, name: &str, event: PodEvent) {
        let event = event.about(self.field_path(name));
        self.out.event(event);
    }

    /// Gives up every start that can still be given up.
    pub(super) fn abandon_starts(&mut self) {
        let names: Vec<String> = self.slots.keys().cloned().collect();
        for name in names {
            self.abandon_start(&name);
        }
    }

    pub(super) fn abandon_start(&mut self, name: &str) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        match &slot.start {
            Start::Finding(token, _)
            | Start::Pulling(token, ..)
            | Start::Hooked { hook: Hook::Action(token), .. } => self.out.cancel(*token),
            Start::Hooked { hook: Hook::Sleep(_), .. } => {}
            Start::Idle | Start::Creating(_) | Start::Starting(..) => return,
        }
        slot.start = Start::Idle;
    }
}
