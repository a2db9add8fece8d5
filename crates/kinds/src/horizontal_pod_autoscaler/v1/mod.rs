//! `autoscaling/v1`, which knows one metric, the CPU. What it cannot say it carries in annotations,
//! so that nothing is lost on the way there and back.

mod behavior;
mod metrics;
mod statuses;

use ironclad_api::Object;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::defaults;

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const STATUSES: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const ANNOTATIONS: [&str; 6] = [
    METRICS,
    STATUSES,
    CONDITIONS,
    BEHAVIOR,
    "autoscaling.alpha.kubernetes.io/scale-down-tolerance",
    "autoscaling.alpha.kubernetes.io/scale-up-tolerance",
];

/// Removes the annotations that only v1 has.
pub(super) fn drop_annotations(object: &mut Object) {
    let annotations = object.metadata_mut().get_mut("annotations").and_then(Value::as_object_mut);
    let Some(annotations) = annotations else { return };
    let before = annotations.len();
    ANNOTATIONS.iter().for_each(|annotation| drop(annotations.remove(*annotation)));
    if annotations.is_empty() && before > 0 {
        object.remove_meta("annotations");
    }
}

/// Makes a v1 object of one in v2.
pub(super) fn from_v2(object: &mut Object) {
    drop_annotations(object);
    let spec = section(object, "spec");
    let status = section(object, "status");
    let metrics = list(&spec, "metrics");
    let others: Vec<_> = metrics.iter().filter(|metric| cpu_percent(metric).is_none()).cloned().collect();
    annotate(object, METRICS, &metrics::from_v2(others));
    annotate(object, STATUSES, &statuses::from_v2(list(&status, "currentMetrics")));
    if let Some(behavior) = spec.get("behavior").filter(|behavior| behavior.is_object()) {
        object.set_annotation(BEHAVIOR, go_json(&behavior::from_v2(behavior)));
    }
    annotate(object, CONDITIONS, &statuses::conditions(list(&status, "conditions")));

    let mut older = take(&spec, &["scaleTargetRef", "minReplicas", "maxReplicas"]);
    if let Some(percent) = metrics.iter().find_map(cpu_percent) {
        older.insert("targetCPUUtilizationPercentage".into(), percent.into());
    }
    object.0.insert("spec".into(), older.into());
    let mut older =
        take(&status, &["observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas"]);
    for field in ["currentReplicas", "desiredReplicas"] {
        older.entry(field).or_insert(json!(0));
    }
    if let Some(percent) = list(&status, "currentMetrics").iter().rev().find_map(current_cpu_percent) {
        older.insert("currentCPUUtilizationPercentage".into(), percent.into());
    }
    object.0.insert("status".into(), older.into());
}

/// Makes a v2 object of one in v1. Annotations that do not read are let go.
pub(super) fn to_v2(object: &mut Object) {
    let spec = section(object, "spec");
    let status = section(object, "status");
    let percent = |map: &Map<String, Value>, field: &str| map.get(field).and_then(Value::as_i64);

    let mut newer = take(&spec, &["scaleTargetRef", "minReplicas", "maxReplicas"]);
    let mut metrics = annotation(object, METRICS).map(metrics::to_v2).unwrap_or_default();
    metrics.extend(percent(&spec, "targetCPUUtilizationPercentage").map(defaults::cpu));
    if !metrics.is_empty() {
        newer.insert("metrics".into(), metrics.into());
    }
    if let Some(behavior) = annotation(object, BEHAVIOR).and_then(behavior::to_v2) {
        newer.insert("behavior".into(), behavior);
    }
    // The defaults of v2 follow, and with them the CPU where there is no metric.
    object.0.insert("spec".into(), newer.into());

    let mut newer =
        take(&status, &["observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas"]);
    if newer.get("currentReplicas") == Some(&json!(0)) {
        newer.remove("currentReplicas");
    }
    newer.entry("desiredReplicas").or_insert(json!(0));
    let cpu = percent(&status, "currentCPUUtilizationPercentage").map(|percent| vec![current_cpu(percent)]);
    let current = annotation(object, STATUSES).map(statuses::to_v2).or(cpu);
    newer.insert("currentMetrics".into(), current.map_or(Value::Null, Value::from));
    if let Some(conditions) = annotation::<Vec<statuses::Condition>>(object, CONDITIONS) {
        newer.insert("conditions".into(), json!(conditions));
    }
    object.0.insert("status".into(), newer.into());
    drop_annotations(object);
}

fn section(object: &Object, field: &str) -> Map<String, Value> {
    object.at(&[field]).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn list(parent: &Map<String, Value>, field: &str) -> Vec<Value> {
    parent.get(field).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn take(from: &Map<String, Value>, fields: &[&str]) -> Map<String, Value> {
    let given = fields.iter().filter_map(|field| Some(((*field).to_owned(), from.get(*field)?.clone())));
    given.filter(|(_, value)| !value.is_null()).collect()
}

/// The percentage of the one metric that v1 knows.
fn cpu_percent(metric: &Value) -> Option<i64> {
    let resource = metric.get("resource").filter(|_| metric["type"] == "Resource")?;
    resource.pointer("/target/averageUtilization").filter(|_| resource["name"] == "cpu")?.as_i64()
}

fn current_cpu_percent(metric: &Value) -> Option<i64> {
    let resource = metric.get("resource").filter(|_| metric["type"] == "Resource")?;
    resource.pointer("/current/averageUtilization").filter(|_| resource["name"] == "cpu")?.as_i64()
}

fn current_cpu(percent: i64) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": percent}}})
}

// === annotations ===

fn annotate<T: Serialize>(object: &mut Object, annotation: &str, list: &[T]) {
    if !list.is_empty() {
        object.set_annotation(annotation, go_json(&list));
    }
}

/// JSON as Go writes it, which escapes what could end an HTML script.
fn go_json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn annotation<T: DeserializeOwned>(object: &Object, annotation: &str) -> Option<T> {
    serde_json::from_str(object.annotation(annotation)?).ok()
}

/// A JSON value in another form; what has passed its schema fits.
fn reshaped<T: DeserializeOwned + Default>(value: Value) -> T {
    serde_json::from_value(value).unwrap_or_default()
}
