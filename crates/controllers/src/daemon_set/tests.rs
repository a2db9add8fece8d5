use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::history::HASH;
use crate::resources::CONTROLLER_REVISIONS;
use crate::testing::World;

/// A set `d` on nodes `a`, `b` and `c`; `spec` over its own.
struct Daemons {
    world: World,
    controller: DaemonSetController,
}

impl Daemons {
    fn new(spec: Value) -> Self {
        let mut world = World::at("2026-01-01T00:00:00Z");
        for name in ["a", "b", "c"] {
            world.put(
                NODES,
                json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {}}),
            );
        }
        let mut set = json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet",
            "metadata": {"name": "d", "namespace": "ns", "generation": 1, "annotations": {"deprecated.daemonset.template.generation": "1"}},
            "spec": {
                "selector": {"matchLabels": {"app": "d"}}, "revisionHistoryLimit": 10,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
                "template": {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "c", "image": "1"}]}},
            },
        });
        for (field, value) in spec.as_object().cloned().unwrap_or_default() {
            set["spec"][field] = value;
        }
        world.put(DAEMON_SETS, set);
        let mut daemons = Self { world, controller: DaemonSetController::default() };
        daemons.run();
        daemons
    }

    fn run(&mut self) {
        self.world.settle(&self.controller, "d");
    }

    /// The pods as `node:image`, sorted; a `!` after those that are ready.
    fn pods(&self) -> Vec<String> {
        let mut shown: Vec<String> = self
            .world
            .names(PODS)
            .iter()
            .map(|name| {
                let pod = self.world.get(PODS, name).expect("a pod");
                let typed: k8s_openapi::api::core::v1::Pod =
                    serde_json::from_value(pod.clone()).expect("a pod");
                let ready = if crate::pods::is_ready(&typed) { "!" } else { "" };
                let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
                format!("{}:{image}{ready}", making::node_of(&typed).unwrap_or("?"))
            })
            .collect();
        shown.sort();
        shown
    }

    /// Every pod of these nodes is bound, and ready or not; then the set is looked at.
    fn set_ready(&mut self, nodes: &str, ready: bool) {
        for name in self.world.names(PODS) {
            let pod: k8s_openapi::api::core::v1::Pod =
                serde_json::from_value(self.world.get(PODS, &name).expect("a pod")).expect("a pod");
            let node = making::node_of(&pod).expect("a node").to_owned();
            if nodes.contains(&node) {
                let status = if ready { "True" } else { "False" };
                let time = ironclad_api::time::format(self.world.now);
                self.world.change(PODS, &name, |pod| {
                    pod["spec"]["nodeName"] = json!(node);
                    pod["status"] = json!({"phase": "Running", "conditions": [
                        {"type": "Ready", "status": status, "lastTransitionTime": time},
                    ]});
                });
            }
        }
        self.run();
    }

    fn change_image(&mut self, image: &str) {
        self.world.change(DAEMON_SETS, "d", |set| {
            set["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
            let generation = set["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            set["metadata"]["generation"] = json!(generation);
            set["metadata"]["annotations"]["deprecated.daemonset.template.generation"] =
                json!(generation.to_string());
        });
        self.run();
    }

    fn taint(&mut self, node: &str, effect: &str) {
        self.world.change(NODES, node, |node| {
            node["spec"]["taints"] = json!([{"key": "k", "effect": effect}]);
        });
        self.run();
    }

    fn status(&self) -> BTreeMap<String, i64> {
        let set = self.world.get(DAEMON_SETS, "d").expect("the set");
        let status = set["status"].as_object().cloned().unwrap_or_default();
        status.into_iter().filter_map(|(field, value)| Some((field, value.as_i64()?))).collect()
    }

    #[track_caller]
    fn check(&self, want: &[&str]) {
        assert_eq!(self.pods(), want);
    }

    fn revisions(&self) -> Vec<(i64, String)> {
        let names = self.world.names(CONTROLLER_REVISIONS);
        let mut all: Vec<_> = names
            .iter()
            .map(|name| {
                let revision = self.world.get(CONTROLLER_REVISIONS, name).expect("a revision");
                let image = &revision["data"]["spec"]["template"]["spec"]["containers"][0]["image"];
                (revision["revision"].as_i64().unwrap_or(0), image.as_str().unwrap_or_default().to_owned())
            })
            .collect();
        all.sort();
        all
    }
}

#[test]
fn every_node_has_a_pod() {
    let mut daemons = Daemons::new(json!({}));
    daemons.check(&["a:1", "b:1", "c:1"]);
    let name = &daemons.world.names(PODS)[0];
    let pod = daemons.world.get(PODS, name).expect("a pod");
    assert_eq!(pod["metadata"]["labels"]["pod-template-generation"], "1");
    let revision = &daemons.world.names(CONTROLLER_REVISIONS)[0];
    assert_eq!(format!("d-{}", pod["metadata"]["labels"][HASH].as_str().expect("a hash")), *revision);
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]},
    ]}}});
    assert_eq!(pod["spec"]["affinity"], affinity);
    assert_eq!(pod["spec"]["tolerations"].as_array().map(Vec::len), Some(6));
    daemons.set_ready("ab", true);
    let want = [
        ("currentNumberScheduled", 3),
        ("desiredNumberScheduled", 3),
        ("numberAvailable", 2),
        ("numberMisscheduled", 0),
        ("numberReady", 2),
        ("numberUnavailable", 1),
        ("observedGeneration", 1),
        ("updatedNumberScheduled", 3),
    ];
    assert_eq!(daemons.status(), want.map(|(field, value)| (field.to_owned(), value)).into());
}

