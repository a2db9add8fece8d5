//! Claims of persistent volumes, as templates of ephemeral volumes have them.

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::affinity::selector;
use super::{Errors, items, one_of, quantity, required, text};

const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];
const ALONE: &str = "ReadWriteOncePod";

pub(super) fn template(template: &core::PersistentVolumeClaimTemplate, path: &Path) -> Errors {
    let mut errors = match &template.metadata {
        Some(metadata) => self::metadata(metadata, &path.child("metadata")),
        None => Errors::new(),
    };
    errors.extend(spec(&template.spec, &path.child("spec")));
    errors
}

/// Labels and annotations, and nothing else.
fn metadata(metadata: &ObjectMeta, path: &Path) -> Errors {
    let annotations = metadata.annotations.clone().unwrap_or_default();
    let labels = metadata.labels.clone().unwrap_or_default();
    let mut errors = validation::label::annotations(&path.child("annotations"), &annotations);
    errors.extend(validation::label::labels(&path.child("labels"), &labels));
    let set = [
        ("name", metadata.name.is_some()),
        ("generateName", metadata.generate_name.is_some()),
        ("namespace", metadata.namespace.is_some()),
        ("uID", metadata.uid.is_some()),
        ("resourceVersion", metadata.resource_version.is_some()),
        ("generation", metadata.generation.is_some()),
        ("creationTimestamp", metadata.creation_timestamp.is_some()),
        ("ownerReferences", metadata.owner_references.is_some()),
        ("finalizers", metadata.finalizers.is_some()),
        ("managedFields", metadata.managed_fields.is_some()),
    ];
    let set = set.into_iter().filter(|(_, set)| *set);
    errors.extend(set.map(|(field, _)| FieldError::forbidden(&path.child(field), "cannot be set")));
    errors
}

fn spec(spec: &core::PersistentVolumeClaimSpec, path: &Path) -> Errors {
    let modes = items(&spec.access_modes);
    let at = path.child("accessModes");
    let mut errors = Errors::new();
    if modes.is_empty() {
        errors.push(FieldError::required(&at, "at least 1 access mode is required"));
    }
    if let Some(selector) = spec.selector.as_ref().map(selector) {
        errors.extend(selector.validate(&path.child("selector")));
    }
    errors.extend(modes.iter().filter_map(|mode| one_of(&at, mode, &ACCESS_MODES)));
    let others = modes.iter().any(|mode| mode != ALONE && ACCESS_MODES.contains(&mode.as_str()));
    if others && modes.iter().any(|mode| mode == ALONE) {
        errors.push(FieldError::forbidden(&at, "may not use ReadWriteOncePod with other access modes"));
    }
    errors.extend(storage(spec, &path.child("resources").key("storage")));
    for (field, class) in [
        ("storageClassName", &spec.storage_class_name),
        ("volumeAttributesClassName", &spec.volume_attributes_class_name),
    ] {
        errors.extend(super::optional(path, field, text(class), validation::dns1123_subdomain));
    }
    if let Some(mode) = &spec.volume_mode {
        errors.extend(one_of(&path.child("volumeMode"), mode, &VOLUME_MODES));
    }
    errors.extend(data_sources(spec, path));
    errors
}

fn storage(spec: &core::PersistentVolumeClaimSpec, path: &Path) -> Errors {
    let requests = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    match requests.and_then(|requests| requests.get("storage")).and_then(quantity) {
        None => vec![FieldError::required(path, "")],
        Some(amount) => validation::number::quantity_positive(path, &amount),
    }
}

fn data_sources(spec: &core::PersistentVolumeClaimSpec, path: &Path) -> Errors {
    let mut errors = Errors::new();
    if let Some(source) = &spec.data_source {
        errors.extend(data_source(
            &source.name,
            &source.kind,
            text(&source.api_group),
            &path.child("dataSource"),
        ));
    }
    if let Some(source) = &spec.data_source_ref {
        let path = path.child("dataSourceRef");
        errors.extend(data_source(&source.name, &source.kind, text(&source.api_group), &path));
        errors.extend(super::optional(
            &path,
            "namespace",
            text(&source.namespace),
            validation::dns1123_label,
        ));
    }
    let (Some(old), Some(new)) = (&spec.data_source, &spec.data_source_ref) else { return errors };
    // As upstream, whose bad value is a path.
    let shown = || ironclad_api::field::BadValue::Printed("{}".to_owned());
    if !text(&new.namespace).is_empty() {
        let detail = "may not be specified when dataSourceRef.namespace is specified";
        errors.push(FieldError::invalid(path, shown(), detail));
    } else if (&old.api_group, &old.kind, &old.name) != (&new.api_group, &new.kind, &new.name) {
        errors.push(FieldError::invalid(path, shown(), "must match dataSourceRef"));
    }
    errors
}

fn data_source(name: &str, kind: &str, group: &str, path: &Path) -> Errors {
    let mut errors: Errors = required(path, "name", name).into_iter().collect();
    errors.extend(required(path, "kind", kind));
    if group.is_empty() && kind != "PersistentVolumeClaim" {
        let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        errors.push(FieldError::invalid(path, kind, detail));
    }
    errors.extend(super::optional(path, "apiGroup", group, validation::dns1123_subdomain));
    errors
}
