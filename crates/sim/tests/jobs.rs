//! Jobs under kills and a failing disk: every pod is counted exactly once.

use std::time::Duration;

use ironclad_api::{Object, ObjectKey};
use ironclad_env::EnvironmentExt;
use ironclad_sim::{Cluster, invariants};
use serde_json::{Value, json};

fn job(name: &str, image: &str, more: Value) -> Value {
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}});
    let mut spec = json!({"completions": 7, "parallelism": 3, "template": template});
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let metadata = json!({"name": name, "namespace": "default"});
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})
}

/// Half a minute in which the disk fails now and then and the server is killed at any moment; then a calm minute.
fn rough_times(cluster: &mut Cluster) {
    cluster.store.fail(30);
    for _ in 0..8 {
        let pause = 500 + cluster.env.random_u64() % 4000;
        cluster.run_for(Duration::from_millis(pause));
        cluster.kill_server();
        cluster.run_for(Duration::from_millis(pause % 700));
        cluster.start_server();
        cluster.start_agent();
        cluster.heartbeat();
    }
    cluster.store.fail(0);
    for _ in 0..6 {
        cluster.run_for(Duration::from_secs(10));
        cluster.heartbeat();
    }
}

/// The job's last condition; its counts of successes and failures, and its pods' own.
fn end(cluster: &Cluster, name: &str) -> (String, [i64; 2], [i64; 2]) {
    let job = cluster.get("batch", "jobs", &ObjectKey::new("default", name)).expect("the job is there");
    let conditions = job.at(&["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
    let last = conditions.last().map(|condition| condition["type"].as_str().unwrap_or_default());
    let counted = ["succeeded", "failed"].map(|field| {
        let number = job.at(&["status", field]).and_then(Value::as_i64);
        number.unwrap_or(0)
    });
    let pods = cluster.list("", "pods");
    let own = ["Succeeded", "Failed"].map(|phase| {
        let own = pods.iter().filter(|pod| pod.label("batch.kubernetes.io/job-name") == Some(name));
        let ended = own.filter(|pod| pod.str_at(&["status", "phase"]) == phase).count();
        i64::try_from(ended).unwrap_or(i64::MAX)
    });
    (last.unwrap_or("runs").to_owned(), counted, own)
}

#[test]
fn every_pod_is_counted_once_whatever_is_killed() {
    for seed in 1..=2 {
        println!("seed {seed}");
        let mut cluster = Cluster::new(seed);
        cluster.store.fail(30);
        let per_index = json!({"completionMode": "Indexed", "backoffLimitPerIndex": 1, "completions": 3});
        for job in [
            job("plain", "exit-0", json!({})),
            job("indexed", "exit-0", json!({"completionMode": "Indexed"})),
            job("fails", "exit-3", json!({"backoffLimit": 2, "parallelism": 1})),
            job("per-index", "exit-3", per_index),
        ] {
            cluster.create_until_it_holds(job);
        }
        rough_times(&mut cluster);
        for name in ["plain", "indexed", "fails", "per-index"] {
            let (how, counted, own) = end(&cluster, name);
            assert!(matches!(how.as_str(), "Complete" | "Failed"), "{name} {how}");
            assert_eq!(counted, own, "{name}: what was counted, and what there is");
        }
        let held = |pod: &Object| pod.finalizers().next().is_some();
        assert!(!cluster.list("", "pods").iter().any(held), "a pod is still held");
        invariants::check(&cluster);
    }
}
