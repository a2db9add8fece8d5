//! Pods that end: deletion, grace, deadlines, evictions.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{FOREVER, Life, World, exits};
use crate::effect::{Eviction, Input};
use crate::pod::State;

fn spec(container: Value) -> Value {
    json!({"terminationGracePeriodSeconds": 30, "containers": [container]})
}

const STUBBORN: Life = Life { ends: None, stops_in: Duration::from_secs(3600) };

#[test]
fn a_deleted_pod_is_stopped_reported_deleted_and_removed_in_that_order() {
    let mut world = World::new(json!({
        "containers": [{"name": "a"}],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }));
    world.run_s(1);
    world.delete(30);
    world.run_s(1);
    assert!(world.has_event("Killing", "Stopping container a"));
    let end: Vec<_> = world.log.iter().skip_while(|w| !w.starts_with("stop a")).collect();
    assert_eq!(end, ["stop a 30", "stop-sandbox", "unmount v", "unprepare", "delete"]);
    assert_eq!(world.phases, ["Pending", "Running", "Failed"]);
    assert!(world.api.is_none());
    assert!(world.is_removed());
}

#[test]
fn a_stubborn_container_is_killed_when_its_grace_is_over() {
    let mut world = World::new(spec(json!({"name": "a"}))).life("a", &[STUBBORN]);
    world.run_s(1);
    world.delete(5);
    world.run_s(4);
    assert!(world.api.is_some());
    world.run_s(2);
    assert!(world.is_removed());
}

#[test]
fn a_second_deletion_shortens_the_grace_of_the_first() {
    let mut world = World::new(spec(json!({"name": "a"}))).life("a", &[STUBBORN]);
    world.run_s(1);
    world.delete(600);
    world.run_s(10);
    world.delete(3);
    world.run_s(4);
    assert!(world.is_removed());
    assert_eq!(world.order(), ["start a", "stop a 600", "stop a 3"]);
}

#[test]
fn the_pre_stop_hook_spends_the_grace_period() {
    let hook = json!({"preStop": {"exec": {"command": ["bye"]}}});
    let mut world = World::new(spec(json!({"name": "a", "lifecycle": hook}))).life("a", &[STUBBORN]);
    world.run_s(1);
    world.hook_takes = Duration::from_secs(8);
    world.delete(20);
    world.run_s(30);
    assert_eq!(world.log.iter().filter(|w| **w == "exec bye").count(), 1);
    assert_eq!(world.order(), ["start a", "stop a 12"]);
    assert!(world.is_removed());
}

#[test]
fn a_pre_stop_hook_that_overruns_is_cut_off_and_a_failed_one_is_told() {
    let hook = json!({"preStop": {"exec": {"command": ["bye"]}}});
    let mut world = World::new(spec(json!({"name": "a", "lifecycle": hook})));
    world.run_s(1);
    world.hook_takes = Duration::from_secs(3600);
    world.delete(5);
    world.run_s(6);
    assert_eq!(world.order(), ["start a", "stop a 2"]);

    let mut world = World::new(spec(json!({"name": "a", "lifecycle": hook})));
    world.answers.insert("bye".into(), vec![false]);
    world.run_s(1);
    world.delete(5);
    world.run_s(1);
    assert!(world.has_event("FailedPreStopHook", "PreStopHook failed"));
    assert!(world.is_removed());
}

#[test]
fn a_sleep_hook_needs_no_help_from_the_container() {
    let hook = json!({"preStop": {"sleep": {"seconds": 4}}});
    let mut world = World::new(spec(json!({"name": "a", "lifecycle": hook})));
    world.run_s(1);
    world.delete(30);
    world.run_s(3);
    assert_eq!(world.order(), ["start a"]);
    world.run_s(2);
    assert_eq!(world.order(), ["start a", "stop a 26"]);
}

#[test]
fn a_pod_that_is_done_frees_everything_and_waits_to_be_deleted() {
    let mut world = World::new(json!({
        "restartPolicy": "Never",
        "containers": [{"name": "a"}],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }))
    .life("a", &[exits(100, 0)]);
    world.run_s(5);
    assert_eq!(world.phase(), "Succeeded");
    assert_eq!(world.condition("Ready"), "False PodCompleted");
    assert_eq!(world.condition("Initialized"), "True PodCompleted");
    assert_eq!(world.status().pod_ip.as_deref(), Some("10.244.0.5"));
    assert_eq!(world.machine.state(), State::Finished);
    assert!(world.log.contains(&"unmount v".to_owned()));
    assert_eq!(world.runtime.containers.len(), 1, "its logs can still be read");
    world.delete(30);
    world.run_s(1);
    assert!(world.is_removed());
}

