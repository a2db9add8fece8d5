//! What metrics are now, and conditions, as v1's annotations have them, and as v2's status.

use ironclad_api::labels::LabelSelector;
use ironclad_api::quantity::Quantity;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::metrics::{Amounts, Newer, NewerMetric, Reference, with_sources, zero};
use super::reshaped;

/// The same in both versions.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    last_transition_time: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

pub(super) fn conditions(conditions: Vec<Value>) -> Vec<Condition> {
    conditions.into_iter().map(reshaped).collect()
}

/// The status of a metric in v1.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metric {
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<OfObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<OfPods>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<OfResource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_resource: Option<OfContainer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external: Option<OfExternal>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfObject {
    #[serde(default)]
    target: Reference,
    #[serde(default)]
    metric_name: String,
    #[serde(default = "zero")]
    current_value: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_value: Option<Quantity>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfPods {
    #[serde(default)]
    metric_name: String,
    #[serde(default = "zero")]
    current_average_value: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<LabelSelector>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfResource {
    #[serde(default)]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_average_utilization: Option<i32>,
    #[serde(default = "zero")]
    current_average_value: Quantity,
}

#[derive(Serialize, Deserialize)]
struct OfContainer {
    #[serde(flatten)]
    resource: OfResource,
    #[serde(default)]
    container: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfExternal {
    #[serde(default)]
    metric_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_selector: Option<LabelSelector>,
    #[serde(default = "zero")]
    current_value: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_average_value: Option<Quantity>,
}

// === from v2 ===

pub(super) fn from_v2(metrics: Vec<Value>) -> Vec<Metric> {
    metrics.into_iter().map(|metric| older(reshaped(metric))).collect()
}

fn older(metric: NewerMetric) -> Metric {
    Metric {
        kind: metric.kind,
        object: metric.object.map(older_object),
        pods: metric.pods.map(older_pods),
        resource: metric.resource.map(older_resource),
        container_resource: metric.container_resource.map(|status| OfContainer {
            container: status.container.clone().unwrap_or_default(),
            resource: older_resource(status),
        }),
        external: metric.external.map(older_external),
    }
}

fn older_object(status: Newer) -> OfObject {
    let (metric, current) = (status.metric.unwrap_or_default(), status.current.unwrap_or_default());
    OfObject {
        target: status.described_object.unwrap_or_default(),
        metric_name: metric.name,
        current_value: current.value.unwrap_or_else(zero),
        selector: metric.selector,
        average_value: current.average_value,
    }
}

fn older_pods(status: Newer) -> OfPods {
    let (metric, current) = (status.metric.unwrap_or_default(), status.current.unwrap_or_default());
    OfPods {
        metric_name: metric.name,
        current_average_value: current.average_value.unwrap_or_else(zero),
        selector: metric.selector,
    }
}

fn older_resource(status: Newer) -> OfResource {
    let current = status.current.unwrap_or_default();
    OfResource {
        name: status.name.unwrap_or_default(),
        current_average_utilization: current.average_utilization,
        current_average_value: current.average_value.unwrap_or_else(zero),
    }
}

fn older_external(status: Newer) -> OfExternal {
    let (metric, current) = (status.metric.unwrap_or_default(), status.current.unwrap_or_default());
    OfExternal {
        metric_name: metric.name,
        metric_selector: metric.selector,
        current_value: current.value.unwrap_or_else(zero),
        current_average_value: current.average_value,
    }
}

// === to v2 ===

pub(super) fn to_v2(metrics: Vec<Metric>) -> Vec<Value> {
    metrics.into_iter().map(newer).collect()
}

fn newer(metric: Metric) -> Value {
    let statuses = [
        ("object", metric.object.map(newer_object)),
        ("pods", metric.pods.map(newer_pods)),
        ("resource", metric.resource.map(|status| newer_resource(status, None))),
        (
            "containerResource",
            metric.container_resource.map(|status| newer_resource(status.resource, Some(status.container))),
        ),
        ("external", metric.external.map(newer_external)),
    ];
    with_sources(metric.kind, statuses)
}

fn newer_object(status: OfObject) -> Newer {
    let current = Amounts {
        value: Some(status.current_value),
        average_value: status.average_value,
        ..Amounts::default()
    };
    Newer {
        described_object: Some(status.target),
        current: Some(current),
        ..Newer::of_metric(status.metric_name, status.selector)
    }
}

fn newer_pods(status: OfPods) -> Newer {
    let current = Amounts { average_value: Some(status.current_average_value), ..Amounts::default() };
    Newer { current: Some(current), ..Newer::of_metric(status.metric_name, status.selector) }
}

fn newer_resource(status: OfResource, container: Option<String>) -> Newer {
    let current = Amounts {
        average_value: Some(status.current_average_value),
        average_utilization: status.current_average_utilization,
        ..Amounts::default()
    };
    Newer { current: Some(current), ..Newer::of_resource(status.name, container) }
}

fn newer_external(status: OfExternal) -> Newer {
    let current = Amounts {
        value: Some(status.current_value),
        average_value: status.current_average_value,
        ..Amounts::default()
    };
    Newer { current: Some(current), ..Newer::of_metric(status.metric_name, status.metric_selector) }
}
