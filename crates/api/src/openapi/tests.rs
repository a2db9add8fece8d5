//! What the clients of the documents look for in them.

use serde_json::{Value, json};

use super::*;
use crate::schema::structural;

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

fn foos(schema: &Schema) -> Resource<'_> {
    Resource {
        gvk: GroupVersionKind::new("example.com", "v1", "Foo"),
        plural: "foos",
        namespaced: false,
        verbs: VERBS,
        subresources: vec![],
        custom: Some(schema),
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
