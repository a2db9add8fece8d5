//! References to the pod's own fields and resources (the downward API).

use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use super::{Errors, quantity, required, text};

/// Fields that the API has under these names; each use allows some of them.
const FIELDS: [&str; 14] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
const HUGE_PAGES: [&str; 2] = ["limits.hugepages-", "requests.hugepages-"];
const BYTES: &str = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";

/// A field by its path, `allowed` in order, or one label or annotation: `metadata.labels['app']`.
pub(super) fn object_field(field: &core::ObjectFieldSelector, allowed: &[&str], path: &Path) -> Errors {
    let version = text(&field.api_version);
    if let Some(error) =
        required(path, "apiVersion", version).or_else(|| required(path, "fieldPath", &field.field_path))
    {
        return vec![error];
    }
    let at = path.child("fieldPath");
    let invalid = |why: String| {
        vec![FieldError::invalid(&at, &field.field_path, format!("error converting fieldPath: {why}"))]
    };
    if version != "v1" {
        return invalid(format!("unsupported pod version: {version}"));
    }
    if let Some((map, key)) = subscript(&field.field_path) {
        return match map {
            "metadata.annotations" => validation::label::label_key(path, &key.to_lowercase()),
            "metadata.labels" => validation::label::label_key(path, key),
            _ => invalid(format!("field label does not support subscript: {}", field.field_path)),
        };
    }
    // The field's name in the first version of the API.
    let name = if field.field_path == "spec.host" { "spec.nodeName" } else { field.field_path.as_str() };
    if !FIELDS.contains(&name) {
        return invalid(format!("field label not supported: {name}"));
    }
    super::one_of(&at, name, allowed).into_iter().collect()
}

/// `map['key']`
fn subscript(path: &str) -> Option<(&str, &str)> {
    let inner = path.strip_suffix("']")?;
    let (map, key) = inner.split_once("['")?;
    (!map.is_empty()).then_some((map, key))
}

/// A container's request or limit. A volume must say which container's.
pub(super) fn resource_field(field: &core::ResourceFieldSelector, in_volume: bool, path: &Path) -> Errors {
    let mut errors = Errors::new();
    let resource = field.resource.as_str();
    if in_volume && text(&field.container_name).is_empty() {
        errors.push(FieldError::required(&path.child("containerName"), ""));
    } else if resource.is_empty() {
        errors.push(FieldError::required(&path.child("resource"), ""));
    } else if !HUGE_PAGES.iter().any(|prefix| resource.starts_with(prefix)) {
        errors.extend(super::one_of(&path.child("resource"), resource, &RESOURCES));
    }
    errors
        .extend(field.divisor.as_ref().and_then(quantity).and_then(|divisor| unit(resource, &divisor, path)));
    errors
}

/// The divisor must be a unit of the resource.
fn unit(resource: &str, divisor: &Quantity, path: &Path) -> Option<FieldError> {
    if divisor.is_zero() {
        return None;
    }
    let (units, kind) = match resource {
        "limits.cpu" | "requests.cpu" => ("1m and 1", "cpu"),
        "limits.memory" | "requests.memory" => (BYTES, "memory"),
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => (BYTES, "local ephemeral storage"),
        huge if HUGE_PAGES.iter().any(|prefix| huge.starts_with(prefix)) => (BYTES, "hugepages"),
        _ => return None,
    };
    let written = divisor.to_string();
    let known = match kind {
        "cpu" => ["1m", "1"].contains(&written.as_str()),
        _ => BYTES.split(", ").any(|unit| unit == written),
    };
    let detail = format!("only divisor's values {units} are supported with the {kind} resource");
    (!known).then(|| FieldError::invalid(&path.child("divisor"), resource, detail))
}
