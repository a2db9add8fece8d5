//! Value validations: what stands under `allOf`, `anyOf`, `oneOf` and `not`.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use serde_json::Value;

use super::{Keywords, many, named, one, text};
use ironclad_api::go_regex;

/// What only the structure itself may say, and how it has to be left out.
const FORBIDDEN: [(&str, &str); 12] = [
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
];

/// Checks the value validations of a schema.
pub(super) fn value_validation(
    keywords: &Keywords,
    skip_any_of: bool,
    skip_in_all_of: bool,
    path: &Path,
    errors: &mut FieldErrors,
) {
    for (index, schema) in many(keywords, "anyOf").enumerate().filter(|_| !skip_any_of) {
        nested(schema, false, &path.child("anyOf").index(index), errors);
    }
    for (index, schema) in many(keywords, "allOf").enumerate() {
        nested(schema, skip_in_all_of && index == 0, &path.child("allOf").index(index), errors);
    }
    for (index, schema) in many(keywords, "oneOf").enumerate() {
        nested(schema, false, &path.child("oneOf").index(index), errors);
    }
    if let Some(schema) = one(keywords, "not") {
        nested(schema, false, &path.child("not"), errors);
    }
    let pattern = text(keywords, "pattern");
    if let Err(why) = go_regex::compile(pattern) {
        let detail = format!("must be a valid regular expression, but isn't: {why}");
        errors.push(FieldError::invalid(&path.child("pattern"), pattern, detail));
    }
}

fn nested(keywords: &Keywords, skip_any_of: bool, path: &Path, errors: &mut FieldErrors) {
    value_validation(keywords, skip_any_of, false, path, errors);
    if let Some(items) = one(keywords, "items") {
        nested(items, false, &path.child("items"), errors);
    }
    for (name, property) in named(keywords, "properties") {
        nested(property, false, &path.child("properties").key(name), errors);
    }
    for (name, detail) in FORBIDDEN {
        // `additionalProperties: false` is nothing here.
        if keywords.get(name).is_some_and(|value| *value != Value::Bool(false)) {
            errors.push(FieldError::forbidden(&path.child(name), detail));
        }
    }
    if keywords.contains_key("x-kubernetes-validations") {
        let at = path.child("x-kubernetes-validations");
        errors.push(FieldError::forbidden(&at, "must be empty to be structural"));
    }
    if one(keywords, "properties").is_some_and(|properties| properties.contains_key("metadata")) {
        let at = path.child("properties").key("metadata");
        errors.push(FieldError::forbidden(&at, "must not be specified in a nested context"));
    }
}

/// Fields that value validations restrict and that are declared nowhere else.
pub(super) fn undeclared(keywords: &Keywords, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    restricted(keywords, keywords, path, path, &mut errors);
    errors
}

/// `validations` holds the restrictions, `structure` the declarations; each with its path.
fn restricted(
    validations: &Keywords,
    structure: &Keywords,
    at: &Path,
    from: &Path,
    errors: &mut FieldErrors,
) {
    if let Some(not) = one(validations, "not") {
        within(not, structure, at, &from.child("not"), errors);
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        for (index, schema) in many(validations, name).enumerate() {
            within(schema, structure, at, &from.child(name).index(index), errors);
        }
    }
}

fn within(validations: &Keywords, structure: &Keywords, at: &Path, from: &Path, errors: &mut FieldErrors) {
    restricted(validations, structure, at, from, errors);
    let because = |from: &Path| format!("because it is defined in {from}");
    let mut step = |schema: &Keywords, declared: Option<&Keywords>, at: Path, from: Path| match declared {
        Some(declared) => within(schema, declared, &at, &from, errors),
        None => errors.push(FieldError::required(&at, because(&from))),
    };
    if let Some(items) = one(validations, "items") {
        step(items, one(structure, "items"), at.child("items"), from.child("items"));
    }
    let declared = one(structure, "properties");
    for (name, schema) in named(validations, "properties") {
        let property = declared.and_then(|properties| properties.get(name)).and_then(Value::as_object);
        let (at, from) = (at.child("properties").key(name), from.child("properties").key(name));
        step(schema, property, at, from);
    }
}
