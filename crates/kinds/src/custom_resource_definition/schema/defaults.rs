//! Defaults must be what their own schema allows.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::prune;
use ironclad_api::schema::structural;
use serde_json::Value;

use crate::json_schema::Rules;
use crate::validation_rules::RuleTree;

const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Checks the defaults of a version's schema, whose root is a whole object. Those under
/// `additionalProperties` are not looked at, as upstream.
pub(super) fn validate(schema: &Value, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    walk(schema, Place { whole: true, in_meta: false }, path, &mut |default, schema, place, path| {
        errors.extend(check(default, schema, place.in_meta, path));
    });
    errors
}

/// Holds the defaults against the rules of their schema, whose rules are known to be sound: as
/// values that stay, and as values that come.
pub(super) fn against_rules(schema: &Value, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let place = Place { whole: true, in_meta: false };
    walk(schema, place, path, &mut |default, schema, _, path| {
        let Some(rules) = RuleTree::of(schema) else { return };
        let stays = rules.check(default, Some(default), path);
        let stays: FieldErrors = stays.errors.into_iter().chain(stays.ratcheted).collect();
        errors.extend(match stays.is_empty() {
            true => rules.check(default, None, path).errors,
            false => stays,
        });
    });
    errors
}

/// Where a schema stands.
#[derive(Clone, Copy)]
struct Place {
    /// It is the schema of a whole object.
    whole: bool,
    /// Inside of an object's apiVersion, kind or metadata.
    in_meta: bool,
}

/// Calls `visit` for each default, with its schema and its own path.
fn walk<'s>(
    schema: &'s Value,
    place: Place,
    path: &Path,
    visit: &mut dyn FnMut(&'s Value, &'s Value, Place, &Path),
) {
    let whole = place.whole || schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
    let here = Place { whole: false, in_meta: place.in_meta && !whole };
    if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
        visit(default, schema, here, &path.child("default"));
    }
    if let Some(items) = schema.get("items") {
        walk(items, here, &path.child("items"), visit);
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let in_meta = here.in_meta || (whole && META.contains(&name.as_str()));
        walk(property, Place { in_meta, ..here }, &path.child("properties").key(name), visit);
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
