//! What a group of transactions does, decided against the index. Pure.
//!
//! The transactions of a group see each other's writes before any of them is durable;
//! if the group cannot be made durable, it is dropped as a whole.

use std::collections::HashMap;

use bytes::Bytes;
use ironclad_store::model::check_txn;
use ironclad_store::{Change, Event, Expect, KeyValue, Op, Revision, StoreError, Txn, TxnResult};

use crate::index::{Index, Presence, Version};
use crate::record::MAX_KEY;

/// The most bytes of keys and values in one transaction.
pub const MAX_TXN: usize = 32 << 20;

/// The events of one revision.
#[derive(Debug)]
pub struct Commit {
    pub revision: Revision,
    pub events: Vec<Event>,
    /// Bytes of keys and values, for bounding what is kept in memory.
    pub size: usize,
}

/// Reads committed values.
pub trait Values {
    fn value(&self, key: &Bytes, version: &Version) -> Result<Bytes, StoreError>;
}

/// A group that is being put together.
pub struct Group<'a> {
    index: &'a Index,
    values: &'a dyn Values,
    revision: Revision,
    /// What the group leaves at each key it writes; `None` is deleted.
    written: HashMap<Bytes, Option<KeyValue>>,
    commits: Vec<Commit>,
}

impl<'a> Group<'a> {
    pub fn new(index: &'a Index, values: &'a dyn Values) -> Self {
        let (revision, written, commits) = (index.revision(), HashMap::new(), Vec::new());
        Self { index, values, revision, written, commits }
    }

    pub fn commits(self) -> Vec<Commit> {
        self.commits
    }

    /// Decides one transaction; its result holds once the group is durable.
    pub fn add(&mut self, txn: Txn) -> Result<TxnResult, StoreError> {
        let size = check(&txn)?;
        for compare in &txn.compares {
            if !self.holds(&compare.key, compare.expect) {
                let current = self.current(&compare.key)?;
                return Ok(TxnResult::Conflict { key: compare.key.clone(), current });
            }
        }
        let revision = self.revision + 1;
        let mut events = Vec::with_capacity(txn.ops.len());
        for op in txn.ops {
            events.extend(self.event(op, revision)?);
        }
        if events.is_empty() {
            return Ok(TxnResult::Committed { revision: self.revision });
        }
        self.revision = revision;
        for event in &events {
            self.written.insert(event.key.clone(), left_by(event));
        }
        self.commits.push(Commit { revision, events, size });
        Ok(TxnResult::Committed { revision })
    }

    fn event(&self, op: Op, revision: Revision) -> Result<Option<Event>, StoreError> {
        Ok(match op {
            Op::Put { key, value } => {
                let previous = self.current(&key)?;
                let created = previous.as_ref().map_or(revision, |previous| previous.created);
                Some(Event { revision, key, change: Change::Put { value, created, previous } })
            }
            Op::Delete { key } => self.current(&key)?.map(|previous| Event {
                revision,
                key,
                change: Change::Delete { previous },
            }),
        })
    }

    fn holds(&self, key: &Bytes, expect: Expect) -> bool {
        let modified = match self.written.get(key) {
            Some(written) => written.as_ref().map(|found| found.modified),
            None => self.index.current(key).map(|version| version.modified),
        };
        match expect {
            Expect::Absent => modified.is_none(),
            Expect::ModifiedAt(revision) => modified == Some(revision),
        }
    }

    fn current(&self, key: &Bytes) -> Result<Option<KeyValue>, StoreError> {
        if let Some(written) = self.written.get(key) {
            return Ok(written.clone());
        }
        match self.index.current(key) {
            Some(version) => key_value(key, version, self.values),
            None => Ok(None),
        }
    }
}

/// `key` as it was in `version`; `None` if it was deleted.
pub fn key_value(
    key: &Bytes,
    version: &Version,
    values: &dyn Values,
) -> Result<Option<KeyValue>, StoreError> {
    let Presence::Present { created, .. } = version.state else { return Ok(None) };
    let value = values.value(key, version)?;
    Ok(Some(KeyValue { key: key.clone(), value, created, modified: version.modified }))
}

/// What stands at the event's key after it.
fn left_by(event: &Event) -> Option<KeyValue> {
    match &event.change {
        Change::Put { value, created, .. } => Some(KeyValue {
            key: event.key.clone(),
            value: value.clone(),
            created: *created,
            modified: event.revision,
        }),
        Change::Delete { .. } => None,
    }
}

/// Refuses what the log cannot hold. Returns the bytes of keys and values.
fn check(txn: &Txn) -> Result<usize, StoreError> {
    check_txn(txn)?;
    let mut size = 0;
    for op in &txn.ops {
        let key = op.key();
        if key.len() > MAX_KEY {
            return Err(StoreError::Invalid(format!("a key of {} bytes: {MAX_KEY} is the most", key.len())));
        }
        size += key.len();
        if let Op::Put { value, .. } = op {
            size += value.len();
        }
    }
    if size > MAX_TXN {
        return Err(StoreError::Invalid(format!("a transaction of {size} bytes: {MAX_TXN} is the most")));
    }
    Ok(size)
}
