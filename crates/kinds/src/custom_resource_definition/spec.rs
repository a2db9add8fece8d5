//! The specification as a whole.

use std::collections::BTreeSet;

use ironclad_api::field::{BadValue, FieldError, FieldErrors, Path};
use ironclad_api::validation::dns::dns1123_subdomain;
use ironclad_api::validation::meta::immutable;

use super::lifted::{self, Lifted};
use super::{conversion, names, versions};
use crate::definition::{Definition, ESTABLISHED, Spec};

pub(super) fn validate(spec: &Spec, path: &Path) -> FieldErrors {
    let lifted = Lifted::of(spec);
    let mut errors = group(&spec.group, &path.child("group"));
    errors.extend(scope(&spec.scope, &path.child("scope")));
    errors.extend(missing_schemas(spec, lifted, &path.child("versions")));
    for (index, version) in spec.versions.iter().enumerate() {
        let path = path.child("versions").index(index);
        errors.extend(names::label(&version.name, &path.child("name")));
        errors.extend(versions::validate(version, lifted, &path));
    }
    errors.extend(version_list(spec, path));
    errors.extend(names::required(&spec.names, &path.child("names")));
    errors.extend(names::validate(&spec.names, &path.child("names")));
    errors.extend(versions::validate_common(spec, lifted, path));
    errors.extend(conversion::validate(spec.conversion.as_ref(), &path.child("conversion")));
    errors
}

/// What can never change, or not once objects may exist.
pub(super) fn validate_update(new: &Spec, old: &Definition, path: &Path) -> FieldErrors {
    let same = |path: &Path, new: &str, old: &str| immutable(path, &new.into(), &old.into());
    let (names, before) = (path.child("names"), &old.spec);
    let mut errors = FieldErrors::new();
    if old.has_condition(ESTABLISHED) {
        errors.extend(same(&path.child("scope"), &new.scope, &before.scope));
        errors.extend(same(&names.child("kind"), &new.names.kind, &before.names.kind));
    }
    errors.extend(same(&path.child("group"), &new.group, &before.group));
    errors.extend(same(&names.child("plural"), &new.names.plural, &before.names.plural));
    errors.extend(conversion::validate_update(new.conversion.as_ref(), old, &path.child("conversion")));
    errors
}

fn group(group: &str, path: &Path) -> FieldErrors {
    let faults = dns1123_subdomain(group);
    let error = match group {
        "" => FieldError::required(path, ""),
        _ if !faults.is_empty() => FieldError::invalid(path, group, faults.join(",")),
        _ if !group.contains('.') => {
            FieldError::invalid(path, group, "should be a domain with at least one dot")
        }
        _ => return FieldErrors::new(),
    };
    vec![error]
}

fn scope(scope: &str, path: &Path) -> Option<FieldError> {
    match scope {
        "" => Some(FieldError::required(path, "")),
        "Cluster" | "Namespaced" => None,
        other => Some(FieldError::not_supported(path, other, ["Cluster", "Namespaced"])),
    }
}

fn missing_schemas(spec: &Spec, lifted: Lifted, path: &Path) -> FieldErrors {
    let common =
        lifted.schema && spec.versions.first().is_some_and(|first| first.open_api_schema().is_some());
    let missing = spec.versions.iter().enumerate();
    let missing = missing.filter(|(_, version)| !common && version.open_api_schema().is_none());
    missing
        .map(|(index, _)| {
            FieldError::required(&path.index(index).child("schema").child("openAPIV3Schema"), "")
        })
        .collect()
}

/// The versions among each other.
fn version_list(spec: &Spec, path: &Path) -> FieldErrors {
    let versions = path.child("versions");
    let wrong = |detail: &str| {
        FieldError::invalid(&versions, BadValue::Printed(lifted::printed(&spec.versions)), detail)
    };
    let mut errors = FieldErrors::new();
    let distinct: BTreeSet<&str> = spec.versions.iter().map(|version| version.name.as_str()).collect();
    if distinct.len() != spec.versions.len() {
        errors.push(wrong("must contain unique version names"));
    }
    if spec.versions.iter().filter(|version| version.storage).count() != 1 {
        errors.push(wrong("must have exactly one version marked as storage version"));
    }
    let first = spec.versions.first().filter(|first| !first.name.is_empty());
    errors.extend(first.and_then(|first| names::label(&first.name, &path.child("version"))));
    errors
}
