use serde_json::json;

use super::*;
use crate::testing::{NAMESPACE, World};

fn world() -> World {
    World::at("2026-01-01T00:00:00Z")
}

/// A volume of a gibibyte with `spec` over its spec.
fn volume(name: &str, spec: Value) -> Value {
    let mut volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain"},
        "status": {"phase": "Available"},
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        volume["spec"][field] = value;
    }
    volume
}

fn claim(spec: Value) -> Value {
    let mut claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": "Pending"},
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        claim["spec"][field] = value;
    }
    claim
}

/// Reconciles a volume until there is nothing to write.
fn settle_volume(world: &mut World, name: &str) {
    for _ in 0..10 {
        let view = View { cache: &world.cache, last_failure: None };
        let plan = PersistentVolumeBinder.reconcile(&view, &ObjectKey::cluster(name), world.now);
        if plan.stages.is_empty() {
            return;
        }
        world.carry_out(plan);
    }
    panic!("never settles");
}

#[test]
fn a_claim_gets_the_smallest_volume_that_is_enough() {
    let check = |volumes: &[(&str, Value)], spec: Value, want: &str| {
        let mut world = world();
        for (name, spec) in volumes {
            world.put(PERSISTENT_VOLUMES, volume(name, spec.clone()));
        }
        world.put(PERSISTENT_VOLUME_CLAIMS, claim(spec.clone()));
        world.settle(&PersistentVolumeBinder, "c");
        let claim = world.get(PERSISTENT_VOLUME_CLAIMS, "c").expect("a claim");
        assert_eq!(claim["spec"]["volumeName"].as_str().unwrap_or_default(), want, "{volumes:?} {spec}");
        let phase = if want.is_empty() { "Pending" } else { "Bound" };
        assert_eq!(claim["status"]["phase"], phase, "{volumes:?} {spec}");
    };
    let sized = |size: &str| json!({"capacity": {"storage": size}});
    check(&[], json!({}), "");
    check(&[("a", sized("3Gi")), ("b", sized("2Gi"))], json!({}), "b");
    check(&[("a", sized("1Mi"))], json!({}), "");
    check(&[("a", json!({"accessModes": ["ReadOnlyMany"]}))], json!({}), "");
    check(&[("a", json!({"storageClassName": "fast"}))], json!({}), "");
    check(&[("a", json!({"storageClassName": "fast"}))], json!({"storageClassName": "fast"}), "a");
    check(&[("a", json!({"volumeMode": "Block"}))], json!({}), "");
    check(&[("a", json!({}))], json!({"selector": {"matchLabels": {"x": "y"}}}), "");
    let reserved = json!({"claimRef": {"namespace": NAMESPACE, "name": "c"}, "capacity": {"storage": "9Gi"}});
    check(&[("a", json!({})), ("b", reserved)], json!({}), "b");
    check(&[("a", json!({"claimRef": {"namespace": NAMESPACE, "name": "d"}}))], json!({}), "");
    check(&[("a", sized("2Gi")), ("b", json!({}))], json!({"volumeName": "a"}), "a");
}

