//! The columns of `kubectl get horizontalpodautoscalers`.

use ironclad_api::Object;
use ironclad_engine::Column;
use serde_json::Value;

use crate::columns::{NONE, UNKNOWN, age, column, name, text};

/// How many metrics are told before the rest is only counted.
const SHOWN: usize = 2;

pub(super) fn columns() -> Vec<Column> {
    let number = |object: &Object, section: &str, field: &str| {
        object.at(&[section, field]).and_then(Value::as_i64).unwrap_or(0)
    };
    let least = |object: &Object| match object.at(&["spec", "minReplicas"]).and_then(Value::as_i64) {
        Some(least) => least.to_string(),
        None => "<unset>".to_owned(),
    };
    vec![
        name(),
        text("Reference", |object| {
            let target = |field: &str| object.str_at(&["spec", "scaleTargetRef", field]);
            format!("{}/{}", target("kind"), target("name"))
        }),
        text("Targets", targets),
        text("MinPods", least),
        // Upstream declares these as strings and prints numbers.
        column("MaxPods", "string", 0, move |object, _| number(object, "spec", "maxReplicas").into()),
        column("Replicas", "string", 0, move |object, _| number(object, "status", "currentReplicas").into()),
        age(),
    ]
}

/// `cpu: 20%/80%, 5/10 + 1 more...`
fn targets(autoscaler: &Object) -> String {
    let mut newer: Object;
    let mut autoscaler = autoscaler;
    if autoscaler.api_version() == "autoscaling/v1" {
        newer = autoscaler.clone();
        super::v1::to_v2(&mut newer);
        autoscaler = &newer;
    }
    let list =
        |path: [&str; 2]| autoscaler.at(&path).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (specs, statuses) = (list(["spec", "metrics"]), list(["status", "currentMetrics"]));
    let told = specs.iter().enumerate().take(SHOWN).map(|(index, spec)| target(spec, statuses.get(index)));
    let told = told.collect::<Vec<_>>().join(", ");
    match specs.len() {
        0 => NONE.to_owned(),
        count if count > SHOWN => format!("{told} + {} more...", count - SHOWN),
        _ => told,
    }
}

/// What stands in a source of a metric: its target, and what it is now.
struct Metric<'a> {
    target: &'a Value,
    /// `None` while nobody has measured it.
    current: Option<&'a Value>,
}

impl Metric<'_> {
    fn current(&self, field: &str) -> String {
        self.current.map_or_else(|| UNKNOWN.to_owned(), |current| amount(current, field))
    }

    /// What is now, unknown also where that field of it is not set.
    fn current_if_set(&self, field: &str) -> String {
        let set = self.current.filter(|current| current.get(field).is_some_and(|value| !value.is_null()));
        set.map_or_else(|| UNKNOWN.to_owned(), |current| amount(current, field))
    }

    fn has_average(&self) -> bool {
        self.target.get("averageValue").is_some_and(|value| !value.is_null())
    }

    /// Of an object or something external: as a whole, or for each pod.
    fn whole_or_average(&self) -> String {
        match self.has_average() {
            true => format!(
                "{}/{} (avg)",
                self.current_if_set("averageValue"),
                amount(self.target, "averageValue")
            ),
            false => format!("{}/{}", self.current("value"), amount(self.target, "value")),
        }
    }

    /// Of a resource: an amount or a share.
    fn of_resource(&self, name: &str) -> String {
        if self.has_average() {
            let (now, aim) = (self.current("averageValue"), amount(self.target, "averageValue"));
            return format!("{name}: {now}/{aim}");
        }
        let percent = |value: Option<&Value>, absent: &str| {
            let percent = value.and_then(|value| value.get("averageUtilization")?.as_i64());
            percent.map_or_else(|| absent.to_owned(), |percent| format!("{percent}%"))
        };
        format!("{name}: {}/{}", percent(self.current, UNKNOWN), percent(Some(self.target), "<auto>"))
    }
}

fn target(spec: &Value, status: Option<&Value>) -> String {
    let field = match spec["type"].as_str().unwrap_or_default() {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let source = &spec[field];
    let current = status.and_then(|status| status.get(field)).filter(|status| status.is_object());
    let metric = Metric { target: &source["target"], current: current.map(|status| &status["current"]) };
    match field {
        "pods" => format!("{}/{}", metric.current("averageValue"), amount(metric.target, "averageValue")),
        "external" | "object" => metric.whole_or_average(),
        _ => metric.of_resource(source["name"].as_str().unwrap_or_default()),
    }
}

/// A quantity; Go prints one that is not there in its own way.
fn amount(parent: &Value, field: &str) -> String {
    parent.get(field).and_then(Value::as_str).unwrap_or("<nil>").to_owned()
}
