//! NodeResourcesFit: a node has room for what a pod asks; the emptiest node is best
//! (`LeastAllocated` over CPU and memory).

use std::borrow::Cow;

use crate::amounts::Amounts;
use crate::event::Event;
use crate::node_info::NodeInfo;
use crate::plugin::{MAX_SCORE, Plugin, Prepared, Rejection, Score, Verdict, check_nodes};
use crate::pod_info::PodInfo;
use crate::world::World;

pub struct NodeResourcesFit;

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn weight(&self) -> i64 {
        1
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: World<'a>) -> Prepared<'a> {
        Prepared::Filter(check_nodes(|node: &NodeInfo| check(pod, node)))
    }

    fn score<'a>(&self, pod: &'a PodInfo, _: World<'a>, _: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        Some(Box::new(LeastAllocated { pod: &pod.non_zero_requests }))
    }

    /// Where there is room now, or would be after preemption.
    fn helps(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        let roomy = |node: &Option<&NodeInfo>| node.is_some_and(|node| could_fit(pod, node));
        match event {
            Event::PodGone { node, .. } => roomy(node),
            Event::PodChanged { old, new, node } => shrank(&old.requests, &new.requests) && roomy(node),
            event => event.opens_node(|node| could_fit(pod, node)),
        }
    }
}

fn shrank(old: &Amounts, new: &Amounts) -> bool {
    new.milli_cpu < old.milli_cpu
        || new.memory < old.memory
        || new.ephemeral_storage < old.ephemeral_storage
        || old.scalar.iter().any(|(name, amount)| new.scalar(name) < *amount)
}

fn check(pod: &PodInfo, node: &NodeInfo) -> Verdict {
    shortage(pod, node, &node.requested, node.pods.len())
}

/// Whether the pod would fit if all less important pods left the node.
fn could_fit(pod: &PodInfo, node: &NodeInfo) -> bool {
    let (mut used, mut pods) = (node.requested.clone(), node.pods.len());
    for lesser in node.pods.iter().filter(|other| other.priority < pod.priority) {
        used.subtract(&lesser.requests);
        pods -= 1;
    }
    shortage(pod, node, &used, pods).is_ok()
}

/// Every resource that is short is named, when so much is used by so many pods.
fn shortage(pod: &PodInfo, node: &NodeInfo, used: &Amounts, pods: usize) -> Verdict {
    let mut reasons: Vec<Cow<'static, str>> = Vec::new();
    let mut resolvable = true;
    if i64::try_from(pods).unwrap_or(i64::MAX) >= node.allowed_pods {
        reasons.push("Too many pods".into());
    }
    let mut need = |name: Cow<'static, str>, wanted: i64, capacity: i64, used: i64| {
        if wanted > 0 && wanted > capacity.saturating_sub(used) {
            reasons.push(name);
            resolvable &= wanted <= capacity;
        }
    };
    let (wanted, capacity) = (&pod.requests, &node.allocatable);
    need("Insufficient cpu".into(), wanted.milli_cpu, capacity.milli_cpu, used.milli_cpu);
    need("Insufficient memory".into(), wanted.memory, capacity.memory, used.memory);
    need(
        "Insufficient ephemeral-storage".into(),
        wanted.ephemeral_storage,
        capacity.ephemeral_storage,
        used.ephemeral_storage,
    );
    for (name, amount) in &wanted.scalar {
        let (capacity, used) = (capacity.scalar(name), used.scalar(name));
        need(format!("Insufficient {name}").into(), *amount, capacity, used);
    }
    if reasons.is_empty() { Ok(()) } else { Err(Rejection { reasons, resolvable }) }
}

/// The mean, over CPU and memory, of what would be left in per cent.
struct LeastAllocated<'a> {
    pod: &'a Amounts,
}

impl Score for LeastAllocated<'_> {
    fn score(&self, node: &NodeInfo) -> i64 {
        let (capacity, used) = (&node.allocatable, &node.non_zero_requested);
        let parts = [
            (capacity.milli_cpu, used.milli_cpu.saturating_add(self.pod.milli_cpu)),
            (capacity.memory, used.memory.saturating_add(self.pod.memory)),
        ];
        let known: Vec<_> = parts.into_iter().filter(|(capacity, _)| *capacity > 0).collect();
        let sum: i64 = known.iter().map(|(capacity, requested)| left(*capacity, *requested)).sum();
        i64::try_from(known.len()).ok().filter(|count| *count > 0).map_or(0, |count| sum / count)
    }
}

fn left(capacity: i64, requested: i64) -> i64 {
    let left = i128::from(capacity.saturating_sub(requested).max(0));
    i64::try_from(left * i128::from(MAX_SCORE) / i128::from(capacity)).unwrap_or(0)
}
