//! Traces of requests, sent to a collector by OpenTelemetry's protocol (OTLP over gRPC).
//!
//! ```text
//!   traceparent ─► Tracer::server ─► Span ─┬─► within(span, work): who calls out on the way tells its trace
//!                                          └─► end: to the exporter's queue ─► collector
//! ```
//!
//! Without a configuration there is no [`Tracer`], and nothing of this runs: outgoing calls look at a value of their
//! task that is not there.
//!
//! Source: <https://kubernetes.io/docs/concepts/cluster-administration/system-traces/>,
//! <https://www.w3.org/TR/trace-context/>.

mod configuration;
mod context;
mod current;
mod export;
mod span;
#[cfg(test)]
mod tests;

/// The collector's contract. Generated: edit `proto/trace.proto` and run `cargo xtask proto`.
#[allow(clippy::all)]
#[rustfmt::skip]
#[path = "generated/opentelemetry.proto.collector.trace.v1.rs"]
mod otlp;

pub use configuration::{Configuration, ConfigurationError, Endpoint};
pub use context::{Context, TRACEPARENT};
pub use current::{calling, within};
pub use span::{Service, Span, Tracer};
