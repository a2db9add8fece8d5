use serde_json::Value;

use super::*;
use crate::testing::{check_create, check_table, check_update, object, write};

/// `spec` over that of a valid autoscaler.
fn autoscaler(spec: Value) -> Value {
    let mut whole = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h", "namespace": "b"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}, "maxReplicas": 5},
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        whole["spec"][field] = value;
    }
    whole
}

fn check(spec: Value, want: &[&str]) {
    check_create(&HorizontalPodAutoscaler::new(), autoscaler(spec), want);
}

#[test]
fn discovery_is_upstreams() {
    let kind = HorizontalPodAutoscaler::new();
    let spec = kind.spec();
    assert_eq!((&*spec.short_names, &*spec.categories), (&names(["hpa"])[..], &names(["all"])[..]));
    let versions: Vec<_> = spec.versions.iter().map(|version| (&*version.version, version.storage)).collect();
    assert_eq!(versions, [("v2", true), ("v1", false)]);
}

#[test]
fn defaults_are_upstreams() {
    let check = |spec: Value, pointer: &str, want: Value| {
        let defaulted = object(&HorizontalPodAutoscaler::new(), autoscaler(spec)).into_value();
        assert_eq!(defaulted.pointer(pointer).cloned().unwrap_or_default(), want, "{pointer}");
    };
    check(json!({}), "/spec/minReplicas", json!(1));
    let cpu = json!([{"type": "Resource", "resource": {
        "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80},
    }}]);
    check(json!({}), "/spec/metrics", cpu);
    check(json!({}), "/spec/behavior", json!(null));
    let behavior = json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}});
    let up = json!({
        "stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15},
        ],
    });
    let down = json!({
        "stabilizationWindowSeconds": 60, "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    });
    check(behavior.clone(), "/spec/behavior/scaleUp", up);
    check(behavior, "/spec/behavior/scaleDown", down);
}

#[test]
fn numbers_of_replicas() {
    check(json!({}), &[]);
    check(
        json!({"minReplicas": 0}),
        &[
            "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
            "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas",
        ],
    );
    check(
        json!({"maxReplicas": 0}),
        &[
            "spec.maxReplicas: Required value: must be set and greater than 0",
            "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
        ],
    );
    check(
        json!({"maxReplicas": -1}),
        &[
            "spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1",
            "spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`",
        ],
    );
    check(
        json!({"minReplicas": 6}),
        &["spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`"],
    );
}

#[test]
fn what_is_scaled() {
    let target = |version: &str, kind: &str, name: &str| json!({"scaleTargetRef": {"apiVersion": version, "kind": kind, "name": name}});
    let at = "spec.scaleTargetRef";
    check(target("v1", "ReplicationController", "r"), &[]);
    check(
        target("v1", "Deployment", "d"),
        &[&format!("{at}.apiVersion: Invalid value: \"v1\": apiVersion must specify API group")],
    );
    check(
        target("a/b/c", "Deployment", "d"),
        &[&format!("{at}.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c")],
    );
    check(
        target("apps/v1", "", "a/b"),
        &[
            &format!("{at}.kind: Required value"),
            &format!("{at}.name: Invalid value: \"a/b\": may not contain '/'"),
        ],
    );
    let old = autoscaler(target("v1", "Deployment", "d"));
    check_update(&HorizontalPodAutoscaler::new(), old.clone(), old, &[]);
}

#[test]
fn metrics_have_the_source_of_their_type() {
    let metric = |metric: Value| json!({"metrics": [metric]});
    let at = "spec.metrics[0]";
    let resource = json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}});
    check(metric(json!({"type": "Resource", "resource": resource})), &[]);
    check(
        metric(json!({"type": "Pods", "resource": resource})),
        &[&format!("{at}.pods: Required value: must populate information for the given metric source")],
    );
    let types = "supported values: \"ContainerResource\", \"External\", \"Object\", \"Pods\", \"Resource\"";
    let unknown = format!("{at}.type: Unsupported value: \"x\": {types}");
    check(metric(json!({"type": "x", "resource": resource})), &[&unknown, &unknown]);
    check(
        metric(json!({
            "type": "Resource", "resource": resource,
            "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}},
        })),
        &[&format!("{at}.pods: Forbidden: must populate the given metric source only")],
    );
}

