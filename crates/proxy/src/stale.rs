//! UDP connections whose endpoint is gone.
//!
//! The kernel keeps translating a UDP client's packets to the endpoint that its
//! first packet got, for as long as packets keep coming. When that endpoint
//! stops serving, the connection has to be forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ironclad_nft::Family;
use ironclad_nft::conntrack::Flow;

use crate::endpoint::Endpoint;
use crate::facts::NodeFacts;
use crate::service::ServicePort;

/// Who answers for each UDP service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UdpServices {
    addresses: BTreeMap<SocketAddr, Arc<BTreeSet<SocketAddr>>>,
    node_ports: BTreeMap<(Family, u16), Arc<BTreeSet<SocketAddr>>>,
    /// The addresses that have node ports; `None`: all.
    node_addresses: Option<BTreeSet<IpAddr>>,
}

impl UdpServices {
    pub(crate) fn for_node(node: &NodeFacts) -> Self {
        let of = |family| node.node_port_addresses(family);
        let node_addresses =
            of(Family::Ip).zip(of(Family::Ip6)).map(|(v4, v6)| v4.into_iter().chain(v6).collect());
        Self { node_addresses, ..Self::default() }
    }

    /// Enters a service port. One without serving endpoints is left out: there
    /// is nowhere else to send its clients.
    pub(crate) fn add(&mut self, port: &ServicePort, endpoints: &[Endpoint<'_>]) {
        // Policies and readiness are for new connections; old ones stay where
        // they are served, as TCP connections do.
        let serving: BTreeSet<SocketAddr> =
            endpoints.iter().filter(|each| each.serving).map(|each| each.addr).collect();
        if serving.is_empty() {
            return;
        }
        let serving = Arc::new(serving);
        let external = port.external_ips.iter().chain(&port.load_balancer_ips);
        for ip in external.chain([&port.cluster_ip]) {
            self.addresses.insert(SocketAddr::new(*ip, port.port), serving.clone());
        }
        if let Some(node_port) = port.node_port {
            let family = Family::of(&port.cluster_ip);
            self.node_ports.insert((family, node_port), serving);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// Whether a connection goes to a service and not to one of its endpoints.
    pub fn is_stale(&self, flow: &Flow) -> bool {
        let dest = flow.original.dest;
        let serving = self.addresses.get(&dest).or_else(|| {
            let node = self.node_addresses.as_ref().is_none_or(|all| all.contains(&dest.ip()));
            let port = (Family::of(&dest.ip()), dest.port());
            self.node_ports.get(&port).filter(|_| node)
        });
        serving.is_some_and(|serving| !serving.contains(&flow.reply.source))
    }
}
