use ironclad_api::params::{DeleteOptions, Preconditions, PropagationPolicy};
use serde_json::{Value, json};

use crate::world::{Call, World, config_map, widget};

fn call(options: DeleteOptions) -> Call {
    Call { delete: options, ..Call::default() }
}

fn vessel(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "example.com/v2", "kind": "Vessel", "metadata": {"name": name}, "spec": spec})
}

#[test]
fn a_delete_answers_with_a_status() {
    let world = World::new();
    let created = world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    let uid = created["metadata"]["uid"].clone();
    let want = json!({"kind": "Status", "apiVersion": "v1", "status": "Success",
        "details": {"name": "a", "kind": "configmaps", "uid": uid}});
    world.check_with("delete", "v1/configmaps ns/a", (), &Call::dry(), 200, want.clone());
    world.check("delete", "v1/configmaps ns/a", (), 200, want);
    world.check("delete", "v1/configmaps ns/a", (), 404, json!({}));
}

#[test]
fn finalizers_hold_an_object_back() {
    let world = World::new();
    let mut body = config_map("a", json!({}));
    body["metadata"]["finalizers"] = json!(["example.com/f"]);
    world.check("create", "v1/configmaps ns/", body.clone(), 201, json!({}));
    let deleting = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0,
        "finalizers": ["example.com/f"], "resourceVersion": "2"}});
    world.check("delete", "v1/configmaps ns/a", (), 200, deleting.clone());
    world.check("delete", "v1/configmaps ns/a", (), 200, deleting.clone());
    world.check_error(
        "create",
        "v1/configmaps ns/",
        body,
        &Call::default(),
        409,
        "object is being deleted: configmaps \"a\" already exists",
    );
    let add = json!({"metadata": {"finalizers": ["example.com/f", "example.com/g"]}});
    let answer = world.call("merge", "v1/configmaps ns/a", add, &Call::default());
    assert_eq!(answer.code, 422, "no finalizer can be added: {}", answer.body);
    let none = json!({"metadata": {"finalizers": null}});
    world.check("merge", "v1/configmaps ns/a", none, 200, json!({"kind": "ConfigMap"}));
    world.check("get", "v1/configmaps ns/a", (), 404, json!({}));
}

#[test]
fn the_propagation_policy_sets_the_collectors_finalizers() {
    let check = |policy, finalizers: Value| {
        let world = World::new();
        world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
        let options = call(DeleteOptions { propagation_policy: Some(policy), ..DeleteOptions::default() });
        let want = json!({"kind": "ConfigMap", "metadata": {"finalizers": finalizers}});
        world.check_with("delete", "v1/configmaps ns/a", (), &options, 200, want);
    };
    check(PropagationPolicy::Foreground, json!(["foregroundDeletion"]));
    check(PropagationPolicy::Orphan, json!(["orphan"]));
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    let background = PropagationPolicy::Background;
    let options = call(DeleteOptions { propagation_policy: Some(background), ..DeleteOptions::default() });
    world.check_with("delete", "v1/configmaps ns/a", (), &options, 200, json!({"kind": "Status"}));
}

#[test]
fn preconditions_must_hold() {
    let world = World::new();
    let created = world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    let uid = created["metadata"]["uid"].as_str().expect("a uid");
    let check = |preconditions, message: String| {
        let options = call(DeleteOptions { preconditions, ..DeleteOptions::default() });
        world.check_error("delete", "v1/configmaps ns/a", (), &options, 409, &message);
    };
    check(
        Preconditions { uid: Some("x".to_owned()), resource_version: None },
        format!(
            "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (x) does not match the \
             UID in record ({uid}). The object might have been deleted and then recreated"
        ),
    );
    check(
        Preconditions { uid: None, resource_version: Some("9".to_owned()) },
        "Operation cannot be fulfilled on ConfigMap \"a\": the ResourceVersion in the precondition (9) does not match \
         the ResourceVersion in record (1). The object might have been modified"
            .to_owned(),
    );
}

#[test]
fn grace_can_only_be_shortened() {
    let world = World::new();
    world.check("create", "example.com/v2/vessels ns/", vessel("a", json!({"grace": 30})), 201, json!({}));
    let check = |seconds: Option<i64>, want: Value| {
        let options = call(DeleteOptions { grace_period_seconds: seconds, ..DeleteOptions::default() });
        world.check_with("delete", "example.com/v2/vessels ns/a", (), &options, 200, want);
    };
    check(
        None,
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30}}),
    );
    check(Some(60), json!({"kind": "Status"}));
    check(
        Some(5),
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:05Z", "deletionGracePeriodSeconds": 5}}),
    );
    check(Some(0), json!({"kind": "Status", "status": "Success"}));
    world.check("get", "example.com/v2/vessels ns/a", (), 404, json!({}));
}

#[test]
fn what_lives_for_a_time_is_removed_after_its_last_write() {
    let world = World::new();
    let minutes = |count: u64| world.env.run_for(std::time::Duration::from_secs(60 * count));
    for name in ["a", "b"] {
        world.check("create", "example.com/v1/widgets", widget(name, json!({})), 201, json!({}));
    }
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    minutes(40);
    world.check("merge", "example.com/v1/widgets b", json!({"spec": {"size": 1}}), 200, json!({}));
    minutes(30);
    world.check("get", "example.com/v1/widgets a", (), 404, json!({}));
    world.check("get", "example.com/v1/widgets b", (), 200, json!({}));
    minutes(35);
    world.check("get", "example.com/v1/widgets b", (), 404, json!({}));
    world.check("get", "v1/configmaps ns/a", (), 200, json!({}));
}

#[test]
fn a_collection_is_deleted_by_selector() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        let mut body = config_map(name, json!({}));
        body["metadata"]["labels"] = json!({"name": name});
        world.check("create", "v1/configmaps ns/", body, 201, json!({}));
    }
    let want =
        json!({"kind": "ConfigMapList", "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]});
    world.check_with("deletecollection", "v1/configmaps ns/", (), &Call::labels("name in (a,b)"), 200, want);
    world.check("list", "v1/configmaps ns/", (), 200, json!({"items": [{"metadata": {"name": "c"}}]}));
}
