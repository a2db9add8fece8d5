//! All schemas in a schema.

use serde_json::Value;

use super::{Keywords, many, named, one};

const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const MAPS: [&str; 4] = ["properties", "patternProperties", "definitions", "dependencies"];
const SINGLE: [&str; 4] = ["not", "items", "additionalProperties", "additionalItems"];

/// Calls `visit` for the schema and everything in it.
pub(crate) fn each<'s>(schema: &'s Value, visit: &mut dyn FnMut(&'s Keywords)) {
    if let Some(keywords) = schema.as_object() {
        inner(keywords, visit);
    }
}

fn inner<'s>(keywords: &'s Keywords, visit: &mut dyn FnMut(&'s Keywords)) {
    visit(keywords);
    SINGLE.iter().filter_map(|name| one(keywords, name)).for_each(|schema| inner(schema, visit));
    // Items may be a list of schemas, which is refused elsewhere.
    LISTS
        .iter()
        .chain(&["items"])
        .flat_map(|name| many(keywords, name))
        .for_each(|schema| inner(schema, visit));
    MAPS.iter().flat_map(|name| named(keywords, name)).for_each(|(_, schema)| inner(schema, visit));
}
