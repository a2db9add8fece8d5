//! The plugins: one file each, and the list of them in the order in which they judge.

mod default_preemption;
mod image_locality;
mod inter_pod_affinity;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_balanced_allocation;
mod node_resources_fit;
mod node_unschedulable;
mod pod_topology_spread;
pub mod priority_sort;
mod scheduling_gates;
mod taint_toleration;

use crate::plugin::Plugin;

pub use default_preemption::DefaultPreemption;
pub use scheduling_gates::SchedulingGates;

/// Upstream's default plugins, its order and weights, but those for volumes and dynamic resources.
pub const ALL: &[&dyn Plugin] = &[
    &SchedulingGates,
    &node_unschedulable::NodeUnschedulable,
    &node_name::NodeName,
    &taint_toleration::TaintToleration,
    &node_affinity::NodeAffinity,
    &node_ports::NodePorts,
    &node_resources_fit::NodeResourcesFit,
    &pod_topology_spread::PodTopologySpread,
    &inter_pod_affinity::InterPodAffinity,
    &DefaultPreemption,
    &node_resources_balanced_allocation::NodeResourcesBalancedAllocation,
    &image_locality::ImageLocality,
];

/// The plugin of that name.
pub fn named(name: &str) -> Option<&'static dyn Plugin> {
    ALL.iter().copied().find(|plugin| plugin.name() == name)
}

#[cfg(test)]
mod tests;
