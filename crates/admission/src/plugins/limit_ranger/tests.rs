use ironclad_api::Object;
use ironclad_client::testing::Objects;
use ironclad_engine::gate::Context;
use serde_json::json;

use super::*;
use crate::testing::{Ask, mutate, validate};

fn range(item: Value) -> Value {
    json!({"metadata": {"name": "l", "namespace": "a"}, "spec": {"limits": [item]}})
}

fn pod(spec: Value) -> Object {
    Object::from_value(json!({"metadata": {"name": "p", "namespace": "a"}, "spec": spec})).expect("an object")
}

#[test]
fn containers_get_what_they_do_not_say() {
    let item = json!({"type": "Container", "default": {"cpu": "2", "memory": "1Gi"}, "defaultRequest": {"cpu": "1"}});
    let world = [("", "limitranges", range(item))];
    let container = |name: &str, resources: Value| json!({"name": name, "resources": resources});
    let spec = json!({
        "containers": [container("c", json!({"limits": {"cpu": "3"}}))],
        "initContainers": [container("i", json!({"requests": {"cpu": "500m"}}))],
    });
    let made =
        mutate(&LimitRanger, &world, Ask::create("a", ("", "pods"), pod(spec))).expect("is let through");
    let want = json!({
        "containers": [container("c", json!({"limits": {"cpu": "3", "memory": "1Gi"}, "requests": {"cpu": "1"}}))],
        "initContainers": [container("i", json!({"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "500m"}}))],
    });
    assert_eq!(made.0.get("spec"), Some(&want));
    assert_eq!(
        made.annotation("kubernetes.io/limit-ranger"),
        Some(
            "LimitRanger plugin set: cpu request for container c; memory limit for container c; cpu, memory limit for init container i"
        )
    );
}

fn check(item: Value, resource: &str, spec: Value, want: Option<&str>) {
    let world = Objects::default();
    world.put("", "limitranges", range(item));
    let ask = Ask::create("a", ("", resource), pod(spec.clone()));
    let why = validate(&LimitRanger, &world, &Context::default(), ask).err().map(|status| status.message);
    let want = want.map(|why| format!("{resource} \"p\" is forbidden: {why}"));
    assert_eq!(why, want, "{spec}");
}

#[test]
fn pods_are_held_against_their_ranges() {
    let of = |requests: Value, limits: Value| json!({"containers": [{"name": "c", "resources": {"requests": requests, "limits": limits}}]});
    let check = |item: Value, spec: Value, want: Option<&str>| check(item, "pods", spec, want);
    let bounds = json!({"type": "Container", "min": {"cpu": "1"}, "max": {"cpu": "2"}});
    check(bounds.clone(), of(json!({"cpu": "1"}), json!({"cpu": "2"})), None);
    check(
        bounds.clone(),
        of(json!({"cpu": "500m"}), json!({"cpu": "3"})),
        Some(
            "[minimum cpu usage per Container is 1, but request is 500m, maximum cpu usage per Container is 2, but limit is 3]",
        ),
    );
    check(
        bounds,
        of(json!({}), json!({})),
        Some(
            "[minimum cpu usage per Container is 1.  No request is specified, maximum cpu usage per Container is 2.  No limit is specified]",
        ),
    );
    let ratio = json!({"type": "Container", "maxLimitRequestRatio": {"memory": "1500m"}});
    check(ratio.clone(), of(json!({"memory": "2Gi"}), json!({"memory": "3Gi"})), None);
    check(
        ratio.clone(),
        of(json!({"memory": "1Gi"}), json!({"memory": "2Gi"})),
        Some("memory max limit to request ratio per Container is 1500m, but provided ratio is 2.000000"),
    );
    check(
        ratio,
        of(json!({}), json!({})),
        Some(
            "memory max limit to request ratio per Container is 1500m, but no request is specified or request is 0",
        ),
    );
    let whole = json!({"type": "Pod", "max": {"cpu": "2"}});
    let two = |own: Value| {
        let container = json!({"name": "c", "resources": {"limits": {"cpu": "1500m"}}});
        json!({"containers": [container, container], "resources": own})
    };
    check(whole.clone(), two(json!({})), Some("maximum cpu usage per Pod is 2, but limit is 3"));
    check(whole, two(json!({"limits": {"cpu": "2"}})), None);
}

#[test]
fn claims_are_held_against_their_ranges() {
    let item = json!({"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}});
    let check = |size: &str, want: Option<&str>| {
        let spec = json!({"resources": {"requests": {"storage": size}}});
        check(item.clone(), "persistentvolumeclaims", spec, want);
    };
    check("1536Mi", None);
    check("1Mi", Some("minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"));
    check("3Gi", Some("maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"));
}
