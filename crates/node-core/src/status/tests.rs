//! What a status says of containers, addresses and conditions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use serde_json::{Value, json};

use super::*;
use crate::facts::{ContainerFact, Exit, LinuxUser, SandboxFact};
use crate::pod::tests::world::settings;

const NOW: &str = "2026-11-21T00:00:00.5Z";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn fact(id: &str, attempt: u32, state: ContainerState) -> ContainerFact {
    ContainerFact {
        id: id.into(),
        sandbox_id: "s".into(),
        name: "a".into(),
        attempt,
        state,
        created_at: at(i64::from(attempt) + 100),
        started_at: Some(at(i64::from(attempt) + 101)),
        image: "busybox:1".into(),
        image_ref: "sha256:1".into(),
        hash: String::new(),
        user: Some(LinuxUser { uid: 7, gid: 8, supplemental_groups: vec![9] }),
    }
}

fn exited(code: i32, message: &str) -> ContainerState {
    ContainerState::Exited(Exit {
        code,
        reason: if code == 0 { "Completed" } else { "Error" }.into(),
        message: message.into(),
        finished_at: at(200),
    })
}

fn sandbox(ready: bool, ips: &[&str]) -> SandboxFact {
    SandboxFact {
        id: "s".into(),
        attempt: 0,
        ready,
        created_at: at(1),
        ips: ips.iter().map(|ip| (*ip).to_owned()).collect(),
        host_network: false,
    }
}

/// A pod with one container `a`, as the API has it with that status.
struct Case {
    spec: Value,
    previous: Value,
    facts: PodFacts,
    waiting: BTreeMap<String, Waiting>,
    deleted: bool,
}

impl Case {
    fn new(containers: Vec<ContainerFact>) -> Self {
        Self {
            spec: json!({"containers": [{"name": "a", "image": "busybox:1"}]}),
            previous: json!({}),
            facts: PodFacts { sandboxes: vec![sandbox(true, &["10.0.0.1"])], containers },
            waiting: BTreeMap::new(),
            deleted: false,
        }
    }

    fn previous(mut self, container: Value) -> Self {
        let mut full = json!({"name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0});
        full.as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
        self.previous = json!({"containerStatuses": [full]});
        self
    }

    fn render(&self) -> PodStatus {
        let mut pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "u", "generation": 4},
            "spec": self.spec,
        }))
        .unwrap();
        if self.deleted {
            pod.metadata.deletion_timestamp = Some(seconds(at(300)));
        }
        let previous: PodStatus = serde_json::from_value(self.previous.clone()).unwrap();
        let view = View {
            settings: &settings(),
            pod: &pod,
            generation: pod.metadata.generation,
            granted: &pod,
            facts: &self.facts,
            previous: &previous,
            waiting: &self.waiting,
            probes: &BTreeMap::new(),
            resources: &BTreeMap::new(),
            conditions: &[],
            stopped: false,
            verdict: None,
        };
        render(&view, NOW.parse().unwrap())
    }

    fn container(&self) -> ContainerStatus {
        self.render().container_statuses.unwrap().remove(0)
    }

    /// State and last state, as JSON, and the restart count.
    fn check(&self, state: Value, last: Value, restarts: i32) {
        let found = self.container();
        let text = |s: &Option<_>| serde_json::to_value(s).unwrap();
        assert_eq!(
            (text(&found.state), text(&found.last_state), found.restart_count),
            (state, last, restarts)
        );
    }
}

fn ended(code: i32, id: &str, attempt: i64) -> Value {
    let started = seconds(at(attempt + 101));
    json!({"terminated": {
        "exitCode": code, "reason": if code == 0 { "Completed" } else { "Error" },
        "containerID": format!("containerd://{id}"),
        "startedAt": started, "finishedAt": seconds(at(200)),
    }})
}

#[test]
fn a_running_container_is_told_with_the_attempt_before_it() {
    let running = json!({"running": {"startedAt": seconds(at(102))}});
    Case::new(vec![fact("x", 0, exited(1, "")), fact("y", 1, ContainerState::Running)]).check(
        running.clone(),
        ended(1, "x", 0),
        1,
    );
    // The runtime has forgotten the attempt before; the status before has not.
    Case::new(vec![fact("y", 1, ContainerState::Running)])
        .previous(json!({"containerID": "containerd://x", "state": ended(1, "x", 0)}))
        .check(running, ended(1, "x", 0), 1);
}

#[test]
fn a_container_that_is_to_start_says_what_it_waits_for() {
    Case::new(vec![]).check(json!({"waiting": {"reason": "ContainerCreating"}}), Value::Null, 0);
    // Made, but not started yet.
    let made = vec![fact("x", 0, ContainerState::Created)];
    Case::new(made).check(json!({"waiting": {"reason": "ContainerCreating"}}), Value::Null, 0);
    let mut case = Case::new(vec![fact("x", 0, exited(1, ""))]);
    case.check(ended(1, "x", 0), Value::Null, 0);
    let why = Waiting { reason: "CrashLoopBackOff".into(), message: "back-off".into() };
    case.waiting.insert("a".into(), why);
    let waits = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}});
    case.check(waits, ended(1, "x", 0), 0);
    case.deleted = true;
    case.check(ended(1, "x", 0), Value::Null, 0);
}

