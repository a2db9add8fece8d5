//! Pods that run: order, restarts, readiness, status.

use serde_json::{Value, json};

use super::world::{FOREVER, World, exits};
use crate::pod::State;

fn one(policy: &str) -> Value {
    json!({"restartPolicy": policy, "containers": [{"name": "a"}]})
}

#[test]
fn a_pod_comes_up_and_says_so() {
    let mut world = World::new(one("Always"));
    world.run_s(1);
    assert_eq!(world.phases, ["Pending", "Running"]);
    for kind in ["PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"] {
        assert_eq!(world.condition(kind), "True", "{kind}");
    }
    let status = world.status();
    assert_eq!(status.pod_ip.as_deref(), Some("10.244.0.5"));
    assert_eq!(status.host_ip.as_deref(), Some("192.168.0.1"));
    assert_eq!(status.observed_generation, Some(1));
    let a = world.container("a");
    assert_eq!(a.container_id.as_deref(), Some("containerd://a-2"));
    assert_eq!((a.ready, a.started, a.restart_count), (true, Some(true), 0));
    let reasons: Vec<_> = world.events.iter().map(|e| e.reason.as_ref()).collect();
    assert_eq!(reasons, ["Pulled", "Created", "Started"]);
    assert!(world.events.iter().all(|e| e.field_path.as_deref() == Some("spec.containers{a}")));
}

#[test]
fn the_restart_policy_decides_about_what_has_exited() {
    let check = |policy: &str, code: i32, phase: &str, restarts: bool| {
        let mut world = World::new(one(policy)).life("a", &[exits(100, code)]);
        world.run_s(5);
        assert_eq!(world.phase(), phase, "{policy} {code}");
        assert_eq!(world.attempts("a") > 1, restarts, "{policy} {code}");
    };
    check("Never", 0, "Succeeded", false);
    check("Never", 1, "Failed", false);
    check("OnFailure", 0, "Succeeded", false);
    check("OnFailure", 1, "Running", true);
    check("Always", 0, "Running", true);
    check("Always", 1, "Running", true);
}

#[test]
fn a_containers_own_rules_come_before_the_pods_policy() {
    let spec = json!({"restartPolicy": "Never", "containers": [{
        "name": "a", "restartPolicy": "Never",
        "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}],
    }]});
    let mut world = World::new(spec).life("a", &[exits(10, 42), exits(10, 1)]);
    world.run_s(30);
    assert_eq!(world.attempts("a"), 2);
    assert_eq!(world.phase(), "Failed");
}

#[test]
fn a_container_that_crashes_is_restarted_at_ever_longer_intervals() {
    let mut world = World::new(one("Always")).life("a", &[exits(100, 1)]);
    world.run_s(5);
    assert_eq!(world.attempts("a"), 2);
    assert_eq!(world.waits_for("a").as_deref(), Some("CrashLoopBackOff"));
    let a = world.container("a");
    let message = a.state.unwrap().waiting.unwrap().message.unwrap();
    assert_eq!(message, "back-off 10s restarting failed container=a pod=web_default(uid-1)");
    assert_eq!(a.last_state.unwrap().terminated.unwrap().exit_code, 1);
    assert_eq!(a.restart_count, 1);
    assert_eq!(world.condition("Ready"), "False ContainersNotReady");
    assert!(world.has_event("BackOff", "Back-off restarting failed container a in pod web_default(uid-1)"));
    for (seconds, attempts) in [(10, 3), (20, 4), (40, 5), (80, 6), (160, 7), (300, 8), (300, 9)] {
        world.run_s(seconds);
        assert_eq!(world.attempts("a"), attempts, "after {seconds} s");
    }
}

#[test]
fn a_container_that_ran_ten_minutes_is_forgiven() {
    let lives = [exits(10, 1), exits(10, 1), exits(700_000, 1), FOREVER];
    let mut world = World::new(one("Always")).life("a", &lives);
    world.run_s(715);
    assert_eq!(world.attempts("a"), 4, "restarted at once");
}

