//! Events on their way to the API, so that no work waits for them.

use std::sync::Arc;

use ironclad_client::{EventRecord, EventType, Recorder};
use ironclad_env::{Env, Task};
use ironclad_node_core::event::{PodEvent, Severity};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Events that wait at most; more are dropped, as upstream drops them.
const WAITING: usize = 1000;

/// The way for events.
#[derive(Clone)]
pub(crate) struct Events(mpsc::Sender<EventRecord>);

impl Events {
    /// Starts to record; also returns the task that does.
    pub(crate) fn start(env: &Env, recorder: Arc<Recorder>) -> (Self, Task) {
        let (sender, mut receiver) = mpsc::channel::<EventRecord>(WAITING);
        let record = async move {
            while let Some(event) = receiver.recv().await {
                recorder.record(&event).await;
            }
        };
        (Self(sender), env.spawn("events", Box::pin(record)))
    }

    pub(crate) fn of_pod(&self, pod: &Pod, event: PodEvent) {
        let meta = &pod.metadata;
        let mut regarding = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
        });
        if let Some(path) = &event.field_path {
            regarding["fieldPath"] = path.as_str().into();
        }
        self.send(regarding, event);
    }

    /// Upstream's events about nodes carry the name for the uid, and no namespace.
    pub(crate) fn of_node(&self, name: &str, event: PodEvent) {
        self.send(json!({"kind": "Node", "apiVersion": "v1", "name": name, "uid": name}), event);
    }

    fn send(&self, regarding: Value, event: PodEvent) {
        let event_type = match event.severity {
            Severity::Normal => EventType::Normal,
            Severity::Warning => EventType::Warning,
        };
        let reason = event.reason.into_owned();
        let record = EventRecord { regarding, event_type, reason, note: event.message };
        if let Err(mpsc::error::TrySendError::Full(event)) = self.0.try_send(record) {
            tracing::warn!(reason = event.reason, "too many events wait: one is dropped");
        }
    }
}
