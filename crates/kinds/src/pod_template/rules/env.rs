//! Environment variables, and where their values come from.

use std::collections::BTreeMap;

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use super::{Errors, field_refs, items, paths, required, scene, text};

const ENV_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
const NO_SOURCE: &str =
    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
const ONE_SOURCE: &str = "may not have more than one field specified at a time";

pub(super) fn variables(variables: &[core::EnvVar], path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (index, variable) in variables.iter().enumerate() {
        let path = path.index(index);
        let at = path.child("name");
        errors.extend(match variable.name.as_str() {
            "" => vec![FieldError::required(&at, "")],
            name => validation::invalid_each(&at, name, validation::word::env_var_name(name)),
        });
        if let Some(source) = &variable.value_from {
            errors.extend(value_from(source, text(&variable.value), &path.child("valueFrom")));
        }
    }
    errors
}

fn value_from(source: &core::EnvVarSource, value: &str, path: &Path) -> Errors {
    let (mut errors, mut count) = (Errors::new(), 0);
    if let Some(field) = &source.field_ref {
        count += 1;
        errors.extend(field_refs::object_field(field, ENV_FIELDS, &path.child("fieldRef")));
    }
    if let Some(resource) = &source.resource_field_ref {
        count += 1;
        errors.extend(field_refs::resource_field(resource, false, &path.child("resourceFieldRef")));
    }
    if let Some(key) = &source.config_map_key_ref {
        count += 1;
        errors.extend(data_key(&key.name, &key.key, &path.child("configMapKeyRef")));
    }
    if let Some(key) = &source.secret_key_ref {
        count += 1;
        errors.extend(data_key(&key.name, &key.key, &path.child("secretKeyRef")));
    }
    if let Some(file) = &source.file_key_ref {
        count += 1;
        errors.extend(file_key(file, &path.child("fileKeyRef")));
    }
    let fault = match count {
        0 => Some(NO_SOURCE),
        _ if !value.is_empty() => Some("may not be specified when `value` is not empty"),
        1 => None,
        _ => Some(ONE_SOURCE),
    };
    errors.extend(fault.map(|fault| FieldError::invalid(path, "", fault)));
    errors
}

/// A key of a ConfigMap or Secret.
fn data_key(name: &str, key: &str, path: &Path) -> Errors {
    let mut errors = validation::invalid_each(&path.child("name"), name, validation::dns1123_subdomain(name));
    let at = path.child("key");
    errors.extend(match key {
        "" => vec![FieldError::required(&at, "")],
        key => validation::invalid_each(&at, key, validation::word::config_map_key(key)),
    });
    errors
}

/// A variable out of a file in a volume (KEP-3721).
fn file_key(file: &core::FileKeySelector, path: &Path) -> Errors {
    let mut errors = Errors::new();
    errors.extend(match file.key.as_str() {
        "" => vec![FieldError::required(&path.child("key"), "")],
        key => validation::invalid_each(&path.child("key"), key, validation::word::env_var_name(key)),
    });
    errors.extend(match file.volume_name.as_str() {
        "" => vec![FieldError::required(&path.child("volumeName"), "")],
        name => validation::invalid_each(&path.child("volumeName"), name, validation::dns1123_label(name)),
    });
    errors.extend(match file.path.as_str() {
        "" => Some(FieldError::required(&path.child("path"), "")),
        file => paths::no_backsteps(file, &path.child("path")),
    });
    errors
}

/// Such files are read from volumes that only this pod writes.
pub(super) fn file_volumes(spec: &core::PodSpec, path: &Path) -> Errors {
    let volumes = items(&spec.volumes).iter().map(|volume| (volume.name.as_str(), volume));
    let volumes: BTreeMap<&str, &core::Volume> = volumes.collect();
    let mut errors = Errors::new();
    scene::visit(spec, path, |container, path| {
        for (index, variable) in items(&container.env).iter().enumerate() {
            let Some(file) = variable.value_from.as_ref().and_then(|source| source.file_key_ref.as_ref())
            else {
                continue;
            };
            let path = path.child("env").index(index).child("valueFrom.fileKeyRef.volumeName");
            match volumes.get(file.volume_name.as_str()) {
                None => errors.push(FieldError::not_found(&path, &file.volume_name)),
                Some(volume) if volume.empty_dir.is_none() => {
                    let detail = "referenced volume must be of type emptyDir";
                    errors.push(FieldError::invalid(&path, &file.volume_name, detail));
                }
                Some(_) => {}
            }
        }
    });
    errors
}

pub(super) fn sources(sources: &[core::EnvFromSource], path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (index, source) in sources.iter().enumerate() {
        let at = path.index(index);
        errors.extend(super::optional(&at, "prefix", text(&source.prefix), validation::word::env_var_name));
        let named = [
            ("configMapRef", source.config_map_ref.as_ref().map(|map| &map.name)),
            ("secretRef", source.secret_ref.as_ref().map(|secret| &secret.name)),
        ];
        let mut count = 0;
        for (field, name) in named.into_iter().filter_map(|(field, name)| Some((field, name?))) {
            count += 1;
            let at = at.child(field);
            errors.extend(required(&at, "name", name));
            errors.extend(super::optional(&at, "name", name, |name| validation::name::subdomain(name, true)));
        }
        // Upstream tells of these without the index.
        let fault = match count {
            0 => Some("must specify one of: `configMapRef` or `secretRef`"),
            1 => None,
            _ => Some(ONE_SOURCE),
        };
        errors.extend(fault.map(|fault| FieldError::invalid(path, "", fault)));
    }
    errors
}
