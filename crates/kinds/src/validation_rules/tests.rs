use ironclad_api::field::Path;
use serde_json::{Value, json};

use super::RuleTree;

/// What rules say of an object: errors, then what has been ratcheted.
fn verdict(schema: &Value, new: &Value, old: Option<&Value>) -> (Vec<String>, Vec<String>) {
    let tree = RuleTree::of(schema).expect("rules");
    let verdict = tree.check(new, old, &Path::root());
    let texts = |errors: Vec<ironclad_api::FieldError>| errors.iter().map(ToString::to_string).collect();
    (texts(verdict.errors), texts(verdict.ratcheted))
}

fn schema(rule: Value) -> Value {
    json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "min": {"type": "integer"}, "max": {"type": "integer"},
            "name": {"type": "string", "x-kubernetes-validations": [{"rule": "self.startsWith('a')"}]},
            "namespace": {"type": "string"}, "port": {"x-kubernetes-int-or-string": true},
            "items": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                "items": {"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "integer"}},
                    "x-kubernetes-validations": [{"rule": "self.v >= oldSelf.v", "message": "may not shrink"}]}},
            "labels": {"type": "object", "additionalProperties": {"type": "string",
                "x-kubernetes-validations": [{"rule": "self != 'bad'"}]}}},
          "x-kubernetes-validations": [rule]}}})
}

#[test]
fn objects_are_held_against_rules() {
    let check = |rule: Value, spec: Value, want: &[&str]| {
        let (errors, _) = verdict(&schema(rule.clone()), &json!({ "spec": spec }), None);
        assert_eq!(errors, want, "{rule} on {spec}");
    };
    let less = "self.min <= self.max";
    check(json!({"rule": less}), json!({"min": 1, "max": 2}), &[]);
    check(
        json!({"rule": less}),
        json!({"min": 3, "max": 2}),
        &["spec: Invalid value: failed rule: self.min <= self.max"],
    );
    check(
        json!({"rule": less, "message": " wrong order "}),
        json!({"min": 3, "max": 2}),
        &["spec: Invalid value: wrong order"],
    );
    check(
        json!({"rule": less, "messageExpression": "'%d > %d'.format([self.min, self.max])"}),
        json!({"min": 3, "max": 2}),
        &["spec: Invalid value: 3 > 2"],
    );
    check(
        json!({"rule": less, "message": "wrong", "messageExpression": "string(1 / (self.max - 2))"}),
        json!({"min": 3, "max": 2}),
        &["spec: Invalid value: wrong"],
    );
    check(
        json!({"rule": less, "reason": "FieldValueForbidden", "fieldPath": ".min"}),
        json!({"min": 3, "max": 2}),
        &["spec.min: Forbidden: failed rule: self.min <= self.max"],
    );
    check(
        json!({"rule": less}),
        json!({"max": 2}),
        &["spec: Invalid value: \"object\": no such key: min evaluating rule: self.min <= self.max"],
    );
    check(
        json!({"rule": "self.port + 1 > 0"}),
        json!({"port": "http"}),
        &[
            "spec: Invalid value: \"object\": 'no such overload': call arguments did not match a supported operator, \
           function or macro signature for rule: self.port + 1 > 0",
        ],
    );
    check(
        json!({"rule": "self.namespace == 'x' && self.__namespace__ == 'x'"}),
        json!({"namespace": "x"}),
        &[],
    );
    check(
        json!({"rule": "true"}),
        json!({"name": "b", "labels": {"a": "bad", "b": "good"}}),
        &[
            "spec.labels[a]: Invalid value: \"bad\": failed rule: self != 'bad'",
            "spec.name: Invalid value: \"b\": failed rule: self.startsWith('a')",
        ],
    );
}

#[test]
fn rules_at_the_root_see_the_name() {
    let rooted =
        json!({"type": "object", "x-kubernetes-validations": [{"rule": "self.metadata.name.size() < 5"}]});
    let (errors, _) = verdict(&rooted, &json!({"kind": "A", "metadata": {"name": "too-long"}}), None);
    assert_eq!(errors, ["<nil>: Invalid value: failed rule: self.metadata.name.size() < 5"]);
}

