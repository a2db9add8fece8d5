//! A service as one family's table sees it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use ironclad_nft::Family;
use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service, ServicePort as ApiPort};

use crate::names::{PortNames, is_label};

/// Services with this label belong to another proxy (API doc: well-known labels).
const SERVICE_PROXY_NAME: &str = "service.kubernetes.io/service-proxy-name";
/// `spec.sessionAffinityConfig.clientIP.timeoutSeconds` where it is not given.
const DEFAULT_AFFINITY: Duration = Duration::from_secs(10_800);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

/// One port of a service in one family.
#[derive(Clone, Debug)]
pub(crate) struct ServicePort {
    pub(crate) names: PortNames,
    /// `namespace/name` or `namespace/name:port`.
    pub(crate) title: String,
    /// The port's name, which its endpoint ports have too.
    pub(crate) port_name: String,
    pub(crate) protocol: Protocol,
    pub(crate) cluster_ip: IpAddr,
    pub(crate) port: u16,
    pub(crate) node_port: Option<u16>,
    pub(crate) external_ips: Vec<IpAddr>,
    pub(crate) load_balancer_ips: Vec<IpAddr>,
    /// Empty: everyone may.
    pub(crate) source_ranges: Vec<IpNet>,
    /// How long a client sticks to its endpoint.
    pub(crate) affinity: Option<Duration>,
    pub(crate) external_local: bool,
    pub(crate) internal_local: bool,
}

impl ServicePort {
    /// Whether something else than its cluster IP leads to it.
    pub(crate) fn is_external(&self) -> bool {
        self.node_port.is_some() || !self.external_ips.is_empty() || !self.load_balancer_ips.is_empty()
    }

    /// External traffic uses these even under policy Local: from this node it is
    /// short-circuited to all endpoints.
    pub(crate) fn uses_cluster_endpoints(&self) -> bool {
        !self.internal_local || self.is_external()
    }

    pub(crate) fn uses_local_endpoints(&self) -> bool {
        self.internal_local || (self.external_local && self.is_external())
    }
}

/// The ports of a service that this proxy serves in one family. None for
/// headless and ExternalName services, other proxies' and those without an
/// address in the family.
pub(crate) fn ports(service: &Service, family: Family) -> Vec<ServicePort> {
    let Some(cluster_ip) = cluster_ip(service, family).filter(|_| is_ours(service)) else {
        return Vec::new();
    };
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    ports.iter().filter_map(|port| service_port(service, port, cluster_ip)).collect()
}

fn is_ours(service: &Service) -> bool {
    let labels = service.metadata.labels.as_ref();
    let elsewhere = labels.is_some_and(|labels| labels.contains_key(SERVICE_PROXY_NAME));
    let external_name = type_of(service) == "ExternalName";
    let named = |name: &Option<String>| name.as_deref().is_some_and(is_label);
    !elsewhere && !external_name && named(&service.metadata.namespace) && named(&service.metadata.name)
}

fn cluster_ip(service: &Service, family: Family) -> Option<IpAddr> {
    let spec = service.spec.as_ref()?;
    let ips = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
    let mut parsed = ips.filter_map(|ip| ip.parse::<IpAddr>().ok());
    parsed.find(|ip| Family::of(ip) == family)
}

fn service_port(service: &Service, port: &ApiPort, cluster_ip: IpAddr) -> Option<ServicePort> {
    let family = Family::of(&cluster_ip);
    let spec = service.spec.as_ref()?;
    let (namespace, name) = identity(service);
    let port_name = port.name.clone().unwrap_or_default();
    let protocol = Protocol::parse(port.protocol.as_deref())?;
    if !is_label(&port_name) {
        return None;
    }
    let title = match port_name.as_str() {
        "" => format!("{namespace}/{name}"),
        port => format!("{namespace}/{name}:{port}"),
    };
    let sticky = spec.session_affinity.as_deref() == Some("ClientIP");
    Some(ServicePort {
        names: PortNames::new(namespace, name, protocol.name(), &port_name),
        title,
        port_name,
        protocol,
        cluster_ip,
        port: number(port.port)?,
        node_port: port.node_port.and_then(number),
        external_ips: addresses(spec.external_ips.iter().flatten(), family),
        load_balancer_ips: load_balancer_ips(service, family),
        source_ranges: source_ranges(service, family),
        affinity: sticky.then(|| affinity_timeout(service)),
        external_local: external_policy_local(service),
        internal_local: spec.internal_traffic_policy.as_deref() == Some("Local"),
    })
}

