//! Requests by verb and resource, under upstream's names.
//!
//! What a request is counted under is found without a lock and without making a string: the handles of every
//! combination that has been met stand in a map that is copied when a new one comes. Their number is bounded
//! by what is served, because only that is told apart.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use http::StatusCode;
use parking_lot::Mutex;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Upstream's buckets, in seconds.
const SECONDS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0,
    20.0, 30.0, 45.0, 60.0,
];

/// A kilobyte to a gigabyte.
const BYTES: [f64; 7] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

const COMPONENT: &str = "apiserver";

/// The codes that nearly all requests are answered with; others are looked up.
const USUAL: [StatusCode; 8] = [
    StatusCode::OK,
    StatusCode::CREATED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::CONFLICT,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::SWITCHING_PROTOCOLS,
];

/// What a request is counted under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels<'a> {
    pub verb: &'static str,
    pub dry_run: &'static str,
    pub group: &'a str,
    pub version: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    pub scope: &'static str,
}

/// The figures of all requests of the same labels.
pub struct Route {
    labels: Owned,
    counts: [OnceLock<IntCounter>; USUAL.len()],
    seconds: OnceLock<Histogram>,
    sli_seconds: OnceLock<Histogram>,
    sizes: OnceLock<Histogram>,
    long_running: OnceLock<IntGauge>,
}

struct Owned {
    verb: &'static str,
    dry_run: &'static str,
    texts: [Box<str>; 4],
    scope: &'static str,
}

pub struct Routes {
    hasher: RandomState,
    /// By the hash of their labels.
    known: ArcSwap<HashMap<u64, Vec<Arc<Route>>>>,
    adding: Mutex<()>,
    requests: IntCounterVec,
    seconds: HistogramVec,
    sli_seconds: HistogramVec,
    sizes: HistogramVec,
    long_running: IntGaugeVec,
}

impl Routes {
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        const ALL: [&str; 8] =
            ["verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component"];
        const WET: [&str; 7] = ["verb", "group", "version", "resource", "subresource", "scope", "component"];
        let histogram = |name: &str, help: &str, buckets: &[f64], labels: &[&str]| {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)
        };
        let routes = Self {
            hasher: RandomState::new(),
            known: ArcSwap::default(),
            adding: Mutex::default(),
            requests: IntCounterVec::new(
                Opts::new(
                    "apiserver_request_total",
                    "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, \
                     scope, component, and HTTP response code.",
                ),
                &[&ALL[..], &["code"]].concat(),
            )?,
            seconds: histogram(
                "apiserver_request_duration_seconds",
                "Response latency distribution in seconds for each verb, dry run value, group, version, resource, \
                 subresource, scope and component.",
                &SECONDS,
                &ALL,
            )?,
            sli_seconds: histogram(
                "apiserver_request_sli_duration_seconds",
                "Response latency distribution (not counting webhook duration and priority & fairness queue wait \
                 times) in seconds for each verb, group, version, resource, subresource, scope and component.",
                // Without the two that are shorter than what a service level is about.
                &SECONDS[2..],
                &WET,
            )?,
            sizes: histogram(
                "apiserver_response_sizes",
                "Response size distribution in bytes for each group, version, verb, resource, subresource, scope and \
                 component.",
                &BYTES,
                &WET,
            )?,
            long_running: IntGaugeVec::new(
                Opts::new(
                    "apiserver_longrunning_requests",
                    "Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, \
                     scope and component. Not all requests are tracked this way.",
                ),
                &WET,
            )?,
        };
        registry.register(Box::new(routes.requests.clone()))?;
        registry.register(Box::new(routes.seconds.clone()))?;
        registry.register(Box::new(routes.sli_seconds.clone()))?;
        registry.register(Box::new(routes.sizes.clone()))?;
        registry.register(Box::new(routes.long_running.clone()))?;
        Ok(routes)
    }

    /// The figures of requests with these labels.
    pub fn of(&self, labels: &Labels<'_>) -> Arc<Route> {
        let hash = self.hasher.hash_one(labels);
        let find = |known: &HashMap<u64, Vec<Arc<Route>>>| {
            known.get(&hash)?.iter().find(|route| route.labels.are(labels)).cloned()
        };
        if let Some(route) = find(&self.known.load()) {
            return route;
        }
        let _adding = self.adding.lock();
        let mut known = HashMap::clone(&self.known.load());
        if let Some(route) = find(&known) {
            return route;
        }
        let route = Arc::new(Route::new(labels));
        known.entry(hash).or_default().push(route.clone());
        self.known.store(Arc::new(known));
        route
    }

    pub fn count(&self, route: &Route, code: StatusCode) {
        let counter = || self.requests.with_label_values(&route.labels.all_and(code.as_str()));
        match USUAL.iter().position(|usual| *usual == code).and_then(|at| route.counts.get(at)) {
            Some(usual) => usual.get_or_init(counter).inc(),
            None => counter().inc(),
        }
    }

    /// `outside` is the part of the time that webhooks and waiting took.
    pub fn took(&self, route: &Route, seconds: f64, outside: f64) {
        let labels = &route.labels;
        let all = || self.seconds.with_label_values(&labels.all());
        route.seconds.get_or_init(all).observe(seconds);
        if labels.dry_run.is_empty() {
            let wet = || self.sli_seconds.with_label_values(&labels.wet());
            route.sli_seconds.get_or_init(wet).observe((seconds - outside).max(0.0));
        }
    }

    /// Of reads only: others answer with what they were sent.
    pub fn answered_with(&self, route: &Route, bytes: u64) {
        if matches!(route.labels.verb, "GET" | "LIST") {
            let sizes = || self.sizes.with_label_values(&route.labels.wet());
            route.sizes.get_or_init(sizes).observe(bytes as f64);
        }
    }

    pub fn long_running(&self, route: &Route) -> IntGauge {
        let gauge = || self.long_running.with_label_values(&route.labels.wet());
        route.long_running.get_or_init(gauge).clone()
    }
}

impl Route {
    fn new(labels: &Labels<'_>) -> Self {
        let texts = [labels.group, labels.version, labels.resource, labels.subresource].map(Box::from);
        Self {
            labels: Owned { verb: labels.verb, dry_run: labels.dry_run, texts, scope: labels.scope },
            counts: Default::default(),
            seconds: OnceLock::new(),
            sli_seconds: OnceLock::new(),
            sizes: OnceLock::new(),
            long_running: OnceLock::new(),
        }
    }
}

impl Owned {
    fn are(&self, labels: &Labels<'_>) -> bool {
        let [group, version, resource, subresource] = &self.texts;
        (self.verb, self.dry_run, self.scope) == (labels.verb, labels.dry_run, labels.scope)
            && **resource == *labels.resource
            && **group == *labels.group
            && **version == *labels.version
            && **subresource == *labels.subresource
    }

    fn all(&self) -> [&str; 8] {
        let [group, version, resource, subresource] = &self.texts;
        [self.verb, self.dry_run, group, version, resource, subresource, self.scope, COMPONENT]
    }

    fn all_and<'a>(&'a self, code: &'a str) -> [&'a str; 9] {
        let [a, b, c, d, e, f, g, h] = self.all();
        [a, b, c, d, e, f, g, h, code]
    }

    fn wet(&self) -> [&str; 7] {
        let [verb, _, group, version, resource, subresource, scope, component] = self.all();
        [verb, group, version, resource, subresource, scope, component]
    }
}
