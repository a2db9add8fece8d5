use serde_json::json;

use crate::world::{Call, World, widget};

fn world() -> World {
    let world = World::new();
    let spec = json!({"replicas": 2, "selector": "app=w"});
    world.check("create", "example.com/v1/widgets", widget("w", spec), 201, json!({}));
    let status = json!({"status": {"replicas": 1}});
    world.check("merge", "example.com/v1/widgets w status", status, 200, json!({}));
    world
}

#[test]
fn a_scale_is_a_view_of_its_parent() {
    world().check(
        "get",
        "example.com/v1/widgets w scale",
        (),
        200,
        json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "w", "resourceVersion": "2"},
            "spec": {"replicas": 2}, "status": {"replicas": 1, "selector": "app=w"}}),
    );
}

#[test]
fn the_answer_to_a_write_of_a_scale_names_no_owners() {
    let world = world();
    let answer = world.check(
        "merge",
        "example.com/v1/widgets w scale",
        json!({"spec": {"replicas": 5}}),
        200,
        json!({}),
    );
    assert_eq!(answer.pointer("/metadata/managedFields"), None);
}

#[test]
fn a_scale_is_written_into_its_parent() {
    let world = world();
    let path = "example.com/v1/widgets w scale";
    world.check(
        "merge",
        path,
        json!({"spec": {"replicas": 5}}),
        200,
        json!({"kind": "Scale", "spec": {"replicas": 5}}),
    );
    world.check(
        "get",
        "example.com/v1/widgets w",
        (),
        200,
        json!({"spec": {"replicas": 5}, "metadata": {"generation": 2}}),
    );
    let scale = |revision: &str, replicas: i64| {
        json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "w", "resourceVersion": revision},
            "spec": {"replicas": replicas}})
    };
    world.check(
        "update",
        path,
        scale("3", 7),
        200,
        json!({"spec": {"replicas": 7}, "metadata": {"resourceVersion": "4"}}),
    );
    let modified = "Operation cannot be fulfilled on widgets.example.com \"w\": the object has been modified; please \
                    apply your changes to the latest version and try again";
    world.check_error("update", path, scale("3", 8), &Call::default(), 409, modified);
    let negative = "Scale.autoscaling \"w\" is invalid: spec.replicas: Invalid value: -1: must be greater than or \
                    equal to 0";
    world.check_error("update", path, scale("", -1), &Call::default(), 422, negative);
    world.check_with("update", path, scale("", 9), &Call::dry(), 200, json!({"spec": {"replicas": 9}}));
    world.check("get", path, (), 200, json!({"spec": {"replicas": 7}}));
    assert_eq!(world.gate.admitted.lock().iter().filter(|seen| *seen == "Update widgets/scale").count(), 5);
}
