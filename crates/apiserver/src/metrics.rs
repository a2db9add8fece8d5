//! `/metrics`: requests by upstream's names, and the process.
//! Source: <https://kubernetes.io/docs/reference/instrumentation/metrics/>
//!
//! - [`routes`]: requests by verb and resource.
//! - [`steps`]: what the pipeline's steps decided: who it is, whether they may, what is written to the audit log.
//! - [`watching`]: what watches send.
//! - [`state`], [`process`]: looked up when somebody asks.
//!
//! Other crates count into [`prometheus::default_registry`], which is part of the page.

mod measured;
mod process;
mod routes;
mod state;
mod steps;
mod watching;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use ironclad_api::GroupVersionResource;
use prometheus::{Encoder, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::health::Check;
use crate::reply::{self, Reply};
use crate::request_info::RequestInfo;
pub use measured::Timing;
pub use routes::Route;
use routes::{Labels, Routes};
pub use state::State;
pub use steps::{Authorized, Steps};
pub use watching::{Sent, Watching};

pub struct Metrics {
    registry: Registry,
    routes: Arc<Routes>,
    pub steps: Steps,
    pub watching: Watching,
    executing: ByEffect,
    waiting: ByEffect,
    pub connections: IntGauge,
    pub tunnels: IntGauge,
    pub handshake_failures: IntCounter,
    pub panics: IntCounter,
    terminated: IntCounterVec,
    deprecated: IntGaugeVec,
    unavailable: IntCounterVec,
}

/// Requests that only read, and those that write.
struct ByEffect {
    read_only: IntGauge,
    mutating: IntGauge,
}

impl Metrics {
    /// Adds the server's metrics to `registry`, which other parts add theirs to.
    pub fn new(registry: Registry) -> prometheus::Result<Self> {
        let terminated = IntCounterVec::new(
            Opts::new(
                "apiserver_request_terminations_total",
                "Number of requests which apiserver terminated in self-defense.",
            ),
            &["verb", "group", "version", "resource", "subresource", "scope", "component", "code"],
        )?;
        let deprecated = IntGaugeVec::new(
            Opts::new(
                "apiserver_requested_deprecated_apis",
                "Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, \
                 subresource, and removed_release.",
            ),
            &["group", "version", "resource", "subresource", "removed_release"],
        )?;
        let unavailable = IntCounterVec::new(
            Opts::new(
                "aggregator_unavailable_apiservice_total",
                "Counter of APIServices which are marked as unavailable broken down by APIService name and reason.",
            ),
            &["name", "reason"],
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
        registry.register(Box::new(terminated.clone()))?;
        registry.register(Box::new(deprecated.clone()))?;
        registry.register(Box::new(unavailable.clone()))?;
        registry.register(Box::new(connections.clone()))?;
        registry.register(Box::new(tunnels.clone()))?;
        registry.register(Box::new(handshake_failures.clone()))?;
        registry.register(Box::new(panics.clone()))?;
        Ok(Self {
            routes: Arc::new(Routes::new(&registry)?),
            steps: Steps::new(&registry)?,
            watching: Watching::new(&registry)?,
            executing: ByEffect::new(
                &registry,
                "apiserver_current_inflight_requests",
                "Maximal number of currently used inflight request limit of this apiserver per request kind in last \
                 second.",
            )?,
            waiting: ByEffect::new(
                &registry,
                "apiserver_current_inqueue_requests",
                "Maximal number of queued requests in this apiserver per request kind in last second.",
            )?,
            registry,
            connections,
            tunnels,
            handshake_failures,
            panics,
            terminated,
            deprecated,
            unavailable,
        })
    }

    /// What a request is counted under.
    pub fn route(&self, request: &Counts<'_>) -> Arc<Route> {
        self.routes.of(&request.labels())
    }

    /// Counts an answer that has begun.
    pub fn answered(&self, route: &Route, code: StatusCode) {
        self.routes.count(route, code);
    }

    /// Counts a stream until the result is dropped.
    pub fn streaming(&self, route: &Route) -> Counted {
        Counted::new(self.routes.long_running(route))
    }

    /// Counts a request that is being worked on until the result is dropped.
    pub fn in_flight(&self, read_only: bool) -> Counted {
        Counted::new(self.executing.of(read_only).clone())
    }

    /// Counts a request that waits for its turn until the result is dropped.
    pub fn in_queue(&self, read_only: bool) -> Counted {
        Counted::new(self.waiting.of(read_only).clone())
    }

    /// Counts a request that was given up.
    pub fn terminated(&self, request: &Counts<'_>, code: StatusCode) {
        let Labels { verb, group, version, resource, subresource, scope, .. } = request.labels();
        let labels = [verb, group, version, resource, subresource, scope, "apiserver", code.as_str()];
        self.terminated.with_label_values(&labels).inc();
    }

    /// Remembers that somebody asked for what should not be used any more.
    pub fn deprecated(&self, resource: &GroupVersionResource, subresource: &str) {
        let GroupVersionResource { group, version, resource } = resource;
        self.deprecated.with_label_values(&[&**group, &**version, &**resource, subresource, ""]).set(1);
    }

    /// Counts that an extension server, which was there, is no longer.
    pub fn lost_service(&self, api_service: &str, reason: &str) {
        self.unavailable.with_label_values(&[api_service, reason]).inc();
    }

    /// The page that a scraper reads.
    pub fn page(&self, state: &State<'_>, headers: &HeaderMap) -> Reply {
        let mut page = Vec::with_capacity(64 * 1024);
        let mut families = self.registry.gather();
        families.extend(prometheus::default_registry().gather());
        // Writing to a Vec cannot fail.
        let _ = TextEncoder::new().encode(&families, &mut page);
        state.write(&mut page);
        process::write(&mut page);
        text(page, headers)
    }
}

/// `/metrics/slis`: the health checks, as a scraper reads them.
pub fn slis(checks: &[Check], headers: &HeaderMap) -> Reply {
    let mut page = Vec::with_capacity(8 * 1024);
    state::write_checks(&mut page, checks);
    text(page, headers)
}

fn text(page: Vec<u8>, headers: &HeaderMap) -> Reply {
    let pieces = Box::new(std::iter::once(Bytes::from(page)));
    reply::pieces(200, "text/plain; version=0.0.4; charset=utf-8", pieces, reply::accepts_gzip(headers))
}

impl ByEffect {
    fn new(registry: &Registry, name: &str, help: &str) -> prometheus::Result<Self> {
        let gauges = IntGaugeVec::new(Opts::new(name, help), &["request_kind"])?;
        registry.register(Box::new(gauges.clone()))?;
        let of = |kind| gauges.with_label_values(&[kind]);
        Ok(Self { read_only: of("readOnly"), mutating: of("mutating") })
    }

    fn of(&self, read_only: bool) -> &IntGauge {
        if read_only { &self.read_only } else { &self.mutating }
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
pub struct Counts<'a> {
    pub info: &'a RequestInfo,
    pub dry_run: Option<&'a str>,
    /// A patch that says what its manager wants of the object.
    pub applies: bool,
    pub known_resource: bool,
}

impl<'a> Counts<'a> {
    fn labels(&self) -> Labels<'a> {
        let (verb, dry_run) = (self.verb(), self.dry_run());
        let Some(r) = self.info.resource.as_ref().filter(|_| self.known_resource) else {
            let subresource = if is_health(&self.info.path) { self.info.path.as_str() } else { "" };
            return Labels { verb, dry_run, subresource, ..Labels::default() };
        };
        let scope = match (verb, r.names_object(), r.namespace.is_empty()) {
            ("POST", ..) | (_, true, _) => "resource",
            (_, false, false) => "namespace",
            (_, false, true) => "cluster",
        };
        let (group, version) = (r.group.as_str(), r.version.as_str());
        let (resource, subresource) = (r.resource.as_str(), r.subresource.as_str());
        Labels { verb, dry_run, group, version, resource, subresource, scope }
    }

    fn dry_run(&self) -> &'static str {
        match self.dry_run {
            None => "",
            Some("All") => "All",
            Some(_) => "invalid",
        }
    }

    /// Upstream's names of the verbs here are those of HTTP, with some of its own.
    fn verb(&self) -> &'static str {
        const CONNECTING: [&str; 5] = ["log", "exec", "portforward", "attach", "proxy"];
        let resource = self.info.resource.as_ref();
        if resource.is_some_and(|resource| CONNECTING.contains(&resource.subresource.as_str())) {
            return "CONNECT";
        }
        match &*self.info.verb {
            "create" | "post" => "POST",
            "update" | "put" => "PUT",
            "get" | "head" => "GET",
            "list" => "LIST",
            "watch" => "WATCH",
            "patch" if self.applies => "APPLY",
            "patch" => "PATCH",
            "delete" => "DELETE",
            "deletecollection" => "DELETE",
            "proxy" => "CONNECT",
            _ => "other",
        }
    }
}

