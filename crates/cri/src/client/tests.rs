//! The client against a fake runtime on a real socket.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixListener;
use tokio::task::{JoinHandle, JoinSet};
use tonic::codegen::BoxStream;
use tonic::{Code, Request, Response, Status};

use crate::v1::runtime_service_server::{RuntimeService, RuntimeServiceServer};
use crate::v1::*;
use crate::{Cri, CriClient, CriError, Deadlines};

/// Answers `StopContainer` by the script in the container's id, and remembers what it was asked.
#[derive(Default)]
struct Fake {
    timeouts: Mutex<Vec<String>>,
}

#[tonic::async_trait]
impl RuntimeService for Arc<Fake> {
    async fn version(&self, request: Request<VersionRequest>) -> Result<Response<VersionResponse>, Status> {
        let version = request.into_inner().version;
        Ok(Response::new(VersionResponse { version, runtime_name: "fake".into(), ..Default::default() }))
    }

    async fn stop_container(
        &self,
        request: Request<StopContainerRequest>,
    ) -> Result<Response<StopContainerResponse>, Status> {
        let timeout = request.metadata().get("grpc-timeout").and_then(|value| value.to_str().ok());
        self.timeouts.lock().unwrap().push(timeout.unwrap_or_default().to_owned());
        match request.into_inner().container_id.as_str() {
            "gone" => Err(Status::not_found("no such container")),
            "stuck" => std::future::pending().await,
            "late" => Err(Status::deadline_exceeded("context deadline exceeded")),
            "broken" => Err(Status::unknown("failed to kill")),
            _ => Ok(Response::new(StopContainerResponse {})),
        }
    }

    async fn container_stats(
        &self,
        _: Request<ContainerStatsRequest>,
    ) -> Result<Response<ContainerStatsResponse>, Status> {
        Ok(Response::new(ContainerStatsResponse { stats: None }))
    }

    async fn list_containers(
        &self,
        _: Request<ListContainersRequest>,
    ) -> Result<Response<ListContainersResponse>, Status> {
        let big = Container { id: "x".repeat(9 * 1024 * 1024), ..Default::default() };
        Ok(Response::new(ListContainersResponse { containers: vec![big] }))
    }

    async fn get_container_events(
        &self,
        _: Request<GetEventsRequest>,
    ) -> Result<Response<BoxStream<ContainerEventResponse>>, Status> {
        let event = ContainerEventResponse { container_id: "c1".into(), ..Default::default() };
        let events = [Ok(event), Err(Status::unavailable("going away"))];
        Ok(Response::new(futures::stream::iter(events).boxed()))
    }
}

/// Serves `fake` at `socket`, connections included, until the task is aborted.
fn serve(fake: Arc<Fake>, socket: &Path) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    let service = RuntimeServiceServer::new(fake).max_encoding_message_size(usize::MAX);
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            connections.spawn(async move {
                let server = http2::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

fn quick() -> Deadlines {
    Deadlines { ordinary: Duration::from_millis(200), ..Deadlines::default() }
}

#[tokio::test]
async fn each_failure_says_which_call_and_what_kind() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("cri.sock");
    let _server = serve(Arc::default(), &socket);
    let client = CriClient::new(&socket, quick());

    let check = async |id: &str, code: Code, text: &str| {
        let error = client.stop_container(id, 0).await.unwrap_err();
        assert_eq!(error.code(), code, "{id}");
        assert_eq!(error.call(), "StopContainer", "{id}");
        assert_eq!(error.rpc_text(), text, "{id}");
        error
    };
    let gone = check("gone", Code::NotFound, "rpc error: code = NotFound desc = no such container").await;
    assert!(gone.is_not_found() && !gone.is_unanswered());
    check("broken", Code::Unknown, "rpc error: code = Unknown desc = failed to kill").await;
    check(
        "late",
        Code::DeadlineExceeded,
        "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
    )
    .await;
    let stuck = check(
        "stuck",
        Code::DeadlineExceeded,
        "rpc error: code = DeadlineExceeded desc = no answer within 200ms",
    )
    .await;
    assert!(stuck.is_unanswered());
    assert!(client.stop_container("fine", 0).await.is_ok());
}

#[tokio::test]
async fn an_unknown_call_is_absent() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("cri.sock");
    let _server = serve(Arc::default(), &socket);
    let client = CriClient::new(&socket, quick());

    assert_eq!(client.runtime_config().await.unwrap_err(), CriError::Absent { call: "RuntimeConfig" });
    // The fake serves no ImageService at all: the same to the caller.
    assert!(client.image_fs_info().await.unwrap_err().is_absent());
}

#[tokio::test]
async fn a_missing_required_field_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("cri.sock");
    let _server = serve(Arc::default(), &socket);
    let error = CriClient::new(&socket, quick()).container_stats("c").await.unwrap_err();
    assert_eq!(error, CriError::Incomplete { call: "ContainerStats", field: "stats" });
}

#[tokio::test]
async fn a_list_may_be_larger_than_grpcs_default() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("cri.sock");
    let _server = serve(Arc::default(), &socket);
    let client = CriClient::new(&socket, Deadlines::default());
    assert_eq!(client.list_containers(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_runtime_is_told_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("cri.sock");
    let fake = Arc::new(Fake::default());
    let _server = serve(fake.clone(), &socket);
    let client =
        CriClient::new(&socket, Deadlines { ordinary: Duration::from_secs(2), ..Deadlines::default() });
    client.stop_container("fine", 30).await.unwrap();
    client.stop_container("fine", -1).await.unwrap();
    assert_eq!(*fake.timeouts.lock().unwrap(), ["32000000u", "2000000u"]);
}

#[tokio::test]
async fn events_arrive_and_their_end_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("cri.sock");
    let _server = serve(Arc::default(), &socket);
    let mut events = CriClient::new(&socket, quick()).container_events().await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().container_id, "c1");
    assert_eq!(events.next().await.unwrap().unwrap_err().call(), "GetContainerEvents");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_runtime_that_went_away_is_unreachable_and_found_again_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("cri.sock");
    let client = CriClient::new(format!("unix://{}", socket.display()), quick());
    let missing = client.version().await.unwrap_err();
    assert!(matches!(&missing, CriError::Unreachable { .. }), "{missing:?}");
    assert!(missing.to_string().contains("No such file or directory"), "{missing}");

    for _ in 0..3 {
        let server = serve(Arc::default(), &socket);
        assert_eq!(client.version().await.unwrap().runtime_name, "fake");
        server.abort();
        assert!(server.await.unwrap_err().is_cancelled());
        std::fs::remove_file(&socket).unwrap();
        let error = client.version().await.unwrap_err();
        assert!(matches!(&error, CriError::Unreachable { .. }), "{error:?}");
    }
}

#[test]
fn a_scheme_before_the_path_is_allowed() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _inside = runtime.enter();
    let check = |given: &str, path: &str| {
        assert_eq!(CriClient::new(given, quick()).socket(), Path::new(path));
    };
    check("unix:///run/containerd/containerd.sock", "/run/containerd/containerd.sock");
    check("/run/containerd/containerd.sock", "/run/containerd/containerd.sock");
}
