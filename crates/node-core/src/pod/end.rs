//! A pod that ends: stop, clean, report, remove.

use super::jobs::Task;
use super::stop::pod_grace;
use super::{PodMachine, State};
use crate::effect::Action;
use crate::now::Now;
use crate::spec;

/// A pod that ends always gets this much, seconds.
const MIN_GRACE_S: i64 = 1;

impl PodMachine {
    /// How long the pod has to end, seconds: what the deletion says, shorter if an eviction wants it, or
    /// else what the spec says.
    pub(super) fn termination_grace(&self) -> i64 {
        let deletion = self.pod.metadata.deletion_grace_period_seconds;
        let demanded = [deletion, self.evicted_grace_s].into_iter().flatten().min();
        demanded.or_else(|| pod_grace(&spec::of(&self.pod))).unwrap_or(0).max(MIN_GRACE_S)
    }

    pub(super) fn advance_terminating(&mut self, now: Now, grace_s: i64) {
        let demanded = self.termination_grace().min(grace_s);
        if demanded < grace_s {
            self.shorten_stops(now, demanded);
            self.state = State::Terminating { grace_s: demanded };
        }
        if self.slots.values().any(|slot| slot.committed())
            || self.jobs.under_way(|task| matches!(task, Task::RunSandbox(_)))
        {
            return;
        }
        if self.sees(now) && self.stop_all(now, demanded) && self.stop_sandboxes(now) {
            self.state = State::Cleaning;
        }
    }

    pub(super) fn advance_cleaning(&mut self, now: Now) {
        if !self.tear_down_volumes(now) || self.jobs.under_way(|task| *task == Task::Prepare) {
            return;
        }
        let cgroup_path = self.settings.cgroups.pod_path(&self.pod);
        if self.want(now, &Task::Unprepare, || Action::Unprepare { cgroup_path }) {
            self.state = State::Finished;
        }
    }

    pub(super) fn advance_finished(&mut self, now: Now) {
        if self.gone {
            self.state = State::Removing;
        } else if self.pod.metadata.deletion_timestamp.is_some() && self.report.final_is_written() {
            self.want(now, &Task::DeletePod, || Action::DeletePod);
        }
    }

    /// Removes what the runtime has left; its answers take it out of the facts.
    pub(super) fn advance_removing(&mut self, now: Now) {
        if !self.sees(now) {
            return;
        }
        let sandboxes: Vec<String> = self.facts.sandboxes.iter().map(|s| s.id.clone()).collect();
        for id in &sandboxes {
            let task = Task::RemoveSandbox(id.clone());
            self.want(now, &task, || Action::RemoveSandbox { id: id.clone() });
        }
        if !sandboxes.is_empty() {
            return;
        }
        let containers: Vec<String> = self.facts.containers.iter().map(|c| c.id.clone()).collect();
        for id in &containers {
            let task = Task::RemoveContainer(id.clone());
            self.want(now, &task, || Action::RemoveContainer { id: id.clone(), keep_log: false });
        }
        if containers.is_empty() {
            self.state = State::Removed;
            self.out.removed();
        }
    }
}
