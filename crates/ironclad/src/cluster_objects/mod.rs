//! The objects that every cluster has: namespaces, roles, priority classes, services, configuration maps.
//!
//! [`wanted`] lists them as data. At the start all of them are brought about ([`start`]); from then on
//! [`Keeper`], a controller, puts back what is deleted or bent.

mod configuration;
mod flow_schemas;
mod keeper;
mod kubernetes_service;
mod local_api_services;
mod start;

use ironclad_api::{GroupVersionResource, Object};
use ironclad_auth::bootstrap;
use ironclad_kinds::flow_control::{GROUP, bootstrap as flow_control};
use ironclad_pki::bundle::Bundle;
use serde_json::{Map, Value, json};

use crate::config::Config;
pub use flow_schemas::FlowSchemas;
pub use keeper::Keeper;
pub use kubernetes_service::KubernetesService;
pub use local_api_services::LocalApiServices;
pub use start::start;

/// An object that is to be there.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub resource: GroupVersionResource,
    pub object: Object,
    pub keep: Keep,
}

/// What of an object is kept right once it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// That it is there.
    Existence,
    /// What `bootstrap::reconcile` says: rules and subjects that are missing come back.
    Policy,
    /// The keys of its `data` that are wanted.
    Data,
    /// What `flow_control::bootstrap::revised` says: a mandatory object's specification always, a
    /// suggested one's until an administrator changes it.
    FlowControl { mandatory: bool },
}

impl Wanted {
    fn new(resource: (&'static str, &'static str), object: Value, keep: Keep) -> Self {
        let resource = GroupVersionResource::new(resource.0, "v1", resource.1);
        Self { resource, object: Object::from_value(object).unwrap_or_default(), keep }
    }

    /// What is to be written in the place of `existing`; `None` if it is as it should be.
    pub fn mended(&self, existing: &Object) -> Option<Object> {
        match self.keep {
            Keep::Existence => None,
            Keep::Policy => bootstrap::reconcile(existing, &self.object),
            Keep::Data => {
                let mut mended = existing.clone();
                let data = mended.section_mut("data");
                for (key, value) in self.object.0.get("data").and_then(Value::as_object).into_iter().flatten()
                {
                    data.insert(key.clone(), value.clone());
                }
                (mended != *existing).then_some(mended)
            }
            Keep::FlowControl { mandatory } => {
                flow_control::revised(&self.resource.resource, &self.object, mandatory, existing)
            }
        }
    }
}

/// All of them, in the order in which they can be made: namespaces first.
pub fn wanted(config: &Config, api_url: &str, bundle: &Bundle) -> Result<Vec<Wanted>, String> {
    let mut all: Vec<Wanted> = ["default", "kube-system", "kube-public", "kube-node-lease"]
        .map(|name| Wanted::new(("", "namespaces"), named("v1", "Namespace", name), Keep::Existence))
        .into();
    all.extend(policy()?);
    all.push(agents_as_proxies());
    all.extend(priority_classes());
    all.extend(fairness());
    all.push(service_network(config));
    all.push(dns_service(config));
    all.extend(configuration::config_maps(config, api_url, bundle)?);
    Ok(all)
}

fn policy() -> Result<impl Iterator<Item = Wanted>, String> {
    let objects = bootstrap::objects()?;
    Ok(objects.into_iter().map(|(kind, object)| {
        let plural = kind.kind.to_lowercase() + "s";
        let resource = kind.group_version().resource(plural);
        Wanted { resource, object, keep: Keep::Policy }
    }))
}

/// The agent is its node's service proxy and DNS server too, with the agent's identity: it reads services and
/// endpoint slices as kube-proxy does.
fn agents_as_proxies() -> Wanted {
    let mut binding = named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "ironclad:node-agents");
    let role = "rbac.authorization.k8s.io";
    binding["roleRef"] = json!({"apiGroup": role, "kind": "ClusterRole", "name": "system:node-proxier"});
    binding["subjects"] = json!([{"apiGroup": role, "kind": "Group", "name": "system:nodes"}]);
    Wanted::new((role, "clusterrolebindings"), binding, Keep::Policy)
}

