//! Mirrors Endpoints that somebody keeps by hand, for a service without a selector, into
//! EndpointSlices, which is where proxies look.
//!
//! Source: <https://kubernetes.io/docs/concepts/services-networking/service/#endpointslice-mirroring>.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ironclad_api::validation::ip::parse_ip;
use ironclad_api::{Object, ObjectKey};
use ironclad_client::Cache;
use ironclad_client::typed::CacheExt;
use ironclad_control::{Controller, EventRecord, EventType, Plan, View, Watch, Write};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{self as core, EndpointAddress, Endpoints, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::slices::{MANAGED_BY, SERVICE_NAME};
use crate::ownership::{controller_reference, event_reference, key_of};
use crate::resources::{ENDPOINT_SLICES, ENDPOINTS, SERVICES};

const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
/// Marks an object that only serves as a lock.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
/// Annotations of the Endpoints that say nothing about the slices.
const OWN_ANNOTATIONS: [&str; 2] =
    ["endpoints.kubernetes.io/last-change-trigger-time", "kubectl.kubernetes.io/last-applied-configuration"];
/// Addresses of one subset that are mirrored.
const MAX_ADDRESSES: usize = 1000;

pub struct EndpointSliceMirroring;

impl Controller for EndpointSliceMirroring {
    fn name(&self) -> &'static str {
        "endpointslicemirroring-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            // All three have the service's name.
            Watch::itself(ENDPOINTS.group_resource()),
            Watch::itself(SERVICES.group_resource()),
            Watch::new(ENDPOINT_SLICES.group_resource(), |change, _| {
                let versions = [&change.old, &change.new].into_iter().flatten();
                let ours = versions.filter(|e| e.labels.get(MANAGED_BY).is_some_and(|m| m == MANAGER));
                let services = ours.filter_map(|e| Some((&e.key.namespace, e.labels.get(SERVICE_NAME)?)));
                services.map(|(namespace, name)| ObjectKey::new(namespace.clone(), name.clone())).collect()
            }),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let mut existing = mirrored(view.cache, key);
        if let Some(endpoints) = source(view.cache, key) {
            if endpoints.metadata.deletion_timestamp.is_some() {
                return plan;
            }
            let (wanted, dropped) = slices(&endpoints);
            for slice in wanted {
                put(&endpoints, slice, &mut existing, &mut plan);
            }
            dropped.tell(&endpoints, &mut plan);
        }
        for slice in existing {
            let uid = slice.metadata.uid.clone().unwrap_or_default();
            plan.and(Write::delete(ENDPOINT_SLICES.object(&key_of(&slice.metadata)), uid));
        }
        plan
    }
}

/// The Endpoints of a service without a selector, unless they are not to be mirrored.
fn source(cache: &dyn Cache, key: &ObjectKey) -> Option<Arc<Endpoints>> {
    let endpoints = cache.get_as::<Endpoints>(&ENDPOINTS.group_resource(), key)?;
    let service = cache.get_as::<Service>(&SERVICES.group_resource(), key)?;
    let metadata = &endpoints.metadata;
    let skipped =
        metadata.labels.as_ref().and_then(|labels| labels.get(SKIP)).is_some_and(|skip| skip == "true");
    let is_lock = metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(LEADER));
    let selects = service.spec.as_ref().is_some_and(|spec| spec.selector.is_some());
    (!skipped && !is_lock && !selects).then_some(endpoints)
}

fn mirrored(cache: &dyn Cache, service: &ObjectKey) -> Vec<Arc<EndpointSlice>> {
    let slices = cache.list(&ENDPOINT_SLICES.group_resource(), Some(&service.namespace));
    let has = |labels: &BTreeMap<String, String>, key: &str, value: &str| {
        labels.get(key).is_some_and(|v| v == value)
    };
    let ours = slices
        .iter()
        .filter(|e| has(&e.labels, SERVICE_NAME, &service.name) && has(&e.labels, MANAGED_BY, MANAGER));
    ours.filter_map(|entry| entry.typed()).collect()
}

