//! EndpointSlices: a service's endpoints in pieces of at most 100, so that one pod's
//! change rewrites one piece.
//!
//! Source: <https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/>.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ironclad_api::{Object, ObjectKey};
use ironclad_client::Cache;
use ironclad_client::typed::CacheExt;
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, ObjectReference, Pod, Service, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{addresses, hostname, inherited_labels, publishes_not_ready, target_port};
use crate::ownership::{controller_reference, key_of};
use crate::resources::{ENDPOINT_SLICES, NODES, SERVICES};

pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";
pub(super) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";
const ZONE: &str = "topology.kubernetes.io/zone";
const MAX_ENDPOINTS: usize = 100;

pub struct EndpointSlices;

impl Controller for EndpointSlices {
    fn name(&self) -> &'static str {
        "endpointslice-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::itself(SERVICES.group_resource()),
            super::watch_pods(),
            Watch::new(ENDPOINT_SLICES.group_resource(), |change, _| {
                let entry = change.entry();
                let ours = entry.labels.get(MANAGED_BY).is_some_and(|manager| manager == MANAGER);
                let service = entry.labels.get(SERVICE_NAME).filter(|_| ours);
                service
                    .map(|name| ObjectKey::new(entry.key.namespace.clone(), name.clone()))
                    .into_iter()
                    .collect()
            }),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        // A deleted service's slices go with it, by garbage collection.
        let Some(service) = super::managed(view.cache, key) else { return Plan::done() };
        let Some(spec) = service.spec.as_ref().filter(|_| service.metadata.deletion_timestamp.is_none())
        else {
            return Plan::done();
        };
        let existing = slices_of(view.cache, key);
        let mut plan = Plan::done();
        let mut spare: Vec<Arc<EndpointSlice>> = Vec::new();
        for family in families(spec) {
            let (same, _): (Vec<_>, Vec<_>) =
                existing.iter().cloned().partition(|s| s.address_type == family.name());
            let wanted = group(view.cache, &service, spec, family);
            spare.extend(Packing { service: &service, family, existing: same }.plan(wanted, &mut plan));
        }
        let served: Vec<_> = families(spec).into_iter().map(Family::name).collect();
        spare.extend(existing.into_iter().filter(|slice| !served.contains(&slice.address_type.as_str())));
        for slice in spare {
            let uid = slice.metadata.uid.clone().unwrap_or_default();
            plan.and(Write::delete(ENDPOINT_SLICES.object(&key_of(&slice.metadata)), uid));
        }
        plan
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }

    fn has(self, address: &IpAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }
}

fn families(spec: &ServiceSpec) -> Vec<Family> {
    let named = spec.ip_families.iter().flatten().map(|family| match family.as_str() {
        "IPv6" => Family::V6,
        _ => Family::V4,
    });
    let named: Vec<_> = named.collect();
    if named.is_empty() { vec![Family::V4] } else { named }
}

fn slices_of(cache: &dyn Cache, service: &ObjectKey) -> Vec<Arc<EndpointSlice>> {
    let slices = cache.list(&ENDPOINT_SLICES.group_resource(), Some(&service.namespace));
    let label = |labels: &BTreeMap<String, String>, key: &str, value: &str| {
        labels.get(key).is_some_and(|v| v == value)
    };
    let ours = slices.iter().filter(|entry| {
        label(&entry.labels, SERVICE_NAME, &service.name) && label(&entry.labels, MANAGED_BY, MANAGER)
    });
    ours.filter_map(|entry| entry.typed()).collect()
}

/// Pods may resolve a named port to different numbers: endpoints with the same ports go together.
type Groups = Vec<(Vec<EndpointPort>, Vec<Endpoint>)>;

fn group(cache: &dyn Cache, service: &Service, spec: &ServiceSpec, family: Family) -> Groups {
    let mut groups = Groups::new();
    for pod in super::selected_pods(cache, service) {
        let Some(endpoint) = endpoint(cache, service, spec, &pod, family) else { continue };
        let ports = ports(spec, &pod);
        match groups.iter_mut().find(|(known, _)| *known == ports) {
            Some((_, endpoints)) => endpoints.push(endpoint),
            None => groups.push((ports, vec![endpoint])),
        }
    }
    groups
}

fn ports(spec: &ServiceSpec, pod: &Pod) -> Vec<EndpointPort> {
    let ports = spec.ports.iter().flatten().filter_map(|port| {
        Some(EndpointPort {
            // An unnamed port's name is the empty string, which must be there.
            name: Some(port.name.clone().unwrap_or_default()),
            port: Some(target_port(pod, port)?),
            protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".into())),
            app_protocol: port.app_protocol.clone(),
        })
    });
    ports.collect()
}

fn endpoint(
    cache: &dyn Cache,
    service: &Service,
    spec: &ServiceSpec,
    pod: &Pod,
    family: Family,
) -> Option<Endpoint> {
    let address = addresses(pod).into_iter().find(|address| family.has(address))?;
    let serving = crate::pods::is_ready(pod);
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let node_name = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).filter(|name| !name.is_empty());
    Some(Endpoint {
        addresses: vec![address.to_string()],
        conditions: Some(EndpointConditions {
            ready: Some(publishes_not_ready(spec) || serving && !terminating),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".into()),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            ..ObjectReference::default()
        }),
        zone: node_name.as_ref().and_then(|node| zone(cache, node)),
        node_name,
        hostname: hostname(pod, service),
        ..Endpoint::default()
    })
}

