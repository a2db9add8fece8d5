use super::*;
use crate::testing::{check_create, check_table, check_update, check_warnings, write};

/// `spec` over that of a valid set.
fn set(spec: Value) -> Value {
    let labels = json!({"app": "a"});
    let mut whole = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s", "namespace": "b"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        whole["spec"][field] = value;
    }
    whole
}

fn claim(storage: &str) -> Value {
    json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}},
    })
}

fn check(spec: Value, want: &[&str]) {
    check_create(&StatefulSet::new(), set(spec), want);
}

#[test]
fn discovery_is_upstreams() {
    let kind = StatefulSet::new();
    let spec = kind.spec();
    assert_eq!((&*spec.short_names, &*spec.categories), (&names(["sts"])[..], &names(["all"])[..]));
    let subresources: Vec<_> = spec.subresources.iter().map(|sub| &*sub.name).collect();
    assert_eq!(subresources, ["scale", "status"]);
}

#[test]
fn defaults_are_upstreams() {
    let check = |spec: Value, pointer: &str, want: Value| {
        let (made, _) = write(&StatefulSet::new(), Part::Main, set(spec), None);
        assert_eq!(made.into_value().pointer(pointer).cloned().unwrap_or_default(), want, "{pointer}");
    };
    check(json!({}), "/spec/podManagementPolicy", json!("OrderedReady"));
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}});
    check(json!({}), "/spec/updateStrategy", rolling);
    let plain = json!({"type": "RollingUpdate"});
    check(json!({"updateStrategy": plain}), "/spec/updateStrategy", plain);
    let dropped = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}});
    check(json!({"updateStrategy": dropped}), "/spec/updateStrategy/rollingUpdate", json!({"partition": 0}));
    let retention = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
    check(json!({}), "/spec/persistentVolumeClaimRetentionPolicy", retention);
    check(json!({}), "/spec/replicas", json!(1));
    check(json!({}), "/spec/revisionHistoryLimit", json!(10));
    check(json!({}), "/status", json!({"replicas": 0, "availableReplicas": 0}));
    let claims = json!({"volumeClaimTemplates": [claim("1Gi")]});
    check(claims.clone(), "/spec/volumeClaimTemplates/0/kind", json!("PersistentVolumeClaim"));
    check(claims.clone(), "/spec/volumeClaimTemplates/0/apiVersion", json!("v1"));
    check(claims.clone(), "/spec/volumeClaimTemplates/0/status", json!({"phase": "Pending"}));
    check(claims, "/spec/volumeClaimTemplates/0/spec/volumeMode", json!("Filesystem"));
}

#[test]
fn policies_are_of_their_lists() {
    check(json!({}), &[]);
    check(
        json!({"podManagementPolicy": "x"}),
        &["spec.podManagementPolicy: Invalid value: \"x\": must be 'OrderedReady' or 'Parallel'"],
    );
    check(
        json!({"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "x"}}),
        &[
            "spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: \"x\": supported values: \"Retain\", \"Delete\"",
        ],
    );
    check(
        json!({"updateStrategy": {"type": "x"}}),
        &[
            "spec.updateStrategy: Invalid value: {\"Type\":\"x\",\"RollingUpdate\":null}: must be 'RollingUpdate' or 'OnDelete'",
        ],
    );
    check(
        json!({"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 1}}}),
        &[
            "spec.updateStrategy.rollingUpdate: Invalid value: {\"Partition\":1,\"MaxUnavailable\":null}: only allowed for updateStrategy 'RollingUpdate'",
        ],
    );
    check(
        json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": -1}}}),
        &[
            "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
        ],
    );
}

#[test]
fn numbers_and_names() {
    check(
        json!({"replicas": -1, "minReadySeconds": -1, "ordinals": {"start": -1}}),
        &[
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
            "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0",
        ],
    );
    check(
        json!({"serviceName": "A."}),
        &[
            "spec.serviceName: Invalid value: \"A.\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ],
    );
}

#[test]
fn selectors_select_the_template() {
    let mismatch = "spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` does not match template `labels`";
    check(json!({"selector": {"matchLabels": {"app": "x"}}}), &[mismatch]);
    check(json!({"selector": null}), &["spec.selector: Required value", mismatch]);
    check(
        json!({"selector": {}}),
        &["spec.selector: Invalid value: {}: empty selector is invalid for statefulset"],
    );
}

#[test]
fn pods_get_the_volumes_of_their_claims() {
    let container = json!({"name": "c", "image": "i", "volumeMounts": [{"name": "data", "mountPath": "/d"}]});
    let template = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container], "hostname": "Wrong!"}});
    check(json!({"template": template, "volumeClaimTemplates": [claim("1Gi")]}), &[]);
    check(
        json!({"template": template}),
        &["spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"data\""],
    );
    check(
        json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]}),
        &["spec.volumeClaimTemplates[0].spec.resources[storage]: Required value"],
    );
}

#[test]
fn little_changes_in_a_set() {
    let check = |new: Value, old: Value, want: &[&str]| {
        check_update(&StatefulSet::new(), set(new), set(old), want);
    };
    let changed = json!({
        "replicas": 3, "minReadySeconds": 5, "revisionHistoryLimit": 2, "ordinals": {"start": 1},
        "updateStrategy": {"type": "OnDelete"}, "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"},
    });
    check(changed, json!({}), &[]);
    let fixed = "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    check(json!({"serviceName": "x"}), json!({}), &[fixed]);
    check(json!({"podManagementPolicy": "Parallel"}), json!({}), &[fixed]);
    check(
        json!({"volumeClaimTemplates": [claim("1Gi")]}),
        json!({"volumeClaimTemplates": [claim("2Gi")]}),
        &[fixed],
    );
    // A name that was wrong may stay.
    check(json!({"serviceName": "A.", "replicas": 2}), json!({"serviceName": "A."}), &[]);
}

#[test]
fn a_status_agrees_with_itself() {
    let status = |status: Value| {
        let mut set = set(json!({}));
        set["status"] = status;
        set
    };
    let (_, errors) = write(
        &StatefulSet::new(),
        Part::Status,
        status(json!({"replicas": 1, "currentReplicas": 2, "readyReplicas": 0, "availableReplicas": 1})),
        Some(status(json!({"collisionCount": 1}))),
    );
    assert_eq!(
        errors,
        [
            "status.currentReplicas: Invalid value: 2: cannot be greater than status.replicas",
            "status.availableReplicas: Invalid value: 1: cannot be greater than status.readyReplicas",
            "status.collisionCount: Invalid value: 0: cannot be decremented",
        ]
    );
}

#[test]
fn warnings_are_upstreams() {
    check_warnings(
        &StatefulSet::new(),
        set(json!({"volumeClaimTemplates": [claim("100m")], "revisionHistoryLimit": -1})),
        &[
            "spec.volumeClaimTemplates[0].resources.requests[storage]: fractional byte value \"100m\" is invalid, must be an integer",
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended",
        ],
    );
}

#[test]
fn columns_are_upstreams() {
    let mut object = set(json!({"replicas": 3}));
    object["status"] = json!({"readyReplicas": 2});
    let want =
        [("Name", json!("s")), ("Ready", json!("2/3")), ("Containers", json!("c")), ("Images", json!("i"))];
    check_table(&StatefulSet::new(), object, &want);
}
