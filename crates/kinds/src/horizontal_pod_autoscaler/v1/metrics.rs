//! Metrics as v1's annotation has them, and as v2's spec.

use ironclad_api::labels::LabelSelector;
use ironclad_api::quantity::Quantity;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::reshaped;

pub(super) fn zero() -> Quantity {
    Quantity::ZERO
}

/// A reference, the same in both versions but for its place.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Reference {
    kind: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    api_version: String,
}

/// A metric's name and selector in v2.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Identifier {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// `target` in v2, and `current`, which has no type.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Amounts {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_utilization: Option<i32>,
}

/// A source or a status in v2, whichever fields its type has.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Newer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub described_object: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Identifier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Amounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Amounts>,
}

impl Newer {
    pub(super) fn of_metric(name: String, selector: Option<LabelSelector>) -> Self {
        Self { metric: Some(Identifier { name, selector }), ..Self::default() }
    }

    pub(super) fn of_resource(name: String, container: Option<String>) -> Self {
        Self { name: Some(name), container, ..Self::default() }
    }
}

/// A metric of v1: what its type names is there.
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
    target_value: Quantity,
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
    target_average_value: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<LabelSelector>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OfResource {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_average_utilization: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_average_value: Option<Quantity>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct OfContainer {
    #[serde(flatten)]
    resource: OfResource,
    container: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OfExternal {
    metric_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_selector: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_value: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_average_value: Option<Quantity>,
}

// === from v2 ===

/// A metric or its status in v2.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NewerMetric {
    #[serde(rename = "type")]
    pub kind: String,
    pub object: Option<Newer>,
    pub pods: Option<Newer>,
    pub resource: Option<Newer>,
    pub container_resource: Option<Newer>,
    pub external: Option<Newer>,
}

pub(super) fn from_v2(metrics: Vec<Value>) -> Vec<Metric> {
    metrics.into_iter().map(|metric| older(reshaped(metric))).collect()
}

fn older(metric: NewerMetric) -> Metric {
    Metric {
        kind: metric.kind,
        object: metric.object.map(older_object),
        pods: metric.pods.map(older_pods),
        resource: metric.resource.map(older_resource),
        container_resource: metric.container_resource.map(|source| OfContainer {
            container: source.container.clone().unwrap_or_default(),
            resource: older_resource(source),
        }),
        external: metric.external.map(older_external),
    }
}

fn older_object(source: Newer) -> OfObject {
    let (metric, target) = (source.metric.unwrap_or_default(), source.target.unwrap_or_default());
    OfObject {
        target: source.described_object.unwrap_or_default(),
        metric_name: metric.name,
        target_value: target.value.unwrap_or_else(zero),
        selector: metric.selector,
        average_value: target.average_value,
    }
}

fn older_pods(source: Newer) -> OfPods {
    let (metric, target) = (source.metric.unwrap_or_default(), source.target.unwrap_or_default());
    OfPods {
        metric_name: metric.name,
        target_average_value: target.average_value.unwrap_or_else(zero),
        selector: metric.selector,
    }
}

fn older_resource(source: Newer) -> OfResource {
    let target = source.target.unwrap_or_default();
    OfResource {
        name: source.name.unwrap_or_default(),
        target_average_utilization: target.average_utilization,
        target_average_value: target.average_value,
    }
}

fn older_external(source: Newer) -> OfExternal {
    let (metric, target) = (source.metric.unwrap_or_default(), source.target.unwrap_or_default());
    OfExternal {
        metric_name: metric.name,
        metric_selector: metric.selector,
        target_value: target.value,
        target_average_value: target.average_value,
    }
}

// === to v2 ===

pub(super) fn to_v2(metrics: Vec<Metric>) -> Vec<Value> {
    metrics.into_iter().map(newer).collect()
}

fn newer(metric: Metric) -> Value {
    let sources = [
        ("object", metric.object.map(newer_object)),
        ("pods", metric.pods.map(newer_pods)),
        ("resource", metric.resource.map(|source| newer_resource(source, None))),
        (
            "containerResource",
            metric.container_resource.map(|source| newer_resource(source.resource, Some(source.container))),
        ),
        ("external", metric.external.map(newer_external)),
    ];
    with_sources(metric.kind, sources)
}

/// A metric of v2 with those of its sources that are there.
pub(super) fn with_sources(kind: String, sources: [(&str, Option<Newer>); 5]) -> Value {
    let mut metric = json!({ "type": kind });
    for (field, source) in sources {
        if let Some(source) = source {
            metric[field] = json!(source);
        }
    }
    metric
}

fn target(kind: &str, amounts: Amounts) -> Option<Amounts> {
    Some(Amounts { kind: Some(kind.to_owned()), ..amounts })
}

fn newer_object(source: OfObject) -> Newer {
    // v1 cannot leave the value out, and 0 is none beside an average.
    let averaged = source.average_value.is_some();
    let value = Some(source.target_value).filter(|value| !averaged || !value.is_zero());
    let kind = if averaged { "AverageValue" } else { "Value" };
    let amounts = Amounts { value, average_value: source.average_value, ..Amounts::default() };
    Newer {
        described_object: Some(source.target),
        target: target(kind, amounts),
        ..Newer::of_metric(source.metric_name, source.selector)
    }
}

fn newer_pods(source: OfPods) -> Newer {
    let amounts = Amounts { average_value: Some(source.target_average_value), ..Amounts::default() };
    Newer { target: target("AverageValue", amounts), ..Newer::of_metric(source.metric_name, source.selector) }
}

fn newer_resource(source: OfResource, container: Option<String>) -> Newer {
    let kind = if source.target_average_utilization.is_some() { "Utilization" } else { "AverageValue" };
    let amounts = Amounts {
        average_value: source.target_average_value,
        average_utilization: source.target_average_utilization,
        ..Amounts::default()
    };
    Newer { target: target(kind, amounts), ..Newer::of_resource(source.name, container) }
}

fn newer_external(source: OfExternal) -> Newer {
    let kind = if source.target_value.is_some() { "Value" } else { "AverageValue" };
    let amounts = Amounts {
        value: source.target_value,
        average_value: source.target_average_value,
        ..Amounts::default()
    };
    Newer { target: target(kind, amounts), ..Newer::of_metric(source.metric_name, source.metric_selector) }
}
