//! What the clients of the documents look for in them.

use serde_json::{Value, json};

use super::*;
use crate::schema::{Schema, structural};

const VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

fn deployments() -> Resource<'static> {
    let gvk = GroupVersionKind::new("apps", "v1", "Deployment");
    Resource {
        plural: "deployments",
        namespaced: true,
        verbs: VERBS,
        subresources: vec![
            Subresource { name: "status", gvk: gvk.clone(), verbs: &["get", "patch", "update"] },
            Subresource {
                name: "scale",
                gvk: GroupVersionKind::new("autoscaling", "v1", "Scale"),
                verbs: &["get", "patch", "update"],
            },
        ],
        custom: None,
        gvk,
    }
}

fn apps_v3() -> Value {
    v3(&GroupVersion::new("apps", "v1"), &[deployments()], "Kubernetes", "v1.36.0")
}

#[test]
fn explain_finds_the_kind_by_path_and_its_schema_by_kind() {
    let document = apps_v3();
    let gvk = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    let get = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments"]["get"];
    assert_eq!(get["x-kubernetes-group-version-kind"], gvk);
    assert_eq!(get["x-kubernetes-action"], "list");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let schema = schemas.values().find(|s| s["x-kubernetes-group-version-kind"] == json!([gvk])).unwrap();
    assert_eq!(schema["description"], "Deployment enables declarative updates for Pods and ReplicaSets.");
    let spec = &schema["properties"]["spec"];
    assert_eq!(spec["allOf"], json!([{"$ref": "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec"}]));
    assert_eq!(spec["default"], json!({}));
}

#[test]
fn explain_finds_the_values_that_a_field_may_have() {
    let schemas = &apps_v3()["components"]["schemas"];
    let check = |definition: &str, pointer: &str, want: &[&str]| {
        assert_eq!(schemas[definition].pointer(pointer), Some(&json!(want)), "{definition}{pointer}");
    };
    let (apps, core) = ("io.k8s.api.apps.v1", "io.k8s.api.core.v1");
    check(&format!("{apps}.DeploymentStrategy"), "/properties/type/enum", &["Recreate", "RollingUpdate"]);
    check(
        &format!("{core}.Container"),
        "/properties/imagePullPolicy/enum",
        &["Always", "IfNotPresent", "Never"],
    );
    let modes = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    check(&format!("{core}.PersistentVolumeClaimSpec"), "/properties/accessModes/items/enum", &modes);
}

#[test]
fn clients_find_how_a_collection_is_deleted_and_watched() {
    let document = apps_v3();
    let collection = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments"];
    let names = |operation: &Value| -> Vec<String> {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        parameters.iter().filter_map(|p| p["name"].as_str().map(str::to_owned)).collect()
    };
    let deletes = names(&collection["delete"]);
    for name in ["dryRun", "propagationPolicy", "labelSelector", "fieldSelector", "limit", "continue"] {
        assert!(deletes.iter().any(|given| given == name), "{name} of {deletes:?}");
    }
    assert!(!deletes.iter().any(|given| given == "watch"), "{deletes:?}");
    assert!(names(&collection["get"]).iter().any(|given| given == "watch"));
    let streams = &collection["get"]["responses"]["200"]["content"];
    assert!(streams.get("application/json;stream=watch").is_some());
    assert!(collection["post"]["responses"].get("202").is_some());
    assert!(collection["delete"]["responses"].get("202").is_none());
}

#[test]
fn clients_find_the_query_parameters_of_patch() {
    let document = apps_v3();
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    let names: Vec<&str> =
        patch["parameters"].as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force"]);
    assert!(patch["parameters"].as_array().unwrap().iter().all(|p| p["in"] == "query"));
    assert!(patch["requestBody"]["content"].get("application/strategic-merge-patch+json").is_some());
}

