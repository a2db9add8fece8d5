//! Sending spans to the collector: in batches, from a bounded queue. What does not fit is lost, and said.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper_unix::service_fn;
use hyper_util::rt::TokioIo;
use ironclad_env::{Env, EnvironmentExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tonic::transport::{self, Channel};

use crate::configuration::Endpoint;
use crate::otlp::trace_service_client::TraceServiceClient;
use crate::otlp::{
    AnyValue, ExportTraceServiceRequest, InstrumentationScope, KeyValue, Resource, ResourceSpans, ScopeSpans,
    Span, any_value,
};
use crate::span::Service;

/// OpenTelemetry's defaults for a batching processor.
const QUEUE: usize = 2048;
const BATCH: usize = 512;
const GATHER: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

/// The way to the exporter.
pub struct Queue {
    spans: mpsc::Sender<Span>,
    lost: Arc<AtomicU64>,
}

impl Queue {
    /// Never waits: a request must not be slower for its trace.
    pub fn put(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends until the queue is dropped.
pub fn start(env: &Env, endpoint: &Endpoint, service: Service) -> Queue {
    let (spans, waiting) = mpsc::channel(QUEUE);
    let lost = Arc::new(AtomicU64::new(0));
    let exporter = Exporter { env: env.clone(), service, lost: lost.clone(), endpoint: endpoint.clone() };
    env.spawn("traces", Box::pin(exporter.run(waiting)));
    Queue { spans, lost }
}

struct Exporter {
    env: Env,
    endpoint: Endpoint,
    service: Service,
    lost: Arc<AtomicU64>,
}

impl Exporter {
    async fn run(self, mut waiting: mpsc::Receiver<Span>) {
        let mut client = match channel(&self.endpoint) {
            Ok(channel) => TraceServiceClient::new(channel),
            Err(error) => {
                tracing::error!(%error, "traces cannot be sent: the collector's address cannot be used");
                return;
            }
        };
        let mut batch = Vec::with_capacity(BATCH);
        while waiting.recv_many(&mut batch, BATCH).await > 0 {
            self.gather(&mut waiting, &mut batch).await;
            let count = batch.len();
            let request = self.request(std::mem::take(&mut batch));
            let sent = self.env.timeout(TIMEOUT, client.export(request)).await;
            let why = match sent {
                Some(Ok(_)) => None,
                Some(Err(status)) => Some(status.message().to_owned()),
                None => Some("no answer in time".to_owned()),
            };
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if why.is_some() || lost > 0 {
                tracing::warn!(unsent = count, lost, why, "traces were not sent");
            }
        }
    }

    /// Waits for more, so that the collector is not asked for each span.
    async fn gather(&self, waiting: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) {
        let more = async {
            while batch.len() < BATCH {
                let room = BATCH - batch.len();
                if waiting.recv_many(batch, room).await == 0 {
                    return;
                }
            }
        };
        // At the end of the time the batch is what it is.
        let _ = self.env.timeout(GATHER, more).await;
    }

    fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let Service { name, instance, version } = &self.service;
        let attributes =
            [("service.name", name), ("service.instance.id", instance), ("service.version", version)];
        let attributes = attributes.map(|(key, value)| KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.clone())) }),
        });
        let scope = InstrumentationScope { name: name.clone(), version: version.clone() };
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource { attributes: attributes.into() }),
                scope_spans: vec![ScopeSpans { scope: Some(scope), spans }],
            }],
        }
    }
}

/// Connects with the first batch.
fn channel(endpoint: &Endpoint) -> Result<Channel, transport::Error> {
    match endpoint {
        Endpoint::Tcp(address) => {
            Ok(transport::Endpoint::from_shared(format!("http://{address}"))?.connect_lazy())
        }
        Endpoint::Unix(path) => {
            let path = socket(path);
            let connector = service_fn(move |_| {
                let path = path.clone();
                async move { UnixStream::connect(path).await.map(TokioIo::new) }
            });
            // The authority is never resolved; every connection goes to the socket.
            Ok(transport::Endpoint::from_static("http://localhost").connect_with_connector_lazy(connector))
        }
    }
}

/// The kernel's form of a name without a file begins with a zero byte.
fn socket(path: &std::path::Path) -> PathBuf {
    match path.to_str().and_then(|path| path.strip_prefix('@')) {
        Some(name) => PathBuf::from(format!("\0{name}")),
        None => path.to_owned(),
    }
}