/// What a slice is to hold.
struct Wanted {
    address_type: &'static str,
    ports: Vec<EndpointPort>,
    endpoints: Vec<Endpoint>,
}

/// Addresses that are not mirrored.
#[derive(Debug, Default, PartialEq, Eq)]
struct Dropped {
    invalid: usize,
    too_many: usize,
}

impl Dropped {
    fn tell(&self, endpoints: &Endpoints, plan: &mut Plan) {
        let mut warn = |reason: &str, note: String| {
            let regarding = event_reference("v1", "Endpoints", &endpoints.metadata);
            plan.event(EventRecord {
                regarding,
                event_type: EventType::Warning,
                reason: reason.into(),
                note,
            });
        };
        if self.invalid > 0 {
            let count = self.invalid;
            let note = format!("Skipped {count} invalid IP addresses when mirroring to EndpointSlices");
            warn("InvalidIPAddress", note);
        }
        if self.too_many > 0 {
            let count = self.invalid + self.too_many;
            let note = format!(
                "A max of {MAX_ADDRESSES} addresses can be mirrored to EndpointSlices per Endpoints subset. {count} addresses were skipped"
            );
            warn("TooManyAddressesToMirror", note);
        }
    }
}

/// One slice per subset and address family.
fn slices(endpoints: &Endpoints) -> (Vec<Wanted>, Dropped) {
    let (mut slices, mut dropped) = (Vec::new(), Dropped::default());
    for (ports, addresses) in repacked(endpoints) {
        let mut families = BTreeMap::<&'static str, Vec<Endpoint>>::new();
        let mut taken = 0;
        // Ready ones first: they stay when there are too many.
        let (ready, not_ready): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|(_, ready)| *ready);
        for (address, ready) in ready.into_iter().chain(not_ready) {
            match parse_ip(&address.ip) {
                None => dropped.invalid += 1,
                Some(_) if taken == MAX_ADDRESSES => dropped.too_many += 1,
                Some(ip) => {
                    taken += 1;
                    let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
                    families.entry(family).or_default().push(endpoint(address, ip, ready));
                }
            }
        }
        let of_family = |(address_type, endpoints)| Wanted { address_type, ports: ports.clone(), endpoints };
        slices.extend(families.into_iter().map(of_family));
    }
    (slices, dropped)
}

fn endpoint(address: &EndpointAddress, ip: IpAddr, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![ip.to_string()],
        conditions: Some(EndpointConditions { ready: Some(ready), ..EndpointConditions::default() }),
        target_ref: address.target_ref.clone(),
        node_name: address.node_name.clone(),
        hostname: address.hostname.clone().filter(|hostname| !hostname.is_empty()),
        ..Endpoint::default()
    }
}

