//! The request that writes a pod's status.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PodCondition, PodStatus};
use serde_json::{Map, Value, json};

use super::conditions;

/// Fields of the status that the node writes; a field it no longer has is removed.
const OWNED: [&str; 15] = [
    "allocatedResources",
    "containerStatuses",
    "ephemeralContainerStatuses",
    "hostIP",
    "hostIPs",
    "initContainerStatuses",
    "message",
    "observedGeneration",
    "phase",
    "podIP",
    "podIPs",
    "qosClass",
    "reason",
    "resources",
    "startTime",
];

/// The body of a strategic merge patch of `pods/status` that makes the status in the API (`api`, as last
/// seen) say what `status` says in the fields and conditions the node owns, and touches nothing else.
/// `uid` guards against a new pod of the same name. `None`: there is nothing to change.
pub fn patch(uid: &str, api: &PodStatus, status: &PodStatus) -> Option<Value> {
    let old = fields(api);
    let new = fields(status);
    let mut changed = Map::new();
    for field in OWNED {
        if old.get(field) != new.get(field) {
            let value = new.get(field).cloned().unwrap_or(Value::Null);
            changed.insert(field.to_owned(), replaced(field, value));
        }
    }
    let conditions = changed_conditions(api, status);
    if !conditions.is_empty() {
        changed.insert("conditions".to_owned(), Value::Array(conditions));
    }
    (!changed.is_empty()).then(|| json!({"metadata": {"uid": uid}, "status": changed}))
}

fn fields(status: &PodStatus) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// What would be merged is replaced whole, or an old address would stay beside the new one.
fn replaced(field: &str, value: Value) -> Value {
    match value {
        Value::Array(mut items) if matches!(field, "podIPs" | "hostIPs") => {
            items.push(json!({"$patch": "replace"}));
            Value::Array(items)
        }
        Value::Object(mut map) => {
            map.insert("$patch".to_owned(), json!("replace"));
            Value::Object(map)
        }
        value => value,
    }
}

/// The node's conditions that differ, those it has dropped, and others' that it has set (an eviction's).
fn changed_conditions(api: &PodStatus, status: &PodStatus) -> Vec<Value> {
    let old = api.conditions.as_deref().unwrap_or_default();
    let new = status.conditions.as_deref().unwrap_or_default();
    let find = |list: &[PodCondition], kind: &str| list.iter().find(|c| c.type_ == kind).cloned();
    let kinds: BTreeSet<&str> = old.iter().chain(new).map(|c| c.type_.as_str()).collect();
    let ours = kinds.into_iter().filter(|kind| conditions::owned(kind) || *kind == "DisruptionTarget");
    ours.filter_map(|kind| match (find(old, kind), find(new, kind)) {
        (Some(old), Some(new)) if same(&old, &new) => None,
        (_, Some(new)) => serde_json::to_value(&new).ok().map(|value| without_absent(&new, value)),
        (Some(_), None) if conditions::owned(kind) => Some(json!({"$patch": "delete", "type": kind})),
        (_, None) => None,
    })
    .collect()
}

fn same(old: &PodCondition, new: &PodCondition) -> bool {
    let said =
        |c: &PodCondition| (c.status.clone(), c.reason.clone(), c.message.clone(), c.observed_generation);
    said(old) == said(new)
}

/// A merge keeps what the patch does not name, so an absent reason or message is named as null.
fn without_absent(condition: &PodCondition, mut value: Value) -> Value {
    if let Value::Object(map) = &mut value {
        if condition.reason.is_none() {
            map.insert("reason".to_owned(), Value::Null);
        }
        if condition.message.is_none() {
            map.insert("message".to_owned(), Value::Null);
        }
    }
    value
}

/// Whether two statuses say the same in what the node owns.
pub fn agrees(api: &PodStatus, status: &PodStatus) -> bool {
    patch("", api, status).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(api: Value, status: Value, expected: Option<Value>) {
        let read = |value: Value| serde_json::from_value::<PodStatus>(value).unwrap();
        let found = patch("u", &read(api.clone()), &read(status.clone())).map(|p| p["status"].clone());
        assert_eq!(found, expected, "{api} -> {status}");
    }

    #[test]
    fn a_patch_names_what_changed_and_nothing_of_others() {
        check(json!({"phase": "Pending"}), json!({"phase": "Pending"}), None);
        check(json!({"phase": "Pending"}), json!({"phase": "Running"}), Some(json!({"phase": "Running"})));
        check(json!({"reason": "x"}), json!({}), Some(json!({"reason": null})));
        check(json!({"nominatedNodeName": "n"}), json!({}), None);
        check(
            json!({"podIPs": [{"ip": "10.0.0.1"}]}),
            json!({"podIPs": [{"ip": "10.0.0.2"}]}),
            Some(json!({"podIPs": [{"ip": "10.0.0.2"}, {"$patch": "replace"}]})),
        );
    }

    #[test]
    fn conditions_are_patched_one_by_one() {
        let gate = json!({"type": "example.com/gate", "status": "True"});
        let unready = json!({"type": "Ready", "status": "False", "reason": "ContainersNotReady"});
        let ready = json!({"type": "Ready", "status": "True"});
        check(
            json!({"conditions": [gate, unready]}),
            json!({"conditions": [ready]}),
            Some(
                json!({"conditions": [{"type": "Ready", "status": "True", "reason": null, "message": null}]}),
            ),
        );
        check(json!({"conditions": [gate, ready]}), json!({"conditions": [ready]}), None);
        check(
            json!({"conditions": [{"type": "PodResizePending", "status": "True"}]}),
            json!({}),
            Some(json!({"conditions": [{"$patch": "delete", "type": "PodResizePending"}]})),
        );
        check(json!({"conditions": [{"type": "DisruptionTarget", "status": "True"}]}), json!({}), None);
    }
}
