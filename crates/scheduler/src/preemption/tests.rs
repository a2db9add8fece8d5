use serde_json::{Value, json};

use super::*;
use crate::decide::{Cursor, decide};
use crate::fixture::{Cluster, first, labeled, node, pod, pod_info};
use crate::world::DisruptionBudget;

/// What is evicted where, or what is said instead.
fn check(what: &str, cluster: &Cluster, pod: &Value, expected: Result<(&str, &[&str]), &str>) {
    let pod = pod_info(pod);
    let unfit = decide(&pod, cluster.world(), &mut Cursor::default(), &mut first()).expect_err(what);
    match (preempt(&pod, cluster.world(), &unfit, &mut first()), expected) {
        (Preemption::Evict(candidate), Ok((node, victims))) => {
            let names: Vec<_> = candidate.victims.iter().map(|pod| pod.key.name.as_str()).collect();
            assert_eq!((candidate.node.as_str(), names.as_slice()), (node, victims), "{what}");
        }
        (Preemption::Hopeless { message, .. }, Err(expected)) => assert_eq!(message, expected, "{what}"),
        (other, _) => panic!("{what}: {other:?}"),
    }
}

fn running(name: &str, node: &str, cpu: &str, priority: i32, start: &str) -> Value {
    let spec = json!({ "nodeName": node, "priority": priority });
    pod(name, cpu, "", json!({ "spec": spec, "status": { "startTime": start } }))
}

fn wanting(cpu: &str, priority: i32) -> Value {
    pod("p", cpu, "", json!({ "spec": { "priority": priority } }))
}

const EARLY: &str = "2026-01-01T00:00:00Z";
const LATE: &str = "2026-01-02T00:00:00Z";

#[test]
fn the_fewest_and_least_important_pods_go() {
    let nodes = [node("a", "1", "1Gi", json!({}))];
    let pods = [
        running("high", "a", "300m", 5, EARLY),
        running("old", "a", "300m", 1, EARLY),
        running("young", "a", "300m", 1, LATE),
    ];
    let cluster = Cluster::new(&nodes, &pods);
    check("one suffices", &cluster, &wanting("400m", 10), Ok(("a", &["young"])));
    check("two suffice", &cluster, &wanting("700m", 10), Ok(("a", &["old", "young"])));
    check("all", &cluster, &wanting("1", 10), Ok(("a", &["high", "old", "young"])));
    check("those more important stay", &cluster, &wanting("700m", 3), Ok(("a", &["old", "young"])));
}

#[test]
fn without_victims_it_says_so() {
    let cluster = Cluster::new(&[node("a", "1", "1Gi", json!({}))], &[running("q", "a", "900m", 0, EARLY)]);
    check(
        "equals",
        &cluster,
        &wanting("400m", 0),
        Err("preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."),
    );
    check(
        "larger than the node",
        &cluster,
        &wanting("2", 10),
        Err("preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."),
    );
    let mut never = wanting("400m", 10);
    never["spec"]["preemptionPolicy"] = "Never".into();
    check("never", &cluster, &never, Err("preemption: not eligible due to preemptionPolicy=Never."));
}

#[test]
fn the_node_where_least_is_lost_is_chosen() {
    let nodes = ["a", "b", "c"].map(|name| node(name, "1", "1Gi", json!({})));
    let cluster = |pods: &[Value]| Cluster::new(&nodes, pods);
    let p = wanting("1", 10);
    let highest = [
        running("a", "a", "1", 3, EARLY),
        running("b", "b", "1", 1, EARLY),
        running("c", "c", "1", 2, EARLY),
    ];
    check("least important", &cluster(&highest), &p, Ok(("b", &["b"])));
    let fewest = [
        running("a1", "a", "500m", 1, EARLY),
        running("a2", "a", "500m", 1, EARLY),
        running("b", "b", "1", 1, EARLY),
        running("c", "c", "1", 2, EARLY),
    ];
    check("fewest", &cluster(&fewest), &p, Ok(("b", &["b"])));
    let latest =
        [running("a", "a", "1", 1, EARLY), running("b", "b", "1", 1, EARLY), running("c", "c", "1", 1, LATE)];
    check("latest start", &cluster(&latest), &p, Ok(("c", &["c"])));
}

#[test]
fn pods_that_a_budget_protects_are_spared_where_possible() {
    let nodes = [node("a", "1", "1Gi", json!({}))];
    let mut protected = running("protected", "a", "500m", 1, LATE);
    protected["metadata"]["labels"] = json!({ "app": "db" });
    let pods = [protected, running("other", "a", "500m", 5, EARLY)];
    let mut cluster = Cluster::new(&nodes, &pods);
    check("no budget", &cluster, &wanting("500m", 10), Ok(("a", &["protected"])));
    let budget = DisruptionBudget {
        namespace: "default".into(),
        selector: ironclad_api::labels::Selector::parse("app=db").unwrap(),
        disruptions_allowed: 0,
        disrupted: Default::default(),
    };
    cluster.facts.budgets = vec![budget.clone()];
    check("protected", &cluster, &wanting("500m", 10), Ok(("a", &["other"])));
    cluster.facts.budgets = vec![DisruptionBudget { disruptions_allowed: 1, ..budget }];
    check("with one to spare", &cluster, &wanting("500m", 10), Ok(("a", &["protected"])));
}

#[test]
fn a_pod_waits_for_its_victims_to_leave() {
    let nodes = [node("a", "1", "1Gi", json!({}))];
    let mut leaving = running("leaving", "a", "1", 1, EARLY);
    leaving["metadata"]["deletionTimestamp"] = LATE.into();
    let condition =
        json!({ "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler" });
    leaving["status"]["conditions"] = json!([condition]);
    let mut nominated = wanting("500m", 10);
    nominated["status"] = json!({ "nominatedNodeName": "a" });
    let cluster = Cluster::new(&nodes, &[leaving]);
    let waits = "preemption: not eligible due to a terminating pod on the nominated node.";
    check("victims are leaving", &cluster, &nominated, Err(waits));
}

#[test]
fn anti_affinity_is_resolved_by_eviction_too() {
    let nodes = [labeled("a", json!({}))];
    let mut other = running("other", "a", "100m", 1, EARLY);
    other["metadata"]["labels"] = json!({ "app": "x" });
    let cluster = Cluster::new(&nodes, &[other, running("bystander", "a", "100m", 1, EARLY)]);
    let term = json!({ "topologyKey": "kubernetes.io/hostname", "labelSelector": { "matchLabels": { "app": "x" } } });
    let mut p = wanting("100m", 10);
    p["spec"]["affinity"] =
        json!({ "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [term] } });
    check("the pod that it flees", &cluster, &p, Ok(("a", &["other"])));
}

#[test]
fn room_that_is_being_made_for_another_is_taken() {
    let nodes = [node("a", "1", "1Gi", json!({}))];
    let mut cluster = Cluster::new(&nodes, &[]);
    let nominee = pod("nominee", "800m", "", json!({ "spec": { "priority": 10 } }));
    cluster.snapshot.nominate(pod_info(&nominee), "a");
    let fits = |p: &Value| {
        let p = pod_info(p);
        decide(&p, cluster.world(), &mut Cursor::default(), &mut first()).is_ok()
    };
    assert!(!fits(&wanting("500m", 0)), "a less important pod must leave the room");
    assert!(fits(&wanting("200m", 0)), "what is left may be used");
    assert!(fits(&wanting("500m", 20)), "a more important pod takes it");
    assert!(fits(&nominee), "the nominee itself takes it");
}
