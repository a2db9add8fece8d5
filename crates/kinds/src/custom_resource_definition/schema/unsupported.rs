//! Keywords of JSON schema that a structural schema cannot have.

use serde_json::Value;

use super::{Keywords, many, named, one};

const NAMES: [&str; 7] =
    ["id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions"];

/// The first one that is found, as upstream puts it.
pub(super) fn find(keywords: &Keywords) -> Option<String> {
    if let Some(name) = NAMES.iter().find(|name| keywords.contains_key(**name)) {
        let name = if *name == "$schema" { "schema" } else { name };
        return Some(format!("OpenAPIV3Schema '{name}' is not supported"));
    }
    if keywords.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        let what = "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined";
        return Some(what.to_owned());
    }
    if keywords.get("items").is_some_and(Value::is_array) {
        return Some("OpenAPIV3Schema 'items' must be a schema, but is an array".to_owned());
    }
    let single = ["not", "items", "additionalProperties"].iter().filter_map(|name| one(keywords, name));
    let lists = ["allOf", "anyOf", "oneOf"].iter().flat_map(|name| many(keywords, name));
    let properties = named(keywords, "properties").map(|(_, schema)| schema);
    single.chain(lists).chain(properties).find_map(find)
}
