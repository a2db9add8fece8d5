//! `flowcontrol.apiserver.k8s.io/v1`: which requests belong together, and how much of the server
//! each sort may have.
//! Source: <https://kubernetes.io/docs/concepts/cluster-administration/flow-control/>

pub mod bootstrap;
mod flow_schema;
mod policy_rules;
mod priority_level;
mod shape;

#[cfg(test)]
mod tests;

pub use flow_schema::FlowSchema;
pub use priority_level::PriorityLevelConfiguration;

use std::collections::BTreeSet;

use ironclad_api::Object;
use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_engine::strategy::{KindSpec, Scope, Subresource};
use serde_json::Value;

use crate::spec::spec;

pub const GROUP: &str = "flowcontrol.apiserver.k8s.io";

fn kind(kind: &'static str, resource: &'static str) -> KindSpec {
    KindSpec {
        subresources: vec![Subresource::status()],
        generation: true,
        ..spec(GROUP, "v1", kind, resource, Scope::Cluster)
    }
}

/// Each condition has a type, and each type stands once.
fn validate_conditions(object: &Object) -> FieldErrors {
    let path = Path::new("status").child("conditions");
    let conditions = object.at(&["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
    let mut seen = BTreeSet::new();
    let mut errors = FieldErrors::new();
    for (index, condition) in conditions.enumerate() {
        let path = path.index(index).child("type");
        let kind = condition.get("type").and_then(Value::as_str).unwrap_or_default();
        if !seen.insert(kind) {
            errors.push(FieldError::duplicate(&path, kind));
        }
        if kind.is_empty() {
            errors.push(FieldError::required(&path, ""));
        }
    }
    errors
}
