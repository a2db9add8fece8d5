//! Carrying out what machines ask for.

use std::sync::Arc;

use ironclad_cri::{Cri, CriError};
use ironclad_env::{BoxFuture, Env};
use ironclad_node_core::effect::{Answer, Failure, FailureKind};
use ironclad_node_core::event::PodEvent;
use ironclad_node_core::{Action, NodeSettings};
use k8s_openapi::api::core::v1::Pod;
use tokio::sync::Semaphore;

use super::book::Book;
use super::events::Events;
use super::image::Images;
use super::statuses::Statuses;
use crate::api::Api;
use crate::cgroups::Cgroups;
use crate::config::Paths;
use crate::probes;
use crate::runtime::Inspector;
use crate::sources::{Gatherer, Tell};
use crate::volumes::Volumes;

/// Calls to the runtime that make or unmake something, at the same time. More only makes each of them slower.
const RUNTIME_CALLS: usize = 16;
/// Probes at the same time.
const PROBES: usize = 128;

/// Where a machine's effects go.
pub(crate) trait Hands: Send + Sync + 'static {
    /// Does one thing. The future owns what it needs; dropping it gives the thing up.
    fn carry_out(&self, pod: Arc<Pod>, action: Action) -> BoxFuture<'static, Result<Answer, Failure>>;

    fn event(&self, pod: &Pod, event: PodEvent);

    /// Has `tell` told when anything changes that the pod's volumes or environment show.
    fn follow(&self, pod: &Pod, tell: &Tell);

    /// Nothing of that pod is left: what is remembered of it is forgotten.
    fn gone(&self, uid: &str);
}

/// The node's own hands.
pub(crate) struct NodeHands {
    pub env: Env,
    pub settings: Arc<NodeSettings>,
    pub paths: Paths,
    pub cri: Arc<dyn Cri>,
    pub inspector: Arc<Inspector>,
    pub api: Api,
    pub cgroups: Cgroups,
    pub sources: Arc<Gatherer>,
    pub volumes: Arc<Volumes>,
    pub images: Images,
    pub statuses: Statuses,
    pub events: Events,
    pub book: Arc<Book>,
    pub limits: Limits,
}

/// How much is done at the same time.
pub(crate) struct Limits {
    pub runtime: Semaphore,
    pub probes: Semaphore,
}

impl Default for Limits {
    fn default() -> Self {
        Self { runtime: Semaphore::new(RUNTIME_CALLS), probes: Semaphore::new(PROBES) }
    }
}

/// The hands of a node, shared by its workers.
pub(crate) struct SharedHands(pub Arc<NodeHands>);

impl Hands for SharedHands {
    fn carry_out(&self, pod: Arc<Pod>, action: Action) -> BoxFuture<'static, Result<Answer, Failure>> {
        let hands = self.0.clone();
        Box::pin(async move { hands.act(&pod, action).await })
    }

    fn event(&self, pod: &Pod, event: PodEvent) {
        self.0.events.of_pod(pod, event);
    }

    fn follow(&self, pod: &Pod, tell: &Tell) {
        self.0.sources.follow(pod, tell);
    }

    fn gone(&self, uid: &str) {
        self.0.statuses.forget(uid);
        self.0.volumes.forget(uid);
    }
}

impl NodeHands {
    async fn act(&self, pod: &Arc<Pod>, action: Action) -> Result<Answer, Failure> {
        match action {
            Action::Prepare { cgroup } => self.prepare(pod, &cgroup).await,
            Action::ResizeCgroup { cgroup } => self.resize_cgroup(&cgroup).await,
            Action::Unprepare { cgroup_path } => self.unprepare(pod, cgroup_path).await,
            Action::SetUpVolume { volume } => self.set_up_volume(pod, &volume).await,
            Action::TearDownVolume { volume } => self.tear_down_volume(pod, &volume).await,
            Action::AdmitResize { pod } => Ok(self.admit_resize(&pod)),
            Action::Inspect => self.inspect(pod).await,
            Action::RunSandbox { config } => self.run_sandbox(&config).await,
            Action::StopSandbox { id } => self.stop_sandbox(&id).await,
            Action::RemoveSandbox { id } => self.remove_sandbox(&id).await,
            Action::FindImage { image } => self.find_image(&image).await,
            Action::PullImage { image, sandbox } => self.pull_image(pod, &image, &sandbox).await,
            Action::CreateContainer(create) => self.create_container(*create).await,
            Action::StartContainer { id } => self.start_container(pod, &id).await,
            Action::StopContainer { id, grace_s } => self.stop_container(&id, grace_s).await,
            Action::RemoveContainer { id, keep_log } => self.remove_container(&id, keep_log).await,
            Action::UpdateContainer { id, resources } => self.update_container(&id, &resources).await,
            Action::Exec { container_id, command, timeout } => {
                let _turn = self.turn(&self.limits.probes).await;
                probes::exec(&*self.cri, &container_id, &command, timeout).await
            }
            Action::Http(get) => {
                let _turn = self.turn(&self.limits.probes).await;
                probes::http(&self.env, &get).await
            }
            Action::Tcp { host, port, timeout } => {
                let _turn = self.turn(&self.limits.probes).await;
                probes::tcp(&self.env, &host, port, timeout).await
            }
            Action::Grpc { host, port, service, timeout } => {
                let _turn = self.turn(&self.limits.probes).await;
                probes::grpc(&self.env, &host, port, &service, timeout).await
            }
            Action::WriteStatus { status } => self.statuses.write(&self.api, pod, &status).await,
            Action::DeletePod => self.statuses.delete(&self.api, pod).await,
        }
    }

    /// Removes a dead container with its log.
    pub(crate) async fn remove_dead(&self, id: &str) -> Result<(), Failure> {
        self.remove_container(id, false).await.map(drop)
    }

    /// Stops a sandbox, if it is not, and removes it.
    pub(crate) async fn remove_dead_sandbox(&self, id: &str) -> Result<(), Failure> {
        self.remove_sandbox(id).await.map(drop)
    }

    async fn inspect(&self, pod: &Pod) -> Result<Answer, Failure> {
        let uid = ironclad_node_core::spec::uid(pod);
        self.inspector.pod(uid).await.map(Answer::Facts).map_err(|error| cri_failure(&error))
    }

    /// A place among those who do the like. The semaphores are never closed.
    pub(super) async fn turn<'a>(&self, limit: &'a Semaphore) -> Option<tokio::sync::SemaphorePermit<'a>> {
        limit.acquire().await.ok()
    }
}

/// A failed call in the machine's words.
pub(crate) fn cri_failure(error: &CriError) -> Failure {
    let kind = match error {
        CriError::DeadlineExceeded { .. } => FailureKind::Timeout,
        error if error.is_not_found() => FailureKind::NotFound,
        _ => FailureKind::Other,
    };
    Failure { kind, message: error.rpc_text() }
}

/// A failure of the API, or of anything else that has a text.
pub(crate) fn other(error: impl std::fmt::Display) -> Failure {
    Failure::other(error.to_string())
}

/// Work on files and mounts, away from the threads that serve everything else.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(other(error)))
}
