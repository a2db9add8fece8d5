//! A pod's spec as the machines look at it.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec};

/// What part a container plays in its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container with restart policy Always: starts in order, runs as long as the pod (KEP-753).
    Sidecar,
    Main,
    /// Added to a running pod for debugging; never restarted.
    Ephemeral,
}

/// One container of a pod, whatever list it stands in.
#[derive(Clone, Debug)]
pub struct ContainerSpec<'a> {
    pub role: Role,
    pub container: Cow<'a, Container>,
    /// The container whose processes an ephemeral container joins.
    pub target: Option<&'a str>,
}

impl ContainerSpec<'_> {
    pub fn name(&self) -> &str {
        &self.container.name
    }

    /// `spec.containers{name}`, as events name a part of a pod.
    pub fn field_path(&self) -> String {
        let list = match self.role {
            Role::Init | Role::Sidecar => "initContainers",
            Role::Main => "containers",
            Role::Ephemeral => "ephemeralContainers",
        };
        format!("spec.{list}{{{}}}", self.container.name)
    }
}

/// The spec of a pod; an empty one if the object has none.
pub fn of(pod: &Pod) -> Cow<'_, PodSpec> {
    match &pod.spec {
        Some(spec) => Cow::Borrowed(spec),
        None => Cow::Owned(PodSpec::default()),
    }
}

/// Whether an init container is a sidecar.
pub fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

pub fn init_containers(spec: &PodSpec) -> &[Container] {
    spec.init_containers.as_deref().unwrap_or_default()
}

pub fn ephemeral_containers(spec: &PodSpec) -> &[EphemeralContainer] {
    spec.ephemeral_containers.as_deref().unwrap_or_default()
}

/// Every container in the order in which they start: init containers and sidecars, main, ephemeral.
pub fn containers(spec: &PodSpec) -> impl Iterator<Item = ContainerSpec<'_>> {
    let init = init_containers(spec).iter().map(|c| ContainerSpec {
        role: if is_sidecar(c) { Role::Sidecar } else { Role::Init },
        container: Cow::Borrowed(c),
        target: None,
    });
    let main = spec.containers.iter().map(|c| ContainerSpec {
        role: Role::Main,
        container: Cow::Borrowed(c),
        target: None,
    });
    let ephemeral = ephemeral_containers(spec).iter().map(|e| ContainerSpec {
        role: Role::Ephemeral,
        container: Cow::Owned(of_ephemeral(e)),
        target: e.target_container_name.as_deref().filter(|t| !t.is_empty()),
    });
    init.chain(main).chain(ephemeral)
}

/// The container of that name.
pub fn container<'a>(spec: &'a PodSpec, name: &str) -> Option<ContainerSpec<'a>> {
    containers(spec).find(|c| c.name() == name)
}

/// The fields that ephemeral containers share with the others.
fn of_ephemeral(e: &EphemeralContainer) -> Container {
    Container {
        args: e.args.clone(),
        command: e.command.clone(),
        env: e.env.clone(),
        env_from: e.env_from.clone(),
        image: e.image.clone(),
        image_pull_policy: e.image_pull_policy.clone(),
        lifecycle: e.lifecycle.clone(),
        liveness_probe: e.liveness_probe.clone(),
        name: e.name.clone(),
        ports: e.ports.clone(),
        readiness_probe: e.readiness_probe.clone(),
        resize_policy: e.resize_policy.clone(),
        resources: e.resources.clone(),
        restart_policy: e.restart_policy.clone(),
        restart_policy_rules: e.restart_policy_rules.clone(),
        security_context: e.security_context.clone(),
        startup_probe: e.startup_probe.clone(),
        stdin: e.stdin,
        stdin_once: e.stdin_once,
        termination_message_path: e.termination_message_path.clone(),
        termination_message_policy: e.termination_message_policy.clone(),
        tty: e.tty,
        volume_devices: e.volume_devices.clone(),
        volume_mounts: e.volume_mounts.clone(),
        working_dir: e.working_dir.clone(),
    }
}

/// The pod's restart policy; Always unless it says otherwise.
pub fn restart_policy(spec: &PodSpec) -> &str {
    spec.restart_policy.as_deref().unwrap_or("Always")
}

/// Whether a container that exited with `code` is to be run again: its own rules first, then its own
/// policy, then the pod's (KEP-5307).
pub fn restarts_after_exit(spec: &PodSpec, container: &Container, role: Role, code: i32) -> bool {
    if role == Role::Ephemeral {
        return false;
    }
    if restart_rule_matches(container, code) {
        return true;
    }
    match container.restart_policy.as_deref().unwrap_or_else(|| restart_policy(spec)) {
        "Never" => false,
        "OnFailure" => code != 0,
        // An init container that succeeded is done, whatever the pod's policy.
        _ => role != Role::Init || code != 0,
    }
}

/// Whether a container that must be killed while it runs (failed probe) is to be run again. Rules on exit
/// codes do not count: there is no exit code yet.
pub fn restarts_after_kill(spec: &PodSpec, container: &Container) -> bool {
    container.restart_policy.as_deref().unwrap_or_else(|| restart_policy(spec)) != "Never"
}

fn restart_rule_matches(container: &Container, code: i32) -> bool {
    let rules = container.restart_policy_rules.as_deref().unwrap_or_default();
    rules.iter().any(|rule| {
        let Some(on) = &rule.exit_codes else { return false };
        let listed = on.values.as_deref().unwrap_or_default().contains(&code);
        rule.action == "Restart"
            && match on.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                _ => false,
            }
    })
}

/// What a running container is compared with: a hash of the fields whose change restarts it, the name and
/// the image. FNV-1a, so that it is the same in every build.
pub fn hash(container: &Container) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let image = container.image.as_deref().unwrap_or_default();
    for byte in container.name.bytes().chain([0]).chain(image.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{hash:x}")
}

/// `name_namespace(uid)`, as upstream's messages name a pod.
pub fn described(pod: &Pod) -> String {
    format!("{}_{}({})", name(pod), namespace(pod), uid(pod))
}

pub fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

pub fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or_default()
}

pub fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

pub fn host_network(spec: &PodSpec) -> bool {
    spec.host_network.unwrap_or(false)
}

/// `Succeeded` or `Failed`.
pub fn is_terminal(phase: Option<&str>) -> bool {
    matches!(phase, Some("Succeeded" | "Failed"))
}
