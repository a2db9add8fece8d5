//! Histories: pods that live through random kills of the agent, failures and exits. A seed reproduces each.

use serde_json::{Value, json};

use super::world::{FOREVER, World, exits};
use crate::effect::FailureKind;

fn specs() -> Vec<(&'static str, Value)> {
    let always = |name: &str| json!({"name": name, "restartPolicy": "Always"});
    let hooks =
        json!({"preStop": {"exec": {"command": ["bye"]}}, "postStart": {"exec": {"command": ["hi"]}}});
    vec![
        ("plain", json!({"containers": [{"name": "a"}, {"name": "b"}]})),
        ("once", json!({"restartPolicy": "Never", "containers": [{"name": "a"}, {"name": "b"}]})),
        (
            "init",
            json!({"restartPolicy": "OnFailure", "containers": [{"name": "a"}],
                   "initContainers": [{"name": "i"}, {"name": "j"}]}),
        ),
        (
            "sidecars",
            json!({"restartPolicy": "Never", "containers": [{"name": "a"}],
                   "initContainers": [always("s"), {"name": "i"}, always("t")]}),
        ),
        (
            "hooks",
            json!({"containers": [{"name": "a", "lifecycle": hooks}],
                   "volumes": [{"name": "v", "configMap": {"name": "c"}}]}),
        ),
    ]
}

fn world(spec: &Value, seed: u64) -> World {
    let mut world = World::new(spec.clone())
        .seed(seed)
        .life("i", &[exits(50, 0)])
        .life("j", &[exits(50, 1), exits(50, 0)])
        .life("a", &[exits(2000, (seed % 2) as i32), FOREVER])
        .life("s", &[exits(3000, 1), FOREVER]);
    let kinds = [FailureKind::Other, FailureKind::Timeout];
    let actions =
        ["CreateContainer", "StartContainer", "RunSandbox", "StopContainer", "WriteStatus", "Inspect"];
    for action in actions {
        let (count, kind) = (world.chance(3) as u32, kinds[world.chance(2) as usize]);
        world.faults.insert(action, (count, kind, "fault"));
    }
    world
}

#[test]
fn no_history_of_kills_breaks_a_pod() {
    for (name, spec) in specs() {
        for seed in 1..=30 {
            let mut world = world(&spec, seed);
            for _ in 0..6 {
                let steps = world.chance(25) as usize;
                world.run_steps(steps);
                world.kill_agent();
            }
            world.run_s(120);
            let phase = world.phase();
            let once = spec["restartPolicy"] == "Never";
            let expected: &[&str] = match name {
                "once" | "sidecars" => &["Succeeded", "Failed", "Running"],
                "init" if seed % 2 == 0 => &["Succeeded"],
                _ => &["Running"],
            };
            assert!(expected.contains(&phase.as_str()), "{name} seed {seed}: {phase} {:#?}", world.log);
            if once {
                check_ran_once(&world, name, seed);
            }
            world.delete(5);
            world.run_s(60);
            assert!(world.is_removed(), "{name} seed {seed}: {:?} {:#?}", world.machine.state(), world.log);
        }
    }
}

/// A container of a pod that runs once has at most one attempt that ever ran.
fn check_ran_once(world: &World, name: &str, seed: u64) {
    for container in ["a", "b", "i"] {
        let ran = world.runtime.containers.iter().filter(|f| f.name == container && f.started_at.is_some());
        assert!(ran.count() <= 1, "{name} seed {seed}: {container} ran twice: {:#?}", world.log);
    }
}

#[test]
fn a_kill_at_any_step_of_a_deletion_changes_nothing_about_its_end() {
    for (name, spec) in specs() {
        for steps in 0..25 {
            let mut world = world(&spec, 2);
            world.faults.clear();
            world.run_ms(500);
            world.delete(5);
            world.run_steps(steps);
            world.kill_agent();
            world.run_s(60);
            assert!(world.api.is_none(), "{name} after {steps} steps: {:#?}", world.log);
            assert!(world.runtime.sandboxes.is_empty(), "{name} after {steps} steps");
        }
    }
}

#[test]
fn a_kill_at_any_step_of_a_start_restarts_nothing() {
    for (name, spec) in specs() {
        for steps in 0..40 {
            let mut world = world(&spec, 2);
            world.faults.clear();
            world.lives.insert("a".into(), vec![FOREVER]);
            world.lives.insert("s".into(), vec![FOREVER]);
            world.run_steps(steps);
            world.kill_agent();
            world.run_s(30);
            assert_eq!(world.container("a").restart_count, 0, "{name} after {steps} steps: {:#?}", world.log);
            assert_eq!(world.phase(), "Running", "{name} after {steps} steps: {:#?}", world.log);
        }
    }
}
