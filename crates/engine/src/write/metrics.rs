//! What the store is asked and how long it takes, under the names that dashboards know from etcd: one transaction of
//! a write is one request. Reads are answered from memory and ask the store nothing.

use std::sync::LazyLock;
use std::time::Duration;

use ironclad_api::GroupResource;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, register_histogram_vec, register_int_counter_vec,
};

const LABELS: [&str; 3] = ["operation", "group", "resource"];

/// Upstream's buckets, in seconds.
const SECONDS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0,
    20.0, 30.0, 45.0, 60.0,
];

static FAMILIES: LazyLock<Families> = LazyLock::new(|| {
    const CONSTANT: &str = "names and labels are constants";
    let counter = |name: &str, help: &str| register_int_counter_vec!(name, help, &LABELS).expect(CONSTANT);
    let seconds = HistogramOpts::new(
        "etcd_request_duration_seconds",
        "Etcd request latency in seconds for each operation and object type.",
    );
    Families {
        seconds: register_histogram_vec!(seconds.buckets(SECONDS.to_vec()), &LABELS).expect(CONSTANT),
        requests: counter("etcd_requests_total", "Etcd request counts for each operation and object type."),
        errors: counter(
            "etcd_request_errors_total",
            "Etcd failed request counts for each operation and object type.",
        ),
    }
});

struct Families {
    seconds: HistogramVec,
    requests: IntCounterVec,
    errors: IntCounterVec,
}

/// Counts a transaction that came to its end; a lost race is one, too.
pub fn committed(operation: &str, resource: &GroupResource, took: Duration, failed: bool) {
    let labels = [operation, &*resource.group, &*resource.resource];
    let Families { seconds, requests, errors } = &*FAMILIES;
    seconds.with_label_values(&labels).observe(took.as_secs_f64());
    requests.with_label_values(&labels).inc();
    if failed {
        errors.with_label_values(&labels).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_are_counted_by_what_they_change() {
        let resource = GroupResource::new("example.com", "tests");
        for failed in [false, true] {
            committed("create", &resource, Duration::from_millis(3), failed);
        }
        let labels = ["create", "example.com", "tests"];
        let Families { seconds, requests, errors } = &*FAMILIES;
        assert_eq!(requests.with_label_values(&labels).get(), 2);
        assert_eq!(errors.with_label_values(&labels).get(), 1);
        assert_eq!(seconds.with_label_values(&labels).get_sample_count(), 2);
    }
}
