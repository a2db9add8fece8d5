//! Fairness in figures, by upstream's names.

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Upstream's buckets, in seconds.
const SECONDS: [f64; 14] = [0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 25.0, 30.0];

const LEVEL: &str = "priority_level";

pub struct Metrics {
    dispatched: IntCounterVec,
    rejected: IntCounterVec,
    executing: IntGaugeVec,
    executing_seats: IntGaugeVec,
    inqueue: IntGaugeVec,
    nominal_limit: IntGaugeVec,
    current_limit: IntGaugeVec,
    waited: HistogramVec,
}

/// One level's share of them.
pub struct Figures {
    pub dispatched: IntCounter,
    pub executing: IntGauge,
    pub executing_seats: IntGauge,
    pub inqueue: IntGauge,
    pub nominal_limit: IntGauge,
    pub current_limit: IntGauge,
    pub waited: Histogram,
}

impl Metrics {
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let name = |name: &str| format!("apiserver_flowcontrol_{name}");
        let gauge = |metric: &str, help: &str| IntGaugeVec::new(Opts::new(name(metric), help), &[LEVEL]);
        let metrics = Self {
            dispatched: IntCounterVec::new(
                Opts::new(
                    name("dispatched_requests_total"),
                    "Number of requests executed by API Priority and Fairness subsystem",
                ),
                &[LEVEL],
            )?,
            rejected: IntCounterVec::new(
                Opts::new(
                    name("rejected_requests_total"),
                    "Number of requests rejected by API Priority and Fairness subsystem",
                ),
                &[LEVEL, "flow_schema", "reason"],
            )?,
            executing: gauge(
                "current_executing_requests",
                "Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority \
                 and Fairness subsystem",
            )?,
            executing_seats: gauge(
                "current_executing_seats",
                "Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage \
                 otherwise) requests in the API Priority and Fairness subsystem",
            )?,
            inqueue: gauge(
                "current_inqueue_requests",
                "Number of requests currently pending in queues of the API Priority and Fairness subsystem",
            )?,
            nominal_limit: gauge(
                "nominal_limit_seats",
                "Nominal number of execution seats configured for each priority level",
            )?,
            current_limit: gauge(
                "current_limit_seats",
                "current derived number of execution seats available to each priority level",
            )?,
            waited: HistogramVec::new(
                HistogramOpts::new(
                    name("request_wait_duration_seconds"),
                    "Length of time a request spent waiting in its queue",
                )
                .buckets(SECONDS.to_vec()),
                &[LEVEL],
            )?,
        };
        registry.register(Box::new(metrics.dispatched.clone()))?;
        registry.register(Box::new(metrics.rejected.clone()))?;
        registry.register(Box::new(metrics.executing.clone()))?;
        registry.register(Box::new(metrics.executing_seats.clone()))?;
        registry.register(Box::new(metrics.inqueue.clone()))?;
        registry.register(Box::new(metrics.nominal_limit.clone()))?;
        registry.register(Box::new(metrics.current_limit.clone()))?;
        registry.register(Box::new(metrics.waited.clone()))?;
        Ok(metrics)
    }

    /// Looked up once per level, so that counting a request looks nothing up.
    pub fn of_level(&self, level: &str) -> Figures {
        Figures {
            dispatched: self.dispatched.with_label_values(&[level]),
            executing: self.executing.with_label_values(&[level]),
            executing_seats: self.executing_seats.with_label_values(&[level]),
            inqueue: self.inqueue.with_label_values(&[level]),
            nominal_limit: self.nominal_limit.with_label_values(&[level]),
            current_limit: self.current_limit.with_label_values(&[level]),
            waited: self.waited.with_label_values(&[level]),
        }
    }

    pub fn rejected(&self, level: &str, schema: &str, reason: &str) {
        self.rejected.with_label_values(&[level, schema, reason]).inc();
    }
}
