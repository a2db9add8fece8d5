//! Controllers as plain functions, and the one runner that drives them.
//!
//! A [`Controller`] says what wakes it and, given a key, what to do: a [`Plan`].
//! Queues, retries, rate limits, metrics and the writes themselves live in the
//! runner, once.

mod metrics;
pub mod plan;
mod queue;
mod runner;
mod unfinished;

use std::sync::Arc;

use ironclad_api::status::Status;
use ironclad_api::{GroupResource, ObjectKey};
use ironclad_client::{Cache, Change};
use jiff::Timestamp;

pub use ironclad_client::{EventRecord, EventType};
pub use plan::{Plan, Tell, Write};
pub use runner::{Runner, Running};

/// Makes the cluster's state match what one kind of object asks for.
///
/// # Guarantees of the runner
/// - A key is reconciled by one task at a time, and again after every change that maps to it.
/// - It is held back until the cache has seen that key's own last write, so `reconcile`
///   never acts on state from before its own doing.
/// - At start-up every cached object is mapped as if it had just been created: start-up,
///   missed events and the ordinary case are one path.
/// - A failed write ends its plan; the key comes back with exponential back-off (5 ms to
///   1000 s), and the failure is at hand in [`View::last_failure`].
pub trait Controller: Send + Sync + 'static {
    /// Upstream's name, which is also the identity it acts as
    /// (`system:serviceaccount:kube-system:<name>`) and the source of its events.
    fn name(&self) -> &'static str;

    /// The kinds that wake it, each with how an object maps to keys.
    fn watches(&self) -> Vec<Watch>;

    /// What is to be done about `key`, which may no longer exist. Plain: no I/O, no clock.
    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, now: Timestamp) -> Plan;
}

/// What wakes a controller.
pub struct Watch {
    /// One kind; `None` means all of them, custom ones included.
    pub resource: Option<GroupResource>,
    /// The keys that a change of one object of that kind touches. Called for every
    /// change on the path of the write, so it must be quick.
    pub keys: KeysOf,
}

pub type KeysOf = Box<dyn Fn(&Change, &dyn Cache) -> Vec<ObjectKey> + Send + Sync>;

impl Watch {
    pub fn new(
        resource: GroupResource,
        keys: impl Fn(&Change, &dyn Cache) -> Vec<ObjectKey> + Send + Sync + 'static,
    ) -> Self {
        Self { resource: Some(resource), keys: Box::new(keys) }
    }

    /// Every change of every kind.
    pub fn all(keys: impl Fn(&Change, &dyn Cache) -> Vec<ObjectKey> + Send + Sync + 'static) -> Self {
        Self { resource: None, keys: Box::new(keys) }
    }

    /// The object itself is the key.
    pub fn itself(resource: GroupResource) -> Self {
        Self::new(resource, |change, _| vec![change.entry().key.clone()])
    }
}

/// The state that a reconcile sees: one cache, read in place.
pub struct View<'a> {
    pub cache: &'a dyn Cache,
    /// Why the last plan for this key failed, if it did.
    pub last_failure: Option<&'a Arc<Status>>,
}
