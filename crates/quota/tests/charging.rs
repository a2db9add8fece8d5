//! Writes held against quotas, and quotas counted anew; texts and results as upstream documents them.

use std::sync::Arc;

use ironclad_api::{GroupResource, Object};
use ironclad_quota::{Charge, Evaluator, Item, Quota, charge, recount};
use jiff::Timestamp;
use serde_json::{Value, json};

fn now() -> Timestamp {
    Timestamp::from_second(1_767_225_600).expect("a time")
}

/// A quota `q` whose limits are in force; `used` is what is used of them.
fn quota(hard: Value, used: Value, spec: Value) -> Quota {
    let mut object = json!({
        "metadata": { "name": "q", "namespace": "ns" },
        "spec": { "hard": hard },
        "status": { "hard": hard, "used": used },
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        object["spec"][field] = value.clone();
    }
    Quota::read(&serde_json::from_value(object).expect("a quota"))
}

fn resource(name: &'static str) -> GroupResource {
    match name.split_once('.') {
        Some((plural, group)) => GroupResource::new(group, plural),
        None => GroupResource::new("", name),
    }
}

fn item(resource: &GroupResource, object: Value) -> Item {
    let object = Object::from_value(object).expect("an object");
    Item::read(resource, &object).expect("an object of its resource")
}

/// What is used after the write, or why it is refused.
fn outcome(quota: &Quota, name: &'static str, new: Value, old: Option<Value>) -> String {
    let resource = resource(name);
    let write = Charge {
        evaluator: Evaluator::of(&resource).expect("a resource that is charged"),
        item: item(&resource, new),
        old: old.map(|old| item(&resource, old)),
    };
    match charge(std::slice::from_ref(quota), &write, now()) {
        Ok(quotas) => quotas.first().map(|quota| quota.used.to_string()).unwrap_or_default(),
        Err(why) => why,
    }
}

fn check(hard: Value, used: Value, name: &'static str, new: Value, expected: &str) {
    let quota = quota(hard, used, json!({}));
    assert_eq!(outcome(&quota, name, new.clone(), None), expected, "{new}");
}

fn pod(requests: Value, limits: Value) -> Value {
    json!({ "spec": { "containers": [{ "name": "c", "resources": { "requests": requests, "limits": limits } }] } })
}

#[test]
fn what_a_write_costs_is_added_to_what_is_used() {
    check(json!({"pods": "2"}), json!({"pods": "1"}), "pods", pod(json!({}), json!({})), "pods=2");
    check(
        json!({"requests.cpu": "2", "cpu": "2", "limits.memory": "1Gi", "secrets": "1"}),
        json!({"requests.cpu": "500m", "cpu": "500m", "limits.memory": "0", "secrets": "0"}),
        "pods",
        pod(json!({"cpu": "1"}), json!({"memory": "512Mi"})),
        "cpu=1500m,limits.memory=512Mi,requests.cpu=1500m,secrets=0",
    );
    check(
        json!({"requests.example.com/gpu": "3", "hugepages-2Mi": "8Mi"}),
        json!({"requests.example.com/gpu": "1", "hugepages-2Mi": "0"}),
        "pods",
        pod(json!({"example.com/gpu": "2", "hugepages-2Mi": "4Mi"}), json!({})),
        "hugepages-2Mi=4Mi,requests.example.com/gpu=3",
    );
    check(json!({"secrets": "5"}), json!({"secrets": "1"}), "secrets", json!({}), "secrets=2");
    check(
        json!({"count/secrets": "5", "secrets": "5"}),
        json!({"count/secrets": "1", "secrets": "1"}),
        "secrets",
        json!({}),
        "count/secrets=2,secrets=2",
    );
    check(
        json!({"count/widgets.example.com": "1"}),
        json!({"count/widgets.example.com": "0"}),
        "widgets.example.com",
        json!({}),
        "count/widgets.example.com=1",
    );
    check(json!({"pods": "1"}), json!({"pods": "1"}), "secrets", json!({}), "pods=1");
}

#[test]
fn services_cost_what_they_will_be_given() {
    let hard = json!({"services": "9", "services.nodeports": "9", "services.loadbalancers": "9"});
    let none = json!({"services": "0", "services.nodeports": "0", "services.loadbalancers": "0"});
    for (spec, ports, balancers) in [
        (json!({"type": "ClusterIP", "ports": [{"port": 1}]}), 0, 0),
        (json!({"type": "NodePort", "ports": [{"port": 1}, {"port": 2}]}), 2, 0),
        (json!({"type": "LoadBalancer", "ports": [{"port": 1}]}), 1, 1),
        (
            json!({"type": "LoadBalancer", "ports": [{"port": 1}], "allocateLoadBalancerNodePorts": false}),
            0,
            1,
        ),
        (
            json!({"type": "LoadBalancer", "ports": [{"port": 1, "nodePort": 30001}], "allocateLoadBalancerNodePorts": false}),
            1,
            1,
        ),
    ] {
        let expected = format!("services=1,services.loadbalancers={balancers},services.nodeports={ports}");
        check(hard.clone(), none.clone(), "services", json!({"spec": spec}), &expected);
    }
}

#[test]
fn storage_is_counted_in_all_and_by_class() {
    let gold = "gold.storageclass.storage.k8s.io/requests.storage";
    let claim = json!({"spec": {"storageClassName": "gold", "resources": {"requests": {"storage": "1.5"}}}});
    check(
        json!({"persistentvolumeclaims": "1", "requests.storage": "10Gi", gold: "5"}),
        json!({"persistentvolumeclaims": "0", "requests.storage": "0", gold: "0"}),
        "persistentvolumeclaims",
        claim,
        &format!("{gold}=2,persistentvolumeclaims=1,requests.storage=2"),
    );
}

#[test]
fn devices_are_counted_at_their_most_by_class() {
    let class = "gpu.deviceclass.resource.k8s.io/devices";
    let alternatives = json!([
        {"name": "a", "deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 2},
        {"name": "b", "deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 3},
    ]);
    let requests = json!([
        {"name": "x", "firstAvailable": alternatives},
        {"name": "y", "exactly": {"deviceClassName": "gpu", "allocationMode": "All"}},
    ]);
    check(
        json!({class: "40"}),
        json!({class: "0"}),
        "resourceclaims.resource.k8s.io",
        json!({"spec": {"devices": {"requests": requests}}}),
        &format!("{class}=35"),
    );
}

#[test]
fn what_exceeds_is_refused_in_upstreams_words() {
    check(
        json!({"pods": "2"}),
        json!({"pods": "2"}),
        "pods",
        pod(json!({}), json!({})),
        "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2",
    );
    check(
        json!({"cpu": "1", "memory": "500Mi", "pods": "9"}),
        json!({"cpu": "500m", "memory": "252Mi", "pods": "1"}),
        "pods",
        pod(json!({"cpu": "600m", "memory": "300Mi"}), json!({})),
        "exceeded quota: q, requested: cpu=600m,memory=300Mi, used: cpu=500m,memory=252Mi, limited: cpu=1,memory=500Mi",
    );
    check(
        json!({"cpu": "1", "limits.memory": "1"}),
        json!({"cpu": "0", "limits.memory": "0"}),
        "pods",
        pod(json!({"memory": "1"}), json!({"cpu": "1"})),
        "failed quota: q: must specify cpu for: c; limits.memory for: c",
    );
    check(
        json!({"pods": "2"}),
        json!({}),
        "pods",
        pod(json!({}), json!({})),
        "status unknown for quota: q, resources: pods",
    );
}

#[test]
fn a_pod_that_states_its_resources_as_a_whole_need_not_state_its_containers() {
    let pod = json!({"spec": {"containers": [{"name": "c"}], "resources": {"requests": {"cpu": "1"}}}});
    check(json!({"cpu": "2"}), json!({"cpu": "0"}), "pods", pod, "cpu=1");
}

#[test]
fn an_update_costs_the_difference_and_never_gives_back() {
    let service = |kind: &str, ports: usize| {
        let ports: Vec<Value> = (0..ports).map(|port| json!({"port": port + 1})).collect();
        json!({"spec": {"type": kind, "ports": ports}})
    };
    let hard = json!({"services": "1", "services.nodeports": "3"});
    let quota = quota(hard, json!({"services": "1", "services.nodeports": "1"}), json!({}));
    for (old, new, expected) in [
        (service("NodePort", 1), service("NodePort", 3), "services=1,services.nodeports=3"),
        (service("NodePort", 1), service("ClusterIP", 1), "services=1,services.nodeports=1"),
        (
            service("ClusterIP", 1),
            service("NodePort", 3),
            "exceeded quota: q, requested: services.nodeports=3, used: services.nodeports=1, limited: services.nodeports=3",
        ),
    ] {
        assert_eq!(outcome(&quota, "services", new.clone(), Some(old)), expected, "{new}");
    }
}

#[test]
fn a_quota_concerns_what_is_in_all_its_scopes() {
    let best_effort = pod(json!({}), json!({}));
    let burstable = pod(json!({"cpu": "1"}), json!({}));
    let mut ending = best_effort.clone();
    ending["spec"]["activeDeadlineSeconds"] = json!(5);
    let mut important = burstable.clone();
    important["spec"]["priorityClassName"] = json!("high");
    let mut spread = burstable.clone();
    spread["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
        json!([{"topologyKey": "zone", "namespaces": ["other"]}]);
    let scopes = |names: &[&str]| json!({"scopes": names});
    let class = |operator: &str, values: &[&str]| {
        let expression = json!({"scopeName": "PriorityClass", "operator": operator, "values": values});
        json!({"scopeSelector": {"matchExpressions": [expression]}})
    };
    for (spec, pod, charged) in [
        (scopes(&["BestEffort"]), &best_effort, true),
        (scopes(&["BestEffort"]), &burstable, false),
        (scopes(&["NotBestEffort"]), &burstable, true),
        (scopes(&["Terminating"]), &ending, true),
        (scopes(&["Terminating"]), &best_effort, false),
        (scopes(&["NotTerminating"]), &best_effort, true),
        (scopes(&["Terminating", "NotBestEffort"]), &ending, false),
        (scopes(&["PriorityClass"]), &important, true),
        (scopes(&["PriorityClass"]), &burstable, false),
        (class("In", &["high"]), &important, true),
        (class("In", &["low"]), &important, false),
        (class("NotIn", &["high"]), &burstable, true),
        (class("DoesNotExist", &[]), &burstable, true),
        (scopes(&["CrossNamespacePodAffinity"]), &spread, true),
        (scopes(&["CrossNamespacePodAffinity"]), &burstable, false),
    ] {
        let quota = quota(json!({"pods": "5"}), json!({"pods": "0"}), spec.clone());
        let expected = if charged { "pods=1" } else { "pods=0" };
        assert_eq!(outcome(&quota, "pods", pod.clone(), None), expected, "{spec} {pod}");
    }
}

#[test]
fn claims_are_in_scope_by_their_attributes_class() {
    let claim = json!({"spec": {"volumeAttributesClassName": "gold"}, "status": {"currentVolumeAttributesClassName": "tin"}});
    for (values, charged) in [(["gold"], true), (["tin"], true), (["lead"], false)] {
        let expression = json!({"scopeName": "VolumeAttributesClass", "operator": "In", "values": values});
        let quota = quota(
            json!({"persistentvolumeclaims": "5"}),
            json!({"persistentvolumeclaims": "0"}),
            json!({"scopeSelector": {"matchExpressions": [expression]}}),
        );
        let expected = format!("persistentvolumeclaims={}", u8::from(charged));
        assert_eq!(outcome(&quota, "persistentvolumeclaims", claim.clone(), None), expected, "{values:?}");
    }
}

#[test]
fn a_pod_that_enters_a_scope_by_an_update_is_charged_in_full() {
    let quota = quota(json!({"pods": "1"}), json!({"pods": "0"}), json!({"scopes": ["Terminating"]}));
    let old = pod(json!({}), json!({}));
    let mut new = old.clone();
    new["spec"]["activeDeadlineSeconds"] = json!(60);
    assert_eq!(outcome(&quota, "pods", new, Some(old)), "pods=1");
}

#[test]
fn events_and_reviews_are_free() {
    for name in ["events", "events.events.k8s.io", "bindings", "tokenreviews.authentication.k8s.io"] {
        assert_eq!(Evaluator::of(&resource(name)), None, "{name}");
    }
}

/// What a quota with these limits uses of two running pods, one that has ended and two secrets.
fn counted(hard: Value, used: Value, spec: Value) -> String {
    let running = pod(json!({"cpu": "1"}), json!({}));
    let mut ended = running.clone();
    ended["status"] = json!({"phase": "Succeeded"});
    let items = move |resource: &GroupResource| -> Vec<Item> {
        match &*resource.resource {
            "pods" => [&running, &running, &ended].map(|pod| item(resource, pod.clone())).into(),
            "secrets" => vec![Item::Other, Item::Other],
            _ => Vec::new(),
        }
    };
    let items = Arc::new(items);
    let resources = [resource("pods"), resource("secrets"), resource("services"), resource("events")];
    recount(&quota(hard, used, spec), &resources, |resource| items(resource), now()).to_string()
}

#[test]
fn a_recount_finds_what_there_is() {
    for (hard, used, spec, expected) in [
        (json!({"pods": "1", "cpu": "9"}), json!({}), json!({}), "cpu=2,pods=2"),
        (
            json!({"count/pods": "9", "secrets": "9"}),
            json!({"secrets": "7"}),
            json!({}),
            "count/pods=3,secrets=2",
        ),
        (json!({"services": "1"}), json!({"services": "1"}), json!({}), "services=0"),
        // Nobody is charged for it: the last count stays.
        (
            json!({"foo.example.com/bar": "1"}),
            json!({"foo.example.com/bar": "1"}),
            json!({}),
            "foo.example.com/bar=1",
        ),
        // It is no longer limited.
        (json!({"pods": "1"}), json!({"secrets": "1"}), json!({}), "pods=2"),
        (json!({"pods": "1"}), json!({}), json!({"scopes": ["Terminating"]}), "pods=0"),
        (json!({"secrets": "1"}), json!({}), json!({"scopes": ["Terminating"]}), "secrets=0"),
    ] {
        assert_eq!(counted(hard.clone(), used, spec.clone()), expected, "{hard} {spec}");
    }
}

#[test]
fn a_pod_that_is_overdue_to_go_is_only_a_count() {
    let ago = |seconds: i64| (now() - jiff::SignedDuration::from_secs(seconds)).to_string();
    let pods = resource("pods");
    for (deleted, expected) in [(10, "count/pods=1,pods=1"), (40, "count/pods=1")] {
        let metadata = json!({"deletionTimestamp": ago(deleted), "deletionGracePeriodSeconds": 30});
        let pod = json!({"metadata": metadata, "spec": {"containers": [{"name": "c"}]}});
        let usage = Evaluator::of(&pods).expect("charged").usage(&item(&pods, pod), now());
        assert_eq!(usage.to_string(), expected, "{deleted}");
    }
}
