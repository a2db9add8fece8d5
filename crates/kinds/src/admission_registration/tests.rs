use ironclad_api::field::FieldErrors;
use ironclad_engine::strategy::Strategy;
use serde_json::{Value, json};

use super::shape::{BindingSpec, Body, Configuration, PolicySpec};
use super::*;
use crate::spec::typed;

/// `base` with the members of `more` in the place of its own; what is null goes.
fn with(mut base: Value, more: Value) -> Value {
    if let (Some(base), Value::Object(more)) = (base.as_object_mut(), more) {
        base.extend(more);
        base.retain(|_, value| !value.is_null());
    }
    base
}

fn defaulted(kind: &dyn Strategy, object: Value) -> Object {
    let mut object = Object::from_value(object).expect("an object");
    kind.default(&mut object);
    object
}

fn texts(errors: FieldErrors) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

// === webhooks ===

fn hook(more: Value) -> Value {
    let hook = json!({
        "name": "a.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://example.com/hook"},
        "rules": [{"operations": ["CREATE"], "apiGroups": ["a"], "apiVersions": ["b"], "resources": ["c"]}],
    });
    with(hook, more)
}

fn configuration(phase: Phase, hooks: &[Value]) -> Configuration {
    typed(&defaulted(&WebhookConfiguration::new(phase), json!({ "webhooks": hooks })))
}

#[track_caller]
fn check_hooks(hooks: &[Value], want: &[&str]) {
    for phase in [Phase::Mutating, Phase::Validating] {
        let configuration = configuration(phase, hooks);
        assert_eq!(texts(webhook::validate(&configuration, None)), want, "{hooks:?}");
    }
}

