use ironclad_api::ObjectKey;
use ironclad_sim::Cluster;
use serde_json::json;
use std::time::Duration;

#[test]
fn job_lifecycle() {
    let cluster = Cluster::new(1);
    let job = |name: &str, extra: serde_json::Value| {
        let mut spec = json!({"completions": 3, "parallelism": 2, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "v1"}]}}});
        for (k, v) in extra.as_object().unwrap() {
            spec[k] = v.clone();
        }
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "default"}, "spec": spec})
    };
    cluster.create(job("plain", json!({"completionMode": "Indexed"})));
    cluster.create(job("late", json!({"activeDeadlineSeconds": 20, "completions": 1})));
    cluster.create(job("susp", json!({"suspend": true})));
    for _ in 0..40 {
        cluster.run_for(Duration::from_secs(2));
        for uid in cluster.runtime.pod_uids() {
            cluster.runtime.kill(&uid, "c");
        }
    }
    for e in cluster.list("", "events") {
        println!(
            "{} {} {} {}",
            e.at(&["involvedObject", "name"]).unwrap(),
            e.str_at(&["reason"]),
            e.str_at(&["message"]),
            e.at(&["count"]).unwrap()
        );
    }
    for name in ["plain", "late", "susp"] {
        let j = cluster.get("batch", "jobs", &ObjectKey::new("default", name)).unwrap();
        println!("{name} {}", serde_json::to_string_pretty(&j.0["status"]).unwrap());
    }
    println!("{}", cluster.describe());
    panic!("see");
}
