//! The reference semantics of a store, with no I/O and no concurrency: what every
//! engine is held against. Written to be checked by eye, not to be fast.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;

use crate::{
    Change, Compare, Event, Expect, KeyValue, Op, Range, RangeResult, Revision, StoreError, Txn, TxnResult,
    prefix_end,
};

type Map = BTreeMap<Bytes, KeyValue>;

/// A whole store as plain values.
#[derive(Clone, Default)]
pub struct State {
    revision: Revision,
    /// History at and before this revision is folded into `base`.
    compacted: Revision,
    /// The state at `compacted`.
    base: Map,
    /// Everything that happened after `compacted`, in order.
    log: Vec<Event>,
    /// The state at `revision`: `base` with `log` applied.
    current: Map,
}

impl State {
    pub fn revision(&self) -> Revision {
        self.revision
    }

    pub fn compacted(&self) -> Revision {
        self.compacted
    }

    pub fn get(&self, key: &[u8]) -> Option<&KeyValue> {
        self.current.get(key)
    }

    pub fn range(&self, range: &Range) -> Result<RangeResult, StoreError> {
        check_range(range)?;
        let revision = range.revision.unwrap_or(self.revision);
        self.check_available(revision)?;
        Ok(if revision == self.revision {
            page(&self.current, range, revision)
        } else {
            page(&self.state_at(revision), range, revision)
        })
    }

    /// Applies `txn`. The events of the commit come along; they are empty if nothing changed.
    pub fn txn(&mut self, txn: &Txn) -> Result<(TxnResult, Vec<Event>), StoreError> {
        check_txn(txn)?;
        if let Some(failed) = txn.compares.iter().find(|compare| !self.holds(compare)) {
            let current = self.current.get(&failed.key).cloned();
            return Ok((TxnResult::Conflict { key: failed.key.clone(), current }, Vec::new()));
        }
        let events: Vec<Event> = txn.ops.iter().filter_map(|op| self.event(op)).collect();
        for event in &events {
            apply(&mut self.current, event);
            self.revision = event.revision;
        }
        self.log.extend(events.iter().cloned());
        Ok((TxnResult::Committed { revision: self.revision }, events))
    }

    /// Every event under `prefix` after the revision `after`, in order.
    pub fn events_after(&self, prefix: &[u8], after: Revision) -> Result<Vec<Event>, StoreError> {
        self.check_available(after)?;
        let wanted = |event: &&Event| event.revision > after && event.key.starts_with(prefix);
        Ok(self.log.iter().filter(wanted).cloned().collect())
    }

    /// Forgets history at and before `revision`. Compacting what is compacted already is no change.
    pub fn compact(&mut self, revision: Revision) -> Result<(), StoreError> {
        if revision > self.revision {
            return Err(StoreError::Future { requested: revision, newest: self.revision });
        }
        if revision > self.compacted {
            self.base = self.state_at(revision);
            self.log.retain(|event| event.revision > revision);
            self.compacted = revision;
        }
        Ok(())
    }

    fn state_at(&self, revision: Revision) -> Map {
        let mut state = self.base.clone();
        self.log.iter().filter(|event| event.revision <= revision).for_each(|event| apply(&mut state, event));
        state
    }

    fn check_available(&self, revision: Revision) -> Result<(), StoreError> {
        if revision > self.revision {
            return Err(StoreError::Future { requested: revision, newest: self.revision });
        }
        if revision < self.compacted {
            return Err(StoreError::Compacted { requested: revision, oldest: self.compacted });
        }
        Ok(())
    }

    fn holds(&self, compare: &Compare) -> bool {
        let current = self.current.get(&compare.key).map(|found| found.modified);
        match compare.expect {
            Expect::Absent => current.is_none(),
            Expect::ModifiedAt(revision) => current == Some(revision),
        }
    }

