//! Where the Services are that webhooks and aggregated APIs stand behind: one of their ready
//! endpoints, as a connection to the cluster IP would have reached. The control plane's machine
//! need not be a node, so nothing here depends on the service proxy.

use std::sync::Arc;

use ironclad_api::goprint::quote;
use ironclad_api::{GroupResource, ObjectKey};
use ironclad_client::Cache;
use ironclad_client::typed::CacheExt;
use ironclad_env::{Env, EnvironmentExt};
use ironclad_webhook::Resolver;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;

const SERVICE_LABEL: &str = "kubernetes.io/service-name";

pub struct ServiceAddresses {
    env: Env,
    cache: Arc<dyn Cache>,
}

impl ServiceAddresses {
    pub fn new(env: Env, cache: Arc<dyn Cache>) -> Arc<Self> {
        Arc::new(Self { env, cache })
    }

    fn endpoints(&self, namespace: &str, name: &str, port: &str) -> Vec<String> {
        let slices =
            self.cache.list(&GroupResource::new("discovery.k8s.io", "endpointslices"), Some(namespace));
        let of_service = slices
            .iter()
            .filter(|slice| slice.labels.get(SERVICE_LABEL).is_some_and(|service| service == name));
        of_service
            .filter_map(|slice| slice.typed::<EndpointSlice>())
            .flat_map(|slice| addresses(&slice, port))
            .collect()
    }
}

impl Resolver for ServiceAddresses {
    fn resolve(&self, namespace: &str, name: &str, port: u16) -> Result<String, String> {
        let key = ObjectKey::new(namespace, name);
        let service = self.cache.get_as::<Service>(&GroupResource::new("", "services"), &key);
        let spec = service.as_ref().and_then(|service| service.spec.as_ref());
        let spec = spec.ok_or_else(|| format!("service {} not found", quote(name)))?;
        if spec.type_.as_deref() == Some("ExternalName") {
            let target = spec.external_name.as_deref().unwrap_or_default();
            return Ok(host_port(target, port));
        }
        let ports = spec.ports.as_deref().unwrap_or_default();
        let found = ports.iter().find(|candidate| candidate.port == i32::from(port));
        let found =
            found.ok_or_else(|| format!("no service port {port} found for service {}", quote(name)))?;
        let endpoints = self.endpoints(namespace, name, found.name.as_deref().unwrap_or_default());
        let count = u64::try_from(endpoints.len()).unwrap_or(u64::MAX).max(1);
        let choice = usize::try_from(self.env.random_u64() % count).unwrap_or(0);
        let chosen = endpoints.into_iter().nth(choice);
        chosen.ok_or_else(|| format!("no endpoints available for service {}", quote(name)))
    }
}

/// The ready addresses of a slice, with its port of this name.
fn addresses(slice: &EndpointSlice, port: &str) -> Vec<String> {
    let ports = slice.ports.as_deref().unwrap_or_default();
    let named = ports.iter().find(|candidate| candidate.name.as_deref().unwrap_or_default() == port);
    let Some(number) = named.and_then(|port| u16::try_from(port.port?).ok()) else { return Vec::new() };
    let ready = slice.endpoints.iter().flatten().filter(|endpoint| {
        endpoint.conditions.as_ref().and_then(|conditions| conditions.ready) != Some(false)
    });
    ready.filter_map(|endpoint| Some(host_port(endpoint.addresses.first()?, number))).collect()
}

fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
