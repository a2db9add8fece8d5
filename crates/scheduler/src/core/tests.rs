use serde_json::{Value, json};

use super::*;
use crate::fixture::{Facts, first, node, pod, pod_info, typed_node, typed_pod};

struct Bench {
    core: Core,
    now: Duration,
}

impl Bench {
    fn new() -> Self {
        Self { core: Core::default(), now: Duration::from_secs(1000) }
    }

    fn node(&mut self, name: &str, cpu: &str, extra: Value) {
        let node = typed_node(&node(name, cpu, "1Gi", extra));
        self.core.node_changed(name, Some(node), self.now);
    }

    fn pod(&mut self, pod: &Value) {
        self.core.pod_changed(&pod_info(pod).key, Some(typed_pod(pod)), self.now);
    }

    fn gone(&mut self, name: &str) {
        self.core.pod_changed(&ObjectKey::new("default", name), None, self.now);
    }

    /// `pod -> node`, or why it waits.
    fn next(&mut self) -> String {
        match self.core.next(&Facts::default(), &mut first(), self.now) {
            None => "nothing".into(),
            Some(Decision::Bind { pod, node }) => format!("{} -> {node}", pod.key.name),
            Some(Decision::Wait(wait)) => match wait.evictions {
                None => wait.message,
                Some(evictions) => {
                    let names: Vec<_> = evictions.victims.iter().map(|pod| pod.key.name.as_str()).collect();
                    format!("{} evicts {} from {}", wait.pod.key.name, names.join(" "), evictions.node)
                }
            },
        }
    }

    fn passes(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

fn bound(pod: &Value, node: &str) -> Value {
    let mut bound = pod.clone();
    bound["spec"]["nodeName"] = node.into();
    bound
}

#[test]
fn decisions_count_before_they_are_carried_out() {
    let mut bench = Bench::new();
    bench.node("a", "1", json!({}));
    bench.pod(&pod("p", "600m", "", json!({})));
    bench.pod(&pod("q", "600m", "", json!({})));
    assert_eq!(bench.next(), "p -> a");
    let full = "0/1 nodes are available: 1 Insufficient cpu. \
                preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
    assert_eq!(bench.next(), full);
    assert_eq!(bench.next(), "nothing");
}

#[test]
fn a_failed_binding_frees_the_node_and_is_tried_again() {
    let mut bench = Bench::new();
    bench.node("a", "1", json!({}));
    let (p, q) = (pod("p", "600m", "", json!({})), pod("q", "600m", "", json!({})));
    bench.pod(&p);
    bench.pod(&q);
    assert_eq!(bench.next(), "p -> a");
    assert!(bench.next().starts_with("0/1"));
    bench.core.bind_failed(&pod_info(&p), bench.now);
    bench.pod(&p);
    assert_eq!(bench.next(), "q -> a");
    bench.pod(&bound(&q, "a"));
    assert_eq!(bench.next(), "nothing");
    bench.passes(1);
    assert!(bench.next().starts_with("0/1 nodes are available: 1 Insufficient cpu."));
}

#[test]
fn waiting_pods_are_tried_when_something_helps() {
    let check = |what: &str, extra: Value, help: &dyn Fn(&mut Bench)| {
        let mut bench = Bench::new();
        bench.node("a", "1", json!({ "spec": { "unschedulable": extra["cordoned"] } }));
        bench.pod(&bound(&pod("old", "900m", "", json!({})), "a"));
        bench.pod(&pod("p", "500m", "", json!({})));
        assert!(bench.next().starts_with("0/1"), "{what}");
        bench.passes(30);
        bench.node(
            "a",
            "1",
            json!({ "spec": { "unschedulable": extra["cordoned"] }, "status": { "phase": "Running" } }),
        );
        bench.pod(&bound(&pod("other", "0", "", json!({})), "a"));
        assert_eq!(bench.next(), "nothing", "{what}: nothing helped yet");
        help(&mut bench);
        assert!(bench.next().starts_with("p -> "), "{what}");
    };
    let open = json!({ "cordoned": false });
    check("a pod goes", open.clone(), &|bench| bench.gone("old"));
    check("a pod finishes", open.clone(), &|bench| {
        let done = pod(
            "old",
            "900m",
            "",
            json!({ "spec": { "nodeName": "a" }, "status": { "phase": "Succeeded" } }),
        );
        bench.pod(&done);
    });
    check("a pod shrinks", open.clone(), &|bench| bench.pod(&bound(&pod("old", "100m", "", json!({})), "a")));
    check("a node comes", open.clone(), &|bench| bench.node("b", "1", json!({})));
    check("a node grows", open, &|bench| bench.node("a", "2", json!({})));
    check("a node is opened", json!({ "cordoned": true }), &|bench| {
        bench.gone("old");
        bench.node("a", "1", json!({}));
    });
}

#[test]
fn an_important_pod_is_tried_when_preemption_could_help_now() {
    let mut bench = Bench::new();
    bench.node("a", "2", json!({}));
    bench.pod(&bound(&pod("equal1", "1", "", json!({ "spec": { "priority": 10 } })), "a"));
    bench.pod(&bound(&pod("equal2", "1", "", json!({ "spec": { "priority": 10 } })), "a"));
    bench.pod(&pod("large", "2", "", json!({ "spec": { "priority": 10 } })));
    assert!(bench.next().starts_with("0/1"));
    bench.passes(30);
    bench.gone("equal1");
    assert_eq!(bench.next(), "nothing", "half of the room does not help");
    bench.pod(&bound(&pod("low", "1", "", json!({})), "a"));
    bench.gone("equal2");
    assert_eq!(bench.next(), "large evicts low from a");
}

#[test]
fn without_nodes_pods_wait_for_one() {
    let mut bench = Bench::new();
    bench.pod(&pod("p", "", "", json!({})));
    assert_eq!(bench.next(), "no nodes available to schedule pods");
    bench.node("a", "1", json!({}));
    assert_eq!(bench.next(), "p -> a");
}

#[test]
fn pods_of_others_are_left_alone() {
    let mut bench = Bench::new();
    bench.node("a", "1", json!({}));
    bench.pod(&pod("other", "", "", json!({ "spec": { "schedulerName": "mine" } })));
    bench.pod(&pod("going", "", "", json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } })));
    bench.pod(&pod("gated", "", "", json!({ "spec": { "schedulingGates": [{ "name": "x" }] } })));
    assert_eq!(bench.next(), "nothing");
}

