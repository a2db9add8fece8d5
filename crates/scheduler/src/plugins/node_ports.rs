//! NodePorts: a host port can be bound once per node.

use crate::event::Event;
use crate::node_info::NodeInfo;
use crate::plugin::{Plugin, Prepared, Rejection, check_nodes};
use crate::pod_info::PodInfo;
use crate::world::World;

pub struct NodePorts;

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: World<'a>) -> Prepared<'a> {
        if pod.ports.is_empty() {
            return Prepared::Skip;
        }
        Prepared::Filter(check_nodes(|node: &NodeInfo| match node.used_ports.are_free(&pod.ports) {
            true => Ok(()),
            false => Err(Rejection::resolvable("node(s) didn't have free ports for the requested pod ports")),
        }))
    }

    fn helps(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        match event {
            Event::NodeAdded(_) => true,
            Event::PodGone { pod: gone, .. } => {
                gone.ports.iter().any(|used| pod.ports.iter().any(|wanted| wanted.conflicts(used)))
            }
            _ => false,
        }
    }
}
