//! What upstream's documentation and tests say each patch type does.

use serde_json::{Value, json};

use super::*;
use crate::gvk::GroupVersionKind;
use crate::schema::Catalog;
use crate::status::Status;

// === JSON patch ===

fn check_json(document: Value, patch: Value, want: Result<Value, &str>) {
    let got = json_patch(&document, patch.to_string().as_bytes());
    assert_eq!(got.map_err(|e| e.to_string()), want.map_err(str::to_owned), "{patch}");
}

#[test]
fn json_patch_operations() {
    let doc = || json!({"a": {"b": [1, 2, 3]}, "x~y/z": 1});
    check_json(
        doc(),
        json!([{"op": "add", "path": "/c", "value": 1}]),
        Ok(json!({"a": {"b": [1, 2, 3]}, "x~y/z": 1, "c": 1})),
    );
    check_json(
        json!({"a": [1]}),
        json!([{"op": "add", "path": "/a/-", "value": 2}]),
        Ok(json!({"a": [1, 2]})),
    );
    check_json(
        json!({"a": [1]}),
        json!([{"op": "add", "path": "/a/0", "value": 0}]),
        Ok(json!({"a": [0, 1]})),
    );
    check_json(json!({"a": [1, 2]}), json!([{"op": "remove", "path": "/a/-1"}]), Ok(json!({"a": [1]})));
    check_json(doc(), json!([{"op": "remove", "path": "/x~0y~1z"}]), Ok(json!({"a": {"b": [1, 2, 3]}})));
    check_json(
        json!({"a": 1}),
        json!([{"op": "replace", "path": "/b", "value": 2}]),
        Ok(json!({"a": 1, "b": 2})),
    );
    check_json(json!({"a": 1}), json!([{"op": "move", "from": "/a", "path": "/b"}]), Ok(json!({"b": 1})));
    check_json(
        json!({"a": 1}),
        json!([{"op": "copy", "from": "/a", "path": "/b"}]),
        Ok(json!({"a": 1, "b": 1})),
    );
    check_json(json!({"a": 1}), json!([{"op": "test", "path": "/a", "value": 1}]), Ok(json!({"a": 1})));
    check_json(json!({"a": 1}), json!([{"op": "test", "path": "/b", "value": null}]), Ok(json!({"a": 1})));
    check_json(
        json!({"a": 1}),
        json!([{"op": "replace", "path": "", "value": {"b": 2}}]),
        Ok(json!({"b": 2})),
    );
    check_json(json!({"a": 1}), json!([]), Ok(json!({"a": 1})));
}

#[test]
fn json_patch_errors_are_upstreams() {
    let doc = || json!({"a": {"b": 1}, "l": [1]});
    let check = |op: Value, want: &str| check_json(doc(), json!([op]), Err(want));
    check(
        json!({"op": "add", "path": "/x/y", "value": 1}),
        "add operation does not apply: doc is missing path: \"/x/y\": missing value",
    );
    check(
        json!({"op": "add", "path": "/l/x", "value": 1}),
        "error in add for path: '/l/x': value was not a proper array index: 'x': strconv.Atoi: parsing \"x\": invalid syntax",
    );
    check(
        json!({"op": "add", "path": "/l/5", "value": 1}),
        "error in add for path: '/l/5': Unable to access invalid index: 5: invalid index referenced",
    );
    check(
        json!({"op": "remove", "path": "/x"}),
        "error in remove for path: '/x': Unable to remove nonexistent key: x: missing value",
    );
    check(
        json!({"op": "replace", "path": "/l/1", "value": 1}),
        "replace operation does not apply: doc is missing key: /l/1: missing value",
    );
    check(json!({"op": "test", "path": "/a/b", "value": 2}), "testing value /a/b failed: test failed");
    check(
        json!({"op": "move", "from": "/x", "path": "/y"}),
        "error in move for path: 'x': Unable to remove nonexistent key: x: missing value",
    );
    check(json!({"op": "jump", "path": "/a"}), "Unexpected kind: jump");
    check(json!({"op": "add", "value": 1}), "add operation failed to decode path: missing value");
    check_json(
        doc(),
        json!({"op": "add"}),
        Err(
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
        ),
    );
    check_json(
        doc(),
        json!(["x"]),
        Err("error decoding patch: json: cannot unmarshal string into Go value of type handlers.jsonPatchOp"),
    );
}

#[test]
fn json_patch_is_bounded() {
    let many = vec![json!({"op": "test", "path": "/a", "value": 1}); MAX_OPERATIONS + 1];
    check_json(
        json!({"a": 1}),
        Value::Array(many),
        Err("The allowed maximum operations in a JSON patch is 10000, got 10001"),
    );
    let mut doubling = vec![json!({"op": "add", "path": "/a/0", "value": "x".repeat(1000)})];
    doubling.extend(vec![json!({"op": "copy", "from": "/a", "path": "/a/-"}); 20]);
    let error = json_patch(&json!({"a": []}), Value::Array(doubling).to_string().as_bytes()).unwrap_err();
    assert!(error.to_string().starts_with("Unable to complete the copy"), "{error}");
}

