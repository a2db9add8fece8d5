//! ServiceCIDRs: a network says that it is ready, and stays while a service's address is in it and in
//! no other.
//!
//! Source: KEP-1880, <https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/>.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use ironclad_api::{Object, ObjectKey, time};
use ironclad_client::typed::CacheExt;
use ironclad_client::{Cache, PatchKind};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::networking::v1::ServiceCIDR;
use serde_json::{Value, json};

use crate::ownership::key_of;
use crate::resources::{IP_ADDRESSES, SERVICE_CIDRS};

const FINALIZER: &str = "networking.k8s.io/service-cidr-finalizer";
const DEFAULT: &str = "kubernetes";
/// Until everybody has heard that the network is going, addresses may still be taken from it.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

pub struct ServiceCidrs;

impl Controller for ServiceCidrs {
    fn name(&self) -> &'static str {
        "service-cidrs-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::new(SERVICE_CIDRS.group_resource(), |change, cache| {
                // A network that comes or goes may let another one go.
                let own = change.new.as_ref().map(|entry| entry.key.clone());
                own.into_iter().chain(going(cache)).collect()
            }),
            Watch::new(IP_ADDRESSES.group_resource(), |change, cache| {
                if change.new.is_none() { going(cache) } else { Vec::new() }
            }),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let Some(entry) = view.cache.get(&SERVICE_CIDRS.group_resource(), key) else { return plan };
        let object = entry.object();
        let held = object.finalizers().any(|finalizer| finalizer == FINALIZER);
        match object.deletion_timestamp().and_then(|time| time.parse::<Timestamp>().ok()) {
            None => {
                if !held {
                    plan.then(finalizers(key, json!({ "finalizers": [FINALIZER] })));
                }
                let name = if key.name == DEFAULT { "default Service" } else { "Service" };
                plan.stages.extend(ready(
                    &object,
                    "True",
                    "",
                    &format!("Kubernetes {name} CIDR is ready"),
                    now,
                ));
            }
            Some(_) if !held => {}
            Some(_) if is_needed(view.cache, key) => {
                let why = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR";
                plan.stages.extend(ready(&object, "False", "Terminating", why, now));
            }
            Some(deleted) => match GRACE - now.duration_since(deleted) {
                left if left > SignedDuration::ZERO => {
                    plan.requeue_in(Duration::try_from(left).unwrap_or_default());
                }
                _ => {
                    let gone = json!({ "$deleteFromPrimitiveList/finalizers": [FINALIZER] });
                    plan.then(finalizers(key, gone));
                }
            },
        }
        plan
    }
}

/// The networks that are being deleted.
fn going(cache: &dyn Cache) -> Vec<ObjectKey> {
    let all = cache.list(&SERVICE_CIDRS.group_resource(), None);
    all.iter().filter(|entry| entry.ties().deleting).map(|entry| entry.key.clone()).collect()
}

fn finalizers(key: &ObjectKey, metadata: Value) -> Write {
    let patch = json!({ "metadata": metadata });
    Write::Patch { target: SERVICE_CIDRS.object(key), kind: PatchKind::Strategic, patch }
}