#[test]
fn a_container_that_has_vanished_is_taken_for_failed() {
    let running = json!({"containerID": "containerd://x", "restartCount": 2, "state": {"running": {}}});
    let lost = |text: &str| json!({"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown", "message": text}});
    let gone =
        "The container could not be located when the pod was deleted.  The container used to be Running";
    let waiting = json!({"waiting": {"reason": "ContainerCreating"}});
    Case::new(vec![]).previous(running.clone()).check(waiting.clone(), lost(gone), 3);
    let mut deleted = Case::new(vec![]).previous(running.clone());
    deleted.deleted = true;
    deleted.check(waiting, lost(gone), 2);
    let unknown = "The container could not be located when the pod was terminated";
    Case::new(vec![fact("x", 2, ContainerState::Unknown)]).previous(running).check(
        lost(unknown),
        Value::Null,
        3,
    );
    let over = json!({"containerID": "containerd://x", "state": ended(0, "x", 0)});
    Case::new(vec![]).previous(over).check(ended(0, "x", 0), Value::Null, 0);
}

#[test]
fn an_init_container_that_has_vanished_is_taken_for_done_once_others_run() {
    let mut case = Case::new(vec![fact("x", 0, ContainerState::Running)]);
    case.spec = json!({"containers": [{"name": "a"}], "initContainers": [{"name": "i"}]});
    let init = case.render().init_container_statuses.unwrap().remove(0);
    let end = init.state.unwrap().terminated.unwrap();
    assert_eq!((end.exit_code, end.reason.as_deref(), init.ready), (0, Some("Completed"), true));
}

#[test]
fn messages_share_what_room_there_is() {
    let mut case = Case::new(vec![fact("x", 0, exited(1, &"é".repeat(9000)))]);
    case.spec = json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]});
    let end = case.container().state.unwrap().terminated.unwrap();
    assert_eq!(end.message.unwrap().len(), 4096);
}

#[test]
fn mounts_and_users_are_told() {
    let mut case = Case::new(vec![fact("x", 0, ContainerState::Running)]);
    case.spec = json!({"containers": [{"name": "a", "volumeMounts": [
        {"name": "v", "mountPath": "/v"},
        {"name": "r", "mountPath": "/r", "readOnly": true, "recursiveReadOnly": "IfPossible"},
    ]}]});
    let found = serde_json::to_value(case.container()).unwrap();
    assert_eq!(
        found["volumeMounts"],
        json!([{"name": "v", "mountPath": "/v"},
               {"name": "r", "mountPath": "/r", "readOnly": true, "recursiveReadOnly": "Enabled"}])
    );
    assert_eq!(found["user"], json!({"linux": {"uid": 7, "gid": 8, "supplementalGroups": [9]}}));
    assert_eq!(found["imageID"], "sha256:1");
}

#[test]
fn addresses_are_those_of_the_sandbox_or_of_before_or_of_the_node() {
    let check = |sandboxes: Vec<SandboxFact>, previous: Value, host: bool, expected: &[&str]| {
        let mut case = Case::new(vec![]);
        (case.facts.sandboxes, case.previous) = (sandboxes, previous);
        case.spec["hostNetwork"] = json!(host);
        let status = case.render();
        let ips: Vec<String> = status.pod_ips.into_iter().flatten().map(|ip| ip.ip).collect();
        assert_eq!(
            (status.pod_ip.as_deref(), ips),
            (expected.first().copied(), expected.iter().map(|s| (*s).to_owned()).collect())
        );
        assert_eq!(status.host_ip.as_deref(), Some("192.168.0.1"));
    };
    let before = || json!({"podIP": "10.0.0.9", "podIPs": [{"ip": "10.0.0.9"}]});
    check(vec![sandbox(true, &["fd00::1", "10.0.0.1"])], json!({}), false, &["10.0.0.1", "fd00::1"]);
    check(vec![sandbox(false, &[])], before(), false, &["10.0.0.9"]);
    check(vec![], json!({}), false, &[]);
    check(vec![], json!({}), true, &["192.168.0.1"]);
}

#[test]
fn conditions_say_what_is_missing_and_since_when() {
    let case = Case::new(vec![]).previous(json!({}));
    let status = case.render();
    let text = |kind: &str| {
        let condition = status.conditions.iter().flatten().find(|c| c.type_ == kind).unwrap();
        let message = condition.message.clone().unwrap_or_default();
        format!("{} {} {message}", condition.status, condition.reason.clone().unwrap_or_default())
    };
    assert_eq!(text("Ready"), "False ContainersNotReady containers with unready status: [a]");
    assert_eq!(text("Initialized").trim(), "True");
    assert_eq!(text("PodReadyToStartContainers").trim(), "True");
    let times: Vec<_> = status.conditions.iter().flatten().map(|c| c.last_transition_time.clone()).collect();
    assert!(times.iter().all(|time| time.as_ref() == Some(&seconds(NOW.parse().unwrap()))));
    assert!(status.conditions.iter().flatten().all(|c| c.observed_generation == Some(4)));

    let kept = seconds(at(5));
    let mut again = Case::new(vec![]);
    again.previous =
        json!({"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": kept}]});
    let conditions = again.render().conditions.unwrap();
    let ready = conditions.iter().find(|c| c.type_ == "Ready").unwrap();
    assert_eq!(ready.last_transition_time, Some(kept));
}

#[test]
fn a_finished_status_leaves_nothing_open() {
    let case = Case::new(vec![]);
    let status = finish(case.render(), &serde_json::from_value(case.spec.clone()).unwrap());
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    let state = status.container_statuses.unwrap().remove(0).state.unwrap();
    assert_eq!(state.terminated.unwrap().reason.as_deref(), Some("ContainerStatusUnknown"));
}
