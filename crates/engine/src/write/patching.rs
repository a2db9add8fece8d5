//! Patches: from the stored object to the one that the patch proposes. All in the version
//! of the request.

use bytes::Bytes;
use ironclad_api::apply::Versions;
use ironclad_api::field::{FieldError, Path};
use ironclad_api::patch::{self, JsonPatch, PatchError, go_value};
use ironclad_api::status::Status;
use ironclad_api::{GroupKind, GroupVersionKind, Object, apply, json, time, yaml};
use ironclad_client::{Patch, PatchKind};
use jiff::Timestamp;
use serde_json::Value;

use super::body::judge_strict;
use super::input::{Input, Options};
use super::{Write, checks, owners};
use crate::registry::Served;
use crate::shape;
use crate::strategy::SchemaRef;

/// The form in which an object is patched.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub kind: &'a GroupVersionKind,
    pub schema: &'a SchemaRef,
}

impl<'a> View<'a> {
    /// The object in the version of the request.
    pub fn of(served: &'a Served) -> Self {
        Self { kind: &served.gvk, schema: served.schema() }
    }
}

/// What a patch makes of the live object; `None` is nothing, which only an apply turns into something.
pub(crate) fn run(
    write: &Write<'_>,
    live: Option<&Value>,
    now: Timestamp,
    versions: &dyn Versions,
) -> Result<Object, Status> {
    let Input::Patch(patch, options) = &write.input else {
        return Err(Status::internal_error("not a patch"));
    };
    let view = View::of(write.served);
    match (patch.kind, live) {
        (PatchKind::Apply, live) => applied(write, view, &patch.body, live, now, versions),
        (_, Some(live)) => patched(write, view, patch, options, live),
        (_, None) => Err(Status::not_found(&write.target.resource.group_resource(), &write.target.name)),
    }
}

/// A JSON, merge or strategic merge patch.
pub(crate) fn patched(
    write: &Write<'_>,
    view: View<'_>,
    patch: &Patch,
    options: &Options,
    live: &Value,
) -> Result<Object, Status> {
    let prefix = match patch.kind {
        PatchKind::Strategic => "",
        _ => "error decoding patch: ",
    };
    let decoded =
        json::decode(&patch.body).map_err(|error| Status::bad_request(format!("{prefix}{error}")))?;
    let mut strict: Vec<String> = decoded.duplicate_errors().collect();
    let operations = match patch.kind {
        PatchKind::Json => Some(JsonPatch::from_value(decoded.value.clone())?),
        _ => None,
    };
    if let Some(operations) = &operations {
        strict = strict.iter().map(|error| format!("json patch {error}")).collect();
        strict.extend(operations.unknown_fields());
    }
    // The live object with the patch applied.
    let outcome = || match (&operations, patch.kind) {
        (Some(operations), _) => operations.apply(live),
        (None, PatchKind::Merge) => patch::merge_patch(live, &decoded.value),
        (None, PatchKind::Strategic) => patch::strategic(live, &decoded.value, view.schema),
        (None, _) => Err(PatchError::Failed("apply is no patch of this kind".into())),
    };
    let mut value = outcome()?;
    let refuse = |why: &str| {
        // What errors quote: the patch as Go prints it, or the patched document, made once more.
        let proposed = match (patch.kind, outcome()) {
            (PatchKind::Strategic, _) | (_, Err(_)) => go_value(&decoded.value),
            (_, Ok(patched)) => String::from_utf8_lossy(&json::encode(&patched)).into_owned(),
        };
        let error = FieldError::invalid(&Path::new("patch"), proposed.as_str(), why);
        Status::invalid(&GroupKind::new("", ""), "", &[error])
    };
    if let (PatchKind::Json | PatchKind::Merge, SchemaRef::Builtin(_)) = (patch.kind, view.schema) {
        checks::kind_of_patched(&value, view.kind).map_err(|error| refuse(&error))?;
    }
    let unknown = shape::fit(&mut value, view.schema).map_err(|error| match patch.kind {
        PatchKind::Strategic => refuse(&patch::conversion_error(&value, view.schema).unwrap_or(error)),
        _ => refuse(&error),
    })?;
    strict.extend(json::strict_errors(b"", &[], &unknown));
    judge_strict(write.context, options.validation, &strict, |all| {
        refuse(&format!("strict decoding error: {all}"))
    })?;
    let mut object = shape::object(value);
    object.set_type(view.kind);
    Ok(object)
}

/// Server-side apply; `live` is `None` where there is nothing yet.
pub(crate) fn applied(
    write: &Write<'_>,
    view: View<'_>,
    body: &Bytes,
    live: Option<&Value>,
    now: Timestamp,
    versions: &dyn Versions,
) -> Result<Object, Status> {
    let options = write.input.options();
    let decoded = yaml::decode(body)
        .map_err(|error| Status::bad_request(format!("error decoding YAML: {}", error.converting())))?;
    checks::type_of_apply(&decoded.value, view.kind)?;
    let api_version = view.kind.api_version();
    let manager = owners::manager(write, &api_version);
    let reset = write.strategy().reset_fields(write.part);
    let now = time::format(now);
    let schema = view.schema;
    let mut value =
        apply::apply_across(versions, live, &decoded.value, schema, &manager, &now, options.force, &reset)?;
    let strict: Vec<String> = decoded.strict_error().into_iter().collect();
    judge_strict(write.context, options.validation, &strict, |all| {
        Status::bad_request(format!("error strict decoding YAML: {all}"))
    })?;
    shape::fit(&mut value, schema).map_err(|error| unconverted(view, &value, error))?;
    let mut object = shape::object(value);
    object.set_type(view.kind);
    Ok(object)
}

/// An applied object with a value of the wrong type.
fn unconverted(view: View<'_>, value: &Value, error: String) -> Status {
    let SchemaRef::Builtin(schema) = view.schema else { return Status::unclassified(error) };
    let error = patch::conversion_error(value, schema).unwrap_or(error);
    let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    // As Go prints the type.
    let GroupVersionKind { group, version, kind } = view.kind;
    let kind = format!("{group}/{version}, Kind={kind}");
    Status::unclassified(format!(
        "failed to convert new object (/{name}; {kind}) to proper version: unable to convert unstructured object to \
         {kind}: {error}"
    ))
}
