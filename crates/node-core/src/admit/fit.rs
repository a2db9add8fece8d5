//! Room, ports and name.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod, PodSpec};

use super::Rejection;
use crate::resources::{self, Resources, Side};
use crate::spec;

/// Refuses a pod that the node has no room for. Resources that the node does not know are not its business.
pub(super) fn check(pod: &PodSpec, node: &Node, others: &[&Pod]) -> Result<(), Rejection> {
    let capacity = allocatable(node);
    let pods = resources::whole(&capacity, "pods");
    if others.len() as i64 + 1 > pods {
        return Err(short("pods", 1, others.len() as i64, pods));
    }
    let wanted = resources::of_pod(pod, Side::Requests);
    let used = used(others);
    for (name, amount) in wanted.iter().filter(|(_, amount)| !amount.is_zero()) {
        let known = capacity.contains_key(name);
        if !known && !is_native(name) {
            continue;
        }
        let count = |list: &Resources| match name.as_str() {
            "cpu" => resources::milli(list, name),
            _ => resources::whole(list, name),
        };
        let wanted = if name == "cpu" { amount.milli_value() } else { amount.value() };
        if wanted > count(&capacity) - count(&used) {
            return Err(short(name, wanted, count(&used), count(&capacity)));
        }
    }
    Ok(())
}

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.starts_with("kubernetes.io/")
}

fn allocatable(node: &Node) -> Resources {
    resources::parse(node.status.as_ref().and_then(|status| status.allocatable.as_ref()))
}

fn used(others: &[&Pod]) -> Resources {
    let mut used: Resources = BTreeMap::new();
    for other in others {
        for (name, amount) in resources::of_pod(&spec::of(other), Side::Requests) {
            *used.entry(name).or_default() += &amount;
        }
    }
    used
}

fn short(name: &str, requested: i64, used: i64, capacity: i64) -> Rejection {
    Rejection::new(
        &format!("OutOf{name}"),
        format!(
            "Node didn't have enough resource: {name}, requested: {requested}, used: {used}, capacity: {capacity}"
        ),
    )
}

/// Whether a pod that is to be resized in place fits (KEP-1287): `Ok`, or why it never will (`Infeasible`)
/// or will not now (`Deferred`), as the `PodResizePending` condition says it.
pub fn resize_fits(pod: &PodSpec, node: &Node, others: &[&Pod]) -> Result<(), Rejection> {
    let capacity = allocatable(node);
    let wanted = resources::of_pod(pod, Side::Requests);
    for (name, in_milli) in [("cpu", true), ("memory", false)] {
        let count = |list: &Resources| match in_milli {
            true => resources::milli(list, name),
            false => resources::whole(list, name),
        };
        if count(&wanted) > count(&capacity) {
            return Err(Rejection::new(
                "Infeasible",
                format!(
                    "Node didn't have enough capacity: {name}, requested: {}, capacity: {}",
                    count(&wanted),
                    count(&capacity)
                ),
            ));
        }
    }
    check(pod, node, others).map_err(|rejection| Rejection::new("Deferred", rejection.message))
}

/// Refuses a pod whose host ports are taken.
pub(super) fn check_ports(pod: &PodSpec, others: &[&Pod]) -> Result<(), Rejection> {
    let taken: Vec<HostPort> = others.iter().flat_map(|other| host_ports(&spec::of(other))).collect();
    let clash = host_ports(pod).iter().any(|port| taken.iter().any(|other| port.clashes(other)));
    let why = "node(s) didn't have free ports for the requested pod ports";
    if clash { Err(Rejection::predicate("NodePorts", why)) } else { Ok(()) }
}

#[derive(Debug)]
struct HostPort {
    protocol: String,
    ip: String,
    port: i32,
}

impl HostPort {
    /// All addresses include each.
    fn clashes(&self, other: &HostPort) -> bool {
        const ANY: &str = "0.0.0.0";
        let same_ip = self.ip == other.ip || self.ip == ANY || other.ip == ANY;
        self.port == other.port && self.protocol == other.protocol && same_ip
    }
}

/// Ports of main containers and sidecars, which run together.
fn host_ports(pod: &PodSpec) -> Vec<HostPort> {
    let sidecars = spec::init_containers(pod).iter().filter(|c| spec::is_sidecar(c));
    let ports = pod.containers.iter().chain(sidecars).flat_map(|c| c.ports.iter().flatten());
    ports
        .filter_map(|port| {
            let number = port.host_port.filter(|number| *number > 0)?;
            let text = |value: &Option<String>, default: &str| match value.as_deref() {
                None | Some("") => default.to_owned(),
                Some(value) => value.to_owned(),
            };
            let ip = text(&port.host_ip, "0.0.0.0");
            Some(HostPort { protocol: text(&port.protocol, "TCP"), ip, port: number })
        })
        .collect()
}

/// Refuses a pod that names another node.
pub(super) fn check_name(pod: &PodSpec, node: &Node) -> Result<(), Rejection> {
    let named = pod.node_name.as_deref().unwrap_or_default();
    if named.is_empty() || node.metadata.name.as_deref() == Some(named) {
        return Ok(());
    }
    Err(Rejection::predicate("NodeName", "node(s) didn't match the requested node name"))
}