#[test]
fn metrics_are_aimed_at_something() {
    let metric = |kind: &str, field: &str, source: Value| json!({"metrics": [{"type": kind, field: source}]});
    let at = "spec.metrics[0]";
    check(
        metric(
            "Resource",
            "resource",
            json!({"name": "cpu", "target": {"type": "x", "averageValue": "0", "averageUtilization": 0}}),
        ),
        &[
            &format!(
                "{at}.resource.target.type: Invalid value: \"x\": must be either Utilization, Value, or AverageValue"
            ),
            &format!("{at}.resource.target.averageValue: Invalid value: \"0\": must be positive"),
            &format!("{at}.resource.target.averageUtilization: Invalid value: 0: must be greater than 0"),
            &format!(
                "{at}.resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization"
            ),
        ],
    );
    check(
        metric(
            "ContainerResource",
            "containerResource",
            json!({"name": "x", "container": "", "target": {"type": "Utilization"}}),
        ),
        &[
            &format!(
                "{at}.containerResource.name: Invalid value: \"x\": must be a standard resource type or fully qualified"
            ),
            &format!(
                "{at}.containerResource.name: Invalid value: \"x\": must be a standard resource for containers"
            ),
            &format!("{at}.containerResource.container: Required value: must specify a container"),
            &format!(
                "{at}.containerResource.target.averageUtilization: Required value: must set either a target raw value or a target utilization"
            ),
        ],
    );
    check(
        metric(
            "External",
            "external",
            json!({"metric": {"name": ""}, "target": {"type": "Value", "value": "1", "averageValue": "1"}}),
        ),
        &[
            &format!("{at}.external.metric.name: Required value: must specify a metric name"),
            &format!(
                "{at}.external.target.value: Forbidden: may not set both a target value for metric and a per-pod target"
            ),
        ],
    );
    check(
        metric(
            "Object",
            "object",
            json!({"describedObject": {"kind": "Service", "name": "s"}, "metric": {"name": "m"}, "target": {"type": "Value"}}),
        ),
        &[&format!(
            "{at}.object.target.averageValue: Required value: must set either a target value or averageValue"
        )],
    );
}

#[test]
fn behaviors() {
    let up = |rules: Value| json!({"behavior": {"scaleUp": rules}});
    let at = "spec.behavior.scaleUp";
    check(up(json!({})), &[]);
    check(
        up(
            json!({"stabilizationWindowSeconds": 3601, "selectPolicy": "x", "policies": [{"type": "x", "value": 0, "periodSeconds": 1801}]}),
        ),
        &[
            &format!(
                "{at}.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600"
            ),
            &format!(
                "{at}.selectPolicy: Unsupported value: \"x\": supported values: \"Disabled\", \"Max\", \"Min\""
            ),
            &format!(
                "{at}.policies[0].type: Unsupported value: \"x\": supported values: \"Percent\", \"Pods\""
            ),
            &format!("{at}.policies[0].value: Invalid value: 0: must be greater than zero"),
            &format!(
                "{at}.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800"
            ),
        ],
    );
    check(
        up(json!({"tolerance": "-1"})),
        &[&format!("{at}.tolerance: Invalid value: \"-1\": must be greater than or equal to 0")],
    );
}

// === versions ===

fn converted(value: &Value, to: &str) -> Value {
    let mut object = Object::from_value(value.clone()).expect("an object");
    match to {
        "v1" => v1::from_v2(&mut object),
        _ => v1::to_v2(&mut object),
    }
    object.0.insert("apiVersion".into(), format!("autoscaling/{to}").into());
    object.into_value()
}

#[test]
fn v1_knows_the_cpu() {
    let newer = json!({
        "apiVersion": "autoscaling/v2", "metadata": {"name": "h"},
        "spec": {"maxReplicas": 5, "minReplicas": 1, "metrics": [defaults::cpu(60)]},
        "status": {"currentReplicas": 2, "desiredReplicas": 3, "currentMetrics": null},
    });
    let older = json!({
        "apiVersion": "autoscaling/v1", "metadata": {"name": "h"},
        "spec": {"maxReplicas": 5, "minReplicas": 1, "targetCPUUtilizationPercentage": 60},
        "status": {"currentReplicas": 2, "desiredReplicas": 3},
    });
    assert_eq!(converted(&newer, "v1"), older);
    assert_eq!(converted(&older, "v2"), newer);
}

