//! `ResourceClaim`: devices that are asked for, and those that were given.

use ironclad_api::apply::FieldSet;
use ironclad_api::field::{FieldError, Path};
use ironclad_api::validation::meta::immutable;
use ironclad_api::{Object, Status};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use k8s_openapi::api::resource::v1 as resource;
use serde_json::{Value, json};

use super::{admin_access, claim_spec, claim_status};
use crate::columns::{age, count, name, text};
use crate::spec::{object_at, typed};
use crate::status_metadata;

pub struct ResourceClaim {
    spec: KindSpec,
}

impl ResourceClaim {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                columns: vec![name(), text("State", state), age()],
                subresources: vec![Subresource::status()],
                ..super::kind("ResourceClaim", "resourceclaims", Scope::Namespaced)
            },
        }
    }
}

impl Default for ResourceClaim {
    fn default() -> Self {
        Self::new()
    }
}

pub(super) fn state(claim: &Object) -> String {
    let is_deleted = claim.deletion_timestamp().is_some();
    let is_allocated = claim.at(&["status", "allocation"]).is_some_and(|allocation| !allocation.is_null());
    let is_reserved = count(claim.at(&["status", "reservedFor"])) > 0;
    let states = [
        (is_deleted, "deleted"),
        (!is_allocated && !is_deleted, "pending"),
        (is_allocated, "allocated"),
        (is_allocated && is_reserved, "reserved"),
    ];
    let states: Vec<&str> = states.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name).collect();
    states.join(",")
}

impl Strategy for ResourceClaim {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn default(&self, claim: &mut Object) {
        if let Some(spec) = object_at(&mut claim.0, "spec") {
            claim_spec::default(spec);
        }
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        match old {
            None => drop(new.0.insert("status".into(), json!({}))),
            Some(old) if preparation.part == Part::Status => {
                status_metadata::keep(new, old);
                claim_status::drop_deallocated(new, old);
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn reset_fields(&self, part: Part) -> FieldSet {
        status_metadata::reset_fields(part)
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        let path = Path::new("spec");
        let claim = |object: &Object| typed::<resource::ResourceClaim>(object);
        let (namespace, cache) = (new.namespace(), preparation.cache);
        match old {
            None => {
                let spec = claim(new).spec;
                let access = admin_access::requested(spec.devices.as_ref(), namespace, cache);
                access.into_iter().chain(claim_spec::validate(&spec, &path)).collect()
            }
            Some(old) if preparation.part == Part::Status => {
                let status = |object: &Object| claim(object).status.unwrap_or_default();
                let access = admin_access::granted(&status(new), &status(old), namespace, cache);
                access.into_iter().chain(claim_status::validate(new, old)).collect()
            }
            // What cannot change need not be looked at again.
            Some(old) => immutable(&path, &spec_of(new), &spec_of(old)),
        }
    }
}

pub(super) fn spec_of(object: &Object) -> Value {
    object.0.get("spec").cloned().unwrap_or_default()
}
