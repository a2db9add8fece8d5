use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

use super::*;

fn node() -> Node {
    serde_json::from_value(json!({
        "metadata": {"name": "n", "labels": {"zone": "a", "gen": "5"}},
        "spec": {"taints": [{"key": "drain", "value": "now", "effect": "NoExecute"}, {"key": "x", "effect": "NoSchedule"}]},
        "status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "3", "example.com/gpu": "1"}},
    }))
    .unwrap()
}

fn pod(spec: Value) -> Pod {
    let mut full = json!({
        "containers": [{"name": "a"}],
        "tolerations": [{"key": "drain", "operator": "Exists"}],
    });
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    serde_json::from_value(json!({"metadata": {"name": "web"}, "spec": full})).unwrap()
}

fn requests(list: Value) -> Value {
    json!({"containers": [{"name": "a", "resources": {"requests": list}}]})
}

/// Beside a pod that uses one CPU and port 80 of the node.
fn check_under(pressure: Pressure, spec: Value, expected: Result<(), (&str, &str)>) {
    let other = pod(json!({"containers": [{
        "name": "o", "resources": {"requests": {"cpu": "1"}},
        "ports": [{"containerPort": 80, "hostPort": 80, "hostIP": "127.0.0.1"}],
    }]}));
    let found = admit(&AdmitInput {
        pod: &pod(spec.clone()),
        node: &node(),
        others: &[&other],
        allowed_unsafe_sysctls: &[],
        pressure,
    });
    let expected = expected.map_err(|(reason, message)| Rejection::new(reason, message));
    assert_eq!(found, expected, "{spec}");
}

fn check(spec: Value, expected: Result<(), (&str, &str)>) {
    check_under(Pressure::default(), spec, expected);
}

#[test]
fn a_pod_must_find_room() {
    check(json!({}), Ok(()));
    check(requests(json!({"cpu": "1"})), Ok(()));
    check(
        requests(json!({"cpu": "1001m"})),
        Err((
            "OutOfcpu",
            "Node didn't have enough resource: cpu, requested: 1001, used: 1000, capacity: 2000",
        )),
    );
    check(
        requests(json!({"memory": "2Gi"})),
        Err((
            "OutOfmemory",
            "Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
        )),
    );
    check(
        requests(json!({"example.com/gpu": "2"})),
        Err((
            "OutOfexample.com/gpu",
            "Node didn't have enough resource: example.com/gpu, requested: 2, used: 0, capacity: 1",
        )),
    );
    check(requests(json!({"example.com/unknown": "2"})), Ok(()));
}

#[test]
fn a_node_takes_only_so_many_pods() {
    let other = pod(json!({}));
    let input = AdmitInput {
        pod: &pod(json!({})),
        node: &node(),
        others: &[&other, &other, &other],
        allowed_unsafe_sysctls: &[],
        pressure: Pressure::default(),
    };
    assert_eq!(admit(&input).unwrap_err().reason, "OutOfpods");
}

#[test]
fn ports_name_affinity_and_taints_are_checked_again() {
    let port = |ip: &str| json!({"containers": [{"name": "a", "ports": [{"containerPort": 1, "hostPort": 80, "hostIP": ip}]}]});
    let taken = Err((
        "NodePorts",
        "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    ));
    check(port("127.0.0.1"), taken);
    check(port("0.0.0.0"), taken);
    check(port("10.0.0.1"), Ok(()));
    check(json!({"nodeName": "n"}), Ok(()));
    check(
        json!({"nodeName": "other"}),
        Err(("NodeName", "Predicate NodeName failed: node(s) didn't match the requested node name")),
    );
    let stranger = Err((
        "NodeAffinity",
        "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ));
    check(json!({"nodeSelector": {"zone": "a"}}), Ok(()));
    check(json!({"nodeSelector": {"zone": "b"}}), stranger);
    let affinity = |term: Value| json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}});
    let expression = |key: &str, operator: &str, values: &[&str]| {
        affinity(json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]}))
    };
    check(expression("zone", "In", &["a", "b"]), Ok(()));
    check(expression("zone", "NotIn", &["a"]), stranger);
    check(expression("gen", "Gt", &["4"]), Ok(()));
    check(expression("gen", "Lt", &["5"]), stranger);
    check(expression("no", "DoesNotExist", &[]), Ok(()));
    check(
        affinity(json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]})),
        Ok(()),
    );
    check(affinity(json!({})), stranger);
    check(
        json!({"tolerations": []}),
        Err((
            "TaintToleration",
            "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
        )),
    );
    check(json!({"tolerations": [{"key": "drain", "value": "now"}]}), Ok(()));
}

#[test]
fn what_the_node_cannot_do_is_refused() {
    check(
        json!({"os": {"name": "windows"}}),
        Err(("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")),
    );
    check(
        json!({"securityContext": {"supplementalGroupsPolicy": "Strict"}}),
        Err((
            "SupplementalGroupsPolicyNotSupported",
            "SupplementalGroupsPolicy=Strict is not supported in this node",
        )),
    );
    check(
        json!({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}),
        Err(("SysctlForbidden", "forbidden sysctl: \"kernel.msgmax\" not allowlisted")),
    );
}

#[test]
fn a_node_under_pressure_takes_only_what_it_must() {
    let memory = Pressure { memory: true, ..Default::default() };
    let disk = Pressure { disk: true, ..Default::default() };
    check_under(memory, json!({}), Err(("Evicted", "The node had condition: [MemoryPressure]. ")));
    check_under(memory, requests(json!({"cpu": "1m"})), Ok(()));
    check_under(
        disk,
        requests(json!({"cpu": "1m"})),
        Err(("Evicted", "The node had condition: [DiskPressure]. ")),
    );
    check_under(disk, json!({"priority": 2_000_000_000}), Ok(()));
}

#[test]
fn a_resize_is_done_later_or_never() {
    let other = pod(requests(json!({"cpu": "1"})));
    let check = |cpu: &str, expected: Option<(&str, &str)>| {
        let spec = spec::of(&pod(requests(json!({"cpu": cpu})))).into_owned();
        let found = resize_fits(&spec, &node(), &[&other]).err();
        assert_eq!(found, expected.map(|(reason, message)| Rejection::new(reason, message)), "{cpu}");
    };
    check("1", None);
    check(
        "1500m",
        Some((
            "Deferred",
            "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
        )),
    );
    check(
        "3",
        Some(("Infeasible", "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000")),
    );
}
