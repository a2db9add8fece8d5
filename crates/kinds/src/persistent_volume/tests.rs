use super::*;
use crate::testing::{NOW, check_create, check_table, check_update, check_warnings, object, write};

/// A valid volume with `spec` over its spec.
fn volume(spec: Value) -> Value {
    let mut whole = json!({
        "metadata": {"name": "v"},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/a"}},
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        whole["spec"][field] = value;
    }
    whole
}

fn check(spec: Value, want: &[&str]) {
    check_create(&PersistentVolume::new(), volume(spec), want);
}

#[test]
fn defaults_are_upstreams() {
    let made = object(&PersistentVolume::new(), volume(json!({"capacity": {"storage": "1.5m"}})));
    let want = json!({
        "capacity": {"storage": "2m"}, "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/a", "type": ""},
        "persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem",
    });
    assert_eq!(made.0.get("spec"), Some(&want));
    assert_eq!(made.0.get("status"), Some(&json!({"phase": "Pending"})));
}

#[test]
fn volumes_have_storage_and_modes() {
    check(json!({}), &[]);
    check(json!({"accessModes": []}), &["spec.accessModes: Required value"]);
    check(
        json!({"accessModes": ["ReadWriteOncePod", "ReadWriteOnce", "All"]}),
        &[
            r#"spec.accessModes: Unsupported value: "All": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod""#,
            "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
        ],
    );
    check(
        json!({"capacity": null}),
        &[
            "spec.capacity: Required value",
            r#"spec.capacity: Unsupported value: null: supported values: "storage""#,
        ],
    );
    check(
        json!({"capacity": {"storage": "-1"}}),
        &[
            "spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
            r#"spec.capacity[storage]: Invalid value: "-1": must be greater than zero"#,
        ],
    );
    check(
        json!({"persistentVolumeReclaimPolicy": "Keep", "storageClassName": "-", "volumeMode": "Tape"}),
        &[
            r#"spec.persistentVolumeReclaimPolicy: Unsupported value: "Keep": supported values: "Delete", "Recycle", "Retain""#,
            r#"spec.storageClassName: Invalid value: "-": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#,
            r#"spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem""#,
        ],
    );
    check(
        json!({"hostPath": {"path": "/a/.."}, "persistentVolumeReclaimPolicy": "Recycle"}),
        &[
            r#"spec.hostPath.path: Invalid value: "/a/..": must not contain '..'"#,
            "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
        ],
    );
    check(
        json!({"volumeAttributesClassName": ""}),
        &[
            "spec.volumeAttributesClassName: Required value: an empty string is disallowed",
            "spec.csi: Required value: has to be specified when using volumeAttributesClassName",
        ],
    );
}

