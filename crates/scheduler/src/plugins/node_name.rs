//! NodeName: a pod that names its node goes nowhere else.

use crate::event::Event;
use crate::node_info::NodeInfo;
use crate::plugin::{Plugin, Prepared, Rejection, check_nodes};
use crate::pod_info::PodInfo;
use crate::world::World;

pub struct NodeName;

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: World<'a>) -> Prepared<'a> {
        let wanted = pod.node_name();
        if wanted.is_empty() {
            return Prepared::Skip;
        }
        Prepared::Filter(check_nodes(move |node: &NodeInfo| match node.name == wanted {
            true => Ok(()),
            false => Err(Rejection::for_good("node(s) didn't match the requested node name")),
        }))
    }

    fn helps(&self, _: &PodInfo, event: &Event<'_>) -> bool {
        matches!(event, Event::NodeAdded(_))
    }
}
