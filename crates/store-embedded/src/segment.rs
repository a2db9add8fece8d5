//! One file of the log.
//!
//! It begins with a head that says where in the log it stands and what the log knew
//! when it was begun; blocks follow (see [`crate::block`]); what is not yet written is
//! zeros, allocated in advance so that an append never needs room.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use ironclad_store::StoreError;

use crate::block::Cursor;
use crate::failure::{corrupt, failed};
use crate::index::Place;
use crate::record::Record;

/// Bytes of the head; the first block follows.
pub const HEAD: usize = 64;
const MAGIC: &[u8; 8] = b"IRONLOG1";

/// The first bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub id: u32,
    /// The first block, and what it is chained to.
    pub first: Cursor,
    /// The newest revision before this segment.
    pub revision: u64,
    /// What was compacted, and the last segment that was dropped, when it was begun.
    pub compacted: u64,
    pub dropped: u32,
}

impl Head {
    pub fn encode(&self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..8].copy_from_slice(MAGIC);
        for (at, number) in [(12, self.id), (16, self.first.chain), (20, self.dropped)] {
            bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        for (at, number) in [(24, self.first.sequence), (32, self.revision), (40, self.compacted)] {
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[12..]);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEAD>()?;
        let short = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| u64::from(short(at + 4)) << 32 | u64::from(short(at));
        let whole = &bytes[..8] == MAGIC && crc32fast::hash(&bytes[12..]) == short(8);
        whole.then(|| Self {
            id: short(12),
            first: Cursor { sequence: long(24), chain: short(16) },
            revision: long(32),
            compacted: long(40),
            dropped: short(20),
        })
    }
}

/// An open segment. Readers and the one writer share it.
pub struct Segment {
    pub head: Head,
    pub path: PathBuf,
    pub file: File,
    /// Bytes that were allocated in advance.
    pub size: u64,
    /// Bytes that are durable and published: readers go no further.
    end: AtomicU64,
}

impl Segment {
    pub fn new(head: Head, path: PathBuf, file: File, size: u64, end: u64) -> Self {
        Self { head, path, file, size, end: AtomicU64::new(end) }
    }

    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub fn publish(&self, end: u64) {
        self.end.store(end, Ordering::Release);
    }

    /// The value of the record at `place`, which must be `key`'s at `revision`.
    pub fn value(&self, place: Place, key: &[u8], revision: u64) -> Result<Bytes, StoreError> {
        let mut bytes = vec![0; place.len as usize];
        self.read(&mut bytes, u64::from(place.offset))?;
        let range = match Record::decode(&bytes) {
            Some((record, len)) if record.key == key && record.revision == revision => {
                len - record.value.len()..len
            }
            _ => {
                let key = String::from_utf8_lossy(key);
                let detail = format!("the record of {key:?} fails its checksum (at byte {})", place.offset);
                return Err(corrupt(&self.path, detail));
            }
        };
        Ok(Bytes::from(bytes).slice(range))
    }

    pub fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), StoreError> {
        self.file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => corrupt(&self.path, "the file is cut short"),
            _ => failed("reading", &self.path, &error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives_its_bytes_and_no_flipped_bit() {
        let first = Cursor { sequence: 1 << 40, chain: 77 };
        let head = Head { id: 3, first, revision: 1 << 50, compacted: 12, dropped: 2 };
        let bytes = head.encode();
        assert_eq!(Head::decode(&bytes), Some(head));
        for bit in 0..HEAD * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::decode(&damaged), None, "bit {bit}");
        }
    }
}
