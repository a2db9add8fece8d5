//! Containers: created, started, stopped, removed.

use std::path::Path;
use std::sync::Arc;

use ironclad_cri::v1;
use ironclad_env::EnvironmentExt;
use ironclad_node_core::container::resources::LinuxResources;
use ironclad_node_core::container::{self, BuildInput, ContainerConfig, NodeFile};
use ironclad_node_core::effect::{Answer, CreateContainer, Failure, FailureKind};
use ironclad_node_core::{ContainerFact, spec};
use k8s_openapi::api::core::v1::Pod;

use super::hands::{NodeHands, blocking, cri_failure, other};
use crate::logs;
use crate::messages;
use crate::volumes::sub_path;

impl NodeHands {
    pub(super) async fn create_container(&self, create: CreateContainer) -> Result<Answer, Failure> {
        let mut config = self.container_config(&create).await?;
        write_files(&config.files).await?;
        let held = self.resolve_sub_paths(&create.pod, &mut config).await?;
        let message = messages::container_config(&config);
        let sandbox = messages::sandbox_config(&create.sandbox);
        let _turn = self.turn(&self.limits.runtime).await;
        let created = self.cri.create_container(&create.sandbox_id, message, sandbox).await;
        drop(held);
        let id = created.map_err(|error| cri_failure(&error))?;
        self.fact(&id, &create.sandbox_id).await
    }

    async fn container_config(&self, create: &CreateContainer) -> Result<ContainerConfig, Failure> {
        let config = |message: String| Failure { kind: FailureKind::Config, message };
        let sources = self.sources.of_container(&create.pod, &create.name).await.map_err(config)?;
        let volumes = self.volumes.mounted(&create.pod);
        let input = BuildInput {
            settings: &self.settings,
            create,
            sources: &sources,
            volumes: &volumes,
            nonce: self.env.random_u64() as u32,
        };
        container::build(&input).map_err(config)
    }

    /// Puts what is really to be mounted in place of each volume with a sub-path. What is returned keeps the
    /// places from being exchanged until the runtime has mounted them.
    async fn resolve_sub_paths(
        &self,
        pod: &Arc<Pod>,
        config: &mut ContainerConfig,
    ) -> Result<Vec<sub_path::Held>, Failure> {
        let mut held = Vec::new();
        let dir = self.settings.pod_dir(spec::uid(pod));
        for (index, mount) in config.mounts.iter_mut().enumerate() {
            if mount.sub_path.is_empty() {
                continue;
            }
            let (volume, path) = (mount.host_path.clone(), std::mem::take(&mut mount.sub_path));
            let place = Path::new(&dir).join("volume-subpaths").join(&config.name).join(index.to_string());
            let place = blocking(move || sub_path::hold(Path::new(&volume), &path, &place)).await;
            let place = place.map_err(|failure| Failure {
                kind: FailureKind::Config,
                message: format!(
                    "failed to prepare subPath for volumeMount \"{}\" of container \"{}\": {}",
                    mount.container_path, config.name, failure.message
                ),
            })?;
            mount.host_path = place.path().display().to_string();
            held.push(place);
        }
        Ok(held)
    }

    pub(super) async fn start_container(&self, pod: &Pod, id: &str) -> Result<Answer, Failure> {
        let _turn = self.turn(&self.limits.runtime).await;
        self.cri.start_container(id).await.map_err(|error| cri_failure(&error))?;
        let answer = self.fact(id, &self.sandbox_of(id)).await?;
        if let Answer::Container(fact) = &answer {
            let link = logs::link(&self.settings, &self.paths.container_logs, pod, fact);
            blocking(move || link.make().map_err(other)).await.unwrap_or_else(|failure| {
                tracing::warn!(why = failure.message, "no link to the container's log");
            });
        }
        Ok(answer)
    }