    /// What `op` changes at the next revision; `None` if it changes nothing.
    fn event(&self, op: &Op) -> Option<Event> {
        let revision = self.revision + 1;
        let previous = self.current.get(op.key()).cloned();
        let change = match op {
            Op::Put { value, .. } => Change::Put {
                value: value.clone(),
                created: previous.as_ref().map_or(revision, |previous| previous.created),
                previous,
            },
            Op::Delete { .. } => Change::Delete { previous: previous? },
        };
        Some(Event { revision, key: op.key().clone(), change })
    }
}

fn apply(state: &mut Map, event: &Event) {
    match &event.change {
        Change::Delete { .. } => {
            state.remove(&event.key);
        }
        Change::Put { value, created, .. } => {
            let (key, value) = (event.key.clone(), value.clone());
            let entry = KeyValue { key, value, created: *created, modified: event.revision };
            state.insert(event.key.clone(), entry);
        }
    }
}

fn page(state: &Map, range: &Range, revision: Revision) -> RangeResult {
    let (start, end) = bounds(range);
    let limit = if range.limit == 0 { usize::MAX } else { range.limit };
    let mut found = state.range::<Bytes, _>((start, end)).map(|(_, entry)| entry);
    let items = found.by_ref().take(limit).cloned().collect();
    RangeResult { revision, items, remaining: found.count() }
}

/// The keys a range covers. Engines share it, so that they agree on the edges.
pub fn bounds(range: &Range) -> (Bound<Bytes>, Bound<Bytes>) {
    let start = match &range.after {
        Some(after) => Bound::Excluded(after.clone()),
        None => Bound::Included(range.prefix.clone()),
    };
    let end = match prefix_end(&range.prefix) {
        Some(end) => Bound::Excluded(Bytes::from(end)),
        None => Bound::Unbounded,
    };
    (start, end)
}

/// Refuses a range that continues after a key outside its prefix.
pub fn check_range(range: &Range) -> Result<(), StoreError> {
    match &range.after {
        Some(after) if !after.starts_with(&range.prefix) => Err(StoreError::Invalid(format!(
            "cannot continue after {:?}: it is not under the prefix {:?}",
            String::from_utf8_lossy(after),
            String::from_utf8_lossy(&range.prefix)
        ))),
        _ => Ok(()),
    }
}

/// Refuses empty keys and keys that are written twice.
pub fn check_txn(txn: &Txn) -> Result<(), StoreError> {
    let mut seen = BTreeSet::new();
    for key in txn.ops.iter().map(Op::key) {
        if key.is_empty() {
            return Err(StoreError::Invalid("a key must not be empty".to_owned()));
        }
        if !seen.insert(key) {
            let key = String::from_utf8_lossy(key);
            return Err(StoreError::Invalid(format!("a transaction writes {key:?} twice")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_cover_exactly_the_keys_under_the_prefix() {
        let check = |prefix: &'static [u8], after: Option<&'static [u8]>, expected: &[&'static [u8]]| {
            let keys: &[&'static [u8]] =
                &[b"a", b"a/", b"a/1", b"a/\xff", b"a0", b"b", b"\xff", b"\xff\xff", b"\xff\xff\x01"];
            let state: BTreeMap<Bytes, ()> = keys.iter().map(|key| (Bytes::from_static(key), ())).collect();
            let range = Range {
                prefix: Bytes::from_static(prefix),
                after: after.map(Bytes::from_static),
                ..Range::default()
            };
            let found: Vec<&Bytes> = state.range::<Bytes, _>(bounds(&range)).map(|(key, ())| key).collect();
            assert_eq!(found, expected, "prefix {prefix:?} after {after:?}");
        };
        check(b"a/", None, &[b"a/", b"a/1", b"a/\xff"]);
        check(b"a/", Some(b"a/1"), &[b"a/\xff"]);
        check(b"a/\xff", None, &[b"a/\xff"]);
        check(b"\xff", None, &[b"\xff", b"\xff\xff", b"\xff\xff\x01"]);
        check(b"\xff\xff", Some(b"\xff\xff"), &[b"\xff\xff\x01"]);
        check(b"c", None, &[]);
    }
}