/// The `Ready` condition, as a stage of writes, if it is another one.
fn ready(object: &Object, status: &str, reason: &str, message: &str, now: Timestamp) -> Option<Vec<Write>> {
    let conditions = object.at(&["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
    let old = conditions.into_iter().find(|condition| condition["type"] == "Ready");
    let same = |old: &Value| old["status"] == status && old["reason"] == reason && old["message"] == message;
    if old.is_some_and(same) {
        return None;
    }
    let since = old.filter(|old| old["status"] == status).and_then(|old| old["lastTransitionTime"].as_str());
    let condition = json!({
        "type": "Ready", "status": status, "reason": reason, "message": message,
        "lastTransitionTime": since.map_or_else(|| time::format(now), str::to_owned),
    });
    let patch = json!({ "status": { "conditions": [condition] } });
    let target = SERVICE_CIDRS.status(&object.key());
    Some(vec![Write::Patch { target, kind: PatchKind::Strategic, patch }])
}

/// Whether a service's address would be in no network any more.
fn is_needed(cache: &dyn Cache, key: &ObjectKey) -> bool {
    let all = cache.list_as::<ServiceCIDR>(&SERVICE_CIDRS.group_resource(), None);
    let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|cidr| key_of(&cidr.metadata) == *key);
    let (own, others) = (networks(&own), networks(&others));
    if own.iter().all(|network| others.iter().any(|other| other.contains(network))) {
        return false;
    }
    let taken = cache.list(&IP_ADDRESSES.group_resource(), None);
    let ours = taken.iter().filter(|entry| {
        entry
            .labels
            .get(super::service_addresses::MANAGED_BY)
            .is_some_and(|by| by == super::service_addresses::MANAGER)
    });
    let within = |networks: &[IpNet], ip: &IpAddr| networks.iter().any(|network| network.contains(ip));
    ours.filter_map(|entry| entry.key.name.parse().ok()).any(|ip| within(&own, &ip) && !within(&others, &ip))
}

fn networks(cidrs: &[Arc<ServiceCIDR>]) -> Vec<IpNet> {
    let specs = cidrs.iter().filter_map(|cidr| cidr.spec.as_ref()?.cidrs.as_ref());
    specs.flatten().filter_map(|cidr| cidr.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironclad_client::testing::Objects;

    const KEY: &str = "extra";

    fn cidr(name: &str, network: &str, deleted: Option<&str>) -> Value {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "spec": { "cidrs": [network] },
            "metadata": { "name": name, "finalizers": [FINALIZER], "deletionTimestamp": deleted },
        })
    }

    fn now() -> Timestamp {
        "2026-01-01T00:01:00Z".parse().expect("a time")
    }

    /// What is written about the network `extra`, in short.
    fn check(others: &[(&str, &str)], addresses: &[&str], deleted: Option<&str>, expected: &str) {
        let world = Objects::default();
        let group = "networking.k8s.io";
        world.put(group, "servicecidrs", cidr(KEY, "10.0.0.0/24", deleted));
        others.iter().for_each(|(name, network)| world.put(group, "servicecidrs", cidr(name, network, None)));
        for ip in addresses {
            let labels = json!({ super::super::service_addresses::MANAGED_BY: super::super::service_addresses::MANAGER });
            world.put(
                group,
                "ipaddresses",
                json!({ "kind": "IPAddress", "metadata": { "name": ip, "labels": labels } }),
            );
        }
        let view = View { cache: &world, last_failure: None };
        let plan = ServiceCidrs.reconcile(&view, &ObjectKey::cluster(KEY), now());
        let writes = plan.stages.into_iter().flatten().map(|write| match write {
            Write::Patch { patch, .. } if patch["status"].is_object() => {
                let condition = &patch["status"]["conditions"][0];
                format!(
                    "{}{}",
                    condition["status"].as_str().unwrap_or_default(),
                    condition["reason"].as_str().unwrap_or_default()
                )
            }
            Write::Patch { .. } => "let go".to_owned(),
            other => panic!("{other:?}"),
        });
        let waits = plan.requeue_after.map(|wait| format!("{}s", wait.as_secs()));
        assert_eq!(writes.chain(waits).collect::<Vec<_>>().join(" "), expected, "{others:?} {addresses:?}");
    }

    #[test]
    fn a_network_goes_when_no_address_needs_it() {
        let long_ago = Some("2026-01-01T00:00:00Z");
        check(&[], &[], None, "True");
        check(&[], &[], long_ago, "let go");
        check(&[], &[], Some("2026-01-01T00:00:57Z"), "7s");
        check(&[], &["10.0.0.7"], long_ago, "FalseTerminating");
        check(&[], &["10.0.1.7"], long_ago, "let go");
        check(&[("wide", "10.0.0.0/16")], &["10.0.0.7"], long_ago, "let go");
        check(&[("part", "10.0.0.0/28")], &["10.0.0.7"], long_ago, "let go");
        check(&[("part", "10.0.0.0/28")], &["10.0.0.77"], long_ago, "FalseTerminating");
    }
}
