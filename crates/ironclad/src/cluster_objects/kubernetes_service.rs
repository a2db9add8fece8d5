//! `default/kubernetes`: the API as a service of the cluster, with this server as its endpoint.

use std::net::IpAddr;

use ironclad_api::{GroupVersionResource, Object, ObjectKey};
use ironclad_client::Target;
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use serde_json::{Value, json};

const NAMESPACE: &str = "default";
const NAME: &str = "kubernetes";

/// Keeps the Service, its Endpoints and its EndpointSlice right, whoever changes or deletes them.
pub struct KubernetesService {
    /// The service's own address.
    pub service: IpAddr,
    /// Where this server is.
    pub server: IpAddr,
    pub port: u16,
}

fn services() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "services")
}

fn endpoints() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "endpoints")
}

fn slices() -> GroupVersionResource {
    GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices")
}

impl KubernetesService {
    fn service(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": NAME,
                "namespace": NAMESPACE,
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "type": "ClusterIP",
                "clusterIP": self.service.to_string(),
                "clusterIPs": [self.service.to_string()],
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": self.port}],
                "sessionAffinity": "None",
            },
        })
    }

    fn endpoints(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {
                "name": NAME,
                "namespace": NAMESPACE,
                // The slice below is its own: nobody is to make another from this object.
                "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
            },
            "subsets": [{
                "addresses": [{"ip": self.server.to_string()}],
                "ports": [{"name": "https", "port": self.port, "protocol": "TCP"}],
            }],
        })
    }

    fn slice(&self) -> Value {
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": NAME,
                "namespace": NAMESPACE,
                "labels": {"kubernetes.io/service-name": NAME},
            },
            "addressType": if self.server.is_ipv4() { "IPv4" } else { "IPv6" },
            "endpoints": [{"addresses": [self.server.to_string()], "conditions": {"ready": true}}],
            "ports": [{"name": "https", "port": self.port, "protocol": "TCP"}],
        })
    }

    /// The three objects, each with the fields that are kept.
    fn wanted(&self) -> [(GroupVersionResource, Value, &'static [&'static str]); 3] {
        [
            (services(), self.service(), &[]),
            (endpoints(), self.endpoints(), &["subsets"]),
            (slices(), self.slice(), &["endpoints", "ports"]),
        ]
    }
}

impl Controller for KubernetesService {
    fn name(&self) -> &'static str {
        "kubernetes-service"
    }

    fn watches(&self) -> Vec<Watch> {
        let ours = |resource: GroupVersionResource| {
            Watch::new(resource.group_resource(), |change, _| {
                let key = &change.entry().key;
                let ours = key.namespace == NAMESPACE && key.name == NAME;
                if ours { vec![key.clone()] } else { Vec::new() }
            })
        };
        // The namespace is there at every start, so the first look comes by itself.
        let namespaces = GroupVersionResource::new("", "v1", "namespaces").group_resource();
        let start = Watch::new(namespaces, |change, _| match change.entry().key.name.as_str() {
            NAMESPACE => vec![ObjectKey::new(NAMESPACE, NAME)],
            _ => Vec::new(),
        });
        vec![start, ours(services()), ours(endpoints()), ours(slices())]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        for (resource, wanted, fields) in self.wanted() {
            let Some(wanted) = Object::from_value(wanted) else { continue };
            match view.cache.get(&resource.group_resource(), key) {
                // In stages: the service is there before anybody sees endpoints without one.
                None => plan.then(Write::create(Target::collection(resource, NAMESPACE), wanted)),
                Some(entry) => {
                    if let Some(object) = mended(entry.object(), &wanted, fields) {
                        plan.then(Write::Update { target: Target::object(resource, key), object });
                    }
                }
            }
        }
        plan
    }
}

/// The object with the kept fields and the labels as wanted; `None` if it is so already.
fn mended(existing: Object, wanted: &Object, fields: &[&str]) -> Option<Object> {
    let mut mended = existing.clone();
    for field in fields {
        let wanted = wanted.0.get(*field).cloned().unwrap_or_default();
        if !holds(mended.0.get(*field).unwrap_or(&Value::Null), &wanted) {
            mended.0.insert((*field).to_owned(), wanted);
        }
    }
    for (key, value) in wanted.metadata().and_then(|m| m.get("labels")?.as_object()).into_iter().flatten() {
        ironclad_api::object::object_in(mended.metadata_mut(), "labels").insert(key.clone(), value.clone());
    }
    (mended != existing).then_some(mended)
}

/// Whether `existing` says all that `wanted` says; defaults may have been added to it.
fn holds(existing: &Value, wanted: &Value) -> bool {
    match (existing, wanted) {
        (Value::Object(existing), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| existing.get(key).is_some_and(|found| holds(found, value)))
        }
        (Value::Array(existing), Value::Array(wanted)) => {
            existing.len() == wanted.len()
                && existing.iter().zip(wanted).all(|(existing, wanted)| holds(existing, wanted))
        }
        _ => existing == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_no_difference_and_another_address_is() {
        let kept =
            KubernetesService { service: [10, 96, 0, 1].into(), server: [10, 0, 0, 5].into(), port: 6443 };
        let wanted = Object::from_value(kept.slice()).expect("an object");
        let mut existing = wanted.clone();
        existing.set_meta("generation", 1);
        existing.0["endpoints"][0]["conditions"]["serving"] = true.into();
        assert_eq!(mended(existing.clone(), &wanted, &["endpoints", "ports"]), None);
        existing.0["endpoints"][0]["addresses"] = json!(["10.0.0.9"]);
        let mended = mended(existing, &wanted, &["endpoints", "ports"]).expect("a change");
        assert_eq!(mended.0.get("endpoints"), wanted.0.get("endpoints"));
    }
}
