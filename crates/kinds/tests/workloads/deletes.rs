//! Pods at their end.

use serde_json::json;

use crate::world::{World, binding, pod};

fn bound(world: &World) {
    world.check("create", "v1/pods ns/", pod("a", json!({})), 201, json!({}));
    world.check("create", "v1/pods ns/a binding", binding("a", "n"), 201, json!({}));
}

#[test]
fn a_pod_that_runs_nowhere_is_gone_at_once_and_is_the_answer() {
    let world = World::new();
    world.check("create", "v1/pods ns/", pod("a", json!({})), 201, json!({}));
    world.check(
        "delete",
        "v1/pods ns/a",
        json!(null),
        200,
        json!({"kind": "Pod", "metadata": {"name": "a"}}),
    );
    world.check_error("get", "v1/pods ns/a", json!(null), 404, "pods \"a\" not found");
}

#[test]
fn a_pod_on_a_node_has_its_grace_until_the_node_is_done() {
    let world = World::new();
    bound(&world);
    let dying = json!({"metadata": {"deletionGracePeriodSeconds": 30, "generation": 2}});
    world.check("delete", "v1/pods ns/a", json!(null), 200, dying.clone());
    world.check("delete", "v1/pods ns/a", json!(null), 200, dying);
    let sooner = json!({"metadata": {"deletionGracePeriodSeconds": 5}});
    world.check("delete", "v1/pods ns/a", json!({"gracePeriodSeconds": 5}), 200, sooner);
    world.check("delete", "v1/pods ns/a", json!({"gracePeriodSeconds": 0}), 200, json!({"kind": "Pod"}));
    world.check_error("get", "v1/pods ns/a", json!(null), 404, "pods \"a\" not found");
}

#[test]
fn a_finished_pod_needs_no_grace() {
    let world = World::new();
    bound(&world);
    world.check("merge", "v1/pods ns/a status", json!({"status": {"phase": "Succeeded"}}), 200, json!({}));
    world.check("delete", "v1/pods ns/a", json!(null), 200, json!({}));
    world.check_error("get", "v1/pods ns/a", json!(null), 404, "pods \"a\" not found");
}

#[test]
fn a_dying_pod_is_not_bound() {
    let world = World::new();
    let mut new = pod("a", json!({}));
    new["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.check("create", "v1/pods ns/", new, 201, json!({}));
    world.check(
        "delete",
        "v1/pods ns/a",
        json!(null),
        200,
        json!({"metadata": {"deletionGracePeriodSeconds": 0}}),
    );
    world.check_error(
        "create",
        "v1/pods ns/a binding",
        binding("a", "n"),
        409,
        "Operation cannot be fulfilled on pods/binding \"a\": pod a is being deleted, cannot be assigned to a host",
    );
}
