//! Whether a PodDisruptionBudget lets a pod go.
//! Source: <https://kubernetes.io/docs/concepts/workloads/pods/disruptions/>, KEP-3017.

use ironclad_api::labels::{LabelSelector, Labels};
use ironclad_api::object::object_in;
use ironclad_api::{GroupResource, Object, Status, time};
use jiff::Timestamp;
use serde_json::Value;

/// Disruptions that the budget's controller has not confirmed yet; more are refused.
const MAX_UNCONFIRMED: usize = 2000;
const CAUSE: &str = "DisruptionBudget";
const REFUSED: &str = "Cannot evict pod as it would violate the pod's disruption budget.";
const BUSY_SECONDS: u32 = 10;

/// The budgets of `all` that select a pod with these labels.
pub(super) fn selecting(all: impl IntoIterator<Item = Object>, labels: &Labels) -> Vec<Object> {
    let selects = |budget: &Object| {
        let selector = budget.at(&["spec", "selector"])?.clone();
        let selector: LabelSelector = serde_json::from_value(selector).ok()?;
        selector.to_selector().ok().map(|selector| selector.matches(labels))
    };
    // A malformed selector selects nothing.
    all.into_iter().filter(|budget| selects(budget).unwrap_or(false)).collect()
}

/// Whether a pod that is not ready may go without counting as a disruption.
pub(super) fn frees_unready(budget: &Object) -> bool {
    let healthy = number(budget, "currentHealthy");
    let desired = number(budget, "desiredHealthy");
    budget.str_at(&["spec", "unhealthyPodEvictionPolicy"]) == "AlwaysAllow"
        || (healthy >= desired && desired > 0)
}

/// Takes one disruption from the budget for this pod, or says why there is none.
pub(super) fn take(budget: &mut Object, pod: &str, now: Timestamp) -> Result<(), Status> {
    let name = budget.name().to_owned();
    if number(budget, "observedGeneration") < budget.generation() {
        return Err(busy(&name));
    }
    let allowed = number(budget, "disruptionsAllowed");
    let resource = GroupResource::new("policy", "poddisruptionbudget");
    if allowed < 0 {
        return Err(Status::forbidden(&resource, &name, "pdb disruptions allowed is negative"));
    }
    let unconfirmed =
        budget.at(&["status", "disruptedPods"]).and_then(Value::as_object).map_or(0, |pods| pods.len());
    if unconfirmed > MAX_UNCONFIRMED {
        let why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
        return Err(Status::forbidden(&resource, &name, why));
    }
    if allowed == 0 {
        let why = Status::too_many_requests(REFUSED, 0);
        return Err(why.with_cause(CAUSE, spent(budget), ""));
    }
    let status = budget.section_mut("status");
    status.insert("disruptionsAllowed".into(), (allowed - 1).into());
    object_in(status, "disruptedPods").insert(pod.to_owned(), time::format(now).into());
    if allowed == 1 {
        none_left(budget, now);
    }
    Ok(())
}

/// The budget's numbers are not those of its newest version: ask again.
pub(super) fn busy(budget: &str) -> Status {
    let why = format!("The disruption budget {budget} is still being processed by the server.");
    Status::too_many_requests(REFUSED, BUSY_SECONDS).with_cause(CAUSE, why, "")
}

fn number(budget: &Object, field: &str) -> i64 {
    budget.at(&["status", field]).and_then(Value::as_i64).unwrap_or(0)
}

