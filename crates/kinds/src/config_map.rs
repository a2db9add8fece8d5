//! `v1 ConfigMap`.

use std::collections::BTreeMap;

use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::core::v1 as core;

use crate::columns::{age, column, count, name};
use crate::spec::{names, spec, typed};

/// Total size of the values, as for secrets.
const MAX_SIZE: usize = 1024 * 1024;
const IMMUTABLE: &str = "field is immutable when `immutable` is set";

pub struct ConfigMap {
    spec: KindSpec,
}

impl ConfigMap {
    pub fn new() -> Self {
        let data = column("Data", "string", 0, |map, _| {
            (count(map.0.get("data")) + count(map.0.get("binaryData"))).into()
        });
        Self {
            spec: KindSpec {
                short_names: names(["cm"]),
                columns: vec![name(), data, age()],
                ..spec("", "v1", "ConfigMap", "configmaps", Scope::Namespaced)
            },
        }
    }
}

impl Default for ConfigMap {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for ConfigMap {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let new: core::ConfigMap = typed(new);
        let mut errors = Vec::new();
        if let Some(old) = old {
            errors.extend(validate_immutable(&new, &typed(old)));
        }
        errors.extend(validate_contents(&new));
        errors
    }
}

fn validate_immutable(new: &core::ConfigMap, old: &core::ConfigMap) -> Vec<FieldError> {
    if old.immutable != Some(true) {
        return Vec::new();
    }
    let changed = [
        ("immutable", new.immutable != Some(true)),
        ("data", new.data != old.data),
        ("binaryData", new.binary_data != old.binary_data),
    ];
    let changed = changed.into_iter().filter(|(_, changed)| *changed);
    changed.map(|(field, _)| FieldError::forbidden(&Path::new(field), IMMUTABLE)).collect()
}

fn validate_contents(map: &core::ConfigMap) -> Vec<FieldError> {
    let empty = BTreeMap::new();
    let binary = map.binary_data.as_ref().unwrap_or(&empty);
    let mut errors = Vec::new();
    let mut size = 0;
    for (key, value) in map.data.iter().flatten() {
        let path = Path::new("data").key(key);
        errors.extend(validation::invalid_each(&path, key, validation::word::config_map_key(key)));
        if binary.contains_key(key) {
            errors.push(FieldError::invalid(&path, key.as_str(), "duplicate of key present in binaryData"));
        }
        size += value.len();
    }
    for (key, value) in binary {
        let path = Path::new("binaryData").key(key);
        errors.extend(validation::invalid_each(&path, key, validation::word::config_map_key(key)));
        size += value.0.len();
    }
    if size > MAX_SIZE {
        errors.push(FieldError::too_long(&Path::new("[]"), MAX_SIZE));
    }
    errors
}