#[test]
fn a_pod_past_its_deadline_fails() {
    let mut world = World::new(json!({"activeDeadlineSeconds": 5, "containers": [{"name": "a"}]}));
    world.run_s(4);
    assert_eq!(world.phase(), "Running");
    world.run_s(3);
    let status = world.status();
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    assert_eq!(status.reason.as_deref(), Some("DeadlineExceeded"));
    let message = "Pod was active on the node longer than the specified deadline";
    assert_eq!(status.message.as_deref(), Some(message));
    assert!(world.has_event("DeadlineExceeded", message));
}

#[test]
fn an_evicted_pod_says_why_only_once_nothing_runs() {
    let mut world = World::new(spec(json!({"name": "a"})))
        .life("a", &[Life { stops_in: Duration::from_secs(3), ..FOREVER }]);
    world.run_s(1);
    let condition = json!({"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"});
    world.input(Input::Evict(Eviction {
        reason: "Evicted".into(),
        message: "The node was low on resource: memory. ".into(),
        grace_s: Some(10),
        condition: Some(serde_json::from_value(condition).unwrap()),
    }));
    world.run_s(1);
    assert_eq!((world.phase().as_str(), world.status().reason), ("Running", None));
    assert_eq!(world.condition("DisruptionTarget"), "");
    world.run_s(5);
    assert_eq!((world.phase().as_str(), world.status().reason.as_deref()), ("Failed", Some("Evicted")));
    assert_eq!(world.condition("DisruptionTarget"), "True TerminationByKubelet");
    assert_eq!(world.order(), ["start a", "stop a 10"]);
    assert!(world.api.is_some());
}

#[test]
fn a_rejected_pod_fails_without_a_trace() {
    let mut world = World::new(spec(json!({"name": "a"})));
    world.input(Input::Reject {
        reason: "OutOfcpu".into(),
        message: "Node didn't have enough resource".into(),
    });
    world.run_s(1);
    assert_eq!(world.phase(), "Failed");
    assert_eq!(world.status().reason.as_deref(), Some("OutOfcpu"));
    assert_eq!(world.status().message.as_deref(), Some("Pod was rejected: Node didn't have enough resource"));
    assert!(world.log.is_empty(), "{:?}", world.log);
    world.delete(0);
    world.run_s(1);
    assert!(world.is_removed());
}

#[test]
fn a_pod_that_vanishes_from_the_api_is_stopped_and_removed() {
    let mut world = World::new(spec(json!({"name": "a"})));
    world.run_s(1);
    world.api = None;
    world.input(Input::Gone);
    world.run_s(40);
    assert!(world.is_removed());
}

#[test]
fn a_pod_deleted_before_it_started_starts_nothing() {
    let mut world = World::new(spec(json!({"name": "a"})));
    world.delete(30);
    world.run_s(5);
    assert_eq!(world.attempts("a"), 0);
    assert!(world.is_removed());
}

#[test]
fn a_pod_deleted_while_its_container_is_being_made_is_stopped_all_the_same() {
    for steps in 0..12 {
        let mut world = World::new(spec(json!({"name": "a"})));
        world.run_steps(steps);
        world.delete(30);
        world.run_s(10);
        assert!(world.is_removed(), "deleted after {steps} steps: {:?}", world.log);
    }
}

#[test]
fn readiness_is_asked_until_the_end_and_liveness_is_not() {
    let probe = |word: &str| json!({"exec": {"command": [word]}, "periodSeconds": 1});
    let container = json!({"name": "a", "readinessProbe": probe("ready"), "livenessProbe": probe("live")});
    let mut world = World::new(spec(container)).life("a", &[STUBBORN]);
    world.run_s(3);
    world.delete(10);
    let before = world.log.len();
    world.run_s(8);
    let since = &world.log[before..];
    assert!(since.iter().filter(|w| **w == "exec ready").count() > 5);
    assert!(!since.contains(&"exec live".to_owned()));
}
