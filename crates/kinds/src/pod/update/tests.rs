use super::*;

fn pod(spec: Value) -> Object {
    let mut object = Object::from_value(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": spec,
        "status": {},
    }))
    .expect("an object");
    super::super::defaults::pod(&mut object);
    object
}

/// A pod's spec with one container, and more.
fn spec(more: Value) -> Value {
    let mut spec = json!({"containers": [{"name": "c", "image": "i:1"}]});
    spec.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    spec
}

fn check(old: Value, new: Value, want: &[&str]) {
    let errors: Vec<String> = updated(&pod(new), &pod(old)).iter().map(FieldError::to_string).collect();
    assert_eq!(errors, want);
}

#[test]
fn images_and_deadlines_may_change() {
    check(spec(json!({})), spec(json!({"containers": [{"name": "c", "image": "i:2"}]})), &[]);
    check(spec(json!({})), spec(json!({"activeDeadlineSeconds": 5})), &[]);
    let at = "spec.activeDeadlineSeconds: Invalid value";
    let from = |seconds: i64| spec(json!({"activeDeadlineSeconds": seconds}));
    check(from(5), from(4), &[]);
    check(from(5), from(6), &[&format!("{at}: 6: must be less than or equal to previous value")]);
    check(
        from(5),
        spec(json!({})),
        &[&format!("{at}: null: must not update from a positive integer to nil value")],
    );
}

#[test]
fn containers_are_not_added() {
    let two = json!({"containers": [{"name": "c", "image": "i:1"}, {"name": "d", "image": "i:1"}]});
    check(
        spec(json!({})),
        spec(two),
        &["spec.containers: Forbidden: pod updates may not add or remove containers"],
    );
}

#[test]
fn tolerations_are_only_added() {
    let with = |list: Value| spec(json!({ "tolerations": list }));
    let a = json!({"key": "a", "operator": "Exists", "effect": "NoExecute"});
    let a_for_5 = json!({"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5});
    let b = json!({"key": "b", "operator": "Exists"});
    check(with(json!([a])), with(json!([a, b])), &[]);
    check(with(json!([a])), with(json!([a_for_5])), &[]);
    check(
        with(json!([a])),
        with(json!([b])),
        &[
            "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
        ],
    );
}

#[test]
fn gates_are_only_removed_and_narrow_the_choice_meanwhile() {
    let with = |gates: &[&str], more: Value| {
        let gates: Vec<Value> = gates.iter().map(|gate| json!({ "name": gate })).collect();
        let mut all = spec(more);
        all.as_object_mut().expect("an object").insert("schedulingGates".into(), gates.into());
        all
    };
    check(with(&["a", "b"], json!({})), with(&["a"], json!({})), &[]);
    check(
        with(&["a"], json!({})),
        with(&["a", "b"], json!({})),
        &[
            "spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'b'",
        ],
    );
    let selector = |selector: Value| with(&["a"], json!({ "nodeSelector": selector }));
    check(selector(json!({"x": "1"})), selector(json!({"x": "1", "y": "2"})), &[]);
    check(
        selector(json!({"x": "1"})),
        selector(json!({"x": "2"})),
        &[
            "spec.nodeSelector: Invalid value: {\"x\":\"2\"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)",
        ],
    );
    let term = |values: &[&str]| json!({"key": "k", "operator": "In", "values": values});
    let affinity = |expressions: Value| {
        let required = json!({"nodeSelectorTerms": [{"matchExpressions": expressions}]});
        with(
            &["a"],
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}),
        )
    };
    check(with(&["a"], json!({})), affinity(json!([term(&["1"])])), &[]);
    check(affinity(json!([term(&["1"])])), affinity(json!([term(&["1"]), term(&["2"])])), &[]);
    let at = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]";
    check(
        affinity(json!([term(&["1"])])),
        affinity(json!([term(&["2"])])),
        &[&format!(
            "{at}: Invalid value: {{\"MatchExpressions\":[{{\"Key\":\"k\",\"Operator\":\"In\",\"Values\":[\"2\"]}}],\"MatchFields\":null}}: only additions are allowed (no mutations or deletions)"
        )],
    );
}

#[test]
fn other_fields_stay() {
    let error = |diff: &str| format!("spec: Forbidden: {CHANGEABLE}\n{diff}");
    check(
        spec(json!({"hostname": "a"})),
        spec(json!({"hostname": "b"})),
        &[&error(
            "@@ -64,7 +64,7 @@\n   \"SELinuxChangePolicy\": null\n  },\n  \"ImagePullSecrets\": null,\n- \"Hostname\": \"a\",\n+ \"Hostname\": \"b\",\n  \"Subdomain\": \"\",\n  \"SetHostnameAsFQDN\": null,\n  \"Affinity\": null,\n",
        )],
    );
    check(
        spec(json!({"terminationGracePeriodSeconds": -1})),
        spec(json!({"terminationGracePeriodSeconds": 1})),
        &[],
    );
}

#[test]
fn a_default_that_is_new_is_no_change() {
    let mut old = pod(spec(json!({})));
    old.section_mut("spec").remove("enableServiceLinks");
    assert_eq!(updated(&pod(spec(json!({}))), &old), []);
}

#[test]
fn annotations_of_origin_stay() {
    let with = |annotations: Value| {
        let mut pod = pod(spec(json!({"nodeName": "n"})));
        pod.set_meta("annotations", annotations);
        pod
    };
    let check = |old: Value, new: Value, want: &[&str]| {
        let errors: Vec<String> =
            annotations(&with(new), &with(old)).iter().map(FieldError::to_string).collect();
        assert_eq!(errors, want);
    };
    check(json!({"a": "1"}), json!({"a": "2"}), &[]);
    check(
        json!({}),
        json!({"kubernetes.io/config.mirror": "x"}),
        &["metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation"],
    );
}

#[test]
fn ephemeral_containers_are_only_added() {
    let with = |containers: Value| pod(spec(json!({ "ephemeralContainers": containers })));
    let check = |old: Value, new: Value, want: &[&str]| {
        let errors: Vec<String> =
            ephemeral_containers(&with(new), &with(old)).iter().map(FieldError::to_string).collect();
        assert_eq!(errors, want);
    };
    let debug = json!({"name": "debug", "image": "i:1"});
    check(json!([]), json!([debug]), &[]);
    check(
        json!([debug]),
        json!([]),
        &[
            "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"debug\" may not be removed\n",
        ],
    );
    check(
        json!([]),
        json!([{"name": "c", "image": "i:1", "targetContainerName": "x", "ports": [{"containerPort": 1}]}]),
        &[
            "spec.ephemeralContainers[0].name: Duplicate value: \"c\"",
            "spec.ephemeralContainers[0].targetContainerName: Not found: \"x\"",
            "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
        ],
    );
}

#[test]
fn new_pods_have_no_ephemeral_containers_and_no_node_behind_a_gate() {
    let check = |more: Value, want: &[&str]| {
        let errors: Vec<String> = created(&pod(spec(more))).iter().map(FieldError::to_string).collect();
        assert_eq!(errors, want);
    };
    check(json!({}), &[]);
    check(
        json!({"ephemeralContainers": [{"name": "d", "image": "i"}]}),
        &["spec.ephemeralContainers: Forbidden: cannot be set on create"],
    );
    check(
        json!({"nodeName": "n", "schedulingGates": [{"name": "g"}]}),
        &["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
    );
}
