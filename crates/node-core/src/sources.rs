//! What a pod's spec refers to in the API, gathered by the shell before anything is rendered from it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};

use crate::spec;

/// What came of looking up one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup<T> {
    Found(T),
    /// There is none; the text is the API's: `configmap "x" not found`.
    Absent(String),
    /// It could not be read; the error's text.
    Failed(String),
}

impl<T> Lookup<T> {
    /// The object; `None` if it may be absent and is.
    pub fn get(&self, optional: bool) -> Result<Option<&T>, String> {
        match self {
            Lookup::Found(object) => Ok(Some(object)),
            Lookup::Absent(_) if optional => Ok(None),
            Lookup::Absent(why) | Lookup::Failed(why) => Err(why.clone()),
        }
    }
}

/// The objects that a pod's environment and volumes are rendered from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    /// Of the pod's namespace, by name: those of [`wanted`].
    pub config_maps: BTreeMap<String, Lookup<ConfigMap>>,
    /// Of the pod's namespace, by name: those of [`wanted`].
    pub secrets: BTreeMap<String, Lookup<Secret>>,
    /// The services of the pod's namespace, and `kubernetes` of `default`.
    pub services: Vec<Service>,
    /// Service account tokens, by what [`token_key`] makes of their projection.
    pub tokens: BTreeMap<String, Result<String, String>>,
    /// Files that environment variables are read from, by volume and path (KEP-3721).
    pub env_files: BTreeMap<(String, String), Result<Vec<u8>, String>>,
}

impl Sources {
    pub fn config_map(&self, name: &str, optional: bool) -> Result<Option<&ConfigMap>, String> {
        match self.config_maps.get(name) {
            Some(found) => found.get(optional),
            None => Err(format!("configmap \"{name}\" has not been read")),
        }
    }

    pub fn secret(&self, name: &str, optional: bool) -> Result<Option<&Secret>, String> {
        match self.secrets.get(name) {
            Some(found) => found.get(optional),
            None => Err(format!("secret \"{name}\" has not been read")),
        }
    }
}

/// What tells one token of a pod from another: its audience and lifetime.
pub fn token_key(audience: Option<&str>, expiration_s: Option<i64>) -> String {
    format!("{}/{}", audience.unwrap_or_default(), expiration_s.unwrap_or(3600))
}

/// Names of the ConfigMaps and Secrets that a pod reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub config_maps: BTreeSet<String>,
    /// Without pull secrets.
    pub secrets: BTreeSet<String>,
}

/// Everything that the pod's environment and volumes refer to.
pub fn wanted(pod: &Pod) -> Wanted {
    let spec = spec::of(pod);
    let mut wanted = Wanted::default();
    for container in spec::containers(&spec) {
        for from in container.container.env_from.iter().flatten() {
            wanted.config_maps.extend(from.config_map_ref.as_ref().map(|r| r.name.clone()));
            wanted.secrets.extend(from.secret_ref.as_ref().map(|r| r.name.clone()));
        }
        for from in container.container.env.iter().flatten().filter_map(|e| e.value_from.as_ref()) {
            wanted.config_maps.extend(from.config_map_key_ref.as_ref().map(|r| r.name.clone()));
            wanted.secrets.extend(from.secret_key_ref.as_ref().map(|r| r.name.clone()));
        }
    }
    for volume in spec.volumes.iter().flatten() {
        wanted.config_maps.extend(volume.config_map.as_ref().map(|s| s.name.clone()));
        wanted.secrets.extend(volume.secret.as_ref().and_then(|s| s.secret_name.clone()));
        let projected = volume.projected.as_ref().and_then(|p| p.sources.as_deref()).unwrap_or_default();
        for source in projected {
            wanted.config_maps.extend(source.config_map.as_ref().map(|s| s.name.clone()));
            wanted.secrets.extend(source.secret.as_ref().map(|s| s.name.clone()));
        }
    }
    wanted
}
