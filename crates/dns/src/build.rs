//! From objects to records.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::rr::Name;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint as ApiEndpoint, EndpointSlice};

use crate::records::{Endpoint, Port, Records, ServiceKey, ServiceRecords};
use crate::zone::ZoneConfig;

/// Which service a slice belongs to (API doc of EndpointSlice).
const SERVICE_NAME: &str = "kubernetes.io/service-name";

impl Records {
    /// The records of these objects. Their order does not matter; what makes no
    /// sense is left out.
    pub fn build(services: &[Arc<Service>], slices: &[Arc<EndpointSlice>], zone: &ZoneConfig) -> Self {
        let mut records = Self::unsynced(zone);
        records.synced = true;
        let mut endpoints = index(slices);
        for service in services {
            let Some(key) = service_key(service) else { continue };
            let slices = endpoints.remove(&key).unwrap_or_default();
            if let Some(built) = service_records(service, &slices) {
                records.add(key, built);
            }
        }
        records
    }
}

fn index(slices: &[Arc<EndpointSlice>]) -> HashMap<ServiceKey, Vec<&EndpointSlice>> {
    let mut index: HashMap<_, Vec<&EndpointSlice>> = HashMap::new();
    for slice in slices {
        let labels = slice.metadata.labels.as_ref();
        let name = labels.and_then(|labels| labels.get(SERVICE_NAME));
        if let (Some(namespace), Some(name)) = (&slice.metadata.namespace, name) {
            index.entry(ServiceKey::new(namespace, name)).or_default().push(slice);
        }
    }
    index
}

fn service_key(service: &Service) -> Option<ServiceKey> {
    let meta = &service.metadata;
    Some(ServiceKey::new(meta.namespace.as_ref()?, meta.name.as_ref()?))
}

/// `None` for a service that has no address yet, or an impossible one.
fn service_records(service: &Service, slices: &[&EndpointSlice]) -> Option<ServiceRecords> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName") {
        return external_target(spec.external_name.as_deref()?).map(ServiceRecords::External);
    }
    let publish_all = spec.publish_not_ready_addresses == Some(true);
    let endpoints = endpoints(slices, publish_all);
    if spec.cluster_ip.as_deref() == Some("None") {
        return Some(ServiceRecords::Headless { endpoints });
    }
    let ips = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
    let mut cluster_ips: Vec<IpAddr> = ips.filter_map(|ip| ip.parse().ok()).collect();
    cluster_ips.dedup();
    if cluster_ips.len() > 1 && cluster_ips.first() == cluster_ips.last() {
        cluster_ips.pop(); // clusterIP repeats the first of clusterIPs
    }
    let ports = spec.ports.iter().flatten();
    let ports =
        ports.filter_map(|port| Port::new(port.name.as_deref(), port.protocol.as_deref(), Some(port.port)));
    let ports = ports.collect();
    (!cluster_ips.is_empty()).then_some(ServiceRecords::Cluster { cluster_ips, ports, endpoints })
}

/// An alias leads to a name; an address is not one.
fn external_target(name: &str) -> Option<Name> {
    let name = name.trim_end_matches('.');
    let is_name = !name.is_empty() && name.parse::<IpAddr>().is_err();
    Name::from_ascii(format!("{name}.")).ok().filter(|_| is_name)
}

fn endpoints(slices: &[&EndpointSlice], publish_all: bool) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for slice in slices.iter().filter(|slice| slice.address_type != "FQDN") {
        let ports = slice
            .ports
            .iter()
            .flatten()
            .filter_map(|port| Port::new(port.name.as_deref(), port.protocol.as_deref(), port.port));
        let ports: Arc<[Port]> = ports.collect();
        let published = |each: &&ApiEndpoint| publish_all || is_ready(each);
        for endpoint in slice.endpoints.iter().flatten().filter(published) {
            let Some(ip) = endpoint.addresses.first().and_then(|ip| ip.parse().ok()) else {
                continue;
            };
            let hostname = endpoint.hostname.as_deref().filter(|name| !name.is_empty());
            let hostname = hostname.map_or_else(|| dashed(&ip), str::to_ascii_lowercase);
            endpoints.push(Endpoint { hostname, ip, ports: ports.clone() });
        }
    }
    endpoints.sort_by_key(|endpoint| endpoint.ip);
    endpoints
}

/// Unknown counts as ready (API doc of EndpointConditions).
fn is_ready(endpoint: &ApiEndpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
}

/// The name of an endpoint that has none: `10-0-0-1`, `fd00--1`. A label ends in
/// no dash, so `fd00::` is `fd00--0` (as in CoreDNS).
fn dashed(ip: &IpAddr) -> String {
    let mut text = ip.to_string().replace(['.', ':'], "-");
    if text.starts_with('-') {
        text.insert(0, '0');
    }
    if text.ends_with('-') {
        text.push('0');
    }
    text
}
