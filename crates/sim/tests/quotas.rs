//! Quotas: what is let through never exceeds them, and what is charged is mended.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use ironclad_api::params::DeleteOptions;
use ironclad_api::{GroupVersionResource, Object, ObjectKey};
use ironclad_client::{Client, PatchKind, Request, Target};
use ironclad_engine::LocalClient;
use ironclad_engine::gate::User;
use ironclad_env::EnvironmentExt;
use ironclad_sim::{Cluster, invariants};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(120);
/// After this long every count has been looked over.
const PERIOD: Duration = Duration::from_secs(310);

/// Runs a scenario under several seeds.
fn check(scenario: impl Fn(&mut Cluster)) {
    for seed in 1..=3 {
        println!("seed {seed}");
        let mut cluster = Cluster::new(seed);
        scenario(&mut cluster);
        invariants::check(&cluster);
    }
}

/// A quota of the default namespace, counted.
fn quota(cluster: &Cluster, hard: Value) {
    let metadata = json!({"name": "q", "namespace": "default"});
    let count = hard.as_object().map_or(0, |hard| hard.len());
    cluster.create(json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard},
    }));
    cluster.run_until("the quota is counted", LIMIT, |c| {
        status(c, "used").as_object().is_some_and(|used| used.len() == count)
    });
}

fn status(cluster: &Cluster, part: &str) -> Value {
    let quota = cluster.get("", "resourcequotas", &ObjectKey::new("default", "q"));
    quota.and_then(|quota| quota.at(&["status", part]).cloned()).unwrap_or_default()
}

fn pod(name: &str) -> Object {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "v1"}]},
    });
    Object::from_value(pod).expect("an object")
}

fn pods() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "pods")
}

/// Creates pods all at once; how many were let through.
fn create_at_once(cluster: &Cluster, names: impl Iterator<Item = String>) -> usize {
    let user = User { name: "admin".into(), groups: vec!["system:masters".into()], ..User::default() };
    let client = Arc::new(LocalClient::new(cluster.engine().clone(), Arc::new(user), "admin"));
    let pods: Vec<Object> = names.map(|name| pod(&name)).collect();
    let calls = async move {
        let create =
            |pod: Object| client.call(Request::create(Target::collection(self::pods(), "default"), pod));
        join_all(pods.into_iter().map(create)).await
    };
    let answers = cluster.sim.block_on(LIMIT, calls).expect("answers");
    answers.iter().filter(|answer| answer.is_ok()).count()
}

#[test]
fn creates_at_once_share_what_is_left() {
    check(|cluster| {
        quota(cluster, json!({"pods": "10"}));
        let through = create_at_once(cluster, (0..40).map(|n| format!("p{n}")));
        assert_eq!(through, 10);
        assert_eq!(cluster.list("", "pods").len(), 10);
        assert_eq!(status(cluster, "used"), json!({"pods": "10"}));
        let refused = Request::create(Target::collection(pods(), "default"), pod("more"));
        let refusal = cluster.call(refused).expect_err("it exceeds the quota");
        assert_eq!(refusal.code, 403);
        assert_eq!(
            refusal.message,
            "pods \"more\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=10, limited: pods=10"
        );
    });
}

#[test]
fn what_ends_is_given_back() {
    check(|cluster| {
        quota(cluster, json!({"pods": "2", "count/configmaps": "9"}));
        assert_eq!(create_at_once(cluster, ["a", "b", "c"].map(String::from).into_iter()), 2);
        let victim = cluster.list("", "pods").first().map(|pod| pod.name().to_owned()).expect("a pod");
        let target = Target::object(pods(), &ObjectKey::new("default", victim));
        cluster.call(Request::delete(target, DeleteOptions::default())).expect("deleted");
        cluster.run_until("it is given back", LIMIT, |c| status(c, "used")["pods"] == "1");
        assert_eq!(create_at_once(cluster, ["d"].map(String::from).into_iter()), 1);
        // kube-root-ca.crt was there before the quota.
        assert_eq!(status(cluster, "used")["count/configmaps"], "1");
    });
}

#[test]
fn limits_that_change_are_taken_over_and_a_status_that_was_altered_is_mended() {
    check(|cluster| {
        quota(cluster, json!({"pods": "2"}));
        let target = || {
            let quotas = GroupVersionResource::new("", "v1", "resourcequotas");
            Target::object(quotas, &ObjectKey::new("default", "q"))
        };
        let patch = |target: Target, patch: Value| {
            cluster.call(Request::patch(target, PatchKind::Merge, patch.to_string())).expect("patched");
        };
        patch(target(), json!({"spec": {"hard": {"pods": "3"}}}));
        cluster.run_until("taken over", LIMIT, |c| status(c, "hard")["pods"] == "3");
        patch(target().subresource("status"), json!({"status": {"hard": {"pods": "100"}}}));
        cluster.run_until("mended", LIMIT, |c| status(c, "hard")["pods"] == "3");
    });
}

#[test]
fn whatever_fails_the_count_is_right_in_the_end_and_never_exceeded() {
    check(|cluster| {
        quota(cluster, json!({"pods": "8"}));
        cluster.store.fail(100);
        for round in 0..6 {
            create_at_once(cluster, (0..5).map(|n| format!("r{round}-{n}")));
            assert!(cluster.list("", "pods").len() <= 8, "{}", cluster.describe());
            if round % 2 == 1 {
                cluster.kill_server();
                cluster.run_for(Duration::from_millis(cluster.env.random_u64() % 1000));
                cluster.start_server();
                cluster.start_agent();
                cluster.heartbeat();
            }
        }
        cluster.store.fail(0);
        for _ in 0..PERIOD.as_secs() / 10 {
            cluster.run_for(Duration::from_secs(10));
            cluster.heartbeat();
        }
        assert_eq!(status(cluster, "used")["pods"], cluster.list("", "pods").len().to_string());
    });
}

#[test]
fn a_replication_controller_shows_what_the_quota_refuses() {
    check(|cluster| {
        quota(cluster, json!({"pods": "2"}));
        let template = json!({
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "v1"}]},
        });
        cluster.create(json!({
            "apiVersion": "v1", "kind": "ReplicationController",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": 3, "selector": {"app": "web"}, "template": template},
        }));
        let failure = |c: &Cluster| {
            let set =
                c.get("", "replicationcontrollers", &ObjectKey::new("default", "web")).expect("it is there");
            let conditions = set.at(&["status", "conditions"]).and_then(Value::as_array);
            conditions.into_iter().flatten().find(|c| c["type"] == "ReplicaFailure").cloned()
        };
        cluster.run_until("the failure shows", LIMIT, |c| failure(c).is_some());
        let shown = failure(cluster).expect("it shows");
        assert_eq!(shown["reason"], "FailedCreate");
        let message = shown["message"].as_str().unwrap_or_default();
        assert!(message.contains("forbidden: exceeded quota: q"), "{message}");
        let target = Target::object(
            GroupVersionResource::new("", "v1", "replicationcontrollers"),
            &ObjectKey::new("default", "web"),
        );
        let scale = json!({"spec": {"replicas": 2}}).to_string();
        cluster.call(Request::patch(target, PatchKind::Strategic, scale)).expect("scaled");
        cluster.run_until("the failure is gone", LIMIT, |c| failure(c).is_none());
        let set = cluster
            .get("", "replicationcontrollers", &ObjectKey::new("default", "web"))
            .expect("it is there");
        assert_eq!(set.0["status"]["replicas"], 2);
        assert_eq!(set.0["status"].get("terminatingReplicas"), None);
    });
}
