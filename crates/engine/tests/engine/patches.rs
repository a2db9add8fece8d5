use serde_json::{Value, json};

use crate::world::{Call, World, config_map, widget};

#[test]
fn the_three_plain_patches_change_what_they_say() {
    let check = |verb: &str, body: Value, want: Value| {
        let world = World::new();
        world.check(
            "create",
            "v1/configmaps ns/",
            config_map("a", json!({"k": "1", "l": "2"})),
            201,
            json!({}),
        );
        world.check(
            verb,
            "v1/configmaps ns/a",
            body,
            200,
            json!({"data": want, "metadata": {"resourceVersion": "2"}}),
        );
    };
    check("merge", json!({"data": {"k": "3", "l": null}}), json!({"k": "3", "l": null}));
    check("strategic", json!({"data": {"k": "3", "l": null}}), json!({"k": "3", "l": null}));
    check(
        "json-patch",
        json!([{"op": "replace", "path": "/data/k", "value": "3"}]),
        json!({"k": "3", "l": "2"}),
    );
}

#[test]
fn a_patch_without_effect_writes_nothing() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({"k": "1"})), 201, json!({}));
    world.check(
        "merge",
        "v1/configmaps ns/a",
        json!({"data": {"k": "1"}}),
        200,
        json!({"metadata": {"resourceVersion": "1"}}),
    );
}

#[test]
fn what_a_patch_makes_must_be_of_the_kind_and_convert_to_its_type() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({"k": "1"})), 201, json!({}));
    let check = |verb: &str, body: Value, code: u16, end: &str| {
        let answer = world.call(verb, "v1/configmaps ns/a", body, &Call::manager("ann"));
        let message = answer.body["message"].as_str().unwrap_or_default();
        assert_eq!((answer.code, message.ends_with(end)), (code, true), "{}", answer.body);
    };
    let scheme = "in scheme \"pkg/api/legacyscheme/scheme.go:30\"";
    check(
        "merge",
        json!({"kind": "Foo"}),
        422,
        &format!(": no kind \"Foo\" is registered for version \"v1\" {scheme}"),
    );
    check(
        "json-patch",
        json!([{"op": "replace", "path": "/apiVersion", "value": "apps/v1"}]),
        422,
        &format!(": no kind \"ConfigMap\" is registered for version \"apps/v1\" {scheme}"),
    );
    check(
        "merge",
        json!({"kind": "Status"}),
        422,
        ": converting (v1.Status) to (core.ConfigMap): unknown conversion",
    );
    check("merge", json!({"kind": null}), 200, "");
    check("strategic", json!({"kind": "Foo"}), 200, "");
    let mut applied = config_map("a", json!({}));
    applied["binaryData"] = json!({"b": "YQ="});
    check(
        "apply",
        applied,
        500,
        "failed to convert new object (/a; /v1, Kind=ConfigMap) to proper version: unable to convert unstructured \
         object to /v1, Kind=ConfigMap: error decoding from json: illegal base64 data at input byte 3",
    );
}

#[test]
fn patches_that_do_not_fit_are_refused() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({"k": "1"})), 201, json!({}));
    let check = |verb: &str, body: &str, code: u16, message: &str| {
        world.check_error(verb, "v1/configmaps ns/a", body, &Call::default(), code, message);
    };
    check(
        "merge",
        r#"{"metadata":{"name":"b"}}"#,
        400,
        "the name of the object (b) does not match the name on the URL (a)",
    );
    check(
        "merge",
        r#"{"metadata":{"resourceVersion":"7"}}"#,
        409,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes \
         to the latest version and try again",
    );
    check(
        "merge",
        r#"{"metadata":{"uid":"other"}}"#,
        422,
        "ConfigMap \"a\" is invalid: metadata.uid: Invalid value: \"other\": field is immutable",
    );
    check(
        "merge",
        r#"{"metadata":{"finalizers":["mine"]}}"#,
        422,
        "ConfigMap \"a\" is invalid: metadata.finalizers[0]: Invalid value: \"mine\": name is neither a standard \
         finalizer name nor is it fully qualified",
    );
    check(
        "strategic",
        r#"{"data":{"k":1}}"#,
        422,
        " \"\" is invalid: patch: Invalid value: \"map[data:map[k:1]]\": cannot convert int64 to string",
    );
    for body in [
        r#"{"apiVersion":"v1","metadata":{"name":"a"}}"#,
        r#"{"apiVersion":"v1","kind":"","metadata":{"name":"a"}}"#,
    ] {
        let ann = Call::manager("ann");
        world.check_error("apply", "v1/configmaps ns/a", body, &ann, 400, "invalid object type: /v1, Kind=");
    }
    let foreign = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}});
    let message = "invalid object type: apps/v1, Kind=Deployment";
    world.check_error("apply", "v1/configmaps ns/a", foreign, &Call::manager("ann"), 400, message);
    check(
        "json-patch",
        r#"[{"op":"remove","path":"/data/x"}]"#,
        422,
        "the server rejected our request due to an error in our request",
    );
    world.check_error(
        "merge",
        "v1/configmaps ns/b",
        json!({}),
        &Call::default(),
        404,
        "configmaps \"b\" not found",
    );
    assert_eq!(world.store_revision(), 1, "nothing was written");
}

