use serde_json::json;

use super::*;

/// Holds a value against a schema; the texts of the errors are those of upstream.
#[track_caller]
fn check(schema: Value, value: Value, want: &[&str]) {
    let errors = Rules::compile(&schema).check(&value, None);
    let got: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(got, want, "{value} against {schema}");
}

fn spec(x: Value) -> Value {
    json!({"type": "object", "properties": {"x": x}})
}

#[test]
fn types_are_told_apart_as_upstream_does() {
    let fails = |schema: Value, value: Value, want: &str| check(spec(schema), json!({"x": value}), &[want]);
    let passes = |schema: Value, value: Value| check(spec(schema), json!({"x": value}), &[]);
    let text = json!({"type": "string"});
    fails(
        text.clone(),
        json!(1),
        r#"x: Invalid value: "integer": x in body must be of type string: "integer""#,
    );
    fails(text.clone(), json!(null), r#"x: Invalid value: "null": x in body must be of type string: "null""#);
    fails(text, json!({}), r#"x: Invalid value: "object": x in body must be of type string: "object""#);
    fails(
        json!({"type": "object"}),
        json!([]),
        r#"x: Invalid value: "array": x in body must be of type object: "array""#,
    );
    let integer = json!({"type": "integer"});
    fails(
        integer.clone(),
        json!("1"),
        r#"x: Invalid value: "string": x in body must be of type integer: "string""#,
    );
    passes(integer.clone(), json!(1.0));
    check(
        spec(integer.clone()),
        json!({"x": 1.5}),
        &[
            r#"x: Invalid value: "number": x in body must be of type integer: "number""#,
            r#"<nil>: Invalid value: "": Checked value must be of type integer (default format) in x"#,
        ],
    );
    passes(json!({"type": "number"}), json!(1));
    passes(json!({"type": "string", "nullable": true}), json!(null));
    passes(json!({"x-kubernetes-int-or-string": true}), json!("50%"));
    passes(json!({"x-kubernetes-int-or-string": true}), json!(50));
    fails(
        json!({"x-kubernetes-int-or-string": true}),
        json!(true),
        r#"x: Invalid value: "boolean": x in body must be of type integer,string: "boolean""#,
    );
    passes(json!({"x-kubernetes-preserve-unknown-fields": true}), json!([1, {"a": null}]));
    check(
        integer,
        json!("a"),
        &[r#"<nil>: Invalid value: "string":  in body must be of type integer: "string""#],
    );
}

#[test]
fn limits_are_told_of_as_upstream_does() {
    let fails = |schema: Value, value: Value, want: &str| check(spec(schema), json!({"x": value}), &[want]);
    let passes = |schema: Value, value: Value| check(spec(schema), json!({"x": value}), &[]);
    let count = json!({"type": "integer", "minimum": 1, "maximum": 10, "multipleOf": 2});
    passes(count.clone(), json!(10));
    fails(count.clone(), json!(12), "x: Invalid value: 12: x in body should be less than or equal to 10");
    fails(count, json!(0), "x: Invalid value: 0: x in body should be greater than or equal to 1");
    fails(
        json!({"type": "number", "exclusiveMinimum": true, "minimum": 0.5}),
        json!(0.5),
        "x: Invalid value: 0.5: x in body should be greater than 0.5",
    );
    fails(
        json!({"type": "integer", "multipleOf": 3}),
        json!(4),
        "x: Invalid value: 4: x in body should be a multiple of 3",
    );
    fails(
        json!({"type": "integer", "format": "int32"}),
        json!(3_000_000_000_i64),
        r#"<nil>: Invalid value: "": Checked value must be of type integer with format int32 in x"#,
    );
    let text = json!({"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^a"});
    passes(text.clone(), json!("aé"));
    fails(text.clone(), json!("a"), r#"x: Invalid value: "a": x in body should be at least 2 chars long"#);
    fails(text.clone(), json!("abcd"), "x: Too long: may not be more than 3 bytes");
    fails(text, json!("bc"), r#"x: Invalid value: "bc": x in body should match '^a'"#);
    fails(
        json!({"type": "string", "enum": ["a", "b"]}),
        json!("c"),
        r#"x: Unsupported value: "c": supported values: "a", "b""#,
    );
    passes(json!({"type": "number", "enum": [1, 2.5]}), json!(1.0));
    fails(
        json!({"type": "integer", "enum": [1, 2]}),
        json!(3),
        r#"x: Unsupported value: 3: supported values: "1", "2""#,
    );
    fails(
        json!({"type": "string", "format": "date-time"}),
        json!("yesterday"),
        r#"x: Invalid value: "yesterday": x in body must be of type date-time: "yesterday""#,
    );
    fails(
        json!({"type": "string", "format": "date-time"}),
        json!(5),
        r#"x: Invalid value: "int64": x in body must be of type date-time: "int64""#,
    );
}

#[test]
fn lists_and_objects_are_walked() {
    let list = json!({"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string"}});
    check(
        spec(list.clone()),
        json!({"x": []}),
        &["x: Invalid value: 0: x in body should have at least 1 items"],
    );
    check(spec(list.clone()), json!({"x": ["a", "b", "c"]}), &["x: Too many: 3: must have at most 2 items"]);
    check(
        spec(list),
        json!({"x": ["a", 1]}),
        &[r#"x[1]: Invalid value: "integer": x[1] in body must be of type string: "integer""#],
    );
    let map = json!({"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1, "maxProperties": 2});
    check(
        spec(map.clone()),
        json!({"x": {"k": "v"}}),
        &[r#"x.k: Invalid value: "string": x.k in body must be of type integer: "string""#],
    );
    check(
        spec(map.clone()),
        json!({"x": {}}),
        &["x: Invalid value: 0: x in body should have at least 1 properties"],
    );
    check(spec(map), json!({"x": {"a": 1, "b": 2, "c": 3}}), &["x: Too many: 3: must have at most 2 items"]);
    let required = json!({"type": "object", "required": ["spec"], "properties": {"spec": {"type": "object", "required": ["a"]}}});
    check(required.clone(), json!({}), &["spec: Required value"]);
    check(required, json!({"spec": {}}), &["spec.a: Required value"]);
}

#[test]
fn combinations_say_which_one_failed() {
    let any = json!({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]});
    check(spec(any.clone()), json!({"x": {"a": 1}}), &[]);
    check(
        spec(any),
        json!({"x": {}}),
        &[
            r#"<nil>: Invalid value: "": "x" must validate at least one schema (anyOf)"#,
            "x.a: Required value",
        ],
    );
    let one = json!({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]});
    check(spec(one.clone()), json!({"x": {"b": 1}}), &[]);
    check(
        spec(one.clone()),
        json!({"x": {"a": 1, "b": 1}}),
        &[
            r#"<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
        ],
    );
    check(
        spec(one),
        json!({"x": {}}),
        &[
            r#"<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid"#,
            "x.a: Required value",
        ],
    );
    check(
        spec(json!({"allOf": [{"minimum": 2}, {"maximum": 5}]})),
        json!({"x": 1}),
        &[
            "x: Invalid value: 1: x in body should be greater than or equal to 2",
            r#"<nil>: Invalid value: "": "x" must validate all the schemas (allOf)"#,
        ],
    );
    check(
        spec(json!({"not": {"enum": ["a"]}})),
        json!({"x": "a"}),
        &[r#"<nil>: Invalid value: "": "x" must not validate the schema (not)"#],
    );
}

#[test]
fn what_was_wrong_before_and_has_not_changed_passes() {
    let schema = json!({"type": "object", "required": ["new"], "properties": {
        "a": {"type": "string", "maxLength": 1}, "b": {"type": "string", "maxLength": 1},
        "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
            "items": {"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "string", "maxLength": 1}}}},
        "atomic": {"type": "array", "items": {"type": "string", "maxLength": 1}}}});
    let rules = Rules::compile(&schema);
    let check = |old: Value, new: Value, want: &[&str]| {
        let errors = rules.check_update(&new, &old, true, None);
        let got: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(got, want, "{old} to {new}");
    };
    let long = "Too long: may not be more than 1 byte";
    check(json!({"a": "xx", "new": 1}), json!({"a": "xx", "b": "y", "new": 1}), &[]);
    check(json!({"a": "xx", "new": 1}), json!({"a": "xy", "new": 1}), &[&format!("a: {long}")]);
    check(json!({"a": "xx"}), json!({"a": "xx"}), &[]);
    check(json!({"a": "x"}), json!({"a": "y"}), &["new: Required value"]);
    let element = |v: &str, more: &str| json!({"new": 1, "list": [{"k": more}, {"k": "1", "v": v}]});
    check(element("xx", "0"), element("xx", "2"), &[]);
    check(element("xx", "0"), element("xy", "0"), &[&format!("list[1].v: {long}")]);
    let atomic = |more: &str| json!({"new": 1, "atomic": ["xx", more]});
    check(atomic("a"), atomic("a"), &[]);
    check(atomic("a"), atomic("b"), &[&format!("atomic[0]: {long}")]);
}

#[test]
fn sets_and_maps_hold_no_element_twice() {
    let check = |schema: Value, value: Value, want: &[&str]| {
        let got: Vec<String> = Rules::compile(&spec(schema))
            .duplicates(&json!({"x": value}))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(got, want, "{value}");
    };
    let set = json!({"type": "array", "x-kubernetes-list-type": "set"});
    check(set.clone(), json!(["a", "b"]), &[]);
    check(set.clone(), json!(["a", "b", "a", "a"]), &[r#"x[2]: Duplicate value: "a""#]);
    check(set, json!([1, 1]), &["x[1]: Duplicate value: 1"]);
    let map = |keys: Value| json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys});
    check(map(json!(["a"])), json!([{"a": 1}, {"a": 2}]), &[]);
    check(
        map(json!(["a"])),
        json!([{"a": 1, "b": 1}, {"a": 1, "b": 2}]),
        &[r#"x[1]: Duplicate value: {"a":1}"#],
    );
    check(map(json!(["a"])), json!([{"b": 1}, {}]), &["x[1]: Duplicate value: {}"]);
    check(map(json!(["a", "b"])), json!([{"a": 1, "b": 1}, {"a": 1, "b": 2}]), &[]);
    check(
        map(json!(["a"])),
        json!([1]),
        &["x[0]: Invalid value: 1: must be an object for an array of list-type map"],
    );
    check(json!({"type": "array"}), json!(["a", "a"]), &[]);
}

#[test]
fn objects_in_objects_have_types_and_metadata() {
    let schema = spec(json!({"type": "object", "x-kubernetes-embedded-resource": true}));
    let check = |value: Value, want: &[&str]| {
        let errors = Rules::compile(&schema).embedded_errors(&json!({"x": value}), &Path::root());
        let got: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(got, want, "{value}");
    };
    check(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": "b"}}}), &[]);
    check(json!({}), &["x.apiVersion: Required value", "x.kind: Required value"]);
    check(
        json!({"apiVersion": "a/b/c", "kind": ""}),
        &[
            r#"x.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c"#,
            r#"x.kind: Invalid value: "": must not be empty"#,
        ],
    );
    check(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a/b"}}),
        &[r#"x.metadata.name: Invalid value: "a/b": may not contain '/'"#],
    );
}

#[test]
fn errors_of_a_list_are_told_up_to_a_bound() {
    let wrong = Value::Array(vec![json!(1); 100_000]);
    let schema = spec(json!({"type": "array", "items": {"type": "string"}}));
    let errors = Rules::compile(&schema).check(&json!({ "x": wrong }), None);
    assert_eq!(errors.len(), 10_000);
}

#[test]
fn what_several_schemas_say_is_told_once() {
    let text = json!({"type": "string", "allOf": [{"minLength": 2}, {"minLength": 2}]});
    check(
        spec(text),
        json!({"x": "a"}),
        &[
            r#"x: Invalid value: "a": x in body should be at least 2 chars long"#,
            r#"<nil>: Invalid value: "": "x" must validate all the schemas (allOf). None validated"#,
        ],
    );
}

#[test]
fn elements_with_keys_are_held_against_those_they_were() {
    let item = json!({"type": "object", "properties": {"k": {"type": "string"}, "n": {"type": "integer", "maximum": 1}}});
    let schema = spec(json!({"type": "array", "items": item, "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k"]}));
    let rules = Rules::compile(&schema);
    let old = json!({"x": [{"k": "a", "n": 5}, {"k": "b", "n": 1}]});
    let new = json!({"x": [{"k": "b", "n": 6}, {"k": "a", "n": 5}]});
    let errors = rules.check_update(&new, &old, true, None);
    let got: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(got, ["x[0].n: Invalid value: 6: x[0].n in body should be less than or equal to 1"]);
}
