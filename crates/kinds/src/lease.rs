//! `coordination.k8s.io/v1 Lease`.

use ironclad_api::{FieldError, Object, Path};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use serde_json::Value;

use crate::columns::{age, name, text};
use crate::spec::spec;

pub struct Lease {
    spec: KindSpec,
}

impl Lease {
    pub fn new() -> Self {
        let holder = text("Holder", |lease| lease.str_at(&["spec", "holderIdentity"]).to_owned());
        Self {
            spec: KindSpec {
                columns: vec![name(), holder, age()],
                ..spec("coordination.k8s.io", "v1", "Lease", "leases", Scope::Namespaced)
            },
        }
    }
}

impl Default for Lease {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for Lease {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn validate(&self, new: &Object, _: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let spec = Path::new("spec");
        let number = |field: &str| new.at(&["spec", field]).and_then(Value::as_i64);
        let mut errors = Vec::new();
        if let Some(seconds) = number("leaseDurationSeconds").filter(|seconds| *seconds <= 0) {
            errors.push(FieldError::invalid(
                &spec.child("leaseDurationSeconds"),
                seconds,
                "must be greater than 0",
            ));
        }
        if let Some(count) = number("leaseTransitions").filter(|count| *count < 0) {
            let path = spec.child("leaseTransitions");
            errors.push(FieldError::invalid(&path, count, "must be greater than or equal to 0"));
        }
        let text = |field: &str| new.str_at(&["spec", field]);
        if !text("preferredHolder").is_empty() && text("strategy").is_empty() {
            let path = spec.child("preferredHolder");
            errors.push(FieldError::forbidden(&path, "may only be specified if `strategy` is defined"));
        }
        errors
    }
}