#[test]
fn a_bond_is_known_to_both() {
    let mut world = world();
    world.put(PERSISTENT_VOLUMES, volume("v", json!({})));
    world.put(PERSISTENT_VOLUME_CLAIMS, claim(json!({})));
    world.settle(&PersistentVolumeBinder, "c");
    let volume = world.get(PERSISTENT_VOLUMES, "v").expect("a volume");
    assert_eq!(volume["spec"]["claimRef"]["uid"], "uid-c");
    assert_eq!(volume["spec"]["claimRef"]["kind"], "PersistentVolumeClaim");
    assert_eq!(volume["status"], json!({"phase": "Bound"}));
    assert_eq!(volume["metadata"]["annotations"], json!({BOUND_BY_CONTROLLER: "yes"}));
    let claim = world.get(PERSISTENT_VOLUME_CLAIMS, "c").expect("a claim");
    assert_eq!(
        claim["status"],
        json!({"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}})
    );
    assert_eq!(claim["metadata"]["annotations"], json!({BOUND_BY_CONTROLLER: "yes", BIND_COMPLETED: "yes"}));
    settle_volume(&mut world, "v");
    assert_eq!(world.get(PERSISTENT_VOLUMES, "v"), Some(volume));
}

#[test]
fn a_volume_is_released_when_its_claim_is_gone() {
    let check = |policy: &str, provisioned: bool, want: Value| {
        let mut world = world();
        let reference = json!({"namespace": NAMESPACE, "name": "c", "uid": "uid-c"});
        let mut held = volume("v", json!({"claimRef": reference, "persistentVolumeReclaimPolicy": policy}));
        held["status"]["phase"] = json!("Bound");
        if provisioned {
            held["metadata"]["annotations"] = json!({PROVISIONED_BY: "example.com/disk"});
        }
        world.put(PERSISTENT_VOLUMES, held);
        settle_volume(&mut world, "v");
        let volume = world.get(PERSISTENT_VOLUMES, "v").expect("a volume");
        assert_eq!(volume["status"], want, "{policy}");
    };
    check("Retain", false, json!({"phase": "Released"}));
    check("Delete", true, json!({"phase": "Released"}));
    check(
        "Delete",
        false,
        json!({"phase": "Failed", "message": "error getting deleter volume plugin for volume \"v\": no deletable volume plugin matched"}),
    );
    check(
        "Recycle",
        false,
        json!({"phase": "Failed", "message": "No recycler plugin found for the volume!"}),
    );
}

#[test]
fn a_new_volume_is_available() {
    let mut world = world();
    let mut new = volume("v", json!({}));
    new["status"] = json!({"phase": "Pending"});
    world.put(PERSISTENT_VOLUMES, new);
    settle_volume(&mut world, "v");
    assert_eq!(world.get(PERSISTENT_VOLUMES, "v").expect("a volume")["status"]["phase"], "Available");
}

#[test]
fn a_claim_without_a_volume_says_why() {
    let check = |spec: Value, class: Value, want: &str| {
        let mut world = world();
        if !class.is_null() {
            world.put(STORAGE_CLASSES, class);
        }
        world.put(PERSISTENT_VOLUME_CLAIMS, claim(spec.clone()));
        world.settle(&PersistentVolumeBinder, "c");
        let last = world.events.last().map(String::as_str).unwrap_or_default();
        assert!(last.starts_with(want), "{spec}: {last}");
    };
    let class = |mode: &str, provisioner: &str| json!({"metadata": {"name": "fast"}, "provisioner": provisioner, "volumeBindingMode": mode});
    check(
        json!({}),
        Value::Null,
        "FailedBinding: no persistent volumes available for this claim and no storage class is set",
    );
    let fast = json!({"storageClassName": "fast"});
    check(fast.clone(), Value::Null, "ProvisioningFailed: storageclass.storage.k8s.io \"fast\" not found");
    check(
        fast.clone(),
        class("WaitForFirstConsumer", "example.com/disk"),
        "WaitForFirstConsumer: waiting for first consumer to be created before binding",
    );
    check(
        fast.clone(),
        class("Immediate", "example.com/disk"),
        "ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'example.com/disk'",
    );
    check(
        fast,
        class("Immediate", "kubernetes.io/no-provisioner"),
        "ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner",
    );
}

#[test]
fn a_claim_that_lost_its_volume_says_so() {
    let mut world = world();
    let mut lost = claim(json!({"volumeName": "v"}));
    lost["metadata"]["annotations"] = json!({BIND_COMPLETED: "yes"});
    lost["status"] = json!({"phase": "Bound", "capacity": {"storage": "1Gi"}});
    world.put(PERSISTENT_VOLUME_CLAIMS, lost);
    world.settle(&PersistentVolumeBinder, "c");
    let claim = world.get(PERSISTENT_VOLUME_CLAIMS, "c").expect("a claim");
    assert_eq!(claim["status"], json!({"phase": "Lost"}));
    assert_eq!(
        world.events,
        ["ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!"]
    );
}

#[test]
fn a_claim_of_no_class_takes_a_default_that_came_later() {
    let mut world = world();
    let annotations = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    world.put(
        STORAGE_CLASSES,
        json!({"metadata": {"name": "fast", "annotations": annotations}, "provisioner": "example.com/disk"}),
    );
    world.put(PERSISTENT_VOLUME_CLAIMS, claim(json!({})));
    world.settle(&PersistentVolumeBinder, "c");
    let claim = world.get(PERSISTENT_VOLUME_CLAIMS, "c").expect("a claim");
    assert_eq!(claim["spec"]["storageClassName"], "fast");
    assert_eq!(
        claim["metadata"]["annotations"]["volume.kubernetes.io/storage-provisioner"],
        "example.com/disk"
    );
}
