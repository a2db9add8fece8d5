//! What watches send.

use ironclad_api::GroupVersionResource;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, exponential_buckets,
};

pub struct Watching {
    events: IntCounterVec,
    sizes: HistogramVec,
}

/// What one watch counts with.
pub struct Sent {
    events: IntCounter,
    sizes: Histogram,
}

impl Watching {
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let labels = ["group", "version", "resource"];
        let events = IntCounterVec::new(
            Opts::new("apiserver_watch_events_total", "Number of events sent in watch clients"),
            &labels,
        )?;
        let sizes =
            HistogramOpts::new("apiserver_watch_events_sizes", "Watch event size distribution in bytes");
        let sizes = HistogramVec::new(sizes.buckets(exponential_buckets(1024.0, 2.0, 8)?), &labels)?;
        registry.register(Box::new(events.clone()))?;
        registry.register(Box::new(sizes.clone()))?;
        Ok(Self { events, sizes })
    }

    /// Looked up once per watch.
    pub fn of(&self, resource: &GroupVersionResource) -> Sent {
        let labels = [&*resource.group, &*resource.version, &*resource.resource];
        Sent { events: self.events.with_label_values(&labels), sizes: self.sizes.with_label_values(&labels) }
    }
}

impl Sent {
    pub fn event(&self, bytes: usize) {
        self.events.inc();
        self.sizes.observe(bytes as f64);
    }
}
