//! The selector that a job gets unless it brings its own: its pods are those with its uid.

use ironclad_api::labels::LabelSelector;
use ironclad_api::object::object_in;
use ironclad_api::{FieldError, Object, Path};
use serde_json::Value;

use crate::pod_template::workload::template_labels;

const UID: &str = "batch.kubernetes.io/controller-uid";
const NAME: &str = "batch.kubernetes.io/job-name";
const OLD_UID: &str = "controller-uid";
const OLD_NAME: &str = "job-name";

fn is_manual(job: &Object) -> bool {
    job.at(&["spec", "manualSelector"]) == Some(&Value::Bool(true))
}

/// Labels the pods with the job's name and uid, and selects them by the uid. What the client has
/// set stays; validation refuses it if it is wrong.
pub(super) fn generate(job: &mut Object) {
    if is_manual(job) {
        return;
    }
    let (name, uid) = (job.name().to_owned(), job.uid().to_owned());
    let spec = job.section_mut("spec");
    let labels = object_in(object_in(object_in(spec, "template"), "metadata"), "labels");
    for (label, value) in [(OLD_NAME, &name), (NAME, &name), (OLD_UID, &uid), (UID, &uid)] {
        labels.entry(label).or_insert_with(|| value.clone().into());
    }
    let selected = object_in(object_in(spec, "selector"), "matchLabels");
    selected.entry(UID).or_insert_with(|| uid.into());
}

/// A generated selector and its labels are as they were generated. Jobs from before the labels had
/// their prefix do without those.
pub(super) fn validate(job: &Object, old: Option<&Object>) -> Vec<FieldError> {
    if is_manual(job) || !job.at(&["spec", "selector"]).is_some_and(Value::is_object) {
        return Vec::new();
    }
    let mut errors = Vec::new();
    if job.uid().is_empty() {
        errors.push(FieldError::required(&Path::new("metadata").child("uid"), ""));
    }
    let prefixed = old.is_none_or(|old| {
        let labels = template_labels(old);
        labels.contains_key(NAME) && labels.contains_key(UID)
    });
    let mut expected = vec![(OLD_UID, job.uid()), (OLD_NAME, job.name())];
    if prefixed {
        expected.extend([(UID, job.uid()), (NAME, job.name())]);
    }
    errors.extend(expected.iter().filter_map(|(label, value)| label_error(job, label, value)));
    let labels = expected.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    let value = job.at(&["spec", "selector"]).cloned().unwrap_or_default();
    let selector: LabelSelector = serde_json::from_value(value.clone()).unwrap_or_default();
    if selector.to_selector().is_ok_and(|selector| !selector.matches(&labels)) {
        let path = Path::new("spec").child("selector");
        errors.push(FieldError::invalid(&path, value, "`selector` not auto-generated"));
    }
    errors
}

fn label_error(job: &Object, label: &str, want: &str) -> Option<FieldError> {
    let labels = job.at(&["spec", "template", "metadata", "labels"]).cloned().unwrap_or_default();
    let path = Path::new("spec.template.metadata.labels").key(label);
    let detail = format!("must be '{want}'");
    match labels.get(label).and_then(Value::as_str) {
        None => Some(FieldError::required(&path, detail)),
        Some(value) if value != want => Some(FieldError::invalid(&path, labels, detail)),
        Some(_) => None,
    }
}
