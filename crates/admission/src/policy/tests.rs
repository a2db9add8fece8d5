//! Policies put into a real engine, and writes that they judge.

use serde_json::{Value, json};

use super::ValidatingAdmissionPolicy;
use crate::Step::Waiting;
use crate::small_cluster::{SmallCluster, Write, authorizer};

const CONFIGMAPS: &str = "/v1/configmaps";
const WIDGETS: &str = "example.com/v1/widgets";

async fn cluster() -> SmallCluster {
    let authorizer = authorizer();
    SmallCluster::new(|cache| vec![Waiting(Box::new(ValidatingAdmissionPolicy::new(cache, &authorizer)))])
        .await
}

fn merged(mut base: Value, more: Value) -> Value {
    if let (Some(base), Value::Object(more)) = (base.as_object_mut(), more) {
        base.extend(more);
    }
    base
}

/// By default about all writes of configmaps and widgets in the stored version.
async fn policy(cluster: &SmallCluster, name: &str, more: Value) {
    let spec = json!({
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [{ "operations": ["*"], "apiGroups": ["*"], "apiVersions": ["v1"],
                "resources": ["configmaps", "widgets"] }],
            "namespaceSelector": {}, "objectSelector": {},
        },
    });
    let object = json!({ "metadata": { "name": name }, "spec": merged(spec, more) });
    let resource = "admissionregistration.k8s.io/v1/validatingadmissionpolicies";
    cluster.must(Write::new("create", resource, "/", object)).await;
}

async fn bind(cluster: &SmallCluster, name: &str, policy: &str, more: Value) {
    let spec = json!({ "policyName": policy, "validationActions": ["Deny"] });
    let object = json!({ "metadata": { "name": name }, "spec": merged(spec, more) });
    let resource = "admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
    cluster.must(Write::new("create", resource, "/", object)).await;
}

fn map(data: Value) -> Value {
    json!({ "metadata": { "name": "a", "namespace": "ns", "labels": { "tier": "web" } }, "data": data })
}

/// What the policy `p` with the binding `b` says to a configmap; empty if it lets it pass.
async fn said(spec: Value, binding: Value, data: Value) -> String {
    let cluster = cluster().await;
    policy(&cluster, "p", spec).await;
    bind(&cluster, "b", "p", binding).await;
    let refused = cluster.run(Write::new("create", CONFIGMAPS, "ns/", map(data))).await.err();
    let message = refused.map(|status| status.message).unwrap_or_default();
    let denied =
        "configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ";
    message.strip_prefix(denied).unwrap_or(&message).to_owned()
}

#[tokio::test]
async fn an_expression_that_is_not_true_denies_with_its_message() {
    let check = async |validation: Value, data: Value, want: &str| {
        let got = said(json!({ "validations": [validation] }), json!({}), data).await;
        assert_eq!(got, want, "{validation}");
    };
    check(json!({ "expression": "object.data.x == '1'" }), json!({ "x": "1" }), "").await;
    check(
        json!({ "expression": " object.data.x == '1' " }),
        json!({ "x": "2" }),
        "failed expression: object.data.x == '1'",
    )
    .await;
    check(json!({ "expression": "false", "message": " no " }), json!({}), "no").await;
    check(
        json!({ "expression": "false", "message": "no", "messageExpression": "'x is ' + object.data.x" }),
        json!({ "x": "2" }),
        "x is 2",
    )
    .await;
    for unusable in ["object.data.missing", "'  '", "'two\\nlines'"] {
        check(
            json!({ "expression": "false", "message": "no", "messageExpression": unusable }),
            json!({ "x": "2" }),
            "no",
        )
        .await;
    }
    check(
        json!({ "expression": "object.data.missing == '1'", "message": "no" }),
        json!({ "x": "2" }),
        "expression 'object.data.missing == '1'' resulted in error: no such key: missing",
    )
    .await;
    check(
        json!({ "expression": "1 + 1" }),
        json!({}),
        "compilation error: must evaluate to bool but got int",
    )
    .await;
    for expression in [
        "request.operation == 'CREATE' && request.userInfo.username == 'ann' && 'dev' in request.userInfo.groups",
        "request.resource.resource == 'configmaps' && request.requestKind.kind == 'ConfigMap'",
        "request.name == 'a' && request.namespace == 'ns' && !request.dryRun",
        "request.options.kind == 'CreateOptions' && !has(request.subResource)",
        "namespaceObject.metadata.name == 'ns' && namespaceObject.metadata.labels.team == 'red'",
        "oldObject == null",
        "!authorizer.group('').resource('pods').name('secret').check('get').allowed()",
        "authorizer.serviceAccount('ns', 'robot').path('/healthz').check('get').allowed()",
    ] {
        check(json!({ "expression": expression }), json!({}), "").await;
    }
}

