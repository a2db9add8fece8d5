use ironclad_api::params::FieldValidation;
use serde_json::json;

use crate::world::{Call, World, config_map, widget};

#[test]
fn a_create_fills_in_what_the_server_owns() {
    let world = World::new();
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v"},
        "metadata": {"name": "a", "uid": "mine", "selfLink": "x", "deletionTimestamp": "2020-01-01T00:00:00Z"}});
    let got = world.check(
        "create",
        "v1/configmaps ns/",
        body,
        201,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v"}, "metadata": {
            "name": "a", "namespace": "ns", "creationTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": "1",
            "generation": null, "selfLink": null, "deletionTimestamp": null,
            "managedFields": [{"manager": "kubectl", "operation": "Update", "apiVersion": "v1",
                "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:data": {".": {}, "f:k": {}}}}]}}),
    );
    assert_eq!(got["metadata"]["uid"].as_str().map(str::len), Some(36));
    let read = world.check("get", "v1/configmaps ns/a", (), 200, json!({}));
    assert_eq!(read, got, "a read shows what the create answered");
}

#[test]
fn bytes_are_served_as_they_were_encoded() {
    let world = World::new();
    let (created, _) =
        world.response("create", "v1/configmaps ns/", config_map("a", json!({})), &Call::default());
    let (read, _) = world.response("get", "v1/configmaps ns/a", (), &Call::default());
    let json = |response| match response {
        Ok(ironclad_engine::Response::Entry { entry, .. }) => entry.json.clone(),
        _ => panic!("no entry"),
    };
    let (created, read) = (json(created), json(read));
    assert_eq!(created, read);
    let start = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"1","#;
    assert!(created.starts_with(start.as_bytes()), "{created:?}");
}

#[test]
fn a_dry_run_shows_what_a_copied_object_would_become() {
    let world = World::new();
    let body =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "5"}});
    world.check_with(
        "create",
        "v1/configmaps ns/",
        body,
        &Call::dry(),
        201,
        json!({"metadata": {"name": "a"}}),
    );
}

#[test]
fn bad_bodies_are_refused_in_upstreams_words() {
    let world = World::new();
    let check = |path: &str, body: &str, code: u16, message: &str| {
        world.check_error("create", path, body, &Call::default(), code, message);
    };
    check(
        "v1/configmaps ns/",
        r#"{"apiVersion":"v2","kind":"ConfigMap"}"#,
        400,
        "the API version in the data (v2) does not match the expected API version (v1)",
    );
    check(
        "v1/configmaps ns/",
        r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}"#,
        400,
        "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): \
         unknown conversion",
    );
    check(
        "v1/configmaps ns/",
        r#"{"apiVersion":"apps/v1","kind":"ConfigMap","metadata":{"name":"a"}}"#,
        400,
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: no kind \"ConfigMap\" is registered for \
         version \"apps/v1\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
    );
    check(
        "v1/configmaps ns/",
        r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"}}"#,
        400,
        "Deployment in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Deployment) to \
         (core.ConfigMap): unknown conversion",
    );
    check(
        "v1/configmaps ns/",
        r#"{"apiVersion":"v1","kind":"Foo","metadata":{"name":"a"}}"#,
        400,
        "Foo in version \"v1\" cannot be handled as a ConfigMap: no kind \"Foo\" is registered for version \"v1\" in \
         scheme \"pkg/api/legacyscheme/scheme.go:30\"",
    );
    check(
        "example.com/v1/widgets",
        r#"{"apiVersion":"example.com/v1","kind":"Foo","metadata":{"name":"w"}}"#,
        422,
        "Widget.example.com \"w\" is invalid: kind: Invalid value: \"Foo\": must be Widget",
    );
    check(
        "v1/configmaps ns/",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","resourceVersion":"5"}}"#,
        500,
        "resourceVersion should not be set on objects to be created",
    );
    check(
        "v1/configmaps ns/",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"other"}}"#,
        400,
        "the namespace of the provided object does not match the namespace sent on the request",
    );
    check(
        "v1/configmaps ns/",
        r#"{"apiVersion":"v1","kind":"ConfigMap","data":{"a":1},"metadata":{"name":"a"}}"#,
        400,
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct \
         field ConfigMap.data of type string",
    );
    check(
        "v1/configmaps ns/",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{}}"#,
        422,
        "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
    );
    check(
        "v1/configmaps ns/",
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"A_b"}}"#,
        422,
        "ConfigMap \"A_b\" is invalid: metadata.name: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain must \
         consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric \
         character (e.g. 'example.com', regex used for validation is \
         '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    );
    check(
        "example.com/v1/widgets",
        r#"{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":{"size":11}}"#,
        422,
        "Widget.example.com \"w\" is invalid: spec.size: Invalid value: 11: must be at most 10",
    );
    assert_eq!(world.store_revision(), 0, "nothing was written");
}

