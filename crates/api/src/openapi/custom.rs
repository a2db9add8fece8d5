//! The schema of a custom resource as the documents publish it. v2 has fewer words than v3, and
//! what clients of v2 would refuse although the server takes it is left untyped.
//!
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#publish-validation-schema-in-openapi>

use serde_json::{Map, Value, json};

use super::Dialect;
use crate::schema::Schema;

const JUNCTORS: [&str; 4] = ["allOf", "anyOf", "not", "oneOf"];
const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
const EMBEDDED: &str = "x-kubernetes-embedded-resource";
const INT_OR_STRING: &str = "x-kubernetes-int-or-string";

const API_VERSION: &str = "apiVersion defines the versioned schema of this representation of an object. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND: &str = "kind is a string value representing the type of this object. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";

/// What documents say of a custom resource.
#[derive(Clone, Debug)]
pub struct Custom<'a> {
    pub schema: &'a Schema,
    /// The name in the path.
    pub plural: &'a str,
    /// The kind of its lists.
    pub list_kind: String,
    /// The fields that selectors may name: `spec.host`.
    pub selectable: Vec<String>,
}

impl Custom<'_> {
    /// `x-kubernetes-selectable-fields`, if there are any.
    pub(super) fn selectable(&self) -> Option<Value> {
        let fields: Vec<Value> = self.selectable.iter().map(|path| json!({ "fieldPath": path })).collect();
        (!fields.is_empty()).then(|| fields.into())
    }
}

/// The properties that every object has, as a document writes them.
pub(super) struct TypeMeta {
    pub api_version: Value,
    pub kind: Value,
    /// Refers to the schema of ObjectMeta.
    pub metadata: Value,
}

/// The schema under its kind's name. Without properties of its own it has none at all: a client
/// would take those of the metadata for the only ones.
pub(super) fn root(schema: &Schema, dialect: Dialect, type_meta: &TypeMeta) -> Map<String, Value> {
    let anything = || [("type".to_owned(), "object".into())].into_iter().collect();
    let Some(Value::Object(mut keywords)) = schema.published.as_deref().cloned() else { return anything() };
    if dialect == Dialect::V2 && is_true(&keywords, PRESERVE) {
        return anything();
    }
    publish(&mut keywords, dialect);
    add_to_embedded(&mut keywords, dialect, type_meta);
    add(&mut keywords, "apiVersion", type_meta.api_version.clone());
    add(&mut keywords, "kind", type_meta.kind.clone());
    add(&mut keywords, "metadata", type_meta.metadata.clone());
    keywords
}

fn publish(keywords: &mut Map<String, Value>, dialect: Dialect) {
    keywords.retain(|name, value| says_something(name, value));
    unfold(keywords);
    if dialect == Dialect::V2 {
        reduce(keywords);
    }
    each_child(keywords, &mut |child| publish(child, dialect));
}

/// Flags that are off, empty lists and nulls are as if they were not there.
fn says_something(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(set) => *set || matches!(name, "additionalProperties" | "default" | "example"),
        Value::Array(items) => !items.is_empty() || matches!(name, "default" | "example"),
        _ => true,
    }
}

/// Says in OpenAPI's own words what an integer or string is.
fn unfold(keywords: &mut Map<String, Value>) {
    if !is_true(keywords, INT_OR_STRING) {
        return;
    }
    let either = json!([{ "type": "integer" }, { "type": "string" }]);
    let said = |any_of: Option<&Value>| {
        let types = any_of.and_then(Value::as_array).map(|all| all.iter().map(|one| one["type"].as_str()));
        types.is_some_and(|types| types.eq([Some("integer"), Some("string")]))
    };
    let first = keywords.get("allOf").and_then(|all| all.get(0));
    if said(keywords.get("anyOf")) || said(first.and_then(|first| first.get("anyOf"))) {
        return;
    }
    if !keywords.contains_key("anyOf") {
        keywords.insert("anyOf".to_owned(), either);
        return;
    }
    let all = keywords.entry("allOf").or_insert_with(|| json!([]));
    if let Some(all) = all.as_array_mut() {
        all.insert(0, json!({ "anyOf": either }));
    }
}

/// Drops what v2 has no words for.
fn reduce(keywords: &mut Map<String, Value>) {
    JUNCTORS.iter().chain(&["default"]).for_each(|name| drop(keywords.remove(*name)));
    let preserves = is_true(keywords, PRESERVE);
    if keywords.remove("nullable").is_some() {
        ["type", "items", "properties"].iter().for_each(|name| drop(keywords.remove(*name)));
    }
    if preserves {
        ["items", "properties"].iter().for_each(|name| drop(keywords.remove(*name)));
    }
    let is = |name: &str| keywords.get("type").and_then(Value::as_str) == Some(name);
    if (is("array") && !keywords.contains_key("items")) || (is("object") && preserves) {
        keywords.remove("type");
    }
    require_no_nulls(keywords);
}

/// What may be null is not required in v2.
fn require_no_nulls(keywords: &mut Map<String, Value>) {
    let nullable = |schema: &Value| schema.get("nullable") == Some(&Value::Bool(true));
    if keywords.get("additionalProperties").is_some_and(nullable) {
        keywords.remove("required");
    }
    let properties = keywords.get("properties").and_then(Value::as_object);
    let nullables: Vec<String> = properties
        .into_iter()
        .flatten()
        .filter(|(_, schema)| nullable(schema))
        .map(|(name, _)| name.clone())
        .collect();
    let Some(required) = keywords.get_mut("required").and_then(Value::as_array_mut) else { return };
    required.retain(|name| name.as_str().is_none_or(|name| nullables.iter().all(|known| known != name)));
    if required.is_empty() {
        keywords.remove("required");
    }
}

/// Objects within the object have a type and metadata too.
fn add_to_embedded(keywords: &mut Map<String, Value>, dialect: Dialect, type_meta: &TypeMeta) {
    each_child(keywords, &mut |child| add_to_embedded(child, dialect, type_meta));
    // With a property, clients of v2 would refuse unknown fields.
    if !is_true(keywords, EMBEDDED) || (dialect == Dialect::V2 && is_true(keywords, PRESERVE)) {
        return;
    }
    add(keywords, "apiVersion", json!({ "type": "string", "description": API_VERSION }));
    add(keywords, "kind", json!({ "type": "string", "description": KIND }));
    add(keywords, "metadata", type_meta.metadata.clone());
    let required = keywords.entry("required").or_insert_with(|| json!([]));
    for name in ["kind", "apiVersion"] {
        if let Some(required) = required.as_array_mut().filter(|all| !all.contains(&name.into())) {
            required.push(name.into());
        }
    }
}

fn add(keywords: &mut Map<String, Value>, name: &str, property: Value) {
    let properties = keywords.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        properties.insert(name.to_owned(), property);
    }
}

fn each_child(keywords: &mut Map<String, Value>, with: &mut dyn FnMut(&mut Map<String, Value>)) {
    let properties = keywords.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flatten().filter_map(|(_, child)| child.as_object_mut()).for_each(&mut *with);
    for name in ["items", "additionalProperties"] {
        keywords.get_mut(name).and_then(Value::as_object_mut).into_iter().for_each(&mut *with);
    }
}

fn is_true(keywords: &Map<String, Value>, name: &str) -> bool {
    keywords.get(name) == Some(&Value::Bool(true))
}
