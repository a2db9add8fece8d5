//! Names of tables, sets and chains. They are part of no API.

use std::net::SocketAddr;
use std::sync::Arc;

use ironclad_nft::Name;

/// The name of our tables, `ip ironclad` and `ip6 ironclad`.
pub const TABLE: &str = "ironclad";

/// The bit of a packet's mark that says: masquerade this one. The same bit that
/// kube-proxy uses; two service proxies on one node would be at odds anyway.
pub(crate) const MASQUERADE_MARK: u32 = 0x4000;

// Sets and maps.
pub(crate) const CLUSTER_IPS: &str = "cluster-ips";
pub(crate) const NODEPORT_IPS: &str = "nodeport-ips";
pub(crate) const HAIRPIN_CONNECTIONS: &str = "hairpin-connections";
pub(crate) const SERVICE_IPS: &str = "service-ips";
pub(crate) const SERVICE_NODEPORTS: &str = "service-nodeports";
pub(crate) const FIREWALL_IPS: &str = "firewall-ips";
pub(crate) const NO_ENDPOINT_SERVICES: &str = "no-endpoint-services";
pub(crate) const NO_ENDPOINT_NODEPORTS: &str = "no-endpoint-nodeports";

// Chains that every ruleset has.
pub(crate) const SERVICES: &str = "services";
pub(crate) const MASQUERADING: &str = "masquerading";
pub(crate) const FIREWALL_CHECK: &str = "firewall-check";
pub(crate) const CLUSTER_IPS_CHECK: &str = "cluster-ips-check";
pub(crate) const SERVICE_ENDPOINTS_CHECK: &str = "service-endpoints-check";
pub(crate) const NODEPORT_ENDPOINTS_CHECK: &str = "nodeport-endpoints-check";
pub(crate) const REJECT: &str = "reject-chain";

/// The longest part of a name that is let in: a DNS label.
const MAX_LABEL: usize = 63;

/// Names of one service port's chains: `service-default/web/tcp/http`.
#[derive(Clone, Debug)]
pub(crate) struct PortNames {
    /// `namespace/service/protocol/port`; unique, as none of these has a slash.
    base: String,
    /// Endpoints of traffic policy Cluster.
    pub(crate) cluster: Name,
    /// Endpoints of traffic policy Local.
    pub(crate) local: Name,
    /// Where traffic for NodePorts, external IPs and load balancers enters.
    pub(crate) external: Name,
    /// `loadBalancerSourceRanges`.
    pub(crate) firewall: Name,
}

impl PortNames {
    /// `port` is empty for a service's only, unnamed port.
    pub(crate) fn new(namespace: &str, service: &str, protocol: &str, port: &str) -> Self {
        let mut base = format!("{namespace}/{service}/{protocol}");
        if !port.is_empty() {
            base.push('/');
            base.push_str(port);
        }
        let name = |prefix: &str| -> Name { Arc::from(format!("{prefix}-{base}")) };
        Self {
            cluster: name("service"),
            local: name("local"),
            external: name("external"),
            firewall: name("firewall"),
            base,
        }
    }

    /// The chain of one endpoint; only services with affinity have these.
    pub(crate) fn endpoint(&self, endpoint: &SocketAddr) -> Name {
        format!("endpoint-{}__{}", self.base, plain(endpoint)).into()
    }

    /// The clients that stick to one endpoint.
    pub(crate) fn affinity(&self, endpoint: &SocketAddr) -> Name {
        format!("affinity-{}__{}", self.base, plain(endpoint)).into()
    }
}

/// nft takes no colons in names.
fn plain(endpoint: &SocketAddr) -> String {
    format!("{}/{}", endpoint.ip().to_string().replace(':', "."), endpoint.port())
}

/// Whether a part of an object's name may become part of ours. The API lets in
/// nothing else; one bad name must not make the kernel refuse all services.
pub(crate) fn is_label(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    text.len() <= MAX_LABEL && text.bytes().all(allowed)
}
