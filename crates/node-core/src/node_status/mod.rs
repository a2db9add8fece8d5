//! The status of this node's object: what it is, what it has, how it is.
//!
//! * [`capacity`]: resources. * [`conditions`]: Ready and pressure. The rest is copied from what the shell has
//!   read of the machine. Leases are the shell's: they say nothing but that it lives.

pub mod capacity;
pub mod conditions;

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerImage, DaemonEndpoint, NodeAddress, NodeDaemonEndpoints, NodeFeatures, NodeRuntimeHandler,
    NodeRuntimeHandlerFeatures, NodeStatus, NodeSystemInfo,
};

use crate::admit::Pressure;
use crate::event::PodEvent;
use capacity::Machine;

/// The largest images that are listed, and how many names each has at most.
const MAX_IMAGES: usize = 50;
const MAX_NAMES: usize = 5;

/// What a node's status is rendered from.
#[derive(Clone, Debug)]
pub struct NodeView<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    pub hostname: &'a str,
    /// The primary address first.
    pub addresses: &'a [IpAddr],
    /// The port of the agent's own HTTPS server.
    pub agent_port: u16,
    pub machine: &'a Machine,
    pub system: &'a System,
    pub images: &'a [Image],
    pub runtime: &'a Runtime,
    /// What stands in the way of running pods, in words; empty is ready.
    pub troubles: &'a [String],
    pub pressure: Pressure,
}

/// What the machine runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct System {
    pub machine_id: String,
    pub system_uuid: String,
    pub boot_id: String,
    pub kernel_version: String,
    /// `PRETTY_NAME` of os-release.
    pub os_image: String,
    /// As Go names it: `amd64`.
    pub architecture: String,
    /// `v1.36.0`
    pub agent_version: String,
    /// Bytes; 0: none.
    pub swap_bytes: i64,
}

/// What the container runtime is and can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runtime {
    /// `containerd`
    pub name: String,
    pub version: String,
    /// Whether it can be strict about supplemental groups.
    pub supplemental_groups_policy: bool,
    pub handlers: Vec<Handler>,
}

/// A way the runtime can run pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handler {
    /// Empty: the default.
    pub name: String,
    pub recursive_read_only_mounts: bool,
    pub user_namespaces: bool,
}

/// An image on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    pub digests: Vec<String>,
    pub tags: Vec<String>,
    pub size_bytes: i64,
}

/// The status, and the events that its changes deserve. `previous` is the status as the API has it; what others
/// write into it is kept.
pub fn render(view: &NodeView<'_>, previous: &NodeStatus, now: Timestamp) -> (NodeStatus, Vec<PodEvent>) {
    let (capacity, allocatable) = view.machine.resources(previous);
    let (conditions, events) = conditions::render(view, previous, &capacity, now);
    let status = NodeStatus {
        addresses: Some(addresses(view)),
        allocatable: Some(allocatable),
        capacity: Some(capacity),
        conditions: Some(conditions),
        daemon_endpoints: Some(NodeDaemonEndpoints {
            kubelet_endpoint: Some(DaemonEndpoint { port: i32::from(view.agent_port) }),
        }),
        images: Some(images(view.images)),
        node_info: Some(system_info(view)),
        features: Some(NodeFeatures {
            supplemental_groups_policy: Some(view.runtime.supplemental_groups_policy),
        }),
        runtime_handlers: Some(view.runtime.handlers.iter().map(handler).collect()),
        ..previous.clone()
    };
    (status, events)
}

fn addresses(view: &NodeView<'_>) -> Vec<NodeAddress> {
    let address = |kind: &str, address: String| NodeAddress { type_: kind.to_owned(), address };
    let internal = view.addresses.iter().map(|ip| address("InternalIP", ip.to_string()));
    internal.chain([address("Hostname", view.hostname.to_owned())]).collect()
}

/// The largest first.
fn images(images: &[Image]) -> Vec<ContainerImage> {
    let mut sorted: Vec<&Image> = images.iter().collect();
    sorted.sort_by(|a, b| (b.size_bytes, &a.tags).cmp(&(a.size_bytes, &b.tags)));
    let listed = sorted.into_iter().take(MAX_IMAGES).map(|image| ContainerImage {
        names: Some(image.digests.iter().chain(&image.tags).take(MAX_NAMES).cloned().collect()),
        size_bytes: Some(image.size_bytes),
    });
    listed.collect()
}

fn system_info(view: &NodeView<'_>) -> NodeSystemInfo {
    let system = view.system;
    NodeSystemInfo {
        architecture: system.architecture.clone(),
        boot_id: system.boot_id.clone(),
        container_runtime_version: format!("{}://{}", view.runtime.name, view.runtime.version),
        kernel_version: system.kernel_version.clone(),
        kube_proxy_version: String::new(),
        kubelet_version: system.agent_version.clone(),
        machine_id: system.machine_id.clone(),
        operating_system: "linux".to_owned(),
        os_image: system.os_image.clone(),
        swap: (system.swap_bytes > 0)
            .then_some(k8s_openapi::api::core::v1::NodeSwapStatus { capacity: Some(system.swap_bytes) }),
        system_uuid: system.system_uuid.clone(),
    }
}

