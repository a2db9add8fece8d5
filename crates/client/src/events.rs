//! Recording Events: what happened to an object, for people who look at it.
//!
//! Repeats of the same event raise its count instead of making another, and each
//! object has a budget, as upstream's recorder does it (client-go `tools/record`):
//! bursts of 25 per source and object, then one each five minutes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{GroupVersionResource, Object, ObjectKey};
use ironclad_env::Env;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::Client;
use crate::request::{PatchKind, Request, Target};

/// At most this many distinct events are remembered for counting.
const MAX_KNOWN: usize = 4096;
const BURST: f64 = 25.0;
const REFILL: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    Normal,
    Warning,
}

impl EventType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Something worth telling about an object.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// An `ObjectReference`: apiVersion, kind, namespace, name, uid, resourceVersion, fieldPath.
    pub regarding: Value,
    pub event_type: EventType,
    /// CamelCase, for machines: `ScalingReplicaSet`.
    pub reason: String,
    /// For people.
    pub note: String,
}

/// Refers to an object in an event or an owner's field.
pub fn reference(object: &Object) -> Value {
    let mut reference = json!({
        "apiVersion": object.api_version(),
        "kind": object.kind(),
        "name": object.name(),
        "uid": object.uid(),
        "resourceVersion": object.resource_version(),
    });
    if !object.namespace().is_empty() {
        reference["namespace"] = object.namespace().into();
    }
    reference
}

/// Writes events as one component. Failures to write are logged, never returned:
/// an event must not hold back the work that it tells of.
pub struct Recorder {
    env: Env,
    client: Arc<dyn Client>,
    component: String,
    host: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<EventKey, Known>,
    budgets: HashMap<String, Budget>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct EventKey {
    uid: String,
    field_path: String,
    event_type: EventType,
    reason: String,
    note: String,
}

#[derive(Clone)]
struct Known {
    key: ObjectKey,
    count: u32,
}

struct Budget {
    tokens: f64,
    at: Duration,
}

enum Step {
    Create,
    Count(Known),
    Drop,
}

impl Recorder {
    /// `host` is the node that the component runs on; empty for the control plane.
    pub fn new(
        env: Env,
        client: Arc<dyn Client>,
        component: impl Into<String>,
        host: impl Into<String>,
    ) -> Self {
        Self { env, client, component: component.into(), host: host.into(), state: Mutex::default() }
    }

    pub async fn record(&self, event: &EventRecord) {
        let key = EventKey {
            uid: text(&event.regarding, "uid"),
            field_path: text(&event.regarding, "fieldPath"),
            event_type: event.event_type,
            reason: event.reason.clone(),
            note: event.note.clone(),
        };
        let step = self.decide(&key);
        let result = match &step {
            Step::Drop => return,
            Step::Create => self.create(event).await,
            Step::Count(known) => match self.count(known).await {
                Err(status) if status.is_not_found() => self.create(event).await,
                counted => counted.map(|()| known.key.clone()),
            },
        };
        match result {
            Ok(written) => self.remember(key, written, &step),
            Err(status) => tracing::debug!(reason = event.reason, error = %status, "event not recorded"),
        }
    }

    fn decide(&self, key: &EventKey) -> Step {
        let mut state = self.state.lock();
        if !state.spend(&key.uid, self.env.elapsed()) {
            return Step::Drop;
        }
        state.known.get(key).cloned().map_or(Step::Create, Step::Count)
    }

    fn remember(&self, key: EventKey, written: ObjectKey, step: &Step) {
        let count = if let Step::Count(known) = step { known.count + 1 } else { 1 };
        let mut state = self.state.lock();
        if state.known.len() >= MAX_KNOWN {
            state.known.clear();
        }
        state.known.insert(key, Known { key: written, count });
    }

    async fn create(&self, event: &EventRecord) -> Result<ObjectKey, ironclad_api::status::Status> {
        let now = self.env.now();
        let namespace = match text(&event.regarding, "namespace") {
            empty if empty.is_empty() => "default".to_owned(),
            namespace => namespace,
        };
        let key = ObjectKey::new(
            namespace.clone(),
            format!("{}.{:x}", text(&event.regarding, "name"), now.as_nanosecond()),
        );
        let time = ironclad_api::time::format(now);
        let body = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": { "name": key.name, "namespace": key.namespace },
            "involvedObject": event.regarding,
            "reason": event.reason,
            "message": event.note,
            "source": { "component": self.component, "host": self.host },
            "reportingComponent": self.component,
            "reportingInstance": self.host,
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
            "type": event.event_type.as_str(),
        });
        let object = Object::from_value(body).unwrap_or_default();
        self.client.call(Request::create(Target::collection(events(), namespace), object)).await?;
        Ok(key)
    }

    async fn count(&self, known: &Known) -> Result<(), ironclad_api::status::Status> {
        let patch = json!({
            "count": known.count + 1,
            "lastTimestamp": ironclad_api::time::format(self.env.now()),
        });
        let target = Target::object(events(), &known.key);
        self.client.call(Request::patch(target, PatchKind::Merge, patch.to_string())).await?;
        Ok(())
    }
}

impl State {
    /// Takes one token of the object's budget; false when it is used up.
    fn spend(&mut self, uid: &str, now: Duration) -> bool {
        if self.budgets.len() >= MAX_KNOWN {
            self.budgets.clear();
        }
        let budget = self.budgets.entry(uid.to_owned()).or_insert(Budget { tokens: BURST, at: now });
        let refilled = now.saturating_sub(budget.at).as_secs_f64() / REFILL.as_secs_f64();
        budget.tokens = (budget.tokens + refilled).min(BURST);
        budget.at = now;
        let affordable = budget.tokens >= 1.0;
        if affordable {
            budget.tokens -= 1.0;
        }
        affordable
    }
}

fn events() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "events")
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}
