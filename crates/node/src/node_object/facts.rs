//! What does not change while the agent runs.

use std::net::IpAddr;

use ironclad_node_core::node_status::{Runtime, System};

use crate::machine::Machine;

/// The node as its object tells of it.
#[derive(Clone, Debug)]
pub(crate) struct NodeFacts {
    pub name: String,
    pub hostname: String,
    pub addresses: Vec<IpAddr>,
    pub agent_port: u16,
    pub system: System,
    pub runtime: Runtime,
}

impl NodeFacts {
    pub(crate) fn system(machine: &Machine) -> System {
        System {
            machine_id: machine.machine_id.clone(),
            system_uuid: machine.system_uuid.clone(),
            boot_id: machine.boot_id.clone(),
            kernel_version: machine.kernel.clone(),
            os_image: machine.os_image.clone(),
            architecture: machine.architecture.to_owned(),
            agent_version: super::VERSION.to_owned(),
            swap_bytes: 0,
        }
    }
}
