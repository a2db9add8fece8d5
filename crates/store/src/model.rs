//! The reference model: a store in memory, obviously right.
//!
//! [`State`] is the semantics as plain values; [`MemoryStore`] puts a lock and
//! watches around it. Simulations and unit tests run on it (it needs no runtime),
//! and the conformance suite holds every engine against it. Nothing is durable.

mod state;

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};

use bytes::Bytes;
use ironclad_env::BoxFuture;
use parking_lot::Mutex;

use crate::{
    Event, PROGRESS_REVISIONS, Range, RangeResult, Revision, Store, StoreError, Txn, TxnResult, Watch,
    WatchItem,
};

pub use state::{State, bounds, check_range, check_txn};

/// How many live events a watch may fall behind before it ends with [`StoreError::Overrun`].
pub const WATCH_BACKLOG: usize = 65_536;

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    state: State,
    watchers: Vec<Weak<Mutex<Watcher>>>,
}

impl MemoryStore {
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }
}

impl Store for MemoryStore {
    fn range(&self, range: Range) -> BoxFuture<'_, Result<RangeResult, StoreError>> {
        Box::pin(async move { self.inner.lock().state.range(&range) })
    }

    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<TxnResult, StoreError>> {
        Box::pin(async move {
            let mut inner = self.inner.lock();
            let (result, events) = inner.state.txn(&txn)?;
            if !events.is_empty() {
                inner.publish(&events);
            }
            Ok(result)
        })
    }

    fn watch(&self, prefix: Bytes, after: Revision) -> Result<Box<dyn Watch>, StoreError> {
        let mut inner = self.inner.lock();
        let replay = inner.state.events_after(&prefix, after)?;
        let mut watcher = Watcher { prefix, ..Watcher::default() };
        for events in replay.chunk_by(|a, b| a.revision == b.revision) {
            watcher.queue.push_back(WatchItem::Events(events.to_vec()));
        }
        watcher.queue.push_back(WatchItem::Progress(inner.state.revision()));
        let watcher = Arc::new(Mutex::new(watcher));
        inner.watchers.push(Arc::downgrade(&watcher));
        Ok(Box::new(MemoryWatch(watcher)))
    }

    fn compact(&self, revision: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.inner.lock().state.compact(revision) })
    }

    fn revision(&self) -> Revision {
        self.inner.lock().state.revision()
    }
}

impl Inner {
    /// Hands the events of one revision to every watch, and forgets watches that were dropped.
    fn publish(&mut self, events: &[Event]) {
        let revision = self.state.revision();
        self.watchers.retain(|watcher| match watcher.upgrade() {
            Some(watcher) => {
                watcher.lock().offer(revision, events);
                true
            }
            None => false,
        });
    }
}

/// One watch: what it has still to yield.
#[derive(Default)]
struct Watcher {
    prefix: Bytes,
    queue: VecDeque<WatchItem>,
    /// Live events in the queue (the replay it began with is not counted).
    backlog: usize,
    overrun: bool,
    /// Revisions since the last item that did not concern this watch.
    unreported: u64,
    waker: Option<Waker>,
}

impl Watcher {
    fn offer(&mut self, revision: Revision, events: &[Event]) {
        let wanted: Vec<Event> =
            events.iter().filter(|event| event.key.starts_with(&self.prefix)).cloned().collect();
        if wanted.is_empty() {
            self.unreported += 1;
            if self.unreported < PROGRESS_REVISIONS {
                return;
            }
            self.push(WatchItem::Progress(revision));
        } else {
            self.backlog += wanted.len();
            self.push(WatchItem::Events(wanted));
        }
    }

    fn push(&mut self, item: WatchItem) {
        self.unreported = 0;
        if let Some(WatchItem::Progress(_)) = self.queue.back() {
            self.queue.pop_back();
        }
        self.queue.push_back(item);
        if self.backlog > WATCH_BACKLOG {
            self.overrun = true;
            self.queue.clear();
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn take(&mut self) -> Option<Result<WatchItem, StoreError>> {
        if self.overrun {
            return Some(Err(StoreError::Overrun { limit: WATCH_BACKLOG }));
        }
        let item = self.queue.pop_front()?;
        if let WatchItem::Events(events) = &item {
            self.backlog = self.backlog.saturating_sub(events.len());
        }
        Some(Ok(item))
    }
}

struct MemoryWatch(Arc<Mutex<Watcher>>);

impl Watch for MemoryWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<WatchItem, StoreError>> {
        Box::pin(std::future::poll_fn(|context| {
            let mut watcher = self.0.lock();
            match watcher.take() {
                Some(item) => Poll::Ready(item),
                None => {
                    watcher.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        }))
    }
}
