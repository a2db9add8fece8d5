//! `ResourceClaimTemplate`: what each pod's own claim asks for.

use ironclad_api::Object;
use ironclad_api::field::{FieldError, Path};
use ironclad_api::object::string_map;
use ironclad_api::validation::label;
use ironclad_api::validation::meta::immutable;
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::resource::v1 as resource;
use serde_json::Value;

use super::claim::spec_of;
use super::{admin_access, claim_spec};
use crate::columns::{age, name};
use crate::spec::{object_at, typed};

/// The metadata that a template cannot give to a claim, by its name in errors.
const NOT_OF_TEMPLATES: [(&str, &str); 13] = [
    ("name", "name"),
    ("generateName", "generateName"),
    ("namespace", "namespace"),
    ("selfLink", "selfLink"),
    ("uid", "uID"),
    ("resourceVersion", "resourceVersion"),
    ("generation", "generation"),
    ("creationTimestamp", "creationTimestamp"),
    ("deletionTimestamp", "deletionTimestamp"),
    ("deletionGracePeriodSeconds", "deletionGracePeriodSeconds"),
    ("ownerReferences", "ownerReferences"),
    ("finalizers", "finalizers"),
    ("managedFields", "managedFields"),
];

pub struct ResourceClaimTemplate {
    spec: KindSpec,
}

impl ResourceClaimTemplate {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                columns: vec![name(), age()],
                ..super::kind("ResourceClaimTemplate", "resourceclaimtemplates", Scope::Namespaced)
            },
        }
    }
}

impl Default for ResourceClaimTemplate {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for ResourceClaimTemplate {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn default(&self, template: &mut Object) {
        let spec = object_at(&mut template.0, "spec").and_then(|spec| object_at(spec, "spec"));
        if let Some(spec) = spec {
            claim_spec::default(spec);
        }
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        let template: resource::ResourceClaimTemplate = typed(new);
        let (path, claim) = (Path::new("spec"), &template.spec.spec);
        let mut errors = Vec::new();
        if old.is_none() {
            let access = admin_access::requested(claim.devices.as_ref(), new.namespace(), preparation.cache);
            errors.extend(access);
        }
        errors.extend(validate_metadata(new, &path.child("metadata")));
        errors.extend(claim_spec::validate(claim, &path.child("spec")));
        errors.extend(old.into_iter().flat_map(|old| immutable(&path, &spec_of(new), &spec_of(old))));
        errors
    }
}

fn validate_metadata(template: &Object, path: &Path) -> Vec<FieldError> {
    let map = |field| string_map(template.at(&["spec", "metadata", field]));
    let mut errors = label::annotations(&path.child("annotations"), &map("annotations"));
    errors.extend(label::labels(&path.child("labels"), &map("labels")));
    let set = NOT_OF_TEMPLATES.iter().filter(|(field, _)| is_set(template.at(&["spec", "metadata", field])));
    errors.extend(set.map(|(_, shown)| FieldError::forbidden(&path.child(shown), "cannot be set")));
    errors
}

fn is_set(value: Option<&Value>) -> bool {
    value.is_some_and(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_i64() != Some(0),
        _ => true,
    })
}
