//! Making room: which less important pods to evict, and on which node.
//!
//! Source: <https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/>.

mod candidates;
mod victims;

use std::sync::Arc;

use crate::decide::{Draw, Filters, Unfit};
use crate::message;
use crate::plugin::Rejection;
use crate::pod_info::{DISRUPTED, PodInfo};
use crate::world::World;

/// The reason in the condition of a victim.
pub const PREEMPTION_BY_SCHEDULER: &str = "PreemptionByScheduler";

/// The node to make room on, and who goes. The most important victim is first.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub node: String,
    pub victims: Vec<Arc<PodInfo>>,
    /// How many victims a disruption budget protects.
    pub violations: usize,
}

/// What became of the attempt.
#[derive(Clone, Debug)]
pub enum Preemption {
    Evict(Candidate),
    /// Nothing to do but wait. `keep_nomination`: room is being made already.
    Hopeless {
        message: String,
        keep_nomination: bool,
    },
}

/// Looks for the node where evicting the fewest and least important pods lets `pod` in.
pub fn preempt(pod: &PodInfo, world: World<'_>, unfit: &Unfit, draw: Draw<'_>) -> Preemption {
    if let Err(why) = eligible(pod, world, unfit) {
        return Preemption::Hopeless { message: format!("preemption: {why}"), keep_nomination: true };
    }
    let found = match Filters::prepare(pod, world) {
        Ok(filters) => candidates::find(pod, world, &filters, unfit, draw),
        Err(_) => candidates::Found::default(),
    };
    match candidates::choose(found.candidates) {
        Some(candidate) => Preemption::Evict(candidate),
        None => {
            let nowhere = Unfit {
                all_nodes: world.snapshot.len(),
                by_node: found.rejections,
                others: Some(Rejection::for_good("Preemption is not helpful for scheduling")),
                ..Unfit::default()
            };
            let message = format!("preemption: {}", message::unfit(&nowhere, ""));
            Preemption::Hopeless { message, keep_nomination: false }
        }
    }
}

/// A pod may say never; and while the pods that it had evicted are leaving, it waits for them.
fn eligible(pod: &PodInfo, world: World<'_>, unfit: &Unfit) -> Result<(), &'static str> {
    if pod.never_preempts {
        return Err("not eligible due to preemptionPolicy=Never.");
    }
    let nominated = world.snapshot.nomination(&pod.key).unwrap_or(pod.nominated_node());
    let hopeless_there = unfit.by_node.get(nominated).is_some_and(|rejection| !rejection.resolvable);
    let Some(node) = world.snapshot.node(nominated).filter(|_| !hopeless_there) else { return Ok(()) };
    match node.pods.iter().any(|other| other.priority < pod.priority && leaves_by_preemption(other)) {
        true => Err("not eligible due to a terminating pod on the nominated node."),
        false => Ok(()),
    }
}

fn leaves_by_preemption(pod: &PodInfo) -> bool {
    let target = pod.condition(DISRUPTED);
    pod.is_deleting()
        && target.is_some_and(|c| c.status == "True" && c.reason.as_deref() == Some(PREEMPTION_BY_SCHEDULER))
}

#[cfg(test)]
mod tests;
