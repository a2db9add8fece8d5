//! Server-side apply: the configuration is merged into the live object, fields it no longer
//! has go unless someone else owns them, and changing another manager's field is a conflict.
//!
//! Source: KEP-555 and <https://kubernetes.io/docs/reference/using-api/server-side-apply/>;
//! rules and texts follow structured-merge-diff v6.

use serde_json::Value;

use super::Manager;
use super::atom::{Atom, atom};
use super::compare::{compare, equal};
use super::conflict::{ApplyError, Conflict};
use super::field_set::FieldSet;
use super::last_applied;
use super::managed::{self, Fields, Managed, ManagerId, Operation, Owned};
use super::merge::{merge, remove};
use super::ownership::{blank_object, child, ownable, reconciled, update};
use super::path::PathElement;
use super::validate::{field_set, validate};
use crate::schema::Schema;

/// The manager that gets the fields of an object nobody has tracked so far.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// What is applied, to what, by whom.
pub(super) struct Request<'a> {
    pub(super) live: &'a Value,
    pub(super) config: &'a Value,
    pub(super) schema: &'a Schema,
    pub(super) manager: &'a Manager<'a>,
    pub(super) now: &'a str,
    pub(super) reset: &'a FieldSet,
}

/// Applies `config` to `live` (`None` creates). `reset` are the fields this request cannot
/// set. The result has its managedFields; it is not yet defaulted or pruned. `now` is used
/// only if the object changed.
pub fn apply(
    live: Option<&Value>,
    config: &Value,
    schema: &Schema,
    manager: &Manager<'_>,
    now: &str,
    force: bool,
    reset: &FieldSet,
) -> Result<Value, ApplyError> {
    let mut current = live.cloned().unwrap_or_else(|| blank_object(schema, config));
    let entries = match managed::clear(&mut current) {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    };
    let managed = managed::decode_stored(entries)
        .map_err(|e| ApplyError::Failed(format!("failed to decode managed fields: {e}")))?;
    check_config(config, manager)?;
    let request = Request { live: &current, config, schema, manager, now, reset };

    let managed = match managed.is_empty() {
        true => track_before_first_apply(&request),
        false => managed,
    };
    let (mut object, managed) = match merge_and_own(&request, managed.clone(), force) {
        Err(ApplyError::Conflicts(conflicts)) if manager.name == last_applied::KUBECTL => {
            let remaining = last_applied::not_from_client_side_apply(&request, conflicts);
            if !remaining.is_empty() {
                return Err(ApplyError::Conflicts(remaining));
            }
            merge_and_own(&request, managed, true)?
        }
        other => other?,
    };
    if manager.name == last_applied::KUBECTL {
        last_applied::renew(&mut object, config);
    }
    managed::encode(&mut object, managed);
    Ok(object)
}

fn check_config(config: &Value, manager: &Manager<'_>) -> Result<(), ApplyError> {
    let version = config.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    if version != manager.api_version {
        return Err(ApplyError::BadRequest(format!(
            "Incorrect version specified in apply patch. Specified patch version: {version}, expected: {}",
            manager.api_version
        )));
    }
    if config.pointer("/metadata/managedFields").is_some_and(|fields| !fields.is_null()) {
        return Err(ApplyError::BadRequest("metadata.managedFields must be nil".to_owned()));
    }
    Ok(())
}

fn track_before_first_apply(request: &Request<'_>) -> Managed {
    let blank = blank_object(request.schema, request.config);
    let before = Manager { name: BEFORE_FIRST_APPLY, ..*request.manager };
    update(&blank, request.live, Managed::new(), request.schema, &before, request.now, request.reset)
}

