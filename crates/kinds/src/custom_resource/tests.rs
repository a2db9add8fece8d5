use std::sync::Arc;

use ironclad_engine::Strategy;
use ironclad_env::SimEnv;
use ironclad_webhook::Caller;
use ironclad_webhook::resolver::NoServices;
use serde_json::json;

use super::*;
use crate::definition::Definition;

fn kind(versions: Value) -> CustomResource {
    let definition = json!({"spec": {"group": "example.com", "scope": "Namespaced", "versions": versions},
        "status": {"acceptedNames": {"plural": "widgets", "singular": "widget", "kind": "Widget",
            "listKind": "WidgetList", "shortNames": ["wd"], "categories": ["all"]}}});
    let caller = Caller::new(SimEnv::new(1), Arc::new(NoServices));
    CustomResource::new(&serde_json::from_value::<Definition>(definition).expect("a definition"), &caller)
}

fn version(name: &str, more: Value) -> Value {
    let mut version = json!({"name": name, "served": true, "storage": false,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
            "properties": {"a": {"type": "string"}}}}}}});
    if let (Some(version), Some(more)) = (version.as_object_mut(), more.as_object()) {
        version.extend(more.clone());
    }
    version
}

fn object(value: Value) -> Object {
    Object::from_value(value).expect("an object")
}

#[test]
fn names_and_versions_come_from_the_definition() {
    let kind = kind(json!([
        version("v1beta1", json!({"deprecated": true, "selectableFields": [{"jsonPath": ".spec.a"}]})),
        version("v1alpha1", json!({"deprecated": true, "deprecationWarning": "no more", "served": false})),
        version(
            "v1",
            json!({"storage": true, "subresources": {"status": {}, "scale":
            {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}}})
        ),
    ]));
    let spec = kind.spec();
    let versions: Vec<_> = spec.versions.iter().map(|v| (&*v.version, v.storage, v.served)).collect();
    assert_eq!(versions, [("v1", true, true), ("v1beta1", false, true), ("v1alpha1", false, false)]);
    assert_eq!(
        (&*spec.resource, &*spec.kind, spec.storage_prefix.as_deref()),
        ("widgets", "Widget", Some("example.com/widgets"))
    );
    assert_eq!(
        spec.versions[1].deprecation.as_deref(),
        Some("example.com/v1beta1 Widget is deprecated; use example.com/v1 Widget")
    );
    let names = |at: usize| -> Vec<&str> {
        spec.versions[at].subresources.iter().flatten().map(|sub| &*sub.name).collect()
    };
    assert_eq!((names(0), names(1)), (vec!["status", "scale"], vec![]));
    assert_eq!(spec.selectable.iter().map(|field| &*field.name).collect::<Vec<_>>(), ["spec.a"]);
    let offers = |version| kind.field_label(&GroupVersion::new("example.com", version), "spec.a").is_some();
    assert_eq!((offers("v1"), offers("v1beta1")), (false, true));
}

