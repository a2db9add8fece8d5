//! The rules for scaling, under the names of the fields in Go: upstream writes its own types into
//! the annotation.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::reshaped;

/// As Go writes it; read in v2's names too, because Go's JSON does not look at the case of letters.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Behavior {
    #[serde(alias = "scaleUp")]
    scale_up: Option<Rules>,
    #[serde(alias = "scaleDown")]
    scale_down: Option<Rules>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Rules {
    #[serde(alias = "stabilizationWindowSeconds")]
    stabilization_window_seconds: Option<i32>,
    #[serde(alias = "selectPolicy")]
    select_policy: Option<String>,
    #[serde(alias = "policies")]
    policies: Option<Vec<Policy>>,
    #[serde(alias = "tolerance")]
    tolerance: Option<ironclad_api::quantity::Quantity>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Policy {
    #[serde(rename = "Type", alias = "type")]
    kind: String,
    #[serde(alias = "value")]
    value: i32,
    #[serde(alias = "periodSeconds")]
    period_seconds: i32,
}

pub(super) fn from_v2(behavior: &Value) -> Behavior {
    reshaped(behavior.clone())
}

/// `None` for one that says nothing.
pub(super) fn to_v2(behavior: Behavior) -> Option<Value> {
    let rules = [("scaleUp", behavior.scale_up), ("scaleDown", behavior.scale_down)];
    let given = rules.into_iter().filter_map(|(field, rules)| Some((field.to_owned(), rules_to_v2(rules?))));
    let given: serde_json::Map<String, Value> = given.collect();
    (!given.is_empty()).then(|| given.into())
}

fn rules_to_v2(rules: Rules) -> Value {
    let policy = |policy: &Policy| json!({"type": policy.kind, "value": policy.value, "periodSeconds": policy.period_seconds});
    let policies: Option<Vec<Value>> = rules.policies.map(|policies| policies.iter().map(policy).collect());
    let fields = [
        ("stabilizationWindowSeconds", json!(rules.stabilization_window_seconds)),
        ("selectPolicy", json!(rules.select_policy)),
        ("policies", json!(policies)),
        ("tolerance", json!(rules.tolerance)),
    ];
    let given = fields.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(given.map(|(field, value)| (field.to_owned(), value)).collect())
}
