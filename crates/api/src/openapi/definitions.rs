//! Schemas as the documents write them, and those that others refer to.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Dialect, gvk_extension};
use crate::gvk::GroupVersionKind;
use crate::schema::descriptions::Descriptions;
use crate::schema::{Catalog, Definition, Object, Patch, Property, Schema, Shape, Topology, Width};

/// A built-in kind, whose texts for apiVersion, kind and metadata custom resources share.
const LIKE_ANY_KIND: &str = "io.k8s.api.core.v1.ConfigMap";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// The schemas of one document, filled as its paths name them.
pub(super) struct Definitions {
    dialect: Dialect,
    descriptions: Descriptions,
    schemas: Map<String, Value>,
    waiting: Vec<&'static Definition>,
    named: BTreeSet<String>,
}

impl Definitions {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            descriptions: Descriptions::read(),
            schemas: Map::new(),
            waiting: Vec::new(),
            named: BTreeSet::new(),
        }
    }

    /// A reference to a kind's schema, which becomes part of the document. `None` if the
    /// catalog does not have the kind.
    pub(super) fn kind(&mut self, gvk: &GroupVersionKind) -> Option<Value> {
        let definition = Catalog::builtin().by_gvk(gvk)?;
        Some(self.definition(definition))
    }

    pub(super) fn by_name(&mut self, name: &str) -> Value {
        match Catalog::builtin().by_name(name) {
            Some(definition) => self.definition(definition),
            None => json!({}),
        }
    }

    fn definition(&mut self, definition: &'static Definition) -> Value {
        if self.named.insert(definition.name.to_string()) {
            self.waiting.push(definition);
        }
        self.dialect.reference(&definition.name)
    }

    /// References to a custom resource's schema and to that of its list.
    pub(super) fn custom(&mut self, gvk: &GroupVersionKind, schema: &Schema) -> (Value, Value) {
        let name = custom_name(gvk);
        let list = format!("{name}List");
        if self.named.insert(name.clone()) {
            let item = self.custom_schema(gvk, schema);
            self.schemas.insert(name.clone(), item);
            let list_schema = self.custom_list(gvk, &name);
            self.schemas.insert(list.clone(), list_schema);
        }
        (self.dialect.reference(&name), self.dialect.reference(&list))
    }

    fn custom_schema(&mut self, gvk: &GroupVersionKind, schema: &Schema) -> Value {
        let mut published = schema.published.as_deref().cloned().unwrap_or_else(|| json!({"type": "object"}));
        if self.dialect == Dialect::V2 {
            to_v2(&mut published);
        }
        if let Some(keywords) = published.as_object_mut() {
            let properties = keywords.entry("properties").or_insert_with(|| json!({}));
            if let (Some(properties), Some(object)) = (properties.as_object_mut(), schema.object()) {
                for name in ["apiVersion", "kind", "metadata"] {
                    if let Some(property) = object.property(name) {
                        let value = self.property(LIKE_ANY_KIND, property);
                        properties.insert(name.to_owned(), value);
                    }
                }
            }
            keywords.insert("x-kubernetes-group-version-kind".to_owned(), json!([gvk_extension(gvk)]));
        }
        published
    }

    fn custom_list(&mut self, gvk: &GroupVersionKind, item: &str) -> Value {
        let list = GroupVersionKind { kind: format!("{}List", gvk.kind).into(), ..gvk.clone() };
        json!({
            "description": format!("{} is a list of {}", list.kind, gvk.kind),
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": { "type": "string" },
                "kind": { "type": "string" },
                "items": { "type": "array", "items": self.dialect.reference(item) },
                "metadata": self.by_name(LIST_META),
            },
            "x-kubernetes-group-version-kind": [gvk_extension(&list)],
        })
    }

    /// Every schema named so far and those they refer to.
    pub(super) fn into_schemas(mut self) -> Map<String, Value> {
        while let Some(definition) = self.waiting.pop() {
            let schema = self.rendered(definition);
            self.schemas.insert(definition.name.to_string(), schema);
        }
        self.schemas
    }

    fn rendered(&mut self, definition: &'static Definition) -> Value {
        let mut keywords = match &definition.schema.shape {
            Shape::Object(object) => self.object(&definition.name, object),
            // What only a description tells apart has no type of its own.
            Shape::Union(_) => Map::new(),
            Shape::Json if !definition.name.ends_with(".JSON") => as_map(json!({ "type": "object" })),
            shape => self.type_of(shape),
        };
        if let Some(text) = self.descriptions.get(&definition.name, "") {
            keywords.insert("description".to_owned(), Value::from(text.as_ref()));
        }
        topology(&mut keywords, definition.schema.topology.as_ref());
        if let Some(gvk) = &definition.gvk {
            keywords.insert("x-kubernetes-group-version-kind".to_owned(), kinds(gvk));
        }
        Value::Object(keywords)
    }

    fn object(&mut self, definition: &str, object: &'static Object) -> Map<String, Value> {
        let mut keywords = as_map(json!({ "type": "object" }));
        if object.properties.is_empty() {
            return keywords;
        }
        let properties: Map<String, Value> = object
            .properties
            .iter()
            .map(|property| (property.name.to_string(), self.property(definition, property)))
            .collect();
        keywords.insert("properties".to_owned(), Value::Object(properties));
        let required: Vec<&str> = object.properties.iter().filter(|p| p.required).map(|p| &*p.name).collect();
        if !required.is_empty() {
            keywords.insert("required".to_owned(), json!(required));
        }
        keywords
    }

    fn property(&mut self, definition: &str, property: &Property) -> Value {
        let schema = &property.schema;
        let mut keywords = self.type_of(&schema.shape);
        let description = self.descriptions.get(definition, &property.name);
        if let Some(text) = description {
            keywords.insert("description".to_owned(), Value::from(text.as_ref()));
        }
        if let Some(default) = self.default(property) {
            keywords.insert("default".to_owned(), default);
        }
        topology(&mut keywords, schema.topology.as_ref());
        patch(&mut keywords, schema.patch.as_deref());
        self.beside_reference(keywords)
    }

    /// In v3 nothing may stand beside a reference, so it goes into `allOf`.
    fn beside_reference(&self, mut keywords: Map<String, Value>) -> Value {
        if self.dialect == Dialect::V3
            && keywords.len() > 1
            && let Some(reference) = keywords.remove("$ref")
        {
            keywords.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
        }
        Value::Object(keywords)
    }

    /// Only v3 writes defaults: the declared one, or what Go prints for an unset field.
    fn default(&self, property: &Property) -> Option<Value> {
        if self.dialect == Dialect::V2 {
            return None;
        }
        let is_struct = matches!(property.schema.resolve().shape, Shape::Object(_));
        match property.always && !property.pointer && is_struct {
            true => Some(json!({})),
            false => property.implied_default(),
        }
    }

    fn type_of(&mut self, shape: &Shape) -> Map<String, Value> {
        let v3 = self.dialect == Dialect::V3;
        as_map(match shape {
            Shape::Ref(id) => self.definition(id.definition()),
            Shape::Object(_) | Shape::Raw => json!({ "type": "object" }),
            Shape::Map(values) => {
                json!({ "type": "object", "additionalProperties": self.type_of(&values.shape) })
            }
            Shape::List(items) => json!({ "type": "array", "items": self.type_of(&items.shape) }),
            Shape::String => json!({ "type": "string" }),
            Shape::Bytes => json!({ "type": "string", "format": "byte" }),
            Shape::Time | Shape::MicroTime => json!({ "type": "string", "format": "date-time" }),
            Shape::Integer(Width::I32) => json!({ "type": "integer", "format": "int32" }),
            Shape::Integer(Width::I64) => json!({ "type": "integer", "format": "int64" }),
            Shape::Number => json!({ "type": "number", "format": "double" }),
            Shape::Boolean => json!({ "type": "boolean" }),
            Shape::Quantity if v3 => json!({ "oneOf": [{ "type": "string" }, { "type": "number" }] }),
            Shape::Quantity => json!({ "type": "string" }),
            Shape::IntOrString if v3 => {
                json!({ "format": "int-or-string", "oneOf": [{ "type": "integer" }, { "type": "string" }] })
            }
            Shape::IntOrString => json!({ "type": "string", "format": "int-or-string" }),
            Shape::Json | Shape::Union(_) => json!({}),
        })
    }
}

