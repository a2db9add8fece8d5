//! What happened to one resource lately: a bounded log that all its watchers share.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use ironclad_api::Entry;

use crate::codec::{self, EventType};

/// At most this many changes of a resource are remembered.
const MAX_RECORDS: usize = 16_384;
/// At most this many bytes of watch lines are remembered per resource.
const MAX_BYTES: usize = 8 << 20;

/// One change, with its watch lines. Lines are made once and shared by every watcher.
pub struct Record {
    pub event: EventType,
    /// The new version, or a deleted object's last one stamped with the deletion's revision.
    pub entry: Arc<Entry>,
    /// The version before; `None` for creations.
    pub old: Option<Arc<Entry>>,
    pub frame: Bytes,
    /// For watchers whose selector the object enters: ADDED.
    entered: OnceLock<Bytes>,
    /// For watchers whose selector the object leaves: the old version, DELETED.
    left: OnceLock<(Arc<Entry>, Bytes)>,
}

impl Record {
    pub fn new(event: EventType, entry: Arc<Entry>, old: Option<Arc<Entry>>, frame: Bytes) -> Self {
        Self { event, entry, old, frame, entered: OnceLock::new(), left: OnceLock::new() }
    }

    /// A change as it is served in another version.
    pub fn served(event: EventType, entry: Arc<Entry>, old: Option<Arc<Entry>>) -> Self {
        let frame = codec::frame_served(event, &entry.json);
        Self::new(event, entry, old, frame)
    }

    pub fn revision(&self) -> u64 {
        self.entry.revision
    }

    /// The line that says that the object appeared.
    pub fn entered(&self) -> Bytes {
        let made = self.entered.get_or_init(|| codec::frame_served(EventType::Added, &self.entry.json));
        made.clone()
    }

    /// The version before with this revision, and the line that says that it disappeared.
    pub fn left(&self, old: &Arc<Entry>) -> (Arc<Entry>, Bytes) {
        self.left.get_or_init(|| removed(old, self.revision())).clone()
    }
}

/// The last version of an object as its deletion shows it, with its watch line.
pub fn removed(last: &Entry, revision: u64) -> (Arc<Entry>, Bytes) {
    let framed = codec::frame(EventType::Deleted, &last.json, revision);
    (Arc::new(Entry::new(last.meta(), revision, framed.json)), framed.frame)
}

/// The log. A place in it is a sequence number that never repeats.
#[derive(Default)]
pub struct Log {
    records: VecDeque<Arc<Record>>,
    /// The sequence number of the first record.
    first: u64,
    /// Changes at and before this revision are forgotten (or were never here).
    floor: u64,
    bytes: usize,
}

impl Log {
    pub fn starting_after(floor: u64) -> Self {
        Self { floor, ..Self::default() }
    }

    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// The sequence number that the next record will get.
    pub fn end(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    pub fn push(&mut self, record: Arc<Record>) {
        self.bytes += record.frame.len();
        self.records.push_back(record);
        while self.records.len() > MAX_RECORDS || (self.bytes > MAX_BYTES && self.records.len() > 1) {
            let Some(oldest) = self.records.pop_front() else { return };
            self.bytes -= oldest.frame.len();
            self.first += 1;
            self.floor = oldest.revision();
        }
    }

    /// The place of the first change after `revision`; `None` if changes after it are forgotten.
    pub fn place_after(&self, revision: u64) -> Option<u64> {
        let seen = self.records.partition_point(|record| record.revision() <= revision);
        (revision >= self.floor).then_some(self.first + seen as u64)
    }

    /// Up to `limit` records from a place on; `None` if the first of them is forgotten.
    pub fn from(&self, place: u64, limit: usize) -> Option<impl Iterator<Item = &Arc<Record>>> {
        let skip = usize::try_from(place.checked_sub(self.first)?).ok()?;
        Some(self.records.iter().skip(skip).take(limit))
    }

    /// Forgets everything: what happened up to `revision` was not all seen.
    pub fn reset(&mut self, revision: u64) {
        // One place is left out, so that a watcher which had seen everything notices too.
        *self = Self { first: self.end() + 1, floor: revision, ..Self::default() };
    }
}
