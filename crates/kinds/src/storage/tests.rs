//! Upstream's documented rules (`pkg/apis/storage/validation`, the field docs of the API) as tables.

use ironclad_engine::strategy::{Part, Strategy};
use serde_json::{Value, json};

use super::*;
use crate::testing::{check_create, check_table, check_update, check_warnings, object, write};

#[test]
fn discovery_is_upstreams() {
    let check = |kind: &dyn Strategy, plural: &str, short: &[&str], status: bool| {
        let spec = kind.spec();
        assert_eq!(spec.resource, plural);
        assert_eq!(spec.short_names, short, "{plural}");
        assert_eq!(!spec.subresources.is_empty(), status, "{plural}");
    };
    check(&CsiDriver::new(), "csidrivers", &[], false);
    check(&CsiNode::new(), "csinodes", &[], false);
    check(&CsiStorageCapacity::new(), "csistoragecapacities", &[], false);
    check(&StorageClass::new(), "storageclasses", &["sc"], false);
    check(&VolumeAttachment::new(), "volumeattachments", &[], true);
    check(&VolumeAttributesClass::new(), "volumeattributesclasses", &["vac"], false);
}

/// An object with other fields at its root.
fn with(mut base: Value, more: Value) -> Value {
    for (field, value) in more.as_object().cloned().unwrap_or_default() {
        base[field] = value;
    }
    base
}

// === StorageClass ===

fn class(more: Value) -> Value {
    with(json!({"metadata": {"name": "fast"}, "provisioner": "example.com/disk"}), more)
}

