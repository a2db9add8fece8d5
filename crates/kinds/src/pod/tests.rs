use ironclad_api::Object;
use ironclad_engine::Strategy;
use serde_json::{Value, json};

use super::{Bindings, Pod};

/// Facts of Kubernetes 1.36's discovery: subresource, kind, verbs.
const SUBRESOURCES: [(&str, &str, &str); 10] = [
    ("attach", "/v1, Kind=PodAttachOptions", "create get"),
    ("binding", "/v1, Kind=Binding", "create"),
    ("ephemeralcontainers", "", "get patch update"),
    ("eviction", "policy/v1, Kind=Eviction", "create"),
    ("exec", "/v1, Kind=PodExecOptions", "create get"),
    ("log", "/v1, Kind=Pod", "get"),
    ("portforward", "/v1, Kind=PodPortForwardOptions", "create get"),
    ("proxy", "/v1, Kind=PodProxyOptions", "create delete get patch update"),
    ("resize", "", "get patch update"),
    ("status", "", "get patch update"),
];

#[test]
fn discovery_is_upstreams() {
    let pods = Pod::new();
    let spec = pods.spec();
    assert_eq!(spec.short_names, ["po"]);
    assert_eq!(spec.categories, ["all"]);
    assert_eq!(spec.singular, "pod");
    let found: Vec<(String, String, String)> = spec
        .subresources
        .iter()
        .map(|sub| {
            let kind = sub.kind.as_ref().map(ToString::to_string).unwrap_or_default();
            (sub.name.to_string(), kind, sub.verbs.join(" "))
        })
        .collect();
    let want: Vec<_> =
        SUBRESOURCES.iter().map(|(a, b, c)| (a.to_string(), b.to_string(), c.to_string())).collect();
    assert_eq!(found, want);
    let bindings = Bindings::new();
    assert_eq!((bindings.spec().verbs, &*bindings.spec().singular), (&["create"][..], "binding"));
}

#[test]
fn a_pod_has_its_own_grace_unless_it_runs_nowhere() {
    let check = |pod: Value, requested: Option<i64>, want: i64| {
        let pod = Object::from_value(pod).expect("an object");
        assert_eq!(Pod::new().grace_period(&pod, requested), Some(want));
    };
    let pod = |phase: &str| json!({"spec": {"nodeName": "n", "terminationGracePeriodSeconds": 30}, "status": {"phase": phase}});
    check(pod("Running"), None, 30);
    check(pod("Running"), Some(5), 5);
    check(pod("Running"), Some(0), 0);
    check(pod("Succeeded"), None, 0);
    check(pod("Failed"), Some(30), 0);
    check(json!({"spec": {"terminationGracePeriodSeconds": 30}}), None, 0);
    check(json!({"spec": {"nodeName": "n", "terminationGracePeriodSeconds": -5}}), None, 1);
}
