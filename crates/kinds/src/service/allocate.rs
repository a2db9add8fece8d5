//! Cluster IPs and node ports.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use ironclad_api::{FieldError, GroupResource, Path};
use ironclad_client::typed::CacheExt;
use ironclad_engine::strategy::Preparation;
use ironclad_env::EnvironmentExt;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::networking::v1::ServiceCIDR;

use super::{NODE_PORTS, NONE, is, is_headless, needs_cluster_ip, needs_health_check_port, needs_node_ports};

/// Random picks before the whole range is searched.
const PICKS: usize = 16;

fn ip_claim(ip: &str) -> String {
    format!("ip/{ip}")
}

fn port_claim(port: i32) -> String {
    format!("nodeport/{port}")
}

/// What the service holds that no other may.
pub(super) fn claims(service: &core::Service) -> Vec<String> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let ips = spec.cluster_ips.iter().flatten().filter(|ip| *ip != NONE).map(|ip| ip_claim(ip));
    let ports = spec.ports.iter().flatten().filter_map(|port| port.node_port);
    let ports = ports.chain(spec.health_check_node_port).filter(|port| *port > 0);
    // Ports of different protocols may share a number within one service.
    let ports: BTreeSet<i32> = ports.collect();
    ips.chain(ports.into_iter().map(port_claim)).collect()
}

/// Keeps on an update what the client left out and had before; drops what its new type has no use for.
pub(super) fn carry_over(new: &mut core::Service, old: &core::Service) {
    let (Some(new), Some(old)) = (&mut new.spec, &old.spec) else { return };
    if needs_cluster_ip(old) && needs_cluster_ip(new) {
        carry_cluster_ip(new, old);
    } else if needs_cluster_ip(old) && new.cluster_ip == old.cluster_ip {
        new.cluster_ip = None;
        new.cluster_ips = None;
        new.ip_families = None;
        new.ip_family_policy = None;
    }
    // A balancer that is to get no more node ports keeps those it has.
    let may_have_node_ports = |spec: &core::ServiceSpec| is(spec, &["LoadBalancer", "NodePort"]);
    if needs_node_ports(old) && needs_node_ports(new) {
        carry_node_ports(new, old);
    } else if may_have_node_ports(old) && !may_have_node_ports(new) && node_ports(old) == node_ports(new) {
        new.ports.iter_mut().flatten().for_each(|port| port.node_port = None);
    }
    match (needs_health_check_port(old), needs_health_check_port(new)) {
        (true, true) => {
            new.health_check_node_port = new.health_check_node_port.or(old.health_check_node_port)
        }
        (true, false) if new.health_check_node_port == old.health_check_node_port => {
            new.health_check_node_port = None;
        }
        _ => {}
    }
    drop_type_dependent(new, old);
}

fn carry_cluster_ip(new: &mut core::ServiceSpec, old: &core::ServiceSpec) {
    let unset = |ip: &Option<String>| ip.as_deref().unwrap_or_default().is_empty();
    let none = |ips: &Option<Vec<String>>| ips.as_ref().is_none_or(Vec::is_empty);
    if unset(&new.cluster_ip) && none(&new.cluster_ips) {
        new.cluster_ip = old.cluster_ip.clone();
        new.cluster_ips = old.cluster_ips.clone();
    } else if unset(&new.cluster_ip) && new.cluster_ips == old.cluster_ips {
        // Clearing the one clears the other, and validation says what it thinks of that.
        new.cluster_ips = None;
    }
    if none(&new.cluster_ips) && new.cluster_ip == old.cluster_ip {
        new.cluster_ips = old.cluster_ips.clone();
    }
    new.ip_families = new.ip_families.take().or_else(|| old.ip_families.clone());
    new.ip_family_policy = new.ip_family_policy.take().or_else(|| old.ip_family_policy.clone());
}

fn node_ports(spec: &core::ServiceSpec) -> BTreeSet<i32> {
    spec.ports.iter().flatten().filter_map(|port| port.node_port).filter(|port| *port > 0).collect()
}

/// By the port's name; a number that another port took over is not given twice.
fn carry_node_ports(new: &mut core::ServiceSpec, old: &core::ServiceSpec) {
    let used: BTreeSet<i32> = node_ports(old).intersection(&node_ports(new)).copied().collect();
    for port in new.ports.iter_mut().flatten().filter(|port| port.node_port.unwrap_or(0) == 0) {
        let before = old.ports.iter().flatten().find(|before| before.name == port.name);
        port.node_port = before.and_then(|before| before.node_port).filter(|number| !used.contains(number));
    }
}

fn drop_type_dependent(new: &mut core::ServiceSpec, old: &core::ServiceSpec) {
    let left_balancer = is(old, &["LoadBalancer"]) && !is(new, &["LoadBalancer"]);
    if left_balancer && new.allocate_load_balancer_node_ports == old.allocate_load_balancer_node_ports {
        new.allocate_load_balancer_node_ports = None;
    }
    if left_balancer && new.load_balancer_class == old.load_balancer_class {
        new.load_balancer_class = None;
    }
    let left_outside = super::is_externally_accessible(old) && !super::is_externally_accessible(new);
    if left_outside && new.external_traffic_policy == old.external_traffic_policy {
        new.external_traffic_policy = None;
    }
}

