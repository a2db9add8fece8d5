//! Cases of upstream's `TestPrintPod`, by what users see.

use ironclad_api::Object;
use jiff::Timestamp;
use serde_json::{Value, json};

const NOW: i64 = 1_000_000;

/// Ready, Status and Restarts.
fn cells(pod: Value) -> [String; 3] {
    let pod = Object::from_value(pod).expect("an object");
    let now = Timestamp::from_second(NOW).expect("a time");
    let columns = super::columns();
    [1, 2, 3].map(|index| (columns[index].cell)(&pod, now).as_str().expect("a text").to_owned())
}

fn check(spec: Value, status: Value, want: [&str; 3]) {
    assert_eq!(cells(json!({ "spec": spec, "status": status })), want, "{status}");
}

fn containers(count: usize) -> Value {
    let containers: Vec<Value> = (0..count).map(|index| json!({"name": format!("c{index}")})).collect();
    json!({ "containers": containers })
}

fn ago(seconds: i64) -> String {
    ironclad_api::time::format(Timestamp::from_second(NOW - seconds).expect("a time"))
}

#[test]
fn running_pods() {
    let running = json!({"ready": true, "restartCount": 6, "state": {"running": {}}});
    let check = |statuses: Value, want: [&str; 3]| {
        check(containers(2), json!({"phase": "podPhase", "containerStatuses": statuses}), want);
    };
    check(json!([]), ["0/2", "podPhase", "0"]);
    check(json!([running, {"restartCount": 3}]), ["1/2", "podPhase", "9"]);
    check(json!([running, {"state": {"waiting": {"reason": "Waiting"}}}]), ["1/2", "Waiting", "6"]);
    check(json!([{"state": {"terminated": {"exitCode": 2}}}, running]), ["1/2", "ExitCode:2", "6"]);
    check(json!([{"state": {"terminated": {"exitCode": 2, "signal": 9}}}]), ["0/2", "Signal:9", "0"]);
    check(
        json!([{"state": {"waiting": {"reason": "A"}}}, {"state": {"waiting": {"reason": "B"}}}]),
        ["0/2", "A", "0"],
    );
}

#[test]
fn restarts_say_how_long_ago_the_last_was() {
    let status = |count: i64, seconds: i64| {
        let last = json!({"terminated": {"finishedAt": ago(seconds)}});
        json!({"ready": true, "restartCount": count, "state": {"running": {}}, "lastState": last})
    };
    check(
        containers(2),
        json!({"phase": "Running", "containerStatuses": [status(3, 10), status(3, 600)]}),
        ["2/2", "Running", "6 (10s ago)"],
    );
    check(
        containers(1),
        json!({"phase": "Running", "containerStatuses": [status(0, 10)]}),
        ["1/1", "Running", "0"],
    );
}

#[test]
fn completed_containers_beside_running_ones() {
    let done = json!({"state": {"terminated": {"reason": "Completed", "exitCode": 0}}});
    let failed = json!({"state": {"terminated": {"reason": "Error", "exitCode": 1}}});
    let running = json!({"ready": true, "state": {"running": {}}});
    let check = |ready: &str, statuses: Value, want: [&str; 3]| {
        let conditions = json!([{"type": "Ready", "status": ready}]);
        let status = json!({"phase": "Running", "containerStatuses": statuses, "conditions": conditions});
        check(containers(2), status, want);
    };
    check("True", json!([done, running]), ["1/2", "Running", "0"]);
    check("False", json!([done, running]), ["1/2", "NotReady", "0"]);
    check("False", json!([done, done]), ["0/2", "Completed", "0"]);
    check("False", json!([done, failed]), ["0/2", "Error", "0"]);
}

