//! The `Store` trait: a revisioned, watchable map from keys to bytes.
//!
//! Semantics are etcd's, cut down to what an API server needs. Every commit gets
//! the next revision of the whole store; a read names the revision it saw; a
//! watch replays history from a revision without gaps, duplicates or
//! reorderings. Keys and values are bytes: a store knows no kind.

pub mod conformance;
pub mod model;

use std::fmt;

use bytes::Bytes;
use ironclad_env::BoxFuture;

/// A revision of the whole store. The first commit is revision 1; 0 means "before everything".
pub type Revision = u64;

/// A watch that none of this many revisions in a row concerned is told of its progress.
pub const PROGRESS_REVISIONS: u64 = 256;

/// A key with its committed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    pub key: Bytes,
    pub value: Bytes,
    /// The revision that created the key (since it was last absent).
    pub created: Revision,
    /// The revision that wrote this value.
    pub modified: Revision,
}

/// Reads all keys that start with `prefix`, in byte order.
#[derive(Clone, Debug, Default)]
pub struct Range {
    pub prefix: Bytes,
    /// Start after this key (which must lie under the prefix) instead of at the prefix.
    pub after: Option<Bytes>,
    /// At most this many items; 0 means all.
    pub limit: usize,
    /// Read the state at this revision; `None` means the newest.
    pub revision: Option<Revision>,
}

/// What a [`Range`] saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeResult {
    /// The revision that was read: the requested one, or the newest.
    pub revision: Revision,
    pub items: Vec<KeyValue>,
    /// How many further items the limit cut off.
    pub remaining: usize,
}

/// One key's precondition within a [`Txn`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    pub key: Bytes,
    pub expect: Expect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Absent,
    /// The key exists and its value was written by this revision.
    ModifiedAt(Revision),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Put {
        key: Bytes,
        value: Bytes,
    },
    /// Deleting an absent key is no change.
    Delete {
        key: Bytes,
    },
}

impl Op {
    pub fn key(&self) -> &Bytes {
        match self {
            Op::Put { key, .. } | Op::Delete { key } => key,
        }
    }
}

/// All-or-nothing: if every compare holds, every op is applied at one new revision.
/// A key may appear in at most one op.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    pub compares: Vec<Compare>,
    pub ops: Vec<Op>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxnResult {
    /// Durable, and already visible to every watcher. A transaction that changed
    /// nothing (no ops, or deletes of absent keys) makes no revision: this is the newest.
    Committed { revision: Revision },
    /// Nothing changed. `current` is what stands at the first key whose compare failed.
    Conflict { key: Bytes, current: Option<KeyValue> },
}

/// One change of one key. All events of a txn carry the same revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub revision: Revision,
    pub key: Bytes,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Put { value: Bytes, created: Revision, previous: Option<KeyValue> },
    Delete { previous: KeyValue },
}

/// What a watch yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchItem {
    /// The events of one revision that lie under the prefix, never empty.
    Events(Vec<Event>),
    /// Everything up to this revision has been yielded. Comes once the replay is over,
    /// and after [`PROGRESS_REVISIONS`] revisions that did not concern the watch.
    Progress(Revision),
}

/// A running watch. Dropping it ends it.
pub trait Watch: Send {
    /// The next item. After an error the watch is over. Cancel-safe.
    fn next(&mut self) -> BoxFuture<'_, Result<WatchItem, StoreError>>;
}

/// An engine that stores a cluster. Every method may be called from many tasks at once.
pub trait Store: Send + Sync + 'static {
    fn range(&self, range: Range) -> BoxFuture<'_, Result<RangeResult, StoreError>>;

    /// Applies a transaction. `Committed` is answered only when the change is durable.
    ///
    /// Cancelling the future does not undo the transaction: it may or may not have happened.
    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<TxnResult, StoreError>>;

    /// Yields every event under `prefix` whose revision is greater than `after`,
    /// in revision order, then live ones.
    fn watch(&self, prefix: Bytes, after: Revision) -> Result<Box<dyn Watch>, StoreError>;

    /// Forgets history at and before `revision` except the newest state of each key.
    /// Reads and watches from before it are answered with [`StoreError::Compacted`].
    fn compact(&self, revision: Revision) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The newest committed revision.
    fn revision(&self) -> Revision;
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// History before `oldest` is gone: list anew, then watch from there.
    #[error("revision {requested} has been compacted; the oldest available is {oldest}")]
    Compacted { requested: Revision, oldest: Revision },
    #[error("revision {requested} is in the future; the newest is {newest}")]
    Future { requested: Revision, newest: Revision },
    /// The watcher fell too far behind: list anew.
    #[error("the watch fell more than {limit} events behind")]
    Overrun { limit: usize },
    /// The disk is full. Nothing of this write happened; reads go on, and writes
    /// succeed again once there is room.
    #[error("no space left for {what}: free some disk space; writes resume by themselves")]
    Full { what: String },
    /// Stored bytes fail their checksum. Never served, never repaired silently.
    #[error("{file} is damaged: {detail}. Restore a backup, or move the file away to start empty")]
    Corrupt { file: String, detail: String },
    #[error("invalid request to the store: {0}")]
    Invalid(String),
    /// The engine cannot answer (an I/O error, a lost quorum, shutting down).
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// The smallest key that is greater than every key with this prefix; `None` if there is none.
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", String::from_utf8_lossy(&self.key), self.expect)
    }
}
