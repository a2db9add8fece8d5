//! `metadata` of every object: `ValidateObjectMeta` and `ValidateObjectMetaUpdate`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::name::NameRule;
use super::{invalid_each, label, name, number};
use crate::field::{BadValue, FieldError, FieldErrors, Path};
use crate::goprint;
use crate::gvk::GroupVersion;
use crate::object::{Object, string_map};

pub const IMMUTABLE: &str = "field is immutable";
pub const FIELD_MANAGER_MAX: usize = 128;
const SUBRESOURCE_MAX: usize = 256;

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";
/// Finalizers without a prefix that Kubernetes itself knows.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", ORPHAN, FOREGROUND];

/// A new object. Its name has been generated already where it was to be.
pub fn create(object: &Object, namespaced: bool, rule: NameRule, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let prefix = object.meta_str("generateName");
    if !prefix.is_empty() {
        errors.extend(invalid_each(&path.child("generateName"), prefix, rule(prefix, true)));
    }
    match object.name() {
        "" => errors.push(FieldError::required(&path.child("name"), "name or generateName is required")),
        given => errors.extend(invalid_each(&path.child("name"), given, rule(given, false))),
    }
    errors.extend(namespace(object.namespace(), namespaced, &path.child("namespace")));
    errors.extend(number::not_negative(&path.child("generation"), object.generation()));
    errors.extend(maps_and_owners(object, path));
    let finalizers: Vec<&str> = object.finalizers().collect();
    errors.extend(self::finalizers(&finalizers, &path.child("finalizers")));
    errors.extend(managed_fields(object, &path.child("managedFields")));
    errors
}

/// A changed object beside the stored one.
pub fn update(new: &Object, old: &Object, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if old.deletion_timestamp().is_some() {
        errors.extend(no_new_finalizers(new, old, &path.child("finalizers")));
    }
    if new.resource_version().is_empty() {
        let detail = "must be specified for an update";
        errors.push(FieldError::invalid(&path.child("resourceVersion"), "", detail));
    }
    if new.generation() < old.generation() {
        let detail = "must not be decremented";
        errors.push(FieldError::invalid(&path.child("generation"), new.generation(), detail));
    }
    for field in ["name", "namespace", "uid"] {
        let (new, old) = (new.meta_str(field), old.meta_str(field));
        errors.extend(immutable(&path.child(field), &new.into(), &old.into()));
    }
    for field in ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        errors.extend(immutable(&path.child(field), &meta_value(new, field), &meta_value(old, field)));
    }
    errors.extend(maps_and_owners(new, path));
    errors.extend(managed_fields(new, &path.child("managedFields")));
    errors
}

/// What built-in kinds ask beyond that: a finalizer has a prefix or is a standard one.
pub fn standard_finalizers(object: &Object, path: &Path) -> FieldErrors {
    let path = path.child("finalizers");
    let bare = |finalizer: &str| !finalizer.contains('/') && !STANDARD_FINALIZERS.contains(&finalizer);
    let detail = "name is neither a standard finalizer name nor is it fully qualified";
    let unknown = object.finalizers().enumerate().filter(|(_, finalizer)| bare(finalizer));
    unknown.map(|(index, finalizer)| FieldError::invalid(&path.index(index), finalizer, detail)).collect()
}

/// `field is immutable` unless both are the same.
pub fn immutable(path: &Path, new: &Value, old: &Value) -> FieldErrors {
    let error = (new != old).then(|| FieldError::invalid(path, new, IMMUTABLE));
    error.into_iter().collect()
}

/// At most 128 bytes, all printable.
pub fn field_manager(path: &Path, manager: &str) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if manager.len() > FIELD_MANAGER_MAX {
        errors.push(FieldError::too_long(path, FIELD_MANAGER_MAX));
    }
    let unprintable = manager.char_indices().filter(|(_, c)| !goprint::is_printable(*c));
    errors.extend(unprintable.map(|(position, c)| {
        let detail = format!("invalid character U+{:04X} (at position {position})", u32::from(c));
        FieldError::invalid(path, manager, detail)
    }));
    errors
}

fn namespace(namespace: &str, namespaced: bool, path: &Path) -> FieldErrors {
    match (namespaced, namespace) {
        (true, "") => vec![FieldError::required(path, "")],
        (true, given) => invalid_each(path, given, name::label(given, false)),
        (false, "") => FieldErrors::new(),
        (false, _) => vec![FieldError::forbidden(path, "not allowed on this type")],
    }
}

fn maps_and_owners(object: &Object, path: &Path) -> FieldErrors {
    let map = |field: &str| string_map(object.metadata().and_then(|metadata| metadata.get(field)));
    let mut errors = label::labels(&path.child("labels"), &map("labels"));
    errors.extend(label::annotations(&path.child("annotations"), &map("annotations")));
    errors.extend(owner_references(list(object, "ownerReferences"), &path.child("ownerReferences")));
    errors
}

fn list<'a>(object: &'a Object, field: &str) -> &'a [Value] {
    let list = object.metadata().and_then(|metadata| metadata.get(field)).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// A field of the metadata; absent and `null` are the same.
