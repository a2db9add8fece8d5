//! `batch/v1 Job`.

mod columns;
mod rules;
mod selector;
mod status;
mod update;

use ironclad_api::params::{DeleteOptions, PropagationPolicy};
use ironclad_api::{FieldError, Object, Path, Status};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, SelectableField, Strategy, Subresource};
use k8s_openapi::api::batch::v1 as batch;
use serde_json::Value;

use crate::job_spec;
use crate::pod_template::workload;
use crate::spec::{default_to, names, spec, typed};

const BACKOFF_LIMIT: i64 = 6;

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

    /// The labels of the pods are known in full only now.
    fn canonicalize(&self, job: &mut Object) {
        label_like_pods(job);
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        if old.is_some_and(|old| old.generation() == new.generation()) {
            return Vec::new();
        }
        let name = workload::name_warning(new).filter(|_| old.is_none());
        let spec = typed::<batch::Job>(new).spec.unwrap_or_default();
        name.into_iter().chain(job_spec::warnings(&spec, &Path::new("spec"))).collect()
    }

    fn warning_of_delete(&self, options: &DeleteOptions) -> Option<&'static str> {
        options.propagation_policy.is_none().then_some(
            "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove \
             them or set propagationPolicy=Orphan to suppress this warning",
        )
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
    job_spec::default(spec);
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
