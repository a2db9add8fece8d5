//! What stands behind a Service: its pods' addresses and ports, published as
//! [`slices`] (EndpointSlice) and in the older form, [`endpoints`] (Endpoints). Endpoints that are
//! kept by hand are [mirrored](mirroring) into slices.
//!
//! Source: <https://kubernetes.io/docs/concepts/services-networking/service/>.

pub mod endpoints;
pub mod mirroring;
pub mod slices;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ironclad_api::ObjectKey;
use ironclad_client::typed::CacheExt;
use ironclad_client::{Cache, Change};
use ironclad_control::Watch;
use k8s_openapi::api::core::v1::{Pod, Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::ownership::key_of;
use crate::pods;
use crate::resources::{PODS, SERVICES};

const HEADLESS: &str = "service.kubernetes.io/headless";

/// The services that select a pod, before or after a change that their endpoints show.
fn watch_pods() -> Watch {
    Watch::new(PODS.group_resource(), |change, cache| {
        let namespace = change.entry().key.namespace.as_str();
        let services = cache.list_as::<Service>(&SERVICES.group_resource(), Some(namespace));
        let mut keys = Vec::new();
        for entry in [&change.old, &change.new].into_iter().flatten() {
            let selecting = services.iter().filter(|service| selects(service, &entry.labels));
            keys.extend(selecting.map(|service| key_of(&service.metadata)));
        }
        // Pods that no service selects are not even decoded.
        if keys.is_empty() || !shows(change) { Vec::new() } else { keys }
    })
}

/// Whether anything changed that endpoints are made from. Most changes of pods are not such.
fn shows(change: &Change) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else { return true };
    if old.labels != new.labels {
        return true;
    }
    let (Some(old), Some(new)) = (old.typed::<Pod>(), new.typed::<Pod>()) else { return true };
    let seen = |pod: &Pod| {
        let spec = pod.spec.as_ref();
        (
            addresses(pod),
            pods::is_ready(pod),
            pods::is_finished(pod),
            pod.metadata.deletion_timestamp.is_some(),
            spec.and_then(|spec| spec.node_name.clone()),
        )
    };
    seen(&old) != seen(&new)
}

/// Whether the service's selector picks these labels. This runs for every service of a namespace.
fn selects(service: &Service, labels: &BTreeMap<String, String>) -> bool {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| {
        !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    })
}

/// A service whose endpoints are ours to keep: one with a selector that is not an alias.
fn managed(cache: &dyn Cache, key: &ObjectKey) -> Option<Arc<Service>> {
    let service = cache.get_as::<Service>(&SERVICES.group_resource(), key)?;
    let spec = service.spec.as_ref()?;
    let selects = spec.selector.as_ref().is_some_and(|selector| !selector.is_empty());
    let alias = spec.type_.as_deref() == Some("ExternalName");
    (selects && !alias).then_some(service)
}

/// The pods that a service selects and that have an address and have not finished, in key order.
fn selected_pods(cache: &dyn Cache, service: &Service) -> Vec<Arc<Pod>> {
    let pods = cache.list(&PODS.group_resource(), service.metadata.namespace.as_deref());
    // Only those that are selected are decoded.
    let selected = pods.iter().filter(|entry| selects(service, &entry.labels));
    let wanted = |pod: &Arc<Pod>| !pods::is_finished(pod) && !addresses(pod).is_empty();
    selected.filter_map(|entry| entry.typed()).filter(wanted).collect()
}

fn addresses(pod: &Pod) -> Vec<IpAddr> {
    let Some(status) = &pod.status else { return Vec::new() };
    let listed = status.pod_ips.iter().flatten().map(|ip| ip.ip.as_str());
    let mut all: Vec<IpAddr> = listed.filter_map(|ip| ip.parse().ok()).collect();
    if all.is_empty() {
        all.extend(status.pod_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok()));
    }
    all
}

fn is_headless(spec: &ServiceSpec) -> bool {
    spec.cluster_ip.as_deref() == Some("None")
}

fn publishes_not_ready(spec: &ServiceSpec) -> bool {
    spec.publish_not_ready_addresses == Some(true)
}

/// The pod's own name within a headless service: its hostname, if its subdomain is the service.
fn hostname(pod: &Pod, service: &Service) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let here = spec.subdomain.as_deref() == service.metadata.name.as_deref();
    spec.hostname.clone().filter(|hostname| here && !hostname.is_empty())
}

/// The number of the pod's port that a service port leads to; `None` if the pod has no port of that name.
fn target_port(pod: &Pod, port: &ServicePort) -> Option<i32> {
    let name = match port.target_port.as_ref() {
        Some(IntOrString::Int(number)) => return Some(*number),
        Some(IntOrString::String(name)) => name,
        None => return Some(port.port),
    };
    let spec = pod.spec.as_ref()?;
    let sidecars =
        spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let ports = spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
    let protocol = |protocol: Option<&String>| protocol.map_or("TCP".to_owned(), Clone::clone);
    let mut named = ports.filter(|p| p.name.as_ref() == Some(name));
    let found = named.find(|p| protocol(p.protocol.as_ref()) == protocol(port.protocol.as_ref()));
    found.map(|port| port.container_port)
}

/// The service's labels as its endpoints carry them: those that are ours are set by us alone.
fn inherited_labels(service: &Service, own: &[&str]) -> BTreeMap<String, String> {
    let labels = service.metadata.labels.iter().flatten();
    let kept = labels.filter(|(key, _)| !own.contains(&key.as_str()) && key.as_str() != HEADLESS);
    let mut labels: BTreeMap<_, _> = kept.map(|(k, v)| (k.clone(), v.clone())).collect();
    if service.spec.as_ref().is_some_and(is_headless) {
        labels.insert(HEADLESS.into(), String::new());
    }
    labels
}