fn handler(handler: &Handler) -> NodeRuntimeHandler {
    NodeRuntimeHandler {
        name: Some(handler.name.clone()),
        features: Some(NodeRuntimeHandlerFeatures {
            recursive_read_only_mounts: Some(handler.recursive_read_only_mounts),
            user_namespaces: Some(handler.user_namespaces),
        }),
    }
}

/// The labels that a node gives itself.
pub fn labels(hostname: &str, architecture: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("kubernetes.io/hostname", hostname),
        ("kubernetes.io/arch", architecture),
        ("kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", architecture),
        ("beta.kubernetes.io/os", "linux"),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::Resources;
    use ironclad_api::quantity::Quantity;
    use serde_json::json;

    fn rendered(troubles: &[&str], pressure: Pressure, previous: &NodeStatus) -> (NodeStatus, Vec<String>) {
        let troubles: Vec<String> = troubles.iter().map(|t| (*t).to_owned()).collect();
        let reserved: Resources = [("memory".to_owned(), Quantity::from_bytes(100 << 20))].into();
        let machine = Machine {
            cpu_cores: 2,
            memory_bytes: 4 << 30,
            ephemeral_storage_bytes: 10 << 30,
            hugepages: vec![("2Mi".to_owned(), 24 << 20)],
            max_pods: 110,
            reserved,
        };
        let images: Vec<Image> = (0..60)
            .map(|i| Image { digests: vec![format!("d{i}")], tags: vec![format!("t{i}")], size_bytes: i })
            .collect();
        let view = NodeView {
            name: "n",
            hostname: "host",
            addresses: &["192.168.0.1".parse().unwrap()],
            agent_port: 10250,
            machine: &machine,
            system: &System { agent_version: "v1.36.0".into(), ..Default::default() },
            images: &images,
            runtime: &Runtime { name: "containerd".into(), version: "2.0".into(), ..Default::default() },
            troubles: &troubles,
            pressure,
        };
        let (status, events) = render(&view, previous, Timestamp::UNIX_EPOCH);
        (status, events.into_iter().map(|event| event.message).collect())
    }

    #[test]
    fn a_node_says_what_it_has() {
        let previous = serde_json::from_value(json!({
            "capacity": {"example.com/gpu": "1"}, "allocatable": {"example.com/gpu": "1", "example.com/gone": "1"},
            "volumesInUse": ["v"],
        }))
        .unwrap();
        let (status, _) = rendered(&[], Pressure::default(), &previous);
        let value = serde_json::to_value(&status).unwrap();
        assert_eq!(
            value["capacity"],
            json!({"cpu": "2", "memory": "4Gi", "ephemeral-storage": "10Gi", "pods": "110",
                   "hugepages-2Mi": "24Mi", "example.com/gpu": "1"})
        );
        assert_eq!(value["allocatable"]["memory"], "3972Mi");
        assert_eq!(value["allocatable"]["example.com/gpu"], "1");
        assert_eq!(value["allocatable"].get("example.com/gone"), None);
        assert_eq!(
            value["addresses"],
            json!([{"type": "InternalIP", "address": "192.168.0.1"}, {"type": "Hostname", "address": "host"}])
        );
        assert_eq!(value["nodeInfo"]["containerRuntimeVersion"], "containerd://2.0");
        assert_eq!(value["images"].as_array().unwrap().len(), 50);
        assert_eq!(value["images"][0], json!({"names": ["d59", "t59"], "sizeBytes": 59}));
        assert_eq!(value["volumesInUse"], json!(["v"]));
    }

    #[test]
    fn a_node_says_how_it_is_and_tells_what_changed() {
        let check = |status: &NodeStatus, expected: &[&str]| {
            let conditions = status.conditions.iter().flatten();
            let found: Vec<String> = conditions
                .map(|c| format!("{} {} {}", c.type_, c.status, c.reason.as_deref().unwrap_or_default()))
                .collect();
            assert_eq!(found, expected);
        };
        let (first, events) = rendered(&[], Pressure::default(), &NodeStatus::default());
        check(
            &first,
            &[
                "MemoryPressure False KubeletHasSufficientMemory",
                "DiskPressure False KubeletHasNoDiskPressure",
                "PIDPressure False KubeletHasSufficientPID",
                "Ready True KubeletReady",
            ],
        );
        assert_eq!(
            events,
            [
                "Node n status is now: NodeHasSufficientMemory",
                "Node n status is now: NodeHasNoDiskPressure",
                "Node n status is now: NodeHasSufficientPID",
            ]
        );
        let disk = Pressure { disk: true, ..Default::default() };
        let (second, events) = rendered(&["network is down", "no runtime"], disk, &first);
        check(
            &second,
            &[
                "MemoryPressure False KubeletHasSufficientMemory",
                "DiskPressure True KubeletHasDiskPressure",
                "PIDPressure False KubeletHasSufficientPID",
                "Ready False KubeletNotReady",
            ],
        );
        let ready = second.conditions.as_ref().and_then(|c| c.last()).and_then(|c| c.message.as_deref());
        assert_eq!(ready, Some("[network is down, no runtime]"));
        assert_eq!(
            events,
            ["Node n status is now: NodeHasDiskPressure", "Node n status is now: NodeNotReady"]
        );
    }
}
