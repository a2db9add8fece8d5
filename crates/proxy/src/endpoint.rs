//! Endpoints, gathered from all slices of a service.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ironclad_nft::Family;
use k8s_openapi::api::discovery::v1::{Endpoint as ApiEndpoint, EndpointPort, EndpointSlice};

use crate::service::{Protocol, number};

/// Which service a slice belongs to (API doc of EndpointSlice).
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// One address and port behind a service port.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint<'a> {
    pub(crate) addr: SocketAddr,
    pub(crate) node: Option<&'a str>,
    pub(crate) ready: bool,
    pub(crate) serving: bool,
    pub(crate) terminating: bool,
    pub(crate) for_zones: Vec<&'a str>,
    pub(crate) for_nodes: Vec<&'a str>,
}

impl Endpoint<'_> {
    /// On its way out, but still answering: the last resort.
    pub(crate) fn is_fallback(&self) -> bool {
        self.serving && self.terminating
    }
}

/// All slices by namespace and service.
pub(crate) struct Slices<'a>(HashMap<(&'a str, &'a str), Vec<&'a EndpointSlice>>);

impl<'a> Slices<'a> {
    pub(crate) fn index(slices: &'a [Arc<EndpointSlice>]) -> Self {
        let mut index: HashMap<_, Vec<&EndpointSlice>> = HashMap::new();
        for slice in slices {
            if let Some(service) = service_of(slice) {
                index.entry(service).or_default().push(slice);
            }
        }
        Self(index)
    }

    /// The endpoints of one service port in one family, in order of address.
    ///
    /// An address may stand in two slices while it moves between them, or twice
    /// when a pod got the address of one that terminates: then the one counts
    /// that does not terminate.
    pub(crate) fn endpoints(
        &self,
        service: (&str, &str),
        family: Family,
        (port_name, protocol): (&str, Protocol),
    ) -> Vec<Endpoint<'a>> {
        let mut found: BTreeMap<SocketAddr, Endpoint<'a>> = BTreeMap::new();
        let slices = self.0.get(&service).into_iter().flatten();
        for slice in slices.filter(|slice| slice.address_type == address_type(family)) {
            let ports = slice.ports.as_deref().unwrap_or_default();
            for port in ports.iter().filter_map(|port| port_number(port, port_name, protocol)) {
                let endpoints = slice.endpoints.as_deref().unwrap_or_default();
                for endpoint in endpoints.iter().filter_map(|each| endpoint(each, port)) {
                    if !endpoint.terminating || !found.contains_key(&endpoint.addr) {
                        found.insert(endpoint.addr, endpoint);
                    }
                }
            }
        }
        found.into_values().filter(|each| Family::of(&each.addr.ip()) == family).collect()
    }
}

fn service_of(slice: &EndpointSlice) -> Option<(&str, &str)> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    Some((slice.metadata.namespace.as_deref()?, name))
}

fn address_type(family: Family) -> &'static str {
    match family {
        Family::Ip => "IPv4",
        Family::Ip6 => "IPv6",
    }
}

/// The port's number, if it is the one of that name and protocol.
fn port_number(port: &EndpointPort, name: &str, protocol: Protocol) -> Option<u16> {
    let same_name = port.name.as_deref().unwrap_or_default() == name;
    let same_protocol = Protocol::parse(port.protocol.as_deref()) == Some(protocol);
    port.port.and_then(number).filter(|_| same_name && same_protocol)
}

/// Only the first address counts (API doc: the others have no meaning).
fn endpoint(endpoint: &ApiEndpoint, port: u16) -> Option<Endpoint<'_>> {
    let ip: IpAddr = endpoint.addresses.first()?.parse().ok()?;
    let conditions = endpoint.conditions.as_ref();
    let condition = |value: Option<Option<bool>>, unknown| value.flatten().unwrap_or(unknown);
    let hints = endpoint.hints.as_ref();
    let zones = hints.and_then(|hints| hints.for_zones.as_deref()).unwrap_or_default();
    let nodes = hints.and_then(|hints| hints.for_nodes.as_deref()).unwrap_or_default();
    Some(Endpoint {
        addr: SocketAddr::new(ip, port),
        node: endpoint.node_name.as_deref(),
        ready: condition(conditions.map(|c| c.ready), true),
        serving: condition(conditions.map(|c| c.serving), true),
        terminating: condition(conditions.map(|c| c.terminating), false),
        for_zones: zones.iter().map(|zone| zone.name.as_str()).collect(),
        for_nodes: nodes.iter().map(|node| node.name.as_str()).collect(),
    })
}