#[test]
fn patch_errors_become_upstreams_status() {
    let check = |error: PatchError, code: u16, reason: &str, message: &str| {
        let status = Status::from(error);
        assert_eq!((status.code, status.reason.as_str(), &*status.message), (code, reason, message));
    };
    check(PatchError::Malformed("x".into()), 400, "BadRequest", "x");
    check(
        PatchError::DoesNotApply("x".into()),
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
    );
    check(PatchError::Failed("x".into()), 500, "", "x");
    check(
        PatchError::TooManyOperations { limit: 10, operations: 11 },
        413,
        "RequestEntityTooLarge",
        "Request entity too large: The allowed maximum operations in a JSON patch is 10, got 11",
    );
}

#[test]
fn strict_validation_finds_unknown_operation_fields() {
    let patch = JsonPatch::from_value(json!([{"op": "add"}, {"op": "add", "foo": 1}])).unwrap();
    assert_eq!(patch.unknown_fields(), ["json patch unknown field \"[1].foo\""]);
}

// === merge patch ===

#[test]
fn merge_patch_follows_rfc_7386() {
    let check = |document: Value, patch: Value, want: Value| {
        assert_eq!(merge_patch(&document, &patch), Ok(want), "{document} {patch}");
    };
    check(json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"}));
    check(json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"}));
    check(json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"}));
    check(json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"}));
    check(json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}}));
    check(json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]}));
    check(json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1}));
    check(json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}}));
    check(json!({}), json!({"a": [null, {"b": null}]}), json!({"a": [null, {}]}));
    let error = merge_patch(&json!({}), &json!([1])).unwrap_err().to_string();
    assert_eq!(
        error,
        "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
    );
    assert_eq!(merge_patch(&json!({}), &Value::Null).unwrap_err().to_string(), "Invalid JSON Patch");
}

// === strategic merge patch ===

fn try_strategic(
    kind: (&'static str, &'static str),
    document: Value,
    patch: Value,
) -> Result<Value, PatchError> {
    let gvk = GroupVersionKind::new(kind.0, "v1", kind.1);
    strategic(&document, &patch, Catalog::builtin().schema(&gvk).unwrap())
}

/// Patches a pod's `spec`.
fn check_pod(spec: Value, patch: Value, want: Value) {
    let got = try_strategic(("", "Pod"), json!({"spec": spec}), json!({"spec": patch.clone()}));
    assert_eq!(got, Ok(json!({"spec": want})), "{patch}");
}

fn check_pod_error(spec: Value, patch: Value, want: &str) {
    let got = try_strategic(("", "Pod"), json!({"spec": spec}), json!({"spec": patch}));
    assert_eq!(got.unwrap_err().to_string(), want);
}