#[test]
fn init_containers_run_one_by_one_before_the_others() {
    let spec = json!({
        "containers": [{"name": "a"}, {"name": "b"}],
        "initContainers": [{"name": "i"}, {"name": "j"}],
    });
    let mut world = World::new(spec).life("i", &[exits(100, 0)]).life("j", &[exits(100, 0)]);
    world.run_ms(50);
    assert_eq!(world.condition("Initialized"), "False ContainersNotInitialized");
    assert_eq!(world.waits_for("a").as_deref(), Some("PodInitializing"));
    world.run_s(1);
    assert_eq!(world.order(), ["start i", "start j", "start a", "start b"]);
    assert_eq!(world.phase(), "Running");
    assert_eq!(world.condition("Initialized"), "True");
    assert!(world.container("i").ready);
}

#[test]
fn an_init_container_that_fails_is_tried_again_or_fails_the_pod() {
    let spec = |policy: &str| json!({"restartPolicy": policy, "containers": [{"name": "a"}], "initContainers": [{"name": "i"}]});
    let mut world = World::new(spec("Always")).life("i", &[exits(10, 1), exits(10, 1), exits(10, 0)]);
    world.run_s(5);
    assert_eq!(world.phase(), "Pending");
    assert_eq!(world.waits_for("i").as_deref(), Some("CrashLoopBackOff"));
    world.run_s(10);
    assert_eq!(world.phase(), "Running");
    assert_eq!(world.container("i").restart_count, 2);

    let mut world = World::new(spec("Never")).life("i", &[exits(10, 1)]);
    world.run_s(5);
    assert_eq!(world.phase(), "Failed");
    assert_eq!(world.attempts("a"), 0);
    assert_eq!(world.condition("Initialized"), "False ContainersNotInitialized");
}

#[test]
fn sidecars_start_in_order_and_stop_last_in_reverse() {
    let always = |name: &str| json!({"name": name, "restartPolicy": "Always"});
    let spec = json!({
        "containers": [{"name": "a"}],
        "initContainers": [always("s"), {"name": "i"}, always("t")],
    });
    let mut world = World::new(spec).life("i", &[exits(10, 0)]);
    world.run_s(1);
    assert_eq!(world.order(), ["start s", "start i", "start t", "start a"]);
    assert_eq!(world.phase(), "Running");
    world.delete(30);
    world.run_s(5);
    assert_eq!(world.order()[4..], ["stop a 30", "stop t 30", "stop s 30"]);
}

#[test]
fn a_sidecar_is_restarted_and_does_not_keep_a_pod_alive() {
    let spec = json!({
        "restartPolicy": "Never",
        "containers": [{"name": "a"}],
        "initContainers": [{"name": "s", "restartPolicy": "Always"}],
    });
    let lives = [exits(100, 1), FOREVER];
    let mut world = World::new(spec).life("s", &lives).life("a", &[exits(5000, 0)]);
    world.run_s(4);
    assert_eq!(world.attempts("s"), 2);
    assert_eq!(world.phase(), "Running");
    world.run_s(10);
    assert_eq!(world.phase(), "Succeeded");
    assert_eq!(world.attempts("a"), 1);
}

#[test]
fn a_sidecar_with_a_startup_probe_holds_back_what_follows() {
    let probe = json!({"exec": {"command": ["up"]}, "periodSeconds": 1, "failureThreshold": 30});
    let spec = json!({
        "containers": [{"name": "a"}],
        "initContainers": [{"name": "s", "restartPolicy": "Always", "startupProbe": probe}],
    });
    let mut world = World::new(spec);
    world.answers.insert("up".into(), vec![false, false, true]);
    world.run_ms(1500);
    assert_eq!(world.attempts("a"), 0);
    assert_eq!(world.container("s").started, Some(false));
    world.run_ms(1500);
    assert_eq!(world.attempts("a"), 1);
    assert_eq!(world.container("s").started, Some(true));
}

