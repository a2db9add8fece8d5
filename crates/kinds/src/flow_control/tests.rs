use ironclad_engine::strategy::Strategy;
use serde_json::json;

use super::bootstrap::Bootstrap;
use super::shape::{Body, FlowSchemaSpec, PriorityLevelSpec};
use super::*;
use crate::spec::typed;

fn defaulted(kind: &dyn Strategy, spec: Value) -> Object {
    let mut object = Object::from_value(json!({ "spec": spec })).expect("an object");
    kind.default(&mut object);
    object
}

fn texts(errors: FieldErrors) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check_schema(name: &str, more: Value, want: &[&str]) {
    let mut spec = json!({"priorityLevelConfiguration": {"name": "system"}, "rules": []});
    if let (Some(spec), Value::Object(more)) = (spec.as_object_mut(), more) {
        spec.extend(more);
    }
    let spec = typed::<Body<FlowSchemaSpec>>(&defaulted(&FlowSchema::new(), spec)).spec;
    assert_eq!(texts(flow_schema::validate(name, &spec)), want);
}

#[track_caller]
fn check_level(name: &str, spec: Value, want: &[&str]) {
    let object = defaulted(&PriorityLevelConfiguration::new(), spec);
    let spec = typed::<Body<PriorityLevelSpec>>(&object).spec;
    assert_eq!(texts(priority_level::validate(name, &spec)), want);
}

#[test]
fn flow_schemas_are_held_against_upstreams_rules() {
    check_schema("a", json!({}), &[]);
    check_schema(
        "a",
        json!({"matchingPrecedence": 1, "distinguisherMethod": {"type": "x"}, "priorityLevelConfiguration": {}}),
        &[
            "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
            r#"spec.distinguisherMethod.type: Unsupported value: {"Type":"x"}: supported values: "ByNamespace", "ByUser""#,
            "spec.priorityLevelConfiguration.name: Required value: must reference a priority level",
        ],
    );
    check_schema(
        "a",
        json!({"matchingPrecedence": 10001}),
        &["spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000"],
    );
    check_schema(
        "a",
        json!({"matchingPrecedence": -1}),
        &["spec.matchingPrecedence: Invalid value: -1: must be a positive value"],
    );
    check_schema(
        "a",
        json!({"rules": [{}]}),
        &[
            "spec.rules[0].subjects: Required value: subjects must contain at least one value",
            "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
        ],
    );
}