/// The applied object and its managers, or the conflicts.
fn merge_and_own(
    request: &Request<'_>,
    managed: Managed,
    force: bool,
) -> Result<(Value, Managed), ApplyError> {
    let Request { live, config, schema, manager, .. } = *request;
    validate(config, schema).map_err(|e| {
        ApplyError::Failed(format!("failed to create typed patch object ({}): {e}", describe(config)))
    })?;
    let id = ManagerId::new(manager.name, Operation::Apply, manager.api_version, manager.subresource);
    let mut managed = reconciled(managed, schema);
    let last = managed.remove(&id);
    let own = field_set(config, schema).recursive_difference(request.reset);

    let merged = merge(live, config, schema);
    let last_fields = last.as_ref().map(|last| last.fields.set()).unwrap_or_default();
    let object = match last_fields.difference(&own).is_empty() {
        true => merged,
        false => {
            let owned = managed.values().fold(own.clone(), |all, owned| all.union(&owned.fields.set()));
            prune(merged, schema, &last_fields, &owned)
        }
    };
    take_from_others(request, &object, &mut managed, force)?;

    let own = ownable(&own);
    if !own.is_empty() {
        let time = match equal(live, &object) {
            true => last.as_ref().and_then(|last| last.time.clone()),
            false => Some(request.now.to_owned()),
        };
        managed.insert(id, Owned { fields: own.into(), api_version: manager.api_version.to_owned(), time });
    }
    Ok((object, managed))
}

/// `namespace/name; group/version, Kind=kind`, as upstream's errors name an object.
fn describe(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let version = text("/apiVersion");
    let version = if version.contains('/') { version } else { format!("/{version}") };
    format!("{}/{}; {version}, Kind={}", text("/metadata/namespace"), text("/metadata/name"), text("/kind"))
}

/// Takes changed fields from the other managers, which is a conflict unless forced, and
/// removed ones from everybody.
fn take_from_others(
    request: &Request<'_>,
    object: &Value,
    managed: &mut Managed,
    force: bool,
) -> Result<(), ApplyError> {
    let comparison = compare(request.live, object, request.schema).without(request.reset);
    let changed = comparison.changed();
    let taken = changed.union(&comparison.removed);
    let mut conflicts = Vec::new();
    for (id, owned) in managed.iter() {
        if !matches!(&owned.fields, Fields::Raw(fields) if !changed.meets_fields_v1(fields)) {
            let taken = owned.fields.set().intersection(&changed).paths();
            conflicts.extend(taken.into_iter().map(|path| Conflict { manager: id.clone(), path }));
        }
    }
    if !force && !conflicts.is_empty() {
        return Err(ApplyError::Conflicts(conflicts));
    }
    for owned in managed.values_mut() {
        owned.fields.subtract(&taken);
    }
    managed.retain(|_, owned| !owned.fields.is_empty());
    Ok(())
}

// === removal of what is no longer applied ===

/// Removes what the manager applied last time (`last`) and neither it nor anyone else owns
/// now. Things below a removed field that the manager did not apply go with it only if they
/// were owned; what nobody owns stays.
fn prune(merged: Value, schema: &Schema, last: &FieldSet, owned_by_all: &FieldSet) -> Value {
    let last = with_named_fields(last, Some(schema));
    let of = |value: &Value| with_named_fields(&field_set(value, schema), Some(schema));
    let everything = of(&merged);

    let without_last = remove(&merged, schema, &last);
    let kept = of(&without_last).union(&with_named_fields(owned_by_all, Some(schema)));
    let without_unowned = remove(&merged, schema, &everything.difference(&kept));
    let gone = everything.difference(&of(&without_unowned)).intersection(&last);
    remove(&merged, schema, &gone)
}

/// The set with every declared field that leads to a member: fields of maps and elements of
/// lists are members in their own right, declared fields are not.
fn with_named_fields(fields: &FieldSet, schema: Option<&Schema>) -> FieldSet {
    let mut result = FieldSet::new();
    for (element, member, below) in fields.iter() {
        let declared = !below.is_empty() && schema.is_some_and(|schema| is_declared(schema, element));
        let child = schema.and_then(|schema| child(schema, element));
        result.push(element.clone(), member || declared, with_named_fields(below, child));
    }
    result
}

fn is_declared(schema: &Schema, element: &PathElement) -> bool {
    match (atom(schema, None), element) {
        (Atom::Map(map), PathElement::Field(name)) => map.declared(name).is_some(),
        _ => false,
    }
}
