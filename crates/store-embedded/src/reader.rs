//! Reads that touch the disk, on a thread of their own: a task that waits for a page
//! would hold up every other task of its worker.

use std::sync::Arc;

use bytes::Bytes;
use ironclad_store::model::{bounds, check_range};
use ironclad_store::{Change, Event, KeyValue, Range, RangeResult, Revision, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::block::{self, Block, Found};
use crate::failure::corrupt;
use crate::index::{Presence, Version};
use crate::plan::Commit;
use crate::record::{Kind, Record};
use crate::scan;
use crate::segment::{HEAD, Segment};
use crate::shared::{Shared, State};

/// Bytes of log that are read at a time while a watch replays.
const CHUNK: u64 = 256 << 10;

pub enum Query {
    Range(Range, oneshot::Sender<Result<RangeResult, StoreError>>),
    Replay(Replay, oneshot::Sender<Result<Replayed, StoreError>>),
}

/// The next part of the log for one watch.
pub struct Replay {
    pub prefix: Bytes,
    pub after: Revision,
    /// Where the last part ended.
    pub from: Option<Spot>,
}

/// A block boundary.
#[derive(Clone, Copy)]
pub struct Spot {
    segment: u32,
    offset: u64,
}

pub struct Replayed {
    pub commits: Vec<Commit>,
    /// Everything up to this revision has been read.
    pub through: Revision,
    pub next: Spot,
}

/// Answers queries until nobody can ask any more.
pub fn run(shared: &Shared, mut queries: mpsc::Receiver<Query>) {
    while let Some(query) = queries.blocking_recv() {
        // An answer that nobody waits for any more is dropped.
        match query {
            Query::Range(range, reply) => drop(reply.send(read_range(shared, &range))),
            Query::Replay(replay, reply) => drop(reply.send(read_log(shared, &replay))),
        }
    }
}

fn read_range(shared: &Shared, range: &Range) -> Result<RangeResult, StoreError> {
    check_range(range)?;
    let mut items = Vec::new();
    let (found, revision, remaining) = find(&shared.state.read(), range)?;
    items.reserve_exact(found.len());
    for (mut entry, place, segment) in found {
        entry.value = segment.value(place, &entry.key, entry.modified)?;
        items.push(entry);
    }
    Ok(RangeResult { revision, items, remaining })
}

type Unread = (KeyValue, crate::index::Place, Arc<Segment>);

/// What a range covers, with the values still to be read.
fn find(state: &State, range: &Range) -> Result<(Vec<Unread>, Revision, usize), StoreError> {
    let revision = range.revision.unwrap_or(state.index.revision());
    state.check_available(revision)?;
    let limit = if range.limit == 0 { usize::MAX } else { range.limit };
    let mut keys = state.index.range(bounds(range), revision);
    let mut found = Vec::new();
    for (key, created, modified, place) in keys.by_ref().take(limit) {
        let entry = KeyValue { key: key.clone(), value: Bytes::new(), created, modified };
        found.push((entry, place, state.segment(place)?.clone()));
    }
    let remaining = keys.count();
    Ok((found, revision, remaining))
}

fn read_log(shared: &Shared, replay: &Replay) -> Result<Replayed, StoreError> {
    let (segment, offset, following) = locate(&shared.state.read(), replay)?;
    if offset >= segment.end() {
        let (next, through) = match following {
            Some(next) => (Spot { segment: next.head.id, offset: HEAD as u64 }, next.head.revision),
            None => (Spot { segment: segment.head.id, offset }, replay.after),
        };
        return Ok(Replayed { commits: Vec::new(), through: through.max(replay.after), next });
    }
    let bytes = read_blocks(&segment, offset)?;
    let mut commits = Vec::new();
    let mut through = replay.after;
    let mut at = 0;
    while let Some(Found::Block(block, _)) = bytes.get(at..).map(Block::find) {
        let records = bytes.get(at..).and_then(|bytes| scan::records(bytes, &block));
        let Some(records) = records else { break };
        for (_, record) in records {
            add(&mut commits, &mut through, &record, replay);
        }
        at += block.span();
    }
    if at == 0 {
        return Err(corrupt(&segment.path, format!("a block fails its checksum (at byte {offset})")));
    }
    complete(shared, &segment, &mut commits)?;
    let next = Spot { segment: segment.head.id, offset: offset + at as u64 };
    Ok(Replayed { commits, through, next })
}

/// The segment and offset to read from, and the segment after that one.
type Located = (Arc<Segment>, u64, Option<Arc<Segment>>);

fn locate(state: &State, replay: &Replay) -> Result<Located, StoreError> {
    state.check_available(replay.after)?;
    // The last segment that began at or before the wanted revision.
    let wanted = |segment: &&Arc<Segment>| match replay.from {
        Some(spot) => segment.head.id == spot.segment,
        None => segment.head.revision <= replay.after,
    };
    let found = state.segments.values().rfind(wanted);
    let Some(segment) = found.or_else(|| state.segments.values().next()) else {
        return Err(StoreError::Unavailable("the log has no segments".to_owned()));
    };
    let offset =
        replay.from.filter(|spot| spot.segment == segment.head.id).map_or(HEAD as u64, |at| at.offset);
    let following = state.segments.get(&(segment.head.id + 1)).cloned();
    Ok((segment.clone(), offset, following))
}

/// Whole blocks from `offset` on: at least one, and not much more than a chunk.
fn read_blocks(segment: &Segment, offset: u64) -> Result<Vec<u8>, StoreError> {
    let available = segment.end() - offset;
    let mut bytes = vec![0; available.min(CHUNK) as usize];
    segment.read(&mut bytes, offset)?;
    if let Found::Block(block, _) = Block::find(&bytes)
        && block.span() > bytes.len()
        && block.span() as u64 <= available
    {
        bytes.resize(block::padded(block.span()), 0);
        segment.read(&mut bytes, offset)?;
    }
    Ok(bytes)
}

/// Notes what a record changed, if the watch has not seen it. Values before are filled in later.
fn add(commits: &mut Vec<Commit>, through: &mut Revision, record: &Record<'_>, replay: &Replay) {
    let is_change = matches!(record.kind, Kind::Put | Kind::Delete);
    if !is_change || record.revision <= replay.after {
        return;
    }
    *through = record.revision;
    if !record.key.starts_with(&replay.prefix) {
        return;
    }
    let key = Bytes::copy_from_slice(record.key);
    let value = Bytes::copy_from_slice(record.value);
    let size = key.len() + value.len();
    let change = match record.kind {
        Kind::Put => Change::Put { value, created: record.created, previous: None },
        _ => Change::Delete { previous: KeyValue { key: key.clone(), value, created: 0, modified: 0 } },
    };
    let event = Event { revision: record.revision, key, change };
    match commits.last_mut() {
        Some(commit) if commit.revision == record.revision => {
            commit.events.push(event);
            commit.size += size;
        }
        _ => commits.push(Commit { revision: record.revision, events: vec![event], size }),
    }
}

/// Fills in the value before each event.
fn complete(shared: &Shared, segment: &Segment, commits: &mut [Commit]) -> Result<(), StoreError> {
    for event in commits.iter_mut().flat_map(|commit| &mut commit.events) {
        let before = before(shared, event)?;
        match &mut event.change {
            Change::Put { previous, .. } => *previous = before,
            Change::Delete { previous } => match before {
                Some(before) => *previous = before,
                None => return Err(corrupt(&segment.path, "a key was deleted that never was")),
            },
        }
    }
    Ok(())
}

fn before(shared: &Shared, event: &Event) -> Result<Option<KeyValue>, StoreError> {
    let found = {
        let state = shared.state.read();
        // A compaction since the chunk was read may have taken the value: the watch is too old now.
        state.check_available(event.revision - 1)?;
        match state.index.before(&event.key, event.revision) {
            Some(Version { modified, state: Presence::Present { created, place } }) => {
                Some((*modified, *created, *place, state.segment(*place)?.clone()))
            }
            _ => None,
        }
    };
    let Some((modified, created, place, segment)) = found else { return Ok(None) };
    let value = segment.value(place, &event.key, modified)?;
    Ok(Some(KeyValue { key: event.key.clone(), value, created, modified }))
}
