//! What a body says of its kind, name and namespace, held against the request's path.

use ironclad_api::field::{FieldError, Path};
use ironclad_api::goprint::quote;
use ironclad_api::schema::Catalog;
use ironclad_api::status::Status;
use ironclad_api::{GroupVersion, GroupVersionKind, Object, json};
use serde_json::Value;

use super::{Current, Write};
use crate::strategy::SchemaRef;

/// The body's kind and version must be those of the path. Upstream decodes what it knows, which must then convert,
/// and compares versions afterwards.
pub(crate) fn kind_of_body(
    actual: &GroupVersionKind,
    want: &GroupVersionKind,
    schema: &SchemaRef,
    value: &Value,
    body: &[u8],
) -> Result<(), Status> {
    let is_builtin = matches!(schema, SchemaRef::Builtin(_));
    let converts = actual.kind == want.kind
        && (actual.group == want.group || Catalog::builtin().by_gvk(actual).is_some());
    if is_builtin && !converts {
        return Err(json::bad_body(Some(actual), &want.kind, not_of_kind(actual, want), body));
    }
    if actual.group != want.group || actual.version != want.version {
        let (actual, want) = (actual.group_version(), want.group_version());
        let text = format!(
            "the API version in the data ({actual}) does not match the expected API version ({want})"
        );
        return Err(Status::bad_request(text));
    }
    if actual.kind == want.kind {
        return Ok(());
    }
    let detail = format!("must be {}", want.kind);
    let error = FieldError::invalid(&Path::new("kind"), &*actual.kind, detail);
    let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    Err(Status::invalid(&want.group_kind(), name, &[error]))
}

/// Why one kind is not decoded as another.
fn not_of_kind(actual: &GroupVersionKind, want: &GroupVersionKind) -> String {
    match Catalog::builtin().by_gvk(actual) {
        // Go's names of the two types.
        Some(_) => format!(
            "converting ({}.{}) to ({}.{}): unknown conversion",
            actual.version,
            actual.kind,
            internal_package(&want.group),
            want.kind
        ),
        None => format!(
            "no kind {} is registered for version {} in scheme {}",
            quote(&actual.kind),
            quote(&actual.api_version()),
            quote("pkg/api/legacyscheme/scheme.go:30")
        ),
    }
}

/// A patch of a document must leave its kind, or none: then it is that of the path.
pub(crate) fn kind_of_patched(patched: &Value, want: &GroupVersionKind) -> Result<(), String> {
    let text = |field: &str| patched.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let version = text("apiVersion").map_or_else(|| Some(want.group_version()), GroupVersion::parse);
    let Some(version) = version else { return Ok(()) };
    let kind = text("kind").unwrap_or(&want.kind).to_owned();
    let actual = GroupVersionKind::new(version.group, version.version, kind);
    match actual == *want {
        true => Ok(()),
        false => Err(not_of_kind(&actual, want)),
    }
}

/// What is applied must say that it is of the kind of the path, which is no default here.
pub(crate) fn type_of_apply(value: &Value, want: &GroupVersionKind) -> Result<(), Status> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    if version == want.api_version() && kind == want.kind {
        return Ok(());
    }
    let slash = if version.contains('/') { "" } else { "/" };
    Err(Status::bad_request(format!("invalid object type: {slash}{version}, Kind={kind}")))
}

/// Upstream's Go package of a group's internal types.
fn internal_package(group: &str) -> &str {
    match group {
        "" | "events.k8s.io" => "core",
        group => group.split('.').next().unwrap_or(group),
    }
}

/// The namespace that objects of a write have: that of its path, if the kind has namespaces.
fn expected_namespace<'a>(write: &'a Write<'_>) -> &'a str {
    if write.served.kind.is_namespaced() { &write.target.namespace } else { "" }
}

/// A body without a namespace gets the path's.
pub(crate) fn namespace_of_create(write: &Write<'_>, object: &mut Object) -> Result<(), Status> {
    let expected = expected_namespace(write).to_owned();
    settle_namespace(object, &expected)
}

fn settle_namespace(object: &mut Object, expected: &str) -> Result<(), Status> {
    let given = object.namespace();
    if given == expected {
        return Ok(());
    }
    if expected.is_empty() {
        object.remove_meta("namespace");
        return Ok(());
    }
    if given.is_empty() {
        object.set_meta("namespace", expected);
        return Ok(());
    }
    Err(Status::bad_request(
        "the namespace of the provided object does not match the namespace sent on the request",
    ))
}

/// An update's body names the object of its path.
pub(crate) fn names_of_update(write: &Write<'_>, object: &mut Object) -> Result<(), Status> {
    namespace_of_create(write, object)?;
    name_of(write, object)
}

/// A patch must not rename the object or move it.
pub(crate) fn names_of_patch(
    write: &Write<'_>,
    object: &mut Object,
    old: Option<&Current>,
) -> Result<(), Status> {
    if old.is_none() && !object.uid().is_empty() {
        let why = format!(
            "uid mismatch: the provided object specified uid {}, and no existing object was found",
            object.uid()
        );
        return Err(Status::conflict(&write.target.resource.group_resource(), &write.target.name, why));
    }
    names_of_update(write, object)
}

fn name_of(write: &Write<'_>, object: &Object) -> Result<(), Status> {
    let (given, wanted) = (object.name(), &write.target.name);
    match given {
        "" => Err(Status::bad_request(format!(
            "the name of the object ({wanted} based on URL) was undeterminable: name must be provided"
        ))),
        given if given == wanted => Ok(()),
        given => Err(Status::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({wanted})"
        ))),
    }
}

/// A uid in an update's body is a precondition.
pub(crate) fn uid_of_update(write: &Write<'_>, object: &Object, old: Option<&Current>) -> Result<(), Status> {
    let (given, Some(old)) = (object.uid(), old) else { return Ok(()) };
    if given.is_empty() || given == old.object.uid() {
        return Ok(());
    }
    let key = write.served.kind.store_key(&write.key());
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: \
         Precondition failed: UID in precondition: {given}, UID in object meta: {}",
        String::from_utf8_lossy(key.strip_prefix(b"/registry").unwrap_or(&key)),
        old.object.uid()
    );
    Err(Status::conflict(&write.target.resource.group_resource(), &write.target.name, why))
}
