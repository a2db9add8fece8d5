//! PodTopologySpread: pods of one sort spread over zones, nodes, or whatever a node label names.
//!
//! Constraints that must hold are a filter ([`hard`]), the others a score ([`soft`]). A pod
//! without any gets the system's own: over nodes and zones, softly, for the pods of its
//! services and its owner.
//!
//! Source: <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/>.

mod constraint;
mod hard;
mod soft;

use crate::event::Event;
use crate::node_info::NodeInfo;
use crate::plugin::{Plugin, Prepared, Score};
use crate::pod_info::PodInfo;
use crate::world::World;
use constraint::Constraint;

pub struct PodTopologySpread;

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn filter<'a>(&self, pod: &'a PodInfo, world: World<'a>) -> Prepared<'a> {
        let constraints = Constraint::of_pod(pod, "DoNotSchedule");
        if constraints.is_empty() {
            return Prepared::Skip;
        }
        Prepared::Filter(Box::new(hard::Skews::new(pod, constraints, world)))
    }

    fn score<'a>(
        &self,
        pod: &'a PodInfo,
        world: World<'a>,
        feasible: &[&NodeInfo],
    ) -> Option<Box<dyn Score + 'a>> {
        let own = !pod.wishes.spread.is_empty();
        let constraints = match own {
            true => Constraint::of_pod(pod, "ScheduleAnyway"),
            false => constraint::system_defaults(pod, world),
        };
        if constraints.is_empty() {
            return None;
        }
        Some(Box::new(soft::Spread::new(pod, constraints, own, world, feasible)))
    }

    fn helps(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        let constraints = Constraint::of_pod(pod, "DoNotSchedule");
        let counted = |other: &PodInfo| {
            other.namespace() == pod.namespace()
                && constraints.iter().any(|c| c.selector.matches(other.labels()))
        };
        event.is_topology() || event.is_pod(counted)
    }
}
