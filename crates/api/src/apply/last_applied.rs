//! `kubectl.kubernetes.io/last-applied-configuration`: lets `kubectl apply --server-side`
//! take over what client-side apply set, and keeps the annotation true afterwards.

use serde_json::Value;

use super::compare::compare;
use super::conflict::Conflict;
use super::field_set::FieldSet;
use super::server_side::Request;
use super::validate::{field_set, validate};
use crate::goprint;

/// The manager these rules are for; another name opts out.
pub(super) const KUBECTL: &str = "kubectl";
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Bytes that all annotations of an object may have.
const MAX_ANNOTATIONS_BYTES: usize = 256 * 1024;

/// The conflicts that are about other fields than those the annotation accounts for.
pub(super) fn not_from_client_side_apply(request: &Request<'_>, conflicts: Vec<Conflict>) -> Vec<Conflict> {
    match applied_client_side(request) {
        Some(allowed) => conflicts.into_iter().filter(|c| !allowed.contains(&c.path)).collect(),
        None => conflicts,
    }
}

/// The fields that the annotation has and that still hold its values.
fn applied_client_side(request: &Request<'_>) -> Option<FieldSet> {
    let text = annotation(request.live)?;
    let applied: Value = serde_json::from_str(text).ok()?;
    if applied.get("apiVersion")?.as_str()? != request.manager.api_version {
        return None;
    }
    validate(&applied, request.schema).ok()?;
    let changes = compare(&applied, request.live, request.schema);
    let fields = field_set(&applied, request.schema);
    Some(fields.difference(&changes.changed).difference(&changes.removed))
}

fn annotation(object: &Value) -> Option<&str> {
    let text = object.get("metadata")?.get("annotations")?.get(ANNOTATION)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

/// Sets the annotation to the configuration just applied, if the object has it.
pub(super) fn renew(object: &mut Value, config: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let mut config = config.clone();
    if let Some(annotations) = config.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(ANNOTATION);
    }
    let text = format!("{}\n", goprint::json(&config));
    let annotations = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    let Some(annotations) = annotations else { return };
    annotations.insert(ANNOTATION.to_owned(), Value::from(text));
    let bytes: usize = annotations.iter().map(|(k, v)| k.len() + v.as_str().map_or(0, str::len)).sum();
    if bytes > MAX_ANNOTATIONS_BYTES {
        annotations.remove(ANNOTATION);
    }
}
