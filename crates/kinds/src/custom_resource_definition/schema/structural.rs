//! What makes a schema structural: every field has a type, and value validations
//! (`allOf`, `anyOf`, `oneOf`, `not`) only restrict fields that are declared outside of them.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use serde_json::json;

use super::{Keywords, is_true, metadata, named, nested, one, text};

const INT_OR_STRING: &str = "x-kubernetes-int-or-string";
const EMBEDDED: &str = "x-kubernetes-embedded-resource";
const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

/// Where a schema stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Root,
    Item,
    Field,
}

/// Everything that keeps a schema from being structural, sorted by its text.
pub(super) fn validate(keywords: &Keywords, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    schema(keywords, Level::Root, path, &mut errors);
    errors.extend(nested::undeclared(keywords, path));
    errors.sort_by_key(ToString::to_string);
    errors
}

fn schema(keywords: &Keywords, level: Level, path: &Path, errors: &mut FieldErrors) {
    if text(keywords, "type") == "array" && !keywords.contains_key("items") {
        errors.push(FieldError::required(&path.child("items"), "must be specified"));
    }
    if let Some(items) = one(keywords, "items") {
        schema(items, Level::Item, &path.child("items"), errors);
    }
    for (name, property) in named(keywords, "properties") {
        schema(property, Level::Field, &path.child("properties").key(name), errors);
    }
    additional_properties(keywords, level, path, errors);
    extensions(keywords, path, errors);
    let (skip_any_of, skip_in_all_of) = int_or_string_patterns(keywords);
    nested::value_validation(keywords, skip_any_of, skip_in_all_of, path, errors);
    types(keywords, level, path, errors);
    metadata::validate(keywords, level, is_true(keywords, EMBEDDED), path, errors);
}

fn additional_properties(keywords: &Keywords, level: Level, path: &Path, errors: &mut FieldErrors) {
    let Some(additional) = keywords.get("additionalProperties") else { return };
    let at = path.child("additionalProperties");
    if level == Level::Root {
        errors.push(FieldError::forbidden(&at, "must not be used at the root"));
    }
    if let Some(values) = additional.as_object() {
        schema(values, Level::Field, &at, errors);
    }
    if is_true(keywords, EMBEDDED) {
        let detail = "must not be used if x-kubernetes-embedded-resource is set";
        errors.push(FieldError::forbidden(&at, detail));
    }
}

fn extensions(keywords: &Keywords, path: &Path, errors: &mut FieldErrors) {
    for other in [PRESERVE, EMBEDDED] {
        if is_true(keywords, INT_OR_STRING) && is_true(keywords, other) {
            let detail = "must be false if x-kubernetes-int-or-string is true";
            errors.push(FieldError::invalid(&path.child(other), true, detail));
        }
    }
}

fn types(keywords: &Keywords, level: Level, path: &Path, errors: &mut FieldErrors) {
    let (at, given) = (path.child("type"), text(keywords, "type"));
    let (embedded, preserves) = (is_true(keywords, EMBEDDED), is_true(keywords, PRESERVE));
    if embedded && given != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        errors.push(match given {
            "" => FieldError::required(&at, detail),
            given => FieldError::invalid(&at, given, detail),
        });
    } else if given.is_empty() && !is_true(keywords, INT_OR_STRING) && !preserves {
        errors.push(FieldError::required(
            &at,
            match level {
                Level::Root => "must not be empty at the root",
                Level::Item => "must not be empty for specified array items",
                Level::Field => "must not be empty for specified object fields",
            },
        ));
    }
    if level == Level::Root && !given.is_empty() && given != "object" {
        errors.push(FieldError::invalid(&at, given, "must be object at the root"));
    }
    if embedded && !preserves && named(keywords, "properties").next().is_none() {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                      x-kubernetes-preserve-unknown-fields";
        errors.push(FieldError::required(&path.child("properties"), detail));
    }
}

/// Whether `anyOf`, or the first `allOf`'s, are the two types that may be repeated there.
fn int_or_string_patterns(keywords: &Keywords) -> (bool, bool) {
    let both = json!([{ "type": "integer" }, { "type": "string" }]);
    let first = keywords.get("allOf").and_then(|all| all.get(0)).and_then(|first| first.get("anyOf"));
    (keywords.get("anyOf") == Some(&both), first == Some(&both))
}
