//! How the node is: short of something, ready or not.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{NodeCondition, NodeStatus};

use super::NodeView;
use crate::event::PodEvent;
use crate::resources::TextResources;
use crate::status::seconds;

/// The words of one kind of pressure.
struct Words {
    kind: &'static str,
    /// As reasons end: `KubeletHasSufficientMemory`.
    name: &'static str,
    yes: &'static str,
    no: &'static str,
}

const MEMORY: Words = Words {
    kind: "MemoryPressure",
    name: "Memory",
    yes: "kubelet has insufficient memory available",
    no: "kubelet has sufficient memory available",
};
const DISK: Words = Words {
    kind: "DiskPressure",
    name: "Disk",
    yes: "kubelet has disk pressure",
    no: "kubelet has no disk pressure",
};
const PID: Words = Words {
    kind: "PIDPressure",
    name: "PID",
    yes: "kubelet has insufficient PID available",
    no: "kubelet has sufficient PID available",
};

/// The conditions, others' first and Ready last, and an event for each that changed.
pub(super) fn render(
    view: &NodeView<'_>,
    previous: &NodeStatus,
    capacity: &TextResources,
    now: Timestamp,
) -> (Vec<NodeCondition>, Vec<PodEvent>) {
    let own = [
        pressure(&MEMORY, view.pressure.memory),
        pressure(&DISK, view.pressure.disk),
        pressure(&PID, view.pressure.pid),
        ready(view, capacity),
    ];
    let before = previous.conditions.as_deref().unwrap_or_default();
    let foreign = before.iter().filter(|c| own.iter().all(|(o, _)| o.type_ != c.type_));
    let mut conditions: Vec<NodeCondition> = foreign.cloned().collect();
    let mut events = Vec::new();
    for (mut condition, event) in own {
        let old = before.iter().find(|c| c.type_ == condition.type_);
        let changed = old.is_none_or(|old| old.status != condition.status);
        let kept = old.and_then(|old| old.last_transition_time.clone()).filter(|_| !changed);
        condition.last_transition_time = Some(kept.unwrap_or_else(|| seconds(now)));
        condition.last_heartbeat_time = Some(seconds(now));
        // Readiness is announced only when it changes; pressure also when it is first looked at.
        if changed && (condition.type_ != "Ready" || old.is_some()) {
            let message = format!("Node {} status is now: {event}", view.name);
            events.push(PodEvent::normal(event, message));
        }
        conditions.push(condition);
    }
    (conditions, events)
}

fn condition(kind: &str, holds: bool, reason: String, message: String) -> NodeCondition {
    NodeCondition {
        type_: kind.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: Some(reason),
        message: Some(message),
        last_heartbeat_time: None,
        last_transition_time: None,
    }
}

/// The condition, and the reason of the event that its change deserves.
fn pressure(words: &Words, holds: bool) -> (NodeCondition, String) {
    let name = match (words.kind, holds) {
        ("DiskPressure", true) => "DiskPressure".to_owned(),
        ("DiskPressure", false) => "NoDiskPressure".to_owned(),
        (_, true) => format!("Insufficient{}", words.name),
        (_, false) => format!("Sufficient{}", words.name),
    };
    let message = if holds { words.yes } else { words.no };
    let condition = condition(words.kind, holds, format!("KubeletHas{name}"), message.to_owned());
    (condition, format!("NodeHas{name}"))
}

fn ready(view: &NodeView<'_>, capacity: &TextResources) -> (NodeCondition, String) {
    let mut troubles = view.troubles.to_vec();
    let needed = ["cpu", "memory", "pods", "ephemeral-storage"];
    let missing: Vec<&str> = needed.into_iter().filter(|name| !capacity.contains_key(*name)).collect();
    if !missing.is_empty() {
        troubles.push(format!("missing node capacity for resources: {}", missing.join(", ")));
    }
    match troubles.as_slice() {
        [] => (
            condition("Ready", true, "KubeletReady".to_owned(), "kubelet is posting ready status".to_owned()),
            "NodeReady".to_owned(),
        ),
        troubles => {
            let message = match troubles {
                [one] => one.clone(),
                many => format!("[{}]", many.join(", ")),
            };
            let condition = condition("Ready", false, "KubeletNotReady".to_owned(), message);
            (condition, "NodeNotReady".to_owned())
        }
    }
}
