//! Deployments and ReplicaSets.

use serde_json::{Value, json};

use crate::world::World;

fn workload(kind: &str, name: &str, replicas: i64) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}},
        },
    })
}

#[test]
fn a_generation_is_a_change_of_the_spec_or_of_a_deployments_annotations() {
    let world = World::new();
    let path = "apps/v1/deployments ns/";
    let generation = |number: i64| json!({"metadata": {"generation": number}});
    world.check("create", path, workload("Deployment", "a", 1), 201, generation(1));
    let path = "apps/v1/deployments ns/a";
    world.check("merge", path, json!({"metadata": {"labels": {"x": "y"}}}), 200, generation(1));
    world.check("merge", path, json!({"metadata": {"annotations": {"x": "y"}}}), 200, generation(2));
    world.check("merge", path, json!({"spec": {"replicas": 2}}), 200, generation(3));
    let status = json!({"status": {"replicas": 2, "observedGeneration": 3}});
    world.check("merge", &format!("{path} status"), status, 200, generation(3));
    let path = "apps/v1/replicasets ns/";
    world.check("create", path, workload("ReplicaSet", "a", 1), 201, generation(1));
    let path = "apps/v1/replicasets ns/a";
    world.check("merge", path, json!({"metadata": {"annotations": {"x": "y"}}}), 200, generation(1));
}

#[test]
fn scale_is_a_view_of_the_replicas() {
    let world = World::new();
    for (kind, resource) in [("Deployment", "deployments"), ("ReplicaSet", "replicasets")] {
        let path = format!("apps/v1/{resource} ns/");
        world.check("create", &path, workload(kind, "a", 1), 201, json!({}));
        let want = json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "spec": {"replicas": 1}, "status": {"replicas": 0, "selector": "app=a"},
        });
        let path = format!("{path}a");
        world.check("get", &format!("{path} scale"), json!(null), 200, want);
        let change = json!({"spec": {"replicas": 3}});
        world.check("merge", &format!("{path} scale"), change.clone(), 200, change.clone());
        world.check("get", &path, json!(null), 200, change);
    }
}

#[test]
fn the_selector_is_for_good() {
    let world = World::new();
    world.check("create", "apps/v1/deployments ns/", workload("Deployment", "a", 1), 201, json!({}));
    let labels = json!({"app": "b"});
    let change =
        json!({"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}});
    world.check_error(
        "merge",
        "apps/v1/deployments ns/a",
        change,
        422,
        "Deployment.apps \"a\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable",
    );
}

#[test]
fn a_new_object_has_no_status() {
    let world = World::new();
    let mut new = workload("ReplicaSet", "a", 1);
    new["status"] = json!({"replicas": 5});
    world.check("create", "apps/v1/replicasets ns/", new, 201, json!({"status": {"replicas": 0}}));
}
