//! From the runtime's statuses to facts.

use ironclad_cri::v1;
use ironclad_node_core::container::labels;
use ironclad_node_core::facts::LinuxUser;
use ironclad_node_core::{ContainerFact, ContainerState, Exit, SandboxFact};
use jiff::Timestamp;

/// Nanoseconds since the epoch, as CRI counts.
fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(crate) fn sandbox_fact(status: &v1::PodSandboxStatus) -> SandboxFact {
    let options = status.linux.as_ref().and_then(|l| l.namespaces.as_ref()).and_then(|n| n.options.as_ref());
    let host_network = options.is_some_and(|options| options.network == v1::NamespaceMode::Node as i32);
    let network = status.network.as_ref().filter(|_| !host_network);
    let first = network.map(|n| n.ip.clone()).into_iter();
    let more = network.into_iter().flat_map(|n| n.additional_ips.iter().map(|ip| ip.ip.clone()));
    SandboxFact {
        id: status.id.clone(),
        attempt: status.metadata.as_ref().map_or(0, |m| m.attempt),
        ready: status.state == v1::PodSandboxState::SandboxReady as i32,
        created_at: time(status.created_at),
        ips: first.chain(more).filter(|ip| !ip.is_empty()).collect(),
        host_network,
    }
}

/// `message` is the runtime's joined with the termination message; `sandbox_id` is not in the status.
pub(crate) fn container_fact(
    status: &v1::ContainerStatus,
    sandbox_id: &str,
    message: String,
) -> ContainerFact {
    let metadata = status.metadata.clone().unwrap_or_default();
    let named = status.labels.get(labels::CONTAINER_NAME).cloned();
    let counted = status.annotations.get(labels::RESTART_COUNT).and_then(|count| count.parse().ok());
    let user = status.user.as_ref().and_then(|user| user.linux.as_ref());
    ContainerFact {
        id: status.id.clone(),
        sandbox_id: sandbox_id.to_owned(),
        name: named.unwrap_or(metadata.name),
        attempt: counted.unwrap_or(metadata.attempt),
        state: state(status, message),
        created_at: time(status.created_at),
        started_at: (status.started_at > 0).then(|| time(status.started_at)),
        image: status.image.as_ref().map(|i| i.image.clone()).unwrap_or_default(),
        image_ref: status.image_ref.clone(),
        hash: status.annotations.get(labels::HASH).cloned().unwrap_or_default(),
        user: user.map(|user| LinuxUser {
            uid: user.uid,
            gid: user.gid,
            supplemental_groups: user.supplemental_groups.clone(),
        }),
    }
}

fn state(status: &v1::ContainerStatus, message: String) -> ContainerState {
    match v1::ContainerState::try_from(status.state) {
        Ok(v1::ContainerState::ContainerCreated) => ContainerState::Created,
        Ok(v1::ContainerState::ContainerRunning) => ContainerState::Running,
        Ok(v1::ContainerState::ContainerExited) => ContainerState::Exited(Exit {
            code: status.exit_code,
            reason: status.reason.clone(),
            message,
            finished_at: time(status.finished_at),
        }),
        Ok(v1::ContainerState::ContainerUnknown) | Err(_) => ContainerState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_containers_identity_is_read_from_its_labels() {
        let status = v1::ContainerStatus {
            id: "c".into(),
            state: v1::ContainerState::ContainerExited.into(),
            exit_code: 3,
            reason: "Error".into(),
            created_at: 1_000_000_000,
            finished_at: 2_000_000_000,
            labels: [(labels::CONTAINER_NAME.to_owned(), "web".to_owned())].into(),
            annotations: [(labels::RESTART_COUNT.to_owned(), "4".to_owned())].into(),
            ..Default::default()
        };
        let fact = container_fact(&status, "s", "bye".into());
        assert_eq!((fact.name.as_str(), fact.attempt, fact.sandbox_id.as_str()), ("web", 4, "s"));
        let exit = fact.exit().expect("it has exited");
        assert_eq!((exit.code, exit.message.as_str(), exit.finished_at), (3, "bye", time(2_000_000_000)));
        assert_eq!(fact.started_at, None);
    }

    #[test]
    fn a_sandbox_on_the_nodes_network_has_no_addresses_of_its_own() {
        let network = v1::PodSandboxNetworkStatus { ip: "10.0.0.1".into(), additional_ips: vec![] };
        let namespaces = |network: v1::NamespaceMode| v1::LinuxPodSandboxStatus {
            namespaces: Some(v1::Namespace {
                options: Some(v1::NamespaceOption { network: network.into(), ..Default::default() }),
            }),
        };
        let check = |mode, expected: &[&str]| {
            let status = v1::PodSandboxStatus {
                network: Some(network.clone()),
                linux: Some(namespaces(mode)),
                ..Default::default()
            };
            assert_eq!(sandbox_fact(&status).ips, expected);
        };
        check(v1::NamespaceMode::Pod, &["10.0.0.1"]);
        check(v1::NamespaceMode::Node, &[]);
    }
}
