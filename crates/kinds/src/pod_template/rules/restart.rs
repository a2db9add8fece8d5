//! Restart policies of single containers (KEP-5307), and of resizes (KEP-1287).

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Path};
use k8s_openapi::api::core::v1 as core;

use super::scene::Scene;
use super::{Errors, items, one_of, required_one_of};

const POLICIES: [&str; 3] = ["Always", "Never", "OnFailure"];
const ACTIONS: [&str; 2] = ["Restart", "RestartAllContainers"];
const OPERATORS: [&str; 2] = ["In", "NotIn"];
const MAX_RULES: usize = 20;
const MAX_EXIT_CODES: usize = 255;
const POLICY_NEEDED: &str = "must specify restartPolicy when restart rules are used";

/// `restartPolicy` and `restartPolicyRules`.
pub(super) fn policy(container: &core::Container, path: &Path) -> Errors {
    let rules = items(&container.restart_policy_rules);
    let at = path.child("restartPolicy");
    let mut errors = Errors::new();
    match container.restart_policy.as_deref() {
        None if rules.is_empty() => return errors,
        None => errors.push(FieldError::required(&at, POLICY_NEEDED)),
        Some(policy) => errors.extend(one_of(&at, policy, &POLICIES)),
    }
    let path = path.child("restartPolicyRules");
    if rules.len() > MAX_RULES {
        errors.push(FieldError::too_many(&path, rules.len(), MAX_RULES));
    }
    for (index, rule) in rules.iter().enumerate() {
        errors.extend(self::rule(rule, &path.index(index)));
    }
    errors
}

/// The same for init containers; without a policy only the rules are wrong.
pub(super) fn init_policy(container: &core::Container, path: &Path) -> Errors {
    match container.restart_policy {
        Some(_) => policy(container, path),
        None if items(&container.restart_policy_rules).is_empty() => Errors::new(),
        None => vec![FieldError::required(&path.child("restartPolicy"), POLICY_NEEDED)],
    }
}

fn rule(rule: &core::ContainerRestartRule, path: &Path) -> Errors {
    let mut errors: Errors = one_of(&path.child("action"), &rule.action, &ACTIONS).into_iter().collect();
    let path = path.child("exitCodes");
    let Some(codes) = &rule.exit_codes else {
        errors.push(FieldError::required(&path, "must be specified"));
        return errors;
    };
    errors.extend(one_of(&path.child("operator"), &codes.operator, &OPERATORS));
    let count = items(&codes.values).len();
    if count > MAX_EXIT_CODES {
        errors.push(FieldError::too_many(&path.child("values"), count, MAX_EXIT_CODES));
    }
    errors
}

/// What a resize of each resource does to the container.
pub(super) fn resize_policy(container: &core::Container, scene: &Scene<'_>, path: &Path) -> Errors {
    let mut errors = Errors::new();
    let mut seen = BTreeSet::new();
    for (index, policy) in items(&container.resize_policy).iter().enumerate() {
        if !seen.insert(&policy.resource_name) {
            errors.push(FieldError::duplicate(&path.index(index), &policy.resource_name));
        }
        errors.extend(required_one_of(path, &policy.resource_name, &["cpu", "memory"]));
        errors.extend(required_one_of(path, &policy.restart_policy, &["NotRequired", "RestartContainer"]));
        if scene.restart_policy() == "Never" && policy.restart_policy != "NotRequired" {
            let detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
            errors.push(FieldError::invalid(path, &policy.restart_policy, detail));
        }
    }
    errors
}
