//! The columns of `kubectl get pods`. Source: upstream's printer, which users read like a
//! language: `Init:0/1`, `CrashLoopBackOff`, `Completed`, `2 (5m ago)`.

use std::collections::HashSet;

use ironclad_api::Object;
use ironclad_api::time::human_age;
use ironclad_engine::Column;
use jiff::Timestamp;
use serde_json::Value;

use crate::columns::{NONE, age, name, text, timed, wide};

/// The node that the pod was on no longer answers.
const NODE_LOST: &str = "NodeLost";

pub(super) fn columns() -> Vec<Column> {
    let or_none = |value: &str| if value.is_empty() { NONE.to_owned() } else { value.to_owned() };
    let at = move |path: [&'static str; 2]| move |pod: &Object| or_none(pod.str_at(&path));
    vec![
        name(),
        text("Ready", |pod| Summary::of(pod).ready()),
        text("Status", |pod| Summary::of(pod).reason),
        timed("Restarts", |pod, now| Summary::of(pod).restarts(now)),
        age(),
        wide(text("IP", move |pod| or_none(first_ip(pod)))),
        wide(text("Node", at(["spec", "nodeName"]))),
        wide(text("Nominated Node", at(["status", "nominatedNodeName"]))),
        wide(text("Readiness Gates", readiness_gates)),
    ]
}

fn first_ip(pod: &Object) -> &str {
    let ip = pod.at(&["status", "podIPs"]).and_then(|ips| ips.get(0)?.get("ip")?.as_str());
    ip.unwrap_or_default()
}

fn readiness_gates(pod: &Object) -> String {
    let gates = list(pod, "spec", "readinessGates");
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let is_true = |gate: &&Value| {
        let mut of_type = list(pod, "status", "conditions").iter();
        let condition = of_type.find(|condition| condition["type"] == gate["conditionType"]);
        condition.is_some_and(|condition| condition["status"] == "True")
    };
    format!("{}/{}", gates.iter().filter(is_true).count(), gates.len())
}

/// Absent lists are empty ones.
fn list<'a>(pod: &'a Object, section: &str, field: &str) -> &'a [Value] {
    pod.at(&[section, field]).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn has_condition(pod: &Object, kind: &str) -> bool {
    let mut conditions = list(pod, "status", "conditions").iter();
    conditions.any(|condition| condition["type"] == kind && condition["status"] == "True")
}

/// What the first columns say.
struct Summary {
    ready: usize,
    containers: usize,
    reason: String,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

impl Summary {
    fn of(pod: &Object) -> Self {
        let mut summary = Self {
            ready: 0,
            containers: list(pod, "spec", "containers").len(),
            reason: overall(pod),
            restarts: 0,
            last_restart: None,
        };
        summary.containers += list(pod, "spec", "initContainers").iter().filter(|c| is_sidecar(c)).count();
        let sidecars = match summary.initialize(pod) {
            Initialization::Done(sidecars) => Some(sidecars),
            Initialization::Waiting(sidecars) => has_condition(pod, "Initialized").then_some(sidecars),
        };
        if let Some(sidecars) = sidecars {
            (summary.restarts, summary.last_restart) = (sidecars.count, sidecars.last);
            summary.run(pod);
        }
        summary.end(pod);
        summary
    }

    fn ready(&self) -> String {
        format!("{}/{}", self.ready, self.containers)
    }

    fn restarts(&self, now: Timestamp) -> String {
        match self.last_restart.filter(|_| self.restarts != 0) {
            Some(last) => format!("{} ({} ago)", self.restarts, human_age(last, now)),
            None => self.restarts.to_string(),
        }
    }

    fn count_restarts(&mut self, status: &Value) {
        let restarts = Restarts::of(status);
        self.restarts += restarts.count;
        self.last_restart = self.last_restart.max(restarts.last);
    }

    /// The init containers, up to the first that is not over.
    fn initialize(&mut self, pod: &Object) -> Initialization {
        let specs = list(pod, "spec", "initContainers");
        let names: HashSet<&Value> = specs.iter().filter(|c| is_sidecar(c)).map(|c| &c["name"]).collect();
        let mut sidecars = Restarts::default();
        for (index, status) in list(pod, "status", "initContainerStatuses").iter().enumerate() {
            self.count_restarts(status);
            let sidecar = names.contains(&status["name"]);
            if sidecar {
                sidecars.add(Restarts::of(status));
            }
            let state = State::of(status);
            if matches!(state, State::Terminated { exit_code: 0, .. }) {
                continue;
            }
            if sidecar && status["started"] == true {
                self.ready += usize::from(status["ready"] == true);
                continue;
            }
            self.reason = match state {
                State::Terminated { .. } => format!("Init:{}", state.ended_with()),
                State::Waiting(reason) if !reason.is_empty() && reason != "PodInitializing" => {
                    format!("Init:{reason}")
                }
                _ => format!("Init:{index}/{}", specs.len()),
            };
            return Initialization::Waiting(sidecars);
        }
        Initialization::Done(sidecars)
    }

