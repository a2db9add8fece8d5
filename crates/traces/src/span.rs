//! Spans, and who makes them.

use std::sync::Arc;

use ironclad_env::Env;
use jiff::Timestamp;

use crate::configuration::Configuration;
use crate::context::Context;
use crate::export::{self, Queue};
use crate::otlp;

/// What the spans are of, for the collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    pub instance: String,
    pub version: String,
}

/// Makes spans, and sends those that have ended.
pub struct Tracer {
    env: Env,
    /// A new trace is recorded if the last eight bytes of its id are below it.
    threshold: u64,
    queue: Queue,
}

/// A part of a trace that is being recorded. It ends when it is dropped.
pub struct Span {
    tracer: Arc<Tracer>,
    context: Context,
    recorded: otlp::Span,
}

impl Tracer {
    /// Sends to the configured collector from now on, for as long as the tracer or a span is there.
    pub fn start(env: Env, configuration: &Configuration, service: Service) -> Arc<Self> {
        let queue = export::start(&env, &configuration.endpoint, service);
        // Of 63 bits, as OpenTelemetry's sampler by ratio.
        let threshold = (1_u64 << 63) / 1_000_000 * u64::from(configuration.per_million);
        Arc::new(Self { env, threshold, queue })
    }

    /// The span of a request. `trusted` says whether its client may decide what is traced; the trace of another one
    /// is only linked to. `None` if it is not recorded.
    pub fn server(
        self: &Arc<Self>,
        name: impl FnOnce() -> String,
        parent: Option<Context>,
        trusted: bool,
        began: Timestamp,
    ) -> Option<Span> {
        let (parent, link) = if trusted { (parent, None) } else { (None, parent) };
        let context = match parent {
            Some(parent) => Context { span: self.random(), ..parent },
            None => self.first(),
        };
        if !context.sampled {
            return None;
        }
        let links = link.map(|link| otlp::Link { trace_id: link.trace.into(), span_id: link.span.into() });
        let mut span = self.span(context, parent, name(), otlp::SpanKind::Server, began);
        span.recorded.links.extend(links);
        Some(span)
    }

    fn first(&self) -> Context {
        let trace: [u8; 16] = self.random();
        let [.., a, b, c, d, e, f, g, h] = trace;
        let sampled = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1 < self.threshold;
        Context { trace, span: self.random(), sampled }
    }

    fn span(
        self: &Arc<Self>,
        context: Context,
        parent: Option<Context>,
        name: String,
        kind: otlp::SpanKind,
        began: Timestamp,
    ) -> Span {
        let recorded = otlp::Span {
            trace_id: context.trace.into(),
            span_id: context.span.into(),
            parent_span_id: parent.map(|parent| parent.span.into()).unwrap_or_default(),
            name,
            kind: kind.into(),
            start_time_unix_nano: nanoseconds(began),
            ..otlp::Span::default()
        };
        Span { tracer: self.clone(), context, recorded }
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.env.fill(&mut bytes);
        bytes
    }
}

impl Span {
    pub fn context(&self) -> Context {
        self.context
    }

    pub fn text(&mut self, key: &str, value: impl Into<String>) {
        self.attribute(key, otlp::any_value::Value::StringValue(value.into()));
    }

    pub fn number(&mut self, key: &str, value: i64) {
        self.attribute(key, otlp::any_value::Value::IntValue(value));
    }

    /// What came of it was not what was asked for.
    pub fn failed(&mut self) {
        let code = otlp::StatusCode::Error.into();
        self.recorded.status = Some(otlp::SpanStatus { code, ..otlp::SpanStatus::default() });
    }

    /// Who makes the parts of this span, and where they belong.
    pub(crate) fn place(&self) -> (Arc<Tracer>, Context) {
        (self.tracer.clone(), self.context)
    }

    fn attribute(&mut self, key: &str, value: otlp::any_value::Value) {
        let value = Some(otlp::AnyValue { value: Some(value) });
        self.recorded.attributes.push(otlp::KeyValue { key: key.to_owned(), value });
    }
}

/// A call within the span of `parent`.
pub(crate) fn child(tracer: &Arc<Tracer>, parent: Context, name: String) -> Span {
    let context = Context { span: tracer.random(), ..parent };
    tracer.span(context, Some(parent), name, otlp::SpanKind::Client, tracer.env.now())
}

impl Drop for Span {
    fn drop(&mut self) {
        let mut recorded = std::mem::take(&mut self.recorded);
        recorded.end_time_unix_nano = nanoseconds(self.tracer.env.now());
        self.tracer.queue.put(recorded);
    }
}

fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or(0)
}
