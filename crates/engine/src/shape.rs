//! Objects held against their schema: types, unknown fields, pruning, defaults.

use ironclad_api::schema::check::{Findings, check, unknown_fields};
use ironclad_api::schema::{Schema, defaulting};
use ironclad_api::{Object, prune};
use serde_json::Value;

use crate::registry::Kind;
use crate::strategy::{SchemaRef, VersionSpec};

/// Holds a decoded body against the schema and gives it the form that is stored. The
/// answer names the fields that it does not have; an error is a value of the wrong type.
pub fn fit(value: &mut Value, schema: &SchemaRef) -> Result<Vec<String>, String> {
    let findings = match schema {
        SchemaRef::Builtin(schema) => check(value, schema),
        SchemaRef::Custom(schema) => custom(value, schema),
    };
    if let Some(error) = findings.error {
        return Err(error);
    }
    let resets = resets_managers(value);
    reduce(value, schema);
    if resets && let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("managedFields".into(), Value::Array(Vec::new()));
    }
    Ok(findings.unknown)
}

/// An empty list of managers is not an absent one: it asks to forget them.
fn resets_managers(value: &Value) -> bool {
    let entries = value.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.is_some_and(Vec::is_empty)
}

/// Only the metadata of a custom resource has types here; validation checks the others.
fn custom(value: &Value, schema: &Schema) -> Findings {
    let metadata = value.get("metadata").zip(schema.field("metadata"));
    let error = metadata.and_then(|(metadata, schema)| check(metadata, schema).error);
    Findings { error, unknown: unknown_fields(value, schema) }
}

/// Drops what the schema does not have, and fills in what it declares.
fn reduce(value: &mut Value, schema: &SchemaRef) {
    match schema {
        SchemaRef::Builtin(schema) => prune::as_typed(value, schema),
        SchemaRef::Custom(schema) => {
            prune::unknown_fields(value, schema);
            defaulting::apply(value, schema);
        }
    }
}

/// A stored object, as its kind's present schema reads it.
pub fn upgrade(kind: &Kind, object: Object) -> Object {
    let version = kind.spec().versions.iter().find(|version| is_version(kind, version, object.api_version()));
    let Some(version) = version else { return object };
    let mut value = object.into_value();
    reduce(&mut value, &version.schema);
    let mut object = Object::from_value(value).unwrap_or_default();
    kind.strategy.default(&mut object);
    object
}

fn is_version(kind: &Kind, version: &VersionSpec, api_version: &str) -> bool {
    let group = version.group.as_deref().unwrap_or(&kind.spec().group);
    match api_version.split_once('/') {
        Some((g, v)) => g == group && v == version.version,
        None => group.is_empty() && api_version == version.version,
    }
}

/// An object out of a value that has passed its schema; metadata that is not an object cannot have.
pub fn object(value: Value) -> Object {
    Object::from_value(value).unwrap_or_default()
}

/// Whether a version of a kind prints a status even when it is empty, as Go does.
pub fn prints_empty_status(schema: &Schema) -> bool {
    schema.object().and_then(|object| object.property("status")).is_some_and(|status| status.always)
}
