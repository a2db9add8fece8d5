//! Reads the `openAPIV3Schema` of a CustomResourceDefinition's version. It must already
//! have passed the CRD's own validation; what this cannot read becomes [`Shape::Json`].
//!
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/>

use serde_json::{Map, Value};

use super::{Catalog, Object, Property, Schema, Shape, Topology, Width};
use crate::gvk::Name;

const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The schema of a custom resource: the given one with apiVersion, kind and metadata.
/// `published` keeps the given JSON for OpenAPI and for value validation.
pub fn resource(openapi: &Value) -> Schema {
    let mut schema = parse(openapi);
    add_type_meta(&mut schema);
    schema.published = Some(Box::new(openapi.clone()));
    schema
}

/// A custom resource without a schema: every field is kept.
pub fn preserving() -> Schema {
    let mut schema =
        Schema::of(Shape::Object(Box::new(Object { preserve_unknown: true, ..Object::default() })));
    add_type_meta(&mut schema);
    schema
}

/// The schema of a value inside a custom resource.
pub fn parse(openapi: &Value) -> Schema {
    let Some(keywords) = openapi.as_object() else { return Schema::default() };
    let mut schema = Schema {
        shape: shape(keywords),
        topology: topology(keywords),
        default: keywords.get("default").map(|value| Box::new(value.clone())),
        nullable: is_true(keywords, "nullable"),
        embedded_resource: is_true(keywords, "x-kubernetes-embedded-resource"),
        ..Schema::default()
    };
    if schema.embedded_resource {
        add_type_meta(&mut schema);
    }
    schema
}

fn shape(keywords: &Map<String, Value>) -> Shape {
    if is_true(keywords, "x-kubernetes-int-or-string") {
        return Shape::IntOrString;
    }
    let format = keywords.get("format").and_then(Value::as_str);
    match keywords.get("type").and_then(Value::as_str) {
        Some("object") => object(keywords),
        Some("array") => Shape::List(Box::new(items(keywords))),
        Some("string") => Shape::String,
        Some("integer") if format == Some("int32") => Shape::Integer(Width::I32),
        Some("integer") => Shape::Integer(Width::I64),
        Some("number") => Shape::Number,
        Some("boolean") => Shape::Boolean,
        // Only what preserves unknown fields may leave out its type.
        _ if keywords.contains_key("properties") => object(keywords),
        _ => Shape::Json,
    }
}

/// A list that preserves unknown fields does so for its elements.
fn items(keywords: &Map<String, Value>) -> Schema {
    let mut items = keywords.get("items").map(parse).unwrap_or_default();
    if is_true(keywords, PRESERVE) {
        preserve(&mut items);
    }
    items
}

fn preserve(schema: &mut Schema) {
    match &mut schema.shape {
        Shape::Object(object) => object.preserve_unknown = true,
        Shape::List(items) => preserve(items),
        _ => {}
    }
}

fn object(keywords: &Map<String, Value>) -> Shape {
    let open = is_true(keywords, "additionalProperties");
    if let Some(values) = keywords.get("additionalProperties").filter(|v| !v.is_boolean()) {
        return Shape::Map(Box::new(parse(values)));
    }
    if open && !keywords.contains_key("properties") {
        return Shape::Map(Box::new(Schema { nullable: true, hollow: true, ..Schema::default() }));
    }
    let required = strings(keywords, "required");
    let properties: Vec<Property> = keywords
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| Property {
            name: Name::Owned(name.clone()),
            schema: parse(value),
            required: required.contains(&name.as_str()),
            ..Property::default()
        })
        .collect();
    let preserve_unknown = open || is_true(keywords, PRESERVE);
    Shape::Object(Box::new(Object { preserve_unknown, hollow_unknown: open, ..Object::sorted(properties) }))
}

fn topology(keywords: &Map<String, Value>) -> Option<Topology> {
    let word = |name| keywords.get(name).and_then(Value::as_str);
    match (word("x-kubernetes-list-type"), word("x-kubernetes-map-type")) {
        (Some("set"), _) => Some(Topology::SetList),
        (Some("map"), _) => {
            let keys = strings(keywords, "x-kubernetes-list-map-keys");
            Some(Topology::MapList(keys.into_iter().map(|key| Name::Owned(key.to_owned())).collect()))
        }
        (Some("atomic"), _) => Some(Topology::AtomicList),
        (_, Some("atomic")) => Some(Topology::AtomicMap),
        (_, Some("granular")) => Some(Topology::GranularMap),
        _ => None,
    }
}

/// Declares apiVersion, kind and metadata, whatever the schema says of them but for their defaults.
fn add_type_meta(schema: &mut Schema) {
    let Shape::Object(object) = &mut schema.shape else { return };
    let metadata = Catalog::builtin().id(OBJECT_META).map_or(Shape::Raw, Shape::Ref);
    let mut properties = std::mem::take(&mut object.properties);
    for (name, shape) in [("apiVersion", Shape::String), ("kind", Shape::String), ("metadata", metadata)] {
        let given = properties.iter_mut().find(|property| property.name == name);
        let default = given.and_then(|property| property.schema.default.take());
        properties.retain(|property| property.name != name);
        let schema = Schema { default, ..Schema::of(shape) };
        properties.push(Property { name: Name::Borrowed(name), schema, ..Property::default() });
    }
    let (preserve_unknown, hollow_unknown) = (object.preserve_unknown, object.hollow_unknown);
    **object = Object { preserve_unknown, hollow_unknown, ..Object::sorted(properties) };
}

fn is_true(keywords: &Map<String, Value>, name: &str) -> bool {
    keywords.get(name) == Some(&Value::Bool(true))
}

fn strings<'a>(keywords: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    keywords.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
