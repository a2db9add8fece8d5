//! The rules for an autoscaler's metrics.

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::autoscaling::v2;

use super::rules::{Group, quantity, reference, segment, version_fault};
use crate::resource_names::container_resource as container_resource_name;

const TYPES: [&str; 5] = ["ContainerResource", "External", "Object", "Pods", "Resource"];
const TARGETS: [&str; 3] = ["Utilization", "Value", "AverageValue"];
const ONE_TARGET: &str = "must set either a target raw value or a target utilization";
const TWO_TARGETS: &str = "may not set both a target raw value and a target utilization";

type Errors = Vec<FieldError>;

pub(super) fn validate(
    spec: &v2::HorizontalPodAutoscalerSpec,
    old: Option<&v2::HorizontalPodAutoscalerSpec>,
    path: &Path,
) -> Errors {
    let metrics = spec.metrics.as_deref().unwrap_or_default();
    let group = object_group(old);
    let mut errors = Errors::new();
    for (index, metric) in metrics.iter().enumerate() {
        errors.extend(self::metric(metric, group, &path.index(index)));
    }
    // What no pod serves tells when to start the first.
    let from_outside = metrics.iter().any(|metric| matches!(metric.type_.as_str(), "Object" | "External"));
    if spec.min_replicas == Some(0) && !from_outside {
        let detail =
            "must specify at least one Object or External metric to support scaling to zero replicas";
        errors.push(FieldError::forbidden(path, detail));
    }
    errors
}

/// References that were wrong before may stay.
fn object_group(old: Option<&v2::HorizontalPodAutoscalerSpec>) -> Group {
    let metrics = old.and_then(|old| old.metrics.as_deref()).unwrap_or_default();
    let mut objects =
        metrics.iter().filter(|metric| metric.type_ == "Object").filter_map(|metric| metric.object.as_ref());
    match objects.any(|object| version_fault(&object.described_object, Group::Any).is_some()) {
        true => Group::Unchecked,
        false => Group::Any,
    }
}

/// One metric has one source, that of its type.
fn metric(metric: &v2::MetricSpec, group: Group, path: &Path) -> Errors {
    let kind = metric.type_.as_str();
    let mut errors = Errors::new();
    if kind.is_empty() {
        errors.push(FieldError::required(&path.child("type"), "must specify a metric source type"));
    }
    let unknown = || FieldError::not_supported(&path.child("type"), kind, TYPES);
    if !TYPES.contains(&kind) {
        errors.push(unknown());
    }
    let sources = [
        ("Object", "object", metric.object.is_some()),
        ("External", "external", metric.external.is_some()),
        ("Pods", "pods", metric.pods.is_some()),
        ("Resource", "resource", metric.resource.is_some()),
        ("ContainerResource", "containerResource", metric.container_resource.is_some()),
    ];
    let given: Vec<&str> = sources.iter().filter(|(.., given)| *given).map(|(_, field, _)| *field).collect();
    if let Some(first) = given.first() {
        errors.extend(source(metric, first, group, &path.child(first)));
    }
    let expected = sources.iter().find(|(of, ..)| *of == kind).map(|(_, field, _)| *field);
    match expected {
        None => errors.push(unknown()),
        Some(field) if !given.contains(&field) => {
            let detail = "must populate information for the given metric source";
            errors.push(FieldError::required(&path.child(field), detail));
        }
        Some(_) => {}
    }
    if given.len() != 1 {
        let others = given.iter().filter(|field| Some(**field) != expected);
        let detail = "must populate the given metric source only";
        errors.extend(others.map(|field| FieldError::forbidden(&path.child(field), detail)));
    }
    errors
}

fn source(metric: &v2::MetricSpec, field: &str, group: Group, path: &Path) -> Errors {
    let each = match field {
        "object" => metric.object.as_ref().map(|source| object(source, group, path)),
        "external" => metric.external.as_ref().map(|source| external(source, path)),
        "pods" => metric.pods.as_ref().map(|source| pods(source, path)),
        "resource" => metric.resource.as_ref().map(|source| resource(source, path)),
        _ => metric.container_resource.as_ref().map(|source| container_resource(source, path)),
    };
    each.unwrap_or_default()
}

