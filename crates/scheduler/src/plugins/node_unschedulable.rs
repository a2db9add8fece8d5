//! NodeUnschedulable: cordoned nodes take only pods that tolerate it.

use k8s_openapi::api::core::v1::Taint;

use crate::event::Event;
use crate::node_info::NodeInfo;
use crate::plugin::{Plugin, Prepared, Rejection, check_nodes};
use crate::pod_info::PodInfo;
use crate::taints::tolerated;
use crate::world::World;

const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

pub struct NodeUnschedulable;

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: World<'a>) -> Prepared<'a> {
        if tolerates(pod) {
            return Prepared::Skip;
        }
        Prepared::Filter(check_nodes(|node: &NodeInfo| match node.is_unschedulable() {
            true => Err(Rejection::for_good("node(s) were unschedulable")),
            false => Ok(()),
        }))
    }

    fn helps(&self, _: &PodInfo, event: &Event<'_>) -> bool {
        event.opens_node(|node| !node.is_unschedulable())
    }
}

fn tolerates(pod: &PodInfo) -> bool {
    let taint = Taint { key: UNSCHEDULABLE.into(), effect: "NoSchedule".into(), ..Taint::default() };
    tolerated(pod.tolerations(), &taint)
}
