//! Decoding errors against what sigs.k8s.io/json prints.

use ironclad_api::GroupVersionKind;
use ironclad_api::schema::check::{check, unknown_fields};
use ironclad_api::schema::{Catalog, Schema, structural};
use serde_json::{Value, json};

fn schema(group: &'static str, kind: &'static str) -> &'static Schema {
    Catalog::builtin().schema(&GroupVersionKind::new(group, "v1", kind)).unwrap()
}

fn pod_error(value: Value, want: &str) {
    assert_eq!(check(&value, schema("", "Pod")).error.as_deref(), Some(want), "{value}");
}

fn container(fields: Value) -> Value {
    json!({"spec": {"containers": [fields]}})
}

#[test]
fn wrong_types_name_the_struct_the_path_and_the_go_type() {
    pod_error(json!([]), "json: cannot unmarshal array into Go value of type v1.Pod");
    pod_error(
        json!({"spec": "x"}),
        "json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec",
    );
    pod_error(
        json!({"spec": {"containers": "x"}}),
        "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container",
    );
    pod_error(
        container(json!({"args": [1]})),
        "json: cannot unmarshal number into Go struct field Container.spec.containers.args of type string",
    );
    pod_error(
        container(json!({"ports": [{"protocol": 6}]})),
        "json: cannot unmarshal number into Go struct field ContainerPort.spec.containers.ports.protocol of type v1.Protocol",
    );
    pod_error(
        container(json!({"resources": {"limits": []}})),
        "json: cannot unmarshal array into Go struct field ResourceRequirements.spec.containers.resources.limits of type v1.ResourceList",
    );
    pod_error(
        json!({"metadata": {"labels": {"a": true}}}),
        "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string",
    );
    pod_error(
        json!({"spec": {"volumes": [{"emptyDir": {"medium": 1}}]}}),
        "json: cannot unmarshal number into Go struct field EmptyDirVolumeSource.spec.volumes.VolumeSource.emptyDir.medium of type v1.StorageMedium",
    );
    pod_error(
        json!({"metadata": {"uid": 1}}),
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.uid of type types.UID",
    );
    pod_error(
        json!({"spec": {"hostNetwork": "true"}}),
        "json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool",
    );
}

#[test]
fn integers_must_fit() {
    pod_error(
        container(json!({"ports": [{"containerPort": 2147483648u64}]})),
        "json: cannot unmarshal number 2147483648 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
    );
    pod_error(
        json!({"spec": {"activeDeadlineSeconds": 1.5}}),
        "json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.activeDeadlineSeconds of type int64",
    );
    pod_error(
        json!({"spec": {"activeDeadlineSeconds": u64::MAX}}),
        "json: cannot unmarshal number 18446744073709551615 into Go struct field PodSpec.spec.activeDeadlineSeconds of type int64",
    );
}

