use serde_json::{Value, json};

use super::*;
use crate::history::HASH;
use crate::resources::{CONTROLLER_REVISIONS, PERSISTENT_VOLUME_CLAIMS};
use crate::testing::World;

/// A set `s` of three pods; `spec` over its own.
struct Stateful {
    world: World,
}

impl Stateful {
    fn new(spec: Value) -> Self {
        let mut world = World::at("2026-01-01T00:00:00Z");
        let mut set = json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "s", "namespace": "ns", "generation": 1},
            "spec": {
                "selector": {"matchLabels": {"app": "s"}}, "revisionHistoryLimit": 10, "replicas": 3, "serviceName": "svc",
                "podManagementPolicy": "OrderedReady",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "template": {"metadata": {"labels": {"app": "s"}}, "spec": {"containers": [{"name": "c", "image": "1"}]}},
            },
        });
        for (field, value) in spec.as_object().cloned().unwrap_or_default() {
            set["spec"][field] = value;
        }
        world.put(STATEFUL_SETS, set);
        let mut stateful = Self { world };
        stateful.run();
        stateful
    }

    /// Reconciles; pods that are made are pending from then on, as the server makes them.
    fn run(&mut self) {
        for _ in 0..20 {
            let wrote = self.world.round(&StatefulSetController, "s");
            for name in self.world.names(PODS) {
                self.world.change(PODS, &name, |pod| {
                    if pod["status"]["phase"].is_null() {
                        pod["status"] = json!({"phase": "Pending"});
                    }
                });
            }
            if !wrote {
                return;
            }
        }
        panic!("never settles: {:#?}", self.world.plan(&StatefulSetController, "s"));
    }

    /// The pods as `number:image`; a `!` after those that are ready.
    fn pods(&self) -> Vec<String> {
        let shown = |name: &String| {
            let pod = self.world.get(PODS, name).expect("a pod");
            let ready = if pod["status"]["conditions"][0]["status"] == "True" { "!" } else { "" };
            let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
            format!("{}:{image}{ready}", name.trim_start_matches("s-"))
        };
        self.world.names(PODS).iter().map(shown).collect()
    }

    #[track_caller]
    fn check(&self, want: &[&str]) {
        assert_eq!(self.pods(), want);
    }

    fn set_ready(&mut self, number: u32, ready: bool) {
        let status = if ready { "True" } else { "False" };
        let time = ironclad_api::time::format(self.world.now);
        self.world.change(PODS, &format!("s-{number}"), |pod| {
            pod["status"] = json!({"phase": "Running", "conditions": [
                {"type": "Ready", "status": status, "lastTransitionTime": time},
            ]});
        });
        self.run();
    }

    /// All pods become ready, in order, until nothing changes.
    fn all_ready(&mut self) {
        for number in [0, 1, 2, 2, 1, 0] {
            if self.world.get(PODS, &format!("s-{number}")).is_some() {
                self.set_ready(number, true);
            }
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Value)) {
        self.world.change(STATEFUL_SETS, "s", |set| {
            let generation = set["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            set["metadata"]["generation"] = json!(generation);
            change(&mut set["spec"]);
        });
        self.run();
    }

    fn change_image(&mut self, image: &str) {
        self.change(|spec| spec["template"]["spec"]["containers"][0]["image"] = json!(image));
    }

    fn status(&self, field: &str) -> Value {
        self.world.get(STATEFUL_SETS, "s").expect("the set")["status"][field].clone()
    }

    #[track_caller]
    fn check_status(&self, want: Value) {
        for (field, value) in want.as_object().expect("an object") {
            assert_eq!(self.status(field), *value, "{field}");
        }
    }
}

#[test]
fn pods_come_one_after_the_other() {
    let mut stateful = Stateful::new(json!({}));
    stateful.check(&["0:1"]);
    stateful.set_ready(0, true);
    stateful.check(&["0:1!", "1:1"]);
    stateful.set_ready(1, true);
    stateful.check(&["0:1!", "1:1!", "2:1"]);
    stateful.set_ready(2, true);
    stateful.check_status(json!({
        "replicas": 3, "readyReplicas": 3, "availableReplicas": 3, "currentReplicas": 3, "updatedReplicas": 3,
        "observedGeneration": 1, "collisionCount": 0,
    }));
    let pod = stateful.world.get(PODS, "s-1").expect("a pod");
    let revision = stateful.world.names(CONTROLLER_REVISIONS)[0].clone();
    let labels = json!({
        "app": "s", "apps.kubernetes.io/pod-index": "1", "statefulset.kubernetes.io/pod-name": "s-1",
        "controller-revision-hash": revision,
    });
    assert_eq!(pod["metadata"]["labels"], labels);
    assert_eq!((&pod["spec"]["hostname"], &pod["spec"]["subdomain"]), (&json!("s-1"), &json!("svc")));
    assert_eq!(stateful.status("currentRevision"), json!(revision));
}