#[test]
fn what_v1_cannot_say_is_annotated() {
    let reference = json!({"kind": "Service", "name": "s"});
    let newer = json!({
        "apiVersion": "autoscaling/v2", "metadata": {"name": "h", "annotations": {"a": "b"}},
        "spec": {
            "maxReplicas": 5,
            "metrics": [
                {"type": "Object", "object": {"describedObject": reference, "metric": {"name": "m"}, "target": {"type": "Value", "value": "2k"}}},
                {"type": "Pods", "pods": {"metric": {"name": "p", "selector": {"matchLabels": {"x": "y"}}}, "target": {"type": "AverageValue", "averageValue": "1"}}},
                {"type": "External", "external": {"metric": {"name": "e"}, "target": {"type": "AverageValue", "averageValue": "3"}}},
                {"type": "ContainerResource", "containerResource": {"name": "memory", "container": "c", "target": {"type": "Utilization", "averageUtilization": 70}}},
                defaults::cpu(60),
            ],
            "behavior": {"scaleDown": {"selectPolicy": "Max", "policies": [{"type": "Pods", "value": 1, "periodSeconds": 15}]}},
        },
        "status": {
            "desiredReplicas": 3,
            "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 20, "averageValue": "100m"}}}],
            "conditions": [{"type": "AbleToScale", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "R<"}],
        },
    });
    let older = converted(&newer, "v1");
    let annotation = |name: &str| {
        older["metadata"]["annotations"][format!("autoscaling.alpha.kubernetes.io/{name}")]
            .as_str()
            .unwrap_or_default()
    };
    assert_eq!(
        annotation("metrics"),
        concat!(
            r#"[{"type":"Object","object":{"target":{"kind":"Service","name":"s"},"metricName":"m","targetValue":"2k"}},"#,
            r#"{"type":"Pods","pods":{"metricName":"p","targetAverageValue":"1","selector":{"matchLabels":{"x":"y"}}}},"#,
            r#"{"type":"External","external":{"metricName":"e","targetAverageValue":"3"}},"#,
            r#"{"type":"ContainerResource","containerResource":{"name":"memory","targetAverageUtilization":70,"container":"c"}}]"#,
        )
    );
    assert_eq!(
        annotation("behavior"),
        concat!(
            r#"{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max","#,
            r#""Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":15}],"Tolerance":null}}"#,
        )
    );
    assert_eq!(
        annotation("current-metrics"),
        r#"[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":20,"currentAverageValue":"100m"}}]"#
    );
    assert_eq!(
        annotation("conditions"),
        r#"[{"type":"AbleToScale","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z","reason":"R\u003c"}]"#
    );
    assert_eq!(older["spec"]["targetCPUUtilizationPercentage"], 60);
    assert_eq!(older["status"]["currentCPUUtilizationPercentage"], 20);
    assert_eq!(converted(&older, "v2"), newer);
}

#[test]
fn annotations_that_do_not_read_are_let_go() {
    let older = json!({
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": "h", "annotations": {
            "autoscaling.alpha.kubernetes.io/metrics": "x", "autoscaling.alpha.kubernetes.io/behavior": "{}",
        }},
        "spec": {"maxReplicas": 5}, "status": {"currentReplicas": 0, "desiredReplicas": 0},
    });
    let want = json!({
        "apiVersion": "autoscaling/v2", "metadata": {"name": "h"},
        "spec": {"maxReplicas": 5}, "status": {"desiredReplicas": 0, "currentMetrics": null},
    });
    assert_eq!(converted(&older, "v2"), want);
}

#[test]
fn a_status_counts() {
    let mut new = autoscaler(json!({}));
    new["status"] = json!({"currentReplicas": -1, "desiredReplicas": -1});
    let (_, errors) = write(&HorizontalPodAutoscaler::new(), Part::Status, new, Some(autoscaler(json!({}))));
    assert_eq!(
        errors,
        [
            "status.currentReplicas: Invalid value: -1: must be greater than or equal to 0",
            "status.desiredReplicas: Invalid value: -1: must be greater than or equal to 0",
        ]
    );
}

#[test]
fn columns_are_upstreams() {
    let check = |metrics: Value, current: Value, targets: &str| {
        let mut object = autoscaler(json!({ "metrics": metrics }));
        object["status"] = json!({"currentReplicas": 4, "desiredReplicas": 4, "currentMetrics": current});
        let want = [
            ("Name", json!("h")),
            ("Reference", json!("Deployment/d")),
            ("Targets", json!(targets)),
            ("MinPods", json!("1")),
            ("MaxPods", json!(5)),
            ("Replicas", json!(4)),
        ];
        check_table(&HorizontalPodAutoscaler::new(), object, &want);
    };
    let older = json!({"apiVersion": "autoscaling/v1", "spec": {"targetCPUUtilizationPercentage": 70}});
    let older = Object::from_value(older).expect("an object");
    let kind = HorizontalPodAutoscaler::new();
    let shown = kind.spec().columns.iter().find(|column| column.name == "Targets").expect("the column");
    assert_eq!((shown.cell)(&older, jiff::Timestamp::UNIX_EPOCH), "cpu: <unknown>/70%");
    check(json!([]), json!(null), "cpu: <unknown>/80%");
    let cpu = json!([{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 20, "averageValue": "1"}}}]);
    check(json!([defaults::cpu(50)]), cpu, "cpu: 20%/50%");
    let external = json!({"type": "External", "external": {"metric": {"name": "e"}, "target": {"type": "AverageValue", "averageValue": "3"}}});
    check(
        json!([external, defaults::cpu(50), external]),
        json!(null),
        "<unknown>/3 (avg), cpu: <unknown>/50% + 1 more...",
    );
}