fn zone(cache: &dyn Cache, node: &str) -> Option<String> {
    let node = cache.get_as::<Node>(&NODES.group_resource(), &ObjectKey::cluster(node))?;
    node.metadata.labels.as_ref()?.get(ZONE).cloned()
}

/// Fits wanted endpoints into the slices of one address family with as few writes as possible.
struct Packing<'a> {
    service: &'a Service,
    family: Family,
    existing: Vec<Arc<EndpointSlice>>,
}

impl Packing<'_> {
    /// Adds creates and updates; returns the slices that are no longer needed.
    fn plan(mut self, mut wanted: Groups, plan: &mut Plan) -> Vec<Arc<EndpointSlice>> {
        if wanted.is_empty() {
            // One empty slice says that there are none; without it nobody could tell from "not yet".
            wanted.push((Vec::new(), Vec::new()));
        }
        for (ports, endpoints) in wanted {
            self.pack(ports, endpoints, plan);
        }
        self.existing
    }

    fn pack(&mut self, ports: Vec<EndpointPort>, endpoints: Vec<Endpoint>, plan: &mut Plan) {
        let (mut slices, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.existing)
            .into_iter()
            .partition(|slice| slice.ports.clone().unwrap_or_default() == ports);
        self.existing = others;
        slices.sort_by_key(|slice| slice.metadata.name.clone());
        let mut waiting: BTreeMap<String, Endpoint> =
            endpoints.into_iter().map(|endpoint| (identity(&endpoint), endpoint)).collect();
        let empty = waiting.is_empty();
        // Endpoints stay in the slice where they are.
        let mut kept: Vec<Vec<Endpoint>> = slices
            .iter()
            .map(|slice| {
                slice.endpoints.iter().flatten().filter_map(|old| waiting.remove(&identity(old))).collect()
            })
            .collect();
        let mut new: Vec<Endpoint> = waiting.into_values().collect();
        for contents in &mut kept {
            let room = MAX_ENDPOINTS.saturating_sub(contents.len()).min(new.len());
            contents.extend(new.drain(..room));
        }
        let mut placeholder = empty;
        for (slice, contents) in slices.into_iter().zip(kept) {
            if contents.is_empty() && !std::mem::take(&mut placeholder) {
                self.existing.push(slice);
                continue;
            }
            self.update(&slice, contents, plan);
        }
        let mut new = new.into_iter().peekable();
        while placeholder || new.peek().is_some() {
            placeholder = false;
            let contents: Vec<_> = new.by_ref().take(MAX_ENDPOINTS).collect();
            self.create(ports.clone(), contents, plan);
        }
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = inherited_labels(self.service, &[SERVICE_NAME, MANAGED_BY]);
        labels.insert(SERVICE_NAME.into(), self.service.metadata.name.clone().unwrap_or_default());
        labels.insert(MANAGED_BY.into(), MANAGER.into());
        labels
    }

    fn update(&self, slice: &EndpointSlice, endpoints: Vec<Endpoint>, plan: &mut Plan) {
        let labels = Some(self.labels());
        let set = |list: &[Endpoint]| list.iter().map(|e| format!("{e:?}")).collect::<BTreeSet<_>>();
        let standing = slice.endpoints.as_deref().unwrap_or_default();
        if slice.metadata.labels == labels && set(standing) == set(&endpoints) {
            return;
        }
        let mut wanted = slice.clone();
        wanted.metadata.labels = labels;
        wanted.endpoints = Some(endpoints);
        let object = Object::from_typed(&wanted).unwrap_or_default();
        plan.and(Write::Update { target: ENDPOINT_SLICES.object(&key_of(&slice.metadata)), object });
    }

    fn create(&self, ports: Vec<EndpointPort>, endpoints: Vec<Endpoint>, plan: &mut Plan) {
        let meta = &self.service.metadata;
        let slice = EndpointSlice {
            metadata: ObjectMeta {
                generate_name: Some(format!("{}-", meta.name.as_deref().unwrap_or_default())),
                namespace: meta.namespace.clone(),
                labels: Some(self.labels()),
                owner_references: Some(vec![controller_reference("v1", "Service", meta)]),
                ..ObjectMeta::default()
            },
            address_type: self.family.name().into(),
            ports: (!ports.is_empty()).then_some(ports),
            endpoints: Some(endpoints),
        };
        let object = Object::from_typed(&slice).unwrap_or_default();
        plan.and(Write::create(
            ENDPOINT_SLICES.collection(meta.namespace.as_deref().unwrap_or_default()),
            object,
        ));
    }
}

/// What makes an endpoint the same one in another state: its pod and address.
fn identity(endpoint: &Endpoint) -> String {
    let uid = endpoint.target_ref.as_ref().and_then(|target| target.uid.as_deref()).unwrap_or_default();
    format!("{uid} {}", endpoint.addresses.join(","))
}