fn as_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn topology(keywords: &mut Map<String, Value>, topology: Option<&Topology>) {
    let (name, word) = match topology {
        None => return,
        Some(Topology::AtomicList) => ("x-kubernetes-list-type", "atomic"),
        Some(Topology::SetList) => ("x-kubernetes-list-type", "set"),
        Some(Topology::MapList(keys)) => {
            keywords.insert("x-kubernetes-list-map-keys".to_owned(), json!(keys));
            ("x-kubernetes-list-type", "map")
        }
        Some(Topology::AtomicMap) => ("x-kubernetes-map-type", "atomic"),
        Some(Topology::GranularMap) => ("x-kubernetes-map-type", "granular"),
    };
    keywords.insert(name.to_owned(), Value::from(word));
}

fn patch(keywords: &mut Map<String, Value>, patch: Option<&Patch>) {
    let Some(patch) = patch else { return };
    let strategies: Vec<&str> = patch.strategies.iter().map(|strategy| strategy.as_str()).collect();
    keywords.insert("x-kubernetes-patch-strategy".to_owned(), Value::from(strategies.join(",")));
    if let Some(key) = &patch.merge_key {
        keywords.insert("x-kubernetes-patch-merge-key".to_owned(), Value::from(key.as_ref()));
    }
}

/// The kinds a definition is; one that is part of every version is listed for each.
fn kinds(gvk: &GroupVersionKind) -> Value {
    if gvk.group != "*" {
        return json!([gvk_extension(gvk)]);
    }
    let mut versions: Vec<_> = Catalog::builtin()
        .definitions()
        .iter()
        .filter_map(|definition| definition.gvk.as_ref())
        .filter(|gvk| gvk.group != "*")
        .map(GroupVersionKind::group_version)
        .collect();
    versions.sort();
    versions.dedup();
    versions.iter().map(|version| gvk_extension(&version.kind(gvk.kind.clone()))).collect()
}

