//! What a plan needs to know about the node it is for.

use std::net::IpAddr;

use ipnet::IpNet;
use ironclad_nft::Family;

/// Facts about this node and its cluster. Lists may hold both families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// The name of this node's Node object: endpoints on it are local.
    pub name: String,
    /// Label `topology.kubernetes.io/zone`.
    pub zone: Option<String>,
    /// The node's primary addresses, one per family.
    pub addresses: Vec<IpAddr>,
    /// The families to write tables for.
    pub families: Vec<Family>,
    /// Where pods have their addresses. A source outside is outside the cluster.
    pub cluster_cidrs: Vec<IpNet>,
    /// Where services have theirs. Unused addresses in there are dropped.
    pub service_cidrs: Vec<IpNet>,
    pub node_ports: NodePortAddresses,
    pub pod_masquerade: PodMasquerade,
    /// Networks besides the pods' that leave under the node's address where pods do.
    pub behind: Vec<IpNet>,
    /// Masquerade all traffic to cluster IPs, not only that from outside.
    pub masquerade_all: bool,
}

/// Which of the node's addresses answer on NodePorts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NodePortAddresses {
    /// `NodeFacts::addresses`, as kube-proxy's nftables mode does by default.
    #[default]
    Primary,
    /// These.
    Only(Vec<IpAddr>),
    /// Every local address except loopback.
    All,
}

/// Whether pods leave the cluster under the node's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PodMasquerade {
    /// No, or the CNI plugin's `ipMasq` sees to it.
    #[default]
    Off,
    /// Yes, except to the cluster CIDRs, to multicast, and to these.
    Except(Vec<IpNet>),
}

impl NodeFacts {
    pub(crate) fn cluster_cidrs(&self, family: Family) -> impl Iterator<Item = IpNet> {
        of_family(&self.cluster_cidrs, family)
    }

    pub(crate) fn behind(&self, family: Family) -> impl Iterator<Item = IpNet> {
        of_family(&self.behind, family)
    }

    pub(crate) fn service_cidrs(&self, family: Family) -> impl Iterator<Item = IpNet> {
        of_family(&self.service_cidrs, family)
    }

    /// The addresses with NodePorts; `None` for all local ones.
    pub(crate) fn node_port_addresses(&self, family: Family) -> Option<Vec<IpAddr>> {
        let addresses = match &self.node_ports {
            NodePortAddresses::Primary => &self.addresses,
            NodePortAddresses::Only(addresses) => addresses,
            NodePortAddresses::All => return None,
        };
        let wanted = |addr: &&IpAddr| Family::of(addr) == family && !addr.is_loopback();
        Some(addresses.iter().filter(wanted).copied().collect())
    }

    /// Destinations that pods reach under their own address; `None` if all are.
    pub(crate) fn unmasqueraded(&self, family: Family) -> Option<Vec<IpNet>> {
        let PodMasquerade::Except(nets) = &self.pod_masquerade else { return None };
        Some(self.cluster_cidrs(family).chain(of_family(nets, family)).collect())
    }
}

fn of_family(nets: &[IpNet], family: Family) -> impl Iterator<Item = IpNet> {
    nets.iter().copied().filter(move |net| Family::of(&net.addr()) == family)
}
