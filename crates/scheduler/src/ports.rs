//! Host ports that the pods of a node have taken.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;

use crate::amounts::is_sidecar;

const ANY: &str = "0.0.0.0";

/// A port that a pod binds on its node. An address of `0.0.0.0` is all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    pub protocol: String,
    pub port: i32,
    pub address: String,
}

impl HostPort {
    /// The host ports of all containers that run while the pod does.
    pub fn of(spec: &PodSpec) -> Vec<Self> {
        let sidecars = spec.init_containers.iter().flatten().filter(|container| is_sidecar(container));
        let ports =
            spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
        let host = ports.filter_map(|port| Some((port, port.host_port.filter(|number| *number > 0)?)));
        let or = |text: &Option<String>, default: &str| {
            text.clone().filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned())
        };
        host.map(|(port, number)| Self {
            protocol: or(&port.protocol, "TCP"),
            port: number,
            address: or(&port.host_ip, ANY),
        })
        .collect()
    }

    /// Whether both cannot be bound on one node.
    pub fn conflicts(&self, other: &Self) -> bool {
        self.port == other.port
            && self.protocol == other.protocol
            && (self.address == ANY || other.address == ANY || self.address == other.address)
    }
}

/// Each port with how many pods have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsedPorts(BTreeMap<HostPort, usize>);

impl UsedPorts {
    pub fn add(&mut self, ports: &[HostPort]) {
        for port in ports {
            *self.0.entry(port.clone()).or_default() += 1;
        }
    }

    pub fn remove(&mut self, ports: &[HostPort]) {
        for port in ports {
            match self.0.get_mut(port) {
                Some(1) => drop(self.0.remove(port)),
                Some(count) => *count -= 1,
                None => {}
            }
        }
    }

    pub fn are_free(&self, wanted: &[HostPort]) -> bool {
        !wanted.iter().any(|port| self.0.keys().any(|used| used.conflicts(port)))
    }
}
