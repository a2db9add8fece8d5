use serde_json::{Value, json};

use crate::world::{World, target, widget, widgets};

const WIDGETS: &str = "example.com/v1/widgets ns/";
const A: &str = "example.com/v1/widgets ns/a";

fn world() -> World {
    let world = World::new();
    world.define(widgets(json!({})));
    world
}

#[test]
fn objects_are_pruned_defaulted_and_counted() {
    let world = world();
    let given = json!({"size": 1, "unknown": true, "note": null, "replicas": null, "free": {"a": {"b": null}}, "port": "http"});
    let mut object = widget("a", given);
    object["status"] = json!({"phase": "x"});
    object["more"] = json!(1);
    world.check("create", WIDGETS, object, 201, json!({"metadata": {"generation": 1, "namespace": "ns"}, "more": null, "status": null,
        "spec": {"size": 1, "color": "red", "unknown": null, "note": null, "replicas": null, "free": {"a": {"b": null}}, "port": "http"}}));
    let got = world.call("get", A, json!(null)).body;
    assert_eq!(
        got["spec"],
        json!({"size": 1, "color": "red", "note": null, "free": {"a": {"b": null}}, "port": "http"})
    );
    world.check("merge", A, json!({"spec": {"size": 2}}), 200, json!({"metadata": {"generation": 2}}));
    world.check(
        "merge",
        A,
        json!({"metadata": {"labels": {"a": "b"}}}),
        200,
        json!({"metadata": {"generation": 2}}),
    );
}

#[test]
fn bad_objects_get_upstreams_status() {
    let world = world();
    let create = |spec: Value, message: &str| {
        let message = format!(r#"Widget.example.com "a" is invalid: {message}"#);
        world.check_error("create", WIDGETS, widget("a", spec), 422, &message);
    };
    create(json!({}), "spec.size: Required value");
    create(
        json!({"size": "1"}),
        r#"spec.size: Invalid value: "string": spec.size in body must be of type integer: "string""#,
    );
    create(
        json!({"size": 0}),
        "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
    );
    create(
        json!({"size": 1, "color": "green"}),
        r#"spec.color: Unsupported value: "green": supported values: "red", "blue""#,
    );
    create(json!({"size": 1, "tags": ["a", "a"]}), r#"spec.tags[1]: Duplicate value: "a""#);
    create(
        json!({"size": 1, "parts": [{"name": "x"}, {"name": "x"}]}),
        r#"spec.parts[1]: Duplicate value: {"name":"x"}"#,
    );
    create(
        json!({"size": 1, "replicas": -1}),
        ".spec.replicas: Invalid value: -1: should be a non-negative integer",
    );
    world.check("create", WIDGETS, widget("a", json!({"size": 0, "color": "green"})), 422, json!({"reason": "Invalid",
        "details": {"name": "a", "group": "example.com", "kind": "Widget", "causes": [
            {"reason": "FieldValueNotSupported", "field": "spec.color"}, {"reason": "FieldValueInvalid", "field": "spec.size"}]}}));
    let mut foreign = widget("a", json!({"size": 1}));
    foreign["kind"] = json!("Gadget");
    world.check("create", WIDGETS, foreign, 422, json!({"details": {"causes": [{"field": "kind"}]}}));
    let bad = widget("a", json!({"size": 1, "unknown": 1, "parts": [{"name": "x", "foo": 1}]}));
    let strict = world.call("create-strict", WIDGETS, bad.clone());
    assert_eq!(strict.code, 400);
    let message = strict.body["message"].as_str().expect("a message");
    assert!(
        message.ends_with(
            r#"strict decoding error: unknown field "spec.parts[0].foo", unknown field "spec.unknown""#
        ),
        "{message}"
    );
    assert_eq!(world.call("create", WIDGETS, bad).code, 201);
}

#[test]
fn the_status_is_a_part_of_its_own() {
    let world = world();
    world.check("create", WIDGETS, widget("a", json!({"size": 1})), 201, json!({}));
    let status = format!("{A} status");
    world.check("merge", &status, json!({"spec": {"size": 9}, "status": {"phase": "Ready"}, "metadata": {"labels": {"x": "y"}}}), 200,
        json!({"spec": {"size": 1}, "status": {"phase": "Ready"}, "metadata": {"generation": 1, "labels": null}}));
    world.check("merge", A, json!({"status": {"phase": "Gone"}}), 200, json!({"status": {"phase": "Ready"}}));
    world.check_error(
        "merge",
        &status,
        json!({"status": {"phase": "far too long"}}),
        422,
        r#"Widget.example.com "a" is invalid: status.phase: Too long: may not be more than 7 bytes"#,
    );
}

#[test]
fn scale_reads_and_writes_the_paths_of_the_definition() {
    let world = world();
    world.check("create", WIDGETS, widget("a", json!({"size": 1, "replicas": 2})), 201, json!({}));
    world.check(
        "merge",
        &format!("{A} status"),
        json!({"status": {"replicas": 1, "selector": "app=a"}}),
        200,
        json!({}),
    );
    let scale = format!("{A} scale");
    world.check(
        "get",
        &scale,
        json!(null),
        200,
        json!({"kind": "Scale", "spec": {"replicas": 2}, "status": {"replicas": 1, "selector": "app=a"}}),
    );
    world.check("merge", &scale, json!({"spec": {"replicas": 5}}), 200, json!({"spec": {"replicas": 5}}));
    world.check("get", A, json!(null), 200, json!({"spec": {"replicas": 5}, "metadata": {"generation": 2}}));
}

#[test]
fn lists_select_by_labels_and_declared_fields() {
    let world = world();
    for (name, color) in [("a", "red"), ("b", "blue"), ("c", "red")] {
        world.check("create", WIDGETS, widget(name, json!({"size": 1, "color": color})), 201, json!({}));
    }
    let names = |selector: Value| -> Vec<String> {
        let list = world.check(
            "list",
            WIDGETS,
            selector,
            200,
            json!({"kind": "WidgetList", "apiVersion": "example.com/v1"}),
        );
        let items = list["items"].as_array().expect("items");
        items.iter().map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(json!({})), ["a", "b", "c"]);
    assert_eq!(names(json!({"fields": "spec.color=red"})), ["a", "c"]);
    assert_eq!(names(json!({"fields": "spec.color!=red,metadata.name=b"})), ["b"]);
    let answer = world.call("list", WIDGETS, json!({"fields": "spec.size=1"}));
    assert_eq!(
        (answer.code, answer.body["message"].as_str()),
        (400, Some("field label not supported: spec.size"))
    );
}

#[test]
fn applies_merge_lists_by_their_keys() {
    let world = world();
    let parts = |parts: Value| json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 1, "parts": parts}});
    world.check("apply", A, parts(json!([{"name": "x", "weight": 1}])), 201, json!({}));
    world.check(
        "json-patch",
        A,
        json!([{"op": "add", "path": "/spec/parts/-", "value": {"name": "y"}}]),
        200,
        json!({}),
    );
    world.check(
        "apply",
        A,
        parts(json!([{"name": "x", "weight": 2}])),
        200,
        json!({"spec": {"parts": [{"name": "x", "weight": 2}, {"name": "y"}]}}),
    );
    world.check("apply", A, parts(json!([{"name": "x", "weight": "heavy"}])), 500, json!({}));
}

