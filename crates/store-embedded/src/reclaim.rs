//! Giving back the disk space of what a compaction forgot.
//!
//! Segments are dropped strictly oldest first, and only when all their revisions are
//! compacted. What still lives in the oldest one is copied to the end of the log, in
//! small steps between commits. Oldest first is what keeps a deleted key deleted: the
//! record that ended a value is never dropped before the value itself, and a copy made
//! after the end carries it along (see [`crate::record::Kind::Moved`]).

use std::sync::Arc;

use ironclad_store::StoreError;

use crate::block::{Block, Found};
use crate::failure::corrupt;
use crate::index::{Place, Presence, Version};
use crate::log::{Body, Purpose};
use crate::record::{Kind, Record};
use crate::scan;
use crate::segment::{HEAD, Segment};
use crate::shared::{Shared, State};
use crate::writer::Writer;

/// About the most bytes that one step copies: what a commit may have to wait for.
const STEP: usize = 256 << 10;

/// How much garbage is worth the copying.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// As much as there is of what lives, so that each byte is copied about once.
    Usual,
    /// The disk is full: two segments of it.
    Urgent,
}

/// What is being collected, if anything.
#[derive(Default)]
pub struct Reclaim {
    from: Option<(Arc<Segment>, u64)>,
    /// The oldest segment is damaged: it stays, as evidence and for what can still be read.
    stuck: bool,
}

impl Reclaim {
    pub fn is_pending(&self) -> bool {
        self.from.is_some()
    }

    /// Takes the oldest segment if it is time to.
    pub fn look(&mut self, shared: &Shared, need: Need) {
        if self.from.is_none() && !self.stuck {
            self.from = oldest(&shared.state.read(), need).map(|segment| (segment, HEAD as u64));
        }
    }
}

/// The oldest segment, if all of it is compacted and either nothing in it lives or the
/// log as a whole has enough garbage.
fn oldest(state: &State, need: Need) -> Option<Arc<Segment>> {
    let mut segments = state.segments.values();
    let (oldest, following) = (segments.next()?, segments.next()?);
    if following.head.revision > state.index.compacted() {
        return None;
    }
    let live = state.index.live();
    let used: u64 = state.segments.values().map(|segment| segment.end()).sum();
    let garbage = used.saturating_sub(live);
    let worthwhile = match need {
        Need::Usual => live.max(oldest.size),
        Need::Urgent => oldest.size * 2,
    };
    let due = state.index.live_in(oldest.head.id) == 0 || garbage > worthwhile;
    due.then(|| oldest.clone())
}

impl Writer {
    /// One step of the collection.
    pub fn reclaim(&mut self) {
        let Some((segment, offset)) = self.reclaim.from.take() else { return };
        let live = self.shared.state.read().index.live_in(segment.head.id);
        let result = if live == 0 { self.drop_segment(&segment) } else { self.move_some(&segment, offset) };
        if let Err(error) = result {
            // A full disk, say: it is tried again after the next commit or compaction.
            tracing::warn!(%error, file = %segment.path.display(), "cannot give back disk space");
            self.reclaim.stuck = matches!(error, StoreError::Corrupt { .. });
        }
    }

    fn drop_segment(&mut self, segment: &Arc<Segment>) -> Result<(), StoreError> {
        let id = segment.head.id;
        self.control(Record::control(Kind::Dropped, u64::from(id)))?;
        self.dropped = id;
        {
            let mut state = self.shared.state.write();
            state.segments.remove(&id);
            state.index.forget_segment(id);
        }
        self.log.remove(segment)?;
        self.reclaim.look(&self.shared, Need::Usual);
        Ok(())
    }

    /// Copies the next live records to the end of the log.
    fn move_some(&mut self, segment: &Arc<Segment>, mut offset: u64) -> Result<(), StoreError> {
        let mut body = Body::new();
        let mut moved: Vec<Move> = Vec::new();
        while body.len() < STEP && offset < segment.end() {
            let bytes = read_block(segment, offset)?;
            self.collect(segment, offset, &bytes, &mut body, &mut moved)?;
            offset += bytes.len() as u64;
        }
        if offset >= segment.end() && body.is_empty() {
            return Err(corrupt(&segment.path, "records are missing"));
        }
        if !body.is_empty() {
            let appended = self.log.append(&mut body, self.known(), Purpose::Collect)?;
            self.publish_moved(&appended, moved);
        }
        self.reclaim.from = Some((segment.clone(), offset));
        Ok(())
    }

    fn collect(
        &self,
        segment: &Segment,
        offset: u64,
        bytes: &[u8],
        body: &mut Body,
        moved: &mut Vec<Move>,
    ) -> Result<(), StoreError> {
        let damaged = || corrupt(&segment.path, format!("a block fails its checksum (at byte {offset})"));
        let Found::Block(block, _) = Block::find(bytes) else { return Err(damaged()) };
        let records = scan::records(bytes, &block).ok_or_else(damaged)?;
        let state = self.shared.state.read();
        for (at, record) in records {
            let len = record.size() as u32;
            let place = Place { segment: segment.head.id, offset: offset as u32 + at as u32, len };
            let Some((version, until)) = state.index.at_place(record.key, place) else { continue };
            let (at, len) = body.push(&Record { kind: Kind::Moved, until, ..record });
            moved.push(Move { key: record.key.to_vec(), version, at, len });
        }
        Ok(())
    }

    fn publish_moved(&self, appended: &crate::log::Appended, moved: Vec<Move>) {
        let segment = &appended.segment;
        let mut state = self.shared.state.write();
        state.segments.entry(segment.head.id).or_insert_with(|| segment.clone());
        segment.publish(appended.end);
        for Move { key, version, at, len } in moved {
            let Presence::Present { created, .. } = version.state else { continue };
            let place = Place { segment: segment.head.id, offset: appended.base + at, len };
            let state_there = Presence::Present { created, place };
            state.index.relocate(&key, Version { modified: version.modified, state: state_there });
        }
    }
}

struct Move {
    key: Vec<u8>,
    version: Version,
    at: u32,
    len: u32,
}

/// The whole block at `offset`.
fn read_block(segment: &Segment, offset: u64) -> Result<Vec<u8>, StoreError> {
    let mut header = [0; crate::block::HEADER];
    segment.read(&mut header, offset)?;
    let Found::Block(block, _) = Block::find(&header) else {
        return Err(corrupt(&segment.path, format!("a block header fails its checksum (at byte {offset})")));
    };
    let mut bytes = vec![0; block.span()];
    segment.read(&mut bytes, offset)?;
    Ok(bytes)
}