/// What tells one address from another: the IP, and the uid of what it leads to.
type Identity<'a> = (&'a str, &'a str);
/// Ports, and the addresses that stand behind all of them, each with whether it is ready.
type Subset<'a> = (Vec<EndpointPort>, Vec<(&'a EndpointAddress, bool)>);
type Addresses<'a> = BTreeMap<Identity<'a>, (&'a EndpointAddress, bool)>;

/// The subsets put together anew, so that ports with the very same addresses stand together once.
/// An address that stands as ready and as not ready is not ready.
fn repacked(endpoints: &Endpoints) -> Vec<Subset<'_>> {
    let mut by_port: Vec<(Option<EndpointPort>, Addresses<'_>)> = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        let ports = subset.ports.iter().flatten().map(|p| Some(port(p)));
        let mut ports: Vec<_> = ports.collect();
        if ports.is_empty() {
            // Addresses without ports are a group as well.
            ports.push(None);
        }
        let ready = subset.addresses.iter().flatten().map(|address| (address, true));
        let all: Vec<_> = ready
            .chain(subset.not_ready_addresses.iter().flatten().map(|address| (address, false)))
            .collect();
        for port in ports {
            let at = by_port.iter().position(|(known, _)| *known == port).unwrap_or_else(|| {
                by_port.push((port, Addresses::new()));
                by_port.len() - 1
            });
            let Some((_, addresses)) = by_port.get_mut(at) else { continue };
            for (address, ready) in &all {
                let slot = addresses.entry(identity(address)).or_insert((address, *ready));
                slot.1 &= *ready;
            }
        }
    }
    let mut groups: Vec<(Vec<EndpointPort>, Addresses<'_>)> = Vec::new();
    for (port, addresses) in by_port {
        match groups.iter_mut().find(|(_, known)| *known == addresses) {
            Some((ports, _)) => ports.extend(port),
            None => groups.push((port.into_iter().collect(), addresses)),
        }
    }
    groups.into_iter().map(|(ports, addresses)| (ports, addresses.into_values().collect())).collect()
}

fn identity(address: &EndpointAddress) -> Identity<'_> {
    let uid = address.target_ref.as_ref().and_then(|target| target.uid.as_deref());
    (&address.ip, uid.unwrap_or_default())
}

fn port(port: &core::EndpointPort) -> EndpointPort {
    EndpointPort {
        // An unnamed port's name is the empty string, which must be there.
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(port.port),
        protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".into())),
        app_protocol: port.app_protocol.clone(),
    }
}

/// Takes a slice that fits best out of `existing`, and writes it if it is not as wanted.
fn put(endpoints: &Endpoints, wanted: Wanted, existing: &mut Vec<Arc<EndpointSlice>>, plan: &mut Plan) {
    let same_family = |slice: &Arc<EndpointSlice>| slice.address_type == wanted.address_type;
    let same_ports = |slice: &Arc<EndpointSlice>| {
        same_family(slice) && slice.ports.clone().unwrap_or_default() == wanted.ports
    };
    let found = existing.iter().position(same_ports).or_else(|| existing.iter().position(same_family));
    let before = found.map(|at| existing.swap_remove(at));
    let meta = &endpoints.metadata;
    let mut slice = EndpointSlice {
        metadata: ObjectMeta {
            namespace: meta.namespace.clone(),
            labels: Some(labels(meta)),
            annotations: annotations(meta),
            owner_references: Some(vec![controller_reference("v1", "Endpoints", meta)]),
            ..ObjectMeta::default()
        },
        address_type: wanted.address_type.into(),
        ports: (!wanted.ports.is_empty()).then_some(wanted.ports),
        endpoints: Some(wanted.endpoints),
    };
    match before {
        Some(before) if is_same(&before, &slice) => {}
        Some(before) => {
            slice.metadata.name = before.metadata.name.clone();
            slice.metadata.resource_version = before.metadata.resource_version.clone();
            let object = Object::from_typed(&slice).unwrap_or_default();
            plan.and(Write::Update { target: ENDPOINT_SLICES.object(&key_of(&before.metadata)), object });
        }
        None => {
            slice.metadata.generate_name = Some(format!("{}-", meta.name.as_deref().unwrap_or_default()));
            let collection = ENDPOINT_SLICES.collection(meta.namespace.as_deref().unwrap_or_default());
            plan.and(Write::create(collection, Object::from_typed(&slice).unwrap_or_default()));
        }
    }
}

fn is_same(a: &EndpointSlice, b: &EndpointSlice) -> bool {
    let (x, y) = (&a.metadata, &b.metadata);
    x.labels == y.labels
        && x.annotations.clone().unwrap_or_default() == y.annotations.clone().unwrap_or_default()
        && x.owner_references == y.owner_references
        && a.address_type == b.address_type
        && a.ports == b.ports
        && a.endpoints == b.endpoints
}