#[test]
fn nodes_come_and_change() {
    let mut daemons = Daemons::new(json!({}));
    daemons.set_ready("abc", true);
    daemons
        .world
        .put(NODES, json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "d"}, "spec": {}}));
    daemons.run();
    daemons.check(&["a:1!", "b:1!", "c:1!", "d:1"]);
    // Who is there may stay; who is not does not come.
    daemons.taint("a", "NoSchedule");
    daemons.check(&["a:1!", "b:1!", "c:1!", "d:1"]);
    assert_eq!(daemons.status()["numberMisscheduled"], 1);
    daemons.taint("b", "NoExecute");
    daemons.check(&["a:1!", "c:1!", "d:1"]);
}

#[test]
fn only_nodes_that_are_selected() {
    let template = json!({
        "metadata": {"labels": {"app": "d"}},
        "spec": {"nodeSelector": {"x": "y"}, "containers": [{"name": "c", "image": "1"}]},
    });
    let mut daemons = Daemons::new(json!({ "template": template }));
    daemons.check(&[]);
    daemons.world.change(NODES, "b", |node| node["metadata"]["labels"] = json!({"x": "y"}));
    daemons.run();
    daemons.check(&["b:1"]);
    daemons.world.change(NODES, "b", |node| node["metadata"]["labels"] = json!({"x": "z"}));
    daemons.run();
    daemons.check(&[]);
}

#[test]
fn pods_that_fail_are_replaced_and_not_too_fast() {
    let mut daemons = Daemons::new(json!({}));
    let fail = |daemons: &mut Daemons| {
        let name = daemons.world.names(PODS)[0].clone();
        daemons.world.change(PODS, &name, |pod| pod["status"] = json!({"phase": "Failed"}));
        daemons.run();
        daemons.world.names(PODS).contains(&name)
    };
    assert!(!fail(&mut daemons));
    daemons.check(&["a:1", "b:1", "c:1"]);
    assert!(
        daemons
            .world
            .events
            .iter()
            .any(|event| event.starts_with("FailedDaemonPod: Found failed daemon pod ns/d-"))
    );
    // The pod of another node may fail too.
    assert!(!fail(&mut daemons));
    daemons.check(&["a:1", "b:1", "c:1"]);
}