#[test]
fn a_preempting_pod_gets_the_room_that_it_made() {
    let mut bench = Bench::new();
    bench.node("a", "1", json!({}));
    bench.pod(&bound(&pod("low", "900m", "", json!({})), "a"));
    let high = pod("high", "900m", "", json!({ "spec": { "priority": 10 } }));
    bench.pod(&high);
    assert_eq!(bench.next(), "high evicts low from a");
    let mut nominated = high.clone();
    nominated["status"] = json!({ "nominatedNodeName": "a" });
    bench.pod(&nominated);
    assert_eq!(bench.next(), "nothing");
    bench.pod(&pod("sneak", "900m", "", json!({})));
    bench.gone("low");
    assert!(bench.next().starts_with("0/1"), "the room is not free for others");
    assert_eq!(bench.next(), "nothing", "the evictions are not reported yet");
    bench.core.evicted(&ObjectKey::new("default", "high"), false, bench.now);
    assert_eq!(bench.next(), "high -> a");
}

#[test]
fn a_pod_that_names_its_node_waits_for_that_one() {
    let mut bench = Bench::new();
    bench.node("a", "1", json!({}));
    let field = json!({ "key": "metadata.name", "operator": "In", "values": ["b"] });
    let terms = json!({ "nodeSelectorTerms": [{ "matchFields": [field] }] });
    let affinity = json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": terms } });
    bench.pod(&pod("p", "", "", json!({ "spec": { "affinity": affinity } })));
    assert_eq!(
        bench.next(),
        "0/1 nodes are available: 1 node(s) didn't satisfy plugin(s) [NodeAffinity]. \
         preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    );
    bench.node("b", "1", json!({}));
    assert_eq!(bench.next(), "p -> b");
}
