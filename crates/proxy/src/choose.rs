//! Which endpoints a node sends a service's traffic to (KEP-1669 terminating
//! endpoints, KEP-2433 topology hints, KEP-3015 PreferSameNode, KEP-2086 and
//! KEP-1860 traffic policies).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::endpoint::Endpoint;
use crate::facts::NodeFacts;
use crate::service::ServicePort;

/// The endpoints of one service port, by how it uses them.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// For traffic policy Cluster; empty if the port never uses it.
    pub(crate) cluster: Vec<SocketAddr>,
    /// For traffic policy Local; empty if the port never uses it.
    pub(crate) local: Vec<SocketAddr>,
    /// Those of either list that are on this node.
    pub(crate) on_node: BTreeSet<SocketAddr>,
    /// Whether there is a usable endpoint anywhere, even if none for this node.
    pub(crate) any: bool,
}

impl Chosen {
    /// Every endpoint that this node may send to, once.
    pub(crate) fn reachable(&self) -> BTreeSet<SocketAddr> {
        self.cluster.iter().chain(&self.local).copied().collect()
    }
}

pub(crate) fn choose(port: &ServicePort, all: &[Endpoint<'_>], node: &NodeFacts) -> Chosen {
    let is_local =
        |endpoint: &&Endpoint<'_>| !node.name.is_empty() && endpoint.node == Some(node.name.as_str());
    let mut chosen = Chosen::default();
    if port.uses_cluster_endpoints() {
        let near = preferred(all, node);
        chosen.cluster = usable(all.iter(), |endpoint| near.is_none_or(|near| near.includes(endpoint, node)));
    }
    if port.uses_local_endpoints() {
        chosen.local = usable(all.iter().filter(is_local), |_| true);
    }
    chosen.any = all.iter().any(|endpoint| endpoint.ready || endpoint.is_fallback());
    let reachable = chosen.reachable();
    let on_node = all.iter().filter(is_local).map(|endpoint| endpoint.addr);
    chosen.on_node = on_node.filter(|addr| reachable.contains(addr)).collect();
    chosen
}

/// The ready endpoints that pass the filter; if there are none, those that
/// terminate and still serve.
fn usable<'a>(
    endpoints: impl Iterator<Item = &'a Endpoint<'a>> + Clone,
    filter: impl Fn(&Endpoint<'_>) -> bool,
) -> Vec<SocketAddr> {
    let ready = endpoints.clone().filter(|endpoint| endpoint.ready && filter(endpoint));
    let ready: Vec<SocketAddr> = ready.map(|endpoint| endpoint.addr).collect();
    match ready.is_empty() {
        false => ready,
        true => endpoints.filter(|each| each.is_fallback()).map(|each| each.addr).collect(),
    }
}

/// What the hints ask this node to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Near {
    SameNode,
    SameZone,
}

impl Near {
    fn includes(self, endpoint: &Endpoint<'_>, node: &NodeFacts) -> bool {
        match self {
            Self::SameNode => endpoint.for_nodes.contains(&node.name.as_str()),
            Self::SameZone => node.zone.as_deref().is_some_and(|zone| endpoint.for_zones.contains(&zone)),
        }
    }
}

/// Hints count only if every ready endpoint has one and some are for this node.
fn preferred(all: &[Endpoint<'_>], node: &NodeFacts) -> Option<Near> {
    let ready = || all.iter().filter(|endpoint| endpoint.ready);
    let applies = |near: Near| ready().any(|endpoint| near.includes(endpoint, node));
    if ready().all(|endpoint| !endpoint.for_nodes.is_empty()) && applies(Near::SameNode) {
        return Some(Near::SameNode);
    }
    let zoned = ready().all(|endpoint| !endpoint.for_zones.is_empty());
    (zoned && applies(Near::SameZone)).then_some(Near::SameZone)
}
