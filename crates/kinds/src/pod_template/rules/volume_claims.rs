//! Templates of claims, as ephemeral volumes have them.

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Errors;
use crate::volume_rules::claim::{self, Leniency};

pub(super) fn template(template: &core::PersistentVolumeClaimTemplate, path: &Path) -> Errors {
    let mut errors = match &template.metadata {
        Some(metadata) => self::metadata(metadata, &path.child("metadata")),
        None => Errors::new(),
    };
    errors.extend(claim::spec(&template.spec, Leniency::default(), &path.child("spec")));
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
