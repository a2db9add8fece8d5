//! Things that go wrong around a pod.

use serde_json::{Value, json};

use super::world::{World, exits};
use crate::effect::FailureKind;

fn with_image(image: &str, policy: &str) -> Value {
    json!({"containers": [{"name": "a", "image": image, "imagePullPolicy": policy}]})
}

#[test]
fn a_pull_that_fails_backs_off_and_says_so() {
    let mut world = World::new(with_image("nope:1", "IfNotPresent"));
    world.faults.insert("PullImage", (2, FailureKind::Other, "rpc error: not found"));
    world.run_ms(500);
    assert_eq!(world.waits_for("a").as_deref(), Some("ErrImagePull"));
    assert!(world.has_event("Pulling", "Pulling image \"nope:1\""));
    assert!(world.has_event("Failed", "Failed to pull image \"nope:1\": rpc error: not found"));
    assert!(world.has_event("Failed", "Error: ErrImagePull"));
    world.run_s(2);
    assert_eq!(world.waits_for("a").as_deref(), Some("ImagePullBackOff"));
    let message = world.container("a").state.unwrap().waiting.unwrap().message.unwrap();
    assert_eq!(message, "Back-off pulling image \"nope:1\": ErrImagePull: rpc error: not found");
    assert!(world.has_event("BackOff", "Back-off pulling image \"nope:1\""));
    assert!(world.has_event("Failed", "Error: ImagePullBackOff"));
    world.run_s(10);
    assert_eq!(world.log.iter().filter(|w| w.starts_with("pull")).count(), 2);
    world.run_s(25);
    assert_eq!(world.condition("Ready"), "True");
    assert!(
        world.has_event("Pulled", "Successfully pulled image \"nope:1\" in 1.5s (1.5s including waiting).")
    );
}

#[test]
fn an_image_that_cannot_be_had_is_named_with_its_reason() {
    let check = |image: &str, policy: &str, reason: &str, message: &str| {
        let mut world = World::new(with_image(image, policy));
        world.run_s(1);
        assert_eq!(world.waits_for("a").as_deref(), Some(reason), "{image} {policy}");
        assert_eq!(world.container("a").state.unwrap().waiting.unwrap().message.as_deref(), Some(message));
        assert_eq!(world.phase(), "Pending");
        assert!(world.has_event("Failed", &format!("Error: {reason}")));
    };
    check(
        "none:1",
        "Never",
        "ErrImageNeverPull",
        "Container image \"none:1\" is not present with pull policy of Never",
    );
    check(
        "FAILED_IMAGE",
        "Always",
        "InvalidImageName",
        "Failed to apply default image tag \"FAILED_IMAGE\": couldn't parse image name \"FAILED_IMAGE\": \
         invalid reference format: repository name must be lowercase",
    );
}

#[test]
fn always_pulls_even_what_is_there() {
    let mut world = World::new(with_image("busybox:1", "Always"));
    world.run_s(1);
    assert!(world.log.contains(&"pull busybox:1".to_owned()));
}

#[test]
fn a_config_that_cannot_be_built_is_tried_again_when_its_sources_change() {
    let mut world = World::new(json!({"containers": [{"name": "a"}]}));
    world.faults.insert("CreateContainer", (1, FailureKind::Config, "configmap \"c\" not found"));
    world.run_s(1);
    assert_eq!(world.waits_for("a").as_deref(), Some("CreateContainerConfigError"));
    assert!(world.has_event("Failed", "Error: configmap \"c\" not found"));
    world.input(crate::effect::Input::SourcesChanged);
    world.run_ms(100);
    assert_eq!(world.condition("Ready"), "True");
    assert_eq!(world.container("a").restart_count, 0);
}

