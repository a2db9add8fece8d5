//! What every write does to the owners of fields: changed fields go to the writer, removed
//! ones to nobody, and metadata that the server sets belongs to no one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::Manager;
use super::atom::{Atom, ListKind, UNTYPED, atom};
use super::conflict::ApplyError;
use super::field_set::FieldSet;
use super::managed::{self, Fields, Managed, ManagerId, Operation, Owned};
use super::path::PathElement;
use super::versions::{Alike, Changes, Versions};
use crate::schema::{Schema, Shape, zero_value};

/// Entries of other verbs than apply that an object keeps; older ones are put together.
const MAX_UPDATE_MANAGERS: usize = 10;
/// The name under which they are put together.
const ANCIENT: &str = "ancient-changes";

/// Fields that no manager owns.
static NEVER_OWNED: LazyLock<FieldSet> = LazyLock::new(|| {
    FieldSet::of_fields(&[
        &["apiVersion"],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "creationTimestamp"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "clusterName"],
        &["metadata", "generation"],
        &["metadata", "managedFields"],
        &["metadata", "resourceVersion"],
    ])
});

/// [`track_update_across`] where all managers wrote in the version of the request.
pub fn track_update(
    old: Option<&Value>,
    new: &mut Value,
    schema: &Schema,
    manager: &Manager<'_>,
    now: &str,
    reset: &FieldSet,
) {
    // Nothing is converted, which is all that could fail.
    let _ = track_update_across(&Alike(schema), old, new, schema, manager, now, reset);
}

/// Records a create, update or patch in `new.metadata.managedFields`. `old` is `None` on
/// create. `reset` are the fields this request cannot change (`status` on the main
/// resource). `now` is RFC 3339 in whole seconds; it is used only if a field changed.
///
/// The managers are those that the request sent, if it sent any that can be read, so that a
/// client may edit them; through a subresource it may not. An object that was stored without
/// managers is not tracked until it is applied to.
pub fn track_update_across(
    versions: &dyn Versions,
    old: Option<&Value>,
    new: &mut Value,
    schema: &Schema,
    manager: &Manager<'_>,
    now: &str,
    reset: &FieldSet,
) -> Result<(), ApplyError> {
    let managed = managers_of_request(old, new, manager);
    let is_create = old.is_none_or(|old| old.pointer("/metadata/uid").is_none_or(Value::is_null));
    if managed.is_empty() && !is_create {
        return Ok(());
    }
    let blank;
    let old = match old {
        Some(old) => old,
        None => {
            blank = blank_object(schema, new);
            &blank
        }
    };
    let managed = update(versions, old, new, managed, schema, manager, now, reset)?;
    managed::encode(new, cap(managed));
    Ok(())
}

/// Takes the managers out of `new`, or those of `old` if the request has none of its own.
fn managers_of_request(old: Option<&Value>, new: &mut Value, manager: &Manager<'_>) -> Managed {
    let stored = old.map(managed::entries).unwrap_or_default();
    let sent = match managed::clear(new) {
        Some(Value::Array(sent)) if manager.subresource.is_empty() => sent,
        _ => return managed::decode_stored(stored.to_vec()).unwrap_or_default(),
    };
    if sent == stored {
        return managed::decode_stored(sent).unwrap_or_default();
    }
    if managed::is_reset(&sent) {
        return Managed::new();
    }
    match managed::decode_strict(sent) {
        Ok(sent) if !sent.is_empty() => sent,
        _ => managed::decode_stored(stored.to_vec()).unwrap_or_default(),
    }
}

/// An object of the kind with nothing set, as a typed server has it before a create.
pub(super) fn blank_object(schema: &Schema, like: &Value) -> Value {
    let mut blank = zero_value(schema);
    if !matches!(schema.resolve().shape, Shape::Object(_)) {
        blank = Value::Object(serde_json::Map::new());
    }
    for name in ["apiVersion", "kind"] {
        if let Some(value) = like.get(name) {
            blank[name] = value.clone();
        }
    }
    blank
}

/// The managers after a write that made `new` from `old`.
#[expect(clippy::too_many_arguments, reason = "each is a fact of the request")]
pub(super) fn update(
    versions: &dyn Versions,
    old: &Value,
    new: &Value,
    managed: Managed,
    schema: &Schema,
    manager: &Manager<'_>,
    now: &str,
    reset: &FieldSet,
) -> Result<Managed, ApplyError> {
    let mut changes = Changes::between(old, new, schema, reset, manager.api_version, versions);
    let mut managed = reconciled(managed, versions);
    let id = ManagerId::new(manager.name, Operation::Update, manager.api_version, manager.subresource);
    let before = managed.remove(&id);
    take(&mut managed, &mut changes)?;
    let api_version = manager.api_version.to_owned();
    let own = match before {
        None => {
            Owned { fields: ownable(changes.here.changed).into(), api_version, time: Some(now.to_owned()) }
        }
        Some(before) => {
            let own = ownable(changes.here.changed.clone());
            let time = if own.is_empty() { before.time } else { Some(now.to_owned()) };
            Owned { fields: renewed(before.fields, own, changes.here.taken()), api_version, time }
        }
    };
    managed.insert(id, own);
    managed.retain(|_, owned| !owned.fields.is_empty());
    Ok(managed)
}

