//! The conditions of a pod that its node owns.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition, PodSpec, PodStatus};

use super::{View, seconds};
use crate::pod::decide;
use crate::spec;

/// The condition types that the node writes; all others are left alone.
const OWNED: [&str; 7] = [
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
    "PodResizeInProgress",
    "PodResizePending",
];

/// Whether the node alone writes that condition.
pub fn owned(kind: &str) -> bool {
    OWNED.contains(&kind)
}

/// All conditions: others' first, then the node's own.
pub(super) fn all(view: &View<'_>, spec: &PodSpec, status: &PodStatus, now: Timestamp) -> Vec<PodCondition> {
    let api = view.pod.status.as_ref().and_then(|s| s.conditions.as_deref()).unwrap_or_default();
    let mut list: Vec<PodCondition> = api.iter().filter(|c| !owned(&c.type_)).cloned().collect();
    for condition in view.conditions {
        list.retain(|c| c.type_ != condition.type_);
        list.push(condition.clone());
    }
    let verdicts = [
        ("PodReadyToStartContainers", Verdict::plain(sandbox_stands(view))),
        ("Initialized", initialized(spec, status)),
        ("Ready", ready(spec, status, &list)),
        ("ContainersReady", containers_ready(spec, status)),
        ("PodScheduled", Verdict::plain(true)),
    ];
    for (kind, verdict) in verdicts {
        list.push(verdict.condition(kind, view, now));
    }
    list
}

/// What a condition says, without its times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Verdict {
    holds: bool,
    reason: &'static str,
    message: String,
}

impl Verdict {
    fn plain(holds: bool) -> Self {
        Self { holds, ..Default::default() }
    }

    fn no(reason: &'static str, message: String) -> Self {
        Self { holds: false, reason, message }
    }

    fn condition(self, kind: &str, view: &View<'_>, now: Timestamp) -> PodCondition {
        let status = if self.holds { "True" } else { "False" };
        let old = view.previous.conditions.iter().flatten().find(|c| c.type_ == kind);
        let kept = old.filter(|old| old.status == status).and_then(|old| old.last_transition_time.clone());
        PodCondition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: Some(self.reason.to_owned()).filter(|r| !r.is_empty()),
            message: Some(self.message).filter(|m| !m.is_empty()),
            observed_generation: view.generation,
            last_transition_time: Some(kept.unwrap_or_else(|| seconds(now))),
            last_probe_time: None,
        }
    }
}

/// Whether the sandbox, with its network, is there.
fn sandbox_stands(view: &View<'_>) -> bool {
    matches!(decide::sandbox(&spec::of(view.pod), view.facts), decide::Sandbox::Keep(_))
}

fn initialized(spec: &PodSpec, status: &PodStatus) -> Verdict {
    let init = spec::init_containers(spec);
    let statuses = status.init_container_statuses.as_deref().unwrap_or_default();
    let unknown = names(init.iter().filter(|c| find(statuses, &c.name).is_none()).map(|c| &c.name));
    let incomplete = names(init.iter().filter_map(|c| {
        let status = find(statuses, &c.name)?;
        let done = if spec::is_sidecar(c) { status.started == Some(true) } else { status.ready };
        (!done).then_some(&c.name)
    }));
    if status.phase.as_deref() == Some("Succeeded") && unknown.is_empty() {
        return Verdict { holds: true, reason: "PodCompleted", message: String::new() };
    }
    let main = status.container_statuses.as_deref().unwrap_or_default();
    let begun =
        main.iter().any(|s| s.state.as_ref().is_some_and(|s| s.running.is_some() || s.terminated.is_some()));
    if begun {
        return Verdict::plain(true);
    }
    let message = missing(&unknown, &incomplete, "incomplete");
    if message.is_empty() { Verdict::plain(true) } else { Verdict::no("ContainersNotInitialized", message) }
}

fn containers_ready(spec: &PodSpec, status: &PodStatus) -> Verdict {
    let init = status.init_container_statuses.as_deref().unwrap_or_default();
    let main = status.container_statuses.as_deref().unwrap_or_default();
    let sidecars = spec::init_containers(spec).iter().filter(|c| spec::is_sidecar(c));
    let counted = sidecars.map(|c| (c, init)).chain(spec.containers.iter().map(|c| (c, main)));
    let (mut unknown, mut unready) = (Vec::new(), Vec::new());
    for (container, statuses) in counted {
        match find(statuses, &container.name) {
            None => unknown.push(container.name.as_str()),
            Some(status) if !status.ready => unready.push(container.name.as_str()),
            Some(_) => {}
        }
    }
    match status.phase.as_deref() {
        Some("Succeeded") if unknown.is_empty() => Verdict::no("PodCompleted", String::new()),
        Some("Failed") => Verdict::no("PodFailed", String::new()),
        _ => {
            let message = missing(&unknown, &unready, "unready");
            if message.is_empty() { Verdict::plain(true) } else { Verdict::no("ContainersNotReady", message) }
        }
    }
}

/// Ready: every container, and every readiness gate (KEP-580).
fn ready(spec: &PodSpec, status: &PodStatus, conditions: &[PodCondition]) -> Verdict {
    let containers = containers_ready(spec, status);
    if !containers.holds {
        return containers;
    }
    let closed = spec.readiness_gates.iter().flatten().filter_map(|gate| {
        let kind = &gate.condition_type;
        match conditions.iter().find(|c| c.type_ == *kind) {
            None => Some(format!("corresponding condition of pod readiness gate \"{kind}\" does not exist.")),
            Some(c) if c.status != "True" => {
                Some(format!("the status of pod readiness gate \"{kind}\" is not \"True\", but {}", c.status))
            }
            Some(_) => None,
        }
    });
    let message = closed.collect::<Vec<_>>().join(", ");
    if message.is_empty() { Verdict::plain(true) } else { Verdict::no("ReadinessGatesNotReady", message) }
}

fn find<'a>(statuses: &'a [ContainerStatus], name: &str) -> Option<&'a ContainerStatus> {
    statuses.iter().find(|s| s.name == name)
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    names.map(String::as_str).collect()
}

/// `containers with unknown status: [a b], containers with unready status: [c]`
fn missing(unknown: &[&str], lacking: &[&str], word: &str) -> String {
    let lists = [("unknown", unknown), (word, lacking)];
    let parts = lists.iter().filter(|(_, names)| !names.is_empty());
    parts
        .map(|(word, names)| format!("containers with {word} status: [{}]", names.join(" ")))
        .collect::<Vec<_>>()
        .join(", ")
}