fn object(source: &v2::ObjectMetricSource, group: Group, path: &Path) -> Errors {
    let mut errors = reference(&source.described_object, group, &path.child("describedObject"));
    errors.extend(identifier(&source.metric, path));
    errors.extend(target(&source.target, path));
    if source.target.value.is_none() && source.target.average_value.is_none() {
        let path = path.child("target").child("averageValue");
        errors.push(FieldError::required(&path, "must set either a target value or averageValue"));
    }
    errors
}

fn external(source: &v2::ExternalMetricSource, path: &Path) -> Errors {
    let mut errors = identifier(&source.metric, path);
    errors.extend(target(&source.target, path));
    let path = path.child("target");
    match (&source.target.value, &source.target.average_value) {
        (None, None) => {
            let detail = "must set either a target value for metric or a per-pod target";
            errors.push(FieldError::required(&path.child("averageValue"), detail));
        }
        (Some(_), Some(_)) => {
            let detail = "may not set both a target value for metric and a per-pod target";
            errors.push(FieldError::forbidden(&path.child("value"), detail));
        }
        _ => {}
    }
    errors
}

fn pods(source: &v2::PodsMetricSource, path: &Path) -> Errors {
    let mut errors = identifier(&source.metric, path);
    errors.extend(target(&source.target, path));
    if source.target.average_value.is_none() {
        let path = path.child("target").child("averageValue");
        errors.push(FieldError::required(&path, "must specify a positive target averageValue"));
    }
    errors
}

fn resource(source: &v2::ResourceMetricSource, path: &Path) -> Errors {
    let mut errors = Errors::new();
    if source.name.is_empty() {
        errors.push(FieldError::required(&path.child("name"), "must specify a resource name"));
    }
    errors.extend(target(&source.target, path));
    errors.extend(one_target(&source.target, &path.child("target")));
    errors
}

fn container_resource(source: &v2::ContainerResourceMetricSource, path: &Path) -> Errors {
    let at = path.child("name");
    let mut errors = match source.name.as_str() {
        "" => vec![FieldError::required(&at, "must specify a resource name")],
        name => container_resource_name(name, &at),
    };
    let at = path.child("container");
    match source.container.as_str() {
        "" => errors.push(FieldError::required(&at, "must specify a container")),
        name => errors.extend(validation::invalid_each(&at, name, validation::dns1123_label(name))),
    }
    errors.extend(target(&source.target, path));
    errors.extend(one_target(&source.target, &path.child("target")));
    errors
}

/// A share of what is requested or an amount, and not both.
fn one_target(target: &v2::MetricTarget, path: &Path) -> Option<FieldError> {
    match (target.average_utilization, &target.average_value) {
        (None, None) => Some(FieldError::required(&path.child("averageUtilization"), ONE_TARGET)),
        (Some(_), Some(_)) => Some(FieldError::forbidden(&path.child("averageValue"), TWO_TARGETS)),
        _ => None,
    }
}

fn identifier(metric: &v2::MetricIdentifier, path: &Path) -> Errors {
    segment(&path.child("metric").child("name"), &metric.name, "must specify a metric name")
}

/// The `target` of the source at `path`.
fn target(target: &v2::MetricTarget, path: &Path) -> Errors {
    let path = path.child("target");
    let at = path.child("type");
    let mut errors = Errors::new();
    if target.type_.is_empty() {
        errors.push(FieldError::required(&at, "must specify a metric target type"));
    }
    if !TARGETS.contains(&target.type_.as_str()) {
        let detail = "must be either Utilization, Value, or AverageValue";
        errors.push(FieldError::invalid(&at, &target.type_, detail));
    }
    for (field, amount) in [("value", &target.value), ("averageValue", &target.average_value)] {
        let wrong = amount.as_ref().and_then(quantity).filter(|amount| amount.sign() != 1);
        let error = wrong
            .map(|amount| FieldError::invalid(&path.child(field), amount.to_string(), "must be positive"));
        errors.extend(error);
    }
    if let Some(percent) = target.average_utilization.filter(|percent| *percent < 1) {
        let path = path.child("averageUtilization");
        errors.push(FieldError::invalid(&path, percent, "must be greater than 0"));
    }
    errors
}