#[tokio::test]
async fn a_reason_decides_the_code() {
    for (reason, code, word) in [
        (json!(null), 422, "Invalid"),
        (json!("Forbidden"), 403, "Forbidden"),
        (json!("Unauthorized"), 401, "Unauthorized"),
        (json!("RequestEntityTooLarge"), 413, "RequestEntityTooLarge"),
    ] {
        let cluster = cluster().await;
        policy(&cluster, "p", json!({ "validations": [{ "expression": "false", "reason": reason }] })).await;
        bind(&cluster, "b", "p", json!({})).await;
        let refused = cluster.run(Write::new("create", CONFIGMAPS, "ns/", map(json!({})))).await;
        let status = refused.expect_err("refused");
        assert_eq!((status.code, status.reason.as_str()), (code, word));
        assert_eq!(status.causes().len(), 1);
    }
}

#[tokio::test]
async fn variables_are_read_when_they_are_used() {
    let check = async |variables: &[(&str, &str)], expression: &str, want: &str| {
        let variables: Vec<Value> =
            variables.iter().map(|(name, text)| json!({ "name": name, "expression": text })).collect();
        let spec =
            json!({ "variables": variables, "validations": [{ "expression": expression, "message": "no" }] });
        assert_eq!(said(spec, json!({}), json!({ "x": "5" })).await, want, "{expression}");
    };
    check(&[("x", "int(object.data.x)"), ("twice", "variables.x * 2")], "variables.twice == 10", "").await;
    check(&[("x", "int(object.data.x)")], "variables.x > 5", "no").await;
    check(&[("bad", "object.data.missing")], "true || variables.bad", "").await;
    check(
        &[("bad", "object.data.missing")],
        "variables.bad == '1'",
        "expression 'variables.bad == '1'' resulted in error: composited variable \"bad\" fails to evaluate: no \
         such key: missing",
    )
    .await;
    let undefined = "compilation error: compilation failed: ERROR: <input>:1:10: undefined field 'y'\n \
                     | variables.y == 1\n | .........^";
    check(&[("x", "1")], "variables.y == 1", undefined).await;
    check(&[("names", "['a', 'b']")], "variables.names.exists(n, n == object.metadata.name)", "").await;
}

#[tokio::test]
async fn actions_deny_warn_and_audit() {
    let cluster = cluster().await;
    policy(&cluster, "p", json!({ "validations": [{ "expression": "true" }, { "expression": "false" }] }))
        .await;
    bind(&cluster, "b", "p", json!({ "validationActions": ["Warn", "Audit"] })).await;
    cluster.must(Write::new("create", CONFIGMAPS, "ns/", map(json!({})))).await;
    assert_eq!(
        *cluster.context.warnings.lock(),
        ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': failed expression: false"]
    );
    let audit = cluster.context.audit.lock().clone();
    let failure = "[{\"message\":\"failed expression: false\",\"policy\":\"p\",\"binding\":\"b\",\
                   \"expressionIndex\":1,\"validationActions\":[\"Warn\",\"Audit\"]}]";
    assert_eq!(
        audit.get("validation.policy.admission.k8s.io/validation_failure").map(String::as_str),
        Some(failure)
    );
}

#[tokio::test]
async fn annotations_reach_the_audit_log() {
    let cluster = cluster().await;
    let annotations = json!([
        { "key": "name", "valueExpression": "'named ' + object.metadata.name" },
        { "key": "none", "valueExpression": "null" },
    ]);
    policy(&cluster, "p", json!({ "auditAnnotations": annotations })).await;
    bind(&cluster, "b", "p", json!({})).await;
    cluster.must(Write::new("create", CONFIGMAPS, "ns/", map(json!({})))).await;
    let audit: Vec<(String, String)> = cluster.context.audit.lock().clone().into_iter().collect();
    assert_eq!(audit, [("p/name".to_owned(), "named a".to_owned())]);
    let annotations = json!([{ "key": "k", "valueExpression": "object.data.missing + ''" }]);
    let spec = |policy: &str| json!({ "auditAnnotations": annotations, "failurePolicy": policy });
    let error = "expression 'object.data.missing + ''' resulted in error: no such key: missing";
    assert_eq!(said(spec("Fail"), json!({}), json!({})).await, error);
    assert_eq!(said(spec("Ignore"), json!({}), json!({})).await, "");
}

