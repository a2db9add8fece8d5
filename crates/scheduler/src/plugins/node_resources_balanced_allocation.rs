//! NodeResourcesBalancedAllocation: best is where CPU and memory are used alike afterwards.

use crate::amounts::Amounts;
use crate::node_info::NodeInfo;
use crate::plugin::{MAX_SCORE, Plugin, Score};
use crate::pod_info::PodInfo;
use crate::world::World;

pub struct NodeResourcesBalancedAllocation;

impl Plugin for NodeResourcesBalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    fn weight(&self) -> i64 {
        1
    }

    /// A pod that asks for neither changes no balance.
    fn score<'a>(&self, pod: &'a PodInfo, _: World<'a>, _: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        let asks = pod.requests.milli_cpu != 0 || pod.requests.memory != 0;
        asks.then(|| Box::new(Balance { pod: &pod.requests }) as Box<dyn Score>)
    }
}

struct Balance<'a> {
    pod: &'a Amounts,
}

impl Score for Balance<'_> {
    /// How much the pod improves the balance: 75 if it does not matter, between 50 and 100.
    fn score(&self, node: &NodeInfo) -> i64 {
        let mut after = Amounts { scalar: Default::default(), ..node.requested.clone() };
        after.add(self.pod);
        let (with, without) =
            (balance(&after, &node.allocatable), balance(&node.requested, &node.allocatable));
        MAX_SCORE / 2 + (MAX_SCORE / 2 + with - without) / 2
    }
}

/// 100 when both are used alike, 50 when one is full and the other empty.
fn balance(used: &Amounts, capacity: &Amounts) -> i64 {
    let fraction = |used: i64, capacity: i64| (used as f64 / capacity as f64).min(1.0);
    let deviation = match (capacity.milli_cpu, capacity.memory) {
        (0, _) | (_, 0) => 0.0,
        (cpu, memory) => ((fraction(used.milli_cpu, cpu) - fraction(used.memory, memory)) / 2.0).abs(),
    };
    ((1.0 - deviation) * MAX_SCORE as f64) as i64
}