fn labels(endpoints: &ObjectMeta) -> BTreeMap<String, String> {
    let mut labels = endpoints.labels.clone().unwrap_or_default();
    labels.insert(SERVICE_NAME.into(), endpoints.name.clone().unwrap_or_default());
    labels.insert(MANAGED_BY.into(), MANAGER.into());
    labels
}

fn annotations(endpoints: &ObjectMeta) -> Option<BTreeMap<String, String>> {
    let mut annotations = endpoints.annotations.clone()?;
    annotations.retain(|key, _| !OWN_ANNOTATIONS.contains(&key.as_str()));
    (!annotations.is_empty()).then_some(annotations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The slices that Endpoints of these subsets are mirrored into: family, ports, addresses (`!` not ready).
    fn check(subsets: Value, expected: &[(&str, &[i32], &[&str])]) {
        let endpoints: Endpoints =
            serde_json::from_value(json!({ "metadata": {}, "subsets": subsets })).expect("endpoints");
        let mut made = slices(&endpoints).0;
        made.sort_by_key(|slice| (slice.address_type, slice.ports.first().and_then(|port| port.port)));
        let shown: Vec<(&str, Vec<i32>, Vec<String>)> = made
            .iter()
            .map(|slice| {
                let ports = slice.ports.iter().filter_map(|port| port.port).collect();
                let addresses = slice.endpoints.iter().map(|endpoint| {
                    let ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready);
                    let mark = if ready == Some(true) { "" } else { "!" };
                    format!("{mark}{}", endpoint.addresses.join(","))
                });
                (slice.address_type, ports, addresses.collect())
            })
            .collect();
        let expected: Vec<(&str, Vec<i32>, Vec<String>)> = expected
            .iter()
            .map(|(family, ports, addresses)| {
                (*family, ports.to_vec(), addresses.iter().map(|a| (*a).to_owned()).collect())
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_subset_is_a_slice_per_address_family() {
        check(
            json!([{ "ports": [{ "port": 80 }], "addresses": [{ "ip": "10.1.2.3" }, { "ip": "fd00::1" }] }]),
            &[("IPv4", &[80], &["10.1.2.3"]), ("IPv6", &[80], &["fd00::1"])],
        );
    }

    #[test]
    fn ports_with_the_same_addresses_stand_together() {
        check(
            json!([
                { "ports": [{ "name": "a", "port": 80 }], "addresses": [{ "ip": "10.0.0.1" }] },
                { "ports": [{ "name": "b", "port": 81 }], "addresses": [{ "ip": "10.0.0.1" }] },
            ]),
            &[("IPv4", &[80, 81], &["10.0.0.1"])],
        );
    }

    #[test]
    fn not_ready_outweighs_ready() {
        check(
            json!([
                { "ports": [{ "port": 80 }], "addresses": [{ "ip": "10.0.0.1" }, { "ip": "10.0.0.2" }] },
                { "ports": [{ "port": 80 }], "notReadyAddresses": [{ "ip": "10.0.0.1" }] },
            ]),
            &[("IPv4", &[80], &["10.0.0.2", "!10.0.0.1"])],
        );
    }

    #[test]
    fn addresses_without_ports_are_mirrored_too() {
        check(json!([{ "addresses": [{ "ip": "10.0.0.1" }] }]), &[("IPv4", &[], &["10.0.0.1"])]);
    }

    #[test]
    fn what_cannot_be_mirrored_is_counted() {
        let many: Vec<Value> =
            (0..1002).map(|n| json!({ "ip": format!("10.0.{}.{}", n / 256, n % 256) })).collect();
        let subsets = json!([{ "addresses": many, "notReadyAddresses": [{ "ip": "nonsense" }] }]);
        let endpoints =
            serde_json::from_value(json!({ "metadata": {}, "subsets": subsets })).expect("endpoints");
        assert_eq!(slices(&endpoints).1, Dropped { invalid: 1, too_many: 2 });
    }
}
