use super::*;
use crate::testing::{check_create, check_table, check_update, check_warnings, write};

fn quota(spec: Value) -> Value {
    json!({"metadata": {"name": "q", "namespace": "a"}, "spec": spec})
}

fn check(spec: Value, want: &[&str]) {
    check_create(&ResourceQuota::new(), quota(spec), want);
}

#[test]
fn quotas_count_what_can_be_counted() {
    check(
        json!({"hard": {"pods": "10", "requests.cpu": "1", "count/jobs.batch": "5", "requests.example.com/gpu": "1"}}),
        &[],
    );
    check(
        json!({"hard": {"pods": "-1", "configmaps": "500m", "gpu": "1"}}),
        &[
            r#"spec.hard[configmaps]: Invalid value: "500m": must be an integer"#,
            r#"spec.hard[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified"#,
            r#"spec.hard[gpu]: Invalid value: "gpu": must be a standard resource for quota"#,
            r#"spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0"#,
        ],
    );
}

#[test]
fn scopes_fit_each_other_and_what_is_counted() {
    check(json!({"hard": {"pods": "1"}, "scopes": ["BestEffort"]}), &[]);
    check(json!({"scopes": ["Foo"]}), &[r#"spec.scopes: Invalid value: ["Foo"]: unsupported scope"#]);
    check(
        json!({"hard": {"cpu": "1"}, "scopes": ["BestEffort"]}),
        &[r#"spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource"#],
    );
    check(
        json!({"hard": {"pods": "1"}, "scopes": ["Terminating", "NotTerminating"]}),
        &[r#"spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes"#],
    );
    check_update(
        &ResourceQuota::new(),
        quota(json!({"hard": {"pods": "1"}, "scopes": ["BestEffort"]})),
        quota(json!({"hard": {"pods": "1"}})),
        &[r#"spec.scopes: Invalid value: ["BestEffort"]: field is immutable"#],
    );
}

#[test]
fn scope_selectors_have_the_operators_of_their_scope() {
    let check = |expression: Value, want: &[&str]| {
        check(json!({"hard": {"pods": "1"}, "scopeSelector": {"matchExpressions": [expression]}}), want);
    };
    check(json!({"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}), &[]);
    check(
        json!({"scopeName": "PriorityClass", "operator": "In"}),
        &[
            "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        ],
    );
    check(
        json!({"scopeName": "Terminating", "operator": "DoesNotExist", "values": ["a"]}),
        &[
            r#"spec.scopeSelector.matchExpressions.operator: Invalid value: "DoesNotExist": must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"#,
            r#"spec.scopeSelector.matchExpressions.values: Invalid value: ["a"]: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"#,
        ],
    );
    check(
        json!({"scopeName": "VolumeAttributesClass", "operator": "Is"}),
        &[
            r#"spec.scopeSelector.matchExpressions: Invalid value: {"MatchExpressions":[{"ScopeName":"VolumeAttributesClass","Operator":"Is","Values":null}]}: unsupported scope applied to resource"#,
            r#"spec.scopeSelector.matchExpressions.operator: Invalid value: "Is": not a valid selector operator"#,
        ],
    );
}

#[test]
fn a_status_counts_by_the_same_rules() {
    let mut used = quota(json!({"hard": {"pods": "1"}}));
    used["status"] = json!({"hard": {"pods": "1"}, "used": {"pods": "500m"}});
    let (_, errors) = write(&ResourceQuota::new(), Part::Status, used, Some(quota(json!({}))));
    assert_eq!(errors, [r#"status.used[pods]: Invalid value: "500m": must be an integer"#]);
}

#[test]
fn requests_beyond_their_limits_are_told_of() {
    check_warnings(
        &ResourceQuota::new(),
        quota(
            json!({"hard": {"cpu": "2", "limits.cpu": "1", "requests.memory": "1Gi", "limits.memory": "2Gi"}}),
        ),
        &["ResourceQuota cpu (2) should be less than limits.cpu (1)"],
    );
}

#[test]
fn quotas_as_kubectl_shows_them() {
    let mut shown = quota(json!({}));
    shown["status"] = json!({
        "hard": {"pods": "10", "limits.cpu": "4", "cpu": "2"},
        "used": {"pods": "1", "limits.cpu": "500m"},
    });
    let cells = [
        ("Name", json!("q")),
        ("Request", json!("cpu: 0/2, pods: 1/10")),
        ("Limit", json!("limits.cpu: 500m/4")),
    ];
    check_table(&ResourceQuota::new(), shown, &cells);
}
