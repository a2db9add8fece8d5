//! What the driver has yet to look at.

use indexmap::IndexSet;
use ironclad_api::ObjectKey;
use ironclad_client::{Change, Observer};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::writes::Outcome;

/// Keys that changed, each at most once, and outcomes of writes. Bounded by the number of
/// objects and by the writes in flight.
#[derive(Default)]
pub struct Inbox {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Default)]
pub struct Waiting {
    pub touched: IndexSet<Touched>,
    pub outcomes: Vec<Outcome>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Touched {
    Pod(ObjectKey),
    Node(String),
    Namespace,
}

impl Inbox {
    pub fn report(&self, outcome: Outcome) {
        self.waiting.lock().outcomes.push(outcome);
        self.wake.notify_one();
    }

    pub fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock())
    }

    /// Completes once there is something to take.
    pub async fn filled(&self) {
        self.wake.notified().await;
    }
}

impl Observer for Inbox {
    fn changed(&self, change: &Change) {
        let key = &change.entry().key;
        let touched = match &*change.resource.resource {
            "pods" => Touched::Pod(key.clone()),
            "nodes" => Touched::Node(key.name.clone()),
            _ => Touched::Namespace,
        };
        self.waiting.lock().touched.insert(touched);
        self.wake.notify_one();
    }
}
