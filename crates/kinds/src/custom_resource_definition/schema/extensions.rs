//! Kubernetes' extensions: list and map types, and their keys.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use serde_json::{Value, json};

use super::{Keywords, is_true, one, text, texts};

const LIST_TYPE: &str = "x-kubernetes-list-type";
const LIST_KEYS: &str = "x-kubernetes-list-map-keys";
const MAP_TYPE: &str = "x-kubernetes-map-type";
const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

pub(super) fn validate(keywords: &Keywords, path: &Path, errors: &mut FieldErrors) {
    if keywords.get(PRESERVE) == Some(&Value::Bool(false)) {
        errors.push(FieldError::invalid(&path.child(PRESERVE), false, "must be true or undefined"));
    }
    let given = text(keywords, "type");
    if let Some(map_type) = word(keywords, MAP_TYPE) {
        errors.extend(of_type(given, "object", MAP_TYPE, path));
        if !matches!(map_type, "atomic" | "granular") {
            let supported = ["atomic", "granular"];
            errors.push(FieldError::not_supported(&path.child(MAP_TYPE), map_type, supported));
        }
    }
    list_type(keywords, path, errors);
    if word(keywords, LIST_TYPE) == Some("map") {
        map_list(keywords, path, errors);
    }
    keyed_items(keywords, path, errors);
}

fn word<'k>(keywords: &'k Keywords, name: &str) -> Option<&'k str> {
    keywords.get(name).and_then(Value::as_str)
}

fn of_type(given: &str, wanted: &str, because: &str, path: &Path) -> Option<FieldError> {
    let (at, detail) = (path.child("type"), format!("must be {wanted} if {because} is specified"));
    match given {
        "" => Some(FieldError::required(&at, detail)),
        given if given != wanted => Some(FieldError::invalid(&at, given, detail)),
        _ => None,
    }
}

fn list_type(keywords: &Keywords, path: &Path, errors: &mut FieldErrors) {
    let list_type = word(keywords, LIST_TYPE);
    if let Some(list_type) = list_type {
        let wrong = of_type(text(keywords, "type"), "array", LIST_TYPE, path);
        match (wrong, one(keywords, "items")) {
            (Some(wrong), _) => errors.push(wrong),
            (None, Some(items)) if list_type == "set" => errors.extend(set_of(items, &path.child("items"))),
            _ => {}
        }
        if !matches!(list_type, "atomic" | "set" | "map") {
            let supported = ["atomic", "set", "map"];
            errors.push(FieldError::not_supported(&path.child(LIST_TYPE), list_type, supported));
        }
    }
    if !texts(keywords, LIST_KEYS).is_empty() {
        let (at, detail) = (path.child(LIST_TYPE), "must be map if x-kubernetes-list-map-keys is non-empty");
        match list_type {
            Some("map") => {}
            Some(other) => errors.push(FieldError::invalid(&at, other, detail)),
            None => errors.push(FieldError::required(&at, detail)),
        }
    }
}

/// Elements of a set have no parts that anybody owns.
fn set_of(items: &Keywords, path: &Path) -> Option<FieldError> {
    let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
    let list_type = word(items, LIST_TYPE);
    match text(items, "type") {
        "array" if list_type.is_some_and(|list_type| list_type != "atomic") => {
            Some(FieldError::invalid(&path.child(LIST_TYPE), list_type, detail))
        }
        // As upstream: the list's type is printed where the map's is meant.
        "object" if word(items, MAP_TYPE) != Some("atomic") => {
            Some(FieldError::invalid(&path.child(MAP_TYPE), list_type, detail))
        }
        _ => None,
    }
}

fn map_list(keywords: &Keywords, path: &Path, errors: &mut FieldErrors) {
    let (keys, at) = (texts(keywords, LIST_KEYS), path.child("items"));
    if keys.is_empty() {
        let detail = "must not be empty if x-kubernetes-list-type is map";
        errors.push(FieldError::required(&path.child(LIST_KEYS), detail));
    }
    let Some(items) = one(keywords, "items") else {
        errors.push(match keywords.get("items") {
            None => FieldError::required(&at, "must have a schema if x-kubernetes-list-type is map"),
            Some(list) => {
                let detail = "must only have a single schema if x-kubernetes-list-type is map";
                FieldError::invalid(&at, list, detail)
            }
        });
        return;
    };
    let item_type = text(items, "type");
    if item_type != "object" {
        let detail = "must be object if parent array's x-kubernetes-list-type is map";
        errors.push(FieldError::invalid(&at.child("type"), item_type, detail));
        return;
    }
    let wrong = |detail: &str| FieldError::invalid(&path.child(LIST_KEYS), json!(keys), detail);
    for (index, key) in keys.iter().enumerate() {
        match property(items, key).map(|property| text(property, "type")) {
            None => errors.push(wrong("entries must all be names of item properties")),
            Some("array" | "object") => {
                let at = at.child("properties").key(key).child("type");
                let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                errors.push(FieldError::invalid(&at, item_type, detail));
            }
            Some(_) => {}
        }
        if keys.iter().take(index).any(|before| before == key) {
            errors.push(wrong("must not contain duplicate entries"));
        }
    }
}

fn property<'k>(items: &'k Keywords, name: &str) -> Option<&'k Keywords> {
    one(items, "properties")?.get(name)?.as_object()
}

/// Elements that are told apart cannot be null, and the keys of a map are always there.
fn keyed_items(keywords: &Keywords, path: &Path, errors: &mut FieldErrors) {
    let (Some(list_type @ ("set" | "map")), Some(items)) =
        (word(keywords, LIST_TYPE), one(keywords, "items"))
    else {
        return;
    };
    let at = path.child("items");
    if is_true(items, "nullable") {
        let detail = format!("cannot be nullable when x-kubernetes-list-type is {list_type}");
        errors.push(FieldError::forbidden(&at.child("nullable"), detail));
    }
    if list_type != "map" {
        return;
    }
    let required = texts(items, "required");
    for key in texts(keywords, LIST_KEYS) {
        let Some(property) = property(items, key) else { continue };
        let at = at.child("properties").key(key);
        if !required.contains(&key) && !property.contains_key("default") {
            let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a \
                          required property";
            errors.push(FieldError::required(&at.child("default"), detail));
        }
        if is_true(property, "nullable") {
            let detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            errors.push(FieldError::forbidden(&at.child("nullable"), detail));
        }
    }
}
