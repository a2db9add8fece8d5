//! `spec.successPolicy` (KEP-3998).

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::batch::v1 as batch;

use super::indexes;

const MAX_RULES: usize = 20;
const MAX_INDEXES_LENGTH: usize = 64 * 1024;

/// Of an indexed job; without completions it is refused elsewhere.
pub(super) fn validate(policy: &batch::SuccessPolicy, completions: i64, path: &Path) -> Vec<FieldError> {
    let path = path.child("rules");
    let mut errors = Vec::new();
    if policy.rules.is_empty() {
        let detail = "at least one rules must be specified when the successPolicy is specified";
        errors.push(FieldError::required(&path, detail));
    }
    if policy.rules.len() > MAX_RULES {
        errors.push(FieldError::too_many(&path, policy.rules.len(), MAX_RULES));
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        errors.extend(self::rule(rule, completions, &path.index(index)));
    }
    errors
}

fn rule(rule: &batch::SuccessPolicyRule, completions: i64, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if rule.succeeded_count.is_none() && rule.succeeded_indexes.is_none() {
        let detail = "at least one of succeededCount or succeededIndexes must be specified";
        errors.push(FieldError::required(path, detail));
    }
    let mut listed = 0;
    if let Some(list) = &rule.succeeded_indexes {
        let path = path.child("succeededIndexes");
        if list.len() > MAX_INDEXES_LENGTH {
            errors.push(FieldError::too_long(&path, MAX_INDEXES_LENGTH));
        }
        match indexes::count(list, completions) {
            Ok(count) => listed = count,
            Err(why) => {
                let detail = format!("error parsing succeededIndexes: {why}");
                errors.push(FieldError::invalid(&path, list, detail));
            }
        }
    }
    let Some(count) = rule.succeeded_count.map(i64::from) else { return errors };
    let path = path.child("succeededCount");
    errors.extend(validation::number::not_negative(&path, count));
    if count > completions {
        let detail =
            format!("must be less than or equal to {completions} (the number of specified completions)");
        errors.push(FieldError::invalid(&path, count, detail));
    }
    if rule.succeeded_indexes.is_some() && count > listed {
        let detail = format!(
            "must be less than or equal to {listed} (the number of indexes in the specified succeededIndexes field)"
        );
        errors.push(FieldError::invalid(&path, count, detail));
    }
    errors
}
