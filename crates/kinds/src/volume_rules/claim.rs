//! The spec of a claim: of a PersistentVolumeClaim, or of a template for one.

use ironclad_api::field::BadValue;
use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use super::{VOLUME_MODES, access_modes};
use crate::fields::{items, one_of, required, text};
use crate::label_selectors::selector;

type Errors = Vec<FieldError>;

/// What a stored claim may keep that a new one may not have.
#[derive(Clone, Copy, Default)]
pub(crate) struct Leniency {
    /// Values in its selector that are no label values.
    pub selector_values: bool,
    /// A data source's group that is no domain.
    pub source_group: bool,
}

impl Leniency {
    pub fn for_stored(old: &core::PersistentVolumeClaimSpec) -> Self {
        let selector = old.selector.as_ref().map(selector);
        let group = old.data_source.as_ref().and_then(|source| source.api_group.as_ref());
        let group_ref = old.data_source_ref.as_ref().and_then(|source| source.api_group.as_ref());
        Self {
            selector_values: selector.is_some_and(|selector| !selector.validate(&Path::root()).is_empty()),
            source_group: group.or(group_ref).is_some(),
        }
    }
}

pub(crate) fn spec(spec: &core::PersistentVolumeClaimSpec, leniency: Leniency, path: &Path) -> Errors {
    let modes = items(&spec.access_modes);
    let at = path.child("accessModes");
    let mut errors = Errors::new();
    if modes.is_empty() {
        errors.push(FieldError::required(&at, "at least 1 access mode is required"));
    }
    let selected = path.child("selector");
    errors.extend(match spec.selector.as_ref().map(selector) {
        None => Errors::new(),
        Some(selector) if leniency.selector_values => selector.validate_allowing_invalid_values(&selected),
        Some(selector) => selector.validate(&selected),
    });
    errors.extend(access_modes(modes, &at));
    errors.extend(storage(spec, &path.child("resources").key("storage")));
    errors.extend(class(text(&spec.storage_class_name), &path.child("storageClassName")));
    let mode = spec.volume_mode.as_deref();
    errors.extend(mode.and_then(|mode| one_of(&path.child("volumeMode"), mode, &VOLUME_MODES)));
    errors.extend(data_sources(spec, leniency, path));
    let attributes = text(&spec.volume_attributes_class_name);
    errors.extend(class(attributes, &path.child("volumeAttributesClassName")));
    errors
}

fn class(name: &str, path: &Path) -> Errors {
    match name {
        "" => Errors::new(),
        name => validation::invalid_each(path, name, validation::dns1123_subdomain(name)),
    }
}

fn storage(spec: &core::PersistentVolumeClaimSpec, path: &Path) -> Errors {
    let requests = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let amount = requests.and_then(|requests| requests.get("storage"));
    match amount.and_then(|amount| Quantity::parse(&amount.0).ok()) {
        None => vec![FieldError::required(path, "")],
        Some(amount) => validation::number::quantity_positive(path, &amount),
    }
}

fn data_sources(spec: &core::PersistentVolumeClaimSpec, leniency: Leniency, path: &Path) -> Errors {
    let mut errors = Errors::new();
    if let Some(source) = &spec.data_source {
        let path = path.child("dataSource");
        errors.extend(data_source(&source.name, &source.kind, text(&source.api_group), leniency, &path));
    }
    if let Some(source) = &spec.data_source_ref {
        let path = path.child("dataSourceRef");
        errors.extend(data_source(&source.name, &source.kind, text(&source.api_group), leniency, &path));
        let (namespace, path) = (text(&source.namespace), path.child("namespace"));
        if !namespace.is_empty() {
            errors.extend(validation::invalid_each(&path, namespace, validation::dns1123_label(namespace)));
        }
    }
    let (Some(old), Some(new)) = (&spec.data_source, &spec.data_source_ref) else { return errors };
    // As upstream, whose bad value is a path.
    let shown = || BadValue::Printed("{}".to_owned());
    if !text(&new.namespace).is_empty() {
        let detail = "may not be specified when dataSourceRef.namespace is specified";
        errors.push(FieldError::invalid(path, shown(), detail));
    } else if (&old.api_group, &old.kind, &old.name) != (&new.api_group, &new.kind, &new.name) {
        errors.push(FieldError::invalid(path, shown(), "must match dataSourceRef"));
    }
    errors
}

fn data_source(name: &str, kind: &str, group: &str, leniency: Leniency, path: &Path) -> Errors {
    let mut errors: Errors = required(&path.child("name"), name).into_iter().collect();
    errors.extend(required(&path.child("kind"), kind));
    if group.is_empty() && kind != "PersistentVolumeClaim" {
        let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        errors.push(FieldError::invalid(path, kind, detail));
    }
    if !group.is_empty() && !leniency.source_group {
        let faults = validation::dns1123_subdomain(group);
        errors.extend(validation::invalid_each(&path.child("apiGroup"), group, faults));
    }
    errors
}
