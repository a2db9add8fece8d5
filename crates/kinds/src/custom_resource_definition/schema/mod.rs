//! The schema of a version: it must be structural, and say only what OpenAPI v3 and
//! Kubernetes' extensions allow.
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>

mod defaults;
mod expressions;
mod extensions;
mod metadata;
mod nested;
mod openapi;
mod rules;
mod structural;
mod unsupported;
pub(super) mod walk;

use ironclad_api::field::{BadValue, FieldError, FieldErrors, Path};
use ironclad_api::goprint;
use serde_json::{Map, Value};

pub(super) type Keywords = Map<String, Value>;

/// Go's names of what may stand at the root beside the type.
const AT_ROOT: &str = "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength \
                       MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties \
                       ExternalDocs Example XPreserveUnknownFields XValidations]";

/// What may not stand at the root of a schema with a status, whose own schema is taken out of it.
const NOT_AT_ROOT: [&str; 22] = [
    "id",
    "$schema",
    "$ref",
    "nullable",
    "default",
    "enum",
    "maxProperties",
    "minProperties",
    "allOf",
    "oneOf",
    "anyOf",
    "not",
    "additionalProperties",
    "patternProperties",
    "dependencies",
    "additionalItems",
    "definitions",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
];

/// Everything wrong with an `openAPIV3Schema`; `path` is that of the validation around it.
pub(super) fn validate(schema: &Value, has_status: bool, path: &Path) -> FieldErrors {
    let Some(keywords) = schema.as_object() else { return FieldErrors::new() };
    let at = path.child("openAPIV3Schema");
    let mut errors = FieldErrors::new();
    if has_status {
        errors.extend(root_with_status(keywords, &at));
    }
    if is_true(keywords, "nullable") {
        errors.push(FieldError::forbidden(&at.child("nullable"), "nullable cannot be true at the root"));
    }
    let unsupported = unsupported::find(keywords);
    if unsupported.is_none() {
        errors.extend(structure(schema, keywords, &at));
    }
    errors.extend(openapi::validate(keywords, &at));
    // Rules are only looked at in a schema that is sound itself.
    if unsupported.is_none() && errors.is_empty() {
        errors.extend(expressions::validate(schema, &at));
        if errors.is_empty() {
            errors.extend(defaults::against_rules(schema, &at));
        }
    }
    // What cannot be read at all is mostly told of by the checks above, in better words.
    if let Some(why) = unsupported.filter(|_| errors.is_empty()) {
        errors.push(FieldError::invalid(&at, "", why));
    }
    errors
}

/// Defaults are only held against a schema that is sound itself.
fn structure(schema: &Value, keywords: &Keywords, path: &Path) -> FieldErrors {
    let errors = structural::validate(keywords, path);
    match errors.is_empty() {
        true => defaults::validate(schema, path),
        false => errors,
    }
}

fn root_with_status(keywords: &Keywords, path: &Path) -> Option<FieldError> {
    let root_type = text(keywords, "type");
    if !root_type.is_empty() && root_type != "object" {
        let detail = "only \"object\" is allowed as the type at the root of the schema if the status subresource \
                      is enabled";
        return Some(FieldError::invalid(&path.child("type"), root_type, detail));
    }
    let offending = NOT_AT_ROOT.iter().any(|name| keywords.contains_key(*name));
    offending.then(|| {
        let printed = goprint::json(&Value::Object(keywords.clone()));
        let detail = format!(
            "only {AT_ROOT} fields are allowed at the root of the schema if the status subresource is enabled"
        );
        FieldError::invalid(path, BadValue::Printed(printed), detail)
    })
}

// === reading keywords ===

/// An absent text is an empty one.
fn text<'k>(keywords: &'k Keywords, name: &str) -> &'k str {
    keywords.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_true(keywords: &Keywords, name: &str) -> bool {
    keywords.get(name) == Some(&Value::Bool(true))
}

/// The one schema at a keyword.
fn one<'k>(keywords: &'k Keywords, name: &str) -> Option<&'k Keywords> {
    keywords.get(name).and_then(Value::as_object)
}

/// The schemas in the list at a keyword.
fn many<'k>(keywords: &'k Keywords, name: &str) -> impl Iterator<Item = &'k Keywords> {
    keywords.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// The named schemas at a keyword.
fn named<'k>(keywords: &'k Keywords, name: &str) -> impl Iterator<Item = (&'k str, &'k Keywords)> {
    let members = one(keywords, name).into_iter().flatten();
    members.filter_map(|(name, schema)| Some((name.as_str(), schema.as_object()?)))
}

fn texts<'k>(keywords: &'k Keywords, name: &str) -> Vec<&'k str> {
    let list = keywords.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}
