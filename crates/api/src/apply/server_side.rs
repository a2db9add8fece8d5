//! Server-side apply: the configuration is merged into the live object, fields it no longer
//! has go unless someone else owns them, and changing another manager's field is a conflict.
//!
//! Source: KEP-555 and <https://kubernetes.io/docs/reference/using-api/server-side-apply/>;
//! rules and texts follow structured-merge-diff v6.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Manager;
use super::atom::{Atom, atom};
use super::compare::equal;
use super::conflict::{ApplyError, Conflict};
use super::field_set::FieldSet;
use super::last_applied;
use super::managed::{self, Fields, Managed, ManagerId, Operation, Owned};
use super::merge::{merge, remove};
use super::ownership::{blank_object, child, ownable, reconciled, take, update};
use super::path::PathElement;
use super::validate::{field_set, validate};
use super::versions::{Alike, Changes, Versions};
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
    pub(super) versions: &'a dyn Versions,
}

/// [`apply_across`] where all managers wrote in the version of the request.
pub fn apply(
    live: Option<&Value>,
    config: &Value,
    schema: &Schema,
    manager: &Manager<'_>,
    now: &str,
    force: bool,
    reset: &FieldSet,
) -> Result<Value, ApplyError> {
    apply_across(&Alike(schema), live, config, schema, manager, now, force, reset)
}

/// Applies `config` to `live` (`None` creates). `reset` are the fields this request cannot
/// set. The result has its managedFields; it is not yet defaulted or pruned. `now` is used
/// only if the object changed. All objects are in the version of the request; `versions` are
/// asked where others wrote in other ones.
#[expect(clippy::too_many_arguments, reason = "each is a fact of the request")]
pub fn apply_across(
    versions: &dyn Versions,
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
    let request = Request { live: &current, config, schema, manager, now, reset, versions };

    let managed = match managed.is_empty() {
        true => track_before_first_apply(&request)?,
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

fn track_before_first_apply(request: &Request<'_>) -> Result<Managed, ApplyError> {
    let Request { live, schema, manager, now, reset, versions, .. } = *request;
    let blank = blank_object(schema, request.config);
    let before = Manager { name: BEFORE_FIRST_APPLY, ..*manager };
    update(versions, &blank, live, Managed::new(), schema, &before, now, reset)
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
    let mut managed = reconciled(managed, request.versions);
    let last = managed.remove(&id);
    let own = field_set(config, schema).recursive_difference(request.reset);

    let merged = merge(live, config, schema);
    let object = match &last {
        Some(last) if !keeps_all(last, &own, request) => {
            let mut owned = BTreeMap::from([(manager.api_version, own.clone())]);
            for other in managed.values() {
                let all = owned.entry(&other.api_version).or_default();
                *all = all.union(&other.fields.set());
            }
            prune(merged, last, &owned, request)?
        }
        _ => merged,
    };
    take_from_others(request, &object, &mut managed, force)?;

    let own = ownable(own);
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
    let Request { live, schema, manager, reset, versions, .. } = *request;
    let mut changes = Changes::between(live, object, schema, reset, manager.api_version, versions);
    let mut conflicts = Vec::new();
    for (id, owned) in managed.iter() {
        let Some(changed) = changes.of(&owned.api_version)?.map(|changes| &changes.changed) else { continue };
        if !matches!(&owned.fields, Fields::Raw(fields) if !changed.meets_fields_v1(fields)) {
            let taken = owned.fields.set().intersection(changed).paths();
            conflicts.extend(taken.into_iter().map(|path| Conflict { manager: id.clone(), path }));
        }
    }
    if !force && !conflicts.is_empty() {
        return Err(ApplyError::Conflicts(conflicts));
    }
    take(managed, &mut changes)?;
    managed.retain(|_, owned| !owned.fields.is_empty());
    Ok(())
}

// === removal of what is no longer applied ===

/// Whether the manager applies everything that it applied last time.
fn keeps_all(last: &Owned, own: &FieldSet, request: &Request<'_>) -> bool {
    last.api_version == request.manager.api_version && last.fields.set().difference(own).is_empty()
}

/// Removes what the manager applied last time and neither it nor anyone else owns now; `owned` is
/// that by version. Things below a removed field that the manager did not apply go with it only if
/// they were owned; what nobody owns stays.
fn prune(
    merged: Value,
    last: &Owned,
    owned: &BTreeMap<&str, FieldSet>,
    request: &Request<'_>,
) -> Result<Value, ApplyError> {
    let versions = request.versions;
    let Some(schema) = versions.schema(&last.api_version) else { return Ok(merged) };
    let last_merged = versions.form(&merged, &last.api_version)?;
    let applied = with_named_fields(&last.fields.set(), Some(schema));
    let mut pruned = remove(&last_merged, schema, &applied);
    for (version, owned) in owned {
        let Some(schema) = versions.schema(version) else { continue };
        let (before, after) = (versions.form(&merged, version)?, versions.form(&pruned, version)?);
        let kept = members(&after, schema).union(&with_named_fields(owned, Some(schema)));
        pruned = remove(&before, schema, &members(&before, schema).difference(&kept));
    }
    let pruned = members(&versions.form(&pruned, &last.api_version)?, schema);
    let gone = members(&last_merged, schema).difference(&pruned).intersection(&applied);
    versions.form(&remove(&last_merged, schema, &gone), request.manager.api_version)
}

/// All fields of an object.
fn members(object: &Value, schema: &Schema) -> FieldSet {
    with_named_fields(&field_set(object, schema), Some(schema))
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
