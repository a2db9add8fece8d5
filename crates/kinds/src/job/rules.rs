//! The rules for a job.

use ironclad_api::labels::LabelSelector;
use ironclad_api::{FieldError, Object, Path, validation};
use k8s_openapi::api::batch::v1 as batch;
use serde_json::Value;

use super::selector;
use crate::job_spec::{self, INDEXED};
use crate::pod_template::workload;
use crate::spec::typed;

pub(super) fn job(job: &Object, old: Option<&Object>) -> Vec<FieldError> {
    let spec_of = |job: &Object| typed::<batch::Job>(job).spec.unwrap_or_default();
    let spec = spec_of(job);
    let mut errors = selector::validate(job, old);
    errors.extend(job_spec::validate(&spec, old.map(spec_of).as_ref(), &Path::new("spec")));
    errors.extend(selected(job));
    errors.extend(last_host_name(job, &spec));
    errors
}

fn selected(job: &Object) -> Vec<FieldError> {
    let path = Path::new("spec").child("selector");
    let Some(value) = job.at(&["spec", "selector"]).filter(|selector| selector.is_object()) else {
        return vec![FieldError::required(&path, ""), workload::unselected(job)];
    };
    let selector: LabelSelector = serde_json::from_value(Value::clone(value)).unwrap_or_default();
    let mut errors = selector.validate(&path);
    if selector.to_selector().is_ok_and(|selector| !selector.matches(&workload::template_labels(job))) {
        errors.push(workload::unselected(job));
    }
    errors
}

/// Pods of an indexed job have their index in the host name.
fn last_host_name(job: &Object, spec: &batch::JobSpec) -> Option<FieldError> {
    let completions =
        spec.completions.filter(|count| *count > 0 && spec.completion_mode.as_deref() == Some(INDEXED))?;
    let last = format!("{}-{}", job.name(), completions - 1);
    let detail = format!("will not able to create pod with invalid DNS label: {last}");
    let path = Path::new("metadata").child("name");
    (!validation::dns1123_label(&last).is_empty()).then(|| FieldError::invalid(&path, job.name(), detail))
}