/// What a manager owns that had `fields`, of which `taken` goes but for what is its `own`. Who writes again and again
/// mostly writes the same fields: then they stay as they are.
fn renewed(mut fields: Fields, own: FieldSet, taken: &FieldSet) -> Fields {
    fields.subtract(&taken.difference(&own));
    match fields.contain(&own) {
        true => fields,
        false => own.union(&fields.set()).into(),
    }
}

/// Takes what has changed or gone from its owners. Owners in a version that is no more own nothing.
pub(super) fn take(managed: &mut Managed, changes: &mut Changes<'_>) -> Result<(), ApplyError> {
    for owned in managed.values_mut() {
        match changes.of(&owned.api_version)? {
            Some(changes) => owned.fields.subtract(changes.taken()),
            None => owned.fields = FieldSet::new().into(),
        }
    }
    Ok(())
}

/// The set without the fields that no manager owns.
pub(super) fn ownable(mut fields: FieldSet) -> FieldSet {
    fields.subtract(&NEVER_OWNED);
    fields
}

/// Puts the oldest entries of updates together, a bucket for each version, until there are
/// no more than [`MAX_UPDATE_MANAGERS`].
fn cap(mut managed: Managed) -> Managed {
    let is_update = |id: &&ManagerId| id.operation == Operation::Update;
    let mut updaters: Vec<ManagerId> = managed.keys().filter(is_update).cloned().collect();
    let mut count = updaters.len();
    updaters.sort_by(|a, b| {
        let time = |id: &ManagerId| managed.get(id).and_then(|owned| owned.time.clone());
        time(a).cmp(&time(b)).then_with(|| a.cmp(b))
    });
    let mut first_of_version: BTreeMap<String, ManagerId> = BTreeMap::new();
    for id in updaters {
        if count <= MAX_UPDATE_MANAGERS {
            break;
        }
        let Some(version) = managed.get(&id).map(|owned| owned.api_version.clone()) else { continue };
        match first_of_version.get(&version) {
            None => {
                first_of_version.insert(version, id);
            }
            Some(first) => {
                put_together(&mut managed, first, &id, &version);
                count -= 1;
            }
        }
    }
    managed
}

fn put_together(managed: &mut Managed, first: &ManagerId, id: &ManagerId, version: &str) {
    let bucket = ManagerId::new(ANCIENT, Operation::Update, version, "");
    if !managed.contains_key(&bucket)
        && let Some(owned) = managed.remove(first)
    {
        managed.insert(bucket.clone(), owned);
    }
    let Some(merged) = managed.remove(id) else { return };
    if let Some(owned) = managed.get_mut(&bucket) {
        owned.fields = owned.fields.set().union(&merged.fields.set()).into();
        owned.time = merged.time;
    }
}

// === schemas that changed ===

/// The managers with their fields as the schema has them now: what has become atomic since
/// is owned as a whole.
pub(super) fn reconciled(mut managed: Managed, versions: &dyn Versions) -> Managed {
    for owned in managed.values_mut() {
        let Some(schema) = versions.schema(&owned.api_version) else { continue };
        let outdated = match &owned.fields {
            Fields::Raw(fields) => is_outdated(fields, schema),
            Fields::Set(_) => true,
        };
        if outdated {
            owned.fields = with_atomics(&owned.fields.set(), schema).into();
        }
    }
    managed
}

/// Whether a `fieldsV1` has something below what the schema has as atomic.
fn is_outdated(fields: &Value, schema: &Schema) -> bool {
    let parsed = |key: &str| -> Option<PathElement> {
        match key.split_once(':')? {
            ("f", name) => Some(PathElement::field(name)),
            // Any key will do to find the schema of a list's elements.
            ("k", _) => Some(PathElement::Key(Box::default())),
            _ => None,
        }
    };
    fields.as_object().into_iter().flatten().any(|(key, below)| {
        let is_leaf = below.as_object().is_none_or(serde_json::Map::is_empty);
        if is_leaf {
            return false;
        }
        let element = parsed(key);
        let child = element.as_ref().and_then(|element| child(schema, element));
        child.is_some_and(|child| is_atomic(child) || is_outdated(below, child))
    })
}

fn with_atomics(fields: &FieldSet, schema: &Schema) -> FieldSet {
    let mut result = FieldSet::new();
    for (element, member, below) in fields.iter() {
        match child(schema, element) {
            Some(child) if !below.is_empty() && is_atomic(child) => {
                result.push(element.clone(), true, FieldSet::new());
            }
            Some(child) => result.push(element.clone(), member, with_atomics(below, child)),
            None => result.push(element.clone(), member, below.clone()),
        }
    }
    result
}

fn is_atomic(schema: &Schema) -> bool {
    match atom(schema, None) {
        Atom::Scalar(_) => false,
        Atom::List(list) => matches!(list.kind, ListKind::Atomic),
        Atom::Map(map) => map.atomic,
    }
}

/// The schema of what a path element chooses. `None` where types are only deduced.
pub(super) fn child<'a>(schema: &'a Schema, element: &PathElement) -> Option<&'a Schema> {
    match (atom(schema, None), element) {
        (Atom::Map(map), PathElement::Field(name)) => {
            map.field(name).filter(|child| !std::ptr::eq(*child, &raw const UNTYPED))
        }
        (Atom::List(list), PathElement::Key(_)) => Some(list.items),
        _ => None,
    }
}
