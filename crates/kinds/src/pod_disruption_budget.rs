//! `policy/v1 PodDisruptionBudget`. Evictions ask it through the cache, see `pod::eviction`.

use ironclad_api::intstr::IntOrString;
use ironclad_api::labels::LabelSelector;
use ironclad_api::{FieldError, Object, Path, Status, validation};
use ironclad_engine::Column;
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use serde_json::{Value, json};

use crate::columns::{age, name, number, text};
use crate::go_form;
use crate::pod_template::workload;
use crate::rollout;
use crate::spec::{names, spec};

const UNHEALTHY_POLICIES: [&str; 2] = ["AlwaysAllow", "IfHealthyBudget"];

pub struct PodDisruptionBudget {
    spec: KindSpec,
}

impl PodDisruptionBudget {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["pdb"]),
                columns: columns(),
                subresources: vec![Subresource::status()],
                generation: true,
                ..spec("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", Scope::Namespaced)
            },
        }
    }
}

impl Default for PodDisruptionBudget {
    fn default() -> Self {
        Self::new()
    }
}

fn columns() -> Vec<Column> {
    let amount = |title: &'static str, field: &'static str| {
        text(title, move |budget| {
            let amount = budget.at(&["spec", field]).and_then(IntOrString::from_json);
            amount.map_or_else(|| "N/A".to_owned(), |amount| amount.to_string())
        })
    };
    let allowed = |budget: &Object| budget.at(&["status", "disruptionsAllowed"]).and_then(Value::as_i64);
    vec![
        name(),
        amount("Min Available", "minAvailable"),
        amount("Max Unavailable", "maxUnavailable"),
        number("Allowed Disruptions", move |budget| allowed(budget).unwrap_or(0)),
        age(),
    ]
}

impl Strategy for PodDisruptionBudget {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    /// Its metadata is checked by the rules of all objects, custom ones included.
    fn knows_finalizers(&self) -> bool {
        false
    }