#[test]
fn parallel_pods_come_at_once() {
    let stateful = Stateful::new(json!({"podManagementPolicy": "Parallel"}));
    stateful.check(&["0:1", "1:1", "2:1"]);
}

#[test]
fn numbers_may_begin_later() {
    let stateful =
        Stateful::new(json!({"podManagementPolicy": "Parallel", "ordinals": {"start": 5}, "replicas": 2}));
    stateful.check(&["5:1", "6:1"]);
}

#[test]
fn a_pod_that_is_not_well_goes_in_its_turn() {
    let mut stateful = Stateful::new(json!({}));
    stateful.all_ready();
    stateful.set_ready(1, false);
    stateful.change(|spec| spec["replicas"] = json!(0));
    // The unwell one goes too, in its turn.
    stateful.check(&[]);
}

#[test]
fn a_set_in_order_stops_at_a_pod_that_is_not_well() {
    let mut stateful = Stateful::new(json!({}));
    stateful.all_ready();
    stateful.set_ready(0, false);
    stateful.change(|spec| spec["replicas"] = json!(2));
    stateful.check(&["0:1", "1:1!", "2:1!"]);
    stateful.set_ready(0, true);
    stateful.check(&["0:1!", "1:1!"]);
}

#[test]
fn a_parallel_set_stops_at_nothing() {
    let mut stateful = Stateful::new(json!({"podManagementPolicy": "Parallel"}));
    stateful.change(|spec| spec["replicas"] = json!(1));
    stateful.check(&["0:1"]);
}

#[test]
fn pods_that_have_ended_are_made_again() {
    let mut stateful = Stateful::new(json!({}));
    stateful.all_ready();
    stateful.world.change(PODS, "s-1", |pod| pod["status"] = json!({"phase": "Failed"}));
    stateful.run();
    stateful.check(&["0:1!", "1:1", "2:1!"]);
    assert!(stateful.world.events.contains(&"SuccessfulDelete: Delete Pod s-1".to_owned()));
}

#[test]
fn updates_go_from_the_highest_number() {
    let mut stateful = Stateful::new(json!({}));
    stateful.all_ready();
    let first = stateful.status("currentRevision");
    stateful.change_image("2");
    stateful.check(&["0:1!", "1:1!", "2:2"]);
    stateful.check_status(json!({"currentReplicas": 2, "updatedReplicas": 1, "currentRevision": first}));
    stateful.set_ready(2, true);
    stateful.check(&["0:1!", "1:2", "2:2!"]);
    stateful.all_ready();
    stateful.check(&["0:2!", "1:2!", "2:2!"]);
    assert_ne!(stateful.status("currentRevision"), first);
    assert_eq!(stateful.status("currentRevision"), stateful.status("updateRevision"));
    // Back again: the first revision is taken up.
    stateful.change_image("1");
    stateful.all_ready();
    stateful.check(&["0:1!", "1:1!", "2:1!"]);
    assert_eq!(stateful.status("currentRevision"), first);
    assert_eq!(stateful.world.names(CONTROLLER_REVISIONS).len(), 2);
}

#[test]
fn below_the_partition_pods_stay_what_they_are() {
    let rolling =
        |partition: i64| json!({"type": "RollingUpdate", "rollingUpdate": {"partition": partition}});
    let mut stateful = Stateful::new(json!({"updateStrategy": rolling(3)}));
    stateful.all_ready();
    stateful.change_image("2");
    stateful.check(&["0:1!", "1:1!", "2:1!"]);
    stateful.change(|spec| spec["updateStrategy"] = rolling(2));
    stateful.all_ready();
    stateful.check(&["0:1!", "1:1!", "2:2!"]);
    // One that is deleted comes back as it was.
    for (number, image) in [(0, "1"), (2, "2")] {
        stateful.world.remove(PODS, &format!("s-{number}"));
        stateful.run();
        stateful.set_ready(number, true);
        let pod = stateful.world.get(PODS, &format!("s-{number}")).expect("a pod");
        assert_eq!(pod["spec"]["containers"][0]["image"], image);
    }
    stateful.change(|spec| spec["updateStrategy"] = rolling(0));
    stateful.all_ready();
    stateful.check(&["0:2!", "1:2!", "2:2!"]);
}