#[test]
fn a_volume_is_made_of_one_thing() {
    let only = |field: &str, source: Value| json!({"hostPath": null, field: source});
    check(json!({"hostPath": null}), &["spec: Required value: must specify a volume type"]);
    check(
        json!({"nfs": {"server": "s", "path": "/"}}),
        &["spec.nfs: Forbidden: may not specify more than 1 volume type"],
    );
    check(
        only("csi", json!({"driver": "", "volumeHandle": "", "nodePublishSecretRef": {"name": "s"}})),
        &[
            "spec.csi.driver: Required value",
            "spec.csi.volumeHandle: Required value",
            "spec.csi.nodePublishSecretRef.namespace: Required value",
        ],
    );
    check(
        only("local", json!({"path": ""})),
        &[
            "spec.local.path: Required value",
            "spec.nodeAffinity: Required value: Local volume requires node affinity",
        ],
    );
    check(
        only("iscsi", json!({"targetPortal": "p", "iqn": "foo", "lun": 256, "chapAuthSession": true})),
        &[
            r#"spec.iscsi.iqn: Invalid value: "foo": must be valid format"#,
            "spec.iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive",
            "spec.iscsi.secretRef: Required value",
        ],
    );
    check(
        only("glusterfs", json!({"endpoints": "e", "path": "", "endpointsNamespace": ""})),
        &[
            "spec.glusterfs.path: Required value",
            r#"spec.glusterfs.endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid namespace name"#,
        ],
    );
    check(
        only("flexVolume", json!({"driver": "d", "options": {"kubernetes.io/a": "b"}})),
        &[
            r#"spec.flexVolume.options[kubernetes.io/a]: Invalid value: "kubernetes.io/a": kubernetes.io and k8s.io namespaces are reserved"#,
        ],
    );
    check(
        only("nfs", json!({"server": "s", "path": "a"})),
        &[r#"spec.nfs.path: Invalid value: "a": must be an absolute path"#],
    );
}

#[test]
fn where_a_volume_is_may_be_said_once() {
    let zone = |key: &str, zone: &str| {
        let term = json!({"matchExpressions": [{"key": key, "operator": "In", "values": [zone]}]});
        json!({"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}})
    };
    let (beta, stable) = ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone");
    let kind = PersistentVolume::new();
    check(
        json!({"nodeAffinity": {}}),
        &["spec.nodeAffinity.required: Required value: must specify required node constraints"],
    );
    let update = |new: Value, old: Value, want: &[&str]| check_update(&kind, volume(new), volume(old), want);
    update(zone(stable, "a"), json!({}), &[]);
    update(zone(stable, "a"), zone(beta, "a"), &[]);
    update(
        zone(stable, "b"),
        zone(stable, "a"),
        &[
            r#"nodeAffinity: Invalid value: {"Required":{"NodeSelectorTerms":[{"MatchExpressions":[{"Key":"topology.kubernetes.io/zone","Operator":"In","Values":["b"]}],"MatchFields":null}]}}: field is immutable, except for updating from beta label to GA"#,
        ],
    );
    let warning = "spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead";
    check_warnings(&kind, volume(zone(beta, "a")), &[warning]);
}

#[test]
fn a_source_never_changes() {
    let kind = PersistentVolume::new();
    let (_, errors) =
        write(&kind, Part::Main, volume(json!({"hostPath": {"path": "/b"}})), Some(volume(json!({}))));
    let start =
        "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n";
    assert!(errors.len() == 1 && errors[0].starts_with(start), "{errors:?}");
    check_update(&kind, volume(json!({"persistentVolumeReclaimPolicy": "Delete"})), volume(json!({})), &[]);
    let csi = |secret: Value| {
        let source = json!({"driver": "d", "volumeHandle": "h", "controllerExpandSecretRef": secret});
        volume(json!({"hostPath": null, "csi": source}))
    };
    check_update(&kind, csi(json!({"name": "a", "namespace": "b"})), csi(json!(null)), &[]);
    check_update(
        &kind,
        volume(json!({"volumeMode": "Block"})),
        volume(json!({})),
        &[r#"volumeMode: Invalid value: "Block": field is immutable"#],
    );
}

#[test]
fn the_time_of_a_phase_is_kept_with_it() {
    let now = time::format(NOW);
    let kind = PersistentVolume::new();
    let with = |status: Value| {
        let mut volume = volume(json!({}));
        volume["status"] = status;
        volume
    };
    let (made, _) = write(&kind, Part::Main, with(json!({"phase": "Bound"})), None);
    assert_eq!(made.0.get("status"), Some(&json!({"phase": "Pending", TRANSITION: now})));
    let then = "2020-01-01T00:00:00Z";
    let check = |status: Value, want: &str| {
        let old = with(json!({"phase": "Bound", TRANSITION: then}));
        let (made, _) = write(&kind, Part::Status, with(status.clone()), Some(old));
        assert_eq!(made.str_at(&["status", TRANSITION]), want, "{status}");
    };
    check(json!({"phase": "Bound"}), then);
    check(json!({"phase": "Released"}), &now);
    check(json!({"phase": "Released", TRANSITION: then}), &now);
    check(json!({"phase": "Released", TRANSITION: "2021-01-01T00:00:00Z"}), "2021-01-01T00:00:00Z");
}

#[test]
fn volumes_as_kubectl_shows_them() {
    let mut shown = volume(json!({
        "accessModes": ["ReadWriteMany", "ReadWriteOnce"], "storageClassName": "fast",
        "claimRef": {"namespace": "a", "name": "c"},
    }));
    shown["status"] = json!({"phase": "Bound"});
    let cells = [
        ("Name", json!("v")),
        ("Capacity", json!("1Gi")),
        ("Access Modes", json!("RWO,RWX")),
        ("Reclaim Policy", json!("Retain")),
        ("Status", json!("Bound")),
        ("Claim", json!("a/c")),
        ("StorageClass", json!("fast")),
        ("VolumeAttributesClass", json!("<unset>")),
        ("Reason", json!("")),
        ("VolumeMode", json!("Filesystem")),
    ];
    check_table(&PersistentVolume::new(), shown, &cells);
}

#[test]
fn mount_options_of_old_are_for_drivers_of_old() {
    let mut annotated = volume(json!({}));
    annotated["metadata"]["annotations"] = json!({MOUNT_OPTIONS: "ro"});
    check_create(
        &PersistentVolume::new(),
        annotated.clone(),
        &[
            "metadata.annotations.volume.beta.kubernetes.io/mount-options: Forbidden: may not specify mount options for this volume type",
        ],
    );
    check_warnings(
        &PersistentVolume::new(),
        annotated,
        &[
            "metadata.annotations[volume.beta.kubernetes.io/mount-options]: deprecated since v1.31; use \"mountOptions\" attribute instead",
        ],
    );
}
