use serde_json::json;

use crate::world::{Call, World, config_map, widget};

#[test]
fn an_update_replaces_the_object_and_keeps_its_identity() {
    let world = World::new();
    let created =
        world.check("create", "v1/configmaps ns/", config_map("a", json!({"k": "1"})), 201, json!({}));
    world.env.run_for(std::time::Duration::from_secs(10));
    let got = world.check(
        "update",
        "v1/configmaps ns/a",
        config_map("a", json!({"k": "2"})),
        200,
        json!({"data": {"k": "2"}, "metadata": {"resourceVersion": "2", "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "kubectl", "time": "2026-01-01T00:00:10Z"}]}}),
    );
    assert_eq!(got["metadata"]["uid"], created["metadata"]["uid"]);
}

#[test]
fn an_update_that_changes_nothing_writes_nothing() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({"k": "1"})), 201, json!({}));
    world.env.run_for(std::time::Duration::from_secs(10));
    let want =
        json!({"metadata": {"resourceVersion": "1", "managedFields": [{"time": "2026-01-01T00:00:00Z"}]}});
    world.check("update", "v1/configmaps ns/a", config_map("a", json!({"k": "1"})), 200, want);
    assert_eq!(world.store_revision(), 1);
}

#[test]
fn updates_that_do_not_fit_are_refused() {
    let world = World::new();
    let created =
        world.check("create", "v1/configmaps ns/", config_map("a", json!({"k": "1"})), 201, json!({}));
    let uid = created["metadata"]["uid"].as_str().expect("a uid").to_owned();
    let check = |change: serde_json::Value, code: u16, message: &str| {
        let mut body = config_map("a", json!({"k": "2"}));
        for (name, value) in change.as_object().expect("an object") {
            body["metadata"][name] = value.clone();
        }
        world.check_error("update", "v1/configmaps ns/a", body, &Call::default(), code, message);
    };
    let modified = "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply \
                    your changes to the latest version and try again";
    check(json!({"resourceVersion": "7"}), 409, modified);
    check(json!({"name": "b"}), 400, "the name of the object (b) does not match the name on the URL (a)");
    check(
        json!({"uid": "other"}),
        409,
        &format!(
            "Operation cannot be fulfilled on configmaps \"a\": StorageError: invalid object, Code: 4, Key: \
             /configmaps/ns/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in \
             precondition: other, UID in object meta: {uid}"
        ),
    );
    check(
        json!({"deletionTimestamp": "2020-01-01T00:00:00Z"}),
        422,
        "ConfigMap \"a\" is invalid: metadata.deletionTimestamp: Invalid value: \"2020-01-01T00:00:00Z\": field is \
         immutable",
    );
    let missing = config_map("b", json!({}));
    world.check_error(
        "update",
        "v1/configmaps ns/b",
        missing,
        &Call::default(),
        404,
        "configmaps \"b\" not found",
    );
    assert_eq!(world.store_revision(), 1, "nothing was written");
}

#[test]
fn the_spec_counts_generations_and_the_status_does_not() {
    let world = World::new();
    let path = "example.com/v1/widgets w";
    world.check("create", "example.com/v1/widgets", widget("w", json!({"size": 1})), 201, json!({}));
    let check = |path: &str, body: serde_json::Value, want: serde_json::Value| {
        world.check("update", path, body, 200, want)
    };
    check(path, widget("w", json!({"size": 2})), json!({"metadata": {"generation": 2}}));
    let mut body = widget("w", json!({"size": 9}));
    body["status"] = json!({"phase": "Ready"});
    body["metadata"]["annotations"] = json!({"a": "b"});
    body["metadata"]["generation"] = json!(7);
    check(
        "example.com/v1/widgets w status",
        body,
        json!({"spec": {"size": 2}, "status": {"phase": "Ready"},
            "metadata": {"generation": 2, "annotations": {"a": "b"}, "resourceVersion": "3"}}),
    );
    let mut body = widget("w", json!({"size": 3}));
    body["status"] = json!({"phase": "Lost"});
    check(
        path,
        body,
        json!({"spec": {"size": 3}, "status": {"phase": "Ready"}, "metadata": {"generation": 3}}),
    );
}

#[test]
fn each_way_of_writing_owns_its_fields() {
    let world = World::new();
    world.check("create", "example.com/v1/widgets", widget("w", json!({"size": 1})), 201, json!({}));
    let mut body = widget("w", json!({}));
    body["status"] = json!({"phase": "Ready"});
    let want = json!({"metadata": {"managedFields": [
        {"manager": "kubectl", "operation": "Update", "subresource": null,
            "fieldsV1": {"f:spec": {".": {}, "f:size": {}, "f:color": {}}, "f:status": null}},
        {"manager": "node", "operation": "Update", "subresource": "status",
            "fieldsV1": {"f:status": {".": {}, "f:phase": {}}, "f:spec": null}}]}});
    world.check_with("update", "example.com/v1/widgets w status", body, &Call::manager("node"), 200, want);
}

#[test]
fn a_cluster_scoped_object_is_found_whatever_namespace_the_path_implies() {
    let world = World::new();
    world.check("create", "example.com/v1/widgets", widget("w", json!({})), 201, json!({}));
    for (verb, body) in [("get", json!({})), ("merge", json!({"spec": {"size": 1}})), ("delete", json!({}))] {
        world.check(verb, "example.com/v1/widgets ns/w", body, 200, json!({}));
    }
}

#[test]
fn a_dry_update_changes_nothing() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({"k": "1"})), 201, json!({}));
    let want = json!({"data": {"k": "2"}, "metadata": {"resourceVersion": "1"}});
    world.check_with(
        "update",
        "v1/configmaps ns/a",
        config_map("a", json!({"k": "2"})),
        &Call::dry(),
        200,
        want,
    );
    world.check("get", "v1/configmaps ns/a", (), 200, json!({"data": {"k": "1"}}));
}
