//! What a controller wants done: data that can be printed and compared in tests.

use std::time::Duration;

use ironclad_api::Object;
use ironclad_api::params::{DeleteOptions, Preconditions};
use ironclad_api::status::Status;
use ironclad_client::{EventRecord, EventType, PatchKind, Request, Target};
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
        tell: Option<Tell>,
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
        options: DeleteOptions,
        tell: Option<Tell>,
    },
}

/// Events about a create or delete, whose object's name or failure is known only afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Tell {
    /// An `ObjectReference` of the object whose event it is, e.g. the ReplicaSet.
    pub regarding: Value,
    /// Reason and start of the note, which the object's name completes: `SuccessfulCreate`, `Created pod: `.
    pub success: (&'static str, &'static str),
    /// Reason and start of the note, which the error completes: `FailedCreate`, `Error creating: `.
    pub failure: (&'static str, &'static str),
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

impl Write {
    pub fn create(collection: Target, object: Object) -> Self {
        Self::Create { collection, object, tell: None }
    }

    /// Deletes the very object with this uid, in the background and with its own grace.
    pub fn delete(target: Target, uid: impl Into<String>) -> Self {
        let preconditions = Preconditions { uid: Some(uid.into()), resource_version: None };
        Self::Delete { target, options: DeleteOptions { preconditions, ..Default::default() }, tell: None }
    }

    /// Has the outcome of a create or delete told.
    pub fn telling(mut self, it: Tell) -> Self {
        if let Self::Create { tell, .. } | Self::Delete { tell, .. } = &mut self {
            *tell = Some(it);
        }
        self
    }

    /// Splits off what is to be told of the outcome.
    pub(crate) fn into_request(self) -> (Request, Option<Tell>) {
        match self {
            Self::Create { collection, object, tell } => (Request::create(collection, object), tell),
            Self::Update { target, object } => (Request::update(target, object), None),
            Self::Patch { target, kind, patch } => (Request::patch(target, kind, patch.to_string()), None),
            Self::Delete { target, options, tell } => (Request::delete(target, options), tell),
        }
    }
}

impl Tell {
    /// The event about `result`; `name` stands in where the answer carries none (deletes).
    pub(crate) fn about(self, name: &str, result: &Result<Object, Status>) -> EventRecord {
        let (event_type, (reason, start), end) = match result {
            Ok(_) if !name.is_empty() => (EventType::Normal, self.success, name.to_owned()),
            Ok(object) => (EventType::Normal, self.success, object.name().to_owned()),
            Err(status) => (EventType::Warning, self.failure, status.to_string()),
        };
        EventRecord {
            regarding: self.regarding,
            event_type,
            reason: reason.to_owned(),
            note: start.to_owned() + &end,
        }
    }
}
