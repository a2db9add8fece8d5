//! The control plane under simulation: every run is a seed, and a failing one prints it.

use std::time::Duration;

use ironclad_api::ObjectKey;
use ironclad_api::params::{DeleteOptions, PropagationPolicy};
use ironclad_api::{GroupVersionResource, Object};
use ironclad_client::{PatchKind, Request, Target};
use ironclad_env::EnvironmentExt;
use ironclad_sim::{Cluster, invariants};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(120);

/// Runs a scenario under several seeds.
fn check(scenario: impl Fn(&mut Cluster)) {
    for seed in 1..=4 {
        println!("seed {seed}");
        let mut cluster = Cluster::new(seed);
        scenario(&mut cluster);
        invariants::check(&cluster);
    }
}

fn deployment(replicas: u32, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": image}]},
            },
        },
    })
}

fn deployments() -> GroupVersionResource {
    GroupVersionResource::new("apps", "v1", "deployments")
}

fn web() -> ObjectKey {
    ObjectKey::new("default", "web")
}

fn ready(cluster: &Cluster, image: &str) -> usize {
    let is_ready = |pod: &Object| {
        let conditions = pod.at(&["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
        let ready = conditions.into_iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
        ready && pod.0["spec"]["containers"][0]["image"] == image && pod.deletion_timestamp().is_none()
    };
    cluster.list("", "pods").iter().filter(|pod| is_ready(pod)).count()
}

fn set_image(cluster: &Cluster, image: &str) {
    let containers = json!([{"name": "c", "image": image}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    let target = Target::object(deployments(), &web());
    cluster.call(Request::patch(target, PatchKind::Strategic, patch.to_string())).expect("patched");
}

#[test]
fn a_deployment_becomes_ready_and_rolls_without_losing_more_than_it_may() {
    check(|cluster| {
        cluster.create(deployment(4, "v1"));
        cluster.run_until("4 ready", LIMIT, |c| ready(c, "v1") == 4);
        set_image(cluster, "v2");
        let end = cluster.env.elapsed() + LIMIT;
        while ready(cluster, "v2") < 4 {
            assert!(cluster.env.elapsed() < end, "the rollout ends\n{}", cluster.describe());
            // 25% of 4 may be missing.
            assert!(ready(cluster, "v1") + ready(cluster, "v2") >= 3, "{}", cluster.describe());
            cluster.run_for(Duration::from_millis(50));
            invariants::check(cluster);
        }
        cluster.run_until("the old pods are gone", LIMIT, |c| c.list("", "pods").len() == 4);
    });
}

#[test]
fn a_killed_control_plane_changes_nothing_that_runs() {
    check(|cluster| {
        cluster.create(deployment(3, "v1"));
        cluster.run_until("3 ready", LIMIT, |c| ready(c, "v1") == 3);
        cluster.run_for(Duration::from_secs(5));
        let starts = cluster.runtime.starts();
        for _ in 0..3 {
            cluster.kill_server();
            cluster.run_for(Duration::from_secs(30));
            cluster.start_server();
            cluster.start_agent();
            cluster.run_for(Duration::from_secs(20));
        }
        assert_eq!(cluster.runtime.starts(), starts, "a container was started again");
        assert_eq!(ready(cluster, "v1"), 3, "{}", cluster.describe());
    });
}

#[test]
fn whatever_is_killed_in_whatever_order_the_rollout_ends() {
    check(|cluster| {
        cluster.store.fail(30);
        cluster.create_until_it_holds(deployment(5, "v1"));
        for round in 0..6 {
            cluster.run_for(Duration::from_millis(200 + cluster.env.random_u64() % 3000));
            match round % 3 {
                0 => {
                    cluster.kill_server();
                    cluster.run_for(Duration::from_secs(1));
                    cluster.start_server();
                    cluster.start_agent();
                }
                1 => {
                    cluster.kill_agent();
                    cluster.run_for(Duration::from_secs(1));
                    cluster.start_agent();
                }
                _ => {
                    for uid in cluster.runtime.pod_uids() {
                        cluster.runtime.kill(&uid, "c");
                    }
                }
            }
            invariants::check(cluster);
        }
        cluster.store.fail(0);
        let end = cluster.env.elapsed() + Duration::from_secs(900);
        while ready(cluster, "v1") != 5 {
            assert!(cluster.env.elapsed() < end, "5 ready\n{}", cluster.describe());
            cluster.heartbeat();
            cluster.run_for(Duration::from_secs(10));
        }
    });
}

#[test]
fn deleting_a_deployment_leaves_what_its_propagation_says() {
    for (policy, left) in [
        (PropagationPolicy::Background, 0),
        (PropagationPolicy::Foreground, 0),
        (PropagationPolicy::Orphan, 2),
    ] {
        check(|cluster| {
            cluster.create(deployment(2, "v1"));
            cluster.run_until("2 ready", LIMIT, |c| ready(c, "v1") == 2);
            let options = DeleteOptions { propagation_policy: Some(policy), ..DeleteOptions::default() };
            cluster.call(Request::delete(Target::object(deployments(), &web()), options)).expect("deleted");
            cluster.run_until("the deployment is gone", LIMIT, |c| {
                c.get("apps", "deployments", &web()).is_none()
            });
            cluster.run_until("what is left", LIMIT, |c| c.list("", "pods").len() == left);
            cluster.run_for(Duration::from_secs(30));
            assert_eq!(cluster.list("", "pods").len(), left, "{policy:?}\n{}", cluster.describe());
        });
    }
}

#[test]
fn a_deleted_namespace_takes_everything_with_it() {
    check(|cluster| {
        cluster.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gone"}}));
        for name in ["a", "b"] {
            let metadata = json!({"name": name, "namespace": "gone"});
            cluster.create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}));
        }
        let target =
            Target::object(GroupVersionResource::new("", "v1", "namespaces"), &ObjectKey::cluster("gone"));
        cluster.call(Request::delete(target, DeleteOptions::default())).expect("deleted");
        cluster.run_until("the namespace is gone", LIMIT, |c| {
            c.get("", "namespaces", &ObjectKey::cluster("gone")).is_none()
        });
        assert!(cluster.list("", "configmaps").iter().all(|map| map.namespace() != "gone"));
    });
}

#[test]
fn services_made_at_once_get_addresses_of_their_own() {
    check(|cluster| {
        for index in 0..40 {
            cluster.create(json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("s{index}"), "namespace": "default"},
                "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}], "type": "NodePort"},
            }));
        }
        invariants::no_two_services_share_an_address(cluster);
        cluster.create(deployment(2, "v1"));
        cluster.run_until("endpoints in a slice", LIMIT, |c| {
            let slices = c.list("discovery.k8s.io", "endpointslices");
            slices.iter().any(|slice| slice.0["endpoints"].as_array().is_some_and(|e| e.len() == 2))
        });
    });
}
