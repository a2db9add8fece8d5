//! The labels and annotations by which a container is found again, in kubelet's words, so that either agent
//! recognizes the other's containers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::spec;

pub const POD_NAME: &str = "io.kubernetes.pod.name";
pub const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
pub const POD_UID: &str = "io.kubernetes.pod.uid";
pub const CONTAINER_NAME: &str = "io.kubernetes.container.name";

pub const HASH: &str = "io.kubernetes.container.hash";
pub const RESTART_COUNT: &str = "io.kubernetes.container.restartCount";
pub const TERMINATION_MESSAGE_PATH: &str = "io.kubernetes.container.terminationMessagePath";
pub const TERMINATION_MESSAGE_POLICY: &str = "io.kubernetes.container.terminationMessagePolicy";
const PRE_STOP: &str = "io.kubernetes.container.preStopHandler";
const PORTS: &str = "io.kubernetes.container.ports";
const POD_DELETION_GRACE: &str = "io.kubernetes.pod.deletionGracePeriod";
const POD_TERMINATION_GRACE: &str = "io.kubernetes.pod.terminationGracePeriod";

/// The labels of a sandbox: the pod's own and what identifies it.
pub fn of_sandbox(pod: &Pod) -> BTreeMap<String, String> {
    let mut labels = pod.metadata.labels.clone().unwrap_or_default();
    labels.extend(identity(pod));
    labels
}

/// The labels of a container.
pub fn of_container(pod: &Pod, name: &str) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<_, _> = identity(pod).into();
    labels.insert(CONTAINER_NAME.to_owned(), name.to_owned());
    labels
}

fn identity(pod: &Pod) -> [(String, String); 3] {
    [(POD_NAME, spec::name(pod)), (POD_NAMESPACE, spec::namespace(pod)), (POD_UID, spec::uid(pod))]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// What has to be known of a container after a restart of the agent.
pub fn annotations(pod: &Pod, container: &Container, attempt: u32) -> BTreeMap<String, String> {
    let message_path = container.termination_message_path.clone().unwrap_or_default();
    let message_policy = container.termination_message_policy.clone().unwrap_or_default();
    let pre_stop = container.lifecycle.as_ref().and_then(|l| l.pre_stop.as_ref());
    let ports = container.ports.as_ref().filter(|ports| !ports.is_empty());
    let grace = spec::of(pod).termination_grace_period_seconds;
    let all = [
        (HASH, Some(spec::hash(container))),
        (RESTART_COUNT, Some(attempt.to_string())),
        (TERMINATION_MESSAGE_PATH, Some(message_path)),
        (TERMINATION_MESSAGE_POLICY, Some(message_policy)),
        (PRE_STOP, pre_stop.and_then(|hook| serde_json::to_string(hook).ok())),
        (PORTS, ports.and_then(|ports| serde_json::to_string(ports).ok())),
        (POD_DELETION_GRACE, pod.metadata.deletion_grace_period_seconds.map(|s| s.to_string())),
        (POD_TERMINATION_GRACE, grace.map(|s| s.to_string())),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
