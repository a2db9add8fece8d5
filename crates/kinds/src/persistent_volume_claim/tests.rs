use super::*;
use crate::testing::{check_create, check_table, check_update, check_warnings, write};

/// A valid claim with `spec` over its spec.
fn claim(spec: Value) -> Value {
    let mut whole = json!({
        "metadata": {"name": "c", "namespace": "a"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        whole["spec"][field] = value;
    }
    whole
}

fn with_status(mut claim: Value, status: Value) -> Value {
    claim["status"] = status;
    claim
}

#[test]
fn claims_are_held_against_upstreams_rules() {
    let check = |spec: Value, want: &[&str]| check_create(&PersistentVolumeClaim::new(), claim(spec), want);
    check(json!({}), &[]);
    check(
        json!({"accessModes": [], "resources": {}}),
        &[
            "spec.accessModes: Required value: at least 1 access mode is required",
            "spec.resources[storage]: Required value",
        ],
    );
    check(
        json!({"resources": {"requests": {"storage": "0"}}}),
        &[r#"spec.resources[storage]: Invalid value: "0": must be greater than zero"#],
    );
    check(
        json!({"dataSourceRef": {"kind": "Foo", "name": ""}}),
        &[
            "spec.dataSource.name: Required value",
            r#"spec.dataSource: Invalid value: "Foo": must be 'PersistentVolumeClaim' when referencing the default apiGroup"#,
            "spec.dataSourceRef.name: Required value",
            r#"spec.dataSourceRef: Invalid value: "Foo": must be 'PersistentVolumeClaim' when referencing the default apiGroup"#,
        ],
    );
}

#[test]
fn both_data_sources_are_kept_the_same() {
    let check = |spec: Value, want: Value| {
        let (made, _) = write(&PersistentVolumeClaim::new(), Part::Main, claim(spec.clone()), None);
        let got = json!([made.at(&["spec", "dataSource"]), made.at(&["spec", "dataSourceRef"])]);
        assert_eq!(got, want, "{spec}");
    };
    let source = json!({"apiGroup": null, "kind": "PersistentVolumeClaim", "name": "b"});
    check(json!({"dataSource": source}), json!([source, source]));
    check(json!({"dataSourceRef": source}), json!([source, source]));
    let foreign = json!({"apiGroup": "example.com", "kind": "Filler", "name": "b"});
    check(json!({"dataSource": foreign}), json!([null, null]));
    check(json!({"dataSourceRef": foreign}), json!([foreign, foreign]));
    let elsewhere = json!({"kind": "PersistentVolumeClaim", "name": "b", "namespace": "c"});
    check(json!({"dataSourceRef": elsewhere}), json!([null, null]));
}

#[test]
fn a_claim_gets_its_volume_once() {
    let kind = PersistentVolumeClaim::new();
    check_update(&kind, claim(json!({"volumeName": "v"})), claim(json!({})), &[]);
    let (_, errors) =
        write(&kind, Part::Main, claim(json!({"volumeName": "w"})), Some(claim(json!({"volumeName": "v"}))));
    let start = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n";
    assert!(errors.len() == 1 && errors[0].starts_with(start), "{errors:?}");
    check_update(&kind, claim(json!({"storageClassName": "fast"})), claim(json!({})), &[]);
    let (_, errors) = write(
        &kind,
        Part::Main,
        claim(json!({"storageClassName": "fast"})),
        Some(claim(json!({"storageClassName": "slow"}))),
    );
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[test]
fn a_bound_claim_may_grow() {
    let kind = PersistentVolumeClaim::new();
    let sized = |size: &str, phase: &str| {
        let spec = json!({"resources": {"requests": {"storage": size}}, "volumeName": "v"});
        with_status(claim(spec), json!({"phase": phase, "capacity": {"storage": "2Gi"}}))
    };
    check_update(&kind, sized("4Gi", "Bound"), sized("3Gi", "Bound"), &[]);
    check_update(&kind, sized("3Gi", "Bound"), sized("4Gi", "Bound"), &[]);
    check_update(&kind, sized("2048Mi", "Pending"), sized("2Gi", "Pending"), &[]);
    check_update(
        &kind,
        sized("1Gi", "Bound"),
        sized("4Gi", "Bound"),
        &["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"],
    );
    let (_, errors) = write(&kind, Part::Main, sized("4Gi", "Pending"), Some(sized("3Gi", "Pending")));
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[test]
fn attributes_that_were_applied_are_not_taken_back() {
    let with = |class: Value| {
        let claim = claim(json!({"volumeAttributesClassName": class, "volumeName": "v"}));
        with_status(claim, json!({"phase": "Bound", "currentVolumeAttributesClassName": "gold"}))
    };
    let check = |class: Value, want: &[&str]| {
        check_update(&PersistentVolumeClaim::new(), with(class), with(json!("gold")), want);
    };
    check(json!("silver"), &[]);
    check(
        json!(null),
        &[
            "spec.volumeAttributesClassName: Forbidden: update to nil is forbidden when status.currentVolumeAttributesClassName is not nil",
        ],
    );
    check(
        json!(""),
        &[
            "spec.volumeAttributesClassName: Forbidden: update to empty string is forbidden when status.currentVolumeAttributesClassName is not nil",
        ],
    );
}

#[test]
fn a_status_tells_of_storage_only() {
    let check = |status: Value, want: &[&str]| {
        let new = with_status(claim(json!({})), status.clone());
        let (_, errors) = write(&PersistentVolumeClaim::new(), Part::Status, new, Some(claim(json!({}))));
        assert_eq!(errors, want, "{status}");
    };
    check(json!({"phase": "Bound", "capacity": {"storage": "1Gi"}}), &[]);
    check(
        json!({"capacity": {"storage": "-1"}, "allocatedResources": {"cpu": "1"}}),
        &[
            "status.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
            r#"status.allocatedResources: Unsupported value: "cpu": supported values: "storage""#,
        ],
    );
    check(
        json!({"allocatedResourceStatuses": {"storage": "Done"}}),
        &[
            r#"status.allocatedResourceStatuses: Unsupported value: "storage": supported values: "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending""#,
        ],
    );
}

#[test]
fn claims_as_kubectl_shows_them() {
    let shown = with_status(
        claim(json!({"volumeName": "v", "storageClassName": "fast"})),
        json!({"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "2Gi"}}),
    );
    let cells = [
        ("Name", json!("c")),
        ("Status", json!("Bound")),
        ("Volume", json!("v")),
        ("Capacity", json!("2Gi")),
        ("Access Modes", json!("RWO")),
        ("StorageClass", json!("fast")),
        ("VolumeAttributesClass", json!("<unset>")),
        ("VolumeMode", json!("Filesystem")),
    ];
    check_table(&PersistentVolumeClaim::new(), shown, &cells);
}

#[test]
fn what_is_out_of_date_is_told_of() {
    let mut old = claim(json!({"resources": {"requests": {"storage": "500m"}}}));
    old["metadata"]["annotations"] = json!({"volume.beta.kubernetes.io/storage-class": "fast"});
    check_warnings(
        &PersistentVolumeClaim::new(),
        old,
        &[
            "metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use \"storageClassName\" attribute instead",
            "spec.resources.requests[storage]: fractional byte value \"500m\" is invalid, must be an integer",
        ],
    );
}