#[test]
fn every_failed_step_is_retried_until_the_pod_runs() {
    for action in ["Prepare", "RunSandbox", "FindImage", "CreateContainer", "StartContainer", "WriteStatus"] {
        for kind in [FailureKind::Other, FailureKind::Timeout] {
            let mut world = World::new(json!({"containers": [{"name": "a"}]}));
            world.faults.insert(action, (3, kind, "no"));
            world.run_s(120);
            assert_eq!(world.condition("Ready"), "True", "{action} {kind:?}: {:?}", world.log);
        }
    }
}

#[test]
fn every_failed_step_of_an_end_is_retried_until_the_pod_is_gone() {
    for action in
        ["StopContainer", "StopSandbox", "TearDownVolume", "Unprepare", "WriteStatus", "RemoveSandbox"]
    {
        let mut world = World::new(json!({
            "containers": [{"name": "a"}],
            "volumes": [{"name": "v", "emptyDir": {}}],
        }));
        world.run_s(1);
        world.faults.insert(action, (3, FailureKind::Timeout, "no"));
        world.delete(1);
        world.run_s(120);
        assert!(world.is_removed(), "{action}: {:?} {:?}", world.log, world.machine.state());
    }
}

#[test]
fn a_start_that_fails_says_so_and_is_tried_with_a_new_attempt() {
    let mut world = World::new(json!({"containers": [{"name": "a"}]}));
    world.faults.insert("StartContainer", (1, FailureKind::Other, "exec: \"nope\": not found"));
    world.run_s(1);
    assert_eq!(world.waits_for("a").as_deref(), Some("RunContainerError"));
    assert_eq!(world.phase(), "Pending");
    world.run_s(10);
    assert_eq!(world.container("a").restart_count, 1);
    assert_eq!(world.condition("Ready"), "True");
}

#[test]
fn a_volume_that_cannot_be_set_up_holds_the_pod_back() {
    let mut world = World::new(json!({
        "containers": [{"name": "a"}],
        "volumes": [{"name": "v", "configMap": {"name": "c"}}],
    }));
    let why = "MountVolume.SetUp failed for volume \"v\" : configmap \"c\" not found";
    world.faults.insert("SetUpVolume", (2, FailureKind::Config, why));
    world.run_ms(100);
    assert!(world.has_event("FailedMount", why));
    assert_eq!(world.waits_for("a").as_deref(), Some("ContainerCreating"));
    assert!(world.runtime.sandboxes.is_empty());
    world.input(crate::effect::Input::SourcesChanged);
    world.run_s(10);
    assert_eq!(world.condition("Ready"), "True");
}

#[test]
fn a_list_that_was_overtaken_is_not_believed() {
    let mut world = World::new(json!({"containers": [{"name": "a"}]}));
    world.run_s(1);
    let stale = crate::facts::PodFacts::default();
    world.input(crate::effect::Input::Facts { taken: std::time::Duration::ZERO, facts: stale });
    world.run_s(5);
    assert_eq!(world.attempts("a"), 1);
    assert_eq!(world.runtime.sandboxes.len(), 1);
}

#[test]
fn a_container_in_an_unknown_state_is_stopped_before_it_is_started_again() {
    let mut world = World::new(json!({"containers": [{"name": "a"}]}));
    world.run_s(1);
    world.runtime.containers[0].state = crate::facts::ContainerState::Unknown;
    world.relist();
    assert!(world.has_event("Killing", "Container is in \"unknown\" state, try killing it before restart"));
    world.runtime.containers[0].state = crate::facts::ContainerState::Running;
    world.run_s(1);
    assert_eq!(world.order(), ["start a", "stop a 2", "start a"]);
}

#[test]
fn a_status_that_someone_else_changed_is_set_right() {
    let mut world = World::new(json!({"containers": [{"name": "a"}]})).life("b", &[exits(1, 0)]);
    world.run_s(1);
    world.update(|pod| pod.status.as_mut().unwrap().pod_ip = Some("6.6.6.6".into()));
    world.run_s(15);
    assert_eq!(world.status().pod_ip.as_deref(), Some("10.244.0.5"));
}
