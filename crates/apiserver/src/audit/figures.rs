//! The audit log in figures, by upstream's names.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use super::Level;

#[derive(Clone)]
pub struct Figures {
    events: IntCounter,
    lost: IntCounterVec,
    rejected: IntCounter,
    /// By [`Level`].
    levels: [IntCounter; 4],
}

impl Figures {
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        let family = |name: &str, help: &str, label: &str| {
            let family = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(family.clone()))?;
            prometheus::Result::Ok(family)
        };
        let levels = family(
            "apiserver_audit_level_total",
            "Counter of policy levels for audit events (1 per request).",
            "level",
        )?;
        Ok(Self {
            events: counter(
                "apiserver_audit_event_total",
                "Counter of audit events generated and sent to the audit backend.",
            )?,
            lost: family(
                "apiserver_audit_error_total",
                "Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by \
                 the error.",
                "plugin",
            )?,
            rejected: counter(
                "apiserver_audit_requests_rejected_total",
                "Counter of apiserver requests rejected due to an error in audit logging backend.",
            )?,
            levels: ["None", "Metadata", "Request", "RequestResponse"]
                .map(|level| levels.with_label_values(&[level])),
        })
    }

    /// A request whose events are of this level has come.
    pub fn begun(&self, level: Level) {
        let [none, metadata, request, response] = &self.levels;
        let counter = match level {
            Level::None => none,
            Level::Metadata => metadata,
            Level::Request => request,
            Level::RequestResponse => response,
        };
        counter.inc();
    }

    pub fn event(&self) {
        self.events.inc();
    }

    /// A request was refused because its event could not be kept.
    pub fn rejected(&self) {
        self.rejected.inc();
    }

    /// Counts the events that a sink loses, under upstream's name of it.
    pub fn lost(&self, sink: &str) -> IntCounter {
        self.lost.with_label_values(&[sink])
    }
}
