//! What jobs and the kinds that make jobs from a template share: the rules and warnings of a
//! job's spec.

mod failure_policy;
pub(crate) mod indexes;
mod rules;
mod success_policy;

use ironclad_api::Path;
use k8s_openapi::api::batch::v1 as batch;
use serde_json::{Map, Value};

use crate::pod_template::warnings::of_template;
use crate::spec::{object_at, objects_at};

pub(crate) use rules::validate;

pub(crate) const INDEXED: &str = "Indexed";
const MANY_COMPLETIONS: i32 = 100_000;
const MUCH_PARALLELISM: i32 = 10_000;

/// The defaults that a job's spec has wherever it stands.
pub(crate) fn default(spec: &mut Map<String, Value>) {
    let Some(policy) = object_at(spec, "podFailurePolicy") else { return };
    for rule in objects_at(policy, "rules") {
        for pattern in objects_at(rule, "onPodConditions") {
            if pattern.get("status").and_then(Value::as_str).unwrap_or_default().is_empty() {
                pattern.insert("status".into(), "True".into());
            }
        }
    }
}

/// What is valid and may not be what was meant.
pub(crate) fn warnings(spec: &batch::JobSpec, path: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let large =
        spec.completions.unwrap_or(0) > MANY_COMPLETIONS && spec.parallelism.unwrap_or(0) > MUCH_PARALLELISM;
    if large && spec.completion_mode.as_deref() == Some(INDEXED) {
        all.push(format!(
            "{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than \
             10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        ));
    }
    all.extend(of_template(&spec.template, &path.child("template")));
    all
}