#[test]
fn post_start_holds_back_the_next_container_and_kills_its_own_when_it_fails() {
    let hook = json!({"postStart": {"exec": {"command": ["hello"]}}});
    let spec = || json!({"containers": [{"name": "a", "lifecycle": hook}, {"name": "b"}]});
    let mut world = World::new(spec());
    world.hook_takes = std::time::Duration::from_secs(2);
    world.run_s(1);
    assert_eq!(world.order(), ["start a"]);
    world.run_s(2);
    assert_eq!(world.order(), ["start a", "start b"]);

    let mut world = World::new(spec());
    world.answers.insert("hello".into(), vec![false, true]);
    world.run_ms(500);
    assert!(world.has_event("FailedPostStartHook", "PostStartHook failed"));
    assert!(world.has_event("Killing", "FailedPostStartHook"));
    world.run_s(15);
    assert_eq!(world.attempts("a"), 2);
    assert_eq!(world.condition("Ready"), "True");
}

#[test]
fn readiness_follows_the_probe_and_the_gates() {
    let probe = json!({"exec": {"command": ["ok"]}, "periodSeconds": 1, "failureThreshold": 1});
    let spec = json!({
        "containers": [{"name": "a", "readinessProbe": probe}],
        "readinessGates": [{"conditionType": "example.com/gate"}],
    });
    let mut world = World::new(spec);
    world.answers.insert("ok".into(), vec![false, true, true, true, false, true]);
    world.run_ms(100);
    assert_eq!(world.condition("ContainersReady"), "False ContainersNotReady");
    assert!(world.has_event("Unhealthy", "Readiness probe failed: "));
    world.run_s(1);
    assert_eq!(world.condition("ContainersReady"), "True");
    assert_eq!(world.condition("Ready"), "False ReadinessGatesNotReady");
    world.update(|pod| {
        let gate = json!({"type": "example.com/gate", "status": "True"});
        let conditions = pod.status.as_mut().unwrap().conditions.as_mut().unwrap();
        conditions.push(serde_json::from_value(gate).unwrap());
    });
    world.run_ms(500);
    assert_eq!(world.condition("Ready"), "True");
    world.run_s(3);
    assert_eq!(world.condition("Ready"), "False ContainersNotReady");
    assert_eq!(world.attempts("a"), 1);
}

#[test]
fn a_failed_liveness_probe_restarts_the_container_with_the_probes_grace() {
    let probe = json!({"exec": {"command": ["live"]}, "periodSeconds": 1, "failureThreshold": 1,
                       "terminationGracePeriodSeconds": 7});
    let spec =
        json!({"containers": [{"name": "a", "livenessProbe": probe}], "terminationGracePeriodSeconds": 60});
    let mut world = World::new(spec);
    world.answers.insert("live".into(), vec![true, false, true]);
    world.run_ms(1500);
    assert!(world.has_event("Unhealthy", "Liveness probe failed: "));
    assert!(world.has_event("Killing", "Container a failed liveness probe, will be restarted"));
    assert_eq!(world.order(), ["start a", "stop a 7", "start a"]);
    assert_eq!(world.container("a").restart_count, 1);
}

#[test]
fn a_new_image_restarts_only_its_container() {
    let mut world = World::new(json!({"containers": [{"name": "a"}, {"name": "b"}]}));
    world.run_s(1);
    world.update(|pod| pod.spec.as_mut().unwrap().containers[0].image = Some("busybox:2".into()));
    world.run_s(1);
    assert!(world.has_event("Killing", "Container a definition changed, will be restarted"));
    assert_eq!(world.order(), ["start a", "start b", "stop a 2", "start a"]);
    assert!(world.log.contains(&"pull busybox:2".to_owned()));
    assert_eq!(world.status().observed_generation, Some(2));
}

