//! SchedulingGates: a pod waits until others have removed its gates.
//!
//! The queue asks it before a pod is tried at all; see `queue`.

use crate::event::Event;
use crate::plugin::Plugin;
use crate::pod_info::PodInfo;

pub struct SchedulingGates;

impl SchedulingGates {
    /// Whether the pod may be tried.
    pub fn admits(pod: &PodInfo) -> bool {
        !pod.is_gated()
    }
}

impl Plugin for SchedulingGates {
    fn name(&self) -> &'static str {
        "SchedulingGates"
    }

    /// Only a change of the pod itself opens a gate.
    fn helps(&self, _pod: &PodInfo, _event: &Event<'_>) -> bool {
        false
    }
}