#[test]
fn old_pods_go_one_after_the_other() {
    let mut daemons = Daemons::new(json!({}));
    daemons.set_ready("abc", true);
    daemons.change_image("2");
    daemons.check(&["a:2", "b:1!", "c:1!"]);
    daemons.set_ready("a", true);
    daemons.check(&["a:2!", "b:2", "c:1!"]);
    daemons.set_ready("b", true);
    daemons.set_ready("c", true);
    daemons.check(&["a:2!", "b:2!", "c:2!"]);
}

#[test]
fn pods_that_serve_nobody_go_at_once() {
    let mut daemons = Daemons::new(json!({}));
    daemons.set_ready("a", true);
    daemons.change_image("2");
    daemons.check(&["a:1!", "b:2", "c:2"]);
}

#[test]
fn new_pods_come_before_old_ones_go() {
    let mut daemons = Daemons::new(json!({"updateStrategy": {
        "type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }}));
    daemons.set_ready("abc", true);
    daemons.change_image("2");
    daemons.check(&["a:1!", "a:2", "b:1!", "c:1!"]);
    daemons.set_ready("a", true);
    daemons.check(&["a:2!", "b:1!", "b:2", "c:1!"]);
}

#[test]
fn on_delete_waits_for_somebody() {
    let mut daemons = Daemons::new(json!({"updateStrategy": {"type": "OnDelete"}}));
    daemons.set_ready("abc", true);
    daemons.change_image("2");
    daemons.check(&["a:1!", "b:1!", "c:1!"]);
    let name = daemons.world.names(PODS)[0].clone();
    daemons.world.remove(PODS, &name);
    daemons.run();
    assert_eq!(daemons.pods().iter().filter(|pod| pod.ends_with(":2")).count(), 1);
}

#[test]
fn going_back_takes_up_the_old_revision() {
    let mut daemons = Daemons::new(json!({}));
    daemons.set_ready("abc", true);
    daemons.change_image("2");
    assert_eq!(daemons.revisions(), [(1, "1".to_owned()), (2, "2".to_owned())]);
    daemons.change_image("1");
    // Those that were not replaced yet are right again.
    daemons.check(&["a:1", "b:1!", "c:1!"]);
    assert_eq!(daemons.revisions(), [(2, "2".to_owned()), (3, "1".to_owned())]);
}

#[test]
fn old_revisions_are_kept_up_to_the_limit() {
    let mut daemons = Daemons::new(json!({"revisionHistoryLimit": 1}));
    for image in ["2", "3", "4"] {
        daemons.change_image(image);
    }
    assert_eq!(daemons.revisions(), [(3, "3".to_owned()), (4, "4".to_owned())]);
}

#[test]
fn revisions_of_one_state_become_one() {
    let mut daemons = Daemons::new(json!({}));
    let first = daemons.world.names(CONTROLLER_REVISIONS)[0].clone();
    let mut copy = daemons.world.get(CONTROLLER_REVISIONS, &first).expect("a revision");
    copy["metadata"]["name"] = json!("other");
    copy["metadata"]["uid"] = json!("other");
    copy["metadata"]["labels"][HASH] = json!("other");
    copy["revision"] = json!(2);
    daemons.world.put(CONTROLLER_REVISIONS, copy);
    daemons.run();
    assert_eq!(daemons.world.names(CONTROLLER_REVISIONS), ["other"]);
    daemons.check(&["a:1", "b:1", "c:1"]);
    for name in daemons.world.names(PODS) {
        assert_eq!(daemons.world.get(PODS, &name).expect("a pod")["metadata"]["labels"][HASH], "other");
    }
}

#[test]
fn orphans_are_adopted() {
    let mut daemons = Daemons::new(json!({}));
    for name in daemons.world.names(PODS) {
        daemons.world.change(PODS, &name, |pod| {
            pod["metadata"].as_object_mut().expect("metadata").remove("ownerReferences");
        });
    }
    daemons.run();
    daemons.check(&["a:1", "b:1", "c:1"]);
}
