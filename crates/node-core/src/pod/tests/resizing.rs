//! Pods that are resized while they run.

use serde_json::{Value, json};

use super::world::World;
use crate::effect::FailureKind;

fn world(policy: &str) -> World {
    let container = json!({
        "name": "a",
        "resources": {"requests": {"cpu": "100m"}},
        "resizePolicy": [{"resourceName": "cpu", "restartPolicy": policy}],
    });
    let mut world = World::new(json!({"containers": [container, {"name": "b"}]}));
    world.update(|pod| pod.status.as_mut().unwrap().qos_class = Some("Burstable".into()));
    world.run_s(1);
    world.log.clear();
    world
}

fn want(world: &mut World, cpu: &str) {
    let cpu = cpu.to_owned();
    world.update(move |pod| {
        let wanted: Value = json!({"requests": {"cpu": cpu}});
        pod.spec.as_mut().unwrap().containers[0].resources = Some(serde_json::from_value(wanted).unwrap());
    });
}

fn told(world: &World) -> (String, String) {
    let status = world.container("a");
    let allocated = status.allocated_resources.unwrap()["cpu"].0.clone();
    (allocated, status.resources.unwrap().requests.unwrap()["cpu"].0.clone())
}

#[test]
fn a_pod_grows_from_the_outside_and_shrinks_from_the_inside() {
    let mut world = world("NotRequired");
    want(&mut world, "500m");
    world.run_s(1);
    assert_eq!(world.log, ["resize pod 512", "resize a 512"]);
    assert_eq!(told(&world), ("500m".into(), "500m".into()));
    assert_eq!(world.condition("PodResizeInProgress"), "");
    assert!(world.has_event("ResizeStarted", "Pod resize started: {\"containers\":[{\"name\":\"a\","));
    assert!(world.has_event("ResizeCompleted", "\"generation\":3}"));
    assert_eq!(world.container("a").restart_count, 0);

    world.log.clear();
    want(&mut world, "200m");
    world.run_s(1);
    assert_eq!(world.log, ["resize a 204", "resize pod 204"]);
}

#[test]
fn a_container_that_cannot_be_resized_live_is_restarted_with_the_new_size() {
    let mut world = world("RestartContainer");
    want(&mut world, "500m");
    world.run_s(1);
    assert!(world.has_event("Killing", "Container a resize requires restart"));
    assert_eq!(world.order(), ["stop a 2", "start a"]);
    assert_eq!(told(&world), ("500m".into(), "500m".into()));
}

#[test]
fn what_does_not_fit_waits_and_says_so() {
    let mut world = world("NotRequired");
    want(&mut world, "2");
    world.run_ms(500);
    assert_eq!(world.condition("PodResizePending"), "True Deferred");
    assert!(world.has_event("ResizeDeferred", "\"error\":\"no room\"}"));
    assert_eq!(told(&world), ("100m".into(), "100m".into()));
    world.room_milli = 4000;
    world.run_s(20);
    assert_eq!(world.condition("PodResizePending"), "");
    assert_eq!(told(&world), ("2".into(), "2".into()));
    assert_eq!(world.events.iter().filter(|e| e.reason == "ResizeDeferred").count(), 1);
}

#[test]
fn a_resize_that_fails_is_told_and_tried_again() {
    let mut world = world("NotRequired");
    world.faults.insert("UpdateContainer", (1, FailureKind::Other, "attempting to set below usage"));
    want(&mut world, "500m");
    world.run_s(1);
    assert_eq!(world.condition("PodResizeInProgress"), "True Error");
    assert!(world.has_event("ResizeError", "attempting to set below usage"));
    assert_eq!(told(&world), ("500m".into(), "100m".into()));
    world.run_s(15);
    assert_eq!(world.condition("PodResizeInProgress"), "");
    assert_eq!(told(&world), ("500m".into(), "500m".into()));
}

#[test]
fn a_restart_of_the_agent_does_not_forget_what_was_granted() {
    let mut world = world("NotRequired");
    want(&mut world, "2");
    world.run_s(1);
    world.kill_agent();
    world.run_s(1);
    assert_eq!(told(&world), ("100m".into(), "100m".into()));
    world.room_milli = 4000;
    world.run_s(30);
    assert_eq!(told(&world), ("2".into(), "2".into()));
    assert_eq!(world.container("a").restart_count, 0);
}

#[test]
fn a_status_of_the_newest_spec_says_so_while_its_resize_is_not_done() {
    for gap in 0..10 {
        let mut world = world("NotRequired");
        for cpu in ["500m", "200m", "300m"] {
            want(&mut world, cpu);
            world.run_ms(gap);
        }
        for ms in 0..300 {
            world.run_ms(1);
            let newest = world.api.as_ref().unwrap().metadata.generation;
            let observed = world.status().observed_generation == newest;
            let quiet =
                ["PodResizePending", "PodResizeInProgress"].map(|kind| world.condition(kind)) == ["", ""];
            if observed && quiet {
                assert_eq!(told(&world), ("300m".into(), "300m".into()), "gap {gap}, after {ms} ms");
            }
        }
        assert_eq!(told(&world), ("300m".into(), "300m".into()), "gap {gap}");
        assert_eq!(world.status().observed_generation, world.api.unwrap().metadata.generation);
    }
}
