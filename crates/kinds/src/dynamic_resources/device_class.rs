//! `DeviceClass`: devices that administrators have chosen and configured.

use ironclad_api::Object;
use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::resource::v1::{self as resource, DeviceClassSpec};

use super::{MOST_CONFIGURATIONS, bounded, configuration, selector, slice};
use crate::columns::{age, name};
use crate::resource_names::is_extended;
use crate::spec::typed;

pub struct DeviceClass {
    spec: KindSpec,
}

impl DeviceClass {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                columns: vec![name(), age()],
                generation: true,
                ..super::kind("DeviceClass", "deviceclasses", Scope::Cluster)
            },
        }
    }
}

impl Default for DeviceClass {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for DeviceClass {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let spec = |object: &Object| typed::<resource::DeviceClass>(object).spec;
        validate(&spec(new), old.map(spec).as_ref())
    }
}

pub(super) fn validate(spec: &DeviceClassSpec, old: Option<&DeviceClassSpec>) -> FieldErrors {
    let path = Path::new("spec");
    let mut errors = selector::validate(&spec.selectors, &path.child("selectors"));
    let kept = old.is_some_and(|old| slice(&old.config) == slice(&spec.config));
    errors.extend(bounded::list(
        slice(&spec.config),
        MOST_CONFIGURATIONS,
        &path.child("config"),
        |config, path| configuration::validate(config.opaque.as_ref(), kept, path),
    ));
    let wrong = spec.extended_resource_name.as_deref().filter(|name| !is_extended(name));
    errors.extend(wrong.map(|name| {
        let path = path.child("extendedResourceName");
        FieldError::invalid(&path, name, "must be a valid extended resource name")
    }));
    errors
}
