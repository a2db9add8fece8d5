//! The rules for a job's spec, but for its selector.

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::batch::v1 as batch;

use super::{INDEXED, failure_policy, success_policy};
use crate::go_form;
use crate::pod_template::rules::{changed_template, template};

const MODES: [&str; 2] = ["NonIndexed", INDEXED];
const REPLACEMENT: [&str; 2] = ["Failed", "TerminatingOrFailed"];
const MAX_MANAGER: usize = 63;
const MAX_PARALLELISM: i64 = 100_000;
const MAX_FAILED_INDEXES: i64 = 100_000;
/// Beyond so many completions an indexed job needs lower limits.
const MANY_COMPLETIONS: i64 = 100_000;
const LIMIT_OF_MANY: i64 = 10_000;
const NEEDS_INDEXES: &str = "requires indexed completion mode";

/// On an update, what was wrong with the template before is let be.
pub(crate) fn validate(spec: &batch::JobSpec, old: Option<&batch::JobSpec>, path: &Path) -> Vec<FieldError> {
    let mut errors = numbers(spec, path);
    errors.extend(completion_mode(spec, path));
    errors.extend(failure_policy::validate(spec, &path.child("podFailurePolicy")));
    errors.extend(success(spec, &path.child("successPolicy")));
    errors.extend(replacement(spec, &path.child("podReplacementPolicy")));
    let at = path.child("template");
    errors.extend(match old {
        None => template(&spec.template, &at),
        Some(old) => changed_template(&spec.template, &old.template, &at),
    });
    errors.extend(restart_policy(spec, path));
    errors
}

fn numbers(spec: &batch::JobSpec, path: &Path) -> Vec<FieldError> {
    let numbers = [
        ("parallelism", spec.parallelism.map(i64::from)),
        ("completions", spec.completions.map(i64::from)),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit.map(i64::from)),
        ("ttlSecondsAfterFinished", spec.ttl_seconds_after_finished.map(i64::from)),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index.map(i64::from)),
        ("maxFailedIndexes", spec.max_failed_indexes.map(i64::from)),
    ];
    let given = numbers.into_iter().filter_map(|(field, number)| Some((field, number?)));
    let mut errors: Vec<FieldError> = given
        .flat_map(|(field, number)| validation::number::not_negative(&path.child(field), number))
        .collect();
    if spec.max_failed_indexes.is_some() && spec.backoff_limit_per_index.is_none() {
        let detail = "when maxFailedIndexes is specified";
        errors.push(FieldError::required(&path.child("backoffLimitPerIndex"), detail));
    }
    if let Some(manager) = &spec.managed_by {
        let path = path.child("managedBy");
        errors.extend(validation::path::domain_prefixed_path(&path, manager));
        if manager.len() > MAX_MANAGER {
            errors.push(FieldError::too_long(&path, MAX_MANAGER));
        }
    }
    errors
}

fn completion_mode(spec: &batch::JobSpec, path: &Path) -> Vec<FieldError> {
    match spec.completion_mode.as_deref() {
        Some(INDEXED) => indexed(spec, path),
        None | Some("NonIndexed") => {
            let given = [
                ("backoffLimitPerIndex", spec.backoff_limit_per_index),
                ("maxFailedIndexes", spec.max_failed_indexes),
            ];
            let given = given.into_iter().filter_map(|(field, number)| Some((field, number?)));
            given
                .map(|(field, number)| FieldError::invalid(&path.child(field), number, NEEDS_INDEXES))
                .collect()
        }
        Some(other) => vec![FieldError::not_supported(&path.child("completionMode"), other, MODES)],
    }
}

fn indexed(spec: &batch::JobSpec, path: &Path) -> Vec<FieldError> {
    let (completions, parallelism) = (spec.completions.map(i64::from), spec.parallelism.map(i64::from));
    let failed = spec.max_failed_indexes.map(i64::from);
    let at_most = |field: &str, value: Option<i64>, most: i64, detail: String| {
        let value = value.filter(|value| *value > most)?;
        Some(FieldError::invalid(&path.child(field), value, detail))
    };
    let mut errors = Vec::new();
    if completions.is_none() {
        errors.push(FieldError::required(&path.child("completions"), "when completion mode is Indexed"));
    }
    let detail = format!("must be less than or equal to {MAX_PARALLELISM} when completion mode is Indexed");
    errors.extend(at_most("parallelism", parallelism, MAX_PARALLELISM, detail));
    let detail = "must be less than or equal to completions".to_owned();
    errors
        .extend(completions.and_then(|completions| at_most("maxFailedIndexes", failed, completions, detail)));
    let detail = format!("must be less than or equal to {MAX_FAILED_INDEXES}");
    errors.extend(at_most("maxFailedIndexes", failed, MAX_FAILED_INDEXES, detail));
    if completions.is_some_and(|completions| completions > MANY_COMPLETIONS)
        && spec.backoff_limit_per_index.is_some()
    {
        if failed.is_none() {
            let detail = format!("must be specified when completions is above {MANY_COMPLETIONS}");
            errors.push(FieldError::required(&path.child("maxFailedIndexes"), detail));
        }
        let detail = format!(
            "must be less than or equal to {LIMIT_OF_MANY} when completions are above {MANY_COMPLETIONS} and used with \
             backoff limit per index"
        );
        errors.extend(at_most("parallelism", parallelism, LIMIT_OF_MANY, detail.clone()));
        errors.extend(at_most("maxFailedIndexes", failed, LIMIT_OF_MANY, detail));
    }
    errors
}

fn success(spec: &batch::JobSpec, path: &Path) -> Vec<FieldError> {
    let Some(policy) = &spec.success_policy else { return Vec::new() };
    if spec.completion_mode.as_deref() != Some(INDEXED) {
        let shown = go_form::compact("SuccessPolicy", policy);
        return vec![FieldError::invalid(path, shown, NEEDS_INDEXES)];
    }
    success_policy::validate(policy, spec.completions.unwrap_or(0).into(), path)
}

/// With a failure policy, pods are replaced once they have failed.
fn replacement(spec: &batch::JobSpec, path: &Path) -> Option<FieldError> {
    let policy = spec.pod_replacement_policy.as_deref()?;
    let supported = if spec.pod_failure_policy.is_some() { &REPLACEMENT[..1] } else { &REPLACEMENT };
    (!supported.contains(&policy)).then(|| FieldError::not_supported(path, policy, supported.iter().copied()))
}

/// A job's pods end; `Always`, which is the default, would keep them from it.
fn restart_policy(spec: &batch::JobSpec, path: &Path) -> Option<FieldError> {
    let path = path.child("template.spec.restartPolicy");
    let pod = spec.template.spec.as_ref();
    match pod.and_then(|pod| pod.restart_policy.as_deref()).unwrap_or_default() {
        "" | "Always" => Some(FieldError::required(&path, "valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" if spec.pod_failure_policy.is_some() => {
            let detail = "only \"Never\" is supported when podFailurePolicy is specified";
            Some(FieldError::invalid(&path, "OnFailure", detail))
        }
        "OnFailure" | "Never" => None,
        other => Some(FieldError::not_supported(&path, other, ["OnFailure", "Never"])),
    }
}
