//! Defaults must be what their own schema allows.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::prune;
use ironclad_api::schema::structural;
use serde_json::Value;

use crate::json_schema::Rules;

const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Checks the defaults of a version's schema, whose root is a whole object. Those under
/// `additionalProperties` are not looked at, as upstream.
pub(super) fn validate(schema: &Value, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    walk(schema, true, false, path, &mut errors);
    errors
}

fn walk(schema: &Value, whole: bool, in_meta: bool, path: &Path, errors: &mut FieldErrors) {
    let embedded = whole || schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
    let in_meta = in_meta && !embedded;
    if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
        errors.extend(check(default, schema, in_meta, &path.child("default")));
    }
    if let Some(items) = schema.get("items") {
        walk(items, false, in_meta, &path.child("items"), errors);
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let in_meta = in_meta || (embedded && META.contains(&name.as_str()));
        walk(property, false, in_meta, &path.child("properties").key(name), errors);
    }
}

fn check(default: &Value, schema: &Value, in_meta: bool, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if !in_meta {
        let mut pruned = default.clone();
        prune::unknown_fields(&mut pruned, &structural::parse(schema));
        if pruned != *default {
            errors.push(FieldError::invalid(path, default, "must not have unknown fields"));
        }
    }
    let rules = Rules::compile(schema);
    let embedded = rules.embedded_errors(default, path);
    errors.extend(match embedded.is_empty() {
        true => rules.check(default, Some(path)),
        false => embedded,
    });
    errors
}