/// Gives a service what it needs and does not have.
pub(super) struct Allocation<'a> {
    pub(super) network: &'a IpNet,
    pub(super) preparation: &'a Preparation<'a>,
}

impl Allocation<'_> {
    pub(super) fn fill(&self, service: &mut core::Service) -> Vec<FieldError> {
        let Some(spec) = &mut service.spec else { return Vec::new() };
        let mut errors = Vec::new();
        if needs_cluster_ip(spec) {
            self.families(spec);
            errors.extend(self.cluster_ip(spec));
        }
        if needs_node_ports(spec) {
            errors.extend(self.node_ports(spec));
        }
        if needs_health_check_port(spec) {
            errors.extend(self.health_check_port(spec));
        }
        errors
    }

    fn families(&self, spec: &mut core::ServiceSpec) {
        let family = if self.network.addr().is_ipv4() { "IPv4" } else { "IPv6" };
        if spec.ip_families.as_ref().is_none_or(Vec::is_empty) {
            spec.ip_families = Some(vec![family.to_owned()]);
        }
        spec.ip_family_policy.get_or_insert_with(|| "SingleStack".to_owned());
    }

    fn cluster_ip(&self, spec: &mut core::ServiceSpec) -> Option<FieldError> {
        if spec.cluster_ips.as_ref().is_none_or(Vec::is_empty) {
            let given = spec.cluster_ip.clone().filter(|ip| !ip.is_empty());
            spec.cluster_ips = given.map(|ip| vec![ip]);
        }
        if is_headless(spec) {
            return None;
        }
        let path = Path::new("spec").child("clusterIPs");
        match spec.cluster_ips.as_ref().and_then(|ips| ips.first()).cloned() {
            // Given by the client: validation checks its form.
            Some(ip) => self.check_ip(&ip).map(|why| {
                let detail = format!("failed to allocate IP {ip}: {why}");
                FieldError::invalid(&path, serde_json::json!([ip]), detail)
            }),
            None => match self.free_ip() {
                Some(ip) => {
                    spec.cluster_ip = Some(ip.to_string());
                    spec.cluster_ips = Some(vec![ip.to_string()]);
                    None
                }
                None => {
                    let text = "failed to allocate a serviceIP: range is full";
                    Some(FieldError::internal(&path, text))
                }
            },
        }
    }

    /// Held by another object; what the service held before is its own.
    fn is_taken(&self, claim: &str) -> bool {
        (self.preparation.claimed)(claim)
    }

    fn check_ip(&self, ip: &str) -> Option<String> {
        let address: IpAddr = ip.parse().ok()?;
        if !self.networks().any(|network| network.contains(&address)) {
            return Some(format!(
                "the provided IP ({ip}) is not in the valid range. The range of valid IPs is {}",
                self.network
            ));
        }
        self.is_taken(&ip_claim(&address.to_string())).then(|| "provided IP is already allocated".to_owned())
    }

    /// The cluster's own network, and those that are added as ServiceCIDRs and ready.
    fn networks(&self) -> impl Iterator<Item = IpNet> {
        let resource = GroupResource::new("networking.k8s.io", "servicecidrs");
        let added = self.preparation.cache.list_as::<ServiceCIDR>(&resource, None);
        let ready = added.into_iter().filter(|cidr| is_ready(cidr));
        let cidrs =
            ready.flat_map(|cidr| cidr.spec.as_ref().and_then(|spec| spec.cidrs.clone()).unwrap_or_default());
        let own = *self.network;
        let added = cidrs.filter_map(|cidr| cidr.parse().ok());
        let same = move |network: &IpNet| *network != own && network.addr().is_ipv4() == own.addr().is_ipv4();
        std::iter::once(own).chain(added.filter(same))
    }

    fn free_ip(&self) -> Option<IpAddr> {
        self.networks().find_map(|network| self.free_ip_of(&network))
    }

    /// A random free address from beyond the range's start, which upstream keeps for addresses
    /// that people choose (KEP-3070); from there too when nothing else is left.
    fn free_ip_of(&self, network: &IpNet) -> Option<IpAddr> {
        let hosts = host_count(network);
        let reserved = (hosts / 16).clamp(16, 256).min(hosts);
        let free = |index: u64| {
            let address = nth(network, index)?;
            (!self.is_taken(&ip_claim(&address.to_string()))).then_some(address)
        };
        let spread = hosts.saturating_sub(reserved).max(1);
        let mut picks = (0..PICKS).map(|_| reserved + self.preparation.env.random_u64() % spread);
        picks.find_map(free).or_else(|| (reserved..hosts).chain(0..reserved).find_map(free))
    }

    fn node_ports(&self, spec: &mut core::ServiceSpec) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut own = BTreeSet::new();
        let ports = Path::new("spec").child("ports");
        for (index, port) in spec.ports.iter().flatten().enumerate() {
            let Some(number) = port.node_port.filter(|number| *number != 0) else { continue };
            if let Some(why) = self.check_port(number) {
                errors.push(FieldError::invalid(&ports.index(index).child("nodePort"), number, why));
            }
            own.insert(number);
        }
        for port in spec.ports.iter_mut().flatten().filter(|port| port.node_port.unwrap_or(0) == 0) {
            match self.free_port(&own) {
                Some(number) => {
                    own.insert(number);
                    port.node_port = Some(number);
                }
                None => {
                    errors.push(FieldError::internal(&ports, "failed to allocate a nodePort: range is full"))
                }
            }
        }
        errors
    }

    fn check_port(&self, number: i32) -> Option<String> {
        if !NODE_PORTS.contains(&number) {
            return Some(format!(
                "provided port is not in the valid range. The range of valid ports is {}-{}",
                NODE_PORTS.start(),
                NODE_PORTS.end()
            ));
        }
        self.is_taken(&port_claim(number)).then(|| "provided port is already allocated".to_owned())
    }

    fn free_port(&self, own: &BTreeSet<i32>) -> Option<i32> {
        let count = u64::from(NODE_PORTS.end().abs_diff(*NODE_PORTS.start())) + 1;
        let free = |number: &i32| !own.contains(number) && !self.is_taken(&port_claim(*number));
        let start = i32::try_from(self.preparation.env.random_u64() % count).unwrap_or(0);
        let first = NODE_PORTS.start() + start;
        (first..=*NODE_PORTS.end()).chain(*NODE_PORTS.start()..first).find(free)
    }

    fn health_check_port(&self, spec: &mut core::ServiceSpec) -> Option<FieldError> {
        let path = Path::new("spec").child("healthCheckNodePort");
        match spec.health_check_node_port.filter(|port| *port != 0) {
            Some(number) => self.check_port(number).map(|why| FieldError::invalid(&path, number, why)),
            None => {
                spec.health_check_node_port = self.free_port(&node_ports(spec));
                None
            }
        }
    }
}

