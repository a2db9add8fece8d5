//! `/metrics`: requests by upstream's names, and the process.
//! Source: <https://kubernetes.io/docs/reference/instrumentation/metrics/>

mod process;
mod state;

use std::time::Duration;

use http::StatusCode;
use ironclad_api::GroupVersionResource;
use ironclad_engine::Kinds;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::reply::{self, Reply};
use crate::request_info::RequestInfo;
use crate::version::Version;

/// Upstream's buckets, in seconds, thinned out: each costs memory for every kind and verb.
const SECONDS: [f64; 15] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.25, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0];

const REQUEST: [&str; 7] = ["verb", "dry_run", "group", "version", "resource", "subresource", "scope"];

pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    long_running: IntGaugeVec,
    in_flight: IntGaugeVec,
    pub connections: IntGauge,
    pub tunnels: IntGauge,
    pub handshake_failures: IntCounter,
    pub panics: IntCounter,
    pub terminated: IntCounterVec,
    watch_events: IntCounterVec,
}

impl Metrics {
    /// Adds the server's metrics to `registry`, which other parts add theirs to.
    pub fn new(registry: Registry) -> prometheus::Result<Self> {
        let with = |more: &[&'static str]| [&REQUEST[..], more].concat();
        let requests = IntCounterVec::new(
            Opts::new("apiserver_request_total", "Counter of apiserver requests."),
            &with(&["component", "code"]),
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "apiserver_request_duration_seconds",
                "Response latency distribution in seconds.",
            )
            .buckets(SECONDS.to_vec()),
            &with(&["component"]),
        )?;
        let long_running = IntGaugeVec::new(
            Opts::new(
                "apiserver_longrunning_requests",
                "Gauge of all active long-running apiserver requests.",
            ),
            &["verb", "group", "version", "resource", "subresource", "scope", "component"],
        )?;
        let in_flight = IntGaugeVec::new(
            Opts::new("apiserver_current_inflight_requests", "Number of currently executing requests."),
            &["request_kind"],
        )?;
        let terminated = IntCounterVec::new(
            Opts::new(
                "apiserver_request_terminations_total",
                "Number of requests which apiserver terminated in self-defense.",
            ),
            &["component", "code"],
        )?;
        let watch_events = IntCounterVec::new(
            Opts::new("apiserver_watch_events_total", "Number of events sent in watch clients"),
            &["group", "version", "resource"],
        )?;
        let connections = IntGauge::new("ironclad_open_connections", "Number of open client connections.")?;
        let tunnels = IntGauge::new(
            "ironclad_open_tunnels",
            "Number of open exec, attach, port-forward and proxy tunnels.",
        )?;
        let handshake_failures = IntCounter::new(
            "apiserver_tls_handshake_errors_total",
            "Number of requests dropped with 'TLS handshake error from' error",
        )?;
        let panics = IntCounter::new("apiserver_request_panics_total", "Number of requests that panicked.")?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(long_running.clone()))?;
        registry.register(Box::new(in_flight.clone()))?;
        registry.register(Box::new(terminated.clone()))?;
        registry.register(Box::new(watch_events.clone()))?;
        registry.register(Box::new(connections.clone()))?;
        registry.register(Box::new(tunnels.clone()))?;
        registry.register(Box::new(handshake_failures.clone()))?;
        registry.register(Box::new(panics.clone()))?;
        Ok(Self {
            registry,
            requests,
            seconds,
            long_running,
            in_flight,
            connections,
            tunnels,
            handshake_failures,
            panics,
            terminated,
            watch_events,
        })
    }

    /// Counts a request that has been answered.
    pub fn answered(&self, request: &Answered<'_>, code: StatusCode, took: Duration) {
        let [a, b, c, d, e, f, g] = request.labels();
        self.requests.with_label_values(&[a, b, c, d, e, f, g, "apiserver", code.as_str()]).inc();
        if !request.long_running {
            self.seconds.with_label_values(&[a, b, c, d, e, f, g, "apiserver"]).observe(took.as_secs_f64());
        }
    }

    /// What counts the events of one watch.
    pub fn watch_events(&self, resource: &GroupVersionResource) -> IntCounter {
        self.watch_events.with_label_values(&[&*resource.group, &*resource.version, &*resource.resource])
    }

    /// Counts a stream until the result is dropped.
    pub fn streaming(&self, request: &Answered<'_>) -> Counted {
        let [verb, _, group, version, resource, subresource, scope] = request.labels();
        let labels = [verb, group, version, resource, subresource, scope, "apiserver"];
        Counted::new(self.long_running.with_label_values(&labels))
    }

    /// Counts a request that is being worked on until the result is dropped.
    pub fn in_flight(&self, read_only: bool) -> Counted {
        Counted::new(self.in_flight.with_label_values(&[if read_only { "readOnly" } else { "mutating" }]))
    }

    /// The page that a scraper reads.
    pub fn page(&self, kinds: &Kinds, version: &Version) -> Reply {
        let mut page = Vec::with_capacity(64 * 1024);
        let families = self.registry.gather();
        // Writing to a Vec cannot fail.
        let _ = TextEncoder::new().encode(&families, &mut page);
        state::write(&mut page, kinds, version);
        process::write(&mut page);
        reply::bytes(200, "text/plain; version=0.0.4; charset=utf-8", page)
    }
}

