//! The roles and bindings that every cluster starts with, and how they are kept:
//! missing rules and subjects are put back at each start, additions stay, and an
//! object annotated `rbac.authorization.kubernetes.io/autoupdate: "false"` is
//! left alone.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings>.
//! The data is upstream's published policy for 1.36, and in `ironclad.yaml` what we add.

use ironclad_api::{GroupVersion, GroupVersionKind, Object};
use serde_json::Value;

const FILES: [&str; 7] = [
    include_str!("../data/rbac/cluster-roles.yaml"),
    include_str!("../data/rbac/controller-roles.yaml"),
    include_str!("../data/rbac/namespace-roles.yaml"),
    include_str!("../data/rbac/cluster-role-bindings.yaml"),
    include_str!("../data/rbac/controller-role-bindings.yaml"),
    include_str!("../data/rbac/namespace-role-bindings.yaml"),
    include_str!("../data/rbac/ironclad.yaml"),
];
const AUTO_UPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// All bootstrap objects, roles before the bindings that name them.
pub fn objects() -> Result<Vec<(GroupVersionKind, Object)>, String> {
    let lists = FILES
        .iter()
        .map(|file| ironclad_api::yaml::decode(file.as_bytes()).map_err(|error| error.converting()));
    let mut objects = Vec::new();
    for list in lists {
        for item in list?.value.get("items").and_then(Value::as_array).into_iter().flatten() {
            objects.push(read(item.clone()).ok_or("a bootstrap item is not an object")?);
        }
    }
    Ok(objects)
}

fn read(item: Value) -> Option<(GroupVersionKind, Object)> {
    let object = Object::from_value(item)?;
    let kind = GroupVersion::parse(object.api_version())?.kind(object.kind().to_owned());
    Some((kind, object))
}

/// What `existing` lacks of `wanted`, added to it; `None` if it lacks nothing or is not to be touched.
pub fn reconcile(existing: &Object, wanted: &Object) -> Option<Object> {
    if existing.annotation(AUTO_UPDATE) == Some("false") {
        return None;
    }
    let mut mended = existing.clone();
    for field in ["rules", "subjects"] {
        add_missing(&mut mended, wanted, field);
    }
    if let Some(aggregation) = wanted.0.get("aggregationRule") {
        mended.0.insert("aggregationRule".into(), aggregation.clone());
    }
    for map in ["labels", "annotations"] {
        for (key, value) in
            wanted.metadata().and_then(|m| m.get(map)).and_then(Value::as_object).into_iter().flatten()
        {
            ironclad_api::object::object_in(mended.metadata_mut(), map).insert(key.clone(), value.clone());
        }
    }
    (mended != *existing).then_some(mended)
}

/// Appends the items of `wanted`'s list that the object's list does not hold.
fn add_missing(object: &mut Object, wanted: &Object, field: &str) {
    let Some(Value::Array(wanted)) = wanted.0.get(field) else { return };
    let held = object.0.entry(field).or_insert(Value::Null);
    if !held.is_array() {
        *held = Value::Array(Vec::new());
    }
    if let Value::Array(held) = held {
        let missing: Vec<_> = wanted.iter().filter(|item| !held.contains(item)).cloned().collect();
        held.extend(missing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn role(rules: Value, auto_update: &str) -> Object {
        let value =
            json!({"metadata": {"name": "r", "annotations": {AUTO_UPDATE: auto_update}}, "rules": rules});
        Object::from_value(value).expect("an object")
    }

    #[test]
    fn the_published_policy_is_read_whole() {
        let objects = objects().expect("readable");
        let count = |kind: &str| objects.iter().filter(|(gvk, _)| gvk.kind == kind).count();
        assert!(count("ClusterRole") > 60 && count("ClusterRoleBinding") > 50);
        assert!(count("Role") > 5 && count("RoleBinding") > 5);
        assert!(objects.iter().any(|(_, object)| object.name() == "cluster-admin"));
        let keys: std::collections::BTreeSet<_> =
            objects.iter().map(|(gvk, o)| (gvk.clone(), o.key())).collect();
        assert_eq!(keys.len(), objects.len(), "an object stands in the policy twice");
    }

    #[test]
    fn what_is_missing_comes_back_and_what_was_added_stays() {
        let wanted = role(json!([{"verbs": ["get"]}, {"verbs": ["list"]}]), "true");
        let existing = role(json!([{"verbs": ["list"]}, {"verbs": ["watch"]}]), "true");
        let mended = reconcile(&existing, &wanted).expect("a change");
        assert_eq!(mended.0["rules"], json!([{"verbs": ["list"]}, {"verbs": ["watch"]}, {"verbs": ["get"]}]));
        assert_eq!(reconcile(&mended, &wanted), None);
    }

    #[test]
    fn an_object_that_opted_out_is_left_alone() {
        let wanted = role(json!([{"verbs": ["get"]}]), "true");
        assert_eq!(reconcile(&role(json!([]), "false"), &wanted), None);
    }
}
