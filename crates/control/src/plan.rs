//! What a controller wants done: data that can be printed and compared in tests.

use std::time::Duration;

use ironclad_api::Object;
use ironclad_api::params::{Preconditions, PropagationPolicy};
use ironclad_client::{PatchKind, Target};
use serde_json::Value;

/// The outcome of one reconcile: writes in stages, events, and when to look again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Stages run in order, and only while every write before succeeded; the writes
    /// of one stage run together.
    pub stages: Vec<Vec<Write>>,
    /// Recorded once all stages are done, or beside the failure when one failed.
    pub events: Vec<EventRecord>,
    /// Look again after this long even if nothing changes.
    pub requeue_after: Option<Duration>,
}

/// One call of the API.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// `collection` names resource and namespace.
    Create {
        collection: Target,
        object: Object,
    },
    /// Full replacement; the object's resourceVersion is the precondition.
    Update {
        target: Target,
        object: Object,
    },
    Patch {
        target: Target,
        kind: PatchKind,
        patch: Value,
    },
    Delete {
        target: Target,
        preconditions: Preconditions,
        propagation: Option<PropagationPolicy>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    Normal,
    Warning,
}

/// An Event to record about an object. Repeats are counted, not written again.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRecord {
    /// An `ObjectReference`: apiVersion, kind, namespace, name, uid, resourceVersion, fieldPath.
    pub regarding: Value,
    pub event_type: EventType,
    /// CamelCase, for machines: `ScalingReplicaSet`.
    pub reason: &'static str,
    /// For people.
    pub note: String,
}

impl Plan {
    /// Nothing to do.
    pub fn done() -> Self {
        Self::default()
    }

    pub fn is_done(&self) -> bool {
        *self == Self::default()
    }

    /// Adds a write that runs together with those already in the last stage.
    pub fn and(&mut self, write: Write) {
        match self.stages.last_mut() {
            Some(stage) => stage.push(write),
            None => self.stages.push(vec![write]),
        }
    }

    /// Adds a write that runs only once everything before it has succeeded.
    pub fn then(&mut self, write: Write) {
        self.stages.push(vec![write]);
    }

    pub fn event(&mut self, event: EventRecord) {
        self.events.push(event);
    }

    /// Looks again after `delay`, or sooner if that was asked for before.
    pub fn requeue_in(&mut self, delay: Duration) {
        self.requeue_after = Some(self.requeue_after.map_or(delay, |before| before.min(delay)));
    }
}
