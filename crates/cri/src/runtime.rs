//! The seam between the node agent and whatever runs its containers.

use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::CriError;
use crate::v1::{AttachRequest, UpdatePodSandboxResourcesRequest};
use crate::v1::{
    AuthConfig, CheckpointContainerRequest, Container, ContainerConfig, ContainerEventResponse,
    ContainerFilter, ContainerStats, ContainerStatsFilter, ContainerStatusResponse, ExecRequest,
    ExecSyncResponse, Image, ImageFsInfoResponse, ImageSpec, ImageStatusResponse, LinuxRuntimeConfiguration,
    PodSandbox, PodSandboxConfig, PodSandboxFilter, PodSandboxStats, PodSandboxStatsFilter,
    PodSandboxStatusResponse, StatusResponse, UpdateContainerResourcesRequest, VersionResponse,
};

/// What every call returns. It borrows only the runtime, never an argument.
pub type CriFuture<'a, T> = BoxFuture<'a, Result<T, CriError>>;

/// Container events, oldest first, until the runtime goes away (an error, then the end).
pub type EventStream = BoxStream<'static, Result<ContainerEventResponse, CriError>>;

/// A container runtime, as CRI v1 describes it (kubernetes/cri-api, `runtime/v1/api.proto`).
///
/// Ids are the runtime's own. Times are nanoseconds since the epoch. Dropping a future cancels the call;
/// its effect is then unknown and the caller lists again. Every call fails with [`CriError`]; a call that
/// the runtime does not know fails with [`CriError::Absent`].
pub trait Cri: Send + Sync + 'static {
    // --- the runtime

    /// Name and version; the cheapest sign of life.
    fn version(&self) -> CriFuture<'_, VersionResponse>;

    /// The conditions RuntimeReady and NetworkReady, handlers and features. `verbose` adds `info`.
    fn status(&self, verbose: bool) -> CriFuture<'_, StatusResponse>;

    /// Which cgroup driver the runtime uses. Absent before containerd 2.0.
    fn runtime_config(&self) -> CriFuture<'_, LinuxRuntimeConfiguration>;

    /// Tells the runtime the node's pod range, for runtimes that write the CNI configuration themselves.
    fn update_runtime_config(&self, pod_cidr: &str) -> CriFuture<'_, ()>;

    /// Changes as they happen. Nothing from before the call is sent, so list after subscribing.
    /// Absent before containerd 1.7.
    fn container_events(&self) -> CriFuture<'_, EventStream>;

    // --- pod sandboxes

    /// Makes and starts a sandbox with its network, ready when this returns its id.
    /// `runtime_handler` is empty for the default one.
    fn run_pod_sandbox(&self, config: PodSandboxConfig, runtime_handler: &str) -> CriFuture<'_, String>;

    /// Kills what runs in the sandbox and takes its network down. Idempotent.
    fn stop_pod_sandbox(&self, sandbox_id: &str) -> CriFuture<'_, ()>;

    /// Removes the sandbox and its containers. Idempotent.
    fn remove_pod_sandbox(&self, sandbox_id: &str) -> CriFuture<'_, ()>;

    /// One sandbox, with its addresses. NotFound if there is none.
    fn pod_sandbox_status(&self, sandbox_id: &str, verbose: bool) -> CriFuture<'_, PodSandboxStatusResponse>;

    /// The sandboxes that match every set field of `filter`; all with `None`.
    fn list_pod_sandboxes(&self, filter: Option<PodSandboxFilter>) -> CriFuture<'_, Vec<PodSandbox>>;

    /// Tells the runtime of a pod resized in place. Absent in most runtimes.
    fn update_pod_sandbox_resources(&self, request: UpdatePodSandboxResourcesRequest) -> CriFuture<'_, ()>;

    // --- containers

    /// Makes a container, not yet running, and returns its id.
    /// `sandbox_config` is the one its sandbox was run with.
    fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
        sandbox_config: PodSandboxConfig,
    ) -> CriFuture<'_, String>;

    /// Starts a created container.
    fn start_container(&self, container_id: &str) -> CriFuture<'_, ()>;

    /// Sends the stop signal, then SIGKILL after `grace_s` seconds; returns when it has ended. Idempotent.
    fn stop_container(&self, container_id: &str, grace_s: i64) -> CriFuture<'_, ()>;

    /// Removes a container, killing it if it runs. Idempotent. Its log file stays.
    fn remove_container(&self, container_id: &str) -> CriFuture<'_, ()>;

    /// The containers that match every set field of `filter`; all with `None`.
    fn list_containers(&self, filter: Option<ContainerFilter>) -> CriFuture<'_, Vec<Container>>;

    /// One container. NotFound if there is none.
    fn container_status(&self, container_id: &str, verbose: bool) -> CriFuture<'_, ContainerStatusResponse>;

    /// Changes a running container's cgroup. Zero fields stay as they are.
    fn update_container_resources(&self, request: UpdateContainerResourcesRequest) -> CriFuture<'_, ()>;

    /// Opens the log file anew after it was rotated away.
    fn reopen_container_log(&self, container_id: &str) -> CriFuture<'_, ()>;

    /// Writes a checkpoint archive. Absent before containerd 2.0.
    fn checkpoint_container(&self, request: CheckpointContainerRequest) -> CriFuture<'_, ()>;

    // --- processes and ports inside

    /// Runs a command to its end and returns its output and exit code.
    /// After `timeout_s` seconds (0: never) it is killed and the call fails with DeadlineExceeded.
    fn exec_sync(
        &self,
        container_id: &str,
        command: &[String],
        timeout_s: i64,
    ) -> CriFuture<'_, ExecSyncResponse>;

    /// The URL at which the runtime's streaming server runs the command.
    fn exec_url(&self, request: ExecRequest) -> CriFuture<'_, String>;

    /// The URL at which the runtime's streaming server attaches to the container.
    fn attach_url(&self, request: AttachRequest) -> CriFuture<'_, String>;

    /// The URL at which the runtime's streaming server forwards to the sandbox's ports.
    fn port_forward_url(&self, sandbox_id: &str, ports: &[i32]) -> CriFuture<'_, String>;

    // --- what they use

    /// Figures of the running containers that match `filter`; all with `None`.
    fn list_container_stats(
        &self,
        filter: Option<ContainerStatsFilter>,
    ) -> CriFuture<'_, Vec<ContainerStats>>;

    /// Figures of one container.
    fn container_stats(&self, container_id: &str) -> CriFuture<'_, ContainerStats>;

    /// Figures of the sandboxes that match `filter`; all with `None`.
    fn list_pod_sandbox_stats(
        &self,
        filter: Option<PodSandboxStatsFilter>,
    ) -> CriFuture<'_, Vec<PodSandboxStats>>;

    /// Figures of one sandbox with its containers.
    fn pod_sandbox_stats(&self, sandbox_id: &str) -> CriFuture<'_, PodSandboxStats>;

    // --- images

    /// The images on disk, or only the one that `image` names.
    fn list_images(&self, image: Option<ImageSpec>) -> CriFuture<'_, Vec<Image>>;

    /// One image by reference or id. `image` is `None` in the answer when it is not on disk.
    fn image_status(&self, image: ImageSpec, verbose: bool) -> CriFuture<'_, ImageStatusResponse>;

    /// Fetches an image and returns its reference (digest or id).
    /// `sandbox_config` is that of the pod it is for, which a runtime may want to know.
    fn pull_image(
        &self,
        image: ImageSpec,
        auth: Option<AuthConfig>,
        sandbox_config: Option<PodSandboxConfig>,
    ) -> CriFuture<'_, String>;

    /// Removes an image with all its names. Idempotent.
    fn remove_image(&self, image: ImageSpec) -> CriFuture<'_, ()>;

    /// The file systems that hold images and writable layers, and how full they are.
    fn image_fs_info(&self) -> CriFuture<'_, ImageFsInfoResponse>;
}