#[test]
fn apply_finds_merge_keys() {
    let document = apps_v3();
    let pod = &document["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"];
    assert_eq!(pod["containers"]["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(pod["volumes"]["x-kubernetes-patch-strategy"], "merge,retainKeys");
    assert_eq!(
        pod["topologySpreadConstraints"]["x-kubernetes-list-map-keys"],
        json!(["topologyKey", "whenUnsatisfiable"])
    );
    assert_eq!(pod["nodeSelector"]["x-kubernetes-map-type"], "atomic");
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    found.push(reference.clone());
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    for document in [apps_v3(), v2(&[deployments()], "Kubernetes", "v1.36.0")] {
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}

#[test]
fn operations_are_named_as_generated_clients_know_them() {
    let document = v2(&[deployments()], "Kubernetes", "v1.36.0");
    let check = |path: &str, method: &str, id: &str| {
        assert_eq!(document["paths"][path][method]["operationId"], id, "{path}");
    };
    let collection = "/apis/apps/v1/namespaces/{namespace}/deployments";
    let item = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
    check("/apis/apps/v1/", "get", "getAppsV1APIResources");
    check("/apis/apps/v1/deployments", "get", "listAppsV1DeploymentForAllNamespaces");
    check(collection, "post", "createAppsV1NamespacedDeployment");
    check(collection, "delete", "deleteAppsV1CollectionNamespacedDeployment");
    check(item, "get", "readAppsV1NamespacedDeployment");
    check(item, "put", "replaceAppsV1NamespacedDeployment");
    check(&format!("{item}/scale"), "patch", "patchAppsV1NamespacedDeploymentScale");
    assert_eq!(document["paths"][item]["get"]["tags"], json!(["apps_v1"]));
}

fn custom() -> Schema {
    structural::resource(&json!({"description": "Foo does it.", "type": "object", "properties": {"spec": {
        "type": "object", "properties": {"port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        "size": {"type": "integer", "minimum": 1}}}}}))
}

fn custom_of(schema: &Schema) -> Custom<'_> {
    Custom {
        schema,
        plural: "foos",
        list_kind: "FooList".to_owned(),
        selectable: vec!["spec.size".to_owned()],
    }
}

fn foos(schema: &Schema) -> Resource<'_> {
    Resource {
        gvk: GroupVersionKind::new("example.com", "v1", "Foo"),
        plural: "foos",
        namespaced: false,
        verbs: VERBS,
        subresources: vec![],
        custom: Some(custom_of(schema)),
    }
}

#[test]
fn custom_resources_are_published_with_their_schema() {
    let schema = custom();
    let document = v3(&GroupVersion::new("example.com", "v1"), &[foos(&schema)], "Kubernetes", "v1.36.0");
    let foo = &document["components"]["schemas"]["com.example.v1.Foo"];
    assert_eq!(foo["description"], "Foo does it.");
    assert_eq!(foo["properties"]["spec"]["properties"]["size"]["minimum"], 1);
    assert!(foo["properties"]["metadata"].get("allOf").is_some());
    assert!(document["components"]["schemas"].get("com.example.v1.FooList").is_some());
    let patch = &document["paths"]["/apis/example.com/v1/foos/{name}"]["patch"];
    assert_eq!(patch["operationId"], "patchExampleComV1Foo");
    assert!(patch["requestBody"]["content"].get("application/strategic-merge-patch+json").is_none());

    let document = v2(&[foos(&schema)], "Kubernetes", "v1.36.0");
    let port = &document["definitions"]["com.example.v1.Foo"]["properties"]["spec"]["properties"]["port"];
    assert_eq!(*port, json!({"x-kubernetes-int-or-string": true}));
}

#[test]
fn lists_of_custom_resources_are_described() {
    let schema = custom();
    let resource = Resource {
        custom: Some(Custom { list_kind: "Foos".to_owned(), ..custom_of(&schema) }),
        ..foos(&schema)
    };
    let document = v3(&GroupVersion::new("example.com", "v1"), &[resource], "Kubernetes", "v1.36.0");
    let list = &document["components"]["schemas"]["com.example.v1.Foos"];
    assert_eq!(list["description"], "Foos is a list of Foo");
    assert_eq!(
        list["properties"]["items"],
        json!({"type": "array", "items": {"$ref": "#/components/schemas/com.example.v1.Foo"},
        "description": "List of foos. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"})
    );
    assert_eq!(
        list["properties"]["metadata"]["allOf"],
        json!([{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"}])
    );
    let gvk = json!([{"group": "example.com", "version": "v1", "kind": "Foos"}]);
    assert_eq!(list["x-kubernetes-group-version-kind"], gvk);
    assert_eq!(list["x-kubernetes-selectable-fields"], json!([{"fieldPath": "spec.size"}]));
}

/// The published schema without what every kind has.
fn published(dialect: Dialect, given: &Value) -> Value {
    let schema = structural::resource(given);
    let (pointer, document) = match dialect {
        Dialect::V2 => ("/definitions", v2(&[foos(&schema)], "Kubernetes", "v1.36.0")),
        Dialect::V3 => (
            "/components/schemas",
            v3(&GroupVersion::new("example.com", "v1"), &[foos(&schema)], "Kubernetes", "v1.36.0"),
        ),
    };
    let schema = document.pointer(pointer).expect("schemas")["com.example.v1.Foo"].clone();
    let Value::Object(mut schema) = schema else { panic!("no schema") };
    for name in ["x-kubernetes-group-version-kind", "x-kubernetes-selectable-fields"] {
        assert!(schema.remove(name).is_some(), "{name}");
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        ["apiVersion", "kind", "metadata"].iter().for_each(|name| drop(properties.remove(*name)));
    }
    Value::Object(schema)
}

/// Upstream's tables: TestNewBuilder, TestConvertJSONSchemaPropsToOpenAPIv2Schema, TestUnfold.
#[test]
fn each_dialect_says_what_it_can() {
    let check = |given: Value, v2: Value, v3: Value| {
        let object = |field: Value| json!({"type": "object", "properties": {"f": field}});
        let (given, v2, v3) = (object(given), object(v2), object(v3));
        assert_eq!(published(Dialect::V2, &given), v2, "v2 of {given}");
        assert_eq!(published(Dialect::V3, &given), v3, "v3 of {given}");
    };
    let same = |given: Value| check(given.clone(), given.clone(), given);
    same(json!({"type": "string", "pattern": "a|b", "enum": ["a", "b"], "description": "F"}));
    same(
        json!({"type": "array", "items": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}}),
    );
    same(json!({"type": "object", "x-kubernetes-validations": [{"rule": "true"}]}));
    same(json!({"type": "object", "additionalProperties": {"type": "string", "maxLength": 3}}));
    same(json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}));
    let plain = || json!({"type": "string"});
    check(json!({"type": "string", "nullable": false, "required": [], "default": null}), plain(), plain());
    check(json!({"type": "string", "default": "x"}), plain(), json!({"type": "string", "default": "x"}));
    let all = json!({"type": "string", "allOf": [{"pattern": "a"}], "not": {"pattern": "b"}});
    check(all.clone(), plain(), all);
    let null = json!({"type": "array", "nullable": true, "items": {"type": "string"}, "maxItems": 3});
    check(null.clone(), json!({"maxItems": 3}), null);
    let open =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"a": plain()}});
    check(open.clone(), json!({"x-kubernetes-preserve-unknown-fields": true}), open);
    let list = json!({"type": "array", "x-kubernetes-preserve-unknown-fields": true, "items": plain()});
    check(list.clone(), json!({"x-kubernetes-preserve-unknown-fields": true}), list);
    let required = json!({"type": "object", "required": ["a", "b"], "properties": {"a": {"type": "string", "nullable": true}, "b": plain()}});
    check(
        required.clone(),
        json!({"type": "object", "required": ["b"], "properties": {"a": {}, "b": plain()}}),
        required,
    );
    let port = json!({"x-kubernetes-int-or-string": true});
    let either = json!([{"type": "integer"}, {"type": "string"}]);
    check(port.clone(), port.clone(), json!({"x-kubernetes-int-or-string": true, "anyOf": either}));
    let said = json!({"x-kubernetes-int-or-string": true, "anyOf": either});
    check(said.clone(), port.clone(), said);
    check(
        json!({"x-kubernetes-int-or-string": true, "anyOf": [{"pattern": "a"}]}),
        port,
        json!({"x-kubernetes-int-or-string": true, "anyOf": [{"pattern": "a"}], "allOf": [{"anyOf": either}]}),
    );
}

#[test]
fn objects_within_objects_have_a_type() {
    let embedded = json!({"type": "object", "properties": {"f": {"type": "object", "x-kubernetes-embedded-resource": true,
        "properties": {"spec": {"type": "object"}}}}});
    for (dialect, metadata) in [(Dialect::V2, "$ref"), (Dialect::V3, "allOf")] {
        let field = &published(dialect, &embedded)["properties"]["f"];
        assert_eq!(field["required"], json!(["kind", "apiVersion"]));
        let names: Vec<&String> = field["properties"].as_object().expect("properties").keys().collect();
        assert_eq!(names, ["apiVersion", "kind", "metadata", "spec"]);
        assert!(field["properties"]["metadata"].get(metadata).is_some());
    }
    let mut open = embedded;
    open["properties"]["f"]["x-kubernetes-preserve-unknown-fields"] = json!(true);
    assert!(published(Dialect::V2, &open)["properties"]["f"].get("properties").is_none());
    assert!(published(Dialect::V3, &open)["properties"]["f"]["properties"].get("kind").is_some());
}

#[test]
fn what_preserves_everything_has_no_properties_in_v2() {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "description": "Any.",
        "properties": {"a": {"type": "string"}}});
    assert_eq!(published(Dialect::V2, &open), json!({"type": "object"}));
    assert_eq!(published(Dialect::V3, &open), open);
}

#[test]
fn protobuf_holds_the_document() {
    let bytes = protobuf::encode(&json!({"swagger": "2.0", "info": {"title": "K", "version": "v"},
        "definitions": {"A": {"type": "object", "properties": {"b": {"$ref": "#/x"}}, "x-k": [1]}}}));
    let schema_b = [b"\x0a\x03#/x".as_slice()].concat();
    let entry_b = [b"\x0a\x01b\x12\x05".as_slice(), &schema_b].concat();
    let properties = [b"\xca\x01\x0c\x0a\x0a".as_slice(), &entry_b].concat();
    let extension = b"\xfa\x01\x0d\x0a\x03x-k\x12\x06\x12\x04[1]\n".as_slice();
    let schema_a = [b"\xb2\x01\x08\x0a\x06object".as_slice(), &properties, extension].concat();
    let length = u8::try_from(schema_a.len()).unwrap();
    let entry_a = [b"\x0a\x01A\x12".as_slice(), &[length], &schema_a].concat();
    let definitions = [&[0x4a, length + 7, 0x0a, length + 5], entry_a.as_slice()].concat();
    let want = [b"\x0a\x032.0\x12\x06\x0a\x01K\x12\x01v".as_slice(), &definitions].concat();
    assert_eq!(bytes, want);
}
