//! `v1 PersistentVolumeClaim`.
//!
//! Source: <https://kubernetes.io/docs/concepts/storage/persistent-volumes/#persistentvolumeclaims>.

mod columns;
mod data_sources;
mod status;
#[cfg(test)]
mod tests;
mod update;

use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Object, Path, Status, goprint};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use k8s_openapi::api::core::v1 as core;
use serde_json::{Value, json};

use crate::resource_lists;
use crate::spec::{default_to, names, object_at, spec, typed};
use crate::volume_rules::CLASS_ANNOTATION;
use crate::volume_rules::claim::{self, Leniency};

const PENDING: &str = "Pending";

pub struct PersistentVolumeClaim {
    spec: KindSpec,
}

impl PersistentVolumeClaim {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["pvc"]),
                columns: columns::all(),
                subresources: vec![Subresource::status()],
                ..spec("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", Scope::Namespaced)
            },
        }
    }
}

impl Default for PersistentVolumeClaim {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for PersistentVolumeClaim {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn default(&self, claim: &mut Object) {
        let status = claim.section_mut("status");
        if status.get("phase").and_then(Value::as_str).unwrap_or_default().is_empty() {
            status.insert("phase".into(), PENDING.into());
        }
        resource_lists::round(status, "capacity");
        resource_lists::round(status, "allocatedResources");
        let spec = claim.section_mut("spec");
        default_to(spec, "volumeMode", "Filesystem");
        if let Some(resources) = object_at(spec, "resources") {
            resource_lists::round(resources, "limits");
            resource_lists::round(resources, "requests");
        }
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        if preparation.part != Part::Main {
            return Ok(());
        }
        if old.is_none() {
            new.0.insert("status".into(), json!({ "phase": PENDING }));
        }
        data_sources::settle(new, old);
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        if preparation.part != Part::Main {
            return status::validate(new);
        }
        let claim: core::PersistentVolumeClaim = typed(new);
        let stored: Option<core::PersistentVolumeClaim> = old.map(typed);
        let stored = stored.and_then(|stored| stored.spec);
        let leniency = stored.as_ref().map(Leniency::for_stored).unwrap_or_default();
        let spec = claim.spec.unwrap_or_default();
        let mut errors = claim::spec(&spec, leniency, &Path::new("spec"));
        errors.extend(old.into_iter().flat_map(|old| update::validate(new, old)));
        errors
    }

    fn warnings(&self, new: &Object, _: Option<&Object>) -> Vec<String> {
        let path = Path::new("metadata").child("annotations").key(CLASS_ANNOTATION);
        let text = "deprecated since v1.8; use \"storageClassName\" attribute instead";
        let annotated = new.annotation(CLASS_ANNOTATION).map(|_| format!("{path}: {text}"));
        let fractions = ["requests", "limits"].into_iter().filter_map(|list| fraction(new, list));
        annotated.into_iter().chain(fractions).collect()
    }
}

/// A claim for a part of a byte.
fn fraction(claim: &Object, list: &str) -> Option<String> {
    let amount = Quantity::from_json(claim.at(&["spec", "resources", list, "storage"])?).ok()?;
    let path = Path::new("spec").child("resources").child(list).key("storage");
    let text = goprint::quote(&amount.to_string());
    (amount.milli_value() % 1000 != 0)
        .then(|| format!("{path}: fractional byte value {text} is invalid, must be an integer"))
}