#[test]
fn types_that_read_their_own_json_have_their_own_errors() {
    pod_error(
        container(json!({"resources": {"limits": {"cpu": "abc"}}})),
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
    pod_error(
        container(json!({"livenessProbe": {"httpGet": {"port": true}}})),
        "json: cannot unmarshal bool into Go struct field HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32",
    );
    let time = |value: Value, want: &str| pod_error(json!({"metadata": {"creationTimestamp": value}}), want);
    let layout = "2006-01-02T15:04:05Z07:00";
    time(
        json!(5),
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string",
    );
    time(json!(""), &format!("parsing time \"\" as \"{layout}\": cannot parse \"\" as \"2006\""));
    time(
        json!("2020-1-01"),
        &format!("parsing time \"2020-1-01\" as \"{layout}\": cannot parse \"1-01\" as \"01\""),
    );
    time(json!("2020-13-01T00:00:00Z"), "parsing time \"2020-13-01T00:00:00Z\": month out of range");
    time(json!("2021-02-29T00:00:00Z"), "parsing time \"2021-02-29T00:00:00Z\": day out of range");
    time(
        json!("2020-01-01T00:00:00"),
        &format!("parsing time \"2020-01-01T00:00:00\" as \"{layout}\": cannot parse \"\" as \"Z07:00\""),
    );
    time(json!("2020-01-01T00:00:00Zx"), "parsing time \"2020-01-01T00:00:00Zx\": extra text: \"x\"");

    let lease = |time: &str| {
        check(&json!({"spec": {"renewTime": time}}), schema("coordination.k8s.io", "Lease")).error
    };
    assert_eq!(lease("2020-01-01T00:00:00.123456Z"), None);
    assert_eq!(
        lease("2020-01-01T00:00:00Z").as_deref(),
        Some(
            "parsing time \"2020-01-01T00:00:00Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\""
        )
    );
}

#[test]
fn a_type_that_reads_its_own_json_goes_before_an_earlier_error() {
    pod_error(
        json!({"metadata": {"labels": 1}, "spec": {"overhead": {"cpu": "x"}}}),
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
}

#[test]
fn base64_errors_have_gos_offsets() {
    let secret = |data: &str| check(&json!({"data": {"a": data}}), schema("", "Secret")).error;
    let check = |data: &str, offset: Option<u32>| {
        assert_eq!(
            secret(data),
            offset.map(|o| format!("illegal base64 data at input byte {o}")),
            "{data:?}"
        );
    };
    check("", None);
    check("aGk=", None);
    check("aGVsbG8=", None);
    check("aGVs\nbG8=", None);
    check("!", Some(0));
    check("aGk", Some(0));
    check("aGVsbG8", Some(4));
    check("aGVs bG8=", Some(4));
    check("aGk=aGk=", Some(4));
    check("a===", Some(1));
    check("aG=", Some(3));
}

#[test]
fn good_documents_have_no_findings() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "creationTimestamp": null,
        "managedFields": [{"fieldsV1": {"f:x": {}}}]},
        "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
        "livenessProbe": {"tcpSocket": {"port": "web"}}, "command": null}]}});
    assert_eq!(check(&pod, schema("", "Pod")), Default::default());
}

#[test]
fn unknown_fields_are_named_by_their_path() {
    let unknown = |value: Value, kind: (&'static str, &'static str), want: &[&str]| {
        let findings = check(&value, schema(kind.0, kind.1));
        assert_eq!(
            (findings.unknown.iter().map(String::as_str).collect::<Vec<_>>(), findings.error),
            (want.to_vec(), None)
        );
    };
    let pod = json!({"foo": 1, "spec": {"Containers": [], "containers": [{}, {"foo": {"bar": 1}}],
        "volumes": [{"emptyDir": {"foo": 1}}]}});
    unknown(
        pod,
        ("", "Pod"),
        &["foo", "spec.Containers", "spec.containers[1].foo", "spec.volumes[0].emptyDir.foo"],
    );
    let crd = json!({"spec": {"versions": [{"schema": {"openAPIV3Schema": {"foo": 1, "properties": {"a": {"bar": 1,
        "additionalProperties": {"unseen": 1}, "default": {"any": 1}}}}}}]}});
    unknown(
        crd,
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        &[
            "spec.versions[0].schema.openAPIV3Schema.foo",
            "spec.versions[0].schema.openAPIV3Schema.properties.a.bar",
        ],
    );
}

#[test]
fn custom_resources_have_unknown_fields_too() {
    let schema = structural::resource(
        &json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "a": {"type": "string"}, "list": {"type": "array", "items": {"type": "object", "properties": {}}},
        "keep": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}),
    );
    let value = json!({"apiVersion": "g/v1", "metadata": {"name": "x", "nme": 1}, "spec": {"a": 1, "b": 1,
        "list": [{"c": 1}], "keep": {"d": 1}}, "status": {}});
    assert_eq!(unknown_fields(&value, &schema), ["metadata.nme", "spec.b", "spec.list[0].c", "status"]);
}
