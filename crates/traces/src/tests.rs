//! The tracer against a collector on a real socket.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use ironclad_env::{Env, RealEnv, SimEnv};
use parking_lot::Mutex;
use tokio::net::UnixListener;
use tonic::{Request, Response, Status};

use super::otlp::trace_service_server::{TraceService, TraceServiceServer};
use super::otlp::{self, ExportTraceServiceRequest, ExportTraceServiceResponse};
use super::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[derive(Default)]
struct Collector(Mutex<Vec<ExportTraceServiceRequest>>);

#[tonic::async_trait]
impl TraceService for Arc<Collector> {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse {}))
    }
}

fn service() -> Service {
    Service { name: "apiserver".into(), instance: "one".into(), version: "v1.36.0".into() }
}

fn tracer(per_million: u32) -> Arc<Tracer> {
    let env: Env = SimEnv::new(1).shared();
    let endpoint = Endpoint::Unix("/nowhere".into());
    Tracer::start(env, &Configuration { endpoint, per_million }, service())
}

#[test]
fn what_is_recorded_is_decided_by_who_is_trusted_and_by_chance() {
    let check = |per_million: u32, parent: Option<&str>, trusted: bool, expected: bool| {
        let tracer = tracer(per_million);
        let parent = parent.and_then(Context::parse);
        let name = || "GET".to_owned();
        let span = tracer.server(name, parent, trusted, "2026-01-01T00:00:00Z".parse().expect("a time"));
        assert_eq!(span.is_some(), expected, "{per_million} {parent:?} {trusted}");
        if let (Some(span), Some(parent)) = (span, parent) {
            assert_eq!(span.context().trace == parent.trace, trusted);
            assert_ne!(span.context().span, parent.span);
        }
    };
    let unsampled = PARENT.replace("-01", "-00");
    check(0, None, true, false);
    check(1_000_000, None, true, true);
    check(0, Some(PARENT), true, true);
    check(1_000_000, Some(&unsampled), true, false);
    check(0, Some(PARENT), false, false);
    check(1_000_000, Some(PARENT), false, true);
}

#[tokio::test]
async fn a_collector_gets_requests_and_the_calls_within_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("otel.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let collector = Arc::new(Collector::default());
    let served = TraceServiceServer::new(collector.clone());
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(served.clone());
            tokio::spawn(
                http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    let env: Env = RealEnv::shared();
    let configuration = Configuration { endpoint: Endpoint::Unix(socket), per_million: 0 };
    let tracer = Tracer::start(env.clone(), &configuration, service());
    assert!(calling("nobody's").is_none());
    let span = tracer.server(|| "GET /api/v1/pods".into(), Context::parse(PARENT), true, env.now());
    let mut span = span.expect("a span");
    let inner = within(Some(&span), async { calling("HTTP POST").map(|call| call.context()) }).await;
    let inner = inner.expect("a call");
    assert_eq!(inner.trace, span.context().trace);
    assert!(inner.header().ends_with("-01"));
    span.text("audit-id", "abc");
    span.number("http.status_code", 500);
    span.failed();
    let own = span.context();
    drop(span);
    // The queue's end sends what is there.
    drop(tracer);
    let start = env.elapsed();
    while collector.0.lock().is_empty() && env.elapsed() - start < Duration::from_secs(5) {
        env.sleep(Duration::from_millis(5)).await;
    }
    server.abort();
    let requests = std::mem::take(&mut *collector.0.lock());
    let sent = &requests[0].resource_spans[0];
    let resource = sent.resource.as_ref().expect("a resource");
    assert_eq!(resource.attributes[0].key, "service.name");
    let spans = &sent.scope_spans[0].spans;
    let [call, request] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((call.name.as_str(), request.name.as_str()), ("HTTP POST", "GET /api/v1/pods"));
    assert_eq!(call.parent_span_id, own.span);
    assert_eq!(request.parent_span_id, Context::parse(PARENT).expect("a context").span);
    assert_eq!(request.kind, i32::from(otlp::SpanKind::Server));
    assert!(request.status.is_some() && request.end_time_unix_nano >= request.start_time_unix_nano);
    let keys: Vec<&str> = request.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(keys, ["audit-id", "http.status_code"]);
}
