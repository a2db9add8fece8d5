//! What a Job says about pods that fail: `spec.podFailurePolicy`.
//!
//! Source: <https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy>, KEP-3329.

use k8s_openapi::api::batch::v1::{
    PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};

/// What becomes of a failed pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It counts towards the limits, as without a policy.
    Count,
    /// It does not count.
    Ignore,
    /// The pod's index has failed for good.
    FailIndex,
    /// The job has failed for good, and this is why.
    FailJob(String),
}

/// The first rule that matches decides.
pub(super) fn outcome(policy: Option<&PodFailurePolicy>, pod: &Pod) -> Outcome {
    let rules = policy.into_iter().flat_map(|policy| &policy.rules).enumerate();
    let mut matching = rules.filter_map(|(at, rule)| apply(rule, at, pod));
    matching.next().unwrap_or(Outcome::Count)
}

fn apply(rule: &PodFailurePolicyRule, at: usize, pod: &Pod) -> Option<Outcome> {
    let action = &rule.action;
    let name = || {
        let meta = &pod.metadata;
        format!(
            "{}/{}",
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default()
        )
    };
    let why = if let Some(codes) = &rule.on_exit_codes {
        let (container, code) = failed_container(pod.status.as_ref()?, codes)?;
        let pod = name();
        format!(
            "Container {container} for pod {pod} failed with exit code {code} matching {action} rule at index {at}"
        )
    } else {
        let condition = matching_condition(pod.status.as_ref()?, rule)?;
        format!("Pod {} has condition {condition} matching {action} rule at index {at}", name())
    };
    match action.as_str() {
        "Ignore" => Some(Outcome::Ignore),
        "FailIndex" => Some(Outcome::FailIndex),
        "FailJob" => Some(Outcome::FailJob(why)),
        "Count" => Some(Outcome::Count),
        _ => None,
    }
}

/// The first container, main ones before init containers, whose exit code is meant.
fn failed_container<'a>(
    status: &'a PodStatus,
    wanted: &PodFailurePolicyOnExitCodesRequirement,
) -> Option<(&'a str, i32)> {
    let lists = [&status.container_statuses, &status.init_container_statuses];
    let mut containers = lists.into_iter().flatten().flatten();
    containers.find_map(|container| Some((container.name.as_str(), matching_code(container, wanted)?)))
}

fn matching_code(
    container: &ContainerStatus,
    wanted: &PodFailurePolicyOnExitCodesRequirement,
) -> Option<i32> {
    let code = container.state.as_ref()?.terminated.as_ref()?.exit_code;
    let named = wanted.container_name.as_ref().is_none_or(|name| *name == container.name);
    let listed = match wanted.operator.as_str() {
        "In" => wanted.values.contains(&code),
        "NotIn" => !wanted.values.contains(&code),
        _ => false,
    };
    (named && code != 0 && listed).then_some(code)
}

fn matching_condition<'a>(status: &'a PodStatus, rule: &PodFailurePolicyRule) -> Option<&'a str> {
    let patterns = rule.on_pod_conditions.as_ref()?;
    let mut conditions = status.conditions.iter().flatten();
    let found = conditions.find(|condition| {
        patterns.iter().any(|pattern| {
            pattern.type_ == condition.type_
                && pattern.status.as_deref().unwrap_or("True") == condition.status
        })
    });
    found.map(|condition| condition.type_.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(rules: Value, status: Value, expected: Outcome) {
        let policy: PodFailurePolicy = serde_json::from_value(json!({ "rules": rules })).unwrap();
        let metadata = json!({ "namespace": "ns", "name": "p" });
        let pod: Pod = serde_json::from_value(json!({ "metadata": metadata, "status": status })).unwrap();
        assert_eq!(outcome(Some(&policy), &pod), expected, "{rules} {status}");
    }

    fn exited(name: &str, code: i32) -> Value {
        json!({ "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": { "terminated": { "exitCode": code } } })
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let codes = |action: &str, operator: &str, values: &[i32]| json!({ "action": action, "onExitCodes": { "operator": operator, "values": values } });
        let failed = |code| json!({ "containerStatuses": [exited("c", code)] });
        check(json!([codes("Ignore", "In", &[3, 4])]), failed(4), Outcome::Ignore);
        check(json!([codes("Ignore", "In", &[3])]), failed(4), Outcome::Count);
        check(json!([codes("FailIndex", "NotIn", &[3])]), failed(4), Outcome::FailIndex);
        check(json!([codes("Count", "In", &[4]), codes("Ignore", "In", &[4])]), failed(4), Outcome::Count);
        check(json!([codes("FailIndex", "NotIn", &[3])]), failed(0), Outcome::Count);
        let message = "Container c for pod ns/p failed with exit code 4 matching FailJob rule at index 1";
        let rules = json!([codes("Ignore", "In", &[3]), codes("FailJob", "In", &[4])]);
        check(rules, failed(4), Outcome::FailJob(message.into()));
        let init = json!({ "initContainerStatuses": [exited("i", 7)], "containerStatuses": [] });
        check(json!([codes("Ignore", "In", &[7])]), init, Outcome::Ignore);
        let mut named = codes("Ignore", "In", &[4]);
        named["onExitCodes"]["containerName"] = "other".into();
        check(json!([named]), failed(4), Outcome::Count);
    }

    #[test]
    fn conditions_match_by_type_and_status() {
        let rule = |action: &str| json!([{ "action": action, "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] }]);
        let with = |status: &str| json!({ "conditions": [{ "type": "DisruptionTarget", "status": status }] });
        check(rule("Ignore"), with("True"), Outcome::Ignore);
        check(rule("Ignore"), with("False"), Outcome::Count);
        let message = "Pod ns/p has condition DisruptionTarget matching FailJob rule at index 0";
        check(rule("FailJob"), with("True"), Outcome::FailJob(message.into()));
    }
}
