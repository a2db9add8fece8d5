//! TaintToleration: nodes keep pods away by taints that those do not tolerate, and prefer
//! not to have some.

use k8s_openapi::api::core::v1::Toleration;

use crate::event::Event;
use crate::node_info::NodeInfo;
use crate::plugin::{Plugin, Prepared, Rejection, Score, Verdict, check_nodes, scale_to_highest};
use crate::pod_info::PodInfo;
use crate::taints::{tolerated, untolerated};
use crate::world::World;

pub struct TaintToleration;

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn weight(&self) -> i64 {
        3
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: World<'a>) -> Prepared<'a> {
        Prepared::Filter(check_nodes(|node: &NodeInfo| check(pod, node)))
    }

    /// Upstream scores nodes without such taints too; the result is the same for all of them.
    fn score<'a>(&self, pod: &'a PodInfo, _: World<'a>, _: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        let soft = |toleration: &&Toleration| {
            matches!(toleration.effect.as_deref(), None | Some("" | "PreferNoSchedule"))
        };
        let tolerations = pod.tolerations().iter().filter(soft).cloned().collect();
        Some(Box::new(Untolerated { tolerations }))
    }

    fn helps(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        event.opens_node(|node| check(pod, node).is_ok())
    }
}

fn check(pod: &PodInfo, node: &NodeInfo) -> Verdict {
    match untolerated(node.taints(), pod.tolerations()) {
        Some(_) => Err(Rejection::for_good("node(s) had untolerated taint(s)")),
        None => Ok(()),
    }
}

/// Counts the `PreferNoSchedule` taints that the pod does not tolerate; the fewer, the better.
struct Untolerated {
    tolerations: Vec<Toleration>,
}

impl Score for Untolerated {
    fn score(&self, node: &NodeInfo) -> i64 {
        let soft = node.taints().iter().filter(|taint| taint.effect == "PreferNoSchedule");
        let count = soft.filter(|taint| !tolerated(&self.tolerations, taint)).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    fn normalize(&self, _: &[&NodeInfo], scores: &mut [i64]) {
        scale_to_highest(scores, true);
    }
}
