//! The rules for a job's spec.

use ironclad_api::field::BadValue;
use ironclad_api::labels::LabelSelector;
use ironclad_api::{FieldError, Object, Path, validation};
use k8s_openapi::api::batch::v1 as batch;
use serde_json::{Value, json};

use super::{INDEXED, failure_policy, selector, success_policy};
use crate::pod_template::workload;
use crate::spec::typed;

const MODES: [&str; 2] = ["NonIndexed", INDEXED];
const REPLACEMENT: [&str; 2] = ["Failed", "TerminatingOrFailed"];
const MAX_MANAGER: usize = 63;
const MAX_PARALLELISM: i64 = 100_000;
const MAX_FAILED_INDEXES: i64 = 100_000;
/// Beyond so many completions an indexed job needs lower limits.
const MANY_COMPLETIONS: i64 = 100_000;
const LIMIT_OF_MANY: i64 = 10_000;
const NEEDS_INDEXES: &str = "requires indexed completion mode";

pub(super) fn job(job: &Object, old: Option<&Object>) -> Vec<FieldError> {
    let typed: batch::Job = typed(job);
    let spec = typed.spec.unwrap_or_default();
    let path = Path::new("spec");
    let mut errors = selector::validate(job, old);
    errors.extend(numbers(job, &spec, &path));
    errors.extend(completion_mode(&spec, &path));
    errors.extend(failure_policy::validate(&spec, &path.child("podFailurePolicy")));
    errors.extend(success(&spec, &path.child("successPolicy")));
    errors.extend(replacement(&spec, &path.child("podReplacementPolicy")));
    errors.extend(workload::template_rules(job, old));
    errors.extend(restart_policy(job, &spec));
    errors.extend(selected(job));
    errors.extend(last_host_name(job, &spec));
    errors
}

fn numbers(job: &Object, spec: &batch::JobSpec, path: &Path) -> Vec<FieldError> {
    let fields = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    let mut errors = workload::not_negative(job, "spec", &fields);
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
        let rules: Vec<String> = policy.rules.iter().map(printed_rule).collect();
        let shown = BadValue::Printed(format!("{{\"Rules\":[{}]}}", rules.join(",")));
        return vec![FieldError::invalid(path, shown, NEEDS_INDEXES)];
    }
    success_policy::validate(policy, spec.completions.unwrap_or(0).into(), path)
}

/// As Go prints the struct.
fn printed_rule(rule: &batch::SuccessPolicyRule) -> String {
    format!(
        "{{\"SucceededIndexes\":{},\"SucceededCount\":{}}}",
        json!(rule.succeeded_indexes),
        json!(rule.succeeded_count)
    )
}

/// With a failure policy, pods are replaced once they have failed.
fn replacement(spec: &batch::JobSpec, path: &Path) -> Option<FieldError> {
    let policy = spec.pod_replacement_policy.as_deref()?;
    let supported = if spec.pod_failure_policy.is_some() { &REPLACEMENT[..1] } else { &REPLACEMENT };
    (!supported.contains(&policy)).then(|| FieldError::not_supported(path, policy, supported.iter().copied()))
}

/// A job's pods end; `Always`, which is the default, would keep them from it.
fn restart_policy(job: &Object, spec: &batch::JobSpec) -> Option<FieldError> {
    let path = Path::new("spec.template.spec.restartPolicy");
    match job.str_at(&["spec", "template", "spec", "restartPolicy"]) {
        "" | "Always" => Some(FieldError::required(&path, "valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" if spec.pod_failure_policy.is_some() => {
            let detail = "only \"Never\" is supported when podFailurePolicy is specified";
            Some(FieldError::invalid(&path, "OnFailure", detail))
        }
        "OnFailure" | "Never" => None,
        other => Some(FieldError::not_supported(&path, other, ["OnFailure", "Never"])),
    }
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