#[test]
fn subjects_have_the_part_that_their_kind_names() {
    let check = |subject: Value, want: &[&str]| {
        let rule = json!({"verbs": ["*"], "nonResourceURLs": ["*"]});
        let want: Vec<String> =
            want.iter().map(|error| format!("spec.rules[0].subjects[0].{error}")).collect();
        check_schema(
            "a",
            json!({"rules": [{"subjects": [subject], "nonResourceRules": [rule]}]}),
            &want.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    };
    check(json!({"kind": "User", "user": {"name": "a"}}), &[]);
    check(json!({"kind": "User"}), &["user: Required value: user is required when subject kind is 'User'"]);
    check(
        json!({"kind": "Group", "group": {}, "user": {"name": "a"}}),
        &["group.name: Required value", "user: Forbidden: user is forbidden when subject kind is not 'User'"],
    );
    check(
        json!({"kind": "x"}),
        &[r#"kind: Unsupported value: "x": supported values: "Group", "ServiceAccount", "User""#],
    );
    check(
        json!({"kind": "ServiceAccount", "serviceAccount": {"name": "*"}, "group": {"name": "g"}}),
        &[
            "serviceAccount.namespace: Required value: must specify namespace for service account",
            "group: Forbidden: group is forbidden when subject kind is not 'Group'",
        ],
    );
}

#[test]
fn rules_name_verbs_and_what_they_are_about() {
    let check = |rules: Value, want: &[&str]| {
        let mut rules = rules;
        rules["subjects"] = json!([{"kind": "User", "user": {"name": "a"}}]);
        let want: Vec<String> = want.iter().map(|error| format!("spec.rules[0].{error}")).collect();
        check_schema("a", json!({"rules": [rules]}), &want.iter().map(String::as_str).collect::<Vec<_>>());
    };
    check(
        json!({"resourceRules": [{"verbs": ["get", "x"], "apiGroups": ["*", "a"], "resources": [], "namespaces": []}]}),
        &[
            r#"resourceRules[0].verbs: Unsupported value: ["get","x"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch""#,
            r#"resourceRules[0].apiGroups: Invalid value: ["*","a"]: if '*' is present, must not specify other api groups"#,
            "resourceRules[0].resources: Required value: resource rules must supply at least one resource",
            "resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace",
        ],
    );
    check(
        json!({"resourceRules": [{"verbs": ["*", "get"], "apiGroups": ["a"], "resources": ["a"], "namespaces": ["-a"]}]}),
        &[
            r#"resourceRules[0].verbs: Invalid value: ["*","get"]: if '*' is present, must not specify other verbs"#,
            r#"resourceRules[0].namespaces[0]: Invalid value: "-a": each member of this list must be '*' or a DNS-1123 label; a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"#,
        ],
    );
    check(
        json!({"nonResourceRules": [{"verbs": [], "nonResourceURLs": ["", "/", "a", "/a b", "//a", "/a*", "/a/*"]}]}),
        &[
            "nonResourceRules[0].verbs: Required value: verbs must contain at least one value",
            r#"nonResourceRules[0].nonResourceURLs[0]: Invalid value: "": must not be empty"#,
            r#"nonResourceRules[0].nonResourceURLs[2]: Invalid value: "a": must start with slash"#,
            r#"nonResourceRules[0].nonResourceURLs[3]: Invalid value: "/a b": must not contain white-space"#,
            r#"nonResourceRules[0].nonResourceURLs[4]: Invalid value: "//a": must not contain double slash"#,
            r#"nonResourceRules[0].nonResourceURLs[5]: Invalid value: "/a*": wildcard can only do suffix matching"#,
        ],
    );
}

#[test]
fn priority_levels_are_held_against_upstreams_rules() {
    let queue = |queuing: Value| json!({"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": queuing}}});
    check_level("a", queue(json!({})), &[]);
    check_level(
        "a",
        json!({"type": "x"}),
        &[r#"spec.type: Unsupported value: "x": supported values: "Exempt", "Limited""#],
    );
    check_level(
        "a",
        json!({"type": "Exempt", "limited": {}}),
        &[
            r#"spec.type: Invalid value: "Exempt": must be 'Exempt' if and only if `name` is 'exempt'"#,
            "spec.limited: Forbidden: must be nil if the type is not Limited",
        ],
    );
    check_level(
        "a",
        json!({"type": "Limited", "exempt": {}}),
        &[
            "spec.exempt: Forbidden: must be nil if the type is Limited",
            "spec.limited: Required value: must not be empty when type is Limited",
        ],
    );
    check_level(
        "a",
        json!({"type": "Limited", "limited": {"nominalConcurrencyShares": -1, "lendablePercent": 101,
            "borrowingLimitPercent": -1, "limitResponse": {"type": "Reject", "queuing": {}}}}),
        &[
            "spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer",
            "spec.limited.limitResponse.queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited",
            "spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive",
            "spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer",
        ],
    );
    let path = "spec.limited.limitResponse.queuing";
    check_level(
        "a",
        queue(Value::Null),
        &[&format!("{path}: Required value: must not be empty if limited.limitResponse.type is Limited")],
    );
    check_level(
        "a",
        queue(json!({"queues": -1, "handSize": -1, "queueLengthLimit": -1})),
        &[
            &format!("{path}.queueLengthLimit: Invalid value: -1: must be positive"),
            &format!("{path}.queues: Invalid value: -1: must be positive"),
            &format!("{path}.handSize: Invalid value: -1: must be positive"),
        ],
    );
    check_level(
        "a",
        queue(json!({"queues": 512, "handSize": 8})),
        &[&format!(
            "{path}.handSize: Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should not be greater than 60"
        )],
    );
    check_level(
        "a",
        queue(json!({"queues": 7, "handSize": 8})),
        &[&format!("{path}.handSize: Invalid value: 8: should not be greater than queues (7)")],
    );
}

#[test]
fn the_objects_of_every_cluster_are_valid_and_whole() {
    for Bootstrap { resource, object, .. } in bootstrap::all() {
        let errors = match resource {
            "flowschemas" => {
                flow_schema::validate(object.name(), &typed::<Body<FlowSchemaSpec>>(&object).spec)
            }
            _ => priority_level::validate(object.name(), &typed::<Body<PriorityLevelSpec>>(&object).spec),
        };
        assert_eq!(texts(errors), Vec::<String>::new(), "{}", object.name());
        let kind: &dyn Strategy = match resource {
            "flowschemas" => &FlowSchema::new(),
            _ => &PriorityLevelConfiguration::new(),
        };
        let mut defaulted = object.clone();
        kind.default(&mut defaulted);
        assert_eq!(defaulted, object, "the defaults add nothing");
    }
    assert_eq!(bootstrap::all().len(), 8 + 11);
}

#[test]
fn mandatory_objects_cannot_be_bent() {
    check_schema(
        "catch-all",
        json!({}),
        &[
            r#"spec: Invalid value: {"PriorityLevelConfiguration":{"Name":"system"},"MatchingPrecedence":1000,"DistinguisherMethod":null,"Rules":null}: spec of 'catch-all' must equal the fixed value"#,
        ],
    );
    check_level(
        "catch-all",
        json!({"type": "Limited", "limited": {"nominalConcurrencyShares": 6, "limitResponse": {"type": "Reject"}}}),
        &[
            r#"spec: Invalid value: {"Type":"Limited","Limited":{"NominalConcurrencyShares":6,"LimitResponse":{"Type":"Reject","Queuing":null},"LendablePercent":0,"BorrowingLimitPercent":null},"Exempt":null}: spec of 'catch-all' must equal the fixed value"#,
        ],
    );
    check_level("exempt", json!({"type": "Exempt", "exempt": {"nominalConcurrencyShares": 7}}), &[]);
}

#[test]
fn an_administrators_change_of_a_suggested_object_stays() {
    let all = bootstrap::all();
    let revised = |wanted: &Bootstrap, existing: &Object| {
        bootstrap::revised(wanted.resource, &wanted.object, wanted.mandatory, existing)
    };
    let wanted = |name: &str| all.iter().find(|wanted| wanted.object.name() == name).expect("in the list");
    let bent = |name: &str, annotation: Option<&str>, generation: i64| {
        let mut object = wanted(name).object.clone();
        object
            .0
            .insert("spec".into(), json!({"type": "Limited", "limited": {"nominalConcurrencyShares": 1}}));
        object.set_meta("generation", generation);
        object.metadata_mut().remove("annotations");
        if let Some(text) = annotation {
            object.set_annotation(bootstrap::AUTO_UPDATE, text);
        }
        object
    };
    let check = |name: &str, annotation, generation, spec_mended: bool, annotated: Option<&str>| {
        let existing = bent(name, annotation, generation);
        let revised = revised(wanted(name), &existing);
        let result = revised.as_ref().unwrap_or(&existing);
        assert_eq!(
            result.0.get("spec") == wanted(name).object.0.get("spec"),
            spec_mended,
            "{name} {annotation:?}"
        );
        assert_eq!(result.annotation(bootstrap::AUTO_UPDATE), annotated, "{name} {annotation:?}");
    };
    check("system", Some("true"), 2, true, Some("true"));
    check("system", Some("false"), 2, false, Some("false"));
    check("system", None, 2, false, Some("false"));
    check("system", None, 1, true, Some("true"));
    check("catch-all", Some("false"), 2, true, Some("true"));
    let whole = wanted("system");
    assert_eq!(revised(whole, &whole.object), None);
}
