//! What a schema may say at all, and what fits together.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use serde_json::Value;

use super::{Keywords, extensions, is_true, many, named, one, rules, text};

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Where a schema stands, as far as rules depend on it.
#[derive(Clone, Default)]
struct Place {
    root: bool,
    /// Inside of apiVersion, kind or metadata of an object.
    in_meta: bool,
    /// Why a default may not stand here.
    no_defaults: Option<String>,
}

pub(super) fn validate(keywords: &Keywords, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    schema(keywords, &Place { root: true, ..Place::default() }, path, &mut errors);
    errors
}

fn schema(keywords: &Keywords, place: &Place, path: &Path, errors: &mut FieldErrors) {
    vocabulary(keywords, place, path, errors);
    if is_true(keywords, "uniqueItems") {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(FieldError::forbidden(&path.child("uniqueItems"), detail));
    }
    let inner = Place { root: false, ..place.clone() };
    additional_properties(keywords, &inner, path, errors);
    for (name, property) in named(keywords, "properties") {
        let mut at = inner.clone();
        if META.contains(&name) && (place.root || is_true(keywords, "x-kubernetes-embedded-resource")) {
            at.in_meta = true;
            if place.root {
                at.no_defaults = Some(format!("in top-level {name}"));
            }
        }
        schema(property, &at, &path.child("properties").key(name), errors);
    }
    if let Some(not) = one(keywords, "not") {
        schema(not, &inner, &path.child("not"), errors);
    }
    for name in ["allOf", "oneOf", "anyOf", "items"] {
        for (index, member) in many(keywords, name).enumerate() {
            schema(member, &inner, &path.child(name).index(index), errors);
        }
    }
    if let Some(items) = one(keywords, "items") {
        schema(items, &inner, &path.child("items"), errors);
    }
    extensions::validate(keywords, path, errors);
    rules::validate(keywords, path, errors);
}

fn additional_properties(keywords: &Keywords, inner: &Place, path: &Path, errors: &mut FieldErrors) {
    let at = path.child("additionalProperties");
    let Some(additional) = keywords.get("additionalProperties") else { return };
    if named(keywords, "properties").next().is_some() && *additional != Value::Bool(true) {
        let detail = "additionalProperties and properties are mutual exclusive";
        errors.push(FieldError::forbidden(&at, detail));
    }
    let Some(values) = additional.as_object() else { return };
    let mut place = inner.clone();
    if place.in_meta {
        // What a default is pruned by would not be known.
        place.no_defaults = Some("inside additionalProperties applying to object metadata".to_owned());
    }
    schema(values, &place, &at, errors);
}

/// Words that OpenAPI or Kubernetes does not have.
fn vocabulary(keywords: &Keywords, place: &Place, path: &Path, errors: &mut FieldErrors) {
    let given = text(keywords, "type");
    if !given.is_empty() && !TYPES.contains(&given) {
        errors.push(FieldError::not_supported(&path.child("type"), given, TYPES));
    }
    if let Some(reason) = place.no_defaults.as_ref().filter(|_| keywords.contains_key("default")) {
        errors.push(FieldError::forbidden(&path.child("default"), format!("must not be set {reason}")));
    }
    for name in ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] {
        if keywords.contains_key(name) {
            errors.push(FieldError::forbidden(&path.child(name), format!("{name} is not supported")));
        }
    }
    if given == "null" {
        let detail = "type cannot be set to null, use nullable as an alternative";
        errors.push(FieldError::forbidden(&path.child("type"), detail));
    }
    if keywords.get("items").is_some_and(Value::is_array) {
        let detail = "items must be a schema object and not an array";
        errors.push(FieldError::forbidden(&path.child("items"), detail));
    }
    if place.in_meta && is_true(keywords, "x-kubernetes-embedded-resource") {
        let detail = "must not be used inside of resource meta";
        errors.push(FieldError::forbidden(&path.child("x-kubernetes-embedded-resource"), detail));
    }
}