#[track_caller]
fn check_hook(more: Value, want: &[&str]) {
    let want: Vec<String> = want.iter().map(|error| format!("webhooks[0].{error}")).collect();
    check_hooks(&[hook(more)], &want.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn webhooks_are_held_against_upstreams_rules() {
    check_hook(json!({}), &[]);
    check_hook(json!({"name": null}), &["name: Required value"]);
    check_hook(
        json!({"name": "k8s.io"}),
        &[
            r#"name: Invalid value: "k8s.io": should be a domain with at least three segments separated by dots"#,
        ],
    );
    check_hook(
        json!({"name": "A.example.com"}),
        &[
            r#"name: Invalid value: "A.example.com": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#,
        ],
    );
    check_hook(
        json!({"failurePolicy": "other", "matchPolicy": "other", "sideEffects": "other", "timeoutSeconds": 31}),
        &[
            r#"failurePolicy: Unsupported value: "other": supported values: "Fail", "Ignore""#,
            r#"matchPolicy: Unsupported value: "other": supported values: "Equivalent", "Exact""#,
            r#"sideEffects: Unsupported value: "other": supported values: "None", "NoneOnDryRun""#,
            "timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
        ],
    );
    check_hook(
        json!({"sideEffects": null}),
        &["sideEffects: Required value: must specify one of None, NoneOnDryRun"],
    );
    check_hook(
        json!({"clientConfig": {}}),
        &["clientConfig: Required value: exactly one of url or service is required"],
    );
    check_hook(
        json!({"clientConfig": {"url": "http://u@example.com?a#b"}}),
        &[
            r#"clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]"#,
            r#"clientConfig.url: Invalid value: "u": user information is not permitted in the URL"#,
            r#"clientConfig.url: Invalid value: "b": fragments are not permitted in the URL"#,
            r#"clientConfig.url: Invalid value: "a": query parameters are not permitted in the URL"#,
        ],
    );
    check_hook(
        json!({"clientConfig": {"service": {"namespace": "ns", "name": "n", "port": 65536, "path": "foo//bar"}}}),
        &[
            "clientConfig.service.port: Invalid value: 65536: port is not valid: must be between 1 and 65535, inclusive",
            r#"clientConfig.service.path: Invalid value: "foo//bar": must start with a '/'"#,
            r#"clientConfig.service.path: Invalid value: "foo//bar": segment[1] may not be empty"#,
        ],
    );
}

#[test]
fn rules_cover_nothing_twice() {
    let check = |more: Value, want: &[&str]| {
        let rule =
            json!({"operations": ["CREATE"], "apiGroups": ["a"], "apiVersions": ["a"], "resources": ["a"]});
        let want: Vec<String> = want.iter().map(|error| format!("rules[0].{error}")).collect();
        check_hook(
            json!({"rules": [with(rule, more)]}),
            &want.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    };
    check(json!({}), &[]);
    check(
        json!({"operations": null, "apiGroups": null, "apiVersions": null, "resources": null}),
        &[
            "operations: Required value",
            "apiGroups: Required value",
            "apiVersions: Required value",
            "resources: Required value",
        ],
    );
    check(
        json!({"operations": ["CREATE", "*", "PATCH"]}),
        &[
            r#"operations: Invalid value: ["CREATE","*","PATCH"]: if '*' is present, must not specify other operations"#,
            r#"operations[2]: Unsupported value: "PATCH": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE""#,
        ],
    );
    check(json!({"apiGroups": [""], "apiVersions": ["v1", ""]}), &["apiVersions[1]: Required value"]);
    check(
        json!({"apiGroups": ["a", "*"]}),
        &[r#"apiGroups: Invalid value: ["a","*"]: if '*' is present, must not specify other API groups"#],
    );
    check(
        json!({"resources": ["a/b", "a/*", "a/b"]}),
        &[r#"resources[2]: Invalid value: "a/b": if 'a/*' is present, must not specify a/b"#],
    );
    check(
        json!({"resources": ["*/a", "x/a"]}),
        &[r#"resources[1]: Invalid value: "x/a": if '*/a' is present, must not specify x/a"#],
    );
    check(
        json!({"resources": ["*/*", "a"]}),
        &[r#"resources: Invalid value: ["*/*","a"]: if '*/*' is present, must not specify other resources"#],
    );
    check(
        json!({"resources": ["*", "a"]}),
        &[
            r#"resources: Invalid value: ["*","a"]: if '*' is present, must not specify other resources without subresources"#,
        ],
    );
    check(json!({"resources": ["*", "*/a", "pods/b"]}), &[]);
    check(
        json!({"scope": "x"}),
        &[r#"scope: Unsupported value: "x": supported values: "*", "Cluster", "Namespaced""#],
    );
}

#[test]
fn names_and_review_versions_are_checked_over_the_whole_configuration() {
    check_hook(
        json!({"admissionReviewVersions": null}),
        &["admissionReviewVersions: Required value: must specify one of v1, v1beta1"],
    );
    check_hook(
        json!({"admissionReviewVersions": ["v2", "v2"]}),
        &[
            r#"admissionReviewVersions[1]: Invalid value: "v2": duplicate version"#,
            r#"admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1"#,
        ],
    );
    check_hooks(
        &[hook(json!({})), hook(json!({}))],
        &[r#"webhooks[1].name: Duplicate value: "a.example.com""#],
    );
}

#[test]
fn an_update_may_keep_what_was_there_before_the_rules() {
    let check = |old: Value, new: Value, want: &[&str]| {
        let [old, new] = [old, new].map(|more| configuration(Phase::Validating, &[hook(more)]));
        assert_eq!(texts(webhook::validate(&new, Some(&old))), want);
    };
    check(json!({"sideEffects": "Some"}), json!({"sideEffects": "Unknown"}), &[]);
    check(
        json!({}),
        json!({"sideEffects": "Unknown"}),
        &[
            r#"webhooks[0].sideEffects: Unsupported value: "Unknown": supported values: "None", "NoneOnDryRun""#,
        ],
    );
    check(json!({"admissionReviewVersions": ["v0"]}), json!({"admissionReviewVersions": ["v5"]}), &[]);
    let conditions = json!({"matchConditions": [{"name": "", "expression": "true"}]});
    check(conditions.clone(), conditions.clone(), &[]);
    check(json!({}), conditions, &["webhooks[0].matchConditions[0].name: Required value"]);
}

#[test]
fn webhooks_have_upstreams_defaults() {
    let hooks = json!([{"name": "a", "rules": [{}], "clientConfig": {"service": {}}}]);
    let object = defaulted(&WebhookConfiguration::new(Phase::Mutating), json!({ "webhooks": hooks }));
    let want = json!([{
        "name": "a", "failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {},
        "objectSelector": {}, "timeoutSeconds": 10, "reinvocationPolicy": "Never", "rules": [{"scope": "*"}],
        "clientConfig": {"service": {"port": 443}},
    }]);
    assert_eq!(object.0.get("webhooks"), Some(&want));
}

// === policies ===

fn policy(phase: Phase, more: Value) -> PolicySpec {
    let rule =
        json!({"operations": ["CREATE"], "apiGroups": ["a"], "apiVersions": ["a"], "resources": ["a"]});
    let spec = match phase {
        Phase::Validating => json!({"validations": [{"expression": "object.x < 1"}]}),
        Phase::Mutating => json!({"reinvocationPolicy": "Never",
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[JSONPatch{op: 'remove', path: '/x'}]"}}]}),
    };
    let spec = with(with(spec, json!({"matchConstraints": {"resourceRules": [rule]}})), more);
    typed::<Body<PolicySpec>>(&defaulted(&Policy::new(phase), json!({ "spec": spec }))).spec
}

#[track_caller]
fn check_policy(phase: Phase, more: Value, want: &[&str]) {
    let spec = policy(phase, more);
    let want: Vec<String> = want.iter().map(|error| format!("spec.{error}")).collect();
    assert_eq!(texts(policy::validate(phase, &spec, None, "config")), want, "{spec:?}");
}

#[test]
fn policies_are_held_against_upstreams_rules() {
    for phase in [Phase::Validating, Phase::Mutating] {
        check_policy(phase, json!({}), &[]);
        check_policy(phase, json!({"matchConstraints": null}), &["matchConstraints: Required value"]);
        check_policy(
            phase,
            json!({"failurePolicy": "other", "matchConstraints": {}}),
            &[
                r#"failurePolicy: Unsupported value: "other": supported values: "Fail", "Ignore""#,
                "matchConstraints.resourceRules: Required value",
            ],
        );
        check_policy(
            phase,
            json!({"paramKind": {"apiVersion": "example.com/v1/x", "kind": "Exa mple"}}),
            &[
                r#"paramKind.apiVersion: Invalid value: "example.com/v1/x": unexpected GroupVersion string: example.com/v1/x"#,
                r#"paramKind.kind: Invalid value: "Exa mple": may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"#,
            ],
        );
        check_policy(
            phase,
            json!({"paramKind": {"apiVersion": "example.com/"}}),
            &[
                r#"paramKind.apiVersion: Invalid value: "example.com/": version must be specified"#,
                "paramKind.kind: Required value",
            ],
        );
        check_policy(
            phase,
            json!({"matchConditions": [{"name": "a", "expression": " "}, {"name": "a", "expression": "true"}]}),
            &[
                "matchConditions[0].expression: Required value",
                r#"matchConditions[1].name: Duplicate value: "a""#,
            ],
        );
        check_policy(
            phase,
            json!({"variables": [{"name": "", "expression": ""}, {"name": "in", "expression": "1"}]}),
            &[
                "variables[0].name: Required value: name is not specified",
                "variables[0].expression: Required value: expression is not specified",
                r#"variables[1].name: Invalid value: "in": must be a valid CEL identifier"#,
            ],
        );
    }
}

#[test]
fn a_validating_policy_has_an_outcome() {
    let check = |more: Value, want: &[&str]| check_policy(Phase::Validating, more, want);
    check(
        json!({"validations": null}),
        &[
            "validations: Required value: validations or auditAnnotations must contain at least one item",
            "auditAnnotations: Required value: validations or auditAnnotations must contain at least one item",
        ],
    );
    check(
        json!({"validations": [{"expression": " ", "message": " ", "messageExpression": "\t", "reason": "other"}]}),
        &[
            "validations[0].expression: Required value: expression is not specified",
            r#"validations[0].messageExpression: Invalid value: "\t": must be non-empty if specified"#,
            r#"validations[0].message: Invalid value: " ": must be non-empty if specified"#,
            r#"validations[0].reason: Unsupported value: "other": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge""#,
        ],
    );
    check(
        json!({"validations": [{"expression": "true", "message": "a\nb"}]}),
        &[r#"validations[0].message: Invalid value: "a\nb": must not contain line breaks"#],
    );
    check(
        json!({"auditAnnotations": [{"key": "@", "valueExpression": "'value'"}, {"key": "a"}, {"key": "a", "valueExpression": "'x'"}]}),
        &[
            r#"auditAnnotations[0].key: Invalid value: "config/@": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"#,
            "auditAnnotations[1].valueExpression: Required value: valueExpression is not specified",
            r#"auditAnnotations[2].key: Duplicate value: "a""#,
        ],
    );
    let many: Vec<Value> =
        (0..21).map(|n| json!({"key": format!("k{n}"), "valueExpression": "''"})).collect();
    let errors = texts(policy::validate(
        Phase::Validating,
        &policy(Phase::Validating, json!({ "auditAnnotations": many })),
        None,
        "config",
    ));
    let error = errors.first().map(String::as_str).unwrap_or_default();
    assert!(
        error.starts_with(r#"spec.auditAnnotations: Invalid value: [{"Key":"k0","ValueExpression":"''"},"#),
        "{error}"
    );
    assert!(error.ends_with("]: must not have more than 20 auditAnnotations"), "{error}");
}

#[test]
fn a_mutating_policy_has_patches_and_deletes_nothing() {
    let check = |more: Value, want: &[&str]| check_policy(Phase::Mutating, more, want);
    check(
        json!({"mutations": null, "reinvocationPolicy": null}),
        &[
            "mutations: Required value: mutations must contain at least one item",
            "reinvocationPolicy: Required value",
        ],
    );
    check(
        json!({"reinvocationPolicy": "other"}),
        &[r#"reinvocationPolicy: Unsupported value: "other": supported values: "IfNeeded", "Never""#],
    );
    check(
        json!({"mutations": [{}, {"patchType": "x"},
            {"patchType": "JSONPatch", "applyConfiguration": {"expression": "Object{}"}},
            {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": " "}, "jsonPatch": {}}]}),
        &[
            "mutations[0].patchType: Required value",
            r#"mutations[1].patchType: Unsupported value: "x": supported values: "ApplyConfiguration", "JSONPatch""#,
            "mutations[2].jsonPatch: Required value: must be specified when patchType is JSONPatch",
            r#"mutations[2].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when patchType is JSONPatch"#,
            "mutations[3].applyConfiguration.expression: Required value",
            r#"mutations[3].jsonPatch: Invalid value: "{jsonPatch}": must not be specified when patchType is ApplyConfiguration"#,
        ],
    );
    let rule =
        json!({"operations": ["DELETE"], "apiGroups": ["a"], "apiVersions": ["a"], "resources": ["a"]});
    check(
        json!({"matchConstraints": {"resourceRules": [rule]}}),
        &[
            r#"matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE""#,
        ],
    );
}

// === bindings ===

#[track_caller]
fn check_binding(phase: Phase, more: Value, want: &[&str]) {
    let actions = match phase {
        Phase::Validating => json!({"validationActions": ["Deny"]}),
        Phase::Mutating => json!({}),
    };
    let spec = with(with(json!({"policyName": "xyz.example.com"}), actions), more);
    let binding = defaulted(&PolicyBinding::new(phase), json!({ "spec": spec }));
    let spec = typed::<Body<BindingSpec>>(&binding).spec;
    let want: Vec<String> = want.iter().map(|error| format!("spec.{error}")).collect();
    assert_eq!(texts(binding::validate(phase, &spec)), want, "{spec:?}");
}

#[test]
fn bindings_are_held_against_upstreams_rules() {
    for phase in [Phase::Validating, Phase::Mutating] {
        check_binding(phase, json!({}), &[]);
        check_binding(phase, json!({"matchResources": {}}), &[]);
        check_binding(phase, json!({"policyName": null}), &["policyName: Required value"]);
        check_binding(
            phase,
            json!({"paramRef": {}}),
            &[
                "paramRef: Required value: one of name or selector must be specified",
                "paramRef.parameterNotFoundAction: Required value",
            ],
        );
        check_binding(
            phase,
            json!({"paramRef": {"name": "a/b", "selector": {}, "parameterNotFoundAction": "x"}}),
            &[
                r#"paramRef.name: Invalid value: "a/b": may not contain '/'"#,
                "paramRef.name: Forbidden: name and selector are mutually exclusive",
                "paramRef.selector: Forbidden: name and selector are mutually exclusive",
                r#"paramRef.parameterNotFoundAction: Unsupported value: "x": supported values: "Deny", "Allow""#,
            ],
        );
    }
    check_binding(
        Phase::Validating,
        json!({"validationActions": null}),
        &["validationActions: Required value: at least one validation action is required"],
    );
    check_binding(
        Phase::Validating,
        json!({"validationActions": ["Deny", "Warn", "Deny", "x"]}),
        &[
            r#"validationActions[2]: Duplicate value: "Deny""#,
            r#"validationActions[3]: Unsupported value: "x": supported values: "Audit", "Deny", "Warn""#,
            r#"validationActions: Invalid value: ["Deny","Warn","Deny","x"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"#,
        ],
    );
}

#[test]
fn tables_show_what_upstream_shows() {
    let check = |kind: &dyn Strategy, object: Value, want: &[&str]| {
        let object = Object::from_value(object).expect("an object");
        let columns = kind.spec().columns.iter();
        let cells: Vec<String> = columns
            .filter(|column| column.name != "Age")
            .map(|column| (column.cell)(&object, jiff::Timestamp::UNIX_EPOCH).to_string())
            .collect();
        assert_eq!(cells, want);
    };
    let name = json!({"name": "n"});
    check(
        &WebhookConfiguration::new(Phase::Mutating),
        json!({"metadata": name, "webhooks": [{}, {}]}),
        &[r#""n""#, "2"],
    );
    check(
        &Policy::new(Phase::Validating),
        json!({"metadata": name, "spec": {"validations": [{}], "paramKind": {"apiVersion": "a/v1", "kind": "B"}}}),
        &[r#""n""#, "1", r#""a/v1/B""#],
    );
    check(
        &Policy::new(Phase::Mutating),
        json!({"metadata": name, "spec": {}}),
        &[r#""n""#, "0", r#""<unset>""#],
    );
    let binding = |params: Value| json!({"metadata": name, "spec": {"policyName": "p", "paramRef": params}});
    let kind = PolicyBinding::new(Phase::Validating);
    check(&kind, binding(json!({"name": "x"})), &[r#""n""#, r#""p""#, r#""*/x""#]);
    check(&kind, binding(json!({"name": "x", "namespace": "y"})), &[r#""n""#, r#""p""#, r#""y/x""#]);
    check(
        &kind,
        binding(json!({"selector": {"matchLabels": {"a": "b"}}})),
        &[
            r#""n""#,
            r#""p""#,
            r#""&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}""#,
        ],
    );
}

#[test]
fn a_policys_status_is_held_against_upstreams_rules() {
    let check = |status: Value, want: &[&str]| {
        let status = serde_json::from_value(status).expect("a status");
        assert_eq!(texts(status::validate(&status)), want);
    };
    check(
        json!({"typeChecking": {"expressionWarnings": [{}, {"fieldRef": "spec.validations[x]", "warning": "w"}]}}),
        &[
            "status.typeChecking.expressionWarnings[0].warning: Required value",
            "status.typeChecking.expressionWarnings[0].fieldRef: Required value",
            r#"status.typeChecking.expressionWarnings[1].fieldRef: Invalid value: "spec.validations[x]": invalid JSONPath: invalid array index x"#,
        ],
    );
}

// === expressions ===

/// Only the first line of what the compiler says, and with dots for the marker below it.
#[track_caller]
fn check_compiled(phase: Phase, more: Value, want: &[&str]) {
    let spec = policy(phase, more);
    let errors = texts(policy::validate(phase, &spec, None, "config"));
    let first: Vec<&str> = errors.iter().filter_map(|error| error.lines().next()).collect();
    assert_eq!(first, want, "{spec:?}");
}

#[test]
fn expressions_compile_and_give_what_they_must() {
    let check = |more: Value, want: &[&str]| check_compiled(Phase::Validating, more, want);
    let expression = |text: &str| json!({"validations": [{ "expression": text }]});
    check(
        expression("object.x in [1, 2, "),
        &[
            r#"spec.validations[0].expression: Invalid value: "object.x in [1, 2, ": compilation failed: ERROR: <input>:1:20: Syntax error: missing ']' at '<EOF>'"#,
        ],
    );
    check(
        expression("1"),
        &[r#"spec.validations[0].expression: Invalid value: "1": must evaluate to bool but got int"#],
    );
    check(
        expression("params.x == 1"),
        &[
            r#"spec.validations[0].expression: Invalid value: "params.x == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')"#,
        ],
    );
    check(
        json!({"paramKind": {"apiVersion": "v1", "kind": "A"}, "validations": [{"expression": "params.x == 1"}]}),
        &[],
    );
    check(
        json!({"validations": [{"expression": "true", "messageExpression": "0 == 0"}]}),
        &[
            r#"spec.validations[0].messageExpression: Invalid value: "0 == 0": must evaluate to string but got bool"#,
        ],
    );
    check(
        json!({"auditAnnotations": [{"key": "k", "valueExpression": "true"}]}),
        &[
            r#"spec.auditAnnotations[0].valueExpression: Invalid value: "true": must evaluate to one of [string null_type] but got bool"#,
        ],
    );
    check(
        json!({"matchConditions": [{"name": "a", "expression": "6"}]}),
        &[r#"spec.matchConditions[0].expression: Invalid value: "6": must evaluate to bool but got int"#],
    );
}

#[test]
fn variables_see_those_before_them() {
    let check = |more: Value, want: &[&str]| check_compiled(Phase::Validating, more, want);
    let foo = json!({"name": "foo", "expression": "1 + 1"});
    let uses = json!([{"expression": "variables.foo == 2"}]);
    check(json!({"variables": [foo], "validations": uses}), &[]);
    check(
        json!({"variables": [{"name": "bar", "expression": "variables.foo + 1"}, foo]}),
        &[
            r#"spec.variables[0].expression: Invalid value: "variables.foo + 1": compilation failed: ERROR: <input>:1:10: undefined field 'foo'"#,
        ],
    );
    check(
        json!({"variables": [{"name": "foo", "expression": "114 + '514'"}]}),
        &[
            r#"spec.variables[0].expression: Invalid value: "114 + '514'": compilation failed: ERROR: <input>:1:5: found no matching overload for '_+_' applied to '(int, string)'"#,
        ],
    );
}

#[test]
fn patches_are_made_by_their_expressions() {
    let check = |mutation: Value, want: &[&str]| {
        check_compiled(Phase::Mutating, json!({"mutations": [mutation]}), want);
    };
    let apply =
        |text: &str| json!({"patchType": "ApplyConfiguration", "applyConfiguration": { "expression": text }});
    check(apply("Object{spec: Object.spec{replicas: 1}}"), &[]);
    check(
        apply("1 < 2"),
        &[
            r#"spec.mutations[0].applyConfiguration.expression: Invalid value: "1 < 2": must evaluate to Object but got bool"#,
        ],
    );
}
