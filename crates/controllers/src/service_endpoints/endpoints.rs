//! Endpoints: the older form of the same, one object per service, for clients that still
//! read it. At most 1000 addresses, as upstream truncates it.

use std::collections::BTreeMap;

use ironclad_api::{Object, ObjectKey};
use ironclad_client::Cache;
use ironclad_client::typed::CacheExt;
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    EndpointAddress, EndpointPort, EndpointSubset, Endpoints, ObjectReference, Pod, Service, ServiceSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{addresses, hostname, inherited_labels, publishes_not_ready, target_port};
use crate::resources::{ENDPOINTS, SERVICES};

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const MANAGER: &str = "endpoint-controller";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
const MAX_ADDRESSES: usize = 1000;

pub struct EndpointsController;

impl Controller for EndpointsController {
    fn name(&self) -> &'static str {
        "endpoint-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::itself(SERVICES.group_resource()),
            super::watch_pods(),
            // The object has its service's name; somebody may have deleted or edited it.
            Watch::itself(ENDPOINTS.group_resource()),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        let existing = view.cache.get_as::<Endpoints>(&ENDPOINTS.group_resource(), key);
        let mut plan = Plan::done();
        if view.cache.get(&SERVICES.group_resource(), key).is_none() {
            // Endpoints without a service are left over only if they are ours.
            if let Some(orphan) = existing.filter(|endpoints| is_ours(endpoints)) {
                plan.then(Write::delete(
                    ENDPOINTS.object(key),
                    orphan.metadata.uid.clone().unwrap_or_default(),
                ));
            }
            return plan;
        }
        let Some(service) = super::managed(view.cache, key) else { return plan };
        let wanted = wanted(view.cache, &service);
        match existing {
            None => plan.then(Write::create(
                ENDPOINTS.collection(&key.namespace),
                Object::from_typed(&wanted).unwrap_or_default(),
            )),
            Some(existing) if !same(&existing, &wanted) => {
                let mut update = wanted;
                update.metadata.resource_version = existing.metadata.resource_version.clone();
                let object = Object::from_typed(&update).unwrap_or_default();
                plan.then(Write::Update { target: ENDPOINTS.object(key), object });
            }
            Some(_) => {}
        }
        plan
    }
}

fn is_ours(endpoints: &Endpoints) -> bool {
    endpoints.metadata.labels.as_ref().and_then(|labels| labels.get(MANAGED_BY)).is_some_and(|m| m == MANAGER)
}

fn same(existing: &Endpoints, wanted: &Endpoints) -> bool {
    existing.metadata.labels == wanted.metadata.labels
        && existing.subsets.clone().unwrap_or_default() == wanted.subsets.clone().unwrap_or_default()
}

fn wanted(cache: &dyn Cache, service: &Service) -> Endpoints {
    let mut labels = inherited_labels(service, &[MANAGED_BY]);
    labels.insert(MANAGED_BY.into(), MANAGER.into());
    let mut subsets = subsets(cache, service);
    let truncated = truncate(&mut subsets);
    let annotations = truncated.then(|| BTreeMap::from([(OVER_CAPACITY.to_owned(), "truncated".to_owned())]));
    Endpoints {
        metadata: ObjectMeta {
            name: service.metadata.name.clone(),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels),
            annotations,
            ..ObjectMeta::default()
        },
        subsets: (!subsets.is_empty()).then_some(subsets),
    }
}

/// Addresses with the same ports stand together; ready and not ready ones apart.
fn subsets(cache: &dyn Cache, service: &Service) -> Vec<EndpointSubset> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let mut subsets: Vec<EndpointSubset> = Vec::new();
    for pod in super::selected_pods(cache, service) {
        let published = publishes_not_ready(spec);
        if pod.metadata.deletion_timestamp.is_some() && !published {
            continue;
        }
        let Some(address) = address(&pod, service, spec) else { continue };
        let ports = ports(spec, &pod);
        if ports.is_empty() && spec.ports.iter().flatten().next().is_some() {
            continue;
        }
        let ports = (!ports.is_empty()).then_some(ports);
        let subset = match subsets.iter().position(|subset| subset.ports == ports) {
            Some(index) => subsets.get_mut(index),
            None => {
                subsets.push(EndpointSubset { ports, ..EndpointSubset::default() });
                subsets.last_mut()
            }
        };
        let Some(subset) = subset else { continue };
        let ready = published || crate::pods::is_ready(&pod);
        let list = if ready { &mut subset.addresses } else { &mut subset.not_ready_addresses };
        list.get_or_insert_default().push(address);
    }
    for subset in &mut subsets {
        for list in [&mut subset.addresses, &mut subset.not_ready_addresses].into_iter().flatten() {
            list.sort_by(|a, b| a.ip.cmp(&b.ip));
        }
    }
    subsets
}

fn address(pod: &Pod, service: &Service, spec: &ServiceSpec) -> Option<EndpointAddress> {
    let six = spec
        .ip_families
        .as_ref()
        .and_then(|families| families.first())
        .is_some_and(|family| family == "IPv6");
    let ip = addresses(pod).into_iter().find(|address| address.is_ipv6() == six)?;
    Some(EndpointAddress {
        ip: ip.to_string(),
        hostname: hostname(pod, service),
        node_name: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).filter(|name| !name.is_empty()),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".into()),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            ..ObjectReference::default()
        }),
    })
}

fn ports(spec: &ServiceSpec, pod: &Pod) -> Vec<EndpointPort> {
    let ports = spec.ports.iter().flatten().filter_map(|port| {
        Some(EndpointPort {
            name: port.name.clone().filter(|name| !name.is_empty()),
            port: target_port(pod, port)?,
            protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".into())),
            app_protocol: port.app_protocol.clone(),
        })
    });
    ports.collect()
}

/// Cuts to [`MAX_ADDRESSES`], ready ones first to stay. True if something was cut.
fn truncate(subsets: &mut [EndpointSubset]) -> bool {
    let mut room = MAX_ADDRESSES;
    let mut cut = false;
    for ready in [true, false] {
        for subset in subsets.iter_mut() {
            let list = if ready { &mut subset.addresses } else { &mut subset.not_ready_addresses };
            let Some(list) = list else { continue };
            cut |= list.len() > room;
            list.truncate(room);
            room -= list.len();
        }
    }
    cut
}
