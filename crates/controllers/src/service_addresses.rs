//! IPAddresses: each cluster IP of a service is an object that names the service, so that people and
//! networks ([`service_cidrs`](crate::service_cidrs)) can see who holds what.
//!
//! What makes addresses unique are the services' claims, not these objects: they follow.
//!
//! Source: KEP-1880.

use std::net::IpAddr;

use ironclad_api::{Entry, GroupVersionKind, Object, ObjectKey};
use ironclad_client::typed::CacheExt;
use ironclad_client::{By, Cache};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use serde_json::json;

use crate::ownership::key_of;
use crate::resources::{IP_ADDRESSES, SERVICES};

pub(crate) const MANAGED_BY: &str = "ipaddress.kubernetes.io/managed-by";
pub(crate) const MANAGER: &str = "ipallocator.k8s.io";
const FAMILY: &str = "ipaddress.kubernetes.io/ip-family";

pub struct ServiceAddresses;

impl Controller for ServiceAddresses {
    fn name(&self) -> &'static str {
        "ipallocator-repair-controller"
    }

    /// The key is the address.
    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::itself(IP_ADDRESSES.group_resource()),
            Watch::new(SERVICES.group_resource(), |change, _| {
                let ips = |entry: &Option<std::sync::Arc<Entry>>| {
                    let service = entry.as_ref().and_then(|entry| entry.typed::<Service>());
                    service.map(|service| cluster_ips(&service)).unwrap_or_default()
                };
                let (old, new) = (ips(&change.old), ips(&change.new));
                let differ = old.iter().filter(|ip| !new.contains(ip));
                let differ = differ.chain(new.iter().filter(|ip| !old.contains(ip)));
                differ.map(|ip| ObjectKey::cluster(ip.to_string())).collect()
            }),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let Ok(ip) = key.name.parse::<IpAddr>() else { return plan };
        let existing = view.cache.get(&IP_ADDRESSES.group_resource(), key);
        let ours =
            existing.as_ref().filter(|entry| entry.labels.get(MANAGED_BY).is_some_and(|by| by == MANAGER));
        match (holder(view.cache, ip), &existing, ours) {
            (Some(service), None, _) => {
                plan.then(Write::create(IP_ADDRESSES.collection(""), address(key, ip, &service)));
            }
            // Its parent cannot be changed: the right one comes when it is gone.
            (Some(service), _, Some(entry)) if !names(entry, &service) => plan.then(delete(entry)),
            (None, _, Some(entry)) => plan.then(delete(entry)),
            _ => {}
        }
        plan
    }
}

fn cluster_ips(service: &Service) -> Vec<IpAddr> {
    let ips = service.spec.as_ref().and_then(|spec| spec.cluster_ips.as_ref());
    ips.into_iter().flatten().filter_map(|ip| ip.parse().ok()).collect()
}

/// The service that has the address. Most have one only, which is a field that services are found by.
fn holder(cache: &dyn Cache, ip: IpAddr) -> Option<ObjectKey> {
    let services = SERVICES.group_resource();
    let text = ip.to_string();
    let first = cache.find_as::<Service>(&services, &By::Field { name: "spec.clusterIP", value: &text });
    let second = || cache.list_as::<Service>(&services, None);
    let has = |service: &std::sync::Arc<Service>| cluster_ips(service).contains(&ip);
    let found = first.into_iter().find(has).or_else(|| second().into_iter().find(has))?;
    Some(key_of(&found.metadata))
}

fn address(key: &ObjectKey, ip: IpAddr, service: &ObjectKey) -> Object {
    let mut object = Object::new(&GroupVersionKind::new("networking.k8s.io", "v1", "IPAddress"), key);
    let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
    object.set_meta("labels", json!({ FAMILY: family, MANAGED_BY: MANAGER }));
    let parent =
        json!({ "group": "", "resource": "services", "namespace": service.namespace, "name": service.name });
    object.section_mut("spec").insert("parentRef".into(), parent);
    object
}

fn names(entry: &Entry, service: &ObjectKey) -> bool {
    let object = entry.object();
    let part = |field: &str| object.str_at(&["spec", "parentRef", field]).to_owned();
    part("resource") == "services" && part("namespace") == service.namespace && part("name") == service.name
}

fn delete(entry: &Entry) -> Write {
    Write::delete(IP_ADDRESSES.object(&entry.key), entry.uid.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironclad_client::testing::Objects;
    use serde_json::Value;

    const IP: &str = "10.96.0.7";

    fn service(name: &str, ips: &[&str]) -> Value {
        let spec = json!({ "clusterIP": ips.first(), "clusterIPs": ips });
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": "ns" }, "spec": spec })
    }

    /// What is done about the address, given the services and the name in the address's parent.
    fn check(services: &[Value], parent: Option<(&str, &str)>, expected: &str) {
        let world = Objects::default();
        services.iter().for_each(|service| world.put("", "services", service.clone()));
        if let Some((manager, name)) = parent {
            let labels = json!({ MANAGED_BY: manager });
            let parent = json!({ "resource": "services", "namespace": "ns", "name": name });
            let object = json!({ "kind": "IPAddress", "metadata": { "name": IP, "labels": labels }, "spec": { "parentRef": parent } });
            world.put("networking.k8s.io", "ipaddresses", object);
        }
        let view = View { cache: &world, last_failure: None };
        let plan = ServiceAddresses.reconcile(&view, &ObjectKey::cluster(IP), Timestamp::UNIX_EPOCH);
        let done = plan.stages.into_iter().flatten().map(|write| match write {
            Write::Create { object, .. } => format!("for {}", object.str_at(&["spec", "parentRef", "name"])),
            Write::Delete { .. } => "deleted".to_owned(),
            other => panic!("{other:?}"),
        });
        assert_eq!(done.collect::<Vec<_>>().join(" "), expected, "{parent:?}");
    }

    #[test]
    fn an_address_is_there_while_a_service_has_it() {
        let mine = Some((MANAGER, "a"));
        check(&[service("a", &[IP])], None, "for a");
        check(&[service("a", &["fd00::7", IP])], None, "for a");
        check(&[service("a", &[IP])], mine, "");
        check(&[service("b", &[IP])], mine, "deleted");
        check(&[service("a", &["None"])], mine, "deleted");
        check(&[], mine, "deleted");
        check(&[], Some(("somebody", "a")), "");
        check(&[], None, "");
    }
}