    pub(super) async fn stop_container(&self, id: &str, grace_s: i64) -> Result<Answer, Failure> {
        match self.cri.stop_container(id, grace_s).await {
            Err(error) if error.is_not_found() => Ok(Answer::Done),
            Err(error) => Err(cri_failure(&error)),
            Ok(()) => self.fact_if_there(id).await,
        }
    }

    pub(super) async fn remove_container(&self, id: &str, keep_log: bool) -> Result<Answer, Failure> {
        let _turn = self.turn(&self.limits.runtime).await;
        let log = match self.cri.container_status(id, false).await {
            Ok(answer) => answer.status.map(|status| status.log_path).filter(|path| !path.is_empty()),
            Err(error) if error.is_not_found() => return Ok(Answer::Done),
            Err(error) => return Err(cri_failure(&error)),
        };
        match self.cri.remove_container(id).await {
            Err(error) if !error.is_not_found() => return Err(cri_failure(&error)),
            _ => {}
        }
        let (links, id) = (self.paths.container_logs.clone(), id.to_owned());
        let log = log.filter(|_| !keep_log);
        blocking(move || {
            logs::unlink(&links, &id);
            log.iter().for_each(|log| logs::remove(Path::new(log)));
            Ok(Answer::Done)
        })
        .await
    }

    pub(super) async fn update_container(
        &self,
        id: &str,
        resources: &LinuxResources,
    ) -> Result<Answer, Failure> {
        self.refuse_to_starve(id, resources.memory_limit_bytes).await?;
        let request = v1::UpdateContainerResourcesRequest {
            container_id: id.to_owned(),
            linux: Some(messages::linux_resources(resources)),
            ..Default::default()
        };
        let updated = self.cri.update_container_resources(request).await;
        updated.map(|()| Answer::Done).map_err(|error| cri_failure(&error))
    }

    /// A limit below what a container uses would have the kernel kill it.
    async fn refuse_to_starve(&self, id: &str, limit_bytes: i64) -> Result<(), Failure> {
        let Ok(limit) = u64::try_from(limit_bytes) else { return Ok(()) };
        if limit == 0 {
            return Ok(());
        }
        let stats = self.cri.container_stats(id).await.ok();
        let used =
            stats.and_then(|s| s.memory).and_then(|m| m.working_set_bytes).map_or(0, |used| used.value);
        if used < limit {
            return Ok(());
        }
        Err(Failure::other(format!(
            "cannot decrease memory limits: attempting to set memory limit ({limit}) below current usage ({used})"
        )))
    }

    async fn fact(&self, id: &str, sandbox_id: &str) -> Result<Answer, Failure> {
        match self.inspector.container(id, sandbox_id).await {
            Ok(Some(fact)) => Ok(Answer::Container(Box::new(fact))),
            Ok(None) => Err(Failure { kind: FailureKind::NotFound, message: "the container is gone".into() }),
            Err(error) => Err(cri_failure(&error)),
        }
    }

    async fn fact_if_there(&self, id: &str) -> Result<Answer, Failure> {
        match self.inspector.container(id, &self.sandbox_of(id)).await {
            Ok(Some(fact)) => Ok(Answer::Container(Box::new(fact))),
            Ok(None) => Ok(Answer::Done),
            Err(error) => Err(cri_failure(&error)),
        }
    }

    /// The sandbox of a container, which CRI's status does not name.
    fn sandbox_of(&self, id: &str) -> String {
        self.inspector
            .known_container_by_id(id)
            .map(|fact: ContainerFact| fact.sandbox_id)
            .unwrap_or_default()
    }
}

async fn write_files(files: &[NodeFile]) -> Result<(), Failure> {
    let files = files.to_vec();
    blocking(move || files.iter().try_for_each(write_file)).await
}

/// In place, not by a rename: containers that run already have the file itself mounted.
fn write_file(file: &NodeFile) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let path = Path::new(&file.path);
    let failed = |error: std::io::Error| Failure::other(format!("{}: {error}", file.path));
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::write(path, &file.contents).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(file.mode)).map_err(failed)
}