#[tokio::test]
async fn match_conditions_come_first() {
    let check = async |conditions: &[&str], failure_policy: &str, want: &str| {
        let conditions: Vec<Value> =
            conditions.iter().map(|text| json!({ "name": "c", "expression": text })).collect();
        let spec = json!({ "matchConditions": conditions, "failurePolicy": failure_policy,
            "validations": [{ "expression": "false", "message": "no" }] });
        assert_eq!(said(spec, json!({}), json!({})).await, want, "{conditions:?}");
    };
    check(&["object.metadata.name == 'a'"], "Fail", "no").await;
    check(&["object.metadata.name == 'b'"], "Fail", "").await;
    let error = "expression 'object.missing == 1' resulted in error: no such key: missing";
    check(&["object.missing == 1"], "Fail", error).await;
    check(&["object.missing == 1"], "Ignore", "").await;
}

#[tokio::test]
async fn bindings_narrow_and_params_configure() {
    let check = async |spec: Value, binding: Value, want: &str| {
        let cluster = cluster().await;
        for (name, limit) in [("strict", "1"), ("loose", "9")] {
            let labels = json!({ "limits": "yes" });
            let widget = json!({ "metadata": { "name": name, "namespace": "ns", "labels": labels },
                "spec": { "limit": limit } });
            cluster.must(Write::new("create", WIDGETS, "ns/", widget)).await;
        }
        policy(&cluster, "p", spec).await;
        bind(&cluster, "b", "p", binding.clone()).await;
        let refused =
            cluster.run(Write::new("create", CONFIGMAPS, "ns/", map(json!({ "x": "5" })))).await.err();
        let message = refused.map(|status| status.message).unwrap_or_default();
        let denied =
            "configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ";
        assert_eq!(message.strip_prefix(denied).unwrap_or(&message), want, "{binding}");
    };
    let spec = json!({
        "paramKind": { "apiVersion": "example.com/v1", "kind": "Widget" },
        "validations": [{ "expression": "params == null || object.data.x <= params.spec.limit",
            "messageExpression": "'more than ' + params.spec.limit" }],
    });
    let reference = |more: Value| json!({ "paramRef": more });
    check(spec.clone(), reference(json!({ "name": "strict" })), "more than 1").await;
    check(spec.clone(), reference(json!({ "name": "loose", "namespace": "ns" })), "").await;
    check(
        spec.clone(),
        reference(json!({ "selector": { "matchLabels": { "limits": "yes" } } })),
        "more than 1",
    )
    .await;
    let missing = |action: &str| reference(json!({ "name": "none", "parameterNotFoundAction": action }));
    check(spec.clone(), missing("Allow"), "").await;
    let denied = "failed to configure binding: no params found for policy binding with `Deny` \
                  parameterNotFoundAction";
    check(spec.clone(), missing("Deny"), denied).await;
    check(spec.clone(), json!({}), "").await;
    let only =
        |label: &str| json!({ "matchResources": { "objectSelector": { "matchLabels": { "tier": label } } } });
    let never = json!({ "validations": [{ "expression": "false", "message": "no" }] });
    check(never.clone(), only("web"), "no").await;
    check(never.clone(), only("db"), "").await;
    let excluded = json!({ "matchResources": { "excludeResourceRules": [{ "operations": ["*"],
        "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "resourceNames": ["a"] }] } });
    check(never, excluded, "").await;
    let unknown = json!({ "paramKind": { "apiVersion": "v1", "kind": "Nothing" } });
    let message = "configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: failed to configure \
                   policy: failed to find resource referenced by paramKind: '/v1, Kind=Nothing'";
    check(unknown, json!({}), message).await;
}

#[tokio::test]
async fn a_policy_is_in_force_as_long_as_it_is_bound() {
    let cluster = cluster().await;
    policy(&cluster, "p", json!({ "validations": [{ "expression": "object.data.x == '1'" }] })).await;
    let write = || Write::new("create", CONFIGMAPS, "ns/", map(json!({ "x": "2" })));
    cluster.must(Write { dry_run: true, ..write() }).await;
    bind(&cluster, "b", "p", json!({})).await;
    assert!(cluster.run(write()).await.is_err());
    let bindings = "admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
    cluster.must(Write::new("delete", bindings, "/b", json!(null))).await;
    cluster.must(write()).await;
}