fn meta_value(object: &Object, field: &str) -> Value {
    object.metadata().and_then(|metadata| metadata.get(field)).cloned().unwrap_or_default()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

// === owner references ===

/// Each is complete, none is an Event, and at most one is the controller.
pub fn owner_references(references: &[Value], path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let mut controller: Option<String> = None;
    for reference in references {
        errors.extend(owner_reference(reference, path));
        if reference.get("controller").and_then(Value::as_bool) != Some(true) {
            continue;
        }
        let this = format!("{}/{}", text(reference, "kind"), text(reference, "name"));
        let Some(first) = &controller else {
            controller = Some(this);
            continue;
        };
        let printed = references.iter().map(printed_reference).collect::<Vec<_>>().join(",");
        let detail = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
        );
        errors.push(FieldError::invalid(path, BadValue::Printed(format!("[{printed}]")), detail));
    }
    errors
}

fn owner_reference(reference: &Value, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let api_version = text(reference, "apiVersion");
    let version = GroupVersion::parse(api_version);
    if version.is_none() {
        let detail = "version must not be empty";
        errors.push(FieldError::invalid(&path.child("apiVersion"), api_version, detail));
    }
    for field in ["kind", "name", "uid"] {
        if text(reference, field).is_empty() {
            errors.push(FieldError::invalid(&path.child(field), "", "must not be empty"));
        }
    }
    let owner = version.map(|version| version.kind(text(reference, "kind").to_owned()));
    if let Some(owner) = owner.filter(|owner| owner.to_string() == "/v1, Kind=Event") {
        let detail = format!("{owner} is disallowed from being an owner");
        errors.push(FieldError::invalid(path, BadValue::Printed(printed_reference(reference)), detail));
    }
    errors
}

/// As Go prints the struct: its fields in the order of their declaration.
fn printed_reference(reference: &Value) -> String {
    let required =
        ["apiVersion", "kind", "name", "uid"].map(|field| (field, Some(text(reference, field).into())));
    let optional = ["controller", "blockOwnerDeletion"]
        .map(|field| (field, reference.get(field).filter(|value| value.is_boolean()).cloned()));
    let fields = required.into_iter().chain(optional);
    let printed = fields.filter_map(|(field, value)| Some(format!("\"{field}\":{}", goprint::json(&value?))));
    format!("{{{}}}", printed.collect::<Vec<_>>().join(","))
}

// === finalizers ===

pub fn finalizers(finalizers: &[&str], path: &Path) -> FieldErrors {
    let mut errors: FieldErrors = finalizers.iter().flat_map(|name| finalizer_name(name, path)).collect();
    if finalizers.contains(&ORPHAN) && finalizers.contains(&FOREGROUND) {
        let detail = format!("finalizer {ORPHAN} and {FOREGROUND} cannot be both set");
        errors.push(FieldError::invalid(path, Value::from(finalizers), detail));
    }
    errors
}

/// One finalizer's name.
pub fn finalizer_name(name: &str, path: &Path) -> FieldErrors {
    invalid_each(path, name, super::qualified_name(name))
}

fn no_new_finalizers(new: &Object, old: &Object, path: &Path) -> FieldErrors {
    let old: BTreeSet<&str> = old.finalizers().collect();
    let extra: BTreeSet<&str> = new.finalizers().filter(|finalizer| !old.contains(finalizer)).collect();
    if extra.is_empty() {
        return FieldErrors::new();
    }
    let extra = goprint::quote_list(extra);
    let detail = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{extra}}}"
    );
    vec![FieldError::forbidden(path, detail)]
}

// === managed fields ===

fn managed_fields(object: &Object, path: &Path) -> FieldErrors {
    let entries = list(object, "managedFields").iter().enumerate();
    entries.flat_map(|(index, entry)| managed_fields_entry(entry, &path.index(index))).collect()
}