#[test]
fn init_containers() {
    let spec = json!({"initContainers": [{"name": "i0"}, {"name": "i1"}], "containers": [{"name": "c"}]});
    let check = |statuses: Value, initialized: &str, want: [&str; 3]| {
        let status = json!({
            "phase": "Pending",
            "initContainerStatuses": statuses,
            "conditions": [{"type": "Initialized", "status": initialized}],
        });
        check(spec.clone(), status, want);
    };
    let done = json!({"state": {"terminated": {"exitCode": 0}}});
    check(json!([{"state": {"waiting": {}}}]), "False", ["0/1", "Init:0/2", "0"]);
    check(json!([{"state": {"waiting": {"reason": "PodInitializing"}}}]), "False", ["0/1", "Init:0/2", "0"]);
    check(json!([done, {"state": {"running": {}}}]), "False", ["0/1", "Init:1/2", "0"]);
    check(
        json!([{"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 2}]),
        "False",
        ["0/1", "Init:CrashLoopBackOff", "2"],
    );
    check(
        json!([{"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]),
        "False",
        ["0/1", "Init:Error", "0"],
    );
    check(json!([{"state": {"terminated": {"exitCode": 1}}}]), "False", ["0/1", "Init:ExitCode:1", "0"]);
    check(
        json!([{"state": {"terminated": {"exitCode": 1, "signal": 9}}}]),
        "False",
        ["0/1", "Init:Signal:9", "0"],
    );
    check(json!([done, done]), "True", ["0/1", "Pending", "0"]);
    // An init container runs again after the pod was once initialized: the containers tell.
    check(json!([{"state": {"running": {}}, "restartCount": 3}]), "True", ["0/1", "Init:0/2", "0"]);
}

#[test]
fn sidecars_count_among_the_containers() {
    let spec =
        json!({"initContainers": [{"name": "s", "restartPolicy": "Always"}], "containers": [{"name": "c"}]});
    let sidecar =
        json!({"name": "s", "started": true, "ready": true, "restartCount": 2, "state": {"running": {}}});
    let container = json!({"name": "c", "ready": true, "restartCount": 1, "state": {"running": {}}});
    let running =
        json!({"phase": "Running", "initContainerStatuses": [sidecar], "containerStatuses": [container]});
    check(spec.clone(), running, ["2/2", "Running", "3"]);
    let starting =
        json!({"phase": "Pending", "initContainerStatuses": [{"name": "s", "state": {"waiting": {}}}]});
    check(spec, starting, ["0/2", "Init:0/1", "0"]);
}

#[test]
fn pods_at_their_end() {
    let check = |status: Value, want: &str| {
        let pod = json!({"metadata": {"deletionTimestamp": ago(0)}, "spec": containers(1), "status": status});
        assert_eq!(cells(pod)[1], want);
    };
    check(json!({"phase": "Running"}), "Terminating");
    check(json!({"phase": "Running", "reason": "NodeLost"}), "Unknown");
    check(json!({"phase": "Succeeded"}), "Succeeded");
    check(json!({"phase": "Failed", "reason": "Evicted"}), "Evicted");
}

#[test]
fn gated_pods_say_so() {
    let conditions = json!([{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]);
    check(
        containers(1),
        json!({"phase": "Pending", "conditions": conditions}),
        ["0/1", "SchedulingGated", "0"],
    );
}

#[test]
fn wide_columns() {
    let check = |pod: Value, want: [&str; 4]| {
        let pod = Object::from_value(pod).expect("an object");
        let columns = super::columns();
        let wide = columns.iter().filter(|column| column.priority == 1);
        let cells: Vec<Value> = wide.map(|column| (column.cell)(&pod, Timestamp::UNIX_EPOCH)).collect();
        assert_eq!(cells, want.map(Value::from));
    };
    check(json!({}), ["<none>"; 4]);
    check(
        json!({
            "spec": {"nodeName": "n", "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]},
            "status": {
                "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "nominatedNodeName": "m",
                "conditions": [{"type": "a", "status": "True"}, {"type": "b", "status": "False"}],
            },
        }),
        ["10.0.0.1", "n", "m", "1/2"],
    );
}
