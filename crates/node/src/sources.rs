//! What pods refer to in the API: ConfigMaps, Secrets, services, tokens.

mod tokens;
mod watched;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ironclad_api::{GroupVersionResource, ObjectKey};
use ironclad_client::typed::CacheExt;
use ironclad_env::Env;
use ironclad_node_core::sources::{self, Lookup, Sources};
use ironclad_node_core::{NodeSettings, spec, volume};
use k8s_openapi::api::core::v1::{Container, Pod, Service, Volume};
use serde::de::DeserializeOwned;

use crate::api::{self, Api};
use crate::volumes::inside;
use tokens::Tokens;
pub(crate) use watched::{Follow, Tell, Watched};

/// Gathers sources. Nothing is kept but tokens: objects are read when they are needed, so that what is shown is
/// what the API had then.
pub(crate) struct Gatherer {
    api: Api,
    settings: Arc<NodeSettings>,
    tokens: Tokens,
    watched: Watched,
}

impl Gatherer {
    pub(crate) fn new(env: Env, api: Api, settings: Arc<NodeSettings>, follow: Follow) -> Self {
        let tokens = Tokens::new(env, api.clone());
        Self { api, settings, tokens, watched: Watched::new(follow) }
    }

    /// Has `tell` told, with the pod's uid, when anything changes that the pod uses.
    pub(crate) fn follow(&self, pod: &Pod, tell: &Tell) {
        self.watched.follow(pod, tell);
    }

    /// What the environment of one container refers to.
    pub(crate) async fn of_container(&self, pod: &Pod, container: &str) -> Result<Sources, String> {
        if !self.api.services_known.load(Ordering::Acquire) {
            return Err("services have not yet been read at least once, cannot construct envvars".to_owned());
        }
        let spec = spec::of(pod);
        let one = spec::container(&spec, container).map(|found| found.container.into_owned());
        let mut narrowed = pod.clone();
        if let Some(spec) = &mut narrowed.spec {
            narrow(spec, one.clone());
        }
        let mut sources = self.objects(&narrowed).await;
        sources.services = self.services(spec::namespace(pod));
        if let Some(one) = &one {
            sources.env_files = self.env_files(pod, one).await;
        }
        Ok(sources)
    }

    /// What one volume shows.
    pub(crate) async fn of_volume(&self, pod: &Pod, volume: &Volume) -> Sources {
        let mut narrowed = pod.clone();
        if let Some(spec) = &mut narrowed.spec {
            narrow(spec, None);
            spec.volumes = Some(vec![volume.clone()]);
        }
        let mut sources = self.objects(&narrowed).await;
        for wanted in volume::tokens(&narrowed) {
            let token = self.tokens.get(pod, &wanted).await;
            sources.tokens.insert(wanted.key, token);
        }
        sources
    }

    /// Tokens of a pod that is gone are of no more use.
    pub(crate) fn forget(&self, uid: &str) {
        self.tokens.forget(uid);
        self.watched.forget(uid);
    }

    async fn objects(&self, pod: &Pod) -> Sources {
        let wanted = sources::wanted(pod);
        let namespace = spec::namespace(pod);
        let mut found = Sources::default();
        for name in wanted.config_maps {
            let map = self.lookup(api::config_maps(), namespace, &name).await;
            found.config_maps.insert(name, map);
        }
        for name in wanted.secrets {
            let secret = self.lookup(api::secrets(), namespace, &name).await;
            found.secrets.insert(name, secret);
        }
        found
    }

    async fn lookup<T: DeserializeOwned>(
        &self,
        resource: GroupVersionResource,
        namespace: &str,
        name: &str,
    ) -> Lookup<T> {
        match self.api.get(resource, &ObjectKey::new(namespace, name)).await {
            Ok(object) => Lookup::Found(object),
            Err(status) if status.is_not_found() => Lookup::Absent(status.message),
            Err(status) => Lookup::Failed(status.message),
        }
    }

    fn services(&self, namespace: &str) -> Vec<Service> {
        let all = |namespace| {
            self.api.services.list_as::<Service>(&api::services().group_resource(), Some(namespace))
        };
        let key = ObjectKey::new("default", "kubernetes");
        let api_itself = self.api.services.get_as::<Service>(&api::services().group_resource(), &key);
        all(namespace).into_iter().chain(api_itself).map(|service| (*service).clone()).collect()
    }

    /// Files in volumes that are set up, which variables are read from.
    async fn env_files(
        &self,
        pod: &Pod,
        container: &Container,
    ) -> BTreeMap<(String, String), Result<Vec<u8>, String>> {
        let spec = spec::of(pod);
        let mut files = BTreeMap::new();
        let keys =
            container.env.iter().flatten().filter_map(|env| env.value_from.as_ref()?.file_key_ref.as_ref());
        for key in keys {
            let volume = spec.volumes.iter().flatten().find(|volume| volume.name == key.volume_name);
            let Some(folder) = volume.and_then(|v| volume::directory(&self.settings, pod, v)) else {
                continue;
            };
            let (path, read) = (key.path.clone(), key.path.clone());
            let read = move || inside::read(Path::new(&folder), &read).map_err(|error| error.to_string());
            let text = tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(error.to_string()));
            files.insert((key.volume_name.clone(), path), text);
        }
        files
    }
}

/// Leaves of a pod only what is asked about: one container or none, and no volumes.
fn narrow(spec: &mut k8s_openapi::api::core::v1::PodSpec, container: Option<Container>) {
    spec.containers = container.into_iter().collect();
    spec.init_containers = None;
    spec.ephemeral_containers = None;
    spec.volumes = None;
}