fn managed_fields_entry(entry: &Value, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let operation = text(entry, "operation");
    if !["Apply", "Update"].contains(&operation) {
        errors.push(FieldError::invalid(&path.child("operation"), operation, "must be `Apply` or `Update`"));
    }
    let fields_type = text(entry, "fieldsType");
    if !["", "FieldsV1"].contains(&fields_type) {
        errors.push(FieldError::invalid(&path.child("fieldsType"), fields_type, "must be `FieldsV1`"));
    }
    errors.extend(field_manager(&path.child("manager"), text(entry, "manager")));
    if text(entry, "subresource").len() > SUBRESOURCE_MAX {
        errors.push(FieldError::too_long(&path.child("subresource"), SUBRESOURCE_MAX));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::aggregate;
    use serde_json::json;

    fn object(metadata: Value) -> Object {
        Object::from_value(json!({ "metadata": metadata })).unwrap()
    }

    fn texts(errors: FieldErrors) -> String {
        aggregate(&errors).unwrap_or_default()
    }

    #[test]
    fn new_objects_are_checked() {
        let check = |metadata: Value, namespaced: bool, want: &str| {
            let errors = create(&object(metadata), namespaced, name::subdomain, &Path::new("metadata"));
            assert_eq!(texts(errors), want);
        };
        check(json!({"name": "a", "namespace": "n"}), true, "");
        check(json!({"name": "a", "generateName": "a-"}), false, "");
        check(json!({}), false, "metadata.name: Required value: name or generateName is required");
        check(json!({"name": "a"}), true, "metadata.namespace: Required value");
        check(
            json!({"name": "a", "namespace": "n"}),
            false,
            "metadata.namespace: Forbidden: not allowed on this type",
        );
        check(
            json!({"name": "a", "generation": -1}),
            false,
            "metadata.generation: Invalid value: -1: must be greater than or equal to 0",
        );
        check(
            json!({"name": "a", "finalizers": ["a.io/b", "orphan", "foregroundDeletion"]}),
            false,
            "metadata.finalizers: Invalid value: [\"a.io/b\",\"orphan\",\"foregroundDeletion\"]: finalizer orphan and foregroundDeletion cannot be both set",
        );
        check(
            json!({"name": "a", "managedFields": [{"operation": "Patch", "fieldsType": "V2", "manager": "a\nb"}]}),
            false,
            "[metadata.managedFields[0].operation: Invalid value: \"Patch\": must be `Apply` or `Update`, \
             metadata.managedFields[0].fieldsType: Invalid value: \"V2\": must be `FieldsV1`, \
             metadata.managedFields[0].manager: Invalid value: \"a\\nb\": invalid character U+000A (at position 1)]",
        );
    }

    #[test]
    fn owners_are_complete_and_one_controls() {
        let check = |references: Value, want: &str| {
            let errors = owner_references(references.as_array().unwrap(), &Path::new("o"));
            assert_eq!(texts(errors), want);
        };
        let owner = |name: &str, controller: bool| json!({"apiVersion": "v1", "kind": "K", "name": name, "uid": "u", "controller": controller});
        check(json!([owner("a", true), owner("b", false)]), "");
        check(
            json!([owner("a", true), owner("b", true)]),
            "o: Invalid value: [{\"apiVersion\":\"v1\",\"kind\":\"K\",\"name\":\"a\",\"uid\":\"u\",\"controller\":true},\
             {\"apiVersion\":\"v1\",\"kind\":\"K\",\"name\":\"b\",\"uid\":\"u\",\"controller\":true}]: \
             Only one reference can have Controller set to true. Found \"true\" in references for K/a and K/b",
        );
        check(
            json!([{"apiVersion": "a/b/c"}]),
            "[o.apiVersion: Invalid value: \"a/b/c\": version must not be empty, \
             o.kind: Invalid value: \"\": must not be empty, o.name: Invalid value: \"\": must not be empty, \
             o.uid: Invalid value: \"\": must not be empty]",
        );
        check(
            json!([{"apiVersion": "v1", "kind": "Event", "name": "e", "uid": "u"}]),
            "o: Invalid value: {\"apiVersion\":\"v1\",\"kind\":\"Event\",\"name\":\"e\",\"uid\":\"u\"}: \
             /v1, Kind=Event is disallowed from being an owner",
        );
    }

    #[test]
    fn system_fields_do_not_change() {
        let old = json!({"name": "a", "uid": "u", "resourceVersion": "1", "generation": 2,
            "creationTimestamp": "2026-01-01T00:00:00Z"});
        let check = |change: Value, want: &str| {
            let mut new = old.clone();
            new.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            assert_eq!(texts(update(&object(new), &object(old.clone()), &Path::new("metadata"))), want);
        };
        check(json!({}), "");
        check(json!({"generation": 3, "deletionTimestamp": null}), "");
        check(json!({"name": "b"}), "metadata.name: Invalid value: \"b\": field is immutable");
        check(json!({"uid": "v"}), "metadata.uid: Invalid value: \"v\": field is immutable");
        check(
            json!({"creationTimestamp": null}),
            "metadata.creationTimestamp: Invalid value: null: field is immutable",
        );
        check(
            json!({"deletionGracePeriodSeconds": 3}),
            "metadata.deletionGracePeriodSeconds: Invalid value: 3: field is immutable",
        );
        check(
            json!({"resourceVersion": ""}),
            "metadata.resourceVersion: Invalid value: \"\": must be specified for an update",
        );
        check(json!({"generation": 1}), "metadata.generation: Invalid value: 1: must not be decremented");
    }

    #[test]
    fn an_object_being_deleted_takes_no_new_finalizers() {
        let old = json!({"name": "a", "resourceVersion": "1", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a.io/b"]});
        let mut new = old.clone();
        new["finalizers"] = json!(["a.io/d", "a.io/c"]);
        assert_eq!(
            texts(update(&object(new), &object(old), &Path::new("metadata"))),
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"a.io/c\", \"a.io/d\"}"
        );
    }

    #[test]
    fn built_in_kinds_want_known_or_prefixed_finalizers() {
        let errors = standard_finalizers(
            &object(json!({"finalizers": ["kubernetes", "a/b", "mine"]})),
            &Path::new("metadata"),
        );
        assert_eq!(
            texts(errors),
            "metadata.finalizers[2]: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully qualified"
        );
    }
}
