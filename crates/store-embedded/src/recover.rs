//! Opening: the log is read once, checked to the last byte, and becomes the index.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use ironclad_store::{Revision, StoreError};

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
    let mut following = ids.iter().skip(1);
    for id in ids {
        let path = directory.segment(*id);
        let file = private().open(&path).map_err(|error| failed("opening", &path, &error))?;
        let bytes = fs::read(&path).map_err(|error| failed("reading", &path, &error))?;
        let Some(head) = Head::decode(&bytes).filter(|head| head.id == *id) else {
            return Err(corrupt(&path, "its head fails its checksum"));
        };
        let stop = match following.next() {
            Some(next) => Some(first_sequence(&directory, *id, *next)?),
            None => None,
        };
        let mut at = history.begin(&head, cursor).map_err(|detail| corrupt(&path, detail))?;
        let mut visit = |offset: usize, record: Record<'_>| history.add(*id, offset, &record);
        let (end, residue) = match scan(&bytes, *id, HEAD, &mut at, stop, &mut visit) {
            End::Whole { offset, residue } => (offset, residue),
            End::Damaged { detail, .. } => return Err(corrupt(&path, detail)),
        };
        if residue {
            erase(&file, &path, end, bytes.len())?;
        }
        cursor = Some(at);
        segments.insert(*id, Arc::new(Segment::new(head, path, file, bytes.len() as u64, end as u64)));
    }
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
    /// Holds a segment's head against what came before it. Returns where its blocks begin.
    fn begin(&mut self, head: &Head, before: Option<Cursor>) -> Result<Cursor, String> {
        match before {
            None => self.revision = head.revision,
            Some(before) if before != head.first || self.revision != head.revision => {
                return Err("it does not continue the segment before it".to_owned());
            }
            Some(_) => {}
        }
        self.compacted = self.compacted.max(head.compacted);
        self.dropped = self.dropped.max(head.dropped);
        Ok(head.first)
    }

    fn add(&mut self, segment: u32, offset: usize, record: &Record<'_>) -> Result<(), String> {
        let len = crate::record::HEADER + record.key.len() + record.value.len();
        let place = Place { segment, offset: offset as u32, len: len as u32 };
        let present = Presence::Present { created: record.created, place };
        match record.kind {
            Kind::Put => self.change(record, present)?,
            Kind::Delete => self.change(record, Presence::Deleted)?,
            Kind::Moved => {
                self.index.load(record.key, Version { modified: record.revision, state: present });
                // The record that ended it may be in a segment that is dropped since.
                if record.until != 0 && !self.index.has_newer(record.key, record.revision) {
                    let ended = Version { modified: record.until, state: Presence::Deleted };
                    self.index.load(record.key, ended);
                }
            }
            Kind::Compacted => self.compacted = self.compacted.max(record.revision),
            Kind::Dropped => self.dropped = self.dropped.max(record.revision as u32),
        }
        Ok(())
    }

    fn change(&mut self, record: &Record<'_>, state: Presence) -> Result<(), String> {
        if record.revision != self.revision && record.revision != self.revision + 1 {
            return Err(format!("revision {} follows {}", record.revision, self.revision));
        }
        self.revision = record.revision;
        self.index.load(record.key, Version { modified: record.revision, state });
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
