//! `batch/v1 Job`.

mod columns;
mod failure_policy;
mod indexes;
mod rules;
mod selector;
mod status;
mod success_policy;
mod update;

use ironclad_api::params::PropagationPolicy;
use ironclad_api::{FieldError, Object, Status};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, SelectableField, Strategy, Subresource};
use serde_json::Value;

use crate::pod_template::workload;
use crate::spec::{default_to, names, object_at, objects_at, spec};

const BACKOFF_LIMIT: i64 = 6;
const INDEXED: &str = "Indexed";
const MANY_COMPLETIONS: i64 = 100_000;
const MUCH_PARALLELISM: i64 = 10_000;

pub struct Job {
    spec: KindSpec,
}

impl Job {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                categories: names(["all"]),
                columns: columns::columns(),
                selectable: vec![SelectableField::from("status.successful", ["status.succeeded"]).or("0")],
                subresources: vec![Subresource::status()],
                generation: true,
                ..spec("batch", "v1", "Job", "jobs", Scope::Namespaced)
            },
        }
    }
}

impl Default for Job {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for Job {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, job: &mut Object) {
        default_spec(job);
        workload::default_template(job);
        label_like_pods(job);
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        match (old, preparation.part) {
            (None, _) => {
                selector::generate(new);
                workload::clear_status(new);
                workload::prepare_template(new, None);
            }
            (Some(_), Part::Status) => {}
            (Some(old), _) => workload::prepare_template(new, Some(old)),
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match (old, preparation.part) {
            (Some(old), Part::Status) => status::updated(new, old),
            _ => {
                let mut errors = rules::job(new, old);
                errors.extend(old.into_iter().flat_map(|old| update::updated(new, old)));
                errors
            }
        }
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        let mut all = workload::warnings(new, old);
        let number = |field: &str| new.at(&["spec", field]).and_then(Value::as_i64).unwrap_or(0);
        let changed = old.is_none_or(|old| old.generation() != new.generation());
        let large = number("completions") > MANY_COMPLETIONS && number("parallelism") > MUCH_PARALLELISM;
        if changed && large && new.str_at(&["spec", "completionMode"]) == INDEXED {
            all.push(
                "spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than \
                 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
                    .to_owned(),
            );
        }
        all
    }

    /// Upstream keeps it so for the clients of old.
    fn default_propagation(&self) -> Option<PropagationPolicy> {
        Some(PropagationPolicy::Orphan)
    }
}

fn default_spec(job: &mut Object) {
    let spec = job.section_mut("spec");
    let absent = |field: &str| spec.get(field).is_none_or(Value::is_null);
    if absent("completions") && absent("parallelism") {
        default_to(spec, "completions", 1);
    }
    default_to(spec, "parallelism", 1);
    let per_index = spec.get("backoffLimitPerIndex").is_some_and(|limit| !limit.is_null());
    default_to(spec, "backoffLimit", if per_index { i64::from(i32::MAX) } else { BACKOFF_LIMIT });
    default_to(spec, "completionMode", "NonIndexed");
    default_to(spec, "suspend", false);
    let has_policy = spec.get("podFailurePolicy").is_some_and(Value::is_object);
    default_to(spec, "podReplacementPolicy", if has_policy { "Failed" } else { "TerminatingOrFailed" });
    default_to(spec, "manualSelector", false);
    let Some(policy) = object_at(spec, "podFailurePolicy") else { return };
    for rule in objects_at(policy, "rules") {
        for pattern in objects_at(rule, "onPodConditions") {
            if pattern.get("status").and_then(Value::as_str).unwrap_or_default().is_empty() {
                pattern.insert("status".into(), "True".into());
            }
        }
    }
}

/// A job without labels has those of its pods.
fn label_like_pods(job: &mut Object) {
    let own = job.metadata().and_then(|metadata| metadata.get("labels")).and_then(Value::as_object);
    if own.is_some_and(|labels| !labels.is_empty()) {
        return;
    }
    let of_pods = job.at(&["spec", "template", "metadata", "labels"]).cloned();
    if let Some(labels) = of_pods.filter(|labels| labels.as_object().is_some_and(|labels| !labels.is_empty()))
    {
        job.set_meta("labels", labels);
    }
}

#[cfg(test)]
mod tests;
