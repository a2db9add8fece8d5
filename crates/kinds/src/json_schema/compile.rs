//! From the JSON of a schema to its rules.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::format::Format;
use super::{Additional, ListType, Pattern, Rules, number, text};
use ironclad_api::go_regex;

type Keywords = Map<String, Value>;

pub(super) fn rules(schema: &Value) -> Rules {
    let Some(keywords) = schema.as_object() else { return Rules::default() };
    let types = types(keywords);
    let format = keywords.get("format").and_then(Value::as_str).and_then(|name| Format::find(&types, name));
    let count = |name: &str| keywords.get(name).and_then(Value::as_i64);
    let one = |name: &str| keywords.get(name).map(|schema| Box::new(rules(schema)));
    Rules {
        number: numbers(keywords, &types, format.as_ref()),
        text: text::Limits {
            max_length: count("maxLength"),
            min_length: count("minLength"),
            pattern: keywords.get("pattern").and_then(Value::as_str).and_then(pattern),
        },
        members: list(keywords, "enum").cloned().collect(),
        all_of: list(keywords, "allOf").map(rules).collect(),
        any_of: list(keywords, "anyOf").map(rules).collect(),
        one_of: list(keywords, "oneOf").map(rules).collect(),
        not: one("not"),
        properties: properties(keywords),
        additional: match keywords.get("additionalProperties") {
            None | Some(Value::Bool(true)) => Additional::Allowed,
            Some(Value::Bool(false)) => Additional::Forbidden,
            Some(schema) => Additional::Each(Box::new(rules(schema))),
        },
        required: texts(keywords, "required"),
        min_properties: count("minProperties"),
        max_properties: count("maxProperties"),
        items: one("items"),
        min_items: count("minItems"),
        max_items: count("maxItems"),
        unique_items: is_true(keywords, "uniqueItems"),
        list: list_type(keywords),
        embedded_resource: is_true(keywords, "x-kubernetes-embedded-resource"),
        nullable: is_true(keywords, "nullable"),
        format,
        types,
    }
}

fn types(keywords: &Keywords) -> Vec<String> {
    if is_true(keywords, "x-kubernetes-int-or-string") {
        return vec!["integer".to_owned(), "string".to_owned()];
    }
    let word = keywords.get("type").and_then(Value::as_str).filter(|word| !word.is_empty());
    word.map(str::to_owned).into_iter().collect()
}

fn numbers(keywords: &Keywords, types: &[String], format: Option<&Format>) -> number::Limits {
    let limit = |name: &str| keywords.get(name).and_then(Value::as_f64);
    let integer = matches!(types, [only] if only == "integer");
    let number = matches!(types, [only] if only == "number");
    let format = format.filter(|format| (integer || number) && !format.is_text());
    number::Limits {
        integer,
        format: format.map(|format| format.name().to_owned()),
        multiple_of: limit("multipleOf"),
        maximum: limit("maximum"),
        exclusive_maximum: is_true(keywords, "exclusiveMaximum"),
        minimum: limit("minimum"),
        exclusive_minimum: is_true(keywords, "exclusiveMinimum"),
    }
}

fn pattern(source: &str) -> Option<Pattern> {
    (!source.is_empty()).then(|| Pattern { source: source.to_owned(), regex: go_regex::compile(source) })
}

fn properties(keywords: &Keywords) -> BTreeMap<String, Rules> {
    let properties = keywords.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, schema)| (name.clone(), rules(schema))).collect()
}

fn list_type(keywords: &Keywords) -> ListType {
    match keywords.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => ListType::Set,
        Some("map") => ListType::Map(texts(keywords, "x-kubernetes-list-map-keys")),
        _ => ListType::Atomic,
    }
}

fn is_true(keywords: &Keywords, name: &str) -> bool {
    keywords.get(name) == Some(&Value::Bool(true))
}

fn list<'a>(keywords: &'a Keywords, name: &str) -> impl Iterator<Item = &'a Value> {
    keywords.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn texts(keywords: &Keywords, name: &str) -> Vec<String> {
    list(keywords, name).filter_map(Value::as_str).map(str::to_owned).collect()
}