fn is_ready(cidr: &ServiceCIDR) -> bool {
    let conditions = cidr.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
    ready && cidr.metadata.deletion_timestamp.is_none()
}

/// How many addresses of a network a service may have, up to a bound: not the network's own,
/// and not the broadcast address of IPv4.
fn host_count(network: &IpNet) -> u64 {
    let bits = u32::from(network.max_prefix_len() - network.prefix_len()).min(20);
    (1u64 << bits).saturating_sub(2)
}

/// The address at an index, counted from the first one that a service may have.
fn nth(network: &IpNet, index: u64) -> Option<IpAddr> {
    let offset = u128::from(index) + 1;
    match network.network() {
        IpAddr::V4(base) => {
            let address = u32::from(base).checked_add(u32::try_from(offset).ok()?)?;
            Some(IpAddr::V4(address.into()))
        }
        IpAddr::V6(base) => Some(IpAddr::V6(u128::from(base).checked_add(offset)?.into())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn node_ports_are_given_back_when_the_type_has_none() {
        let service = |spec: &Value| -> core::Service {
            serde_json::from_value(json!({ "spec": spec })).expect("a service")
        };
        let check = |new: Value, want: Option<i32>| {
            let old = service(&json!({"type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 30080}]}));
            let mut changed = service(&new);
            carry_over(&mut changed, &old);
            let ports = changed.spec.and_then(|spec| spec.ports).unwrap_or_default();
            assert_eq!(ports.first().and_then(|port| port.node_port), want, "{new}");
        };
        let (same, none) = (json!([{"port": 80, "nodePort": 30080}]), json!([{"port": 80}]));
        let no_more = |ports: &Value| json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": ports});
        check(json!({"type": "LoadBalancer", "ports": none}), Some(30080));
        check(json!({"type": "NodePort", "ports": same}), Some(30080));
        check(json!({"type": "ClusterIP", "ports": same}), None);
        check(no_more(&same), Some(30080));
        check(no_more(&none), None);
    }

    #[test]
    fn addresses_are_counted_from_the_first_usable_one() {
        for (network, count, index, expected) in [
            ("10.96.0.0/16", 65_534, 0, "10.96.0.1"),
            ("10.96.0.0/16", 65_534, 9, "10.96.0.10"),
            ("10.96.0.0/16", 65_534, 65_533, "10.96.255.254"),
            ("10.0.0.0/29", 6, 5, "10.0.0.6"),
            ("fd00::/108", 1_048_574, 0, "fd00::1"),
        ] {
            let network: IpNet = network.parse().expect("a network");
            assert_eq!(host_count(&network), count, "{network}");
            assert_eq!(nth(&network, index).map(|ip| ip.to_string()).as_deref(), Some(expected), "{network}");
        }
    }
}
