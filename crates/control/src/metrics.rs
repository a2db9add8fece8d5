//! Work queues in figures, by upstream's names. They are the process's, one set for each controller's name.

use std::sync::LazyLock;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    exponential_buckets, register_histogram_vec, register_int_counter_vec, register_int_gauge_vec,
};

pub(crate) const CONSTANT: &str = "names and labels are constants";

static FAMILIES: LazyLock<Families> = LazyLock::new(Families::registered);

struct Families {
    adds: IntCounterVec,
    depth: IntGaugeVec,
    waited: HistogramVec,
    worked: HistogramVec,
    retries: IntCounterVec,
}

/// One controller's queue.
pub(crate) struct Figures {
    pub adds: IntCounter,
    pub depth: IntGauge,
    pub waited: Histogram,
    pub worked: Histogram,
    pub retries: IntCounter,
}

impl Families {
    fn registered() -> Self {
        let histogram = |name: &str, help: &str| {
            // From ten nanoseconds to ten seconds.
            let buckets = exponential_buckets(10e-9, 10.0, 10).expect(CONSTANT);
            register_histogram_vec!(HistogramOpts::new(name, help).buckets(buckets), &["name"])
                .expect(CONSTANT)
        };
        let counter =
            |name: &str, help: &str| register_int_counter_vec!(name, help, &["name"]).expect(CONSTANT);
        Self {
            adds: counter("workqueue_adds_total", "Total number of adds handled by workqueue"),
            depth: register_int_gauge_vec!("workqueue_depth", "Current depth of workqueue", &["name"])
                .expect(CONSTANT),
            waited: histogram(
                "workqueue_queue_duration_seconds",
                "How long in seconds an item stays in workqueue before being requested.",
            ),
            worked: histogram(
                "workqueue_work_duration_seconds",
                "How long in seconds processing an item from workqueue takes.",
            ),
            retries: counter("workqueue_retries_total", "Total number of retries handled by workqueue"),
        }
    }
}

impl Figures {
    pub(crate) fn of(controller: &str) -> Self {
        let labels = [queue_name(controller)];
        let Families { adds, depth, waited, worked, retries } = &*FAMILIES;
        Self {
            adds: adds.with_label_values(&labels),
            depth: depth.with_label_values(&labels),
            waited: waited.with_label_values(&labels),
            worked: worked.with_label_values(&labels),
            retries: retries.with_label_values(&labels),
        }
    }
}

/// Upstream's queues are called after what they hold: `deployment`.
pub(crate) fn queue_name(controller: &str) -> &str {
    controller.strip_suffix("-controller").unwrap_or(controller)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_has_its_controllers_name() {
        for (controller, expected) in [
            ("deployment-controller", "deployment"),
            ("generic-garbage-collector", "generic-garbage-collector"),
        ] {
            assert_eq!(queue_name(controller), expected);
        }
    }
}
