//! Pods from their creation to their running.

use serde_json::{Value, json};

use crate::world::{World, binding, pod};

#[test]
fn a_new_pod_waits_with_its_defaults() {
    let world = World::new();
    let mut new = pod("a", json!({}));
    new["status"] = json!({"phase": "Running"});
    let want = json!({
        "metadata": {"generation": 1},
        "spec": {
            "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
            "terminationGracePeriodSeconds": 30, "enableServiceLinks": true, "securityContext": {},
            "containers": [{
                "name": "c", "image": "i:1", "imagePullPolicy": "IfNotPresent", "resources": {},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            }],
        },
        "status": {"phase": "Pending", "qosClass": "BestEffort", "conditions": null},
    });
    world.check("create", "v1/pods ns/", new, 201, want);
}

#[test]
fn an_invalid_pod_is_refused_whole() {
    let world = World::new();
    let want = json!({
        "reason": "Invalid",
        "message": "Pod \"a\" is invalid: spec.containers[0].image: Required value",
        "details": {"kind": "Pod", "name": "a", "causes": [{
            "reason": "FieldValueRequired", "message": "Required value", "field": "spec.containers[0].image",
        }]},
    });
    world.check("create", "v1/pods ns/", pod("a", json!({"containers": [{"name": "c"}]})), 422, want);
}

#[test]
fn a_bound_pod_is_of_the_same_generation() {
    let world = World::new();
    world.check("create", "v1/pods ns/", pod("a", json!({})), 201, json!({}));
    let success = json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "code": 201});
    world.check("create", "v1/pods ns/a binding", binding("a", "n"), 201, success);
    let want = json!({
        "metadata": {"generation": 1},
        "spec": {"nodeName": "n"},
        "status": {"conditions": [{"type": "PodScheduled", "status": "True", "lastProbeTime": null}]},
    });
    world.check("get", "v1/pods ns/a", json!(null), 200, want);
    world.check_error(
        "create",
        "v1/pods ns/a binding",
        binding("a", "m"),
        409,
        "Operation cannot be fulfilled on pods/binding \"a\": pod a is already assigned to node \"n\"",
    );
    world.check_error("create", "v1/pods ns/x binding", binding("x", "m"), 404, "pods \"x\" not found");
}

#[test]
fn old_schedulers_bind_through_a_collection() {
    let world = World::new();
    world.check("create", "v1/pods ns/", pod("a", json!({})), 201, json!({}));
    world.check("create", "v1/bindings ns/", binding("a", "n"), 201, json!({"status": "Success"}));
    world.check("get", "v1/pods ns/a", json!(null), 200, json!({"spec": {"nodeName": "n"}}));
}

#[test]
fn a_gated_pod_waits_for_its_gates() {
    let world = World::new();
    let gated = pod("a", json!({"schedulingGates": [{"name": "g"}]}));
    let want = json!({"status": {"conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
    }]}});
    world.check("create", "v1/pods ns/", gated, 201, want);
    world.check_error(
        "create",
        "v1/pods ns/a binding",
        binding("a", "n"),
        409,
        "Operation cannot be fulfilled on pods/binding \"a\": pod a has non-empty .spec.schedulingGates",
    );
    world.check("merge", "v1/pods ns/a", json!({"spec": {"schedulingGates": null}}), 200, json!({}));
    world.check("create", "v1/pods ns/a binding", binding("a", "n"), 201, json!({}));
}

#[test]
fn an_update_changes_images_and_little_else() {
    let world = World::new();
    world.check("create", "v1/pods ns/", pod("a", json!({})), 201, json!({}));
    let image = json!({"spec": {"containers": [{"name": "c", "image": "i:2"}]}});
    let mut body = world.call("get", "v1/pods ns/a", json!(null)).body;
    body["spec"]["containers"][0]["image"] = json!("i:2");
    body["status"] = json!({"phase": "Failed"});
    let want = json!({"metadata": {"generation": 2}, "spec": image["spec"], "status": {"phase": "Pending"}});
    world.check("update", "v1/pods ns/a", body, 200, want);
    let answer = world.call("merge", "v1/pods ns/a", json!({"spec": {"hostname": "x"}}));
    let message = answer.body["message"].as_str().unwrap_or_default();
    assert_eq!(answer.code, 422);
    assert!(message.contains("spec: Forbidden: pod updates may not change fields other than"), "{message}");
}

