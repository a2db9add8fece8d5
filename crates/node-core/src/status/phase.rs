//! The phase of a pod, from the statuses of its containers.

use k8s_openapi::api::core::v1::{Container, ContainerStateTerminated, ContainerStatus, PodSpec};

use crate::spec::{self, Role};

/// Where one container stands, as far as the phase is concerned.
enum Standing<'a> {
    /// No status, or one that says nothing.
    Unknown,
    /// It waits and never ran.
    Waiting,
    Running {
        started: bool,
    },
    /// It has ended and does not run now, whether it waits for a restart or not.
    Ended(&'a ContainerStateTerminated),
}

/// `Pending`, `Running`, `Succeeded` or `Failed`. `stopped`: no container will be started again, whatever the
/// restart policy. `initialized`: a main container has been made in this sandbox.
pub fn of(
    spec: &PodSpec,
    init: &[ContainerStatus],
    main: &[ContainerStatus],
    stopped: bool,
    initialized: bool,
) -> &'static str {
    let mut counts = Counts::default();
    for container in spec::init_containers(spec) {
        let standing = standing(init, &container.name);
        if spec::is_sidecar(container) {
            counts.sidecar(&standing);
        } else {
            counts.init(spec, container, &standing);
        }
    }
    for container in &spec.containers {
        counts.main(spec, container, &standing(main, &container.name));
    }
    counts.phase(stopped, initialized)
}

#[derive(Default)]
struct Counts {
    pending_init: usize,
    pending_sidecars: usize,
    failed_init_for_good: usize,
    unknown: usize,
    waiting: usize,
    running: usize,
    ended: usize,
    ended_for_good: usize,
    succeeded: usize,
}

impl Counts {
    fn init(&mut self, spec: &PodSpec, container: &Container, standing: &Standing<'_>) {
        match standing {
            Standing::Ended(end) if end.exit_code == 0 => {}
            Standing::Ended(end) => {
                let restarts = spec::restarts_after_exit(spec, container, Role::Init, end.exit_code);
                self.failed_init_for_good += usize::from(!restarts);
            }
            _ => self.pending_init += 1,
        }
    }

    /// Sidecars that have ended do not count: they neither fail a pod nor keep it running.
    fn sidecar(&mut self, standing: &Standing<'_>) {
        match standing {
            Standing::Running { started } => {
                self.pending_sidecars += usize::from(!started);
                self.running += 1;
            }
            Standing::Ended(_) => {}
            Standing::Waiting => {
                self.pending_sidecars += 1;
                self.waiting += 1;
            }
            Standing::Unknown => {
                self.pending_sidecars += 1;
                self.unknown += 1;
            }
        }
    }

    fn main(&mut self, spec: &PodSpec, container: &Container, standing: &Standing<'_>) {
        match standing {
            Standing::Running { .. } => self.running += 1,
            Standing::Waiting => self.waiting += 1,
            Standing::Unknown => self.unknown += 1,
            Standing::Ended(end) => {
                let restarts = spec::restarts_after_exit(spec, container, Role::Main, end.exit_code);
                self.ended += 1;
                self.ended_for_good += usize::from(!restarts);
                self.succeeded += usize::from(end.exit_code == 0);
            }
        }
    }

    fn phase(&self, stopped: bool, initialized: bool) -> &'static str {
        let ended = if self.ended == self.succeeded { "Succeeded" } else { "Failed" };
        let starting = self.pending_init > 0 || (self.pending_sidecars > 0 && !initialized);
        let pending = starting || self.waiting + self.unknown > 0 || self.running + self.ended == 0;
        if self.failed_init_for_good > 0 {
            "Failed"
        } else if pending {
            "Pending"
        } else if self.running > 0 {
            "Running"
        } else if stopped || self.ended == self.ended_for_good {
            ended
        } else {
            "Running"
        }
    }
}

