//! The pods of a Job.

use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource, ObjectFieldSelector, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::facts::{COMPLETION_INDEX, FINALIZER, Facts, INDEX_FAILURES, INDEX_IGNORED_FAILURES, number};
use crate::pods;

const ENVIRONMENT: &str = "JOB_COMPLETION_INDEX";
/// What the API server adds to a generated name still fits a DNS label.
const MAX_GENERATE_NAME: usize = 58;

/// A pod of the job's template; `index` where the job is indexed.
pub(super) fn pod(facts: &Facts<'_>, reference: OwnerReference, index: Option<usize>) -> Pod {
    let mut pod = pods::from_template(&facts.spec.template, &facts.job.metadata, reference);
    let finalizers = pod.metadata.finalizers.get_or_insert_default();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        finalizers.push(FINALIZER.to_owned());
    }
    if let Some(index) = index {
        give_index(&mut pod, facts, index);
    }
    pod
}

fn give_index(pod: &mut Pod, facts: &Facts<'_>, index: usize) {
    let job = facts.job.metadata.name.as_deref().unwrap_or_default();
    let meta = &mut pod.metadata;
    meta.generate_name = Some(generate_name(job, index));
    meta.labels.get_or_insert_default().insert(COMPLETION_INDEX.into(), index.to_string());
    let annotations = meta.annotations.get_or_insert_default();
    annotations.insert(COMPLETION_INDEX.into(), index.to_string());
    if facts.has_limit_per_index() {
        let (failures, ignored) = failures(facts, index);
        annotations.insert(INDEX_FAILURES.into(), failures.to_string());
        if ignored > 0 {
            annotations.insert(INDEX_IGNORED_FAILURES.into(), ignored.to_string());
        }
    }
    if let Some(spec) = &mut pod.spec {
        spec.hostname = Some(format!("{job}-{index}"));
        let init = spec.init_containers.iter_mut().flatten();
        init.chain(&mut spec.containers).for_each(tell_index);
    }
}

/// The index, cut from the job's name if need be, never from the index.
fn generate_name(job: &str, index: usize) -> String {
    let end = format!("-{index}-");
    let room = MAX_GENERATE_NAME.saturating_sub(end.len());
    let start = job.get(..room).unwrap_or(job);
    format!("{start}{end}")
}

/// How often the index has failed, counted and not, with the pod that this one replaces.
fn failures(facts: &Facts<'_>, index: usize) -> (i32, i32) {
    let Some(before) = facts.replaced.get(&index) else { return (0, 0) };
    let (failures, ignored) = (number(before, INDEX_FAILURES), number(before, INDEX_IGNORED_FAILURES));
    match facts.counts_as_failed(before) {
        true => (failures.saturating_add(1), ignored),
        false => (failures, ignored.saturating_add(1)),
    }
}

/// Puts the index into the container's environment, unless the template has that variable itself.
fn tell_index(container: &mut Container) {
    let env = container.env.get_or_insert_default();
    if env.iter().any(|variable| variable.name == ENVIRONMENT) {
        return;
    }
    let field = ObjectFieldSelector {
        field_path: format!("metadata.labels['{COMPLETION_INDEX}']"),
        ..ObjectFieldSelector::default()
    };
    env.push(EnvVar {
        name: ENVIRONMENT.to_owned(),
        value_from: Some(EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() }),
        ..EnvVar::default()
    });
}
