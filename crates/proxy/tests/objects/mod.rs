//! Objects in a few words.

use std::sync::Arc;

use ironclad_proxy::{Family, NodeFacts};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

/// Merges `changes` into `base`, member by member.
fn merge(base: &mut Value, changes: Value) {
    match (base, changes) {
        (Value::Object(base), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(base.entry(name).or_insert(Value::Null), change);
            }
        }
        (base, changes) => *base = changes,
    }
}

/// Service `default/web` with cluster IP 10.96.0.10 and port http 80, changed.
pub fn service(changes: Value) -> Arc<Service> {
    let mut object = json!({
        "metadata": {"namespace": "default", "name": "web"},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "10.96.0.10",
            "clusterIPs": ["10.96.0.10"],
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}],
        },
    });
    merge(&mut object, changes);
    Arc::new(serde_json::from_value(object).expect("a Service"))
}

/// A slice of `default/web`: port http 8080 on addresses. Words after an address:
/// `@NODE`, `unready`, `terminating` (unready, serving), `zone=Z`, `node=N`.
pub fn slice(endpoints: &[&str]) -> Arc<EndpointSlice> {
    let ports = json!([{"name": "http", "protocol": "TCP", "port": 8080}]);
    slice_of("web", ports, endpoints)
}

pub fn slice_of(service: &str, ports: Value, endpoints: &[&str]) -> Arc<EndpointSlice> {
    let v6 = endpoints.first().is_some_and(|words| words.contains(':'));
    let object = json!({
        "metadata": {
            "namespace": "default",
            "name": format!("{service}-abcde"),
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": if v6 { "IPv6" } else { "IPv4" },
        "ports": ports,
        "endpoints": endpoints.iter().map(|words| endpoint(words)).collect::<Vec<_>>(),
    });
    Arc::new(serde_json::from_value(object).expect("an EndpointSlice"))
}

fn endpoint(words: &str) -> Value {
    let mut words = words.split(' ');
    let mut object = json!({"addresses": [words.next().expect("address")], "conditions": {"ready": true}});
    for word in words {
        let change = match (word, word.split_once('=')) {
            ("unready", _) => json!({"conditions": {"ready": false, "serving": false}}),
            ("terminating", _) => {
                json!({"conditions": {"ready": false, "serving": true, "terminating": true}})
            }
            (_, Some(("zone", zone))) => json!({"hints": {"forZones": [{"name": zone}]}}),
            (_, Some(("node", node))) => json!({"hints": {"forNodes": [{"name": node}]}}),
            (node, _) => json!({"nodeName": node.trim_start_matches('@')}),
        };
        merge(&mut object, change);
    }
    object
}

/// Node `here` at 192.168.77.1, in zone `z1`, with pods in 10.244.0.0/16.
pub fn node() -> NodeFacts {
    NodeFacts {
        name: "here".into(),
        zone: Some("z1".into()),
        addresses: vec!["192.168.77.1".parse().expect("address")],
        families: vec![Family::Ip],
        cluster_cidrs: vec!["10.244.0.0/16".parse().expect("net")],
        service_cidrs: vec!["10.96.0.0/16".parse().expect("net")],
        ..NodeFacts::default()
    }
}