#[test]
fn classes_say_how_volumes_are_made() {
    let check = |more: Value, want: &[&str]| check_create(&StorageClass::new(), class(more), want);
    check(json!({}), &[]);
    check(json!({"provisioner": ""}), &["provisioner: Required value"]);
    check(json!({"parameters": {"": "a"}}), &[r#"parameters: Invalid value: "": field can not be empty."#]);
    check(
        json!({"reclaimPolicy": "Recycle", "volumeBindingMode": "Never"}),
        &[
            r#"reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain""#,
            r#"volumeBindingMode: Unsupported value: "Never": supported values: "Immediate", "WaitForFirstConsumer""#,
        ],
    );
    check(
        json!({"parameters": {"a": "x".repeat(256 << 10)}}),
        &["parameters: Too long: may not be more than 262144 bytes"],
    );
    let term = |key: &str, values: Value| json!({"matchLabelExpressions": [{"key": key, "values": values}]});
    check(json!({"allowedTopologies": [term("zone", json!(["a"])), term("zone", json!(["b"]))]}), &[]);
    check(
        json!({"allowedTopologies": [{}]}),
        &[r#"allowedTopologies[0].matchLabelExpressions: Duplicate value: """#],
    );
    check(
        json!({"allowedTopologies": [term("zone", json!(["a", "a"])), term("zone", json!(["a"])), term("b", json!([]))]}),
        &[
            r#"allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a""#,
            r#"allowedTopologies[1].matchLabelExpressions: Duplicate value: """#,
            "allowedTopologies[2].matchLabelExpressions[0].values: Required value",
        ],
    );
}

#[test]
fn classes_are_fixed_but_for_their_expansion() {
    let check =
        |more: Value, want: &[&str]| check_update(&StorageClass::new(), class(more), class(json!({})), want);
    check(json!({"allowVolumeExpansion": true, "mountOptions": ["ro"]}), &[]);
    check(
        json!({"parameters": {"a": "b"}}),
        &[r#"parameters: Invalid value: {"a":"b"}: field is immutable"#],
    );
    check(
        json!({"reclaimPolicy": "Retain"}),
        &[r#"reclaimPolicy: Invalid value: "Retain": field is immutable"#],
    );
    check(
        json!({"provisioner": "b", "volumeBindingMode": "WaitForFirstConsumer"}),
        &[
            r#"provisioner: Invalid value: "b": field is immutable"#,
            r#"volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable"#,
        ],
    );
}

#[test]
fn classes_as_kubectl_shows_them() {
    let mut shown = class(json!({}));
    shown["metadata"]["annotations"] = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    let cells = [
        ("Name", json!("fast (default)")),
        ("Provisioner", json!("example.com/disk")),
        ("ReclaimPolicy", json!("Delete")),
        ("VolumeBindingMode", json!("Immediate")),
        ("AllowVolumeExpansion", json!(false)),
    ];
    check_table(&StorageClass::new(), shown, &cells);
    let key = "failure-domain.beta.kubernetes.io/zone";
    check_warnings(
        &StorageClass::new(),
        class(json!({"allowedTopologies": [{"matchLabelExpressions": [{"key": key, "values": ["a"]}]}]})),
        &[
            "allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
        ],
    );
}

// === VolumeAttributesClass ===

#[test]
fn attributes_classes_never_change() {
    let of = |parameters: Value| json!({"metadata": {"name": "gold"}, "driverName": "d", "parameters": parameters});
    let kind = VolumeAttributesClass::new();
    check_create(&kind, of(json!({"a": "b"})), &[]);
    check_create(
        &kind,
        of(json!({})),
        &["parameters: Required value: must contain at least one key/value pair"],
    );
    check_update(
        &kind,
        of(json!({"a": "c"})),
        of(json!({"a": "b"})),
        &["parameters: Forbidden: updates to parameters are forbidden."],
    );
    check_table(&kind, of(json!({"a": "b"})), &[("Name", json!("gold")), ("DriverName", json!("d"))]);
}

// === CSIDriver ===

fn driver(spec: Value) -> Value {
    json!({"metadata": {"name": "d.example.com"}, "spec": spec})
}

#[test]
fn drivers_have_upstreams_defaults() {
    let made = object(&CsiDriver::new(), driver(json!({})));
    let want = json!({
        "attachRequired": true, "podInfoOnMount": false, "storageCapacity": false,
        "fsGroupPolicy": "ReadWriteOnceWithFSType", "volumeLifecycleModes": ["Persistent"],
        "requiresRepublish": false, "seLinuxMount": false,
    });
    assert_eq!(made.0.get("spec"), Some(&want));
}

#[test]
fn drivers_are_held_against_upstreams_rules() {
    let check = |spec: Value, want: &[&str]| check_create(&CsiDriver::new(), driver(spec), want);
    check(json!({}), &[]);
    check(
        json!({"fsGroupPolicy": "A", "volumeLifecycleModes": ["B"]}),
        &[
            r#"spec.fsGroupPolicy: Unsupported value: "A": supported values: "File", "None", "ReadWriteOnceWithFSType""#,
            r#"spec.volumeLifecycleModes: Unsupported value: "B": supported values: "Persistent", "Ephemeral""#,
        ],
    );
    check(
        json!({"tokenRequests": [{"audience": "a", "expirationSeconds": 1}, {"audience": "a"}]}),
        &[
            "spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
            r#"spec.tokenRequests[1].audience: Duplicate value: "a""#,
        ],
    );
    check(
        json!({"nodeAllocatableUpdatePeriodSeconds": 9, "serviceAccountTokenInSecrets": true}),
        &[
            "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds",
            "spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified",
        ],
    );
    check_update(
        &CsiDriver::new(),
        driver(json!({"attachRequired": false, "volumeLifecycleModes": ["Ephemeral"]})),
        driver(json!({})),
        &[
            "spec.attachedRequired: Invalid value: false: field is immutable",
            r#"spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: field is immutable"#,
        ],
    );
    let warning = "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes";
    check_warnings(&CsiDriver::new(), driver(json!({"tokenRequests": [{"audience": "a"}]})), &[warning]);
}

#[test]
fn a_drivers_generation_counts_its_changes() {
    let (made, _) = write(&CsiDriver::new(), Part::Main, driver(json!({})), None);
    assert_eq!(made.generation(), 0);
    let changed = driver(json!({"requiresRepublish": true, "preventPodSchedulingIfMissing": true}));
    let (made, _) = write(&CsiDriver::new(), Part::Main, changed, Some(driver(json!({}))));
    assert_eq!((made.generation(), made.at(&["spec", "preventPodSchedulingIfMissing"])), (1, None));
}

#[test]
fn drivers_as_kubectl_shows_them() {
    let cells = [
        ("Name", json!("d.example.com")),
        ("AttachRequired", json!(true)),
        ("PodInfoOnMount", json!(false)),
        ("StorageCapacity", json!(false)),
        ("TokenRequests", json!("a,b")),
        ("RequiresRepublish", json!(false)),
        ("Modes", json!("Persistent")),
    ];
    let shown = driver(json!({"tokenRequests": [{"audience": "a"}, {"audience": "b"}]}));
    check_table(&CsiDriver::new(), shown, &cells);
}

// === CSINode ===

fn node(drivers: Value) -> Value {
    json!({"metadata": {"name": "n"}, "spec": {"drivers": drivers}})
}

#[test]
fn nodes_tell_of_each_driver_once() {
    let check = |drivers: Value, want: &[&str]| check_create(&CsiNode::new(), node(drivers), want);
    check(json!([{"name": "d", "nodeID": "i", "topologyKeys": ["zone"], "allocatable": {"count": 3}}]), &[]);
    check(
        json!([{"name": "d", "nodeID": "i"}, {"name": "d", "nodeID": "", "allocatable": {"count": -1}}]),
        &[
            "spec.drivers[1].nodeID: Required value",
            "spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0",
            r#"spec.drivers[1].name: Duplicate value: "d""#,
        ],
    );
    check(
        json!([{"name": "", "nodeID": "i", "topologyKeys": ["a", "a"]}]),
        &["spec.drivers[0].name: Required value", r#"spec.drivers[0]: Duplicate value: "a""#],
    );
    let old = json!([{"name": "d", "nodeID": "i"}]);
    let update =
        |new: Value, want: &[&str]| check_update(&CsiNode::new(), node(new), node(old.clone()), want);
    update(json!([{"name": "d", "nodeID": "i", "allocatable": {"count": 1}}]), &[]);
    update(json!([{"name": "e", "nodeID": "j"}]), &[]);
    update(
        json!([{"name": "d", "nodeID": "j"}]),
        &[
            r#"spec.drivers: Invalid value: {"Name":"d","NodeID":"j","TopologyKeys":null,"Allocatable":null}: field is immutable"#,
        ],
    );
    check_table(&CsiNode::new(), node(old.clone()), &[("Name", json!("n")), ("Drivers", json!(1))]);
}

// === CSIStorageCapacity ===

#[test]
fn capacities_are_of_one_class_and_place() {
    let of = |more: Value| {
        with(json!({"metadata": {"name": "c", "namespace": "a"}, "storageClassName": "fast"}), more)
    };
    let kind = CsiStorageCapacity::new();
    check_create(&kind, of(json!({"nodeTopology": {"matchLabels": {"a": "b"}}, "capacity": "1Gi"})), &[]);
    check_create(
        &kind,
        of(json!({"capacity": "-1"})),
        &[r#"capacity: Invalid value: "-1": must be greater than or equal to 0"#],
    );
    check_update(
        &kind,
        of(
            json!({"storageClassName": "slow", "nodeTopology": {"matchLabels": {"a": "b"}}, "capacity": "2Gi"}),
        ),
        of(json!({})),
        &[
            r#"nodeTopology: Invalid value: {"matchLabels":{"a":"b"}}: field is immutable"#,
            r#"storageClassName: Invalid value: "slow": field is immutable"#,
        ],
    );
    check_warnings(
        &kind,
        of(json!({"nodeTopology": {"matchLabels": {"beta.kubernetes.io/os": "a"}}})),
        &[
            "nodeTopology.matchLabels.beta.kubernetes.io/os: deprecated since v1.14; use \"kubernetes.io/os\" instead",
        ],
    );
    assert!(kind.spec().columns.is_empty());
}

// === VolumeAttachment ===

fn attachment(spec: Value) -> Value {
    let whole = json!({"attacher": "d", "nodeName": "n", "source": {"persistentVolumeName": "v"}});
    json!({"metadata": {"name": "a"}, "spec": with(whole, spec)})
}

#[test]
fn an_attachment_is_of_one_volume_to_one_node_for_ever() {
    let check = |spec: Value, want: &[&str]| check_create(&VolumeAttachment::new(), attachment(spec), want);
    check(json!({}), &[]);
    check(
        json!({"source": {}}),
        &[
            "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
        ],
    );
    check(
        json!({"attacher": "", "source": {"inlineVolumeSpec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1"}, "hostPath": {"path": "/a"}}}}),
        &[
            "spec.attacher: Required value",
            "spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes",
            "spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes",
        ],
    );
    check(
        json!({"source": {"inlineVolumeSpec": {"accessModes": ["ReadWriteOnce"], "csi": {"driver": "d", "volumeHandle": "h"}}}}),
        &[],
    );
    check_update(
        &VolumeAttachment::new(),
        attachment(json!({"nodeName": "m"})),
        attachment(json!({})),
        &[
            r#"spec: Invalid value: {"Attacher":"d","Source":{"PersistentVolumeName":"v","InlineVolumeSpec":null},"NodeName":"m"}: field is immutable"#,
        ],
    );
    let inline = json!({"source": {"inlineVolumeSpec": {"hostPath": {"path": "/a"}}}});
    let made = object(&VolumeAttachment::new(), attachment(inline));
    assert_eq!(made.at(&["spec", "source", "inlineVolumeSpec", "hostPath", "type"]), Some(&json!("")));
    let (made, _) = write(&VolumeAttachment::new(), Part::Main, attachment(json!({})), None);
    assert_eq!(made.0.get("status"), Some(&json!({"attached": false})));
    let mut shown = attachment(json!({}));
    shown["status"] = json!({"attached": true});
    let cells = [
        ("Name", json!("a")),
        ("Attacher", json!("d")),
        ("PV", json!("v")),
        ("Node", json!("n")),
        ("Attached", json!(true)),
    ];
    check_table(&VolumeAttachment::new(), shown, &cells);
}
