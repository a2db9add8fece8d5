//! Reading a segment back: which blocks it holds and how it ends. Pure.
//!
//! What is not whole is either *torn* (the last write before a power cut, which
//! nobody was told of: cut off) or *damaged* (acknowledged data that changed since:
//! refused). The last block of the log is torn if part of it was never written, that
//! is, if one of the sectors it covers is still as zero as the pre-filled file was,
//! and if no later block exists. etcd's log decides the same way.

use crate::block::{self, Block, Cursor, Found};
use crate::record::Record;

/// The unit that a disk writes whole or not at all.
const SECTOR: usize = 512;

/// How a segment ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Whole blocks up to here, then nothing. `residue`: remains of a torn write follow.
    Whole { offset: usize, residue: bool },
    /// Acknowledged data is not what was written.
    Damaged { offset: usize, detail: String },
}

/// Reads the blocks of `bytes` from `start` on and hands each record, with its offset, to
/// `visit`, block by whole block. Stops before the block numbered `stop` (`None` for the
/// last segment of the log, whose end is found by looking).
pub fn scan<'a>(
    bytes: &'a [u8],
    segment: u32,
    start: usize,
    cursor: &mut Cursor,
    stop: Option<u64>,
    visit: &mut dyn FnMut(usize, Record<'a>),
) -> End {
    let mut offset = start;
    while stop != Some(cursor.sequence) {
        let rest = bytes.get(offset..).unwrap_or_default();
        let (block, crc) = match Block::find(rest) {
            _ if rest.is_empty() && stop.is_none() => return End::Whole { offset, residue: false },
            Found::Block(block, crc) if fits(&block, segment, cursor) => (block, crc),
            Found::Zeros if stop.is_none() => return unwritten(bytes, offset, offset, cursor),
            Found::Zeros => return damaged(offset, "a block is missing"),
            Found::Block(..) => return damaged(offset, "a block is out of place"),
            Found::Damaged => return damaged(offset, "a block header fails its checksum"),
        };
        let end = offset + block.span();
        match records(rest, &block) {
            Some(records) => {
                records.into_iter().for_each(|(at, record)| visit(offset + at, record));
            }
            None if stop.is_none() && is_torn(bytes, offset + block::HEADER, &block) => {
                return unwritten(bytes, offset, end, cursor);
            }
            None => return damaged(offset, "a record fails its checksum"),
        }
        *cursor = Cursor { sequence: block.sequence + 1, chain: crc };
        offset = end;
    }
    End::Whole { offset, residue: false }
}

/// The records of a block with their offsets from its header; `None` unless all are whole.
pub fn records<'a>(bytes: &'a [u8], block: &Block) -> Option<Vec<(usize, Record<'a>)>> {
    let end = block::HEADER + block.body as usize;
    let bytes = bytes.get(..end)?;
    let mut found = Vec::new();
    let mut at = block::HEADER;
    while at < end {
        let (record, len) = Record::decode(bytes.get(at..)?)?;
        found.push((at, record));
        at += len;
    }
    (found.len() == block.records as usize).then_some(found)
}

fn fits(block: &Block, segment: u32, cursor: &Cursor) -> bool {
    block.segment == segment && block.sequence == cursor.sequence && block.chain == cursor.chain
}

fn damaged(offset: usize, detail: &str) -> End {
    End::Damaged { offset, detail: format!("{detail} (at byte {offset})") }
}

/// The log ends at `offset`, unless a later block shows that what stands here was complete once.
fn unwritten(bytes: &[u8], offset: usize, skip: usize, cursor: &Cursor) -> End {
    let written = |bytes: &[u8]| bytes.iter().any(|byte| *byte != 0);
    let rest = bytes.get(skip..).unwrap_or_default();
    let is_later = |header: &[u8]| match Block::find(header) {
        Found::Block(block, _) => block.sequence > cursor.sequence,
        _ => false,
    };
    if rest.chunks(block::ALIGN).any(|header| written(header) && is_later(header)) {
        return damaged(offset, "a block is missing");
    }
    End::Whole { offset, residue: bytes.get(offset..).is_some_and(written) }
}

