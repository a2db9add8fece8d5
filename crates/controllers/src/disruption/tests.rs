use serde_json::{Value, json};

use super::*;
use crate::resources::{DEPLOYMENTS, JOBS, REPLICA_SETS};
use crate::testing::World;

/// A budget `p` over the pods labelled `a=b`.
fn world(spec: Value) -> Budgeted {
    let mut world = Budgeted::new();
    let mut budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "p", "namespace": "ns", "generation": 1},
        "spec": {"selector": {"matchLabels": {"a": "b"}}},
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        budget["spec"][field] = value;
    }
    world.put(POD_DISRUPTION_BUDGETS, budget);
    world
}

/// A cluster with a budget.
struct Budgeted(World);

impl std::ops::Deref for Budgeted {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl std::ops::DerefMut for Budgeted {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.0
    }
}

impl Budgeted {
    fn new() -> Self {
        Self(World::at("2026-01-01T00:00:00Z"))
    }

    /// A pod of an owner, as `kind/name`.
    fn pod(&mut self, name: &str, owner: &str, ready: bool) {
        let status = if ready { "True" } else { "False" };
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "ns", "labels": {"a": "b"}},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": status}]},
        });
        if let Some((kind, owner)) = owner.split_once('/') {
            let version = if kind == "Job" { "batch/v1" } else { "apps/v1" };
            pod["metadata"]["ownerReferences"] = json!([
                {"apiVersion": version, "kind": kind, "name": owner, "uid": format!("uid-{owner}"), "controller": true},
            ]);
        }
        self.put(PODS, pod);
    }

    fn deployment(&mut self, replicas: i64) {
        self.put(
            DEPLOYMENTS,
            json!({"metadata": {"name": "d", "namespace": "ns"}, "spec": {"replicas": replicas}}),
        );
        let owner = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "uid-d", "controller": true}]);
        for set in ["old", "new"] {
            self.put(
                REPLICA_SETS,
                json!({"metadata": {"name": set, "namespace": "ns", "ownerReferences": owner}, "spec": {"replicas": 1}}),
            );
        }
    }

    /// `healthy of desired, expected, allowed`
    fn numbers(&mut self) -> [i64; 4] {
        self.settle(&DisruptionController, "p");
        let status = self.status();
        ["currentHealthy", "desiredHealthy", "expectedPods", "disruptionsAllowed"]
            .map(|field| status[field].as_i64().unwrap_or(-1))
    }

    fn status(&self) -> Value {
        self.get(POD_DISRUPTION_BUDGETS, "p").expect("the budget")["status"].clone()
    }
}

#[test]
fn numbers_are_of_the_pods() {
    let check = |min: i64, ready: usize, want: [i64; 4]| {
        let mut world = world(json!({ "minAvailable": min }));
        for number in 0..3 {
            world.pod(&format!("p{number}"), "", number < ready);
        }
        assert_eq!(world.numbers(), want, "{min} {ready}");
    };
    check(2, 3, [3, 2, 3, 1]);
    check(2, 2, [2, 2, 3, 0]);
    check(2, 1, [1, 2, 3, 0]);
    check(0, 1, [1, 0, 3, 1]);
}

#[test]
fn shares_are_of_what_the_owners_ask_for() {
    let check = |spec: Value, want: [i64; 4]| {
        let mut world = world(spec.clone());
        world.deployment(4);
        world.pod("p0", "ReplicaSet/old", true);
        world.pod("p1", "ReplicaSet/new", true);
        world.pod("p2", "ReplicaSet/new", true);
        assert_eq!(world.numbers(), want, "{spec}");
    };
    check(json!({"minAvailable": "50%"}), [3, 2, 4, 1]);
    check(json!({"minAvailable": "51%"}), [3, 3, 4, 0]);
    check(json!({"maxUnavailable": 1}), [3, 3, 4, 0]);
    check(json!({"maxUnavailable": "50%"}), [3, 2, 4, 1]);
    check(json!({"maxUnavailable": 9}), [3, 0, 4, 3]);
}

#[test]
fn nothing_may_go_where_there_is_nothing() {
    let mut world = world(json!({"minAvailable": 0}));
    assert_eq!(world.numbers(), [0, 0, 0, 0]);
    assert_eq!(world.events[0], "NoPods: No matching pods found");
    let condition = json!([{
        "type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "",
        "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]);
    assert_eq!(world.status()["conditions"], condition);
    world.passes(60);
    world.pod("p0", "", true);
    assert_eq!(world.numbers(), [1, 0, 1, 1]);
    let condition = &world.status()["conditions"][0];
    assert_eq!((&condition["status"], &condition["reason"]), (&json!("True"), &json!("SufficientPods")));
    assert_eq!(condition["lastTransitionTime"], "2026-01-01T00:01:00Z");
}

#[test]
fn owners_without_a_size_fail_the_budget() {
    let mut world = world(json!({"maxUnavailable": 1}));
    world.put(JOBS, json!({"metadata": {"name": "j", "namespace": "ns"}}));
    world.pod("p0", "Job/j", true);
    world.settle(&DisruptionController, "p");
    let status = world.status();
    assert_eq!(
        (&status["disruptionsAllowed"], &status["conditions"][0]["reason"]),
        (&json!(0), &json!("SyncFailed"))
    );
    assert!(world.events[0].starts_with("CalculateExpectedPodCountFailed: "), "{:?}", world.events);
}

#[test]
fn pods_that_nobody_manages_are_told_of() {
    let mut world = world(json!({"maxUnavailable": 1}));
    world.pod("p0", "", true);
    assert_eq!(world.numbers(), [1, 0, 0, 0]);
    let told = "UnmanagedPods: Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}) were found to be unmanaged.";
    assert!(world.events.iter().any(|event| event.starts_with(told)), "{:?}", world.events);
}

#[test]
fn evicted_pods_count_as_gone_for_a_while() {
    let mut world = world(json!({"minAvailable": 1}));
    world.pod("p0", "", true);
    world.pod("p1", "", true);
    world.change(POD_DISRUPTION_BUDGETS, "p", |budget| {
        budget["status"] = json!({
            "disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2, "observedGeneration": 1,
            "disruptedPods": {"p0": "2026-01-01T00:00:00Z", "gone": "2026-01-01T00:00:00Z"},
        });
    });
    assert_eq!(world.numbers(), [1, 1, 2, 0]);
    assert_eq!(world.status()["disruptedPods"], json!({"p0": "2026-01-01T00:00:00Z"}));
    assert_eq!(world.requeue.map(|wait| wait.as_secs()), Some(120));
    world.passes(121);
    assert_eq!(world.numbers(), [2, 1, 2, 1]);
    assert_eq!(world.status().get("disruptedPods"), None);
    assert!(
        world
            .events
            .contains(&"NotDeleted: Pod was expected by PDB ns/ns to be deleted but it wasn't".to_owned())
    );
}

#[test]
fn marks_of_pods_that_stay_are_taken_back() {
    let mut world = Budgeted::new();
    world.pod("p0", "", true);
    world.change(PODS, "p0", |pod| {
        pod["status"]["conditions"] = json!([{
            "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "m",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]);
    });
    world.settle(&StaleDisruptions, "p0");
    assert_eq!(world.requeue.map(|wait| wait.as_secs()), Some(120));
    world.passes(120);
    world.settle(&StaleDisruptions, "p0");
    let pod = world.get(PODS, "p0").expect("the pod");
    let condition = json!([{"type": "DisruptionTarget", "status": "False", "lastTransitionTime": "2026-01-01T00:02:00Z"}]);
    assert_eq!(pod["status"]["conditions"], condition);
}