#[test]
fn updates_name_the_version_they_are_based_on() {
    let world = world();
    let created = world.check("create", WIDGETS, widget("a", json!({"size": 1})), 201, json!({}));
    let mut blind = widget("a", json!({"size": 2}));
    world.check_error("update", A, blind.clone(), 422,
        r#"widgets.example.com "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update"#);
    blind["metadata"]["resourceVersion"] = created["metadata"]["resourceVersion"].clone();
    world.check("update", A, blind.clone(), 200, json!({"spec": {"size": 2}}));
    assert_eq!(world.call("update", A, blind).code, 409);
}

#[test]
fn discovery_has_the_names_of_the_definition() {
    let world = world();
    let served = world.engine.served(&target(WIDGETS)).expect("served");
    let spec = served.kind.spec();
    assert_eq!(
        (&*spec.kind, &*spec.singular, spec.short_names.first().map(|name| &**name)),
        ("Widget", "widget", Some("wd"))
    );
    assert_eq!(served.columns().iter().map(|column| &*column.name).collect::<Vec<_>>(), ["Name", "Size"]);
    assert_eq!(served.subresources().iter().map(|sub| &*sub.name).collect::<Vec<_>>(), ["status", "scale"]);
}

#[test]
fn strict_applies_name_what_the_schema_does_not_have() {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "foo": {"type": "string"},
        "template": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {
            "metadata": {"type": "object", "properties": {"name": {"type": "string"}}}, "spec": {"type": "object"}}}}}}});
    let world = World::new();
    world.define(widgets(json!({"versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]})));
    let check = |rest: &str, want: &str| {
        let text = format!("apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: a\n{rest}");
        let answer = world.call("apply-yaml-strict", A, json!(text));
        assert!(answer.code >= 400 && answer.body.to_string().contains(want), "{rest}: {:#}", answer.body);
    };
    check("unknownField: x\nspec:\n  foo: a\n", ".unknownField: field not declared in schema");
    check("  unknownMeta: x\nspec:\n  foo: a\n", ".metadata.unknownMeta: field not declared in schema");
    check(
        "spec:\n  template:\n    apiVersion: v1\n    kind: Sub\n    metadata:\n      unknownSubMeta: x\n      name: s\n",
        ".spec.template.metadata.unknownSubMeta: field not declared in schema",
    );
    check("spec:\n  foo: a\n  foo: b\n", r#"line 7: key \"foo\" already set in map"#);
}

#[test]
fn what_an_absent_webhook_would_convert_fails_and_the_rest_is_served() {
    let version = |name: &str| {
        json!({"name": name, "served": true, "storage": name == "v1", "schema": {"openAPIV3Schema": {
        "type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}})
    };
    let conversion = json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"],
        "clientConfig": {"service": {"namespace": "n", "name": "s"}}}});
    let world = World::new();
    world.define(widgets(json!({"versions": [version("v1"), version("v2")], "conversion": conversion})));
    world.check("create", WIDGETS, widget("a", json!({"size": 1})), 201, json!({}));
    world.check("get", A, json!(null), 200, json!({"spec": {"size": 1}}));
    world.check_error("get", "example.com/v2/widgets ns/a", json!(null), 500,
        "conversion webhook for example.com/v1, Kind=Widget failed: Post \"https://s.n.svc:443/\": service \"s\" not found");
    world.check("delete", A, json!(null), 200, json!({}));
}