/// Whether part of the body that starts at `start` was never written.
fn is_torn(bytes: &[u8], start: usize, block: &Block) -> bool {
    let end = start + block.body as usize;
    // The first sector holds the header, so it was written whole.
    let mut sector = start.next_multiple_of(SECTOR);
    while sector < end {
        let share = bytes.get(sector..end.min(sector + SECTOR)).unwrap_or_default();
        if share.iter().all(|byte| *byte == 0) {
            return true;
        }
        sector += SECTOR;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Cursor = Cursor { sequence: 1, chain: 0 };

    /// A file of 16 KiB with a block per value; returns it and where each block starts.
    fn file(values: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut starts, mut cursor) = (Vec::new(), Vec::new(), FIRST);
        for value in values {
            starts.push(bytes.len());
            let mut body = Vec::new();
            Record::put(cursor.sequence, 1, b"key", value).encode(&mut body);
            let Cursor { sequence, chain } = cursor;
            let (header, crc) =
                Block { sequence, chain, body: body.len() as u32, records: 1, segment: 1 }.encode();
            bytes.extend_from_slice(&header);
            bytes.extend_from_slice(&body);
            bytes.resize(block::padded(bytes.len()), 0);
            cursor = Cursor { sequence: sequence + 1, chain: crc };
        }
        starts.push(bytes.len());
        bytes.resize(16_384, 0);
        (bytes, starts)
    }

    /// How many records are read, and the end.
    fn read(bytes: &[u8]) -> (usize, End) {
        let mut count = 0;
        let end = scan(bytes, 1, 0, &mut FIRST.clone(), None, &mut |_, _| count += 1);
        (count, end)
    }

    const VALUES: [&[u8]; 4] = [b"one", &[2; 1500], &[3; 40], &[4; 3000]];

    #[test]
    fn whole_blocks_are_read_to_their_end() {
        let (bytes, starts) = file(&VALUES);
        assert_eq!(read(&bytes), (4, End::Whole { offset: starts[4], residue: false }));
        assert_eq!(read(&bytes[..starts[4]]), (4, End::Whole { offset: starts[4], residue: false }));
    }

    #[test]
    fn a_last_block_with_an_unwritten_sector_is_cut() {
        let (whole, starts) = file(&VALUES);
        let sectors = starts[3] / SECTOR..starts[4].div_ceil(SECTOR);
        for sector in sectors.clone() {
            let mut bytes = whole.clone();
            let from = (sector * SECTOR).max(starts[3]);
            bytes[from..(sector + 1) * SECTOR].fill(0);
            assert_eq!(read(&bytes), (3, End::Whole { offset: starts[3], residue: true }), "sector {sector}");
        }
        assert!(sectors.len() > 3);
    }

    #[test]
    fn an_earlier_block_with_an_unwritten_sector_is_damage() {
        let (whole, starts) = file(&VALUES);
        for sector in 0..starts[3] / SECTOR {
            let mut bytes = whole.clone();
            bytes[sector * SECTOR..(sector + 1) * SECTOR].fill(0);
            assert!(matches!(read(&bytes).1, End::Damaged { .. }), "sector {sector}");
        }
    }

    #[test]
    fn any_flipped_byte_of_a_block_is_damage_or_no_change() {
        let (whole, starts) = file(&VALUES);
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            let (count, end) = read(&bytes);
            let harmless = (count, &end) == (4, &End::Whole { offset: starts[4], residue: false })
                || (count, &end) == (4, &End::Whole { offset: starts[4], residue: true });
            assert!(harmless || matches!(end, End::Damaged { .. }), "byte {at}: {count} records, {end:?}");
        }
    }
}
