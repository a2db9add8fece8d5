//! Services: how many, with how many node ports and load balancers.

use k8s_openapi::api::core::v1::{Service, ServiceSpec};

use crate::amounts::Amounts;

const SERVICES: &str = "services";
const NODE_PORTS: &str = "services.nodeports";
const LOAD_BALANCERS: &str = "services.loadbalancers";

pub(crate) const NAMES: [&str; 3] = [SERVICES, NODE_PORTS, LOAD_BALANCERS];

pub(crate) fn usage(service: &Service) -> Amounts {
    let mut usage = Amounts::default();
    usage.put_count(SERVICES, 1);
    usage.put_count(LOAD_BALANCERS, usize::from(kind(service) == "LoadBalancer"));
    usage.put_count(NODE_PORTS, service.spec.as_ref().map_or(0, node_ports));
    usage
}

/// The type, as far as it matters here: `NodePort`, `LoadBalancer`, or empty.
pub(crate) fn kind(service: &Service) -> &str {
    let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref()).unwrap_or_default();
    if matches!(kind, "NodePort" | "LoadBalancer") { kind } else { "" }
}

/// Those that it will get: they are not yet allocated when it is charged.
fn node_ports(spec: &ServiceSpec) -> usize {
    let ports = spec.ports.as_deref().unwrap_or_default();
    match spec.type_.as_deref() {
        Some("LoadBalancer") if spec.allocate_load_balancer_node_ports == Some(false) => {
            ports.iter().filter(|port| port.node_port.is_some_and(|number| number != 0)).count()
        }
        Some("NodePort" | "LoadBalancer") => ports.len(),
        _ => 0,
    }
}
