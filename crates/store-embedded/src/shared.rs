//! What the writer, the reader and the callers share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use ironclad_store::{Revision, StoreError};
use parking_lot::RwLock;

use crate::failure::corrupt;
use crate::hub::Hub;
use crate::index::{Index, Place, Version};
use crate::plan::Values;
use crate::segment::Segment;

pub struct Shared {
    /// The writer alone changes it, for moments; it is read under a shared lock.
    pub state: RwLock<State>,
    pub hub: Hub,
    /// The newest durable revision, readable without the lock.
    revision: AtomicU64,
}

/// The index and the files it points into. Whoever finds a place under the lock takes
/// the segment along, so that the file stays readable even if it is dropped meanwhile.
pub struct State {
    pub index: Index,
    pub segments: BTreeMap<u32, Arc<Segment>>,
}

impl Shared {
    pub fn new(index: Index, segments: BTreeMap<u32, Arc<Segment>>) -> Self {
        let revision = index.revision();
        let state = RwLock::new(State { index, segments });
        Self { state, hub: Hub::new(revision), revision: AtomicU64::new(revision) }
    }

    pub fn revision(&self) -> Revision {
        self.revision.load(Ordering::Acquire)
    }

    pub fn advance(&self, revision: Revision) {
        self.revision.store(revision, Ordering::Release);
    }
}

impl State {
    pub fn segment(&self, place: Place) -> Result<&Arc<Segment>, StoreError> {
        let missing = || corrupt(&PathBuf::from(format!("{:010}.log", place.segment)), "the file is missing");
        self.segments.get(&place.segment).ok_or_else(missing)
    }

    /// Whether the state at `revision`, and the events after it, can still be told.
    pub fn check_available(&self, revision: Revision) -> Result<(), StoreError> {
        let (oldest, newest) = (self.index.compacted(), self.index.revision());
        if revision > newest {
            return Err(StoreError::Future { requested: revision, newest });
        }
        if revision < oldest {
            return Err(StoreError::Compacted { requested: revision, oldest });
        }
        Ok(())
    }
}

impl Values for State {
    fn value(&self, key: &Bytes, version: &Version) -> Result<Bytes, StoreError> {
        match version.place() {
            Some(place) => self.segment(place)?.value(place, key, version.modified),
            None => Ok(Bytes::new()),
        }
    }
}