#[test]
fn ephemeral_containers_start_when_added_and_only_once() {
    let mut world = World::new(one("Always")).life("e", &[exits(100, 1)]);
    world.run_s(1);
    world.update(|pod| {
        let added = json!([{"name": "e", "image": "busybox:1", "targetContainerName": "a"}]);
        pod.spec.as_mut().unwrap().ephemeral_containers = Some(serde_json::from_value(added).unwrap());
    });
    world.run_s(20);
    assert_eq!(world.attempts("e"), 1);
    assert_eq!(world.phase(), "Running");
    assert_eq!(world.condition("Ready"), "True");
    assert_eq!(world.container("e").state.unwrap().terminated.unwrap().exit_code, 1);
}

#[test]
fn a_dead_sandbox_is_replaced_with_everything_in_it() {
    let spec = json!({"containers": [{"name": "a"}], "initContainers": [{"name": "i"}]});
    let mut world = World::new(spec).life("i", &[exits(10, 0)]);
    world.run_s(1);
    let sandbox = world.runtime.sandboxes[0].id.clone();
    world.runtime.sandboxes[0].ready = false;
    world.end_container("a-3", 255);
    world.relist();
    world.run_s(15);
    assert!(world.has_event("SandboxChanged", "Pod sandbox changed, it will be killed and re-created."));
    assert_ne!(world.machine.facts().latest_sandbox().unwrap().id, sandbox);
    assert_eq!(world.order(), ["start i", "start a", "start i", "start a"]);
    assert_eq!(world.container("a").restart_count, 1);
    assert_eq!(world.phase(), "Running");
}

#[test]
fn a_dead_sandbox_ends_a_pod_that_runs_once() {
    let mut world = World::new(one("Never"));
    world.run_s(1);
    world.runtime.sandboxes[0].ready = false;
    world.end_container("a-2", 137);
    world.relist();
    world.run_s(5);
    assert_eq!(world.phase(), "Failed");
    assert_eq!(world.attempts("a"), 1);
}

#[test]
fn an_agent_that_is_restarted_restarts_nothing_and_writes_nothing() {
    let probe = json!({"exec": {"command": ["ok"]}, "periodSeconds": 10});
    let spec = json!({"containers": [{"name": "a", "readinessProbe": probe, "startupProbe": probe}]});
    let mut world = World::new(spec);
    world.run_s(15);
    assert_eq!(world.condition("Ready"), "True");
    let (status, order) = (world.status(), world.order().len());
    world.kill_agent();
    let before = world.log.len();
    world.run_ms(1);
    assert_eq!(world.status(), status);
    world.run_s(30);
    assert_eq!(world.order().len(), order);
    assert_eq!(world.status(), status);
    let since: Vec<_> = world.log[before..].iter().filter(|w| !w.starts_with("exec")).collect();
    assert!(since.is_empty(), "{since:?}");
}

#[test]
fn a_container_that_was_made_but_not_started_is_started_by_the_next_agent() {
    let mut world = World::new(one("Always"));
    while world.runtime.containers.is_empty() {
        world.run_steps(1);
    }
    world.kill_agent();
    world.run_s(1);
    assert_eq!(world.container("a").restart_count, 0);
    assert_eq!(world.runtime.containers.len(), 1);
}

#[test]
fn volumes_come_first_and_changing_ones_are_kept_up_to_date() {
    let spec = json!({
        "containers": [{"name": "a"}],
        "volumes": [{"name": "c", "configMap": {"name": "c"}}, {"name": "e", "emptyDir": {}}],
    });
    let mut world = World::new(spec);
    world.run_s(1);
    assert_eq!(world.log[..3], ["mount c", "mount e", "run sandbox 0"]);
    world.run_s(60);
    world.input(crate::effect::Input::SourcesChanged);
    world.update(|pod| pod.metadata.labels = Some([("x".to_owned(), "y".to_owned())].into()));
    let mounts = |what: &str| world.log.iter().filter(|w| **w == format!("mount {what}")).count();
    assert_eq!((mounts("c"), mounts("e")), (3, 1));
    assert_eq!(world.machine.state(), State::Active);
}