#[test]
fn transitions_are_held_against_old_values() {
    let check = |rule: Value, new: Value, old: Value, want: &[&str]| {
        let (new, old) = (json!({ "spec": new }), json!({ "spec": old }));
        let (errors, _) =
            verdict(&schema(rule.clone()), &new, Some(&old).filter(|old| !old["spec"].is_null()));
        assert_eq!(errors, want, "{rule} on {new} and {old}");
    };
    let fixed = "self.min == oldSelf.min";
    let failed: &[&str] = &["spec: Invalid value: failed rule: self.min == oldSelf.min"];
    check(json!({"rule": fixed}), json!({"min": 1}), json!({"min": 1}), &[]);
    check(json!({"rule": fixed}), json!({"min": 1}), json!({"min": 2}), failed);
    check(json!({"rule": fixed}), json!({"min": 1}), Value::Null, &[]);
    let optional = json!({"rule": "oldSelf.hasValue() || self.min == 0", "optionalOldSelf": true});
    check(optional.clone(), json!({"min": 1}), json!({"min": 2}), &[]);
    check(
        optional,
        json!({"min": 1}),
        Value::Null,
        &["spec: Invalid value: failed rule: oldSelf.hasValue() || self.min == 0"],
    );
    check(
        json!({"rule": "true"}),
        json!({"items": [{"k": "b", "v": 1}, {"k": "a", "v": 1}, {"k": "new", "v": 0}]}),
        json!({"items": [{"k": "a", "v": 2}, {"k": "b", "v": 0}]}),
        &["spec.items[1]: Invalid value: may not shrink"],
    );
}

#[test]
fn what_was_wrong_before_is_warned_of() {
    let schema = schema(json!({"rule": "self.min <= self.max"}));
    let old = json!({"spec": {"min": 3, "max": 2, "name": "b"}});
    let (errors, ratcheted) = verdict(&schema, &old, Some(&old));
    assert_eq!(errors, [""; 0]);
    assert_eq!(
        ratcheted,
        [
            "spec: Invalid value: failed rule: self.min <= self.max",
            "spec.name: Invalid value: \"b\": failed rule: self.startsWith('a')"
        ]
    );
    let changed = json!({"spec": {"min": 4, "max": 2, "name": "b"}});
    let (errors, ratcheted) = verdict(&schema, &changed, Some(&old));
    assert_eq!(errors, ["spec: Invalid value: failed rule: self.min <= self.max"]);
    assert_eq!(ratcheted, ["spec.name: Invalid value: \"b\": failed rule: self.startsWith('a')"]);
}

#[test]
fn a_long_list_that_has_not_changed_is_compared_once() {
    let schema = json!({"type": "object", "properties": {"list": {"type": "array", "items": {"type": "integer",
        "x-kubernetes-validations": [{"rule": "self > 0"}]}}}});
    let old = json!({"list": vec![0; 50_000]});
    let (errors, ratcheted) = verdict(&schema, &old, Some(&old));
    assert_eq!((errors.len(), ratcheted.len()), (0, 10_000));
}

#[test]
fn an_expensive_rule_ends_the_evaluation() {
    let numbers: Vec<i64> = (0..2_000).collect();
    let schema = json!({"type": "object", "properties": {"list": {"type": "array", "items": {"type": "integer"}},
        "z": {"type": "integer", "x-kubernetes-validations": [{"rule": "false"}]}},
        "x-kubernetes-validations": [{"rule": "self.list.all(x, self.list.all(y, x + y >= 0))"}]});
    let (errors, _) = verdict(&schema, &json!({"list": numbers, "z": 1}), None);
    assert_eq!(
        errors,
        [
            "<nil>: Invalid value: \"object\": 'operation cancelled: actual cost limit exceeded': no further validation \
          rules will be run due to call cost exceeds limit for rule: self.list.all(x, self.list.all(y, x + y >= 0))"
        ]
    );
}
