//! From an OpenAPI v3 schema, as a CustomResourceDefinition has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Declared, ListKind, Shape};
use crate::escaping::escape;
use crate::limits::MAX_REQUEST_SIZE_BYTES;

type Keywords = Map<String, Value>;

impl Declared {
    /// The type of values of a schema. Objects inside are named after their place under
    /// `name`. A `resource_root` has apiVersion, kind and metadata in any case.
    pub fn from_openapi(schema: &Value, name: &str, resource_root: bool) -> Self {
        let empty = Keywords::new();
        let keywords = schema.as_object().unwrap_or(&empty);
        if is_true(keywords, "x-kubernetes-int-or-string") {
            return int_or_string(keywords);
        }
        match keywords.get("type").and_then(Value::as_str) {
            Some("array") => list(keywords, name),
            Some("object") => object(keywords, name, resource_root),
            Some("string") => string(keywords),
            Some("boolean") => scalar("bool", Shape::Bool, 4),
            Some("number") => scalar("double", Shape::Double, 1),
            Some("integer") => scalar("int", Shape::Int, 1),
            _ => unknown(),
        }
    }
}

fn scalar(name: &str, shape: Shape, min_size: i64) -> Declared {
    Declared { name: name.to_owned(), shape, max_elements: 0, min_size, verbatim: false }
}

fn unknown() -> Declared {
    scalar("unknown", Shape::Unknown, 1)
}

fn int_or_string(keywords: &Keywords) -> Declared {
    let max_elements = match count(keywords, "maxLength") {
        Some(characters) => characters.saturating_mul(4),
        None => MAX_REQUEST_SIZE_BYTES - 2,
    };
    Declared { max_elements, ..scalar("dyn", Shape::IntOrString, 1) }
}

fn list(keywords: &Keywords, name: &str) -> Declared {
    let Some(items) = keywords.get("items") else { return unknown() };
    let element = Declared::from_openapi(items, &format!("{name}.@idx"), is_embedded(items));
    if !element.is_usable() {
        return unknown();
    }
    // Two bytes for the brackets, one for each comma.
    let most = (MAX_REQUEST_SIZE_BYTES - 2) / (element.min_size + 1);
    let max_elements = count(keywords, "maxItems").unwrap_or(most);
    Declared { max_elements, ..scalar("list", Shape::List(Arc::new(element), list_kind(keywords)), 2) }
}

fn list_kind(keywords: &Keywords) -> ListKind {
    match keywords.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => ListKind::Set,
        Some("map") => {
            let keys = keywords.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
            let keys = keys.into_iter().flatten().filter_map(Value::as_str);
            ListKind::Map(keys.map(str::to_owned).collect())
        }
        _ => ListKind::Atomic,
    }
}

fn object(keywords: &Keywords, name: &str, resource_root: bool) -> Declared {
    if let Some(values) = keywords.get("additionalProperties").filter(|schema| schema.is_object()) {
        let value = Declared::from_openapi(values, &format!("{name}.@elem"), is_embedded(values));
        if !value.is_usable() {
            return unknown();
        }
        // A key of at least two quotes, a colon and a comma.
        let most = (MAX_REQUEST_SIZE_BYTES - 2) / (value.min_size + 6);
        let max_elements = count(keywords, "maxProperties").unwrap_or(most);
        return Declared { max_elements, ..scalar("map", Shape::Map(Arc::new(value)), 2) };
    }
    let required: Vec<&str> = keywords
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut properties = BTreeMap::new();
    let mut min_size = 2;
    for (property, schema) in keywords.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let place = format!("{name}.{}", escape(property).unwrap_or_else(|| property.as_str().into()));
        let field = Declared::from_openapi(schema, &place, is_embedded(schema));
        // The server fills in a default, so that the request need not have it.
        if field.is_usable() && required.contains(&property.as_str()) && schema.get("default").is_none() {
            min_size += i64::try_from(property.len()).unwrap_or(i64::MAX / 4) + field.min_size + 4;
        }
        properties.insert(property.clone(), Arc::new(field));
    }
    if resource_root {
        add_type_and_object_meta(&mut properties, name);
    }
    Declared { min_size, ..scalar(name, Shape::Object(properties), 2) }
}

/// What rules at the root of a resource may always read.
fn add_type_and_object_meta(properties: &mut BTreeMap<String, Arc<Declared>>, name: &str) {
    let is_string = |of: Option<&Arc<Declared>>| of.is_some_and(|field| field.shape == Shape::String);
    let metadata = properties.get("metadata");
    let meta_string = |field| is_string(metadata.and_then(|metadata| metadata.property(field)));
    if is_string(properties.get("kind"))
        && is_string(properties.get("apiVersion"))
        && meta_string("name")
        && meta_string("generateName")
    {
        return;
    }
    let text = || Arc::new(string(&Keywords::new()));
    let names = BTreeMap::from([("name".to_owned(), text()), ("generateName".to_owned(), text())]);
    let metadata = scalar(&format!("{name}.metadata"), Shape::Object(names), 2);
    properties.insert("kind".to_owned(), text());
    properties.insert("apiVersion".to_owned(), text());
    properties.insert("metadata".to_owned(), Arc::new(metadata));
}

fn string(keywords: &Keywords) -> Declared {
    let max_length = count(keywords, "maxLength");
    let whole = MAX_REQUEST_SIZE_BYTES - 2;
    let of = |name, shape, min_size, max_elements| Declared { max_elements, ..scalar(name, shape, min_size) };
    match keywords.get("format").and_then(Value::as_str) {
        Some("byte") => of("bytes", Shape::Bytes, 2, max_length.unwrap_or(whole)),
        Some("duration") => of("duration", Shape::Duration, 3, 32),
        Some("date") => of("timestamp", Shape::Date, 12, 12),
        Some("date-time") => of("timestamp", Shape::DateTime, 21, 32),
        _ => {
            // A character may be four bytes.
            let most = max_length.map(|characters| characters.saturating_mul(4));
            of("string", Shape::String, 2, most.or_else(|| longest_enum(keywords)).unwrap_or(whole))
        }
    }
}

fn longest_enum(keywords: &Keywords) -> Option<i64> {
    let values = keywords.get("enum").and_then(Value::as_array).filter(|values| !values.is_empty())?;
    let longest = values.iter().filter_map(Value::as_str).map(str::len).max().unwrap_or(0);
    i64::try_from(longest).ok()
}

fn count(keywords: &Keywords, name: &str) -> Option<i64> {
    keywords.get(name).and_then(Value::as_i64).map(|count| count.max(0))
}

fn is_embedded(schema: &Value) -> bool {
    schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true))
}

fn is_true(keywords: &Keywords, name: &str) -> bool {
    keywords.get(name) == Some(&Value::Bool(true))
}
