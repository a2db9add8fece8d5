//! Writing the pod's status.

use std::time::Duration;

use k8s_openapi::api::core::v1::PodStatus;

use super::jobs::Task;
use super::{PodMachine, State};
use crate::effect::Action;
use crate::now::Now;
use crate::spec;
use crate::status::{self, View};

/// How long a status that someone else has changed is left before it is set right: longer than a write of
/// ours takes to come back through a watch.
const SETTLE: Duration = Duration::from_secs(10);

/// What has been rendered, and what of it the API has.
#[derive(Clone, Debug)]
pub(super) struct Report {
    /// What is true of the pod, before the rule that a terminal phase waits for its containers.
    rendered: PodStatus,
    /// What was last sent.
    sent: Option<PodStatus>,
    /// Whether what was sent last has been written.
    acknowledged: bool,
    /// Whether it was the last that there is to say.
    sent_is_final: bool,
    /// When to compare what the API has with what was sent.
    compare_at: Option<Duration>,
    /// The sandbox attempt whose making has been announced.
    rebuild: Option<u32>,
}

impl Report {
    pub(super) fn new(previous: PodStatus) -> Self {
        Self {
            rendered: previous,
            sent: None,
            acknowledged: false,
            sent_is_final: false,
            compare_at: None,
            rebuild: None,
        }
    }

    pub(super) fn rendered(&self) -> &PodStatus {
        &self.rendered
    }

    pub(super) fn written(&mut self, now: Now) {
        self.acknowledged = true;
        self.compare_at = Some(now.mono + SETTLE);
    }

    /// The job retries with whatever is true then.
    pub(super) fn write_failed(&mut self) {
        self.sent = None;
    }

    pub(super) fn api_changed(&mut self, now: Now) {
        self.compare_at.get_or_insert(now.mono + SETTLE);
    }

    pub(super) fn final_is_written(&self) -> bool {
        self.sent_is_final && self.acknowledged
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.compare_at
    }

    /// Whether a rebuild of the sandbox has been announced; notes that it has.
    pub(super) fn rebuild_announced(&mut self, attempt: u32) -> bool {
        self.rebuild.replace(attempt) == Some(attempt)
    }
}

impl PodMachine {
    /// Renders the status, and writes it if the API does not have it. One write is under way at a time.
    pub(super) fn write_status(&mut self, now: Now) {
        if self.gone || matches!(self.state, State::Removing | State::Removed) {
            return;
        }
        let rendered = self.render(now);
        self.report.rendered = rendered;
        if self.deadline_at.is_none() {
            self.note_deadline(now);
        }
        let status = self.to_send();
        let is_final = self.state == State::Finished;
        let same = self.report.sent.as_ref() == Some(&status) && self.report.sent_is_final == is_final;
        let drifted = self.has_drifted(now, &status);
        if same && !drifted {
            return;
        }
        if self.jobs.done(&Task::WriteStatus) {
            self.jobs.forget(&Task::WriteStatus);
        }
        let first = self.report.sent.is_none() && !is_final;
        let api = self.pod.status.as_ref();
        if first
            && !self.jobs.known(&Task::WriteStatus)
            && api.is_some_and(|api| status::patch::agrees(api, &status))
        {
            // After a restart of the agent nothing has changed, so there is nothing to write.
            self.report.sent = Some(status);
            self.report.acknowledged = true;
            return;
        }
        let action = Action::WriteStatus { status: Box::new(status.clone()) };
        if self.jobs.want(now.mono, &Task::WriteStatus) == super::jobs::Next::Begin {
            self.out.run(super::outbox::Purpose::Task(Task::WriteStatus), action);
            self.report.sent = Some(status);
            self.report.sent_is_final = is_final;
            self.report.acknowledged = false;
            self.report.compare_at = None;
        }
    }

    fn render(&self, now: Now) -> PodStatus {
        if self.rejected {
            return self.render_rejected(now);
        }
        let mut conditions = self.resize.conditions();
        conditions.extend(self.disruption.clone());
        let view = View {
            settings: &self.settings,
            pod: &self.pod,
            generation: self.observed_generation(),
            granted: &self.granted,
            facts: &self.facts,
            previous: &self.report.rendered,
            waiting: &self.waiting,
            probes: self.prober.readouts(),
            resources: &self.resources,
            conditions: &conditions,
            stopped: matches!(self.state, State::Cleaning | State::Finished),
            verdict: self.verdict.as_ref(),
        };
        let status = status::render(&view, now.wall);
        match self.state {
            State::Finished => status::finish(status, &spec::of(&self.pod)),
            _ => status,
        }
    }

    /// A pod that was not taken has no containers to speak of.
    fn render_rejected(&self, now: Now) -> PodStatus {
        let verdict = self.verdict.clone();
        let mut status = self.pod.status.clone().unwrap_or_default();
        status.phase = Some("Failed".to_owned());
        status.reason = verdict.as_ref().map(|v| v.reason.clone());
        status.message = verdict.map(|v| v.message);
        status.observed_generation = self.pod.metadata.generation;
        status.qos_class = Some(crate::qos::class(&self.pod).as_str().to_owned());
        status.start_time.get_or_insert_with(|| status::seconds(now.wall));
        status
    }

    /// A terminal phase frees what the pod held, so it is not told before nothing runs any more.
    fn to_send(&self) -> PodStatus {
        let mut status = self.report.rendered.clone();
        let api = self.pod.status.as_ref();
        let over = matches!(self.state, State::Cleaning | State::Finished);
        let known = api.is_some_and(|api| spec::is_terminal(api.phase.as_deref()));
        if spec::is_terminal(status.phase.as_deref()) && !over && !known {
            let told = self.report.sent.as_ref().or(api);
            status.phase = told.and_then(|s| s.phase.clone()).or_else(|| Some("Pending".to_owned()));
            status.reason = told.and_then(|s| s.reason.clone());
            status.message = told.and_then(|s| s.message.clone());
            for condition in status.conditions.iter_mut().flatten() {
                if condition.type_ == "DisruptionTarget" && self.disruption.is_some() {
                    condition.type_ = String::new();
                }
            }
            if let Some(conditions) = &mut status.conditions {
                conditions.retain(|c| !c.type_.is_empty());
            }
        }
        status
    }

    /// Whether the API has something else than what was written, and has had time to settle.
    fn has_drifted(&mut self, now: Now, status: &PodStatus) -> bool {
        let due = self.report.compare_at.is_some_and(|at| at <= now.mono);
        if !due || !self.report.acknowledged {
            return false;
        }
        self.report.compare_at = None;
        self.pod.status.as_ref().is_none_or(|api| !status::patch::agrees(api, status))
    }
}
