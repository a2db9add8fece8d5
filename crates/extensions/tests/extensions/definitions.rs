use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{CRDS, World, schema, widget, widgets};

const WIDGETS: &str = "example.com/v1/widgets ns/";

#[test]
fn a_definition_is_defaulted_and_established() {
    let world = World::new();
    let created = world.check("create", CRDS, widgets(json!({})), 201, json!({
        "metadata": {"generation": 1},
        "spec": {"names": {"singular": "widget", "listKind": "WidgetList"}, "conversion": {"strategy": "None"}},
        "status": {"storedVersions": ["v1"], "conditions": null, "acceptedNames": {"plural": "", "kind": ""}}}));
    assert_eq!(created["status"]["conditions"], Value::Null);
    world.wait(Duration::from_millis(10));
    world.check("get", &format!("{CRDS} widgets.example.com"), json!(null), 200, json!({
        "metadata": {"generation": 1},
        "status": {"storedVersions": ["v1"],
            "acceptedNames": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList",
                "shortNames": ["wd"], "categories": ["all"]},
            "conditions": [
                {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found"},
                {"type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": "the initial names have been accepted"}]}}));
}

#[test]
fn bad_definitions_are_refused_with_all_that_is_wrong() {
    let world = World::new();
    let mut wrong = widgets(json!({"scope": "", "versions": [{"name": "v1", "served": true, "storage": true,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {}}}}}]}));
    wrong["metadata"]["name"] = json!("gadgets.example.com");
    world.check("create", CRDS, wrong, 422, json!({"reason": "Invalid",
        "details": {"name": "gadgets.example.com", "group": "apiextensions.k8s.io", "kind": "CustomResourceDefinition", "causes": [
            {"reason": "FieldValueInvalid", "field": "metadata.name",
                "message": r#"Invalid value: "gadgets.example.com": must be spec.names.plural+"."+spec.group"#},
            {"reason": "FieldValueRequired", "field": "spec.scope", "message": "Required value"},
            {"reason": "FieldValueRequired", "field": "spec.validation.openAPIV3Schema.properties[spec].type",
                "message": "Required value: must not be empty for specified object fields"}]}}));
    world.check_error("list", WIDGETS, json!({}), 404, "the server could not find the requested resource");
}

#[test]
fn names_in_use_are_given_when_they_become_free() {
    let world = World::new();
    world.define(widgets(json!({})));
    let second = widgets(json!({"names": {"plural": "gadgets", "kind": "Widget"}}));
    world.check("create", CRDS, second, 201, json!({}));
    world.wait(Duration::from_millis(10));
    world.check("get", &format!("{CRDS} gadgets.example.com"), json!(null), 200, json!({"status": {"conditions": [
        {"type": "NamesAccepted", "status": "False", "reason": "ListKindConflict", "message": "\"WidgetList\" is already in use"},
        {"type": "Established", "status": "False", "reason": "NotAccepted", "message": "not all names are accepted"}]}}));
    world.check("list", "example.com/v1/gadgets ns/", json!({}), 404, json!({}));
    world.check("delete", &format!("{CRDS} widgets.example.com"), json!(null), 200, json!({}));
    world.wait(Duration::from_secs(2));
    world.check(
        "get",
        &format!("{CRDS} gadgets.example.com"),
        json!(null),
        200,
        json!({"status": {"conditions": [
        {"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": "True"}]}}),
    );
    world.check(
        "list",
        "example.com/v1/gadgets ns/",
        json!({}),
        200,
        json!({"kind": "WidgetList", "items": []}),
    );
}