    /// Two who change a budget at once must know of each other.
    fn unconditional_update(&self) -> bool {
        false
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, _: &Preparation<'_>) -> Result<(), Status> {
        if old.is_none() {
            let status =
                json!({"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0});
            new.0.insert("status".into(), status);
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match (old, preparation.part) {
            (Some(_), Part::Status) => validate_status(new),
            _ => validate_spec(new, old),
        }
    }
}

fn given<'a>(spec: &'a Value, field: &str) -> Option<&'a Value> {
    spec.get(field).filter(|value| !value.is_null())
}

fn validate_spec(new: &Object, old: Option<&Object>) -> Vec<FieldError> {
    let path = Path::new("spec");
    let spec = new.at(&["spec"]).cloned().unwrap_or_default();
    let amounts = ["minAvailable", "maxUnavailable"];
    let mut errors = Vec::new();
    if amounts.iter().all(|field| given(&spec, field).is_some()) {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        errors.push(FieldError::invalid(&path, go_form::compact("PodDisruptionBudgetSpec", &spec), detail));
    }
    for field in amounts.into_iter().filter(|field| given(&spec, field).is_some()) {
        let (path, amount) = (path.child(field), rollout::amount(&spec, field));
        errors.extend(rollout::validate(&path, &amount));
        errors.extend(rollout::not_above_100_percent(&path, &amount));
    }
    errors.extend(validate_selector(new, old, &path.child("selector")));
    if let Some(policy) = given(&spec, "unhealthyPodEvictionPolicy").and_then(Value::as_str)
        && !UNHEALTHY_POLICIES.contains(&policy)
    {
        let path = path.child("unhealthyPodEvictionPolicy");
        errors.push(FieldError::not_supported(&path, policy, UNHEALTHY_POLICIES));
    }
    errors
}

/// Values that were wrong already may stay.
fn validate_selector(new: &Object, old: Option<&Object>, path: &Path) -> Vec<FieldError> {
    let selector = |budget: &Object| -> Option<LabelSelector> {
        serde_json::from_value(workload::selector_value(budget)?.clone()).ok()
    };
    let Some(given) = selector(new) else { return Vec::new() };
    let was_wrong = old.and_then(selector).is_some_and(|old| !old.validate(path).is_empty());
    match was_wrong {
        true => given.validate_allowing_invalid_values(path),
        false => given.validate(path),
    }
}

fn validate_status(budget: &Object) -> Vec<FieldError> {
    let conditions = budget.at(&["status", "conditions"]).and_then(Value::as_array);
    let conditions = conditions.map_or(&[][..], Vec::as_slice);
    let mut errors = validation::condition::conditions(&Path::new("status").child("conditions"), conditions);
    let fields = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];
    errors.extend(workload::not_negative(budget, "status", &fields));
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_create, check_table, write};

    fn budget(spec: Value) -> Value {
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": "p", "namespace": "b"}, "spec": spec,
        })
    }

    fn check(spec: Value, want: &[&str]) {
        check_create(&PodDisruptionBudget::new(), budget(spec), want);
    }

    #[test]
    fn discovery_is_upstreams() {
        let kind = PodDisruptionBudget::new();
        let spec = kind.spec();
        assert_eq!((&*spec.short_names, spec.categories.len()), (&names(["pdb"])[..], 0));
        assert!(!kind.unconditional_update());
    }

    #[test]
    fn amounts() {
        check(json!({}), &[]);
        check(json!({"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}), &[]);
        check(json!({"maxUnavailable": "50%"}), &[]);
        check(
            json!({"minAvailable": 1, "maxUnavailable": "1%", "selector": {"matchLabels": {"a": "b"}}}),
            &[
                "spec: Invalid value: {\"MinAvailable\":1,\"Selector\":{\"matchLabels\":{\"a\":\"b\"}},\"MaxUnavailable\":\"1%\",\"UnhealthyPodEvictionPolicy\":null}: minAvailable and maxUnavailable cannot be both set",
            ],
        );
        check(
            json!({"minAvailable": "x"}),
            &[
                "spec.minAvailable: Invalid value: \"x\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
            ],
        );
        check(
            json!({"maxUnavailable": "150%"}),
            &["spec.maxUnavailable: Invalid value: \"150%\": must not be greater than 100%"],
        );
        check(
            json!({"maxUnavailable": -1}),
            &["spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0"],
        );
    }

    #[test]
    fn policies() {
        check(json!({"unhealthyPodEvictionPolicy": "AlwaysAllow"}), &[]);
        check(
            json!({"unhealthyPodEvictionPolicy": "x"}),
            &[
                "spec.unhealthyPodEvictionPolicy: Unsupported value: \"x\": supported values: \"AlwaysAllow\", \"IfHealthyBudget\"",
            ],
        );
    }

    #[test]
    fn a_status_has_counts_and_conditions() {
        let mut new = budget(json!({}));
        new["status"] = json!({"currentHealthy": -1, "conditions": [
            {"type": "DisruptionAllowed", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "", "message": ""},
        ]});
        let (_, errors) = write(&PodDisruptionBudget::new(), Part::Status, new, Some(budget(json!({}))));
        assert_eq!(
            errors,
            [
                "status.conditions[0].reason: Required value",
                "status.currentHealthy: Invalid value: -1: must be greater than or equal to 0",
            ]
        );
    }

    #[test]
    fn columns_are_upstreams() {
        let mut object = budget(json!({"minAvailable": "50%"}));
        object["status"] = json!({"disruptionsAllowed": 2});
        let want = [
            ("Name", json!("p")),
            ("Min Available", json!("50%")),
            ("Max Unavailable", json!("N/A")),
            ("Allowed Disruptions", json!(2)),
        ];
        check_table(&PodDisruptionBudget::new(), object, &want);
    }
}
