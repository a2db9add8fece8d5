//! A pod that is meant to run.

use std::sync::Arc;

use super::decide::{self, Plan};
use super::jobs::{Next, Task};
use super::outbox::Purpose;
use super::{PodMachine, State};
use crate::effect::Action;
use crate::event::PodEvent;
use crate::now::Now;
use crate::sandbox::{self, SandboxConfig};
use crate::spec;
use crate::status::Verdict;

impl PodMachine {
    pub(super) fn advance_active(&mut self, now: Now) {
        self.check_deadline(now);
        if self.is_to_end() {
            self.begin_terminating(now);
            return;
        }
        self.refresh_volumes(now);
        let ready = self.make_place(now);
        if !self.sees(now) || self.jobs.under_way(|task| matches!(task, Task::RunSandbox(_))) {
            return;
        }
        let plan = decide::plan(&spec::of(&self.pod), &self.facts, self.prober.readouts());
        match plan {
            Plan::End => self.begin_terminating(now),
            Plan::Rebuild { attempt, replaces } => self.rebuild(now, attempt, replaces, ready),
            Plan::Keep { sandbox_id, kill, start } => {
                for kill in &kill {
                    let grace_s = self.grace_of(kill);
                    self.begin_stop(now, kill, grace_s, false);
                }
                self.advance_stops(now);
                self.advance_resize(now);
                self.advance_starts(now, &sandbox_id, &start, ready);
            }
        }
    }

    /// Deleted, evicted, or over according to what was written before a restart.
    fn is_to_end(&self) -> bool {
        let api = self.pod.status.as_ref().and_then(|s| s.phase.as_deref());
        self.gone
            || self.verdict.is_some()
            || self.pod.metadata.deletion_timestamp.is_some()
            || spec::is_terminal(api)
    }

    fn check_deadline(&mut self, now: Now) {
        const REASON: &str = "DeadlineExceeded";
        const MESSAGE: &str = "Pod was active on the node longer than the specified deadline";
        if self.deadline_at.is_some_and(|at| at <= now.mono) && self.verdict.is_none() {
            self.out.event(PodEvent::normal(REASON, MESSAGE));
            self.verdict = Some(Verdict { reason: REASON.to_owned(), message: MESSAGE.to_owned() });
        }
    }

    /// Directories, cgroup and volumes. Says whether all are there.
    fn make_place(&mut self, now: Now) -> bool {
        let cgroup = self.settings.cgroups.pod(&self.granted);
        let prepared = self.want(now, &Task::Prepare, || Action::Prepare { cgroup: Box::new(cgroup) });
        self.set_up_volumes(now) && prepared
    }

    /// Stops what is left of the old sandbox and runs a new one.
    fn rebuild(&mut self, now: Now, attempt: u32, replaces: bool, ready: bool) {
        let task = Task::RunSandbox(attempt);
        if replaces && !self.report.rebuild_announced(attempt) {
            let message = "Pod sandbox changed, it will be killed and re-created.";
            self.out.event(PodEvent::normal("SandboxChanged", message));
        }
        self.abandon_starts();
        if self.slots.values().any(|slot| slot.committed()) {
            return;
        }
        let grace_s = self.termination_grace();
        if !self.stop_all(now, grace_s) || !self.stop_sandboxes(now) || !ready {
            return;
        }
        if self.jobs.done(&task) {
            self.jobs.forget(&task);
        }
        if self.jobs.want(now.mono, &task) != Next::Begin {
            return;
        }
        match sandbox::build(&self.settings, &self.granted, attempt) {
            Ok(config) => {
                let action = Action::RunSandbox { config: Arc::new(config) };
                self.out.run(Purpose::Task(task), action);
            }
            Err(why) => {
                self.jobs.failed(now.mono, &task);
                self.sandbox_failed(&why);
            }
        }
    }

    pub(super) fn sandbox_failed(&mut self, why: &str) {
        let message = format!("Failed to create pod sandbox: {why}");
        self.out.event(PodEvent::warning("FailedCreatePodSandBox", message));
    }

    /// Stops every sandbox that is ready. Says whether none is.
    pub(super) fn stop_sandboxes(&mut self, now: Now) -> bool {
        let ready = self.facts.sandboxes.iter().filter(|s| s.ready);
        let ids: Vec<String> = ready.map(|s| s.id.clone()).collect();
        for id in &ids {
            let task = Task::StopSandbox(id.clone());
            if self.jobs.done(&task) {
                // It was stopped, and the runtime says it is ready: ask again.
                self.jobs.forget(&task);
            }
            self.want(now, &task, || Action::StopSandbox { id: id.clone() });
        }
        ids.is_empty()
    }

    /// The config of the sandbox that containers are created in.
    pub(super) fn sandbox_config(&self, sandbox_id: &str) -> Result<Arc<SandboxConfig>, String> {
        let sandbox = self.facts.sandboxes.iter().find(|s| s.id == sandbox_id);
        let attempt = sandbox.map_or(0, |s| s.attempt);
        sandbox::build(&self.settings, &self.granted, attempt).map(Arc::new)
    }

    pub(super) fn begin_terminating(&mut self, now: Now) {
        let _ = now;
        self.abandon_starts();
        self.state = State::Terminating { grace_s: self.termination_grace() };
    }
}