#[test]
fn a_changed_schema_holds_at_once_and_for_what_is_stored() {
    let world = World::new();
    world.define(widgets(json!({})));
    world.check("create", WIDGETS, widget("a", json!({"size": 1, "note": "n"})), 201, json!({}));
    let mut narrow = schema();
    narrow["properties"]["spec"]["properties"]["note"] = json!({"type": "integer"});
    narrow["properties"]["spec"]["properties"]["extra"] = json!({"type": "string", "default": "x"});
    narrow["properties"]["spec"]["properties"].as_object_mut().expect("an object").remove("free");
    let patch =
        json!([{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": narrow}]);
    world.check(
        "json-patch",
        &format!("{CRDS} widgets.example.com"),
        patch,
        200,
        json!({"metadata": {"generation": 2}}),
    );
    world.wait(Duration::from_millis(10));
    world.check(
        "get",
        "example.com/v1/widgets ns/a",
        json!(null),
        200,
        json!({"spec": {"size": 1, "note": "n", "extra": "x"}}),
    );
    world.check(
        "create",
        WIDGETS,
        widget("b", json!({"size": 1, "free": {"a": 1}, "note": 5})),
        201,
        json!({"spec": {"note": 5, "free": null}}),
    );
    // What is wrong with the stored object does not hinder changes of something else.
    let path = "example.com/v1/widgets ns/a";
    world.check("merge", path, json!({"spec": {"size": 2}}), 200, json!({"spec": {"size": 2, "note": "n"}}));
    world.check_error("merge", path, json!({"spec": {"note": "m"}}), 422,
        r#"Widget.example.com "a" is invalid: spec.note: Invalid value: "string": spec.note in body must be of type integer: "string""#);
}

#[test]
fn what_a_new_rule_says_of_old_values_is_warned_of() {
    let world = World::new();
    world.define(widgets(json!({})));
    world.check("create", WIDGETS, widget("a", json!({"size": 1, "note": "n"})), 201, json!({}));
    let mut ruled = schema();
    ruled["properties"]["spec"]["properties"]["note"]["x-kubernetes-validations"] =
        json!([{"rule": "self == 'm'", "message": "be m"}]);
    let patch = json!([{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": ruled}]);
    world.check("json-patch", &format!("{CRDS} widgets.example.com"), patch, 200, json!({}));
    world.wait(Duration::from_millis(10));
    let check = |spec: Value, code: u16, warnings: &[&str]| {
        let answer = world.call("merge", "example.com/v1/widgets ns/a", json!({ "spec": spec }));
        assert_eq!(
            (answer.code, answer.warnings),
            (code, warnings.iter().map(|w| (*w).to_owned()).collect())
        );
    };
    check(json!({"size": 2}), 200, &[r#"spec.note: Invalid value: "n": be m"#]);
    check(json!({"note": "o"}), 422, &[]);
    check(json!({"note": "m"}), 200, &[]);
}

#[test]
fn versions_are_served_side_by_side() {
    let version = |name: &str, storage: bool, more: Value| {
        let mut version = json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": schema()}});
        if let (Some(version), Some(more)) = (version.as_object_mut(), more.as_object()) {
            version.extend(more.clone());
        }
        version
    };
    let old = json!({"deprecated": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
        "properties": {"size": {"type": "integer", "maximum": 3}}}}}}});
    let world = World::new();
    world.define(widgets(
        json!({"versions": [version("v1beta1", false, old), version("v1", true, json!({}))]}),
    ));
    let mut small = widget("a", json!({"size": 4}));
    world.check("create", WIDGETS, small.clone(), 201, json!({"spec": {"color": "red"}}));
    let beta = "example.com/v1beta1/widgets ns/";
    let got = world.call("get", "example.com/v1beta1/widgets ns/a", json!(null));
    assert_eq!(got.warnings, ["example.com/v1beta1 Widget is deprecated; use example.com/v1 Widget"]);
    assert_eq!(got.body["apiVersion"], "example.com/v1beta1");
    assert_eq!(got.body["spec"], json!({"size": 4}));
    small["apiVersion"] = json!("example.com/v1beta1");
    small["metadata"]["name"] = json!("b");
    world.check_error("create", beta, small.clone(), 422,
        r#"Widget.example.com "b" is invalid: spec.size: Invalid value: 4: spec.size in body should be less than or equal to 3"#);
    small["spec"]["size"] = json!(2);
    world.check("create", beta, small, 201, json!({"apiVersion": "example.com/v1beta1"}));
    world.check(
        "get",
        "example.com/v1/widgets ns/b",
        json!(null),
        200,
        json!({"apiVersion": "example.com/v1", "spec": {"size": 2}}),
    );
    // The stored version may change, but not go away.
    let crd = format!("{CRDS} widgets.example.com");
    let swap = json!([{"op": "replace", "path": "/spec/versions/0/storage", "value": true},
        {"op": "replace", "path": "/spec/versions/1/storage", "value": false}]);
    world.check("json-patch", &crd, swap, 200, json!({"status": {"storedVersions": ["v1", "v1beta1"]}}));
    let answer = world.call("json-patch", &crd, json!([{"op": "remove", "path": "/spec/versions/1"}]));
    assert_eq!(answer.code, 422);
    assert_eq!(answer.body["details"]["causes"][0]["field"], "status.storedVersions[0]");
    world.wait(Duration::from_millis(10));
    world.check(
        "get",
        "example.com/v1/widgets ns/a",
        json!(null),
        200,
        json!({"apiVersion": "example.com/v1"}),
    );
}

#[test]
fn names_and_scope_do_not_change_once_they_are_established() {
    let world = World::new();
    world.define(widgets(json!({})));
    let crd = format!("{CRDS} widgets.example.com");
    world.check_error("merge", &crd, json!({"spec": {"scope": "Cluster"}}), 422,
        r#"CustomResourceDefinition.apiextensions.k8s.io "widgets.example.com" is invalid: spec.scope: Invalid value: "Cluster": field is immutable"#);
    world.check("merge", &crd, json!({"spec": {"names": {"shortNames": ["wdg"]}}}), 200, json!({}));
    world.wait(Duration::from_millis(10));
    world.check("get", &crd, json!(null), 200, json!({"status": {"acceptedNames": {"shortNames": ["wdg"]}}}));
}

#[test]
fn a_built_in_resource_is_never_replaced() {
    let world = World::new();
    let own = widgets(
        json!({"group": "apiextensions.k8s.io", "names": {"plural": "customresourcedefinitions", "kind": "Mine"}}),
    );
    let mut own = own;
    own["metadata"]["annotations"] = json!({"api-approved.kubernetes.io": "unapproved, a test"});
    world.check("create", CRDS, own, 201, json!({}));
    world.wait(Duration::from_millis(10));
    let got = world.check("list", CRDS, json!({}), 200, json!({"kind": "CustomResourceDefinitionList"}));
    let conditions = got["items"][0]["status"]["conditions"].as_array().expect("conditions");
    assert!(conditions.iter().any(|condition| condition["type"] == "KubernetesAPIApprovalPolicyConformant"
        && condition["reason"] == "UnapprovedAnnotation"));
}

#[test]
fn rules_are_enforced() {
    let world = World::new();
    let mut ruled = schema();
    ruled["properties"]["spec"]["x-kubernetes-validations"] = json!([{"rule": "self.size < 10"}]);
    let definition = widgets(
        json!({"versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": ruled}}]}),
    );
    let answer = world.call("create", CRDS, definition);
    assert_eq!((answer.code, answer.warnings.len()), (201, 0));
}
