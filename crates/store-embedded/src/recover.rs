//! Opening: the log is read once, checked to the last byte, and becomes the index.
//!
//! Each segment's head says how its first block continues the one before, so segments are read and checked side by
//! side ([`crate::ahead`]) and only then, in order, held against each other.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ironclad_store::{Revision, StoreError};

use crate::ahead;
use crate::block::Cursor;
use crate::directory::{Directory, private};
use crate::failure::{corrupt, failed};
use crate::index::{Index, Place, Presence, Version};
use crate::log::Log;
use crate::record::{Kind, Record};
use crate::scan::{End, scan};
use crate::segment::{HEAD, Head, Segment};

/// An opened store.
pub struct Opened {
    pub log: Log,
    pub index: Index,
    /// By number; the last one is the one that is written.
    pub segments: BTreeMap<u32, Arc<Segment>>,
    pub dropped: u32,
}

pub fn open(path: &Path, segment_bytes: u64) -> Result<Opened, StoreError> {
    let directory = Directory::open(path)?;
    directory.remove_spares()?;
    let ids = directory.segments()?;
    match ids.last() {
        None => create(directory, segment_bytes),
        Some(last) => load(&ids, *last, directory, segment_bytes),
    }
}

fn create(directory: Directory, segment_bytes: u64) -> Result<Opened, StoreError> {
    let log = Log::create(directory, segment_bytes)?;
    let segments = BTreeMap::from([(log.active().head.id, log.active().clone())]);
    Ok(Opened { log, index: Index::default(), segments, dropped: 0 })
}

fn load(ids: &[u32], last: u32, directory: Directory, segment_bytes: u64) -> Result<Opened, StoreError> {
    let mut history = History::default();
    let mut segments = BTreeMap::new();
    let mut cursor = None;
    let check = |at: usize, buffer: &mut Vec<u8>| check(&directory, ids, at, buffer);
    ahead::in_order(ids.len(), Vec::new, check, |checked| {
        let checked = checked?;
        history.add_all(&checked, cursor).map_err(|detail| corrupt(&checked.path, detail))?;
        cursor = Some(checked.cursor);
        segments.insert(checked.id, Arc::new(checked.into_segment()?));
        Ok(())
    })?;
    history.check_first(ids, &directory)?;
    drop_leftovers(&mut segments, history.dropped)?;
    let active = segments.get(&last).cloned().ok_or_else(|| missing(&directory, last))?;
    let History { mut index, revision, compacted, dropped } = history;
    index.finish(revision, compacted);
    // A crash may have left the last block in the page cache only. Whoever reads it from
    // now on must find it again after a power cut.
    active.file.sync_data().map_err(|error| failed("syncing", &active.path, &error))?;
    let (end, cursor) = (active.end(), cursor.unwrap_or(active.head.first));
    let log = Log::resume(directory, segment_bytes, active, cursor, end);
    Ok(Opened { log, index, segments, dropped })
}

/// A segment that was held against itself; what came before it is another's business.
struct Checked {
    id: u32,
    path: PathBuf,
    file: fs::File,
    size: usize,
    head: Head,
    noted: Vec<Noted>,
    /// The keys of all records, one after the other.
    keys: Vec<u8>,
    end: End,
    /// Where the next segment goes on.
    cursor: Cursor,
}

impl Checked {
    /// The segment, without what a torn write left after its end.
    fn into_segment(self) -> Result<Segment, StoreError> {
        let Self { path, file, size, head, end, .. } = self;
        match end {
            End::Whole { offset, residue } => {
                if residue {
                    erase(&file, &path, offset, size)?;
                }
                Ok(Segment::new(head, path, file, size as u64, offset as u64))
            }
            End::Damaged { detail, .. } => Err(corrupt(&path, detail)),
        }
    }
}

/// A record without its value.
struct Noted {
    kind: Kind,
    revision: Revision,
    created: Revision,
    until: Revision,
    offset: u32,
    len: u32,
    /// Its part of the keys.
    key: Range<usize>,
}

/// Reads and checks the segment `ids[at]`.
fn check(directory: &Directory, ids: &[u32], at: usize, bytes: &mut Vec<u8>) -> Result<Checked, StoreError> {
    let id = ids[at];
    let path = directory.segment(id);
    let mut file = private().open(&path).map_err(|error| failed("opening", &path, &error))?;
    bytes.clear();
    file.read_to_end(bytes).map_err(|error| failed("reading", &path, &error))?;
    let Some(head) = Head::decode(bytes).filter(|head| head.id == id) else {
        return Err(corrupt(&path, "its head fails its checksum"));
    };
    let stop = match ids.get(at + 1) {
        Some(next) => Some(first_sequence(directory, id, *next)?),
        None => None,
    };
    let (mut noted, mut keys) = (Vec::new(), Vec::new());
    let mut visit = |offset: usize, record: Record<'_>| {
        let start = keys.len();
        keys.extend_from_slice(record.key);
        let Record { kind, revision, created, until, .. } = record;
        let (offset, len) = (offset as u32, record.size() as u32);
        noted.push(Noted { kind, revision, created, until, offset, len, key: start..keys.len() });
    };
    let mut cursor = head.first;
    let end = scan(bytes, id, HEAD, &mut cursor, stop, &mut visit);
    Ok(Checked { id, path, file, size: bytes.len(), head, noted, keys, end, cursor })
}

