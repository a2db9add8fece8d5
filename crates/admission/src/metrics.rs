//! Admission in figures, by upstream's names. They are the process's: there is one chain of plugins in it.

use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use ironclad_engine::gate::AdmissionOperation;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, register_histogram_vec, register_int_counter_vec,
};

use crate::webhooks::Refusal;

/// Upstream's buckets, in seconds.
const SECONDS: [f64; 6] = [0.005, 0.025, 0.1, 0.5, 1.0, 2.5];
const WEBHOOK_SECONDS: [f64; 8] = [0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0, 25.0];

/// Codes above it are counted as it.
const MOST_CODE: u16 = 600;

const CONSTANT: &str = "names and labels are constants";

static PLUGINS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let options = HistogramOpts::new(
        "apiserver_admission_controller_admission_duration_seconds",
        "Admission controller latency histogram in seconds, identified by name and broken out for each operation and API \
         resource and type (validate or admit).",
    );
    let options = options.buckets(SECONDS.to_vec());
    register_histogram_vec!(options, &["name", "type", "operation", "rejected"]).expect(CONSTANT)
});

static WEBHOOKS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let options = HistogramOpts::new(
        "apiserver_admission_webhook_admission_duration_seconds",
        "Admission webhook latency histogram in seconds, identified by name and broken out for each operation and API \
         resource and type (validate or admit).",
    );
    let options = options.buckets(WEBHOOK_SECONDS.to_vec());
    register_histogram_vec!(options, &["name", "type", "operation", "rejected"]).expect(CONSTANT)
});

static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "apiserver_admission_webhook_request_total",
        "Admission webhook request total, identified by name and broken out for each admission type (validating or \
         mutating) and operation. Additional labels specify whether the request was rejected or not and an HTTP status \
         code. Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.",
        &["name", "type", "operation", "code", "rejected"]
    )
    .expect(CONSTANT)
});

static REJECTIONS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "apiserver_admission_webhook_rejection_count",
        "Admission webhook rejection count, identified by name and broken out for each admission type (validating or \
         admit) and operation. Additional labels specify an error type (calling_webhook_error or apiserver_internal_error \
         if an error occurred; no_error otherwise) and optionally a non-zero rejection code if the webhook rejects the \
         request with an HTTP status code (honored by the apiserver when the code is greater or equal to 400). Codes \
         greater than 600 are truncated to 600, to keep the metrics cardinality bounded.",
        &["name", "type", "operation", "error_type", "rejection_code"]
    )
    .expect(CONSTANT)
});

static FAIL_OPEN: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "apiserver_admission_webhook_fail_open_count",
        "Admission webhook fail open count, identified by name and broken out for each admission type (validating or \
         mutating).",
        &["name", "type"]
    )
    .expect(CONSTANT)
});

/// Which of a plugin's two methods ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Admit,
    Validate,
}

/// One plugin's time. What lets writes pass is looked up once.
pub struct Meter {
    name: &'static str,
    passed: [[OnceLock<Histogram>; 4]; 2],
}

impl Meter {
    pub fn new(name: &'static str) -> Self {
        Self { name, passed: Default::default() }
    }

    pub fn ran(&self, phase: Phase, operation: AdmissionOperation, rejected: bool, took: Duration) {
        let text = match phase {
            Phase::Admit => "admit",
            Phase::Validate => "validate",
        };
        let labels = |rejected| [self.name, text, operation.as_str(), rejected];
        let known = self.passed.get(phase as usize).and_then(|known| known.get(operation as usize));
        match known.filter(|_| !rejected) {
            Some(known) => {
                known.get_or_init(|| PLUGINS.with_label_values(&labels("false"))).observe(took.as_secs_f64())
            }
            None => PLUGINS.with_label_values(&labels("true")).observe(took.as_secs_f64()),
        }
    }
}

/// One call of a webhook.
pub struct WebhookCall<'a> {
    pub name: &'a str,
    pub mutating: bool,
    pub operation: AdmissionOperation,
    pub fails_open: bool,
    pub took: Duration,
}

impl WebhookCall<'_> {
    /// Counts it with what came of it.
    pub fn ended<T>(&self, outcome: &Result<T, Refusal>) {
        let kind = if self.mutating { "admit" } else { "validating" };
        let operation = self.operation.as_str();
        let (code, error) = match outcome {
            Ok(_) => (200, None),
            Err(Refusal::Denied(status)) => (status.code.min(MOST_CODE), Some("no_error")),
            Err(Refusal::Failed(_)) if self.fails_open => {
                FAIL_OPEN.with_label_values(&[self.name, kind]).inc();
                (0, None)
            }
            Err(Refusal::Failed(_)) => (0, Some("calling_webhook_error")),
        };
        let (code, rejected) = (code.to_string(), if error.is_some() { "true" } else { "false" });
        let labels = [self.name, kind, operation, rejected];
        WEBHOOKS.with_label_values(&labels).observe(self.took.as_secs_f64());
        REQUESTS.with_label_values(&[self.name, kind, operation, &code, rejected]).inc();
        if let Some(error) = error {
            REJECTIONS.with_label_values(&[self.name, kind, operation, error, &code]).inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use ironclad_api::Status;

    use super::*;

    #[test]
    fn calls_are_counted_by_what_came_of_them() {
        let check =
            |name: &str, fails_open: bool, outcome: Result<(), Refusal>, code: &str, rejected: &str| {
                let call = WebhookCall {
                    name,
                    mutating: false,
                    operation: AdmissionOperation::Create,
                    fails_open,
                    took: Duration::from_millis(3),
                };
                call.ended(&outcome);
                let labels = [name, "validating", "CREATE"];
                let requests = REQUESTS.with_label_values(&[&labels[..], &[code, rejected]].concat()).get();
                let error = if code == "0" { "calling_webhook_error" } else { "no_error" };
                let rejections = REJECTIONS.with_label_values(&[&labels[..], &[error, code]].concat()).get();
                assert_eq!((requests, rejections), (1, u64::from(rejected == "true")), "{name}");
                assert_eq!(
                    FAIL_OPEN.with_label_values(&[name, "validating"]).get(),
                    u64::from(fails_open),
                    "{name}"
                );
            };
        check("passes.example.com", false, Ok(()), "200", "false");
        check("denies.example.com", false, Err(Refusal::Denied(Status::bad_request("no"))), "400", "true");
        check("away.example.com", false, Err(Refusal::Failed("away".into())), "0", "true");
        check("open.example.com", true, Err(Refusal::Failed("away".into())), "0", "false");
    }

    #[test]
    fn plugins_are_timed() {
        let meter = Meter::new("Test");
        meter.ran(Phase::Validate, AdmissionOperation::Delete, false, Duration::from_millis(1));
        meter.ran(Phase::Validate, AdmissionOperation::Delete, true, Duration::from_millis(1));
        let count = |rejected| {
            PLUGINS.with_label_values(&["Test", "validate", "DELETE", rejected]).get_sample_count()
        };
        assert_eq!((count("false"), count("true")), (1, 1));
    }
}
