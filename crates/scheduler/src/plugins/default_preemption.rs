//! DefaultPreemption: makes room for a pod by evicting less important ones.
//!
//! The work is in `preemption`; here is what the queue asks.

use crate::event::Event;
use crate::plugin::Plugin;
use crate::pod_info::PodInfo;

pub struct DefaultPreemption;

impl Plugin for DefaultPreemption {
    fn name(&self) -> &'static str {
        "DefaultPreemption"
    }

    /// The plugins that turned the pod away know when the victims have left.
    fn helps(&self, _pod: &PodInfo, _event: &Event<'_>) -> bool {
        false
    }
}
