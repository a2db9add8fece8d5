//! The defaults of an autoscaler's spec.

use serde_json::{Map, Value, json};

use crate::spec::{default_to, object_at};

/// What a metric of the CPU is aimed at when no metric is given, in percents of the requests.
const CPU_PERCENT: i64 = 80;

pub(super) fn default(spec: &mut Map<String, Value>) {
    default_to(spec, "minReplicas", 1);
    if spec.get("metrics").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        spec.insert("metrics".into(), json!([cpu(CPU_PERCENT)]));
    }
    // With one rule for scaling come all.
    if let Some(behavior) = object_at(spec, "behavior") {
        rules(behavior, "scaleUp", &[policy("Pods", 4), policy("Percent", 100)], Some(0));
        rules(behavior, "scaleDown", &[policy("Percent", 100)], None);
    }
}

/// The metric that stands for `targetCPUUtilizationPercentage`.
pub(super) fn cpu(percent: i64) -> Value {
    let target = json!({"type": "Utilization", "averageUtilization": percent});
    json!({"type": "Resource", "resource": {"name": "cpu", "target": target}})
}

fn policy(kind: &str, value: i64) -> Value {
    json!({"type": kind, "value": value, "periodSeconds": 15})
}

/// How long to look back before scaling down is the controller's to decide.
fn rules(behavior: &mut Map<String, Value>, field: &str, policies: &[Value], window_seconds: Option<i64>) {
    let rules = ironclad_api::object::object_in(behavior, field);
    default_to(rules, "selectPolicy", "Max");
    default_to(rules, "policies", policies);
    if let Some(seconds) = window_seconds {
        default_to(rules, "stabilizationWindowSeconds", seconds);
    }
}
