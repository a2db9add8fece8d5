//! What becomes of objects whose owners or namespaces go.

use std::time::Duration;

use ironclad_api::params::{DeleteOptions, PropagationPolicy};
use ironclad_api::{GroupVersionResource, Object, ObjectKey};
use ironclad_client::{PatchKind, Request, Target};
use ironclad_sim::{Cluster, invariants};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(120);
/// Long enough for whatever would happen to have happened.
const A_WHILE: Duration = Duration::from_secs(60);

/// Runs a scenario under several seeds.
fn check(scenario: impl Fn(&mut Cluster)) {
    for seed in 1..=3 {
        println!("seed {seed}");
        let mut cluster = Cluster::new(seed);
        scenario(&mut cluster);
        invariants::check(&cluster);
    }
}

fn target(resource: &'static str, name: &str) -> Target {
    Target::object(GroupVersionResource::new("", "v1", resource), &ObjectKey::new("default", name))
}

fn map(cluster: &Cluster, name: &str) -> Object {
    let metadata = json!({"name": name, "namespace": "default"});
    cluster.create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))
}

fn exists(cluster: &Cluster, name: &str) -> bool {
    cluster.get("", "configmaps", &ObjectKey::new("default", name)).is_some()
}

/// Makes `owners` the owners of a map; it blocks their deletion.
fn own(cluster: &Cluster, dependent: &str, owners: &[&Object]) {
    let reference = |owner: &&Object| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "name": owner.name(), "uid": owner.uid(),
            "blockOwnerDeletion": true,
        })
    };
    let references: Vec<Value> = owners.iter().map(reference).collect();
    patch(cluster, target("configmaps", dependent), json!({"ownerReferences": references}));
}

fn patch(cluster: &Cluster, target: Target, metadata: Value) {
    let patch = json!({ "metadata": metadata }).to_string();
    cluster.call(Request::patch(target, PatchKind::Merge, patch)).expect("patched");
}

fn delete(cluster: &Cluster, target: Target, policy: PropagationPolicy) {
    let options = DeleteOptions { propagation_policy: Some(policy), ..DeleteOptions::default() };
    cluster.call(Request::delete(target, options)).expect("deleted");
}

#[test]
fn objects_that_own_each_other_in_a_circle_go_together() {
    check(|cluster| {
        let (a, b, c) = (map(cluster, "a"), map(cluster, "b"), map(cluster, "c"));
        own(cluster, "a", &[&c]);
        own(cluster, "b", &[&a]);
        own(cluster, "c", &[&b]);
        delete(cluster, target("configmaps", "a"), PropagationPolicy::Foreground);
        let gone = |c: &Cluster| ["a", "b", "c"].iter().all(|name| !exists(c, name));
        cluster.run_until("the circle is gone", LIMIT, gone);
    });
}

#[test]
fn what_has_another_living_owner_stays_and_forgets_the_one_that_waits() {
    check(|cluster| {
        let (going, staying) = (map(cluster, "going"), map(cluster, "staying"));
        map(cluster, "both");
        map(cluster, "one");
        own(cluster, "both", &[&going, &staying]);
        own(cluster, "one", &[&going]);
        delete(cluster, target("configmaps", "going"), PropagationPolicy::Foreground);
        cluster.run_until("the owner is gone", LIMIT, |c| !exists(c, "going"));
        assert!(!exists(cluster, "one"), "the owner went before its last dependent");
        let both = cluster.get("", "configmaps", &ObjectKey::new("default", "both")).expect("it stays");
        assert_eq!(both.0["metadata"]["ownerReferences"].as_array().map(Vec::len), Some(1));
        assert_eq!(both.deletion_timestamp(), None);
    });
}

#[test]
fn owners_that_cannot_be_looked_up_take_nobody_with_them() {
    check(|cluster| {
        let owner = map(cluster, "owner");
        let reference = |api: &str, kind: &str| json!([{"apiVersion": api, "kind": kind, "name": owner.name(), "uid": owner.uid()}]);
        // A cluster-scoped object cannot be owned by one in a namespace.
        cluster.create(json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1,
            "metadata": {"name": "wide", "ownerReferences": reference("v1", "ConfigMap")},
        }));
        map(cluster, "strange");
        let owners = json!({"ownerReferences": reference("unknown.example.com/v1", "Widget")});
        patch(cluster, target("configmaps", "strange"), owners);
        delete(cluster, target("configmaps", "owner"), PropagationPolicy::Background);
        cluster.run_for(A_WHILE);
        assert!(!exists(cluster, "owner") && exists(cluster, "strange"));
        assert_eq!(cluster.list("scheduling.k8s.io", "priorityclasses").len(), 1);
    });
}

#[test]
fn a_namespaces_pods_go_before_everything_else() {
    check(|cluster| {
        cluster.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gone"}}));
        let account = ObjectKey::new("gone", "default");
        cluster.run_until("its account", LIMIT, |c| c.get("", "serviceaccounts", &account).is_some());
        let metadata = |name: &str| json!({"name": name, "namespace": "gone"});
        cluster.create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("map")}));
        let mut held = metadata("held");
        held["finalizers"] = json!(["example.com/hold"]);
        cluster.create(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": held,
            "spec": {"containers": [{"name": "c", "image": "v1"}]},
        }));
        let namespace =
            Target::object(GroupVersionResource::new("", "v1", "namespaces"), &ObjectKey::cluster("gone"));
        cluster.call(Request::delete(namespace, DeleteOptions::default())).expect("deleted");
        cluster.run_for(A_WHILE);
        let map = ObjectKey::new("gone", "map");
        assert!(cluster.get("", "configmaps", &map).is_some(), "deleted before the pod");
        let pod = cluster.get("", "pods", &ObjectKey::new("gone", "held")).expect("it is held");
        assert!(pod.deletion_timestamp().is_some());
        assert_eq!(condition(cluster, "NamespaceDeletionContentFailure"), "False");
        assert_eq!(condition(cluster, "NamespaceFinalizersRemaining"), "True");
        let pods = GroupVersionResource::new("", "v1", "pods");
        let pod = Target::object(pods, &ObjectKey::new("gone", "held"));
        patch(cluster, pod, json!({"finalizers": null}));
        cluster.run_until("the namespace is gone", LIMIT, |c| {
            c.get("", "namespaces", &ObjectKey::cluster("gone")).is_none()
        });
        assert!(cluster.get("", "configmaps", &map).is_none());
    });
}

/// The value of a condition of the namespace `gone`.
fn condition(cluster: &Cluster, name: &str) -> String {
    let namespace = cluster.get("", "namespaces", &ObjectKey::cluster("gone")).expect("it is there");
    let conditions = namespace.at(&["status", "conditions"]).and_then(Value::as_array);
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == name);
    found.and_then(|condition| condition["status"].as_str()).unwrap_or("absent").to_owned()
}
