//! Schemas as the documents write them, and those that others refer to.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::custom::{self, Custom, TypeMeta};
use super::enums::Enums;
use super::{Dialect, gvk_extension};
use crate::gvk::GroupVersionKind;
use crate::schema::descriptions::Descriptions;
use crate::schema::{Catalog, Definition, Object, Patch, Property, Shape, Topology, Width};

/// A built-in kind, whose texts for apiVersion, kind and metadata custom resources share.
const LIKE_ANY_KIND: &str = "io.k8s.api.core.v1.ConfigMap";
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

const CONVENTIONS: &str =
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";
const LIST_METADATA: &str = "Standard list metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";

/// The schemas of one document, filled as its paths name them.
pub(super) struct Definitions {
    dialect: Dialect,
    descriptions: Descriptions,
    enums: Enums,
    schemas: Map<String, Value>,
    waiting: Vec<&'static Definition>,
    named: BTreeSet<String>,
}

impl Definitions {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            descriptions: Descriptions::read(),
            enums: Enums::read(),
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
    pub(super) fn custom(&mut self, gvk: &GroupVersionKind, custom: &Custom<'_>) -> (Value, Value) {
        let list_gvk = gvk.group_version().kind(custom.list_kind.clone());
        let (name, list) = (custom_name(gvk), custom_name(&list_gvk));
        if self.named.insert(name.clone()) {
            let type_meta = self.type_meta();
            let mut schemas = [
                (&name, gvk, custom::root(custom.schema, self.dialect, &type_meta)),
                (&list, &list_gvk, self.custom_list(gvk, custom, type_meta)),
            ];
            for (name, gvk, keywords) in &mut schemas {
                keywords.insert("x-kubernetes-group-version-kind".to_owned(), json!([gvk_extension(gvk)]));
                if let Some(fields) = custom.selectable() {
                    keywords.insert("x-kubernetes-selectable-fields".to_owned(), fields);
                }
                self.schemas.insert((*name).clone(), Value::Object(std::mem::take(keywords)));
            }
        }
        (self.dialect.reference(&name), self.dialect.reference(&list))
    }

    /// The properties of any object, with their texts.
    fn type_meta(&mut self) -> TypeMeta {
        let text = |name: &str| match self.descriptions.get(LIKE_ANY_KIND, name) {
            Some(text) => json!({ "type": "string", "description": text }),
            None => json!({ "type": "string" }),
        };
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let description = self.descriptions.get(LIKE_ANY_KIND, "metadata").unwrap_or_default().into_owned();
        TypeMeta { api_version, kind, metadata: self.described(OBJECT_META, &description) }
    }

    fn described(&mut self, name: &str, description: &str) -> Value {
        let mut keywords = as_map(self.by_name(name));
        keywords.insert("description".to_owned(), description.into());
        self.beside_reference(keywords)
    }

    fn custom_list(
        &mut self,
        gvk: &GroupVersionKind,
        custom: &Custom<'_>,
        type_meta: TypeMeta,
    ) -> Map<String, Value> {
        let items = json!({
            "type": "array",
            "items": self.dialect.reference(&custom_name(gvk)),
            "description": format!("List of {}. More info: {CONVENTIONS}", custom.plural),
        });
        let metadata = self.described(LIST_META, LIST_METADATA);
        as_map(json!({
            "description": format!("{} is a list of {}", custom.list_kind, gvk.kind),
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": type_meta.api_version,
                "kind": type_meta.kind,
                "items": items,
                "metadata": metadata,
            },
        }))
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
        if object.properties().is_empty() {
            return keywords;
        }
        let properties: Map<String, Value> = object
            .properties()
            .iter()
            .map(|property| (property.name.to_string(), self.property(definition, property)))
            .collect();
        keywords.insert("properties".to_owned(), Value::Object(properties));
        let required: Vec<&str> =
            object.properties().iter().filter(|p| p.required).map(|p| &*p.name).collect();
        if !required.is_empty() {
            keywords.insert("required".to_owned(), json!(required));
        }
        keywords
    }

    fn property(&mut self, definition: &str, property: &Property) -> Value {
        let schema = &property.schema;
        let mut keywords = self.type_of(&schema.shape);
        if let Some(values) = self.enums.get(definition, &property.name) {
            enumerate(&mut keywords, &values);
        }
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

/// The values stand at the text, which may be the element of a list or map.
fn enumerate(keywords: &mut Map<String, Value>, values: &[&str]) {
    let element = ["items", "additionalProperties"].into_iter().find(|name| keywords.contains_key(*name));
    let text = match element {
        Some(name) => keywords.get_mut(name).and_then(Value::as_object_mut),
        None => Some(keywords),
    };
    if let Some(text) = text {
        text.insert("enum".to_owned(), json!(values));
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