/// Why a budget allows nothing now.
fn spent(budget: &Object) -> String {
    let name = budget.name();
    let conditions = budget.at(&["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
    let mut allowed = conditions.filter(|condition| condition["type"] == "DisruptionAllowed");
    let denial = allowed.next().filter(|condition| condition["status"] == "False");
    let text = |field: &str| denial.and_then(|denial| denial[field].as_str()).unwrap_or_default();
    let (reason, message) = (text("reason"), text("message"));
    let (healthy, desired) = (number(budget, "currentHealthy"), number(budget, "desiredHealthy"));
    match message {
        // A failed sync comes first: the numbers are not to be trusted then.
        message if !message.is_empty() && reason == "SyncFailed" => format!(
            "The disruption budget {name} does not allow evicting pods currently because it failed sync: {message}"
        ),
        _ if healthy <= desired => {
            format!("The disruption budget {name} needs {desired} healthy pods and has {healthy} currently")
        }
        message if !message.is_empty() => {
            format!(
                "The disruption budget {name} does not allow evicting pods currently ({reason}): {message}"
            )
        }
        _ => format!("The disruption budget {name} does not allow evicting pods currently"),
    }
}

/// Marks a budget whose last disruption was just taken.
fn none_left(budget: &mut Object, now: Timestamp) {
    let generation = budget.generation();
    let conditions =
        budget.at(&["status", "conditions"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let changed = serde_json::json!({
        "type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "",
        "observedGeneration": generation, "lastTransitionTime": time::format(now),
    });
    let others = conditions.into_iter().filter(|condition| condition["type"] != "DisruptionAllowed");
    let conditions: Vec<Value> = others.chain([changed]).collect();
    budget.section_mut("status").insert("conditions".into(), conditions.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn budget(status: Value) -> Object {
        let metadata = json!({"name": "b", "generation": 1});
        Object::from_value(json!({"metadata": metadata, "status": status})).expect("an object")
    }

    #[test]
    fn a_disruption_is_taken_from_the_budget() {
        let mut budget = budget(json!({"observedGeneration": 1, "disruptionsAllowed": 2}));
        take(&mut budget, "p", Timestamp::UNIX_EPOCH).expect("allowed");
        assert_eq!(
            budget.0["status"],
            json!({
                "observedGeneration": 1, "disruptionsAllowed": 1,
                "disruptedPods": {"p": "1970-01-01T00:00:00Z"},
            })
        );
        take(&mut budget, "q", Timestamp::UNIX_EPOCH).expect("allowed");
        assert_eq!(budget.0["status"]["conditions"][0]["status"], "False");
        assert!(take(&mut budget, "r", Timestamp::UNIX_EPOCH).is_err());
    }

    #[test]
    fn refusals_say_what_the_budget_needs() {
        let check = |status: Value, code: u16, retry: Option<u32>, cause: &str| {
            let refused = take(&mut budget(status), "p", Timestamp::UNIX_EPOCH).expect_err("refused");
            let causes: Vec<&str> = refused.causes().iter().map(|cause| cause.message.as_str()).collect();
            assert_eq!((refused.code, refused.retry_after_seconds(), causes), (code, retry, vec![cause]));
        };
        let base = "The disruption budget b";
        check(json!({}), 429, Some(10), &format!("{base} is still being processed by the server."));
        let status = |more: Value| {
            let mut status = json!({"observedGeneration": 1, "disruptionsAllowed": 0});
            status.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            status
        };
        check(
            status(json!({"desiredHealthy": 3, "currentHealthy": 3})),
            429,
            None,
            &format!("{base} needs 3 healthy pods and has 3 currently"),
        );
        let condition = |reason: &str| json!([{"type": "DisruptionAllowed", "status": "False", "reason": reason, "message": "why"}]);
        check(
            status(json!({"conditions": condition("SyncFailed")})),
            429,
            None,
            &format!("{base} does not allow evicting pods currently because it failed sync: why"),
        );
        check(
            status(json!({"currentHealthy": 1, "conditions": condition("Other")})),
            429,
            None,
            &format!("{base} does not allow evicting pods currently (Other): why"),
        );
    }

    #[test]
    fn budgets_select_by_labels() {
        let labels = Labels::from([("a".to_owned(), "1".to_owned())]);
        let check = |selector: Value, want: usize| {
            let budget = Object::from_value(json!({"spec": {"selector": selector}})).expect("an object");
            assert_eq!(selecting([budget], &labels).len(), want);
        };
        check(json!({"matchLabels": {"a": "1"}}), 1);
        check(json!({"matchLabels": {"a": "2"}}), 0);
        check(json!({}), 1);
        check(json!({"matchExpressions": [{"key": "a", "operator": "Nonsense"}]}), 0);
    }
}
