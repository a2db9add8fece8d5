//! Jobs.

use serde_json::{Value, json};

use crate::world::World;

fn job(name: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}}},
    })
}

#[test]
fn a_new_job_selects_its_pods_by_its_uid() {
    let world = World::new();
    let made =
        world.check("create", "batch/v1/jobs ns/", job("j"), 201, json!({"spec": {"backoffLimit": 6}}));
    let uid = &made["metadata"]["uid"];
    assert!(uid.as_str().is_some_and(|uid| uid.len() == 36), "{uid}");
    assert_eq!(made["spec"]["selector"], json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}));
    let labels = json!({
        "batch.kubernetes.io/controller-uid": uid, "controller-uid": uid,
        "batch.kubernetes.io/job-name": "j", "job-name": "j",
    });
    assert_eq!(made["spec"]["template"]["metadata"]["labels"], labels);
}

#[test]
fn a_generated_name_is_in_the_labels() {
    let world = World::new();
    let mut new = job("");
    new["metadata"] = json!({"generateName": "j-"});
    let made = world.check("create", "batch/v1/jobs ns/", new, 201, json!({}));
    let labels = &made["spec"]["template"]["metadata"]["labels"];
    assert_eq!(labels["job-name"], made["metadata"]["name"]);
}

#[test]
fn a_job_is_suspended_and_resumed() {
    let world = World::new();
    world.check("create", "batch/v1/jobs ns/", job("j"), 201, json!({}));
    let suspend = |on: bool| json!({"spec": {"suspend": on}});
    let generation = |number: i64| json!({"metadata": {"generation": number}});
    world.check("merge", "batch/v1/jobs ns/j", suspend(true), 200, generation(2));
    world.check("merge", "batch/v1/jobs ns/j", suspend(false), 200, generation(3));
}

#[test]
fn dependents_are_orphaned_unless_the_client_says_otherwise() {
    let world = World::new();
    world.check("create", "batch/v1/jobs ns/", job("j"), 201, json!({}));
    let lingers = json!({"metadata": {"finalizers": ["orphan"]}});
    world.check("delete", "batch/v1/jobs ns/j", json!(null), 200, lingers);
    world.check("create", "batch/v1/jobs ns/", job("k"), 201, json!({}));
    let background = json!({"propagationPolicy": "Background"});
    world.check("delete", "batch/v1/jobs ns/k", background, 200, json!({"kind": "Status"}));
}
