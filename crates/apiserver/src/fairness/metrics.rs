//! Fairness in figures, by upstream's names.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Upstream's buckets, in seconds.
const SECONDS: [f64; 13] = [0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0];

const LEVEL: &str = "priority_level";
const SCHEMA: &str = "flow_schema";

pub struct Metrics {
    dispatched: IntCounterVec,
    rejected: IntCounterVec,
    executing: IntGaugeVec,
    executing_seats: IntGaugeVec,
    inqueue: IntGaugeVec,
    waited: HistogramVec,
    executed: HistogramVec,
    nominal_limit: IntGaugeVec,
    lower_limit: IntGaugeVec,
    upper_limit: IntGaugeVec,
    current_limit: IntGaugeVec,
}

/// One level's limits, in seats.
pub struct Limits {
    pub nominal: IntGauge,
    pub lower: IntGauge,
    pub upper: IntGauge,
    pub current: IntGauge,
}

/// The requests of one schema in its level.
pub struct Figures {
    pub dispatched: IntCounter,
    pub executing: IntGauge,
    pub executing_seats: IntGauge,
    pub inqueue: IntGauge,
    waited: Histogram,
    waited_in_vain: Histogram,
    watches: Histogram,
    others: Histogram,
    rejected: Rejected,
}

struct Rejected {
    counts: IntCounterVec,
    level: String,
    schema: String,
}

impl Metrics {
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let name = |name: &str| format!("apiserver_flowcontrol_{name}");
        let counter = |metric: &str, labels: &[&str], help: &str| {
            let counters = IntCounterVec::new(Opts::new(name(metric), help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            prometheus::Result::Ok(counters)
        };
        let gauge = |metric: &str, labels: &[&str], help: &str| {
            let gauges = IntGaugeVec::new(Opts::new(name(metric), help), labels)?;
            registry.register(Box::new(gauges.clone()))?;
            prometheus::Result::Ok(gauges)
        };
        let histogram = |metric: &str, label: &str, help: &str| {
            let options = HistogramOpts::new(name(metric), help).buckets(SECONDS.to_vec());
            let histograms = HistogramVec::new(options, &[LEVEL, SCHEMA, label])?;
            registry.register(Box::new(histograms.clone()))?;
            prometheus::Result::Ok(histograms)
        };
        Ok(Self {
            dispatched: counter(
                "dispatched_requests_total",
                &[LEVEL, SCHEMA],
                "Number of requests executed by API Priority and Fairness subsystem",
            )?,
            rejected: counter(
                "rejected_requests_total",
                &[LEVEL, SCHEMA, "reason"],
                "Number of requests rejected by API Priority and Fairness subsystem",
            )?,
            executing: gauge(
                "current_executing_requests",
                &[LEVEL, SCHEMA],
                "Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority \
                 and Fairness subsystem",
            )?,
            executing_seats: gauge(
                "current_executing_seats",
                &[LEVEL, SCHEMA],
                "Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage \
                 otherwise) requests in the API Priority and Fairness subsystem",
            )?,
            inqueue: gauge(
                "current_inqueue_requests",
                &[LEVEL, SCHEMA],
                "Number of requests currently pending in queues of the API Priority and Fairness subsystem",
            )?,
            waited: histogram(
                "request_wait_duration_seconds",
                "execute",
                "Length of time a request spent waiting in its queue",
            )?,
            executed: histogram(
                "request_execution_seconds",
                "type",
                "Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the API \
                 Priority and Fairness subsystem",
            )?,
            nominal_limit: gauge(
                "nominal_limit_seats",
                &[LEVEL],
                "Nominal number of execution seats configured for each priority level",
            )?,
            lower_limit: gauge(
                "lower_limit_seats",
                &[LEVEL],
                "Configured lower bound on number of execution seats available to each priority level",
            )?,
            upper_limit: gauge(
                "upper_limit_seats",
                &[LEVEL],
                "Configured upper bound on number of execution seats available to each priority level",
            )?,
            current_limit: gauge(
                "current_limit_seats",
                &[LEVEL],
                "current derived number of execution seats available to each priority level",
            )?,
        })
    }

    pub fn limits(&self, level: &str) -> Limits {
        Limits {
            nominal: self.nominal_limit.with_label_values(&[level]),
            lower: self.lower_limit.with_label_values(&[level]),
            upper: self.upper_limit.with_label_values(&[level]),
            current: self.current_limit.with_label_values(&[level]),
        }
    }

    /// Looked up once per schema, so that counting a request looks nothing up.
    pub fn figures(&self, level: &str, schema: &str) -> Arc<Figures> {
        Arc::new(Figures {
            dispatched: self.dispatched.with_label_values(&[level, schema]),
            executing: self.executing.with_label_values(&[level, schema]),
            executing_seats: self.executing_seats.with_label_values(&[level, schema]),
            inqueue: self.inqueue.with_label_values(&[level, schema]),
            waited: self.waited.with_label_values(&[level, schema, "true"]),
            waited_in_vain: self.waited.with_label_values(&[level, schema, "false"]),
            watches: self.executed.with_label_values(&[level, schema, "watch"]),
            others: self.executed.with_label_values(&[level, schema, "regular"]),
            rejected: Rejected {
                counts: self.rejected.clone(),
                level: level.to_owned(),
                schema: schema.to_owned(),
            },
        })
    }
}

impl Figures {
    /// A request has left its queue, for its seats or without.
    pub fn waited(&self, is_executed: bool, time: Duration) {
        let histogram = if is_executed { &self.waited } else { &self.waited_in_vain };
        histogram.observe(time.as_secs_f64());
    }

    /// A request has left its seats.
    pub fn executed(&self, is_watch: bool, time: Duration) {
        let histogram = if is_watch { &self.watches } else { &self.others };
        histogram.observe(time.as_secs_f64());
    }

    pub fn rejected(&self, reason: &str) {
        let Rejected { counts, level, schema } = &self.rejected;
        counts.with_label_values(&[level.as_str(), schema, reason]).inc();
    }
}
