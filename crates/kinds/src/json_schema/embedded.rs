//! Whole objects inside of objects (`x-kubernetes-embedded-resource`).

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::schema::Catalog;
use ironclad_api::schema::check::check;
use ironclad_api::validation::{dns, meta, name};
use ironclad_api::{GroupVersion, Object};
use serde_json::{Map, Value};

use super::{Additional, Rules};
use crate::fields::add;

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

pub(super) fn errors(rules: &Rules, value: &Value, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    match value {
        Value::Object(fields) => {
            if rules.embedded_resource {
                add(&mut errors, object(fields, path));
            }
            for (name, value) in fields {
                match (rules.properties.get(name), &rules.additional) {
                    (Some(schema), _) => add(&mut errors, self::errors(schema, value, &path.child(name))),
                    (None, Additional::Each(schema)) => {
                        add(&mut errors, self::errors(schema, value, &path.key(name)));
                    }
                    (None, _) => {}
                }
            }
        }
        Value::Array(items) => {
            let schema = rules.items.as_deref();
            for (index, item) in items.iter().enumerate() {
                let found = schema.map(|schema| self::errors(schema, item, &path.index(index)));
                add(&mut errors, found.into_iter().flatten());
            }
        }
        _ => {}
    }
    errors
}

/// What is wrong with an object's apiVersion, kind and metadata.
pub(crate) fn object(fields: &Map<String, Value>, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for required in ["apiVersion", "kind"] {
        if !fields.contains_key(required) {
            errors.push(FieldError::required(&path.child(required), ""));
        }
    }
    for (name, value) in fields {
        let at = path.child(name);
        match name.as_str() {
            "apiVersion" => errors.extend(text(value, &at, api_version)),
            "kind" => errors.extend(text(value, &at, kind)),
            "metadata" => errors.extend(metadata(value, &at)),
            _ => {}
        }
    }
    errors
}

fn text(value: &Value, path: &Path, rule: fn(&str) -> Option<String>) -> Option<FieldError> {
    let detail = match value.as_str() {
        None => Some("must be a string".to_owned()),
        Some("") => Some("must not be empty".to_owned()),
        Some(text) => rule(text),
    };
    Some(FieldError::invalid(path, value, detail?))
}

fn api_version(text: &str) -> Option<String> {
    let fault = || format!("unexpected GroupVersion string: {text}");
    GroupVersion::parse(text).is_none().then(fault)
}

fn kind(text: &str) -> Option<String> {
    let faults = dns::dns1035_label(&text.to_lowercase());
    let fault = || format!("may have mixed case, but should otherwise match: {}", faults.join(","));
    (!faults.is_empty()).then(fault)
}

fn metadata(value: &Value, path: &Path) -> FieldErrors {
    let schema = Catalog::builtin().by_name(OBJECT_META).map(|definition| &definition.schema);
    if let Some(error) = schema.and_then(|schema| check(value, schema).error) {
        return vec![FieldError::invalid(path, value, error)];
    }
    let mut object = Object::default();
    if let Value::Object(metadata) = value {
        object.0.insert("metadata".into(), metadata.clone().into());
    }
    if object.name().is_empty() {
        // A name is not asked for here.
        object.set_meta("name", "fakename");
    }
    meta::create(&object, !object.namespace().is_empty(), name::path_segment, path)
}
