//! When an indexed Job has succeeded before all its indexes have: `spec.successPolicy`.
//!
//! Source: <https://kubernetes.io/docs/concepts/workloads/controllers/job/#success-policy>, KEP-3998.

use k8s_openapi::api::batch::v1::{SuccessPolicy, SuccessPolicyRule};

use super::indexes::Indexes;

/// The message about the first rule that is met.
pub(super) fn met(policy: Option<&SuccessPolicy>, completions: usize, succeeded: &Indexes) -> Option<String> {
    if succeeded.is_empty() {
        return None;
    }
    let at = policy?.rules.iter().position(|rule| is_met(rule, completions, succeeded))?;
    Some(format!("Matched rules at index {at}"))
}

fn is_met(rule: &SuccessPolicyRule, completions: usize, succeeded: &Indexes) -> bool {
    let enough = |count: usize| {
        let wanted = rule.succeeded_count.and_then(|wanted| usize::try_from(wanted).ok());
        wanted.is_some_and(|wanted| count >= wanted)
    };
    let Some(text) = &rule.succeeded_indexes else { return enough(succeeded.len()) };
    let required = Indexes::parse(text, completions);
    let there = required.overlap(succeeded);
    !required.is_empty() && (there == required.len() || enough(there))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_first_rule_that_is_met_is_named() {
        let check = |rules: Value, succeeded: &str, expected: Option<usize>| {
            let policy: SuccessPolicy = serde_json::from_value(json!({ "rules": rules })).unwrap();
            let met = met(Some(&policy), 10, &Indexes::parse(succeeded, 10));
            assert_eq!(met, expected.map(|at| format!("Matched rules at index {at}")), "{rules} {succeeded}");
        };
        check(json!([{ "succeededCount": 2 }]), "0", None);
        check(json!([{ "succeededCount": 2 }]), "0,5", Some(0));
        check(json!([{ "succeededIndexes": "1-3" }]), "0-2", None);
        check(json!([{ "succeededIndexes": "1-3" }]), "1-3", Some(0));
        check(json!([{ "succeededIndexes": "1-3", "succeededCount": 1 }]), "2,7", Some(0));
        check(json!([{ "succeededIndexes": "1-3", "succeededCount": 1 }]), "7", None);
        check(json!([{ "succeededIndexes": "9" }, { "succeededCount": 1 }]), "7", Some(1));
        check(json!([{ "succeededIndexes": "x" }]), "7", None);
        check(json!([{ "succeededCount": 0 }]), "", None);
    }
}
