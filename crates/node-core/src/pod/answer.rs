//! How jobs end.

use super::PodMachine;
use super::jobs::Task;
use super::outbox::Purpose;
use crate::effect::{Answer, Failure, Token};
use crate::event::PodEvent;
use crate::now::Now;

impl PodMachine {
    /// Gives an answer to whoever waits for it. Answers that nobody waits for are dropped.
    pub(super) fn answered(&mut self, now: Now, token: Token, result: Result<Answer, Failure>) {
        match self.out.answered(token) {
            Some(Purpose::Start(name)) => self.start_answered(now, token, &name, result),
            Some(Purpose::Stop(id)) => self.stop_answered(now, token, &id, result),
            Some(Purpose::Resize(name)) => self.resize_answered(now, &name, result),
            Some(Purpose::Probe(key)) => {
                let field_path = self.field_path(&key.container);
                if let Some(event) = self.prober.answer(now, &key, &field_path, &result) {
                    self.out.event(event);
                }
            }
            Some(Purpose::Task(task)) => self.task_answered(now, &task, result),
            None => {}
        }
    }

    fn task_answered(&mut self, now: Now, task: &Task, result: Result<Answer, Failure>) {
        if task.changes_runtime() {
            self.sight.changed(now);
        }
        match result {
            Ok(answer) => {
                self.jobs.succeeded(task);
                self.task_succeeded(now, task, answer);
            }
            Err(failure) => {
                self.jobs.failed(now.mono, task);
                self.task_failed(now, task, &failure);
            }
        }
    }

    fn task_succeeded(&mut self, now: Now, task: &Task, answer: Answer) {
        match (task, answer) {
            (Task::RunSandbox(_), Answer::Sandbox(fact)) => self.facts.put_sandbox(fact),
            (Task::RunSandbox(_), _) => self.sight.lost(),
            (Task::StopSandbox(id), _) => {
                for sandbox in self.facts.sandboxes.iter_mut().filter(|s| s.id == *id) {
                    sandbox.ready = false;
                }
            }
            (Task::RemoveSandbox(id), _) => {
                self.facts.sandboxes.retain(|s| s.id != *id);
                self.facts.containers.retain(|c| c.sandbox_id != *id);
            }
            (Task::RemoveContainer(id), _) => self.facts.containers.retain(|c| c.id != *id),
            (Task::Inspect, Answer::Facts(facts)) => {
                self.facts = facts;
                self.sight.regained();
            }
            (Task::WriteStatus, _) => self.report.written(now),
            (Task::AdmitResize, answer) => self.room_answered(now, answer),
            _ => {}
        }
    }

    fn task_failed(&mut self, now: Now, task: &Task, failure: &Failure) {
        let why = &failure.message;
        if task.changes_runtime() {
            self.sight.lost();
        }
        match task {
            Task::Prepare => {
                let message = format!("unable to ensure pod container exists: {why}");
                self.out.event(PodEvent::warning("FailedCreatePodContainer", message));
            }
            Task::SetUpVolume(_) => self.out.event(PodEvent::warning("FailedMount", why.clone())),
            Task::TearDownVolume(_) => self.out.event(PodEvent::warning("FailedUnMount", why.clone())),
            Task::RunSandbox(_) => self.sandbox_failed(why),
            Task::StopSandbox(id) => {
                let message = format!(
                    "error killing pod: failed to \"KillPodSandbox\" for \"{id}\" with KillPodSandboxError: {}",
                    ironclad_api::goprint::quote(why)
                );
                self.out.event(PodEvent::warning("FailedKillPod", message));
            }
            Task::WriteStatus => self.report.write_failed(),
            Task::ResizeCgroup => self.resize_failed(now, why),
            _ => {}
        }
    }
}