#[test]
fn an_empty_list_of_managers_forgets_them() {
    for reset in [json!([]), json!([{}])] {
        let world = World::new();
        world.check("create", "v1/configmaps ns/", config_map("a", json!({"k": "1"})), 201, json!({}));
        let body = json!({"metadata": {"managedFields": reset}, "data": {"k": "2"}});
        let want = json!({"data": {"k": "2"}, "metadata": {"managedFields": null}});
        world.check("merge", "v1/configmaps ns/a", body, 200, want.clone());
        let untracked =
            json!({"data": {"k": "2"}, "metadata": {"managedFields": null, "labels": {"a": "b"}}});
        world.check(
            "merge",
            "v1/configmaps ns/a",
            json!({"metadata": {"labels": {"a": "b"}}}),
            200,
            untracked,
        );
    }
}

#[test]
fn apply_creates_merges_and_takes_back() {
    let world = World::new();
    let path = "example.com/v1/widgets w";
    let ann = Call::manager("ann");
    world.check_error(
        "apply",
        path,
        widget("w", json!({})),
        &Call::default(),
        422,
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
    );
    let body = widget("w", json!({"size": 1, "parts": [{"name": "a", "weight": 1}]}));
    world.check_with(
        "apply",
        path,
        body,
        &ann,
        201,
        json!({"spec": {"size": 1, "color": "red"},
        "metadata": {"managedFields": [{"manager": "ann", "operation": "Apply"}], "generation": 1}}),
    );
    let body = widget("w", json!({"parts": [{"name": "b", "weight": 2}]}));
    let want = json!({"spec": {"size": 1, "parts": [{"name": "a"}, {"name": "b", "weight": 2}]}});
    world.check_with("apply", path, body, &Call::manager("bob"), 200, want);
    let body = widget("w", json!({"parts": [{"name": "b", "weight": 3}]}));
    let answer = world.call("apply", path, body.clone(), &ann);
    assert_eq!(answer.code, 409);
    assert_eq!(
        answer.body["message"],
        "Apply failed with 1 conflict: conflict with \"bob\": .spec.parts[name=\"b\"].weight"
    );
    let mut forced = ann.clone();
    forced.write.force = true;
    let want =
        json!({"spec": {"size": null, "parts": [{"name": "b", "weight": 3}]}, "metadata": {"generation": 3}});
    world.check_with("apply", path, body.clone(), &forced, 200, want);
    let revision = world.store_revision();
    world.check_with("apply", path, body, &forced, 200, json!({}));
    assert_eq!(world.store_revision(), revision, "applying the same again writes nothing");
}

#[test]
fn an_apply_that_creates_needs_the_right_to_create() {
    let world = World::new();
    *world.gate.denied.lock() = Some("create widgets".to_owned());
    let answer =
        world.call("apply", "example.com/v1/widgets w", widget("w", json!({})), &Call::manager("ann"));
    assert_eq!(answer.code, 403);
}

#[test]
fn an_apply_to_a_part_of_what_is_not_there_creates_nothing() {
    let world = World::new();
    let body = widget("w", json!({}));
    let message = "widgets.example.com \"w\" not found";
    world.check_error("apply", "example.com/v1/widgets w status", body, &Call::manager("ann"), 404, message);
    assert_eq!(world.store_revision(), 0);
}

#[test]
fn a_patch_with_many_unknown_fields_is_answered_soon() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({"k": "1"})), 201, json!({}));
    let unknown: String = (0..100_000).map(|at| format!(r#","{at}":0"#)).collect();
    let patch = format!(r#"[{{"op":"add","path":"/data/l","value":"2"{unknown}}}]"#);
    let patch: Value = serde_json::from_str(&patch).expect("JSON");
    let began = std::time::Instant::now();
    world.check("json-patch", "v1/configmaps ns/a", patch, 200, json!({"data": {"l": "2"}}));
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
}
