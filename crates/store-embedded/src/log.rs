//! The log as the writer sees it: append a block, go on to the next segment.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use ironclad_store::StoreError;

use crate::block::{self, Block, Cursor};
use crate::directory::Directory;
use crate::failure::{failed, is_full};
use crate::record::Record;
use crate::segment::{HEAD, Head, Segment};
use crate::spare::Spares;

/// Bytes at the end of a segment for records about the log itself, so that a full disk
/// does not keep the store from giving back its own garbage.
const RESERVE: u64 = 4096;

/// Facts that the head of a new segment repeats.
#[derive(Clone, Copy)]
pub struct Known {
    pub revision: u64,
    pub compacted: u64,
    pub dropped: u32,
}

pub struct Log {
    directory: Directory,
    active: Arc<Segment>,
    /// Where the next block goes.
    offset: u64,
    cursor: Cursor,
    /// The active segment takes no more blocks: an append failed in it.
    abandoned: bool,
    /// A sync failed, so nothing may be acknowledged any more.
    broken: Option<StoreError>,
    spares: Spares,
}

/// What an append is for: how much of the reserves it may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A change that somebody asked for.
    Change,
    /// Copying what lives in a segment that is to be dropped: may use the last spare file.
    Collect,
    /// A record about the log itself: may also use the end of the segment.
    Control,
}

/// Records that become one block. Kept and cleared, so that a commit allocates nothing here.
pub struct Body {
    /// Room for the header, then the records.
    bytes: Vec<u8>,
    records: u32,
}

/// Memory that an emptied [`Body`] may keep.
const BODY_KEPT: usize = 2 << 20;

impl Body {
    pub fn new() -> Self {
        Self { bytes: vec![0; block::HEADER], records: 0 }
    }

    pub fn clear(&mut self) {
        self.bytes.truncate(block::HEADER);
        self.bytes.shrink_to(BODY_KEPT);
        self.records = 0;
    }

    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a record; returns its offset within the block and its length.
    pub fn push(&mut self, record: &Record<'_>) -> (u32, u32) {
        let at = self.bytes.len() as u32;
        self.records += 1;
        (at, record.encode(&mut self.bytes) as u32)
    }
}

/// A block that is durable but not yet published.
pub struct Appended {
    pub segment: Arc<Segment>,
    /// Where the block begins in the segment; offsets of records are relative to it.
    pub base: u32,
    /// What [`Segment::publish`] is to be told once the index knows the records.
    pub end: u64,
}

impl Log {
    /// Begins a log in an empty directory.
    pub fn create(directory: Directory, segment_bytes: u64) -> Result<Self, StoreError> {
        let cursor = Cursor { sequence: 1, chain: 0 };
        let head = Head { id: 1, first: cursor, revision: 0, compacted: 0, dropped: 0 };
        let mut spares = Spares::new(segment_bytes);
        let active = begin(&directory, &mut spares, head, segment_bytes, Purpose::Control)?;
        Ok(Self::resume(directory, segment_bytes, active, cursor, HEAD as u64))
    }

    /// Goes on writing where recovery found the end.
    pub fn resume(
        directory: Directory,
        segment_bytes: u64,
        active: Arc<Segment>,
        cursor: Cursor,
        offset: u64,
    ) -> Self {
        let mut spares = Spares::new(segment_bytes);
        spares.prepare(&directory, 1);
        Self { directory, active, offset, cursor, abandoned: false, broken: None, spares }
    }

    pub fn active(&self) -> &Arc<Segment> {
        &self.active
    }

    /// Writes a block and makes it durable. If it fails, nothing of the block will ever be read.
    pub fn append(
        &mut self,
        body: &mut Body,
        known: Known,
        purpose: Purpose,
    ) -> Result<Appended, StoreError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let reserve = if purpose == Purpose::Control { 0 } else { RESERVE };
        let span = block::padded(body.bytes.len()) as u64;
        if self.abandoned || self.offset + span + reserve > self.size() {
            self.roll(HEAD as u64 + span + RESERVE, known, purpose)?;
        }
        let header = Block {
            sequence: self.cursor.sequence,
            body: (body.bytes.len() - block::HEADER) as u32,
            records: body.records,
            chain: self.cursor.chain,
            segment: self.active.head.id,
        };
        let (header, chain) = header.encode();
        body.bytes[..block::HEADER].copy_from_slice(&header);
        self.write(&body.bytes)?;
        let base = self.offset as u32;
        self.cursor = Cursor { sequence: self.cursor.sequence + 1, chain };
        self.offset += span;
        let soon_full = self.offset > self.size() / 2;
        self.spares.prepare(&self.directory, if soon_full { 2 } else { 1 });
        Ok(Appended { segment: self.active.clone(), base, end: self.offset })
    }

    fn size(&self) -> u64 {
        self.active.size
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let file = &self.active.file;
        let written = file.write_all_at(bytes, self.offset).and_then(|()| file.sync_data());
        let Err(error) = written else { return Ok(()) };
        // Without its header the block is not there, even if it reached the disk.
        self.abandoned = true;
        let erased = file.write_all_at(&[0; block::HEADER], self.offset).and_then(|()| file.sync_data());
        if erased.is_ok() && is_full(&error) {
            return Err(failed("writing", &self.active.path, &error));
        }
        // After a failed sync the kernel may have dropped what it could not write: no
        // later success would prove anything about it.
        let broken = StoreError::Unavailable(format!(
            "writing {} failed ({error}): check the disk, then restart ironclad",
            self.active.path.display()
        ));
        self.broken = Some(broken.clone());
        Err(broken)
    }

    /// Goes on in a new segment that has room for `needed` bytes.
    fn roll(&mut self, needed: u64, known: Known, purpose: Purpose) -> Result<(), StoreError> {
        let head = Head {
            id: self.active.head.id + 1,
            first: self.cursor,
            revision: known.revision,
            compacted: known.compacted,
            dropped: known.dropped,
        };
        let size = needed.max(self.spares.segment_bytes());
        self.active = begin(&self.directory, &mut self.spares, head, size, purpose)?;
        self.offset = HEAD as u64;
        self.abandoned = false;
        Ok(())
    }

    /// Deletes the file of a segment that holds nothing any more.
    pub fn remove(&self, segment: &Segment) -> Result<(), StoreError> {
        fs::remove_file(&segment.path).map_err(|error| failed("removing", &segment.path, &error))
    }
}

/// Turns a spare file into a segment, durably.
fn begin(
    directory: &Directory,
    spares: &mut Spares,
    head: Head,
    size: u64,
    purpose: Purpose,
) -> Result<Arc<Segment>, StoreError> {
    let path = directory.segment(head.id);
    let prepared = spares.take(directory, size, usize::from(purpose == Purpose::Change))?;
    let name = || {
        prepared.file.write_all_at(&head.encode(), 0)?;
        prepared.file.sync_data()?;
        fs::rename(&prepared.path, &path)
    };
    if let Err(error) = name() {
        spares.put_back(prepared);
        return Err(failed("beginning", &path, &error));
    }
    directory.sync()?;
    Ok(Arc::new(Segment::new(head, path, prepared.file, prepared.size, HEAD as u64)))
}