fn standing<'a>(statuses: &'a [ContainerStatus], name: &str) -> Standing<'a> {
    let Some(status) = statuses.iter().find(|s| s.name == name) else { return Standing::Unknown };
    let Some(state) = &status.state else { return Standing::Unknown };
    let ended_before = status.last_state.as_ref().and_then(|s| s.terminated.as_ref());
    match (&state.running, &state.terminated, &state.waiting, ended_before) {
        (Some(_), ..) => Standing::Running { started: status.started == Some(true) },
        (_, Some(end), ..) => Standing::Ended(end),
        (_, _, Some(_), Some(end)) => Standing::Ended(end),
        (_, _, Some(_), None) => Standing::Waiting,
        _ => Standing::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn status(name: &str, state: &str) -> Value {
        let ended = |code: i32| json!({"terminated": {"exitCode": code}});
        let (state, last) = match state {
            "waiting" => (json!({"waiting": {}}), json!({})),
            "running" => (json!({"running": {}}), json!({})),
            "ok" => (ended(0), json!({})),
            "failed" => (ended(1), json!({})),
            "crashing" => (json!({"waiting": {}}), ended(1)),
            other => panic!("no such state: {other}"),
        };
        json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "started": true,
               "state": state, "lastState": last})
    }

    /// `init` and `main` say where each container stands, in order; `s:` marks sidecars.
    fn check(policy: &str, init: &[&str], main: &[&str], stopped: bool, expected: &str) {
        let mut init_specs = Vec::new();
        let mut init_statuses = Vec::new();
        for (i, state) in init.iter().enumerate() {
            let name = format!("i{i}");
            let spec = match state.strip_prefix("s:") {
                Some(_) => json!({"name": name, "restartPolicy": "Always"}),
                None => json!({"name": name}),
            };
            init_specs.push(spec);
            init_statuses.push(status(&name, state.trim_start_matches("s:")));
        }
        let names: Vec<String> = (0..main.len()).map(|i| format!("m{i}")).collect();
        let main_statuses: Vec<Value> = names.iter().zip(main).map(|(n, s)| status(n, s)).collect();
        let spec = json!({
            "restartPolicy": policy,
            "initContainers": init_specs,
            "containers": names.iter().map(|n| json!({"name": n})).collect::<Vec<_>>(),
        });
        let spec: PodSpec = serde_json::from_value(spec).unwrap();
        let init_statuses: Vec<ContainerStatus> = serde_json::from_value(json!(init_statuses)).unwrap();
        let main_statuses: Vec<ContainerStatus> = serde_json::from_value(json!(main_statuses)).unwrap();
        let initialized = !main.contains(&"waiting");
        let phase = of(&spec, &init_statuses, &main_statuses, stopped, initialized);
        assert_eq!(phase, expected, "{policy} init {init:?} main {main:?} stopped {stopped}");
    }

    #[test]
    fn the_phase_follows_from_containers_and_restart_policy() {
        check("Always", &[], &["waiting"], false, "Pending");
        check("Always", &[], &["running"], false, "Running");
        check("Always", &[], &["running", "waiting"], false, "Pending");
        check("Always", &[], &["running", "crashing"], false, "Running");
        check("Always", &[], &["ok"], false, "Running");
        check("Always", &[], &["ok"], true, "Succeeded");
        check("Always", &[], &["crashing"], false, "Running");
        check("OnFailure", &[], &["ok", "ok"], false, "Succeeded");
        check("OnFailure", &[], &["ok", "failed"], false, "Running");
        check("OnFailure", &[], &["ok", "failed"], true, "Failed");
        check("Never", &[], &["ok"], false, "Succeeded");
        check("Never", &[], &["ok", "failed"], false, "Failed");
        check("Never", &[], &["failed", "running"], false, "Running");
    }

    #[test]
    fn init_containers_hold_a_pod_pending_or_fail_it() {
        check("Always", &["running"], &["waiting"], false, "Pending");
        check("Always", &["ok", "waiting"], &["waiting"], false, "Pending");
        check("Always", &["crashing"], &["waiting"], false, "Pending");
        check("Never", &["failed"], &["waiting"], false, "Failed");
        check("OnFailure", &["failed"], &["waiting"], false, "Pending");
        check("Never", &["ok"], &["ok"], false, "Succeeded");
    }

    #[test]
    fn sidecars_neither_fail_a_pod_nor_keep_it_from_ending() {
        check("Never", &["s:running"], &["running"], false, "Running");
        check("Never", &["s:failed"], &["running"], false, "Running");
        check("Never", &["s:failed"], &["ok"], false, "Succeeded");
        check("Never", &["s:waiting"], &["waiting"], false, "Pending");
    }
}
