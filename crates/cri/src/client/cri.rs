//! Each method of the trait as one gRPC call.

use std::future::ready;

use futures::{FutureExt, StreamExt, TryFutureExt};

use super::CriClient;
use crate::call::{Call, required};
use crate::runtime::{Cri, CriFuture, EventStream};
use crate::v1::*;

/// The answer of one call, as a future that borrows nothing but the client:
/// `rpc!(self.SERVICE.METHOD, "Name", deadline, request)`.
macro_rules! rpc {
    ($self:ident . $service:ident . $method:ident, $name:literal, $deadline:expr, $request:expr) => {{
        let call = Call { name: $name, socket: &$self.socket, deadline: $deadline };
        let request = call.request($request);
        let mut client = $self.$service.clone();
        async move { call.answer(client.$method(request)).await }
    }};
}

impl Cri for CriClient {
    // === the runtime ===

    fn version(&self) -> CriFuture<'_, VersionResponse> {
        let request = VersionRequest { version: "v1".into() };
        rpc!(self.runtime.version, "Version", self.deadlines.version, request).boxed()
    }

    fn status(&self, verbose: bool) -> CriFuture<'_, StatusResponse> {
        let request = StatusRequest { verbose };
        rpc!(self.runtime.status, "Status", self.deadlines.ordinary, request).boxed()
    }

    fn runtime_config(&self) -> CriFuture<'_, LinuxRuntimeConfiguration> {
        let request = RuntimeConfigRequest {};
        rpc!(self.runtime.runtime_config, "RuntimeConfig", self.deadlines.ordinary, request)
            .and_then(|answer| ready(required("RuntimeConfig", "linux", answer.linux)))
            .boxed()
    }

    fn update_runtime_config(&self, pod_cidr: &str) -> CriFuture<'_, ()> {
        let request = UpdateRuntimeConfigRequest {
            runtime_config: Some(RuntimeConfig {
                network_config: Some(NetworkConfig { pod_cidr: pod_cidr.to_owned() }),
            }),
        };
        rpc!(self.runtime.update_runtime_config, "UpdateRuntimeConfig", self.deadlines.ordinary, request)
            .map_ok(drop)
            .boxed()
    }

    fn container_events(&self) -> CriFuture<'_, EventStream> {
        let name = "GetContainerEvents";
        let deadline = self.deadlines.ordinary;
        let mut client = self.runtime.clone();
        let socket = self.socket.clone();
        async move {
            let call = Call { name, socket: &socket, deadline };
            // The deadline covers the subscription only, so it is not sent: the stream has no end.
            let events = call.answer(client.get_container_events(GetEventsRequest {})).await?;
            let events = events.map(move |event| {
                let call = Call { name, socket: &socket, deadline };
                event.map_err(|status| call.failure(&status))
            });
            Ok(events.boxed())
        }
        .boxed()
    }

    // === pod sandboxes ===

    fn run_pod_sandbox(&self, config: PodSandboxConfig, runtime_handler: &str) -> CriFuture<'_, String> {
        let request =
            RunPodSandboxRequest { config: Some(config), runtime_handler: runtime_handler.to_owned() };
        rpc!(self.runtime.run_pod_sandbox, "RunPodSandbox", self.deadlines.run_sandbox, request)
            .map_ok(|answer| answer.pod_sandbox_id)
            .boxed()
    }

    fn stop_pod_sandbox(&self, sandbox_id: &str) -> CriFuture<'_, ()> {
        let request = StopPodSandboxRequest { pod_sandbox_id: sandbox_id.to_owned() };
        rpc!(self.runtime.stop_pod_sandbox, "StopPodSandbox", self.deadlines.ordinary, request)
            .map_ok(drop)
            .boxed()
    }

    fn remove_pod_sandbox(&self, sandbox_id: &str) -> CriFuture<'_, ()> {
        let request = RemovePodSandboxRequest { pod_sandbox_id: sandbox_id.to_owned() };
        rpc!(self.runtime.remove_pod_sandbox, "RemovePodSandbox", self.deadlines.ordinary, request)
            .map_ok(drop)
            .boxed()
    }

    fn pod_sandbox_status(&self, sandbox_id: &str, verbose: bool) -> CriFuture<'_, PodSandboxStatusResponse> {
        let request = PodSandboxStatusRequest { pod_sandbox_id: sandbox_id.to_owned(), verbose };
        rpc!(self.runtime.pod_sandbox_status, "PodSandboxStatus", self.deadlines.ordinary, request).boxed()
    }

    fn list_pod_sandboxes(&self, filter: Option<PodSandboxFilter>) -> CriFuture<'_, Vec<PodSandbox>> {
        let request = ListPodSandboxRequest { filter };
        rpc!(self.runtime.list_pod_sandbox, "ListPodSandbox", self.deadlines.ordinary, request)
            .map_ok(|answer| answer.items)
            .boxed()
    }

    fn update_pod_sandbox_resources(&self, request: UpdatePodSandboxResourcesRequest) -> CriFuture<'_, ()> {
        rpc!(
            self.runtime.update_pod_sandbox_resources,
            "UpdatePodSandboxResources",
            self.deadlines.ordinary,
            request
        )
        .map_ok(drop)
        .boxed()
    }

    // === containers ===

    fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
        sandbox_config: PodSandboxConfig,
    ) -> CriFuture<'_, String> {
        let request = CreateContainerRequest {
            pod_sandbox_id: sandbox_id.to_owned(),
            config: Some(config),
            sandbox_config: Some(sandbox_config),
        };
        rpc!(self.runtime.create_container, "CreateContainer", self.deadlines.ordinary, request)
            .map_ok(|answer| answer.container_id)
            .boxed()
    }

    fn start_container(&self, container_id: &str) -> CriFuture<'_, ()> {
        let request = StartContainerRequest { container_id: container_id.to_owned() };
        rpc!(self.runtime.start_container, "StartContainer", self.deadlines.ordinary, request)
            .map_ok(drop)
            .boxed()
    }

    fn stop_container(&self, container_id: &str, grace_s: i64) -> CriFuture<'_, ()> {
        let request = StopContainerRequest { container_id: container_id.to_owned(), timeout: grace_s };
        rpc!(self.runtime.stop_container, "StopContainer", self.deadlines.beyond(grace_s), request)
            .map_ok(drop)
            .boxed()
    }

    fn remove_container(&self, container_id: &str) -> CriFuture<'_, ()> {
        let request = RemoveContainerRequest { container_id: container_id.to_owned() };
        rpc!(self.runtime.remove_container, "RemoveContainer", self.deadlines.ordinary, request)
            .map_ok(drop)
            .boxed()
    }

    fn list_containers(&self, filter: Option<ContainerFilter>) -> CriFuture<'_, Vec<Container>> {
        let request = ListContainersRequest { filter };
        rpc!(self.runtime.list_containers, "ListContainers", self.deadlines.ordinary, request)
            .map_ok(|answer| answer.containers)
            .boxed()
    }

    fn container_status(&self, container_id: &str, verbose: bool) -> CriFuture<'_, ContainerStatusResponse> {
        let request = ContainerStatusRequest { container_id: container_id.to_owned(), verbose };
        rpc!(self.runtime.container_status, "ContainerStatus", self.deadlines.ordinary, request).boxed()
    }

    fn update_container_resources(&self, request: UpdateContainerResourcesRequest) -> CriFuture<'_, ()> {
        rpc!(
            self.runtime.update_container_resources,
            "UpdateContainerResources",
            self.deadlines.ordinary,
            request
        )
        .map_ok(drop)
        .boxed()
    }

    fn reopen_container_log(&self, container_id: &str) -> CriFuture<'_, ()> {
        let request = ReopenContainerLogRequest { container_id: container_id.to_owned() };
        rpc!(self.runtime.reopen_container_log, "ReopenContainerLog", self.deadlines.ordinary, request)
            .map_ok(drop)
            .boxed()
    }

    fn checkpoint_container(&self, request: CheckpointContainerRequest) -> CriFuture<'_, ()> {
        let deadline = self.deadlines.beyond(request.timeout);
        rpc!(self.runtime.checkpoint_container, "CheckpointContainer", deadline, request).map_ok(drop).boxed()
    }

    // === processes and ports inside ===

    fn exec_sync(
        &self,
        container_id: &str,
        command: &[String],
        timeout_s: i64,
    ) -> CriFuture<'_, ExecSyncResponse> {
        let request = ExecSyncRequest {
            container_id: container_id.to_owned(),
            cmd: command.to_vec(),
            timeout: timeout_s,
        };
        rpc!(self.runtime.exec_sync, "ExecSync", self.deadlines.exec(timeout_s), request).boxed()
    }

    fn exec_url(&self, request: ExecRequest) -> CriFuture<'_, String> {
        rpc!(self.runtime.exec, "Exec", self.deadlines.ordinary, request).map_ok(|answer| answer.url).boxed()
    }

    fn attach_url(&self, request: AttachRequest) -> CriFuture<'_, String> {
        rpc!(self.runtime.attach, "Attach", self.deadlines.ordinary, request)
            .map_ok(|answer| answer.url)
            .boxed()
    }

    fn port_forward_url(&self, sandbox_id: &str, ports: &[i32]) -> CriFuture<'_, String> {
        let request = PortForwardRequest { pod_sandbox_id: sandbox_id.to_owned(), port: ports.to_vec() };
        rpc!(self.runtime.port_forward, "PortForward", self.deadlines.ordinary, request)
            .map_ok(|answer| answer.url)
            .boxed()
    }

    // === what they use ===

    fn list_container_stats(
        &self,
        filter: Option<ContainerStatsFilter>,
    ) -> CriFuture<'_, Vec<ContainerStats>> {
        let request = ListContainerStatsRequest { filter };
        rpc!(self.runtime.list_container_stats, "ListContainerStats", self.deadlines.ordinary, request)
            .map_ok(|answer| answer.stats)
            .boxed()
    }

    fn container_stats(&self, container_id: &str) -> CriFuture<'_, ContainerStats> {
        let request = ContainerStatsRequest { container_id: container_id.to_owned() };
        rpc!(self.runtime.container_stats, "ContainerStats", self.deadlines.ordinary, request)
            .and_then(|answer| ready(required("ContainerStats", "stats", answer.stats)))
            .boxed()
    }

    fn list_pod_sandbox_stats(
        &self,
        filter: Option<PodSandboxStatsFilter>,
    ) -> CriFuture<'_, Vec<PodSandboxStats>> {
        let request = ListPodSandboxStatsRequest { filter };
        rpc!(self.runtime.list_pod_sandbox_stats, "ListPodSandboxStats", self.deadlines.ordinary, request)
            .map_ok(|answer| answer.stats)
            .boxed()
    }

    fn pod_sandbox_stats(&self, sandbox_id: &str) -> CriFuture<'_, PodSandboxStats> {
        let request = PodSandboxStatsRequest { pod_sandbox_id: sandbox_id.to_owned() };
        rpc!(self.runtime.pod_sandbox_stats, "PodSandboxStats", self.deadlines.ordinary, request)
            .and_then(|answer| ready(required("PodSandboxStats", "stats", answer.stats)))
            .boxed()
    }

    // === images ===

    fn list_images(&self, image: Option<ImageSpec>) -> CriFuture<'_, Vec<Image>> {
        let request = ListImagesRequest { filter: image.map(|image| ImageFilter { image: Some(image) }) };
        rpc!(self.images.list_images, "ListImages", self.deadlines.ordinary, request)
            .map_ok(|answer| answer.images)
            .boxed()
    }

    fn image_status(&self, image: ImageSpec, verbose: bool) -> CriFuture<'_, ImageStatusResponse> {
        let request = ImageStatusRequest { image: Some(image), verbose };
        rpc!(self.images.image_status, "ImageStatus", self.deadlines.ordinary, request).boxed()
    }

    fn pull_image(
        &self,
        image: ImageSpec,
        auth: Option<AuthConfig>,
        sandbox_config: Option<PodSandboxConfig>,
    ) -> CriFuture<'_, String> {
        let request = PullImageRequest { image: Some(image), auth, sandbox_config };
        rpc!(self.images.pull_image, "PullImage", self.deadlines.pull, request)
            .map_ok(|answer| answer.image_ref)
            .boxed()
    }

    fn remove_image(&self, image: ImageSpec) -> CriFuture<'_, ()> {
        let request = RemoveImageRequest { image: Some(image) };
        rpc!(self.images.remove_image, "RemoveImage", self.deadlines.ordinary, request).map_ok(drop).boxed()
    }

    fn image_fs_info(&self) -> CriFuture<'_, ImageFsInfoResponse> {
        let request = ImageFsInfoRequest {};
        rpc!(self.images.image_fs_info, "ImageFsInfo", self.deadlines.ordinary, request).boxed()
    }
}
