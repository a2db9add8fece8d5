//! Kubernetes' protobuf.

use ironclad_api::{GroupVersionKind, Object, protobuf};
use serde_json::json;

use super::Target;

pub const TARGET: Target = Target {
    name: "protobuf",
    promise: "what is read can be written and read again, and is the same",
    check,
    words: &["k8s\0", "\x0a", "\x12", "\x1a", "\x08\x01", "\x7f", "v1", "Pod", "apps/v1", "List"],
    made,
    short_run: 10_000,
};

fn check(input: &[u8]) {
    let pod = GroupVersionKind::new("", "v1", "Pod");
    let Ok(read) = protobuf::decode(input, Some(&pod)) else { return };
    // What JSON has within a message may be what the message's own form cannot say.
    let Ok(written) = protobuf::encode(&read) else { return };
    let again = protobuf::decode(&written, None).expect("what was written can be read");
    let twice = protobuf::encode(&again).expect("what was read can be written");
    assert_eq!(twice, written);
}

fn made() -> Vec<Vec<u8>> {
    let meta = json!({"name": "a", "namespace": "b", "labels": {"c": "d"}, "annotations": {"e": "f"},
        "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 3,
        "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u", "controller": true}],
        "managedFields": [{"manager": "m", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:x": {}}}}]});
    let pod = json!({"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}],
        "resources": {"limits": {"cpu": "1500m", "memory": "1Gi"}},
        "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
        "env": [{"name": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}],
        "volumes": [{"name": "v", "configMap": {"name": "m", "defaultMode": 420}}],
        "tolerations": [{"operator": "Exists", "tolerationSeconds": 300}]});
    let objects = [
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"x": "AAEC"}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": 2,
            "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod},
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}}}}),
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"},
            "spec": {"renewTime": "2026-01-01T00:00:00.000001Z"}}),
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a"},
            "spec": {"group": "g", "scope": "Cluster", "names": {"plural": "p", "kind": "K"}, "versions": [{"name": "v1",
                "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "default": {"a": 1},
                    "properties": {"a": {"type": "integer", "enum": [1, 2]}}}}}]}}),
    ];
    let encode = |value| protobuf::encode(&Object::from_value(value)?).ok();
    objects.into_iter().filter_map(encode).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_made_input_is_one() {
        assert_eq!(super::made().len(), 5);
    }
}