/// A gauge that is one higher while this lives.
pub struct Counted(IntGauge);

impl Counted {
    pub fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The labels' part of a request. Names that clients make up must not become labels, so
/// only requests for what is served are told apart.
pub struct Answered<'a> {
    pub info: &'a RequestInfo,
    pub dry_run: bool,
    pub known_resource: bool,
    pub long_running: bool,
}

impl<'a> Answered<'a> {
    fn labels(&self) -> [&'a str; 7] {
        let dry_run = if self.dry_run { "All" } else { "" };
        let verb = self.verb();
        match self.info.resource.as_ref().filter(|_| self.known_resource) {
            Some(r) => {
                let scope = match (verb, r.name.is_empty(), r.namespace.is_empty()) {
                    ("POST", ..) | (_, false, _) => "resource",
                    (_, true, false) => "namespace",
                    (_, true, true) => "cluster",
                };
                [verb, dry_run, &r.group, &r.version, &r.resource, &r.subresource, scope]
            }
            None => [verb, dry_run, "", "", "", "", ""],
        }
    }

    /// Upstream's names of the verbs here are those of HTTP, with some of its own.
    fn verb(&self) -> &'static str {
        match &*self.info.verb {
            "create" | "post" => "POST",
            "update" | "put" => "PUT",
            "get" if self.long_running => "CONNECT",
            "get" | "head" => "GET",
            "list" => "LIST",
            "watch" => "WATCH",
            "patch" => "PATCH",
            "delete" => "DELETE",
            "deletecollection" => "DELETECOLLECTION",
            "proxy" => "CONNECT",
            _ => "OTHER",
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use http_body_util::BodyExt;
    use ironclad_api::params::Query;

    use futures::FutureExt;

    use super::*;

    #[test]
    fn requests_are_counted_under_upstreams_names() {
        let metrics = Metrics::new(Registry::new()).expect("registers");
        let info =
            RequestInfo::new(&Method::GET, "/apis/apps/v1/namespaces/x/deployments", &Query::default());
        let info = info.expect("readable");
        let answered =
            |known_resource| Answered { info: &info, dry_run: false, known_resource, long_running: false };
        metrics.answered(&answered(true), StatusCode::OK, Duration::from_millis(3));
        metrics.answered(&answered(false), StatusCode::NOT_FOUND, Duration::from_millis(3));
        let streaming = metrics.streaming(&Answered { long_running: true, ..answered(true) });
        let read = || {
            let body = metrics
                .page(&Kinds::default(), &Version::new("0", "2026-01-01T00:00:00Z"))
                .into_body()
                .collect()
                .now_or_never()
                .expect("at once")
                .expect("a page")
                .to_bytes();
            String::from_utf8(body.to_vec()).expect("text")
        };
        let page = read();
        let check = |line: &str| assert!(page.contains(line), "{line} is not in {page}");
        check(
            r#"apiserver_request_total{code="200",component="apiserver",dry_run="",group="apps",resource="deployments",scope="namespace",subresource="",verb="LIST",version="v1"} 1"#,
        );
        check(
            r#"apiserver_request_total{code="404",component="apiserver",dry_run="",group="",resource="",scope="",subresource="",verb="LIST",version=""} 1"#,
        );
        check("process_resident_memory_bytes ");
        check("process_cpu_seconds_total ");
        check(
            "kubernetes_build_info{build_date=\"2026-01-01T00:00:00Z\",compiler=\"rustc\",git_commit=\"0\"",
        );
        drop(streaming);
        assert!(read().contains("apiserver_longrunning_requests{") && !page.is_empty());
    }
}
