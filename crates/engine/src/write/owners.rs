//! `metadata.managedFields` of writes.

use ironclad_api::apply::{self, ApplyError, Manager, Versions};
use ironclad_api::{Object, time};
use jiff::Timestamp;
use serde_json::Value;

use super::patching::View;
use super::{Current, Write};

const MANAGED_FIELDS: &str = "managedFields";

/// Records which fields the write set. Both objects are in the version of the request.
pub(crate) fn track(write: &Write<'_>, new: Object, old: Option<&mut Current>, now: Timestamp) -> Object {
    let view = View::of(write.served);
    match old {
        Some(old) => old.lend(|old| track_view(write, view, new, Some(old), now)),
        None => track_view(write, view, new, None, now),
    }
}

/// The same where managers wrote in other versions too.
pub(crate) fn track_across(
    write: &Write<'_>,
    new: Object,
    old: Option<&Object>,
    now: Timestamp,
    versions: &dyn Versions,
) -> Result<Object, ApplyError> {
    let view = View::of(write.served);
    let api_version = view.kind.api_version();
    let manager = manager(write, &api_version);
    let reset = write.strategy().reset_fields(write.part);
    let old = old.map(|old| old.clone().into_value());
    let (mut value, now) = (new.into_value(), time::format(now));
    apply::track_update_across(versions, old.as_ref(), &mut value, view.schema, &manager, &now, &reset)?;
    Ok(Object::from_value(value).unwrap_or_default())
}

/// Whether somebody wrote the object in another version than the request's.
pub(crate) fn others_wrote(write: &Write<'_>, object: &Object) -> bool {
    let requested = write.served.gvk.api_version();
    let version = |entry: &Value| entry.get("apiVersion").and_then(Value::as_str) == Some(&requested);
    write.served.kind.spec().versions.len() > 1 && !entries(object).iter().all(version)
}

/// Records which fields of a view the write set.
pub(crate) fn track_view(
    write: &Write<'_>,
    view: View<'_>,
    new: Object,
    old: Option<&Value>,
    now: Timestamp,
) -> Object {
    let api_version = view.kind.api_version();
    let manager = manager(write, &api_version);
    let reset = write.strategy().reset_fields(write.part);
    let mut value = new.into_value();
    apply::track_update(old, &mut value, view.schema, &manager, &time::format(now), &reset);
    Object::from_value(value).unwrap_or_default()
}

/// A write that changes nothing but the times of its managers changes nothing.
pub(crate) fn keep_times(new: &mut Object, old: Option<&Current>) {
    let Some(old) = old.map(|old| &old.object) else { return };
    let (before, after) = (entries(old), entries(new));
    if before.is_empty() || before.len() != after.len() {
        return;
    }
    let same_owners = before.iter().zip(after).all(|(before, after)| same_but(before, after, "time"));
    if same_owners && same_but_owners(old, new) {
        let before = before.to_vec();
        new.set_meta(MANAGED_FIELDS, before);
    }
}

fn entries(object: &Object) -> &[Value] {
    let entries = object.metadata().and_then(|metadata| metadata.get(MANAGED_FIELDS));
    entries.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn same_but_owners(a: &Object, b: &Object) -> bool {
    let others = |(name, _): &(&String, &Value)| *name != "metadata";
    let same_metadata = match (a.0.get("metadata"), b.0.get("metadata")) {
        (Some(a), Some(b)) => same_but(a, b, MANAGED_FIELDS),
        (a, b) => a == b,
    };
    same_metadata && a.0.iter().filter(others).eq(b.0.iter().filter(others))
}

/// Whether two JSON objects are the same but for one field.
fn same_but(a: &Value, b: &Value, field: &str) -> bool {
    let others = |(name, _): &(&String, &Value)| *name != field;
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => a.iter().filter(others).eq(b.iter().filter(others)),
        _ => a == b,
    }
}

pub(crate) fn manager<'a>(write: &'a Write<'_>, api_version: &'a str) -> Manager<'a> {
    Manager { name: &write.input.options().manager, subresource: &write.target.subresource, api_version }
}
