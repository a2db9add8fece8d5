//! `coordination.k8s.io/v1 Lease`.

use ironclad_api::{FieldError, Object, Path, Status};
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

    /// Its metadata is checked by the rules of all objects, custom ones included.
    fn knows_finalizers(&self) -> bool {
        false
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    /// Upstream's coordinated leader election is off unless it is asked for; what it needs is kept only where it
    /// stands already.
    fn prepare(&self, new: &mut Object, old: Option<&Object>, _: &Preparation<'_>) -> Result<(), Status> {
        let Some(spec) = new.0.get_mut("spec").and_then(Value::as_object_mut) else { return Ok(()) };
        for field in ["strategy", "preferredHolder"] {
            if old.is_none_or(|old| old.at(&["spec", field]).is_none_or(Value::is_null)) {
                spec.remove(field);
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use ironclad_engine::strategy::Part;

    use super::*;
    use crate::testing::write;

    #[test]
    fn what_coordinated_election_needs_is_dropped_unless_it_stands() {
        let lease = |spec: Value| json!({"metadata": {"name": "l"}, "spec": spec});
        let wanted =
            json!({"holderIdentity": "h", "strategy": "OldestEmulationVersion", "preferredHolder": "p"});
        let check = |old: Option<Value>, want: Value| {
            let (made, errors) = write(&Lease::new(), Part::Main, lease(wanted.clone()), old.map(lease));
            assert!(errors.is_empty(), "{errors:?}");
            assert_eq!(made.0.get("spec"), Some(&want));
        };
        check(None, json!({"holderIdentity": "h"}));
        check(Some(json!({})), json!({"holderIdentity": "h"}));
        check(Some(wanted.clone()), wanted.clone());
    }
}
