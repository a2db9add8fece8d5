//! What is wrong with a policy, in upstream's words.

use ironclad_api::validation::name;
use ironclad_api::{FieldError, Path};
use serde_json::Value;

const LEVELS: [&str; 4] = ["None", "Metadata", "Request", "RequestResponse"];
const STAGES: [&str; 4] = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"];

/// Of the file as it was read. What is of the wrong type is left to whoever reads it into a [`super::Rules`].
pub fn faults(policy: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    omit_stages(policy, &Path::new("omitStages"), &mut errors);
    for (index, rule) in list(policy, "rules").enumerate() {
        check_rule(rule, &Path::new("rules").index(index), &mut errors);
    }
    errors
}

fn check_rule(rule: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    match rule.get("level").and_then(Value::as_str).unwrap_or_default() {
        "" => errors.push(FieldError::required(&path.child("level"), "")),
        level if LEVELS.contains(&level) => {}
        level => errors.push(FieldError::not_supported(&path.child("level"), level, LEVELS)),
    }
    let of_paths = path.child("nonResourceURLs");
    for (index, url) in list(rule, "nonResourceURLs").filter_map(Value::as_str).enumerate() {
        check_path(url, &of_paths.index(index), errors);
    }
    for resources in list(rule, "resources") {
        check_resources(resources, &path.child("resources"), errors);
    }
    omit_stages(rule, &path.child("omitStages"), errors);
    let of_resources = ["resources", "namespaces"].iter().any(|field| list(rule, field).next().is_some());
    if of_resources && list(rule, "nonResourceURLs").next().is_some() {
        let why = "rules cannot apply to both regular resources and non-resource URLs";
        errors.push(FieldError::invalid(&of_paths, &rule["nonResourceURLs"], why));
    }
}

fn check_path(url: &str, path: &Path, errors: &mut Vec<FieldError>) {
    if url == "*" {
        return;
    }
    if !url.starts_with('/') {
        let why = "non-resource URL rules must begin with a '/' character";
        errors.push(FieldError::invalid(path, url, why));
    }
    if url.strip_suffix('*').unwrap_or(url).contains('*') {
        let why = "non-resource URL wildcards '*' must be the final character of the rule";
        errors.push(FieldError::invalid(path, url, why));
    }
}

fn check_resources(resources: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let group = resources.get("group").and_then(Value::as_str).unwrap_or_default();
    let faults = name::subdomain(group, false);
    if !matches!(group, "" | "*") && !faults.is_empty() {
        errors.push(FieldError::invalid(&path.child("group"), group, faults.join(",")));
    }
    if list(resources, "resourceNames").next().is_some() && list(resources, "resources").next().is_none() {
        let why = "using resourceNames requires at least one resource";
        errors.push(FieldError::invalid(&path.child("resourceNames"), &resources["resourceNames"], why));
    }
}

fn omit_stages(of: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for (index, stage) in list(of, "omitStages").filter_map(Value::as_str).enumerate() {
        if !STAGES.contains(&stage) {
            let why = format!("allowed stages are {}", STAGES.join(","));
            errors.push(FieldError::invalid(&path.index(index), stage, why));
        }
    }
}

fn list<'a>(of: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    of.get(field).and_then(Value::as_array).into_iter().flatten()
}