#[test]
fn unknown_and_repeated_fields_are_dropped_told_of_or_refused() {
    let body =
        r#"{"apiVersion":"v1","kind":"ConfigMap","foo":1,"data":{},"metadata":{"name":"a","x":1},"data":{}}"#;
    let call = |validation| {
        let mut call = Call::default();
        call.write.field_validation = validation;
        call
    };
    let all = ["unknown field \"foo\"", "unknown field \"metadata.x\"", "duplicate field \"data\""];
    for (validation, warnings) in [(FieldValidation::Ignore, &all[..0]), (FieldValidation::Warn, &all[..])] {
        let world = World::new();
        let answer = world.call("create", "v1/configmaps ns/", body, &call(validation));
        assert_eq!((answer.code, answer.body.get("foo")), (201, None));
        assert_eq!(answer.warnings, warnings);
    }
    let message = format!(
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: {}",
        all.join(", ")
    );
    World::new().check_error(
        "create",
        "v1/configmaps ns/",
        body,
        &call(FieldValidation::Strict),
        400,
        &message,
    );
}

#[test]
fn a_name_that_exists_is_a_conflict() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    for call in [Call::default(), Call::dry()] {
        let body = config_map("a", json!({}));
        world.check_error("create", "v1/configmaps ns/", body, &call, 409, "configmaps \"a\" already exists");
    }
    world.check("create", "v1/configmaps other/", config_map("a", json!({})), 201, json!({}));
}

#[test]
fn names_are_generated() {
    let world = World::new();
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "a-"}});
    let names: Vec<String> = (0..3)
        .map(|_| {
            let got = world.check("create", "v1/configmaps ns/", body.clone(), 201, json!({}));
            got["metadata"]["name"].as_str().expect("a name").to_owned()
        })
        .collect();
    assert!(names.iter().all(|name| name.len() == 7 && name.starts_with("a-")), "{names:?}");
}

#[test]
fn a_dry_run_changes_nothing() {
    let world = World::new();
    let want = json!({"metadata": {"name": "a", "resourceVersion": null, "creationTimestamp": "2026-01-01T00:00:00Z"}});
    world.check_with("create", "v1/configmaps ns/", config_map("a", json!({})), &Call::dry(), 201, want);
    world.check("get", "v1/configmaps ns/a", (), 404, json!({"reason": "NotFound"}));
    assert_eq!(world.store_revision(), 0);
}

#[test]
fn custom_resources_are_pruned_and_defaulted() {
    let world = World::new();
    let body = widget("w", json!({"size": 3, "unknown": 1}));
    let want = json!({"spec": {"color": "red", "size": 3, "unknown": null}, "metadata": {"generation": 1}});
    world.check("create", "example.com/v1/widgets", body, 201, want);
    let mut mauve = widget("m", json!({"color": "mauve"}));
    mauve["status"] = json!({"phase": "Done"});
    let answer = world.call("create", "example.com/v1/widgets", mauve, &Call::default());
    assert_eq!(answer.warnings, ["spec.color: mauve is out of fashion"]);
    assert_eq!(answer.body.get("status"), None, "a client cannot create a status");
}

#[test]
fn requests_pass_the_gates() {
    let world = World::new();
    *world.gate.denied.lock() = Some("create configmaps".to_owned());
    world.check_error(
        "create",
        "v1/configmaps ns/",
        config_map("a", json!({})),
        &Call::default(),
        403,
        "configmaps is forbidden: User \"ann\" cannot create resource \"configmaps\" in API group \"\" in the \
         namespace \"ns\"",
    );
    *world.gate.denied.lock() = None;
    *world.gate.label.lock() = Some("l".to_owned());
    world.check(
        "create",
        "v1/configmaps ns/",
        config_map("a", json!({})),
        201,
        json!({"metadata": {"labels": {"l": "added"}}}),
    );
    *world.gate.label.lock() = Some("refuse".to_owned());
    world.check_error(
        "create",
        "v1/configmaps ns/",
        config_map("b", json!({})),
        &Call::default(),
        400,
        "admission refused it",
    );
    world.check("get", "v1/configmaps ns/b", (), 404, json!({}));
}

#[test]
fn what_is_not_served_is_not_found() {
    let world = World::new();
    let unknown = "the server could not find the requested resource";
    world.check_error("get", "v1/nothings ns/a", (), &Call::default(), 404, unknown);
    world.check_error("get", "v1/configmaps ns/a status", (), &Call::default(), 404, unknown);
    world.check_error("get", "v1/configmaps ns/a", (), &Call::default(), 404, "configmaps \"a\" not found");
    let message = "create is not supported on resources of kind \"widgets.example.com\"";
    world.check_error("create", "example.com/v1/widgets w status", json!({}), &Call::default(), 405, message);
}
