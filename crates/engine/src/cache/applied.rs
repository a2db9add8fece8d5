//! How far the cache has come, and who waits for it to come further.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// The newest revision whose changes are all in the cache.
#[derive(Default)]
pub struct Applied {
    revision: AtomicU64,
    /// By the revision waited for. Bounded by the requests in flight.
    waiting: Mutex<BTreeMap<u64, Vec<oneshot::Sender<()>>>>,
}

impl Applied {
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    /// Called by the applier only, with growing revisions.
    pub fn advance(&self, revision: u64) {
        let mut waiting = self.waiting.lock();
        self.revision.store(revision, Ordering::Release);
        while let Some(first) = waiting.first_entry().filter(|first| *first.key() <= revision) {
            for waiter in first.remove() {
                // A waiter that has gone away needs no answer.
                let _ = waiter.send(());
            }
        }
    }

    /// Completes once everything up to `revision` is in the cache. Cancel-safe.
    pub async fn reached(&self, revision: u64) {
        while self.revision() < revision {
            let Some(signal) = self.wait(revision) else { return };
            // An error means that the cache is gone; the next look at the revision tells.
            if signal.await.is_err() {
                return;
            }
        }
    }

    fn wait(&self, revision: u64) -> Option<oneshot::Receiver<()>> {
        let mut waiting = self.waiting.lock();
        if self.revision() >= revision {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        waiting.entry(revision).or_default().push(sender);
        Some(receiver)
    }
}
