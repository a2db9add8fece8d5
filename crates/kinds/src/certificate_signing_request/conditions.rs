//! The conditions of a request: whether it was approved or denied, and whether signing failed.

use std::collections::BTreeSet;

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::goprint::quote;
use ironclad_api::{Object, time};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{APPROVED, DENIED, FAILED};

pub(super) fn of(request: &Object) -> &[Value] {
    let conditions = request.at(&["status", "conditions"]).and_then(Value::as_array);
    conditions.map(Vec::as_slice).unwrap_or_default()
}

fn of_mut(request: &mut Object) -> impl Iterator<Item = &mut Map<String, Value>> {
    let conditions = request.0.get_mut("status").and_then(|status| status.get_mut("conditions"));
    conditions.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

fn text<'a>(condition: &'a Value, field: &str) -> &'a str {
    condition.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn all<'a>(request: &'a Object, kind: &str) -> Vec<&'a Value> {
    of(request).iter().filter(|condition| text(condition, "type") == kind).collect()
}

/// `Approved,Issued`, as `kubectl get` shows it.
pub(super) fn summary(request: &Object) -> String {
    let has = |kind: &str| !all(request, kind).is_empty();
    let decision = match (has(DENIED), has(APPROVED)) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    };
    let failed = if has(FAILED) { ",Failed" } else { "" };
    let issued = if request.str_at(&["status", "certificate"]).is_empty() { "" } else { ",Issued" };
    [decision, failed, issued].concat()
}

// === before validation ===

/// Keeps the instances of a condition as they were, unless their number changes: that is
/// found out by validation.
pub(super) fn preserve(new: &mut Object, old: &Object, kind: &str) {
    let old = all(old, kind);
    let standing: Vec<_> = of_mut(new)
        .filter(|condition| condition.get("type").and_then(Value::as_str).unwrap_or_default() == kind)
        .collect();
    if standing.len() != old.len() {
        return;
    }
    for (slot, kept) in standing.into_iter().zip(old) {
        *slot = kept.as_object().cloned().unwrap_or_default();
    }
}

/// Fills in when a condition was updated and when its status last changed, where nobody says.
pub(super) fn stamp(new: &mut Object, old: &Object, now: Timestamp) {
    let now = Value::from(time::format(now));
    for condition in of_mut(new) {
        let is_unset = |condition: &Map<String, Value>, field: &str| {
            condition.get(field).and_then(Value::as_str).unwrap_or_default().is_empty()
        };
        if is_unset(condition, "lastUpdateTime") {
            condition.insert("lastUpdateTime".into(), now.clone());
        }
        if is_unset(condition, "lastTransitionTime") {
            let same = |old: &&Value| {
                ["type", "status"].iter().all(|field| old.get(field) == condition.get(*field))
                    && !text(old, "lastTransitionTime").is_empty()
            };
            let since = of(old).iter().find(same).and_then(|old| old.get("lastTransitionTime"));
            let since = since.cloned().unwrap_or_else(|| now.clone());
            condition.insert("lastTransitionTime".into(), since);
        }
    }
}

// === validation ===

/// What the conditions of the stored request already violate and an update may therefore keep.
#[derive(Clone, Copy, Debug, Default)]
struct Tolerated {
    both_decisions: bool,
    repeated_types: bool,
    empty_types: bool,
}

impl Tolerated {
    fn by(old: &Object) -> Self {
        let types: Vec<&str> = of(old).iter().map(|condition| text(condition, "type")).collect();
        let mut seen = BTreeSet::new();
        Self {
            both_decisions: types.contains(&APPROVED) && types.contains(&DENIED),
            empty_types: types.contains(&""),
            repeated_types: !types.iter().all(|kind| seen.insert(*kind)),
        }
    }
}

pub(super) fn validate(new: &Object, old: Option<&Object>) -> FieldErrors {
    let tolerated = old.map(Tolerated::by).unwrap_or_default();
    let path = Path::new("status").child("conditions");
    let mut errors = FieldErrors::new();
    let mut seen = BTreeSet::new();
    for (index, condition) in of(new).iter().enumerate() {
        let (at, kind) = (path.index(index), text(condition, "type"));
        if kind.is_empty() && !tolerated.empty_types {
            errors.push(FieldError::required(&at.child("type"), ""));
        }
        errors.extend(status(condition, &at.child("status")));
        let other = [(APPROVED, DENIED), (DENIED, APPROVED)].into_iter().find(|(this, _)| *this == kind);
        if other.is_some_and(|(_, other)| seen.contains(other)) && !tolerated.both_decisions {
            let detail = "Approved and Denied conditions are mutually exclusive";
            errors.push(FieldError::invalid(&path, kind, detail));
        }
        if !seen.insert(kind) && !tolerated.repeated_types {
            errors.push(FieldError::duplicate(&at.child("type"), kind));
        }
    }
    errors
}

fn status(condition: &Value, path: &Path) -> Option<FieldError> {
    // A decision is taken back by nobody, so it is never false.
    let allowed: &[&str] = match text(condition, "type") {
        APPROVED | DENIED | FAILED => &["True"],
        _ => &["False", "True", "Unknown"],
    };
    match text(condition, "status") {
        "" => Some(FieldError::required(path, "")),
        status if !allowed.contains(&status) => {
            Some(FieldError::not_supported(path, status, allowed.iter().copied()))
        }
        _ => None,
    }
}

/// Decisions are not removed, and only the approval makes them.
pub(super) fn validate_changes(new: &Object, old: &Object, is_approval: bool) -> FieldErrors {
    let path = Path::new("status").child("conditions");
    let forbidden = |verb: &str, kind: &str| {
        FieldError::forbidden(&path, format!("updates may not {verb} a condition of type {}", quote(kind)))
    };
    let count = |request: &Object, kind: &str| all(request, kind).len();
    let removed = [APPROVED, DENIED, FAILED].into_iter().filter(|kind| count(new, kind) < count(old, kind));
    let mut errors: FieldErrors = removed.map(|kind| forbidden("remove", kind)).collect();
    if !is_approval {
        let added = [APPROVED, DENIED].into_iter().filter(|kind| count(new, kind) > count(old, kind));
        errors.extend(added.map(|kind| forbidden("add", kind)));
    }
    errors
}
