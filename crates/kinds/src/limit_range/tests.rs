use serde_json::json;

use super::*;
use crate::testing::{check_create, object};

fn range(item: Value) -> Value {
    json!({"metadata": {"name": "l", "namespace": "a"}, "spec": {"limits": [item]}})
}

fn check(item: Value, want: &[&str]) {
    check_create(&LimitRange::new(), range(item), want);
}

#[test]
fn limits_of_containers_fill_each_other_in() {
    let made = object(
        &LimitRange::new(),
        range(
            json!({"type": "Container", "max": {"cpu": "2", "memory": "1Gi"}, "default": {"cpu": "1"}, "min": {"memory": "1Mi", "ephemeral-storage": "1"}}),
        ),
    );
    let want = json!([{
        "type": "Container",
        "max": {"cpu": "2", "memory": "1Gi"},
        "min": {"memory": "1Mi", "ephemeral-storage": "1"},
        "default": {"cpu": "1", "memory": "1Gi"},
        "defaultRequest": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1"},
    }]);
    assert_eq!(made.at(&["spec", "limits"]), Some(&want));
    let of_pods = json!({"type": "Pod", "max": {"cpu": "2"}});
    let made = object(&LimitRange::new(), range(of_pods.clone()));
    assert_eq!(made.at(&["spec", "limits"]), Some(&json!([of_pods])));
}

#[test]
fn items_are_of_known_types_and_resources() {
    check(json!({"type": "Pod", "max": {"cpu": "2"}}), &[]);
    check(
        json!({"type": "Foo"}),
        &[r#"spec.limits[0].type: Invalid value: "Foo": must be a standard limit type or fully qualified"#],
    );
    check(json!({"type": "example.com/foo", "max": {"pods": "1"}}), &[]);
    check(
        json!({"type": "Container", "max": {"pods": "1"}, "min": {"gpu": "1"}}),
        &[
            r#"spec.limits[0].max[pods]: Invalid value: "pods": must be a standard resource for containers"#,
            r#"spec.limits[0].min[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified"#,
            r#"spec.limits[0].min[gpu]: Invalid value: "gpu": must be a standard resource for containers"#,
            r#"spec.limits[0].default[pods]: Invalid value: "pods": must be a standard resource for containers"#,
            r#"spec.limits[0].defaultRequest[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified"#,
            r#"spec.limits[0].defaultRequest[gpu]: Invalid value: "gpu": must be a standard resource for containers"#,
            r#"spec.limits[0].defaultRequest[pods]: Invalid value: "pods": must be a standard resource for containers"#,
        ],
    );
    check(
        json!({"type": "Pod", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}}),
        &[
            "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
            "spec.limits[0].defaultRequest: Forbidden: may not be specified when `type` is 'Pod'",
        ],
    );
    check(
        json!({"type": "PersistentVolumeClaim"}),
        &[
            "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
        ],
    );
    let twice = json!({"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Pod"}, {"type": "Pod"}]}});
    check_create(&LimitRange::new(), twice, &[r#"spec.limits[1].type: Duplicate value: "Pod""#]);
}

#[test]
fn amounts_are_in_order() {
    check(
        json!({"type": "Pod", "min": {"cpu": "2"}, "max": {"cpu": "1"}}),
        &[r#"spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1"#],
    );
    check(
        json!({"type": "Container", "min": {"cpu": "3"}, "max": {"cpu": "4"}, "default": {"cpu": "1"}, "defaultRequest": {"cpu": "5"}}),
        &[
            r#"spec.limits[0].defaultRequest[cpu]: Invalid value: "5": default request value 5 is greater than max value 4"#,
            r#"spec.limits[0].defaultRequest[cpu]: Invalid value: "5": default request value 5 is greater than default limit value 1"#,
            r#"spec.limits[0].default[cpu]: Invalid value: "3": min value 3 is greater than default value 1"#,
        ],
    );
    check(
        json!({"type": "Pod", "maxLimitRequestRatio": {"cpu": "500m"}}),
        &[r#"spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1"#],
    );
    check(
        json!({"type": "Pod", "min": {"cpu": "1"}, "max": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "3"}}),
        &[
            r#"spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000"#,
        ],
    );
    check(
        json!({"type": "Container", "default": {"hugepages-2Mi": "4Mi"}, "defaultRequest": {"hugepages-2Mi": "2Mi"}}),
        &[
            r#"spec.limits[0].defaultRequest[hugepages-2Mi]: Invalid value: "2Mi": default value 4Mi must equal to defaultRequest value 2Mi in hugepages-2Mi"#,
        ],
    );
}