/// The network of the services' own addresses; people may add more.
fn service_network(config: &Config) -> Wanted {
    let mut network = named("networking.k8s.io/v1", "ServiceCIDR", "kubernetes");
    network["spec"] = json!({ "cidrs": [config.service_network().to_string()] });
    Wanted::new(("networking.k8s.io", "servicecidrs"), network, Keep::Existence)
}

/// <https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/>
fn priority_classes() -> impl Iterator<Item = Wanted> {
    let classes = [
        (
            "system-cluster-critical",
            2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
        ),
        (
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
    ];
    classes.into_iter().map(|(name, value, description)| {
        let mut class = named("scheduling.k8s.io/v1", "PriorityClass", name);
        class["value"] = value.into();
        class["description"] = description.into();
        Wanted::new(("scheduling.k8s.io", "priorityclasses"), class, Keep::Existence)
    })
}

/// The priority levels and flow schemas that upstream has in every cluster.
fn fairness() -> impl Iterator<Item = Wanted> {
    flow_control::all().into_iter().map(|bootstrap| Wanted {
        resource: GroupVersionResource::new(GROUP, "v1", bootstrap.resource),
        object: bootstrap.object,
        keep: Keep::FlowControl { mandatory: bootstrap.mandatory },
    })
}

/// The agent of each node answers DNS at this address by itself, so the service proxy must leave it alone.
fn dns_service(config: &Config) -> Wanted {
    let mut service = named("v1", "Service", "kube-dns");
    service["metadata"]["namespace"] = "kube-system".into();
    service["metadata"]["labels"] = json!({
        "k8s-app": "kube-dns",
        "kubernetes.io/name": "CoreDNS",
        "service.kubernetes.io/service-proxy-name": "ironclad-dns",
    });
    let port = |name: &str, protocol: &str| json!({"name": name, "port": 53, "protocol": protocol, "targetPort": 53});
    service["spec"] = json!({
        "clusterIP": config.dns_service().to_string(),
        "clusterIPs": [config.dns_service().to_string()],
        "ports": [port("dns", "UDP"), port("dns-tcp", "TCP")],
    });
    Wanted::new(("", "services"), service, Keep::Existence)
}

fn named(api_version: &str, kind: &str, name: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}})
}

fn config_map(namespace: &str, name: &str, data: Map<String, Value>) -> Wanted {
    let mut map = named("v1", "ConfigMap", name);
    map["metadata"]["namespace"] = namespace.into();
    map["data"] = data.into();
    Wanted::new(("", "configmaps"), map, Keep::Data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_was_bent_is_put_right_and_what_others_added_stays() {
        let data = json!({"ca": "A"});
        let wanted = config_map("n", "m", data.as_object().cloned().unwrap_or_default());
        let existing = |data: Value| {
            Object::from_value(json!({"metadata": {"name": "m", "uid": "1"}, "data": data}))
                .expect("an object")
        };
        assert_eq!(wanted.mended(&existing(json!({"ca": "A", "mine": "B"}))), None);
        let mended = wanted.mended(&existing(json!({"ca": "X", "mine": "B"}))).expect("a change");
        assert_eq!(mended.0.get("data"), Some(&json!({"ca": "A", "mine": "B"})));
        assert_eq!(mended.uid(), "1");
    }

    #[test]
    fn every_policy_object_has_its_resource() {
        let mut resources: Vec<String> =
            policy().expect("readable").map(|wanted| wanted.resource.resource.to_string()).collect();
        resources.sort();
        resources.dedup();
        assert_eq!(resources, ["clusterrolebindings", "clusterroles", "rolebindings", "roles"]);
    }
}