#[test]
fn the_status_is_written_apart() {
    let world = World::new();
    world.check("create", "v1/pods ns/", pod("a", json!({})), 201, json!({}));
    let change = json!({
        "metadata": {"labels": {"x": "y"}},
        "spec": {"hostname": "x"},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "qosClass": null},
    });
    let want = json!({
        "metadata": {"generation": 1, "labels": {"x": "y"}},
        "spec": {"hostname": null},
        "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}], "qosClass": "BestEffort"},
    });
    world.check("merge", "v1/pods ns/a status", change, 200, want);
}

#[test]
fn an_ephemeral_container_joins_a_pod() {
    let world = World::new();
    world.check("create", "v1/pods ns/", pod("a", json!({})), 201, json!({}));
    let debug = json!({"metadata": {"labels": {"x": "y"}}, "spec": {
        "hostname": "x",
        "ephemeralContainers": [{"name": "d", "image": "busybox", "targetContainerName": "c"}],
    }});
    let want = json!({
        "metadata": {"generation": 2, "labels": {"x": null}},
        "spec": {"hostname": null, "ephemeralContainers": [{"name": "d", "imagePullPolicy": "Always"}]},
    });
    let made = world.check("merge", "v1/pods ns/a ephemeralcontainers", debug, 200, want);
    let owners = made["metadata"]["managedFields"].as_array().expect("owners");
    let owner = owners.iter().find(|owner| owner["subresource"] == "ephemeralcontainers").expect("an owner");
    // As upstream: who owns what is told from what was sent, not from what of it was kept.
    let owned: Vec<&str> =
        owner["fieldsV1"]["f:spec"].as_object().expect("fields").keys().map(String::as_str).collect();
    assert_eq!(owned, ["f:ephemeralContainers", "f:hostname"]);
    let answer = world.call(
        "merge",
        "v1/pods ns/a",
        json!({"spec": {"ephemeralContainers": [{"name": "d", "image": "other", "targetContainerName": "c"}]}}),
    );
    assert_eq!(answer.code, 422);
}

#[test]
fn a_pod_is_resized() {
    let world = World::new();
    let container =
        |cpu: &str| json!([{"name": "c", "image": "i:1", "resources": {"requests": {"cpu": cpu}}}]);
    world.check("create", "v1/pods ns/", pod("a", json!({"containers": container("1")})), 201, json!({}));
    let change = json!({"spec": {"hostname": "x", "containers": container("2")}});
    let want =
        json!({"metadata": {"generation": 2}, "spec": {"hostname": null, "containers": container("2")}});
    world.check("merge", "v1/pods ns/a resize", change.clone(), 200, want);
    assert_eq!(world.call("merge", "v1/pods ns/a", change).code, 422);
}

#[test]
fn an_applied_pod_has_an_owner_for_each_field() {
    let world = World::new();
    world.check("apply", "v1/pods ns/a", pod("a", json!({})), 201, json!({"status": {"phase": "Pending"}}));
    world.check("apply", "v1/pods ns/a", pod("a", json!({})), 200, json!({"metadata": {"generation": 1}}));
}

#[test]
fn warnings_are_given_once_at_creation() {
    let world = World::new();
    let env = json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]);
    let twice = pod("a.b", json!({"containers": [{"name": "c", "image": "i", "env": env}]}));
    let answer = world.call("create", "v1/pods ns/", twice);
    assert_eq!(
        answer.warnings,
        [
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
            "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply",
        ]
    );
}

#[test]
fn label_keys_become_requirements() {
    let world = World::new();
    let constraint = json!({
        "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"x": "y"}}, "matchLabelKeys": ["app", "none"],
    });
    let want: Value = json!([{"labelSelector": {
        "matchLabels": {"x": "y"},
        "matchExpressions": [{"key": "app", "operator": "In", "values": ["a"]}],
    }}]);
    let new = pod("a", json!({"topologySpreadConstraints": [constraint]}));
    let want = json!({"spec": {"topologySpreadConstraints": want}});
    world.check("create", "v1/pods ns/", new, 201, want);
}