pub(crate) fn identity(service: &Service) -> (&str, &str) {
    let meta = &service.metadata;
    (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

fn type_of(service: &Service) -> &str {
    service.spec.as_ref().and_then(|spec| spec.type_.as_deref()).unwrap_or("ClusterIP")
}

/// A port's number, if it can be one.
pub(crate) fn number(port: i32) -> Option<u16> {
    u16::try_from(port).ok().filter(|port| *port != 0)
}

fn addresses<'a>(texts: impl Iterator<Item = &'a String>, family: Family) -> Vec<IpAddr> {
    let parsed = texts.filter_map(|text| text.parse::<IpAddr>().ok());
    parsed.filter(|ip| Family::of(ip) == family).collect()
}

/// Ingress addresses that packets arrive for. With `ipMode: Proxy` the load
/// balancer delivers to the node port instead (KEP-1860).
fn load_balancer_ips(service: &Service, family: Family) -> Vec<IpAddr> {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|status| status.ingress.as_deref()).unwrap_or_default();
    let vip = |each: &&LoadBalancerIngress| each.ip_mode.as_deref() != Some("Proxy");
    addresses(ingress.iter().filter(vip).filter_map(|each| each.ip.as_ref()), family)
}

/// The ranges without overlaps; empty if one of them is everything.
fn source_ranges(service: &Service, family: Family) -> Vec<IpNet> {
    let spec = service.spec.as_ref();
    let texts = spec.and_then(|spec| spec.load_balancer_source_ranges.as_deref());
    // The API's validation lets spaces pass around these.
    let parsed = texts.unwrap_or_default().iter().filter_map(|text| text.trim().parse().ok());
    let nets: Vec<IpNet> =
        parsed.filter(|net: &IpNet| Family::of(&net.addr()) == family).map(|net| net.trunc()).collect();
    match nets.iter().any(|net| net.prefix_len() == 0) {
        true => Vec::new(),
        false => IpNet::aggregate(&nets),
    }
}

fn affinity_timeout(service: &Service) -> Duration {
    let config = service.spec.as_ref().and_then(|spec| spec.session_affinity_config.as_ref());
    let seconds = config.and_then(|config| config.client_ip.as_ref()?.timeout_seconds);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok()).filter(|s| *s > 0);
    seconds.map_or(DEFAULT_AFFINITY, Duration::from_secs)
}

fn external_policy_local(service: &Service) -> bool {
    let Some(spec) = &service.spec else { return false };
    let has_external_ips = spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty());
    let accessible = matches!(type_of(service), "NodePort" | "LoadBalancer") || has_external_ips;
    accessible && spec.external_traffic_policy.as_deref() == Some("Local")
}

/// The port where load balancers ask whether this node has endpoints.
pub(crate) fn health_check_port(service: &Service) -> Option<u16> {
    let wanted = type_of(service) == "LoadBalancer" && external_policy_local(service);
    let port = service.spec.as_ref()?.health_check_node_port?;
    number(port).filter(|_| wanted && is_ours(service))
}

// === impl Protocol ===

impl Protocol {
    /// TCP where none is named; `None` for what is not a protocol.
    pub(crate) fn parse(name: Option<&str>) -> Option<Self> {
        match name {
            None | Some("" | "TCP") => Some(Self::Tcp),
            Some("UDP") => Some(Self::Udp),
            Some("SCTP") => Some(Self::Sctp),
            Some(_) => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }

    /// Its IP protocol number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
