//! `metadata.managedFields` of writes.

use ironclad_api::apply::{self, Manager};
use ironclad_api::{Object, time};
use jiff::Timestamp;
use serde_json::Value;

use super::patching::View;
use super::{Current, Write};

/// Records which fields the write set. Both objects are in the version of the request.
pub(crate) fn track(write: &Write<'_>, new: Object, old: Option<&Current>, now: Timestamp) -> Object {
    track_view(write, View::of(write.served), new, old.map(|old| &old.object), now)
}

/// Records which fields of a view the write set.
pub(crate) fn track_view(
    write: &Write<'_>,
    view: View<'_>,
    new: Object,
    old: Option<&Object>,
    now: Timestamp,
) -> Object {
    let api_version = view.kind.api_version();
    let manager = manager(write, &api_version);
    let reset = write.strategy().reset_fields(write.part);
    let mut value = new.into_value();
    let old = old.map(|old| Value::Object(old.0.clone()));
    apply::track_update(old.as_ref(), &mut value, view.schema, &manager, &time::format(now), &reset);
    Object::from_value(value).unwrap_or_default()
}

/// A write that changes nothing but the times of its managers changes nothing.
pub(crate) fn keep_times(new: &mut Object, old: Option<&Current>) {
    let Some(old) = old else { return };
    let mut value = std::mem::take(new).into_value();
    apply::keep_times(&Value::Object(old.object.0.clone()), &mut value);
    *new = Object::from_value(value).unwrap_or_default();
}

pub(crate) fn manager<'a>(write: &'a Write<'_>, api_version: &'a str) -> Manager<'a> {
    Manager { name: &write.input.options().manager, subresource: &write.target.subresource, api_version }
}
