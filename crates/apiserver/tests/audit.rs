//! The audit log by a policy of an administrator's.

mod cluster;

use std::time::Duration;

use cluster::{Cluster, ask, start_logging};
use ironclad_apiserver::audit::Policy;
use serde_json::{Value, json};

const POLICY: &[u8] = b"
apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
- {level: None, nonResourceURLs: ['*']}
- {level: RequestResponse, verbs: [create, patch], resources: [{group: '', resources: [configmaps]}]}
- {level: Request, omitStages: [RequestReceived], resources: [{group: '', resources: [secrets]}]}
- {level: Metadata, omitStages: [RequestReceived]}
";

/// The events of requests for a path, once there are so many.
async fn events(cluster: &Cluster, path: &str, count: usize) -> Vec<Value> {
    let log = cluster.folder.path().join("audit/audit.log");
    for _ in 0..200 {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let all = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let found: Vec<Value> = all.filter(|event| event["requestURI"] == path).collect();
        if found.len() >= count {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no events for {path}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_says_what_is_logged_and_how_much_of_it() {
    let c = &start_logging(Policy::parse(POLICY).expect("a policy")).await;
    let maps = "/api/v1/namespaces/default/configmaps";
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}});
    assert_eq!(c.send(ask("POST", maps).json(&object)).await.code, 201);
    let logged = events(c, maps, 2).await;
    let stages: Vec<&Value> = logged.iter().map(|event| &event["stage"]).collect();
    assert_eq!(stages, ["RequestReceived", "ResponseComplete"]);
    assert_eq!(
        (&logged[0]["responseStatus"], &logged[0]["level"]),
        (&Value::Null, &json!("RequestResponse"))
    );
    assert_eq!(logged[1]["requestObject"], object);
    let answer = &logged[1]["responseObject"];
    assert_eq!((&answer["data"], &answer["metadata"]["name"]), (&json!({"k": "v"}), &json!("a")));
    assert!(
        answer["metadata"]["uid"].is_string() && answer["metadata"]["managedFields"].is_null(),
        "{answer}"
    );

    let other = format!("{maps}?fieldManager=typed");
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}});
    let protobuf = "application/vnd.kubernetes.protobuf";
    let typed = c.send(ask("POST", &*other).header("accept", protobuf).json(&object)).await;
    assert_eq!((typed.code, typed.header("content-type")), (201, protobuf));
    let logged = events(c, &other, 2).await;
    assert_eq!(logged[1]["responseObject"]["metadata"]["name"], "b", "in whatever form it was sent");

    let secrets = "/api/v1/namespaces/default/secrets";
    let yaml = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: b\n";
    let posted = c.send(ask("POST", secrets).header("content-type", "application/yaml").body(yaml)).await;
    assert_eq!(posted.code, 201, "{}", posted.text());
    let logged = events(c, secrets, 1).await;
    assert_eq!(logged[0]["requestObject"]["metadata"], json!({"name": "b"}));
    assert_eq!((logged.len(), &logged[0]["responseObject"]), (1, &Value::Null));

    assert_eq!(c.send(ask("GET", "/version")).await.code, 200);
    assert_eq!(c.send(ask("GET", "/api/v1/nodes")).await.code, 200);
    let nodes = events(c, "/api/v1/nodes", 1).await;
    assert_eq!((&nodes[0]["level"], &nodes[0]["requestObject"]), (&json!("Metadata"), &Value::Null));
    let text = std::fs::read_to_string(c.folder.path().join("audit/audit.log")).expect("a log");
    assert!(!text.contains("/version"), "{text}");
}
