//! Fan-out: recent commits, and the watches that wait for more.
//!
//! A live watch has a short queue of shared commits. One that falls behind its bound
//! costs nothing more: it goes back to reading, from the recent commits if they still
//! reach that far, else from the log on disk, until it has caught up.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use ironclad_store::{Event, PROGRESS_REVISIONS, Revision, StoreError, WatchItem};
use parking_lot::Mutex;

use crate::failure::stopped;
use crate::plan::Commit;

/// The most commits, and bytes of them, that are kept for watches that start or catch up.
const RECENT_COMMITS: usize = 4096;
const RECENT_BYTES: usize = 4 << 20;
/// The most commits, and bytes of them, that wait in one watch's queue.
const QUEUED_COMMITS: usize = 1024;
const QUEUED_BYTES: usize = 4 << 20;

/// What a watch is to do next.
pub enum Step {
    Yield(WatchItem),
    /// Read the log after this revision.
    Read(Revision),
}

pub struct Hub(Mutex<State>);

struct State {
    /// The newest revision that was published here.
    revision: Revision,
    recent: VecDeque<Arc<Commit>>,
    recent_bytes: usize,
    watchers: HashMap<u64, Watcher>,
    next_id: u64,
    closed: bool,
}

struct Watcher {
    prefix: Bytes,
    position: Position,
    queue: VecDeque<Arc<Commit>>,
    queued_bytes: usize,
    /// Revisions in a row that did not concern it.
    quiet: u64,
    progress_due: bool,
    waker: Option<Waker>,
}

enum Position {
    /// Everything published goes into its queue, if it is after this revision.
    Live(Revision),
    /// After what is in its queue it must read on from this revision.
    Behind(Revision),
}

impl Hub {
    pub fn new(revision: Revision) -> Self {
        Self(Mutex::new(State {
            revision,
            recent: VecDeque::new(),
            recent_bytes: 0,
            watchers: HashMap::new(),
            next_id: 0,
            closed: false,
        }))
    }

    /// Shows commits to every watch, in order.
    pub fn publish(&self, commits: Vec<Arc<Commit>>) {
        let mut wakers = Vec::new();
        let mut state = self.0.lock();
        for commit in commits {
            state.revision = commit.revision;
            for watcher in state.watchers.values_mut() {
                if watcher.offer(&commit) {
                    wakers.extend(watcher.waker.take());
                }
            }
            state.remember(commit);
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ends every watch: there will be no more commits.
    pub fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        let wakers: Vec<Waker> =
            state.watchers.values_mut().filter_map(|watcher| watcher.waker.take()).collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether nothing will ever be published again.
    pub fn is_closed(&self) -> bool {
        self.0.lock().closed
    }

    pub fn register(&self, prefix: Bytes, after: Revision) -> u64 {
        let mut state = self.0.lock();
        state.next_id += 1;
        let id = state.next_id;
        let position = if after >= state.revision { Position::Live(after) } else { Position::Behind(after) };
        let watcher = Watcher {
            prefix,
            position,
            queue: VecDeque::new(),
            queued_bytes: 0,
            quiet: 0,
            progress_due: true,
            waker: None,
        };
        state.watchers.insert(id, watcher);
        id
    }

    pub fn remove(&self, id: u64) {
        self.0.lock().watchers.remove(&id);
    }

    /// The log has been read for this watch up to and including `revision`.
    pub fn has_read(&self, id: u64, revision: Revision) {
        if let Some(watcher) = self.0.lock().watchers.get_mut(&id) {
            watcher.position = Position::Behind(revision);
        }
    }

    /// What watch `id` does next; pending until there is something.
    pub fn poll(&self, id: u64, context: &mut Context<'_>) -> Poll<Result<Step, StoreError>> {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        let Some(watcher) = state.watchers.get_mut(&id) else { return Poll::Ready(Err(stopped())) };
        if watcher.queue.is_empty()
            && let Position::Behind(after) = watcher.position
            && !watcher.catch_up(after, &state.recent, state.revision)
        {
            return Poll::Ready(Ok(Step::Read(after)));
        }
        if let Some(commit) = watcher.queue.pop_front() {
            watcher.queued_bytes = watcher.queued_bytes.saturating_sub(commit.size);
            return Poll::Ready(Ok(Step::Yield(WatchItem::Events(under(&commit, &watcher.prefix)))));
        }
        if watcher.progress_due {
            watcher.progress_due = false;
            let (Position::Live(after) | Position::Behind(after)) = watcher.position;
            let revision = state.revision.max(after);
            return Poll::Ready(Ok(Step::Yield(WatchItem::Progress(revision))));
        }
        if state.closed {
            return Poll::Ready(Err(stopped()));
        }
        watcher.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl State {
    fn remember(&mut self, commit: Arc<Commit>) {
        self.recent_bytes += commit.size;
        self.recent.push_back(commit);
        while self.recent.len() > RECENT_COMMITS || self.recent_bytes > RECENT_BYTES {
            let Some(oldest) = self.recent.pop_front() else { return };
            self.recent_bytes = self.recent_bytes.saturating_sub(oldest.size);
        }
    }
}

impl Watcher {
    /// Takes note of a commit. True if there is something to wake up for.
    fn offer(&mut self, commit: &Arc<Commit>) -> bool {
        let Position::Live(after) = self.position else { return false };
        if commit.revision <= after {
            return false;
        }
        if !concerns(commit, &self.prefix) {
            self.quiet += 1;
            self.progress_due |= self.quiet.is_multiple_of(PROGRESS_REVISIONS);
            return self.progress_due;
        }
        if !self.enqueue(commit) {
            self.position = Position::Behind(commit.revision - 1);
        }
        true
    }

    /// False if the queue is full.
    fn enqueue(&mut self, commit: &Arc<Commit>) -> bool {
        let full = self.queue.len() >= QUEUED_COMMITS || self.queued_bytes + commit.size > QUEUED_BYTES;
        if full && !self.queue.is_empty() {
            return false;
        }
        self.quiet = 0;
        self.queued_bytes += commit.size;
        self.queue.push_back(commit.clone());
        true
    }

    /// Fills the queue with what came after `after`. False if that is no longer kept.
    fn catch_up(&mut self, after: Revision, recent: &VecDeque<Arc<Commit>>, newest: Revision) -> bool {
        let kept_after = recent.front().map_or(newest, |oldest| oldest.revision - 1);
        if after < kept_after {
            return false;
        }
        for commit in recent.iter().skip((after - kept_after) as usize) {
            if concerns(commit, &self.prefix) && !self.enqueue(commit) {
                self.position = Position::Behind(commit.revision - 1);
                return true;
            }
        }
        self.position = Position::Live(newest.max(after));
        self.progress_due = true;
        true
    }
}

fn concerns(commit: &Commit, prefix: &[u8]) -> bool {
    commit.events.iter().any(|event| event.key.starts_with(prefix))
}

/// The events of a commit that lie under `prefix`.
pub fn under(commit: &Commit, prefix: &[u8]) -> Vec<Event> {
    commit.events.iter().filter(|event| event.key.starts_with(prefix)).cloned().collect()
}