#[test]
fn columns_show_what_their_paths_lead_to() {
    let check = |column_type: &str, path: &str, want: Value| {
        let columns = json!([{"name": "X", "type": column_type, "jsonPath": path}]);
        let kind =
            kind(json!([version("v1", json!({"storage": true, "additionalPrinterColumns": columns}))]));
        let columns = kind.spec().versions[0].columns.as_ref().expect("columns");
        let custom = object(json!({"metadata": {"name": "w", "creationTimestamp": "2024-01-01T00:00:00Z"},
            "spec": {"n": 3, "f": 1.5, "s": "text", "b": true, "null": null, "map": {"a": "<"}, "list": [1, "b"], "bad": "never"},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}}));
        let now = "2024-01-01T01:00:00Z".parse().expect("a time");
        assert_eq!((columns[1].cell)(&custom, now), want, "{column_type} {path}");
    };
    check("string", ".spec.s", json!("text"));
    check("string", ".spec.n", json!("3"));
    check("string", ".spec.f", json!("1.5"));
    check("string", ".spec.b", json!("true"));
    check("string", ".spec.null", json!("<no value>"));
    check("string", ".spec.map", json!(r#"{"a":"\u003c"}"#));
    check("string", ".spec.list", json!(r#"[1,"b"]"#));
    check("string", ".spec.missing", json!(null));
    check("string", r#".status.conditions[?(@.type=="Ready")].status"#, json!("True"));
    check("string", ".spec.list[7]", json!(null));
    check("integer", ".spec.n", json!(3));
    check("integer", ".spec.f", json!(1));
    check("integer", ".spec.s", json!(null));
    check("number", ".spec.f", json!(1.5));
    check("boolean", ".spec.b", json!(true));
    check("boolean", ".spec.s", json!(null));
    check("date", ".metadata.creationTimestamp", json!("60m"));
    check("date", ".spec.bad", json!("<invalid>"));
    check("date", ".spec.n", json!(null));
}

#[test]
fn without_columns_the_age_is_shown() {
    let kind = kind(json!([version("v1", json!({"storage": true}))]));
    let columns = kind.spec().versions[0].columns.as_ref().expect("columns");
    let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["Name", "Age"]);
}

/// A conversion that needs no webhook, and so waits for nothing.
fn converted(kind: &CustomResource, object: Object, to: &GroupVersion) -> Result<Object, Status> {
    let mut conversion = kind.convert(vec![object], to);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match conversion.as_mut().poll(&mut context) {
        std::task::Poll::Ready(objects) => objects.map(|mut objects| objects.pop().expect("one object")),
        std::task::Poll::Pending => panic!("conversion waits for nothing"),
    }
}

#[test]
fn conversion_renames_the_version_and_drops_what_it_does_not_have() {
    let wide = json!({"storage": true, "schema": {"openAPIV3Schema": {"type": "object", "properties":
        {"spec": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}}}}});
    let retired = version("v0beta1", json!({"served": false}));
    let kind = kind(json!([version("v1", wide), version("v1beta1", json!({})), retired]));
    let stored = object(json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"},
        "spec": {"a": "1", "b": "2"}}));
    let to = GroupVersion::new("example.com", "v1beta1");
    let newer = converted(&kind, stored, &to).expect("converts");
    assert_eq!(
        newer.into_value(),
        json!({"apiVersion": "example.com/v1beta1", "kind": "Widget",
        "metadata": {"name": "w"}, "spec": {"a": "1"}})
    );
    let retired = object(json!({"apiVersion": "example.com/v0beta1", "kind": "Widget", "spec": {"a": "1"}}));
    assert_eq!(converted(&kind, retired, &to).expect("converts").str_at(&["spec", "a"]), "1");
    let foreign = object(json!({"apiVersion": "example.com/v0", "kind": "Widget"}));
    let error = converted(&kind, foreign, &to).expect_err("no such version");
    assert_eq!(
        error.message,
        "Internal error occurred: request to convert CR from an invalid group/version: example.com/v0"
    );
}

#[test]
fn replicas_are_numbers_that_fit() {
    let scale = crate::definition::Scale {
        spec_replicas_path: ".spec.replicas".to_owned(),
        status_replicas_path: ".status.replicas".to_owned(),
        label_selector_path: Some(".status.selector".to_owned()),
    };
    let check = |object: Value, want: &[&str]| {
        let mut errors = scale::validate_spec(&object, &scale);
        errors.extend(scale::validate_status(&object, &scale));
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), want, "{object}");
    };
    check(json!({}), &[]);
    check(json!({"spec": {"replicas": 3}, "status": {"replicas": 1, "selector": "a=b"}}), &[]);
    check(
        json!({"spec": {"replicas": -1}}),
        &[".spec.replicas: Invalid value: -1: should be a non-negative integer"],
    );
    check(
        json!({"spec": {"replicas": 4_294_967_296_i64}}),
        &[".spec.replicas: Invalid value: 4294967296: should be less than or equal to 2147483647"],
    );
    check(
        json!({"spec": {"replicas": "3"}, "status": {"selector": 1}}),
        &[
            ".spec.replicas: Invalid value: 0: .spec.replicas accessor error: 3 is of the type string, expected int64",
            ".status.selector: Invalid value: \"\": .status.selector accessor error: 1 is of the type int64, expected string",
        ],
    );
}

#[test]
fn badly_named_finalizers_are_warned_of_when_they_are_added() {
    let with = |names: Value| object(json!({"metadata": {"finalizers": names}}));
    let check = |name: &str, want: &[&str]| {
        let got = finalizers::warnings(&with(json!([name])), None);
        assert_eq!(got, want, "{name}");
        assert!(finalizers::warnings(&with(json!([name])), Some(&with(json!([name])))).is_empty());
    };
    check("example.com/clean", &[]);
    check("orphan", &[]);
    check(
        "clean",
        &[
            r#"metadata.finalizers: "clean": prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers"#,
        ],
    );
    check(
        "a.example.com",
        &[
            r#"metadata.finalizers: "a.example.com": prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers"#,
        ],
    );
}
