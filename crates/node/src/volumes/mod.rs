//! The pods' volumes on this node's disk: set up, kept up to date, torn down.

mod empty_dir;
mod files;
mod host_path;
pub(crate) mod inside;
pub(crate) mod mounts;
mod ownership;
pub(crate) mod sub_path;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ironclad_env::Env;
use ironclad_node_core::container::mounts::MountedVolume;
use ironclad_node_core::volume::{self, Plan};
use ironclad_node_core::{NodeSettings, spec};
use k8s_openapi::api::core::v1::{Pod, Volume};

use crate::sources::Gatherer;

/// Sets volumes up by what node-core plans.
pub(crate) struct Volumes {
    env: Env,
    settings: Arc<NodeSettings>,
    sources: Arc<Gatherer>,
}

/// The work on one volume, with all that it needs.
struct Work {
    settings: Arc<NodeSettings>,
    pod: Arc<Pod>,
    volume: Volume,
    now: jiff::Timestamp,
}

impl Volumes {
    pub(crate) fn new(env: Env, settings: Arc<NodeSettings>, sources: Arc<Gatherer>) -> Self {
        Self { env, settings, sources }
    }

    /// Sets a volume up, or brings it up to date. When it is there already and its sources cannot be read, it
    /// stays as it is.
    pub(crate) async fn set_up(&self, pod: &Arc<Pod>, volume: &Volume) -> Result<(), String> {
        let sources = self.sources.of_volume(pod, volume).await;
        let plan = match volume::plan(&self.settings, pod, volume, &sources) {
            Ok(plan) => plan,
            Err(_) if self.shows_files(pod, volume) => return Ok(()),
            Err(why) => return Err(why),
        };
        let work = Work {
            settings: self.settings.clone(),
            pod: pod.clone(),
            volume: volume.clone(),
            now: self.env.now(),
        };
        blocking(move || work.carry_out(plan)).await
    }

    fn shows_files(&self, pod: &Pod, volume: &Volume) -> bool {
        let folder = volume::directory(&self.settings, pod, volume);
        folder.is_some_and(|folder| files::is_set_up(Path::new(&folder)))
    }

    /// Unmounts and removes a volume. No error when it is not there.
    pub(crate) async fn tear_down(&self, pod: &Arc<Pod>, volume: &Volume) -> Result<(), String> {
        let subpaths = PathBuf::from(self.settings.pod_dir(spec::uid(pod))).join("volume-subpaths");
        let folder = volume::directory(&self.settings, pod, volume);
        blocking(move || {
            mounts::unmount_below(&subpaths).map_err(|error| error.to_string())?;
            let Some(folder) = folder.map(PathBuf::from) else { return Ok(()) };
            mounts::unmount_below(&folder).map_err(|error| error.to_string())?;
            match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(format!("{}: {error}", folder.display()))
                }
                _ => Ok(()),
            }
        })
        .await
    }

    /// Where the pod's volumes are, by name.
    pub(crate) fn mounted(&self, pod: &Pod) -> BTreeMap<String, MountedVolume> {
        let spec = spec::of(pod);
        let place = |volume: &Volume| {
            let host_path = match &volume.host_path {
                Some(source) => source.path.clone(),
                None => volume::directory(&self.settings, pod, volume)?,
            };
            let read_only = volume.config_map.is_some()
                || volume.secret.is_some()
                || volume.downward_api.is_some()
                || volume.projected.is_some();
            Some((volume.name.clone(), MountedVolume { host_path, read_only }))
        };
        spec.volumes.iter().flatten().filter_map(place).collect()
    }

    pub(crate) fn forget(&self, uid: &str) {
        self.sources.forget(uid);
    }
}

impl Work {
    fn carry_out(&self, plan: Plan) -> Result<(), String> {
        match plan {
            Plan::HostPath { path, kind } => host_path::check(&path, kind),
            Plan::Files(files) => files::show(&self.folder()?, &files, self),
            Plan::EmptyDir(kind) => empty_dir::make(&self.folder()?, &kind, self),
            Plan::Driver => Err("no volume plugin matched".to_owned()),
        }
    }

    fn folder(&self) -> Result<PathBuf, String> {
        let folder = volume::directory(&self.settings, &self.pod, &self.volume);
        folder.map(PathBuf::from).ok_or_else(|| "no volume plugin matched".to_owned())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
}
