//! `spec.healthCheckNodePort`: a load balancer asks each node whether it has
//! endpoints of a service with `externalTrafficPolicy: Local`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ironclad_nft::Family;
use k8s_openapi::api::core::v1::Service;

use crate::endpoint::Slices;
use crate::facts::NodeFacts;
use crate::service::{self, identity};

/// What is to be answered, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    pub namespace: String,
    pub service: String,
    /// The TCP port, on every address that has NodePorts.
    pub port: u16,
    /// Ready endpoints on this node, counted by address.
    pub local_endpoints: usize,
}

impl HealthCheck {
    /// The status and JSON body of the answer to any GET, as kube-proxy gives it.
    pub fn answer(&self) -> (u16, String) {
        let Self { namespace, service, local_endpoints, .. } = self;
        let status = if *local_endpoints > 0 { 200 } else { 503 };
        let body = format!(
            "{{\"service\":{{\"namespace\":\"{namespace}\",\"name\":\"{service}\"}},\
             \"localEndpoints\":{local_endpoints},\"serviceProxyHealthy\":true}}"
        );
        (status, body)
    }
}

pub(crate) fn checks(services: &[&Service], slices: &Slices<'_>, node: &NodeFacts) -> Vec<HealthCheck> {
    let check = |service: &&Service| {
        let port = service::health_check_port(service)?;
        let (namespace, name) = identity(service);
        let local_endpoints = local_endpoints(service, slices, node);
        Some(HealthCheck { namespace: namespace.into(), service: name.into(), port, local_endpoints })
    };
    services.iter().filter_map(check).collect()
}

/// Pods of two families have an address in each, and count once.
fn local_endpoints(service: &Service, slices: &Slices<'_>, node: &NodeFacts) -> usize {
    let of_family = |family| {
        let mut addresses: BTreeSet<IpAddr> = BTreeSet::new();
        for port in service::ports(service, family) {
            let name = (port.port_name.as_str(), port.protocol);
            let endpoints = slices.endpoints(identity(service), family, name);
            let local = endpoints.iter().filter(|e| e.ready && e.node == Some(node.name.as_str()));
            addresses.extend(local.map(|endpoint| endpoint.addr.ip()));
        }
        addresses.len()
    };
    of_family(Family::Ip).max(of_family(Family::Ip6))
}