/// The number of the block that begins the segment after `id`.
fn first_sequence(directory: &Directory, id: u32, next: u32) -> Result<u64, StoreError> {
    if next != id + 1 {
        return Err(missing(directory, id + 1));
    }
    let path = directory.segment(next);
    let mut head = [0; HEAD];
    let file = private().open(&path).map_err(|error| failed("opening", &path, &error))?;
    let read = file.read_exact_at(&mut head, 0);
    match read.ok().and_then(|()| Head::decode(&head)) {
        Some(head) => Ok(head.first.sequence),
        None => Err(corrupt(&path, "its head fails its checksum")),
    }
}

fn missing(directory: &Directory, id: u32) -> StoreError {
    corrupt(&directory.segment(id), "the file is missing")
}

/// What the log says, record by record.
#[derive(Default)]
struct History {
    index: Index,
    revision: Revision,
    compacted: Revision,
    dropped: u32,
}

impl History {
    /// Adds a segment to what came before it, which ended at `before`.
    fn add_all(&mut self, checked: &Checked, before: Option<Cursor>) -> Result<(), String> {
        self.begin(&checked.head, before)?;
        checked.noted.iter().try_for_each(|record| self.add(checked.id, record, &checked.keys))
    }

    /// Holds a segment's head against what came before it.
    fn begin(&mut self, head: &Head, before: Option<Cursor>) -> Result<(), String> {
        match before {
            None => self.revision = head.revision,
            Some(before) if before != head.first || self.revision != head.revision => {
                return Err("it does not continue the segment before it".to_owned());
            }
            Some(_) => {}
        }
        self.compacted = self.compacted.max(head.compacted);
        self.dropped = self.dropped.max(head.dropped);
        Ok(())
    }

    fn add(&mut self, segment: u32, record: &Noted, keys: &[u8]) -> Result<(), String> {
        let key = keys.get(record.key.clone()).unwrap_or_default();
        let place = Place { segment, offset: record.offset, len: record.len };
        let present = Presence::Present { created: record.created, place };
        match record.kind {
            Kind::Put => self.change(record, key, present)?,
            Kind::Delete => self.change(record, key, Presence::Deleted)?,
            Kind::Moved => {
                self.index.load(key, Version { modified: record.revision, state: present });
                // The record that ended it may be in a segment that is dropped since.
                if record.until != 0 && !self.index.has_newer(key, record.revision) {
                    let ended = Version { modified: record.until, state: Presence::Deleted };
                    self.index.load(key, ended);
                }
            }
            Kind::Compacted => self.compacted = self.compacted.max(record.revision),
            Kind::Dropped => self.dropped = self.dropped.max(record.revision as u32),
        }
        Ok(())
    }

    fn change(&mut self, record: &Noted, key: &[u8], state: Presence) -> Result<(), String> {
        if record.revision != self.revision && record.revision != self.revision + 1 {
            let detail = format!("revision {} follows {}", record.revision, self.revision);
            return Err(format!("{detail} (at byte {})", record.offset));
        }
        self.revision = record.revision;
        self.index.load(key, Version { modified: record.revision, state });
        Ok(())
    }

    /// The first segment that is there must be the first that was not dropped.
    fn check_first(&self, ids: &[u32], directory: &Directory) -> Result<(), StoreError> {
        match ids.first() {
            Some(first) if *first > self.dropped + 1 => Err(missing(directory, self.dropped + 1)),
            _ => Ok(()),
        }
    }
}

/// Removes segments whose drop was recorded but not carried out before a crash.
fn drop_leftovers(segments: &mut BTreeMap<u32, Arc<Segment>>, dropped: u32) -> Result<(), StoreError> {
    let kept = segments.split_off(&(dropped + 1));
    for segment in std::mem::replace(segments, kept).into_values() {
        remove(&segment.path)?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed("removing", path, &error)),
        _ => Ok(()),
    }
}

/// Clears the remains of a torn write: a later torn write is told from damage by its zeros.
fn erase(file: &fs::File, path: &Path, from: usize, to: usize) -> Result<(), StoreError> {
    let zeros = vec![0; to.saturating_sub(from)];
    let erased = file.write_all_at(&zeros, from as u64).and_then(|()| file.sync_data());
    erased.map_err(|error| failed("repairing", path, &error))
}