#[test]
fn on_delete_waits_for_somebody() {
    let mut stateful = Stateful::new(json!({"updateStrategy": {"type": "OnDelete"}}));
    stateful.all_ready();
    stateful.change_image("2");
    stateful.check(&["0:1!", "1:1!", "2:1!"]);
    stateful.world.remove(PODS, "s-1");
    stateful.run();
    stateful.check(&["0:1!", "1:2", "2:1!"]);
}

#[test]
fn ready_pods_become_available_by_waiting() {
    let mut stateful = Stateful::new(json!({"minReadySeconds": 10}));
    stateful.set_ready(0, true);
    stateful.check(&["0:1!"]);
    assert_eq!(stateful.world.requeue.map(|wait| wait.as_secs()), Some(10));
    stateful.check_status(json!({"readyReplicas": 1, "availableReplicas": 0}));
    stateful.world.passes(10);
    stateful.run();
    stateful.check(&["0:1!", "1:1"]);
}

#[test]
fn old_revisions_are_kept_up_to_the_limit() {
    let mut stateful = Stateful::new(json!({"revisionHistoryLimit": 1}));
    stateful.all_ready();
    for image in ["2", "3", "4"] {
        stateful.change_image(image);
        stateful.all_ready();
    }
    assert_eq!(stateful.world.names(CONTROLLER_REVISIONS).len(), 2);
}

#[test]
fn pods_have_claims_of_their_own() {
    let claim = json!({
        "metadata": {"name": "data", "labels": {"x": "y"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let mut stateful = Stateful::new(json!({"volumeClaimTemplates": [claim], "replicas": 2}));
    stateful.all_ready();
    assert_eq!(stateful.world.names(PERSISTENT_VOLUME_CLAIMS), ["data-s-0", "data-s-1"]);
    let made = stateful.world.get(PERSISTENT_VOLUME_CLAIMS, "data-s-0").expect("a claim");
    assert_eq!(made["metadata"]["labels"], json!({"app": "s", "x": "y"}));
    let pod = stateful.world.get(PODS, "s-1").expect("a pod");
    assert_eq!(
        pod["spec"]["volumes"],
        json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-s-1"}}])
    );
    // Claims outlive their pods.
    stateful.change(|spec| spec["replicas"] = json!(1));
    assert_eq!(stateful.world.names(PERSISTENT_VOLUME_CLAIMS).len(), 2);
}

#[test]
fn claims_go_with_who_owns_them() {
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}});
    let owners = |deleted: &str, scaled: &str| {
        let mut stateful = Stateful::new(json!({
            "volumeClaimTemplates": [claim], "replicas": 2,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": deleted, "whenScaled": scaled},
        }));
        stateful.all_ready();
        let kind = |stateful: &Stateful, name: &str| {
            let claim = stateful.world.get(PERSISTENT_VOLUME_CLAIMS, name).expect("a claim");
            claim["metadata"]["ownerReferences"][0]["kind"].as_str().unwrap_or("nobody").to_owned()
        };
        let kept = kind(&stateful, "data-s-0");
        stateful.change(|spec| spec["replicas"] = json!(1));
        [kept, kind(&stateful, "data-s-1")]
    };
    assert_eq!(owners("Retain", "Retain"), ["nobody", "nobody"]);
    assert_eq!(owners("Delete", "Retain"), ["StatefulSet", "StatefulSet"]);
    assert_eq!(owners("Retain", "Delete"), ["nobody", "Pod"]);
    assert_eq!(owners("Delete", "Delete"), ["StatefulSet", "Pod"]);
}

#[test]
fn only_pods_of_its_names_are_the_sets() {
    let mut stateful = Stateful::new(json!({}));
    let pod = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "ns", "labels": {"app": "s"}},
            "spec": {"containers": [{"name": "c", "image": "1"}]}, "status": {"phase": "Running"},
        })
    };
    stateful.world.put(PODS, pod("other"));
    stateful.world.put(PODS, pod("s-x"));
    stateful.world.remove(PODS, "s-0");
    stateful.world.put(PODS, pod("s-0"));
    stateful.run();
    let owner = |name: &str| {
        let pod = stateful.world.get(PODS, name).expect("a pod");
        pod["metadata"]["ownerReferences"][0]["name"].as_str().map(str::to_owned)
    };
    assert_eq!((owner("s-0").as_deref(), owner("s-x"), owner("other")), (Some("s"), None, None));
    let adopted = stateful.world.get(PODS, "s-0").expect("a pod");
    assert_eq!(adopted["metadata"]["labels"].get(HASH), None);
}