/// `example.com/v1 Foo` is `com.example.v1.Foo`.
fn custom_name(gvk: &GroupVersionKind) -> String {
    let mut parts: Vec<&str> = gvk.group.split('.').rev().collect();
    parts.extend([gvk.version.as_ref(), gvk.kind.as_ref()]);
    parts.join(".")
}

/// Drops what v2 has no words for. Fields that may hold anything, or null, lose their type,
/// because clients would refuse what the server takes.
fn to_v2(schema: &mut Value) {
    let Some(keywords) = schema.as_object_mut() else { return };
    for name in ["oneOf", "anyOf", "allOf", "not", "x-kubernetes-validations"] {
        keywords.remove(name);
    }
    let is_true = |name: &str| keywords.get(name) == Some(&Value::Bool(true));
    if is_true("nullable")
        || is_true("x-kubernetes-preserve-unknown-fields")
        || is_true("x-kubernetes-int-or-string")
    {
        for name in ["nullable", "type", "items", "properties", "additionalProperties", "required", "format"]
        {
            keywords.remove(name);
        }
    }
    for name in ["properties", "definitions", "patternProperties"] {
        let children = keywords.get_mut(name).and_then(Value::as_object_mut);
        children.into_iter().flat_map(|children| children.values_mut()).for_each(to_v2);
    }
    for name in ["items", "additionalProperties"] {
        keywords.get_mut(name).into_iter().for_each(to_v2);
    }
}
