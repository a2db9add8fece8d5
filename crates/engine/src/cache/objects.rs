//! The cached objects of one resource, and the log of their changes.

use std::sync::Arc;

use ironclad_api::{Entry, ObjectKey};
use ironclad_client::By;
use parking_lot::RwLock;
use tokio::sync::watch;

use super::applied::Applied;
use super::index::Indexes;
use super::log::{Log, Record};
use super::sorted::Sorted;

/// One resource's part of the cache. Written by the applier only.
pub struct Objects {
    state: RwLock<State>,
    /// The log's end, for watchers that wait; `None` inside once the resource is gone.
    end: watch::Sender<Option<u64>>,
}

#[derive(Default)]
struct State {
    sorted: Sorted,
    indexes: Indexes,
    log: Log,
    /// The newest revision that changed this resource.
    changed: u64,
}

/// A resource as it was at one revision.
pub struct Snapshot {
    pub sorted: Sorted,
    /// The newest revision at which the resource was as it is here.
    pub revision: u64,
    /// The revision that made it so.
    pub changed: u64,
}

/// What a watcher finds when it looks into the log.
pub enum Look {
    /// Records to go through, at least one, and the place after them.
    Records(Vec<Arc<Record>>, u64),
    Nothing,
    /// Changes from its place on are forgotten; `floor` is the newest that is.
    Forgotten {
        floor: u64,
    },
}

impl Default for Objects {
    fn default() -> Self {
        Self { state: RwLock::default(), end: watch::Sender::new(Some(0)) }
    }
}

impl Objects {
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<Entry>> {
        self.state.read().sorted.get(key).cloned()
    }

    pub fn len(&self) -> usize {
        self.state.read().sorted.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn snapshot(&self, applied: &Applied) -> Snapshot {
        let state = self.state.read();
        // Read under the lock: every change up to it is in `state`, and a newer one that
        // is there already is `changed`.
        let revision = applied.revision().max(state.changed);
        Snapshot { sorted: state.sorted.clone(), revision, changed: state.changed }
    }

    /// The entries of a namespace, or all, in key order.
    pub fn list(&self, namespace: Option<&str>) -> Vec<Arc<Entry>> {
        let sorted = self.state.read().sorted.clone();
        sorted.range(namespace, None).cloned().collect()
    }

    /// The entries that are filed so, in key order. The first who asks makes the index.
    pub fn find(&self, by: &By<'_>) -> Vec<Arc<Entry>> {
        let state = self.state.read();
        if let Some(found) = state.indexes.find(by, &state.sorted) {
            return found;
        }
        drop(state);
        let mut state = self.state.write();
        let State { sorted, indexes, .. } = &mut *state;
        indexes.add(by, sorted);
        indexes.find(by, sorted).unwrap_or_default()
    }

    // === the applier's side ===

    /// Takes over what the store held at `revision`.
    pub fn load(&self, sorted: Sorted, revision: u64) {
        let mut state = self.state.write();
        let changed = sorted.range(None, None).map(|entry| entry.revision).max().unwrap_or(0);
        state.indexes.rebuild(&sorted);
        let indexes = std::mem::take(&mut state.indexes);
        *state = State { sorted, indexes, log: Log::starting_after(revision), changed };
    }

    /// Takes over what the store holds at `revision`, when it is not known how it came about:
    /// all watchers must list anew.
    pub fn reload(&self, sorted: Sorted, revision: u64) {
        let mut state = self.state.write();
        state.indexes.rebuild(&sorted);
        state.sorted = sorted;
        state.changed = revision;
        state.log.reset(revision);
        drop(state);
        self.wake();
    }

    /// Applies the changes of one revision together.
    pub fn apply(&self, records: impl Iterator<Item = Arc<Record>>) {
        let mut state = self.state.write();
        for record in records {
            state.changed = record.revision();
            match record.event {
                crate::codec::EventType::Deleted => {
                    let old = state.sorted.remove(&record.entry.key);
                    state.indexes.update(old.as_ref(), None);
                }
                _ => {
                    let old = state.sorted.insert(record.entry.clone());
                    state.indexes.update(old.as_ref(), Some(&record.entry));
                }
            }
            state.log.push(record);
        }
    }

    /// Lets watchers look at what was applied.
    pub fn wake(&self) {
        let end = self.state.read().log.end();
        self.end.send_if_modified(|known| {
            let news = known.is_some_and(|known| known != end);
            if news {
                *known = Some(end);
            }
            news
        });
    }

    /// Ends all watches: the resource is no longer served, or by another cache.
    pub fn close(&self) {
        self.end.send_replace(None);
    }

    // === the watchers' side ===

    /// A snapshot with the place in the log from which it goes on.
    pub fn snapshot_to_follow(&self, applied: &Applied) -> (Snapshot, u64) {
        let state = self.state.read();
        let revision = applied.revision().max(state.changed);
        (Snapshot { sorted: state.sorted.clone(), revision, changed: state.changed }, state.log.end())
    }

    /// The place of the first change after `revision`, or the floor if it is forgotten.
    pub fn place_after(&self, revision: u64) -> Result<u64, u64> {
        let state = self.state.read();
        state.log.place_after(revision).ok_or(state.log.floor())
    }

    pub fn look(&self, place: u64, limit: usize) -> Look {
        let state = self.state.read();
        if place == state.log.end() {
            return Look::Nothing;
        }
        match state.log.from(place, limit) {
            Some(records) => {
                let records: Vec<_> = records.cloned().collect();
                let next = place + records.len() as u64;
                Look::Records(records, next)
            }
            None => Look::Forgotten { floor: state.log.floor() },
        }
    }

    pub fn follow(&self) -> watch::Receiver<Option<u64>> {
        self.end.subscribe()
    }
}