#[test]
fn named_list_elements_are_merged_by_key() {
    let spec = || json!({"containers": [{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "b:1"}]});
    check_pod(
        spec(),
        json!({"containers": [{"name": "b", "image": "b:2"}]}),
        json!({"containers": [{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "b:2"}]}),
    );
    check_pod(
        spec(),
        json!({"containers": [{"name": "c", "image": "c:1"}]}),
        // A new element comes first: without an order, the server knows no place for it.
        json!({"containers": [{"name": "c", "image": "c:1"}, {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "b:1"}]}),
    );
    check_pod(
        spec(),
        json!({"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}, {"name": "b", "$patch": "delete"}]}),
        json!({"containers": [{"name": "a", "image": "a:1", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]}]}),
    );
    check_pod(
        spec(),
        json!({"containers": [{"name": "z", "image": "z"}, {"$patch": "replace"}]}),
        json!({"containers": [{"name": "z", "image": "z"}]}),
    );
    check_pod_error(
        spec(),
        json!({"containers": [{"image": "x"}]}),
        "map: map[image:x] does not contain declared merge key: name",
    );
    check_pod_error(
        spec(),
        json!({"containers": [{"name": "a", "$patch": "merge"}]}),
        "merging lists cannot yet be specified in the patch",
    );
    check_pod_error(
        spec(),
        json!({"containers": ["x"]}),
        "list element types are not identical: [[map[env:[map[name:X value:1]] image:a:1 name:a] map[image:b:1 name:b]] [x]]",
    );
}

#[test]
fn other_lists_are_replaced() {
    check_pod(
        json!({"tolerations": [{"key": "a"}], "containers": [{"name": "a", "command": ["x", "y"]}]}),
        json!({"tolerations": [{"key": "b"}], "containers": [{"name": "a", "command": ["z"]}]}),
        json!({"tolerations": [{"key": "b"}], "containers": [{"name": "a", "command": ["z"]}]}),
    );
}

#[test]
fn directives_in_objects_decide_over_the_whole_object() {
    let context = || json!({"securityContext": {"runAsUser": 1, "runAsGroup": 2}});
    check_pod(
        context(),
        json!({"securityContext": {"fsGroup": 3, "$patch": "replace"}}),
        json!({"securityContext": {"fsGroup": 3}}),
    );
    check_pod(context(), json!({"securityContext": {"$patch": "delete"}}), json!({"securityContext": {}}));
    check_pod(
        context(),
        json!({"securityContext": {"runAsUser": null}}),
        json!({"securityContext": {"runAsGroup": 2}}),
    );
    check_pod(context(), json!({"securityContext": null}), json!({}));
    check_pod(
        json!({}),
        json!({"securityContext": {"runAsUser": null, "fsGroup": 1}}),
        json!({"securityContext": {"fsGroup": 1}}),
    );
    check_pod_error(
        context(),
        json!({"securityContext": {"$patch": "merge"}}),
        "unknown patch type: merge in map: map[$patch:merge]",
    );
}

#[test]
fn retain_keys_clears_the_other_keys() {
    let deployment = |strategy: Value| json!({"spec": {"strategy": strategy}});
    let check = |strategy: Value, patch: Value, want: Value| {
        let got = try_strategic(("apps", "Deployment"), deployment(strategy), deployment(patch));
        assert_eq!(got, Ok(deployment(want)));
    };
    let rolling = || json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}});
    check(rolling(), json!({"type": "Recreate", "$retainKeys": ["type"]}), json!({"type": "Recreate"}));
    let bad = json!({"type": "Recreate", "rollingUpdate": {"maxSurge": 2}, "$retainKeys": ["type"]});
    let error = try_strategic(("apps", "Deployment"), deployment(rolling()), deployment(bad)).unwrap_err();
    assert_eq!(error, PatchError::Malformed("invalid patch format of retainKeys".to_owned()));
    // A volume changes its source this way.
    check_pod(
        json!({"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}),
        json!({"volumes": [{"name": "v", "emptyDir": {}, "$retainKeys": ["name", "emptyDir"]}]}),
        json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
    );
}

#[test]
fn element_order_follows_the_directive() {
    let named = |names: &[&str]| -> Value { names.iter().map(|n| json!({"name": n})).collect() };
    let check = |live: &[&str], order: &[&str], patch: &[&str], want: &[&str]| {
        let directive = json!({"$setElementOrder/containers": named(order), "containers": named(patch)});
        check_pod(json!({"containers": named(live)}), directive, json!({"containers": named(want)}));
    };
    // The cases of the proposal that introduced the directive.
    check(&["a", "b", "c"], &["c", "b", "a"], &[], &["c", "b", "a"]);
    check(&["a", "b", "c"], &["a", "d", "b", "c"], &["d"], &["a", "d", "b", "c"]);
    // The server's own element s keeps its place before what followed it.
    check(&["a", "s", "b"], &["b", "a"], &[], &["s", "b", "a"]);
    check(&["a", "s", "b"], &["a", "b"], &[], &["a", "s", "b"]);
    check(&["s", "a", "b"], &["a", "b"], &[], &["s", "a", "b"]);
    check(&["1", "2", "3"], &["2", "1"], &[], &["2", "1", "3"]);
    let mismatch =
        json!({"$setElementOrder/containers": named(&["a", "b"]), "containers": named(&["b", "a"])});
    check_pod_error(
        json!({"containers": named(&["a", "b"])}),
        mismatch,
        "The order in patch list:\n[map[name:b] map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:a] map[name:b]]\n",
    );
    check_pod_error(
        json!({}),
        json!({"$setElementOrder/containers": "x"}),
        "invalid patch format of setElementOrder list",
    );
}

#[test]
fn deletions_go_with_an_order() {
    check_pod(
        json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
        json!({"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}], "containers": [{"name": "b", "$patch": "delete"}]}),
        json!({"containers": [{"name": "c"}, {"name": "a"}]}),
    );
}

#[test]
fn lists_of_scalars_are_united_and_deleted_from() {
    let check = |live: Value, patch: Value, want: Value| {
        let got = try_strategic(("", "Pod"), json!({"metadata": live}), json!({"metadata": patch}));
        assert_eq!(got, Ok(json!({"metadata": want})));
    };
    check(json!({"finalizers": ["a"]}), json!({"finalizers": ["b", "a"]}), json!({"finalizers": ["b", "a"]}));
    check(
        json!({"finalizers": ["a", "b"]}),
        json!({"$deleteFromPrimitiveList/finalizers": ["a"]}),
        json!({"finalizers": ["b"]}),
    );
    check(
        json!({"finalizers": ["a", "b", "c"]}),
        json!({"$deleteFromPrimitiveList/finalizers": ["b"], "$setElementOrder/finalizers": ["c", "a"]}),
        json!({"finalizers": ["c", "a"]}),
    );
    check(json!({}), json!({"$deleteFromPrimitiveList/finalizers": ["a"]}), json!({}));
    check(
        json!({"labels": {"a": "1", "b": "2"}}),
        json!({"labels": {"a": null, "c": "3"}}),
        json!({"labels": {"b": "2", "c": "3"}}),
    );
}

#[test]
fn a_patch_that_is_not_an_object_is_malformed() {
    let error = try_strategic(("", "Pod"), json!({}), json!([1])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "json: cannot unmarshal array into Go value of type map[string]interface {}"
    );
}
