use serde_json::{Value, json};

fn check(spec: Value, pointer: &str, want: Value) {
    let Value::Object(mut spec) = spec else { panic!("a spec is an object") };
    super::spec(&mut spec);
    let once = Value::Object(spec.clone());
    assert_eq!(once.pointer(pointer), Some(&want), "{pointer} of {once}");
    super::spec(&mut spec);
    assert_eq!(Value::Object(spec), once, "defaults are there once");
}

fn container(container: Value) -> Value {
    json!({ "containers": [container] })
}

fn volume(volume: Value) -> Value {
    json!({ "volumes": [volume] })
}

#[test]
fn a_spec_gets_policies_and_a_grace_period() {
    let check = |field: &str, want: Value| check(json!({}), field, want);
    check("/dnsPolicy", json!("ClusterFirst"));
    check("/restartPolicy", json!("Always"));
    check("/schedulerName", json!("default-scheduler"));
    check("/securityContext", json!({}));
    check("/terminationGracePeriodSeconds", json!(30));
}

#[test]
fn what_is_given_stays() {
    check(json!({"restartPolicy": "Never"}), "/restartPolicy", json!("Never"));
    check(json!({"terminationGracePeriodSeconds": 0}), "/terminationGracePeriodSeconds", json!(0));
    check(
        container(json!({"image": "a", "imagePullPolicy": "Never"})),
        "/containers/0/imagePullPolicy",
        json!("Never"),
    );
}

#[test]
fn both_names_of_the_service_account_are_the_same() {
    check(json!({"serviceAccount": "a"}), "/serviceAccountName", json!("a"));
    check(json!({"serviceAccountName": "a", "serviceAccount": "b"}), "/serviceAccount", json!("a"));
}

#[test]
fn containers_get_their_defaults() {
    let check = |given: Value, pointer: &str, want: Value| {
        check(container(given), &format!("/containers/0{pointer}"), want);
    };
    check(json!({"image": "a"}), "/imagePullPolicy", json!("Always"));
    check(json!({"image": "a:1"}), "/imagePullPolicy", json!("IfNotPresent"));
    check(json!({}), "/terminationMessagePath", json!("/dev/termination-log"));
    check(json!({}), "/terminationMessagePolicy", json!("File"));
    check(json!({}), "/resources", json!({}));
    check(json!({"ports": [{"containerPort": 80}]}), "/ports/0/protocol", json!("TCP"));
    check(
        json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}),
        "/env/0/valueFrom/fieldRef/apiVersion",
        json!("v1"),
    );
    check(json!({"resources": {"limits": {"cpu": "100u"}}}), "/resources/limits/cpu", json!("1m"));
    check(json!({"resources": {"limits": {"cpu": "1.5"}}}), "/resources/limits/cpu", json!("1.5"));
}

#[test]
fn probes_and_hooks_get_their_defaults() {
    let check = |given: Value, pointer: &str, want: Value| {
        check(container(given), &format!("/containers/0{pointer}"), want);
    };
    check(
        json!({"livenessProbe": {"httpGet": {"port": 80}, "failureThreshold": 5}}),
        "/livenessProbe",
        json!({
            "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
            "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 5,
        }),
    );
    check(json!({"startupProbe": {"grpc": {"port": 1}}}), "/startupProbe/grpc/service", json!(""));
    check(
        json!({"lifecycle": {"preStop": {"httpGet": {"port": 1}}}}),
        "/lifecycle/preStop/httpGet/path",
        json!("/"),
    );
}

#[test]
fn volumes_get_their_defaults() {
    let check = |given: Value, pointer: &str, want: Value| {
        check(volume(given), &format!("/volumes/0{pointer}"), want);
    };
    check(json!({"name": "a"}), "/emptyDir", json!({}));
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        check(json!({"name": "a", source: {}}), &format!("/{source}/defaultMode"), json!(420));
    }
    check(json!({"name": "a", "hostPath": {"path": "/"}}), "/hostPath/type", json!(""));
    check(json!({"name": "a", "image": {"reference": "b"}}), "/image/pullPolicy", json!("Always"));
    check(
        json!({"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}),
        "/projected/sources/0/serviceAccountToken/expirationSeconds",
        json!(3600),
    );
    check(
        json!({"name": "a", "downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}]}}),
        "/downwardAPI/items/0/fieldRef/apiVersion",
        json!("v1"),
    );
    check(
        json!({"name": "a", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}),
        "/ephemeral/volumeClaimTemplate/spec/volumeMode",
        json!("Filesystem"),
    );
}