    /// The containers, the first of them having the last word.
    fn run(&mut self, pod: &Object) {
        let mut running = false;
        let mut failure = None;
        for status in list(pod, "status", "containerStatuses").iter().rev() {
            self.count_restarts(status);
            match State::of(status) {
                State::Waiting(reason) if !reason.is_empty() => self.reason = reason.to_owned(),
                state @ State::Terminated { exit_code, .. } => {
                    self.reason = state.ended_with();
                    failure = (exit_code != 0).then(|| self.reason.clone()).or(failure);
                }
                State::Running if status["ready"] == true => {
                    running = true;
                    self.ready += 1;
                }
                _ => {}
            }
        }
        if self.reason == "Completed" {
            if running && has_condition(pod, "Ready") {
                self.reason = "Running".to_owned();
            } else if let Some(failure) = failure {
                self.reason = failure;
            } else if running {
                self.reason = "NotReady".to_owned();
            }
        }
    }

    fn end(&mut self, pod: &Object) {
        let finished = matches!(pod.str_at(&["status", "phase"]), "Succeeded" | "Failed");
        match pod.deletion_timestamp() {
            None => {}
            Some(_) if pod.str_at(&["status", "reason"]) == NODE_LOST => self.reason = "Unknown".to_owned(),
            Some(_) if !finished => self.reason = "Terminating".to_owned(),
            Some(_) => {}
        }
    }
}

enum Initialization {
    Done(Restarts),
    Waiting(Restarts),
}

#[derive(Default)]
struct Restarts {
    count: i64,
    last: Option<Timestamp>,
}

impl Restarts {
    fn of(status: &Value) -> Self {
        let last = status.pointer("/lastState/terminated/finishedAt").and_then(Value::as_str);
        Self {
            count: status["restartCount"].as_i64().unwrap_or(0),
            last: last.and_then(|text| text.parse().ok()),
        }
    }

    fn add(&mut self, more: Self) {
        self.count += more.count;
        self.last = self.last.max(more.last);
    }
}

#[derive(Clone, Copy)]
enum State<'a> {
    Waiting(&'a str),
    Running,
    Terminated { exit_code: i64, signal: i64, reason: &'a str },
    Unknown,
}

impl<'a> State<'a> {
    fn of(status: &'a Value) -> Self {
        let state = &status["state"];
        let reason = |of: &'a Value| of["reason"].as_str().unwrap_or_default();
        let number = |of: &'a Value, field: &str| of[field].as_i64().unwrap_or(0);
        if let Some(waiting) = state.get("waiting").filter(|waiting| !reason(waiting).is_empty()) {
            return Self::Waiting(reason(waiting));
        }
        if let Some(ended) = state.get("terminated") {
            let (exit_code, signal) = (number(ended, "exitCode"), number(ended, "signal"));
            return Self::Terminated { exit_code, signal, reason: reason(ended) };
        }
        if state.get("running").is_some() { Self::Running } else { Self::Unknown }
    }

    fn ended_with(self) -> String {
        match self {
            Self::Terminated { reason, .. } if !reason.is_empty() => reason.to_owned(),
            Self::Terminated { signal, .. } if signal != 0 => format!("Signal:{signal}"),
            Self::Terminated { exit_code, .. } => format!("ExitCode:{exit_code}"),
            Self::Waiting(_) | Self::Running | Self::Unknown => String::new(),
        }
    }
}

fn is_sidecar(container: &Value) -> bool {
    container["restartPolicy"] == "Always"
}

/// What the pod says of itself as a whole.
fn overall(pod: &Object) -> String {
    let gated =
        |condition: &Value| condition["type"] == "PodScheduled" && condition["reason"] == "SchedulingGated";
    if list(pod, "status", "conditions").iter().any(gated) {
        return "SchedulingGated".to_owned();
    }
    match pod.str_at(&["status", "reason"]) {
        "" => pod.str_at(&["status", "phase"]).to_owned(),
        reason => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