fn is_health(path: &str) -> bool {
    matches!(path, "/healthz" | "/livez" | "/readyz")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;
    use http::Method;
    use http_body_util::BodyExt;
    use ironclad_api::params::Query;
    use ironclad_engine::Kinds;

    use super::*;
    use crate::version::Version;

    fn read(reply: Reply) -> String {
        let body = reply.into_body().collect().now_or_never().expect("at once").expect("a page").to_bytes();
        String::from_utf8(body.to_vec()).expect("text")
    }

    #[test]
    fn requests_are_counted_under_upstreams_names() {
        let metrics = Metrics::new(Registry::new()).expect("registers");
        let sim = ironclad_env::SimEnv::new(1);
        let env = sim.shared();
        let started = env.elapsed();
        sim.run_for(Duration::from_millis(120));
        let count = |method: Method, path: &str, applies: bool, known_resource: bool| {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let query = Query::parse(query);
            let info = RequestInfo::new(&method, path, &query).expect("readable");
            let counts = Counts { info: &info, dry_run: query.first("dryRun"), applies, known_resource };
            let route = metrics.route(&counts);
            assert!(Arc::ptr_eq(&route, &metrics.route(&counts)));
            metrics.answered(&route, StatusCode::OK);
            metrics.answered(&route, StatusCode::IM_A_TEAPOT);
            let timing = Timing { env: env.clone(), started, outside: Duration::from_millis(100) };
            metrics.measure(route.clone(), timing, reply::bytes(200, "text/plain", vec![b'x'; 2000]));
            metrics.streaming(&route)
        };
        let deployments = "/apis/apps/v1/namespaces/x/deployments";
        let _streaming = count(Method::GET, deployments, false, true);
        count(Method::GET, "/apis/made.up/v1/things", false, false);
        count(Method::GET, "/readyz", false, false);
        count(Method::PATCH, &format!("{deployments}/y/status?dryRun=All"), true, true);
        count(Method::POST, "/api/v1/namespaces/x/pods/y/exec", false, true);
        count(Method::DELETE, "/api/v1/pods", false, true);
        let version = Version::new("0", "2026-01-01T00:00:00Z");
        let state =
            State { kinds: &Kinds::default(), version: &version, api_services: &[], stored_bytes: Some(7) };
        let page = read(metrics.page(&state, &HeaderMap::new()));
        let check = |line: &str| assert!(page.contains(line), "{line} is not in {page}");
        let list = r#"group="apps",resource="deployments",scope="namespace",subresource="",verb="LIST",version="v1""#;
        check(&format!(r#"apiserver_request_total{{code="200",component="apiserver",dry_run="",{list}}} 1"#));
        check(&format!(r#"apiserver_request_total{{code="418",component="apiserver",dry_run="",{list}}} 1"#));
        check(&format!(r#"apiserver_longrunning_requests{{component="apiserver",{list}}} 1"#));
        let all = format!(r#"component="apiserver",dry_run="",{list}"#);
        check(&format!(r#"apiserver_request_duration_seconds_bucket{{{all},le="0.1"}} 0"#));
        check(&format!(r#"apiserver_request_duration_seconds_bucket{{{all},le="0.2"}} 1"#));
        check(&format!(
            r#"apiserver_request_sli_duration_seconds_bucket{{component="apiserver",{list},le="0.05"}} 1"#
        ));
        check(&format!(r#"apiserver_response_sizes_sum{{component="apiserver",{list}}} 2000"#));
        let nothing = r#"dry_run="",group="",resource="",scope="""#;
        check(&format!(r#"{nothing},subresource="",verb="LIST",version=""}} 1"#));
        check(&format!(r#"{nothing},subresource="/readyz",verb="GET",version=""}} 1"#));
        check(
            r#"dry_run="All",group="apps",resource="deployments",scope="resource",subresource="status",verb="APPLY""#,
        );
        check(r#"resource="pods",scope="resource",subresource="exec",verb="CONNECT",version="v1"} 1"#);
        check(r#"resource="pods",scope="cluster",subresource="",verb="DELETE",version="v1"} 1"#);
        check(r#"apiserver_current_inflight_requests{request_kind="readOnly"} 0"#);
        check(r#"apiserver_storage_size_bytes{storage_cluster_id="etcd-0"} 7"#);
        check("process_resident_memory_bytes ");
        check("process_cpu_seconds_total ");
        check(
            "kubernetes_build_info{build_date=\"2026-01-01T00:00:00Z\",compiler=\"rustc\",git_commit=\"0\"",
        );
        assert!(!page.contains("made.up"));
    }

    #[test]
    fn health_checks_can_be_scraped() {
        let checks = [Check::live("ping", || Ok(())), Check::ready("etcd", || Err("gone".into()))];
        let page = read(slis(&checks, &HeaderMap::new()));
        let lines: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                r#"kubernetes_healthcheck{name="ping",type="healthz"} 1"#,
                r#"kubernetes_healthcheck{name="ping",type="livez"} 1"#,
                r#"kubernetes_healthcheck{name="ping",type="readyz"} 1"#,
                r#"kubernetes_healthcheck{name="etcd",type="readyz"} 0"#,
            ]
        );
    }
}
